from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command

from .schedule_common import ScheduleCase, d


class TestSchedule(ScheduleCase):
    """What is paid when: schedules from plans, by hand, and the wrong ones."""

    def _create_recurring(self, start, **values):
        values = {
            "payment_mode": "recurring",
            "service_date_start": start,
            "recurrence_interval": 1,
            "recurrence_unit": "month",
            "recurrence_count": 12,
            "recurrence_in_advance": True,
            **values,
        }
        return self._create_order(**values)

    # === FROM A PLAN === #

    def test_order_of_each_shipped_plan_runs(self):
        plans = self.env["ir.model.data"].search(
            [("module", "=", "order_invoice_cycle"), ("model", "=", "cycle.plan")]
        )
        self.assertEqual(len(plans), 9)
        for name in plans.mapped("name"):
            with self.subTest(name):
                plan = name.removeprefix("cycle_plan_")
                order = self._running_order(plan=plan)
                self.assertEqual(order.cycle_stage, "confirmed")
                drafts = self._draft(order, "2027-01-20")
                self.assertEqual(bool(drafts), plan != "completion_14")

    def test_prepayment_is_one_deposit_when_it_has_no_plan(self):
        order = self._create_order(payment_mode="prepayment")
        self.assertRecordValues(
            order.schedule_line_ids,
            [
                {
                    "kind": "deposit",
                    "trigger": "confirmation",
                    "amount_untaxed": 1000.0,
                    "amount_tax": 230.0,
                    "amount_total": 1230.0,
                    "date_due": False,
                    "state": "waiting",
                }
            ],
        )

    def test_prepayment_has_deposit_and_completion_when_its_plan_says_so(self):
        order = self._create_order(plan="deposit_30")
        self.assertRecordValues(
            order.schedule_line_ids,
            [
                {"kind": "deposit", "amount_total": 369.0, "trigger": "confirmation"},
                {"kind": "completion", "amount_total": 861.0, "trigger": "completion"},
            ],
        )

    def test_after_completion_is_one_payment_when_it_has_no_plan(self):
        order = self._create_order(payment_mode="after_completion")
        self.assertRecordValues(
            order.schedule_line_ids,
            [{"kind": "completion", "trigger": "completion", "amount_total": 1230.0}],
        )

    def test_instalments_are_equal_and_monthly_when_their_plan_says_so(self):
        order = self._create_order(plan="instalments_3")
        self.assertEqual(
            self._get_dates(order), ["2027-01-15", "2027-02-15", "2027-03-15"]
        )
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [410.0] * 3)
        self.assertEqual(order.schedule_line_ids[0].name, "Instalment 1 of 3")

    def test_plan_fills_what_a_recurring_order_does_not_say_itself(self):
        order = self._create_order(plan="quarterly", recurrence_count=2)
        self.assertRecordValues(
            order,
            [
                {
                    "recurrence_interval": 1,
                    "recurrence_unit": "quarter",
                    "recurrence_count": 2,
                    "recurrence_in_advance": True,
                    "auto_renew": True,
                    "notice_days": 30,
                }
            ],
        )
        self.assertEqual(len(order.schedule_line_ids), 2)

    def test_plan_of_another_mode_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "Three equal monthly"):
            self._create_order(plan="instalments_3", payment_mode="recurring")

    def test_archived_default_plan_fills_no_order(self):
        plan = self.env.ref("order_invoice_cycle.cycle_plan_instalments_3").copy()
        self.company.cycle_default_plan_id = plan
        order = self._create_order(payment_mode="instalments")
        self.assertEqual(order._get_default_plan(), plan)
        plan.active = False
        self.assertFalse(order._get_default_plan())
        self.customer.cycle_plan_id = plan
        self.assertFalse(order._get_partner_plan())

    def test_plan_is_dropped_when_the_mode_changes(self):
        order = self._create_order(plan="instalments_3")
        order.payment_mode = "after_completion"
        self.assertFalse(order.plan_id)
        self.assertEqual(order.schedule_line_ids.mapped("kind"), ["completion"])

    def test_order_has_no_schedule_when_it_has_no_mode(self):
        order = self._create_order(payment_mode=False)
        self.assertFalse(order.schedule_line_ids)
        self.assertFalse(order.cycle_stage)
        self.assertFalse(order.schedule_problem)

    def test_texts_are_in_the_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("pl_PL")
        self.customer.lang = "pl_PL"
        order = self._create_recurring("2027-01-15", recurrence_count=1)
        self.assertIn("15.01.2027", order.schedule_line_ids.name)

    # === DATES === #

    def test_instalments_stay_on_the_31st_when_months_are_shorter(self):
        order = self._create_order(
            plan="instalments_6", service_date_start="2027-08-31"
        )
        self.assertEqual(
            self._get_dates(order),
            [
                "2027-08-31",
                "2027-09-30",
                "2027-10-31",
                "2027-11-30",
                "2027-12-31",
                "2028-01-31",
            ],
        )

    def test_periods_stay_on_the_31st_when_months_are_shorter(self):
        order = self._create_recurring("2027-12-31", recurrence_count=4)
        self.assertRecordValues(
            order.schedule_line_ids,
            [
                {"period_start": d("2027-12-31"), "period_end": d("2028-01-30")},
                {"period_start": d("2028-01-31"), "period_end": d("2028-02-28")},
                {"period_start": d("2028-02-29"), "period_end": d("2028-03-30")},
                {"period_start": d("2028-03-31"), "period_end": d("2028-04-29")},
            ],
        )

    def test_periods_return_to_29_february_when_the_year_is_a_leap_year(self):
        order = self._create_recurring(
            "2028-02-29", recurrence_unit="year", recurrence_count=5
        )
        self.assertEqual(
            self._get_dates(order),
            ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        )

    def test_term_of_twelve_has_twelve_periods_that_touch(self):
        for unit, interval in (
            ("week", 2),
            ("month", 1),
            ("quarter", 1),
            ("year", 1),
        ):
            with self.subTest(unit=unit):
                order = self._create_recurring(
                    "2027-01-31", recurrence_unit=unit, recurrence_interval=interval
                )
                lines = order.schedule_line_ids
                self.assertEqual(len(lines), 12)
                self.assertEqual(lines.mapped("amount_total"), [1230.0] * 12)
                for line, following in zip(lines, lines[1:], strict=False):
                    gap = following.period_start - line.period_end
                    self.assertEqual(gap.days, 1)
                self.assertEqual(order.date_term_end, lines[-1].period_end)

    def test_period_is_due_on_its_last_day_when_billed_in_arrears(self):
        order = self._create_recurring(
            "2027-01-15", recurrence_in_advance=False, recurrence_count=3
        )
        self.assertEqual(
            self._get_dates(order), ["2027-02-14", "2027-03-14", "2027-04-14"]
        )

    def test_last_period_is_prorated_by_days_when_the_service_ends_in_it(self):
        order = self._create_recurring("2027-04-01", service_date_end="2027-06-15")
        self.assertRecordValues(
            order.schedule_line_ids,
            [
                {"period_end": d("2027-04-30"), "amount_untaxed": 1000.0},
                {"period_end": d("2027-05-31"), "amount_untaxed": 1000.0},
                {"period_end": d("2027-06-15"), "amount_untaxed": 500.0},
            ],
        )
        self.assertEqual(order.schedule_line_ids[-1].amount_total, 615.0)

    def test_relative_dates_are_counted_from_the_event_when_it_happens(self):
        order = self._create_order(
            payment_mode="prepayment",
            schedule_line_ids=[
                Command.create({"name": name, "trigger": trigger, **offset})
                for name, trigger, offset in (
                    ("Now", "confirmation", {}),
                    ("Later", "confirmation", {"offset_value": 14}),
                    ("Done", "completion", {"offset_value": 1, "offset_unit": "month"}),
                    ("Month end", "completion", {"offset_day": 31}),
                )
            ],
        )
        lines = order.schedule_line_ids
        lines._set_triggered("confirmation", d("2027-01-20"))
        lines._set_triggered("completion", d("2027-01-31"))
        self.assertEqual(
            self._get_dates(order),
            ["2027-01-20", "2027-02-03", "2027-02-28", "2027-01-31"],
        )

    def test_draft_date_is_the_lead_time_before_the_due_date(self):
        order = self._create_order(plan="instalments_3")
        line = order.schedule_line_ids[0]
        self.assertEqual(line.date_draft, d("2027-01-08"))
        self.company.cycle_lead_days = 10
        self.assertEqual(line.date_draft, d("2027-01-05"))
        order.plan_id.write({"has_lead_days": True, "lead_days": 0})
        self.assertEqual(line.date_draft, d("2027-01-15"))

    # === WRONG SCHEDULES === #

    def test_submission_is_refused_with_the_reason_when_the_schedule_is_wrong(self):
        percent = {"amount_type": "percent", "date_due": "2027-03-01"}
        rest = {"amount_type": "rest", "date_due": "2027-03-01"}
        for reason, lines in (
            ("Add the payments", []),
            ("99 % of the order, .*12.30.* missing", [{**percent, "percent": 99}]),
            (
                "101 % of the order, .*12.30.* too much",
                [{**percent, "percent": 100}, {**percent, "percent": 1}],
            ),
            (
                "“Payment 2” has no amount",
                [{**percent, "percent": 100}, {**percent, "percent": 0}],
            ),
            ("“Payment 2” has no amount", [{**percent, "percent": 100}, rest]),
            ("Give “Payment 1” a due date", [{"amount_type": "rest"}]),
            (
                "“Payment 1” would be due on 01/14/2027, before",
                [{**rest, "date_due": "2027-01-14"}],
            ),
            ("at most 240 payments", [rest] * 241),
        ):
            with self.subTest(reason=reason):
                order = self._create_by_hand(*lines)
                self.assertRegex(order.schedule_problem, reason)
                with self.assertRaisesRegex(UserError, reason):
                    order.action_submit_for_approval()
                self.assertEqual(order.cycle_stage, "draft")

    def test_submission_is_refused_when_a_recurring_order_is_incomplete(self):
        for values in (
            {"recurrence_interval": 0},
            {"recurrence_unit": False},
            {"recurrence_count": 0},
            {"recurrence_count": 241},
            {"service_date_start": False},
        ):
            with self.subTest(values=values):
                order = self._create_recurring("2027-01-15")
                order.write(values)
                self.assertRegex(order.schedule_problem, "Give the service start")
                with self.assertRaisesRegex(UserError, "Give the service start"):
                    order.action_submit_for_approval()

    def test_submission_is_refused_when_the_service_ends_before_it_starts(self):
        order = self._create_recurring("2027-01-15", service_date_end="2027-01-14")
        self.assertRegex(order.schedule_problem, "ends before it starts")

    def test_deposit_may_be_due_before_the_service_starts(self):
        order = self._create_by_hand(
            {"kind": "deposit", "amount_type": "rest", "date_due": "2027-01-02"}
        )
        self.assertFalse(order.schedule_problem)

    def test_thirds_in_percent_are_a_whole_when_a_cent_is_not_lost(self):
        third = {"amount_type": "percent", "percent": 33.3333}
        order = self._create_by_hand(
            {**third, "date_due": "2027-02-01"},
            {**third, "date_due": "2027-03-01"},
            {**third, "date_due": "2027-04-01"},
        )
        self.assertFalse(order.schedule_problem)
        lines = order.schedule_line_ids
        self.assertEqual(sum(lines.mapped("amount_untaxed")), 1000.0)
        self.assertEqual(sum(lines.mapped("amount_total")), 1230.0)
