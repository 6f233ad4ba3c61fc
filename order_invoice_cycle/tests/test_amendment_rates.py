from odoo.fields import Command

from .amendment_common import AmendmentCommon
from .settlement_common import SettlementCase


class TestAmendmentRates(SettlementCase, AmendmentCommon):
    """Amendments of orders that were invoiced at other rates."""

    def _create_invoiced_abroad(self):
        """Return an order at 23 % of which one third was invoiced without."""
        order = self._running_order(plan="instalments_3")
        order.fiscal_position_id = self._create_abroad(0)
        first = self._publish(self._draft(order, "2027-01-10"))
        self.assertEqual(first.amount_total, 333.34)
        return order

    def test_amendment_counts_what_was_invoiced_at_other_rates_as_its_share(self):
        order = self._create_invoiced_abroad()
        self._agree(self._amend(order, name="Support, on site"))
        self.assertEqual(self._get_totals(order), [410.01, 410.0, 409.99])
        self.assertFalse(order.amount_to_credit)
        self._draft(order)
        charged = order.schedule_line_ids.move_ids.mapped("amount_untaxed")
        self.assertEqual(sum(charged), 1000.0)

    def test_correct_invoice_at_other_rates_is_not_proposed_for_credit(self):
        order = self._running_order(plan="instalments_3")
        self._agree(self._amend(order, name="Support, on site"))
        order.fiscal_position_id = self._create_abroad(0)
        first = self._draft(order, "2027-01-10")
        self._edit(first, price_unit=400.0)
        self._publish(first)
        order.action_spread_difference()
        self.assertFalse(order.amount_to_credit)

    def test_excess_is_credited_at_the_rates_of_the_invoice(self):
        order = self._create_invoiced_abroad()
        self._agree(self._amend(order, price_unit=200.0))
        order.action_draft_credit_note()
        credit_note = order.amended_credit_note_ids
        self.assertEqual(
            (credit_note.amount_untaxed, credit_note.amount_tax), (133.34, 0.0)
        )
        self.assertFalse(order.amount_to_credit)
        credit_note.action_post()
        self.assertFalse(order.amount_to_credit)

    def _create_two_rates_abroad(self):
        """Return an order at 23 and 8 % and its first invoice, without taxes."""
        order = self._running_order(
            plan="instalments_3",
            lines=[self._create_line(1000.0), self._create_line(100.0, self.tax_8)],
        )
        position = self._create_abroad(0)
        self.env["account.tax"].search([("name", "=", "Abroad 0 %")]).write(
            {"original_tax_ids": [Command.set((self.tax_23 | self.tax_8).ids)]}
        )
        order.fiscal_position_id = position
        return order, self._publish(self._draft(order, "2027-01-10"))

    def test_line_that_is_removed_is_credited_at_the_rates_of_the_invoice(self):
        order, first = self._create_two_rates_abroad()
        amendment = self._amend(order)
        amendment.with_user(self.user_sales).order_line[1].unlink()
        self._agree(amendment)
        order.action_draft_credit_note()
        credit_note = order.amended_credit_note_ids
        self.assertEqual(
            (credit_note.amount_untaxed, credit_note.amount_tax), (33.33, 0.0)
        )
        self.assertFalse(order.amount_to_credit)
        credit_note.action_post()
        self.assertFalse(order.amount_to_credit)
        self._draft(order)
        moves = order.schedule_line_ids.move_ids | credit_note
        charged = sum(moves.mapped("amount_untaxed_signed"))
        self.assertAlmostEqual(charged, 1000.0)
        self.assertEqual(first.amount_untaxed, 366.67)

    def test_excess_of_a_typed_line_is_credited_once(self):
        order = self._running_order(
            plan="instalments_3",
            lines=[self._create_line(1000.0), self._create_line(100.0, self.tax_8)],
        )
        first = self._draft(order, "2027-01-10")
        abroad = self._create_tax(0, name="Abroad")
        self._type(first, 400.0, abroad)
        self._publish(first)
        amendment = self._amend(order)
        amendment.with_user(self.user_sales).order_line[1].price_unit = 10.0
        self._agree(amendment)
        self.assertEqual(order.amount_to_credit, 28.47)
        order.action_draft_credit_note()
        self.assertFalse(order.amount_to_credit)

    def test_payment_is_drafted_again_beside_one_that_was_credited_before(self):
        order = self._create_order(
            payment_mode="instalments",
            schedule_line_ids=[
                Command.create(
                    {
                        "name": f"Part of {percent} %",
                        "amount_type": "percent",
                        "percent": percent,
                        "date_due": "2027-01-15",
                    }
                )
                for percent in (10, 90)
            ],
        )
        self._confirm(self._approve(order))
        small, large = self._publish(self._draft(order)).sorted("amount_total")
        credit_note = self._reverse_invoice(large)
        self._edit(credit_note, price_unit=500.0)
        credit_note.action_post()
        self._agree(self._amend(order, price_unit=500.0))
        self._reverse_invoice(small, post=True)
        again = small.schedule_line_id.action_draft_again()
        self.assertEqual(again.amount_untaxed, 100.0)

    def test_payment_is_drafted_again_beside_a_credited_excess(self):
        order = self._running_order(plan="instalments_3")
        first = self._publish(self._draft(order, "2027-02-10")).sorted("id")[0]
        self._agree(self._amend(order, price_unit=500.0))
        order.action_draft_credit_note()
        order.amended_credit_note_ids.action_post()
        self.assertEqual(self._get_totals(order), [410.0, 205.0, 0.0])
        self.assertFalse(order.has_schedule_difference)
        self._reverse_invoice(first, post=True)
        again = first.schedule_line_id.action_draft_again()
        self.assertEqual(again.amount_untaxed, 333.34)

    def test_excess_is_credited_at_the_rate_of_the_day(self):
        currency = self.setup_other_currency(
            "EUR", rates=[("1900-01-01", 0.25), ("2027-01-12", 0.2)]
        )
        pricelist = self.env["product.pricelist"].create(
            {"name": "Euro", "currency_id": currency.id}
        )
        order = self._running_order(
            plan="instalments_3",
            pricelist_id=pricelist.id,
            date_order="2027-01-01 12:00:00",
        )
        self._publish(self._draft(order, "2027-02-10"))
        self._agree(self._amend(order, price_unit=500.0))
        order.action_draft_credit_note()
        credit_note = order.amended_credit_note_ids
        self.assertEqual(credit_note.amount_untaxed, 166.67)
        rate = credit_note.invoice_currency_rate
        self.assertAlmostEqual(
            credit_note.amount_untaxed_signed, -166.67 / rate, places=2
        )

    def test_excess_is_credited_of_the_line_that_became_cheaper(self):
        order, first = self._create_two_rates_abroad()
        charged = first.invoice_line_ids.mapped("price_subtotal")
        self.assertEqual(charged, [0.0, 333.34, 33.33])
        amendment = self._amend(order)
        amendment.with_user(self.user_sales).order_line[1].price_unit = 10.0
        self._agree(amendment)
        order.action_draft_credit_note()
        credit_note = order.amended_credit_note_ids
        self.assertRecordValues(
            credit_note.invoice_line_ids,
            [
                {
                    "price_subtotal": 23.33,
                    "sale_line_ids": order.order_line[1].ids,
                    "tax_ids": first.invoice_line_ids[2].tax_ids.ids,
                }
            ],
        )
        self.assertFalse(order.amount_to_credit)
        credit_note.action_post()
        self.assertFalse(order.amount_to_credit)

    def test_invoice_that_was_taxed_anew_is_not_proposed_for_credit(self):
        order = self._running_order(plan="instalments_3")
        first = self._publish(self._draft(order, "2027-01-10"))
        self._agree(self._amend(order, name="Support, on site"))
        first.button_draft()
        line = first.invoice_line_ids.filtered("product_id")
        line.tax_ids = self._create_tax(0, name="Abroad 0 %")
        first.action_post()
        self.assertEqual(first.amount_tax, 0.0)
        self.assertFalse(order.amount_to_credit)

    def test_final_invoice_counts_as_charged_whatever_its_first_line_is(self):
        """What it deducts is on the first line, of all lines with its taxes."""
        for first in (9.99, 0.1):
            with self.subTest(first=first):
                lines = [self._create_line(first)]
                lines += [self._create_line(200.0) for _number in range(5)]
                order = self._running_order(plan="deposit_30", lines=lines)
                deposit = self._publish(self._draft(order))
                order.action_mark_completed("2027-03-01")
                final = self._publish(self._draft(order))
                amendment = self._amend(order)
                amendment.with_user(self.user_sales).order_line[1].price_unit = 100.0
                self._agree(amendment)
                self.assertEqual(
                    self._get_totals(order), (deposit | final).mapped("amount_total")
                )
                self.assertEqual(order.amount_to_credit, 123.0)
                order.action_draft_credit_note()
                credit_note = order.amended_credit_note_ids
                self.assertEqual(
                    (credit_note.amount_untaxed, credit_note.amount_tax), (100.0, 23.0)
                )
