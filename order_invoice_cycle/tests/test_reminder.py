from datetime import date, datetime, time, timedelta

from odoo.exceptions import UserError
from odoo.fields import Command

from .common import CycleCommon

DUE = date(2027, 1, 1)


class ReminderCommon(CycleCommon):
    """Invoices due on 1 January 2027; every test passes the day."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.cycle_remind_all_invoices = True
        cls.levels = cls.env["cycle.reminder.level"]._get_levels(cls.company)

    def _create_invoice_due(self, due=DUE, amount=1000.0, **values):
        """Return a published invoice without tax, due on a day."""
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": date(2026, 11, 1),
                "invoice_date_due": due,
                "invoice_line_ids": [self._create_invoice_command(amount)],
                **values,
            }
        )
        move.action_post()
        return move

    def _create_invoice_command(self, amount):
        return Command.create(
            {"name": "Support", "price_unit": amount, "tax_ids": [Command.clear()]}
        )

    def _get_lines(self, moves):
        """Return the receivable lines by due date."""
        return moves.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).sorted("date_maturity")

    def _day(self, days):
        """Return the day on which an invoice of these tests is ``days`` overdue."""
        return DUE + timedelta(days=days)

    def _set_today(self, days):
        """Let buttons count as pressed on that day."""
        today = self._day(days)
        self.patch(type(self.company), "_cycle_today", lambda company: today)

    def _queue(self, days):
        self._run_cron("cycle.reminder", "_cron_send_reminders", today=self._day(days))

    def _deliver(self, days):
        now = datetime.combine(self._day(days), time(9))
        self._run_cron("cycle.message", "_cron_send_messages", now=now)

    def _remind(self, *days):
        """Run both jobs on these days; return the mails that went out."""
        before = len(self.outbox)
        for day in days:
            self._queue(day)
            self._deliver(day)
        return self.outbox[before:]

    def _get_sent(self, moves):
        """Return [(level's days, days overdue when sent)] of the sent reminders."""
        reminders = self._get_lines(moves).cycle_reminder_ids
        return [
            (reminder.level_id.days_overdue, reminder.days_overdue)
            for reminder in reminders.sorted(lambda r: (r.date, r.date_due))
            if reminder.state == "sent"
        ]

    def _get_states(self, moves):
        reminders = self._get_lines(moves).cycle_reminder_ids
        return reminders.sorted("id").mapped("state")


class TestReminderClock(ReminderCommon):
    """When a level is due, whatever the cron did before."""

    def test_levels_are_reached_after_7_14_and_21_days(self):
        move = self._create_invoice_due()
        self._remind(*range(-3, 40))
        self.assertEqual(self._get_sent(move), [(7, 7), (14, 14), (21, 21)])
        self.assertEqual(len(self.outbox), 3)

    def test_nothing_is_sent_twice_when_the_job_runs_often(self):
        move = self._create_invoice_due()
        self._remind(6, 7, 7, 7, 8)
        self._queue(9)
        self._queue(9)
        self._deliver(9)
        self.assertEqual(self._get_sent(move), [(7, 7)])
        self.assertEqual(len(self.outbox), 1)

    def test_every_maturity_has_its_own_clock(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "In three parts",
                "line_ids": [
                    Command.create(
                        {
                            "value": "percent",
                            "value_amount": percent,
                            "nb_days": days,
                        }
                    )
                    for percent, days in ((30, 61), (30, 71), (40, 81))
                ],
            }
        )
        move = self._create_invoice_due(invoice_payment_term_id=term.id)
        lines = self._get_lines(move)
        self.assertEqual(
            lines.mapped("date_maturity"), [self._day(n) for n in (0, 10, 20)]
        )
        self._remind(*range(0, 50))
        for line in lines:
            sent = line.cycle_reminder_ids.sorted("date")
            self.assertEqual(
                [(reminder.date - line.date_maturity).days for reminder in sent],
                [7, 14, 21],
            )
            self.assertEqual(set(sent.mapped("amount")), {line.amount_residual})

    def test_late_start_begins_with_the_first_level(self):
        move = self._create_invoice_due()
        self._remind(*range(60, 90))
        self.assertEqual(self._get_sent(move), [(7, 60), (14, 67), (21, 74)])

    def test_one_level_is_sent_on_the_first_day_after_an_outage(self):
        at_first = self._create_invoice_due(due=self._day(20))
        at_second = self._create_invoice_due()
        self._remind(7)
        self.assertEqual(self._get_sent(at_second), [(7, 7)])
        self._remind(40)
        self.assertEqual(self._get_sent(at_first), [(7, 20)])
        self.assertEqual(self._get_sent(at_second), [(7, 7), (14, 40)])
        self._remind(*range(41, 60))
        self.assertEqual(self._get_sent(at_first), [(7, 20), (14, 27), (21, 34)])
        self.assertEqual(self._get_sent(at_second), [(7, 7), (14, 40), (21, 47)])

    def test_next_level_waits_until_the_one_before_was_delivered(self):
        move = self._create_invoice_due()
        self._queue(7)
        message = self._get_lines(move).cycle_reminder_ids.message_id
        message.sudo()._set_failed("The mail server refused it.")
        self._remind(*range(8, 30))
        self.assertEqual(self._get_states(move), ["failed"])
        message.with_user(self.user_collections).action_send_again()
        self._remind(*range(30, 45))
        self.assertEqual([sent for sent, _days in self._get_sent(move)], [7, 14, 21])
        dates = self._get_lines(move).cycle_reminder_ids.sorted("id").mapped("date")
        self.assertEqual(dates[1:], [self._day(37), self._day(44)])

    def test_level_comes_again_later_when_a_person_withdrew_it(self):
        move = self._create_invoice_due()
        self._queue(7)
        reminder = self._get_lines(move).cycle_reminder_ids
        reminder.message_id.with_user(self.user_collections).action_cancel()
        self.assertEqual(reminder.state, "cancelled")
        self._remind(*range(7, 14))
        self.assertFalse(self.outbox)
        self._remind(14)
        self.assertEqual(self._get_sent(move), [(7, 14)])

    def test_chain_goes_on_when_a_level_is_archived(self):
        move = self._create_invoice_due()
        self._remind(7)
        self.levels[0].active = False
        self._remind(*range(8, 40))
        self.assertEqual(self._get_sent(move), [(7, 7), (14, 14), (21, 21)])

    def test_level_that_was_used_cannot_be_deleted(self):
        self._create_invoice_due()
        self._remind(7)
        with self.assertRaisesRegex(UserError, "Archive it instead"):
            self.levels[0].unlink()

    def test_other_invoices_are_reminded_only_when_the_company_wants_it(self):
        self.company.cycle_remind_all_invoices = False
        stock = self._create_invoice_due()
        order = self._running_order(plan="advance")
        invoice = self._publish(self._draft(order), today="2026-12-20")
        self._send_messages()
        line = self._get_lines(invoice)
        days = (line.date_maturity - DUE).days
        self.outbox.clear()
        self._remind(days + 7)
        self.assertEqual(len(self.outbox), 1)
        self.assertEqual(self._get_sent(invoice), [(7, 7)])
        self.assertFalse(self._get_lines(stock).cycle_reminder_ids)
        self.company.cycle_remind_all_invoices = True
        self._remind(7)
        self.assertEqual(self._get_sent(stock), [(7, 7)])

    def test_judging_takes_as_many_queries_for_thirty_lines_as_for_three(self):
        moves = self.env["account.move"]
        for number in range(30):
            partner = (self.customer, self.other_customer)[number % 2]
            moves |= self._create_invoice_due(partner_id=partner.id)
        counts = []
        lines = self._get_lines(moves)
        for some in (lines, lines[:3], lines):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["cycle.reminder"]._judge(some, self._day(8))
            counts.append(self.env.cr.sql_log_count - before)
        _cold, three, thirty = counts
        self.assertEqual(three, thirty)


class TestReminderMessage(ReminderCommon):
    """What one message says, and what is checked again before it goes out."""

    def test_customer_gets_one_message_about_everything(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        moves = self.env["account.move"]
        for amount, currency in (
            (100, self.company.currency_id),
            (200, self.company.currency_id),
            (50, euro),
            (60, euro),
            (70, euro),
        ):
            moves |= self._create_invoice_due(amount=amount, currency_id=currency.id)
        other = self._create_invoice_due(partner_id=self.other_customer.id)
        mails = self._remind(7)
        self.assertEqual(len(mails), 2)
        reminders = self._get_lines(moves).cycle_reminder_ids
        self.assertEqual(len(reminders.message_id), 1)
        self.assertEqual(reminders[0]._get_claims(), reminders.sorted("id"))
        self.assertEqual(
            dict(reminders[0]._get_claim_totals()),
            {self.company.currency_id: 300.0, euro: 180.0},
        )
        self.assertNotEqual(
            self._get_lines(other).cycle_reminder_ids.message_id, reminders.message_id
        )
        body = reminders.message_id.body
        for move in moves:
            self.assertIn(move.name, body)
        self.assertNotIn(other.name, body)

    def test_message_has_the_tone_of_the_highest_level(self):
        first = self._create_invoice_due(due=self._day(7))
        second = self._create_invoice_due()
        self._remind(7)
        self._remind(14)
        reminders = self._get_lines(first | second).cycle_reminder_ids
        last = reminders.filtered(lambda r: r.date == self._day(14))
        self.assertEqual(last.level_id, self.levels[0] | self.levels[1])
        self.assertEqual(
            last.message_id.mail_template_id, self.levels[1].mail_template_id
        )

    def test_each_company_sends_its_own_message(self):
        other = self.setup_other_company(name="Second service company")["company"]
        other.write({"cycle_remind_all_invoices": True, "email": "two@service.example"})
        self._create_invoice_due()
        self._create_invoice_due(company_id=other.id)
        mails = self._remind(7)
        self.assertEqual(len(mails), 2)
        companies = self.env["cycle.message"].search([]).company_id
        self.assertEqual(companies, self.company | other)

    def test_nothing_is_sent_when_it_was_settled_while_queued(self):
        def pay(move):
            self._pay(move, date=self._day(7))

        def credit(move):
            self._reverse_invoice(move, post=True)
            (move | move.reversal_move_ids).line_ids.filtered(
                lambda line: (
                    line.account_type == "asset_receivable" and not line.reconciled
                )
            ).reconcile()

        def set_to_draft(move):
            move.button_draft()

        for settle in (pay, credit, set_to_draft):
            with self.subTest(settle.__name__):
                move = self._create_invoice_due()
                self._queue(7)
                settle(move)
                reminder = self._get_lines(move).cycle_reminder_ids
                message = reminder.message_id
                self._deliver(7)
                self.assertFalse(self.outbox)
                self.assertEqual(message.state, "cancelled")
                self.assertEqual(reminder.state, "cancelled")

    def test_rest_is_claimed_when_it_was_partly_paid_while_queued(self):
        move = self._create_invoice_due()
        self._queue(7)
        self._pay(move, amount=400, date=self._day(7))
        self._deliver(7)
        reminder = self._get_lines(move).cycle_reminder_ids
        self.assertRecordValues(reminder, [{"state": "sent", "amount": 600.0}])

    def test_others_are_claimed_when_one_was_paid_while_queued(self):
        paid = self._create_invoice_due(due=self._day(-5))
        left = self._create_invoice_due(amount=300)
        self._queue(9)
        reminders = self._get_lines(paid | left).cycle_reminder_ids
        message = reminders.message_id
        self.assertEqual(message.res_id, self._get_lines(paid).cycle_reminder_ids.id)
        self._pay(paid, date=self._day(9))
        [mail] = self._remind(9)
        text = mail.get_body(("plain",)).get_content()
        self.assertIn(left.name, text)
        self.assertNotIn(paid.name, text)
        self.assertEqual(message.res_id, self._get_lines(left).cycle_reminder_ids.id)
        self.assertEqual(self._get_states(paid), ["cancelled"])
        self.assertEqual(self._get_states(left), ["sent"])

    def test_message_goes_to_the_address_of_the_day(self):
        self._create_invoice_due()
        self._queue(7)
        self.customer.email = "moved@customer.example"
        self._deliver(7)
        self.assertIn("moved@customer.example", self.outbox[0]["To"])

    def test_message_is_judged_by_the_day_it_goes_out(self):
        """Queued on the 8th, released on the 20th, while a grace ran to the 15th."""
        move = self._create_invoice_due()
        self._queue(7)
        self._get_lines(move).cycle_date_reminder_from = self._day(14)
        self._deliver(19)
        self.assertEqual(self._get_sent(move), [(7, 19)])
        self.assertEqual(self._get_lines(move).cycle_date_reminded, self._day(19))

    def test_formal_notice_gets_one_number_once(self):
        two = self._create_invoice_due() | self._create_invoice_due()
        other = self._create_invoice_due(partner_id=self.other_customer.id)
        self._remind(7, 14)
        reminders = self._get_lines(two | other).cycle_reminder_ids
        self.assertFalse(any(reminders.mapped("notice_number")))
        self._queue(21)
        message = self._get_lines(two).cycle_reminder_ids.sorted("id")[-1:].message_id
        self._deliver(21)
        numbers = {
            move: set(
                self._get_lines(move)
                .cycle_reminder_ids.filtered("level_id.is_formal_notice")
                .mapped("notice_number")
            )
            for move in two | other
        }
        self.assertEqual(numbers[two[0]], numbers[two[1]])
        self.assertNotEqual(numbers[two[0]], numbers[other])
        self.assertRegex(next(iter(numbers[two[0]])), r"2027/\d+$")
        message.sudo().state = "uncertain"
        message.with_user(self.user_collections).action_send_again()
        self._deliver(22)
        again = self._get_lines(two[0]).cycle_reminder_ids.filtered(
            "level_id.is_formal_notice"
        )
        self.assertEqual({again.notice_number}, numbers[two[0]])


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
