import re

from lxml import etree, html
from markupsafe import escape

from odoo import models
from odoo.tools import html_sanitize

# Class of the part of a note that holds the company's terms.
WRITTEN_OUT = "o_cycle_terms"


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
        if (
            company.terms_type == "html"
            and text
            and re.search(rf"{re.escape(link)}(?![\w-]|[/.]\w)", self.note or "")
            and not _is_written_out(self.note)
        ):
            self.note = _put_in_place_of_link(self.note, link, text)

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


def _put_in_place_of_link(note, link, text):
    """Return ``note`` with ``text`` in the place of a link; what else it says stays.

    :param note: HTML
    :param str link: the address
    :param text: HTML
    """
    root = html.fragment_fromstring(str(note), create_parent="div")
    terms = html.fragment_fromstring(str(text), create_parent="div")
    terms.set("class", WRITTEN_OUT)
    anchor = next((a for a in root.iter("a") if a.get("href") == link), None)
    if anchor is None:
        # Typed as text: it stays, and what it leads to follows.
        root.append(terms)
        return _inner_html(root)
    top = anchor
    while top.getparent() is not root:
        top = top.getparent()
    # The terms are whole paragraphs: they end the one the link is in.
    top.addnext(terms)
    if top is not anchor and anchor.getparent() is top:
        rest = etree.Element(top.tag)
        rest.text, anchor.tail = anchor.tail, None
        rest.extend(list(anchor.itersiblings()))
        terms.addnext(rest)
    anchor.drop_tree()
    return _inner_html(root)


def _is_written_out(note):
    """Tell whether company terms were put into a note; they may name their own page.

    They stay as they were offered first, whatever the company's terms are by now.
    """
    root = html.fragment_fromstring(str(note), create_parent="div")
    return any(WRITTEN_OUT in part.classes for part in root.iter("div"))


def _inner_html(root):
    parts = [html.tostring(child, encoding="unicode") for child in root]
    return "".join([str(escape(root.text or "")), *parts])
