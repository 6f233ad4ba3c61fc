from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import email_normalize, format_date

from ..tools.ageing import days_overdue, next_reminder


class Judgement(NamedTuple):
    """What the reminders do with one receivable line on one day."""

    level: object = None
    amount: float = 0.0
    days_overdue: int = 0
    date_next: object = False
    hold_reason: str = ""
    note: str = ""


class CycleReminder(models.Model):
    """One level reached by one receivable line, and the message that carried it."""

    _name = "cycle.reminder"
    _inherit = ["cycle.state.mixin", "cycle.message.source"]
    _description = "Payment Reminder"
    _order = "date desc, id desc"

    move_line_id = fields.Many2one(
        "account.move.line",
        string="Receivable",
        required=True,
        index=True,
        ondelete="cascade",
    )
    move_id = fields.Many2one(
        related="move_line_id.move_id", string="Invoice", store=True, index=True
    )
    company_id = fields.Many2one(related="move_line_id.company_id", store=True)
    currency_id = fields.Many2one(related="move_line_id.currency_id", store=True)
    date_due = fields.Date(related="move_line_id.date_maturity", store=True)
    user_id = fields.Many2one(related="move_id.invoice_user_id")
    level_id = fields.Many2one("cycle.reminder.level", ondelete="set null")
    level_name = fields.Char(string="Level name", required=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    amount = fields.Monetary(help="What was claimed: open, less what is disputed.")
    days_overdue = fields.Integer()
    date = fields.Date(required=True, help="The day the level was reached.")
    state = fields.Selection(
        [
            ("held", "On hold"),
            ("queued", "Queued"),
            ("sent", "Sent"),
            ("failed", "Not delivered"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        default="queued",
        index=True,
    )
    _transitions = {
        "held": {"queued", "cancelled"},
        "queued": {"sent", "failed", "cancelled", "held"},
        "failed": {"sent", "cancelled"},
    }
    date_sent = fields.Datetime(readonly=True)
    hold_reason = fields.Char(readonly=True)
    notice_number = fields.Char(readonly=True, copy=False)
    message_id = fields.Many2one("cycle.message", string="Message", index=True)

    _once_per_level = models.UniqueIndex(
        "(move_line_id, level_id) WHERE state != 'cancelled'",
        "This receivable has already reached that reminder level.",
    )

    @api.depends("level_name", "move_id.name")
    def _compute_display_name(self):
        for reminder in self:
            reminder.display_name = f"{reminder.level_name} – {reminder.move_id.name}"

    # === JUDGING === #

    @api.model
    def _judge(self, lines, today):
        """Say for each receivable line what the reminders do with it on a day.

        Facts are read once for all lines; the rule itself is
        :func:`tools.ageing.next_reminder`.

        :param lines: ``account.move.line`` of one company
        :param date today: the company's day
        :return: {line: Judgement}
        """
        company = lines.company_id[:1]
        levels = self.env["cycle.reminder.level"].sudo()._get_levels(company)
        credits = self._get_open_credits(lines)
        pending = self._get_pending_transactions(lines)
        judgements = {}
        for line in lines:
            days = days_overdue(
                today, line.date_maturity or today, line.cycle_days_paused
            )
            claim = self._get_claim(line)
            if not claim and not line.amount_residual:
                judgements[line] = Judgement(note=self.env._("It is settled."))
                continue
            reached = levels.ids.index(line.cycle_reminder_level_id.id) if (
                line.cycle_reminder_level_id in levels
            ) else self._count_passed(levels, line)
            index, date_next = next_reminder(
                levels.mapped("days_overdue"),
                days,
                reached,
                line.cycle_date_reminded or None,
                today,
            )
            hold = self._get_hold_reason(line, claim, credits, pending, today)
            judgements[line] = Judgement(
                level=levels[index] if index is not None else None,
                amount=claim,
                days_overdue=days,
                date_next=not hold and date_next,
                hold_reason=hold,
                note=hold
                or self._get_next_step_text(levels, index, reached, date_next, days),
            )
        return judgements

    @api.model
    def _count_passed(self, levels, line):
        """Return the index of the last level before a delivered one now gone."""
        days = line.cycle_reminder_level_id.days_overdue
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
            lambda other: other.account_type == "asset_receivable"
            and (other.date_maturity, other.id) < (line.date_maturity, line.id)
        )
        disputed -= sum(earlier.mapped("amount_residual_currency"))
        claim = line.amount_residual_currency - max(disputed, 0.0)
        return max(line.currency_id.round(claim), 0.0)

    @api.model
    def _get_open_credits(self, lines):
        """Return what customers have not allocated yet, {(partner, currency): sum}."""
        groups = self.env["account.move.line"].sudo()._read_group(
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
        return {(partner, currency): -amount for partner, currency, amount in groups}

    @api.model
    def _get_pending_transactions(self, lines):
        """Return the ids of the invoices with an online payment under way."""
        transactions = self.env["payment.transaction"].sudo().search(
            [
                ("invoice_ids", "in", lines.move_id.ids),
                ("state", "in", ("pending", "authorized")),
            ]
        )
        return set(transactions.invoice_ids.ids)

    @api.model
    def _get_hold_reason(self, line, claim, credits, pending, today):
        """Return why no reminder goes out for a line now, or an empty text."""
        move = line.move_id
        if not claim:
            return self.env._("On hold: a dispute about the whole amount is open.")
        if line.no_followup or move.no_followup:
            return self.env._("On hold: follow-ups are switched off for it.")
        if line.cycle_date_reminder_from and line.cycle_date_reminder_from > today:
            return self.env._(
                "On hold until %s, after a dispute.",
                format_date(self.env, line.cycle_date_reminder_from),
            )
        if move.id in pending:
            return self.env._("On hold: an online payment is under way.")
        credit = credits.get((line.partner_id, line.currency_id), 0.0)
        if line.currency_id.compare_amounts(credit, claim) >= 0:
            return self.env._(
                "On hold: %s of this customer is not allocated yet and could settle "
                "it.",
                line.currency_id.format(credit),
            )
        if not email_normalize(move.partner_id.email or ""):
            return self.env._(
                "On hold: %s has no valid e-mail address.", move.partner_id.display_name
            )
        return ""

    @api.model
    def _get_next_step_text(self, levels, index, reached, date_next, days):
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

    # === QUEUEING === #

    @api.model
    def _cron_send_reminders(self, today=None):
        """Queue the reminders that are due: one message per customer.

        :param date today: the day it counts as; by default each company's own
        """
        now = fields.Datetime.now()

        def get_domain(model):
            company = model.env.company
            day = today or company._cycle_today()
            return model._get_lines_to_remind_domain(day, company) & (
                Domain("cycle_retry_at", "=", False)
                | Domain("cycle_retry_at", "<=", now)
            )

        def remind(lines):
            for company, company_lines in lines.grouped("company_id").items():
                day = today or company._cycle_today()
                self.with_company(company)._remind(company_lines, day)
            lines._job_succeeded()

        self.env["account.move.line"]._run_job(
            get_domain,
            remind,
            cron="order_invoice_cycle.ir_cron_send_reminders",
            order="partner_id, date_maturity, id",
            group=lambda line: line.move_id.partner_id,
        )

    @api.model
    def _remind(self, lines, today):
        """Make the reminders that are due of lines of one company, and queue them."""
        judgements = self._judge(lines, today)
        due = lines.filtered(lambda line: judgements[line].level)
        open_reminders = self.search(
            [
                ("move_line_id", "in", due.ids),
                ("state", "in", ("held", "queued", "failed")),
            ]
        ).grouped("move_line_id")
        to_send = self.browse()
        for line in due:
            judgement = judgements[line]
            values = self._prepare_reminder(line, judgement, today)
            reminder = open_reminders.get(line, self.browse())[:1]
            if reminder.state in ("queued", "failed"):
                continue
            if reminder:
                reminder.write(values)
            else:
                reminder = self.create({**values, "state": "held"})
            if not judgement.hold_reason:
                reminder._update_state("queued")
                to_send |= reminder
        for partner, reminders in to_send.grouped("partner_id").items():
            reminders._queue_message(partner)

    @api.model
    def _prepare_reminder(self, line, judgement, today):
        return {
            "move_line_id": line.id,
            "level_id": judgement.level.id,
            "level_name": judgement.level.name,
            "partner_id": line.move_id.partner_id.id,
            "amount": judgement.amount,
            "days_overdue": judgement.days_overdue,
            "date": today,
            "hold_reason": judgement.hold_reason,
        }

    def _queue_message(self, partner):
        """Queue one message about ``self``, in the tone of the highest level."""
        lead = self.sorted(lambda r: (-r.level_id.days_overdue, r.date_due, r.id))[:1]
        self.message_id = self.env["cycle.message"]._queue(
            lead, "reminder", lead.level_id.mail_template_id, partner
        )

    # === OUTBOX === #

    def _get_claims(self):
        """Return the reminders that go with the same message, oldest claim first.

        Called by the mail templates.
        """
        self.ensure_one()
        return self.search(
            [
                ("message_id", "=", self.message_id.id),
                ("state", "in", ("queued", "sent", "failed")),
            ],
            order="date_due, id",
        )

    def _get_claim_totals(self):
        """Return [(currency, sum)] of the claims of this message."""
        return [
            (currency, sum(claims.mapped("amount")))
            for currency, claims in self._get_claims().grouped("currency_id").items()
        ]

    def _cycle_message_obstacle(self, message):
        """Drop what was settled, disputed or held since; refresh the amounts."""
        claims = self._get_claims()
        lines = claims.move_line_id
        lines.try_lock_for_update(allow_referencing=True)
        lines.invalidate_recordset()
        judgements = self._judge(lines, self.date)
        for claim in claims:
            judgement = judgements[claim.move_line_id]
            if claim.move_id.state != "posted" or not judgement.amount:
                claim._update_state("cancelled")
            elif judgement.hold_reason:
                claim._update_state("held", hold_reason=judgement.hold_reason)
            else:
                claim.amount = judgement.amount
        left = claims.filtered(lambda claim: claim.state in ("queued", "failed"))
        if not left:
            return self.env._("Everything in it was settled, disputed or put on hold.")
        lead = left.sorted(lambda claim: -claim.level_id.days_overdue)[:1]
        message.mail_template_id = lead.level_id.mail_template_id
        for claim in left.filtered(
            lambda c: c.level_id.is_formal_notice and not c.notice_number
        ):
            claim.notice_number = (
                self.env["ir.sequence"]
                .with_company(claim.company_id)
                .next_by_code("cycle.notice", sequence_date=claim.date)
            )
        return False

    def _cycle_message_attachments(self, message):
        return self._get_claims().move_id.invoice_pdf_report_id

    def _cycle_message_sent(self, message):
        delivered = self.company_id._cycle_date(message.date_sent)
        for claim in self._get_claims():
            claim._update_state("sent", date_sent=message.date_sent)
            claim.move_line_id.write(
                {
                    "cycle_reminder_level_id": claim.level_id.id,
                    "cycle_date_reminded": max(claim.date, delivered),
                }
            )

    def _cycle_message_failed(self, message):
        self._get_claims().filtered(lambda c: c.state == "queued")._update_state(
            "failed"
        )
