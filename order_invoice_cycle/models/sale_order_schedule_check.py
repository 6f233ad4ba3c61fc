from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date

from .cycle_plan import MAX_LINES


class SaleOrder(models.Model):
    """What is wrong with a schedule, in one sentence, before it can be submitted."""

    _inherit = "sale.order"

    schedule_problem = fields.Char(
        compute="_compute_schedule_problem",
        help="What is wrong with the schedule, before the order can be submitted.",
    )

    @api.depends(
        "schedule_line_ids.amount_type",
        "schedule_line_ids.percent",
        "schedule_line_ids.amount_fixed",
        "schedule_line_ids.date_due",
        "schedule_line_ids.trigger",
        "schedule_line_ids.kind",
        "schedule_line_ids.settled_amounts",
        "order_line.tax_ids",
        "amount_total",
        "currency_id",
        "payment_mode",
        "service_date_start",
        "service_date_end",
        "recurrence_interval",
        "recurrence_unit",
        "recurrence_count",
        "recurrence_day",
        "auto_renew",
        "notice_days",
        "price_index",
        "price_index_id",
    )
    def _compute_schedule_problem(self):
        for order in self:
            order.schedule_problem = order.payment_mode and (
                order._get_schedule_problem()
            )

    @api.constrains("plan_id", "payment_mode")
    def _check_plan(self):
        labels = dict(self._fields["payment_mode"]._description_selection(self.env))
        for order in self:
            plan = order.plan_id
            if plan and plan.payment_mode != order.payment_mode:
                raise ValidationError(
                    self.env._(
                        "The plan “%(plan)s” is for “%(mode)s”, which is not the "
                        "payment mode of order %(order)s. Choose another plan.",
                        plan=plan.name,
                        mode=labels[plan.payment_mode],
                        order=order.name,
                    )
                )

    def _get_schedule_problem(self):
        """Return what is wrong with the schedule in one sentence, or False."""
        self.ensure_one()
        if self.payment_mode == "recurring" and not self._can_recur():
            return self.env._(
                "Give the service start, the billing interval and the number of "
                "periods per term (1 to %(most)s).",
                most=MAX_LINES,
            )
        if self.price_index == "table" and not self.price_index_id:
            return self.env._("Choose the index that the price follows at renewal.")
        return (
            self._get_renewal_problem()
            or self._get_schedule_dates_problem()
            or (self.payment_mode != "recurring" and self._get_amounts_problem())
            or False
        )

    def _get_amounts_problem(self):
        return self._get_invoiced_problem() or self._get_schedule_sum_problem()

    def _get_renewal_problem(self):
        """Return what is contradictory about term, notice and service, or False."""
        if self.payment_mode != "recurring":
            return False
        end = self.service_date_end
        if not self.auto_renew:
            term_end = self._get_term_start(self.term_number + 1) - timedelta(days=1)
            return bool(end and end > term_end) and self.env._(
                "The order ends with its term on %(term_end)s and is not renewed, but "
                "the service goes on until %(end)s: the days between would never be "
                "billed. Let it renew automatically, give the term more periods, or "
                "end the service with the term.",
                term_end=format_date(self.env, term_end),
                end=format_date(self.env, end),
            )
        second_term = self._get_term_start(2)
        last_day = second_term - timedelta(days=self._get_renewal_days() + 1)
        if last_day >= self.service_date_start or (end and end < second_term):
            return False
        return self.env._(
            "The notice period is as long as the term: notice for the end of the first "
            "term would have to be given by %(day)s, before the service starts on "
            "%(start)s. Give the term more periods, or shorten the notice period.",
            day=format_date(self.env, last_day),
            start=format_date(self.env, self.service_date_start),
        )

    def _get_schedule_dates_problem(self):
        lines = self.schedule_line_ids
        start, end = self.service_date_start, self.service_date_end
        if start and end and end < start:
            return self.env._("The service ends before it starts.")
        if not lines:
            return self.env._("Add the payments to the schedule, or choose a plan.")
        # The periods of past years are of no weight in an amendment.
        if len(lines.filtered(lambda line: not line.settled_amounts)) > MAX_LINES:
            return self.env._(
                "A schedule has at most %(most)s payments.", most=MAX_LINES
            )
        dated = lines.filtered(lambda line: line.trigger == "date")
        undated = dated.filtered(lambda line: not line.date_due)[:1]
        if undated:
            return self.env._("Give “%(line)s” a due date.", line=undated.name)
        early = dated.filtered(
            lambda line: start and line.date_due < start and line.kind != "deposit"
        )[:1]
        if early:
            return self.env._(
                "“%(line)s” would be due on %(due)s, before the service starts on "
                "%(start)s. Give it a later date, or make it a deposit.",
                line=early.name,
                due=format_date(self.env, early.date_due),
                start=format_date(self.env, start),
            )
        return False

    def _get_schedule_sum_problem(self):
        weights = self._get_weights()
        empty = [
            line
            for line, weight in weights.items()
            if weight <= 0 and not line.settled_amounts
        ]
        if empty and self.amount_total:
            return self.env._(
                "“%(line)s” has no amount: give it one, or remove it.",
                line=empty[0].name,
            )
        missing = 1 - sum(weights.values())
        if not missing:
            return False
        return self.env._(
            "The payments add up to %(percent)s %% of the order, %(amount)s "
            "%(direction)s: change them, or let one payment take the rest.",
            percent=f"{float(1 - missing) * 100:.6f}".rstrip("0").rstrip("."),
            amount=self.currency_id.format(abs(float(missing) * self.amount_total)),
            direction=self.env._("are missing")
            if missing > 0
            else self.env._("are too much"),
        )
