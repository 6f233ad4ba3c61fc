from collections import defaultdict
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date

from ..tools.weeks import LATER, OVERDUE, get_weeks, week_of
from .cycle_dashboard_receivable import LINE_VIEWS
from .cycle_dashboard_work import DRAFT_VIEWS, draft_amount

WEEKS = 13


class Source(NamedTuple):
    """Records that cash is expected from: as rows, and as the domain to open them."""

    key: str
    label: str
    rows: list  # of (date or False, amount in the dashboard's currency, count)
    model: str
    domain: Domain
    date_field: str
    views: dict | None = None


class CycleDashboard(models.AbstractModel):
    """Expected incoming cash by week; each amount is counted once.

    A scheduled payment counts until it has a draft, the draft until it is posted, the
    posted invoice with what is open of it, at each maturity.
    """

    _inherit = "cycle.dashboard"

    @api.model
    def _get_forecast(self, scope, facts):
        """Return what customers are expected to pay, and when.

        Claims by maturity, cycle drafts by their due date, dated scheduled payments of
        running orders. Payments and credit notes not allocated yet (tile ``credits``)
        are not taken off, since nobody has said of which invoice.

        :return: ``{"amount", "sources", "buckets"}``; ``sources`` are ``{"key",
            "label"}`` of what the user may read of ``posted``, ``drafts`` and
            ``planned``; the buckets are ``overdue``, the rest of this week, the
            following weeks (13 in all) and ``later`` (or without a date), each with
            ``key``, ``label``, ``date_from`` and ``date_to`` (ISO strings or False),
            ``amount`` and ``sources``: {source: tile} of those that have something
        """
        weeks = get_weeks(scope.today, WEEKS)
        buckets = self._prepare_buckets(weeks)
        sources = self._get_forecast_sources(scope, facts)
        for source in sources:
            self._fill_buckets(scope, buckets, weeks, source)
        for bucket in buckets.values():
            amount = sum(tile["amount"] for tile in bucket["sources"].values())
            bucket["amount"] = scope.currency.round(amount)
        amount = sum(bucket["amount"] for bucket in buckets.values())
        return {
            "amount": scope.currency.round(amount),
            "sources": [{"key": s.key, "label": s.label} for s in sources],
            "buckets": list(buckets.values()),
        }

    @api.model
    def _prepare_buckets(self, weeks):
        to_string = fields.Date.to_string
        rows = [(OVERDUE, self.env._("Overdue"), False, False)]
        rows += [
            (
                index,
                f"{format_date(self.env, first)} – {format_date(self.env, last)}",
                to_string(first),
                to_string(last),
            )
            for index, (first, last) in enumerate(weeks)
        ]
        rows.append((LATER, self.env._("Later"), False, False))
        return {
            index: {
                "key": index if index in (OVERDUE, LATER) else f"week_{index + 1}",
                "label": label,
                "date_from": first,
                "date_to": last,
                "sources": {},
            }
            for index, label, first, last in rows
        }

    @api.model
    def _get_forecast_sources(self, scope, facts):
        """Return where cash is expected from, as far as the user may read it.

        Another addon adds its own :class:`Source` to the list.
        """
        sources = []
        if "claims" in facts:
            sources.append(
                Source(
                    "posted",
                    self.env._("Posted invoices"),
                    [(row.date, row.amount, row.count) for row in facts["claims"]],
                    "account.move.line",
                    facts["open_domain"] & Domain("amount_residual", ">", 0),
                    "date_maturity",
                    LINE_VIEWS,
                )
            )
        if "drafts" in facts:
            sources.append(
                Source(
                    "drafts",
                    self.env._("Draft invoices"),
                    [
                        (draft.invoice_date_due, draft_amount(scope, draft), 1)
                        for draft in facts["drafts"]
                    ],
                    "account.move",
                    self._get_drafts_domain(scope),
                    "invoice_date_due",
                    DRAFT_VIEWS,
                )
            )
        if "payments" in facts:
            sources.append(
                Source(
                    "planned",
                    self.env._("Scheduled payments"),
                    [
                        (row.date, row.amount, row.count)
                        for row in facts["payments"]
                        if row.state != "held"
                    ],
                    "cycle.schedule.line",
                    self._get_expected_domain(scope),
                    "date_due",
                )
            )
        return sources

    @api.model
    def _fill_buckets(self, scope, buckets, weeks, source):
        totals = defaultdict(lambda: [0.0, 0])
        for date, amount, count in source.rows:
            total = totals[week_of(weeks, date)]
            total[0] += amount
            total[1] += count
        for index, (amount, count) in totals.items():
            bucket = buckets[index]
            name = self.env._(
                "%(what)s: %(when)s", what=source.label, when=bucket["label"]
            )
            dates = _get_dates_domain(weeks, index, source.date_field)
            action = self._prepare_action(
                name, source.model, source.domain & dates, source.views
            )
            bucket["sources"][source.key] = self._prepare_tile(
                scope, source.label, action, count, amount
            )


def _get_dates_domain(weeks, index, field):
    to_string = fields.Date.to_string
    if index == OVERDUE:
        return Domain(field, "<", to_string(weeks[0][0]))
    if index == LATER:
        last = to_string(weeks[-1][1])
        return Domain(field, "=", False) | Domain(field, ">", last)
    first, last = weeks[index]
    return Domain(field, ">=", to_string(first)) & Domain(field, "<=", to_string(last))
