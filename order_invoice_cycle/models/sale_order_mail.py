import base64

from odoo import models
from odoo.exceptions import UserError

# Says that somebody waits for the order to be confirmed. An object of this process, so
# that no context of a remote call can hold it.
SOMEBODY_WAITS = object()


class SaleOrder(models.Model):
    """The mail of a quotation template waits in the outbox, with all that goes with it.

    Core renders and sends it while the order is confirmed, which here is while the
    customer waits for an answer.
    """

    _name = "sale.order"
    _inherit = ["sale.order", "cycle.message.source"]

    def _become_sale(self):
        waiting = self.with_context(cycle_confirming=SOMEBODY_WAITS)
        return super(SaleOrder, waiting)._become_sale()

    def _send_order_notification_mail(self, mail_template, *args, **kwargs):
        is_waited_for = self.env.context.get("cycle_confirming") is SOMEBODY_WAITS
        if not (self.payment_mode and mail_template and is_waited_for):
            return super()._send_order_notification_mail(mail_template, *args, **kwargs)
        return self.env["cycle.message"]._queue(
            self, "order", mail_template, self.partner_id
        )

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        """Make the files of each message by its mail template, once."""
        for one in message.filtered(lambda one: not one._get_own_files()):
            order = one._get_document()
            if order.state != "sale":
                continue
            template = one._get_template({})
            values = template._generate_template(order.ids, ("report_template_ids",))
            self.env["ir.attachment"].sudo().create(
                [
                    {
                        "name": name,
                        "raw": base64.b64decode(content),
                        "res_model": one._name,
                        "res_id": one.id,
                    }
                    for name, content in values[order.id].get("attachments", [])
                ]
            )

    def _cycle_message_obstacle(self, message):
        if self.state != "sale":
            return self.env._("The order is not confirmed any more.")
        template = message.mail_template_id.sudo()
        if template.report_template_ids and not message._get_own_files():
            raise UserError(self.env._("The PDF of %s could not be made.", self.name))
        return False

    def _cycle_message_attachments(self, message):
        return message._get_own_files() | message.mail_template_id.sudo().attachment_ids

    def _cycle_message_sent(self, message):
        self._message_log(
            body=self.env._(
                "“%(subject)s” was sent to %(address)s.",
                subject=message.subject,
                address=message.email_to,
            )
        )
