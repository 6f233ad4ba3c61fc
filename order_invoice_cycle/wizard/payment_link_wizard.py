from odoo import api, models


class PaymentLinkWizard(models.TransientModel):
    _inherit = "payment.link.wizard"

    @api.constrains("res_model", "res_id")
    def _check_order_is_confirmed(self):
        """Ask for no payment of an offer: it is confirmed first, then invoiced."""
        orders = self.filtered(lambda wizard: wizard.res_model == "sale.order")
        self.env["sale.order"].sudo().browse(
            orders.mapped("res_id")
        )._filter_unconfirmed()._refuse_to_send()
