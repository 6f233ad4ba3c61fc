from odoo import fields, models


class CycleConfirmation(models.Model):
    """Certificate: one page that says who confirmed which terms, how and when."""

    _inherit = "cycle.confirmation"

    certificate_id = fields.Many2one(
        "ir.attachment", readonly=True, copy=False, ondelete="restrict"
    )

    def _archive_certificate(self):
        """Keep the certificate of each confirmation; render it only once."""
        for confirmation in self:
            if confirmation.state != "confirmed" or confirmation.certificate_id:
                continue
            content, _kind = (
                self.env["ir.actions.report"]
                .sudo()
                ._render_qweb_pdf(
                    "order_invoice_cycle.action_report_cycle_certificate",
                    confirmation.ids,
                )
            )
            confirmation.sudo().certificate_id = confirmation._archive_file(
                confirmation._get_report_base_filename() + ".pdf",
                content,
                "application/pdf",
            )

    def _get_report_base_filename(self):
        self.ensure_one()
        return self.env._("%(order)s certificate", order=self.order_id.name)

    def _get_certificate_events(self):
        """Return the evidence of the order, oldest first, in superuser mode."""
        self.ensure_one()
        return self.sudo().order_id.confirmation_ids.event_ids.sorted("sequence")

    def _get_agreed_statement(self):
        """Return the words the customer agreed to, as the evidence has them."""
        self.ensure_one()
        self_sudo = self.sudo()
        confirmed = self_sudo.event_ids.filtered(lambda e: e.event == "confirmed")
        return self.statement or confirmed[:1].note

    def _get_evidence_hash(self):
        """Return the hash of the order's last event: it stands for all before it."""
        return self._get_certificate_events()[-1:].hash

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        super()._cycle_message_documents(message)
        self._archive_certificate()

    def _cycle_message_attachments(self, message):
        attachments = super()._cycle_message_attachments(message)
        if message.purpose == "receipt":
            # Made already, unless rendering failed then: no receipt without it.
            self._archive_certificate()
            attachments |= self.certificate_id
        return attachments
