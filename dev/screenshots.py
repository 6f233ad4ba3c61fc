"""``script/screenshots``: make the pictures of ``docs/screenshots`` from the demo.

With ``--pages`` those of the customer's page in all its states, by the tests that
check these.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from . import console, database, postgres
from .browser import DESKTOP, PHONE, Browser
from .demo.__main__ import Demo
from .demo.customers import CONFIRMATION_LINK, find_link
from .environment import CACHE, ROOT, EnvironmentProblem
from .mailcatcher import MailCatcher
from .odoo_process import free_port

FOLDER = ROOT / "docs" / "screenshots"
TABLET = (1280, 1000)
# The tests that walk through the states of the customer's page, and where to.
STATES = "test_confirmation_states"
STATES_FOLDER = CACHE / "page-states"


class Shot(NamedTuple):
    """One picture: who looks at which page, and how large."""

    name: str
    login: str
    path: str
    selector: str
    size: tuple[int, int] = DESKTOP
    whole_page: bool = False
    click: str = ""


SHOTS = (
    Shot("orders", "sales", "/odoo/cycle-orders", ".o_data_row"),
    Shot(
        "order",
        "sales",
        "/odoo/cycle-orders/{running}",
        ".o_form_view .o_statusbar_status",
        TABLET,
        click="a[name=payment_schedule]",
    ),
    Shot("to_approve", "approver", "/odoo/cycle-to-approve", ".o_list_view"),
    Shot("schedule", "billing", "/odoo/cycle-schedule", ".o_data_row"),
    Shot("to_publish", "billing", "/odoo/cycle-to-publish", ".o_data_row"),
    Shot("overdue", "collections", "/odoo/cycle-overdue", ".o_data_row"),
    Shot(
        "dashboard",
        "manager",
        "/odoo/cycle-dashboard",
        ".o_cycle_dashboard canvas",
        (1280, 1500),
    ),
    Shot(
        "dashboard_phone",
        "manager",
        "/odoo/cycle-dashboard",
        ".o_cycle_dashboard canvas",
        PHONE,
    ),
    Shot("customer_page", "", "{link}", "form", DESKTOP, whole_page=True),
    Shot("customer_page_phone", "", "{link}", "form", PHONE, whole_page=True),
)


def take(demo: Demo, url: str, shots: list[Shot], folder: Path) -> None:
    """Open each page as its user and write its picture."""
    places = {"running": find_running_order(demo), "link": find_open_link(demo)}
    with Browser() as browser:
        login = ""
        for shot in shots:
            if shot.login != login:
                if shot.login:
                    browser.login(url, demo.name, shot.login, shot.login)
                else:
                    # A colleague would see the page as a preview, without its forms.
                    browser.log_out()
                login = shot.login
            browser.resize(shot.size)
            browser.open(url + shot.path.format(**places), shot.selector)
            if shot.click:
                browser.click(shot.click)
            browser.screenshot(folder / f"{shot.name}.png", shot.whole_page)
            console.say(f"{shot.name}.png", "screenshot")


def find_running_order(demo: Demo) -> int:
    """Return the id of a running order in instalments, the one with most payments."""
    return _query(
        demo,
        """
        SELECT o.id FROM sale_order o JOIN cycle_schedule_line l ON l.order_id = o.id
         WHERE o.cycle_stage = 'confirmed' AND o.payment_mode = 'instalments'
         GROUP BY o.id ORDER BY count(l.invoice_id) DESC, count(*), o.id LIMIT 1
        """,
    )


def find_open_link(demo: Demo) -> str:
    """Return the path of the link that a customer has not answered yet."""
    email = _query(
        demo,
        """
        SELECT c.email FROM cycle_confirmation c JOIN sale_order o ON o.id = c.order_id
         WHERE o.cycle_stage = 'awaiting_customer' AND c.state = 'sent' LIMIT 1
        """,
    )
    order = _query(
        demo, "SELECT name FROM sale_order WHERE cycle_stage = 'awaiting_customer'"
    )
    mails = MailCatcher(demo.mails).messages(email)
    links = [
        find_link(mail, CONFIRMATION_LINK) for mail in mails if order in mail["Subject"]
    ]
    link = next(filter(None, reversed(links)), None)
    if not link:
        raise EnvironmentProblem("No mail of the demo holds a link that is still open.")
    # The mail names the port of the run that sent it.
    return urlsplit(link).path


def _query(demo: Demo, statement: str) -> object:
    with database.connection(demo.name) as opened, opened.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    if not row:
        raise EnvironmentProblem("The demo has no such order: script/demo --fresh")
    return row[0]


def take_states(folder: Path) -> int:
    """Write the customer's page in each state, for a phone and a desk.

    Return 1 if a page was not sound, else 0.
    """
    environment = {**os.environ, "CYCLE_PAGE_PICTURES": str(folder.resolve())}
    command = [sys.executable, "-m", "dev.test", STATES]
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    for path in sorted(folder.glob("page_*.png")):
        console.say(str(path), "screenshot")
    return code


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(prog="script/screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these, such as order")
    parser.add_argument("--folder", type=Path, help="where to write")
    parser.add_argument(
        "--pages",
        action="store_true",
        help="the customer's page: new, changed, comment sent, confirmed, expired, "
        "superseded, not valid; at phone and desktop width",
    )
    arguments = parser.parse_args()
    if arguments.pages:
        sys.exit(take_states(arguments.folder or STATES_FOLDER))
    folder = arguments.folder or FOLDER
    unknown = set(arguments.names) - {shot.name for shot in SHOTS}
    if unknown:
        parser.error(f"there is no screenshot {', '.join(sorted(unknown))}")
    shots = [s for s in SHOTS if not arguments.names or s.name in arguments.names]
    try:
        with postgres.running():
            demo = Demo("demo", free_port())
            with demo.alone():
                if not demo.is_finished():
                    demo.make(check=False)
                demo.move_to_port()
                with (
                    MailCatcher(demo.mails) as catcher,
                    demo.serve(catcher, "--max-cron-threads=0") as server,
                ):
                    take(demo, server.url, shots, folder)
    except EnvironmentProblem as problem:
        console.fail(f"script/screenshots: {problem}")
        sys.exit(1)


if __name__ == "__main__":
    main()
