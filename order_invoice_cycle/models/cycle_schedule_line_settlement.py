from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.buckets import make_buckets, sum_buckets


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
        help="What the invoices of this payment took of the order; on an offer, what "
        "they charged.",
    )
    invoice_difference = fields.Monetary(
        string="Difference",
        compute="_compute_invoice_difference",
        help="How much more (or less) of the order than scheduled its invoice takes.",
    )
    is_credited = fields.Boolean(
        compute="_compute_is_credited",
        help="Its invoice was credited in full; it is not invoiced again by itself.",
    )

    @api.depends(
        "amount_total",
        "is_credited",
        "invoice_id.amount_total",
        "move_ids.line_ids.balance",
        "move_ids.reversal_move_ids.state",
    )
    def _compute_invoice_difference(self):
        for line in self:
            line.invoice_difference = line.sudo()._get_invoice_difference()

    def _get_invoice_difference(self):
        """Return how much more of the order than scheduled the invoice takes.

        Not by taxes of another date, which take nobody's share. What was credited is
        no difference: it is not charged again by itself.
        """
        self.ensure_one()
        invoice = self.invoice_id
        if not invoice or self.state == "cancelled" or self.is_credited:
            return 0.0
        compare = self.currency_id.compare_amounts
        if not compare(invoice.amount_total, self.amount_total) and not compare(
            invoice.amount_untaxed, self.amount_untaxed
        ):
            return 0.0
        if self._charged_its_share(with_drafts=True):
            return 0.0
        taken = self._get_taken_buckets(with_drafts=True, credit_states=())
        return self.currency_id.round(sum(sum_buckets(taken)) - self.amount_total)

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
        deposits = given_away.filtered(lambda line: line.kind == "deposit")
        deposits._settle_others()
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
            taken = sum(
                sum_buckets(other._get_taken_buckets())[0] - other.amount_untaxed
                for other in others
                if other._is_posted() and not other._charged_its_share()
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
        settled = self.settled_amounts or {}
        if "offered" in settled:
            # The terms of an offer may still change, and what was charged does not.
            return self._at_rates_of_order(settled["offered"])
        return settled.get("buckets", [])

    def _get_settled_share(self, total):
        """Return the exact share of an order's total that was settled.

        :param Fraction total: the order's total
        """
        amount = sum(sum_buckets(self._get_settled_buckets()))
        return Fraction(str(round(amount, 6))) / total if total else Fraction(0)

    def _settle(self, **counted):
        """Write down what the invoices took; the open payments share the rest.

        :param counted: which invoices and credit notes, see :meth:`_get_net_rows`
        """
        for line in self.sudo():
            line.settled_amounts = line._prepare_settled(line._get_net_rows(**counted))

    def _settle_charged(self, **counted):
        """Settle what a person charged: what was credited since is not charged again.

        But of a deposit, which is due at the end when it is credited.
        """
        deposits = self.filtered(lambda line: line.kind == "deposit")
        deposits._settle(**counted)
        (self - deposits)._settle(credit_states=(), **counted)

    def _prepare_settled(self, rows, buckets=None):
        """Return what is written down of a settled payment.

        :param list rows: what its invoices charged, by order line
        :param list buckets: what it counts as; by default what they took of the order
        """
        parts = self._get_taken_parts(rows)
        taken = self._merge_parts(parts)
        settled = {"buckets": taken if buckets is None else buckets}
        if not self._is_equal(rows, taken):
            # At other rates: later credit notes are compared with these.
            settled["parts"] = parts
        return settled

    def _settle_in_offer(self):
        """Write down what the invoices charged, while the terms are an offer again."""
        for line in self.sudo():
            line.settled_amounts = {"offered": line._get_net_rows()}

    def _settle_as_confirmed(self):
        """Let what was charged before the offer count as it did in the offer.

        Whatever was credited meanwhile: that is not charged again by itself.
        """
        for line in self.sudo():
            rows = (line.settled_amounts or {}).get("offered")
            if rows is not None:
                line.settled_amounts = line._prepare_settled(rows)

    def _settle_credited_offer(self):
        """Let a credit note count that an offer below what was invoiced waits for."""
        for line in self.sudo():
            is_offered = "offered" in (line.settled_amounts or {})
            if is_offered and line.order_id._get_invoiced_problem():
                line._settle_in_offer()

    def _settle_credited_excess(self):
        """Let the credit note of an amendment's excess count for its payment."""
        for line in self.sudo().filtered("settled_amounts"):
            if line.order_id.state == "sale":
                line._settle()

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

    def _settle_others(self):
        """Let what was published beside these payments count as what it took.

        The rest, which nobody but them may take, is then known to the cent.
        """
        for order in self.order_id:
            if order.state == "sale" and order.payment_mode != "recurring":
                others = (order.schedule_line_ids - self).filtered(
                    lambda line: (
                        not line.settled_amounts
                        and not line.is_credited
                        and (line._is_posted() or line.is_skipped)
                    )
                )
                took = others.filtered(
                    lambda line: line.is_skipped or line._charged_its_share()
                )
                took._freeze()
                (others - took)._settle_charged()

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
        charged = sum(sum_buckets(line._get_taken_buckets())[0] for line in posted)
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
                rows = line._get_net_rows(with_drafts=True, credit_states=())
                share = line._merge(make_buckets(shares.get(line, [])))
                line.settled_amounts = line._prepare_settled(rows, share)

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
            if not line._took_its_share():
                others = order.schedule_line_ids - line
                others._freeze_given_up()
                if others.filtered(lambda other: other._can_take_rest()):
                    # What was published beside it took its share, and no more.
                    others.filtered(lambda other: other._is_posted())._freeze()
                line._settle()

    def _can_take_rest(self):
        """Tell whether what a deposit leaves is due with this payment."""
        return not (self.kind == "deposit" or self.is_skipped or self._is_posted())

    def _is_decided(self):
        """Tell whether the invoice of a deposit is posted, or never will be."""
        invoice = self.invoice_id
        return invoice.state == "posted" if invoice else self.is_skipped

    def action_skip(self):
        """Give the lines up for good; what a deposit leaves is due at the end."""
        result = super().action_skip()
        self._settle_deposits()
        return result
