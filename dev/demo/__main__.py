"""The command ``script/demo``: make the demo's database, show it, serve it, check it.

A finished database is served again at once; what changes it is a change of the addon,
of the demo or of its files, or ``--fresh``.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import console, database, environment, postgres
from ..environment import CACHE, EnvironmentProblem
from ..mailcatcher import MailCatcher
from ..odoo_process import OdooServer, free_port
from . import checks, figures, run
from .customers import CustomerStuck
from .loader import ImportRefused
from .office import Office, log_file

DEFAULT_PORT = 8069


class Demo:
    """The database of the demo, and the folder of what comes out of it."""

    def __init__(self, kind: str, port: int):
        """:param kind: ``demo`` or ``demo_check``, which do not touch each other"""
        self.name = f"{database.PREFIX}{kind}"
        self.folder = CACHE / kind.replace("_", "-")
        self.mails = self.folder / "mails"
        self.pdfs = self.folder / "pdfs"
        self.table = self.folder / "figures.txt"
        self.server_log = environment.LOGS / f"{self.name}-server.log"
        self.port = port

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Refuse a second command on the same database."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise EnvironmentProblem(
                    "The demo is running already, in another terminal."
                ) from None
            yield

    def is_finished(self) -> bool:
        """Tell whether there is a database that today's code has made."""
        marker = self.folder / "finished"
        made_by = marker.read_text() if marker.is_file() else ""
        return made_by == fingerprint() and database.exists(self.name)

    def make(self, check: bool) -> list[str]:
        """Make the database by playing the eight weeks.

        :param check: also look at everything that :mod:`.checks` knows
        :return: what is wrong, empty without ``check``
        """
        self.clear()
        database.create_template(self.name)
        with (
            MailCatcher(self.mails) as catcher,
            self.serve(catcher, "--max-cron-threads=0") as server,
        ):
            office = Office(self.name, {"smtp_port": catcher.port})
            try:
                return self._play(run.Run(office, catcher, server.url), check)
            finally:
                office.close()

    def _play(self, played: run.Run, check: bool) -> list[str]:
        """Play, and show what it came to."""
        played.play()
        count = run.export_pdfs(played.office, self.pdfs)
        console.say(f"{count} PDFs and their mails in {self.folder}", "files")
        with played.office.at_work() as env:
            counted = figures.collect(env, played.catcher.messages(), played.today)
        self.table.write_text(figures.format_table(counted))
        print(self.table.read_text())
        if not check:
            (self.folder / "finished").write_text(fingerprint())
            return []
        found = checks.run_all(played, [log_file(self.name), self.server_log])
        return report(figures.compare(counted), found)

    def clear(self) -> None:
        """Remove what an earlier run left."""
        database.drop(self.name)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.server_log.unlink(missing_ok=True)

    def serve(self, catcher: MailCatcher, *arguments: str) -> OdooServer:
        """Return a server of the database, to be used as a context manager."""
        options = {"smtp_port": catcher.port, "proxy_mode": False}
        return OdooServer(
            self.name, self.port, *arguments, log=self.server_log, options=options
        )

    def serve_until_interrupted(self) -> None:
        """Serve the finished database, with its scheduled actions running."""
        with MailCatcher(self.mails) as catcher, self.serve(catcher) as server:
            print(f"  mails: {self.mails}\n  PDFs:  {self.pdfs}\n")
            print(figures.format_people(server.url))
            print("  Ctrl-C stops the server; the database stays.", flush=True)
            while server.is_running():
                time.sleep(0.5)
            raise EnvironmentProblem(f"Odoo ended by itself, see {self.server_log}.")

    def move_to_port(self) -> None:
        """Let the links of a finished database lead to the port of this run."""
        url = f"http://127.0.0.1:{self.port}"
        with database.connection(self.name) as opened, opened.cursor() as cursor:
            cursor.execute(
                "UPDATE ir_config_parameter SET value = %s WHERE key = 'web.base.url'",
                [url],
            )


def fingerprint() -> str:
    """Return a hash of what a finished database depends on."""
    digest = hashlib.sha256(database.addon_fingerprint().encode())
    for file in sorted([*Path(__file__).parent.glob("*.py"), *run.FILES.glob("*.csv")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def report(differences: list[str], found: dict[str, list[str]]) -> list[str]:
    """Print every check with what is wrong, and the count as the last line."""
    wrong = list(differences)
    for line in differences:
        print(f"  WRONG  {line}")
    for name, problems in found.items():
        print(f"  {'WRONG' if problems else 'ok':<5}  {name}")
        for problem in problems:
            print(f"         {problem}")
        wrong += [name] * bool(problems)
    total = len(figures.EXPECTED) + len(found)
    print(f"demo: {total - len(wrong)} passed, {len(wrong)} failed", flush=True)
    return wrong


def main() -> None:
    """Read the command line and run the demo."""
    parser = argparse.ArgumentParser(
        prog="script/demo",
        description="Play forty orders from a spreadsheet to paid, reminded and "
        "disputed invoices in a real Odoo, then serve it.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="play on a database of its own, check what it comes to, do not serve",
    )
    parser.add_argument("--port", type=port, help=f"{DEFAULT_PORT} unless given")
    parser.add_argument(
        "--fresh", action="store_true", help="make the database anew before serving"
    )
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with postgres.running():
            command = check if arguments.check else show
            command(arguments)
    except (EnvironmentProblem, ImportRefused, CustomerStuck) as problem:
        console.fail(f"script/demo: {problem}")
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nstopped", flush=True)
        sys.exit(0 if not arguments.check else 130)


def port(text: str) -> int:
    """Return the port that was typed; anything else is refused."""
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port: give one from 1 to 65535")


def show(arguments: argparse.Namespace) -> None:
    """Make the database unless it is there, and serve it."""
    demo = Demo("demo", arguments.port or DEFAULT_PORT)
    with demo.alone():
        if arguments.fresh or not demo.is_finished():
            demo.make(check=False)
        else:
            console.say("the eight weeks have been played already: --fresh plays anew")
            print(f"\n{demo.table.read_text()}")
        demo.move_to_port()
        demo.serve_until_interrupted()


def check(arguments: argparse.Namespace) -> None:
    """Play on a database of its own and exit with 1 if anything is wrong."""
    demo = Demo("demo_check", arguments.port or free_port())
    with demo.alone():
        wrong = demo.make(check=True)
        if not wrong:
            database.drop(demo.name)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
