from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import float_repr, html2plaintext

from ..tools.terms import canonical_json, terms_hash
from .res_company import PAYMENT_MODES
from .sale_order_shares import OPEN_STATES

# Fields of an order that its terms are made of; their change needs a new version.
TERMS_FIELDS = [
    "company_id",
    "partner_id",
    "currency_id",
    "note",
    "payment_term_id",
    "payment_mode",
    "deposit_document",
    "plan_id",
    "service_date_start",
    "service_date_end",
    "recurrence_interval",
    "recurrence_unit",
    "recurrence_count",
    "recurrence_in_advance",
    "recurrence_day",
    "auto_renew",
    "notice_days",
    "price_index",
    "price_index_percent",
    "price_index_id",
]
# Lets an order become an offer again. An object of this process, so that no context of
# a remote call can hold it.
REOPENING = object()
# What approval and confirmation rest on, and what happened to a running order:
# computed, counted or written by a button, never typed in.
PROTECTED_FIELDS = {
    "acceptance_id",
    "amendment_of_id",
    "applied_amendment_id",
    "cycle_customer_number",
    "cycle_error",
    "cycle_fiscal_position_id",
    "cycle_pdf_id",
    "cycle_pdf_sha256",
    "cycle_retry_at",
    "cycle_stage",
    "date_amended",
    "date_cancel_by",
    "date_completed",
    "date_notice_given",
    "date_renewal",
    "date_renewal_notice",
    "date_term_end",
    "date_terminated",
    "is_paused",
    "notice_given_by",
    "renewal_days",
    "term_number",
    "terms_hash",
    "terms_version",
}


