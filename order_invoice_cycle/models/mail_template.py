from odoo import models


class MailTemplate(models.Model):
    """Core's templates of an order hold its PDF, its amounts and its page."""

    _inherit = "mail.template"

    def _generate_template(self, res_ids, *args, **kwargs):
        """Refuse to write to a customer about a cycle order they have not confirmed.

        Every way of sending goes through here: the composer, mass mailing, a remote
        call on the template.
        """
        if any(template.model == "sale.order" for template in self):
            orders = self.env["sale.order"].sudo().browse(res_ids)
            orders._filter_unconfirmed()._refuse_to_send()
        return super()._generate_template(res_ids, *args, **kwargs)
