from odoo import fields, models
from odoo.fields import Domain


class ResPartner(models.Model):
    """A customer, with what the order cycle knows of the whole company."""

    _inherit = "res.partner"

    cycle_order_count = fields.Integer(
        string="Cycle Orders",
        compute="_compute_cycle_order_count",
        groups="order_invoice_cycle.group_cycle_user,sales_team.group_sale_salesman",
    )
    cycle_amount_overdue = fields.Monetary(
        string="Overdue",
        compute="_compute_cycle_amount_overdue",
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Open amount past its due date, in the company's currency.",
    )
    cycle_dispute_count = fields.Integer(
        string="Open Disputes",
        compute="_compute_cycle_dispute_count",
        groups="order_invoice_cycle.group_cycle_user,"
        "account.group_account_invoice,account.group_account_readonly",
    )

    cycle_plan_id = fields.Many2one(
        "cycle.plan",
        string="Payment plan",
        company_dependent=True,
        groups="order_invoice_cycle.group_cycle_user,sales_team.group_sale_salesman",
        help="New orders of this customer begin with this plan and its payment mode.",
    )

    # === COMPUTES === #

    def _compute_cycle_order_count(self):
        for partner in self:
            partner.cycle_order_count = self.env["sale.order"].search_count(
                partner._get_cycle_orders_domain()
            )

    def _compute_cycle_amount_overdue(self):
        for partner in self:
            rows = self.env["account.move.line"]._read_group(
                partner._get_cycle_overdue_domain(),
                aggregates=["amount_residual:sum_currency"],
            )
            partner.cycle_amount_overdue = rows[0][0] or 0.0

    def _compute_cycle_dispute_count(self):
        for partner in self:
            partner.cycle_dispute_count = self.env["cycle.dispute"].search_count(
                partner._get_cycle_partner_domain() & Domain("state", "=", "open")
            )

    # === DOMAINS === #

    def _get_cycle_partner_domain(self):
        """Return the domain of documents of this partner and of those below it."""
        self.ensure_one()
        return Domain("partner_id", "child_of", self.ids)

    def _get_cycle_orders_domain(self):
        return self._get_cycle_partner_domain() & Domain("payment_mode", "!=", False)

    def _get_cycle_overdue_domain(self):
        today = self.env.company._cycle_today()
        return (
            self._get_cycle_partner_domain()
            & Domain("account_type", "=", "asset_receivable")
            & Domain("parent_state", "=", "posted")
            & Domain("move_type", "=", "out_invoice")
            & Domain("reconciled", "=", False)
            & Domain("amount_residual", ">", 0)
            & Domain("date_maturity", "<", fields.Date.to_string(today))
        )

    # === BUTTONS === #

    def action_view_cycle_orders(self):
        """Open the cycle orders of this customer."""
        return self._get_cycle_action(
            "sale_order_action", self._get_cycle_orders_domain()
        )

    def action_view_cycle_overdue(self):
        """Open what this customer owes past its due date."""
        return self._get_cycle_action(
            "account_move_line_action_overdue", self._get_cycle_overdue_domain()
        )

    def action_view_cycle_disputes(self):
        """Open the disputes of this customer."""
        return self._get_cycle_action(
            "cycle_dispute_action", self._get_cycle_partner_domain()
        )

    def _get_cycle_action(self, name, domain):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            f"order_invoice_cycle.{name}"
        )
        return {**action, "domain": list(domain), "context": {}}
