import base64
from datetime import datetime

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.mail import clean_header, clean_text

ON_BEHALF_CHANNELS = ("phone", "email", "paper", "in_person")


class SaleOrder(models.Model):
    """On behalf: a manager records that the customer confirmed in another way."""

    _inherit = "sale.order"

    # === BUTTONS === #

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
        values = self._check_on_behalf_values(values)
        order = self.sudo()
        order._lock_for_answer()
        if not order._is_approved() or order.state not in ("draft", "sent"):
            raise UserError(order._get_confirmation_obstacle())
        confirmation = (
            self.env["cycle.confirmation"]
            .sudo()
            .create(
                {
                    **order._prepare_confirmation(order.partner_id),
                    "channel": values["channel"],
                    "email": order.partner_id.email or "-",
                    "reason": values["reason"],
                }
            )
        )
        # Attached to the confirmation, which nobody may write: so nobody deletes it.
        proof = confirmation.attachment_ids = confirmation._archive_file(
            values["attachment_name"], values["attachment"]
        )
        # What the customer was mailed before, if anything was.
        twin = confirmation._get_twin_with_pdf()
        confirmation.pdf_id, confirmation.pdf_sha256 = twin.pdf_id, twin.pdf_sha256
        confirmation._set_confirmed(
            values["name"],
            user_id=self.env.uid,
            note="\n".join(
                [
                    f"channel: {values['channel']}",
                    f"date: {values['date']}",
                    f"reason: {values['reason']}",
                    confirmation._get_proof_note(proof),
                ]
            ),
        )
        order._confirm_cycle()
        confirmation._send_receipt()

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

    def _check_on_behalf_values(self, values):
        """Return the values, cleaned and the proof decoded.

        :raise UserError: naming everything that is missing or impossible
        """
        labels = {
            "channel": self.env._("the channel"),
            "name": self.env._("who confirmed"),
            "date": self.env._("the date"),
            "reason": self.env._("the reason"),
            "attachment_name": self.env._("the name of the proof"),
            "attachment": self.env._("the proof"),
        }
        cleaners = {
            "name": clean_text,
            "reason": clean_text,
            "attachment_name": clean_header,
        }
        clean = {
            key: cleaners[key](str(value)) if key in cleaners else value
            for key, value in values.items()
            if value
        }
        checks = {
            "channel": lambda channel: channel in ON_BEHALF_CHANNELS,
            "date": self._is_past,
            "attachment": lambda content: base64.b64decode(content, validate=True),
        }
        missing = [
            label
            for key, label in labels.items()
            if not _is_given(clean.get(key), checks.get(key, bool))
        ]
        if missing:
            raise UserError(
                self.env._(
                    "To confirm order %(order)s on behalf of the customer, give "
                    "%(missing)s.",
                    order=self.name,
                    missing=", ".join(missing),
                )
            )
        return {**clean, "attachment": base64.b64decode(clean["attachment"])}

    def _is_past(self, moment):
        """Tell whether a date of the company, or a time (UTC), is not in the future.

        :param moment: date or datetime, or either as a string
        """
        text = str(moment)
        if isinstance(moment, datetime) or len(text) > len("2027-01-31"):
            return fields.Datetime.to_datetime(text) <= fields.Datetime.now()
        return fields.Date.to_date(text) <= self.company_id._cycle_today()


def _is_given(value, check):
    try:
        return bool(value and check(value))
    except (TypeError, ValueError):
        return False