class SaleOrder(models.Model):
    """An order with a payment mode goes through the order cycle; others do not."""

    _name = "sale.order"
    _inherit = ["sale.order", "cycle.job.mixin"]
    _job_error_field = "cycle_error"
    _job_retry_field = "cycle_retry_at"

    payment_mode = fields.Selection(
        PAYMENT_MODES,
        default=lambda self: self.env.company.cycle_default_payment_mode,
        tracking=True,
        help="How the customer pays. Empty: the order stays outside the order cycle "
        "and behaves as any other sales order.",
    )
    service_date_start = fields.Date(
        string="Service start",
        help="First day of the service; recurring periods are counted from it.",
    )
    service_date_end = fields.Date(
        string="Service end", help="Last day of the service, if there is one."
    )
    cycle_stage = fields.Selection(
        [
            ("draft", "Draft"),
            ("to_approve", "To Approve"),
            ("rejected", "Rejected"),
            ("approved", "Approved"),
            ("awaiting_customer", "Waiting for Customer"),
            ("changes_requested", "Changes Requested"),
            ("confirmed", "Running"),
            ("completed", "Completed"),
            ("cancelled", "Cancelled"),
            ("applied", "Amendment Applied"),
        ],
        string="Stage",
        compute="_compute_cycle_stage",
        store=True,
        index="btree_not_null",
        tracking=True,
    )
    terms_hash = fields.Char(
        string="Terms",
        compute="_compute_terms_hash",
        store=True,
        help="Fingerprint of what the customer is offered. Approval and confirmation "
        "hold for exactly these terms.",
    )
    # The customer as the terms name them. Kept, because contacts are merged in the
    # database itself: the customer stays who they were, and so do the terms.
    cycle_customer_number = fields.Integer(
        string="Customer in the terms",
        compute="_compute_cycle_customer_number",
        store=True,
        # An amendment is created with that of its order; nobody else may write it.
        readonly=False,
        copy=False,
    )
    terms_version = fields.Integer(string="Version", readonly=True, copy=False)
    cycle_error = fields.Text(readonly=True, copy=False, groups="base.group_user")
    cycle_retry_at = fields.Datetime(
        readonly=True, copy=False, groups="base.group_user"
    )

    # === TERMS === #

    @api.depends("partner_id")
    def _compute_cycle_customer_number(self):
        for order in self:
            order.cycle_customer_number = order.partner_id._origin.id

    @api.depends(
        *TERMS_FIELDS,
        "amount_untaxed",
        "amount_tax",
        "amount_total",
        "order_line.display_type",
        "order_line.product_id",
        "order_line.name",
        "order_line.sequence",
        "order_line.product_uom_qty",
        "order_line.product_uom_id",
        "order_line.price_unit",
        "order_line.discount",
        "order_line.tax_ids",
        "schedule_line_ids.sequence",
        "schedule_line_ids.name",
        "schedule_line_ids.kind",
        "schedule_line_ids.amount_type",
        "schedule_line_ids.percent",
        "schedule_line_ids.amount_fixed",
        "schedule_line_ids.trigger",
        "schedule_line_ids.offset_value",
        "schedule_line_ids.offset_unit",
        "schedule_line_ids.offset_day",
        "schedule_line_ids.date_due",
        "schedule_line_ids.is_left_out",
    )
    def _compute_terms_hash(self):
        for order in self:
            order.terms_hash = order.payment_mode and terms_hash(order._get_terms())

    def _get_terms(self):
        """Return what the customer is offered, as plain text values.

        The content of the approval, the confirmation and their evidence: two orders
        with equal terms are the same offer. Records are named by id, so that a
        customer who moves house does not void a signature.

        :return: a dict that :func:`tools.terms.canonical_json` accepts
        """
        self.ensure_one()
        order = self
        digits = order.currency_id.decimal_places
        terms = {
            "company": order.company_id.id,
            "customer": order.cycle_customer_number,
            "currency": order.currency_id.name,
            "lines": [line._get_terms() for line in _in_order(order.order_line)],
            "amount_untaxed": float_repr(order.amount_untaxed, digits),
            "amount_tax": float_repr(order.amount_tax, digits),
            "amount_total": float_repr(order.amount_total, digits),
            "service_start": fields.Date.to_string(order.service_date_start) or "",
            "service_end": fields.Date.to_string(order.service_date_end) or "",
            "payment_mode": order.payment_mode or "",
            "payment_term": order.payment_term_id.id or 0,
            "terms_text": html2plaintext(order.note or "").strip(),
        }
        if order.deposit_document == "request":
            terms["deposit_document"] = "request"
        if order.payment_mode == "recurring":
            terms["recurrence"] = {
                "interval": order.recurrence_interval,
                "unit": order.recurrence_unit or "",
                "periods_per_term": order.recurrence_count,
                "in_advance": order.recurrence_in_advance,
                "auto_renew": order.auto_renew,
                "notice_days": order.notice_days,
                **order._get_renewal_terms(),
            }
        else:
            terms["schedule"] = [
                line._get_terms()
                for line in _in_order(order.schedule_line_ids)
                if not line.is_left_out
            ]
        return terms

    def _get_terms_json(self):
        """Return the canonical JSON whose SHA-256 is ``terms_hash``."""
        self.ensure_one()
        return canonical_json(self._get_terms())

    def _get_amount_in_company_currency(self):
        """Return the total with taxes, in the company's currency at the order's rate.

        What the limits of rules and settings are compared with.
        """
        self.ensure_one()
        return self.amount_total / (self.currency_rate or 1.0)

    # === STAGE === #

    @api.depends(
        "payment_mode",
        "state",
        "terms_hash",
        "terms_version",
        "approval_ids.state",
        "approval_ids.terms_hash",
        "confirmation_ids.state",
        "confirmation_ids.terms_hash",
        "schedule_line_ids.state",
        "date_amended",
    )
    def _compute_cycle_stage(self):
        for order in self:
            order.cycle_stage = order.payment_mode and order._get_cycle_stage()

    def _get_cycle_stage(self):
        if self.state == "cancel":
            return "cancelled"
        if self.state == "sale":
            ended = self.schedule_line_ids and all(
                line.state in ("paid", "cancelled") for line in self.schedule_line_ids
            )
            return "completed" if ended else "confirmed"
        answers = set(self._get_current_confirmations().mapped("state"))
        if answers & {"pending", "sent", "confirmed"}:
            return "awaiting_customer"
        if "commented" in answers:
            return "changes_requested"
        decisions = self._get_current_approvals().mapped("state")
        if "rejected" in decisions:
            return "rejected"
        if self._is_approved():
            return "approved"
        return "to_approve" if {"waiting", "pending"} & set(decisions) else "draft"

    # === NO DOOR AROUND THE CYCLE === #

    @api.constrains("state", *TERMS_FIELDS)
    def _check_confirmed_terms(self):
        """The invariant: a cycle order is a sale only on confirmed, unchanged terms.

        It holds for every way of writing, so no button, import, remote call or
        context key needs a guard of its own.
        """
        for order in self:
            if order.state == "sale" and order.payment_mode:
                if not order._is_confirmed_by_customer():
                    raise ValidationError(order._get_confirmation_obstacle())
            elif order.state == "sale" and order.terms_version:
                raise ValidationError(order._get_confirmation_obstacle())
            elif not order.payment_mode and order.terms_version:
                raise ValidationError(
                    self.env._(
                        "Order %(order)s is in the order cycle: its approvals belong "
                        "to it, so the payment mode cannot be removed. Choose another "
                        "payment mode, or make a copy of the order.",
                        order=order.name,
                    )
                )

    @api.constrains("payment_mode")
    def _check_quantities_not_negative(self):
        self.order_line._check_quantity_not_negative()

    @api.model
    def _has_field_access(self, field, operation):
        """Keep people, imports and remote calls from writing the protected fields."""
        if operation == "write" and not self.env.su and field.name in PROTECTED_FIELDS:
            return False
        return super()._has_field_access(field, operation)

    def _get_confirmation_obstacle(self):
        """Return why this order may not be confirmed yet, and what to do."""
        self.ensure_one()
        if self.state == "sale" and not self.terms_version:
            return self.env._(
                "Order %(order)s was not approved in the order cycle, so it cannot be "
                "a confirmed order with a payment mode. Submit it for approval as a "
                "quotation; if it is confirmed already, cancel it and set it back to "
                "quotation first, or make a copy of it.",
                order=self.name,
            )
        if self.state == "sale" and self._was_confirmed():
            return self.env._(
                "The terms of order %(order)s are confirmed by the customer and "
                "cannot be changed. “Amend” offers the customer new terms; until they "
                "are confirmed, these go on.",
                order=self.name,
            )
        if not self._is_approved():
            return self.env._(
                "Order %(order)s is in the order cycle and its terms are not approved "
                "yet. Submit it for approval; then the customer receives the link to "
                "confirm.",
                order=self.name,
            )
        return self.env._(
            "Order %(order)s waits for the customer's confirmation. The customer "
            "confirms by the link in the e-mail; a manager can record a confirmation "
            "that came another way.",
            order=self.name,
        )

    def _was_confirmed(self):
        """Tell whether the customer confirmed this version, whatever its terms are."""
        agreed = self.sudo().applied_amendment_id or self.sudo()
        return any(
            link.state == "confirmed" and link.version == agreed.terms_version
            for link in agreed.confirmation_ids
        )

    def _confirmation_error_message(self):
        message = super()._confirmation_error_message()
        if not message and self.payment_mode and not self._is_confirmed_by_customer():
            return self._get_confirmation_obstacle()
        return message

    def _has_to_be_signed(self):
        return not self.payment_mode and super()._has_to_be_signed()

    def _has_to_be_paid(self):
        return not self.payment_mode and super()._has_to_be_paid()

    def action_draft(self):
        """Set cancelled orders back to quotation: a new version, to approve anew."""
        # Core leaves the others as they are: a running order keeps its version.
        cycle_orders = self.filtered(
            lambda order: order.payment_mode and order.state in ("cancel", "sent")
        )
        cycle_orders._archive_certificates()
        reopening = self.with_context(cycle_reopening=REOPENING)
        result = super(SaleOrder, reopening).action_draft()
        cycle_orders._reset_schedule()
        for order in cycle_orders.sudo():
            order.confirmation_ids._set_superseded()
            order.approval_ids._set_superseded()
            order._close_approval_activities()
            order.terms_version += 1
        return result

    def write(self, vals):
        """Let a running or cancelled order become an offer by its own steps only.

        They part it from what was approved, confirmed and invoiced before.
        """
        is_reopening = self.env.context.get("cycle_reopening") is REOPENING
        if vals.get("state", "cancel") != "cancel" and not is_reopening:
            for order in self:
                order._check_may_leave_state(vals["state"])
        return super().write(vals)

    def _check_may_leave_state(self, state):
        if not self.payment_mode or state == self.state:
            return
        if self.state == "cancel":
            raise UserError(
                self.env._(
                    "Order %(order)s is cancelled. “Set to Quotation” offers it again, "
                    "as a new version.",
                    order=self.name,
                )
            )
        if self.state == "sale":
            raise UserError(
                self.env._(
                    "Order %(order)s is running, and stays so until it is cancelled. "
                    "“Amend” offers the customer other terms.",
                    order=self.name,
                )
            )

    # === CORE FLOW === #

    def _action_confirm(self):
        result = super()._action_confirm()
        self.filtered("payment_mode")._start_schedule()
        return result

    def _action_cancel(self):
        # In sudo: whoever may cancel an order need not be allowed to write invoices.
        cycle_orders = self.filtered("payment_mode")
        cycle_orders.schedule_line_ids.sudo()._drop_drafts()
        result = super()._action_cancel()
        cycle_orders.confirmation_ids.sudo()._set_superseded()
        cycle_orders.approval_ids.sudo()._set_superseded()
        cycle_orders.sudo()._cancel_renewals()
        return result

    def _create_invoices(self, grouped=False, final=False, date=None):
        cycle_orders = self.filtered("payment_mode")
        moves = self.env["account.move"]
        if self - cycle_orders or not self:
            moves = super(SaleOrder, self - cycle_orders)._create_invoices(
                grouped=grouped, final=final, date=date
            )
        return moves | cycle_orders._draft_next_invoice()

    @api.depends("payment_mode", "schedule_line_ids.state")
    def _compute_invoice_status(self):
        running = self.filtered(lambda o: o.payment_mode and o.state == "sale")
        result = super(SaleOrder, self - running)._compute_invoice_status()
        for order in running:
            order.invoice_status = order._get_scheduled_invoice_status()
        return result

    def _get_scheduled_invoice_status(self):
        """Return core's invoice status of a running order, by its schedule."""
        self.ensure_one()
        states = set(self.schedule_line_ids.mapped("state"))
        if states & {"planned", "held"}:
            return "to invoice"
        return "invoiced" if states and "waiting" not in states else "no"

    @api.depends("payment_mode", "term_number", "schedule_line_ids.state")
    def _compute_amount_to_invoice(self):
        super()._compute_amount_to_invoice()
        for order in self.filtered("payment_mode"):
            order.amount_to_invoice = sum(
                line.amount_total
                for line in order.schedule_line_ids
                if line.state in OPEN_STATES and line.term_number <= order.term_number
            )


def _in_order(lines):
    """Return lines as they are shown; the cache does not sort them by itself."""
    return lines.sorted(lambda line: (line.sequence, line._origin.id or 0))
