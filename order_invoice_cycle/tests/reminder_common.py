from datetime import date, datetime, time, timedelta

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
