import json
from datetime import timedelta
from textwrap import shorten

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.pdf import merge_pdf

from .cycle_confirmation_verify import CHAINED

CERTIFICATE_FORMAT = 1
# What fits on one page; the JSON has all of it.
LINES_SHOWN = 3
LINE_LENGTH = 60
PAYMENTS_SHOWN = 4
EVENTS_SHOWN = 6
# Size of the text in pixels, and up to how many rows of it the larger one fits.
TEXT_SIZES = (14, 11)
ROWS_OF_LARGE_TEXT = 24
ROW_LENGTH = 80
# Lets the report be rendered, for the archive. An object of this process, so that no
# context of a remote call can hold it.
ARCHIVING = object()
# A receipt that is not out by then has no address, or waits for the mail server.
UNTIL_RECEIPT = timedelta(minutes=30)


class CycleConfirmation(models.Model):
    """Certificate: one page that says who confirmed which terms, how and when.

    For people as PDF, for machines as JSON with everything needed to recompute it.
    """

    _inherit = "cycle.confirmation"

    certificate_id = fields.Many2one(
        "ir.attachment", readonly=True, copy=False, ondelete="restrict"
    )
    certificate_json_id = fields.Many2one(
        "ir.attachment",
        string="Certificate for machines",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )

    def _archive_certificate(self):
        """Keep the certificate of each confirmation; render it only once.

        None is made from an order that has other terms by now: it would tell of those.
        """
        for confirmation in self.sudo():
            if (
                confirmation.state != "confirmed"
                or confirmation.certificate_id
                or not confirmation._is_current()
            ):
                continue
            confirmation = confirmation.with_context(
                lang=confirmation.lang or confirmation.env.lang
            )
            events = confirmation._get_certificate_events()
            confirmation.evidence_head = events[-1:].hash
            content, _kind = (
                self.env["ir.actions.report"]
                .sudo()
                .with_context(cycle_archiving=ARCHIVING)
                ._render_qweb_pdf(
                    "order_invoice_cycle.action_report_cycle_certificate",
                    confirmation.ids,
                )
            )
            name = confirmation._get_report_base_filename()
            confirmation.certificate_id = confirmation._archive_file(
                f"{name}.pdf", content, "application/pdf"
            )
            confirmation.certificate_json_id = confirmation._archive_file(
                f"{name}.json", confirmation._get_certificate_json(), "application/json"
            )
            confirmation._tell_salesperson()

    def _get_certificate_content(self):
        """Return the archived certificates of ``self`` as one PDF.

        :raise UserError: when one of them has none
        """
        self.check_access("read")
        for confirmation in self.filtered(lambda one: not one.certificate_id):
            raise UserError(
                self.env._(
                    "There is no certificate of order %(order)s, version %(version)s: "
                    "one is archived when the customer has confirmed.",
                    order=confirmation.order_id.name,
                    version=confirmation.version,
                )
            )
        files = [one.certificate_id.sudo().raw for one in self]
        return files[0] if len(files) == 1 else merge_pdf(files)

    def _tell_salesperson(self):
        """Hand the certificate to our side as well, on the order."""
        order = self.order_id._in_our_language()
        order.message_post(
            body=order.env._(
                "%(name)s confirmed version %(version)s. The certificate is attached.",
                name=self.decided_name,
                version=self.version,
            ),
            attachment_ids=(self.certificate_id | self.certificate_json_id).ids,
            partner_ids=order._job_owner().partner_id.ids,
            subtype_xmlid="mail.mt_note",
        )

    @api.model
    def _get_uncertified_domain(self, now):
        """Return the domain of the confirmations that no mail made a certificate for.

        The receipt brings it within minutes; a customer without an address gets none.

        :param datetime now: the time it counts as (UTC)
        """
        return Domain(
            [
                ("state", "=", "confirmed"),
                ("certificate_id", "=", False),
                ("date_decided", "<=", now - UNTIL_RECEIPT),
            ]
        )

    def _archive_missing_certificates(self):
        """Make the certificates that no receipt has made.

        By the job of the nudges, or before the terms they tell of are changed.
        """
        self._archive_pdf()
        self._archive_certificate()
        self._job_succeeded()

    def _get_report_base_filename(self):
        self.ensure_one()
        return self.env._("%(order)s certificate", order=self.order_id.name)

    # === CONTENT === #

    def _get_certificate_events(self):
        """Return the evidence of the order, oldest first, in superuser mode.

        Of a certificate that exists, what it covers.
        """
        self.ensure_one()
        events = self.sudo().order_id.confirmation_ids.event_ids.sorted("sequence")
        heads = events.mapped("hash")
        if self.evidence_head in heads:
            return events[: heads.index(self.evidence_head) + 1]
        return events

    def _get_shown_events(self):
        """Return the events for the page, and how many are left out in the middle."""
        events = self._get_certificate_events()
        if len(events) <= EVENTS_SHOWN:
            return events, events.browse(), 0
        first, last = EVENTS_SHOWN // 3, EVENTS_SHOWN - EVENTS_SHOWN // 3
        return events[:first], events[-last:], len(events) - EVENTS_SHOWN

    def _get_certificate_text_size(self):
        """Return the size of the text in pixels: small only when there is much."""
        self.ensure_one()
        order = self.order_id
        texts = [
            self._get_party_text(self.company_id.partner_id),
            self._get_party_text(order.partner_id),
            self._get_lines_text(),
            self._get_payments_text(),
            f"{self.decided_name or ''} {self.email or ''}" + " " * 50,
            *(self._get_agreed_statement() or "").splitlines(),
            *(["-"] * len(self._get_certificate_approvals())),
            *(["-"] * len(self._get_code_event())),
        ]
        first, last, _left_out = self._get_shown_events()
        texts += [
            f"{event.name or ''} {event.email or ''}" + " " * 50
            for event in first | last
        ]
        rows = sum(1 + len(text) // ROW_LENGTH for text in texts)
        return TEXT_SIZES[rows > ROWS_OF_LARGE_TEXT]

    def _get_agreed_statement(self):
        """Return the words the customer agreed to, as the evidence has them."""
        self.ensure_one()
        events = self.sudo().event_ids
        return self.statement or events.filtered(lambda e: e.event == "confirmed").note

    def _get_login(self):
        """Return the login of the portal that answered, empty for the link alone."""
        self.ensure_one()
        answer = self.sudo().event_ids.filtered(lambda e: e.event == self.state)[-1:]
        return answer.user_id.login or ""

    def _get_certificate_approvals(self):
        """Return the decisions that allowed this version to leave the house."""
        self.ensure_one()
        return (
            self.sudo()
            .order_id.approval_ids.filtered(
                lambda approval: (
                    approval.version == self.version
                    and approval.terms_hash == self.terms_hash
                    and approval.state == "approved"
                )
            )
            .sorted("sequence")
        )

    def _get_evidence_hash(self):
        """Return the fingerprint of the evidence that the customer's copies name.

        That of the last event when the certificate was made; it covers all before.
        """
        return self.evidence_head or self._get_certificate_events()[-1:].hash

    def _get_party_text(self, partner):
        """Return name, VAT number and address of a party in one line."""
        party = _get_party(partner)
        address = ", ".join(filter(None, map(str.strip, party["address"].splitlines())))
        parts = [party["name"].strip(), party["vat"], address]
        return ", ".join(filter(None, parts))

    def _get_language_text(self):
        """Return the language in which the customer read and confirmed."""
        self.ensure_one()
        return self.env["res.lang"]._get_data(code=self.lang).name or self.lang

    def _get_lines_text(self):
        """Return what was ordered in one line of text."""
        self.ensure_one()
        lines = self.order_id.order_line.filtered(lambda line: not line.display_type)
        texts = [
            f"{self.order_id._format_document_quantity(line.product_uom_qty)} × "
            f"{shorten(line.name or '-', LINE_LENGTH, placeholder='…')}"
            for line in lines[:LINES_SHOWN]
        ]
        if len(lines) > LINES_SHOWN:
            texts.append(self.env._("%s more", len(lines) - LINES_SHOWN))
        return "; ".join(texts)

    def _get_payments_text(self):
        """Return how and when it is paid, in one line of text."""
        self.ensure_one()
        order = self.order_id
        rows = order._get_schedule_rows()
        texts = [
            self.env._(
                "%(amount)s %(due)s",
                amount=order.currency_id.format(row["line"].amount_total),
                due=row["due"],
            )
            for row in rows[:PAYMENTS_SHOWN]
        ]
        if len(rows) > PAYMENTS_SHOWN:
            texts.append(self.env._("%s more", len(rows) - PAYMENTS_SHOWN))
        return f"{order._get_payment_mode_text()} {'; '.join(texts)}"

    def _get_certificate_json(self):
        """Return the certificate for machines, as UTF-8 bytes.

        ``terms_json`` and each event of ``events`` are given exactly as they were
        hashed, so that anyone can recompute ``terms_sha256`` and ``head``.
        """
        self.ensure_one()
        return json.dumps(
            self._get_certificate_data(), indent=2, ensure_ascii=False
        ).encode()

    def _get_certificate_data(self):
        order = self.order_id
        return {
            "format": CERTIFICATE_FORMAT,
            "order": order.name,
            "version": self.version,
            "language": self.lang or "",
            "supplier": _get_party(self.company_id.partner_id),
            "customer": _get_party(order.partner_id),
            "terms_sha256": self.terms_hash,
            "terms_json": self.terms_json or "",
            "pdf_sha256": self.pdf_sha256 or "",
            "total": order.currency_id.format(order._get_price_per_period()),
            "currency": order.currency_id.name,
            "lines": self._get_lines_text(),
            "payment": self._get_payments_text(),
            "approvals": [
                {
                    "rule": approval.rule_name,
                    "decided_by": approval.user_id.name or "",
                    "time_utc": _utc(approval.date_decided),
                }
                for approval in self._get_certificate_approvals()
            ],
            "confirmation": {
                "name": self.decided_name,
                "email": self.decided_email,
                "channel": self.channel,
                "login": self._get_login(),
                "code_entered_utc": _utc(self._get_code_event().date),
                "statement": self._get_agreed_statement() or "",
                "time_utc": _utc(self.date_decided),
                "proofs": self.sudo().attachment_ids.mapped("name"),
            },
            "events": [
                self._get_event_data(event) for event in self._get_certificate_events()
            ],
            "event_hash": "SHA-256 of previous_hash, a line feed, and content",
            "head": self._get_evidence_hash(),
        }

    def _get_event_data(self, event):
        row = {name: event[name] for name in CHAINED}
        row.update(
            order_id=event.order_id.id,
            confirmation_id=event.confirmation_id.id,
            user_id=event.user_id.id,
        )
        return {
            "content": event._get_chained_json(row),
            "previous_hash": event.previous_hash or "",
            "hash": event.hash,
        }

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        super()._cycle_message_documents(message)
        self._archive_certificate()

    def _cycle_message_attachments(self, message):
        attachments = super()._cycle_message_attachments(message)
        if message.purpose == "receipt":
            # Made already, unless rendering failed then: no receipt without it.
            self._archive_certificate()
            if not self.certificate_id:
                raise UserError(
                    self.env._(
                        "The certificate of order %(order)s, version %(version)s, "
                        "could not be made before the order was changed.",
                        order=self.order_id.name,
                        version=self.version,
                    )
                )
            attachments |= self.certificate_id | self.certificate_json_id
        return attachments


def _get_party(partner):
    return {
        "name": partner.commercial_partner_id.name or partner.name or "",
        "vat": partner.commercial_partner_id.vat or "",
        "address": partner._display_address(without_company=True).strip(),
    }


def _utc(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""
