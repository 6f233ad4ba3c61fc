import smtplib
from datetime import date
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_mail_server import IrMail_Server

from .common import CycleCommon


class TestPublish(CycleCommon):
    """From a draft to an invoice that is posted, archived and sent."""

    def _create_draft(self, **values):
        return self._draft(self._running_order(payment_mode="prepayment", **values))

    def _get_messages(self, move):
        return self.env["cycle.message"].search(
            [("res_model", "=", "account.move"), ("res_id", "=", move.id)]
        )

    def _get_mails(self, move):
        return [mail for mail in self.outbox if move.name in mail["Subject"]]

    # === CHECKS === #

    def test_draft_is_green_when_nothing_is_unusual(self):
        move = self._create_draft()
        self.assertRecordValues(
            move, [{"publish_check_state": "green", "publish_check_note": ""}]
        )

    def test_draft_is_red_when_the_address_lacks_something(self):
        for field in ("street", "city", "country_id"):
            with self.subTest(field=field):
                move = self._create_draft()
                customer = self.customer.copy()
                customer[field] = False
                move.partner_id = customer
                self.assertEqual(move.publish_check_state, "red")
                self.assertIn("lacks the street, city", move.publish_check_note)

    def test_draft_is_amber_with_the_reason_when_something_is_unusual(self):
        germany = self.env.ref("base.de").id
        customer = self.customer

        def change_total(move):
            move.invoice_line_ids.filtered("product_id").price_unit = 999

        def give_away(move):
            move.invoice_line_ids.filtered("product_id").discount = 100

        for change, reason in (
            (lambda move: customer.write({"email": False}), "no valid e-mail"),
            (lambda move: customer.write({"email": "a; b"}), "no valid e-mail"),
            (
                lambda move: customer.write({"country_id": germany, "vat": False}),
                "foreign business without a VAT number",
            ),
            (lambda move: self.company.write({"vat": False}), "Your own company"),
            (change_total, "1,228.77.zł, the confirmed schedule says 1,230.00.zł"),
            (give_away, "Its total is 0.00.zł"),
        ):
            with self.subTest(reason=reason), self.cr.savepoint() as savepoint:
                move = self._create_draft()
                change(move)
                self.assertEqual(move.publish_check_state, "amber")
                self.assertRegex(move.publish_check_note, reason)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_draft_is_amber_when_it_differs_from_the_period_before(self):
        order = self._running_order(
            payment_mode="recurring",
            recurrence_interval=1,
            recurrence_unit="month",
            recurrence_count=3,
            recurrence_in_advance=True,
            service_date_start="2040-01-01",
            service_date_end="2040-02-15",
        )
        whole, part = self._draft(order).sorted("invoice_date_due")
        self.assertEqual(whole.publish_check_state, "green")
        self.assertEqual(part.publish_check_state, "amber")
        self.assertIn("the period before 1,230.00", part.publish_check_note)

    def test_draft_is_amber_when_it_was_planned_for_a_day_that_has_passed(self):
        order = self._running_order(plan="instalments_3")
        move = self._draft(order, "2027-01-08")
        due = date(2027, 1, 15)
        self.assertFalse(move._get_publish_findings(due)[move])
        finding = move._get_publish_findings(date(2027, 1, 16))[move]
        self.assertEqual([colour for colour, _text in finding], ["amber"])
        self.assertIn("01/15/2027", finding[0][1])

    def test_drafts_are_found_by_the_colour_of_their_check(self):
        green, red = self._create_draft(), self._create_draft()
        red.partner_id = self.customer.copy({"street": False})
        found = self.env["account.move"].search([("publish_check_state", "=", "red")])
        self.assertIn(red, found)
        self.assertNotIn(green, found)

    # === POSTING === #

    def test_invoice_has_todays_date_and_a_due_date_that_leaves_time(self):
        for today, due in (
            ("2027-01-05", date(2027, 1, 15)),
            ("2027-01-08", date(2027, 1, 15)),
            ("2027-01-09", date(2027, 1, 16)),
            ("2027-02-20", date(2027, 2, 27)),
        ):
            with self.subTest(today=today):
                order = self._running_order(plan="instalments_3")
                move = order.schedule_line_ids[0].action_draft_invoice()
                self._publish(move, today)
                self.assertRecordValues(
                    move,
                    [
                        {
                            "state": "posted",
                            "invoice_date": fields.Date.to_date(today),
                            "date": fields.Date.to_date(today),
                            "invoice_date_due": due,
                        }
                    ],
                )
                maturity = move.line_ids.filtered("date_maturity")
                self.assertEqual(maturity.mapped("date_maturity"), [due])

    def test_due_date_that_a_person_set_later_is_kept(self):
        move = self._create_draft()
        move.invoice_date_due = "2027-06-30"
        self._publish(move, "2027-01-15")
        self.assertEqual(move.invoice_date_due, date(2027, 6, 30))

    def test_red_draft_is_refused_and_the_others_go_through(self):
        moves = self._create_draft() + self._create_draft() + self._create_draft()
        red = moves[1]
        red.partner_id = self.customer.copy({"street": False})
        result = moves.with_user(self.user_billing).action_publish("2027-01-15")
        self.assertEqual(moves.mapped("state"), ["posted", "draft", "posted"])
        self.assertIn("lacks the street", red.cycle_error)
        self.assertIn("2 invoice(s) published", result["params"]["message"])
        self.assertIn(red.cycle_error, result["params"]["message"])
        self.assertEqual(result["params"]["type"], "warning")

        red.partner_id = self.customer
        self._publish(red)
        self.assertEqual(red.state, "posted")
        self.assertFalse(red.cycle_error)

    def test_refusal_is_an_error_when_nothing_could_be_published(self):
        move = self._create_draft()
        move.partner_id = self.customer.copy({"city": False})
        with self.assertRaisesRegex(UserError, "lacks the street, city"):
            self._publish(move)
        self.assertEqual(move.state, "draft")

    def test_draft_that_fails_to_post_is_told_and_the_others_go_through(self):
        inactive = self.env.ref("base.CHF")
        inactive.active = True
        pricelist = self.env["product.pricelist"].create(
            {"name": "Francs", "currency_id": inactive.id}
        )
        moves = self._create_draft(pricelist_id=pricelist.id) + self._create_draft()
        inactive.active = False
        self._publish(moves)
        self.assertEqual(moves.mapped("state"), ["draft", "posted"])
        self.assertIn("CHF", moves[0].cycle_error)
        self.assertTrue(moves[0].activity_ids)

    def test_second_click_changes_nothing(self):
        move = self._create_draft()
        self._publish(move, "2027-01-15")
        name = move.name
        self._publish(move, "2027-02-15")
        self.assertRecordValues(
            move, [{"name": name, "invoice_date": date(2027, 1, 15)}]
        )
        self.assertEqual(len(self._get_messages(move)), 1)

    def test_invoice_from_elsewhere_is_left_alone(self):
        move = self._create_invoice_one_line(
            product_id=self.service, partner_id=self.customer
        )
        self._publish(move)
        self.assertEqual(move.state, "draft")
        self.assertFalse(self._get_messages(move))

    def test_publishing_is_refused_without_the_billing_role(self):
        move = self._create_draft()
        for user in (self.user_sales, self.user_approver, self.user_collections):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                move.with_user(user).action_publish()
        self.assertEqual(move.state, "draft")

    # === SENDING === #

    def test_mail_with_the_pdf_goes_out_after_publishing(self):
        move = self._create_draft()
        self._publish(move)
        message = self._get_messages(move)
        self.assertRecordValues(
            message,
            [
                {
                    "purpose": "invoice",
                    "state": "queued",
                    "partner_id": self.customer.id,
                    "email_to": self.customer.email,
                }
            ],
        )
        self.assertFalse(move.is_move_sent)
        self.assertFalse(move.invoice_pdf_report_id, "no PDF where invoices are posted")
        self._send_messages()
        self.assertEqual(message.state, "sent")
        self.assertTrue(move.is_move_sent)
        (mail,) = self._get_mails(move)
        self.assertIn(f"<{self.customer.email}>", mail["To"])
        attachments = [part.get_filename() for part in mail.iter_attachments()]
        self.assertEqual(attachments, [move.invoice_pdf_report_id.name])
        self._send_messages()
        self.assertEqual(len(self._get_mails(move)), 1)

    @mute_logger("odoo.addons.base.models.ir_actions_report")
    def test_archived_pdf_is_a_real_pdf_and_the_one_that_is_sent(self):
        move = self._create_draft()
        self._publish(move)
        with self.allow_pdf_render():
            move.with_context(force_report_rendering=True)._cycle_message_documents(
                self._get_messages(move)
            )
        archived = move.invoice_pdf_report_id
        self.assertTrue(archived.raw.startswith(b"%PDF"))
        self._send_messages()
        self.assertEqual(move.invoice_pdf_report_id, archived)
        (mail,) = self._get_mails(move)
        (attachment,) = mail.iter_attachments()
        self.assertEqual(attachment.get_content(), archived.raw)

    def test_invoice_stays_posted_when_the_mail_fails(self):
        move = self._create_draft()
        self._publish(move)
        refused = smtplib.SMTPRecipientsRefused({"a@b.c": (550, b"no such user")})
        with patch.object(IrMail_Server, "send_email", side_effect=refused):
            self._send_messages()
        message = self._get_messages(move)
        self.assertEqual(message.state, "queued")
        self.assertEqual(message.attempts, 1)
        self.assertEqual(move.state, "posted")
        self.assertFalse(move.is_move_sent)
        self.assertEqual(move.schedule_line_id.state, "invoiced")
        message.sudo().date_next_attempt = False
        self._send_messages()
        self.assertEqual(message.state, "sent")
        self.assertEqual(len(self._get_mails(move)), 1)

    def test_nothing_is_sent_when_the_invoice_went_back_to_draft(self):
        move = self._create_draft()
        self._publish(move)
        move.button_draft()
        self._send_messages()
        self.assertEqual(self._get_messages(move).state, "cancelled")
