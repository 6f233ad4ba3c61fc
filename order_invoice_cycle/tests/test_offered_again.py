from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import CycleCommon
from .confirmation_common import ConfirmationPageCase


@tagged("post_install", "-at_install")
class TestOfferedAgain(CycleCommon):
    """A cancelled order that is set back to a quotation and offered once more."""

    def _offer_again(self, order):
        order._action_cancel()
        order.action_draft()

    def _get_states(self, order):
        return order.schedule_line_ids.mapped("state")

    def test_schedule_begins_anew(self):
        order = self._running_order(plan="deposit_30")
        self._draft(order)
        order.action_mark_completed("2027-02-01")
        self._offer_again(order)
        self.assertEqual(self._get_states(order), ["waiting", "waiting"])
        self.assertFalse(any(order.schedule_line_ids.mapped("date_due")))
        self._confirm(self._approve(order))
        self.assertEqual(self._get_states(order), ["planned", "waiting"])
        self.assertEqual(len(self._draft(order)), 1)

    def test_what_was_given_up_is_asked_for(self):
        order = self._running_order(plan="deposit_30")
        order.schedule_line_ids[0].action_skip()
        self._offer_again(order)
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [369.0, 861.0])

    def test_deposit_stays_given_up_when_the_final_invoice_took_its_share(self):
        for is_credited in (True, False):
            with self.subTest(is_credited=is_credited):
                order = self._running_order(plan="deposit_30")
                if is_credited:
                    deposit = self._publish(self._draft(order))
                    self._reverse_invoice(deposit, post=True)
                else:
                    order.schedule_line_ids[0].action_skip()
                order.action_mark_completed("2027-02-01")
                final = self._publish(self._draft(order))
                self.assertEqual(final.amount_total, 1230.0)
                self._offer_again(order)
                amounts = order.schedule_line_ids.mapped("amount_total")
                self.assertEqual(amounts, [0.0, 1230.0])
                self._confirm(self._approve(order))
                self.assertFalse(self._draft(order))
                self.assertEqual(order.amount_invoiced, 1230.0)

    def test_invoice_counts_with_what_a_person_made_of_it(self):
        order = self._running_order(plan="instalments_3")
        first = self._draft(order, "2027-01-15")
        first.invoice_line_ids.price_unit = 500.0
        self._publish(first)
        self._offer_again(order)
        amounts = order.schedule_line_ids.mapped("amount_total")
        self.assertEqual(amounts, [615.0, 307.5, 307.5])
        self._confirm(self._approve(order))
        drafts = self._draft(order)
        self.assertEqual(sum((first | drafts).mapped("amount_total")), 1230.0)

    def test_each_published_invoice_counts_beside_one_that_a_person_changed(self):
        order = self._running_order(plan="instalments_3")
        first, second = self._draft(order, "2027-02-10").sorted("invoice_date_due")
        first.invoice_line_ids.price_unit = 500.0
        self._publish(first | second)
        self._offer_again(order)
        amounts = order.schedule_line_ids.mapped("amount_total")
        self.assertEqual(amounts, [615.0, 410.0, 205.0])
        order.schedule_line_ids[2].action_take_rest()
        self._confirm(self._approve(order))
        third = self._draft(order)
        self.assertEqual(sum((first | second | third).mapped("amount_total")), 1230.0)

    def test_invoice_counts_with_what_it_charged_when_the_price_is_changed(self):
        order = self._running_order(plan="instalments_3")
        first = self._publish(self._draft(order, "2027-01-10"))
        self._offer_again(order)
        order.order_line.price_unit = 2000.0
        amounts = order.schedule_line_ids.mapped("amount_total")
        self.assertEqual(amounts, [410.0, 1025.0, 1025.0])
        self._confirm(self._approve(order))
        moves = first | self._draft(order)
        self.assertEqual(sum(moves.mapped("amount_total")), 2460.0)

    def test_invoice_counts_beside_percentages_that_do_not_add_up_exactly(self):
        payments = [
            Command.create(
                {
                    "name": f"Part {number}",
                    "amount_type": "percent",
                    "percent": 33.3333,
                    "date_due": f"2027-0{number}-15",
                }
            )
            for number in (1, 2, 3)
        ]
        order = self._create_order(
            payment_mode="instalments", schedule_line_ids=payments
        )
        self._confirm(self._approve(order))
        self._publish(self._draft(order, "2027-01-10"))
        self._offer_again(order)
        self.assertFalse(order.schedule_problem)
        self.assertEqual(sum(order.schedule_line_ids.mapped("amount_total")), 1230.0)

    def test_order_without_lines_is_offered_again(self):
        order = self._running_order(plan="deposit_30")
        self._publish(self._draft(order))
        self._offer_again(order)
        order.order_line.unlink()
        self._offer_again(order)
        self.assertEqual(order.cycle_stage, "draft")

    def test_invoice_at_the_taxes_of_its_date_takes_its_share_of_the_order(self):
        order = self._running_order(plan="instalments_3")
        position = self.env["account.fiscal.position"].create({"name": "Abroad"})
        self._create_tax(
            0,
            name="Abroad 0 %",
            fiscal_position_ids=[Command.set(position.ids)],
            original_tax_ids=[Command.set(self.tax_23.ids)],
        )
        order.fiscal_position_id = position
        first = self._publish(self._draft(order, "2027-01-10"))
        self.assertEqual(first.amount_tax, 0.0)
        self._offer_again(order)
        untaxed = order.schedule_line_ids.mapped("amount_untaxed")
        self.assertEqual(untaxed, [333.34, 333.33, 333.33])

    def test_refunded_payment_is_asked_for_again(self):
        order = self._running_order(plan="deposit_30")
        deposit = self._publish(self._draft(order))
        self._pay(deposit)
        order._action_cancel()
        self._reverse_invoice(deposit, post=True)
        self.assertEqual(deposit.payment_state, "paid")
        order.action_draft()
        self.assertEqual(self._get_states(order), ["waiting", "waiting"])
        self._confirm(self._approve(order))
        self.assertTrue(order.is_deposit_due)
        self.assertEqual(self._draft(order).amount_total, 369.0)

    def test_deposit_credited_while_it_is_an_offer_is_due_at_the_end(self):
        order = self._running_order(plan="deposit_30")
        deposit = self._publish(self._draft(order))
        self._offer_again(order)
        self._reverse_invoice(deposit, post=True)
        self._confirm(self._approve(order))
        amounts = order.schedule_line_ids.mapped("amount_total")
        self.assertEqual(amounts, [0.0, 1230.0])

    def test_credited_period_of_a_recurring_order_is_not_billed_again(self):
        order = self._running_order(plan="monthly")
        drafts = self._draft(order, "2027-02-20")
        march = self._publish(drafts.sorted("invoice_date_due")[-1:], "2027-02-20")
        self._reverse_invoice(march, post=True)
        period = march.schedule_line_id
        self._offer_again(order)
        self._confirm(self._approve(order))
        self.assertEqual((period.state, period.invoice_id), ("cancelled", march))
        self.assertNotIn(period, self._draft(order, "2027-04-01").schedule_line_id)

    def test_another_plan_leaves_the_cancelled_invoice_as_it_is(self):
        order = self._running_order(plan="deposit_30")
        invoice = self._publish(self._draft(order))
        number = invoice.name
        invoice.button_draft()
        invoice.button_cancel()
        self._offer_again(order)
        order.with_user(self.user_sales).plan_id = self.env.ref(
            "order_invoice_cycle.cycle_plan_advance"
        )
        self.assertRecordValues(invoice, [{"name": number, "state": "cancel"}])
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [1230.0])
        self._confirm(self._approve(order))
        self.assertEqual(self._draft(order).mapped("amount_total"), [1230.0])

    def test_payment_with_a_published_invoice_stays(self):
        order = self._running_order(plan="deposit_30")
        self._publish(self._draft(order))
        self._offer_again(order)
        with self.assertRaisesRegex(UserError, "was invoiced .* stays in the schedule"):
            order.plan_id = self.env.ref("order_invoice_cycle.cycle_plan_advance")


