from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.account_payment.tests.common import AccountPaymentCommon

from .common import CycleCommon


class TestPayment(CycleCommon):
    """Money settles the scheduled payments, and the order follows."""

    def _get_states(self, order):
        return order.schedule_line_ids.mapped("state")

    def test_line_is_paid_when_the_invoice_is_paid_in_full(self):
        order = self._running_order(plan="instalments_3")
        move = self._publish(self._draft(order, "2027-01-08"))
        self._pay(move)
        self.assertEqual(self._get_states(order), ["paid", "planned", "planned"])
        self.assertEqual(order.cycle_stage, "confirmed")

    def test_line_stays_invoiced_when_the_invoice_is_paid_in_part(self):
        order = self._running_order(payment_mode="prepayment")
        move = self._publish(self._draft(order))
        self._pay(move, 1000.0)
        self.assertEqual(self._get_states(order), ["invoiced"])
        self.assertEqual(move.amount_residual, 230.0)
        self._pay(move)
        self.assertEqual(self._get_states(order), ["paid"])
        self.assertEqual(order.cycle_stage, "completed")

    def test_line_is_open_again_when_the_payment_is_taken_back(self):
        order = self._running_order(payment_mode="prepayment")
        move = self._publish(self._draft(order))
        payment = self._pay(move)
        self.assertEqual(order.cycle_stage, "completed")
        payment.action_draft()
        payment.action_cancel()
        self.assertEqual(self._get_states(order), ["invoiced"])
        self.assertEqual(order.cycle_stage, "confirmed")

    def test_order_is_completed_when_every_payment_is_made_or_skipped(self):
        order = self._running_order(plan="instalments_3")
        order.schedule_line_ids[2].action_skip()
        for move in self._publish(self._draft(order)):
            self.assertEqual(order.cycle_stage, "confirmed")
            self._pay(move)
        self.assertEqual(order.cycle_stage, "completed")

    def test_work_waits_for_the_deposit_unless_a_manager_decides(self):
        order = self._running_order(plan="deposit_30")
        self.assertTrue(order.is_deposit_due)
        with self.assertRaisesRegex(UserError, "prepayment of order"):
            order.with_user(self.user_sales).action_mark_completed("2027-02-01")
        move = self._publish(self._draft(order))
        self._pay(move)
        self.assertFalse(order.is_deposit_due)
        order.with_user(self.user_sales).action_mark_completed("2027-02-01")
        self.assertTrue(order.date_completed)

        other = self._running_order(plan="deposit_30")
        other.with_user(self.user_manager).action_mark_completed("2027-02-01")
        self.assertTrue(other.date_completed)

    # === WHAT CORE KNOWS OF IT === #

    def assertInvoiced(self, order, status, quantity, posted, amount_to_invoice):
        line = order.order_line
        self.assertRecordValues(order, [{"invoice_status": status}])
        self.assertAlmostEqual(line.qty_invoiced, quantity)
        self.assertAlmostEqual(line.qty_invoiced_posted, posted)
        self.assertAlmostEqual(order.amount_to_invoice, amount_to_invoice)
        self.assertAlmostEqual(
            line.untaxed_amount_to_invoice, amount_to_invoice / 1.23, delta=0.01
        )

    def test_invoiced_quantity_and_status_follow_the_schedule(self):
        order = self._running_order(
            plan="instalments_3",
            lines=[self._create_line(100, product_uom_qty=9, discount=10)],
        )
        self.assertInvoiced(order, "to invoice", 0, 0, 996.3)
        first = self._draft(order, "2027-01-08")
        self.assertInvoiced(order, "to invoice", 3, 0, 996.3)
        self._publish(first)
        self.assertInvoiced(order, "to invoice", 3, 3, 664.2)
        self._publish(self._draft(order))
        self.assertInvoiced(order, "invoiced", 9, 9, 0)

    def test_nothing_is_to_invoice_while_the_order_waits_for_its_completion(self):
        order = self._running_order(payment_mode="after_completion")
        self.assertEqual(order.invoice_status, "no")
        order.action_mark_completed("2027-02-01")
        self.assertEqual(order.invoice_status, "to invoice")

    def test_recurring_order_never_has_less_than_nothing_to_invoice(self):
        order = self._running_order(
            payment_mode="recurring",
            recurrence_interval=1,
            recurrence_unit="month",
            recurrence_count=3,
            recurrence_in_advance=True,
            auto_renew=True,
        )
        self.assertInvoiced(order, "to invoice", 0, 0, 3690)
        self._publish(self._draft(order, "2027-02-08"))
        self.assertInvoiced(order, "to invoice", 1, 1, 1230)
        self._publish(self._draft(order))
        self.assertInvoiced(order, "no", 1, 1, 0)

    def test_order_without_a_mode_behaves_as_in_core(self):
        stock = self._create_order(
            payment_mode=False, lines=[self._create_line(100, product_uom_qty=2)]
        )
        self.assertFalse(stock.cycle_stage)
        stock.action_confirm()
        self.assertRecordValues(
            stock, [{"state": "sale", "invoice_status": "to invoice"}]
        )
        cycle = self._running_order(payment_mode="prepayment")
        moves = (stock + cycle)._create_invoices()
        self.assertEqual(len(moves), 2)
        move = stock.invoice_ids
        self.assertFalse(move.schedule_line_id)
        self.assertRecordValues(
            stock,
            [
                {
                    "invoice_status": "invoiced",
                    "amount_to_invoice": 246.0,
                    "cycle_stage": False,
                }
            ],
        )
        self.assertEqual(stock.order_line.qty_invoiced, 2.0)
        move.action_post()
        self.assertEqual(stock.amount_to_invoice, 0.0)
        self.assertEqual(move.publish_check_state, "green")
        move.button_draft()
        move.button_cancel()
        self.assertEqual(stock.invoice_status, "to invoice")


