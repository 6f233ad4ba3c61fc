from odoo import models
from odoo.exceptions import UserError


class SaleOrder(models.Model):
    """Nothing about an offer reaches a customer but by the link of the cycle."""

    _inherit = "sale.order"

    def action_quotation_send(self):
        """Open core's send wizard, except for cycle orders: their link is sent."""
        self.filtered("payment_mode")._refuse_to_send()
        return super().action_quotation_send()

    def action_share(self):
        """Open core's share dialog, once the customer has confirmed by the link."""
        self._filter_unconfirmed()._refuse_to_send()
        return super().action_share()

    def _get_default_payment_link_values(self):
        self._filter_unconfirmed()._refuse_to_send()
        return super()._get_default_payment_link_values()

    def _send_order_notification_mail(self, mail_template, *args, **kwargs):
        """Leave out core's notice of an order that the customer has not confirmed.

        Core sends it after an online payment, which must not fail because of it.
        """
        if not self._filter_unconfirmed():
            super()._send_order_notification_mail(mail_template, *args, **kwargs)

    def _filter_unconfirmed(self):
        return self.filtered(lambda order: order.payment_mode and order.state != "sale")

    def _refuse_to_send(self):
        """Raise if there is an order: only the link of the cycle goes to a customer."""
        for order in self:
            raise UserError(
                self.env._(
                    "Order %(order)s is in the order cycle: the customer receives a "
                    "link of their own instead of the quotation. Use “Submit for "
                    "approval”, then “Send link”.",
                    order=order.name,
                )
            )

    def _refuse_to_print(self):
        """Raise for an order whose quotation nobody may hand out: it is not confirmed.

        :raise UserError: naming the order and what to do instead
        """
        for order in self.exists()._filter_unconfirmed():
            raise UserError(
                self.env._(
                    "Order %(order)s is in the order cycle: until it is confirmed, its "
                    "PDF goes out with the customer's link only. Use “Preview” to see "
                    "what the customer will see.",
                    order=order.name,
                )
            )

    def _get_thread_with_access(self, thread_id, **kwargs):
        """Keep the chatter of an offer from whoever has an old link of core."""
        thread = super()._get_thread_with_access(thread_id, **kwargs)
        if thread and self.env.user.share and thread.sudo()._filter_unconfirmed():
            return self.browse()
        return thread

    def _notify_get_recipients_groups(self, message, model_description, msg_vals=False):
        """Leave out of messages to customers the button to a page that is shut."""
        groups = super()._notify_get_recipients_groups(
            message, model_description, msg_vals=msg_vals
        )
        if self._filter_unconfirmed():
            for name, _recipients, options in groups:
                if name in ("portal_customer", "portal", "customer"):
                    options["has_button_access"] = False
        return groups

    def _notify_by_email_prepare_rendering_context(self, message, *args, **kwargs):
        """Leave the amount of an offer out of the head of messages."""
        context = super()._notify_by_email_prepare_rendering_context(
            message, *args, **kwargs
        )
        if self._filter_unconfirmed():
            context["subtitles"] = context.get("subtitles", [])[:1]
        return context
