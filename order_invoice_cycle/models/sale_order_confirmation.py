from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, email_normalize, plaintext2html

from .cycle_confirmation import LIVE
from .cycle_confirmation_nudge import EXPIRED_ACTIVITY


class SaleOrder(models.Model):
    """Confirmation: the link goes out, the customer's answer comes back."""

    _inherit = "sale.order"

    confirmation_ids = fields.One2many(
        "cycle.confirmation", "order_id", readonly=True, copy=False
    )
    confirmation_partner_ids = fields.Many2many(
        "res.partner",
        "cycle_order_confirmation_partner_rel",
        string="Confirmation sent to",
        help="Each of them receives a link of their own; the first one to confirm "
        "decides. Empty: the customer of the order.",
    )
    confirmed_by = fields.Char(
        compute="_compute_confirmed_by", help="Who confirmed, when, and how."
    )
    cycle_pdf_id = fields.Many2one(
        "ir.attachment",
        string="PDF sent",
        compute="_compute_cycle_pdf",
        help="The PDF of the present terms, as it went to the customer.",
    )
    cycle_pdf_sha256 = fields.Char(string="PDF SHA-256", compute="_compute_cycle_pdf")

    @api.depends(
        "confirmation_ids.state",
        "confirmation_ids.event_ids",
        "terms_hash",
        "terms_version",
    )
    def _compute_confirmed_by(self):
        for order in self:
            confirmation = order._get_valid_confirmation()
            order.confirmed_by = confirmation.decided_name

    # === BUTTONS === #

    def action_send_confirmation(self):
        """Send the customer's link, again when one is already out.

        :raise UserError: before the terms are approved, or without an address
        """
        for order in self:
            order.check_access("write")
            order.sudo()._send_confirmation()

    # === STEPS === #

    def _get_current_confirmations(self):
        """Return the links and answers for the present version and terms.

        In superuser mode, as :meth:`_get_current_approvals`.
        """
        self.ensure_one()
        return self.sudo().confirmation_ids.filtered(
            lambda confirmation: (
                confirmation.version == self.terms_version
                and confirmation.terms_hash == self.terms_hash
            )
        )

    def _get_valid_confirmation(self):
        """Return the confirmation of the present terms, empty without one.

        A state that no event of the evidence tells about confirms nothing.
        """
        return self._get_current_confirmations().filtered(
            lambda confirmation: (
                confirmation.state == "confirmed"
                and "confirmed" in confirmation.event_ids.mapped("event")
            )
        )[:1]

    def _is_confirmed_by_customer(self):
        """Tell whether the present terms are approved and confirmed."""
        self.ensure_one()
        return self._is_approved() and bool(self._get_valid_confirmation())

    def _archive_certificates(self):
        """Make the certificates that are missing while the terms are still the same.

        One that cannot be made keeps nobody from changing the order: the owner is told.
        """
        confirmed = self.sudo().confirmation_ids.filtered(
            lambda link: link.state == "confirmed" and not link.certificate_id
        )
        confirmed._run_job_halving(
            confirmed, lambda links: links._archive_missing_certificates()
        )

    def _lock_for_answer(self):
        """Wait for everyone else who is deciding about this order.

        A row changed meanwhile raises a serialization failure, on which Odoo replays
        the request; the second answer then sees the first.
        """
        self.ensure_one()
        self.env.cr.execute(
            SQL("SELECT 1 FROM sale_order WHERE id = %s FOR UPDATE", self.id),
            log_exceptions=False,
        )
        self.env.invalidate_all()

    def _send_confirmation(self):
        """Queue a link for each recipient.

        Links to an address that was corrected, or to somebody who is no recipient any
        more, are superseded.
        """
        self.ensure_one()
        problem = self._get_sending_problem()
        if problem:
            raise UserError(problem)
        recipients = self._get_confirmation_recipients()
        live = self._get_current_confirmations().filtered(
            lambda c: (
                c.state in LIVE
                and c.partner_id in recipients
                and c.email == email_normalize(c.partner_id.email)
            )
        )
        (self.confirmation_ids - live)._set_superseded()
        live.write({"reply": self.customer_reply})
        live |= self.env["cycle.confirmation"].create(
            [
                self._prepare_confirmation(partner)
                for partner in recipients - live.partner_id
            ]
        )
        live._send()
        self.activity_unlink([EXPIRED_ACTIVITY])
        if self.state == "draft":
            self.write({"state": "sent"})

    def _get_confirmation_recipients(self):
        return self.confirmation_partner_ids or self.partner_id

    def _get_sending_problem(self):
        """Return why the link cannot be sent now, or False."""
        self.ensure_one()
        if not self._is_approved() or self.state not in ("draft", "sent"):
            return self._get_confirmation_obstacle()
        for partner in self._get_confirmation_recipients():
            if not email_normalize(partner.email or ""):
                return self.env._(
                    "%(partner)s has no valid single e-mail address, so the "
                    "confirmation link of order %(order)s cannot be sent. Correct "
                    "the contact, or choose another recipient, then send the link.",
                    partner=partner.display_name,
                    order=self.name,
                )
        return self._get_insider_problem()

    def _get_insider_problem(self):
        """Return who of ourselves would get the customer's link, or False."""
        company = self.company_id
        emails = {
            email_normalize(partner.email)
            for partner in self._get_confirmation_recipients()
        }
        insiders = self.env["res.users"].search(
            [
                ("share", "=", False),
                ("company_ids", "in", company.ids),
                ("partner_id.email_normalized", "in", list(emails)),
            ]
        )
        names = insiders.mapped("name")
        if email_normalize(company.email or "") in emails:
            names.append(company.name)
        if not names:
            return False
        return self.env._(
            "The confirmation link of order %(order)s would go to an address of "
            "%(names)s, who cannot confirm for the customer. Choose a recipient at the "
            "customer, then send the link.",
            order=self.name,
            names=", ".join(names),
        )

    def _prepare_confirmation(self, partner):
        return {
            "order_id": self.id,
            "partner_id": partner.id,
            "email": email_normalize(partner.email or ""),
            "version": self.terms_version,
            "terms_hash": self.terms_hash,
            "terms_json": self._get_terms_json(),
            "reply": self.customer_reply,
            "lang": self.env["res.company"]._cycle_lang(partner),
        }

    def _confirm_cycle(self):
        """Make the order a sale, after its confirmation has been recorded."""
        self.ensure_one()
        confirmation = self._get_valid_confirmation()
        self.activity_unlink(
            ["order_invoice_cycle.mail_activity_type_changes_requested"]
        )
        # The customer is no user: what follows is done by the system.
        order = self._in_our_language()
        order._become_sale()
        channels = confirmation._fields["channel"]._description_selection(order.env)
        order._message_log(
            body=order.env._(
                "Confirmed by %(name)s (%(channel)s).",
                name=confirmation.decided_name,
                channel=dict(channels)[confirmation.channel],
            ),
            author_id=confirmation.partner_id.id,
            message_type="comment",
        )

    def _in_our_language(self):
        """Return the order in the language of whom we tell what the customer did."""
        self.ensure_one()
        return self.with_context(lang=self._job_owner().lang)

    def _become_sale(self):
        """Do what the confirmed terms are for: an order becomes a sale."""
        self.with_user(SUPERUSER_ID).with_company(self.company_id).action_confirm()

    def _take_comments(self, confirmation, name, text):
        """Give the order back to sales with the customer's comments."""
        self.ensure_one()
        # What was answered before is no answer to these.
        self.customer_reply = False
        self.confirmation_ids._set_superseded()
        order = self._in_our_language()
        order.activity_schedule(
            "order_invoice_cycle.mail_activity_type_changes_requested",
            summary=order.env._("Comments of %(name)s", name=name),
            note=plaintext2html(text),
            user_id=self._job_owner().id,
        )
        self.message_post(
            body=plaintext2html(text),
            author_id=confirmation.partner_id.id,
            message_type="comment",
            subtype_xmlid="mail.mt_note",
        )

    def _take_decline(self, confirmation, name, reason):
        """Cancel the order, as core does when a customer declines."""
        self.ensure_one()
        self.confirmation_ids._set_superseded()
        order = self._in_our_language()
        order.message_post(
            body=order.env._(
                "Declined by %(name)s: %(reason)s", name=name, reason=reason
            ),
            author_id=confirmation.partner_id.id,
            message_type="comment",
            subtype_xmlid="mail.mt_note",
        )
        order.activity_schedule(
            "order_invoice_cycle.mail_activity_type_changes_requested",
            summary=order.env._("Declined by %(name)s", name=name),
            note=plaintext2html(reason),
            user_id=self._job_owner().id,
        )
        order._action_cancel()

    # === PDF === #

    @api.depends("confirmation_ids.pdf_id", "terms_hash", "terms_version")
    def _compute_cycle_pdf(self):
        for order in self:
            with_pdf = order._get_current_confirmations().filtered("pdf_id")[:1]
            order.cycle_pdf_id = with_pdf.pdf_id
            order.cycle_pdf_sha256 = with_pdf.pdf_sha256

    def _get_cycle_pdf(self):
        """Return the archived PDF of the present terms, empty when there is none."""
        self.ensure_one()
        return self.cycle_pdf_id

    # === SUPERSEDING === #

    def _compute_terms_hash(self):
        super()._compute_terms_hash()
        self._note_changed_terms()

    def _note_changed_terms(self):
        """Look before the commit whether somebody is asked about terms that are gone.

        Nothing is written while terms are computed, and terms that change and change
        back within one transaction never took effect.
        """
        orders = self._origin.filtered("payment_mode")
        if not orders:
            return
        precommit = self.env.cr.precommit
        if "cycle_changed_terms" not in precommit.data:
            precommit.data["cycle_changed_terms"] = set()
            precommit.add(self.env(su=True)["sale.order"]._supersede_changed_terms)
        precommit.data["cycle_changed_terms"].update(orders.ids)

    @api.model
    def _supersede_changed_terms(self):
        """Take back what is asked about terms that this transaction has changed.

        Both the links to customers and the questions to approvers.
        """
        ids = self.env.cr.precommit.data.pop("cycle_changed_terms", ())
        links = self.env["cycle.confirmation"].search(
            [("order_id", "in", list(ids)), ("state", "in", LIVE)]
        )
        outdated = links.filtered(lambda link: not link._is_current())
        for order in outdated.order_id.sorted("id"):
            order._lock_for_answer()
            (outdated & order.confirmation_ids)._set_superseded()
        asked = self.env["cycle.approval"].search(
            [("order_id", "in", list(ids)), ("state", "in", ("waiting", "pending"))]
        )
        outdated = asked.filtered(
            lambda approval: approval.terms_hash != approval.order_id.terms_hash
        )._set_superseded()
        outdated.order_id._close_approval_activities()
        for order in outdated.order_id:
            # What some approved and others did not is asked of all of them anew, even
            # if the change is undone.
            order.terms_version += 1
