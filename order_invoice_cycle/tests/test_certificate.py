import io
import json
from unittest.mock import patch

from lxml import html

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import mute_logger
from odoo.tools.pdf import PdfFileReader

from ..models.cycle_confirmation_certificate import ARCHIVING
from ..tools.terms import sha256
from .evidence_common import EvidenceCommon

REPORT = "order_invoice_cycle.action_report_cycle_certificate"


class TestCertificate(EvidenceCommon):
    """One page for people, one file for machines: all that is needed in a dispute."""

    def _certify(self, confirmation):
        self._send_messages()
        self.assertTrue(confirmation.certificate_id)
        return confirmation

    def _get_text(self, confirmation):
        report = self.env["ir.actions.report"].with_context(cycle_archiving=ARCHIVING)
        content, _kind = report._render_qweb_html(REPORT, confirmation.ids)
        root = html.fromstring(content)
        return " ".join(root.text_content().split())

    def _render(self, confirmation):
        """Return the real PDF, which tests do not make by themselves."""
        report = self.env["ir.actions.report"].with_context(
            force_report_rendering=True, cycle_archiving=ARCHIVING
        )
        with self.allow_pdf_render():
            return report._render_qweb_pdf(REPORT, confirmation.ids)[0]

    def test_certificate_says_who_approved_sent_opened_and_confirmed(self):
        confirmation = self._certify(self._create_chain())
        text = self._get_text(confirmation)
        approval = confirmation.order_id.approval_ids
        for part in (
            self.company.name,
            self.customer.name,
            "1 × Support",
            "Payment after the service has been completed.",
            self.user_approver.name,
            str(approval.date_decided),
            "Jan, by the link sent to nowak@customer.example",
            f"{confirmation.date_decided} UTC",
            "I order this",
            "English (US)",
            confirmation.terms_hash,
            confirmation.pdf_sha256,
            confirmation.evidence_head,
            "Link sent",
            "Page opened",
            "erased 180 days after",
        ):
            self.assertIn(part, text)
        self.assertNotIn(" ,", text)
        self.assertNotIn("192.0.2.", text)

    def test_machines_can_compute_all_fingerprints_again(self):
        confirmation = self._certify(self._create_chain())
        data = json.loads(confirmation.certificate_json_id.raw)
        self.assertEqual(sha256(data["terms_json"]), data["terms_sha256"])
        self.assertEqual(data["terms_sha256"], confirmation.terms_hash)
        previous = ""
        for event in data["events"]:
            self.assertEqual(event["previous_hash"], previous)
            previous = sha256(f"{previous}\n{event['content']}")
            self.assertEqual(event["hash"], previous)
        self.assertEqual(data["head"], previous)
        self.assertEqual(data["confirmation"]["statement"], "I order this")
        self.assertEqual(data["confirmation"]["name"], "Jan")
        self.assertEqual(data["approvals"][0]["decided_by"], self.user_approver.name)
        contents = [json.loads(event["content"]) for event in data["events"]]
        self.assertEqual(
            [content["event"] for content in contents], ["sent", "opened", "confirmed"]
        )
        self.assertNotIn(b"192.0.2.", confirmation.certificate_json_id.raw)

    def test_certificate_stays_what_it_was_when_events_follow(self):
        confirmation = self._certify(self._create_chain())
        head = confirmation.evidence_head
        confirmation._log_downloaded(ip="192.0.2.7")
        self.assertEqual(confirmation._get_evidence_hash(), head)
        self.assertNotIn("PDF downloaded", self._get_text(confirmation))
        self.assertIs(confirmation.action_verify(), True)

    def test_certificate_is_printed_as_it_was_archived(self):
        confirmation = self._certify(self._create_chain())
        archived = confirmation.certificate_id.raw
        order = confirmation.order_id
        order._action_cancel()
        order.action_draft()
        order.order_line.name = "Something else"
        report = self.env["ir.actions.report"].with_user(self.user_manager)
        content, kind = report._render_qweb_pdf(REPORT, confirmation.ids)
        self.assertEqual((content, kind), (archived, "pdf"))
        for render in (report._render_qweb_html, report._render_qweb_text):
            with self.assertRaisesRegex(UserError, "is archived as PDF"):
                render(REPORT, confirmation.ids)
        bindings = self.env["ir.actions.actions"].get_bindings(confirmation._name)
        self.assertFalse(bindings.get("report"))

    def test_certificate_is_made_before_the_terms_it_tells_of_are_changed(self):
        def offer_again(order):
            order._action_cancel()
            order.action_draft()
            return order

        def amend(order):
            return order.browse(order.action_amend()["res_id"])

        for change in (offer_again, amend):
            with self.subTest(change.__name__):
                confirmation = self._create_chain()
                self.assertFalse(confirmation.certificate_id)
                other = change(confirmation.order_id)
                self.assertTrue(confirmation.certificate_id)
                other.order_line.price_unit = 5.0
                data = json.loads(confirmation.certificate_json_id.raw)
                self.assertIn("1,230.00", data["total"])

    @mute_logger("odoo.addons.order_invoice_cycle.models.cycle_job_mixin")
    def test_order_is_amended_when_its_certificate_cannot_be_made(self):
        confirmation = self._create_chain()
        reports = type(self.env["ir.actions.report"])
        with patch.object(reports, "_render_qweb_pdf", side_effect=OSError("gone")):
            action = confirmation.order_id.action_amend()
        self.assertTrue(action["res_id"])
        self.assertFalse(confirmation.certificate_id)

    def test_no_certificate_is_made_from_terms_that_changed(self):
        confirmation = self._create_chain()
        confirmation.order_id.terms_version += 1
        confirmation._archive_missing_certificates()
        self.assertFalse(confirmation.certificate_id)

    def test_certificate_is_not_printed_before_there_is_one(self):
        link = self._offer().confirmation_ids
        report = self.env["ir.actions.report"].with_user(self.user_manager)
        with self.assertRaisesRegex(UserError, "There is no certificate of order"):
            report._render_qweb_pdf(REPORT, link.ids)

    def test_receipt_names_the_fingerprint_of_the_certificate(self):
        confirmation = self._certify(self._create_chain())
        body = self.outbox[-1].get_body(("html",)).get_content()
        self.assertIn(confirmation.evidence_head, body)

    def test_certificate_goes_to_nobody_who_has_left(self):
        confirmation = self._create_chain()
        left = self.user_sales.copy({"login": "left", "email": "left@private.example"})
        confirmation.order_id.user_id = left
        left.active = False
        self._certify(confirmation)
        (message,) = confirmation.order_id.message_ids.filtered(
            lambda message: confirmation.certificate_id in message.attachment_ids
        )
        self.assertNotIn(left.partner_id, message.notified_partner_ids)
        self.assertTrue(message.notified_partner_ids.user_ids.filtered("active"))

    def test_receipt_that_is_sent_late_names_no_price_of_a_later_offer(self):
        confirmation = self._certify(self._create_chain())
        order = confirmation.order_id
        order._action_cancel()
        order.action_draft()
        order.order_line.price_unit = 500.0
        self.outbox.clear()
        confirmation._send_receipt()
        self._send_messages()
        (receipt,) = self.outbox
        text = receipt.get_body(("html",)).get_content()
        self.assertIn(order.name, text)
        for part in ("615.00", "1,230.00", "next payment"):
            self.assertNotIn(part, text)
        self.assertEqual(len(list(receipt.iter_attachments())), 3)

    @mute_logger("odoo.addons.order_invoice_cycle.models.cycle_message_delivery")
    @mute_logger("odoo.addons.order_invoice_cycle.models.cycle_job_mixin")
    def test_receipt_does_not_go_out_without_the_certificate_it_names(self):
        confirmation = self._create_chain()
        self.env["cycle.message"].search([("state", "=", "queued")]).action_cancel()
        confirmation.order_id.terms_version += 1
        self.outbox.clear()
        confirmation._send_receipt()
        self._send_messages()
        self.assertFalse(self.outbox)
        message = self.env["cycle.message"].search(
            [("purpose", "=", "receipt")], order="id desc", limit=1
        )
        self.assertEqual(message.state, "failed")
        self.assertIn("The certificate of order", message.failure_reason)

    def test_certificate_is_one_page_when_everything_is_long(self):
        self.customer.name = "Przedsiębiorstwo " + "Usługowo-Handlowe " * 8
        self.customer.street = "Aleja Generała Władysława Andersa " * 3
        contacts = self.customer | self.other_customer
        order = self._offer(
            plan="instalments_12",
            confirmation_partner_ids=[Command.set(contacts.ids)],
            lines=[self._create_line(name="Maintenance " * 30) for _line in range(9)],
        )
        for link in order.confirmation_ids.sudo():
            link._set_viewed(ip="192.0.2.7", user_agent="T")
            for _time in range(8):
                link._log_downloaded(ip="192.0.2.7")
        name = "Konstantynopolitańczykowianeczka " * 3
        link = order.confirmation_ids[0].sudo()
        link._confirm(order.terms_hash, name, note=link._get_statement())
        self.assertEqual(link._get_certificate_text_size(), 11)
        pages = PdfFileReader(io.BytesIO(self._render(link))).pages
        self.assertEqual(len(pages), 1)
        text = self._get_text(link)
        self.assertIn("more, in the certificate for machines", text)
        self.assertIn("6 more", text)

    def test_certificate_is_one_page_in_large_text_when_it_is_short(self):
        confirmation = self._create_chain()
        self.assertEqual(confirmation._get_certificate_text_size(), 14)
        pages = PdfFileReader(io.BytesIO(self._render(confirmation))).pages
        self.assertEqual(len(pages), 1)

    def test_certificate_says_when_the_supplier_recorded_the_confirmation(self):
        order = self._offer()
        order.with_user(self.user_manager).action_confirm_on_behalf(
            {
                "channel": "paper",
                "name": "Anna Nowak",
                "date": "2026-01-15",
                "reason": "Signed the paper",
                "attachment_name": "signed.pdf",
                "attachment": "JVBERi0=",
            }
        )
        confirmation = order.confirmation_ids.filtered(lambda c: c.channel == "paper")
        text = self._get_text(confirmation)
        for part in (
            "recorded by the supplier on behalf of the customer (Paper)",
            "reason: Signed the paper",
            "proof: signed.pdf sha256",
        ):
            self.assertIn(part, text)
