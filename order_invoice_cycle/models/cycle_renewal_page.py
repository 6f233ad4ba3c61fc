from odoo import models


class CycleRenewal(models.Model):
    """Page: what a customer is shown of a renewal, and whether they may refuse."""

    _inherit = "cycle.renewal"

    def _get_page_state(self, today):
        """Return what the page says.

        :param datetime.date today: the company's day
        :return: ``open`` (it may be refused), ``late`` (the last day has passed),
            ``refused``, or ``closed`` (nothing may be said: over, or cancelled)
        """
        self.ensure_one()
        order = self.order_id
        if self.state == "refused":
            return "refused"
        if self.state == "cancelled" or order.state != "sale" or today > self.date_end:
            return "closed"
        if self.state == "renewed" or today > self.date_cancel_by:
            return "late"
        return "open"

    def _is_customer(self, user):
        """Tell whether a login belongs to the customer who may refuse."""
        self.ensure_one()
        customer = self.order_id.partner_id.commercial_partner_id
        return (
            not user._is_public()
            and user.partner_id.commercial_partner_id == customer
            and self.order_id.with_user(user).has_access("read")
        )

    def _get_declared_name(self):
        """Return the name the form begins with: a person's, never a company's."""
        self.ensure_one()
        recipient = self._get_recipient()
        return "" if recipient.is_company else recipient.name or ""

    def _refuse(self, name, note, today, **evidence):
        """Refuse the renewal as the customer.

        :param str name: the name the customer declared
        :param str note: the reason, perhaps empty
        :param datetime.date today: the company's day; the last day still counts
        :param evidence: ``user_id``, ``ip``, ``user_agent``
        :return: ``done``, or the state of the page that says why not
        """
        self.order_id._lock_for_answer()
        state = self._get_page_state(today)
        if state != "open":
            return state
        self.order_id._take_notice(
            today,
            name,
            note,
            decided_user_id=evidence.get("user_id"),
            decided_ip=evidence.get("ip"),
            decided_user_agent=evidence.get("user_agent"),
        )
        self._acknowledge()
        return "done"


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def _get_open_renewal(self):
        """Return the renewal that the customer may refuse today, or empty."""
        self.ensure_one()
        today = self.company_id._cycle_today()
        return self.sudo().renewal_ids.filtered(
            lambda renewal: renewal._get_page_state(today) == "open"
        )[:1]
