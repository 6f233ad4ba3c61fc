import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ..tools.terms import sha256
from .cycle_job_mixin import CONTESTED

LIVE = ("pending", "sent")
TURN_ATTEMPTS = 10


class CycleConfirmation(models.Model):
    """One recipient's unique link to one version of an order, and what came of it.

    The link's token is made while the mail is being sent and only its SHA-256 is
    kept. The first recipient who confirms wins; a changed order supersedes the link.
    """

    _name = "cycle.confirmation"
    _inherit = ["cycle.state.mixin", "cycle.message.source", "cycle.job.mixin"]
    _job_error_field = "job_error"
    _job_retry_field = "job_retry_at"
    _description = "Customer Confirmation"
    _order = "id desc"
    _rec_name = "email"

    order_id = fields.Many2one(
        "sale.order", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(related="order_id.company_id", store=True)
    user_id = fields.Many2one(related="order_id.user_id")
    partner_id = fields.Many2one("res.partner", string="Recipient", required=True)
    email = fields.Char(required=True)
    version = fields.Integer(required=True)
    terms_hash = fields.Char(string="Terms", required=True)
    state = fields.Selection(
        [
            ("pending", "To be sent"),
            ("sent", "Waiting for the customer"),
            ("commented", "Comments received"),
            ("confirmed", "Confirmed"),
            ("declined", "Declined"),
            ("expired", "Expired"),
            ("revoked", "Revoked"),
            ("superseded", "Superseded"),
        ],
        required=True,
        default="pending",
        index=True,
    )
    _transitions = {
        "pending": {
            "sent",
            "commented",
            "confirmed",
            "declined",
            "expired",
            "revoked",
            "superseded",
        },
        "sent": {
            "commented",
            "confirmed",
            "declined",
            "expired",
            "revoked",
            "superseded",
        },
    }
    channel = fields.Selection(
        [
            ("online", "Online"),
            ("phone", "Phone"),
            ("email", "E-mail"),
            ("paper", "Paper"),
            ("in_person", "In person"),
        ],
        required=True,
        default="online",
    )
    date_sent = fields.Datetime(readonly=True)
    date_viewed = fields.Datetime(readonly=True)
    date_expiry = fields.Datetime(string="Valid until", readonly=True)
    date_decided = fields.Datetime(readonly=True)
    decided_name = fields.Char(string="Decided by", readonly=True)
    decided_email = fields.Char(readonly=True)
    comment = fields.Text(readonly=True)
    reason = fields.Text(string="Reason (on behalf)", readonly=True)
    attachment_ids = fields.Many2many(
        "ir.attachment", string="Proof", readonly=True, bypass_search_access=True
    )
    event_ids = fields.One2many("cycle.confirmation.event", "confirmation_id")
    job_error = fields.Text(string="Failure of a job", readonly=True, copy=False)
    job_retry_at = fields.Datetime(readonly=True, copy=False)
    token_sha256 = fields.Char(groups="base.group_system", copy=False)

    _token_unique = models.UniqueIndex("(token_sha256) WHERE token_sha256 IS NOT NULL")
    _confirmed_once = models.UniqueIndex(
        "(order_id, version) WHERE state = 'confirmed'",
        "This version of the order has already been confirmed.",
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        raise UserError(
            self.env._("Confirmations are kept as evidence and cannot be deleted.")
        )

    # === BUTTONS === #

    def action_revoke(self):
        """Make the links useless at once."""
        self.order_id.check_access("write")
        for confirmation in self.sudo()._update_state("revoked"):
            confirmation._log_event("revoked", user_id=self.env.uid)

    # === TOKEN === #

    def _issue_token(self):
        """Make a new link and return it; links made before stop working."""
        self.ensure_one()
        token = secrets.token_urlsafe(32)
        self.sudo().token_sha256 = sha256(token)
        if self.state == "pending":
            # Counted anew when the mail server says that it took the link.
            self.date_expiry = self._get_expiry(fields.Datetime.now())
        return f"{self.company_id.get_base_url()}/order/confirm/{token}"

    @api.model
    def _find_by_token(self, token):
        """Return the confirmation a token opens, in superuser mode; else empty.

        :param token: whatever the visitor sent; anything but a token opens nothing
        """
        confirmations = self.sudo()
        if (
            not isinstance(token, str)
            or not token.isascii()
            or not 20 <= len(token) <= 100
        ):
            return confirmations
        return confirmations._find_by_token_hash(sha256(token))

    @api.model
    def _find_by_token_hash(self, token_hash):
        return self.search([("token_sha256", "=", token_hash)], limit=1)

    def _is_open(self):
        """Tell whether this link may still be looked at."""
        self.ensure_one()
        expired = self.date_expiry and self.date_expiry < fields.Datetime.now()
        decided = self.state in ("confirmed", "commented", "declined")
        return (self._is_awaited() and not expired) or decided

    def _has_gone_out(self):
        """Tell whether the link was ever handed to a mail server.

        While it is, and when nobody knows whether it was taken, the state still says
        that it is to be sent; but whoever has the link has received it.
        """
        self.ensure_one()
        return self.state != "pending" or bool(self.sudo().token_sha256)

    def _is_awaited(self):
        """Tell whether the recipient has the link and has not answered."""
        return self.state in LIVE and self._has_gone_out()

    def _is_current(self):
        """Tell whether the link still shows the order's present version and terms."""
        self.ensure_one()
        order = self.order_id
        return (
            self.version == order.terms_version and self.terms_hash == order.terms_hash
        )

    # === EVIDENCE === #

    def _log_event(self, event, **values):
        """Append one event to the order's evidence chain; see the event model."""
        self.ensure_one()
        return self.env["cycle.confirmation.event"]._append(self, event, **values)

    def _set_viewed(self, **values):
        """Note that the page was opened, the first time only."""
        self.ensure_one()
        if not self.date_viewed:
            self.date_viewed = fields.Datetime.now()
            self._log_event("opened", **values)

    # === ANSWERS OF THE CUSTOMER === #

    def _lock_order(self):
        """Wait for everyone else who is deciding about the order."""
        self.order_id._lock_for_answer()

    def _await_turn(self):
        """Wait for everyone else who is deciding, then look at what they did.

        For the beginning of a request only: it ends the transaction. Whoever waits
        with a snapshot of before fails, and Odoo would replay the request after a
        random pause of seconds; here it looks again at once.
        """
        for _attempt in range(TURN_ATTEMPTS):
            self.env.cr.rollback()
            try:
                self._lock_order()
                return
            except CONTESTED:
                continue
        # Still in the way of each other: now a pause may help.
        self.env.cr.rollback()
        self._lock_order()

    def _refuse_answer(self, shown_hash):
        """Return why an answer cannot be taken now, or False.

        :param str shown_hash: the terms the customer saw
        :return: ``confirmed`` (somebody was first), ``stale`` (the offer changed),
            ``closed`` (no longer open) or False
        """
        order = self.order_id
        if order.state == "sale" or order.date_amended:
            return "confirmed"
        if not self._is_current() or shown_hash != self.terms_hash:
            return "stale"
        if not self._is_awaited() or not self._is_open():
            return "closed"
        return False

    def _confirm(self, shown_hash, name, **evidence):
        """Confirm the order as this recipient.

        :param str shown_hash: terms hash of the page the customer confirmed
        :param str name: the name the customer declared
        :param evidence: ``email``, ``user_id``, ``ip``, ``user_agent``, ``note``
        :return: ``done``, or why not, as :meth:`_refuse_answer` says
        """
        self._lock_order()
        refusal = self._refuse_answer(shown_hash)
        if refusal:
            return refusal
        self._note_arrival()
        self._set_confirmed(name, **evidence)
        self.order_id._confirm_cycle()
        self._send_receipt()
        return "done"

    def _set_confirmed(self, name, **evidence):
        # The note of an answer on the page is the wording beside its tick.
        statement = self.channel == "online" and evidence.get("note")
        decision = self._prepare_decision(name)
        # The event first: without it no state counts as a confirmation.
        self._log_event(
            "confirmed",
            name=name,
            date=decision["date_decided"],
            pdf_sha256=self.pdf_sha256,
            **evidence,
        )
        self._update_state("confirmed", statement=statement, **decision)

    def _comment(self, shown_hash, name, text, **evidence):
        """Hand the customer's comments to sales; see :meth:`_confirm`."""
        self._lock_order()
        refusal = self._refuse_answer(shown_hash)
        if refusal:
            return refusal
        self._note_arrival()
        self._take_note("commented", name, text, evidence)
        self.order_id._take_comments(self, name, text)
        return "done"

    def _decline(self, shown_hash, name, reason, **evidence):
        """Decline the offer, with a reason; see :meth:`_confirm`."""
        self._lock_order()
        refusal = self._refuse_answer(shown_hash)
        if refusal:
            return refusal
        self._note_arrival()
        self._take_note("declined", name, reason, evidence)
        self.order_id._take_decline(self, name, reason)
        return "done"

    def _take_note(self, state, name, text, evidence):
        """Record an answer that is a text: comments, or why the offer is declined."""
        decision = self._prepare_decision(name)
        self._log_event(
            state,
            name=name,
            date=decision["date_decided"],
            **{**evidence, "note": text},
        )
        self._update_state(state, comment=text, **decision)

    def _prepare_decision(self, name):
        # A page was shown in the language of this environment; what came another way
        # is recorded by somebody whose language is not the customer's.
        shown = self.channel == "online" and self.env.context.get("lang")
        return {
            "date_decided": self.env["cycle.confirmation.event"]._get_time(),
            "decided_name": name,
            "decided_email": self.email,
            "lang": shown or self.lang,
        }

    def _set_superseded(self):
        """Close the live links of an order whose terms have changed."""
        live = self.filtered(lambda confirmation: confirmation.state in LIVE)
        for confirmation in live._update_state("superseded"):
            confirmation._log_event("superseded")

    # === DRIVER === #

    def _job_document(self):
        return self.order_id

    # === OUTBOX === #

    def _send(self):
        """Queue the mail with the link for each confirmation of ``self``."""
        template = self.env.ref("order_invoice_cycle.mail_template_confirmation")
        for confirmation in self:
            self.env["cycle.message"]._queue(
                confirmation, "confirmation", template, confirmation.partner_id
            )

    def _send_receipt(self):
        """Queue the copy for the customer, if there is an address to send it to."""
        if email_normalize(self.email):
            self.env["cycle.message"]._queue(
                self,
                "receipt",
                self.env.ref("order_invoice_cycle.mail_template_receipt"),
                self.partner_id,
            )

    def _cycle_message_address(self, message):
        # Not the contact's present one: the evidence names where the link went.
        return self.email

    def _cycle_message_documents(self, message):
        self._archive_pdf()

    def _cycle_message_obstacle(self, message):
        if message.purpose == "receipt":
            return False
        if self.state not in LIVE:
            return self.env._("The link is no longer valid.")
        if not self._is_current():
            return self.env._("The order was changed; a new version goes out.")
        if message.purpose == "confirmation" and not self.pdf_id:
            raise UserError(
                self.env._("The PDF of %s could not be made.", self.order_id.name)
            )
        return False

    def _cycle_message_render_context(self, message):
        if message.purpose != "confirmation":
            return {}
        url = self._issue_token()
        return {"cycle_url": url, "cycle_secret": url.rpartition("/")[2]}

    def _cycle_message_attachments(self, message):
        if message.purpose == "receipt":
            return self.pdf_id
        return super()._cycle_message_attachments(message)

    def _cycle_message_failed(self, message):
        if message.state == "failed" and message.purpose != "receipt":
            self._lock_order()
            self._log_event(
                "bounced", email=message.email_to, note=message.failure_reason
            )

    def _cycle_message_sent(self, message):
        if message.purpose != "confirmation":
            return
        self._lock_order()
        self._set_sent(message.date_sent, message.email_to)

    def _set_sent(self, date, email=None):
        self.filtered(lambda c: c.state == "pending")._update_state("sent")
        self.write({"date_sent": date, "date_expiry": self._get_expiry(date)})
        email = email or self.email
        self._log_event("sent", email=email, pdf_sha256=self.pdf_sha256)

    def _get_expiry(self, date):
        return date + timedelta(days=self.company_id.cycle_confirmation_days)

    def _note_arrival(self):
        """Settle what nobody knew: the mail of a link that is answered has arrived."""
        self.ensure_one()
        if self.state != "pending":
            return
        messages = self.env["cycle.message"].sudo()
        in_doubt = messages.search(
            messages._get_documents_domain(self)
            + [
                ("purpose", "=", "confirmation"),
                ("state", "in", ("sending", "uncertain")),
            ]
        )
        in_doubt._set_sent(in_doubt[:1].date_claimed)
        if self.state == "pending":
            self._set_sent(fields.Datetime.now())
