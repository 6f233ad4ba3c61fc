from odoo.fields import Command

from .amendment_common import AmendmentCommon
from .test_prepayment import PrepaymentCommon


class TestAmendmentEffects(AmendmentCommon):
    """What else a running order goes by follows its amendment, or stays."""

    def test_amended_delay_dates_what_was_completed_before(self):
        order = self._running_order(plan="completion_14")
        order.action_mark_completed("2027-06-01")
        payment = order.schedule_line_ids
        self.assertEqual(str(payment.date_due), "2027-06-15")
        amendment = self._amend(order)
        line = amendment.schedule_line_ids.with_user(self.user_sales)
        line.offset_value = 30
        self.assertFalse(line.date_due)
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(str(payment.date_due), "2027-07-01")

    def test_date_of_an_event_stays_when_its_delay_does(self):
        order = self._running_order(plan="completion_14")
        order.action_mark_completed("2027-06-01")
        self._agree(self._amend(order, price_unit=1600.0))
        self.assertEqual(str(order.schedule_line_ids.date_due), "2027-06-15")

    def test_taxes_of_a_changed_fiscal_position_hold_after_an_amendment(self):
        zero = self._create_tax(0, name="EU 0 %")
        position = self.env["account.fiscal.position"].create(
            {"name": "Intra-EU", "company_id": self.company.id}
        )
        zero.write(
            {
                "fiscal_position_ids": [Command.set(position.ids)],
                "original_tax_ids": [Command.set(self.tax_23.ids)],
            }
        )
        order = self._create_running()
        order.fiscal_position_id = position
        amendment = self._amend(order)
        amendment.schedule_line_ids.sorted()[1].date_due = "2027-03-01"
        self._agree(amendment)
        draft = self._draft(order, "2027-02-22")
        self.assertEqual(draft.invoice_line_ids.tax_ids, zero)
        self.assertIn("the confirmed schedule says", draft.publish_check_note)
        other = self._amend(order)
        other.order_line.tax_ids = zero
        self._agree(other)
        self.assertEqual(order.cycle_fiscal_position_id, position)

    # === MERGED CUSTOMERS === #

    def _merge_customer(self):
        kept = self._create_customer("Nowak nowy")
        self.env.flush_all()
        self.env["base.partner.merge.automatic.wizard"].sudo()._merge(
            (self.customer | kept).ids, kept, extra_checks=False
        )
        self.env.invalidate_all()
        return kept

    def test_running_order_goes_on_when_its_customer_was_merged(self):
        order = self._running_order(plan="completion_14")
        kept = self._merge_customer()
        self.assertEqual(order.partner_id, kept)
        order.with_user(self.user_sales).action_mark_completed("2027-06-01")
        self.assertEqual(self._draft(order).partner_id, kept)
        amendment = self._agree(self._amend(order))
        self.assertEqual(amendment.cycle_stage, "applied")

    def test_offer_is_confirmed_when_its_customer_was_merged(self):
        order = self._approve(self._create_order(plan="deposit_30"))
        self._merge_customer()
        self._confirm(order)
        self.assertEqual(order.state, "sale")
        self.assertTrue(order.schedule_line_ids[0].date_due)

    def test_other_customer_is_other_terms(self):
        order = self._approve(self._create_order())
        before = order.terms_hash
        order.partner_id = self._create_customer("Nowak nowy")
        self.assertNotEqual(order.terms_hash, before)


class TestAmendedRequest(PrepaymentCommon, AmendmentCommon):
    """A payment request asks for what the running order says."""

    def _get_requests(self):
        """Run the job and the outbox; return the texts of the requests they sent."""
        self.outbox.clear()
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        self._send_messages()
        return [
            mail.get_body(("html",)).get_content()
            for mail in self.outbox
            if "payment request" in mail["Subject"]
        ]

    def test_request_is_sent_anew_when_an_amendment_changed_its_amount(self):
        order = self._requested_order()
        deposit = order.schedule_line_ids[0]
        old = deposit.request_pdf_id
        self._agree(self._amend(order, price_unit=2000.0))
        [text] = self._get_requests()
        self.assertIn("738.00", text)
        self.assertNotEqual(deposit.request_pdf_id, old)
        self.assertFalse(self._get_requests())

    def test_request_is_not_repeated_when_an_amendment_left_it_alone(self):
        order = self._requested_order()
        amendment = self._amend(order)
        amendment.client_order_ref = "PO 7"
        amendment.schedule_line_ids.sorted()[1].name = "The rest"
        self._agree(amendment)
        self.assertFalse(self._get_requests())

    def test_request_of_an_order_offered_again_is_made_anew(self):
        order = self._requested_order()
        old = order.schedule_line_ids[0].request_pdf_id
        order._action_cancel()
        order.action_draft()
        order.order_line.price_unit = 800.0
        self._confirm(self._approve(order))
        [text] = self._get_requests()
        self.assertIn("295.20", text)
        self.assertNotEqual(order.schedule_line_ids[0].request_pdf_id, old)

    def test_way_of_asking_that_was_set_by_hand_holds_after_an_amendment(self):
        order = self._create_order(plan="deposit_30")
        order.deposit_document = "request"
        self._confirm(self._approve(order))
        self._get_requests()
        self._agree(self._amend(order, price_unit=2000.0))
        self.assertEqual(order.deposit_document, "request")
        self.assertEqual(len(self._get_requests()), 1)
        self.assertFalse(order.invoice_ids)

    def test_gate_shuts_again_when_the_payment_was_cancelled(self):
        order = self._requested_order()
        deposit = order.schedule_line_ids[0]
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 369.0,
                "journal_id": self.company_data["default_journal_bank"].id,
                "memo": order.name,
            }
        )
        payment.action_post()
        order._take_deposit_payment(payment)
        self.assertFalse(order.is_deposit_due)
        payment.action_draft()
        payment.action_cancel()
        self.assertTrue(order.is_deposit_due)
        deposit.invoice_id.unlink()
        deposit.action_release()
        self.assertTrue(deposit.is_payment_awaited)
        again = payment.copy()
        again.action_post()
        order._take_deposit_payment(again)
        self.assertEqual(deposit.deposit_payment_id, again)
        self.assertFalse(order.is_deposit_due)
