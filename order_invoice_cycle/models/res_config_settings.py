from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    cycle_default_payment_mode = fields.Selection(
        related="company_id.cycle_default_payment_mode", readonly=False
    )
    cycle_default_plan_id = fields.Many2one(
        related="company_id.cycle_default_plan_id", readonly=False
    )
    cycle_lead_days = fields.Integer(
        related="company_id.cycle_lead_days", readonly=False
    )
    cycle_min_payment_days = fields.Integer(
        related="company_id.cycle_min_payment_days", readonly=False
    )
    cycle_confirmation_days = fields.Integer(
        related="company_id.cycle_confirmation_days", readonly=False
    )
    cycle_auto_send_confirmation = fields.Boolean(
        related="company_id.cycle_auto_send_confirmation", readonly=False
    )
    cycle_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company currency"
    )
    cycle_code_amount = fields.Monetary(
        related="company_id.cycle_code_amount",
        currency_field="cycle_currency_id",
        readonly=False,
    )
    cycle_nudge_days = fields.Integer(
        related="company_id.cycle_nudge_days", readonly=False
    )
    cycle_nudge_expiry_days = fields.Integer(
        related="company_id.cycle_nudge_expiry_days", readonly=False
    )
    cycle_trace_days = fields.Integer(
        related="company_id.cycle_trace_days", readonly=False
    )
    cycle_allow_self_approval = fields.Boolean(
        related="company_id.cycle_allow_self_approval", readonly=False
    )
    cycle_remind_all_invoices = fields.Boolean(
        related="company_id.cycle_remind_all_invoices", readonly=False
    )
    cycle_renewal_notice_days = fields.Integer(
        related="company_id.cycle_renewal_notice_days", readonly=False
    )
