from odoo import fields, models


class SaleOrderResume(models.TransientModel):
    """Asks from when a paused order is billed again, and whether the pause is."""

    _name = "sale.order.resume"
    _description = "Resume Paused Orders"

    order_ids = fields.Many2many("sale.order", string="Orders", required=True)
    date = fields.Date(
        string="Resumed from",
        required=True,
        default=lambda self: self.env.company._cycle_today(),
        help="The first day that is billed again.",
    )
    bill_paused_days = fields.Boolean(
        help="Bill the days of the pause all the same. Otherwise they are never "
        "billed, and periods with paused days are prorated.",
    )

    def action_resume(self):
        """Bill the orders again."""
        self.ensure_one()
        self.order_ids.action_resume(self.date, self.bill_paused_days)
        return {"type": "ir.actions.act_window_close"}
