from fractions import Fraction

from odoo import fields, models
from odoo.tools import float_compare


class CycleScheduleLine(models.Model):
    """A billing period of a recurring order follows its pauses and its end."""

    _inherit = "cycle.schedule.line"

    is_left_out = fields.Boolean(
        readonly=True,
        copy=False,
        help="Skipped by the order itself, not by a person: the days of a period are "
        "paused, or the order ends before, and it is billed when that changes; or an "
        "amendment took out a payment that had an invoice.",
    )

    def _get_period_share(self):
        """Return the exact share of a billing period, 1 for a whole one."""
        self.ensure_one()
        return Fraction(self.period_share).limit_denominator(10**6)

    def _get_previous_period(self):
        """Return the billing period before this one, empty for anything else."""
        periods = self.order_id.schedule_line_ids.filtered("period_start")
        return periods.filtered(
            lambda line: self.period_start and line.period_start < self.period_start
        ).sorted("period_start")[-1:]

    def _differs_from_period(self, values):
        """Tell whether other days are billed than in ``values`` of a period."""
        self.ensure_one()
        days = ("period_start", "period_end")
        return any(self[name] != values[name] for name in days) or bool(
            float_compare(self.period_share, values["period_share"], 9)
        )

    def _follows_the_order(self):
        """Tell whether the order decides about this period, and nobody has before."""
        self.ensure_one()
        return (
            self.period_number
            and (not self.invoice_id or self.invoice_id.state == "draft")
            and (not self.is_skipped or self.is_left_out)
        )

    def _leave_out(self):
        """Skip the periods until the order bills them after all."""
        lines = self.filtered(lambda line: not line.is_left_out)
        lines._drop_drafts()
        lines.write({"is_skipped": True, "is_left_out": True})

    def _take_in(self):
        """Bill the periods again that were left out."""
        self.filtered("is_left_out").write({"is_skipped": False, "is_left_out": False})
