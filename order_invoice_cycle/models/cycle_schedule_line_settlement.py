from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.buckets import (
    has_same_rates,
    make_buckets,
    merge_buckets,
    sum_buckets,
)


class CycleScheduleLine(models.Model):
    """Settlement: what a payment's invoices really took of the order.

    As a rule a payment takes its share, and nothing has to be written down. It is
    settled when that is not so: a deposit was posted with other amounts or credited,
    a person edited a draft and asked to spread the difference, or an amendment
    changed the order after it was invoiced. The other payments share what is left.
    """

    _inherit = "cycle.schedule.line"

    settled_amounts = fields.Json(
        readonly=True,
        copy=False,
        help="What the invoices of this payment took of the order, tax by tax.",
    )
    invoice_difference = fields.Monetary(
        string="Difference",
        compute="_compute_invoice_difference",
        help="How much more (or less) than scheduled its invoice charges.",
    )
    is_credited = fields.Boolean(
        compute="_compute_is_credited",
        help="Its invoice was credited in full; it is not invoiced again by itself.",
    )

    @api.depends("amount_total", "invoice_id.amount_total", "move_ids.line_ids.balance")
    def _compute_invoice_difference(self):
        for line in self:
            invoice = line.sudo().invoice_id
            difference = 0.0
            if invoice and line.state != "cancelled":
                rounding = invoice.line_ids.filtered(
                    lambda item: item.display_type == "rounding"
                )
                charged = invoice.amount_total + sum(rounding.mapped("amount_currency"))
                difference = line.currency_id.round(charged - line.amount_total)
            line.invoice_difference = difference

    @api.depends("invoice_id.payment_state")
    def _compute_is_credited(self):
        for line in self:
            line.is_credited = line._is_reversed()

    def _is_reversed(self):
        """Tell whether nothing is left to pay because its invoice was credited.

        Core calls an invoice reversed as well that was paid by the credit note of
        another one.
        """
        self.ensure_one()
        is_reversed = self.sudo().invoice_id.payment_state == "reversed"
        return is_reversed and self._is_credited_in_full()

    def _is_credited_in_full(self):
        """Tell whether credit notes took back what its invoice charged, paid or not."""
        self.ensure_one()
        invoice = self.sudo().invoice_id
        if invoice.state != "posted" or self.currency_id.is_zero(invoice.amount_total):
            return False
        left = sum(sum_buckets(self._get_net_buckets()))
        return self.currency_id.compare_amounts(left, 0) <= 0

    # === BUTTONS === #

    def action_draft_again(self):
        """Draft anew what a person took back: a deleted, cancelled, credited invoice.

        :return: the draft invoices, ``account.move``
        :raise UserError: when a line was neither put on hold nor credited
        """
        self.order_id.check_access("write")
        for line in self:
            if line.state != "held" and not line.is_credited:
                raise UserError(
                    self.env._(
                        "“%(line)s” has nothing to draft again: its invoice was "
                        "neither removed nor credited in full.",
                        line=line.display_name,
                    )
                )
        lines = self.sudo()
        # The unique index has to know which invoices are gone.
        lines.move_ids.flush_recordset(["state"])
        lines.filtered("is_credited").invoice_id._set_replaced()
        given_away = lines.filtered("settled_amounts")
        # A deposit is judged with the share it had: nothing of it may be left.
        deposits = given_away.filtered(lambda line: line.kind == "deposit")
        deposits.settled_amounts = False
        (given_away - deposits)._unsettle()
        given_away._check_share_is_left()
        lines._tell_live_amendment()
        lines._draft_invoices()
        return self.invoice_id

    def _check_share_is_left(self):
        """Refuse to invoice a share that the other payments' invoices took.

        :raise UserError: naming the payment and what to do
        """
        for line in self:
            order, currency = line.order_id, line.currency_id
            if order.payment_mode == "recurring":
                continue
            others = order.schedule_line_ids - self
            # Without taxes: other rates take nobody's share.
            taken = sum(
                sum_buckets(other._get_net_buckets())[0] - other.amount_untaxed
                for other in others.filtered(lambda other: other._is_posted())
            )
            # Nothing at all, of a payment that takes what the others have left.
            is_worth = not currency.is_zero(order.amount_untaxed)
            if (
                is_worth
                and currency.compare_amounts(line.amount_untaxed, 0) >= 0
                and currency.compare_amounts(taken, line.amount_untaxed) >= 0
            ):
                raise UserError(
                    self.env._(
                        "“%(line)s” has nothing left to invoice: other invoices of "
                        "order %(order)s took its share. Credit those first.",
                        line=line.display_name,
                        order=order.name,
                    )
                )

    # === AMOUNTS === #

    def _get_settled_buckets(self):
        self.ensure_one()
        return (self.settled_amounts or {}).get("buckets", [])

    def _get_settled_share(self, total):
        """Return the exact share of an order's total that was settled.

        :param Fraction total: the order's total
        """
        amount = sum(sum_buckets(self._get_settled_buckets()))
        return Fraction(str(round(amount, 6))) / total if total else Fraction(0)

    def _get_uncredited_buckets(self):
        """Return what the published invoices took and no credit note takes back.

        A credit note that is still a draft counts: it was asked for already.
        """
        return self._get_net_buckets(credit_states=("posted", "draft"))

    def _get_net_buckets(self, with_drafts=False, credit_states=("posted",)):
        """Return what the invoices of this payment took, less their credit notes.

        :param bool with_drafts: count a draft invoice as well
        :param credit_states: states of the credit notes that count
        """
        self.ensure_one()
        states = ("posted", "draft") if with_drafts else ("posted",)
        invoices = self.sudo().move_ids.filtered(lambda move: move.state in states)
        credit_notes = invoices.reversal_move_ids.filtered(
            lambda move: move.state in credit_states
        )
        return merge_buckets(
            [
                bucket
                for move in invoices | credit_notes
                for bucket in move._get_cycle_buckets()
            ],
            self.currency_id,
            self.company_id.currency_id,
        )

    def _settle(self, with_drafts=False):
        """Write down what the invoices charged; the open payments share the rest."""
        for line in self.sudo():
            buckets = line._get_net_buckets(with_drafts)
            line.settled_amounts = {"buckets": buckets}

    def _settle_share(self, with_drafts=False):
        """Write down what share of the order the invoices took, at its own rates.

        What was charged at other rates is not found again among the order's taxes,
        and the open payments would share the whole order.
        """
        for line in self.sudo():
            buckets = line._get_net_buckets(with_drafts)
            if not line._has_rates_of_order(buckets):
                buckets = line._convert_to_rates_of_order(buckets)
            line.settled_amounts = {"buckets": buckets}

    def _has_rates_of_order(self, buckets):
        """Tell whether the buckets are taxed as the order's lines are."""
        base_lines = self.order_id._get_rounded_base_lines()
        return (
            not buckets
            or not base_lines
            or has_same_rates(base_lines, buckets, self.company_id)
        )

    def _convert_to_rates_of_order(self, buckets):
        """Return buckets of the same share of the order, or these if it is no share."""
        order = self.order_id
        charged, whole = sum_buckets(buckets), (order.amount_untaxed, order.amount_tax)
        # What was agreed is the price, with the taxes that are included in it.
        includes_tax = self._has_included_taxes(buckets)
        parts = [amounts[0] + amounts[1] * includes_tax for amounts in (charged, whole)]
        part, total = (Fraction(str(round(amount, 6))) for amount in parts)
        if not total or not 0 <= part / total <= 1:
            return buckets
        return self._get_buckets_of_share(order._split([part / total])[0])

    def _get_buckets_of_share(self, base_lines):
        """Return base lines of the order, which are a payment's share, as buckets."""
        return merge_buckets(
            make_buckets(base_lines), self.currency_id, self.company_id.currency_id
        )

    def _has_included_taxes(self, buckets):
        ids = [tax_id for bucket in buckets for tax_id in bucket["taxes"]]
        return any(self.env["account.tax"].browse(ids).mapped("price_include"))

    def _unsettle(self):
        """Let payments whose invoice is gone take what the other invoices leave."""
        for order, lines in (
            self.filtered("settled_amounts").grouped("order_id").items()
        ):
            if order.state == "sale" and order.payment_mode != "recurring":
                # Otherwise its share would grow to what those have taken already.
                others = order.schedule_line_ids - lines
                others.filtered(
                    lambda line: line._is_posted() or line.is_skipped
                )._freeze()
            lines.settled_amounts = False

    def _get_taken_by_others(self):
        """Return the given up payments of an offer whose share other invoices took.

        :return: those of ``self``, the payments of one order that could be asked for
            again, without which the others still take all that is left of it
        """
        order = self.order_id
        taken = self.browse()
        total = Fraction(str(round(order.amount_total, 6)))
        untaxed = Fraction(str(round(order.amount_untaxed, 6)))
        if not total or not untaxed:
            return taken
        posted = (order.schedule_line_ids - self).filtered(lambda x: x._is_posted())
        # Without taxes: other rates take nobody's share.
        charged = sum(sum_buckets(line._get_net_buckets())[0] for line in posted)
        left = 1 - Fraction(str(round(charged, 6))) / untaxed
        shares = {x: x._get_share(total) for x in self if x.amount_type != "rest"}
        wanted = sum(shares.values())
        rounding = Fraction(str(order.currency_id.rounding)) / abs(untaxed)
        for line in self.filtered(lambda line: line.is_skipped or line.invoice_id):
            share = shares.get(line, 0)
            if wanted - share >= left - rounding:
                taken |= line
                wanted -= share
        return taken

    def _reopen(self):
        """Let payments be asked for again, as if nothing had happened to them."""
        credited = self.filtered("invoice_id")
        credited.invoice_id._set_replaced()
        # What paid it was given back, or waits to be allocated.
        credited.deposit_payment_id = False
        self.filtered(lambda line: line.trigger != "date").date_due = False
        self._forget_request()
        self.write(
            {
                "hold_reason": False,
                "is_skipped": False,
                "is_left_out": False,
                # A payment that was given up had settled at something or nothing.
                "settled_amounts": False,
            }
        )

    def _freeze_given_up(self):
        """Let what is never invoiced keep its share, which then nobody else takes.

        Payments that were skipped or credited. Of a deposit, what was not paid is due
        at the end instead: :meth:`_settle_deposits`.
        """
        self.filtered(
            lambda line: (
                line.kind != "deposit" and (line.is_skipped or line.is_credited)
            )
        )._freeze()

    def _freeze(self):
        """Let payments that are not settled keep their share, whoever takes another."""
        open_lines = self.sudo().filtered(lambda line: not line.settled_amounts)
        for order, lines in open_lines.grouped("order_id").items():
            # All at once: what the first keeps would change the share of the next.
            shares = order._get_schedule_shares()
            for line in lines:
                buckets = line._get_buckets_of_share(shares.get(line, []))
                line.settled_amounts = {"buckets": buckets}

    def _settle_deposits(self):
        """Let the final invoice deduct exactly what was posted of each deposit.

        A deposit that was credited, or given up, restores what is due at the end.
        """
        for line in self.sudo():
            order = line.order_id
            if line.kind != "deposit" or order.state != "sale":
                continue
            if order.payment_mode == "recurring" or not line._is_decided():
                continue
            if not line._took(line.amount_untaxed, line.amount_tax):
                others = order.schedule_line_ids - line
                others._freeze_given_up()
                if others.filtered(lambda other: other._can_take_rest()):
                    # What was published beside it took its share, and no more.
                    others.filtered(lambda other: other._is_posted())._freeze()
                line._settle_share()

    def _can_take_rest(self):
        """Tell whether what a deposit leaves is due with this payment."""
        return not (self.kind == "deposit" or self.is_skipped or self._is_posted())

    def _took(self, untaxed, tax):
        """Tell whether the invoices of this payment took what they were to take.

        At other tax rates than those of the order it is the agreed price that counts,
        with the taxes only where it includes them: nobody's share is taken by those.
        """
        self.ensure_one()
        compare = self.currency_id.compare_amounts
        buckets = self._get_net_buckets()
        charged = sum_buckets(buckets)
        if self._has_rates_of_order(buckets):
            return not compare(charged[0], untaxed) and not compare(charged[1], tax)
        if self._has_included_taxes(buckets):
            return not compare(sum(charged), untaxed + tax)
        return not compare(charged[0], untaxed)

    def _is_decided(self):
        """Tell whether the invoice of a deposit is posted, or never will be."""
        invoice = self.invoice_id
        return invoice.state == "posted" if invoice else self.is_skipped

    def action_skip(self):
        """Give the lines up for good; what a deposit leaves is due at the end."""
        result = super().action_skip()
        self._settle_deposits()
        return result
