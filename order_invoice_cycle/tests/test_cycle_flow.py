from datetime import date

from .common import CycleCommon


class TestCycleFlow(CycleCommon):
    """One order per payment mode, told from its creation to the paid invoice."""

    def _get_mail(self, text):
        """Return the last e-mail whose subject has ``text``."""
        return [mail for mail in self.outbox if text in mail["Subject"]][-1]

    def _offer(self, order):
        """Sales submits, the approver approves, the customer confirms by the link."""
        self.assertEqual(order.cycle_stage, "draft")
        order.with_user(self.user_sales).action_submit_for_approval()
        self.assertEqual(order.cycle_stage, "to_approve")
        order.with_user(self.user_approver).action_approve("Fine")
        self.assertEqual(order.cycle_stage, "awaiting_customer")
        self._confirm(order)
        link = self._get_mail(order.name)
        self.assertIn(self.customer.email, link["To"])
        self.assertEqual(order.cycle_stage, "confirmed")

    def _bill(self, order, draft_on, publish_on, total, due):
        """The job drafts, billing publishes, the customer gets the invoice."""
        move = self._draft(order, draft_on)
        self.assertEqual(move.publish_check_state, "green", move.publish_check_note)
        self._publish(move, publish_on)
        self.assertRecordValues(
            move,
            [
                {
                    "state": "posted",
                    "amount_total": total,
                    "invoice_date": date.fromisoformat(publish_on),
                    "invoice_date_due": date.fromisoformat(due),
                }
            ],
        )
        self._send_messages()
        self.assertIn(self.customer.email, self._get_mail(move.name)["To"])
        return move

    def test_prepayment_is_paid_before_and_after_the_work(self):
        # 30 % before the work starts, the rest two weeks after it is done.
        order = self._create_order(plan="deposit_30")
        self._offer(order)
        today = self.company._cycle_today()
        self.assertEqual(order.schedule_line_ids[0].date_due, today)

        # The deposit is due at once, so it is drafted at once.
        deposit = self._draft(order, today)
        self.assertEqual(deposit.amount_total, 369.0)
        self._publish(deposit, today)
        self.assertTrue(order.is_deposit_due)
        self._pay(deposit)
        self.assertFalse(order.is_deposit_due)

        # The work is done; the rest is drafted a week before it is due.
        order.with_user(self.user_sales).action_mark_completed("2040-03-01")
        self.assertFalse(self._draft(order, "2040-03-07"))
        rest = self._bill(order, "2040-03-08", "2040-03-08", 861.0, "2040-03-15")
        self._pay(rest)
        self.assertEqual(order.cycle_stage, "completed")
        self.assertEqual(order.invoice_status, "invoiced")

    def test_order_is_paid_after_its_completion(self):
        order = self._create_order(plan="completion_14")
        self._offer(order)

        # Nothing is invoiced while the work goes on.
        self.assertFalse(self._draft(order, "2040-12-31"))
        order.with_user(self.user_sales).action_mark_completed("2040-03-01")
        move = self._bill(order, "2040-03-08", "2040-03-09", 1230.0, "2040-03-16")

        # The customer pays in two parts.
        self._pay(move, 230.0)
        self.assertEqual(order.cycle_stage, "confirmed")
        self._pay(move)
        self.assertEqual(order.cycle_stage, "completed")

    def test_instalments_are_paid_one_after_the_other(self):
        order = self._create_order(
            plan="instalments_3", service_date_start="2040-01-31"
        )
        self._offer(order)
        for draft_on, due in (
            ("2040-01-24", "2040-01-31"),
            ("2040-02-22", "2040-02-29"),
            ("2040-03-24", "2040-03-31"),
        ):
            self.assertEqual(order.cycle_stage, "confirmed")
            self._pay(self._bill(order, draft_on, draft_on, 410.0, due))
        self.assertEqual(order.cycle_stage, "completed")
        invoices = order.schedule_line_ids.invoice_id
        self.assertEqual(sum(invoices.mapped("amount_untaxed")), 1000.0)
        self.assertEqual(sum(invoices.mapped("amount_tax")), 230.0)

    def test_recurring_order_is_paid_period_by_period_and_renewed(self):
        # Quarterly in advance, two quarters per term, a month's notice.
        order = self._create_order(
            plan="quarterly", service_date_start="2040-01-01", recurrence_count=2
        )
        self._offer(order)
        first = self._bill(order, "2039-12-25", "2039-12-27", 1230.0, "2040-01-03")
        self._pay(first)
        second = self._bill(order, "2040-03-25", "2040-03-25", 1230.0, "2040-04-01")
        self._pay(second)

        # Without a notice in time the next term begins.
        self.assertFalse(self._draft(order, "2040-06-24"))
        self._run_cron("cycle.schedule.line", "_cron_renew_terms", today="2040-06-01")
        self.assertEqual(order.date_term_end, date(2040, 12, 31))
        third = self._bill(order, "2040-06-24", "2040-06-24", 1230.0, "2040-07-01")
        self._pay(third)
        self.assertEqual(order.cycle_stage, "confirmed")

        # The customer leaves in the middle of the next quarter.
        order.with_user(self.user_sales).action_terminate("2040-11-15", "Moving away")
        move = self._draft(order, "2040-12-31")
        self.assertEqual(move.amount_untaxed, 500.0)
        self.assertEqual(move.publish_check_state, "amber")
        self._pay(self._publish(move, "2040-09-24"))
        self.assertEqual(order.cycle_stage, "completed")
