from odoo import api, fields, models


class SaleOrderNotice(models.TransientModel):
    """Asks who gave notice of a recurring order, and when it arrived."""

    _name = "sale.order.notice"
    _description = "Notice for a Recurring Order"

    order_id = fields.Many2one("sale.order", required=True)
    date = fields.Date(
        string="Notice arrived on",
        required=True,
        default=lambda self: self.env.company._cycle_today(),
        help="Notice that arrived in time counts, even when it is recorded later.",
    )
    name = fields.Char(string="Given by", required=True)
    note = fields.Text()
    date_cancel_by = fields.Date(related="order_id.date_cancel_by")
    date_term_end = fields.Date(related="order_id.date_term_end")
    is_late = fields.Boolean(compute="_compute_is_late")

    @api.depends("date", "order_id")
    def _compute_is_late(self):
        for wizard in self:
            last = wizard.order_id.date_cancel_by
            wizard.is_late = last and wizard.date and wizard.date > last

    def action_give_notice(self):
        """Record the notice."""
        self.ensure_one()
        self.order_id.action_give_notice(self.date, self.name, self.note)
        return {"type": "ir.actions.act_window_close"}
