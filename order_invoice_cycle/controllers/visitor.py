"""Who sent the present request, as far as a request can tell."""

import logging

from odoo.http import request

from ..tools.mail import clean_header
from ..tools.network import clean_address, network_of
from .answer import neutral_page

_logger = logging.getLogger(__name__)

PREFETCH = ("prefetch", "preview")


def get_evidence():
    """Return what the request says about who sent it, for the evidence."""
    user = request.env.user
    return {
        "user_id": False if user._is_public() else user.id,
        "ip": clean_address(request.httprequest.remote_addr) or False,
        "user_agent": clean_header(request.httprequest.user_agent.string, limit=300),
    }


def get_network():
    """Return the network the visitor is counted with."""
    return network_of(request.httprequest.remote_addr)


def is_person():
    """Tell whether somebody may be looking: not a HEAD, a prefetch or a preview."""
    headers = request.httprequest.headers
    purpose = f"{headers.get('Sec-Purpose')} {headers.get('Purpose')}".lower()
    return (
        request.httprequest.method != "HEAD"
        and not any(word in purpose for word in PREFETCH)
        and headers.get("Odoo-Link-Preview") != "True"
    )


def is_sent_by_another_site():
    """Tell whether the browser says that another site sent this form."""
    site = request.httprequest.headers.get("Sec-Fetch-Site", "none")
    return site not in ("same-origin", "none")


def missed_page():
    """Return the answer to a link that opens nothing, and count it."""
    network = get_network()
    is_over_limit = request.env["cycle.link.miss"].sudo()._is_over_limit(network)
    _logger.info(
        "A link was not found, asked for from %s%s",
        network,
        ", which has asked too often" if is_over_limit else "",
    )
    return neutral_page(status=429 if is_over_limit else 404)
