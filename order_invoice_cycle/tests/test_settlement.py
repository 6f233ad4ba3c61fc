from odoo.exceptions import UserError
from odoo.fields import Command

from .settlement_common import SettlementCase


class TestSettlement(SettlementCase):
    """What invoices really took of an order, and who pays the rest."""

    # === THE FINAL INVOICE DEDUCTS THE DEPOSITS === #

    def test_final_invoice_quotes_and_deducts_the_deposit(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit, today="2027-01-22")
        final = self._draft_final(order)
        self.assertEqual(final.amount_untaxed, 700.0)
        self.assertEqual(final.amount_tax, 161.0)
        self.assertRecordValues(
            final.invoice_line_ids.sorted("sequence"),
            [
                {"name": "Support", "quantity": 1.0, "price_subtotal": 1000.0},
                {
                    "name": "Less the deposits already invoiced",
                    "quantity": 0.0,
                    "price_subtotal": 0.0,
                },
                {
                    "name": f"Deposit {deposit.name} of 22 Jan 2027",
                    "quantity": -1.0,
                    "price_subtotal": -300.0,
                },
            ],
        )
        self.assertEqual(final.publish_check_state, "green")
        self._publish(final, today="2027-03-02")
        self.assertEqual(
            sum((deposit | final).mapped("amount_total")), order.amount_total
        )
        self.assertEqual(order.amount_invoiced, order.amount_total)

    def test_final_invoice_deducts_each_rate_as_it_was_posted(self):
        lines = [
            self._create_line(333.33),
            self._create_line(66.67, self.tax_8, discount=7.5),
            self._create_line(99.99, self._create_tax(5, name="5 incl"), name="Third"),
        ]
        order = self._running_order(plan="deposit_30", lines=lines)
        deposit = self._publish(self._draft(order), today="2027-01-22")
        final = self._publish(self._draft_final(order), today="2027-03-02")
        moves = deposit | final
        for tax in order.order_line.tax_ids:
            items = moves.line_ids.filtered(lambda x, tax=tax: x.tax_line_id == tax)
            expected = sum(
                order.order_line.filtered(lambda x, tax=tax: x.tax_ids == tax).mapped(
                    "price_tax"
                )
            )
            self.assertAlmostEqual(-sum(items.mapped("balance")), expected, 2)
        self.assertEqual(sum(moves.mapped("amount_untaxed")), order.amount_untaxed)

    def test_final_invoice_deducts_what_a_person_made_of_the_deposit(self):
        order, deposit = self._create_deposit_order()
        self._edit(deposit, price_unit=400.0)
        self._publish(deposit)
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [492.0, 738.0])
        final = self._draft_final(order)
        self.assertEqual(final.amount_total, 738.0)

    def test_final_invoice_does_not_deduct_the_cash_rounding_in_a_tax(self):
        order = self._running_order(
            plan="deposit_30", lines=[self._create_line(999.97)]
        )
        deposit = self._draft(order)
        tax = deposit.amount_tax
        deposit.invoice_cash_rounding_id = self.env["account.cash.rounding"].create(
            {
                "name": "Five cents",
                "rounding": 0.05,
                "strategy": "biggest_tax",
                "rounding_method": "UP",
            }
        )
        self.assertEqual((tax, deposit.amount_tax), (69.0, 69.01))
        self._publish(deposit)
        final = self._draft_final(order)
        self.assertAlmostEqual(final.amount_tax, order.amount_tax - tax, 2)

    def test_credited_deposit_restores_what_is_due(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        self._reverse_invoice(deposit, post=True)
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [0.0, 1230.0])
        self.assertEqual(self._draft_final(order).amount_total, 1230.0)

    def test_partly_credited_deposit_is_deducted_less_its_credit_note(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        credit_note = self._reverse_invoice(deposit)
        self._edit(credit_note, price_unit=100.0)
        credit_note.action_post()
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [246.0, 984.0])
        self.assertEqual(self._draft_final(order).amount_total, 984.0)
        credit_note.button_draft()
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [369.0, 861.0])

    def test_deposit_paid_by_another_credit_note_is_paid_and_not_credited(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        other = self.init_invoice(
            "out_refund", partner=self.customer, amounts=[369.0], post=True
        )
        receivable = (deposit | other).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )
        receivable.reconcile()
        self.assertEqual(deposit.payment_state, "reversed")
        line = order.schedule_line_ids[0]
        self.assertEqual((line.state, line.is_credited), ("paid", False))
        self.assertFalse(order.is_deposit_due)
        with self.assertRaisesRegex(UserError, "nothing to draft again"):
            line.action_draft_again()

    def test_payment_drafted_again_takes_what_the_others_left(self):
        lines = [self._create_line(taxes=self.env["account.tax"])]
        order = self._create_order(
            payment_mode="instalments",
            lines=lines,
            schedule_line_ids=[
                Command.create(
                    {
                        "name": name,
                        "amount_type": "percent",
                        "percent": percent,
                        "date_due": self.start,
                    }
                )
                for name, percent in (("First", 30), ("Second", 70))
            ],
        )
        self._confirm(self._approve(order))
        first = order.schedule_line_ids[0].action_draft_invoice()
        self._edit(first, price_unit=200.0)
        order.action_spread_difference()
        second = self._draft(order) - first
        self._publish(first | second)
        self.assertEqual(second.amount_total, 800.0)
        first.button_draft()
        first.button_cancel()
        again = order.schedule_line_ids[0].action_draft_again()
        self.assertEqual(again.amount_total, 200.0)
        self.assertFalse(order.has_schedule_difference)

    def test_credited_share_does_not_come_back_with_a_payment_drafted_again(self):
        order = self._running_order(plan="instalments_3")
        first = order.schedule_line_ids[0].action_draft_invoice()
        self._edit(first, price_unit=400.0)
        order.action_spread_difference()
        moves = self._publish(self._draft(order))
        amounts = order.schedule_line_ids.mapped("amount_total")
        self.assertEqual(amounts, [492.0, 369.0, 369.0])
        self._reverse_invoice(moves.sorted("invoice_date_due")[-1], post=True)
        first.button_draft()
        first.button_cancel()
        again = order.schedule_line_ids[0].action_draft_again()
        self.assertEqual(again.amount_total, 492.0)

    def test_credited_payment_drafted_again_takes_what_the_others_left(self):
        order = self._running_order(plan="instalments_3")
        first = order.schedule_line_ids[0].action_draft_invoice()
        self._edit(first, price_unit=400.0)
        order.action_spread_difference()
        self._publish(self._draft(order))
        self._reverse_invoice(first, post=True)
        again = order.schedule_line_ids[0].action_draft_again()
        self.assertEqual(again.amount_total, 492.0)

    def test_payment_published_beside_a_deposit_keeps_its_share(self):
        payments = (("deposit", 50), ("instalment", 20), ("instalment", 30))
        order = self._create_order(
            payment_mode="instalments",
            schedule_line_ids=[
                Command.create(
                    {
                        "name": f"Part {number}",
                        "kind": kind,
                        "amount_type": "percent",
                        "percent": percent,
                        "date_due": f"2027-0{number}-15",
                    }
                )
                for number, (kind, percent) in enumerate(payments, start=1)
            ],
        )
        self._confirm(self._approve(order))
        deposit, second = self._draft(order, "2027-02-10").sorted("invoice_date_due")
        self._publish(deposit | second)
        self._reverse_invoice(deposit, post=True)
        amounts = order.schedule_line_ids.mapped("amount_total")
        self.assertEqual(amounts, [0.0, 246.0, 984.0])

    def test_skipped_deposit_is_due_at_the_end(self):
        order = self._running_order(plan="deposit_30")
        order.schedule_line_ids[0].action_skip()
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [0.0, 1230.0])
        self.assertEqual(self._draft_final(order).amount_total, 1230.0)

    def test_final_invoice_is_zero_when_the_deposit_took_everything(self):
        for price in (1000.0, 1000.01):
            with self.subTest(price=price):
                order, deposit = self._create_deposit_order()
                self._edit(deposit, price_unit=price)
                self._publish(deposit)
                final = self._draft_final(order)
                self.assertEqual(final.move_type, "out_invoice")
                self.assertEqual(final.amount_total, 0.0)
                self._publish(final, today="2027-03-02")
                self.assertEqual(final.state, "posted")

    # === A DRAFT THAT A PERSON EDITS === #

    def test_difference_is_shown_and_spread_only_when_asked(self):
        order = self._running_order(plan="instalments_3")
        lines = order.schedule_line_ids
        draft = self._draft(order, "2027-01-08")
        self._edit(draft, price_unit=400.0)
        self.assertEqual(lines.mapped("invoice_difference"), [82.0, 0.0, 0.0])
        self.assertEqual(order.schedule_difference, 82.0)
        self.assertEqual(lines.mapped("amount_total"), [410.0] * 3)
        terms = order.terms_hash
        order.with_user(self.user_sales).action_spread_difference()
        self.assertEqual(lines.mapped("amount_total"), [492.0, 369.0, 369.0])
        self.assertFalse(order.has_schedule_difference)
        self.assertEqual(order.terms_hash, terms)
        moves = self._publish(draft | self._draft(order))
        self.assertEqual(sum(moves.mapped("amount_total")), order.amount_total)
        self.assertEqual(sum(moves.mapped("amount_tax")), order.amount_tax)

    def test_spreading_is_refused_when_there_is_nothing_to_spread(self):
        order = self._running_order(plan="instalments_3")
        with self.assertRaisesRegex(UserError, "are as scheduled"):
            order.action_spread_difference()
        draft = self._draft(order)[0]
        self._edit(draft, price_unit=400.0)
        with self.assertRaisesRegex(UserError, "No payment is left"):
            order.action_spread_difference()

    def test_payment_takes_its_share_again_when_its_edited_draft_is_deleted(self):
        order = self._running_order(plan="instalments_3")
        draft = self._draft(order, "2027-01-08")
        self._edit(draft, price_unit=400.0)
        order.action_spread_difference()
        draft.unlink()
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [410.0] * 3)

    def test_difference_goes_to_no_payment_that_is_never_invoiced(self):
        order = self._running_order(
            plan="instalments_6", lines=[self._create_line(600)]
        )
        lines = order.schedule_line_ids
        credited = self._publish(self._draft(order, "2027-01-08"))
        self._reverse_invoice(credited, post=True)
        lines[1].action_skip()
        draft = self._draft(order, "2027-03-08").filtered(
            lambda move: move.schedule_line_id == lines[2]
        )
        self._edit(draft, price_unit=130.0)
        self.assertEqual(draft.amount_total, 159.9)
        order.action_spread_difference()
        self.assertEqual(
            lines.mapped("amount_total"), [123.0, 123.0, 159.9, 110.7, 110.7, 110.7]
        )
        self.assertFalse(order.has_schedule_difference)
        later = self._draft(order) - draft
        self.assertEqual(later.mapped("amount_total"), [110.7] * 3)

    def _start_deposit_and_two(self):
        """Return a running order, its drafted deposit, and two payments after it."""
        order = self._create_order(
            payment_mode="prepayment",
            schedule_line_ids=[
                Command.create({"name": name, "amount_type": "percent", **values})
                for name, values in (
                    ("Deposit", {"percent": 50, "kind": "deposit"}),
                    ("Skipped", {"percent": 20}),
                    ("Last", {"percent": 30}),
                )
            ],
        )
        order.schedule_line_ids.write({"date_due": self.start})
        deposit, skipped, last = self._confirm(self._approve(order)).schedule_line_ids
        deposit._draft_invoices()
        return order, deposit, skipped, last

    def test_credited_deposit_is_due_by_those_that_are_invoiced(self):
        order, deposit, skipped, last = self._start_deposit_and_two()
        invoice = self._publish(deposit.invoice_id)
        skipped.action_skip()
        self._reverse_invoice(invoice, post=True)
        self.assertEqual(
            (deposit | skipped | last).mapped("amount_total"), [0.0, 246.0, 984.0]
        )
        last._draft_invoices()
        self.assertEqual(last.invoice_id.amount_total, 984.0)

    def test_last_invoice_does_not_charge_what_was_skipped(self):
        order, deposit, skipped, last = self._start_deposit_and_two()
        self._publish(deposit.invoice_id)
        skipped.action_skip()
        last._draft_invoices()
        self.assertEqual(last.invoice_id.amount_total, 369.0)

    # === REVERSE AND CREATE INVOICE === #

    def _replace(self, moves, day="2026-01-20"):
        """Press *Reverse and Create Invoice*, as an invoicing user; return the new."""
        wizard = self.env["account.move.reversal"].with_user(self.user_billing)
        wizard = wizard.with_context(active_model="account.move", active_ids=moves.ids)
        values = {"journal_id": moves.journal_id.id, "date": day}
        wizard = wizard.create(values)
        wizard.modify_moves()
        return wizard.new_move_ids.sudo(False).with_env(self.env)

    def test_invoice_that_core_makes_in_place_of_another_stays_in_the_schedule(self):
        order = self._running_order(plan="instalments_3")
        invoice = self._publish(self._draft(order, "2027-01-08"), "2026-01-15")
        line = invoice.schedule_line_id
        new = self._replace(invoice)
        self.assertEqual(invoice.payment_state, "reversed")
        self.assertTrue(invoice.is_replaced)
        self.assertRecordValues(
            new,
            [
                {
                    "state": "draft",
                    "schedule_line_id": line.id,
                    "amount_total": 410.0,
                    "invoice_date_due": invoice.invoice_date_due,
                    "publish_check_state": "green",
                }
            ],
        )
        self.assertEqual((line.state, line.invoice_id), ("drafted", new))
        self.assertFalse(line.is_credited)
        with self.assertRaisesRegex(UserError, "nothing to draft again"):
            line.action_draft_again()
        self._edit(new, price_unit=300.0)
        self._publish(new, "2027-01-21")
        self.assertEqual(line.state, "invoiced")
        self.assertEqual(line.invoice_difference, -41.0)
        self.assertEqual(self._replace(new).schedule_line_id, line, "and once more")

    def test_each_of_several_invoices_is_replaced_in_its_own_place(self):
        orders = self._running_order(
            payment_mode="prepayment", lines=[self._create_line(100)]
        ) | self._running_order(
            payment_mode="prepayment", lines=[self._create_line(200)]
        )
        invoices = self._publish(self._draft(orders), "2026-01-15")
        new = self._replace(invoices)
        self.assertEqual(len(new), 2)
        for move in new:
            self.assertEqual(move.amount_total, move.schedule_line_id.amount_total)
        self.assertEqual(new.schedule_line_id, orders.schedule_line_ids)

    def test_deposit_that_was_replaced_is_deducted_as_it_was_posted_last(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit, "2026-01-15")
        new = self._replace(deposit)
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [369.0, 861.0])
        self._edit(new, price_unit=400.0)
        self._publish(new, "2026-01-21")
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [492.0, 738.0])
        self.assertEqual(self._draft_final(order).amount_total, 738.0)

    # === DRAFT AGAIN === #

    def test_credited_payment_is_drafted_again_when_a_person_asks(self):
        order = self._running_order(plan="instalments_3")
        invoice = self._publish(self._draft(order, "2027-01-08"))
        line = invoice.schedule_line_id
        credit_note = self._reverse_invoice(invoice, post=True)
        self.assertEqual(line.state, "cancelled")
        self.assertTrue(line.is_credited)
        again = line.with_user(self.user_sales).action_draft_again()
        self.assertEqual(line.invoice_id, again)
        self.assertEqual(again.amount_total, 410.0)
        self.assertEqual(line.state, "drafted")
        self.assertEqual(again.publish_check_state, "green")
        credit_note.button_draft()
        again.invalidate_recordset(["publish_check_state", "publish_check_note"])
        self.assertEqual(again.publish_check_state, "red")
        self.assertIn("charged twice", again.publish_check_note)

    def test_held_payment_is_drafted_again_and_others_are_refused(self):
        order = self._running_order(plan="instalments_3")
        self._draft(order, "2027-01-08").unlink()
        held, planned = order.schedule_line_ids[:2]
        held.action_draft_again()
        self.assertEqual(held.state, "drafted")
        with self.assertRaisesRegex(UserError, "nothing to draft again"):
            planned.action_draft_again()

    # === TAXES OF THE INVOICE DATE === #

    def test_draft_has_the_taxes_of_a_fiscal_position_changed_meanwhile(self):
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
        order = self._running_order(plan="instalments_3")
        first = self._publish(self._draft(order, "2027-01-08"))
        order.fiscal_position_id = position
        second = self._draft(order, "2027-02-08")
        self.assertEqual(first.amount_total, 410.0)
        self.assertEqual(second.invoice_line_ids.tax_ids, zero)
        self.assertEqual(second.amount_untaxed, 333.33)
        self.assertEqual(second.amount_total, 333.33)
        self.assertEqual(second.publish_check_state, "amber")
        self.assertIn("the confirmed schedule says", second.publish_check_note)
        self.assertEqual(order.amount_total, 1230.0)

    def test_draft_has_the_rate_of_its_date_when_the_rate_changed(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        self.tax_23.amount = 25
        final = self._draft_final(order)
        self.assertEqual(final.amount_untaxed, 700.0)
        self.assertEqual(final.amount_tax, 175.0)
        self.assertIn("the confirmed schedule says", final.publish_check_note)
