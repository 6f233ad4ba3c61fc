from datetime import timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_repr

from ..tools.schedule import offset_date
from .cycle_plan import AMOUNT_TYPES, KINDS, OFFSET_UNITS, TRIGGERS

# What was agreed with the customer; the due date only where it is a fixed one.
TERMS_FIELDS = [
    "order_id",
    "sequence",
    "name",
    "kind",
    "amount_type",
    "percent",
    "amount_fixed",
    "trigger",
    "offset_value",
    "offset_unit",
    "offset_day",
    "date_due",
]


class CycleScheduleLine(models.Model):
    """One scheduled payment of one order: when it is due, how much, and its invoice.

    It waits for its trigger, is planned for a date, becomes a draft invoice some days
    before, then an invoice, then money. It is the source of truth of what was
    invoiced: at most one live invoice points to it.
    """

    _name = "cycle.schedule.line"
    _inherit = ["cycle.job.mixin"]
    _description = "Scheduled Payment"
    _order = "order_id desc, sequence, id"
    _check_company_auto = True

    order_id = fields.Many2one(
        "sale.order", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="order_id.company_id", store=True, index=True, precompute=True
    )
    partner_id = fields.Many2one(
        related="order_id.partner_id", store=True, precompute=True
    )
    user_id = fields.Many2one(related="order_id.user_id", store=True, precompute=True)
    currency_id = fields.Many2one(
        related="order_id.currency_id", store=True, precompute=True
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(string="Description", required=True)
    kind = fields.Selection(KINDS, required=True, default="instalment")

    amount_type = fields.Selection(
        AMOUNT_TYPES, string="Amount as", required=True, default="rest"
    )
    percent = fields.Float(
        digits=(7, 4), help="Share of the order's total, taxes included."
    )
    amount_fixed = fields.Monetary(
        string="Fixed amount", help="Taxes included, in the order's currency."
    )
    amount_untaxed = fields.Monetary(compute="_compute_amounts", store=True)
    amount_tax = fields.Monetary(string="Taxes", compute="_compute_amounts", store=True)
    amount_total = fields.Monetary(
        string="Total", compute="_compute_amounts", store=True
    )

    trigger = fields.Selection(TRIGGERS, required=True, default="date")
    offset_value = fields.Integer(string="Due after")
    offset_unit = fields.Selection(OFFSET_UNITS, required=True, default="day")
    offset_day = fields.Integer(string="On day")
    date_due = fields.Date(
        string="Due date",
        compute="_compute_date_due",
        store=True,
        readonly=False,
        index=True,
    )
    date_draft = fields.Date(
        string="Draft on",
        compute="_compute_date_draft",
        store=True,
        help="The day from which the draft invoice is made.",
    )
    term_number = fields.Integer(
        string="Term",
        default=1,
        help="Term of a recurring order; a later term is billed once it is renewed.",
    )
    period_start = fields.Date()
    period_end = fields.Date()
    period_share = fields.Float(
        string="Share of a period",
        default=1.0,
        digits=(16, 12),
        help="Less than 1 for a part period, prorated by days.",
    )
    period_number = fields.Integer(
        readonly=True, help="Number of the billing period, from 1."
    )
    price_factor = fields.Float(
        default=1.0,
        digits=(16, 12),
        readonly=True,
        help="What the agreed prices are multiplied by in this term: a price index "
        "that was agreed applies at each renewal.",
    )

    is_skipped = fields.Boolean(readonly=True, copy=False)
    hold_reason = fields.Char(readonly=True, copy=False)
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("planned", "Planned"),
            ("drafted", "Draft invoice"),
            ("invoiced", "Invoiced"),
            ("paid", "Paid"),
            ("held", "On hold"),
            ("cancelled", "Cancelled"),
        ],
        compute="_compute_state",
        store=True,
        index=True,
    )
    move_ids = fields.One2many("account.move", "schedule_line_id", readonly=True)
    invoice_id = fields.Many2one(
        "account.move",
        compute="_compute_invoice_id",
        store=True,
        index="btree_not_null",
    )
    error = fields.Text(readonly=True, copy=False)
    retry_at = fields.Datetime(string="Tried again at", readonly=True, copy=False)

    _amounts_possible = models.Constraint(
        "CHECK (percent >= 0 AND percent <= 100 AND amount_fixed >= 0"
        " AND period_share > 0 AND period_share <= 1)",
        "A scheduled payment is between 0 % and 100 % of the order and not negative.",
    )
    _offset_possible = models.Constraint(
        "CHECK (offset_value >= 0 AND offset_day BETWEEN 0 AND 31)",
        "A payment is due after its trigger, on a day of the month from 1 to 31 "
        "(0 keeps the day).",
    )
    _due = models.Index("(date_draft) WHERE state = 'planned'")

    # === COMPUTES === #

    @api.depends("trigger", "offset_value", "offset_unit", "offset_day")
    def _compute_date_due(self):
        """A payment that waits for an event has no date until it happens.

        One that is amended after its event gets the date of its new delay.
        """
        for line in self:
            line.date_due = line.trigger == "date" and line.date_due

    @api.depends(
        "amount_type",
        "percent",
        "amount_fixed",
        "period_share",
        "price_factor",
        "order_id.payment_mode",
        "order_id.currency_id",
        "order_id.order_line.price_total",
        "order_id.order_line.tax_ids",
        "order_id.schedule_line_ids.amount_type",
        "order_id.schedule_line_ids.percent",
        "order_id.schedule_line_ids.amount_fixed",
        "order_id.schedule_line_ids.settled_amounts",
    )
    def _compute_amounts(self):
        for order, lines in self.grouped("order_id").items():
            shares = order._get_schedule_amounts() if order else {}
            for line in lines:
                untaxed, tax = shares.get(line, (0.0, 0.0))
                line.amount_untaxed = untaxed
                line.amount_tax = tax
                line.amount_total = untaxed + tax

    @api.depends(
        "date_due",
        "order_id.plan_id.has_lead_days",
        "order_id.plan_id.lead_days",
        "company_id.cycle_lead_days",
    )
    def _compute_date_draft(self):
        for line in self:
            days = line.order_id._get_lead_days() if line.order_id else 0
            line.date_draft = line.date_due and line.date_due - timedelta(days=days)

    @api.depends("move_ids.state", "move_ids.move_type", "move_ids.is_replaced")
    def _compute_invoice_id(self):
        for line in self:
            line.invoice_id = line.move_ids.filtered(
                lambda move: (
                    move.state != "cancel"
                    and move.move_type == "out_invoice"
                    and not move.is_replaced
                )
            )[:1]

    @api.depends(
        "order_id.state",
        "order_id.is_paused",
        "order_id.term_number",
        "term_number",
        "is_skipped",
        "is_payment_awaited",
        "hold_reason",
        "date_due",
        # Through the invoices rather than the invoice: their inverse is in memory,
        # so that a new invoice finds its line without a query.
        "move_ids.state",
        "move_ids.payment_state",
        "invoice_id",
    )
    def _compute_state(self):
        for line in self:
            line.state = line._get_state()

    def _get_state(self):
        invoice = self.invoice_id
        if invoice.state == "draft":
            return "drafted"
        if self._is_reversed():
            return "cancelled"
        if invoice.payment_state in ("paid", "in_payment", "reversed"):
            return "paid"
        if invoice:
            return "invoiced"
        if self.is_skipped or self.order_id.state == "cancel":
            return "cancelled"
        if self.hold_reason and self.order_id.state == "sale":
            return "held"
        return "waiting" if self._is_waiting() else "planned"

    def _is_waiting(self):
        """Tell whether something has to happen before this payment is invoiced."""
        return bool(
            self.order_id.state != "sale"
            or not self.date_due
            or self.is_payment_awaited
            or self._is_paused()
            or self.term_number > self.order_id.term_number
        )

    @api.depends("name", "order_id.name")
    def _compute_display_name(self):
        for line in self:
            line.display_name = f"{line.order_id.name or ''} – {line.name or ''}"

    # === CHECKS === #

    @api.constrains(*TERMS_FIELDS, "is_left_out")
    def _check_confirmed_terms(self):
        self.order_id._check_confirmed_terms()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_invoiced(self):
        for line in self:
            if line.order_id.state == "sale":
                raise UserError(
                    self.env._(
                        "“%(line)s” is part of a confirmed schedule and cannot be "
                        "deleted. Skip it, or offer another schedule with “Amend”.",
                        line=line.display_name,
                    )
                )
            invoices = line.sudo().move_ids.filtered(
                lambda move: move.state != "cancel"
            )
            if invoices:
                raise UserError(
                    self.env._(
                        "“%(line)s” was invoiced (%(invoices)s) and stays in the "
                        "schedule. Change the other payments.",
                        line=line.display_name,
                        invoices=", ".join(invoices.mapped("display_name")),
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_paid(self):
        for line in self:
            if line._is_paid_by_payment():
                raise UserError(
                    self.env._(
                        "“%(line)s” was paid by %(payment)s and stays in the schedule. "
                        "Change the other payments.",
                        line=line.display_name,
                        payment=line.sudo().deposit_payment_id.display_name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_let_go_of_cancelled(self):
        """Cancelled invoices stay when their payment goes."""
        cancelled = self.sudo().move_ids.filtered(lambda move: move.state == "cancel")
        cancelled._message_log_batch(
            bodies={
                move.id: self.env._(
                    "“%(line)s” was removed from the schedule.",
                    line=move.schedule_line_id.display_name,
                )
                for move in cancelled
            }
        )
        cancelled.schedule_line_id = False

    # === TERMS === #

    def _get_terms(self):
        """Return this payment's part of the order's terms; see ``sale.order``.

        A payment that waits for an event is agreed by its delay: the date it gets
        when the event happens is not a new term.
        """
        self.ensure_one()
        terms = {"name": self.name or "", "kind": self.kind, "trigger": self.trigger}
        if self.amount_type == "percent":
            terms["percent"] = float_repr(self.percent, 4)
        elif self.amount_type == "fixed":
            digits = self.currency_id.decimal_places
            terms["amount"] = float_repr(self.amount_fixed, digits)
        if self.trigger == "date":
            terms["due"] = fields.Date.to_string(self.date_due) or ""
        else:
            terms["delay"] = [self.offset_value, self.offset_unit, self.offset_day]
        return terms

    # === SHARES AND DATES === #

    def _get_share(self, total):
        """Return the exact share of an order's total that a percentage or a fixed
        amount stands for.

        :param Fraction total: the order's total
        """
        self.ensure_one()
        if self.amount_type == "percent":
            return Fraction(str(round(self.percent, 4))) / 100
        fixed = Fraction(str(round(self.amount_fixed, 6)))
        return fixed / total if total else Fraction(0)

    def _is_paused(self):
        """Tell whether a pause of the order stops this payment.

        A billing period that ended before the pause began is owed and goes on.
        """
        self.ensure_one()
        order = self.order_id
        if not order.is_paused or not self.period_end:
            return order.is_paused
        return self.period_end >= order._get_pause_start()

    def _set_triggered(self, trigger, date):
        """Date the lines that wait for ``trigger``, which happened on ``date``.

        In superuser mode: people give no date to what waits for an event.
        """
        for line in self.sudo().filtered(
            lambda line: line.trigger == trigger and not line.invoice_id
        ):
            line.date_due = offset_date(
                date, line.offset_value, line.offset_unit, line.offset_day
            )

    # === BUTTONS === #

    def action_draft_invoice(self):
        """Draft the invoices of ``self``; lines that have one keep it.

        :return: the draft invoices, one per line, ``account.move``
        :raise UserError: when a line is not waiting to be invoiced
        """
        self.order_id.check_access("write")
        self._draft_invoices()
        return self.invoice_id

    def action_hold(self, reason=None):
        """Keep the lines from being drafted until they are released.

        :raise UserError: when their order is not running
        """
        self.order_id.check_access("write")
        self._check_running()
        lines = self.filtered(lambda line: not line.invoice_id and not line.is_skipped)
        lines.sudo().hold_reason = reason or self.env._(
            "Put on hold by %(user)s", user=self.env.user.name
        )

    def action_release(self):
        """Let held lines be drafted again."""
        self.order_id.check_access("write")
        self.sudo().hold_reason = False
        self.env.ref("order_invoice_cycle.ir_cron_draft_invoices").sudo()._trigger()

    def action_skip(self):
        """Give the lines up for good: they are never invoiced.

        :raise UserError: when one has an invoice, or their order is not running
        """
        self.order_id.check_access("write")
        self._check_running()
        invoiced = self.filtered("invoice_id")[:1]
        if invoiced:
            raise UserError(
                self.env._(
                    "“%(line)s” has an invoice and cannot be skipped. Cancel or "
                    "credit the invoice first.",
                    line=invoiced.display_name,
                )
            )
        self.sudo().write(
            {"is_skipped": True, "is_left_out": False, "hold_reason": False}
        )

    def _check_running(self):
        """Refuse what only makes sense once the customer has confirmed."""
        for order in self.order_id:
            order._check_running()

    def action_view_invoice(self):
        self.ensure_one()
        return self.invoice_id.get_formview_action()
