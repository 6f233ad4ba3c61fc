from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import format_date

from ..tools.schedule import billed_days, period, period_start, whole_period_days


class SaleOrder(models.Model):
    """Terms of a recurring order: their dates and their periods."""

    _inherit = "sale.order"

    term_number = fields.Integer(string="Term", default=1, readonly=True, copy=False)
    date_term_end = fields.Date(
        string="Term ends",
        compute="_compute_term_dates",
        store=True,
        help="Last day of the present term.",
    )
    date_cancel_by = fields.Date(
        string="Notice by",
        compute="_compute_term_dates",
        store=True,
        help="The last day on which notice ends the order with the present term.",
    )
    date_renewal = fields.Date(
        string="Renews on",
        compute="_compute_term_dates",
        store=True,
        help="The day after the last day for giving notice.",
    )
    renewal_days = fields.Integer(
        readonly=True,
        copy=False,
        help="Days between the renewal and the next term, as they were when the "
        "customer confirmed: the last day for notice never moves afterwards.",
    )

    # === DATES === #

    @api.depends(
        "payment_mode",
        "service_date_start",
        "service_date_end",
        "recurrence_interval",
        "recurrence_unit",
        "recurrence_count",
        "recurrence_day",
        "notice_days",
        "renewal_days",
        "auto_renew",
        "term_number",
        "date_terminated",
        "date_notice_given",
        "plan_id.has_lead_days",
        "plan_id.lead_days",
        "company_id.cycle_lead_days",
    )
    def _compute_term_dates(self):
        for order in self:
            order.date_term_end = order.date_renewal = order.date_cancel_by = False
            if not order._can_recur():
                continue
            next_term = order._get_term_start(order.term_number + 1)
            term_end = next_term - timedelta(days=1)
            end = order._get_service_end()
            order.date_term_end = min(term_end, end or term_end)
            goes_on = not order.date_notice_given and (not end or end >= next_term)
            if order.auto_renew and goes_on:
                renewal = next_term - timedelta(days=order._get_renewal_days())
                order.date_renewal = renewal
                order.date_cancel_by = renewal - timedelta(days=1)

    def _get_renewal_days(self):
        """Return how many days before a term begins it is decided.

        Before the first draft of that term is due, and not later than notice can be
        given. Fixed by the confirmation, because the customer was told the day.
        """
        self.ensure_one()
        return self.renewal_days or max(self.notice_days, self._get_lead_days() + 1)

    def _get_period_start(self, index):
        """Return the first day of billing period ``index``, counted from 0."""
        return period_start(self.service_date_start, index, *self._get_rhythm())

    def _get_term_start(self, number):
        """Return the first day of a term, counted from 1."""
        return self._get_period_start((number - 1) * self.recurrence_count)

    def _get_rhythm(self):
        return self.recurrence_interval, self.recurrence_unit, self.recurrence_day

    def _get_service_end(self):
        """Return the last day of the service, agreed or terminated; or False."""
        ends = [day for day in (self.service_date_end, self.date_terminated) if day]
        return min(ends, default=False)

    # === PERIODS === #

    def _plan_terms(self):
        """Have the periods of the present term and, if it is renewed, of the next."""
        self.ensure_one()
        self._plan_term(self.term_number)
        if self.date_renewal:
            self._plan_term(self.term_number + 1)

    def _plan_term(self, number):
        """Add the billing periods of a term to the schedule, each of them once.

        Those of the first term were agreed as they are.
        """
        self.ensure_one()
        if number == 1 and self.schedule_line_ids:
            return
        present = self.schedule_line_ids.mapped("period_number")
        lang = self.env["res.company"]._cycle_lang(self.partner_id)
        values = self.with_context(lang=lang)._prepare_term(number)
        self.schedule_line_ids = [
            Command.create(line)
            for line in values
            if line["period_number"] not in present
        ]

    def _prepare_term(self, number):
        """Return the values of the billing periods of one term.

        :param int number: the term, from 1
        """
        first = (number - 1) * self.recurrence_count
        factor = self._get_term_factor(number)
        lines = [
            self._prepare_period(number, index, factor)
            for index in range(first, first + self.recurrence_count)
        ]
        return [line for line in lines if line]

    def _prepare_period(self, term_number, index, factor=1.0):
        """Return the values of one billing period; None when no day of it is billed.

        A part period is prorated by days: a first one before the agreed day of the
        month, a last one at the end of the service, and one with paused days.
        """
        start, end = period(self.service_date_start, index, *self._get_rhythm())
        whole = whole_period_days(self.service_date_start, index, *self._get_rhythm())
        end = min(end, self._get_service_end() or end)
        start, end, days = billed_days(start, end, self._get_unbilled_pauses())
        if not days:
            return None
        lang = self.env.context.get("lang")
        return {
            "sequence": (index + 1) * 10,
            "name": self.env._(
                "Period %(number)s: %(start)s – %(end)s",
                number=index + 1,
                start=format_date(self.env, start, lang_code=lang),
                end=format_date(self.env, end, lang_code=lang),
            ),
            "kind": "period",
            "trigger": "date",
            "term_number": term_number,
            "period_number": index + 1,
            "period_start": start,
            "period_end": end,
            "period_share": days / whole,
            "price_factor": factor,
            "date_due": start if self.recurrence_in_advance else end,
        }

    def _replan_periods(self):
        """Bring the periods that are not invoiced in line with pauses and the end.

        What is not billed any more is left out, and comes back when it is billed after
        all: when the end is corrected, or notice withdrawn. What a person skipped
        stays skipped.
        """
        self.ensure_one()
        lang = self.env["res.company"]._cycle_lang(self.partner_id)
        order = self.with_context(lang=lang)
        last_term = self.term_number + bool(self.date_renewal)
        left_out = taken_in = self.env["cycle.schedule.line"]
        for line in self.schedule_line_ids.filtered(lambda x: x._follows_the_order()):
            values = line.term_number <= last_term and order._prepare_period(
                line.term_number, line.period_number - 1, line.price_factor
            )
            if not values:
                left_out |= line
                continue
            taken_in |= line
            if line._differs_from_period(values):
                line._drop_drafts()
                line.write(values)
        left_out._leave_out()
        taken_in._take_in()
        if self.state == "sale":
            self._plan_terms()

    def _reset_terms(self):
        """Begin in the term of the last invoice, with whole periods, as offered.

        For an order that was cancelled and is offered again.
        """
        self.ensure_one()
        lines = self.schedule_line_ids
        invoiced = lines.filtered("invoice_id")
        self.term_number = max(invoiced.mapped("term_number"), default=1)
        later = self.renewal_ids.filtered(
            lambda renewal: renewal.term_number > self.term_number
        )
        later.filtered(lambda renewal: renewal.state == "renewed")._update_state(
            "cancelled"
        )
        # What had an invoice that was cancelled stays as long as that does.
        lines.filtered(
            lambda line: line.term_number > self.term_number and not line.move_ids
        ).unlink()
        self._replan_periods()
        self._plan_term(self.term_number)

    # === RENEWALS === #

    def _get_announcement_day(self, number):
        """Return the day on which the customer is told about a term."""
        days = self._get_renewal_days() + 1 + self.company_id.cycle_renewal_notice_days
        return self._get_term_start(number) - timedelta(days=days)

    def _get_renewal(self, number):
        """Return the renewal that began, or is to begin, a term; or empty."""
        return self.renewal_ids.filtered(
            lambda renewal: (
                renewal.term_number == number
                and renewal.state in ("announced", "renewed")
            )
        )[:1]
