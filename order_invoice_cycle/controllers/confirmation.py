"""The page on which a customer reads an offer and answers."""

import re
from typing import NamedTuple

from odoo import http
from odoo.http import content_disposition, request

from ..tools.colour import brand_colours
from . import visitor, visitor_session
from .answer import neutral_page, page, redirect, secure
from .confirmation_form import (
    FORM_LIMIT,
    NAME_LENGTHS,
    TEXT_LIMIT,
    Answer,
    get_code_problem,
)
from .turn import take_turn

FORM_PATH = re.compile(r"/order/review/(\d+)/(accept|comment|decline|code)/?")


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
            return visitor.missed_page()
        if request.httprequest.method == "GET":
            visitor_session.remember(confirmation)
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
        if visit.can_answer and visitor.is_person():
            # A login may read the order no more once it is answered; the page can.
            visitor_session.remember(visit.confirmation)
            visit.confirmation._log_opened(**visitor.get_evidence())
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
        "/order/review/<confirmation_id>/code",
        type="http",
        auth="public",
        methods=["POST"],
        max_content_length=FORM_LIMIT,
        sitemap=False,
    )
    def send_code(self, confirmation_id, **form):
        """Mail the code that a large order is confirmed with; keep what was typed."""
        return self._answer(confirmation_id, Answer.from_form("code", form))

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
            visit.confirmation._log_downloaded(**visitor.get_evidence())
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
        confirmation = visit.confirmation._get_outcome()
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
        was_opened = visitor_session.is_opened(confirmation)
        # In the user's own companies, not in the one that makes the offer.
        order = request.env["sale.order"].browse(confirmation.order_id.id)
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
        if visitor.is_sent_by_another_site():
            return neutral_page(status=400)
        confirmation = visit.confirmation
        seconds = visitor_session.redeem_nonce(confirmation, answer.nonce)
        # From here on nobody else decides, so that what we say is true.
        confirmation._await_turn()
        if confirmation._get_page_state() != "open":
            return self._show_outcome(visit, answer)
        problem = answer.get_problem(
            confirmation.env, seconds, visitor_session.get_min_seconds()
        )
        if problem:
            return self._show(visit, answer=answer, problem=problem, status=422)
        with take_turn():
            result = self._hand_over(confirmation, answer)
        if result == "stale":
            # The tick was for other terms.
            answer = answer._replace(is_authorised=False)
            return self._show(visit, answer=answer, is_stale=True, status=409)
        if result in ("closed", "confirmed"):
            return self._show(visit, answer=answer, is_refused=True, status=409)
        problem = get_code_problem(confirmation.env, result)
        if problem:
            return self._show(visit, answer=answer, problem=problem, status=422)
        if answer.action == "code":
            return self._show(visit, answer=answer, is_code_sent=True)
        return redirect(f"/order/review/{confirmation.id}")

    def _show_outcome(self, visit, answer):
        """Answer somebody who answers a link that waits for no answer any more.

        The same answer again gets what the first one got.
        """
        confirmation = visit.confirmation
        if answer.action == "code" or confirmation._has_answer(
            answer.action, answer.name, answer.text
        ):
            return redirect(f"/order/review/{confirmation.id}")
        is_late = answer.action == "accept" and (
            confirmation._get_page_state() == "confirmed"
        )
        return self._show(
            visit, answer=answer, is_refused=True, status=200 if is_late else 409
        )

    def _show_form_again(self):
        """Return the page for a form that lacks its token, None if it is no form.

        Asked by the HTTP layer, which refused the form before it came to a route.
        """
        match = FORM_PATH.fullmatch(request.httprequest.path)
        visit = match and self._get_visit(match[1])
        if not visit or not visit.can_answer:
            return None
        answer = Answer.from_form(match[2], request.params)
        if visit.confirmation._get_page_state() != "open":
            return self._show_outcome(visit, answer)
        problem = answer.get_form_problem(visit.confirmation.env)
        return self._show(visit, answer=answer, problem=problem, status=400)

    def _hand_over(self, confirmation, answer):
        evidence = visitor.get_evidence()
        if answer.action == "accept":
            return confirmation._confirm(
                answer.terms_hash,
                answer.name,
                note=confirmation._get_statement(),
                code=answer.code,
                **evidence,
            )
        if answer.action == "code":
            return confirmation._ask_for_code()
        take = (
            confirmation._comment
            if answer.action == "comment"
            else confirmation._decline
        )
        return take(answer.terms_hash, answer.name, answer.text, **evidence)

    def _show(self, visit, answer=None, status=200, **notes):
        """Return the page of a link, in its recipient's language.

        :param answer: what was typed, to be shown again
        :param notes: what to say about it: ``problem``, ``is_stale``, ``is_refused``,
            ``is_code_sent``
        """
        confirmation = visit.confirmation
        state = confirmation._get_page_state()
        replacement = confirmation._get_replacement() if state != "open" else None
        if replacement and visit.can_answer and visitor.is_person():
            visitor_session.remember(replacement)
        if state == "open" and visit.can_answer and visitor.is_person():
            notes["form_nonce"] = visitor_session.issue_nonce(confirmation)
        name = confirmation._get_declared_name()
        return self._show_order(
            confirmation.order_id,
            {
                "confirmation": confirmation,
                "state": state,
                "role": visit.role,
                "shows_terms": visit.role == "preview" or confirmation._shows_terms(),
                "replacement": replacement,
                "answer": answer or Answer(action="", name=name),
                "default_name": name,
                "csrf_token": request.csrf_token(),
                **notes,
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


def _is_first_download(visit):
    return visitor.is_person() and visitor_session.is_first_download(visit.confirmation)


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
