from odoo import fields, models


class CycleConfirmation(models.Model):
    """Reply: what sales says with a new version, and what changed in it."""

    _inherit = "cycle.confirmation"

    reply = fields.Text(
        string="Answer to the customer",
        readonly=True,
        help="What sales wrote to the customer with this version, as the customer "
        "reads it.",
    )

    def _get_last_seen(self):
        """Return the link to the last version this recipient saw before, or empty."""
        self.ensure_one()
        return self.order_id.confirmation_ids.filtered(
            lambda other: (
                other.id < self.id
                and (other.partner_id == self.partner_id or other.email == self.email)
                and (other.date_viewed or other.date_decided)
                and other.terms_json
            )
        ).sorted("id")[-1:]

    def _get_change_rows(self):
        """Return what differs from the last version this recipient saw.

        :return: rows as ``sale.order._get_terms_change_rows`` returns them
        """
        self.ensure_one()
        seen = self._get_last_seen()
        if not seen or not self.terms_json or seen.terms_hash == self.terms_hash:
            return []
        return self.order_id._get_terms_change_rows(seen.terms_json, self.terms_json)

    def _follows_another_version(self):
        """Tell whether a version before this one was sent to the customer."""
        self.ensure_one()
        return any(
            other.version < self.version and other.date_sent
            for other in self.order_id.confirmation_ids
        )

    def _is_revision(self):
        """Tell whether there is something to say about what came before."""
        self.ensure_one()
        seen = self._get_last_seen()
        return bool(
            self.reply
            or seen.state == "commented"
            or (seen and seen.terms_hash != self.terms_hash)
        )


class SaleOrder(models.Model):
    _inherit = "sale.order"

    customer_reply = fields.Text(
        string="Answer to the customer",
        copy=False,
        help="Goes to the customer with the next link, in the e-mail and on the page, "
        "above the list of what changed.",
    )
