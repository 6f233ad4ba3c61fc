from odoo import api, models


class MailThread(models.AbstractModel):
    """Incoming mail: core finds out what bounced, the outbox what it was."""

    _inherit = "mail.thread"

    @api.model
    def _routing_handle_bounce(self, email_message, message_dict):
        result = super()._routing_handle_bounce(email_message, message_dict)
        self.env["cycle.message"].sudo()._receive_bounce(
            email_message, message_dict.get("bounced_msg_ids")
        )
        return result
