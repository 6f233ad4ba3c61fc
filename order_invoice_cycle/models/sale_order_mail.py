import base64
import logging

from odoo import models
from odoo.exceptions import UserError

_logger = logging.getLogger(__name__)

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
        recipients = self._get_template_recipients(mail_template)
        return self.env["cycle.message"]._queue_all(
            [(self, partner) for partner in recipients], "order", mail_template
        )

    def _get_template_recipients(self, template):
        """Return whom a mail template names, the customer when it names nobody.

        A name that cannot be worked out must not keep the customer from confirming.
        """
        try:
            values = template._generate_template(
                self.ids,
                ("partner_to", "email_to", "email_cc"),
                find_or_create_partners=True,
            )[self.id]
        except UserError:
            _logger.exception("Recipients of %s for %s", template, self)
            return self.partner_id
        # Named twice, in two fields of the template, they get one mail.
        ids = dict.fromkeys(values.get("partner_ids") or ())
        partners = self.env["res.partner"].browse(ids)
        return partners.exists() or self.partner_id

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        """Make the files of each message by its mail template, once."""
        for one in message.filtered(lambda one: not one.file_ids):
            order = one._get_document()
            if order.state != "sale":
                continue
            template = one._get_template({})
            values = template._generate_template(order.ids, ("report_template_ids",))
            files = self.env["ir.attachment"].sudo()
            one.file_ids = files.create(
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
        if template.report_template_ids and not message.sudo().file_ids:
            raise UserError(self.env._("The PDF of %s could not be made.", self.name))
        return False

    def _cycle_message_attachments(self, message):
        template = message.mail_template_id.sudo()
        return message.sudo().file_ids | template.attachment_ids

    def _cycle_message_sent(self, message):
        self._message_log(
            body=self.env._(
                "“%(subject)s” was sent to %(address)s.",
                subject=message.subject,
                address=message.email_to,
            )
        )
