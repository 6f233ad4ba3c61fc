from collections import Counter

from odoo.fields import Command

from .common import CycleCommon

EXAMPLES = {"derandomize": True, "deadline": None, "database": None}


class AmountsCommon(CycleCommon):
    """Orders of every kind, and what must hold for the sum of their invoices."""

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
        """No two parts of an equal plan are more than the smallest unit apart."""
        unit = order.currency_id.rounding
        for field in ("amount_untaxed", "amount_tax", "amount_total"):
            amounts = records.mapped(field)
            self.assertLess(max(amounts) - min(amounts), unit * 1.01, field)

    def assertFixedParts(self, order):
        """Who agreed on an amount pays this amount, whatever the others pay."""
        for line in order.schedule_line_ids:
            if line.amount_type == "fixed":
                difference = line.amount_total - line.amount_fixed
                self.assertTrue(order.currency_id.is_zero(difference), difference)

    def assertTaxesAddUp(self, order, moves):
        """Tax by tax: the tax items of the invoices are the taxes of the order."""
        expected, booked = Counter(), Counter()
        for base_line in order._get_rounded_base_lines():
            for tax in base_line["tax_details"]["taxes_data"]:
                expected[tax["tax"]] += tax["tax_amount_currency"]
        items = moves.line_ids.filtered("tax_line_id")
        for line in items.filtered(lambda item: item.display_type != "rounding"):
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

        Exactly for lines with a tax. An amount without a tax has nothing to fix it to:
        it is converted invoice by invoice, each time to half a cent, and where core
        prices a whole line, before it was rounded to half a unit of its currency.
        """
        total, delta = 0.0, 0.001
        for line in order._get_rounded_base_lines():
            details = line["tax_details"]
            if details["taxes_data"]:
                total += details["total_excluded"] + details["delta_total_excluded"]
                total += sum(tax["tax_amount"] for tax in details["taxes_data"])
            else:
                total += details["total_excluded_currency"] / line["rate"]
                delta += order.currency_id.rounding / 2 / line["rate"]
                delta += 0.005 * len(moves)
        booked = sum(moves.mapped("amount_total_signed"))
        self.assertAlmostEqual(booked, total, delta=delta)
