from datetime import date

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

FILTERS = ("company_ids", "currency_id", "user_id", "partner_id", "today")


class Scope:
    """What one look at the dashboard is about: a day, companies and filters.

    Amounts of all companies and currencies are told in one currency, that of the
    first company.
    """

    def __init__(self, env, today, companies, currency_id, user_id, partner_id):
        self.env = env
        self.companies = companies
        self.company = companies[0]
        self.currency = self.company.currency_id
        self.today = today or self.company._cycle_today()
        self.currency_id = currency_id
        self.user_id = user_id
        self.partner_id = partner_id
        self._rates = {}

    def convert(self, amount, currency):
        """Return ``amount`` in the dashboard's currency, at the day's rate, unrounded.

        :param float amount: in ``currency``
        :param currency: ``res.currency``
        """
        if currency not in self._rates:
            self._rates[currency] = currency._get_conversion_rate(
                currency, self.currency, self.company, self.today
            )
        return amount * self._rates[currency]

    def get_domain(self, currency="currency_id", user="user_id", partner="partner_id"):
        """Return the domain of the companies and filters.

        :param str currency: path to the currency of a record
        :param str user: path to its salesperson
        :param str partner: path to its customer, who counts with all contacts
        """
        domain = Domain("company_id", "in", self.companies.ids)
        if self.currency_id:
            domain &= Domain(currency, "=", self.currency_id)
        if self.user_id:
            domain &= Domain(user, "=", self.user_id)
        if self.partner_id:
            path = f"{partner}.commercial_partner_id"
            domain &= Domain(path, "=", self.partner_id)
        return domain


