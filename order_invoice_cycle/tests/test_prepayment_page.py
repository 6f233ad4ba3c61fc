from lxml import html

from odoo.tests import tagged

from odoo.addons.account_payment.tests.common import AccountPaymentCommon

from .confirmation_common import ConfirmationPageCase


@tagged("post_install", "-at_install")
class TestPrepaymentPage(ConfirmationPageCase, AccountPaymentCommon):
    """From the receipt of a confirmation to core's payment form."""

    def _confirm_requested_order(self):
        """Return a confirmed order with a payment request, and the path of its page."""
        plan = self.env.ref("order_invoice_cycle.cycle_plan_deposit_30").copy(
            {"deposit_document": "request"}
        )
        order = self._create_order(
            payment_mode="prepayment", plan_id=plan.id, partner_id=self.anna.id
        )
        self._approve(order)
        self._send_messages()
        path = f"/order/review/{self._get_confirmation(self.anna, order).id}"
        self._get(self._get_link(self.anna, order))
        self._post("accept", path, terms_hash=order.terms_hash)
        self.assertEqual(order.cycle_stage, "confirmed")
        return order, path

    def test_receipt_leads_to_core_s_form_over_the_prepayment(self):
        order, path = self._confirm_requested_order()
        page = self._get(path)
        (button,) = html.fromstring(page.content).xpath("//a[contains(@href, '/pay')]")
        self.assertIn("369.00", " ".join(button.text_content().split()))
        answer = self._get(button.get("href"), allow_redirects=False)
        self.assertEqual(answer.status_code, 303)
        self.assertSecured(answer)
        form = self._get(answer.headers["Location"])
        self.assertEqual(form.status_code, 200)
        self.assertIn(order.name, form.text)
        (payment,) = html.fromstring(form.content).xpath("//form[@id='o_payment_form']")
        self.assertEqual(float(payment.get("data-amount")), 369.0)
        self.assertEqual(int(payment.get("data-partner-id")), self.anna.id)

    def test_receipt_offers_nothing_that_no_provider_takes(self):
        self.env["payment.provider"].search([]).state = "disabled"
        _order, path = self._confirm_requested_order()
        self.assertNotIn("/pay", self._get(path).text)
