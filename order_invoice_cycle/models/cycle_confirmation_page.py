from odoo import models
from odoo.tools import email_normalize, format_datetime


class CycleConfirmation(models.Model):
    """Page: what the recipient of a link is shown, and whether they may answer."""

    _inherit = "cycle.confirmation"

    def _get_page_state(self):
        """Return what the page of this link is about.

        :return: ``open`` (an answer is awaited), ``confirmed``, ``commented``,
            ``declined``, ``stale`` (the offer changed), ``cancelled`` (the order is),
            ``expired``, ``revoked`` (or its recipient was taken off the order) or
            ``closed`` (it was never sent)
        """
        self.ensure_one()
        order = self.order_id
        if not self._has_gone_out():
            return "closed"
        if self.state == "revoked":
            return "revoked"
        if order.date_amended:
            # What counts is the order that took the amendment over.
            if order.amendment_of_id.state != "sale":
                return "cancelled"
            return "confirmed" if self._get_outcome() else "revoked"
        if order.state == "cancel":
            return "declined" if self.state == "declined" else "cancelled"
        if order._is_confirmed_by_customer():
            return "confirmed" if self._get_outcome() else "revoked"
        if self.state == "superseded":
            return "stale"
        if not self._is_open():
            return "expired"
        if self.state in ("commented", "declined"):
            return self.state
        return "open" if self._is_current() else "stale"

    def _shows_terms(self):
        """Tell whether the page may show the order: only as this link offered it."""
        self.ensure_one()
        return self._is_current() and self._get_page_state() in (
            "open",
            "commented",
            "confirmed",
        )

    def _get_outcome(self):
        """Return the confirmation that this link's recipient may know of, or empty.

        That of the present terms, for whom the order is sent to at this address.
        Whoever was taken off it keeps what they confirmed themselves, and learns
        nothing more.
        """
        self.ensure_one()
        order = self.order_id
        recipients = order._get_terms_source()._get_confirmation_recipients()
        is_recipient = self.partner_id in recipients and self.email == email_normalize(
            self.partner_id.email or ""
        )
        if is_recipient and not self._was_withdrawn():
            return order._get_valid_confirmation()
        return self if self.state == "confirmed" else self.browse()

    def _is_outcome_present(self):
        """Tell whether the page may say what is due by the order's present terms."""
        self.ensure_one()
        outcome = self._get_outcome()
        return bool(outcome) and outcome == self.order_id._get_valid_confirmation()

    def _get_replacement(self):
        """Return the newer link of the same recipient that waits for an answer.

        None when this link or a later one was withdrawn: who opened it may be whom it
        was withdrawn for. The new link comes by e-mail alone.
        """
        self.ensure_one()
        if self._was_withdrawn():
            return self.browse()
        later = self._get_own_links_since()
        return later.filtered(lambda other: other._get_page_state() == "open")[:1]

    def _was_withdrawn(self):
        """Tell whether this link, or a later one of its recipient, was withdrawn."""
        return "revoked" in self._get_own_links_since().mapped("state")

    def _get_own_links_since(self):
        """Return this link and the later ones of the same recipient."""
        return self.order_id.confirmation_ids.filtered(
            lambda other: other.id >= self.id and self._has_same_recipient(other)
        )

    def _has_same_recipient(self, other):
        return other.partner_id == self.partner_id and other.email == self.email

    def _get_declared_name(self):
        """Return the name to begin with; a company's is not that of a person."""
        self.ensure_one()
        return "" if self.partner_id.is_company else self.partner_id.name or ""

    def _has_answer(self, action, name, text):
        """Tell whether this is the answer that the recipient has given already.

        :param str action: ``accept``, ``comment`` or ``decline``
        :param str name: the declared name
        :param str text: the comment or reason
        """
        self.ensure_one()
        state = {"accept": "confirmed", "comment": "commented", "decline": "declined"}
        same_text = action == "accept" or self.comment == text
        return self.state == state[action] and self.decided_name == name and same_text

    def _get_statement(self):
        """Return the words a customer agrees to when confirming."""
        self.ensure_one()
        customer = self.order_id.partner_id.commercial_partner_id
        if customer.is_company:
            return self.env._(
                "I am authorised to place this order for %(company)s",
                company=customer.name,
            )
        return self.env._(
            "I order the services above and know that I have to pay for them"
        )

    def _get_confirm_label(self):
        """Return the text of the button; a consumer's must name the obligation."""
        self.ensure_one()
        if self.order_id.partner_id.commercial_partner_id.is_company:
            return self.env._("Confirm the order")
        return self.env._("Order with obligation to pay")

    def _get_masked_email(self):
        """Return the address the link went to, for whoever it was forwarded to."""
        self.ensure_one()
        name, at, host = (self.email or "").rpartition("@")
        return f"{name[:1]}***{at}{host}"

    def _format_moment(self, moment):
        """Return a UTC time as the company's local time, with the zone named."""
        if not moment:
            return ""
        zone = self.company_id.partner_id.tz or "UTC"
        text = format_datetime(self.env, moment, tz=zone, dt_format="d MMM yyyy, HH:mm")
        return f"{text} ({zone})"

    def _log_opened(self, **evidence):
        """Note the first time the page was opened while an answer is awaited."""
        self.ensure_one()
        if not self.date_viewed and self._get_page_state() == "open":
            self._lock_order()
            self._set_viewed(**evidence)

    def _log_downloaded(self, **evidence):
        """Note that the PDF was downloaded."""
        self.ensure_one()
        self._lock_order()
        self._log_event("downloaded", **evidence)


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def _is_on_portal(self):
        """Tell whether core's portal may show it: it is confirmed, or not ours."""
        self.ensure_one()
        return not self.payment_mode or self._is_confirmed_by_customer()

    def _get_confirmation_to_show(self, user):
        """Return the link whose page stands for the order on the portal, or empty.

        Their own for a recipient; staff gets the newest for a preview.
        """
        self.ensure_one()
        links = (
            self._get_terms_source()
            .confirmation_ids.filtered(
                lambda link: link._get_page_state() not in ("closed", "revoked")
            )
            .sorted("id", reverse=True)
        )
        if user._is_internal():
            return links[:1]
        links = links.filtered(lambda link: link._is_open())
        own = links.filtered(lambda link: link.partner_id == user.partner_id)
        return own[:1] or links[:1]
