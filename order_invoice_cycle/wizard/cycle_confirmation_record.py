from odoo import fields, models


class CycleConfirmationRecord(models.TransientModel):
    """Asks a manager for the proof that a customer confirmed in another way."""

    _name = "cycle.confirmation.record"
    _description = "Confirm on Behalf of the Customer"

    order_id = fields.Many2one("sale.order", required=True)
    partner_id = fields.Many2one(related="order_id.partner_id")
    channel = fields.Selection(
        [
            ("phone", "Phone"),
            ("email", "E-mail"),
            ("paper", "Paper"),
            ("in_person", "In person"),
        ],
        required=True,
    )
    name = fields.Char(
        string="Confirmed by", required=True, help="Who at the customer confirmed."
    )
    date = fields.Datetime(
        string="Confirmed at", required=True, default=fields.Datetime.now
    )
    reason = fields.Text(required=True, help="Why the customer did not use the link.")
    attachment = fields.Binary(
        string="Proof",
        required=True,
        attachment=False,
        help="The signed paper, the e-mail, or a note about the call.",
    )
    attachment_name = fields.Char(string="Name of the proof")

    def action_confirm(self):
        """Record the confirmation; the order starts."""
        self.ensure_one()
        self.order_id.action_confirm_on_behalf(
            {
                "channel": self.channel,
                "name": self.name,
                "date": self.date,
                "reason": self.reason,
                "attachment_name": self.attachment_name,
                "attachment": self.attachment,
            }
        )
        return {"type": "ir.actions.act_window_close"}
