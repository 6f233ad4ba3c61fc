from datetime import date

from .recurring_common import RecurringCommon


class TestRenewal(RecurringCommon):
    """Recurring orders go on for another term, in time and once.

    A term of three months from 15 January 2027 ends on 14 April; notice of 30 days
    makes 16 March the day of the renewal.
    """

    def test_term_is_renewed_when_the_notice_period_begins(self):
        order = self._running()
        self.assertEqual(order.date_term_end, date(2027, 4, 14))
        self.assertEqual(order.date_renewal, date(2027, 3, 16))
        self._renew("2027-03-15")
        self.assertEqual(order.term_number, 1)
        self._renew("2027-03-16")
        self.assertEqual(order.term_number, 2)
        self.assertEqual(order.date_term_end, date(2027, 7, 14))

    def test_term_is_renewed_once_when_the_job_runs_again(self):
        order = self._running()
        self._renew("2027-03-16")
        self._renew("2027-03-16")
        self.assertEqual(order.term_number, 2)
        self.assertEqual(len(order.schedule_line_ids), 9)

    def test_missed_renewals_are_caught_up_in_order(self):
        order = self._running()
        self._renew("2027-10-01")
        self.assertEqual(order.term_number, 4)
        starts = order.schedule_line_ids.mapped("period_start")
        self.assertEqual(len(set(starts)), 15)
        self.assertEqual(starts, sorted(starts))
        renewed = [
            text for text in order.message_ids.mapped("body") if "Renewed" in text
        ]
        self.assertEqual(
            [int(text.split("term ")[1].split(",")[0]) for text in renewed], [4, 3, 2]
        )

    def test_renewal_is_an_event_that_says_who_when_price_and_term(self):
        order = self._running(price_index="percent", price_index_percent=10)
        self._renew("2027-03-16")
        renewal = order.renewal_ids
        self.assertRecordValues(
            renewal,
            [
                {
                    "state": "renewed",
                    "term_number": 2,
                    "date_decided": date(2027, 3, 16),
                    "decided_name": "Nowak Sp. z o.o., who gave no notice",
                    "amount_total": 1353.0,
                }
            ],
        )
        (text,) = [
            text for text in order.message_ids.mapped("body") if "Renewed" in text
        ]
        for part in ("term 2", "07/14/2027", "1,353.00", "Nowak Sp. z o.o. gave no"):
            self.assertIn(part, text)

    def test_next_term_waits_and_is_billed_when_it_is_renewed(self):
        order = self._running()
        lines = order.schedule_line_ids
        self.assertEqual(lines.mapped("state"), ["planned"] * 3 + ["waiting"] * 3)
        self.assertEqual(len(self._draft(order)), 3)
        self._renew("2027-03-16")
        self.assertEqual(len(self._draft(order)), 6)

    def test_term_is_renewed_before_its_first_draft_is_due(self):
        order = self._running(notice_days=0)
        first_of_next_term = order.schedule_line_ids[3]
        self.assertLess(order.date_renewal, first_of_next_term.date_draft)

    def test_term_is_not_renewed_when_nothing_asks_for_it(self):
        for values in (
            {"auto_renew": False},
            {"service_date_end": "2027-04-01"},
        ):
            with self.subTest(values=values):
                order = self._running(**values)
                self._renew("2027-10-01")
                self.assertEqual(order.term_number, 1)
                self.assertEqual(len(order.schedule_line_ids), 3)

    def test_term_is_not_renewed_when_paused_or_terminated(self):
        paused, terminated = self._running(), self._running()
        paused.action_pause()
        terminated.action_terminate("2027-04-14")
        self._renew("2027-04-20")
        self.assertEqual((paused + terminated).mapped("term_number"), [1, 1])
        self.assertEqual(
            terminated.schedule_line_ids.mapped("state"),
            ["planned"] * 3 + ["cancelled"] * 3,
        )
        paused.action_resume()
        self._renew("2027-04-20")
        self.assertEqual(paused.term_number, 2)

    def test_renewed_periods_keep_the_anchor_day(self):
        order = self._running(service_date_start="2027-01-31")
        self._renew("2027-10-01")
        self.assertEqual(
            order.schedule_line_ids[:7].mapped("period_start"),
            [
                date(2027, 1, 31),
                date(2027, 2, 28),
                date(2027, 3, 31),
                date(2027, 4, 30),
                date(2027, 5, 31),
                date(2027, 6, 30),
                date(2027, 7, 31),
            ],
        )
