from odoo import fields, models


class AccountPayment(models.Model):
    """A payment knows the prepayment it has paid, so that it pays no second one."""

    _inherit = "account.payment"

    cycle_schedule_line_ids = fields.One2many(
        "cycle.schedule.line",
        "deposit_payment_id",
        string="Prepayment paid",
        readonly=True,
    )
