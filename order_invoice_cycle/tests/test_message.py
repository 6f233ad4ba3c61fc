import smtplib
from datetime import datetime, timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, mute_logger

from odoo.addons.base.models.ir_mail_server import IrMail_Server

from .common import CycleCommon

FAILURE_ACTIVITY = "order_invoice_cycle.mail_activity_type_job_failure"
NOW = datetime(2027, 1, 15, 8, 0)
DELIVERY = "odoo.addons.order_invoice_cycle.models.cycle_message_delivery"

# Core's own method; the common case replaces it, this file tests through it.
send_email = IrMail_Server.send_email


class FakeSession:
    """A mail server that accepts mail of the outbox, or answers with an error."""

    from_filter = False
    smtp_from = False

    def __init__(self, error=None):
        self.error = error
        self.accepted = []

    def send_message(self, message, smtp_from, smtp_to_list):
        if not message["Message-Id"].startswith("<cycle-"):
            # What colleagues are told is core's own mail.
            return
        if self.error:
            raise self.error
        self.accepted.append((message, smtp_to_list))

    def quit(self):
        pass


class MessageCommon(CycleCommon):
    def setUp(self):
        super().setUp()
        self.session = FakeSession()
        self.patch(IrMail_Server, "send_email", send_email)
        self.patch(IrMail_Server, "_disable_send", lambda server: False)
        self.patch(IrMail_Server, "_connect__", lambda *_a, **_kw: self._connect())
        self.connect_error = None

    def _connect(self):
        if self.connect_error:
            raise self.connect_error
        return self.session

    def _queue_message(self, **values):
        """Return the queued message with the link of an approved order."""
        order = self._approve(self._create_order(**values))
        return self.env["cycle.message"].search(
            [("res_id", "in", order.confirmation_ids.ids)]
        )

    def _send(self, now=NOW):
        self._run_cron("cycle.message", "_cron_send_messages", now=now)

    def _get_activity(self, message):
        return message.activity_search([FAILURE_ACTIVITY])


