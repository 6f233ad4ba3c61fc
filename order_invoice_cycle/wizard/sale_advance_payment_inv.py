from odoo import api, fields, models
from odoo.exceptions import UserError


class SaleAdvancePaymentInv(models.TransientModel):
    """Core's *Create invoice*: a cycle order is invoiced by its schedule."""

    _inherit = "sale.advance.payment.inv"

    has_cycle_order = fields.Boolean(compute="_compute_cycle_note")
    cycle_note = fields.Text(compute="_compute_cycle_note")

    @api.depends("sale_order_ids")
    def _compute_cycle_note(self):
        for wizard in self:
            orders = wizard.sale_order_ids._origin.filtered("payment_mode")
            wizard.has_cycle_order = bool(orders)
            wizard.cycle_note = "\n".join(
                order._get_next_payment_note() for order in orders
            )

    def create_invoices(self):
        """Refuse a down payment on a cycle order: its schedule rules.

        :raise UserError: for any other method than the regular invoice
        """
        scheduled = self.sale_order_ids.filtered("payment_mode")[:1]
        if scheduled and self.advance_payment_method != "delivered":
            raise UserError(
                self.env._(
                    "Order %(order)s is invoiced by its payment schedule, so it has "
                    "no other down payment. Choose the regular invoice: it drafts "
                    "the next scheduled payment.",
                    order=scheduled.name,
                )
            )
        return super().create_invoices()
