from hypothesis import example, given
from hypothesis import strategies as st

from odoo.fields import Command

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


class TestDepositProperty(PropertyCase):
    """Whatever becomes of the deposit: what is due at the end makes it the order."""

    @try_many
    @given(LINES, st.integers(1, 99), CURRENCIES, METHODS, CASH)
    # What is left of an amount of just under half a cent, in the other currency.
    @example(
        [(0.01, 23.71, 0, "23"), (2.08, 0.96, 0, "8")], 1, "EUR", "round_globally", None
    )
    def test_deposit_and_final_are_the_order(
        self, content, percent, currency, method, cash
    ):
        self.company.tax_calculation_rounding_method = method
        order = self._create_deposit_case(content, percent, currency)
        if not order:
            return
        deposit = self._draft(order)
        self._round_cash(deposit, cash)
        moves = self._publish(deposit)
        order.action_mark_completed(self.start)
        final = self._draft(order)
        self._round_cash(final, cash)
        moves |= self._publish(final)
        self.assertIsTheOrder(order, moves)
        self.assertEqual(set(moves.mapped("move_type")), {"out_invoice"})
        if not cash:
            self.assertCompanyCurrency(order, moves)

    @try_many
    @given(
        get_lines(EXCLUDED + INCLUDED),
        st.integers(1, 99),
        st.integers(0, 200),
        CURRENCIES,
        METHODS,
    )
    # 3.3005, which floating point has a little less of.
    @example([(0.82, 4.6, 12.5, "23")], 82, 109, "TND", "round_globally")
    # Two lines of which core rounds the one without a tax for both.
    @example(
        [(0.88, 1.27, 5, "23"), (0.54, 1.99, 0, "none")],
        76,
        45,
        "PLN",
        "round_globally",
    )
    def test_final_is_what_an_edited_deposit_leaves(
        self, content, percent, posted, currency, method
    ):
        """A person makes less of the deposit than was agreed, or more."""
        self.company.tax_calculation_rounding_method = method
        order = self._create_deposit_case(content, percent, currency)
        if not order:
            return
        deposit = self._draft(order)
        for line in deposit.invoice_line_ids:
            if line.display_type == "product":
                line.price_unit = order.currency_id.round(
                    line.price_unit * posted / 100
                )
        moves = self._bill_all(order)
        final = moves - deposit
        self.assertEqual(set(moves.mapped("move_type")), {"out_invoice"})
        self.assertGreaterEqual(min(final.mapped("amount_total"), default=0), 0)
        kind = "less" if posted < 100 else "more"
        if percent * posted < 9800:
            self.assertIsTheOrder(order, moves)
        else:
            # As good as all, or too much: what is left is nothing, or some cents.
            kind = "all"
            self.assertGreaterEqual(
                sum(moves.mapped("amount_total")) + order.currency_id.rounding / 2,
                order.amount_total,
            )
        self.figures[f"deposits of {kind}"] += 1

    @try_many
    @given(
        LINES,
        st.integers(1, 99),
        st.sampled_from(["credited", "cancelled", "deleted"]),
        CURRENCIES,
        METHODS,
    )
    def test_final_is_the_order_when_the_deposit_is_taken_back(
        self, content, percent, how, currency, method
    ):
        self.company.tax_calculation_rounding_method = method
        order = self._create_deposit_case(content, percent, currency)
        if not order:
            return
        deposit = self._draft(order)
        if how == "credited":
            self._publish(deposit)
            self._reverse_invoice(deposit, post=True)
        else:
            deposit.unlink() if how == "deleted" else deposit.button_cancel()
            order.schedule_line_ids[0].action_skip()
        order.action_mark_completed(self.start)
        final = self._publish(self._draft(order))
        self.assertEqual(len(final), 1)
        self.assertIsTheOrder(order, final)
        self.figures[f"deposits {how}"] += 1

    def _create_deposit_case(self, content, percent, currency):
        """Return a running order with a deposit; none when a part would be nothing."""
        order = self._create_order(
            payment_mode="prepayment",
            pricelist_id=self.pricelists[currency].id,
            lines=[
                self._create_line(
                    price, self.taxes[tax], product_uom_qty=quantity, discount=discount
                )
                for price, quantity, discount, tax in content
            ],
            schedule_line_ids=[
                Command.create(
                    {
                        "name": "Deposit",
                        "kind": "deposit",
                        "trigger": "confirmation",
                        "amount_type": "percent",
                        "percent": percent,
                    }
                ),
                Command.create(
                    {"name": "Rest", "kind": "completion", "trigger": "completion"}
                ),
            ],
        )
        if not order.amount_total or min(self._get_parts(order)) <= 0:
            return self.env["sale.order"]
        return self._confirm(self._approve(order))
