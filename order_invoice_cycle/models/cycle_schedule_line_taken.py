from fractions import Fraction

from odoo import models

from ..tools.buckets import (
    get_price,
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

    def _get_uncredited_buckets(self):
        """Return what the published invoices charged and no credit note takes back.

        A credit note that is still a draft counts: it was asked for already. At the
        rates at which it was settled.
        """
        charged = self._get_net_buckets(credit_states=("posted", "draft"))
        before = (self.settled_amounts or {}).get("charged")
        if not before:
            return charged
        left = sum_buckets(charged)[0] / before
        return self._merge(scale_buckets(self._get_settled_buckets(), left))

    def _get_charged_for(self, buckets):
        """Return what the invoices charged for a part of what they took.

        :param list buckets: a part of :meth:`_get_uncredited_buckets`
        :return: buckets at the rates of the invoices
        """
        if not (self.settled_amounts or {}).get("charged"):
            return buckets
        whole = sum_buckets(self._get_uncredited_buckets())[0]
        rows = self._get_net_rows(credit_states=("posted", "draft"))
        share = sum_buckets(buckets)[0] / whole
        return self._merge(scale_buckets(rows, share), keep_line=True)

    # === WHAT THAT IS OF THE ORDER === #

    def _get_taken_buckets(self, **counted):
        """Return what the invoices took of the order, at the order's rates.

        :param counted: see :meth:`_get_net_rows`
        """
        return self._at_rates_of_order(self._get_net_rows(**counted))

    def _at_rates_of_order(self, rows):
        """Return what was charged by order line as what it took of the order.

        A billing period stands by itself: it took what it charged.
        """
        order = self.order_id
        if not rows or order.payment_mode == "recurring":
            return self._merge(rows)
        base_lines = order._get_rounded_base_lines()
        agreed = {line["record"]._origin.id: line for line in base_lines}
        sets = {tax_set(line["tax_ids"].ids) for line in base_lines}
        included = self._get_included_taxes(rows, base_lines)
        taken, others = [], []
        for row in rows:
            base_line = row["line"] and agreed.get(row["line"])
            bucket = base_line and take_at_agreed_rates(row, base_line, included)
            if bucket:
                taken.append(bucket)
            elif tax_set(row["taxes"]) in sets:
                taken.append(row)
            else:
                others.append(row)
        if others:
            taken += self._take_of_whole_order(others, base_lines, included)
        return self._merge(taken)

    def _take_of_whole_order(self, rows, base_lines, included):
        """Return what belongs to no order line as a share of all of them.

        At most the whole order. It stays as it is when that is worth nothing.
        """
        included = included & {tax for row in rows for tax in row["tax"]}
        charged = sum(get_price(row, included) for row in rows)
        total = sum(get_price(row, included) for row in make_buckets(base_lines))
        if self.currency_id.is_zero(total):
            return rows
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
        charged = self._get_net_buckets(**counted)
        taken = self._get_taken_buckets(**counted)
        compare = self.currency_id.compare_amounts
        untaxed, tax = sum_buckets(taken)
        is_untaxed = not compare(untaxed, self.amount_untaxed)
        is_total = not compare(untaxed + tax, self.amount_untaxed + self.amount_tax)
        if self._is_equal(charged, taken):
            return is_untaxed and is_total
        return is_untaxed or is_total

    # === BUCKETS === #

    def _merge(self, buckets, **kept):
        return merge_buckets(
            buckets, self.currency_id, self.company_id.currency_id, **kept
        )

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
