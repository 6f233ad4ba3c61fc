"""How the public pages answer: always with the same headers, never with a trace."""

import logging
import secrets
import uuid

from werkzeug.exceptions import HTTPException

from odoo.http import request
from odoo.modules.module import get_manifest

_logger = logging.getLogger(__name__)

PATHS = ("/order/confirm", "/order/review", "/order/renewal")
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Frame-Options": "DENY",
}
# No scripts at all; the only style that is not a file carries the company's colours.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'none'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'"
)


def is_public_path(path):
    """Tell whether a path belongs to the public pages.

    :param str path: path of a request, with or without a language in front
    """
    return any(
        path.startswith(prefix) or f"{prefix}/" in f"{path}/" for prefix in PATHS
    )


def secure(response, nonce=""):
    """Return ``response`` with the headers that every public answer has.

    :param response: an ``odoo.http.Response``
    :param str nonce: of the page's own style element
    """
    response.headers.update(HEADERS)
    nonce = nonce or secrets.token_urlsafe(16)
    response.headers["Content-Security-Policy"] = CONTENT_POLICY.format(nonce=nonce)
    return response


def page(template, values, lang=None, status=200):
    """Return a rendered page.

    Rendered here and not when the answer is sent, so that an error in a template
    becomes a page as well.

    :param str template: xml id of a QWeb template
    :param dict values: what it shows
    :param str lang: code of the language, the visitor's by default
    :param int status: HTTP status
    """
    nonce = secrets.token_urlsafe(16)
    qweb = request.env["ir.qweb"]
    lang = request.env["res.lang"]._get_data(
        code=lang or request.env.context.get("lang") or "en_US"
    )
    body = qweb.with_context(lang=lang.code or "en_US")._render(
        template,
        {
            "nonce": nonce,
            "html_lang": (lang.code or "en_US").replace("_", "-").partition("@")[0],
            "html_dir": lang.direction or "ltr",
            "asset_version": get_manifest("order_invoice_cycle")["version"],
            **values,
        },
    )
    return secure(request.make_response(str(body), status=status), nonce)


def redirect(path):
    """Return a redirect to one of our own paths, to be fetched by GET."""
    return secure(request.redirect(path, code=303))


def neutral_page(status=404, reference=None):
    """Return the one page that says nothing about why.

    Guessed, expired, revoked, replaced and malformed links get the same bytes.

    :param int status: HTTP status
    :param str reference: number under which the log has the details, if it has any
    """
    return page(
        "order_invoice_cycle.confirmation_neutral",
        {"reference": reference, "is_form_expired": status == 400},
        status=status,
    )


def error_page(error):
    """Return the answer to an exception on a public page.

    What the HTTP layer itself refuses (no such page, wrong method, missing or foreign
    CSRF token, too large) keeps its status. Anything else is logged with a number,
    and the visitor learns only the number.

    :param Exception error: what was raised
    """
    if isinstance(error, HTTPException) and error.code:
        return neutral_page(status=error.code)
    reference = uuid.uuid4().hex[:8]
    _logger.error("Public page failed, reference %s", reference, exc_info=error)
    return neutral_page(status=500, reference=reference)
