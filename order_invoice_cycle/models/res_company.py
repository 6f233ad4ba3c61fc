from odoo import api, fields, models

PAYMENT_MODES = [
    ("prepayment", "Prepayment"),
    ("after_completion", "After completion"),
    ("instalments", "Instalments"),
    ("recurring", "Recurring"),
]


class ResCompany(models.Model):
    _inherit = "res.company"

    cycle_default_payment_mode = fields.Selection(
        PAYMENT_MODES,
        string="Default payment mode",
        help="Payment mode of new orders. Empty: new orders stay outside the order "
        "cycle until somebody picks a payment mode.",
    )
    cycle_default_plan_id = fields.Many2one(
        "cycle.plan",
        string="Default payment plan",
        check_company=True,
        domain="[('company_id', 'in', (False, id))]",
        help="Fills the schedule of new orders whose payment mode is the plan's, "
        "unless the customer has a plan of their own.",
    )
    cycle_lead_days = fields.Integer(
        string="Draft invoices this many days before they are due",
        default=7,
        help="A scheduled payment becomes a draft invoice this many days before its "
        "due date. A payment plan may set its own number.",
    )
    cycle_min_payment_days = fields.Integer(
        string="Days to pay, at least",
        default=7,
        help="An invoice is never due earlier than this many days after the day it "
        "is published, even when it was scheduled earlier.",
    )
    cycle_confirmation_days = fields.Integer(
        string="Confirmation link is valid for (days)",
        default=30,
        help="After that many days the customer's link answers that it is no longer "
        "valid; a new one can be sent from the order.",
    )
    cycle_auto_send_confirmation = fields.Boolean(
        string="Send the link on approval",
        default=True,
        help="The customer receives the confirmation link as soon as the last "
        "approver has approved.",
    )
    cycle_code_amount = fields.Monetary(
        string="Ask for a code from this amount on",
        help="Who confirms an order of this total or more, in the company's currency "
        "and with taxes, also enters a code that is sent to the address of the link. "
        "0: never.",
    )
    cycle_nudge_days = fields.Integer(
        string="Remind of the link after (days)",
        default=3,
        help="A customer who has not answered by then is reminded of the link, once. "
        "0: never.",
    )
    cycle_nudge_expiry_days = fields.Integer(
        string="Remind of the link before it expires (days)",
        default=2,
        help="A customer who has not answered is reminded so many days before the link "
        "expires, once. 0: never.",
    )
    cycle_trace_days = fields.Integer(
        string="Keep IP address and browser for (days)",
        default=180,
        help="IP address and browser of a customer who confirms are personal data: "
        "they are erased that many days after the order has ended and is paid. The "
        "evidence stays valid without them.",
    )
    cycle_allow_self_approval = fields.Boolean(
        string="Allow approving one's own orders",
        help="Without it, neither the author of an order, nor its salesperson, nor "
        "who submitted it may approve it.",
    )
    cycle_remind_all_invoices = fields.Boolean(
        string="Remind about every overdue invoice",
        help="Also send reminders for customer invoices that did not come from an "
        "order of the order cycle.",
    )

    cycle_renewal_notice_days = fields.Integer(
        string="Tell customers about a renewal (days)",
        default=30,
        help="A customer is told about the renewal of a recurring order, with its new "
        "term and price, this many days before the last day for notice.",
    )

    _cycle_code_amount_not_negative = models.Constraint(
        "CHECK (cycle_code_amount >= 0)",
        "The amount from which a code is asked for cannot be negative; 0 switches it "
        "off.",
    )
    _cycle_nudge_days_not_negative = models.Constraint(
        "CHECK (cycle_nudge_days >= 0 AND cycle_nudge_expiry_days >= 0)",
        "The days of the reminders of a link cannot be negative; 0 switches them off.",
    )
    _cycle_trace_days_positive = models.Constraint(
        "CHECK (cycle_trace_days > 0)",
        "IP address and browser are kept for at least one day.",
    )
    _cycle_days_not_negative = models.Constraint(
        "CHECK (cycle_lead_days >= 0 AND cycle_min_payment_days >= 0"
        " AND cycle_renewal_notice_days >= 0 AND cycle_confirmation_days > 0)",
        "The lead days, the days to pay and the days before a renewal cannot be "
        "negative, and a confirmation "
        "link is valid for at least one day.",
    )

    def _cycle_today(self):
        """Return today's date where the company is.

        Called once per entry point; everything below is given the date.
        """
        return self._cycle_date(fields.Datetime.now())

    def _cycle_date(self, moment):
        """Return the date that a UTC datetime falls on where the company is."""
        self.ensure_one()
        timezone = self.sudo().partner_id.tz or self.env.user.tz or "UTC"
        local = self.with_context(tz=timezone)
        return fields.Datetime.context_timestamp(local, moment).date()

    @api.model
    def _cycle_lang(self, partner):
        """Return the language to write to ``partner`` in: an installed one."""
        return partner.lang or self.env.lang or self.env.company.partner_id.lang
