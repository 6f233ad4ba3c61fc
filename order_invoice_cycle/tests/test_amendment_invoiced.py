from odoo.exceptions import UserError
from odoo.fields import Command

from .amendment_common import AmendmentCommon
from .test_prepayment import PrepaymentCommon


class TestAmendmentInvoiced(AmendmentCommon):
    """What is invoiced or credited while an amendment is out, or was given up."""

    def _bill(self, order):
        """Draft and publish all that is open; return what the order was charged."""
        order.action_mark_completed(self.start)
        self._publish(self._draft(order))
        moves = order.schedule_line_ids.move_ids
        posted = (moves | moves.reversal_move_ids).filtered(
            lambda move: move.state == "posted"
        )
        return sum(posted.mapped("amount_total_signed"))

    def _reverse(self, invoice, amount=None):
        """Publish a credit note, over the whole invoice by default."""
        credit_note = invoice._reverse_moves([{"invoice_date": invoice.invoice_date}])
        if amount:
            line = credit_note.invoice_line_ids.filtered("product_id")[:1]
            (credit_note.invoice_line_ids - line).unlink()
            line.price_unit = amount
        credit_note.action_post()
        if not amount:
            lines = (invoice | credit_note).line_ids.filtered("date_maturity")
            lines.filtered(lambda item: not item.reconciled).reconcile()
        return credit_note

    def test_payment_that_an_amendment_takes_out_keeps_no_share(self):
        order = self._running_order(plan="instalments_3")
        first, second, _third = order.schedule_line_ids
        first.action_draft_invoice().button_cancel()
        first.action_skip()
        second.action_draft_invoice().invoice_line_ids.price_unit = 500.0
        order.action_spread_difference()
        self.assertEqual(self._get_totals(order), [410.0, 615.0, 205.0])
        self._publish(second.invoice_id)
        amendment = self._agree(self._amend(order, name="Support, extended"))
        self.assertSame(order, amendment)
        self.assertEqual(self._get_totals(amendment), [615.0, 615.0])
        self.assertEqual(order.schedule_line_ids[-1].amount_total, 615.0)
        self.assertEqual(self._bill(order), 1230.0)

    def _decline(self, amendment):
        self._approve(amendment)
        self._send_messages()
        link = amendment.confirmation_ids.sudo()
        self.assertEqual(link._decline(link.terms_hash, "Jan", "No"), "done")

    # === CORRECTED MEANWHILE === #

    def test_payment_whose_correction_is_a_draft_is_billed_after_an_amendment(self):
        order = self._running_order()
        order.action_mark_completed(self.start)
        invoice = self._publish(self._draft(order))
        amendment = self._amend(order, name="Support, extended")
        self._reverse(invoice)
        order.schedule_line_ids.action_draft_again()
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(order.schedule_line_ids.state, "planned")
        self.assertEqual(self._bill(order), 1230.0)

    def test_amendment_begun_beside_a_correction_shows_the_payment_as_open(self):
        order = self._running_order()
        order.action_mark_completed(self.start)
        self._reverse(self._publish(self._draft(order)))
        order.schedule_line_ids.action_draft_again()
        amendment = self._amend(order, price_unit=2000.0)
        self.assertEqual(self._get_totals(amendment), [2460.0])
        self.assertFalse(amendment.schedule_line_ids.settled_amounts)
        self._agree(amendment)
        self.assertEqual(self._bill(order), 2460.0)

    def test_credit_given_meanwhile_is_not_charged_without_the_customer(self):
        order = self._create_running()
        amendment = self._amend(order, price_unit=1600.0)
        self._approve(amendment)
        self._send_messages()
        link = amendment.confirmation_ids.sudo()
        shown = link.terms_hash
        before = self._get_totals(amendment)
        self._reverse(order.schedule_line_ids[0].invoice_id, 100.0)
        self.assertEqual(link._confirm(shown, "Jan"), "stale")
        after = self._get_totals(amendment)
        self.assertEqual((before[0], after[0]), (410.0, 287.0))
        self.assertEqual(sum(after), 1968.0)
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(self._bill(order), 1968.0)

    def test_more_credited_than_invoiced_is_nothing_in_the_amendment(self):
        order = self._create_running()
        amendment = self._amend(order)
        invoice = order.schedule_line_ids[0].invoice_id
        self._reverse(invoice, 100.0)
        self._reverse(invoice)
        self.assertEqual(amendment.schedule_line_ids.sorted()[0].amount_fixed, 0.0)

    def test_offered_amendment_stands_when_a_correction_is_published_as_it_was(self):
        order = self._create_running()
        line = order.schedule_line_ids[0]
        self._reverse(line.invoice_id)
        line.action_draft_again()
        amendment = self._amend(order, price_unit=1600.0)
        self._approve(amendment)
        self._send_messages()
        offered = amendment.terms_hash
        self._publish(line.invoice_id)
        self.assertEqual(amendment.terms_hash, offered)
        self._confirm(amendment)
        self.assertEqual(self._bill(order), 1968.0)

    def test_credited_payment_is_drafted_again_beside_others_that_took_more(self):
        order = self._running_order(plan="instalments_3")
        first, second, _third = order.schedule_line_ids
        second.action_draft_invoice()
        second.invoice_id.invoice_line_ids.filtered("product_id").price_unit = 2000.0
        self._publish(second.invoice_id)
        first.action_draft_invoice()
        self._publish(first.invoice_id)
        self._reverse(first.invoice_id)
        first.action_draft_again()
        self.assertEqual(first.state, "drafted")

    # === OFFERED AGAIN === #

    def test_amendment_offered_again_knows_what_was_invoiced_since(self):
        order = self._running_order()
        amendment = self._amend(order, price_unit=1200.0)
        self._decline(amendment)
        order.action_mark_completed(self.start)
        self._publish(self._draft(order))
        amendment.action_draft()
        self.assertEqual(self._get_totals(amendment), [1230.0])
        with self.assertRaisesRegex(UserError, "add up|left"):
            amendment.with_user(self.user_sales).action_submit_for_approval()
        amendment.schedule_line_ids = [
            Command.create(
                {"name": "Rest", "amount_type": "rest", "date_due": "2027-03-01"}
            )
        ]
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(self._bill(order), 1476.0)

    def test_amendment_offered_again_cannot_take_out_what_was_invoiced_since(self):
        order = self._running_order(plan="instalments_3")
        amendment = self._amend(order)
        first, second, third = amendment.schedule_line_ids.sorted()
        first.unlink()
        second.write({"amount_type": "percent", "percent": 50})
        third.write({"amount_type": "rest"})
        self._decline(amendment)
        order.schedule_line_ids[0].action_draft_invoice()
        self._publish(order.schedule_line_ids[0].invoice_id)
        amendment.action_draft()
        self.assertEqual(len(amendment.schedule_line_ids), 3)
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(self._bill(order), 1230.0)

    def test_amendment_offered_again_keeps_what_was_invoiced_before(self):
        order = self._create_running()
        amendment = self._amend(order, price_unit=1600.0)
        settled = amendment.schedule_line_ids.sorted()[0]
        dates = amendment.schedule_line_ids.mapped("date_due")
        self._decline(amendment)
        amendment.action_draft()
        self.assertTrue(settled.settled_amounts)
        self.assertEqual(amendment.schedule_line_ids.mapped("date_due"), dates)
        with self.assertRaisesRegex(UserError, "was invoiced already"):
            settled.with_user(self.user_sales).unlink()
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(self._bill(order), 1968.0)

    def test_amendment_is_not_offered_again_when_another_was_applied_since(self):
        order = self._create_running()
        old = self._amend(order, price_unit=1600.0)
        old._action_cancel()
        other = self._amend(order, price_unit=1700.0)
        self._agree(other)
        with self.assertRaisesRegex(UserError, f"amended by {other.name} since"):
            old.action_draft()

    def test_credited_payment_of_an_order_offered_again_is_invoiced_again(self):
        order = self._running_order(plan="deposit_30")
        self._reverse(self._publish(self._draft(order)))
        order._action_cancel()
        order.action_draft()
        self.assertEqual(self._get_totals(order), [369.0, 861.0])
        self._agree(order)
        self.assertEqual(order.schedule_line_ids[0].state, "planned")
        self._publish(self._draft(order))
        self.assertEqual(self._bill(order), 1230.0)

    # === GIVEN UP, AND DELETED === #

    def test_given_up_payment_stays_given_up_when_its_old_draft_is_deleted(self):
        order = self._running_order(plan="deposit_30")
        draft = self._draft(order)
        draft.button_cancel()
        deposit = order.schedule_line_ids[0]
        deposit.with_user(self.user_manager).action_skip()
        self.assertEqual(self._get_totals(order), [0.0, 1230.0])
        draft.with_user(self.user_billing).unlink()
        self.assertEqual(self._get_totals(order), [0.0, 1230.0])
        self.assertEqual(deposit.state, "cancelled")

    def test_released_payment_is_not_held_again_when_its_old_draft_is_deleted(self):
        order = self._running_order(plan="instalments_3")
        draft = self._draft(order, "2027-01-08")
        draft.button_cancel()
        line = order.schedule_line_ids[0]
        self.assertEqual(line.state, "held")
        line.action_release()
        draft.with_user(self.user_billing).unlink()
        self.assertEqual(line.state, "planned")

    def test_credited_deposit_is_not_invoiced_again_when_its_share_was_taken(self):
        order = self._running_order(plan="deposit_30")
        deposit, final = order.schedule_line_ids
        self._reverse(self._publish(self._draft(order)))
        order.action_mark_completed(self.start)
        self.assertEqual(final.amount_total, 1230.0)
        self._publish(self._draft(order))
        with self.assertRaisesRegex(UserError, "nothing left to invoice"):
            deposit.action_draft_again()

    def test_credited_deposit_is_invoiced_again_while_its_share_is_left(self):
        order = self._running_order(plan="deposit_30")
        deposit, final = order.schedule_line_ids
        self._reverse(self._publish(self._draft(order)))
        deposit.action_draft_again()
        self.assertEqual(deposit.invoice_id.amount_total, 369.0)
        self.assertEqual(final.amount_total, 861.0)


