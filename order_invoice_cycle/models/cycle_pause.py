from odoo import fields, models


class CyclePause(models.Model):
    """Days on which a running order is paused; not billed unless asked."""

    _name = "cycle.pause"
    _description = "Pause of an Order"
    _order = "date_start desc, id desc"

    order_id = fields.Many2one(
        "sale.order", required=True, index=True, ondelete="cascade", readonly=True
    )
    company_id = fields.Many2one(related="order_id.company_id", store=True)
    date_start = fields.Date(
        string="First day", required=True, readonly=True, help="First paused day."
    )
    date_end = fields.Date(
        string="Last day", readonly=True, help="Last paused day; empty until resumed."
    )
    is_billed = fields.Boolean(
        string="Billed", readonly=True, help="The paused days are billed all the same."
    )
    user_id = fields.Many2one("res.users", string="Paused by", readonly=True)
    resumed_by_id = fields.Many2one("res.users", readonly=True)

    _ends_after_start = models.Constraint(
        "CHECK (date_end IS NULL OR date_end >= date_start)",
        "A pause ends on or after the day on which it starts.",
    )
