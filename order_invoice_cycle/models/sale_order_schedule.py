from datetime import timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..tools.schedule import period, period_start, prorata
from ..tools.shares import base_line_amounts, split_base_lines
from .cycle_plan import RECURRENCE_UNITS

MAX_LINES = 240


class SaleOrder(models.Model):
    """Schedule: what is paid when. The payments are ``cycle.schedule.line``."""

    _inherit = "sale.order"

    plan_id = fields.Many2one(
        "cycle.plan",
        string="Payment plan",
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
        compute="_compute_recurrence",
        store=True,
        readonly=False,
        help="Length of one billing period, in units.",
    )
    recurrence_unit = fields.Selection(
        RECURRENCE_UNITS, compute="_compute_recurrence", store=True, readonly=False
    )
    recurrence_count = fields.Integer(
        string="Periods per term",
        compute="_compute_recurrence",
        store=True,
        readonly=False,
        help="The customer commits to this many billing periods; a renewal adds as "
        "many again.",
    )
    recurrence_in_advance = fields.Boolean(
        string="Bill in advance",
        compute="_compute_recurrence",
        store=True,
        readonly=False,
        help="On: a period is due on its first day. Off: on its last day.",
    )
    auto_renew = fields.Boolean(
        string="Renew automatically",
        compute="_compute_recurrence",
        store=True,
        readonly=False,
        help="The order goes on for another term unless notice is given in time.",
    )
    notice_days = fields.Integer(
        compute="_compute_recurrence",
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
    date_completed = fields.Date(readonly=True, copy=False, tracking=True)
    date_terminated = fields.Date(readonly=True, copy=False, tracking=True)
    is_paused = fields.Boolean(readonly=True, copy=False, tracking=True)
    schedule_problem = fields.Char(
        compute="_compute_schedule_problem",
        help="What is wrong with the schedule, before the order can be submitted.",
    )
    schedule_line_count = fields.Integer(compute="_compute_schedule_line_count")
    is_deposit_due = fields.Boolean(
        compute="_compute_is_deposit_due",
        help="The prepayment has not been paid, so work should not start.",
    )

    # === COMPUTES === #

    @api.depends("plan_id", "payment_mode")
    def _compute_recurrence(self):
        names = [
            "recurrence_interval",
            "recurrence_unit",
            "recurrence_count",
            "recurrence_in_advance",
            "auto_renew",
            "notice_days",
        ]
        for order in self:
            recurring = order.payment_mode == "recurring"
            source = order.plan_id if recurring and order.plan_id else order
            for name in names:
                order[name] = source[name] if recurring else False

    @api.depends(
        "payment_mode",
        "plan_id",
        "service_date_start",
        "service_date_end",
        "recurrence_interval",
        "recurrence_unit",
        "recurrence_count",
        "recurrence_in_advance",
        "auto_renew",
    )
    def _compute_schedule_line_ids(self):
        for order in self:
            if order.state in ("sale", "cancel"):
                continue
            lines = order._prepare_schedule()
            if lines is None:
                # Written by hand: stays as it is.
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
        "plan_id",
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
            lead_days = order.plan_id.lead_days if order.plan_id.has_lead_days else (
                order.company_id.cycle_lead_days
            )
            # Decided before the first draft of the next term is due.
            notice = max(order.notice_days, lead_days + 1)
            ends = order.date_terminated or (
                order.service_date_end and order.service_date_end < next_term
            )
            order.date_renewal = (
                order.auto_renew and not ends and next_term - timedelta(days=notice)
            )

    @api.depends(
        "schedule_line_ids.amount_type",
        "schedule_line_ids.percent",
        "schedule_line_ids.amount_fixed",
        "schedule_line_ids.date_due",
        "schedule_line_ids.trigger",
        "amount_total",
        "payment_mode",
        "service_date_start",
        "recurrence_interval",
        "recurrence_unit",
        "recurrence_count",
    )
    def _compute_schedule_problem(self):
        for order in self:
            order.schedule_problem = order.payment_mode and (
                order._get_schedule_problem()
            )

    def _compute_schedule_line_count(self):
        for order in self:
            order.schedule_line_count = len(order.schedule_line_ids)

    @api.depends("payment_mode", "state", "schedule_line_ids.state")
    def _compute_is_deposit_due(self):
        for order in self:
            order.is_deposit_due = (
                order.payment_mode == "prepayment"
                and order.state == "sale"
                and any(
                    line.kind == "deposit" and line.state not in ("paid", "cancelled")
                    for line in order.schedule_line_ids
                )
            )

    # === BUTTONS === #

    def action_mark_completed(self, date=None):
        """Record that the service is done; payments after completion become due.

        :param date date: the day of completion, today by default
        :raise UserError: when the order is not running, or its prepayment is not
            paid and the user is not a manager
        """
        for order in self:
            order.check_access("write")
            order._mark_completed(fields.Date.to_date(date))

    def action_pause(self):
        """Stop billing until the orders are resumed."""
        for order in self:
            order.check_access("write")
            order._check_running()
        self.write({"is_paused": True})

    def action_resume(self):
        """Bill paused orders again; the dates stay on their anchor day."""
        self.check_access("write")
        self.write({"is_paused": False})
        self._trigger_drafting()

    def action_terminate(self, date=None, reason=None):
        """End recurring orders at a date; later periods are never billed.

        :param date date: last day of the service, today by default
        :param str reason: kept in the chatter
        """
        for order in self:
            order.check_access("write")
            order._check_running()
            order._terminate(
                fields.Date.to_date(date) or order.company_id._cycle_today(), reason
            )

    def action_view_schedule(self):
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
        a mode by adding a selection value and such a method.
        """
        self.ensure_one()
        if not self.payment_mode:
            return []
        return getattr(self, f"_prepare_schedule_{self.payment_mode}")()

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
        if not self._can_recur():
            return []
        return self._prepare_term(1)

    def _prepare_plan_schedule(self):
        plan = self.plan_id
        if plan.payment_mode != self.payment_mode:
            return []
        anchor = self.service_date_start or self.company_id._cycle_today()
        return plan._prepare_schedule_lines(anchor)

    def _can_recur(self):
        self.ensure_one()
        return (
            self.payment_mode == "recurring"
            and self.service_date_start
            and self.recurrence_interval > 0
            and self.recurrence_unit
            and 0 < self.recurrence_count <= MAX_LINES
        )

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
        result = []
        for index in range(first, first + self.recurrence_count):
            start, end = period(
                self.service_date_start,
                index,
                self.recurrence_interval,
                self.recurrence_unit,
            )
            last_day = self.service_date_end
            share = Fraction(1)
            if last_day:
                share = prorata(start, end, start, last_day)
                end = min(end, last_day)
            if not share:
                break
            result.append(
                {
                    "sequence": (index + 1) * 10,
                    "name": self.env._(
                        "Period %(number)s: %(start)s – %(end)s",
                        number=index + 1,
                        start=start,
                        end=end,
                    ),
                    "kind": "period",
                    "trigger": "date",
                    "term_number": number,
                    "period_start": start,
                    "period_end": end,
                    "period_share": float(share),
                    "date_due": start if self.recurrence_in_advance else end,
                }
            )
        return result

    def _get_schedule_problem(self):
        """Return what is wrong with the schedule in one sentence, or False."""
        self.ensure_one()
        lines = self.schedule_line_ids
        if self.payment_mode == "recurring" and not self._can_recur():
            return self.env._(
                "Give the service start, the billing interval and the number of "
                "periods per term (1 to %(most)s).",
                most=MAX_LINES,
            )
        if not lines:
            return self.env._("Add the payments to the schedule, or choose a plan.")
        if len(lines) > MAX_LINES:
            return self.env._(
                "A schedule has at most %(most)s payments.", most=MAX_LINES
            )
        undated = lines.filtered(lambda x: x.trigger == "date" and not x.date_due)[:1]
        if undated:
            return self.env._("Give “%(line)s” a due date.", line=undated.name)
        if self.payment_mode == "recurring":
            return False
        empty = lines.filtered(lambda x: self._get_weights()[x] <= 0)[:1]
        if empty and self.amount_total:
            return self.env._(
                "“%(line)s” has no amount: give it one, or remove it.", line=empty.name
            )
        missing = 1 - sum(self._get_weights().values())
        amount = float(missing) * self.amount_total
        if not self.currency_id.is_zero(amount) or (
            not self.amount_total and abs(missing) > Fraction(1, 10**6)
        ):
            return self.env._(
                "The payments add up to %(percent)s %% of the order, %(amount)s "
                "%(direction)s: change them, or let one payment take the rest.",
                percent=f"{float(1 - missing) * 100:g}",
                amount=self.currency_id.format(abs(amount)),
                direction=self.env._("are missing")
                if missing > 0
                else self.env._("are too much"),
            )
        return False

    # === AMOUNTS === #

    def _get_weights(self):
        """Return each schedule line's exact share of the order, {line: Fraction}."""
        self.ensure_one()
        lines = self.schedule_line_ids
        total = Fraction(str(round(self.amount_total, 6)))
        weights = {}
        for line in lines:
            if line.amount_type == "percent":
                weights[line] = Fraction(str(round(line.percent, 6))) / 100
            elif line.amount_type == "fixed":
                fixed = Fraction(str(round(line.amount_fixed, 6)))
                weights[line] = fixed / total if total else Fraction(0)
        rest = lines.filtered(lambda line: line.amount_type == "rest")
        left = 1 - sum(weights.values())
        weights.update((line, left / len(rest)) for line in rest)
        return weights

    def _get_rounded_base_lines(self):
        """Return the order's base lines with the tax amounts of its totals."""
        self.ensure_one()
        account_tax = self.env["account.tax"]
        base_lines = [
            line._prepare_base_line_for_taxes_computation()
            for line in self._get_priced_lines()
        ]
        account_tax._add_tax_details_in_base_lines(base_lines, self.company_id)
        account_tax._round_base_lines_tax_details(base_lines, self.company_id)
        return base_lines

    def _split(self, weights):
        """Return the order's base lines split by ``weights``, one list per weight."""
        weights = list(weights)
        left = 1 - sum(weights)
        shares = split_base_lines(
            self.env["account.tax"],
            self._get_rounded_base_lines(),
            self.company_id,
            weights + [left] if left else weights,
            self.env["decimal.precision"].precision_get("Product Price"),
        )
        return shares[: len(weights)]

    def _get_schedule_shares(self):
        """Return the base lines of each scheduled payment, {line: base lines}."""
        self.ensure_one()
        lines = self.schedule_line_ids
        if not lines or not self._get_priced_lines():
            return {}
        if self.payment_mode != "recurring":
            weights = self._get_weights()
            return dict(zip(lines, self._split(weights[x] for x in lines), strict=True))
        shares = {
            weight: self._split([weight])[0] for weight in set(lines.mapped(_share))
        }
        return {line: shares[_share(line)] for line in lines}

    def _get_schedule_amounts(self):
        """Return {schedule line: (untaxed, tax)} in the order's currency."""
        self.ensure_one()
        result = {}
        for line, base_lines in self._get_schedule_shares().items():
            amounts = [base_line_amounts(base_line) for base_line in base_lines]
            result[line] = (
                self.currency_id.round(sum(amount[0] for amount in amounts)),
                self.currency_id.round(sum(amount[1] for amount in amounts)),
            )
        return result

    def _get_invoiced_share(self):
        """Return how much of the order has an invoice, from 0.0 to 1.0."""
        self.ensure_one()
        if self.payment_mode == "recurring":
            return float(bool(self.schedule_line_ids.invoice_id))
        return float(
            sum(
                weight
                for line, weight in self._get_weights().items()
                if line.state in ("drafted", "invoiced", "paid")
            )
        )

    def _prepare_schedule_invoice_lines(self, schedule_line):
        """Return the values of the invoice lines of one scheduled payment.

        A payment of the whole order invoices the order's own lines. A part of it
        keeps the agreed quantity and price in the text and has the exact amounts of
        its share in ``extra_tax_data``, which core's tax engine honours.
        """
        self.ensure_one()
        lines = self.order_line.filtered(lambda line: not line.is_downpayment)
        weight = self._get_line_weight(schedule_line)
        if weight == 1:
            values = [
                line._prepare_invoice_line(quantity=line.product_uom_qty)
                for line in lines
            ]
            if schedule_line.kind != "period":
                return values
        else:
            shares = self._get_schedule_shares()[schedule_line]
            values = [
                self._prepare_partial_invoice_line(base_line, sequence)
                for sequence, base_line in enumerate(shares, start=1)
            ]
        heading = {
            "display_type": "line_section",
            "name": self._get_schedule_line_heading(schedule_line),
            "sequence": 0,
        }
        return [heading, *values]

    def _get_line_weight(self, schedule_line):
        if self.payment_mode == "recurring":
            return _share(schedule_line)
        return self._get_weights()[schedule_line]

    def _get_schedule_line_heading(self, schedule_line):
        """Return the heading of a part invoice: which part of which order."""
        return self.env._(
            "%(name)s – order %(order)s", name=schedule_line.name, order=self.name
        )

    def _prepare_partial_invoice_line(self, base_line, sequence):
        line = base_line["record"]
        values = line._prepare_invoice_line(
            quantity=1.0,
            discount=0.0,
            price_unit=base_line["price_unit"],
            sequence=sequence,
            extra_tax_data=self.env["account.tax"]._export_base_line_extra_tax_data(
                base_line
            ),
        )
        values["product_uom_id"] = False
        values["name"] = self._get_partial_line_text(line)
        return values

    def _get_partial_line_text(self, line):
        """Return the text of a part invoice's line, with the agreed quantity."""
        quantity = f"{line.product_uom_qty:g} {line.product_uom_id.name or ''}".strip()
        price = self.currency_id.format(line.price_unit)
        if line.discount:
            return self.env._(
                "%(name)s (%(quantity)s at %(price)s less %(discount)s %%)",
                name=line.name,
                quantity=quantity,
                price=price,
                discount=f"{line.discount:g}",
            )
        return self.env._(
            "%(name)s (%(quantity)s at %(price)s)",
            name=line.name,
            quantity=quantity,
            price=price,
        )

    # === RUNNING THE SCHEDULE === #

    def _start_schedule(self):
        """Date what waits for the confirmation, and plan a renewable next term."""
        for order in self:
            today = order.company_id._cycle_today()
            order.schedule_line_ids._set_triggered("confirmation", today)
            if order.date_renewal:
                order._plan_term(2)
        self._trigger_drafting()

    def _plan_term(self, number):
        self.schedule_line_ids = [
            Command.create(values) for values in self._prepare_term(number)
        ]

    def _mark_completed(self, date):
        self.ensure_one()
        self._check_running()
        is_manager = self.env.user.has_group("order_invoice_cycle.group_cycle_manager")
        if self.is_deposit_due and not is_manager:
            raise UserError(
                self.env._(
                    "The prepayment of order %(order)s has not been paid. Wait for "
                    "the payment, or ask a manager to mark it as completed.",
                    order=self.name,
                )
            )
        date = date or self.company_id._cycle_today()
        self.sudo().date_completed = date
        self.sudo().schedule_line_ids._set_triggered("completion", date)
        self._trigger_drafting()

    def _terminate(self, date, reason):
        self.ensure_one()
        self.sudo().date_terminated = date
        open_lines = self.sudo().schedule_line_ids.filtered(
            lambda line: not line.invoice_id and line.period_start
        )
        open_lines.filtered(lambda line: line.period_start > date).is_skipped = True
        for line in open_lines.filtered(
            lambda line: line.period_start <= date < line.period_end
        ):
            share = prorata(line.period_start, line.period_end, line.period_start, date)
            line.write(
                {
                    "period_share": float(share * _share(line)),
                    "period_end": date,
                    "date_due": line.date_due
                    if self.recurrence_in_advance
                    else date,
                }
            )
        self.message_post(
            body=self.env._(
                "Terminated at %(date)s. %(reason)s", date=date, reason=reason or ""
            )
        )

    def _check_running(self):
        self.ensure_one()
        if not self.payment_mode or self.state != "sale":
            raise UserError(
                self.env._(
                    "Order %(order)s is not running: the customer has to confirm it "
                    "first.",
                    order=self.name,
                )
            )

    def _draft_next_invoice(self):
        """Draft the next planned payment of each order, as *Create invoice* asks."""
        lines = self.env["cycle.schedule.line"]
        for order in self:
            planned = order.schedule_line_ids.filtered(
                lambda line: line.state in ("planned", "held")
            ).sorted("date_due")
            if not planned:
                raise UserError(
                    self.env._(
                        "Order %(order)s has no payment to invoice now: %(hint)s",
                        order=order.name,
                        hint=order.schedule_line_ids.filtered(
                            lambda line: line.state == "waiting"
                        )[:1]._get_drafting_hint()
                        if "waiting" in order.schedule_line_ids.mapped("state")
                        else self.env._("everything has been invoiced."),
                    )
                )
            lines |= planned[0]
        lines._draft_invoices()
        return lines.invoice_id

    def _trigger_drafting(self):
        self.env.ref("order_invoice_cycle.ir_cron_draft_invoices").sudo()._trigger()

    # === RENEWAL === #

    def _renew_term(self):
        """Begin the next term of recurring orders and plan the one after it."""
        for order in self:
            order.term_number += 1
            order._plan_term(order.term_number + 1)
            order.message_post(
                body=self.env._(
                    "Renewed for term %(term)s, until %(date)s, at %(price)s per "
                    "period.",
                    term=order.term_number,
                    date=order.date_term_end,
                    price=order.currency_id.format(order.amount_total),
                )
            )
        self._job_succeeded()
        self._trigger_drafting()


def _share(line):
    """Return the exact share of a period that a billing line stands for."""
    return Fraction(line.period_share).limit_denominator(10**6)
