"""The page on which a customer reads an offer and answers."""

import ipaddress
from typing import NamedTuple

from odoo import http
from odoo.http import content_disposition, request

from ..tools.colour import brand_colours
from ..tools.mail import clean_header
from .answer import neutral_page, page, redirect, secure
from .confirmation_form import FORM_LIMIT, NAME_LENGTHS, TEXT_LIMIT, Answer

SESSION_OPENED = "cycle_confirmations"
SESSION_DOWNLOADED = "cycle_downloads"
SESSION_LIMIT = 50


class Visit(NamedTuple):
    """Who looks at which link, and as what."""

    confirmation: object
    # The recipient answers; a colleague of theirs reads; staff sees a preview.
    role: str

    @property
    def can_answer(self):
        return self.role == "recipient"


class OrderConfirmation(http.Controller):
    """Routes of the link; reading never changes an order, only POST answers."""

    @http.route(
        "/order/confirm/<path:token>",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
    )
    def open_link(self, token, **_unused):
        """Exchange the secret of the link for a place in the visitor's session."""
        confirmation = request.env["cycle.confirmation"]._find_by_token(token)
        if not confirmation or not confirmation._is_open():
            return neutral_page()
        if request.httprequest.method == "GET":
            _remember(confirmation)
        return redirect(f"/order/review/{confirmation.id}")

    @http.route(
        "/order/review/<confirmation_id>",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
    )
    def review(self, confirmation_id, **_unused):
        """Show the offer with its forms, or what became of it."""
        visit = self._get_visit(confirmation_id)
        if not visit:
            return neutral_page()
        if visit.can_answer and _is_read_by_person():
            visit.confirmation._log_opened(**_get_evidence())
        return self._show(visit)

    @http.route(
        "/order/review/<confirmation_id>/accept",
        type="http",
        auth="public",
        methods=["POST"],
        max_content_length=FORM_LIMIT,
        sitemap=False,
    )
    def accept(self, confirmation_id, **form):
        """Confirm the order."""
        return self._answer(confirmation_id, Answer.from_form("accept", form))

    @http.route(
        "/order/review/<confirmation_id>/comment",
        type="http",
        auth="public",
        methods=["POST"],
        max_content_length=FORM_LIMIT,
        sitemap=False,
    )
    def comment(self, confirmation_id, **form):
        """Send comments instead of confirming."""
        return self._answer(confirmation_id, Answer.from_form("comment", form))

    @http.route(
        "/order/review/<confirmation_id>/decline",
        type="http",
        auth="public",
        methods=["POST"],
        max_content_length=FORM_LIMIT,
        sitemap=False,
    )
    def decline(self, confirmation_id, **form):
        """Decline the offer."""
        return self._answer(confirmation_id, Answer.from_form("decline", form))

    @http.route(
        "/order/review/<confirmation_id>/pdf",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
    )
    def download_pdf(self, confirmation_id, **_unused):
        """Hand out the PDF as it was archived when the link went out."""
        visit = self._get_visit(confirmation_id)
        if not visit or not visit.confirmation._shows_terms():
            return neutral_page()
        attachment = visit.confirmation.pdf_id
        if attachment and visit.can_answer and _is_first_download(visit):
            visit.confirmation._log_downloaded(**_get_evidence())
        return _stream(attachment)

    @http.route(
        "/order/review/<confirmation_id>/certificate",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
    )
    def download_certificate(self, confirmation_id, **parameters):
        """Hand out the certificate of the confirmation, ``?format=json`` for machines.

        Only what was archived: nothing is rendered for a visitor.
        """
        visit = self._get_visit(confirmation_id)
        if not visit or visit.confirmation._get_page_state() != "confirmed":
            return neutral_page()
        confirmation = visit.confirmation.order_id._get_valid_confirmation()
        if parameters.get("format") == "json":
            return _stream(confirmation.certificate_json_id)
        return _stream(confirmation.certificate_id)

    # === STEPS === #

    def _get_visit(self, confirmation_id):
        """Return the visit of the present user to a link, None if not allowed.

        The link opens in the session that opened it. Staff who may read the order
        get a preview, whatever their session opened. Of the customer's own logins,
        the recipient's may answer and the others read.

        :param str confirmation_id: as the visitor sent it
        """
        confirmation = _browse_confirmation(confirmation_id)
        if not confirmation or confirmation._get_page_state() == "closed":
            return None
        user = request.env.user
        was_opened = confirmation.id in request.session.get(SESSION_OPENED, ())
        order = confirmation.order_id.with_user(user)
        can_read = not user._is_public() and order.has_access("read")
        if user._is_internal():
            return Visit(confirmation, "preview") if was_opened or can_read else None
        if was_opened:
            return Visit(confirmation, "recipient")
        if can_read:
            is_recipient = user.partner_id == confirmation.partner_id
            return Visit(confirmation, "recipient" if is_recipient else "colleague")
        return None

    def _answer(self, confirmation_id, answer):
        """Take an answer, or say why not and give back what was typed."""
        visit = self._get_visit(confirmation_id)
        if not visit or not visit.can_answer:
            return neutral_page()
        confirmation = visit.confirmation
        problem = answer.get_problem(confirmation.env)
        if problem:
            return self._show(visit, answer=answer, problem=problem, status=422)
        confirmation._await_turn()
        result = self._hand_over(confirmation, answer)
        if result == "stale":
            return self._show(visit, is_stale=True, status=409)
        return redirect(f"/order/review/{confirmation.id}")

    def _hand_over(self, confirmation, answer):
        evidence = _get_evidence()
        if answer.action == "accept":
            return confirmation._confirm(
                answer.terms_hash,
                answer.name,
                note=confirmation._get_statement(),
                **evidence,
            )
        take = (
            confirmation._comment
            if answer.action == "comment"
            else confirmation._decline
        )
        return take(answer.terms_hash, answer.name, answer.text, **evidence)

    def _show(self, visit, answer=None, problem=None, is_stale=False, status=200):
        """Return the page of a link, in its recipient's language."""
        confirmation = visit.confirmation
        state = confirmation._get_page_state()
        replacement = confirmation._get_replacement() if state == "stale" else None
        if replacement and visit.can_answer and _is_read_by_person():
            _remember(replacement)
        return self._show_order(
            confirmation.order_id,
            {
                "confirmation": confirmation,
                "state": state,
                "role": visit.role,
                "shows_terms": visit.role == "preview" or confirmation._shows_terms(),
                "is_stale": is_stale,
                "replacement": replacement,
                "answer": answer
                or Answer(action="", name=confirmation.partner_id.name or ""),
                "problem": problem,
                "csrf_token": request.csrf_token(),
            },
            status=status,
        )

    def _show_preview(self, order):
        """Return what the customer will see of an order that has no link yet."""
        lang = order.company_id._cycle_lang(order.partner_id)
        return self._show_order(
            order.with_company(order.company_id).with_context(lang=lang),
            {"state": "open", "role": "preview", "shows_terms": True},
        )

    def _show_order(self, order, values, status=200):
        """Return the page of an order, with or without a link."""
        company = order.company_id
        brand, on_brand = brand_colours(company.primary_color)
        return page(
            "order_invoice_cycle.confirmation_page",
            {
                "order": order,
                "confirmation": request.env["cycle.confirmation"],
                "company": company,
                "brand": brand,
                "on_brand": on_brand,
                "name_lengths": NAME_LENGTHS,
                "text_limit": TEXT_LIMIT,
                **values,
            },
            lang=order.env.context.get("lang"),
            status=status,
        )


