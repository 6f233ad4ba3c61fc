from hypothesis import example, given
from hypothesis import strategies as st

from .property_common import (
    CASH,
    CURRENCIES,
    EXCLUDED,
    INCLUDED,
    LINES,
    METHODS,
    PropertyCase,
    get_lines,
    try_many,
)


class TestScheduleProperty(PropertyCase):
    """Whatever is ordered, and however it is paid: the invoices are the order."""

    @try_many
    @given(
        LINES,
        st.lists(st.integers(1, 60), max_size=4),
        CURRENCIES,
        METHODS,
        CASH,
        st.lists(st.integers(1, 4000), max_size=2),
    )
    # Without a tax, 2.395 is 10.41 in the other currency, and 2.40 is 10.43.
    @example([(239.5, 0.01, 0, "none")], [1, 1], "EUR", "round_globally", None, [])
    def test_instalments_are_the_order(
        self, content, shares, currency, method, cash, amounts
    ):
        """By percent, by amount and the rest, in any mixture."""
        self.company.tax_calculation_rounding_method = method
        unit = self.pricelists[currency].currency_id.rounding
        schedule = [
            {"amount_type": "percent", "percent": round(share * 90 / sum(shares), 4)}
            for share in shares
        ]
        schedule += [
            {"amount_type": "fixed", "amount_fixed": amount * unit}
            for amount in amounts
        ]
        order = self._create_case(content, [*schedule, *self.EQUAL], currency)
        if not order.amount_total or min(self._get_parts(order)) <= 0:
            return
        self._confirm(self._approve(order))
        self.assertAddsUp(order, order.schedule_line_ids)
        self.assertFixedParts(order)
        self._round_cash(self._draft(order), cash)
        moves = self._bill_all(order)
        self.assertIsTheOrder(order, moves)
        if not cash:
            self.assertCompanyCurrency(order, moves)

    @try_many
    @given(LINES, st.integers(2, 24), CURRENCIES, METHODS)
    def test_equal_instalments_differ_by_one_unit(self, content, n, currency, method):
        self.company.tax_calculation_rounding_method = method
        order = self._create_case(content, self.EQUAL * n, currency)
        self.assertAddsUp(order, order.schedule_line_ids)
        self.assertEqualParts(order, order.schedule_line_ids)
        parts = self._get_parts(order)
        spread = (max(parts) - min(parts)) / order.currency_id.rounding
        self.figures["most units apart"] = max(
            self.figures["most units apart"], round(spread)
        )

    @try_many
    @given(
        get_lines(EXCLUDED), st.integers(2, 7), st.integers(0, 6), CURRENCIES, METHODS
    )
    def test_price_stays_when_the_taxes_change_meanwhile(
        self, content, n, before, currency, method
    ):
        self.company.tax_calculation_rounding_method = method
        order = self._create_case(content, self.EQUAL * n, currency)
        if not order.amount_total or min(self._get_parts(order)) <= 0:
            return
        self._confirm(self._approve(order))
        old = order.schedule_line_ids[: before % n]
        if old:
            old.action_draft_invoice()
            self._publish(old.invoice_id)
        order.fiscal_position_id = self.abroad
        new = self._publish(self._draft(order))
        self.assertEqual(len(old) + len(new), n)
        self.assertEqual(sum(new.mapped("amount_tax")), 0)
        untaxed = sum((old.invoice_id | new).mapped("amount_untaxed"))
        self.assertEqual(order.currency_id.round(untaxed), order.amount_untaxed)
        self.figures["orders whose taxes changed"] += 1

    @try_many
    @given(
        get_lines(EXCLUDED + INCLUDED),
        st.integers(2, 5),
        st.integers(1, 4),
        st.integers(1, 500000).map(lambda cents: cents / 100),
        CURRENCIES,
        METHODS,
    )
    def test_instalments_and_credit_are_the_amended_order(
        self, content, n, before, price, currency, method
    ):
        """What was invoiced stays, the rest is shared anew, too much is credited."""
        self.company.tax_calculation_rounding_method = method
        order = self._create_case(content, self.EQUAL * n, currency)
        if not order.amount_total or min(self._get_parts(order)) <= 0:
            return
        self._confirm(self._approve(order))
        old = order.schedule_line_ids[: min(before, n - 1)]
        old.action_draft_invoice()
        self._publish(old.invoice_id)
        action = order.with_user(self.user_sales).action_amend()
        amendment = self.env["sale.order"].browse(action["res_id"])
        amendment.order_line[0].price_unit = price
        if not amendment.amount_total:
            return
        self._confirm(self._approve(amendment))
        moves = order.schedule_line_ids.move_ids
        self.assertEqual(len(moves), len(old))
        moves |= self._publish(self._draft(order))
        credited = 0.0
        if order.amount_to_credit:
            order.action_draft_credit_note()
            order.amended_credit_note_ids.action_post()
            credited = sum(order.amended_credit_note_ids.mapped("amount_total"))
            self.figures["amendments with a credit note"] += 1
        total = order.currency_id.round(sum(moves.mapped("amount_total")) - credited)
        self.assertEqual(total, order.amount_total)
        self.figures["amended orders"] += 1
