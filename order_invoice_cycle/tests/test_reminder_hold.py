from odoo.fields import Command

from .reminder_common import DUE, ReminderCommon


class TestReminderHold(ReminderCommon):
    """What keeps a reminder back, visibly, and what the line says about it."""

    def _assert_held(self, move, reason, days=7):
        """No mail goes out, and both line and reminder say why."""
        self.assertFalse(self._remind(days))
        line = self._get_lines(move)[:1]
        reminder = line.cycle_reminder_ids.filtered(lambda r: r.state == "held")
        self.assertIn(reason, reminder.hold_reason)
        judgement = self.env["cycle.reminder"]._judge(line, self._day(days))[line]
        self.assertIn(reason, judgement.note)
        self.assertFalse(judgement.date_next)

    def _assert_sent(self, move, days=8):
        self.assertEqual(len(self._remind(days)), 1)
        self.assertEqual(self._get_states(move), ["sent"])

    def test_reminder_is_held_when_follow_ups_are_switched_off(self):
        move = self._create_invoice_due()
        move.no_followup = True
        self._assert_held(move, "switched off")
        move.no_followup = False
        self._assert_sent(move)

    def test_reminder_is_held_when_the_customer_has_no_address(self):
        self.customer.email = "one@x.example, two@x.example"
        move = self._create_invoice_due()
        self._assert_held(move, "no valid e-mail address")
        self.customer.email = "one@x.example"
        self._assert_sent(move)

    def test_reminder_is_held_while_a_credit_could_settle_it(self):
        for name in ("payment", "credit note"):
            with self.subTest(name):
                move = self._create_invoice_due()
                if name == "payment":
                    credit = self.env["account.payment"].create(
                        {
                            "partner_id": self.customer.id,
                            "payment_type": "inbound",
                            "amount": 1000,
                        }
                    )
                    credit.action_post()
                    credit = credit.move_id
                else:
                    credit = self.env["account.move"].create(
                        {
                            "move_type": "out_refund",
                            "partner_id": self.customer.id,
                            "invoice_date": DUE,
                            "invoice_line_ids": [self._create_invoice_command(1000)],
                        }
                    )
                    credit.action_post()
                self._assert_held(move, "not allocated yet")
                (move | credit).line_ids.filtered(
                    lambda line: line.account_type == "asset_receivable"
                ).reconcile()
                self.assertFalse(self._remind(8))
                self.assertEqual(self._get_states(move), ["cancelled"])

    def test_one_task_asks_to_allocate_a_credit_until_it_is_allocated(self):
        moves = self._create_invoice_due() | self._create_invoice_due()
        payment = self.env["account.payment"].create(
            {
                "partner_id": self.customer.id,
                "payment_type": "inbound",
                "amount": 2000,
            }
        )
        payment.action_post()
        self._remind(7, 8)
        asked = ["order_invoice_cycle.mail_activity_type_allocate"]
        task = moves.activity_search(asked)
        self.assertEqual(len(task), 1)
        self.assertIn("not allocated yet", task.note)
        (moves | payment.move_id).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).reconcile()
        self._remind(9)
        self.assertFalse(moves.activity_search(asked))

    def test_queued_reminder_stays_back_when_a_later_due_date_is_agreed(self):
        move = self._create_invoice_due()
        self._remind(7)
        self._queue(14)
        move.button_draft()
        move.invoice_date_due = self._day(30)
        move.action_post()
        self._deliver(14)
        self.assertEqual(self._get_states(move), ["sent", "cancelled"])
        self.assertFalse(self._remind(15, 37))
        self.assertEqual(len(self._remind(44)), 1)
        self.assertEqual(self._get_sent(move), [(7, 7), (14, 14)])

    def test_sent_reminders_stay_when_the_receivable_is_replaced(self):
        move = self._create_invoice_due()
        self._remind(7)
        self._queue(14)
        reminders = self._get_lines(move).cycle_reminder_ids
        move.button_draft()
        move.invoice_payment_term_id = self.env["account.payment.term"].create(
            {
                "name": "In two parts",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (90, 120)
                ],
            }
        )
        move.action_post()
        self._deliver(14)
        self.assertEqual(reminders.sorted("id").mapped("state"), ["sent", "cancelled"])
        self.assertEqual(reminders.move_id, move)
        self.assertEqual(reminders[0].date_due, DUE)

    def test_reminder_goes_out_when_the_credit_is_too_small(self):
        move = self._create_invoice_due()
        payment = self.env["account.payment"].create(
            {
                "partner_id": self.customer.id,
                "payment_type": "inbound",
                "amount": 999.99,
            }
        )
        payment.action_post()
        self._assert_sent(move)

    def test_reminder_is_held_while_an_online_payment_is_under_way(self):
        move = self._create_invoice_due()
        transaction = self.env["payment.transaction"].create(
            {
                "provider_id": self.env["payment.provider"].search([], limit=1).id,
                "payment_method_id": self.env.ref("payment.payment_method_unknown").id,
                "reference": "under way",
                "amount": 1000,
                "currency_id": move.currency_id.id,
                "partner_id": move.partner_id.id,
                "invoice_ids": [Command.set(move.ids)],
                "state": "pending",
            }
        )
        self._assert_held(move, "online payment")
        transaction.state = "cancel"
        self._assert_sent(move)

    def test_reminder_is_held_while_all_of_it_is_disputed(self):
        move = self._create_invoice_due()
        dispute = self._dispute(move)
        self._assert_held(move, "under clarification")
        self._set_today(8)
        dispute.action_resolve("rejected")
        self.assertFalse(self._remind(8))
        self.assertEqual(self._get_states(move), ["cancelled"])
        self.assertIn("On hold until", self._get_note(move, 8))

    def test_rest_is_claimed_when_a_part_is_disputed(self):
        move = self._create_invoice_due(amount=10000)
        self._dispute(move, amount=2000)
        self._assert_sent(move, 7)
        reminder = self._get_lines(move).cycle_reminder_ids
        self.assertEqual(reminder.amount, 8000)
        self.assertEqual(reminder._get_claim_figures()["disputed"], 2000)

    def test_disputed_part_is_taken_from_the_earliest_maturities(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "In two parts",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (61, 62)
                ],
            }
        )
        move = self._create_invoice_due(invoice_payment_term_id=term.id)
        self._dispute(move, amount=700)
        claims = [
            self.env["cycle.reminder"]._get_claim(line)
            for line in self._get_lines(move)
        ]
        self.assertEqual(claims, [0, 300])

    def test_queued_message_stays_when_a_dispute_is_opened(self):
        move = self._create_invoice_due()
        self._queue(7)
        message = self._get_lines(move).cycle_reminder_ids.message_id
        self._dispute(move)
        self._deliver(7)
        self.assertEqual(message.state, "cancelled")
        self.assertEqual(self._get_states(move), ["held"])

    def test_same_level_follows_after_the_grace_when_a_dispute_is_rejected(self):
        move = self._create_invoice_due()
        self._remind(7)
        line = self._get_lines(move)
        dispute = self._dispute(move, date_opened=self._day(10))
        self.assertFalse(self._remind(*range(10, 15)))
        self._set_today(20)
        dispute.action_resolve("rejected")
        self.assertEqual(line.cycle_days_paused, 10)
        self.assertEqual(line.cycle_date_reminder_from, self._day(27))
        self.assertFalse(self._remind(*range(20, 27)))
        self._remind(*range(27, 45))
        self.assertEqual(self._get_sent(move), [(7, 7), (14, 17), (21, 24)])
        sent = line.cycle_reminder_ids.filtered(lambda r: r.state == "sent")
        self.assertEqual(
            sent.sorted("id").mapped("date"),
            [self._day(7), self._day(27), self._day(34)],
        )

    def test_days_before_the_due_date_are_not_paused(self):
        move = self._create_invoice_due()
        dispute = self._dispute(move, date_opened=self._day(-20))
        self._set_today(3)
        dispute.action_resolve("rejected")
        self.assertEqual(self._get_lines(move).cycle_days_paused, 3)

    def _dispute(self, move, **values):
        """Open a dispute; its acknowledgement does not go out here."""
        dispute = self.env["cycle.dispute"].create(
            {"move_id": move.id, "reason": "Not as agreed.", **values}
        )
        messages = self.env["cycle.message"].search([("res_id", "=", dispute.id)])
        messages.filtered(lambda m: m.purpose == "dispute").action_cancel()
        return dispute

    # === WHAT HAPPENS NEXT === #

    def _get_note(self, move, days):
        line = self._get_lines(move)
        return self.env["cycle.reminder"]._judge(line, self._day(days))[line].note

    def test_line_says_what_happens_next_in_each_state(self):
        move = self._create_invoice_due()
        line = self._get_lines(move)
        self.assertIn("Friendly reminder” on 01/08/2027", self._get_note(move, -5))
        self.assertIn("Friendly reminder” on 01/08/2027", self._get_note(move, 3))
        self.assertIn("goes out with the next run", self._get_note(move, 7))
        self._queue(7)
        self.assertIn("“Friendly reminder” is on its way", self._get_note(move, 7))
        message = line.cycle_reminder_ids.message_id.sudo()
        message._set_failed("No such user.")
        self.assertIn("not delivered. No such user.", self._get_note(move, 8))
        message.with_user(self.user_collections).action_send_again()
        self._deliver(8)
        self.assertIn("Second reminder” on 01/16/2027", self._get_note(move, 8))
        self._remind(15, 22)
        self.assertIn("Every level was sent", self._get_note(move, 30))
        self._pay(move, date=self._day(30))
        self.assertEqual(self._get_note(move, 31), "It is settled.")

    def test_line_says_when_no_level_is_set_up(self):
        self.levels.active = False
        move = self._create_invoice_due()
        self.assertIn("No reminder level", self._get_note(move, 30))
        self.assertFalse(self._remind(30))

    def test_line_says_nothing_when_it_is_never_reminded(self):
        move = self._create_invoice_due()
        self.company.cycle_remind_all_invoices = False
        self.assertFalse(self._get_note(move, 30))
