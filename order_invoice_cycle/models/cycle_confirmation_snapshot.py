import hashlib

from odoo import fields, models


class CycleConfirmation(models.Model):
    """Snapshot: what exactly was offered, and the very words that were agreed to."""

    _inherit = "cycle.confirmation"

    terms_json = fields.Text(
        string="Terms offered",
        readonly=True,
        help="The terms as they were when the link was made, as canonical JSON. Its "
        "SHA-256 is the fingerprint of the terms.",
    )
    lang = fields.Char(
        string="Language",
        readonly=True,
        help="Language in which the recipient reads the offer.",
    )
    statement = fields.Text(
        string="Wording agreed to",
        readonly=True,
        help="The words that stood beside the tick, as the customer read them.",
    )
    pdf_id = fields.Many2one(
        "ir.attachment",
        string="PDF as shown",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="The PDF of the offer, made before the link went out.",
    )
    pdf_sha256 = fields.Char(string="PDF SHA-256", readonly=True, copy=False)

    def _archive_pdf(self):
        """Keep the PDF of the offer with each confirmation that has none.

        Rendered once for an offer and a language, whoever it goes to. Of an offer that
        was changed meanwhile there is nothing to render: its link does not go out.
        """
        missing = self.sudo().filtered(lambda one: not one.pdf_id and one._is_current())
        for confirmation in missing:
            twin = confirmation._get_twin_with_pdf() or confirmation
            if not twin.pdf_id:
                twin._render_pdf()
            confirmation.write(
                {"pdf_id": twin.pdf_id.id, "pdf_sha256": twin.pdf_sha256}
            )

    def _get_twin_with_pdf(self):
        """Return a confirmation of the same offer in the same language with a PDF."""
        self.ensure_one()
        return self.order_id.confirmation_ids.filtered(
            lambda other: (
                other.pdf_id
                and other.version == self.version
                and other.terms_hash == self.terms_hash
                and other.lang == self.lang
            )
        )[:1]

    def _render_pdf(self):
        self.ensure_one()
        content, _kind = (
            self.env["ir.actions.report"]
            .with_context(cycle_document_lang=self.lang)
            ._render_qweb_pdf(
                "order_invoice_cycle.action_report_cycle_order", self.order_id.ids
            )
        )
        name = self.with_context(lang=self.lang).env._(
            "%(order)s version %(version)s.pdf",
            order=self.order_id.name,
            version=self.version,
        )
        self.pdf_id = self._archive_file(name, content, "application/pdf")
        self.pdf_sha256 = hashlib.sha256(content).hexdigest()

    def _archive_file(self, name, content, mimetype=None):
        """Keep a file with the confirmation; from then on nobody can change it."""
        self.ensure_one()
        return (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": name,
                    "raw": content,
                    "res_model": self._name,
                    "res_id": self.id,
                    **({"mimetype": mimetype} if mimetype else {}),
                }
            )
        )
