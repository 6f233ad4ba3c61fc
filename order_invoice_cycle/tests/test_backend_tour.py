from odoo import fields

from .common import CycleBrowserCase


class TestBackendTour(CycleBrowserCase):
    """The backend as people click through it, in a real browser."""

    def test_order_is_published_when_sales_approver_and_billing_click(self):
        self.service.taxes_id = self.tax_23
        self.start_tour(
            "/odoo/cycle-orders", "cycle_sales_submits", login=self.user_sales.login
        )
        order = self.env["sale.order"].search([("partner_id", "=", self.customer.id)])
        self.assertRecordValues(
            order, [{"cycle_stage": "to_approve", "amount_total": 1230.0}]
        )
        self.start_tour(
            "/odoo/cycle-to-approve",
            "cycle_approver_approves",
            login=self.user_approver.login,
        )
        self.assertEqual(order.cycle_stage, "awaiting_customer")

        self._confirm(order)
        first = order.schedule_line_ids[0]
        self._run_cron(
            "cycle.schedule.line", "_cron_draft_invoices", today=first.date_due
        )
        self.assertRecordValues(first, [{"state": "drafted", "error": False}])
        self.start_tour(
            "/odoo/cycle-to-publish",
            "cycle_billing_publishes",
            login=self.user_billing.login,
        )
        self.assertRecordValues(
            first.invoice_id,
            [{"state": "posted", "amount_total": 410.0}],
        )
        self.assertGreaterEqual(first.invoice_id.invoice_date, fields.Date.today())
