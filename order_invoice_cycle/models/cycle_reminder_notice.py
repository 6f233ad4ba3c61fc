import base64
import hashlib
from datetime import timedelta

from odoo import fields, models
from odoo.tools import float_repr

from ..tools.terms import terms_hash

NOTICE_DAYS = 7


class CycleReminder(models.Model):
    """Formal notice: the numbered letter that goes with the last reminder.

    One letter stands for all claims of its message; it is kept on the reminder that
    the message is about.
    """

    _inherit = "cycle.reminder"

    notice_id = fields.Many2one(
        "ir.attachment", string="Formal notice", readonly=True, copy=False
    )
    notice_sha256 = fields.Char(string="Letter SHA-256", readonly=True, copy=False)
    notice_content_hash = fields.Char(readonly=True, copy=False)

    # === WHAT THE MAILS AND THE LETTER SAY === #

    def _get_claim_figures(self):
        """Return the amounts of one claim, in its currency.

        :return: dict with ``original``, ``paid``, ``disputed``, ``remaining`` (what
            is claimed)
        """
        self.ensure_one()
        line = self.move_line_id
        currency = self.currency_id
        open_amount = line.amount_residual_currency
        return {
            "original": line.amount_currency,
            "paid": currency.round(line.amount_currency - open_amount),
            "disputed": max(currency.round(open_amount - self.amount), 0.0),
            "remaining": self.amount,
        }

    def _get_disputed_total(self):
        """Return whether a part of the claimed invoices is under clarification."""
        return any(claim._get_claim_figures()["disputed"] for claim in self)

    def _get_earlier_reminders(self):
        """Return the reminders that were sent before about the same claims."""
        self.ensure_one()
        claims = self._get_claims()
        return self.search(
            [
                ("move_line_id", "in", claims.move_line_id.ids),
                ("state", "=", "sent"),
                ("id", "not in", claims.ids),
            ],
            order="date_sent, id",
        )

    def _get_notice_date(self):
        """Return the date of the letter: today, or the day it counts as if later."""
        self.ensure_one()
        return max(self.date, self.company_id._cycle_today())

    def _get_notice_deadline(self):
        """Return the last day to pay that the formal notice sets."""
        return self._get_notice_date() + timedelta(days=NOTICE_DAYS)

    def _get_bank_account(self):
        """Return the account to pay to: the invoices' own, else the company's."""
        self.ensure_one()
        return (
            self._get_claims().move_id.partner_bank_id
            or self.company_id.partner_id.bank_ids
        )[:1]

    # === THE LETTER === #

    def _get_formal_claims(self):
        return self._get_claims().filtered(lambda claim: claim.level_id.is_formal_notice)

    def _number_notice(self):
        """Give the formal claims of a message their number, once and for all."""
        for reminder in self:
            claims = reminder._get_formal_claims()
            if not claims:
                continue
            number = (reminder | claims).filtered("notice_number")[:1].notice_number
            number = number or (
                self.env["ir.sequence"]
                .with_company(reminder.company_id)
                .next_by_code("cycle.notice", sequence_date=reminder.date)
            )
            (reminder | claims).filtered(
                lambda claim: not claim.notice_number
            ).notice_number = number

    def _archive_notice(self):
        """Keep the letter of the present claims; render it only when they changed.

        :return: the letter as ``ir.attachment``, empty without a formal claim
        """
        self.ensure_one()
        if not self._get_formal_claims():
            return self.env["ir.attachment"]
        content_hash = terms_hash(self._get_notice_content())
        if self.notice_content_hash == content_hash and self.notice_id:
            return self.notice_id
        content, _kind = (
            self.env["ir.actions.report"]
            .sudo()
            ._render_qweb_pdf(
                "order_invoice_cycle.action_report_cycle_notice", self.ids
            )
        )
        attachment = self.env["ir.attachment"].sudo().create(
            {
                "name": self._get_report_base_filename() + ".pdf",
                "datas": base64.b64encode(content),
                "mimetype": "application/pdf",
                "res_model": self._name,
                "res_id": self.id,
            }
        )
        self.sudo().write(
            {
                "notice_id": attachment.id,
                "notice_sha256": hashlib.sha256(content).hexdigest(),
                "notice_content_hash": content_hash,
            }
        )
        return attachment

    def _get_notice_content(self):
        """Return what the letter depends on, as plain text values."""
        return {
            "number": self.notice_number or "",
            "deadline": fields.Date.to_string(self._get_notice_deadline()),
            "claims": [
                [
                    claim.id,
                    claim.days_overdue,
                    [
                        float_repr(amount, claim.currency_id.decimal_places)
                        for amount in claim._get_claim_figures().values()
                    ],
                ]
                for claim in self._get_claims()
            ],
        }

    def _get_report_base_filename(self):
        self.ensure_one()
        number = (self.notice_number or "").replace("/", "-")
        return self.env._("Formal notice %(number)s", number=number).strip()

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        super()._cycle_message_documents(message)
        self._number_notice()
        for reminder in self:
            reminder._archive_notice()

    def _cycle_message_obstacle(self, message):
        obstacle = super()._cycle_message_obstacle(message)
        if not obstacle:
            self._number_notice()
        return obstacle

    def _cycle_message_attachments(self, message):
        # The letter was made before the claim was checked again: if a payment came in
        # between, it is made anew, so that mail and letter never disagree.
        return self._archive_notice() | super()._cycle_message_attachments(message)