class TestMessageDelivery(MessageCommon):
    """From queued to sent, and what becomes of a message the server did not take."""

    def test_message_is_sent_when_the_server_accepts_it(self):
        message = self._queue_message()
        self.assertEqual(message.state, "queued")
        self._send()
        self.assertRecordValues(
            message,
            [
                {
                    "state": "sent",
                    "date_sent": NOW,
                    "attempts": 1,
                    "email_to": self.customer.email,
                    "failure_reason": False,
                }
            ],
        )
        self.assertEqual(len(self.session.accepted), 1)
        self._send()
        self.assertEqual(len(self.session.accepted), 1)

    def test_message_is_tried_again_when_the_server_refuses_it(self):
        refusals = [
            smtplib.SMTPDataError(451, b"try later"),
            smtplib.SMTPDataError(550, b"no such user"),
            smtplib.SMTPSenderRefused(553, b"not you", "a@b.example"),
            smtplib.SMTPRecipientsRefused({"x@y.example": (450, b"busy")}),
            smtplib.SMTPNotSupportedError("SMTPUTF8"),
        ]
        for error in refusals:
            with self.subTest(error):
                message = self._queue_message()
                self.session.error = error
                self._send()
                self.assertEqual(message.state, "queued")
                self.assertIn(type(error).__name__, message.failure_reason)
                self.assertEqual(message.date_next_attempt, NOW + timedelta(minutes=5))
                message.action_cancel()

    def test_message_is_tried_again_when_nobody_answers(self):
        for error in (
            ConnectionRefusedError("refused"),
            TimeoutError("timed out"),
            smtplib.SMTPAuthenticationError(535, b"wrong password"),
            smtplib.SMTPServerDisconnected("gone before it began"),
            UserError("No mail server is set up."),
        ):
            with self.subTest(error):
                message = self._queue_message()
                self.connect_error = error
                self._send()
                self.assertEqual(message.state, "queued")
                self.assertIn(
                    str(error.args[-1])[:5].strip("b'"), message.failure_reason
                )
                message.action_cancel()

    def test_message_fails_when_it_was_refused_five_times(self):
        message = self._queue_message()
        self.session.error = smtplib.SMTPDataError(451, b"try later")
        now = NOW
        for attempt, minutes in enumerate((5, 15, 60, 240), start=1):
            self._send(now)
            self.assertEqual((message.state, message.attempts), ("queued", attempt))
            self.assertEqual(
                message.date_next_attempt, now + timedelta(minutes=minutes)
            )
            self._send(now + timedelta(minutes=minutes - 1))
            self.assertEqual(message.attempts, attempt)
            now += timedelta(minutes=minutes)
        self.assertFalse(self._get_activity(message))
        self._send(now)
        self.assertEqual(message.state, "failed")
        self.assertIn("try later", message.failure_reason)
        self.assertEqual(self._get_activity(message).user_id, self.user_sales)
        self._send(now + timedelta(days=1))
        self.assertEqual(message.attempts, 5)

    def test_message_is_uncertain_when_the_line_breaks(self):
        for error in (
            smtplib.SMTPServerDisconnected("Connection unexpectedly closed"),
            ConnectionResetError("reset by peer"),
            TimeoutError("timed out"),
            BrokenPipeError("broken pipe"),
        ):
            with self.subTest(error):
                message = self._queue_message()
                self.session.error = error
                self._send()
                self.assertEqual(message.state, "uncertain")
                self.assertIn(type(error).__name__, message.failure_reason)
                self.assertTrue(self._get_activity(message))
                self.session.error = None
                self._send(NOW + timedelta(days=1))
                self.assertEqual(message.state, "uncertain")
                self.assertFalse(self.session.accepted)

    def test_message_is_uncertain_when_its_sender_died(self):
        message = self._queue_message()
        message.sudo()._update_state("sending", date_claimed=NOW)
        self._send(NOW + timedelta(minutes=15))
        self.assertEqual(message.state, "sending")
        self._send(NOW + timedelta(minutes=15, seconds=1))
        self.assertEqual(message.state, "uncertain")
        self.assertTrue(self._get_activity(message))
        self.assertFalse(self.session.accepted)

    def test_message_id_is_the_same_when_it_is_sent_again(self):
        message = self._queue_message()
        self._send()
        message.sudo().state = "uncertain"
        message.with_user(self.user_billing).action_send_again()
        self._send()
        ids = [mail["Message-Id"] for mail, _recipients in self.session.accepted]
        self.assertEqual(len(ids), 2)
        self.assertEqual(ids[0], ids[1])
        self.assertIn(message.uuid, ids[0])

    @mute_logger(DELIVERY)
    def test_others_are_sent_when_one_cannot_be_rendered(self):
        messages = self.env["cycle.message"]
        for _number in range(3):
            messages |= self._queue_message()
        template = messages[1].mail_template_id.copy()
        messages[1].sudo().mail_template_id = template
        self.env.cr.execute(
            SQL(
                "UPDATE mail_template SET body_html = %s::jsonb WHERE id = %s",
                '{"en_US": "<t t-out=\\"object.no_such_field\\"/>"}',
                template.id,
            )
        )
        self.env.invalidate_all()
        self._send()
        self.assertEqual(
            messages.sorted("id").mapped("state"), ["sent", "failed", "sent"]
        )
        self.assertIn("no_such_field", messages[1].failure_reason)
        self.assertNotIn("Traceback", messages[1].failure_reason)
        self.assertTrue(self._get_activity(messages[1]))

    @mute_logger("odoo.addons.order_invoice_cycle.models.cycle_message")
    def test_message_stays_sent_when_its_document_cannot_note_it(self):
        message = self._queue_message()

        def fail(_document, _message):
            raise ValueError("full disk")

        confirmation = type(self.env["cycle.confirmation"])
        self.patch(confirmation, "_cycle_message_sent", fail)
        self._send()
        self.assertEqual(message.state, "sent")
        self.assertIn("full disk", self._get_activity(message).note)

    def test_failure_of_one_server_is_told_to_somebody_who_can_look(self):
        message = self._queue_message()
        order = self.env["cycle.confirmation"].browse(message.res_id).order_id
        order.user_id = self.user_sales.copy({"login": "cycle_left", "active": False})
        self.session.error = smtplib.SMTPServerDisconnected("gone")
        self._send()
        user = self._get_activity(message).user_id
        self.assertTrue(user.active)
        self.assertTrue(message.with_user(user).has_access("read"))


