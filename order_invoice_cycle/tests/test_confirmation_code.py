import re
from datetime import timedelta

from psycopg2.errors import CheckViolation

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.cycle_confirmation_certificate import ARCHIVING
from .confirmation_common import ConfirmationPageCase


@tagged("post_install", "-at_install")
class TestConfirmationCode(ConfirmationPageCase):
    """A large order is confirmed with a code from the recipient's mailbox."""

    def setUp(self):
        super().setUp()
        self.company.cycle_code_amount = self.order.amount_total
        self.link = self.confirmation.sudo()
        self._open()

    def _ask(self, **form):
        """Ask for a code as the page does."""
        return self._post("code", **{"authorised": "1", **form})

    def _ask_and_read(self):
        """Ask for a code; return it, from the mail."""
        self.assertEqual(self._ask().status_code, 200)
        self._send_messages()
        body = self.outbox[-1].get_body(("html",)).get_content()
        return re.search(r">(\d{3} \d{3})<", body)[1]

    def _wait(self, **duration):
        """Let time pass for the codes that were asked for."""
        for code in self.link.code_ids:
            code.date_asked -= timedelta(**duration)
            if code.date_expiry:
                code.date_expiry -= timedelta(**duration)

    def _get_wrong(self, code):
        return f"{(int(code.replace(' ', '')) + 1) % 10**6:06d}"

    def _get_events(self):
        return self.order.confirmation_ids.event_ids.sorted("sequence").mapped("event")

    # === WHETHER === #

    def test_order_below_the_amount_is_confirmed_without_a_code(self):
        self.company.cycle_code_amount = self.order.amount_total + 0.01
        self.assertNotIn("Send me a code", self._get(self.path).text)
        self._post("accept")
        self.assertEqual(self.order.state, "sale")
        self.assertFalse(self.link.code_ids)

    def test_amount_counts_in_the_currency_of_the_company(self):
        self.company.cycle_code_amount = 1000.0
        self.assertTrue(self.link._needs_code())
        rate = self.order.amount_total / 999.99
        self.env.cr.execute(
            "UPDATE sale_order SET currency_rate = %s WHERE id = %s",
            [rate, self.order.id],
        )
        self.env.invalidate_all()
        self.assertFalse(self.link._needs_code())

    def test_negative_amount_is_refused(self):
        with (
            self.assertRaises(CheckViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.company.cycle_code_amount = -1
            self.company.flush_recordset()

    # === THE WAY THROUGH === #

    def test_order_is_confirmed_with_the_code_from_the_mail(self):
        self.assertIn("Send me a code", self._get(self.path).text)
        code = self._ask_and_read()
        message = self.outbox[-1]
        self.assertIn(self.anna.email, message["To"])
        self.assertNotIn(code, message["Subject"])
        response = self._post("accept", code=code)
        self.assertEqual(response.status_code, 303)
        self.assertEqual(self.order.state, "sale")
        self.assertEqual(
            self._get_events()[-3:], ["code_sent", "code_entered", "confirmed"]
        )
        self.assertIs(self.confirmation.action_verify(), True)

    def test_code_is_kept_nowhere(self):
        code = self._ask_and_read()
        message = self.env["cycle.message"].search([("purpose", "=", "code")])
        self.assertEqual(message.state, "sent")
        self.assertIn("…", message.body)
        for text in (message.body, message.subject, self.link.code_ids.code_hash):
            self.assertNotIn(code, text)
            self.assertNotIn(code.replace(" ", ""), text)

    def test_code_is_taken_with_and_without_blanks(self):
        code = self._ask_and_read()
        self._post("accept", code=f" {code.replace(' ', '')} ")
        self.assertEqual(self.order.state, "sale")

    def test_what_was_typed_is_kept_while_the_code_is_on_its_way(self):
        response = self._ask(name="Anna & Co", authorised="1")
        self.assertSecured(response)
        self.assertIn('value="Anna &amp; Co"', response.text)
        self.assertRegex(response.text, r'name="authorised"[^>]*checked')
        self.assertIn("We are sending a code to a***@", self._get_text(response))
        self.assertIn('autocomplete="one-time-code"', response.text)

    def test_certificate_says_that_the_code_was_entered(self):
        code = self._ask_and_read()
        self._post("accept", code=code)
        entered = self.link.event_ids.filtered(lambda e: e.event == "code_entered")
        data = self.link._get_certificate_data()["confirmation"]
        self.assertEqual(data["code_entered_utc"], f"{entered.date:%Y-%m-%dT%H:%M:%SZ}")
        report = self.env["ir.actions.report"].with_context(cycle_archiving=ARCHIVING)
        content, _kind = report._render_qweb_html(
            "order_invoice_cycle.action_report_cycle_certificate", self.link.ids
        )
        self.assertIn(b"entered the code that had been sent to", content)

    def test_comments_need_no_code(self):
        self._post("comment")
        self.assertEqual(self.order.cycle_stage, "changes_requested")

    # === WITHOUT IT === #

    def _check_refused(self, response, text):
        self.assertEqual(response.status_code, 422)
        self.assertSecured(response)
        self.assertIn(text, self._get_text(response))
        self.assertNotEqual(self.order.state, "sale")

    def test_order_is_not_confirmed_without_a_code(self):
        self._check_refused(self._post("accept"), "Please enter the code")
        self._ask_and_read()
        for nothing in ("", " ", None):
            with self.subTest(nothing):
                response = self._post("accept", code=nothing)
                self._check_refused(response, "Please enter the code")
        self.assertEqual(self.link.code_ids.wrong_entries, 0)

    def test_method_itself_asks_for_the_code(self):
        result = self.link._confirm(self.order.terms_hash, "Anna Nowak")
        self.assertEqual(result, "code_missing")
        self.assertNotEqual(self.order.state, "sale")

    def test_wrong_codes_are_counted_and_noted(self):
        code = self._ask_and_read()
        for wrong in (self._get_wrong(code), "abc", "٣٣٣٣٣٣", "x" * 5000):
            response = self._post("accept", code=wrong)
            self._check_refused(response, "This is not the code")
        self.assertEqual(self.link.code_ids.wrong_entries, 4)
        self.assertEqual(self._get_events()[-4:], ["code_refused"] * 4)
        self._post("accept", code=code)
        self.assertEqual(self.order.state, "sale")

    def test_fifth_wrong_entry_makes_the_code_void(self):
        code = self._ask_and_read()
        for _attempt in range(4):
            self._post("accept", code=self._get_wrong(code))
        response = self._post("accept", code=self._get_wrong(code))
        self._check_refused(response, "This code is no longer valid")
        self.assertIn("Send me a code", response.text)
        self._check_refused(self._post("accept", code=code), "no longer valid")

    def test_code_is_void_after_a_quarter_of_an_hour(self):
        code = self._ask_and_read()
        self._wait(minutes=16)
        self._check_refused(self._post("accept", code=code), "no longer valid")

    def test_code_that_is_not_sent_yet_cannot_be_guessed(self):
        self._ask()
        self._check_refused(self._post("accept", code="000000"), "not the code")

    def test_only_the_latest_code_counts(self):
        first = self._ask_and_read()
        self._wait(minutes=2)
        second = self._ask_and_read()
        self.assertNotEqual(first, second)
        self._check_refused(self._post("accept", code=first), "not the code")
        self._post("accept", code=second)
        self.assertEqual(self.order.state, "sale")

    def test_code_of_another_link_does_not_count(self):
        code = self._ask_and_read()
        other = self._get_confirmation(self.piotr).sudo()
        terms = self.order.terms_hash
        self.assertEqual(other._confirm(terms, "Piotr", code=code), "code_missing")
        other._ask_for_code()
        self._send_messages()
        self.assertEqual(other._confirm(terms, "Piotr", code=code), "code_wrong")

    def test_right_code_does_not_confirm_changed_terms(self):
        code = self._ask_and_read()
        nonce = self._get_nonce()
        self.order.order_line.price_unit = 2000.0
        response = self._post("accept", code=code, nonce=nonce)
        self.assertEqual(response.status_code, 409)
        self.assertNotEqual(self.order.state, "sale")

    # === ASKING === #

    def test_codes_are_not_sent_twice_within_a_minute(self):
        self._ask_and_read()
        response = self._ask()
        self.assertEqual(response.status_code, 422)
        self.assertIn("A code is on its way", self._get_text(response))
        self.assertEqual(len(self.link.code_ids), 1)

    def test_tenth_code_of_a_link_is_the_last(self):
        for _code in range(10):
            self._wait(minutes=2)
            self.assertFalse(self.link._ask_for_code())
        self._wait(minutes=2)
        response = self._ask()
        self.assertEqual(response.status_code, 422)
        self.assertIn("No more codes can be sent", self._get_text(response))
        self.order.action_send_confirmation()
        self._send_messages()
        self.assertFalse(self.link.code_ids)

    def test_nobody_is_mailed_a_code_that_is_not_asked_for(self):
        self.company.cycle_code_amount = 0
        self._ask()
        self.assertFalse(self.link.code_ids)
        self._new_session()
        self.company.cycle_code_amount = 1
        self.assertNeutral(self._ask())
        self.assertFalse(self.link.code_ids)

    def test_asking_after_the_answer_leads_to_the_receipt(self):
        self._get_confirmation(self.piotr).sudo()._comment(
            self.order.terms_hash, "Piotr", "Cheaper"
        )
        nonce = self._get_nonce() or "x"
        response = self._ask(nonce=nonce)
        self.assertEqual(response.status_code, 303)
        self.assertFalse(self.link.code_ids)

    def test_code_goes_out_before_what_nobody_waits_for(self):
        queue = self.env["cycle.message"]
        self.link._send()
        self._ask()
        waiting = queue.search([("state", "=", "queued")], order="is_urgent desc, id")
        self.assertEqual(waiting[0].purpose, "code")
        self._send_messages()
        newest = [message["Subject"] for message in self.outbox[-2:]]
        self.assertIn("your code for", newest[0])

    def test_code_that_does_not_arrive_is_told(self):
        self._ask()
        message = self.env["cycle.message"].search([("purpose", "=", "code")])
        message.sudo()._update_state("sending", attempts=1)
        message.sudo()._set_failed("Mailbox full")
        self.assertEqual(self._get_events()[-1], "bounced")

    def test_codes_are_asked_for_in_the_currency_of_the_company_in_settings(self):
        settings = self.env["res.config.settings"].create({})
        settings.cycle_code_amount = 500.0
        settings.execute()
        self.assertEqual(self.company.cycle_code_amount, 500.0)
        self.assertEqual(settings.cycle_currency_id, self.company.currency_id)

    def test_expired_link_takes_no_code(self):
        code = self._ask_and_read()
        nonce = self._get_nonce()
        self.link.date_expiry = fields.Datetime.now() - timedelta(hours=1)
        response = self._post("accept", code=code, nonce=nonce)
        self.assertEqual(response.status_code, 409)
        self.assertNotEqual(self.order.state, "sale")
