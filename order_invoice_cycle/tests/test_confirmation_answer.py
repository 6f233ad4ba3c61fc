import base64
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .confirmation_common import ConfirmationPageCase


@tagged("post_install", "-at_install")
class TestPageAnswer(ConfirmationPageCase):
    """What the customer's answers do."""

    # === CONFIRM === #

    def test_accept_confirms_the_order_with_its_evidence(self):
        self._open()
        response = self._post("accept", name="  Anna\r\nNowak ")
        self.assertEqual(response.status_code, 303)
        self.assertURLEqual(response.headers["Location"], self.path)
        self.assertRecordValues(
            self.order, [{"state": "sale", "cycle_stage": "confirmed"}]
        )
        self.assertRecordValues(
            self.confirmation,
            [
                {
                    "state": "confirmed",
                    "decided_name": "Anna Nowak",
                    "decided_email": "anna@customer.example",
                    "decided_ip": "127.0.0.1",
                }
            ],
        )
        event = self.confirmation.event_ids.filtered(lambda e: e.event == "confirmed")
        self.assertEqual(
            event.note, "I am authorised to place this order for Nowak Sp. z o.o."
        )
        self.assertTrue(event.sudo().user_agent)
        self.assertFalse(event.user_id)
        self.assertTrue(self.confirmation.action_verify() is True)

    def test_receipt_follows_the_confirmation(self):
        self._open()
        self._post("accept")
        text = self._get_text(self._get(self.path))
        self.assertIn("Thank you, your order is confirmed", text)
        self.assertIn("Confirmed by Anna Nowak on", text)
        self.assertIn("The next payment, 369.00 zł (Deposit)", text)
        self.assertNotIn("Your answer", text)
        self._send_messages()
        receipt = self.outbox[-1]
        self.assertIn("anna@customer.example", receipt["To"])
        names = [part.get_filename() for part in receipt.iter_attachments()]
        self.assertEqual(len(names), 3)
        certificate = self._get(f"{self.path}/certificate")
        self.assertEqual(certificate.status_code, 200)
        self.assertEqual(certificate.content, self.confirmation.certificate_id.raw)
        machines = self._get(f"{self.path}/certificate?format=json")
        self.assertEqual(machines.headers["Content-Type"], "application/json")
        self.assertEqual(machines.json()["head"], self.confirmation.evidence_head)
        text = self._get_text(certificate)
        for part in (self.order.terms_hash, "Anna Nowak", "Link sent", "Page opened"):
            self.assertIn(part, text)
        self.assertNotIn("127.0.0.1", text)

    def test_second_confirmation_is_harmless(self):
        self._open()
        self._post("accept")
        traces = self._get_traces()
        response = self._post("accept")
        self.assertEqual(response.status_code, 303)
        self.assertURLEqual(response.headers["Location"], self.path)
        self.assertEqual(self._get_traces(), traces)
        self.assertIn("Thank you", self._get_text(self._get(self.path)))

    def test_another_answer_after_the_confirmation_is_not_taken(self):
        self._open()
        self._post("accept")
        traces = self._get_traces()
        response = self._post("accept", name="Somebody Else")
        self.assertEqual(response.status_code, 200)
        text = self._get_text(response)
        self.assertIn("Confirmed by Anna Nowak", text)
        self.assertIn("Your answer was not taken", text)
        for action in ("comment", "decline"):
            response = self._post(action, text="Wait, <b>cheaper</b> please")
            self.assertEqual(response.status_code, 409)
            self.assertIn("Wait, &lt;b&gt;cheaper&lt;/b&gt; please", response.text)
        self.assertEqual(self._get_traces(), traces)

    def test_other_recipient_learns_who_was_first(self):
        self._open(self.piotr)
        other_path = f"/order/review/{self._get_confirmation(self.piotr).id}"
        self.confirmation.sudo()._confirm(self.order.terms_hash, "Anna Nowak")
        response = self._post("accept", path=other_path, name="Piotr Nowak")
        self.assertEqual(response.status_code, 200)
        text = self._get_text(response)
        self.assertIn("This order has already been confirmed", text)
        self.assertIn("Confirmed by Anna Nowak", text)
        confirmed = self.order.confirmation_ids.filtered(
            lambda c: c.state == "confirmed"
        )
        self.assertEqual(confirmed, self.confirmation)

    def test_consumer_is_told_of_the_obligation_to_pay(self):
        consumer = self._create_customer("Maria Kowalska", is_company=False)
        order = self._create_order(partner_id=consumer.id)
        self._approve(order)
        self._send_messages()
        text = self._get_text(self._get(self._get_link(consumer, order)))
        self.assertIn("Order with obligation to pay", text)
        self.assertIn("I order the services above", text)

    # === CHANGED OFFERS === #

    def test_changed_offer_is_refused_and_not_shown(self):
        self._open()
        self.order.order_line.price_unit = 987654.0
        response = self._post("accept")
        self.assertEqual(response.status_code, 409)
        text = self._get_text(response)
        self.assertIn("The offer was changed, please review", text)
        self.assertNotIn("987,654", text)
        self.assertNotEqual(self.order.state, "sale")
        self.assertNotIn("987,654", self._get(self.path).text)
        self.assertNeutral(self._get(f"{self.path}/pdf"))

    def test_new_version_is_offered_to_its_recipient(self):
        self._open()
        self.order.order_line.price_unit = 2000.0
        self._approve(self.order)
        self._send_messages()
        text = self._get_text(self._get(self.path))
        self.assertIn("Review the new version", text)
        newer = self._get_confirmation(self.anna)
        self.assertNotEqual(newer, self.confirmation)
        page = self._get(f"/order/review/{newer.id}")
        self.assertIn("2,460.00", self._get_text(page))

    def test_new_version_is_not_offered_to_who_is_no_recipient_any_more(self):
        self._open()
        self.order.order_line.price_unit = 2000.0
        self.order.confirmation_partner_ids = self.piotr
        self._approve(self.order)
        self._send_messages()
        page = self._get(self.path)
        self.assertNotIn("Review the new version", page.text)
        newer = self._get_confirmation(self.piotr)
        self.assertNeutral(self._get(f"/order/review/{newer.id}"))

    def test_form_of_another_version_comes_back_with_the_present_one(self):
        self._open()
        response = self._post("accept", terms_hash="0" * 64)
        self.assertEqual(response.status_code, 409)
        self.assertIn("The offer was changed, please review", response.text)
        self.assertIn(self.order.terms_hash, response.text)
        self.assertNotEqual(self.order.state, "sale")

    def test_revoked_link_cannot_answer(self):
        self._open()
        self.confirmation.action_revoke()
        traces = self._get_traces()
        pages = [self._get(self.path)]
        for action in ("accept", "comment", "decline"):
            pages.append(self._post(action))
        self.assertEqual([page.status_code for page in pages], [200, 409, 409, 409])
        for page in pages:
            self.assertSecured(page)
            self.assertIn("This link was withdrawn", page.text)
            self.assertNotIn("1,230", page.text)
            self.assertNotIn(self.customer.name, page.text)
        self.assertEqual(self._get_traces(), traces)
        self._new_session()
        self.assertNeutral(self._get(self.path))

    def test_withdrawn_link_leads_to_no_other(self):
        """Who opened it may be whom it was withdrawn for."""
        self._open()
        self.confirmation.action_revoke()
        self.order.action_send_confirmation()
        self._send_messages()
        newer = self._get_confirmation(self.anna)
        self.assertNotEqual(newer, self.confirmation)
        self.assertNotIn("Review the new version", self._get(self.path).text)
        self.assertNeutral(self._get(f"/order/review/{newer.id}"))

    def test_link_before_the_withdrawn_one_leads_to_no_other(self):
        self._open()
        for price in (2000.0, 3000.0):
            self.order.order_line.price_unit = price
            self._approve(self.order)
            self._send_messages()
            newer = self._get_confirmation(self.anna)
            if price == 2000.0:
                newer.action_revoke()
        self.assertEqual(newer.state, "sent")
        self.assertNotIn("Review the new version", self._get(self.path).text)
        self.assertNeutral(self._get(f"/order/review/{newer.id}"))

    def test_who_was_taken_off_the_order_learns_nothing_of_what_became_of_it(self):
        self._open()
        self.order.confirmation_partner_ids = self.piotr
        self.order.action_send_confirmation()
        self._send_messages()
        other = self._get_confirmation(self.piotr).sudo()
        self.assertEqual(other._confirm(other.terms_hash, "Piotr"), "done")
        self._send_messages()
        self.assertTrue(other.certificate_id)
        page = self._get(self.path)
        self.assertIn("This link was withdrawn", page.text)
        for secret in ("Piotr", "1,230", self.customer.name):
            self.assertNotIn(secret, page.text)
        for part in ("pdf", "certificate", "certificate?format=json", "pay"):
            self.assertNeutral(self._get(f"{self.path}/{part}"))

    def test_who_was_taken_off_after_the_link_expired_learns_nothing(self):
        self._open()
        later = self.confirmation.sudo().date_expiry + timedelta(days=1)
        self._run_cron("cycle.confirmation", "_cron_nudge_confirmations", now=later)
        self.assertEqual(self.confirmation.state, "expired")
        self.order.confirmation_partner_ids = self.piotr
        self.order.action_send_confirmation()
        self._send_messages()
        other = self._get_confirmation(self.piotr).sudo()
        self.assertEqual(other._confirm(other.terms_hash, "Piotr"), "done")
        page = self._get(self.path)
        self.assertIn("This link was withdrawn", page.text)
        self.assertNotIn("Piotr", page.text)
        for part in ("pdf", "certificate", "pay"):
            self.assertNeutral(self._get(f"{self.path}/{part}"))

    def test_other_recipient_learns_of_a_confirmation_on_behalf(self):
        self._open(self.piotr)
        self._get_confirmation(self.anna).sudo()._comment(
            self.confirmation.terms_hash, "Anna", "One question"
        )
        self._confirm_on_behalf()
        path = f"/order/review/{self._get_confirmation(self.piotr).id}"
        text = self._get_text(self._get(path))
        self.assertIn("Confirmed by Maria", text)

    def test_recipient_of_an_earlier_version_learns_of_a_confirmation_on_behalf(self):
        self._open()
        self.order.company_id.cycle_auto_send_confirmation = False
        self.order.order_line.price_unit = 2000.0
        self._approve(self.order)
        self._confirm_on_behalf()
        text = self._get_text(self._get(self.path))
        self.assertIn("Confirmed by Maria", text)

    def _confirm_on_behalf(self):
        self.order.with_user(self.user_manager).action_confirm_on_behalf(
            {
                "channel": "phone",
                "name": "Maria",
                "date": str(fields.Date.today()),
                "reason": "Called",
                "attachment_name": "call.txt",
                "attachment": base64.b64encode(b"yes"),
            }
        )

    def test_recipient_of_an_earlier_version_learns_who_confirmed(self):
        self.order.confirmation_partner_ids = self.anna | self.piotr
        self.order.action_send_confirmation()
        self._send_messages()
        self._open()
        self.order.order_line.price_unit = 2000.0
        self._approve(self.order)
        self._send_messages()
        other = self._get_confirmation(self.piotr).sudo()
        self.assertEqual(other._confirm(other.terms_hash, "Piotr"), "done")
        page = self._get_text(self._get(self.path))
        self.assertIn("Confirmed by Piotr", page)

    # === COMMENT AND DECLINE === #

    def test_comments_go_to_sales(self):
        self._open()
        comment = '<script>alert(1)</script> & "quotes"\r\n🙂 مرحبا {{ 7*7 }}'
        response = self._post("comment", text=comment)
        self.assertEqual(response.status_code, 303)
        self.assertEqual(self.order.cycle_stage, "changes_requested")
        self.assertEqual(self.confirmation.comment, comment.replace("\r\n", "\n"))
        activity = self.order.activity_ids
        self.assertEqual(activity.user_id, self.user_sales)
        self.assertIn("&lt;script&gt;", activity.note)
        page = self._get(self.path)
        self.assertNotIn("<script>", page.text)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", page.text)
        self.assertIn("Thank you for your comments", page.text)
        self.assertIn("🙂 مرحبا {{ 7*7 }}", self._get_text(page))

    def test_comments_sent_twice_are_taken_once(self):
        self._open()
        self._post("comment", text="First")
        traces = self._get_traces()
        self.assertEqual(self._post("comment", text="First").status_code, 303)
        response = self._post("comment", text="Second")
        self.assertEqual(response.status_code, 409)
        self.assertIn("Second", self._get_text(response))
        self.assertEqual(self._get_traces(), traces)

    def test_decline_closes_the_offer(self):
        self._open()
        self._post("decline", text="Another supplier")
        self.assertRecordValues(
            self.order, [{"state": "cancel", "cycle_stage": "cancelled"}]
        )
        self.assertEqual(self.confirmation.state, "declined")
        text = self._get_text(self._get(self.path))
        self.assertIn("You declined this offer", text)
        self.assertIn("Another supplier", text)
        self.assertNeutral(self._get(self._get_link(self.piotr)))

    # === BAD INPUT === #

    def _check_refused(self, action, sentence, typed=None, **form):
        traces = self._get_traces()
        response = self._post(action, **form)
        self.assertEqual(response.status_code, 422, form)
        self.assertSecured(response)
        text = self._get_text(response)
        self.assertIn("Your answer was not sent.", text)
        self.assertIn(sentence, text)
        if typed:
            self.assertIn(typed, response.text)
        self.assertEqual(self._get_traces(), traces)

    def test_bad_names_come_back_with_what_was_typed(self):
        self._open()
        sentence = "Please give your name"
        for name in ("", " ", "A", "12", "\x00\x01", "A" * 101, "\ufffd", None):
            self._check_refused("accept", sentence, name=name)
        self._check_refused("accept", sentence, name="A" * 3000, typed="A" * 3000)
        self._check_refused(
            "accept", sentence, name="<b>Anna</b>", typed="&lt;b&gt;Anna&lt;/b&gt;"
        )

    def test_odd_but_honest_names_are_taken(self):
        self._open()
        self._post(
            "accept", name="O’Néill-Żółć \x00 李\x07 \ud800".encode(errors="replace")
        )
        self.assertEqual(self.order.state, "sale")
        self.assertEqual(self.confirmation.decided_name, "O’Néill-Żółć 李 ?")

    def test_missing_tick_and_text_come_back(self):
        self._open()
        self._check_refused("accept", "Please tick the box", authorised=None)
        self._check_refused("comment", "Please write what should be changed.", text=" ")
        self._check_refused("decline", "Please give the reason", text="\x00")
        long = "ż" * 2001
        self._check_refused("comment", "it has 2001", text=long, typed=long)

    def test_robot_that_fills_every_field_is_refused(self):
        self._open()
        self._check_refused("accept", "empty", website="https://spam.example")

    def test_wrong_types_are_no_answer(self):
        self._open()
        traces = self._get_traces()
        files = {
            key: ("x.txt", b"Anna Nowak") for key in ("name", "terms_hash", "text")
        }
        for action in ("accept", "comment", "decline"):
            response = self._get(
                f"{self.path}/{action}",
                data={"csrf_token": self._get_csrf_token(), "authorised": "1"},
                files=files,
            )
            self.assertEqual(response.status_code, 422)
        self.assertEqual(self._get_traces(), traces)

    def test_huge_form_is_refused(self):
        self._open()
        traces = self._get_traces()
        response = self._post("comment", text="x" * 200_000)
        self.assertIn(response.status_code, (400, 413))
        self.assertSecured(response)
        self.assertEqual(self._get_traces(), traces)
