import hashlib
import re

from lxml import html

from odoo.tests import tagged
from odoo.tools import format_date

from ..models.sale_order_document import DATE_FORMAT
from .common import CycleCommon
from .reminder_common import ReminderCommon

SCRIPT = "<script>alert('x')</script> & Söhne"


def get_body(mail):
    return mail.get_body(("html",)).get_content()


def get_text(mail):
    """Return the readable text of an e-mail, on one line."""
    text = html.fromstring(get_body(mail)).text_content()
    return " ".join(text.replace("\xa0", " ").split())


def get_files(mail):
    return [part.get_filename() for part in mail.iter_attachments()]


@tagged("post_install", "-at_install")
class TestConfirmationMails(CycleCommon):
    """The link and the receipt."""

    def test_link_is_in_the_mail_and_nowhere_else(self):
        order = self._approve(self._create_order())
        self._send_messages()
        [mail] = self.outbox
        base = self.company.get_base_url()
        link = re.search(rf"{re.escape(base)}/order/confirm/([\w-]+)", get_body(mail))
        token = link.group(1)
        self.assertEqual(get_body(mail).count(token), 1)
        message = self.env["cycle.message"].search(
            [("res_model", "=", "cycle.confirmation")], limit=1
        )
        self.assertIn("/order/confirm/…", message.body)
        records = self.env["cycle.message"].search([])
        for values in records.read() + order.message_ids.read():
            self.assertNotIn(token, str(values))
        found = self.env["cycle.confirmation"]._find_by_token(token)
        self.assertEqual(found, order.confirmation_ids)

    def test_link_mail_says_what_is_offered(self):
        order = self._approve(self._create_order(plan="deposit_30"))
        self._send_messages()
        text = get_text(self.outbox[0])
        for part in (
            order.name,
            "1,230.00 zł, including taxes",
            "A deposit in advance",
            "works for 30 days",
            self.user_sales.email,
        ):
            self.assertIn(part, text)
        self.assertIn(order.name, self.outbox[0]["Subject"])
        self.assertFalse(get_files(self.outbox[0]))

    def test_second_version_is_announced_as_such(self):
        order = self._approve(self._create_order())
        self._send_messages()
        order.order_line.price_unit = 2000.0
        self._approve(order)
        self._send_messages()
        self.assertIn("the revised version", get_text(self.outbox[-1]))
        self.assertNotIn("the revised version", get_text(self.outbox[0]))

    def test_first_mail_is_no_revision_when_the_order_was_rejected_before(self):
        order = self._create_order()
        order.with_user(self.user_sales).action_submit_for_approval()
        order.with_user(self.user_approver).action_reject("Too cheap")
        self._approve(order)
        self._send_messages()
        text = get_text(self.outbox[-1])
        self.assertEqual(order.terms_version, 2)
        self.assertIn("thank you for your interest", text)
        self.assertNotIn("the revised version", text)

    def test_change_of_a_running_order_is_announced_as_such(self):
        order = self._running_order()
        self._send_messages()
        order.with_user(self.user_sales).action_amend()
        amendment = order.amendment_ids
        amendment.order_line.price_unit = 2000.0
        self._approve(amendment)
        self._send_messages()
        text = get_text(self.outbox[-1])
        self.assertIn(f"the change of your running order {order.name} is ready", text)
        self.assertNotIn("thank you for your interest", text)

    def test_receipt_carries_the_order_and_its_certificate(self):
        order = self._running_order()
        self._send_messages()
        receipt = self.outbox[-1]
        confirmation = order.confirmation_ids
        text = get_text(receipt)
        for part in (order.name, "Jan Nowak", order.terms_hash, "1,230.00 zł"):
            self.assertIn(part, text)
        self.assertIn(confirmation._get_evidence_hash(), text)
        self.assertEqual(
            get_files(receipt),
            [
                order.cycle_pdf_id.name,
                confirmation.certificate_id.name,
                confirmation.certificate_json_id.name,
            ],
        )
        certificate = confirmation.certificate_id
        self._run_cron("cycle.message", "_cron_send_messages")
        confirmation._archive_certificate()
        self.assertEqual(confirmation.certificate_id, certificate)

    def test_what_customers_are_called_is_shown_as_text(self):
        self.customer.name = SCRIPT
        order = self._create_order()
        order.order_line.name = SCRIPT
        self._running_order_of(order)
        for mail in self.outbox:
            self.assertNotIn("<script", get_body(mail))
            self.assertNotIn("\n", mail["To"])
        attachments = order.cycle_pdf_id | order.confirmation_ids.certificate_id
        for document in attachments:
            self.assertNotIn(b"<script>alert", document.raw)

    def _running_order_of(self, order):
        self._confirm(self._approve(order))
        self._send_messages()


