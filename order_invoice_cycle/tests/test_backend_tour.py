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

    def test_approver_decides_in_the_activity_of_the_order(self):
        for tour, stage in (
            ("cycle_approver_rejects_in_activity", "rejected"),
            ("cycle_approver_approves_in_activity", "awaiting_customer"),
        ):
            order = self._create_order(plan="deposit_30")
            order.with_user(self.user_sales).action_submit_for_approval()
            self.start_tour(
                f"/odoo/cycle-orders/{order.id}", tour, login=self.user_approver.login
            )
            self.env.invalidate_all()
            self.assertEqual(order.cycle_stage, stage)

    def test_activity_offers_the_decision_only_to_those_who_are_asked(self):
        order = self._create_order()
        order.with_user(self.user_sales).action_submit_for_approval()
        activity = order.activity_ids
        own = activity.with_user(self.user_approver)
        self.assertEqual(own.cycle_asked_terms, order.terms_hash)
        self.assertFalse(activity.with_user(self.user_sales).cycle_asked_terms)
        order.with_user(self.user_approver).action_approve()
        self.assertFalse(activity.exists())
        todo = order.activity_schedule(
            "mail.mail_activity_data_todo", user_id=self.user_approver.id
        )
        self.assertFalse(todo.with_user(self.user_approver).cycle_asked_terms)