class CycleDashboard(models.AbstractModel):
    """The figures of the order cycle, read under the user's own access rights.

    Facts are read in few grouped queries, whatever the number of records, and each
    figure comes with the window action that opens the records it is the sum of.
    Other addons add tiles in :meth:`_get_tiles`.
    """

    _name = "cycle.dashboard"
    _description = "Order Cycle Dashboard"

    @api.model
    @api.readonly
    def get_data(self, filters=None):
        """Return all figures of the dashboard.

        Amounts are in the currency of the (first) company and come from the ledger's
        company-currency amounts; orders and scheduled payments are converted at the
        rate of the day. What the user may not read is left out.

        :param dict filters: all optional: ``company_ids`` (of the allowed companies,
            by default all the user works in at present), ``currency_id`` and
            ``user_id`` (salesperson) of the documents, ``partner_id`` (customer with
            all contacts), ``today`` (date or ISO string; by default the company's)
        :return: a dict with

            - ``today``, ``currency_id`` (of the amounts)
            - ``sections``: list of ``{"key", "label", "tiles": [keys]}``
            - ``tiles``: ``{key: tile}``; a tile has ``label``, ``count``, ``action``
              and, where it applies, ``amount``, ``days``, ``tone``, ``note``
            - ``ageing``: list of tiles by days overdue, only with accounting access;
              they and the tile ``credits`` add up to the tile ``open``
            - ``customers``: the ten customers who owe most, likewise
            - ``forecast``: expected cash, see :meth:`_get_forecast`
        :raise AccessError: for anybody who is not a user of the order cycle
        :raise UserError: for an unknown filter or an impossible value
        """
        self._check_is_cycle_user()
        scope = self._get_scope(filters or {})
        facts = self._read_facts(scope)
        tiles = self._get_tiles(scope, facts)
        return {
            "today": fields.Date.to_string(scope.today),
            "currency_id": scope.currency.id,
            "sections": self._get_sections(tiles),
            "tiles": tiles,
            "forecast": self._get_forecast(scope, facts),
            **self._get_lists(scope, facts),
        }

    # === ACCESS AND FILTERS === #

    @api.model
    def _check_is_cycle_user(self):
        if not self.env.user.has_group("order_invoice_cycle.group_cycle_user"):
            raise AccessError(
                self.env._(
                    "The dashboard is for users of the order cycle. Ask your "
                    "administrator for the role “User” of the order cycle."
                )
            )

    @api.model
    def _can_read_receivables(self):
        """Tell whether the user reads the whole receivable ledger.

        Sales people read only their own invoices and no payments, so what they would
        be shown would not be what customers owe.
        """
        return self.env.user.has_groups(
            "account.group_account_readonly,account.group_account_invoice"
        )

    @api.model
    def _get_scope(self, filters):
        unknown = set(filters) - set(FILTERS)
        if unknown:
            raise UserError(
                self.env._(
                    "The dashboard has no filter “%(name)s”; it has %(known)s.",
                    name=", ".join(sorted(map(str, unknown))),
                    known=", ".join(FILTERS),
                )
            )
        partner_id = self._get_filter_id(filters, "partner_id")
        partner = self.env["res.partner"].browse(partner_id).exists()
        return Scope(
            self.env,
            self._get_filter_date(filters),
            self._get_filter_companies(filters),
            self._get_filter_id(filters, "currency_id"),
            self._get_filter_id(filters, "user_id"),
            partner.commercial_partner_id.id or partner_id,
        )

    @api.model
    def _get_filter_id(self, filters, name):
        value = filters.get(name) or False
        if value and type(value) is not int:
            self._refuse_filter(name, value)
        return value

    @api.model
    def _get_filter_date(self, filters):
        value = filters.get("today") or False
        if value and not isinstance(value, (str, date)):
            self._refuse_filter("today", value)
        try:
            return fields.Date.to_date(value)
        except ValueError:
            self._refuse_filter("today", value)

    @api.model
    def _get_filter_companies(self, filters):
        ids = filters.get("company_ids") or self.env.companies.ids
        if not isinstance(ids, list) or any(type(value) is not int for value in ids):
            self._refuse_filter("company_ids", ids)
        foreign = set(ids) - set(self.env.companies.ids)
        if foreign:
            raise AccessError(
                self.env._(
                    "You do not work in all the companies asked for (%(ids)s). Choose "
                    "them in the company switcher first.",
                    ids=", ".join(map(str, sorted(foreign))),
                )
            )
        return self.env.companies.filtered(lambda company: company.id in ids)

    @api.model
    def _refuse_filter(self, name, value):
        raise UserError(
            self.env._(
                "“%(value)s” is not a possible value of the filter “%(name)s”.",
                value=value,
                name=name,
            )
        )

    # === FIGURES === #

    @api.model
    def _read_facts(self, scope):
        """Return what the figures are made of, {name: rows}, each read once.

        A name is missing when the user may not read those records.
        """
        return {}

    @api.model
    def _get_tiles(self, scope, facts):
        """Return the tiles, {key: tile}; pure, from ``facts``."""
        return {}

    @api.model
    def _get_lists(self, scope, facts):
        """Return the further lists of figures, {name: list}; pure, from ``facts``."""
        return {}

    @api.model
    def _get_sections(self, tiles):
        """Return the tiles' order on the screen, without the absent ones."""
        sections = [
            {
                "key": "money",
                "label": self.env._("Money"),
                "tiles": [
                    "open",
                    "overdue",
                    "due_this_week",
                    "disputed",
                    "collected",
                    "dso",
                ],
            },
            {
                "key": "work",
                "label": self.env._("Work in progress"),
                "tiles": [
                    "to_approve",
                    "awaiting_customer",
                    "to_publish",
                    "scheduled",
                ],
            },
            {
                "key": "attention",
                "label": self.env._("Needs a person"),
                "tiles": [
                    "changes_requested",
                    "held",
                    "errors",
                    "messages_failed",
                    "messages_uncertain",
                ],
            },
        ]
        for section in sections:
            section["tiles"] = [key for key in section["tiles"] if key in tiles]
        return [section for section in sections if section["tiles"]]

    # === BUILDING BLOCKS === #

    @api.model
    def _prepare_tile(self, scope, label, action, count, amount=None, **values):
        """Return one figure.

        :param str label: what it is
        :param dict action: opens the records behind it
        :param int count: their number
        :param float amount: their sum in the dashboard's currency, unrounded; None for
            a figure that is no money
        :param values: ``tone`` (``danger``, ``warning``, ``success``), ``note``,
            ``days``
        """
        tile = {"label": label, "count": count, "action": action, **values}
        if amount is not None:
            # Plus zero, so that nothing shows as minus zero.
            tile["amount"] = scope.currency.round(amount) + 0.0
        return tile

    @api.model
    def _prepare_action(self, name, model, domain, views=None):
        """Return the window action of the records of ``domain``.

        :param dict views: xml ids of the ``list``, ``kanban`` and ``search`` views,
            by default the model's first ones
        """

        def view_id(kind):
            xmlid = views and views.get(kind)
            return bool(xmlid) and self.env["ir.model.data"]._xmlid_to_res_id(xmlid)

        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "list,kanban,form",
            "views": [
                (view_id("list"), "list"),
                (view_id("kanban"), "kanban"),
                (False, "form"),
            ],
            "search_view_id": (view_id("search"), "search"),
            "domain": list(domain),
            "context": {"create": False},
            "target": "current",
        }
