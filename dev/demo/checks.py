"""What ``--check`` looks at besides the figures of the table.

Each check is a generator of sentences about what is wrong; its docstring says what is
right.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from pathlib import Path

from .. import mailcatcher, odoo_log
from . import company, customers, loader, roles, story
from .run import FILES, Run

# Column, text and what the refusal has to say, in one row of the first ten orders.
ROWS = 19
BAD_ROW = 14
BAD_CELLS = {
    "partner_id/id": ("customer_99", "customer_99"),
    "order_line/product_uom_qty": ("-3", "below zero"),
    "payment_mode": ("Barter", "Barter"),
    "service_date_start": ("2026-02-30", "2026-02-30"),
}


def run_all(run: Run, logs: list[Path]) -> dict[str, list[str]]:
    """Return what is wrong, under the name of each check.

    :param run: a run that has been played
    :param logs: the logs of the processes of Odoo
    """
    checks: list[Callable[..., Iterator[str]]] = [
        check_bad_cells,
        check_schedule_sums,
        check_last_days_of_month,
        check_evidence,
        check_pdfs,
        check_recipients,
        check_dashboard,
        check_menus,
    ]
    # First, for a refused import makes Odoo log the database's own refusal.
    found = {_name(check_logs): list(check_logs(logs))}
    return found | {_name(check): list(check(run)) for check in checks}


def _name(check: Callable) -> str:
    return check.__doc__.splitlines()[0].rstrip(".")


def check_bad_cells(run: Run) -> Iterator[str]:
    """A file with a wrong cell is refused with row, column and reason, as a whole."""
    sheet = loader.read(FILES / "orders.csv")
    sheet = sheet._replace(rows=_with_new_ids(sheet))
    for column, (text, reason) in BAD_CELLS.items():
        said = _import(run, sheet.change(BAD_ROW, column, text))
        expected = f"row {BAD_ROW}, column {column}: "
        if not any(line.startswith(expected) and reason in line for line in said):
            yield f"“{text}” in {column} of row {BAD_ROW} was answered with {said}"


def _with_new_ids(sheet: loader.Sheet) -> list[list[str]]:
    """Return some rows as those of other orders: known ids would be updated."""
    return [[row[0] and f"bad_{row[0]}", *row[1:]] for row in sheet.rows[:ROWS]]


def _import(run: Run, sheet: loader.Sheet) -> list[str]:
    """Import a sheet as sales does; return what was said about it, and undo it."""
    with run.office.at_work("sales") as env:
        before = env["sale.order"].search_count([])
        try:
            loader.load(env["sale.order"], sheet)
        except loader.ImportRefused as refusal:
            left = env["sale.order"].search_count([]) - before
            said = refusal.problems + [f"{left} orders were imported"] * bool(left)
        else:
            said = ["it was imported"]
        env.cr.rollback()
    return said


def check_schedule_sums(run: Run) -> Iterator[str]:
    """The payments of an order add up to it: untaxed, taxes and total, to the cent."""
    with run.office.at_work() as env:
        orders = env["sale.order"].search([("payment_mode", "!=", "recurring")])
        for order in orders:
            lines = order.schedule_line_ids
            for field in ("amount_untaxed", "amount_tax", "amount_total"):
                sums = (sum(lines.mapped(field)), order[field])
                if order.currency_id.compare_amounts(*sums):
                    yield f"{order.name}: {field} {sums[0]:.2f} of {sums[1]:.2f}"


def check_last_days_of_month(run: Run) -> Iterator[str]:
    """What starts on the 31st is due on the last day of every month."""
    with run.office.at_work() as env:
        for name in story.ON_THE_31ST:
            order = run.record(env, name)
            if order.service_date_start.day != 31:
                yield f"{name} starts on {order.service_date_start}"
            for line in order.schedule_line_ids:
                due = line.date_due
                if due.day != calendar.monthrange(due.year, due.month)[1]:
                    yield f"{line.display_name} is due on {due}"


def check_evidence(run: Run) -> Iterator[str]:
    """The evidence of every confirmation fits together."""
    with run.office.at_work() as env:
        for confirmation in env["cycle.confirmation"].search([]):
            if confirmation.action_verify() is not True:
                yield f"the evidence of {confirmation.order_id.name} is broken"
            name = confirmation.decided_name
            if confirmation.state == "confirmed" and name not in story.SIGNERS.values():
                yield f"{confirmation.order_id.name} was confirmed by {name}"


def check_pdfs(run: Run) -> Iterator[str]:
    """Every published invoice has an archived PDF, which its e-mail carries."""
    with run.office.at_work() as env:
        posted = [("schedule_line_id", "!=", False), ("state", "=", "posted")]
        invoices = env["account.move"].search(posted)
        for invoice in invoices.filtered(lambda move: not move.invoice_pdf_report_id):
            yield f"{invoice.name} has no PDF"
        files = {invoice.invoice_pdf_report_id.raw for invoice in invoices}
    attached = {
        part.get_content()
        for mail in run.catcher.messages()
        for part in mail.iter_attachments()
        if part.get_content_type() == "application/pdf"
    }
    if missing := len(files - attached):
        yield f"{missing} PDFs of invoices were in no e-mail"


def check_recipients(run: Run) -> Iterator[str]:
    """Every e-mail went to one customer, whom it is addressed to."""
    with run.office.at_work() as env:
        known = set(env["cycle.message"].search([]).partner_id.mapped("email"))
    for mail in run.catcher.messages():
        got = mailcatcher.recipients(mail)
        named = [address.addr_spec for address in mail["To"].addresses]
        if len(got) != 1 or got != named or got[0] not in known:
            yield f"“{mail['Subject']}” went to {got} and names {named}"


def check_dashboard(run: Run) -> Iterator[str]:
    """What the dashboard calls open is what is open in the receivable ledger."""
    with run.office.at_work("manager") as env:
        lines = env["account.move.line"].search(
            [
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("amount_residual", "!=", 0),
            ]
        )
        ledger = sum(lines.mapped("amount_residual"))
        shown = env["cycle.dashboard"].get_data()["tiles"]["open"]["amount"]
        if env.company.currency_id.compare_amounts(ledger, shown):
            yield f"the dashboard shows {shown:.2f}, the ledger has {ledger:.2f}"


def check_menus(run: Run) -> Iterator[str]:
    """Each role can log in and open all its menus of the order cycle."""
    for login in company.PEOPLE:
        client = roles.Client(run.url, login)
        menus = dict(client.menus())
        if not menus:
            yield f"{login} has no menu"
        for name, action_id in menus.items():
            try:
                client.open_menu(action_id)
            except customers.CustomerStuck as problem:
                yield f"{login} cannot open {name}: {problem}"


def check_logs(logs: list[Path]) -> Iterator[str]:
    """Odoo logged no warning and no error."""
    for log in logs:
        with log.open(errors="replace") as lines:
            for record in odoo_log.records(lines):
                if record.is_problem():
                    yield f"{log.name}: {record}"
