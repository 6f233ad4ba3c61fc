from fractions import Fraction

from odoo import models
from odoo.tools import formatLang

from ..tools.shares import base_line_amounts, split_base_lines

OPEN_STATES = ("waiting", "planned", "held", "drafted")
INVOICEABLE_STATES = ("planned", "held")
DRAFTED_STATES = ("drafted", "invoiced", "paid")
POSTED_STATES = ("invoiced", "paid")


class SaleOrder(models.Model):
    """Shares: what each scheduled payment amounts to, and its invoice lines."""

    _inherit = "sale.order"

    # === WEIGHTS === #

    def _get_weights(self):
        """Return each scheduled payment's exact share of the order, {line: Fraction}.

        For a recurring order, the share of one period. What percentages lose by
        rounding (three times 33.3333) goes to the last payment.
        """
        self.ensure_one()
        lines = self.schedule_line_ids
        if self.payment_mode == "recurring":
            return {line: line._get_period_share() for line in lines}
        lines = lines.filtered(lambda line: not line.is_left_out)
        if any(line.settled_amounts for line in lines):
            return self._get_weights_beside_settled()
        total = Fraction(str(round(self.amount_total, 6)))
        rest = lines.filtered(lambda line: line.amount_type == "rest")
        weights = {line: line._get_share(total) for line in lines - rest}
        missing = Fraction(1) - sum(weights.values())
        weights.update((line, missing / len(rest)) for line in rest)
        if lines and not rest and total:
            if self.currency_id.is_zero(float(missing * total)):
                weights[lines[-1]] += missing
        return weights

    def _get_share_in_states(self, states):
        """Return how much of the order is scheduled in ``states``, 1.0 = all of it.

        A recurring order counts whole periods of the terms that are agreed.
        """
        self.ensure_one()
        return float(
            sum(
                weight
                for line, weight in self._get_weights().items()
                if line.state in states and line.term_number <= self.term_number
            )
        )

    def _get_line_amounts_in_states(self, states):
        """Return what the payments in ``states`` take of each order line.

        To the cent, so that what is invoiced and what is not add up to the line.

        :return: {order line: (untaxed, total)} in the order's currency
        """
        self.ensure_one()
        share = self._get_share_in_states(states)
        lines = self._get_priced_lines()
        counted = self.schedule_line_ids.filtered(lambda line: line.state in states)
        if share.is_integer() and all(line.price_factor == 1 for line in counted):
            return {
                line: (line.price_subtotal * share, line.price_total * share)
                for line in lines
            }
        amounts = dict.fromkeys(lines, (0.0, 0.0))
        for payment, base_lines in self._get_schedule_shares().items():
            if payment.state in states and payment.term_number <= self.term_number:
                for base_line in base_lines:
                    untaxed, tax = base_line_amounts(base_line)
                    line = base_line["record"]
                    sums = amounts[line]
                    amounts[line] = (sums[0] + untaxed, sums[1] + untaxed + tax)
        rounded = self.currency_id.round
        return {line: tuple(map(rounded, sums)) for line, sums in amounts.items()}

    # === AMOUNTS === #

    def _get_rounded_base_lines(self, factor=1.0):
        """Return the order's base lines with the tax amounts of its totals.

        :param float factor: what the agreed unit prices are multiplied by, in a term
            that an index has changed the price of
        """
        self.ensure_one()
        account_tax = self.env["account.tax"]
        base_lines = [
            line._prepare_base_line_for_taxes_computation(
                **line._prepare_indexed_price(factor)
            )
            for line in self._get_priced_lines()
        ]
        account_tax._add_tax_details_in_base_lines(base_lines, self.company_id)
        account_tax._round_base_lines_tax_details(base_lines, self.company_id)
        return base_lines

    def _split(self, weights, base_lines=None, factor=1.0):
        """Return the order's base lines split by ``weights``, one list per weight.

        :param list base_lines: what to split instead of the whole order
        :param float factor: of the agreed unit prices
        """
        left = 1 - sum(weights)
        shares = split_base_lines(
            self.env["account.tax"],
            self._get_rounded_base_lines(factor) if base_lines is None else base_lines,
            self.company_id,
            [*weights, left] if left else weights,
            self.env["decimal.precision"].precision_get("Product Price"),
        )
        return shares[: len(weights)]

    def _get_schedule_shares(self):
        """Return the base lines of each scheduled payment, {line: base lines}.

        The payments of a recurring order are all split from one whole period; those
        of another order are split from each other.
        """
        self.ensure_one()
        weights = self._get_weights()
        if not weights or not self._get_priced_lines():
            return {}
        if self.payment_mode != "recurring":
            if any(line.settled_amounts for line in weights):
                return self._get_shares_beside_settled(weights)
            return dict(zip(weights, self._split(list(weights.values())), strict=True))
        keys = {line: (weight, line.price_factor) for line, weight in weights.items()}
        shares = {
            key: self._split([key[0]], factor=key[1])[0] for key in set(keys.values())
        }
        return {line: shares[key] for line, key in keys.items()}

    def _get_schedule_amounts(self):
        """Return {schedule line: (untaxed, tax)} in the order's currency."""
        self.ensure_one()
        result = self._get_settled_totals()
        for line, base_lines in self._get_schedule_shares().items():
            if line in result:
                continue
            amounts = [base_line_amounts(base_line) for base_line in base_lines]
            result[line] = (
                self.currency_id.round(sum(untaxed for untaxed, _tax in amounts)),
                self.currency_id.round(sum(tax for _untaxed, tax in amounts)),
            )
        return result

    # === INVOICE LINES === #

    def _prepare_schedule_invoice_lines(self, schedule_lines):
        """Return the invoice line values of each payment, {schedule line: [values]}.

        A payment of the whole order invoices the order's own lines. A part of it
        keeps the agreed quantity and price in the text and has the exact amounts of
        its share in ``extra_tax_data``, which core's tax engine honours.
        """
        self.ensure_one()
        weights = self._get_weights()
        final = self._get_final_line()
        is_split = any(weights[line] != 1 for line in schedule_lines)
        shares = self._get_schedule_shares() if is_split else {}
        result = {}
        for line in schedule_lines:
            if line == final:
                values = self._prepare_final_invoice_lines()
            elif weights[line] == 1:
                values = self._prepare_whole_invoice_lines(line.price_factor)
            else:
                values = self._prepare_partial_invoice_lines(
                    shares[line], line.price_factor
                )
            if line != final and (weights[line] != 1 or line.kind == "period"):
                values.insert(0, self._prepare_invoice_heading(line))
            result[line] = self._tax_as_of_now(values)
        return result

    def _prepare_invoice_heading(self, schedule_line):
        """Return the section line that says which part of which order this is."""
        return {
            "display_type": "line_section",
            "name": self.env._(
                "%(name)s – order %(order)s", name=schedule_line.name, order=self.name
            ),
            "sequence": -1,
        }

    def _prepare_whole_invoice_lines(self, factor=1.0, fixed=None):
        """Return the invoice lines of all order lines.

        :param dict fixed: the ``extra_tax_data`` of order lines that get some
        """
        lines = self.order_line.filtered(lambda line: not line.is_downpayment)
        result = []
        for line in lines:
            values = line._prepare_invoice_line(
                quantity=line.product_uom_qty, **line._prepare_indexed_price(factor)
            )
            if fixed and line in fixed:
                values["extra_tax_data"] = fixed[line]
            result.append(values)
        return result

    def _prepare_partial_invoice_lines(self, base_lines, factor=1.0):
        return [
            self._prepare_partial_invoice_line(base_line, sequence, factor)
            for sequence, base_line in enumerate(base_lines)
        ]

    def _prepare_partial_invoice_line(self, base_line, sequence, factor=1.0):
        line = base_line["record"]
        values = line._prepare_invoice_line(
            quantity=1.0,
            discount=0.0,
            price_unit=base_line["price_unit"],
            sequence=sequence,
            extra_tax_data=self.env["account.tax"]._export_base_line_extra_tax_data(
                base_line
            ),
        )
        values["product_uom_id"] = False
        values["name"] = self._get_partial_line_text(line, factor)
        return values

    def _get_partial_line_text(self, line, factor=1.0):
        """Return the text of a part invoice's line, with the agreed quantity."""
        quantity = formatLang(self.env, line.product_uom_qty, dp="Product Unit")
        quantity = f"{quantity} {line.product_uom_id.name or ''}".strip()
        price = line._prepare_indexed_price(factor).get("price_unit", line.price_unit)
        price = self.currency_id.format(price)
        if line.discount:
            return self.env._(
                "%(name)s (%(quantity)s at %(price)s less %(discount)s %%)",
                name=line.name,
                quantity=quantity,
                price=price,
                discount=formatLang(self.env, line.discount, dp="Discount"),
            )
        return self.env._(
            "%(name)s (%(quantity)s at %(price)s)",
            name=line.name,
            quantity=quantity,
            price=price,
        )
