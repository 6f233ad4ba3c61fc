"""From a customer's receipt to core's page with the payment form."""

from odoo import http
from odoo.http import request

from .answer import neutral_page, secure
from .confirmation import OrderConfirmation


class OrderPayment(http.Controller):
    @http.route(
        "/order/review/<confirmation_id>/pay",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
    )
    def pay(self, confirmation_id, **_unused):
        """Lead whoever may answer by a link to what can be paid now.

        The access token of core's page is only in this answer, never on ours.
        """
        visit = OrderConfirmation()._get_visit(confirmation_id)
        if not visit or not visit.can_answer:
            return neutral_page()
        confirmation = visit.confirmation
        if (
            confirmation._get_page_state() != "confirmed"
            or not confirmation._is_outcome_present()
        ):
            return neutral_page()
        due = confirmation.order_id._get_due_payment()
        path = due[2] if due else f"/order/review/{confirmation.id}"
        return secure(request.redirect(path, code=303))
