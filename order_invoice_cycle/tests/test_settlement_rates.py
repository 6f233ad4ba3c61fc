from odoo.exceptions import UserError

from .settlement_common import SettlementCase


class TestSettlementRates(SettlementCase):
    """Invoices that are taxed otherwise than the order take their share of it."""

    def _get_charged(self, order):
        """Return what the invoices of an order charge without taxes."""
        return sum(order.schedule_line_ids.move_ids.mapped("amount_untaxed_signed"))

    def test_deposit_at_other_rates_takes_its_share_of_a_price_with_taxes(self):
        included = self._create_tax(23, price_include_override="tax_included")
        order = self._running_order(
            plan="deposit_30", lines=[self._create_line(1230.0, included)]
        )
        order.fiscal_position_id = self._create_abroad(
            19, included, price_include_override="tax_included"
        )
        deposit = self._publish(self._draft(order))
        self.assertEqual(
            (deposit.amount_untaxed, deposit.amount_total), (310.08, 369.0)
        )
        final = self._draft_final(order)
        self.assertEqual(final.amount_total, 861.0)

    def test_deposit_at_other_rates_that_is_credited_in_part_takes_what_is_left(self):
        order = self._running_order(plan="deposit_30")
        order.fiscal_position_id = self._create_abroad(0)
        deposit = self._publish(self._draft(order))
        self.assertEqual(deposit.amount_total, 300.0)
        credit_note = self._reverse_invoice(deposit)
        self._edit(credit_note, price_unit=100.0)
        credit_note.action_post()
        self.assertEqual(self._draft_final(order).amount_untaxed, 800.0)

    def test_difference_in_taxes_is_none_that_could_be_spread(self):
        order = self._running_order(plan="instalments_3")
        order.fiscal_position_id = self._create_abroad(0)
        self._publish(self._draft(order, "2027-01-10"))
        self.assertFalse(order.has_schedule_difference)
        with self.assertRaisesRegex(UserError, "Its invoices are as scheduled"):
            order.action_spread_difference()
        self._draft(order)
        self.assertEqual(self._get_charged(order), 1000.0)

    def test_spreading_an_edited_draft_at_other_rates_bills_what_was_agreed(self):
        order = self._running_order(plan="instalments_3")
        order.fiscal_position_id = self._create_abroad(0)
        first = self._draft(order, "2027-01-10")
        self._edit(first, price_unit=400.0)
        # 66.66 of the price, which is 66.66 and 23 % of the order
        self.assertEqual(order.schedule_difference, 82.0)
        order.action_spread_difference()
        self.assertFalse(order.has_schedule_difference)
        self._draft(order)
        self.assertEqual(self._get_charged(order), 1000.0)

    def test_share_is_taken_of_the_line_that_was_invoiced(self):
        order = self._running_order(
            plan="deposit_30",
            lines=[
                self._create_line(1000.0),
                self._create_line(200.0, self.env["account.tax"]),
            ],
        )
        position = self.env["account.fiscal.position"].create({"name": "No taxes"})
        order.fiscal_position_id = position
        deposit = self._publish(self._draft(order))
        self.assertEqual((deposit.amount_untaxed, deposit.amount_tax), (360.0, 0.0))
        order.fiscal_position_id = False
        final = self._draft_final(order)
        self.assertEqual((final.amount_untaxed, final.amount_tax), (840.0, 161.0))

    def test_share_is_taken_of_a_line_beside_one_with_the_other_tax(self):
        order = self._running_order(
            plan="deposit_30",
            lines=[self._create_line(1000.0), self._create_line(200.0, self.tax_8)],
        )
        order.fiscal_position_id = self._create_abroad(8)
        deposit = self._publish(self._draft(order))
        self.assertEqual((deposit.amount_untaxed, deposit.amount_tax), (360.0, 28.8))
        self.assertEqual(self._draft_final(order).amount_untaxed, 840.0)

    def test_only_what_has_another_tax_counts_as_a_share(self):
        order = self._running_order(
            plan="deposit_30",
            lines=[self._create_line(1000.0), self._create_line(100.0, self.tax_8)],
        )
        order.fiscal_position_id = self._create_abroad(0)
        deposit = self._draft(order)
        deposit.invoice_line_ids.filtered(
            lambda line: line.tax_ids == self.tax_8
        ).price_unit = 50.0
        self._publish(deposit)
        order.fiscal_position_id = False
        final = self._draft_final(order)
        self.assertEqual(final.amount_untaxed, 750.0)
        # 23 % of 700 and 8 % of 50
        self.assertEqual(final.amount_tax, 165.0)

    def test_line_that_a_person_typed_takes_a_share_of_the_whole_order(self):
        order, deposit = self._create_deposit_order()
        abroad = self._create_tax(0, name="Abroad")
        self._type(deposit, 400.0, abroad)
        self._publish(deposit)
        self.assertEqual(self._draft_final(order).amount_untaxed, 600.0)

    def test_line_that_a_person_typed_counts_with_the_taxes_in_its_price(self):
        included = self._create_tax(23, price_include_override="tax_included")
        abroad = self._create_tax(
            19, name="Abroad", price_include_override="tax_included"
        )
        order = self._running_order(
            plan="deposit_30", lines=[self._create_line(1230.0, included)]
        )
        deposit = self._draft(order)
        self._type(deposit, 369.0, abroad)
        self._publish(deposit)
        self.assertEqual(self._draft_final(order).amount_total, 861.0)

    def test_more_than_the_order_leaves_nothing_at_other_rates_too(self):
        order = self._running_order(plan="deposit_30")
        order.fiscal_position_id = self._create_abroad(0)
        deposit = self._draft(order)
        self._edit(deposit, price_unit=1100.0)
        self._publish(deposit)
        self.assertEqual(self._draft_final(order).amount_total, 0.0)

    def test_price_without_taxes_stays_when_the_other_tax_is_included(self):
        order = self._running_order(plan="deposit_30")
        order.fiscal_position_id = self._create_abroad(
            19, price_include_override="tax_included"
        )
        deposit = self._publish(self._draft(order))
        self.assertEqual(deposit.amount_total, 300.0)
        self.assertEqual(self._draft_final(order).amount_total, 700.0)

    def test_price_loses_its_taxes_when_the_other_tax_is_not_included(self):
        included = self._create_tax(23, price_include_override="tax_included")
        position = self._create_abroad(0, included)
        for plan, untaxed in (("deposit_30", 300.0), ("completion_14", 1000.0)):
            with self.subTest(plan=plan):
                order = self._running_order(
                    plan=plan, lines=[self._create_line(1230.0, included)]
                )
                order.fiscal_position_id = position
                order.action_mark_completed("2027-03-01")
                invoices = self._draft(order).sorted("id")
                self.assertEqual(invoices[0].amount_total, untaxed)
                self.assertEqual(self._get_charged(order), 1000.0)

    def test_price_loses_one_of_two_taxes_that_was_included(self):
        taxes = self._create_tax(23, price_include_override="tax_included")
        taxes |= self._create_tax(5)
        position = self.env["account.fiscal.position"].create({"name": "No taxes"})
        for plan in ("completion_14", "instalments_3"):
            with self.subTest(plan=plan):
                order = self._running_order(
                    plan=plan, lines=[self._create_line(1230.0, taxes)]
                )
                order.fiscal_position_id = position
                order.action_mark_completed("2027-03-01")
                self._draft(order)
                self.assertEqual(self._get_charged(order), 1000.0)

    def test_included_price_is_charged_to_the_cent_at_another_included_tax(self):
        included = self._create_tax(23, price_include_override="tax_included")
        order = self._running_order(
            plan="instalments_3", lines=[self._create_line(100.0, included)]
        )
        order.fiscal_position_id = self._create_abroad(
            8, included, price_include_override="tax_included"
        )
        self.assertEqual(sum(self._draft(order).mapped("amount_total")), 100.0)

    def test_order_of_the_taxes_in_the_settings_changes_nothing(self):
        taxes = self.tax_23 | self._create_tax(5, sequence=20)
        self.tax_23.sequence = 10
        order = self._running_order(
            plan="instalments_3", lines=[self._create_line(1000.0, taxes)]
        )
        first = self._draft(order, "2027-01-10")
        self._edit(first, price_unit=500.0)
        order.action_spread_difference()
        self.tax_23.sequence = 30
        self.env.invalidate_all()
        self.assertEqual(sum(self._draft(order).mapped("amount_total")), 1280.0)

    # === SPREADING === #

    def test_difference_is_seen_where_the_total_is_that_of_other_taxes(self):
        order = self._running_order(plan="instalments_3")
        order.fiscal_position_id = self._create_abroad(0)
        first = self._draft(order, "2027-01-10")
        self._edit(first, price_unit=410.0)
        self.assertEqual(first.amount_total, first.schedule_line_id.amount_total)
        self.assertTrue(order.has_schedule_difference)
        order.action_spread_difference()
        self._draft(order)
        self.assertEqual(self._get_charged(order), 1000.0)

    def test_credit_is_not_charged_again_by_spreading_another_difference(self):
        for refund in (100.0, 333.34):
            with self.subTest(refund=refund):
                order = self._running_order(plan="instalments_3")
                first, second = self._draft(order, "2027-02-10").sorted("id")
                self._publish(first)
                self._pay(first)
                credit_note = self._reverse_invoice(first)
                self._edit(credit_note, price_unit=refund)
                credit_note.action_post()
                self._edit(second, price_unit=343.33)
                self.assertEqual(order.schedule_difference, 12.3)
                order.action_spread_difference()
                self.assertEqual(
                    order.schedule_line_ids.mapped("amount_total"),
                    [410.0, 422.3, 397.7],
                )
                self.assertFalse(order.has_schedule_difference)

    def test_credited_part_of_a_deposit_is_no_difference(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        credit_note = self._reverse_invoice(deposit)
        self._edit(credit_note, price_unit=100.0)
        credit_note.action_post()
        self.assertEqual(order.schedule_line_ids[0].amount_total, 246.0)
        self.assertFalse(order.has_schedule_difference)

    # === DRAFTED AGAIN === #

    def test_deposit_is_not_drafted_again_when_a_final_at_other_rates_took_it(self):
        included = self._create_tax(23, price_include_override="tax_included")
        order = self._running_order(
            plan="deposit_30", lines=[self._create_line(1230.0, included)]
        )
        deposit = self._publish(self._draft(order))
        self._reverse_invoice(deposit, post=True)
        order.fiscal_position_id = self._create_abroad(
            27, included, price_include_override="tax_included"
        )
        final = self._publish(self._draft_final(order))
        self.assertEqual(final.amount_total, 1230.0)
        with self.assertRaisesRegex(UserError, "nothing left to invoice"):
            deposit.schedule_line_id.action_draft_again()

    def test_deposit_drafted_again_takes_what_the_final_invoice_left(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        self._reverse_invoice(deposit, post=True)
        final = self._draft_final(order)
        self._edit(final, price_unit=900.0)
        self._publish(final)
        again = deposit.schedule_line_id.action_draft_again()
        self.assertEqual(again.amount_total, 123.0)

    def test_deposit_is_not_drafted_again_for_what_was_credited_of_the_final(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        self._reverse_invoice(deposit, post=True)
        final = self._publish(self._draft_final(order))
        credit_note = self._reverse_invoice(final)
        self._edit(credit_note, price_unit=100.0)
        credit_note.action_post()
        with self.assertRaisesRegex(UserError, "nothing left to invoice"):
            deposit.schedule_line_id.action_draft_again()

    def test_deposit_is_drafted_again_when_the_final_invoice_was_credited_too(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        self._reverse_invoice(deposit, post=True)
        final = self._publish(self._draft_final(order))
        self._reverse_invoice(final, post=True)
        again = deposit.schedule_line_id.action_draft_again()
        self.assertEqual(again.amount_total, 369.0)
        self._publish(again)
        rest = final.schedule_line_id.action_draft_again()
        self.assertEqual(rest.amount_total, 861.0)

    def _create_euro(self):
        """Return a pricelist in a currency that is dearer from February on."""
        currency = self.setup_other_currency(
            "EUR", rates=[("1900-01-01", 0.25), ("2027-02-01", 0.2)]
        )
        return self.env["product.pricelist"].create(
            {"name": "Euro", "currency_id": currency.id}
        )

    def test_deposit_credited_at_another_rate_is_deducted_at_that_of_the_day(self):
        order, deposit = self._create_deposit_order(pricelist_id=self._create_euro().id)
        self._publish(deposit)
        credit_note = self._reverse_invoice(deposit)
        credit_note.invoice_date = "2027-02-10"
        self._edit(credit_note, price_unit=100.0)
        credit_note.action_post()
        final = self._publish(self._draft_final(order), "2027-03-01")
        deducted = final.invoice_line_ids.filtered(lambda line: line.quantity < 0)
        self.assertEqual(deducted.amount_currency, 200.0)
        self.assertEqual(deducted.balance, 1000.0)

    def test_credited_deposit_is_not_deducted_at_the_rate_of_another_day(self):
        order, deposit = self._create_deposit_order(pricelist_id=self._create_euro().id)
        self._publish(deposit)
        credit_note = self._reverse_invoice(deposit)
        credit_note.invoice_date = "2027-02-10"
        credit_note.action_post()
        final = self._draft_final(order)
        self.assertEqual(final.amount_total, 1230.0)
        names = final.invoice_line_ids.mapped("name")
        self.assertEqual(names, ["Support"])

    # === OFFERED AGAIN === #

    def test_invoice_counts_at_the_taxes_of_the_order_that_is_offered_again(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        self._offer_again(order)
        order.order_line.tax_ids = self.tax_8
        amounts = order.schedule_line_ids.mapped("amount_total")
        self.assertEqual(amounts, [324.0, 756.0])
        self._confirm(self._approve(order))
        final = self._draft_final(order)
        self.assertEqual((final.amount_untaxed, final.amount_tax), (700.0, 56.0))

    def test_deposit_and_final_count_at_other_taxes_of_the_order_offered_again(self):
        lines = [self._create_line(0.1)]
        lines += [self._create_line(200.0) for _number in range(5)]
        order = self._running_order(plan="deposit_30", lines=lines)
        self._publish(self._draft(order))
        self._publish(self._draft_final(order))
        self._offer_again(order)
        order.order_line.tax_ids = self.tax_8
        self.assertFalse(order.schedule_problem)
        self._confirm(self._approve(order))
        self.assertFalse(self._draft(order))

    def test_invoice_of_a_removed_line_takes_a_share_of_the_others(self):
        order = self._running_order(
            plan="instalments_3",
            lines=[self._create_line(1000.0), self._create_line(100.0, self.tax_8)],
        )
        first = self._publish(self._draft(order, "2027-01-10"))
        self._offer_again(order)
        order.order_line[1].unlink()
        self._confirm(self._approve(order))
        self._draft(order)
        self.assertEqual(first.amount_untaxed, 366.67)
        self.assertEqual(self._get_charged(order), 1000.0)

    def test_credit_note_lets_an_offer_go_below_what_was_invoiced(self):
        order = self._running_order(plan="instalments_3")
        first = self._publish(self._draft(order, "2027-01-10"))
        self._offer_again(order)
        order.order_line.price_unit = 200.0
        self.assertIn("were invoiced beyond", order.schedule_problem)
        credit_note = self._reverse_invoice(first)
        self._edit(credit_note, price_unit=133.34)
        credit_note.action_post()
        self.assertNotIn("were invoiced beyond", order.schedule_problem or "")

    def test_offer_below_what_was_invoiced_of_a_tax_is_refused(self):
        order = self._running_order(
            plan="instalments_3",
            lines=[self._create_line(1000.0), self._create_line(100.0, self.tax_8)],
        )
        self._publish(self._draft(order, "2027-01-10"))
        self._offer_again(order)
        order.order_line[1].price_unit = 20.0
        self.assertRegex(
            order.schedule_problem, r"14\.39.*\(8 % ?\) were invoiced beyond"
        )
        with self.assertRaisesRegex(UserError, "were invoiced beyond these terms"):
            order.with_user(self.user_sales).action_submit_for_approval()

    def test_offer_in_another_currency_than_its_invoices_is_refused(self):
        order, deposit = self._create_deposit_order()
        self._publish(deposit)
        self._offer_again(order)
        dollar = self.env.ref("base.USD")
        dollar.active = True
        order.pricelist_id = self.env["product.pricelist"].create(
            {"name": "Dollars", "currency_id": dollar.id}
        )
        self.assertEqual(order.currency_id, dollar)
        self.assertIn(
            f"Invoice {deposit.name} is in {self.company.currency_id.name}",
            order.schedule_problem,
        )

    def test_draft_in_another_currency_is_not_published(self):
        _order, deposit = self._create_deposit_order()
        dollar = self.env.ref("base.USD")
        dollar.active = True
        deposit.currency_id = dollar
        self.assertEqual(deposit.publish_check_state, "red")
        self.assertIn("It is in USD, the order is in", deposit.publish_check_note)
