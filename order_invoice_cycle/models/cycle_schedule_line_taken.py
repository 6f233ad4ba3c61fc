from fractions import Fraction

from odoo import models

from ..tools.buckets import (
    get_price,
    has_rates_of,
    make_buckets,
    merge_buckets,
    scale_buckets,
    sum_buckets,
    take_at_agreed_rates,
    tax_set,
)


class CycleScheduleLine(models.Model):
    """Taken: what a payment's invoices charged, and what that is of the order.

    An invoice has the taxes of its date, or those a person gave it. What it took of
    the order is told at the order's own rates, order line by order line: else it would
    not be found among the order's taxes, and the others would share all of it again.
    """

    _inherit = "cycle.schedule.line"

    # === WHAT WAS CHARGED === #

    def _get_net_rows(self, with_drafts=False, credit_states=("posted",)):
        """Return what the invoices charged, less their credit notes, by order line.

        :param bool with_drafts: count a draft invoice as well
        :param credit_states: states of the credit notes that count; those of an
            invoice that another one replaced always do
        """
        self.ensure_one()
        states = ("posted", "draft") if with_drafts else ("posted",)
        invoices = self.sudo().move_ids.filtered(lambda move: move.state in states)
        credit_notes = invoices.reversal_move_ids.filtered(
            lambda move: (
                move.state in credit_states
                or (move.state == "posted" and move.reversed_entry_id.is_replaced)
            )
        )
        buckets = [
            bucket
            for move in invoices | credit_notes
            for bucket in move._get_cycle_buckets()
        ]
        return self._merge(buckets, keep_line=True)

    def _get_net_buckets(self, **counted):
        """Return what the invoices charged, less their credit notes, tax by tax.

        :param counted: see :meth:`_get_net_rows`
        """
        return self._merge(self._get_net_rows(**counted))

    # === WHAT THAT IS OF THE ORDER === #

    def _get_taken_buckets(self, **counted):
        """Return what the invoices took of the order, at the order's rates.

        :param counted: see :meth:`_get_net_rows`
        """
        return self._at_rates_of_order(self._get_net_rows(**counted))

    def _at_rates_of_order(self, rows):
        """Return what was charged by order line as what it took of the order."""
        return self._merge_parts(self._get_taken_parts(rows))

    def _get_taken_parts(self, rows):
        """Return what each row that was charged took of the order.

        A billing period stands by itself: it took what it charged.

        :return: list of (row, buckets)
        """
        order = self.order_id
        base_lines = order._get_rounded_base_lines() if rows else []
        if not base_lines or order.payment_mode == "recurring":
            return [(row, [row]) for row in rows]
        included = self._get_included_taxes(rows, base_lines)
        at_own_rates = self._get_rows_at_own_rates(rows, base_lines)
        return [
            (row, [row])
            if row in at_own_rates
            else (row, self._take_part(row, base_lines, included))
            for row in rows
        ]

    def _get_rows_at_own_rates(self, rows, base_lines):
        """Return the rows that were charged as their order lines are taxed.

        All rows with the same taxes are judged together: what a final invoice deducts
        is all on the first line with these taxes.
        """
        sets = {x["record"]._origin.id: tax_set(x["tax_ids"].ids) for x in base_lines}
        own = {}
        for row in rows:
            taxes = tax_set(row["taxes"])
            if sets.get(row["line"], taxes) == taxes and taxes in sets.values():
                own.setdefault(taxes, []).append(row)
        result = []
        for taxes, those in own.items():
            lines = [x for x in base_lines if tax_set(x["tax_ids"].ids) == taxes]
            merged = self._merge(those, keep_account=False)
            if all(has_rates_of(bucket, lines) for bucket in merged):
                result += those
        return result

    def _take_part(self, row, base_lines, included):
        """Return what one row took, as buckets."""
        agreed = [x for x in base_lines if row["line"] == x["record"]._origin.id]
        if row["line"] and agreed:
            lines = self._get_lines_at_rate_of(agreed[0], base_lines)
            bucket = take_at_agreed_rates(row, lines, included)
            if bucket:
                return [bucket]
        if tax_set(row["taxes"]) in {tax_set(x["tax_ids"].ids) for x in base_lines}:
            return [row]
        return self._take_of_whole_order(row, base_lines, included)

    def _get_lines_at_rate_of(self, agreed, base_lines):
        """Return the lines with the taxes of one, which has the same rates, or that.

        All together tell a rate better than a small one, whose tax was rounded.
        """
        taxes = tax_set(agreed["tax_ids"].ids)
        lines = [x for x in base_lines if tax_set(x["tax_ids"].ids) == taxes]
        is_one_rate = all(has_rates_of(make_buckets([x])[0], lines) for x in lines)
        return lines if is_one_rate else [agreed]

    def _take_of_whole_order(self, row, base_lines, included):
        """Return what belongs to no order line as a share of all of them.

        At most the whole order. It stays as it is when that is worth nothing.
        """
        included = included if included & set(row["tax"]) else set()
        charged = get_price(row, included)
        total = sum(get_price(bucket, included) for bucket in make_buckets(base_lines))
        if self.currency_id.is_zero(total):
            return [row]
        share = Fraction(str(round(charged, 6))) / Fraction(str(round(total, 6)))
        part = min(abs(share), Fraction(1))
        pieces = self.order_id._split([part], base_lines)[0]
        return make_buckets(pieces, sign=-1 if share < 0 else 1)

    def _get_included_taxes(self, rows, base_lines):
        """Return the ids, as text, of the taxes that are included in prices."""
        keys = {tax for row in rows for tax in row["tax"] if tax.isdigit()}
        taxes = self.env["account.tax"].browse(int(key) for key in keys)
        for base_line in base_lines:
            for tax_data in base_line["tax_details"]["taxes_data"]:
                taxes |= tax_data["tax"]
        return {str(tax.id) for tax in taxes if tax.price_include}

    def _took_its_share(self, **counted):
        """Tell whether the invoices of this payment took what they were to take.

        At other rates than those of the order it is the price that counts, without the
        taxes or with those that are included in it.

        :param counted: see :meth:`_get_net_rows`
        """
        self.ensure_one()
        charged = self._get_net_rows(**counted)
        taken = self._at_rates_of_order(charged)
        compare = self.currency_id.compare_amounts
        untaxed, tax = sum_buckets(taken)
        is_untaxed = not compare(untaxed, self.amount_untaxed)
        is_total = not compare(untaxed + tax, self.amount_untaxed + self.amount_tax)
        if self._is_equal(charged, taken):
            return is_untaxed and is_total
        return is_untaxed or is_total

    def _charged_its_share(self, with_drafts=False):
        """Tell whether the invoices took their share, before or after credit notes."""
        return any(
            self._took_its_share(with_drafts=with_drafts, credit_states=states)
            for states in ((), ("posted",))
        )

    # === WHAT COULD BE CREDITED === #

    def _get_uncredited_parts(self):
        """Return what was charged and not credited, with what that is of the order.

        A credit note that is still a draft counts: it was asked for already. At the
        rates at which it was settled.

        :return: list of (row, buckets)
        """
        settled = self.settled_amounts or {}
        known = {tax_set(bucket["taxes"]) for bucket in settled.get("buckets", [])}
        taken = self._get_settled_parts()
        result, unknown = [], []
        for row in self._get_net_rows(credit_states=("posted", "draft")):
            charged, part = taken.get((row["line"], tax_set(row["taxes"])), (0.0, []))
            if charged:
                left = row["untaxed"][0] / charged
                result.append((row, scale_buckets(part, left)))
            elif tax_set(row["taxes"]) in known:
                result.append((row, [row]))
            else:
                # It was taxed otherwise after it had been settled.
                unknown.append(row)
        return result + self._get_taken_parts(unknown)

    def _get_settled_parts(self):
        """Return what was charged at other rates when it was settled.

        :return: {(order line id, set of taxes): (untaxed amount, buckets it took)};
            the id is False where the order line was removed since
        """
        parts = (self.settled_amounts or {}).get("parts", [])
        lines = self.env["sale.order.line"].browse(
            row["line"] for row, _part in parts if row["line"]
        )
        present = set(lines.exists().ids)
        result = {}
        for row, part in parts:
            if part == [row]:
                continue
            line = row["line"] in present and row["line"]
            key = (line, tax_set(row["taxes"]))
            charged, before = result.get(key, (0.0, []))
            result[key] = (charged + row["untaxed"][0], before + part)
        return result

    def _get_uncredited_buckets(self):
        """Return what was charged and not credited, as what that is of the order."""
        return self._merge_parts(self._get_uncredited_parts())

    def _get_charged_for(self, buckets):
        """Return what the invoices charged for a part of what they took.

        :param list buckets: a part of :meth:`_get_uncredited_buckets`
        :return: buckets at the rates of the invoices
        """
        parts = self._get_uncredited_parts()
        result = []
        for bucket in buckets:
            taxes = tax_set(bucket["taxes"])
            rows = [
                scale_buckets([row], _get_share_of(taxes, part))[0]
                for row, part in parts
                if any(tax_set(one["taxes"]) == taxes for one in part)
            ]
            if all(tax_set(row["taxes"]) == taxes for row in rows):
                result.append(bucket)
                continue
            whole = sum(
                one["untaxed"][0]
                for _row, part in parts
                for one in part
                if tax_set(one["taxes"]) == taxes
            )
            scaled = scale_buckets(rows, bucket["untaxed"][0] / whole)
            for row in self._round_together(scaled):
                line = row["line"] or self._get_order_line_with(taxes)
                result.append({**row, "line": line})
        return result

    def _get_order_line_with(self, taxes):
        """Return the id of the first order line with a set of taxes, or None."""
        for line in self.order_id._get_priced_lines():
            if tax_set(line.tax_ids.ids) == taxes:
                return line.id
        return None

    # === BUCKETS === #

    def _merge(self, buckets, **kept):
        return merge_buckets(
            buckets, self.currency_id, self.company_id.currency_id, **kept
        )

    def _merge_parts(self, parts):
        return self._merge([bucket for _row, part in parts for bucket in part])

    def _round_together(self, rows):
        """Return the rows rounded so that they add up to what they did unrounded."""
        total = self.currency_id.round(sum(row["untaxed"][0] for row in rows))
        rounded = self._merge(rows, keep_line=True) or rows[:1]
        rest = total - sum(row["untaxed"][0] for row in rounded)
        largest = max(rounded, key=lambda row: abs(row["untaxed"][0]))
        largest["untaxed"][0] = self.currency_id.round(largest["untaxed"][0] + rest)
        return rounded

    def _is_equal(self, buckets, others):
        """Tell whether buckets have the same amounts, on whatever accounts."""
        compared = (
            {
                tax_set(bucket["taxes"]): (bucket["untaxed"], bucket["tax"])
                for bucket in self._merge(each, keep_account=False)
            }
            for each in (buckets, others)
        )
        return next(compared) == next(compared)


def _get_share_of(taxes, part):
    """Return how much of what a row took has these taxes, 1.0 is all of it."""
    whole = sum(bucket["untaxed"][0] for bucket in part)
    those = [bucket for bucket in part if tax_set(bucket["taxes"]) == taxes]
    return sum(bucket["untaxed"][0] for bucket in those) / whole if whole else 1.0