def _browse_confirmation(confirmation_id):
    """Return the link of an id from a URL, in superuser mode and its language."""
    confirmations = request.env["cycle.confirmation"].sudo()
    text = str(confirmation_id)
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return confirmations
    confirmation = confirmations.browse(int(text)).exists()
    company = confirmation.company_id
    lang = company._cycle_lang(confirmation.partner_id)
    return confirmation.with_company(company).with_context(lang=lang)


def _remember(confirmation):
    """Open the link for this browser session."""
    opened = [
        other
        for other in request.session.get(SESSION_OPENED, ())
        if other != confirmation.id
    ]
    request.session[SESSION_OPENED] = [*opened, confirmation.id][-SESSION_LIMIT:]


def _is_first_download(visit):
    """Tell whether this session downloads the PDF for the first time; note it."""
    downloaded = request.session.get(SESSION_DOWNLOADED, [])
    if not _is_read_by_person() or visit.confirmation.id in downloaded:
        return False
    request.session[SESSION_DOWNLOADED] = [*downloaded, visit.confirmation.id][
        -SESSION_LIMIT:
    ]
    return True


def _is_read_by_person():
    """Tell whether somebody may be looking: not a HEAD, prefetch or preview."""
    headers = request.httprequest.headers
    purpose = headers.get("Sec-Purpose", "") + headers.get("Purpose", "")
    return (
        request.httprequest.method != "HEAD"
        and "prefetch" not in purpose
        and "preview" not in purpose
        and headers.get("Odoo-Link-Preview") != "True"
    )


def _get_evidence():
    """Return what the request says about who sent it."""
    user = request.env.user
    return {
        "user_id": False if user._is_public() else user.id,
        "ip": _get_ip(),
        "user_agent": clean_header(request.httprequest.user_agent.string, limit=300),
    }


def _get_ip():
    try:
        return str(ipaddress.ip_address(request.httprequest.remote_addr or ""))
    except ValueError:
        return False


def _stream(attachment):
    """Return an archived file for download, the neutral page when there is none."""
    if not attachment:
        return neutral_page()
    attachment = attachment.sudo()
    headers = [
        ("Content-Type", attachment.mimetype),
        ("Content-Disposition", content_disposition(attachment.name)),
    ]
    return secure(request.make_response(attachment.raw, headers=headers))
