from odoo import api, models
from odoo.tools import float_repr

TERMS_FIELDS = [
    "display_type",
    "product_id",
    "name",
    "product_uom_qty",
    "product_uom_id",
    "price_unit",
    "discount",
    "tax_ids",
]


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    def _get_terms(self):
        """Return this line's part of the order's terms; see ``sale.order``."""
        self.ensure_one()
        precision = self.env["decimal.precision"].precision_get
        return {
            "kind": self.display_type or "product",
            "product": self.product_id._origin.id or 0,
            "name": self.name or "",
            "quantity": float_repr(self.product_uom_qty, precision("Product Unit")),
            "unit": self.product_uom_id._origin.id or 0,
            "price_unit": float_repr(self.price_unit, precision("Product Price")),
            "discount": float_repr(self.discount, precision("Discount")),
            "taxes": sorted(self.tax_ids._origin.ids),
        }

    @api.constrains(*TERMS_FIELDS)
    def _check_confirmed_terms(self):
        self.order_id._check_confirmed_terms()

    def _prepare_qty_invoiced(self):
        """Cycle orders count the part of their schedule that has an invoice."""
        cycle_lines = self.filtered("order_id.payment_mode")
        result = super(SaleOrderLine, self - cycle_lines)._prepare_qty_invoiced()
        for order, lines in cycle_lines.grouped("order_id").items():
            share = order._get_invoiced_share()
            for line in lines:
                result[line] = line.product_uom_qty * share
        return result

    @api.depends("order_id.schedule_line_ids.state")
    def _compute_qty_invoiced(self):
        return super()._compute_qty_invoiced()
