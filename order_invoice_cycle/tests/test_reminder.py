from odoo.exceptions import UserError
from odoo.fields import Command

from .reminder_common import DUE, ReminderCommon


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
