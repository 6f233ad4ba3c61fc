import logging
from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time
from odoo.tools import SQL

from ..tools.terms import sha256
from .link_common import LinkCommon

CHANGES_ACTIVITY = "order_invoice_cycle.mail_activity_type_changes_requested"


class TestConfirmationLink(LinkCommon):
    """The link: for whom, how secret, how long."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contacts = cls.env["res.partner"].create(
            [
                {"name": name, "email": f"{name}@customer.example"}
                for name in ("anna", "boris")
            ]
        )

    def test_every_recipient_gets_a_link_of_their_own(self):
        order = self._offer(confirmation_partner_ids=[Command.set(self.contacts.ids)])
        tokens = {mail["To"]: self._get_token(mail) for mail in self.outbox}
        self.assertEqual(len(set(tokens.values())), 2)
        for contact in self.contacts:
            to = f"{contact.name} <{contact.email}>"
            self.assertEqual(self._find(tokens[to]).partner_id, contact)
            self.assertEqual(self._find(tokens[to]).order_id, order)

    def test_token_is_nowhere_but_in_the_mail(self):
        with self.assertLogs(level=logging.INFO) as logs:
            order = self._offer()
        token = self._get_token(self.outbox[0])
        self.assertGreaterEqual(len(token), 43)
        self.assertEqual(order.confirmation_ids.sudo().token_sha256, sha256(token))
        self.assertNotIn(token, "\n".join(logs.output))
        self.env.flush_all()
        for table in (
            "cycle_message",
            "cycle_confirmation",
            "cycle_confirmation_event",
            "mail_message",
            "mail_mail",
            "mail_activity",
            "ir_attachment",
            "bus_bus",
            "sale_order",
        ):
            rows = self.env.execute_query(
                SQL(
                    "SELECT t.id FROM %s AS t WHERE t::text LIKE %s",
                    SQL.identifier(table),
                    f"%{token}%",
                )
            )
            self.assertFalse(rows, table)

    def test_archived_body_shows_the_mail_without_its_secret(self):
        self._offer()
        body = (
            self.env["cycle.message"].search([("purpose", "=", "confirmation")])[0].body
        )
        self.assertIn("/order/confirm/…", body)

    def test_fingerprint_of_the_token_is_hidden_from_users(self):
        confirmation = self._offer().confirmation_ids
        for user in (self.user_sales, self.user_manager):
            with self.assertRaises(AccessError):
                confirmation.with_user(user).read(["token_sha256"])

    def test_old_link_is_useless_when_a_new_mail_goes_out(self):
        order = self._offer()
        order.with_user(self.user_sales).action_send_confirmation()
        self._send_messages()
        old, new = (self._get_token(mail) for mail in self.outbox)
        self.assertFalse(self._find(old))
        self.assertEqual(self._find(new), order.confirmation_ids)
        self.assertEqual(self._events(order), ["sent", "sent"])

    def test_one_mail_waits_when_the_button_is_pressed_twice(self):
        order = self._approve(self._create_order())
        order.with_user(self.user_sales).action_send_confirmation()
        self._send_messages()
        self.assertEqual(len(self.outbox), 1)

    def test_link_follows_the_contact_when_its_address_is_corrected(self):
        order = self._offer()
        wrong = order.confirmation_ids
        self.customer.email = "right@customer.example"
        order.with_user(self.user_sales).action_send_confirmation()
        self._send_messages()
        self.assertEqual(wrong.state, "superseded")
        self.assertIn("right@customer.example", self.outbox[-1]["To"])
        self.assertEqual(
            self._find(self._get_token(self.outbox[-1])).email, "right@customer.example"
        )

    def test_link_ends_when_its_recipient_is_taken_off_the_order(self):
        anna, boris = self.contacts
        order = self._offer(confirmation_partner_ids=[Command.set(self.contacts.ids)])
        links = order.confirmation_ids.grouped("partner_id")
        self.outbox.clear()
        order.confirmation_partner_ids = anna
        order.with_user(self.user_sales).action_send_confirmation()
        self._send_messages()
        self.assertEqual(links[boris].state, "superseded")
        self.assertEqual(links[anna].state, "sent")
        self.assertEqual(len(self.outbox), 1)
        self.assertIn(anna.email, self.outbox[0]["To"])

    def test_link_of_the_customer_is_sent_again_when_nobody_was_chosen(self):
        order = self._offer()
        link = order.confirmation_ids
        order.with_user(self.user_sales).action_send_confirmation()
        order.confirmation_partner_ids = self.contacts
        self.assertEqual(order.confirmation_ids, link)
        order.with_user(self.user_sales).action_send_confirmation()
        self.assertEqual(link.state, "superseded")
        live = order.confirmation_ids - link
        self.assertEqual(live.partner_id, self.contacts)

    def test_nothing_is_found_when_the_token_is_no_token(self):
        self._offer()
        token = self._get_token(self.outbox[0])
        for wrong in (
            "",
            None,
            7,
            True,
            [token],
            token[:-1],
            token + "x",
            token.swapcase(),
            "ż" * 43,
            "\x00" * 43,
            "\ud800" * 43,
            "x" * 70000,
            sha256(token),
        ):
            self.assertFalse(self._find(wrong))

    def test_link_is_refused_when_it_has_expired(self):
        self.company.cycle_confirmation_days = 5
        confirmation = self._offer().confirmation_ids
        self.assertEqual(
            confirmation.date_expiry, confirmation.date_sent + timedelta(days=5)
        )
        self.assertTrue(confirmation._is_open())
        with freeze_time(confirmation.date_expiry + timedelta(seconds=1)):
            self.assertFalse(confirmation._is_open())
            answer = confirmation.sudo()._confirm(confirmation.terms_hash, "Jan")
        self.assertEqual(answer, "closed")

    def test_link_is_refused_when_it_was_revoked(self):
        order = self._offer()
        confirmation = order.confirmation_ids
        confirmation.with_user(self.user_sales).action_revoke()
        self.assertFalse(confirmation._is_open())
        self.assertEqual(
            confirmation.sudo()._confirm(order.terms_hash, "Jan"), "closed"
        )
        self.assertEqual(order.cycle_stage, "approved")
        event = confirmation.event_ids.filtered(lambda e: e.event == "revoked")
        self.assertEqual(event.user_id, self.user_sales)

    def test_link_is_superseded_when_a_new_version_is_submitted(self):
        order = self._offer()
        old = order.confirmation_ids
        order.order_line.price_unit = 900
        self._approve(order)
        self.assertEqual(old.state, "superseded")
        self.assertEqual(self._events(order), ["sent", "superseded"])
        self.assertEqual(old.sudo()._confirm(old.terms_hash, "Jan"), "stale")
        self._confirm(order)
        self.assertEqual(order.state, "sale")

    def test_link_is_closed_when_the_order_is_cancelled(self):
        order = self._offer()
        order.action_cancel()
        self.assertEqual(order.confirmation_ids.state, "superseded")
        self.assertEqual(
            order.confirmation_ids.sudo()._confirm(order.terms_hash, "Jan"), "closed"
        )

    def test_no_link_is_sent_before_the_terms_are_approved(self):
        order = self._create_order()
        order.with_user(self.user_sales).action_submit_for_approval()
        with self.assertRaisesRegex(UserError, "not approved yet"):
            order.with_user(self.user_sales).action_send_confirmation()

    def test_queued_link_does_not_go_out_when_the_terms_changed(self):
        order = self._approve(self._create_order())
        order.order_line.price_unit = 900
        self._send_messages()
        self.assertFalse(self.outbox)


class TestConfirmationAnswer(LinkCommon):
    """The answer: who was first, on which version, and what follows."""

    def test_order_becomes_a_sale_when_the_customer_confirms(self):
        order = self._offer()
        confirmation = order.confirmation_ids
        answer = confirmation.sudo()._confirm(
            order.terms_hash, "Jan Nowak", ip="192.0.2.7", user_agent="Test"
        )
        self.assertEqual(answer, "done")
        self.assertEqual(order.state, "sale")
        self.assertEqual(order.cycle_stage, "confirmed")
        self.assertEqual(order.confirmed_by, "Jan Nowak")
        self.assertRecordValues(
            confirmation,
            [
                {
                    "state": "confirmed",
                    "decided_name": "Jan Nowak",
                    "decided_email": self.customer.email,
                    "decided_ip": "192.0.2.7",
                    "decided_user_agent": "Test",
                }
            ],
        )
        self.assertEqual(self._events(order), ["sent", "confirmed"])
        self.assertIs(confirmation.action_verify(), True)

    def test_receipt_goes_to_the_address_of_the_link(self):
        order = self._confirm(self._offer())
        receipt = self.env["cycle.message"].search([("purpose", "=", "receipt")])
        self.assertRecordValues(
            receipt,
            [
                {
                    "res_id": order.confirmation_ids.id,
                    "email_to": order.confirmation_ids.email,
                    "state": "queued",
                }
            ],
        )

    def test_public_visitor_confirms_without_any_right(self):
        order = self._offer()
        public = self.env.ref("base.public_user")
        confirmation = order.confirmation_ids.with_user(public).sudo()
        self.assertEqual(confirmation._confirm(order.terms_hash, "Jan"), "done")
        self.assertEqual(order.state, "sale")

    def test_first_recipient_decides_and_the_second_learns_it(self):
        contacts = self.customer | self.other_customer
        order = self._offer(confirmation_partner_ids=[Command.set(contacts.ids)])
        first, second = order.confirmation_ids.sudo()
        self.assertEqual(first._confirm(order.terms_hash, "First"), "done")
        for answer in (
            second._confirm(order.terms_hash, "Second"),
            second._comment(order.terms_hash, "Second", "Cheaper, please"),
            second._decline(order.terms_hash, "Second", "No"),
            first._confirm(order.terms_hash, "First"),
        ):
            self.assertEqual(answer, "confirmed")
        self.assertEqual(order.confirmed_by, "First")
        self.assertEqual(self._events(order).count("confirmed"), 1)

    def test_answer_is_refused_when_another_version_was_shown(self):
        order = self._offer()
        confirmation = order.confirmation_ids.sudo()
        for shown in ("", "0" * 64, None):
            self.assertEqual(confirmation._confirm(shown, "Jan"), "stale")
        self.assertEqual(order.state, "sent")
        self.assertEqual(confirmation.state, "sent")

    def test_sales_is_asked_to_answer_when_the_customer_comments(self):
        order = self._offer()
        text = "Please <b>less</b> & later 🙂\nשלום"
        confirmation = order.confirmation_ids.sudo()
        self.assertEqual(confirmation._comment(order.terms_hash, "Jan", text), "done")
        self.assertEqual(order.cycle_stage, "changes_requested")
        self.assertEqual(confirmation.comment, text)
        activity = order.activity_search([CHANGES_ACTIVITY])
        self.assertEqual(activity.user_id, self.user_sales)
        self.assertIn("&lt;b&gt;less&lt;/b&gt; &amp; later 🙂", activity.note)
        self.assertIn(
            "&lt;b&gt;less&lt;/b&gt;", order.message_ids.filtered("author_id")[0].body
        )
        self.assertEqual(confirmation._confirm(order.terms_hash, "Jan"), "closed")

    def test_somebody_is_told_when_the_salesperson_has_left(self):
        for answer in ("_comment", "_decline"):
            with self.subTest(answer):
                order = self._offer()
                order.user_id = self.user_sales.copy({"login": answer})
                order.user_id.active = False
                link = order.confirmation_ids.sudo()
                getattr(link, answer)(order.terms_hash, "Jan", "Later")
                asked = order.activity_search([CHANGES_ACTIVITY]).user_id
                self.assertTrue(asked.active)
                self.assertTrue(order.with_user(asked).has_access("read"))

    def test_sales_is_told_in_its_own_language(self):
        self.env["res.lang"]._activate_lang("pl_PL")
        for answer in ("_comment", "_decline"):
            with self.subTest(answer):
                order = self._offer()
                link = order.confirmation_ids.sudo().with_context(lang="pl_PL")
                getattr(link, answer)(order.terms_hash, "Jan", "Drogo")
                summary = order.activity_search([CHANGES_ACTIVITY]).summary
                self.assertRegex(summary, "^(Comments of|Declined by) Jan$")
        order = self._offer()
        link = order.confirmation_ids.sudo().with_context(lang="pl_PL")
        link._confirm(order.terms_hash, "Jan")
        self.assertIn("Confirmed by Jan", " ".join(order.message_ids.mapped("body")))

    def test_order_goes_on_when_the_comments_were_answered(self):
        order = self._offer()
        order.confirmation_ids.sudo()._comment(order.terms_hash, "Jan", "Cheaper")
        order.order_line.price_unit = 900
        self._confirm(self._approve(order))
        self.assertEqual(order.cycle_stage, "confirmed")
        self.assertFalse(order.activity_search([CHANGES_ACTIVITY]))

    def test_order_is_cancelled_when_the_customer_declines(self):
        order = self._offer()
        confirmation = order.confirmation_ids.sudo()
        self.assertEqual(
            confirmation._decline(order.terms_hash, "Jan", "Too <i>late</i>"), "done"
        )
        self.assertEqual(order.cycle_stage, "cancelled")
        self.assertEqual(confirmation.state, "declined")
        self.assertIn(
            "&lt;i&gt;late&lt;/i&gt;", order.activity_search([CHANGES_ACTIVITY]).note
        )
