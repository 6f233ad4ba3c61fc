from datetime import timedelta

from odoo.fields import Command

from .link_common import LinkCommon

EXPIRED = "order_invoice_cycle.mail_activity_type_link_expired"


class TestConfirmationNudge(LinkCommon):
    """Customers who do not answer are reminded twice at most, then the link ends."""

    def _nudge(self, **after):
        """Run the job so long after the first link went out, then the outbox."""
        now = self.sent + timedelta(**after)
        self._run_cron("cycle.confirmation", "_cron_nudge_confirmations", now=now)
        self._send_messages()
        return len(self.outbox)

    def _offer(self, **values):
        order = super()._offer(**values)
        self.sent = order.confirmation_ids[:1].date_sent
        self.outbox.clear()
        return order

    def test_customer_is_reminded_after_three_days_and_before_the_end(self):
        order = self._offer()
        counts = []
        for hour in range(0, 31 * 24, 7):
            counts.append(self._nudge(hours=hour))
        link = order.confirmation_ids
        self.assertEqual(counts[-1], 2)
        self.assertEqual(counts.index(1) * 7, 77)  # the first run after 72 hours
        self.assertEqual(counts.index(2) * 7, 28 * 24)
        self.assertEqual(self._events(order), ["sent", "nudged", "nudged", "expired"])
        self.assertIs(link.action_verify(), True)

    def test_no_reminder_is_sent_when_it_is_switched_off(self):
        self.company.cycle_nudge_days = self.company.cycle_nudge_expiry_days = 0
        self._offer()
        self.assertEqual(self._nudge(days=29), 0)

    def test_one_reminder_is_sent_when_both_are_due(self):
        self._offer()
        self.assertEqual(self._nudge(days=29), 1)
        self.assertEqual(self._nudge(days=29, hours=12), 1)

    def test_every_link_works_when_a_reminder_has_been_sent(self):
        order = self._approve(self._create_order())
        self._send_messages()
        self.sent = order.confirmation_ids.date_sent
        self._nudge(days=3)
        self._nudge(days=28)
        tokens = {self._get_token(mail) for mail in self.outbox}
        self.assertEqual(len(tokens), 3)
        for token in tokens:
            self.assertEqual(self._find(token), order.confirmation_ids)
        order.with_user(self.user_sales).action_send_confirmation()
        self._send_messages()
        self.assertEqual([bool(self._find(token)) for token in tokens], [False] * 3)
        self.assertTrue(self._find(self._get_token(self.outbox[-1])))

    def test_token_of_a_reminder_is_stored_as_its_hash_only(self):
        self._offer()
        self._nudge(days=3)
        token = self._get_token(self.outbox[0])
        message = self.env["cycle.message"].search([("purpose", "=", "nudge")])
        self.assertNotIn(token, message.body)
        self.assertIn("/order/confirm/…", message.body)
        self.assertNotIn(
            token, str(self.env["cycle.confirmation.token"].sudo().search([]).read())
        )

    def test_reminder_is_in_the_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("pl_PL")
        template = self.env.ref("order_invoice_cycle.mail_template_nudge")
        template.with_context(lang="pl_PL").subject = "Czekamy"
        self.customer.lang = "pl_PL"
        self._offer()
        self._nudge(days=3)
        self.assertEqual(self.outbox[0]["Subject"], "Czekamy")

    def test_nobody_is_reminded_when_any_recipient_has_answered(self):
        contacts = self.customer | self.other_customer
        answers = {
            "confirm": lambda link, order: link._confirm(order.terms_hash, "Jan"),
            "comment": lambda link, order: link._comment(order.terms_hash, "Jan", "x"),
            "decline": lambda link, order: link._decline(order.terms_hash, "Jan", "x"),
            "revoke": lambda link, order: order.confirmation_ids.action_revoke(),
            "supersede": lambda link, order: (
                order.confirmation_ids.sudo()._set_superseded()
            ),
            "cancel": lambda link, order: order.action_cancel(),
        }
        for name, answer in answers.items():
            with self.subTest(name):
                order = self._offer(
                    confirmation_partner_ids=[Command.set(contacts.ids)]
                )
                answer(order.confirmation_ids[0].sudo(), order)
                self.env.flush_all()
                self._send_messages()
                self.outbox.clear()
                self.assertEqual(self._nudge(days=3), 0)
                self.assertEqual(self._nudge(days=40), 0)
                self.assertNotIn("expired", order.confirmation_ids.mapped("state"))
                self.assertFalse(order.activity_search([EXPIRED]))

    def test_queued_reminder_does_not_go_out_when_the_answer_was_faster(self):
        order = self._offer()
        now = self.sent + timedelta(days=3)
        self._run_cron("cycle.confirmation", "_cron_nudge_confirmations", now=now)
        order.confirmation_ids.sudo()._confirm(order.terms_hash, "Jan")
        self._send_messages()
        self.assertFalse(
            [mail for mail in self.outbox if "waits for your answer" in mail["Subject"]]
        )

    def test_salesperson_is_told_once_when_the_links_have_expired(self):
        contacts = self.customer | self.other_customer
        order = self._offer(confirmation_partner_ids=[Command.set(contacts.ids)])
        self._nudge(days=29, hours=23)
        self.assertEqual(set(order.confirmation_ids.mapped("state")), {"sent"})
        for hours in (1, 2):
            self._nudge(days=30, hours=hours)
        self.assertEqual(order.confirmation_ids.mapped("state"), ["expired"] * 2)
        self.assertEqual(self._events(order).count("expired"), 2)
        activity = order.activity_search([EXPIRED])
        self.assertEqual(len(activity), 1)
        self.assertEqual(activity.user_id, self.user_sales)
        self.assertEqual(order.cycle_stage, "approved")
        order.with_user(self.user_sales).action_send_confirmation()
        self.assertFalse(order.activity_search([EXPIRED]))

    def test_mail_that_cannot_be_delivered_is_an_event(self):
        order = self._approve(self._create_order())
        self.env.flush_all()
        message = self.env["cycle.message"].search([("purpose", "=", "confirmation")])
        message.sudo()._set_failed("550 no such mailbox")
        event = order.confirmation_ids.event_ids
        self.assertEqual((event.event, event.note), ("bounced", "550 no such mailbox"))
