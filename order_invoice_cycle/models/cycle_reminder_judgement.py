from typing import NamedTuple

from odoo import api, models
from odoo.tools import email_normalize, format_date

from ..tools.ageing import days_overdue, next_reminder


class Facts(NamedTuple):
    """What is read once for all lines that are judged together."""

    levels: object
    credits: dict
    pending: set
    under_way: dict

    def get_credit(self, line):
        """Return what the line's customer has not allocated yet in its currency."""
        return self.credits.get((line.partner_id.id, line.currency_id.id), 0.0)


class Judgement(NamedTuple):
    """What the reminders do with one receivable line on one day."""

    level: object = None
    amount: float = 0.0
    days_overdue: int = 0
    date_next: object = False
    hold_reason: str = ""
    has_credit: bool = False
    note: str = ""


class CycleReminder(models.Model):
    """Judgement: whether a receivable is reminded now, later or not, and why."""

    _inherit = "cycle.reminder"

    @api.model
    def _judge(self, lines, today):
        """Say for each receivable line what the reminders do with it on a day.

        Facts are read once for all lines; when a level is due is decided by
        :func:`tools.ageing.next_reminder`.

        :param lines: ``account.move.line`` of one company
        :param date today: the company's day
        :return: {line: Judgement}
        """
        facts = self._get_facts(lines)
        return {line: self._judge_line(line, facts, today) for line in lines}

    @api.model
    def _judge_line(self, line, facts, today):
        if not line._can_be_reminded():
            return Judgement()
        days = days_overdue(today, line.date_maturity or today, line.cycle_days_paused)
        if line.currency_id.compare_amounts(line.amount_residual_currency, 0) <= 0:
            return Judgement(days_overdue=days, note=self.env._("It is settled."))
        claim = self._get_claim(line)
        reached = self._get_reached(facts.levels, line)
        index, date_next = next_reminder(
            facts.levels.mapped("days_overdue"),
            days,
            reached,
            line.cycle_date_reminded or None,
            today,
        )
        hold = self._get_hold_reason(line, claim, facts, today)
        note = hold or self._get_next_step_text(facts, index, reached, date_next, days)
        if line in facts.under_way:
            note = facts.under_way[line]._get_delivery_text()
        return Judgement(
            level=facts.levels[index] if index is not None else None,
            amount=claim,
            days_overdue=days,
            date_next=not hold and date_next,
            hold_reason=hold,
            has_credit=bool(hold) and self._could_be_settled(line, claim, facts),
            note=note,
        )

    # === FACTS === #

    @api.model
    def _get_facts(self, lines):
        under_way = self.sudo().search(
            [("move_line_id", "in", lines.ids), ("state", "in", ("queued", "failed"))]
        )
        return Facts(
            levels=self.env["cycle.reminder.level"]
            .sudo()
            ._get_levels(lines.company_id[:1]),
            credits=self._get_open_credits(lines),
            pending=self._get_pending_transactions(lines),
            under_way=under_way.grouped("move_line_id"),
        )

    @api.model
    def _get_open_credits(self, lines):
        """Return what customers have not allocated yet, {(partner, currency): sum}."""
        groups = (
            self.env["account.move.line"]
            .sudo()
            ._read_group(
                [
                    ("account_id", "in", lines.account_id.ids),
                    ("company_id", "in", lines.company_id.ids),
                    ("partner_id", "in", lines.partner_id.ids),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                    ("amount_residual", "<", 0),
                ],
                ["partner_id", "currency_id"],
                ["amount_residual_currency:sum"],
            )
        )
        return {
            (partner.id, currency.id): -amount for partner, currency, amount in groups
        }

    @api.model
    def _get_pending_transactions(self, lines):
        """Return the ids of the invoices with an online payment under way."""
        transactions = (
            self.env["payment.transaction"]
            .sudo()
            .search(
                [
                    ("invoice_ids", "in", lines.move_id.ids),
                    ("state", "in", ("pending", "authorized")),
                ]
            )
        )
        return set(transactions.invoice_ids.ids)

    @api.model
    def _get_reached(self, levels, line):
        """Return the index of the last level delivered to a line, -1 for none.

        A level that is not in use any more counts as the last one before it.
        """
        delivered = line.cycle_reminder_level_id.sudo()
        days = delivered.days_overdue if delivered else 0
        return sum(level.days_overdue <= days for level in levels) - 1

    @api.model
    def _get_claim(self, line):
        """Return what may be claimed of a line: open, less what is disputed.

        The disputed amount of an invoice is taken from its earliest maturities.
        """
        disputed = line.move_id.amount_disputed
        if not disputed:
            return line.amount_residual_currency
        earlier = line.move_id.line_ids.filtered(
            lambda other: (
                other.account_type == "asset_receivable"
                and (other.date_maturity, other.id) < (line.date_maturity, line.id)
            )
        )
        disputed -= sum(earlier.mapped("amount_residual_currency"))
        claim = line.amount_residual_currency - max(disputed, 0.0)
        return max(line.currency_id.round(claim), 0.0)

    @api.model
    def _could_be_settled(self, line, claim, facts):
        """Tell whether an unallocated payment or credit covers the claim."""
        return line.currency_id.compare_amounts(facts.get_credit(line), claim) >= 0

    # === SENTENCES === #

    @api.model
    def _get_hold_reason(self, line, claim, facts, today):
        """Return why no reminder goes out for a line now, or an empty text.

        Other addons add their own reasons.
        """
        move = line.move_id
        if not claim:
            return self.env._("On hold: all of it is under clarification.")
        if line.no_followup:
            return self.env._("On hold: follow-ups are switched off for it.")
        if line.cycle_date_reminder_from and line.cycle_date_reminder_from > today:
            return self.env._(
                "On hold until %s.",
                format_date(self.env, line.cycle_date_reminder_from),
            )
        if move.id in facts.pending:
            return self.env._("On hold: an online payment is under way.")
        if self._could_be_settled(line, claim, facts):
            return self.env._(
                "On hold: %s of this customer is not allocated yet and could settle "
                "it.",
                line.currency_id.format(facts.get_credit(line)),
            )
        if not email_normalize(move.partner_id.email or ""):
            return self.env._(
                "On hold: %s has no valid e-mail address.", move.partner_id.display_name
            )
        return ""

    @api.model
    def _get_next_step_text(self, facts, index, reached, date_next, days):
        levels = facts.levels
        if index is not None:
            return self.env._("“%s” goes out with the next run.", levels[index].name)
        if date_next:
            return self.env._(
                "“%(level)s” on %(date)s unless it is paid before.",
                level=levels[reached + 1].name,
                date=format_date(self.env, date_next),
            )
        if not levels:
            return self.env._("No reminder level is set up.")
        return self.env._(
            "Every level was sent, %s days overdue: decide what to do.", days
        )

    def _get_delivery_text(self):
        """Return where the message of a reminder under way is."""
        self.ensure_one()
        if self.state == "failed":
            return self.env._(
                "“%(level)s” was not delivered. %(reason)s",
                level=self.level_name,
                reason=self.message_id.failure_reason or "",
            )
        return self.env._("“%s” is on its way.", self.level_name)
