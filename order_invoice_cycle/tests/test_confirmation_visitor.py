import logging
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import config

from ..tools.network import clean_address
from .confirmation_common import ConfirmationPageCase

_logger = logging.getLogger(__name__)

# What a visitor says the address of theirs is, and what the host of ours.
FORWARDED = (
    "203.0.113.7",
    "203.0.113.7, 198.51.100.1",
    "2001:db8::7",
    "::ffff:203.0.113.7",
    "fe80::1%<script>alert(1)</script>",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "127.0.0.1",
    "localhost",
    "999.999.999.999",
    "203.0.113.7:8080",
    "[2001:db8::7]:443",
    "1" * 3000,
    "0x7f.1",
    "2130706433",
    "unknown",
    "",
    ",,,",
    "{{ 7 * 7 }}",
    "203.0.113.7\t",
)
HOSTS = ("evil.example", "evil.example:8069", "user@evil.example", "127.0.0.1")
# What the reverse proxy in front of Odoo is set up for.
MODES = {
    "proxy_mode off": (False, True),
    "proxy_mode on without X-Forwarded-Host": (True, False),
    "proxy_mode on": (True, True),
}


@tagged("post_install", "-at_install")
class TestVisitor(ConfirmationPageCase):
    """What a visitor says of themselves or of us is not believed."""

    def test_forged_addresses_and_hosts_end_neither_in_evidence_nor_in_links(self):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("web.base.url.freeze", "True")
        traces = self.env["cycle.confirmation.trace"].sudo()
        stored = {}
        for mode, (is_trusted, has_host) in MODES.items():
            with patch.dict(config.options, {"proxy_mode": is_trusted}):
                for number, address in enumerate(FORWARDED):
                    host = HOSTS[number % len(HOSTS)]
                    headers = {
                        "X-Forwarded-For": address.strip(),
                        "X-Forwarded-Proto": "https",
                        "Forwarded": f"for={clean_address(address)};host={host}",
                        **({"X-Forwarded-Host": host} if has_host else {}),
                    }
                    before = traces.search([])
                    self._look_at_pdf(headers, host)
                    new = traces.search([]) - before
                    self.assertTrue(new, f"{mode}: {address} left no trace")
                    for trace in new:
                        self.assertEqual(clean_address(trace.ip), trace.ip or "")
                        self.assertLessEqual(len(trace.ip or ""), 45)
                        stored.setdefault(mode, set()).add(trace.ip or "")
        # A proxy that is not trusted says nothing, one that is tells the visitor's.
        self.assertEqual(stored.pop("proxy_mode on") >= {"203.0.113.7", ""}, True)
        self.assertEqual(list(stored.values()), [{"127.0.0.1"}] * 2)
        _logger.info(
            "%s forged addresses in %s proxy modes: every stored one valid or empty",
            len(FORWARDED),
            len(MODES),
        )

    def _look_at_pdf(self, headers, host):
        """Open the link and its PDF in a new session; the host is in no answer."""
        self._new_session()
        for path in (self._get_link(self.anna), f"{self.path}/pdf"):
            response = self._get(path, headers=headers, allow_redirects=False)
            self.assertLess(response.status_code, 400)
            if "evil" in host:
                self.assertNotIn("evil", f"{response.headers}")
                self.assertNotIn("evil", response.text)

    def test_links_in_mails_have_the_configured_host_whoever_asked(self):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("web.base.url.freeze", "True")
        parameters.set_param("web.base.url", "https://orders.service.example")
        asked = 0
        for mode, (is_trusted, has_host) in MODES.items():
            with patch.dict(config.options, {"proxy_mode": is_trusted}):
                for number, address in enumerate(FORWARDED):
                    host = HOSTS[number % len(HOSTS)]
                    headers = {"Host": host, "X-Forwarded-For": address.strip()}
                    if has_host:
                        headers["X-Forwarded-Host"] = host
                    self._new_session()
                    self.url_open("/web/login", headers=headers)
                    if number < len(HOSTS):
                        # It is the administrator whom core asks for the host.
                        self.authenticate("admin", "admin")
                        self.url_open("/odoo", headers=headers)
                    asked += 1
            with self.subTest(mode):
                self._check_host_of_the_next_link()
        _logger.info(
            "%s forged sets of headers in %s proxy modes: every link has our host",
            asked,
            len(MODES),
        )

    def _check_host_of_the_next_link(self):
        """A link that goes out now has the host that is configured."""
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url")
        self.assertEqual(base, "https://orders.service.example")
        self.outbox.clear()
        order = self._create_order(
            partner_id=self.anna.id, validity_date=fields.Date.today()
        )
        self._approve(order)
        self._send_messages()
        body = self.outbox[-1].get_body(("html",)).get_content()
        self.assertIn('href="https://orders.service.example/order/confirm/', body)
        self.assertNotIn("evil.example", body)
