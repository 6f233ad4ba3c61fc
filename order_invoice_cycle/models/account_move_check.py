from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import email_normalize, format_date, html2plaintext
from odoo.tools.date_utils import end_of, start_of

PLACES = ("street", "city", "country_id")


class AccountMove(models.Model):
    """Checking: what is unusual about a draft of the cycle, before it is published."""

    _inherit = "account.move"

    publish_check_state = fields.Selection(
        [("green", "Ready"), ("amber", "Look at it"), ("red", "Cannot be published")],
        string="Check",
        compute="_compute_publish_check",
        search="_search_publish_check_state",
    )
    publish_check_note = fields.Text(
        string="What is unusual", compute="_compute_publish_check"
    )

    @api.depends(
        "state",
        "amount_total",
        "amount_tax",
        "currency_id",
        "invoice_line_ids.tax_ids",
        "journal_id.active",
        "partner_id.email",
        "partner_id.vat",
        "partner_id.country_id",
        "partner_id.street",
        "partner_id.city",
        "schedule_line_id.amount_total",
        "schedule_line_id.date_due",
    )
    def _compute_publish_check(self):
        # In superuser mode: who reads an invoice need not read its order.
        findings = self.sudo()._get_publish_findings()
        for move in self:
            found = findings.get(move, [])
            colours = [colour for colour, _text in found]
            move.publish_check_state = (
                "red" if "red" in colours else "amber" if colours else "green"
            )
            move.publish_check_note = "\n".join(text for _colour, text in found)

    @api.model
    def _search_publish_check_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        drafts = self.search(self._get_to_publish_domain())
        return [
            ("id", "in", drafts.filtered(lambda m: m.publish_check_state in value).ids)
        ]

    @api.model
    def _get_to_publish_domain(self):
        """Return the domain of the drafts that wait to be published."""
        return Domain("state", "=", "draft") & Domain("schedule_line_id", "!=", False)

    # === FINDINGS === #

    def _get_publish_findings(self, today=None):
        """Return what is unusual about drafts, {move: [(colour, sentence)]}.

        What has to be searched for is searched for once for all of them. Other addons
        add their own findings to the lists.

        :param date today: the day of the check, by default each company's today
        """
        drafts = self.filtered(lambda move: move.state == "draft")
        drafts = drafts.filtered("schedule_line_id")
        repeated = drafts._get_repeated_amounts()
        unprinted = drafts._get_companies_without_printed_vat()
        return {
            move: [
                *move._get_order_findings(),
                *move._get_deposit_findings(),
                *move._get_amount_findings(),
                *move._get_tax_findings(),
                *move._get_repetition_findings(repeated[move]),
                *move._get_customer_findings(),
                *move._get_company_findings(unprinted),
                *move._get_date_findings(today or move.company_id._cycle_today()),
            ]
            for move in drafts
        }

    def _get_order_findings(self):
        """Tell about an invoice that was reset to draft after its order had ended."""
        # In superuser mode: the order may be one that the user cannot see.
        order = self.sudo().schedule_line_id.order_id
        if order.state == "sale":
            return []
        text = self.env._(
            "Order %s is not running: publish it only if it is owed all the same.",
            order.name,
        )
        return [("amber", text)]

    def _get_deposit_findings(self):
        """Tell about the invoice of a payment request whose payment is gone again."""
        # In superuser mode: not everybody who bills reads payments.
        line = self.sudo().schedule_line_id
        if not line.deposit_payment_id or line._is_paid_by_payment():
            return []
        if self.posted_before:
            # It was issued: another payment may have paid it since.
            text = self.env._(
                "Payment %(payment)s, for which it was drafted, was cancelled.",
                payment=line.deposit_payment_id.display_name,
            )
            return [("amber", text)]
        text = self.env._(
            "Payment %(payment)s, for which it was drafted, was cancelled. Delete or "
            "cancel this draft and release “%(line)s”: then its payment is asked for "
            "again.",
            payment=line.deposit_payment_id.display_name,
            line=line.display_name,
        )
        return [("red", text)]

    def _get_amount_findings(self):
        findings = []
        currency, total = self.currency_id, self.amount_total
        planned = self.schedule_line_id.amount_total
        last = self.schedule_line_id._get_previous_period().invoice_id
        agreed = self.schedule_line_id.currency_id
        if currency != agreed:
            text = self.env._(
                "It is in %(currency)s, the order is in %(agreed)s: choose this "
                "currency, and a journal that has it.",
                currency=currency.name,
                agreed=agreed.name,
            )
            findings.append(("red", text))
        if currency.compare_amounts(total, 0) <= 0:
            colour = "amber" if currency.is_zero(total) else "red"
            text = self.env._("Its total is %s.", currency.format(total))
            findings.append((colour, text))
        if currency.compare_amounts(total, planned):
            text = self.env._(
                "Its total is %(total)s, the confirmed schedule says %(planned)s.",
                total=currency.format(total),
                planned=currency.format(planned),
            )
            findings.append(("amber", text))
        if last and currency.compare_amounts(total, last.amount_total):
            text = self.env._(
                "Its total is %(total)s, the one of the period before %(last)s.",
                total=currency.format(total),
                last=currency.format(last.amount_total),
            )
            findings.append(("amber", text))
        return findings

    def _get_tax_findings(self):
        """Compare the taxes of each line with those the customer confirmed."""
        for line in self.invoice_line_ids:
            agreed = line.sale_line_ids.tax_ids
            if line.sale_line_ids and line.tax_ids != agreed:
                text = self.env._(
                    "“%(line)s” is taxed with %(now)s, the order says %(agreed)s.",
                    line=(line.name or "").partition("\n")[0],
                    now=self._get_tax_names(line.tax_ids),
                    agreed=self._get_tax_names(agreed),
                )
                return [("amber", text)]
        planned = self.schedule_line_id.amount_tax
        if self.currency_id.compare_amounts(self.amount_tax, planned):
            text = self.env._(
                "Its tax is %(tax)s, the confirmed schedule says %(planned)s.",
                tax=self.currency_id.format(self.amount_tax),
                planned=self.currency_id.format(planned),
            )
            return [("amber", text)]
        return []

    def _get_tax_names(self, taxes):
        return ", ".join(taxes.mapped("name")) or self.env._("no tax")

    def _get_repetition_findings(self, others):
        """Tell about invoices with this amount to this customer in the same month."""
        if not others:
            return []
        text = self.env._(
            "%(customer)s has another invoice over %(total)s in the same month: "
            "%(others)s.",
            customer=self.commercial_partner_id.display_name,
            total=self.currency_id.format(self.amount_total),
            others=", ".join(
                other.name or other.schedule_line_id.display_name or self.env._("Draft")
                for other in others
            ),
        )
        return [("amber", text)]

    def _get_customer_findings(self):
        findings = []
        partner, payer = self.partner_id, self.commercial_partner_id
        if not all(partner[place] for place in PLACES):
            text = self.env._(
                "The address of %s lacks the street, city or country that an invoice "
                "must show.",
                partner.display_name,
            )
            findings.append(("red", text))
        if not email_normalize(partner.email or ""):
            text = self.env._("%s has no valid e-mail address.", partner.display_name)
            findings.append(("amber", text))
        is_foreign = payer.country_id != self.company_id.country_id
        if payer.is_company and is_foreign and not payer.vat:
            text = self.env._(
                "%s is a foreign business without a VAT number.", payer.display_name
            )
            findings.append(("amber", text))
        elif payer.is_company and not payer.vat:
            text = self.env._("%s has no VAT number.", payer.display_name)
            findings.append(("amber", text))
        return findings

    def _get_company_findings(self, unprinted):
        """Tell what is wrong with the seller: its VAT number, and the journal."""
        findings = []
        company = self.company_id
        if not company.vat:
            text = self.env._("Your own company has no VAT number.")
            findings.append(("amber", text))
        elif company in unprinted:
            text = self.env._(
                "Your VAT number %(vat)s is not printed on the invoice: add it to the "
                "company details of the document layout.",
                vat=company.vat,
            )
            findings.append(("amber", text))
        if not self.journal_id.active:
            text = self.env._(
                "The journal “%s” is archived: choose another one, or restore it.",
                self.journal_id.name,
            )
            findings.append(("red", text))
        return findings

    def _get_date_findings(self, today):
        findings = []
        # What was posted before keeps its dates.
        day = (self.posted_before and self.invoice_date) or today
        if self._get_violated_lock_dates(day, bool(self.amount_tax)):
            text = self.env._(
                "The period of %s is locked: ask your accountant.",
                format_date(self.env, day),
            )
            findings.append(("red", text))
        date_due = self.schedule_line_id.date_due
        if date_due and date_due < today and not self.posted_before:
            text = self.env._(
                "It was planned for %s; it will be due some days after it is "
                "published.",
                format_date(self.env, date_due),
            )
            findings.append(("amber", text))
        return findings

    # === SEARCHED FOR ONCE === #

    def _get_repeated_amounts(self):
        """Return other invoices of the same customer, amount and month, by move.

        The month of a draft is the one it is due in. The payments of one order differ
        by their periods, so they are not repetitions of each other.
        """
        result = defaultdict(self.browse)
        if not self:
            return result
        others = self.sudo().search(
            Domain("move_type", "=", "out_invoice")
            & Domain("state", "!=", "cancel")
            & Domain("company_id", "in", self.company_id.ids)
            & Domain("commercial_partner_id", "in", self.commercial_partner_id.ids)
            & Domain("amount_total", "in", list(set(self.mapped("amount_total"))))
            & self._get_months_domain()
        )
        by_key = others.grouped(lambda move: move._get_repetition_key())
        for move in self:
            found = by_key.get(move._get_repetition_key(), self.browse()) - move
            result[move] = found.filtered(
                lambda other, move=move: (
                    not other.cycle_order_id
                    or other.cycle_order_id != move.cycle_order_id
                )
            )
        return result

    def _get_month_day(self):
        return self.invoice_date or self.invoice_date_due or self.date

    def _get_repetition_key(self):
        day = self._get_month_day()
        return (
            self.company_id,
            self.commercial_partner_id,
            self.currency_id,
            round(self.amount_total, self.currency_id.decimal_places),
            (day.year, day.month) if day else None,
        )

    def _get_months_domain(self):
        days = [day for move in self if (day := move._get_month_day())]
        if not days:
            return Domain.FALSE
        first, last = start_of(min(days), "month"), end_of(max(days), "month")
        return Domain.OR(
            Domain(field, ">=", first) & Domain(field, "<=", last)
            for field in ("invoice_date", "invoice_date_due")
        )

    def _get_companies_without_printed_vat(self):
        """Return the companies whose documents do not show their VAT number.

        Core's layouts print the company details and the footer as they were written.
        """
        return self.company_id.filtered(
            lambda company: company.vat and not _is_printed(company.sudo())
        )


def _is_printed(company):
    """Tell whether the VAT number of a company is in what its documents print."""
    texts = (company.company_details, company.report_footer, company.report_header)
    printed = _squeeze(" ".join(html2plaintext(text or "") for text in texts))
    vat = _squeeze(company.vat)
    # At home a number is often written without the country it begins with.
    return vat in printed or (vat[:2].isalpha() and vat[2:] in printed)


def _squeeze(text):
    return "".join(char for char in text.upper() if char.isalnum())
