import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..tools.terms import sha256
from .cycle_confirmation import LIVE

CRON = "order_invoice_cycle.ir_cron_nudge_confirmations"
EXPIRED_ACTIVITY = "order_invoice_cycle.mail_activity_type_link_expired"
OPEN_ORDERS = ("draft", "sent")


class CycleConfirmationToken(models.Model):
    """One more key to a link: that of a reminder, beside the one of the first mail.

    The customer may use whichever mail is at hand. A link sent again by sales replaces
    them all.
    """

    _name = "cycle.confirmation.token"
    _description = "Key of a Reminder's Link"

    confirmation_id = fields.Many2one(
        "cycle.confirmation", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="confirmation_id.company_id", store=True)
    token_sha256 = fields.Char(required=True, groups="base.group_system")

    _token_unique = models.UniqueIndex("(token_sha256)")


class CycleConfirmation(models.Model):
    """Nudges: who does not answer is reminded, twice at most; then the link expires."""

    _inherit = "cycle.confirmation"

    token_ids = fields.One2many(
        "cycle.confirmation.token", "confirmation_id", groups="base.group_system"
    )
    date_first_nudge = fields.Datetime(
        string="Reminded on",
        readonly=True,
        copy=False,
        help="When the reminder of a link that was not answered was put in the outbox.",
    )
    date_last_nudge = fields.Datetime(
        string="Reminded before expiry on", readonly=True, copy=False
    )

    # === JOB === #

    @api.model
    def _cron_nudge_confirmations(self, now=None):
        """Remind who has not answered, and close the links that have expired.

        :param datetime now: the time it counts as (UTC); the clock by default
        """
        now = now or fields.Datetime.now()

        def get_own_domain(model):
            return Domain("company_id", "=", model.env.company.id) & (
                Domain("job_retry_at", "=", False) | Domain("job_retry_at", "<=", now)
            )

        self._run_job(
            lambda model: model._get_expired_domain(now) & get_own_domain(model),
            lambda links: links._expire(),
            cron=CRON,
            order="date_expiry, id",
            group=lambda link: link.order_id,
        )
        self._run_job(
            lambda model: model._get_nudge_domain(now) & get_own_domain(model),
            lambda links: links._nudge(now),
            cron=CRON,
            order="date_sent, id",
        )
        self._run_job(
            lambda model: model._get_uncertified_domain(now) & get_own_domain(model),
            lambda confirmations: confirmations._archive_missing_certificates(),
            cron=CRON,
            batch_size=1,
        )

    @api.model
    def _get_unanswered_domain(self):
        """Return the domain of the links an answer is still awaited for."""
        return Domain([("state", "=", "sent"), ("order_id.state", "in", OPEN_ORDERS)])

    @api.model
    def _get_expired_domain(self, now):
        return self._get_unanswered_domain() & Domain("date_expiry", "<=", now)

    @api.model
    def _get_nudge_domain(self, now):
        """Return the domain of the links whose recipient is to be reminded now.

        :param datetime now: UTC; the days are those of the present company
        """
        company = self.env.company
        due = Domain.FALSE
        if company.cycle_nudge_days:
            waiting_since = now - timedelta(days=company.cycle_nudge_days)
            due |= Domain(
                [
                    ("date_first_nudge", "=", False),
                    ("date_last_nudge", "=", False),
                    ("date_sent", "<=", waiting_since),
                ]
            )
        if company.cycle_nudge_expiry_days:
            ends_by = now + timedelta(days=company.cycle_nudge_expiry_days)
            # Two mails on one day would be one too many.
            yesterday = now - timedelta(days=1)
            due |= Domain(
                [
                    ("date_last_nudge", "=", False),
                    ("date_expiry", "<=", ends_by),
                    ("date_sent", "<=", yesterday),
                ]
            ) & (
                Domain("date_first_nudge", "=", False)
                | Domain("date_first_nudge", "<=", yesterday)
            )
        return self._get_unanswered_domain() & Domain("date_expiry", ">", now) & due

    # === STEPS === #

    def _nudge(self, now):
        """Queue one reminder for each link; the same one is never queued again."""
        template = self.env.ref("order_invoice_cycle.mail_template_nudge")
        for link in self:
            days = link.company_id.cycle_nudge_expiry_days
            is_last = days and link.date_expiry <= now + timedelta(days=days)
            link.write({"date_last_nudge" if is_last else "date_first_nudge": now})
            self.env["cycle.message"]._queue(link, "nudge", template, link.partner_id)
        self._job_succeeded()

    def _expire(self):
        """Close links nobody answered in time, and tell the salesperson once."""
        for link in self._update_state("expired"):
            link._log_event("expired")
        for order, links in self.grouped("order_id").items():
            if not order.confirmation_ids.filtered(lambda link: link.state in LIVE):
                order._tell_expired(links)
        self._job_succeeded()

    # === TOKENS === #

    def _issue_token(self):
        # The link is sent anew: reminders of the old one lead nowhere any more.
        self.sudo().token_ids.unlink()
        return super()._issue_token()

    def _issue_nudge_token(self):
        """Make one more link to the same page; the first one keeps working."""
        self.ensure_one()
        token = secrets.token_urlsafe(32)
        self.env["cycle.confirmation.token"].sudo().create(
            {"confirmation_id": self.id, "token_sha256": sha256(token)}
        )
        return f"{self.company_id.get_base_url()}/order/confirm/{token}"

    @api.model
    def _find_by_token_hash(self, token_hash):
        confirmation = super()._find_by_token_hash(token_hash)
        if confirmation:
            return confirmation
        tokens = self.env["cycle.confirmation.token"].sudo()
        return tokens.search([("token_sha256", "=", token_hash)]).confirmation_id

    # === OUTBOX === #

    def _cycle_message_obstacle(self, message):
        obstacle = super()._cycle_message_obstacle(message)
        if obstacle or message.purpose != "nudge":
            return obstacle
        if self.state != "sent" or self.order_id.state not in OPEN_ORDERS:
            return self.env._("The order has been answered meanwhile.")
        if self.date_expiry <= fields.Datetime.now():
            return self.env._("The link has expired meanwhile.")
        return False

    def _cycle_message_render_context(self, message):
        if message.purpose != "nudge":
            return super()._cycle_message_render_context(message)
        url = self._issue_nudge_token()
        return {"cycle_url": url, "cycle_secret": url.rpartition("/")[2]}

    def _cycle_message_sent(self, message):
        result = super()._cycle_message_sent(message)
        if message.purpose == "nudge":
            self._lock_order()
            self._log_event("nudged", email=message.email_to)
        if message.purpose == "confirmation":
            # Sent again: its days begin anew, and so do the reminders.
            self.write({"date_first_nudge": False, "date_last_nudge": False})
        return result


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def _tell_expired(self, links):
        """Tell the salesperson that nobody has answered in time."""
        self.ensure_one()
        if self.activity_search([EXPIRED_ACTIVITY]):
            return
        order = self._in_our_language()
        order.activity_schedule(
            EXPIRED_ACTIVITY,
            note=order.env._(
                "Nobody answered version %(version)s: the link to %(emails)s has "
                "expired. Call the customer, then send the link again.",
                version=self.terms_version,
                emails=", ".join(links.mapped("email")),
            ),
            user_id=self._job_owner().id,
        )
