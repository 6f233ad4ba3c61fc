from odoo import api, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import float_repr, float_round

from ..tools.terms import number_text
from .sale_order_shares import (
    DRAFTED_STATES,
    INVOICEABLE_STATES,
    OPEN_STATES,
    POSTED_STATES,
)

TERMS_FIELDS = [
    "order_id",
    "sequence",
    "display_type",
    "product_id",
    "name",
    "product_uom_qty",
    "product_uom_id",
    "price_unit",
    "discount",
    "tax_ids",
]
# Unit prices are stored as typed, with more decimals than are shown.
PRICE_DIGITS = 6


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    def _get_terms(self):
        """Return this line's part of the order's terms; see ``sale.order``."""
        self.ensure_one()
        return {
            "kind": self.display_type or "product",
            "product": self.product_id._origin.id or 0,
            "name": self.name or "",
            "quantity": number_text(self.product_uom_qty),
            "unit": self.product_uom_id._origin.id or 0,
            "price_unit": float_repr(self.price_unit, PRICE_DIGITS),
            "discount": number_text(self.discount),
            "taxes": sorted(self.tax_ids._origin.ids),
        }

    @api.constrains(*TERMS_FIELDS)
    def _check_confirmed_terms(self):
        self.order_id._check_confirmed_terms()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_agreed_terms(self):
        """Say what to do instead, before core's own check, which knows no sections.

        The checks run in the order of their names.
        """
        for order in self.order_id.filtered("payment_mode"):
            if order.state == "sale":
                raise UserError(order._get_confirmation_obstacle())

    @api.constrains("product_uom_qty")
    def _check_quantity_not_negative(self):
        """A negative line would make a scheduled payment negative."""
        for line in self.filtered("order_id.payment_mode"):
            if line.product_uom_qty < 0:
                raise ValidationError(
                    self.env._(
                        "“%(line)s” of order %(order)s has the quantity %(quantity)s. "
                        "An order with a payment mode has no quantities below zero: "
                        "give a discount, or credit the invoice.",
                        line=line.name,
                        order=line.order_id.name,
                        quantity=f"{line.product_uom_qty:g}",
                    )
                )

    def _get_usual_taxes(self):
        """Return the taxes of the product, before any fiscal position."""
        self.ensure_one()
        taxes = self.product_id.taxes_id
        return taxes._filter_taxes_by_company(self.order_id.company_id)

    def _get_taxes_now(self):
        """Return the taxes by the order's present fiscal position."""
        self.ensure_one()
        order = self.order_id
        usual = self._get_usual_taxes()
        confirmed = order.cycle_fiscal_position_id.map_tax(usual)
        # Taxes that a person chose are the ones to be replaced themselves.
        taxes = usual if confirmed == self.tax_ids else self.tax_ids
        return order.fiscal_position_id.map_tax(taxes)

    def _prepare_indexed_price(self, factor):
        """Return the unit price of a term whose prices an index has changed.

        :param float factor: of the term, 1.0 for the agreed prices
        :return: dict with ``price_unit``, empty when the agreed price holds
        """
        self.ensure_one()
        if factor == 1 or self.display_type:
            return {}
        digits = self.env["decimal.precision"].precision_get("Product Price")
        digits = max(digits, self.currency_id.decimal_places)
        return {"price_unit": float_round(self.price_unit * factor, digits)}

    # === WHAT IS INVOICED FOLLOWS FROM THE SCHEDULE === #

    def _prepare_qty_invoiced(self):
        cycle_lines = self.filtered("order_id.payment_mode")
        result = super(SaleOrderLine, self - cycle_lines)._prepare_qty_invoiced()
        result.update(cycle_lines._get_scheduled_qty(DRAFTED_STATES))
        return result

    @api.depends("order_id.schedule_line_ids.state")
    def _compute_qty_invoiced(self):
        return super()._compute_qty_invoiced()

    @api.depends("order_id.schedule_line_ids.state")
    def _compute_qty_invoiced_posted(self):
        cycle_lines = self.filtered("order_id.payment_mode")
        result = super(SaleOrderLine, self - cycle_lines)._compute_qty_invoiced_posted()
        for line, quantity in cycle_lines._get_scheduled_qty(POSTED_STATES).items():
            line.qty_invoiced_posted = quantity
        return result

    @api.depends("order_id.schedule_line_ids.state")
    def _compute_untaxed_amount_to_invoice(self):
        cycle_lines = self.filtered("order_id.payment_mode")
        result = super(
            SaleOrderLine, self - cycle_lines
        )._compute_untaxed_amount_to_invoice()
        for order, lines in cycle_lines.grouped("order_id").items():
            amounts = order._get_line_amounts_in_states(OPEN_STATES)
            for line in lines:
                untaxed, _total = amounts.get(line, (0.0, 0.0))
                running = order.state == "sale"
                line.untaxed_amount_to_invoice = untaxed if running else 0.0
        return result

    @api.depends("order_id.schedule_line_ids.state")
    def _compute_amount_to_invoice(self):
        cycle_lines = self.filtered("order_id.payment_mode")
        result = super(SaleOrderLine, self - cycle_lines)._compute_amount_to_invoice()
        for order, lines in cycle_lines.grouped("order_id").items():
            amounts = order._get_line_amounts_in_states(OPEN_STATES)
            for line in lines:
                _untaxed, line.amount_to_invoice = amounts.get(line, (0.0, 0.0))
        return result

    @api.depends("order_id.schedule_line_ids.state")
    def _compute_qty_to_invoice(self):
        """What the next drafts will invoice, whatever the product's own policy."""
        cycle_lines = self.filtered("order_id.payment_mode")
        result = super(SaleOrderLine, self - cycle_lines)._compute_qty_to_invoice()
        quantities = cycle_lines._get_scheduled_qty(INVOICEABLE_STATES)
        for line, quantity in quantities.items():
            invoiceable = line.state == "sale" and not line.display_type
            line.qty_to_invoice = quantity if invoiceable else 0.0
        return result

    @api.depends("order_id.schedule_line_ids.state")
    def _compute_invoice_status(self):
        """A line of the cycle is invoiced with its order, by the same payments."""
        cycle_lines = self.filtered("order_id.payment_mode")
        result = super(SaleOrderLine, self - cycle_lines)._compute_invoice_status()
        for line in cycle_lines:
            confirmed = line.state == "sale" and not line.display_type
            status = line.order_id._get_scheduled_invoice_status()
            line.invoice_status = status if confirmed else "no"
        return result

    def _get_scheduled_qty(self, states):
        """Return how much of each line's quantity is scheduled in ``states``.

        A billing period invoices the whole quantity, so no order counts more than
        once.
        """
        result = {}
        for order, lines in self.grouped("order_id").items():
            share = min(order._get_share_in_states(states), 1.0)
            result.update((line, line.product_uom_qty * share) for line in lines)
        return result
