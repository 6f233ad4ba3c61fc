from lxml import etree, html

from odoo import models
from odoo.tools import html_sanitize


class SaleOrder(models.Model):
    """Terms text: the small print that is part of the offer, word for word."""

    _inherit = "sale.order"

    def _write_out_linked_terms(self):
        """Put the company's terms in the place of core's link to them.

        Whoever edits the page behind the link later would change what was agreed,
        and neither the terms' fingerprint nor the PDF would show it.
        """
        self.ensure_one()
        company = self.company_id
        order = self.with_company(company).with_context(
            lang=company._cycle_lang(self.partner_id)
        )
        text = order.company_id.invoice_terms_html
        link = f"{order._get_note_url()}/terms"
        if company.terms_type == "html" and text and link in (self.note or ""):
            self.note = text

    def _get_document_terms_text(self):
        """Return the terms text as HTML without styles and without images.

        Neither the page, whose content policy forbids inline styles, nor the PDF,
        whose renderer would fetch images, may be steered by what the text contains.
        """
        self.ensure_one()
        if not self.note:
            return ""
        root = html.fragment_fromstring(str(self.note), create_parent="div")
        etree.strip_elements(root, "img", "svg", "video", "iframe", with_tail=False)
        return html_sanitize(
            html.tostring(root, encoding="unicode"),
            sanitize_attributes=True,
            strip_style=True,
            strip_classes=True,
        )
