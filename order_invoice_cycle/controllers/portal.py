from odoo.exceptions import MissingError
from odoo.fields import Domain
from odoo.http import request, route

from odoo.addons.sale.controllers.portal import CustomerPortal

from .confirmation import OrderConfirmation


class CycleCustomerPortal(CustomerPortal):
    """Core's pages of an order stay shut until the customer has confirmed it."""

    def _prepare_quotations_domain(self, partner):
        domain = Domain(super()._prepare_quotations_domain(partner))
        return list(
            domain
            & (
                Domain("payment_mode", "=", False)
                | Domain("cycle_stage", "=", "awaiting_customer")
            )
        )

    def _document_check_access(self, model_name, document_id, access_token=None):
        """Treat a cycle order that is not confirmed as if it did not exist.

        Every route of core goes through here: page, accept, decline, payment, files.
        """
        if model_name == "sale.order":
            order = request.env["sale.order"].sudo().browse(document_id).exists()
            if order and not order._is_on_portal():
                raise MissingError(request.env._("This document does not exist."))
        return super()._document_check_access(
            model_name, document_id, access_token=access_token
        )

    def _show_report(self, model, report_type, report_ref, download=False):
        """Show a cycle order as it was confirmed: its payments, by whom and when."""
        if model._name == "sale.order" and model.payment_mode:
            report_ref = "order_invoice_cycle.action_report_cycle_order"
        return super()._show_report(model, report_type, report_ref, download=download)

    @route()
    def portal_order_page(self, order_id, **kwargs):
        """Lead a customer to the page of their link, and staff to its preview."""
        order = request.env["sale.order"].browse(order_id).exists()
        if order and not order.sudo()._is_on_portal() and order.has_access("read"):
            confirmation = order.sudo()._get_confirmation_to_show(request.env.user)
            if confirmation:
                return request.redirect(f"/order/review/{confirmation.id}")
            if request.env.user._is_internal():
                return OrderConfirmation()._show_preview(order.sudo())
        return super().portal_order_page(order_id, **kwargs)
