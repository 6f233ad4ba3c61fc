from odoo import api, models


class PortalShare(models.TransientModel):
    _inherit = "portal.share"

    @api.constrains("res_model", "res_id")
    def _check_order_is_confirmed(self):
        """Share no offer of the order cycle: its own link is sent."""
        orders = self.filtered(lambda wizard: wizard.res_model == "sale.order")
        self.env["sale.order"].sudo().browse(
            orders.mapped("res_id")
        )._filter_unconfirmed()._refuse_to_send()
