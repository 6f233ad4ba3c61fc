from odoo import fields, models


class CycleApprovalReject(models.TransientModel):
    """Asks an approver why the orders are rejected."""

    _name = "cycle.approval.reject"
    _description = "Reject Orders"

    order_ids = fields.Many2many("sale.order", string="Orders", required=True)
    reason = fields.Text(required=True)

    def action_reject(self):
        """Reject the orders with the reason."""
        self.ensure_one()
        self.order_ids.action_reject(self.reason)
        return {"type": "ir.actions.act_window_close"}