@tagged("post_install", "-at_install")
class TestOnlinePayment(AccountPaymentCommon, CycleCommon):
    """Payments on the portal, through a provider."""

    def _pay_online(self, **values):
        values = {"flow": "direct", "state": "done", "reference": "TX", **values}
        transaction = self._create_transaction(**values)
        transaction._post_process()
        return transaction

    def test_line_is_paid_when_the_invoice_is_paid_online(self):
        order = self._running_order(payment_mode="prepayment")
        move = self._publish(self._draft(order))
        self._pay_online(
            amount=move.amount_residual,
            currency_id=move.currency_id.id,
            partner_id=move.partner_id.id,
            invoice_ids=[Command.set(move.ids)],
        )
        self.assertIn(move.payment_state, ("paid", "in_payment"))
        self.assertEqual(order.schedule_line_ids.state, "paid")
        self.assertEqual(order.cycle_stage, "completed")

    def test_order_is_not_confirmed_by_a_payment(self):
        self.env["ir.config_parameter"].sudo().set_param("sale.automatic_invoice", "1")
        for state in ("pending", "authorized", "done"):
            with self.subTest(state=state):
                order = self._approve(self._create_order(payment_mode="prepayment"))
                self.provider.support_manual_capture = "full_only"
                self._pay_online(
                    state=state,
                    reference=order.name,
                    amount=order.amount_total,
                    currency_id=order.currency_id.id,
                    partner_id=order.partner_id.id,
                    sale_order_ids=[Command.set(order.ids)],
                )
                self.assertEqual(order.cycle_stage, "awaiting_customer")
                self.assertFalse(order.invoice_ids)

    def test_payment_of_a_confirmed_order_settles_its_next_invoice(self):
        self.env["ir.config_parameter"].sudo().set_param("sale.automatic_invoice", "1")
        order = self._running_order(plan="deposit_30")
        self._pay_online(
            amount=369.0,
            currency_id=order.currency_id.id,
            partner_id=order.partner_id.id,
            sale_order_ids=[Command.set(order.ids)],
        )
        self.assertFalse(order.invoice_ids, "its schedule invoices it")
        self.assertTrue(order.is_deposit_due)
        self._publish(self._draft(order))
        self.assertEqual(order.schedule_line_ids[0].state, "paid")
        self.assertFalse(order.is_deposit_due)

    def test_order_without_a_mode_is_confirmed_by_a_payment_as_in_core(self):
        order = self._create_order(payment_mode=False)
        self._pay_online(
            amount=order.amount_total,
            currency_id=order.currency_id.id,
            partner_id=order.partner_id.id,
            sale_order_ids=[Command.set(order.ids)],
        )
        self.assertEqual(order.state, "sale")
