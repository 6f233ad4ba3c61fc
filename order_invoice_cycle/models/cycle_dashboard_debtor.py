from collections import defaultdict
from datetime import timedelta

from odoo import api, models
from odoo.fields import Domain

from ..tools.ageing import BUCKETS, bucket
from .cycle_dashboard_receivable import due_between, is_claim

TOP_CUSTOMERS = 10


class CycleDashboard(models.AbstractModel):
    """Who owes what, and for how long: receivables by age and by customer."""

    _inherit = "cycle.dashboard"

    @api.model
    def _get_lists(self, scope, facts):
        lists = super()._get_lists(scope, facts)
        if "claims" in facts:
            lists["ageing"] = self._get_ageing(scope, facts)
            lists["customers"] = self._get_customers(scope, facts)
        return lists

    @api.model
    def _get_ageing(self, scope, facts):
        labels = {
            "not_due": self.env._("Not due yet"),
            "d1_30": self.env._("1–30 days"),
            "d31_60": self.env._("31–60 days"),
            "d61_90": self.env._("61–90 days"),
            "d91_plus": self.env._("Over 90 days"),
        }
        rows = defaultdict(list)
        for claim in facts["claims"]:
            days = (scope.today - claim.date).days if claim.date else 0
            rows[bucket(days)].append(claim)
        return [
            {
                "key": name,
                **self._prepare_line_tile(
                    scope,
                    facts,
                    labels[name],
                    rows[name],
                    is_claim() & _days_overdue(scope.today, first, last),
                ),
            }
            for name, first, last in BUCKETS
        ]

    @api.model
    def _get_customers(self, scope, facts):
        """Return the customers who owe most: open, overdue, disputed."""
        by_partner = defaultdict(lambda: {"open": [], "overdue": [], "disputed": []})
        for row in facts["claims"] + facts["credits"]:
            by_partner[row.partner]["open"].append(row)
        for row in facts["claims"]:
            if row.date and row.date < scope.today:
                by_partner[row.partner]["overdue"].append(row)
        for row in facts["disputes"]:
            by_partner[row.partner]["disputed"].append(row)
        owed = {
            partner: scope.currency.round(sum(row.amount for row in rows["open"]))
            for partner, rows in by_partner.items()
        }
        debtors = [partner for partner in by_partner if owed[partner] > 0]
        debtors.sort(key=owed.get, reverse=True)
        debtors = debtors[:TOP_CUSTOMERS]
        names = self._get_customer_names([partner.id for partner in debtors])
        return [
            {
                "partner_id": partner.id,
                "name": names.get(partner.id) or self.env._("Without a customer"),
                **self._get_customer_tiles(scope, facts, partner, by_partner[partner]),
            }
            for partner in debtors
        ]

    @api.model
    def _get_customer_names(self, partner_ids):
        partners = self.env["res.partner"].with_context(active_test=False)
        found = partners.search_fetch([("id", "in", partner_ids)], ["display_name"])
        return {partner.id: partner.display_name for partner in found}

    @api.model
    def _get_customer_tiles(self, scope, facts, partner, rows):
        is_customer = Domain("partner_id", "=", partner.id)
        past = is_claim() & due_between(None, scope.today - timedelta(days=1))
        disputed = self.env._("Disputed")
        disputes = self._prepare_action(
            disputed,
            "cycle.dispute",
            self._get_disputes_domain(scope)
            & Domain("move_id.commercial_partner_id", "=", partner.id),
        )
        return {
            "open": self._prepare_line_tile(
                scope, facts, self.env._("Open"), rows["open"], is_customer
            ),
            "overdue": self._prepare_line_tile(
                scope, facts, self.env._("Overdue"), rows["overdue"], is_customer & past
            ),
            "disputed": self._prepare_tile(
                scope,
                disputed,
                disputes,
                sum(row.count for row in rows["disputed"]),
                sum(row.amount for row in rows["disputed"]),
            ),
        }


def _days_overdue(today, first, last):
    """Return the domain of the lines ``first`` to ``last`` days overdue."""
    if first is None:
        return Domain("date_maturity", "=", False) | due_between(today, None)
    return due_between(
        last is not None and today - timedelta(days=last),
        today - timedelta(days=first),
    )
