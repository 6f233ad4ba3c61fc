from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain

DAYS_AHEAD = 30
ORDER_VIEWS = {
    "list": "order_invoice_cycle.sale_order_view_list",
    "search": "order_invoice_cycle.sale_order_view_search",
}
DRAFT_VIEWS = {
    "list": "order_invoice_cycle.account_move_view_list_to_publish",
    "search": "order_invoice_cycle.account_move_view_search_to_publish",
}
ORDER_STAGES = ("to_approve", "awaiting_customer", "changes_requested")
# Fields of a draft that the figures are made of, fetched together.
DRAFT_FIELDS = ["amount_total_signed", "company_currency_id", "invoice_date_due"]


class Payments(NamedTuple):
    """Scheduled payments in one state that are due on one day."""

    state: str
    date: object
    amount: float
    count: int
    errors: int


class CycleDashboard(models.AbstractModel):
    """Figures of the work in progress: orders, scheduled payments, drafts, messages."""

    _inherit = "cycle.dashboard"

    # === FACTS === #

    @api.model
    def _read_facts(self, scope):
        facts = super()._read_facts(scope)
        if self.env["sale.order"].has_access("read"):
            facts["orders"] = self._read_orders(scope)
            facts["payments"] = self._read_payments(scope)
        if self._can_read_receivables():
            facts["drafts"] = self._read_drafts(scope)
        if not scope.user_id and not scope.currency_id:
            facts["messages"] = self._read_messages(scope)
        return facts

    @api.model
    def _get_orders_domain(self, scope, stages):
        return (
            Domain("payment_mode", "!=", False)
            & Domain("cycle_stage", "in", stages)
            & scope.get_domain()
        )

    @api.model
    def _read_orders(self, scope):
        """Return {stage: (amount, number of orders)}."""
        groups = self.env["sale.order"]._read_group(
            self._get_orders_domain(scope, ORDER_STAGES),
            ["cycle_stage", "currency_id"],
            ["amount_total:sum", "__count"],
        )
        orders = dict.fromkeys(ORDER_STAGES, (0.0, 0))
        for stage, currency, amount, count in groups:
            total, number = orders[stage]
            orders[stage] = total + scope.convert(amount, currency), number + count
        return orders

    @api.model
    def _get_expected_domain(self, scope):
        """Return the domain of the dated payments of running orders to come.

        Also of the next term of an order that renews; not of paused orders.
        """
        return (
            Domain("state", "in", ("planned", "waiting"))
            & Domain("date_due", "!=", False)
            & Domain("order_id.state", "=", "sale")
            & Domain("order_id.is_paused", "=", False)
            & scope.get_domain()
        )

    @api.model
    def _get_held_domain(self, scope):
        return Domain("state", "=", "held") & scope.get_domain()

    @api.model
    def _get_failed_domain(self, scope):
        return (
            self._get_expected_domain(scope) | self._get_held_domain(scope)
        ) & Domain("error", "!=", False)

    @api.model
    def _read_payments(self, scope):
        groups = self.env["cycle.schedule.line"]._read_group(
            self._get_expected_domain(scope) | self._get_held_domain(scope),
            ["state", "currency_id", "date_due:day"],
            ["amount_total:sum", "__count", "error:count"],
        )
        return [
            Payments(state, date, scope.convert(amount, currency), count, errors)
            for state, currency, date, amount, count, errors in groups
        ]

    @api.model
    def _get_drafts_domain(self, scope):
        return (
            Domain("state", "=", "draft")
            & Domain("move_type", "=", "out_invoice")
            & Domain("schedule_line_id", "!=", False)
            & scope.get_domain(user="invoice_user_id")
        )

    @api.model
    def _read_drafts(self, scope):
        """Return the drafts themselves, each with its date."""
        return self.env["account.move"].search_fetch(
            self._get_drafts_domain(scope), DRAFT_FIELDS
        )

    @api.model
    def _get_messages_domain(self, scope, state):
        return Domain("state", "=", state) & scope.get_domain()

    @api.model
    def _read_messages(self, scope):
        """Return {state: number} of the messages that wait for a decision."""
        groups = self.env["cycle.message"]._read_group(
            Domain("state", "in", ("failed", "uncertain")) & scope.get_domain(),
            ["state"],
            ["__count"],
        )
        return {"failed": 0, "uncertain": 0, **dict(groups)}

    # === TILES === #

    @api.model
    def _get_tiles(self, scope, facts):
        tiles = super()._get_tiles(scope, facts)
        if "orders" in facts:
            tiles.update(self._get_order_tiles(scope, facts["orders"]))
            tiles.update(self._get_payment_tiles(scope, facts["payments"]))
        if "drafts" in facts:
            tiles["to_publish"] = self._get_drafts_tile(scope, facts["drafts"])
        if "messages" in facts:
            tiles.update(self._get_message_tiles(scope, facts["messages"]))
        return tiles

    @api.model
    def _get_order_tiles(self, scope, orders):
        labels = {
            "to_approve": self.env._("Orders to approve"),
            "awaiting_customer": self.env._("Waiting for customer"),
            "changes_requested": self.env._("Changes requested"),
        }
        tiles = {}
        for stage, (amount, count) in orders.items():
            action = self._prepare_action(
                labels[stage],
                "sale.order",
                self._get_orders_domain(scope, (stage,)),
                ORDER_VIEWS,
            )
            tiles[stage] = self._prepare_tile(
                scope, labels[stage], action, count, amount
            )
        return tiles

    @api.model
    def _get_payment_tiles(self, scope, payments):
        last_day = scope.today + timedelta(days=DAYS_AHEAD)
        soon = Domain("date_due", "<=", fields.Date.to_string(last_day))
        held = [row for row in payments if row.state == "held"]
        upcoming = [
            row for row in payments if row.state != "held" and row.date <= last_day
        ]
        errors = sum(row.errors for row in payments)
        return {
            "scheduled": self._prepare_payment_tile(
                scope,
                self.env._("Scheduled, next %s days", DAYS_AHEAD),
                self._get_expected_domain(scope) & soon,
                sum(row.count for row in upcoming),
                sum(row.amount for row in upcoming),
            ),
            "held": self._prepare_payment_tile(
                scope,
                self.env._("Payments on hold"),
                self._get_held_domain(scope),
                sum(row.count for row in held),
                sum(row.amount for row in held),
                tone="warning" if held else None,
            ),
            "errors": self._prepare_payment_tile(
                scope,
                self.env._("Drafts that failed"),
                self._get_failed_domain(scope),
                errors,
                tone="danger" if errors else None,
            ),
        }

    @api.model
    def _prepare_payment_tile(self, scope, label, domain, count, amount=None, **values):
        action = self._prepare_action(label, "cycle.schedule.line", domain)
        return self._prepare_tile(scope, label, action, count, amount, **values)

    @api.model
    def _get_drafts_tile(self, scope, drafts):
        """Return the drafts as one figure: the list behind it judges each of them."""
        label = self.env._("Drafts to publish")
        domain = self._get_drafts_domain(scope)
        action = self._prepare_action(label, "account.move", domain, DRAFT_VIEWS)
        amount = sum(draft_amount(scope, draft) for draft in drafts)
        return self._prepare_tile(scope, label, action, len(drafts), amount)

    @api.model
    def _get_message_tiles(self, scope, messages):
        labels = {
            "failed": self.env._("E-mails that failed"),
            "uncertain": self.env._("E-mails in doubt"),
        }
        return {
            f"messages_{state}": self._prepare_tile(
                scope,
                labels[state],
                self._prepare_action(
                    labels[state],
                    "cycle.message",
                    self._get_messages_domain(scope, state),
                ),
                count,
                tone="danger" if count else None,
            )
            for state, count in messages.items()
        }


def draft_amount(scope, draft):
    """Return a draft's total in the dashboard's currency."""
    return scope.convert(draft.amount_total_signed, draft.company_currency_id)
