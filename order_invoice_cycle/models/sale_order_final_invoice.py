from odoo import models
from odoo.fields import Command

from ..tools.buckets import deduct, get_price

DEDUCTION_SEQUENCE = 100000  # after every line of the order
# What core calls the amounts of a tax in a bucket, in their order.
FIXED_AMOUNTS = (
    "tax_amount_currency",
    "tax_amount",
    "base_amount_currency",
    "base_amount",
)


class SaleOrder(models.Model):
    """The final invoice: the lines of the order, less the deposits as posted."""

    _inherit = "sale.order"

    def _get_final_line(self):
        """Return the payment whose invoice deducts the deposits, or an empty one.

        It is the one payment that is no deposit, once every deposit was posted or
        given up; taxes must not have changed since. A payment that was skipped keeps
        its share of the order, so another one is not the final one of it.
        """
        self.ensure_one()
        none = self.env["cycle.schedule.line"]
        if self.payment_mode == "recurring":
            return none
        deposits = self.schedule_line_ids.filtered(lambda x: x.kind == "deposit")
        final = (self.schedule_line_ids - deposits).filtered(
            lambda x: not x.is_skipped or not x.currency_id.is_zero(x.amount_total)
        )
        if len(final) != 1 or not all(line._is_decided() for line in deposits):
            return none
        posted = self._get_deposits_to_deduct()
        buckets = [bucket for x in posted for bucket in x._get_net_buckets()]
        if not buckets or self._has_other_taxes_now():
            return none
        for deposit in posted:
            charged = deposit._get_net_rows()
            if not deposit._is_equal(charged, deposit._at_rates_of_order(charged)):
                return none
        base_lines = self._get_rounded_base_lines()
        return none if deduct(base_lines, buckets, self.company_id)[1] else final

    def _get_deposits_to_deduct(self):
        """Return the deposits of which something was charged that was not credited."""
        return self.schedule_line_ids.filtered(
            lambda line: (
                line.kind == "deposit"
                and line.invoice_id
                and not line._is_credited_in_full()
            )
        )

    def _prepare_final_invoice_lines(self):
        """Return the order's own lines, less each deposit as it was posted.

        Each line is fixed to its amounts in the order: to round what is left of all of
        them would round the halves another way.
        """
        result = self._prepare_whole_invoice_lines(fixed=self._get_fixed_tax_data())
        result.append(
            {
                "display_type": "line_section",
                "name": self.env._("Less the deposits already invoiced"),
                "sequence": DEDUCTION_SEQUENCE,
            }
        )
        for deposit in self._get_deposits_to_deduct():
            for bucket in deposit._get_net_buckets():
                result.append(self._prepare_deduction(deposit.invoice_id, bucket))
        return result

    def _get_fixed_tax_data(self):
        """Return {order line: extra_tax_data} that fix the lines to their amounts.

        All of them or none: a line without a tax has nothing to fix it to, and core may
        have rounded the whole order in it.
        """
        account_tax = self.env["account.tax"]
        base_lines = self._get_rounded_base_lines()
        if not all(line["tax_details"]["taxes_data"] for line in base_lines):
            return {}
        account_tax._fix_base_lines_tax_details_on_manual_tax_amounts(
            base_lines, self.company_id
        )
        return {
            line["record"]: account_tax._export_base_line_extra_tax_data(line)
            for line in base_lines
        }

    def _prepare_deduction(self, invoice, bucket):
        """Return the line that deducts one set of taxes of a deposit invoice."""
        return {
            **self._prepare_fixed_line(bucket, -1.0),
            "name": self.env._(
                "Deposit %(invoice)s of %(date)s",
                invoice=invoice.name,
                date=self._format_document_date(invoice.invoice_date),
            ),
            "sequence": DEDUCTION_SEQUENCE + 1,
        }

    def _prepare_fixed_line(self, bucket, quantity):
        """Return an invoice line with exactly the amounts of a bucket."""
        taxes = self.env["account.tax"].browse(bucket["taxes"])
        charged = taxes.browse(int(tax) for tax in bucket["tax"] if tax.isdigit())
        included = charged.filtered("price_include").ids
        price = get_price(bucket, {str(tax_id) for tax_id in included})
        # Core adds up by order line what was invoiced: the first with these taxes.
        lines = self._get_priced_lines()
        line = (
            lines.filtered(lambda x: x.id == bucket["line"])
            or lines.filtered(lambda x: x.tax_ids == taxes)[:1]
        )
        if not line and bucket["line"] is not None:
            # None takes back what a removed line was charged at other rates.
            line = lines[:1]
        return {
            "display_type": "product",
            "sale_line_ids": [Command.link(line.id)] if line else [],
            "quantity": quantity,
            "price_unit": price,
            "tax_ids": [Command.set(taxes.ids)],
            "account_id": bucket["account"],
            "extra_tax_data": self._prepare_fixed_taxes(bucket, price, quantity),
        }

    def _prepare_fixed_taxes(self, bucket, price, quantity):
        """Return the ``extra_tax_data`` that fix a line to the amounts of a bucket.

        Amounts of different currency rates are converted by core, at that of the day.
        """
        fixed = {
            tax: {
                name: amount * quantity
                for name, amount in zip(FIXED_AMOUNTS, amounts, strict=True)
                if bucket["rate"] or name.endswith("_currency")
            }
            for tax, amounts in bucket["tax"].items()
            if tax.isdigit()
        }
        values = {
            "manual_total_excluded_currency": bucket["untaxed"][0] * quantity,
            "manual_tax_amounts": fixed,
            "currency_id": self.currency_id.id,
            "price_unit": price,
            "discount": 0.0,
            "quantity": quantity,
        }
        if bucket["rate"]:
            values["manual_total_excluded"] = bucket["untaxed"][1] * quantity
            values["rate"] = bucket["rate"]
        return fixed and values
