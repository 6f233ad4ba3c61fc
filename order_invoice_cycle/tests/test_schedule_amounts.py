import itertools
from collections import Counter
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.fields import Command
from odoo.tests import BaseCase

from ..tools.schedule import Apportioner
from .common import CycleCommon

EXAMPLES = {"derandomize": True, "deadline": None, "database": None}


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


class TestScheduleAmounts(CycleCommon):
    """The sum of the schedule, and of the invoices, is the order: edge case 10."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pricelists = {}
        for code, rate in (("EUR", 0.23), ("JPY", 37.9), ("TND", 0.775), ("PLN", 1)):
            currency = cls.setup_other_currency(code, rates=[("1900-01-01", rate)])
            cls.pricelists[code] = cls.env["product.pricelist"].create(
                {"name": code, "currency_id": currency.id}
            )
        incl = {"price_include_override": "tax_included"}
        cls.taxes = {
            "23": cls.tax_23,
            "8": cls.tax_8,
            "0": cls._create_tax(0),
            "none": cls.env["account.tax"],
            "23 incl": cls._create_tax(23, **incl),
            "8 incl": cls._create_tax(8, **incl),
            "fixed": cls._create_tax(1.23, amount_type="fixed"),
            "23 + 8": cls.tax_23 + cls.tax_8,
        }
        cls.on_top = cls._create_tax(5, include_base_amount=True, sequence=0)
        cls.taxes["23 on 5"] = cls.on_top + cls.tax_23

    # (price, quantity, discount, tax)
    CONTENTS = {
        "1000": [(1000, 1, 0, "23")],
        "99.99": [(99.99, 1, 0, "23")],
        "free line": [(100, 1, 100, "23"), (99.99, 3, 0, "23")],
        "two rates": [(33.33, 1, 0, "23"), (66.67, 1, 0, "8"), (0.05, 7, 0, "23")],
        "included": [(99.99, 1, 0, "23 incl"), (10.01, 3, 12.5, "8 incl")],
        "three lines": [(33.33, 1, 0, "23"), (33.33, 1, 0, "23"), (33.34, 1, 0, "23")],
        "untaxed": [(99.99, 1, 0, "none"), (10.01, 1, 0, "0")],
        "stacked": [(99.99, 1, 0, "23 + 8"), (10.01, 1, 5, "fixed")],
        "on top": [(99.99, 1, 0, "23 on 5")],
        "hours": [(147.35, 12.25, 7.5, "23"), (89.9, 0.75, 0, "8")],
    }
    EQUAL = [{"amount_type": "rest"}]
    SCHEDULES = {
        "thirds": EQUAL * 3,
        "sevenths": EQUAL * 7,
        "30/70": [{"amount_type": "percent", "percent": share} for share in (30, 70)],
        "fixed": [
            {"amount_type": "fixed", "amount_fixed": 10},
            {"amount_type": "percent", "percent": 12.5},
            {"amount_type": "rest"},
        ],
        "whole": EQUAL,
    }

    def _create_case(self, content, schedule, currency="PLN"):
        return self._create_order(
            payment_mode="instalments",
            pricelist_id=self.pricelists[currency].id,
            lines=[
                self._create_line(
                    price,
                    self.taxes[tax],
                    product_uom_qty=quantity,
                    discount=discount,
                )
                for price, quantity, discount, tax in content
            ],
            schedule_line_ids=[
                Command.create({"name": "Part", "date_due": self.start, **line})
                for line in schedule
            ],
        )

    def _bill(self, order):
        moves = self._draft(self._confirm(self._approve(order)))
        return self._publish(moves)

    # === WHAT MUST HOLD === #

    def assertAddsUp(self, order, records):
        """The amounts of ``records`` add up to the order, to the last unit."""
        for field in ("amount_untaxed", "amount_tax", "amount_total"):
            total = order.currency_id.round(sum(records.mapped(field)))
            self.assertEqual(total, order[field], field)

    def assertEqualParts(self, order, records):
        unit = order.currency_id.rounding
        for field in ("amount_untaxed", "amount_total"):
            amounts = records.mapped(field)
            self.assertLess(max(amounts) - min(amounts), unit * 1.01, field)

    def assertTaxesAddUp(self, order, moves):
        """Tax by tax: the tax items of the invoices are the taxes of the order."""
        expected, booked = Counter(), Counter()
        for base_line in order._get_rounded_base_lines():
            for tax in base_line["tax_details"]["taxes_data"]:
                expected[tax["tax"]] += tax["tax_amount_currency"]
        for line in moves.line_ids.filtered("tax_line_id"):
            booked[line.tax_line_id] -= line.amount_currency
        for tax in expected | booked:
            difference = expected[tax] - booked[tax]
            self.assertTrue(order.currency_id.is_zero(difference), tax.name)

    def assertTaxBases(self, order, moves):
        """Each tax item names as its base what its invoice charges for the lines.

        Where core does so for the order: not for a tax on top of another, nor when
        it rounded the order's untaxed amount another way than the base.
        """
        difference = Counter()
        for base_line in order._get_rounded_base_lines():
            details = base_line["tax_details"]
            charged = details["total_excluded"] + details["delta_total_excluded"]
            for tax in details["taxes_data"]:
                difference[tax["tax"]] += abs(tax["base_amount"] - charged)
        for item in moves.line_ids.filtered("tax_line_id"):
            tax = item.tax_line_id
            if self.company.currency_id.is_zero(difference[tax]):
                lines = item.move_id.invoice_line_ids
                lines = lines.filtered(lambda line, tax=tax: tax in line.tax_ids)
                charged = sum(lines.mapped("balance"))
                self.assertAlmostEqual(item.tax_base_amount, charged, 2, tax.name)

    def assertCompanyCurrency(self, order, moves):
        """The ledger has what the order is in the company's currency.

        Exactly for lines with a tax; an amount without a tax has nothing to fix it
        to and is converted invoice by invoice.
        """
        details = [line["tax_details"] for line in order._get_rounded_base_lines()]
        total = sum(
            detail["total_excluded"]
            + detail["delta_total_excluded"]
            + sum(tax["tax_amount"] for tax in detail["taxes_data"])
            for detail in details
        )
        untaxed = not all(detail["taxes_data"] for detail in details)
        booked = sum(moves.mapped("amount_total_signed"))
        self.assertAlmostEqual(booked, total, delta=0.011 if untaxed else 0.001)

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

    @settings(max_examples=20, **EXAMPLES)
    @given(
        st.lists(
            st.tuples(
                st.integers(1, 500000).map(lambda cents: cents / 100),
                st.integers(1, 4000).map(lambda hours: hours / 100),
                st.sampled_from([0, 0, 5, 12.5, 100]),
                st.sampled_from(["23", "8", "0", "none", "23 incl", "23 on 5"]),
            ),
            min_size=1,
            max_size=4,
        ),
        st.lists(st.integers(1, 60), min_size=1, max_size=5),
        st.sampled_from(["PLN", "EUR", "JPY", "TND"]),
        st.sampled_from(["round_globally", "round_per_line"]),
    )
    def test_drafts_add_up_to_any_order(self, content, shares, currency, method):
        self.company.tax_calculation_rounding_method = method
        schedule = [
            {"amount_type": "percent", "percent": round(share * 90 / sum(shares), 4)}
            for share in shares
        ]
        order = self._create_case(content, [*schedule, *self.EQUAL], currency)
        if order.amount_total:
            moves = self._draft(self._confirm(self._approve(order)))
            self.assertAddsUp(order, order.schedule_line_ids)
            self.assertAddsUp(order, moves)
            self.assertTaxesAddUp(order, moves)
