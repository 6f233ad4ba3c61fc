from datetime import timedelta

from odoo import api, fields, models
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
    schedule_line_count = fields.Integer(compute="_compute_schedule_line_count")

    # === COMPUTES === #

    @api.depends("payment_mode")
    def _compute_plan_id(self):
        for order in self:
            if order.plan_id.payment_mode != order.payment_mode:
                order.plan_id = order.payment_mode and order._get_default_plan()

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

    @api.depends("schedule_line_ids")
    def _compute_schedule_line_count(self):
        for order in self:
            order.schedule_line_count = len(order.schedule_line_ids)

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
        lang = self.env["res.company"]._cycle_lang(self.partner_id)
        order = self.with_context(lang=lang)
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
