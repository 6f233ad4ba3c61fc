from odoo import api, fields, models
from odoo.fields import Domain

# Who may see what a customer owes.
RECEIVABLE_GROUPS = (
    "order_invoice_cycle.group_cycle_approver,"
    "account.group_account_invoice,account.group_account_readonly"
)


class CycleApproval(models.Model):
    """What an approver needs to know to decide, for a whole list at once."""

    _inherit = "cycle.approval"

    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )
    amount_open = fields.Monetary(
        string="Customer owes",
        currency_field="company_currency_id",
        compute="_compute_amount_open",
        groups=RECEIVABLE_GROUPS,
        help="What is open of posted invoices, less open credits and payments.",
    )
    amount_overdue = fields.Monetary(
        string="Overdue",
        currency_field="company_currency_id",
        compute="_compute_amount_open",
        groups=RECEIVABLE_GROUPS,
        help="What is open of posted invoices past their due date.",
    )
    discount_max = fields.Float(
        string="Largest discount (%)",
        compute="_compute_discount_max",
        help="On a line, with what lines below zero take off the whole order.",
    )
    margin_percent = fields.Float(string="Margin", compute="_compute_margin_percent")
    changes = fields.Text(
        string="Changed since the last approval", compute="_compute_changes"
    )
    changes_html = fields.Html(string="What changed", compute="_compute_changes")

    def _compute_amount_open(self):
        # In sudo: an approver needs the sums, not the right to read invoices.
        approvals = self.sudo()
        for company, group in approvals.grouped("company_id").items():
            customers = group.partner_id.commercial_partner_id
            today = company._cycle_today()
            open_amounts = self._get_receivables(company, customers, Domain.TRUE)
            overdue = self._get_receivables(
                company,
                customers,
                Domain("date_maturity", "<", today) & Domain("amount_residual", ">", 0),
            )
            for approval in group:
                customer = approval.partner_id.commercial_partner_id
                own = approval.with_env(self.env)
                own.amount_open = open_amounts.get(customer, 0.0)
                own.amount_overdue = overdue.get(customer, 0.0)

    @api.model
    def _get_receivables(self, company, customers, domain):
        """Return {commercial partner: open amount in the company's currency}."""
        rows = (
            self.env["account.move.line"]
            .sudo()
            ._read_group(
                Domain("company_id", "=", company.id)
                & Domain("account_type", "=", "asset_receivable")
                & Domain("parent_state", "=", "posted")
                & Domain("reconciled", "=", False)
                & Domain("partner_id", "child_of", customers.ids)
                & domain,
                ["partner_id"],
                ["amount_residual:sum"],
            )
        )
        result = {}
        for partner, amount in rows:
            customer = partner.commercial_partner_id
            result[customer] = result.get(customer, 0.0) + amount
        return result

    def _compute_discount_max(self):
        for approval in self:
            approval.discount_max = approval.sudo().order_id._get_largest_discount()

    def _compute_margin_percent(self):
        shown = self._has_margin()
        for approval in self:
            order = approval.sudo().order_id
            approval.margin_percent = order["margin_percent"] if shown else 0.0

    @api.model
    def _has_margin(self):
        """Tell whether margins are computed here: the app Margins is installed."""
        return "margin_percent" in self.env["sale.order"]._fields

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """Leave the margin out where nothing computes it."""
        arch, view = super()._get_view(view_id, view_type, **options)
        if not self._has_margin():
            for node in arch.xpath("//field[@name='margin_percent']"):
                node.getparent().remove(node)
        return arch, view

    def _compute_changes(self):
        orders = self.env["sale.order"]
        versions = self.sudo().order_id._get_approved_versions()
        pairs = {}
        for approval in self.sudo():
            earlier = [
                terms
                for version, terms in versions.get(approval.order_id.id, ())
                if version < approval.version
            ]
            if earlier and approval.terms_json:
                pairs[approval.id] = (earlier[-1], approval.terms_json)
        rows = orders._get_terms_change_rows_by_key(pairs)
        for approval in self:
            own = rows.get(approval.id)
            approval.changes = own and orders._get_terms_change_text(own)
            approval.changes_html = own and orders._render_terms_changes(own)