@tagged("post_install", "-at_install")
class TestLinkOfOrderOfferedAgain(ConfirmationPageCase):
    """What a link of before shows: that the offer was changed, and the newer one."""

    def _offer_again(self):
        self.order._action_cancel()
        self.order.action_draft()

    def _check_stale(self, text):
        self.assertIn("The offer was changed, please review", text)
        self.assertNotIn("Your answer", text.replace("Your answer was not taken", ""))
        self.assertNotIn("1,230.00", text)

    def test_confirmed_link_asks_for_no_answer_that_nobody_would_take(self):
        self._open()
        nonce = self._get_nonce()
        self._post("accept")
        self._offer_again()
        self._check_stale(self._get_text(self._get(self.path)))
        traces = self._get_traces()
        response = self._post("comment", text="One more thing", nonce=nonce)
        self.assertEqual(response.status_code, 409)
        text = self._get_text(response)
        self._check_stale(text)
        self.assertIn("Your answer was not taken", text)
        self.assertIn("One more thing", text)
        self.assertEqual(self._get_traces(), traces)

    def test_confirmed_link_leads_to_the_newer_one(self):
        self._open()
        self._post("accept")
        self._offer_again()
        self._approve(self.order)
        self._send_messages()
        self.assertIn("Review the new version", self._get(self.path).text)
        newer = self._get_confirmation(self.anna)
        self.assertNotEqual(newer, self.confirmation)
        page = self._get(f"/order/review/{newer.id}")
        self.assertIn("Your answer", self._get_text(page))

    def test_waiting_link_ends_when_the_quotation_is_reopened(self):
        self._open()
        self.order.action_draft()
        self.assertEqual(
            set(self.order.confirmation_ids.mapped("state")), {"superseded"}
        )
        self._check_stale(self._get_text(self._get(self.path)))
