from odoo import api, fields, models
from odoo.tools import format_date, format_datetime


class CycleScheduleLine(models.Model):
    """What the lists and the form of scheduled payments show beyond their data."""

    _inherit = "cycle.schedule.line"

    order_stage = fields.Selection(related="order_id.cycle_stage", string="Order stage")
    payment_mode = fields.Selection(related="order_id.payment_mode")
    is_late = fields.Boolean(
        compute="_compute_is_late", help="Due in the past, and not invoiced yet."
    )
    state_note = fields.Char(
        string="What happens next",
        compute="_compute_state_note",
        help="One sentence: what this payment waits for, and why.",
    )

    @api.depends("state", "date_due")
    def _compute_is_late(self):
        for line in self:
            today = (line.company_id or self.env.company)._cycle_today()
            waiting = line.state in ("planned", "held", "drafted")
            line.is_late = waiting and bool(line.date_due) and line.date_due < today

    @api.depends(
        "state",
        "error",
        "retry_at",
        "hold_reason",
        "date_draft",
        "is_left_out",
        "order_id.state",
    )
    def _compute_state_note(self):
        for line in self:
            line.state_note = line._get_state_note()

    def _get_state_note(self):
        if self.state == "held":
            return self.env._(
                "%(reason)s Release it to draft it, or skip it.",
                reason=_sentence(self.hold_reason),
            )
        if self.state == "waiting":
            return self._get_drafting_hint()
        if self.state == "planned" and self.error and self.retry_at:
            return self.env._(
                "Could not be drafted: %(reason)s It is tried again after %(time)s.",
                reason=_sentence(self.error),
                time=format_datetime(self.env, self.retry_at, dt_format="short"),
            )
        if self.state == "planned" and self._is_draft_overdue():
            return self.env._(
                "The draft invoice is made by the next run of the job; its day was %s. "
                "If nothing happens, ask your administrator whether the job runs.",
                format_date(self.env, self.date_draft),
            )
        if self.state == "planned":
            return self.env._(
                "The draft invoice is made on %s.",
                format_date(self.env, self.date_draft),
            )
        if self.state == "drafted":
            return self.env._("The draft invoice waits to be published.")
        if self.is_credited:
            return self.env._(
                "Its invoice was credited: it is invoiced again only if you draft it "
                "again."
            )
        if self.state == "cancelled":
            return self._get_cancellation_note()
        return False

    def _get_cancellation_note(self):
        if self.order_id.state == "cancel":
            return self.env._("Not invoiced: the order is cancelled.")
        if self.is_left_out:
            return self.env._(
                "Not invoiced: a pause, the end of the order or an amendment left it "
                "out."
            )
        return self.env._("Not invoiced: it was skipped.")

    def _is_draft_overdue(self):
        """Tell whether the day of the draft has come; not before a missing date."""
        self.ensure_one()
        today = (self.company_id or self.env.company)._cycle_today()
        return bool(self.date_draft) and self.date_draft <= today


def _sentence(text):
    return f"{text.rstrip('.')}."
