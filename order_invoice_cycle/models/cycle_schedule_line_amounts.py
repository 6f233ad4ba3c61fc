from odoo import models
from odoo.fields import Command


class CycleScheduleLine(models.Model):
    """What is given with a draft invoice so that core need not look for it.

    Core computes every one of these values by itself, invoice by invoice, when they
    are missing, and checks the amounts when they are given: so they cannot make an
    invoice wrong, they only save its queries.
    """

    _inherit = "cycle.schedule.line"

    def _complete_invoices(self, invoices, company):
        """Add to the values of invoices what core would compute for each of them.

        :param list invoices: values of ``account.move``, changed in place
        :param company: the ``res.company`` of all of them
        """
        has_models = self._has_analytic_models(company)
        for values in invoices:
            lines = []
            for _command, _id, line in values["invoice_line_ids"]:
                if line.get("display_type", "product") == "product":
                    lines.append(line)
                else:
                    # A heading has none; core writes so to each, one by one.
                    line.update(balance=0.0, amount_currency=0.0)
            if not has_models:
                for line in lines:
                    # The order line's own; core asks the models for each line.
                    line.setdefault("analytic_distribution", self._get_analytic(line))
            if values["currency_id"] == company.currency_id.id:
                self._give_journal_amounts(values, lines, company)

    def _has_analytic_models(self, company):
        """Tell whether some analytic model may apply to a line of the company."""
        models_ = self.env["account.analytic.distribution.model"].sudo()
        domain = models_._check_company_domain(company)
        return bool(models_.search_count(domain, limit=1))

    def _get_analytic(self, values):
        links = [link[1] for link in values.get("sale_line_ids") or [] if link[1]]
        order_line = self.env["sale.order.line"].browse(links[:1])
        return order_line.sudo().analytic_distribution or False

    def _give_journal_amounts(self, values, lines, company):
        """Give the product lines of an invoice in the company's currency their amounts.

        The same steps as ``account.move._sync_tax_lines``, which writes to every line
        whose amounts are missing.

        :param dict values: the invoice
        :param list lines: the values of its product lines, changed in place
        """
        account_tax = self.env["account.tax"].with_company(company)
        base_lines = [
            self._prepare_invoice_base_line(account_tax, values, line, company)
            for line in lines
        ]
        account_tax._add_tax_details_in_base_lines(base_lines, company)
        account_tax._round_base_lines_tax_details(base_lines, company)
        account_tax._add_accounting_data_in_base_lines_tax_details(base_lines, company)
        for line, base_line in zip(lines, base_lines, strict=True):
            details = base_line["tax_details"]
            untaxed = details["total_excluded"] + details["delta_total_excluded"]
            tags = base_line["tax_tag_ids"].ids
            line.update(
                balance=-untaxed,
                amount_currency=-untaxed,
                tax_tag_ids=[Command.set(tags)],
            )

    def _prepare_invoice_base_line(self, account_tax, values, line, company):
        """Return the base line of one product line of an invoice to be created."""
        taxes = [
            tax_id
            for command in line.get("tax_ids") or []
            for tax_id in (command[2] or [command[1]])
            if tax_id
        ]
        return account_tax._prepare_base_line_for_taxes_computation(
            {},
            product_id=self.env["product.product"].browse(line.get("product_id")),
            product_uom_id=self.env["uom.uom"].browse(line.get("product_uom_id")),
            tax_ids=account_tax.browse(taxes),
            price_unit=line.get("price_unit", 0.0),
            quantity=line.get("quantity", 1.0),
            discount=line.get("discount", 0.0),
            currency_id=company.currency_id,
            partner_id=self.env["res.partner"].browse(values["partner_id"]),
            extra_tax_data=line.get("extra_tax_data"),
            rate=1.0,
            sign=-1,
            special_mode=False,
        )
