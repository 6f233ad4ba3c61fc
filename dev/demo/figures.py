"""What the run came to: the table at the end, and what it has to be.

Each figure is counted from the database or from the mails themselves, and each
expectation says in one sentence how it follows from the files and the story.
"""

from __future__ import annotations

from typing import NamedTuple

from . import company


class Expected(NamedTuple):
    """A figure of the table and where it comes from."""

    figure: float
    reason: str


EXPECTED = {
    "orders running": Expected(27, "40 less the 13 below"),
    "orders completed": Expected(
        10, "4 paid in advance and 6 on completion are paid in full, nothing is left"
    ),
    "orders with changes requested": Expected(2, "order_024 and order_032 comment"),
    "orders waiting for customer": Expected(1, "order_040 does not answer"),
    "drafts to publish": Expected(
        3, "order_022, 026 and 038: drafted after billing's last day"
    ),
    "invoices": Expected(
        43, "9 prepayments, 12 on completion, 10 instalments, 12 periods"
    ),
    "invoices paid": Expected(32, "43 less the 2 paid in part and the 9 unpaid"),
    "invoices paid in part": Expected(2, "order_004 by half, order_019 by 40 %"),
    "invoices not paid": Expected(
        9, "order_007, 009, 010, 011, 016, 020, 021, 026 and the second of 030"
    ),
    "invoices overdue": Expected(7, "order_010, 011, 016, 019, 020, 021 and 026"),
    "reminders of level 1": Expected(
        9, "order_010, 011, 013, 014, 015, 016, 019, 026 and the second of 033"
    ),
    "reminders of level 2": Expected(5, "order_010, 011, 014, 015 and 026"),
    "formal notices": Expected(3, "order_010, 011 and 026 never pay"),
    "disputes open": Expected(1, "order_016, after its first reminder"),
    "mails: links": Expected(40, "one for each order of the file"),
    "mails: receipts": Expected(37, "40 links less 2 comments and 1 silence"),
    "mails: invoices": Expected(43, "one for each invoice"),
    "mails: reminders": Expected(17, "9 + 5 + 3, never two to a customer on a day"),
    "mails: disputes": Expected(1, "the case is acknowledged"),
    "mails: renewals": Expected(3, "order_038, before each term but the first"),
    "mails at the mail server": Expected(141, "40 + 37 + 43 + 17 + 1 + 3, each once"),
}

PURPOSES = {
    "links": "confirmation",
    "receipts": "receipt",
    "invoices": "invoice",
    "reminders": "reminder",
    "disputes": "dispute",
    "renewals": "renewal",
}


def collect(env, mails: list, today) -> dict[str, float]:
    """Return the figures of the table.

    :param env: an environment of the superuser
    :param mails: what the mail server holds
    :param today: the last day of the eight weeks
    """
    orders, moves = env["sale.order"], env["account.move"]
    cycle = [("move_type", "=", "out_invoice"), ("schedule_line_id", "!=", False)]
    posted = [*cycle, ("state", "=", "posted")]
    receivable = [
        ("move_id", "in", moves.search(posted).ids),
        ("account_type", "=", "asset_receivable"),
        ("amount_residual", ">", 0),
        ("date_maturity", "<", today),
    ]
    overdue = env["account.move.line"].search(receivable).move_id
    reminders = env["cycle.reminder"].search([("state", "=", "sent")])
    by_level = reminders.grouped("level_id")
    levels = env["cycle.reminder.level"]._get_levels(env.company)

    def in_stage(stage: str) -> int:
        return orders.search_count([("cycle_stage", "=", stage)])

    def in_state(*states: str) -> int:
        return moves.search_count([*posted, ("payment_state", "in", states)])

    def sent(purpose: str) -> int:
        domain = [("purpose", "=", purpose), ("state", "=", "sent")]
        return env["cycle.message"].search_count(domain)

    return {
        "orders running": in_stage("confirmed"),
        "orders completed": in_stage("completed"),
        "orders with changes requested": in_stage("changes_requested"),
        "orders waiting for customer": in_stage("awaiting_customer"),
        "drafts to publish": moves.search_count([*cycle, ("state", "=", "draft")]),
        "invoices": moves.search_count(posted),
        "invoices paid": in_state("paid", "in_payment"),
        "invoices paid in part": in_state("partial"),
        "invoices not paid": in_state("not_paid"),
        "invoices overdue": len(overdue),
        "reminders of level 1": len(by_level.get(levels[0], reminders[:0])),
        "reminders of level 2": len(by_level.get(levels[1], reminders[:0])),
        "formal notices": len(
            reminders.filtered(
                lambda r: r.level_id.is_formal_notice and r.notice_number
            )
        ),
        "disputes open": env["cycle.dispute"].search_count([("state", "=", "open")]),
        **{f"mails: {name}": sent(purpose) for name, purpose in PURPOSES.items()},
        "mails at the mail server": len(mails),
    }


def format_table(figures: dict[str, float]) -> str:
    """Return the figures, one below the other."""
    width = max(map(len, figures))
    rows = [f"  {name:<{width}}  {figure:>5}" for name, figure in figures.items()]
    return "\n".join(["", *rows, ""])


def format_people(url: str) -> str:
    """Return the address and a login for each role."""
    logins = [f"    {login:<12} {name}" for login, (name, _) in company.PEOPLE.items()]
    return "\n".join(
        [
            f"  {url}/odoo/cycle-dashboard\n",
            "  login, which is the password as well:",
            *logins,
            f"    {'admin':<12} the administrator of the database",
            "",
        ]
    )


def compare(figures: dict[str, float]) -> list[str]:
    """Return a sentence for each figure that is not what it has to be."""
    return [
        f"{name}: {figures.get(name)} instead of {expected.figure} ({expected.reason})"
        for name, expected in EXPECTED.items()
        if figures.get(name) != expected.figure
    ]
