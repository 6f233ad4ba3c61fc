from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..tools.buckets import deduct, sum_buckets
from ..tools.shares import base_line_amounts


class SaleOrder(models.Model):
    """Settlement: the open payments share what the settled ones left of the order."""

    _inherit = "sale.order"

    schedule_difference = fields.Monetary(
        compute="_compute_schedule_difference",
        help="How much more (or less) of the order than scheduled the invoices take.",
    )
    has_schedule_difference = fields.Boolean(compute="_compute_schedule_difference")
    cycle_fiscal_position_id = fields.Many2one(
        "account.fiscal.position",
        string="Fiscal position when confirmed",
        readonly=True,
        copy=False,
    )

    @api.depends("schedule_line_ids.invoice_difference")
    def _compute_schedule_difference(self):
        for order in self:
            differences = order.schedule_line_ids.mapped("invoice_difference")
            order.schedule_difference = sum(differences)
            order.has_schedule_difference = order.state == "sale" and any(differences)

    # === SPREADING A DIFFERENCE === #

    def action_spread_difference(self):
        """Let the payments without an invoice share what the invoices left.

        :raise UserError: when nothing differs, or no payment is left to take it
        """
        for order in self:
            order.check_access("write")
            order._check_running()
            order._spread_difference()

    def _spread_difference(self):
        self.ensure_one()
        lines = self.schedule_line_ids
        if not self.has_schedule_difference:
            problem = self.env._("Its invoices are as scheduled.")
        elif self.payment_mode == "recurring":
            problem = self.env._(
                "Each billing period stands by itself. Change the draft, or credit "
                "the invoice."
            )
        elif not lines.filtered(lambda x: x.state in ("waiting", "planned", "held")):
            problem = self.env._(
                "No payment is left that could take the difference. Change the draft, "
                "or credit the invoice."
            )
        else:
            different = lines.filtered("invoice_difference")
            # What was charged as scheduled or is never invoiced keeps its share.
            (lines - different).filtered(
                lambda line: line.invoice_id or line.is_skipped
            )._freeze()
            different._settle_charged(with_drafts=True)
            self._message_log(
                body=self.env._(
                    "The difference between the invoices and the schedule was spread "
                    "over the payments without an invoice."
                )
            )
            return
        raise UserError(
            self.env._(
                "There is nothing to spread on order %(order)s. %(problem)s",
                order=self.name,
                problem=problem,
            )
        )

    def _settle_published(self):
        """Let an order that is offered again count what its invoices really took.

        Nothing, of a payment that stays given up. What was charged stays so when the
        offer is changed, and counts at the taxes that the order lines have then.
        """
        self.ensure_one()
        self.schedule_line_ids.filtered(
            lambda line: line._is_posted() or line.is_skipped
        )._settle_in_offer()

    def _get_invoiced_problem(self):
        """Return why invoices of before do not fit an order offered again, or False."""
        lines = self.schedule_line_ids.filtered(
            lambda line: "offered" in (line.settled_amounts or {})
        )
        other = lines.sudo().move_ids.filtered(
            lambda move: move.state == "posted" and move.currency_id != self.currency_id
        )[:1]
        if other:
            return self.env._(
                "Invoice %(invoice)s is in %(currency)s. Choose a pricelist in this "
                "currency, or begin a new order.",
                invoice=other.name,
                currency=other.currency_id.name,
            )
        _open, excess = self._get_open_base_lines() if lines else (None, [])
        for bucket in excess:
            amount = sum(sum_buckets([bucket]))
            taxes = self.env["account.tax"].browse(bucket["taxes"])
            if self.currency_id.compare_amounts(amount, 0) > 0:
                return self.env._(
                    "%(amount)s (%(taxes)s) were invoiced beyond these terms. Credit "
                    "them first, or leave the order lines as they were.",
                    amount=self.currency_id.format(amount),
                    taxes=", ".join(taxes.mapped("name")) or self.env._("no tax"),
                )
        return False

    # === SHARES BESIDE SETTLED PAYMENTS === #

    def _get_weights_beside_settled(self):
        """Return the weights when some payments are settled: they have their amount.

        On a running order the others make up the rest exactly; on an offer what is
        missing stays visible, so that a person corrects it.
        """
        lines = self.schedule_line_ids.filtered(lambda line: not line.is_left_out)
        total = Fraction(str(round(self.amount_total, 6)))
        settled = lines.filtered("settled_amounts")
        weights = {line: line._get_settled_share(total) for line in settled}
        left = max(1 - sum(weights.values()), Fraction(0)) if total else Fraction(0)
        rest = (lines - settled).filtered(lambda line: line.amount_type == "rest")
        others = lines - settled - rest
        shares = {line: line._get_share(total) for line in others}
        missing = max(left - sum(shares.values()), Fraction(0))
        shares.update((line, missing / len(rest)) for line in rest)
        if others and not rest and total:
            rounded = left - sum(shares.values())
            if self.currency_id.is_zero(float(rounded * total)):
                # What percentages lose by rounding, as without settled payments.
                shares[others[-1]] += rounded
        wanted = sum(shares.values())
        if self.state == "sale" and wanted:
            shares = {line: share * left / wanted for line, share in shares.items()}
        return weights | shares

    def _get_shares_beside_settled(self, weights):
        """Return {line: base lines} of the payments that are not settled."""
        lines = [line for line in weights if not line.settled_amounts]
        if not lines:
            return {}
        base_lines, _excess = self._get_open_base_lines()
        left = 1 - sum(share for line, share in weights.items() if line not in lines)
        if left <= 0:
            # Nothing is left: the base lines are empty, whoever takes them.
            shares = [Fraction(1, len(lines))] * len(lines)
        else:
            shares = [weights[line] / left for line in lines]
        return dict(zip(lines, self._split(shares, base_lines), strict=True))

    def _get_open_base_lines(self):
        """Return the base lines of what is open, and the excess that was invoiced."""
        self.ensure_one()
        buckets = [
            bucket
            for line in self.schedule_line_ids
            if not line.is_left_out
            for bucket in line._get_settled_buckets()
        ]
        return deduct(self._get_rounded_base_lines(), buckets, self.company_id)

    def _get_amount_left(self):
        """Return what the settled payments leave of these terms, taxes included."""
        base_lines, _excess = self._get_open_base_lines()
        amounts = (sum(base_line_amounts(base_line)) for base_line in base_lines)
        return self.currency_id.round(sum(amounts))

    def _get_settled_totals(self):
        """Return {schedule line: (untaxed, tax)} of the settled payments."""
        return {
            line: sum_buckets(line._get_settled_buckets())
            for line in self.schedule_line_ids
            if line.settled_amounts
        }

    # === TAXES OF THE INVOICE DATE === #

    def _start_schedule(self):
        for order in self.sudo():
            order.cycle_fiscal_position_id = order.fiscal_position_id
        self.schedule_line_ids._settle_as_confirmed()
        result = super()._start_schedule()
        # What was credited while it was an offer.
        self.schedule_line_ids._settle_deposits()
        return result

    def _get_taxed_position(self):
        """Return the fiscal position whose taxes the order lines have.

        It is the present one only when their taxes were updated to it: an amendment
        takes over the taxes of an order whose position was changed meanwhile.
        """
        self.ensure_one()
        lines = self.order_line.filtered(lambda line: not line.display_type)
        position = self.fiscal_position_id
        is_taxed = all(
            line.tax_ids == position.map_tax(line._get_usual_taxes()) for line in lines
        )
        return position if is_taxed else self.cycle_fiscal_position_id

    def _has_other_taxes_now(self):
        """Tell whether another fiscal position applies than the confirmed one."""
        self.ensure_one()
        return (
            self.state == "sale"
            and self.fiscal_position_id != self.cycle_fiscal_position_id
        )

    def _tax_as_of_now(self, invoice_lines):
        """Tax prepared invoice lines by the order's present fiscal position.

        What was agreed is the price; the taxes are those of the invoice date.
        """
        if not self._has_other_taxes_now():
            return invoice_lines
        for values in invoice_lines:
            if not values.get("sale_line_ids"):
                continue
            line = self.order_line.browse(values["sale_line_ids"][0][1])
            taxes = line._get_taxes_now()
            if taxes == line.tax_ids:
                continue
            values["price_unit"] = self._get_price_as_of_now(line, values, taxes)
            values["tax_ids"] = [Command.set(taxes.ids)]
            values["extra_tax_data"] = False
        return invoice_lines

    def _get_price_as_of_now(self, line, values, taxes):
        """Return the unit price of an invoice line taxed with ``taxes`` instead.

        The agreed price stays: with the taxes that are included in it where such a tax
        applies again, and without them where none does.
        """
        extra = values.get("extra_tax_data") or {}
        is_included = any(taxes.mapped("price_include"))
        if "manual_total_excluded_currency" in extra and values["quantity"] == 1:
            price = extra["manual_total_excluded_currency"]
            for tax_id, amounts in extra["manual_tax_amounts"].items():
                tax = taxes.browse(int(tax_id))
                if is_included and tax.price_include:
                    price += amounts["tax_amount_currency"]
            return price
        if is_included:
            return values["price_unit"]
        return line.tax_ids._get_tax_details(
            values["price_unit"],
            1.0,
            rounding_method="round_globally",
            product=line.product_id,
            product_uom=line.product_uom_id,
        )["total_excluded"]
