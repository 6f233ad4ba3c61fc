import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import email_normalize, format_date

from ..tools.terms import sha256


class CycleRenewal(models.Model):
    """One renewal of one recurring order: what was announced, and what came of it.

    The customer is told the new term and its price, with a link to refuse. Price and
    dates are fixed by the announcement; nobody edits them. The link's token is made
    while the mail is being sent and only its SHA-256 is kept.
    """

    _name = "cycle.renewal"
    _inherit = [
        "cycle.state.mixin",
        "cycle.job.mixin",
        "cycle.message.source",
    ]
    _description = "Renewal of a Recurring Order"
    _job_error_field = "job_error"
    _job_retry_field = "job_retry_at"
    _order = "order_id desc, term_number desc, id desc"

    order_id = fields.Many2one(
        "sale.order", required=True, index=True, ondelete="restrict", readonly=True
    )
    company_id = fields.Many2one(related="order_id.company_id", store=True)
    user_id = fields.Many2one(related="order_id.user_id")
    currency_id = fields.Many2one(related="order_id.currency_id")
    term_number = fields.Integer(string="Term", required=True, readonly=True)
    date_start = fields.Date(string="From", required=True, readonly=True)
    date_end = fields.Date(string="Until", required=True, readonly=True)
    date_cancel_by = fields.Date(
        string="Notice by",
        required=True,
        readonly=True,
        help="The last day on which the customer may refuse.",
    )
    date_index = fields.Date(
        required=True,
        readonly=True,
        help="The last day whose index entries are in the price.",
    )
    price_index_id = fields.Many2one(
        "cycle.price.index",
        string="Index",
        readonly=True,
        help="The index that the price follows, if there is one.",
    )
    index_entry_ids = fields.Many2many(
        "cycle.price.index.entry",
        string="Index entries",
        readonly=True,
        help="The entries that this renewal applies; no other one does.",
    )
    price_factor = fields.Float(digits=(16, 12), required=True, readonly=True)
    amount_untaxed = fields.Monetary(string="Untaxed per period", readonly=True)
    amount_tax = fields.Monetary(string="Taxes per period", readonly=True)
    amount_total = fields.Monetary(string="Price per period", readonly=True)
    amount_total_before = fields.Monetary(string="Price before", readonly=True)
    state = fields.Selection(
        [
            ("announced", "Announced"),
            ("renewed", "Renewed"),
            ("refused", "Refused"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        default="announced",
        index=True,
        readonly=True,
    )
    _transitions = {
        "announced": {"renewed", "refused", "cancelled"},
        # Notice that arrived in time was recorded late; or the order was cancelled and
        # is offered again from an earlier term on.
        "renewed": {"refused", "cancelled"},
    }
    date_sent = fields.Datetime(string="Customer told", readonly=True)
    date_decided = fields.Date(string="Decided on", readonly=True)
    decided_name = fields.Char(string="Decided by", readonly=True)
    decided_user_id = fields.Many2one("res.users", readonly=True)
    decided_ip = fields.Char(
        string="IP address",
        readonly=True,
        groups="order_invoice_cycle.group_cycle_manager",
        help="Address the answer came from; erased after the company's retention time.",
    )
    decided_user_agent = fields.Char(
        string="Browser",
        readonly=True,
        groups="order_invoice_cycle.group_cycle_manager",
    )
    job_error = fields.Text(string="Failure of a job", readonly=True, copy=False)
    job_retry_at = fields.Datetime(readonly=True, copy=False)
    token_sha256 = fields.Char(groups="base.group_system", copy=False)

    _token_unique = models.UniqueIndex("(token_sha256) WHERE token_sha256 IS NOT NULL")
    _renewed_once = models.UniqueIndex(
        "(order_id, term_number) WHERE state IN ('announced', 'renewed')",
        "This term of the order has already been announced.",
    )

    @api.depends("order_id.name", "term_number")
    def _compute_display_name(self):
        for renewal in self:
            renewal.display_name = self.env._(
                "%(order)s, term %(term)s",
                order=renewal.order_id.name,
                term=renewal.term_number,
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        raise UserError(
            self.env._("Renewals are kept as evidence and cannot be deleted.")
        )

    # === TEXTS === #

    def _get_price_text(self):
        """Return the price of the term in one sentence, and how it changed."""
        self.ensure_one()
        currency = self.currency_id
        price = currency.format(self.amount_total)
        if not currency.compare_amounts(self.amount_total, self.amount_total_before):
            return self.env._(
                "%(price)s per period, taxes included, as before", price=price
            )
        return self.env._(
            "%(price)s per period, taxes included, instead of %(before)s",
            price=price,
            before=currency.format(self.amount_total_before),
        )

    def _get_announcement_text(self, is_late):
        """Return what the chatter says about the announcement."""
        self.ensure_one()
        values = {
            "term": self.term_number,
            "start": format_date(self.env, self.date_start),
            "end": format_date(self.env, self.date_end),
            "price": self._get_price_text(),
            "day": format_date(self.env, self.date_cancel_by),
        }
        if is_late:
            return self.env._(
                "The last day for notice, %(day)s, has passed before the customer "
                "could be told: term %(term)s, %(start)s to %(end)s, %(price)s.",
                **values,
            )
        return self.env._(
            "Renewal announced: term %(term)s, %(start)s to %(end)s, %(price)s. Notice "
            "by %(day)s.",
            **values,
        )

    # === TOKEN === #

    def _issue_token(self):
        """Make a new link and return it; links made before stop working."""
        self.ensure_one()
        token = secrets.token_urlsafe(32)
        self.sudo().token_sha256 = sha256(token)
        return f"{self.company_id.get_base_url()}/order/renewal/link/{token}"

    @api.model
    def _find_by_token(self, token):
        """Return the renewal a token opens, in superuser mode; else empty.

        :param token: whatever the visitor sent; anything but a token opens nothing
        """
        renewals = self.sudo().browse()
        if (
            not isinstance(token, str)
            or not token.isascii()
            or not 20 <= len(token) <= 100
        ):
            return renewals
        return renewals.search([("token_sha256", "=", sha256(token))], limit=1)

    # === OUTBOX === #

    def _get_recipient(self):
        """Return who is told: whoever confirmed the order, else its customer."""
        self.ensure_one()
        confirmed = self.order_id._get_valid_confirmation().partner_id
        has_address = confirmed.active and email_normalize(confirmed.email or "")
        return confirmed if has_address else self.order_id.partner_id

    def _send(self):
        """Queue the mail that tells the customer."""
        template = self.env.ref("order_invoice_cycle.mail_template_renewal")
        for renewal in self:
            self.env["cycle.message"]._queue(
                renewal, "renewal", template, renewal._get_recipient()
            )

    def _acknowledge(self):
        """Queue the mail that tells the customer that the order ends, and when."""
        template = self.env.ref("order_invoice_cycle.mail_template_renewal_refused")
        for renewal in self:
            self.env["cycle.message"]._queue(
                renewal, "renewal_refused", template, renewal._get_recipient()
            )

    def _cycle_message_obstacle(self, message):
        if message.purpose == "renewal_refused":
            if self.order_id.date_notice_given:
                return False
            return self.env._("The notice was withdrawn: nothing to acknowledge.")
        if self.state in ("refused", "cancelled"):
            return self.env._("The order is not renewed: nothing to announce.")
        return False

    def _cycle_message_render_context(self, message):
        if message.purpose == "renewal_refused":
            return super()._cycle_message_render_context(message)
        url = self._issue_token()
        return {"cycle_url": url, "cycle_secret": url.rpartition("/")[2]}

    def _cycle_message_sent(self, message):
        if message.purpose == "renewal":
            self.date_sent = message.date_sent

    def _cycle_message_failed(self, message):
        if message.purpose == "renewal":
            # Also when it came back: nobody was told.
            self.date_sent = False

    # === ERASING === #

    def _job_document(self):
        return self.order_id

    @api.model
    def _get_traces_to_erase_domain(self, now):
        """Return the domain of the renewals whose answer's trace is kept no longer.

        :param datetime now: the time it counts as (UTC)
        """
        kept_since = now - timedelta(days=self.env.company.cycle_trace_days)
        needed = self.env["sale.order"]._get_evidence_needed_domain(kept_since)
        return Domain.AND(
            [
                [("company_id", "=", self.env.company.id)],
                [("date_decided", "<", kept_since.date())],
                Domain("order_id", "not any", needed),
                Domain("decided_ip", "!=", False)
                | Domain("decided_user_agent", "!=", False),
                Domain("job_retry_at", "=", False) | Domain("job_retry_at", "<=", now),
            ]
        )

    def _erase_traces(self):
        """Erase from where and with what the customers answered."""
        self.write({"decided_ip": False, "decided_user_agent": False})
        self._job_succeeded()
