import hashlib
import json
from unittest.mock import patch

from lxml import html

from odoo.fields import Command
from odoo.tools import mute_logger

from ..tools.terms import sha256
from .evidence_common import EvidenceCommon

DELIVERY = "odoo.addons.order_invoice_cycle.models.cycle_message_delivery"


class TestConfirmationSnapshot(EvidenceCommon):
    """What was offered stays readable and provable after the order has moved on."""

    def test_terms_are_kept_when_the_order_changes_afterwards(self):
        order = self._offer()
        link = order.confirmation_ids
        order.order_line.price_unit = 900
        self.env.flush_all()
        self.assertEqual(sha256(link.terms_json), link.terms_hash)
        self.assertEqual(json.loads(link.terms_json)["amount_untaxed"], "1000.00")

    def test_wording_and_language_are_kept_when_the_customer_confirms(self):
        self.env["res.lang"]._activate_lang("pl_PL")
        order = self._offer()
        link = order.confirmation_ids.sudo()
        self.assertEqual(link.lang, "en_US")
        link.with_context(lang="pl_PL")._confirm(
            order.terms_hash, "Jan", note="I order this"
        )
        self.assertEqual(link.statement, "I order this")
        self.assertEqual(link.lang, "pl_PL")

    def test_language_stays_the_customers_when_staff_records_the_confirmation(self):
        self.env["res.lang"]._activate_lang("pl_PL")
        order = self._offer()
        manager = order.with_user(self.user_manager).with_context(lang="pl_PL")
        manager.action_confirm_on_behalf(
            {
                "channel": "phone",
                "name": "Jan Nowak",
                "date": "2026-01-15",
                "reason": "Confirmed by phone",
                "attachment_name": "note.txt",
                "attachment": "Tm90ZQ==",
            }
        )
        confirmed = order.confirmation_ids.filtered(lambda c: c.state == "confirmed")
        self.assertEqual(confirmed.lang, "en_US")

    def test_pdf_is_made_and_hashed_when_the_mail_goes_out(self):
        order = self._approve(self._create_order())
        link = order.confirmation_ids
        self.assertFalse(link.pdf_id)
        self._send_messages()
        self.assertEqual(link.pdf_sha256, hashlib.sha256(link.pdf_id.raw).hexdigest())
        self.assertEqual(
            (link.pdf_id.res_model, link.pdf_id.res_id), (link._name, link.id)
        )
        self.assertEqual(order.cycle_pdf_id, link.pdf_id)
        self.assertKept(link.pdf_id)

    @mute_logger(DELIVERY)
    def test_link_does_not_go_out_without_its_pdf(self):
        order = self._approve(self._create_order())
        link = order.confirmation_ids

        def fail(_link):
            raise OSError("printer gone")

        with patch.object(type(link), "_render_pdf", fail):
            self._send_messages()
        message = self.env["cycle.message"].search(
            [("res_model", "=", link._name), ("res_id", "in", link.ids)]
        )
        self.assertFalse(self.outbox)
        self.assertRecordValues(link, [{"state": "pending", "token_sha256": False}])
        self.assertEqual(message.state, "failed")
        self.assertIn(f"The PDF of {order.name} could not", message.failure_reason)
        message.with_user(self.user_billing).action_send_again()
        self._send_messages()
        self.assertEqual(len(self.outbox), 1)
        self.assertEqual(link.state, "sent")
        sent = link.event_ids.filtered(lambda e: e.event == "sent")
        self.assertTrue(sent.pdf_sha256)
        self.assertEqual(sent.pdf_sha256, link.pdf_sha256)

    def test_order_confirmation_is_printed_when_the_customer_has_confirmed(self):
        report = self.env.ref("order_invoice_cycle.action_report_cycle_order")
        self.assertIn(
            report.id,
            [
                action["id"]
                for action in self.env["ir.actions.actions"]
                .with_user(self.user_sales)
                .get_bindings("sale.order")["report"]
            ],
        )
        order = self._offer()
        self.assertFalse(report.get_valid_action_reports("sale.order", order.ids))
        self._confirm(order, "Jan Nowak")
        self.assertTrue(report.get_valid_action_reports("sale.order", order.ids))
        content, _kind = report.with_user(self.user_sales)._render_qweb_html(
            report.report_name, order.ids
        )
        text = " ".join(html.fromstring(content).text_content().split())
        moment = order.confirmation_ids._format_moment(
            order.confirmation_ids.date_decided
        )
        self.assertIn(f"Confirmed by Jan Nowak on {moment}.", text)
        self.assertIn(order.terms_hash, text)

    def test_pdf_is_shared_by_the_recipients_of_one_language(self):
        self.env["res.lang"]._activate_lang("pl_PL")
        polish = self._create_customer("Anna Nowak", lang="pl_PL")
        contacts = self.customer | self.other_customer | polish
        order = self._offer(confirmation_partner_ids=[Command.set(contacts.ids)])
        links = order.confirmation_ids.grouped("lang")
        self.assertEqual(len(links["en_US"]), 2)
        self.assertEqual(len(links["en_US"].pdf_id), 1)
        self.assertEqual(len(links["pl_PL"].pdf_id), 1)
        self.assertEqual(len(order.confirmation_ids.pdf_id), 2)

    def test_certificate_cannot_be_replaced(self):
        order = self._confirm(self._approve(self._create_order()))
        self._send_messages()
        self.assertKept(order.confirmation_ids.certificate_id)

    def test_other_files_stay_free(self):
        note = self.env["ir.attachment"].create({"name": "n", "raw": b"1"})
        note.write({"raw": b"2", "name": "m"})
        self.assertTrue(note.unlink())


class TestSuperseding(EvidenceCommon):
    """A link ends, with an event, when the terms it offers do."""

    def test_link_is_superseded_when_the_change_of_terms_takes_effect(self):
        order = self._offer()
        order.with_user(self.user_sales).order_line.price_unit = 900
        self.assertEqual(self._events(order), ["sent"])
        self.env.cr.flush()
        self.assertEqual(order.confirmation_ids.state, "superseded")
        self.assertEqual(self._events(order), ["sent", "superseded"])
        self.assertIs(order.confirmation_ids.action_verify(), True)

    def test_link_lives_on_when_the_terms_are_what_they_were(self):
        order = self._offer()
        order.order_line.price_unit = 900
        self.env.flush_all()
        order.order_line.price_unit = 1000
        order.client_order_ref = "PO 7"
        self.env.cr.flush()
        self.assertEqual(order.confirmation_ids.state, "sent")
        self.assertEqual(self._events(order), ["sent"])
