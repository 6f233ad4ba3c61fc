import json
from textwrap import shorten

from odoo import api, fields, models
from odoo.tools import float_repr, format_date, formatLang

from ..tools.terms_changes import compare_terms

# Terms that name a record by its id, and of what model it is.
NAMED = {
    "company": "res.company",
    "customer": "res.partner",
    "payment_term": "account.payment.term",
    "price_index": "cycle.price.index",
    "product": "product.product",
    "unit": "uom.uom",
    "taxes": "account.tax",
}
AMOUNTS = {"amount_untaxed", "amount_tax", "amount_total", "amount", "price_unit"}
NUMBERS = {"quantity", "discount", "percent", "price_change"}
DATES = {"service_start", "service_end", "due"}


class SaleOrder(models.Model):
    """Differences between two versions of the terms, as text for people."""

    _inherit = "sale.order"

    cycle_changes = fields.Html(
        string="What changed",
        compute="_compute_cycle_changes",
        groups="base.group_user",
        help="Differences to the version that was approved last.",
    )

    @api.model
    def _get_terms_change_rows(self, old, new):
        """Return what differs between two snapshots, readable in the user's language.

        :param str old: canonical JSON of the earlier terms
        :param str new: canonical JSON of the later terms
        :return: list of dicts of text: ``where`` (line or payment, or empty),
            ``what``, ``old``, ``new`` (empty when there was, or is, none), and
            ``term``, the name of what differs as in the terms
        """
        return self._get_terms_change_rows_by_key({None: (old, new)})[None]

    @api.model
    def _get_terms_change_rows_by_key(self, pairs):
        """Return the rows of many pairs at once, with one query per kind of name.

        :param dict pairs: {key: (old snapshot, new snapshot)}
        :return: {key: rows}, see :meth:`_get_terms_change_rows`
        """
        parsed = {
            key: (json.loads(old), json.loads(new)) for key, (old, new) in pairs.items()
        }
        changes = {key: compare_terms(*pair) for key, pair in parsed.items()}
        names = self._get_terms_names([c for group in changes.values() for c in group])
        names["currencies"] = self._get_terms_currencies(parsed.values())
        labels = self._get_terms_labels()
        return {
            key: [
                {
                    "term": change.what,
                    "where": change.where,
                    "what": labels.get(change.what, change.what.replace("_", " ")),
                    "old": self._format_term(change.what, change.old, old, names),
                    "new": self._format_term(change.what, change.new, new, names),
                }
                for change in changes[key]
            ]
            for key, (old, new) in parsed.items()
        }

    @api.model
    def _get_terms_currencies(self, pairs):
        """Return {code: currency} of the terms."""
        codes = {terms.get("currency") for pair in pairs for terms in pair}
        currencies = self.env["res.currency"].with_context(active_test=False)
        return currencies.search([("name", "in", list(codes))]).grouped("name")

    @api.model
    def _get_terms_change_text(self, rows):
        """Return rows of differences as a short text: a line for each place.

        Of the totals only the one that includes taxes: the others follow it.
        """
        places = {}
        for row in rows:
            if row["term"] not in ("amount_untaxed", "amount_tax") or row["where"]:
                places.setdefault(row["where"], []).append(
                    self.env._(
                        "%(what)s %(old)s → %(new)s",
                        what=row["what"],
                        old=row["old"] or "–",
                        new=row["new"] or "–",
                    )
                )
        return "\n".join(
            ": ".join(
                filter(None, [shorten(where, 40, placeholder="…"), ", ".join(texts)])
            )
            for where, texts in places.items()
        )

    @api.model
    def _get_terms_names(self, changes):
        """Return {(model, id): name} of every record that the differences name."""
        wanted = {}
        for change in changes:
            for terms in self._get_changed_terms(change):
                for term, model in NAMED.items():
                    value = terms.get(term) or []
                    ids = value if isinstance(value, list) else [value]
                    wanted.setdefault(model, set()).update(ids)
        names = {}
        for model, ids in wanted.items():
            # In sudo: only names, of what the reader's own order is made of.
            records = self.env[model].sudo().with_context(active_test=False)
            for record in records.search([("id", "in", list(ids))]):
                names[model, record.id] = record.display_name
        return names

    @api.model
    def _get_changed_terms(self, change):
        """Return the terms of a difference as dicts: of a whole line, or of one."""
        if change.what in ("line", "payment"):
            return [change.old or change.new]
        return [{change.what: change.old}, {change.what: change.new}]

    # === VALUES === #

    @api.model
    def _format_term(self, what, value, terms, names):
        """Return the value of one term as text."""
        if value in (None, ""):
            return ""
        if what in ("line", "payment"):
            return self._format_whole(what, value, terms, names)
        if what in ("line_order", "payment_order"):
            return ", ".join(name.splitlines()[0] for name in value if name)
        if what in NAMED:
            return self._format_named(what, value, names)
        if what in AMOUNTS:
            return self._format_terms_amount(value, terms, names)
        if what in NUMBERS:
            return formatLang(self.env, float(value), digits=2)
        if what in DATES:
            return format_date(self.env, value)
        if what == "delay":
            return self._format_delay(value)
        if isinstance(value, bool):
            return self.env._("yes") if value else self.env._("no")
        return self._get_terms_selection(what).get(value, str(value))

    @api.model
    def _format_whole(self, what, value, terms, names):
        """Return a line or payment that was added or removed in a few words."""
        if what == "payment":
            if "percent" in value:
                return f"{formatLang(self.env, float(value['percent']), digits=2)} %"
            if "amount" in value:
                return self._format_terms_amount(value["amount"], terms, names)
            return self.env._("the rest")
        if value["kind"] != "product":
            return value["name"]
        return self.env._(
            "%(quantity)s × %(price)s",
            quantity=formatLang(self.env, float(value["quantity"]), digits=2),
            price=self._format_terms_amount(value["price_unit"], terms, names),
        )

    @api.model
    def _format_named(self, what, value, names):
        ids = value if isinstance(value, list) else [value]
        gone = self.env._("deleted")
        model = NAMED[what]
        return ", ".join(names.get((model, i), f"#{i} ({gone})") for i in ids if i)

    @api.model
    def _format_terms_amount(self, value, terms, names):
        """Return an amount in the currency of the terms, with the digits it has."""
        amount, code = float(value), terms.get("currency", "")
        currency = names["currencies"].get(code)
        if currency and amount == float(float_repr(amount, currency.decimal_places)):
            return currency.format(amount)
        return f"{value.rstrip('0')} {code}"

    @api.model
    def _format_delay(self, value):
        number, unit, day = value
        if not number:
            text = self.env._("at once")
        elif unit == "month":
            text = self.env._("after %s months", number)
        else:
            text = self.env._("after %s days", number)
        return self.env._("%(text)s, day %(day)s", text=text, day=day) if day else text

    @api.model
    def _get_terms_selection(self, what):
        """Return {value: label} of a term that is a choice."""
        fields_by_term = {
            "payment_mode": ("sale.order", "payment_mode"),
            "unit": ("sale.order", "recurrence_unit"),
            "trigger": ("cycle.schedule.line", "trigger"),
            "kind": ("cycle.schedule.line", "kind"),
            "deposit_document": ("sale.order", "deposit_document"),
        }
        if what not in fields_by_term:
            return {}
        model, name = fields_by_term[what]
        return dict(self.env[model]._fields[name]._description_selection(self.env))

    @api.model
    def _get_terms_labels(self):
        return {
            "amount": self.env._("Amount"),
            "amount_tax": self.env._("Taxes"),
            "amount_total": self.env._("Total"),
            "amount_untaxed": self.env._("Untaxed amount"),
            "auto_renew": self.env._("Renews itself"),
            "company": self.env._("Company"),
            "currency": self.env._("Currency"),
            "customer": self.env._("Customer"),
            "day": self.env._("Periods begin on day"),
            "delay": self.env._("Due"),
            "deposit_document": self.env._("Prepayment asked for by"),
            "discount": self.env._("Discount (%)"),
            "due": self.env._("Due date"),
            "in_advance": self.env._("Paid in advance"),
            "interval": self.env._("Every"),
            "kind": self.env._("Kind"),
            "line": self.env._("Line"),
            "line_order": self.env._("Order of the lines"),
            "name": self.env._("Description"),
            "notice_days": self.env._("Days of notice"),
            "payment": self.env._("Payment"),
            "payment_mode": self.env._("Payment mode"),
            "payment_order": self.env._("Order of the payments"),
            "payment_term": self.env._("Payment terms"),
            "percent": self.env._("Share (%)"),
            "periods_per_term": self.env._("Periods per term"),
            "price_change": self.env._("Price change at renewal (%)"),
            "price_index": self.env._("Price index"),
            "price_unit": self.env._("Unit price"),
            "product": self.env._("Product"),
            "quantity": self.env._("Quantity"),
            "service_end": self.env._("Service end"),
            "service_start": self.env._("Service start"),
            "taxes": self.env._("Taxes"),
            "terms_text": self.env._("Terms text"),
            "trigger": self.env._("Due by"),
            "unit": self.env._("Unit"),
        }

    # === SINCE THE LAST APPROVAL === #

    @api.depends("terms_hash", "terms_version", "approval_ids.state")
    def _compute_cycle_changes(self):
        approved = self._get_approved_versions()
        for order in self:
            versions = order.payment_mode and approved.get(order._origin.id)
            order.cycle_changes = versions and order._render_terms_changes(
                self._get_terms_change_rows(versions[-1][1], order._get_terms_json())
            )

    def _get_approved_versions(self):
        """Return the versions that everybody who was asked has approved.

        :return: {order id: [(version, canonical JSON)]}, the oldest first
        """
        decisions = {}
        for approval in (
            self.env["cycle.approval"]
            .sudo()
            .search([("order_id", "in", self._origin.ids)], order="version, id")
        ):
            key = (approval.order_id.id, approval.version)
            decisions.setdefault(key, []).append(approval)
        result = {}
        for (order, version), approvals in decisions.items():
            terms = approvals[0].terms_json
            if terms and all(approval.state == "approved" for approval in approvals):
                result.setdefault(order, []).append((version, terms))
        return result

    @api.model
    def _render_terms_changes(self, rows):
        """Return differences as an HTML table, empty when there are none."""
        return rows and self.env["ir.qweb"]._render(
            "order_invoice_cycle.cycle_terms_changes", {"rows": rows}
        )