@tagged("post_install", "-at_install")
class TestInvoiceMails(CycleCommon):
    """The invoice and the answer to a dispute."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank = cls.env["res.partner.bank"].create(
            {
                "acc_number": "PL61109010140000071219812874",
                "partner_id": cls.company.partner_id.id,
                "allow_out_payment": True,
            }
        )

    def _create_invoice_sent(self):
        order = self._running_order()
        order.action_mark_completed(self.start)
        move = self._publish(self._draft(order))
        self._send_messages()
        return move

    def test_invoice_mail_says_how_much_until_when_and_where_to(self):
        move = self._create_invoice_sent()
        mail = self.outbox[-1]
        text = get_text(mail)
        for part in (
            move.name,
            move.cycle_order_id.name,
            "1,230.00 zł",
            "22 Jan 2027",
            "PL61 1090 1014 0000 0712 1981 2874",
            f"Payment reference: {move.payment_reference}",
        ):
            self.assertIn(part, text)
        link = f"{self.company.get_base_url()}{move.get_portal_url()}"
        self.assertIn(link, get_body(mail).replace("&amp;", "&"))
        self.assertIn(self.company.email, mail["From"])
        self.assertIn(move.invoice_pdf_report_id.name, get_files(mail))

    def test_dispute_mail_says_what_is_not_reminded(self):
        move = self._create_invoice_sent()
        dispute = self.env["cycle.dispute"].create(
            {"move_id": move.id, "reason": "internal words", "amount": 230.0}
        )
        self._send_messages()
        text = get_text(self.outbox[-1])
        for part in (move.name, "230.00 zł", "The rest, 1,000.00 zł"):
            self.assertIn(part, text)
        self.assertIn(
            format_date(self.env, dispute.date_deadline, date_format=DATE_FORMAT), text
        )
        self.assertNotIn("internal words", text)


@tagged("post_install", "-at_install")
class TestReminderMails(ReminderCommon):
    """Three reminders of increasing formality, and the letter with the last."""

    def _dispute(self, move, amount):
        return self.env["cycle.dispute"].create(
            {"move_id": move.id, "reason": "internal words", "amount": amount}
        )

    def _get_notice(self, move):
        reminders = self._get_lines(move).cycle_reminder_ids
        return reminders.filtered(lambda reminder: reminder.notice_id)

    def test_each_reminder_names_every_claim_with_its_figures(self):
        one = self._create_invoice_due(amount=1000.0)
        two = self._create_invoice_due(amount=2000.0)
        self._pay(one, 300.0)
        for days in (7, 14, 21):
            [mail] = self._remind(days)
            text = get_text(mail)
            for part in (
                one.name,
                two.name,
                "1 Nov 2026",
                "1 Jan 2027",
                f"{days} days overdue",
                "700.00 zł of 1,000.00 zł, paid 300.00 zł",
                "2,000.00 zł of 2,000.00 zł, paid 0.00 zł",
                "Total in PLN 2,700.00 zł",
                f"{one.payment_reference}, {two.payment_reference}",
                "If you have paid in the meantime, please disregard",
                self.company.email,
            ):
                self.assertIn(part, text)
            self.assertNotIn("clarification", text)
            self.assertNotIn("waive", text)

    def test_reminders_grow_more_formal(self):
        self._create_invoice_due()
        first, second, third = (get_text(mail) for mail in self._remind(7, 14, 21))
        self.assertIn("perhaps it slipped your attention", first)
        self.assertIn("the next step is a formal notice", second)
        for part in (
            "Formal notice to pay",
            "demand payment by 29 Jan 2027",
            "out of court",
            "Friendly reminder of 8 Jan 2027",
            "Second reminder of 15 Jan 2027",
        ):
            self.assertIn(part, third)
            self.assertNotIn(part, first + second)

    def test_disputed_part_is_only_said_to_be_under_clarification(self):
        move = self._create_invoice_due(amount=10000.0)
        self._dispute(move, 2000.0)
        text = get_text(self._remind(8)[-1])
        self.assertIn("8,000.00 zł of 10,000.00 zł, paid 0.00 zł", text)
        self.assertIn("a part is under clarification", text)
        self.assertNotIn("2,000.00", text)
        self.assertNotIn("internal words", text)

    def test_currencies_are_not_added_up(self):
        self._create_invoice_due(amount=1000.0)
        euro = self.env.ref("base.EUR")
        euro.active = True
        self._create_invoice_due(amount=50.0, currency_id=euro.id)
        text = get_text(self._remind(7)[0])
        self.assertIn("Total in PLN 1,000.00 zł", text)
        self.assertIn("Total in EUR 50.00 €", text)

    def test_formal_notice_brings_its_letter(self):
        one = self._create_invoice_due()
        two = self._create_invoice_due(amount=500.0)
        mail = self._remind(7, 14, 21)[-1]
        notice = self._get_notice(one | two)
        self.assertEqual(len(notice), 1)
        self.assertIn(notice.notice_number, mail["Subject"])
        self.assertEqual(get_files(mail)[0], notice.notice_id.name)
        self.assertEqual(
            notice.notice_sha256, hashlib.sha256(notice.notice_id.raw).hexdigest()
        )
        root = html.fromstring(notice.notice_id.raw.decode())
        letter = " ".join(root.text_content().replace("\xa0", " ").split())
        for part in (
            f"Formal notice to pay {notice.notice_number}",
            "22 Jan 2027",
            "29 Jan 2027",
            self.company.name,
            self.company.vat,
            self.customer.name,
            self.customer.vat,
            "Długa 5",
            one.name,
            two.name,
            "Total to pay in PLN 1,500.00 zł",
            "Friendly reminder of 8 Jan 2027",
            "out of court",
        ):
            self.assertIn(part, letter)

    def test_first_reminders_bring_no_letter(self):
        move = self._create_invoice_due()
        for mail in self._remind(7, 14):
            self.assertNotIn("notice", " ".join(get_files(mail)))
        self.assertFalse(self._get_notice(move))

    def test_letter_is_made_once(self):
        move = self._create_invoice_due()
        self._remind(7, 14, 21)
        notice = self._get_notice(move)
        letter = notice.notice_id
        message = notice.message_id
        notice._cycle_message_documents(message)
        self.assertEqual(notice.notice_id, letter)
        self.assertEqual(notice._cycle_message_attachments(message)[0], letter)

    def test_letter_is_made_anew_when_a_payment_came_in_between(self):
        move = self._create_invoice_due()
        self._remind(7, 14)
        self._queue(21)
        lead = self._get_lines(move).cycle_reminder_ids.sorted("id")[-1:]
        lead.sudo()._cycle_message_documents(lead.message_id)
        number, early = lead.notice_number, lead.notice_id
        self._pay(move, 400.0)
        self._deliver(21)
        self.assertNotEqual(lead.notice_id, early)
        self.assertEqual(lead.notice_number, number)
        self.assertIn(b"600.00", lead.notice_id.raw)
        self.assertIn("600.00", get_text(self.outbox[-1]))

    def test_claim_that_left_the_letter_gets_a_number_of_its_own_later(self):
        one = self._create_invoice_due()
        two = self._create_invoice_due()
        self._remind(7, 14)
        self._queue(21)
        claims = self._get_lines(one | two).cycle_reminder_ids.filtered(
            lambda reminder: reminder.state == "queued"
        )
        lead = claims._get_lead().sudo()
        lead._cycle_message_documents(claims.message_id)
        held = claims.filtered(lambda claim: claim.move_id == two)
        held.move_line_id.no_followup = True
        self._deliver(21)
        self.assertEqual(held.state, "held")
        held.move_line_id.no_followup = False
        self._remind(22)
        numbers = claims.mapped("notice_number")
        self.assertTrue(all(numbers))
        self.assertEqual(len(set(numbers)), 2)

    def test_names_in_reminders_are_shown_as_text(self):
        self.customer.name = SCRIPT
        move = self._create_invoice_due()
        for mail in self._remind(7, 14, 21):
            self.assertNotIn("<script", get_body(mail))
        letter = self._get_notice(move).notice_id.raw
        self.assertNotIn(b"<script>alert", letter)
        self.assertIn(b"&lt;script&gt;", letter)
