import base64
import hashlib
from datetime import timedelta

from odoo import fields, models
from odoo.tools import float_repr, format_date

from ..tools.terms import terms_hash
from .sale_order_document import DATE_FORMAT

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

    def _has_disputed_part(self):
        """Tell whether a part of the claimed invoices is under clarification."""
        return any(claim._get_claim_figures()["disputed"] for claim in self)

    def _get_earlier_reminder_texts(self):
        """Return one text per reminder that was sent before about the same claims."""
        self.ensure_one()
        claims = self._get_claims()
        earlier = self.search(
            [
                ("move_line_id", "in", claims.move_line_id.ids),
                ("state", "=", "sent"),
                ("id", "not in", claims.ids),
            ],
            order="date_sent, id",
        )
        groups = earlier.grouped(
            lambda reminder: (reminder.level_name, reminder._get_date_delivered())
        )
        return [
            self.env._(
                "%(level)s of %(date)s (%(invoices)s)",
                level=level,
                date=format_date(self.env, date, date_format=DATE_FORMAT),
                invoices=", ".join(reminders.move_id.mapped("name")),
            )
            for (level, date), reminders in groups.items()
        ]

    def _get_date_delivered(self):
        """Return the day the reminder was sent, or the day it counts as if later."""
        self.ensure_one()
        return max(self.date, self.company_id._cycle_date(self.date_sent))

    def _get_notice_date(self):
        """Return the date of the letter: the day it goes out, or counts as if later."""
        self.ensure_one()
        moment = self.message_id.date_claimed or fields.Datetime.now()
        return max(self.date, self.company_id._cycle_date(moment))

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
        return self._get_claims().filtered(
            lambda claim: claim.level_id.is_formal_notice
        )

    def _number_notice(self):
        """Give the formal claims of each message their number, once and for all."""
        for reminder in self:
            claims = reminder._get_formal_claims()
            missing = claims.filtered(lambda claim: not claim.notice_number)
            if missing:
                numbered = claims - missing
                missing.notice_number = numbered[:1].notice_number or (
                    self.env["ir.sequence"]
                    .with_company(reminder.company_id)
                    .next_by_code("cycle.notice", sequence_date=reminder.date)
                )

    def _forget_notice(self, message):
        """Take the number from claims that left a message: the letter keeps it."""
        self.search(
            [
                ("message_id", "=", message.id),
                ("state", "in", ("held", "cancelled")),
                ("notice_number", "!=", False),
            ]
        ).notice_number = False

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
        attachment = (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": self._get_report_base_filename() + ".pdf",
                    "datas": base64.b64encode(content),
                    "mimetype": "application/pdf",
                    "res_model": self._name,
                    "res_id": self.id,
                }
            )
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
        self._forget_notice(message)
        if not obstacle:
            self._number_notice()
        return obstacle

    def _cycle_message_attachments(self, message):
        # The letter was made before the claim was checked again: if a payment came in
        # between, it is made anew, so that mail and letter never disagree.
        return self._archive_notice() | super()._cycle_message_attachments(message)


class AccountMove(models.Model):
    _inherit = "account.move"

    def _get_claim_basis(self):
        """Return in one sentence what an invoice that is not paid is based on."""
        self.ensure_one()
        values = {
            "invoice": self.name,
            "date": format_date(self.env, self.invoice_date, date_format=DATE_FORMAT),
        }
        order = self.cycle_order_id.sudo()
        confirmation = order._get_valid_confirmation() if order else order
        if not confirmation:
            return self.env._("Invoice %(invoice)s of %(date)s.", **values)
        return self.env._(
            "Invoice %(invoice)s of %(date)s: %(payment)s, order %(order)s, confirmed "
            "by %(name)s on %(confirmed)s.",
            payment=order._get_schedule_line_text(self.schedule_line_id),
            order=order.name,
            name=confirmation.decided_name,
            confirmed=confirmation._format_moment(confirmation.date_decided),
            **values,
        )
