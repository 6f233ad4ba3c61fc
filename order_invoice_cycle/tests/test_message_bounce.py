from datetime import date

from odoo.tools import mute_logger

from .reminder_common import ReminderCommon

FAILURE_ACTIVITY = "order_invoice_cycle.mail_activity_type_job_failure"
REPORT = """\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mail.example>
To: bounce@service.example
Subject: Undelivered Mail Returned to Sender
Message-Id: <20270115.{number}@mail.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain; charset=utf-8

This is the mail system.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example

Final-Recipient: rfc822; {address}
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such mailbox

--B
Content-Type: text/rfc822-headers

Message-Id: {message_id}
Subject: What was sent

--B--
"""


class TestMessageBounce(ReminderCommon):
    """A mail that comes back hours later was not delivered."""

    def _bounce(self, message, action="failed", message_id=None):
        """The mail gateway receives the report of another server."""
        message_id = message_id or f"<cycle-{message.uuid}@localhost>"
        report = REPORT.format(
            number=message.id,
            address=message.email_to,
            action=action,
            message_id=message_id,
        )
        with mute_logger("odoo.addons.mail.models.mail_thread"):
            self.env["mail.thread"].message_process(None, report)
        self.env.flush_all()

    def _get_message(self, document):
        return self.env["cycle.message"].search(
            [("res_model", "=", document._name), ("res_id", "in", document.ids)],
            order="id desc",
            limit=1,
        )

    def _send_link(self):
        order = self._approve(self._create_order())
        self._send_messages()
        return order, self._get_message(order.confirmation_ids)

    def test_salesperson_is_told_once_when_the_link_comes_back(self):
        order, message = self._send_link()
        for _time in range(2):
            self._bounce(message)
        self.assertEqual(message.state, "failed")
        self.assertEqual(
            message.failure_reason,
            f"{message.email_to} could not be reached: 550 5.1.1 no such mailbox",
        )
        self.assertEqual(
            message.activity_search([FAILURE_ACTIVITY]).user_id, order.user_id
        )
        events = order.confirmation_ids.event_ids.sorted("sequence")
        self.assertEqual(events.mapped("event"), ["sent", "bounced"])
        self.assertIn("no such mailbox", events[-1].note)
        self.assertIs(order.confirmation_ids.action_verify(), True)

    def test_link_goes_out_anew_when_the_address_was_corrected(self):
        order, message = self._send_link()
        self._bounce(message)
        self.customer.email = "new@customer.example"
        message.with_user(self.user_manager).action_send_again()
        self._send_messages()
        self.assertEqual(message.state, "sent")
        self.assertFalse(message.activity_search([FAILURE_ACTIVITY]))

    def test_delay_and_receipt_are_no_bounces(self):
        _order, message = self._send_link()
        for action in ("delayed", "delivered", "relayed", "expanded"):
            self._bounce(message, action=action)
            self.assertEqual(message.state, "sent", action)

    def test_other_mail_that_comes_back_is_left_to_core(self):
        _order, message = self._send_link()
        self._bounce(message, message_id="<123.openerp-456@localhost>")
        self._bounce(message, message_id=f"<cycle-{'0' * 36}@localhost>")
        self.assertEqual(message.state, "sent")

    def test_invoice_counts_as_not_sent_when_its_mail_comes_back(self):
        order = self._running_order()
        order.action_mark_completed(date(2027, 1, 10))
        move = self._publish(self._draft(order))
        self._send_messages()
        self.assertTrue(move.is_move_sent)
        self._bounce(self._get_message(move))
        self.assertFalse(move.is_move_sent)
        self.assertEqual(move.state, "posted")

    def test_reminder_level_is_reached_again_when_its_mail_comes_back(self):
        line = self._get_lines(self._create_invoice_due())
        first, second = self.levels[:2]
        for days in (first.days_overdue, second.days_overdue):
            self._queue(days)
            self._deliver(days)
        self.assertEqual(line.cycle_reminder_level_id, second)
        claims = line.cycle_reminder_ids.sorted("id")
        self._bounce(claims[-1].message_id)
        self.assertEqual(claims.mapped("state"), ["sent", "failed"])
        self.assertEqual(line.cycle_reminder_level_id, first)
        self.assertEqual(line.cycle_date_reminded, self._day(first.days_overdue))
        claims[0].message_id.sudo()._set_failed("Gone")
        self.assertFalse(line.cycle_reminder_level_id)
        self.assertFalse(line.cycle_date_reminded)
