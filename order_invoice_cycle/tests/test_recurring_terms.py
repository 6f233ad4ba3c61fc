from odoo.exceptions import UserError

from .recurring_common import RecurringCommon


class TestRecurringTerms(RecurringCommon):
    """Terms of a recurring order that contradict each other are refused."""

    def _offer(self, **values):
        """Return an offer of three months from 15 January 2027."""
        return self._create_order(
            **{
                "payment_mode": "recurring",
                "recurrence_interval": 1,
                "recurrence_unit": "month",
                "recurrence_count": 3,
                "auto_renew": True,
                **values,
            }
        )

    def test_notice_period_that_begins_before_the_service_is_refused(self):
        order = self._offer(notice_days=90)
        with self.assertRaisesRegex(UserError, "as long as the term.*01/14/2027"):
            order.action_submit_for_approval()
        order.notice_days = 89
        self.assertFalse(order.schedule_problem)
        self.assertEqual(order.date_cancel_by, order.service_date_start)

    def test_long_notice_period_is_fine_when_nothing_renews(self):
        for values in ({"auto_renew": False}, {"service_date_end": "2027-03-31"}):
            with self.subTest(values):
                self.assertFalse(self._offer(notice_days=90, **values).schedule_problem)

    def test_service_beyond_a_term_that_is_not_renewed_is_refused(self):
        order = self._offer(auto_renew=False, service_date_end="2027-04-15")
        with self.assertRaisesRegex(UserError, "04/14/2027.*never be billed"):
            order.action_submit_for_approval()
        order.service_date_end = "2027-04-14"
        self.assertFalse(order.schedule_problem)
        order.write({"service_date_end": "2028-04-15", "auto_renew": True})
        self.assertFalse(order.schedule_problem)
