import logging
import os
from collections import Counter

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from odoo.fields import Command

from .amounts_common import EXAMPLES, AmountsCommon

_logger = logging.getLogger(__name__)

IS_FULL = bool(os.environ.get("CYCLE_TEST_FULL"))
# The short run tries the same orders each time; the full one looks for new ones, and
# for the smallest order that goes wrong.
RUN = {
    **EXAMPLES,
    "derandomize": not IS_FULL,
    "max_examples": 400 if IS_FULL else 15,
    "phases": tuple(Phase) if IS_FULL else (Phase.generate,),
}

LINES = st.lists(
    st.tuples(
        st.integers(1, 500000).map(lambda cents: cents / 100),
        st.integers(1, 4000).map(lambda hours: hours / 100),
        st.sampled_from([0, 0, 5, 12.5, 100]),
        st.sampled_from(["23", "8", "0", "none", "23 incl", "8 incl", "23 on 5"]),
    ),
    min_size=1,
    max_size=4,
)
CURRENCIES = st.sampled_from(["PLN", "EUR", "JPY", "TND"])
METHODS = st.sampled_from(["round_globally", "round_per_line"])


class TestScheduleProperty(AmountsCommon):
    """Whatever is ordered, and however it is paid: the invoices are the order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.figures = Counter()
        cls.cash_roundings = {
            strategy: cls.env["account.cash.rounding"].create(
                {
                    "name": f"0.05 {strategy}",
                    "rounding": 0.05,
                    "strategy": strategy,
                    "rounding_method": "HALF-UP",
                    "profit_account_id": cls.company_data["default_account_revenue"].id,
                    "loss_account_id": cls.company_data["default_account_expense"].id,
                }
            )
            for strategy in ("add_invoice_line", "biggest_tax")
        }

    @classmethod
    def tearDownClass(cls):
        _logger.info("Random orders: %s", dict(cls.figures))
        super().tearDownClass()

    def _bill_all(self, order):
        """Publish every payment in its order, the one after completion last."""
        moves = self._publish(self._draft(order))
        if order.schedule_line_ids.filtered(lambda x: x.trigger == "completion"):
            order.action_mark_completed(self.start)
            moves |= self._publish(self._draft(order))
        return moves

    def _round_cash(self, order, strategy):
        drafts = self._draft(order)
        drafts.invoice_cash_rounding_id = self.cash_roundings[strategy]
        return drafts

    def assertIsTheOrder(self, order, moves):
        """The invoices are the order: untaxed, each tax, total; cash rounding aside."""
        rounding = moves.line_ids.filtered(lambda x: x.display_type == "rounding")
        rounded = sum(rounding.mapped("amount_currency"))
        # The biggest tax may be chosen to take it.
        in_tax = rounding.filtered("tax_line_id")
        tax_rounded = sum(in_tax.mapped("amount_currency"))
        currency = order.currency_id
        for field, extra in (
            ("amount_untaxed", rounded - tax_rounded),
            ("amount_tax", tax_rounded),
            ("amount_total", rounded),
        ):
            total = currency.round(sum(moves.mapped(field)) + extra)
            self.assertEqual(total, order[field], field)
        self.assertTaxesAddUp(order, moves)
        self.figures["orders"] += 1
        self.figures["invoices"] += len(moves)

    @settings(**RUN)
    @given(
        LINES,
        st.lists(st.integers(1, 60), max_size=4),
        CURRENCIES,
        METHODS,
        st.sampled_from([None, "add_invoice_line", "biggest_tax"]),
    )
    def test_instalments_are_the_order(self, content, shares, currency, method, cash):
        self.company.tax_calculation_rounding_method = method
        schedule = [
            {"amount_type": "percent", "percent": round(share * 90 / sum(shares), 4)}
            for share in shares
        ]
        order = self._create_case(content, [*schedule, *self.EQUAL], currency)
        if not order.amount_total or min(self._get_parts(order)) <= 0:
            return
        self._confirm(self._approve(order))
        self.assertAddsUp(order, order.schedule_line_ids)
        if cash:
            self._round_cash(order, cash)
            self.figures[f"rounded by {cash}"] += 1
        self.assertIsTheOrder(order, self._bill_all(order))

    @settings(**RUN)
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

    @settings(**RUN)
    @given(LINES, st.integers(1, 99), st.integers(0, 150), CURRENCIES, METHODS)
    def test_deposit_and_final_are_the_order(
        self, content, percent, posted, currency, method
    ):
        """Also when a person makes more or less of the deposit than was agreed."""
        self.company.tax_calculation_rounding_method = method
        order = self._create_deposit_case(content, percent, currency)
        if not order.amount_total or min(self._get_parts(order)) <= 0:
            return
        self._confirm(self._approve(order))
        draft = self._draft(order)
        if posted < 100:
            products = draft.invoice_line_ids.filtered(
                lambda line: line.display_type == "product"
            )
            for line in products:
                line.price_unit = order.currency_id.round(
                    line.price_unit * posted / 100
                )
        moves = self._bill_all(order)
        self.assertIsTheOrder(order, moves)
        self.assertTrue(all(move.move_type == "out_invoice" for move in moves))

    def _create_deposit_case(self, content, percent, currency):
        return self._create_order(
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

    def _get_parts(self, order):
        return order.schedule_line_ids.mapped("amount_total")
