"""What a visitor's browser session remembers: opened links and rendered forms."""

import secrets
import time

from odoo.http import request

OPENED = {
    "cycle.confirmation": "cycle_confirmations",
    "cycle.renewal": "cycle_renewals",
}
DOWNLOADED = "cycle_downloads"
FORMS = "cycle_forms"
LINK_LIMIT = 50
FORM_LIMIT = 10

# Seconds that a person needs at least between a page and its answer.
MIN_SECONDS = 2.0
MIN_SECONDS_PARAMETER = "order_invoice_cycle.min_seconds_to_answer"


def remember(record):
    """Open a link for this browser session.

    :param record: ``cycle.confirmation`` or ``cycle.renewal``
    """
    _add(_opened_key(record), record)


def is_opened(record):
    """Tell whether this browser session opened a link."""
    return record.id in request.session.get(_opened_key(record), ())


def is_first_download(confirmation):
    """Tell whether this session downloads a link's PDF for the first time; note it."""
    if confirmation.id in request.session.get(DOWNLOADED, ()):
        return False
    _add(DOWNLOADED, confirmation)
    return True


def issue_nonce(record):
    """Return a number that lets one form of a link be sent, once, by this session.

    :param record: ``cycle.confirmation`` or ``cycle.renewal``
    """
    link = _form_key(record)
    nonce = secrets.token_urlsafe(16)
    forms = request.session.get(FORMS, {})
    own = {**forms.get(link, {}), nonce: time.time()}
    kept = dict(list(own.items())[-FORM_LIMIT:])
    others = {key: form for key, form in forms.items() if key != link}
    others = dict(list(others.items())[1 - LINK_LIMIT :])
    request.session[FORMS] = {**others, link: kept}
    return nonce


def redeem_nonce(record, nonce):
    """Use up the number of a form.

    :param record: the link that the form belongs to
    :param str nonce: as the form sent it
    :return: how many seconds ago the form was rendered, None for a number that this
        session does not hold, or has used
    """
    forms = request.session.get(FORMS, {})
    link = _form_key(record)
    own = dict(forms.get(link, {}))
    rendered = own.pop(nonce, None)
    if rendered is None:
        return None
    request.session[FORMS] = {**forms, link: own}
    return time.time() - rendered


def get_min_seconds():
    """Return how many seconds have to pass between a page and its answer."""
    parameters = request.env["ir.config_parameter"].sudo()
    try:
        return float(parameters.get_param(MIN_SECONDS_PARAMETER, MIN_SECONDS))
    except ValueError:
        return MIN_SECONDS


def _form_key(record):
    return f"{record._name},{record.id}"


def _opened_key(record):
    return OPENED[record._name]


def _add(key, confirmation):
    """Put a link at the end of a list in the session that does not grow for ever."""
    others = [one for one in request.session.get(key, ()) if one != confirmation.id]
    request.session[key] = [*others, confirmation.id][-LINK_LIMIT:]
