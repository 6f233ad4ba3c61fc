from odoo import api, fields, models
from odoo.fields import Domain

CRON = "order_invoice_cycle.ir_cron_send_reminders"


class CycleReminder(models.Model):
    """One level reached by one receivable line, and the message that carried it."""

    _name = "cycle.reminder"
    _inherit = ["cycle.state.mixin", "cycle.message.source"]
    _description = "Payment Reminder"
    _order = "date desc, id desc"

    move_line_id = fields.Many2one(
        "account.move.line",
        string="Receivable",
        index=True,
        ondelete="set null",
        help="Empty when the invoice got another due date after this reminder.",
    )
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        index=True,
        readonly=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="move_id.company_id", store=True)
    currency_id = fields.Many2one(related="move_id.currency_id", store=True)
    date_due = fields.Date(string="Due date", readonly=True)
    user_id = fields.Many2one(related="move_id.invoice_user_id")
    level_id = fields.Many2one("cycle.reminder.level", ondelete="restrict")
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
        default="held",
        index=True,
    )
    _transitions = {
        "held": {"queued", "cancelled"},
        "queued": {"sent", "failed", "cancelled", "held"},
        "sent": {"failed"},
        "failed": {"sent", "cancelled", "held"},
    }
    date_sent = fields.Datetime(readonly=True)
    hold_reason = fields.Char(readonly=True)
    notice_number = fields.Char(readonly=True, copy=False)
    message_id = fields.Many2one("cycle.message", index=True)

    _once_per_level = models.UniqueIndex(
        "(move_line_id, level_id) WHERE state != 'cancelled'",
        "This receivable has already reached that reminder level.",
    )

    @api.depends("level_name", "move_id.name")
    def _compute_display_name(self):
        for reminder in self:
            reminder.display_name = f"{reminder.level_name} – {reminder.move_id.name}"

    # === JOB === #

    @api.model
    def _cron_send_reminders(self, today=None):
        """Queue the reminders that are due: one message per customer.

        :param date today: the day it counts as; by default each company's own
        """
        now = fields.Datetime.now()

        def get_day(model):
            return today or model.env.company._cycle_today()

        def get_domain(model):
            return model._get_lines_to_remind_domain(
                get_day(model), model.env.company
            ) & (
                Domain("cycle_retry_at", "=", False)
                | Domain("cycle_retry_at", "<=", now)
            )

        def remind(lines):
            self.with_env(lines.env)._remind(lines, get_day(lines))
            lines._job_succeeded()

        lines = self.env["account.move.line"]
        lines._run_job(
            lambda model: model._get_lines_held_in_vain_domain(model.env.company),
            lambda settled: settled.cycle_reminder_ids._close_held(),
            cron=CRON,
        )
        lines._run_job(
            get_domain,
            remind,
            cron=CRON,
            order="partner_id, date_maturity, id",
            group=lambda line: line.partner_id,
        )

    def _close_held(self):
        """Close what was held and is not owed any more."""
        held = self.filtered(lambda reminder: reminder.state == "held")
        held._update_state("cancelled")
        held.move_id._close_credit_activity()

    def _close_under_way(self):
        """Close what was not sent yet: its receivable is about to be replaced."""
        self.filtered(
            lambda reminder: reminder.state in ("held", "queued", "failed")
        )._update_state("cancelled")

    # === QUEUEING === #

    @api.model
    def _remind(self, lines, today):
        """Make the reminders that are due of lines of one company, and queue them."""
        judgements = self._judge(lines, today)
        due = lines.filtered(lambda line: judgements[line].level)
        begun = self.search(
            [
                ("move_line_id", "in", lines.ids),
                ("state", "in", ("held", "queued", "failed")),
            ]
        )
        held = begun.filtered(lambda reminder: reminder.state == "held")
        early = held.filtered(lambda reminder: reminder.move_line_id not in due)
        early._close_held()
        held -= early
        for reminder in held:
            line = reminder.move_line_id
            reminder.write(self._prepare_reminder(line, judgements[line], today))
        reminders = held | self.create(
            [
                self._prepare_reminder(line, judgements[line], today)
                for line in due - begun.move_line_id
            ]
        )
        self._tell_about_credits(reminders, judgements)
        ready = reminders.filtered(lambda reminder: not reminder.hold_reason)
        ready._update_state("queued")
        for partner, claims in ready.grouped("partner_id").items():
            claims._queue_message(partner)

    @api.model
    def _tell_about_credits(self, reminders, judgements):
        """Ask a person to allocate what keeps reminders from going out."""
        settleable = reminders.filtered(
            lambda reminder: judgements[reminder.move_line_id].has_credit
        )
        (reminders - settleable).move_id._close_credit_activity()
        for claims in settleable.grouped("partner_id").values():
            # One task per customer: whoever allocates the credit sees all of them.
            first = claims.sorted(lambda claim: (claim.date_due, claim.id))[0]
            first.move_id._ask_to_allocate(first.hold_reason)

    @api.model
    def _prepare_reminder(self, line, judgement, today):
        return {
            "move_line_id": line.id,
            "move_id": line.move_id.id,
            "date_due": line.date_maturity,
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
        lead = self._get_lead()
        self.message_id = self.env["cycle.message"]._queue(
            lead, "reminder", lead.level_id.mail_template_id, partner
        )

    def _get_lead(self):
        """Return the reminder that sets the tone: the highest level, oldest first."""
        return self.sorted(
            lambda claim: (-claim.level_id.days_overdue, claim.date_due, claim.id)
        )[:1]

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
        """Drop what was settled, disputed or held since; refresh the amounts.

        :raise LockError: while somebody is just settling one of the claims
        """
        claims = self._get_claims()
        claims.move_id.lock_for_update(allow_referencing=True)
        claims.move_line_id.lock_for_update(allow_referencing=True)
        sent_on = self.company_id._cycle_date(message.date_claimed)
        judgements = self._judge(claims.move_line_id, max(self.date, sent_on))
        for claim in claims:
            claim._judge_again(judgements[claim.move_line_id])
        left = claims.filtered(lambda claim: claim.state in ("queued", "failed"))
        if not left:
            return self.env._("Everything in it was settled, disputed or put on hold.")
        lead = left._get_lead()
        message.write(
            {"mail_template_id": lead.level_id.mail_template_id.id, "res_id": lead.id}
        )
        return False

    def _judge_again(self, judgement):
        """Take over what changed since the reminder was queued."""
        self.ensure_one()
        is_settled = not judgement.amount and not judgement.hold_reason
        # A later due date may have been agreed meanwhile.
        is_early = judgement.days_overdue < self.level_id.days_overdue
        if is_settled or is_early:
            self._update_state("cancelled")
        elif judgement.hold_reason:
            self._update_state("held", hold_reason=judgement.hold_reason)
        else:
            self.write(
                {"amount": judgement.amount, "days_overdue": judgement.days_overdue}
            )

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
        """The level does not count: that of the last delivered one does again."""
        claims = self._get_claims()
        returned = claims.filtered(lambda claim: claim.state == "sent")
        claims._update_state("failed")
        delivered = self.search(
            [
                ("move_line_id", "in", returned.move_line_id.ids),
                ("state", "=", "sent"),
            ],
            order="date_sent desc, id desc",
        ).grouped("move_line_id")
        for line in returned.move_line_id:
            last = delivered.get(line, self.browse())[:1]
            sent_on = last and last.company_id._cycle_date(last.date_sent)
            line.write(
                {
                    "cycle_reminder_level_id": last.level_id.id,
                    "cycle_date_reminded": last and max(last.date, sent_on),
                }
            )

    def _cycle_message_cancelled(self, message):
        """A person withdrew it: the same level comes again, but not at once."""
        claims = self._get_claims()
        claims._update_state("cancelled")
        today = max(self.date, self.company_id._cycle_today())
        claims.move_line_id._postpone_reminders(today)
