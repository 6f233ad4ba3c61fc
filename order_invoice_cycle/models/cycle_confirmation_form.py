from odoo import fields, models
from odoo.tools import format_datetime


class CycleConfirmation(models.Model):
    """What the lists and the form of confirmations show beyond their data."""

    _inherit = "cycle.confirmation"

    currency_id = fields.Many2one(related="order_id.currency_id")
    amount_total = fields.Monetary(related="order_id.amount_total")

    def action_send_again(self):
        """Send the order's links again, as the button of the order does."""
        self.order_id.action_send_confirmation()

    def _get_link_note(self):
        """Return one sentence about what became of the link."""
        self.ensure_one()
        if self.state == "pending":
            return self.env._("The link to %s has not gone out yet.", self.email)
        if not self.date_viewed:
            return self.env._(
                "The link went to %(email)s at %(date)s and has not been opened yet.",
                email=self.email,
                date=format_datetime(self.env, self.date_sent, dt_format="short"),
            )
        return self.env._(
            "The link went to %(email)s at %(date)s and was first opened at "
            "%(opened)s, by a person or a mail scanner.",
            email=self.email,
            date=format_datetime(self.env, self.date_sent, dt_format="short"),
            opened=format_datetime(self.env, self.date_viewed, dt_format="short"),
        )
