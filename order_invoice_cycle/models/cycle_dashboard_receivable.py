from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain

from ..tools.weeks import get_weeks

DSO_DAYS = 90
LINE_VIEWS = {
    "list": "order_invoice_cycle.account_move_line_view_list_receivable",
    "kanban": "order_invoice_cycle.account_move_line_view_kanban_overdue",
    "search": "order_invoice_cycle.account_move_line_view_search_overdue",
}


class Claim(NamedTuple):
    """Receivable lines of one customer that are due on one day."""

    partner: object
    date: object
    amount: float
    count: int


class CycleDashboard(models.AbstractModel):
    """Figures of the receivable ledger: posted lines that are not reconciled.

    A positive residual is a *claim*; a negative one, a payment or credit note that is
    not allocated yet, a *credit*. Claims less credits are the ledger's balance.
    """

    _inherit = "cycle.dashboard"

    # === FACTS === #

    @api.model
    def _read_facts(self, scope):
        facts = super()._read_facts(scope)
        if not self._can_read_receivables():
            return facts
        # Looked up first: only then does PostgreSQL use core's index on lines that
        # are not reconciled.
        accounts = self._get_receivable_accounts(scope)
        lines = self._get_open_lines_domain(scope, accounts)
        return {
            **facts,
            "receivable_accounts": accounts,
            "open_domain": lines,
            "claims": self._read_claims(
                scope, lines & Domain("amount_residual", ">", 0)
            ),
            "credits": self._read_claims(
                scope, lines & Domain("amount_residual", "<", 0)
            ),
            "disputes": self._read_disputes(scope),
            "collected": self._read_collected(scope, accounts),
            "sales": self._read_sales(scope),
        }

    @api.model
    def _get_receivable_accounts(self, scope):
        accounts = self.env["account.account"].with_context(active_test=False)
        return accounts.search(
            Domain("account_type", "=", "asset_receivable")
            & Domain(accounts._check_company_domain(scope.companies))
        )

    @api.model
    def _get_line_filter_domain(self, scope):
        return scope.get_domain(user="move_id.invoice_user_id")

    @api.model
    def _get_open_lines_domain(self, scope, accounts):
        return (
            Domain("account_id", "in", accounts.ids)
            & Domain("parent_state", "=", "posted")
            & Domain("reconciled", "=", False)
            & Domain("amount_residual", "!=", 0)
            & self._get_line_filter_domain(scope)
        )

    @api.model
    def _read_claims(self, scope, domain):
        groups = self.env["account.move.line"]._read_group(
            domain,
            ["company_id", "partner_id", "date_maturity:day"],
            ["amount_residual:sum", "__count"],
        )
        return [
            Claim(partner, date, scope.convert(amount, company.currency_id), count)
            for company, partner, date, amount, count in groups
        ]

    @api.model
    def _get_disputes_domain(self, scope):
        return (
            Domain("state", "=", "open")
            & Domain("move_id.state", "=", "posted")
            & scope.get_domain(user="move_id.invoice_user_id")
        )

    @api.model
    def _read_disputes(self, scope):
        """Return the open disputes as claims, at the rates of their invoices."""
        groups = self.env["cycle.dispute"]._read_group(
            self._get_disputes_domain(scope), ["move_id"], ["amount:sum", "__count"]
        )
        return [
            Claim(
                move.commercial_partner_id,
                False,
                scope.convert(
                    amount / (move.invoice_currency_rate or 1.0),
                    move.company_currency_id,
                ),
                count,
            )
            for move, amount, count in groups
        ]

    @api.model
    def _get_collected_domain(self, scope, accounts):
        return (
            Domain("account_id", "in", accounts.ids)
            & Domain("parent_state", "=", "posted")
            & Domain("journal_id.type", "in", ("bank", "cash", "credit"))
            & Domain("date", ">=", to_iso(scope.today.replace(day=1)))
            & Domain("date", "<=", to_iso(scope.today))
            & self._get_line_filter_domain(scope)
        )

    @api.model
    def _read_collected(self, scope, accounts):
        """Return what bank and cash entries of this month took from receivables.

        None with a filter by salesperson, which payments do not have.
        """
        if scope.user_id:
            return None
        groups = self.env["account.move.line"]._read_group(
            self._get_collected_domain(scope, accounts),
            ["company_id"],
            ["balance:sum", "__count"],
        )
        return _total(scope, groups, sign=-1)

    @api.model
    def _get_sales_domain(self, scope):
        before = scope.today - timedelta(days=DSO_DAYS)
        return (
            Domain("move_type", "in", ("out_invoice", "out_refund"))
            & Domain("state", "=", "posted")
            & Domain("invoice_date", ">", to_iso(before))
            & Domain("invoice_date", "<=", to_iso(scope.today))
            & scope.get_domain(user="invoice_user_id")
        )

    @api.model
    def _read_sales(self, scope):
        groups = self.env["account.move"]._read_group(
            self._get_sales_domain(scope),
            ["company_id"],
            ["amount_total_signed:sum", "__count"],
        )
        return _total(scope, groups)

    # === TILES === #

    @api.model
    def _get_tiles(self, scope, facts):
        tiles = super()._get_tiles(scope, facts)
        if "claims" in facts:
            tiles.update(self._get_ledger_tiles(scope, facts))
            tiles["disputed"] = self._get_disputed_tile(scope, facts)
            tiles["dso"] = self._get_dso_tile(scope, facts)
            if facts["collected"]:
                tiles["collected"] = self._get_collected_tile(scope, facts)
        return tiles

    @api.model
    def _get_ledger_tiles(self, scope, facts):
        today = scope.today
        week_end = get_weeks(today, 1)[0][1]
        claims, credits = facts["claims"], facts["credits"]
        is_credit = Domain("amount_residual", "<", 0)
        overdue = [claim for claim in claims if claim.date and claim.date < today]
        this_week = [c for c in claims if c.date and today <= c.date <= week_end]
        tile = self._prepare_line_tile
        return {
            "open": tile(
                scope,
                facts,
                self.env._("Open receivables"),
                claims + credits,
                Domain.TRUE,
                note=self._get_credit_note(scope, credits),
            ),
            "overdue": tile(
                scope,
                facts,
                self.env._("Overdue"),
                overdue,
                is_claim() & due_between(None, today - timedelta(days=1)),
                tone="danger" if overdue else "success",
            ),
            "due_this_week": tile(
                scope,
                facts,
                self.env._("Due this week"),
                this_week,
                is_claim() & due_between(today, week_end),
            ),
            "credits": tile(
                scope, facts, self.env._("Not allocated yet"), credits, is_credit
            ),
        }

    @api.model
    def _prepare_line_tile(self, scope, facts, label, rows, domain, **values):
        """Return the tile of the open receivable lines of ``domain``."""
        action = self._prepare_action(
            label, "account.move.line", facts["open_domain"] & domain, LINE_VIEWS
        )
        amount = sum(row.amount for row in rows)
        count = sum(row.count for row in rows)
        return self._prepare_tile(scope, label, action, count, amount, **values)

    @api.model
    def _get_credit_note(self, scope, credits):
        if not credits:
            return ""
        return self.env._(
            "After %(amount)s of payments and credit notes not allocated yet",
            amount=scope.currency.format(-sum(credit.amount for credit in credits)),
        )

    @api.model
    def _get_disputed_tile(self, scope, facts):
        label = self.env._("Disputed")
        action = self._prepare_action(
            label, "cycle.dispute", self._get_disputes_domain(scope)
        )
        count = sum(row.count for row in facts["disputes"])
        return self._prepare_tile(
            scope,
            label,
            action,
            count,
            sum(row.amount for row in facts["disputes"]),
            tone="warning" if count else None,
        )

    @api.model
    def _get_collected_tile(self, scope, facts):
        label = self.env._("Collected this month")
        action = self._prepare_action(
            label,
            "account.move.line",
            self._get_collected_domain(scope, facts["receivable_accounts"]),
        )
        amount, count = facts["collected"]
        return self._prepare_tile(scope, label, action, count, amount)

    @api.model
    def _get_dso_tile(self, scope, facts):
        """Return the days sales outstanding, by the simple method.

        Open receivables (claims less credits) divided by what was invoiced in the
        last 90 days (posted customer invoices less credit notes, taxes included),
        times 90. It opens those invoices. Without sales there is no such number.
        """
        sales, count = facts["sales"]
        open_rows = facts["claims"] + facts["credits"]
        label = self.env._("Days sales outstanding")
        action = self._prepare_action(
            label,
            "account.move",
            self._get_sales_domain(scope),
            {"list": "account.view_out_invoice_tree"},
        )
        days = None
        if scope.currency.compare_amounts(sales, 0) > 0:
            days = round(sum(row.amount for row in open_rows) / sales * DSO_DAYS, 1)
        return self._prepare_tile(
            scope,
            label,
            action,
            count,
            days=days,
            note=self.env._(
                "Open receivables against %(sales)s invoiced in the last %(days)s days",
                sales=scope.currency.format(sales),
                days=DSO_DAYS,
            ),
        )


def is_claim():
    return Domain("amount_residual", ">", 0)


def due_between(first, last):
    """Return the domain of the lines due from ``first`` to ``last``, both optional."""
    domain = Domain.TRUE
    if first:
        domain &= Domain("date_maturity", ">=", to_iso(first))
    if last:
        domain &= Domain("date_maturity", "<=", to_iso(last))
    return domain


def _total(scope, groups, sign=1):
    """Return (sum, count) of (company, sum in its currency, count) groups."""
    amount = sum(
        scope.convert(total or 0.0, company.currency_id)
        for company, total, _count in groups
    )
    return sign * amount, sum(count for _company, _total, count in groups)


def to_iso(date):
    return fields.Date.to_string(date)
