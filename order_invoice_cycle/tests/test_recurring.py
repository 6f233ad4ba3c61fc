from datetime import date

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import UserError

from .recurring_common import RecurringCommon


class TestRecurring(RecurringCommon):
    """The periods of a recurring order: their days, their share, their number."""

    def _get_starts(self, **values):
        order = self._create_order(
            **{
                "payment_mode": "recurring",
                "recurrence_interval": 1,
                "recurrence_unit": "month",
                "recurrence_count": 12,
                "recurrence_in_advance": True,
                **values,
            }
        )
        return order.schedule_line_ids.mapped("period_start")

    # === DATES === #

    def test_periods_come_back_to_the_last_days_when_the_service_starts_on_one(self):
        for day, february in ((29, 28), (30, 28), (31, 28)):
            with self.subTest(day=day):
                starts = self._get_starts(service_date_start=f"2027-01-{day}")
                self.assertEqual(
                    [start.day for start in starts[:5]],
                    [day, february, day, min(day, 30), day],
                )

    def test_yearly_periods_keep_29_february_when_the_year_has_one(self):
        starts = self._get_starts(
            service_date_start="2028-02-29", recurrence_unit="year", recurrence_count=5
        )
        self.assertEqual(
            [str(start)[5:] for start in starts],
            ["02-29", "02-28", "02-28", "02-28", "02-29"],
        )

    def test_last_day_of_the_month_is_a_choice_of_its_own(self):
        starts = self._get_starts(
            service_date_start="2027-02-28", recurrence_day=31, recurrence_count=4
        )
        self.assertEqual(
            [str(start) for start in starts],
            ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"],
        )
        kept = self._get_starts(service_date_start="2027-02-28", recurrence_count=4)
        self.assertEqual([start.day for start in kept], [28, 28, 28, 28])

    def test_today_is_the_company_s_day_wherever_server_and_customer_are(self):
        """At noon in Greenwich it is the next day in Auckland already."""
        self.company.partner_id.tz = "Pacific/Auckland"
        self.customer.tz = "Europe/Warsaw"
        order = self._running()
        self.assertEqual(order.date_renewal, date(2027, 3, 16))
        job = self.env["cycle.schedule.line"]
        with freeze_time("2027-03-15 10:59:00"), self._cron_env() as env:
            env[job._name]._cron_renew_terms()
        self.assertEqual(order.term_number, 1)
        with freeze_time("2027-03-15 11:01:00"), self._cron_env() as env:
            env[job._name]._cron_renew_terms()
        self.assertEqual(order.term_number, 2)

    # === PERIODS === #

    def test_twelve_periods_are_twelve_and_the_last_in_arrears_is_invoiced(self):
        order = self._running(
            recurrence_count=12, recurrence_in_advance=False, auto_renew=False
        )
        drafts = self._draft(order, "2028-12-31")
        self.assertEqual(len(drafts), 12)
        self.assertEqual(order.schedule_line_ids[-1].period_end, date(2028, 1, 14))
        self.assertEqual(order.schedule_line_ids[-1].date_due, date(2028, 1, 14))
        self.assertEqual(set(drafts.mapped("amount_total")), {1230.0})

    def test_first_part_period_is_prorated_once_and_counts_as_one_of_twelve(self):
        order = self._running(recurrence_day=1, recurrence_count=12, auto_renew=False)
        periods = self._get_periods(order)
        self.assertEqual(len(periods), 12)
        # 17 of 31 days of 1,230.00
        self.assertEqual(periods[0], ("2027-01-15", "2027-01-31", 674.52))
        self.assertEqual(periods[1], ("2027-02-01", "2027-02-28", 1230.0))
        self.assertEqual(periods[11], ("2027-12-01", "2027-12-31", 1230.0))
        self.assertEqual(order.date_term_end, date(2027, 12, 31))

    def test_first_part_quarter_is_prorated_by_the_days_of_its_quarter(self):
        order = self._create_order(
            payment_mode="recurring",
            recurrence_interval=1,
            recurrence_unit="quarter",
            recurrence_count=2,
            recurrence_day=1,
        )
        # 76 of the 90 days from 1 January to 31 March
        self.assertEqual(
            self._get_periods(order),
            [
                ("2027-01-15", "2027-03-31", 1038.67),
                ("2027-04-01", "2027-06-30", 1230.0),
            ],
        )

    def test_day_of_the_month_is_a_term_only_when_it_is_given(self):
        plain = self._create_order(plan="monthly")
        self.assertNotIn("day", plain._get_terms()["recurrence"])
        before = plain.terms_hash
        plain.recurrence_day = 1
        self.assertNotEqual(plain.terms_hash, before)

    # === PAUSE === #

    def test_paused_days_are_not_billed_and_the_anchor_day_stays(self):
        order = self._running(auto_renew=False, recurrence_count=4)
        order.action_pause("2027-02-20")
        self.assertEqual(
            order.schedule_line_ids.mapped("state"),
            ["planned", "waiting", "waiting", "waiting"],
            "what ended before the pause is still owed",
        )
        order.action_resume("2027-03-25")
        self.assertEqual(
            self._get_periods(order),
            [
                ("2027-01-15", "2027-02-14", 1230.0),
                # 5 of 28 days, then 21 of 31
                ("2027-02-15", "2027-02-19", 219.64),
                ("2027-03-25", "2027-04-14", 833.23),
                ("2027-04-15", "2027-05-14", 1230.0),
            ],
        )
        self.assertEqual(
            order.schedule_line_ids.mapped("state"), ["planned"] * 4, "resumed"
        )

    def test_pause_in_mid_period_takes_its_days_out(self):
        order = self._running(recurrence_in_advance=False, auto_renew=False)
        order.action_pause("2027-01-20")
        order.action_resume("2027-01-25")
        # 26 of 31 days
        self.assertEqual(
            self._get_periods(order)[0], ("2027-01-15", "2027-02-14", 1031.61)
        )

    def test_paused_days_are_billed_when_that_is_asked_for(self):
        order = self._running(auto_renew=False)
        before = self._get_periods(order)
        order.action_pause("2027-01-20")
        order.action_resume("2027-03-25", bill_paused_days=True)
        self.assertEqual(self._get_periods(order), before)
        self.assertTrue(order.pause_ids.is_billed)

    def test_period_that_was_paused_all_the_time_is_never_billed(self):
        order = self._running(auto_renew=False)
        order.action_pause("2027-02-15")
        order.action_resume("2027-03-15")
        self.assertEqual(
            order.schedule_line_ids.mapped("state"), ["planned", "cancelled", "planned"]
        )

    def test_pause_longer_than_the_planned_terms_is_not_billed_later(self):
        order = self._running()
        order.action_pause("2027-02-15")
        self._renew("2027-12-01")
        self.assertEqual(order.term_number, 1, "nothing renews while it is paused")
        order.action_resume("2027-12-01")
        self._renew("2027-12-01")
        self.assertEqual(
            self._get_periods(order, "planned")[:3],
            [
                ("2027-01-15", "2027-02-14", 1230.0),
                # 14 of 30 days
                ("2027-12-01", "2027-12-14", 574.0),
                ("2027-12-15", "2028-01-14", 1230.0),
            ],
        )

    def test_draft_of_paused_days_goes_and_comes_back_for_the_others(self):
        order = self._running(auto_renew=False)
        self._draft(order, "2027-02-10")
        self.assertEqual(
            order.schedule_line_ids.mapped("state"), ["drafted", "drafted", "planned"]
        )
        order.action_pause("2027-02-15")
        self.assertEqual(
            order.schedule_line_ids.mapped("state"), ["drafted", "waiting", "waiting"]
        )
        order.action_resume("2027-02-20")
        drafts = self._draft(order, "2027-02-20")
        self.assertEqual(drafts.mapped("amount_total"), [1230.0, 1010.36])

    def test_invoice_of_paused_days_stays_and_is_named(self):
        order = self._running(auto_renew=False)
        invoice = self._publish(self._draft(order, "2027-01-15"))
        order.action_pause("2027-01-20")
        order.action_resume("2027-01-25")
        self.assertEqual(self._get_periods(order)[0][2], 1230.0)
        self.assertIn(invoice.name, order.message_ids[0].body)

    def test_resuming_before_the_pause_began_is_refused(self):
        order = self._running()
        order.action_pause("2027-02-15")
        with self.assertRaisesRegex(UserError, "Give a later day"):
            order.action_resume("2027-02-14")
        order.action_resume("2027-02-15")
        self.assertFalse(order.pause_ids, "not a single day was paused")

    def _pause_again_before_it_was_resumed(self):
        """Return an order paused from 10 April to 1 May, and again from 25 April."""
        order = self._running(auto_renew=False, recurrence_count=4)
        order.action_pause("2027-04-10")
        order.action_resume("2027-05-01")
        order.action_pause("2027-04-25")
        return order

    def test_day_in_two_pauses_is_taken_out_once(self):
        order = self._pause_again_before_it_was_resumed()
        order.action_resume("2027-05-06")
        self.assertEqual(
            self._get_periods(order)[2:],
            [
                # 26 of 31 days, then 9 of 30
                ("2027-03-15", "2027-04-09", 1031.61),
                ("2027-05-06", "2027-05-14", 369.0),
            ],
        )
        self.assertEqual(
            order.pause_ids.sorted("date_start").mapped("date_end"),
            [date(2027, 4, 24), date(2027, 5, 5)],
        )

    def test_wrong_day_of_resumption_is_corrected_on_the_first_day_of_the_pause(self):
        order = self._running()
        order.action_pause("2027-02-20")
        order.action_resume("2027-04-26")
        order.action_pause("2027-02-20")
        order.action_resume("2027-02-26")
        self.assertEqual(
            order.pause_ids.mapped(lambda pause: (pause.date_start, pause.date_end)),
            [(date(2027, 2, 20), date(2027, 2, 25))],
        )
        # 22 of 28 days
        self.assertEqual(
            self._get_periods(order)[1:3],
            [
                ("2027-02-15", "2027-03-14", 966.43),
                ("2027-03-15", "2027-04-14", 1230.0),
            ],
        )

    def test_second_pause_decides_when_it_ends_before_the_first_was_to_end(self):
        order = self._pause_again_before_it_was_resumed()
        order.action_resume("2027-04-28")
        # 17 of 30 days
        self.assertEqual(
            self._get_periods(order)[3], ("2027-04-28", "2027-05-14", 697.0)
        )

    # === HELD === #

    def test_hold_of_a_person_survives_a_pause_and_a_termination(self):
        order = self._running(auto_renew=False)
        held = order.schedule_line_ids[1]
        held.action_hold("The customer asks for a purchase number.")
        order.action_pause("2027-02-20")
        order.action_resume("2027-02-25")
        self.assertEqual(held.state, "held")
        order.action_terminate("2027-03-04")
        self.assertEqual((held.state, held.period_end), ("held", date(2027, 3, 4)))
        self._draft(order)
        self.assertFalse(held.invoice_id)

    def test_hold_of_a_person_survives_when_the_order_was_paused_all_its_days(self):
        order = self._running(auto_renew=False)
        held = order.schedule_line_ids[1]
        held.action_hold("The customer asks for a purchase number.")
        order.action_pause("2027-02-15")
        order.action_resume("2027-03-15")
        self.assertEqual(held.state, "cancelled")
        self.assertTrue(held.hold_reason)

    # === END === #

    def test_termination_prorates_the_last_period_and_cancels_later_ones(self):
        order = self._running()
        order.action_terminate("2027-02-28", "Site closed")
        self.assertEqual(
            self._get_periods(order, "planned"),
            [
                ("2027-01-15", "2027-02-14", 1230.0),
                # 14 of 28 days
                ("2027-02-15", "2027-02-28", 615.0),
            ],
        )
        self.assertEqual(len(self._get_periods(order, "cancelled")), 4)
        self.assertFalse(order.date_renewal)
        self.assertIn("02/28/2027", order.schedule_line_ids[1].name)

    def test_order_terminated_in_a_later_term_goes_on_until_then(self):
        order = self._running()
        order.action_terminate("2027-08-14")
        self._renew("2027-12-31")
        self.assertEqual(
            self._get_periods(order, "planned")[-1],
            ("2027-07-15", "2027-08-14", 1230.0),
        )
        self.assertFalse(order.date_renewal)

    # === A LONG TIME === #

    def test_day_by_day_for_24_months_equals_one_jump(self):
        """Jobs that run every day, and jobs that slept for two years, end alike."""
        index = self.env["cycle.price.index"].create(
            {
                "name": "Wages",
                "entry_ids": [
                    fields.Command.create({"date": day, "percent": percent})
                    for day, percent in (("2027-02-10", 2.5), ("2027-12-01", 4.0))
                ],
            }
        )
        options = [
            {"recurrence_count": 3, "service_date_start": "2027-01-31"},
            {"recurrence_day": 1, "price_index": "percent", "price_index_percent": 3},
            {
                "recurrence_in_advance": False,
                "price_index": "table",
                "price_index_id": index.id,
            },
            {"recurrence_unit": "week", "recurrence_interval": 2, "notice_days": 0},
            {"service_date_end": "2028-03-10"},
        ]
        daily = [self._running(**values) for values in options]
        jumped = [self._running(**values) for values in options]
        for order in jumped:
            order.sudo().is_paused = True  # keeps the daily runs away from them
        days = fields.Date.to_date("2027-01-15").toordinal()
        with self._cron_env() as env:
            for day in range(days, days + 731):
                today = fields.Date.from_string(date.fromordinal(day))
                env["cycle.schedule.line"]._cron_renew_terms(today=today)
                env["cycle.schedule.line"]._cron_draft_invoices(today=today)
        for order in jumped:
            order.sudo().is_paused = False
        last = date.fromordinal(days + 730)
        self._renew(last)
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices", today=last)
        for one, other in zip(daily, jumped, strict=True):
            self.assertEqual(self._get_result(one), self._get_result(other))
            self.assertGreater(one.term_number, 1)
            self.assertGreater(len(one.invoice_ids), 12)

    def _get_result(self, order):
        """Return all that became of an order, without the days it was done on."""
        return (
            order.term_number,
            order.date_term_end,
            order.date_renewal,
            order.date_renewal_notice,
            [
                (
                    line.term_number,
                    line.period_start,
                    line.period_end,
                    line.date_due,
                    line.price_factor,
                    line.amount_untaxed,
                    line.amount_tax,
                    line.state,
                    line.invoice_id.amount_total,
                )
                for line in order.schedule_line_ids.sorted("sequence")
            ],
            [
                (r.term_number, r.date_start, r.date_end, r.amount_total, r.state)
                for r in order.renewal_ids.sorted("term_number")
            ],
        )
