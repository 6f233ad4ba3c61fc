from odoo import api, fields, models


class SaleOrderComplete(models.TransientModel):
    """Asks for the day a service was completed."""

    _name = "sale.order.complete"
    _description = "Mark Orders as Completed"

    order_ids = fields.Many2many("sale.order", string="Orders", required=True)
    date = fields.Date(
        string="Completed on",
        required=True,
        default=lambda self: self.env.company._cycle_today(),
        help="Payments after completion become due counted from this day.",
    )
    document = fields.Binary(
        string="Acceptance document",
        attachment=False,
        help="The customer's signed acceptance, if there is one. It is kept as "
        "evidence and cannot be deleted.",
    )
    document_name = fields.Char()
    is_deposit_due = fields.Boolean(compute="_compute_is_deposit_due")

    @api.depends("order_ids")
    def _compute_is_deposit_due(self):
        for wizard in self:
            wizard.is_deposit_due = any(wizard.order_ids.mapped("is_deposit_due"))

    def action_complete(self):
        """Mark the orders as completed on the day."""
        self.ensure_one()
        self.order_ids.action_mark_completed(
            self.date, self.document, self.document_name
        )
        return {"type": "ir.actions.act_window_close"}
