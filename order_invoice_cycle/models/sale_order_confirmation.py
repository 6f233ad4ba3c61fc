import base64
import hashlib

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import email_normalize


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
    cycle_pdf_id = fields.Many2one("ir.attachment", readonly=True, copy=False)
    cycle_pdf_terms_hash = fields.Char(readonly=True, copy=False)
    cycle_pdf_sha256 = fields.Char(string="PDF SHA-256", readonly=True, copy=False)

    @api.depends("confirmation_ids.state")
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

    def action_confirm_on_behalf(self, values):
        """Record that the customer confirmed in another way than by the link.

        :param dict values: ``channel`` (``phone``, ``email``, ``paper``,
            ``in_person``), ``name`` (who confirmed at the customer), ``date`` (when,
            date or datetime), ``reason``, ``attachment_name`` and ``attachment``
            (the proof, base64); all are mandatory
        :raise AccessError: for anybody but a manager of the order cycle
        :raise UserError: when something is missing or the order is not approved
        """
        self.ensure_one()
        if not self.env.user.has_group("order_invoice_cycle.group_cycle_manager"):
            raise AccessError(
                self.env._(
                    "Only a manager of the order cycle records a confirmation on "
                    "behalf of the customer."
                )
            )
        self.check_access("write")
        self._check_on_behalf_values(values)
        order = self.sudo()
        if not order._is_approved() or order.state not in ("draft", "sent"):
            raise UserError(order._get_confirmation_obstacle())
        confirmation = self.env["cycle.confirmation"].sudo().create(
            {
                **order._prepare_confirmation(order.partner_id),
                "channel": values["channel"],
                "email": order.partner_id.email or "-",
                "reason": values["reason"],
                "attachment_ids": [
                    Command.create(
                        {
                            "name": values["attachment_name"],
                            "datas": values["attachment"],
                            "res_model": "sale.order",
                            "res_id": order.id,
                        }
                    )
                ],
            }
        )
        proof = confirmation.attachment_ids
        confirmation._set_confirmed(
            values["name"],
            user_id=self.env.uid,
            note="\n".join(
                [
                    f"channel: {values['channel']}",
                    f"date: {values['date']}",
                    f"reason: {values['reason']}",
                    f"proof: {proof.name} sha256 {_sha256(proof.raw)}",
                ]
            ),
        )
        order._confirm_cycle()

    def action_open_confirm_on_behalf(self):
        """Open the dialog that asks for the proof."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Confirm on behalf of the customer"),
            "res_model": "cycle.confirmation.record",
            "view_mode": "form",
            "target": "new",
            "context": {"default_order_id": self.id},
        }

    # === STEPS === #

    def _get_current_confirmations(self):
        """Return the links and answers for the present version and terms."""
        self.ensure_one()
        return self.confirmation_ids.filtered(
            lambda confirmation: confirmation.version == self.terms_version
            and confirmation.terms_hash == self.terms_hash
        )

    def _get_valid_confirmation(self):
        return self._get_current_confirmations().filtered(
            lambda confirmation: confirmation.state == "confirmed"
        )[:1]

    def _is_confirmed_by_customer(self):
        """Tell whether the present terms are approved and confirmed."""
        self.ensure_one()
        order = self.sudo()
        return order._is_approved() and bool(order._get_valid_confirmation())

    def _send_confirmation(self):
        self.ensure_one()
        if not self._is_approved() or self.state not in ("draft", "sent"):
            raise UserError(self._get_confirmation_obstacle())
        recipients = self.confirmation_partner_ids or self.partner_id
        for partner in recipients:
            if not email_normalize(partner.email or ""):
                raise UserError(
                    self.env._(
                        "%(partner)s has no valid single e-mail address, so the "
                        "confirmation link of order %(order)s cannot be sent. Correct "
                        "the contact, or choose another recipient.",
                        partner=partner.display_name,
                        order=self.name,
                    )
                )
        current = self._get_current_confirmations()
        live = current.filtered(lambda c: c.state in ("pending", "sent"))
        missing = recipients - live.partner_id
        (self.confirmation_ids - live)._set_superseded()
        live |= self.env["cycle.confirmation"].create(
            [self._prepare_confirmation(partner) for partner in missing]
        )
        live._send()
        if self.state == "draft":
            self.write({"state": "sent"})

    def _prepare_confirmation(self, partner):
        return {
            "order_id": self.id,
            "partner_id": partner.id,
            "email": email_normalize(partner.email or ""),
            "version": self.terms_version,
            "terms_hash": self.terms_hash,
        }

    def _confirm_cycle(self):
        """Make the order a sale, after its confirmation has been recorded."""
        self.ensure_one()
        confirmation = self._get_valid_confirmation()
        self.activity_unlink(
            ["order_invoice_cycle.mail_activity_type_changes_requested"]
        )
        self.with_user(self.env.ref("base.user_root")).sudo().action_confirm()
        self.message_post(
            body=self.env._(
                "Confirmed by %(name)s (%(channel)s).",
                name=confirmation.decided_name,
                channel=dict(
                    confirmation._fields["channel"]._description_selection(self.env)
                )[confirmation.channel],
            ),
            author_id=confirmation.partner_id.id,
            message_type="comment",
            subtype_xmlid="mail.mt_note",
        )

    def _take_comments(self, confirmation, name, text):
        """Give the order back to sales with the customer's comments."""
        self.ensure_one()
        self.confirmation_ids._set_superseded()
        self.activity_schedule(
            "order_invoice_cycle.mail_activity_type_changes_requested",
            summary=self.env._("Comments of %(name)s", name=name),
            note=text,
            user_id=(self.user_id or self.create_uid).id,
        )
        self.message_post(
            body=text,
            author_id=confirmation.partner_id.id,
            message_type="comment",
            subtype_xmlid="mail.mt_note",
        )

    def _take_decline(self, confirmation, name, reason):
        """Cancel the order, as core does when a customer declines."""
        self.ensure_one()
        self.confirmation_ids._set_superseded()
        self.message_post(
            body=self.env._(
                "Declined by %(name)s: %(reason)s", name=name, reason=reason
            ),
            author_id=confirmation.partner_id.id,
            message_type="comment",
            subtype_xmlid="mail.mt_note",
        )
        self.activity_schedule(
            "order_invoice_cycle.mail_activity_type_changes_requested",
            summary=self.env._("Declined by %(name)s", name=name),
            note=reason,
            user_id=(self.user_id or self.create_uid).id,
        )
        self._action_cancel()

    def _check_on_behalf_values(self, values):
        labels = {
            "channel": self.env._("the channel"),
            "name": self.env._("who confirmed"),
            "date": self.env._("the date"),
            "reason": self.env._("the reason"),
            "attachment_name": self.env._("the name of the proof"),
            "attachment": self.env._("the proof"),
        }
        missing = [label for key, label in labels.items() if not values.get(key)]
        channels = ("phone", "email", "paper", "in_person")
        if not missing and values["channel"] not in channels:
            missing = [labels["channel"]]
        if missing:
            raise UserError(
                self.env._(
                    "To confirm order %(order)s on behalf of the customer, give "
                    "%(missing)s.",
                    order=self.name,
                    missing=", ".join(missing),
                )
            )

    # === PDF === #

    def _archive_cycle_pdf(self):
        """Keep the PDF of the present terms; render it only when they changed."""
        for order in self:
            if order.cycle_pdf_terms_hash == order.terms_hash:
                continue
            content, _kind = (
                self.env["ir.actions.report"]
                .sudo()
                ._render_qweb_pdf(
                    "order_invoice_cycle.action_report_cycle_order", order.ids
                )
            )
            attachment = self.env["ir.attachment"].sudo().create(
                {
                    "name": self.env._(
                        "%(order)s version %(version)s.pdf",
                        order=order.name,
                        version=order.terms_version,
                    ),
                    "datas": base64.b64encode(content),
                    "mimetype": "application/pdf",
                    "res_model": "sale.order",
                    "res_id": order.id,
                }
            )
            order.sudo().write(
                {
                    "cycle_pdf_id": attachment.id,
                    "cycle_pdf_terms_hash": order.terms_hash,
                    "cycle_pdf_sha256": _sha256(content),
                }
            )

    def _get_cycle_pdf(self):
        """Return the archived PDF of the present terms, empty when there is none."""
        self.ensure_one()
        if self.cycle_pdf_terms_hash == self.terms_hash:
            return self.cycle_pdf_id
        return self.env["ir.attachment"]


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
