from odoo import fields, models


class SaleOrderTerminate(models.TransientModel):
    """Asks when and why a recurring order ends."""

    _name = "sale.order.terminate"
    _description = "Terminate Recurring Orders"

    order_ids = fields.Many2many("sale.order", string="Orders", required=True)
    date = fields.Date(
        string="Last day of the service",
        required=True,
        default=lambda self: self.env.company._cycle_today(),
        help="Later periods are never billed; the period of this day is billed in "
        "part.",
    )
    reason = fields.Text(required=True)

    def action_terminate(self):
        """End the orders on the day."""
        self.ensure_one()
        self.order_ids.action_terminate(self.date, self.reason)
        return {"type": "ir.actions.act_window_close"}
