from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import float_compare

from .cycle_plan import MAX_LINES, RECURRENCE_UNITS

# What the billing periods of a recurring order are counted by.
RECURRENCE_INPUTS = {
    "service_date_start",
    "service_date_end",
    "recurrence_interval",
    "recurrence_unit",
    "recurrence_count",
    "recurrence_in_advance",
    "recurrence_day",
}
# Modes whose payments come from a plan, or are written by hand.
PLANNED_MODES = ("prepayment", "after_completion", "instalments")


def from_plan(name):
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
        compute=from_plan("recurrence_interval"),
        store=True,
        readonly=False,
        help="Length of one billing period, in units.",
    )
    recurrence_unit = fields.Selection(
        RECURRENCE_UNITS,
        compute=from_plan("recurrence_unit"),
        store=True,
        readonly=False,
    )
    recurrence_count = fields.Integer(
        string="Periods per term",
        compute=from_plan("recurrence_count"),
        store=True,
        readonly=False,
        help="The customer commits to this many billing periods; a renewal adds as "
        "many again.",
    )
    recurrence_in_advance = fields.Boolean(
        string="Bill in advance",
        compute=from_plan("recurrence_in_advance"),
        store=True,
        readonly=False,
        help="On: a period is due on its first day. Off: on its last day.",
    )
    recurrence_day = fields.Integer(
        string="Periods begin on day",
        compute=from_plan("recurrence_day"),
        store=True,
        readonly=False,
        help="Day of the month on which billing periods begin; 31 is the last day of "
        "the month. The first period is then a part period, prorated by days, and "
        "counts as one of the term. 0: periods begin on the day of the service start.",
    )
    auto_renew = fields.Boolean(
        string="Renew automatically",
        compute=from_plan("auto_renew"),
        store=True,
        readonly=False,
        help="The order goes on for another term unless notice is given in time.",
    )
    notice_days = fields.Integer(
        compute=from_plan("notice_days"),
        store=True,
        readonly=False,
        help="Notice must be given at least this many days before the term ends.",
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
        *sorted(RECURRENCE_INPUTS),
    )
    def _compute_schedule_line_ids(self):
        is_kept = self.env.context.get("cycle_keep_schedule")
        for order in self:
            lines = None
            if order.state not in ("sale", "cancel") and not is_kept:
                lines = order._prepare_schedule()
            if lines is None:
                # Confirmed, or written by hand: stays as it is.
                order.schedule_line_ids = order.schedule_line_ids
                continue
            order._write_schedule(lines)

    def _write_schedule(self, lines):
        """Replace the payments by those of ``lines``, a list of their values."""
        self.schedule_line_ids = [Command.clear()] + [
            Command.create({"sequence": position * 10, **values})
            for position, values in enumerate(lines, start=1)
        ]

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

    # === WHEN IT IS BUILT === #

    def write(self, vals):
        """Leave schedules alone that are not built from what is written.

        A schedule written by hand is not lost to a date that it has nothing to do
        with.
        """
        if not RECURRENCE_INPUTS & set(vals):
            return super().write(vals)
        kept = self.filtered(lambda x: not x._get_schedule_inputs() & set(vals))
        with self.env.protecting([self._fields["schedule_line_ids"]], kept):
            return super().write(vals)

    def onchange(self, values, field_names, fields_spec):
        """Leave a schedule alone in the form that is not built from what changed."""
        order, names = self, set(field_names)
        if names and names <= RECURRENCE_INPUTS:
            known = {x: values[x] for x in ("payment_mode", "plan_id") if x in values}
            if not names & self.new(known, origin=self)._get_schedule_inputs():
                order = self.with_context(cycle_keep_schedule=True)
        return super(SaleOrder, order).onchange(values, field_names, fields_spec)

    def _get_schedule_inputs(self):
        """Return the names of the fields that this order's schedule is built from."""
        self.ensure_one()
        inputs = {"payment_mode", "plan_id"}
        if self.payment_mode not in PLANNED_MODES:
            inputs |= RECURRENCE_INPUTS
        elif "date" in self.plan_id.line_ids.mapped("trigger"):
            inputs.add("service_date_start")
        return inputs

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
            and 0 <= self.recurrence_day <= 31
        )

    # === PERIODS OF AN OFFER === #

    def _submit_for_approval(self):
        self.sudo()._refresh_periods()
        return super()._submit_for_approval()

    def _refresh_periods(self):
        """Build the billing periods anew where they do not follow from the terms.

        The customer confirms the recurrence: what else was written into the periods,
        by an order's earlier life or another addon, nobody would have agreed to.
        """
        self.ensure_one()
        if self.payment_mode != "recurring" or self.amendment_of_id:
            return
        lines = self._prepare_schedule()
        if not self.schedule_line_ids.move_ids and self._has_other_periods(lines):
            self._write_schedule(lines)

    def _has_other_periods(self, expected):
        """Tell whether the periods are others than ``expected``, a list of values."""
        expected = {line["period_number"]: line for line in expected}
        lines = self.schedule_line_ids
        if sorted(lines.mapped("period_number")) != sorted(expected):
            return True
        return any(
            line.date_due != values["date_due"]
            or line.term_number != values["term_number"]
            or float_compare(line.price_factor, values["price_factor"], 9)
            or line._differs_from_period(values)
            for line in lines
            for values in [expected[line.period_number]]
        )

    # === LEAD TIME === #

    def _get_lead_days(self):
        """Return how many days before its due date a payment is drafted."""
        self.ensure_one()
        if self.plan_id.has_lead_days:
            return self.plan_id.lead_days
        return self.company_id.cycle_lead_days
