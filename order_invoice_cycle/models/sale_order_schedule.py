from datetime import timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tools import format_date

from ..tools.schedule import period, period_start, prorata
from .cycle_plan import MAX_LINES, RECURRENCE_UNITS


def _from_plan(name):
    """Return the compute method of a field of a recurring order that a plan fills.

    One method per field: a value that is given keeps only itself from being filled.
    """

    @api.depends("plan_id", "payment_mode")
    def compute(self):
        for order in self:
            source = order.plan_id or order
            order[name] = source[name] if order.payment_mode == "recurring" else False

    return compute


class SaleOrder(models.Model):
    """Schedule: what is paid when. The payments are ``cycle.schedule.line``."""

    _inherit = "sale.order"

    plan_id = fields.Many2one(
        "cycle.plan",
        string="Payment plan",
        compute="_compute_plan_id",
        store=True,
        readonly=False,
        check_company=True,
        domain="[('payment_mode', '=', payment_mode),"
        " ('company_id', 'in', (False, company_id))]",
        help="Fills the schedule, which can be edited until the order is submitted.",
    )
    schedule_line_ids = fields.One2many(
        "cycle.schedule.line",
        "order_id",
        string="Schedule",
        compute="_compute_schedule_line_ids",
        store=True,
        readonly=False,
        copy=False,
    )
    recurrence_interval = fields.Integer(
        string="Bill every",
        compute=_from_plan("recurrence_interval"),
        store=True,
        readonly=False,
        help="Length of one billing period, in units.",
    )
    recurrence_unit = fields.Selection(
        RECURRENCE_UNITS,
        compute=_from_plan("recurrence_unit"),
        store=True,
        readonly=False,
    )
    recurrence_count = fields.Integer(
        string="Periods per term",
        compute=_from_plan("recurrence_count"),
        store=True,
        readonly=False,
        help="The customer commits to this many billing periods; a renewal adds as "
        "many again.",
    )
    recurrence_in_advance = fields.Boolean(
        string="Bill in advance",
        compute=_from_plan("recurrence_in_advance"),
        store=True,
        readonly=False,
        help="On: a period is due on its first day. Off: on its last day.",
    )
    auto_renew = fields.Boolean(
        string="Renew automatically",
        compute=_from_plan("auto_renew"),
        store=True,
        readonly=False,
        help="The order goes on for another term unless notice is given in time.",
    )
    notice_days = fields.Integer(
        compute=_from_plan("notice_days"),
        store=True,
        readonly=False,
        help="Notice must be given at least this many days before the term ends.",
    )
    term_number = fields.Integer(string="Term", default=1, readonly=True, copy=False)
    date_term_end = fields.Date(
        string="Term ends",
        compute="_compute_term_dates",
        store=True,
        help="Last day of the present term.",
    )
    date_renewal = fields.Date(
        string="Renews on",
        compute="_compute_term_dates",
        store=True,
        help="The day after the last day for giving notice.",
    )
    schedule_problem = fields.Char(
        compute="_compute_schedule_problem",
        help="What is wrong with the schedule, before the order can be submitted.",
    )
    schedule_line_count = fields.Integer(compute="_compute_schedule_line_count")

    # === COMPUTES === #

    @api.depends("payment_mode")
    def _compute_plan_id(self):
        for order in self:
            if order.plan_id.payment_mode != order.payment_mode:
                order.plan_id = False

    @api.depends(
        "payment_mode",
        "plan_id",
        "service_date_start",
        "service_date_end",
        "recurrence_interval",
        "recurrence_unit",
        "recurrence_count",
        "recurrence_in_advance",
    )
    def _compute_schedule_line_ids(self):
        for order in self:
            lines = None
            if order.state not in ("sale", "cancel"):
                lines = order._prepare_schedule()
            if lines is None:
                # Confirmed, or written by hand: stays as it is.
                order.schedule_line_ids = order.schedule_line_ids
                continue
            order.schedule_line_ids = [Command.clear()] + [
                Command.create({"sequence": position * 10, **values})
                for position, values in enumerate(lines, start=1)
            ]

    @api.depends(
        "payment_mode",
        "service_date_start",
        "service_date_end",
        "recurrence_interval",
        "recurrence_unit",
        "recurrence_count",
        "notice_days",
        "auto_renew",
        "term_number",
        "date_terminated",
        "plan_id.has_lead_days",
        "plan_id.lead_days",
        "company_id.cycle_lead_days",
    )
    def _compute_term_dates(self):
        for order in self:
            if not order._can_recur():
                order.date_term_end = order.date_renewal = False
                continue
            first = order.term_number * order.recurrence_count
            next_term = order._get_period_start(first)
            order.date_term_end = next_term - timedelta(days=1)
            # Decided before the first draft of the next term is due.
            days = max(order.notice_days, order._get_lead_days() + 1)
            ends = order.date_terminated or (
                order.service_date_end and order.service_date_end < next_term
            )
            order.date_renewal = (
                order.auto_renew and not ends and next_term - timedelta(days=days)
            )

    @api.depends(
        "schedule_line_ids.amount_type",
        "schedule_line_ids.percent",
        "schedule_line_ids.amount_fixed",
        "schedule_line_ids.date_due",
        "schedule_line_ids.trigger",
        "schedule_line_ids.kind",
        "amount_total",
        "payment_mode",
        "service_date_start",
        "service_date_end",
        "recurrence_interval",
        "recurrence_unit",
        "recurrence_count",
    )
    def _compute_schedule_problem(self):
        for order in self:
            order.schedule_problem = order.payment_mode and (
                order._get_schedule_problem()
            )

    @api.depends("schedule_line_ids")
    def _compute_schedule_line_count(self):
        for order in self:
            order.schedule_line_count = len(order.schedule_line_ids)

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

    def action_view_schedule(self):
        """Open the payments of this order."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "order_invoice_cycle.cycle_schedule_line_action"
        )
        action["domain"] = [("order_id", "=", self.id)]
        action["context"] = {}
        return action

    # === BUILDING THE SCHEDULE === #

    def _prepare_schedule(self):
        """Return the values of the schedule lines, or None to leave them as they are.

        One method per payment mode: ``_prepare_schedule_<mode>``; another addon adds
        a mode by adding a selection value and such a method. The texts are in the
        customer's language, because the customer reads them.
        """
        self.ensure_one()
        if not self.payment_mode:
            return []
        order = self.with_context(lang=self.env["res.company"]._cycle_lang(self.partner_id))
        return getattr(order, f"_prepare_schedule_{self.payment_mode}")()

    def _prepare_schedule_prepayment(self):
        return self._prepare_plan_schedule() or [
            {
                "name": self.env._("Payment in advance"),
                "kind": "deposit",
                "trigger": "confirmation",
            }
        ]

    def _prepare_schedule_after_completion(self):
        return self._prepare_plan_schedule() or [
            {
                "name": self.env._("Payment on completion"),
                "kind": "completion",
                "trigger": "completion",
            }
        ]

    def _prepare_schedule_instalments(self):
        return self._prepare_plan_schedule() or None

    def _prepare_schedule_recurring(self):
        return self._prepare_term(1) if self._can_recur() else []

    def _prepare_plan_schedule(self):
        anchor = self.service_date_start or self.company_id._cycle_today()
        return self.plan_id and self.plan_id._prepare_schedule_lines(anchor)

    def _can_recur(self):
        self.ensure_one()
        return (
            self.payment_mode == "recurring"
            and self.service_date_start
            and self.recurrence_interval > 0
            and self.recurrence_unit
            and 0 < self.recurrence_count <= MAX_LINES
        )

    def _get_lead_days(self):
        """Return how many days before its due date a payment is drafted."""
        self.ensure_one()
        if self.plan_id.has_lead_days:
            return self.plan_id.lead_days
        return self.company_id.cycle_lead_days

    def _get_period_start(self, index):
        """Return the first day of billing period ``index``, counted from 0."""
        return period_start(
            self.service_date_start,
            index,
            self.recurrence_interval,
            self.recurrence_unit,
        )

    def _prepare_term(self, number):
        """Return the values of the billing periods of one term.

        :param int number: the term, from 1
        """
        first = (number - 1) * self.recurrence_count
        lines = [
            self._prepare_period(number, index)
            for index in range(first, first + self.recurrence_count)
        ]
        return [line for line in lines if line]

    def _prepare_period(self, term_number, index):
        """Return the values of one billing period; None after the service end."""
        start, end = period(
            self.service_date_start,
            index,
            self.recurrence_interval,
            self.recurrence_unit,
        )
        share = prorata(start, end, start, self.service_date_end or end)
        if not share:
            return None
        end = min(end, self.service_date_end or end)
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
            "period_start": start,
            "period_end": end,
            "period_share": float(share),
            "date_due": start if self.recurrence_in_advance else end,
        }

    # === WHAT IS WRONG WITH IT === #

    def _get_schedule_problem(self):
        """Return what is wrong with the schedule in one sentence, or False."""
        self.ensure_one()
        if self.payment_mode == "recurring" and not self._can_recur():
            return self.env._(
                "Give the service start, the billing interval and the number of "
                "periods per term (1 to %(most)s).",
                most=MAX_LINES,
            )
        return (
            self._get_schedule_dates_problem()
            or (self.payment_mode != "recurring" and self._get_schedule_sum_problem())
            or False
        )

    def _get_schedule_dates_problem(self):
        lines = self.schedule_line_ids
        start, end = self.service_date_start, self.service_date_end
        if start and end and end < start:
            return self.env._("The service ends before it starts.")
        if not lines:
            return self.env._("Add the payments to the schedule, or choose a plan.")
        if len(lines) > MAX_LINES:
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
        empty = [line for line, weight in weights.items() if weight <= 0]
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

    # === SHARES === #

    def _get_weights(self):
        """Return each scheduled payment's exact share of the order, {line: Fraction}.

        For a recurring order, the share of one period. What percentages lose by
        rounding (three times 33.3333) goes to the last payment.
        """
        self.ensure_one()
        lines = self.schedule_line_ids
        if self.payment_mode == "recurring":
            return {line: line._get_period_share() for line in lines}
        total = Fraction(str(round(self.amount_total, 6)))
        rest = lines.filtered(lambda line: line.amount_type == "rest")
        weights = {line: line._get_share(total) for line in lines - rest}
        missing = Fraction(1) - sum(weights.values())
        weights.update((line, missing / len(rest)) for line in rest)
        if lines and not rest and total:
            if self.currency_id.is_zero(float(missing * total)):
                weights[lines[-1]] += missing
        return weights