class TestMessageContent(MessageCommon):
    """One recipient, safe headers, no second copy."""

    def test_message_fails_when_there_is_no_single_address(self):
        for address in (False, "", "nobody", "a@x.example, b@x.example", "@x"):
            with self.subTest(address):
                message = self._queue_message()
                confirmation = self.env["cycle.confirmation"].browse(message.res_id)
                confirmation.sudo().email = address or " "
                self._send()
                self.assertEqual(message.state, "failed")
                self.assertIn("no valid single e-mail", message.failure_reason)
                self.assertIn("Correct it on the contact", message.failure_reason)
                self.assertTrue(self._get_activity(message))
                self.assertFalse(self.session.accepted)

    def test_message_fails_when_the_address_is_on_the_blacklist(self):
        message = self._queue_message()
        confirmation = self.env["cycle.confirmation"].browse(message.res_id)
        entry = self.env["mail.blacklist"]._add(confirmation.email)
        self._send()
        self.assertEqual(message.state, "failed")
        self.assertIn("is on the blacklist", message.failure_reason)
        self.assertTrue(self._get_activity(message))
        self.assertFalse(self.session.accepted)
        entry.active = False
        message.with_user(self.user_manager).action_send_again()
        self._send()
        self.assertEqual(message.state, "sent")

    def test_message_fails_when_the_company_has_no_address(self):
        message = self._queue_message()
        message.mail_template_id.email_from = False
        self.company.email = False
        self.patch(type(self.company), "email_formatted", property(lambda company: ""))
        self._send()
        self.assertEqual(message.state, "failed")
        self.assertIn("no e-mail address to send from", message.failure_reason)

    def test_headers_are_harmless_when_names_hold_line_breaks(self):
        evil = "Evil\r\nBcc: spy@evil.example\r\n\r\n<script>\u2028{{ 7 * 7 }}"
        self._queue_message()
        self.customer.name = evil + '"@x.example>, other@evil.example'
        self.company.partner_id.name = evil
        self.user_sales.partner_id.name = evil
        self._send()
        [(mail, recipients)] = self.session.accepted
        self.assertEqual(recipients, [self.customer.email])
        self.assertLessEqual(
            set(mail.keys()),
            {
                "Message-Id",
                "Subject",
                "From",
                "Reply-To",
                "To",
                "Date",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type",
            },
        )
        for name, value in mail.items():
            self.assertNotRegex(str(value), r"[\r\n\x00\u2028]", name)
        parsed = mail["To"].addresses
        self.assertEqual([address.addr_spec for address in parsed], recipients)
        self.assertEqual(len(mail["From"].addresses), 1)
        self.assertIn("{{ 7 * 7 }}", str(mail["To"]))

    def test_long_name_does_not_cut_off_the_address(self):
        self.customer.name = "Ż" * 400
        self._queue_message()
        self._send()
        [(mail, recipients)] = self.session.accepted
        self.assertEqual(recipients, [self.customer.email])
        self.assertLessEqual(len(mail["To"].addresses[0].display_name), 200)

    def test_message_is_cancelled_when_it_is_not_wanted_any_more(self):
        message = self._queue_message()
        confirmation = self.env["cycle.confirmation"].browse(message.res_id)
        confirmation.with_user(self.user_sales).action_revoke()
        self._send()
        self.assertEqual(message.state, "cancelled")
        self.assertIn("no longer valid", message.failure_reason)
        self.assertFalse(self.session.accepted)

    def test_waiting_message_is_returned_when_it_is_queued_twice(self):
        message = self._queue_message()
        confirmation = self.env["cycle.confirmation"].browse(message.res_id)
        confirmation.sudo()._send()
        self.assertEqual(self._find(message), message)

    def test_failed_message_is_replaced_when_a_new_one_is_queued(self):
        message = self._queue_message()
        message.sudo()._set_failed("No.")
        confirmation = self.env["cycle.confirmation"].browse(message.res_id)
        confirmation.sudo()._send()
        self.assertEqual(message.state, "cancelled")
        self.assertFalse(self._get_activity(message))
        self.assertEqual((self._find(message) - message).state, "queued")

    def _find(self, message):
        return self.env["cycle.message"].search([("res_id", "=", message.res_id)])


class TestMessageDecision(MessageCommon):
    """What a person decides about a message that failed or is in doubt."""

    def _stop(self, state):
        message = self._queue_message()
        message = message.sudo()
        message._update_state("sending", date_claimed=NOW, attempts=1)
        getattr(message, f"_set_{state}")("Something broke.")
        return message.with_user(self.user_billing)

    def test_message_is_sent_again_when_a_person_decides_so(self):
        for state in ("failed", "uncertain"):
            with self.subTest(state):
                message = self._stop(state)
                self.assertTrue(self._get_activity(message))
                message.action_send_again()
                self.assertRecordValues(
                    message,
                    [{"state": "queued", "attempts": 0, "failure_reason": False}],
                )
                self.assertFalse(self._get_activity(message))
                self.assertIn("again", message.sudo().message_ids[0].body)
                self._send()
                self.assertEqual(message.state, "sent")

    def test_document_follows_when_an_uncertain_message_did_arrive(self):
        message = self._stop("uncertain")
        message.action_mark_sent()
        self.assertRecordValues(message, [{"state": "sent", "date_sent": NOW}])
        self.assertFalse(self._get_activity(message))
        confirmation = self.env["cycle.confirmation"].browse(message.res_id)
        self.assertEqual(confirmation.state, "sent")
        self._send()
        self.assertFalse(self.session.accepted)

    def test_message_does_not_go_out_when_it_was_withdrawn(self):
        for state in ("failed", "uncertain"):
            message = self._stop(state)
            message.action_cancel()
            self.assertEqual(message.state, "cancelled")
            self.assertIn(self.user_billing.name, message.failure_reason)
            self.assertFalse(self._get_activity(message))
        queued = self._queue_message()
        queued.with_user(self.user_collections).action_cancel()
        self._send()
        self.assertFalse(self.session.accepted)

    def test_decision_is_refused_when_there_is_nothing_to_decide(self):
        message = self._queue_message().with_user(self.user_billing)
        for button in (message.action_send_again, message.action_mark_sent):
            with self.assertRaisesRegex(UserError, "can only be decided"):
                button()
        self._send()
        for button in (
            message.action_send_again,
            message.action_mark_sent,
            message.action_cancel,
        ):
            with self.assertRaisesRegex(UserError, "can only be decided"):
                button()

    def test_decision_is_refused_when_the_user_has_no_role_for_it(self):
        message = self._stop("uncertain")
        for user in (self.user_sales, self.user_approver):
            own = message.with_user(user)
            for button in (
                own.action_send_again,
                own.action_mark_sent,
                own.action_cancel,
            ):
                with self.assertRaises(AccessError):
                    button()
        self.assertEqual(message.state, "uncertain")
