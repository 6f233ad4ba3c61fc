import logging
import re
from datetime import timedelta
from unittest.mock import patch

from lxml import html

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..controllers.access_log import MaskLinks
from .confirmation_common import ConfirmationPageCase


@tagged("post_install", "-at_install")
class TestPageLink(ConfirmationPageCase):
    """Who may open the page, and what reading it does."""

    def test_link_leads_to_a_page_without_the_secret_in_its_address(self):
        link = self._get_link(self.anna)
        response = self._get(link, allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.assertURLEqual(response.headers["Location"], self.path)
        page = self._get(self.path)
        self.assertEqual(page.status_code, 200)
        self.assertNotIn(link.rpartition("/")[2], page.text)

    def test_page_shows_what_is_offered(self):
        text = self._get_text(self._open())
        for part in (
            self.order.name,
            "Nowak Sp. z o.o.",
            "1,230.00",
            "230.00",
            "Deposit",
            "on confirmation",
            "369.00",
            "14 days after completion",
            "861.00",
            "Work is done on working days.",
            "I am authorised to place this order for Nowak Sp. z o.o.",
            self.order.terms_hash,
        ):
            self.assertIn(part, text)

    def test_page_and_pdf_show_every_line_that_a_section_hides(self):
        self.order.order_line = [
            Command.create(
                {
                    "display_type": "line_section",
                    "name": "Set-up",
                    "collapse_composition": True,
                    "collapse_prices": True,
                }
            ),
            self._create_line(price=500.0, name="Installation on site"),
        ]
        self._approve(self.order)
        self._send_messages()
        report, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "order_invoice_cycle.action_report_cycle_order", self.order.ids
        )
        for text in (self._get_text(self._open()), report.decode()):
            self.assertIn("Set-up", text)
            self.assertIn("Installation on site", text)
            self.assertIn("500.00", text)

    def test_page_and_pdf_show_each_tax_rate_the_payments_and_the_terms(self):
        self.tax_23.tax_group_id, self.tax_8.tax_group_id = self.env[
            "account.tax.group"
        ].create([{"name": "VAT 23 %"}, {"name": "VAT 8 %"}])
        self.order.order_line = [self._create_line(500.0, self.tax_8, name="Manual")]
        self._approve(self.order)
        self._send_messages()
        report, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "order_invoice_cycle.action_report_cycle_order", self.order.ids
        )
        printed = " ".join(html.fromstring(report).text_content().split())
        for text in (self._get_text(self._open()), printed):
            for part in (
                *("Manual", "1,500.00", "230.00", "40.00", "1,770.00"),
                *("VAT 23 %", "VAT 8 %"),
                *("Deposit", "531.00", "14 days after completion", "1,239.00"),
                "Work is done on working days.",
            ):
                self.assertIn(part, text)

    def test_page_needs_no_script(self):
        page = self._open().text
        self.assertNotIn("<script", page)
        self.assertFalse(re.search(r"\son\w+=", page))
        self.assertFalse(re.search(r"\sstyle=", page))

    def test_page_opens_only_in_the_session_that_opened_the_link(self):
        self._open()
        self._new_session()
        self.assertNeutral(self._get(self.path))
        self.assertNeutral(self._get(f"{self.path}/pdf"))
        traces = self._get_traces()
        self.assertNeutral(self._post("accept"))
        self.assertEqual(self._get_traces(), traces)

    def test_link_of_one_recipient_does_not_open_that_of_another(self):
        self._open(self.anna)
        other = self._get_confirmation(self.piotr)
        self.assertNeutral(self._get(f"/order/review/{other.id}"))

    def test_every_bad_link_gets_the_same_answer(self):
        misses = type(self.env["cycle.link.miss"])
        self.patch(misses, "_is_over_limit", lambda model, network: False)
        token = self._get_link(self.anna).rpartition("/")[2]
        states = {}
        for state in ("revoked", "superseded", "expired"):
            order = self._create_order(partner_id=self.piotr.id)
            self._approve(order)
            self._send_messages()
            states[state] = self._get_link(self.piotr, order).rpartition("/")[2]
            order.confirmation_ids.sudo().state = state
        late = self._create_order(partner_id=self.piotr.id)
        self._approve(late)
        self._send_messages()
        yesterday = fields.Datetime.now() - timedelta(days=1)
        late.confirmation_ids.sudo().date_expiry = yesterday
        paths = [
            *states.values(),
            self._get_link(self.piotr, late).rpartition("/")[2],
            token[:-1],
            token.swapcase(),
            "x" * 43,
            "x" * 5000,
            "a",
            "ż" * 43,
            "%00" * 30,
            "%ED%A0%80" * 20,
            f"{token}/",
            f"{token}/x",
            "?token=" + token,
            f"x?token[]={token}&token={token}",
        ]
        neutral = self._get("/order/confirm")
        self.assertNeutral(neutral)
        for path in paths:
            response = self._get(f"/order/confirm/{path}")
            self.assertEqual(response.status_code, 404, path)
            self.assertEqual(response.content, neutral.content, path)

    def test_review_of_nonsense_is_the_neutral_page(self):
        self._open()
        neutral = self._get("/order/confirm/x").content
        for nonsense in ("0", "-1", "٣", "1e3", "9" * 30, "abc", "1/2", "1/accept/2"):
            response = self._get(f"/order/review/{nonsense}")
            self.assertNeutral(response)
            self.assertEqual(response.content, neutral, nonsense)

    def test_get_only_notes_that_the_page_was_opened_and_once(self):
        before = self._get_traces()
        self._open()
        self.assertEqual(
            self.confirmation.event_ids.mapped("event"), ["sent", "opened"]
        )
        self.assertTrue(self.confirmation.date_viewed)
        after = self._get_traces()
        self.assertEqual(before[:3] + before[4:], after[:3] + after[4:])
        for _repeat in range(3):
            self._get(self.path)
        self.assertEqual(self._get_traces(), after)

    def test_head_and_prefetch_change_nothing(self):
        before = self._get_traces()
        link = self._get_link(self.anna)
        self._get(link, method="HEAD")
        self.assertNeutral(self._get(self.path))
        self._get(link, headers={"Sec-Purpose": "prefetch;prerender"})
        self._get(self.path, method="HEAD")
        self._get(f"{self.path}/pdf", method="HEAD")
        self.assertEqual(self._get_traces(), before)

    def test_forms_refuse_to_be_read(self):
        self._open()
        traces = self._get_traces()
        for action in ("accept", "comment", "decline"):
            response = self._get(f"{self.path}/{action}?name=Anna&authorised=1")
            self.assertNeutral(response)
        self.assertEqual(self._get_traces(), traces)

    @mute_logger("odoo.http")
    def test_every_answer_has_the_headers(self):
        self.assertSecured(self._get("/order/confirm/x"))
        self.assertSecured(self._get("/order/review/x/y/z"))
        link = self._get_link(self.anna)
        self.assertSecured(self._get(link, allow_redirects=False))
        for path in ("", "/pdf", "/certificate", "/accept"):
            self.assertSecured(self._get(self.path + path))
        self.assertSecured(self._post("accept", name=""))
        self.assertSecured(self._post("accept", terms_hash="x"))
        self.assertSecured(self._post("accept", csrf_token=None))
        self.assertSecured(self._post("accept"))
        self.assertSecured(self._get(f"{self.path}/certificate"))

    def test_access_log_hides_the_link(self):
        record = logging.LogRecord(
            "werkzeug",
            logging.INFO,
            "x",
            1,
            '127.0.0.1 - - [x] "%s" %s %s',
            ("GET /pl/order/confirm/abc-DEF_1?x=1 HTTP/1.1", "303", "-"),
            None,
        )
        self.assertTrue(MaskLinks().filter(record))
        self.assertNotIn("abc-DEF_1", record.getMessage())
        self.assertIn("/order/confirm/***?x=1", record.getMessage())
        filters = logging.getLogger("werkzeug").filters
        self.assertTrue(any(isinstance(one, MaskLinks) for one in filters))

    def test_unexpected_error_becomes_a_page_with_a_number(self):
        self._open()
        model = type(self.env["cycle.confirmation"])
        with (
            patch.object(model, "_confirm", side_effect=ValueError("secret")),
            mute_logger("odoo.http"),
            self.assertLogs(
                "odoo.addons.order_invoice_cycle.controllers.answer", "ERROR"
            ) as logs,
        ):
            response = self._post("accept")
        self.assertNeutral(response, 500)
        self.assertNotIn("secret", response.text)
        self.assertNotIn("Traceback", response.text)
        reference = re.search(r"reference (\w{8})", logs.output[0]).group(1)
        self.assertIn(reference, response.text)

    def test_pdf_is_the_archived_one_and_its_download_is_noted_once(self):
        self._open()
        for _repeat in range(2):
            response = self._get(f"{self.path}/pdf")
            self.assertEqual(response.status_code, 200)
            self.assertSecured(response)
            self.assertEqual(response.headers["Content-Type"], "application/pdf")
            self.assertEqual(response.content, self.order.cycle_pdf_id.raw)
        events = self.confirmation.event_ids.mapped("event")
        self.assertEqual(events.count("downloaded"), 1)
