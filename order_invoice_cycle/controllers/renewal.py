"""The page on which a customer reads about a renewal and may refuse it."""

import re

from odoo import http
from odoo.http import request

from ..tools.colour import brand_colours
from . import visitor, visitor_session
from .answer import neutral_page, page, redirect
from .confirmation_form import FORM_LIMIT, NAME_LENGTHS, TEXT_LIMIT, Answer

FORM_PATH = re.compile(r"/order/renewal/(\d+)/refuse/?")


class OrderRenewal(http.Controller):
    """Routes of a renewal's link; reading changes nothing, only POST refuses."""

    @http.route(
        "/order/renewal/link/<path:token>",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
    )
    def open_link(self, token, **_unused):
        """Exchange the secret of the link for a place in the visitor's session."""
        renewal = request.env["cycle.renewal"]._find_by_token(token)
        if not renewal or renewal._get_page_state(_today(renewal)) == "closed":
            return visitor.missed_page()
        if request.httprequest.method == "GET":
            visitor_session.remember(renewal)
        return redirect(f"/order/renewal/{renewal.id}")

    @http.route(
        "/order/renewal/<renewal_id>",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
    )
    def review(self, renewal_id, **_unused):
        """Show the next term with its price, and the form to refuse it."""
        renewal, may_refuse = _get_visit(renewal_id)
        return _show(renewal, may_refuse) if renewal else neutral_page()

    @http.route(
        "/order/renewal/<renewal_id>/refuse",
        type="http",
        auth="public",
        methods=["POST"],
        max_content_length=FORM_LIMIT,
        sitemap=False,
    )
    def refuse(self, renewal_id, **form):
        """Give notice: the order ends with the present term."""
        renewal, may_refuse = _get_visit(renewal_id)
        if not renewal or not may_refuse:
            return neutral_page()
        if visitor.is_sent_by_another_site():
            return neutral_page(status=400)
        answer = Answer.from_form("refuse", form)
        seconds = visitor_session.redeem_nonce(renewal, answer.nonce)
        problem = answer.get_problem(
            renewal.env, seconds, visitor_session.get_min_seconds()
        )
        if problem and renewal._get_page_state(_today(renewal)) == "open":
            return _show(renewal, may_refuse, answer, problem, status=422)
        evidence = visitor.get_evidence()
        renewal._refuse(answer.name, answer.text, _today(renewal), **evidence)
        return redirect(f"/order/renewal/{renewal.id}")

    def _show_form_again(self):
        """Return the page for a form that lacks its token, None if it is no form.

        Asked by the HTTP layer, which refused the form before it came to the route.
        """
        match = FORM_PATH.fullmatch(request.httprequest.path)
        renewal, may_refuse = _get_visit(match[1]) if match else (None, False)
        if not may_refuse:
            return None
        answer = Answer.from_form("refuse", request.params)
        problem = answer.get_form_problem(renewal.env)
        return _show(renewal, may_refuse, answer, problem, status=400)


def _get_visit(renewal_id):
    """Return (renewal, whether the visitor may refuse); empty when not allowed.

    The link opens in the session that followed it. A login of the customer may
    refuse as well; staff who may read the order only sees the page.

    :param str renewal_id: as the visitor sent it
    """
    renewal = _browse_renewal(renewal_id)
    if not renewal or renewal._get_page_state(_today(renewal)) == "closed":
        return None, False
    user = request.env.user
    is_customer = visitor_session.is_opened(renewal)
    if user._is_internal():
        can_read = renewal.order_id.with_user(user).has_access("read")
        return (renewal, False) if can_read else (None, False)
    if is_customer or renewal._is_customer(user):
        return renewal, True
    return None, False


def _browse_renewal(renewal_id):
    """Return the renewal of an id from a URL, in superuser mode and its language."""
    renewals = request.env["cycle.renewal"].sudo()
    text = str(renewal_id)
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return renewals
    renewal = renewals.browse(int(text)).exists()
    company = renewal.company_id
    lang = company._cycle_lang(renewal.order_id.partner_id)
    return renewal.with_company(company).with_context(lang=lang)


def _today(renewal):
    return renewal.company_id._cycle_today()


def _show(renewal, may_refuse, answer=None, problem=None, status=200):
    """Return the page of a renewal, in the customer's language."""
    order, company = renewal.order_id, renewal.company_id
    brand, on_brand = brand_colours(company.primary_color)
    state = renewal._get_page_state(_today(renewal))
    has_form = state == "open" and may_refuse and visitor.is_person()
    return page(
        "order_invoice_cycle.renewal_page",
        {
            "renewal": renewal,
            "order": order,
            "company": company,
            "state": state,
            "form_nonce": has_form and visitor_session.issue_nonce(renewal),
            "may_refuse": may_refuse,
            "shows_terms": False,
            "brand": brand,
            "on_brand": on_brand,
            "name_lengths": NAME_LENGTHS,
            "text_limit": TEXT_LIMIT,
            "answer": answer or Answer(action="", name=renewal._get_declared_name()),
            "problem": problem,
            "csrf_token": request.csrf_token(),
        },
        lang=renewal.env.context.get("lang"),
        status=status,
    )
