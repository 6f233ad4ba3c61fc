import itertools
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.schedule import Apportioner
from .amounts_common import EXAMPLES, AmountsCommon


class TestApportioner(BaseCase):
    """The arithmetic alone: parts add up, and equal parts are equal."""

    rows = st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=12)

    @settings(max_examples=200, **EXAMPLES)
    @given(rows, st.lists(st.integers(1, 1000), min_size=1, max_size=24))
    def test_parts_add_up_and_stay_near_their_share(self, rows, numbers):
        weights = [Fraction(number, sum(numbers)) for number in numbers]
        apportioner = Apportioner(weights)
        parts = [apportioner.split(units) for units in rows]
        self.assertEqual([sum(part) for part in parts], rows)
        for weight, column in zip(weights, zip(*parts, strict=True), strict=True):
            self.assertLess(abs(sum(column) - weight * sum(rows)), 2)

    @settings(max_examples=200, **EXAMPLES)
    @given(rows, st.integers(1, 60))
    def test_equal_parts_differ_by_one_unit_at_most(self, rows, count):
        apportioner = Apportioner([Fraction(1, count)] * count)
        parts = [apportioner.split(units) for units in rows]
        for upto in range(1, len(rows) + 1):
            sums = [sum(column[:upto]) for column in zip(*parts, strict=True)]
            self.assertLessEqual(max(sums) - min(sums), 1)


class TestScheduleAmounts(AmountsCommon):
    """The sum of the schedule, and of the invoices, is the order."""

    # === TESTS === #

    def test_schedule_adds_up_to_the_order_in_every_case(self):
        cases = itertools.product(self.CONTENTS, self.SCHEDULES)
        for number, (content, plan) in enumerate(cases):
            currency = list(self.pricelists)[number % 4]
            method = ("round_globally", "round_per_line")[number // 4 % 2]
            with self.subTest(content=content, plan=plan, cur=currency, by=method):
                self.company.tax_calculation_rounding_method = method
                order = self._create_case(
                    self.CONTENTS[content], self.SCHEDULES[plan], currency
                )
                parts = order.schedule_line_ids
                self.assertAddsUp(order, parts)
                if set(parts.mapped("amount_type")) == {"rest"}:
                    self.assertEqualParts(order, parts)

    def _check_invoices(self, method, *cases):
        self.company.tax_calculation_rounding_method = method
        orders = [
            self._create_case(self.CONTENTS[content], self.SCHEDULES[plan], currency)
            for content, plan, currency in cases
        ]
        self._bill(self.env["sale.order"].union(*orders))
        for order, case in zip(orders, cases, strict=True):
            with self.subTest(case=case):
                moves = order.schedule_line_ids.invoice_id
                self.assertEqual(len(moves), len(order.schedule_line_ids))
                self.assertEqual(set(moves.mapped("state")), {"posted"})
                self.assertAddsUp(order, moves)
                self.assertTaxesAddUp(order, moves)
                self.assertTaxBases(order, moves)
                self.assertCompanyCurrency(order, moves)
                for move in moves:
                    line = move.schedule_line_id
                    self.assertEqual(move.amount_total, line.amount_total)
                    self.assertEqual(move.amount_untaxed, line.amount_untaxed)

    def test_invoices_add_up_to_the_order_when_taxes_are_rounded_globally(self):
        self._check_invoices(
            "round_globally",
            ("1000", "thirds", "PLN"),
            ("99.99", "sevenths", "TND"),
            ("free line", "thirds", "PLN"),
            ("two rates", "30/70", "JPY"),
            ("included", "sevenths", "EUR"),
            ("three lines", "sevenths", "PLN"),
            ("untaxed", "thirds", "TND"),
            ("stacked", "thirds", "PLN"),
            ("hours", "fixed", "EUR"),
            ("hours", "whole", "PLN"),
        )

    def test_invoices_add_up_to_the_order_when_taxes_are_rounded_per_line(self):
        self._check_invoices(
            "round_per_line",
            ("99.99", "sevenths", "EUR"),
            ("two rates", "sevenths", "PLN"),
            ("included", "30/70", "PLN"),
            ("untaxed", "sevenths", "EUR"),
            ("on top", "sevenths", "PLN"),
            ("hours", "fixed", "PLN"),
        )

    def test_invoice_uses_the_rate_of_its_own_date_when_the_rate_moved(self):
        order = self._create_case(
            self.CONTENTS["two rates"], self.SCHEDULES["thirds"], "EUR"
        )
        moves = self._draft(self._confirm(self._approve(order)))
        self.env["res.currency.rate"].create(
            {
                "name": "2027-03-01",
                "rate": 0.2,
                "currency_id": order.currency_id.id,
                "company_id": self.company.id,
            }
        )
        self._publish(moves, today="2027-03-15")
        self.assertAddsUp(order, moves)
        for move in moves:
            total = abs(move.amount_total_signed)
            self.assertAlmostEqual(total, move.amount_total / 0.2, delta=0.02)
            self.assertAlmostEqual(sum(move.line_ids.mapped("balance")), 0.0)

    def test_period_is_invoiced_at_the_price_of_the_order_each_time(self):
        order = self._running_order(
            payment_mode="recurring",
            recurrence_interval=1,
            recurrence_unit="month",
            recurrence_count=3,
            recurrence_in_advance=True,
            service_date_end="2027-04-01",
            lines=[self._create_line(99.99), self._create_line(10.01, self.tax_8)],
        )
        moves = self._draft(order)
        self.assertEqual(
            moves.sorted("invoice_date_due").mapped("amount_total"),
            [133.8, 133.8, 77.69],
        )
        self.assertEqual(
            moves.mapped("amount_total"),
            moves.schedule_line_id.mapped("amount_total"),
        )