class TestPaidByRequest(PrepaymentCommon, AmendmentCommon):
    """A prepayment that was paid by a request is not asked for again."""

    def _pay_request(self, order):
        deposit = order.schedule_line_ids[0]
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": deposit.amount_total,
                "currency_id": order.currency_id.id,
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        deposit.sudo().deposit_payment_id = payment
        return deposit

    def test_paid_prepayment_is_not_removed_from_an_order_offered_again(self):
        order = self._requested_order()
        deposit = self._pay_request(order)
        order._action_cancel()
        order.action_draft()
        with self.assertRaisesRegex(UserError, "was paid by .* and stays"):
            deposit.with_user(self.user_sales).unlink()
        with self.assertRaisesRegex(UserError, "was paid by .* and stays"):
            order.plan_id = self.env.ref("order_invoice_cycle.cycle_plan_advance")

    def test_prepayment_paid_meanwhile_is_back_in_the_amendment(self):
        order = self._requested_order()
        amendment = self._amend(order)
        deposit, final = amendment.schedule_line_ids.sorted()
        deposit.with_user(self.user_sales).unlink()
        final.with_user(self.user_sales).write({"amount_type": "rest", "percent": 0})
        self._approve(amendment)
        self._send_messages()
        link = amendment.confirmation_ids.sudo()
        shown = link.terms_hash
        payment = self._pay_request(order).sudo().deposit_payment_id
        order.schedule_line_ids[0].sudo().deposit_payment_id = False
        order._take_deposit_payment(payment)
        self.assertEqual(link._confirm(shown, "Jan"), "stale")
        self.assertEqual(len(amendment.schedule_line_ids), 2)

    def test_order_whose_paid_prepayment_was_skipped_is_amended(self):
        order = self._requested_order()
        deposit = self._pay_request(order)
        deposit.with_user(self.user_manager).action_skip()
        amendment = self._amend(order, price_unit=1600.0)
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertTrue(deposit.exists())

    def test_paid_prepayment_is_not_taken_out_by_an_amendment(self):
        order = self._requested_order()
        self._pay_request(order)
        amendment = self._amend(order)
        deposit, final = amendment.schedule_line_ids.sorted()
        deposit.with_user(self.user_sales).unlink()
        final.with_user(self.user_sales).write({"amount_type": "rest", "percent": 0})
        with self.assertRaisesRegex(UserError, "invoiced or paid"):
            amendment.with_user(self.user_sales).action_submit_for_approval()
