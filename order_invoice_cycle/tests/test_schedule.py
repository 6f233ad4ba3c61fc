from datetime import date

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form

from .common import CycleCommon

FORM = """
<form>
    <field name="partner_id" /><field name="payment_mode" /><field name="plan_id" />
    <field name="service_date_start" /><field name="service_date_end" />
    <field name="recurrence_interval" />
    <field name="recurrence_unit" /><field name="recurrence_count" />
    <field name="order_line">
        <list editable="bottom">
            <field name="product_id" /><field name="product_uom_qty" />
        </list>
    </field>
    <field name="schedule_line_ids">
        <list editable="bottom">
            <field name="name" /><field name="trigger" /><field name="kind" />
            <field name="amount_type" /><field name="percent" />
            <field name="date_due" />
            <field name="currency_id" column_invisible="1" />
            <field name="amount_total" />
        </list>
    </field>
    <field name="schedule_problem" />
</form>
"""


def d(text):
    return date.fromisoformat(text)


class TestSchedule(CycleCommon):
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

    def _create_by_hand(self, *lines, **values):
        commands = [
            Command.create({"name": f"Payment {number}", **line})
            for number, line in enumerate(lines, start=1)
        ]
        return self._create_order(
            payment_mode="instalments", schedule_line_ids=commands, **values
        )

    def _get_dates(self, order):
        return [str(line.date_due or "") for line in order.schedule_line_ids]

    # === FROM A PLAN === #

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

    # === BY HAND === #

    def test_hand_made_schedule_is_kept_when_created_or_changed(self):
        order = self._create_by_hand(
            {"amount_type": "percent", "percent": 30, "date_due": "2027-02-01"},
            {"amount_type": "rest", "date_due": "2027-03-01"},
        )
        order.service_date_start = "2027-01-20"
        order.order_line[0].price_unit = 2000.0
        self.assertEqual(
            order.schedule_line_ids.mapped("amount_total"), [738.0, 1722.0]
        )
        self.assertFalse(order.schedule_problem)

    def _create_forty_sixty(self, mode, **values):
        return self._create_order(
            payment_mode=mode,
            schedule_line_ids=[
                Command.create(
                    {"name": "First", "amount_type": "percent", "percent": 40}
                ),
                Command.create(
                    {"name": "Second", "amount_type": "percent", "percent": 60}
                ),
            ],
            **values,
        )

    def test_hand_made_schedule_is_kept_when_a_date_changes_it_is_not_built_from(self):
        for mode in ("prepayment", "after_completion", "instalments"):
            for values in (
                {"service_date_end": "2027-06-30"},
                {"service_date_start": "2027-01-20"},
                {"recurrence_interval": 3, "recurrence_unit": "year"},
                {"service_date_start": "2027-01-20", "client_order_ref": "PO 7"},
            ):
                with self.subTest(mode=mode, values=values):
                    order = self._create_forty_sixty(mode)
                    lines = order.schedule_line_ids
                    order.with_user(self.user_sales).write(values)
                    self.assertEqual(order.schedule_line_ids, lines)
                    self.assertEqual(lines.mapped("percent"), [40, 60])

    def test_hand_made_schedule_is_made_anew_when_mode_or_plan_changes(self):
        order = self._create_forty_sixty("prepayment")
        order.write(
            {"payment_mode": "after_completion", "service_date_end": "2027-06-30"}
        )
        self.assertEqual(
            order.schedule_line_ids.mapped("name"), ["Payment on completion"]
        )
        order = self._create_forty_sixty("instalments")
        order.plan_id = self.env.ref("order_invoice_cycle.cycle_plan_instalments_3")
        self.assertEqual(len(order.schedule_line_ids), 3)

    def test_schedule_of_a_plan_is_kept_when_the_plan_counts_from_no_date(self):
        order = self._create_order(plan="deposit_30")
        lines = order.schedule_line_ids
        lines[0].write({"amount_type": "percent", "percent": 40})
        order.write(
            {"service_date_start": "2027-02-01", "service_date_end": "2027-06-30"}
        )
        self.assertEqual(order.schedule_line_ids, lines)
        self.assertEqual(lines[0].percent, 40)

    def test_hand_made_schedule_is_kept_in_the_form_when_a_date_changes(self):
        view = self.env["ir.ui.view"].create({"model": "sale.order", "arch": FORM})
        for mode in ("prepayment", "instalments"):
            for order in (self.env["sale.order"], self._create_forty_sixty(mode)):
                with self.subTest(mode=mode, order=order):
                    form = Form(order, view)
                    form.partner_id = self.customer
                    form.payment_mode = mode
                    while len(form.schedule_line_ids):
                        form.schedule_line_ids.remove(0)
                    for name, percent in (("First", 40), ("Second", 60)):
                        with form.schedule_line_ids.new() as line:
                            line.name = name
                            line.amount_type = "percent"
                            line.percent = percent
                            line.date_due = "2027-03-01"
                    form.service_date_start = "2027-01-20"
                    form.service_date_end = "2027-06-30"
                    saved = form.save()
                    lines = saved.schedule_line_ids
                    self.assertEqual(lines.mapped("percent"), [40, 60])
                    with Form(saved, view) as form:
                        form.service_date_start = "2027-01-25"
                    self.assertEqual(saved.schedule_line_ids, lines)

    def test_schedule_is_kept_when_another_field_of_the_order_changes(self):
        order = self._create_order(plan="instalments_3")
        lines = order.schedule_line_ids
        lines[1].date_due = "2027-02-20"
        order.write({"client_order_ref": "PO 7", "auto_renew": True})
        self.assertEqual(order.schedule_line_ids, lines)
        self.assertEqual(lines[1].date_due, d("2027-02-20"))

    def test_schedule_is_made_anew_when_plan_or_start_changes_in_draft(self):
        order = self._create_order(plan="instalments_3")
        order.service_date_start = "2027-02-28"
        self.assertEqual(
            self._get_dates(order), ["2027-02-28", "2027-03-28", "2027-04-28"]
        )
        order.plan_id = self.env.ref("order_invoice_cycle.cycle_plan_instalments_6")
        self.assertEqual(len(order.schedule_line_ids), 6)

    def test_schedule_is_never_made_anew_when_the_order_is_confirmed(self):
        order = self._running_order(plan="instalments_3")
        lines = order.schedule_line_ids
        order.plan_id.line_ids.repeat = 2
        self.env.add_to_compute(order._fields["schedule_line_ids"], order)
        self.assertEqual(order.schedule_line_ids, lines)

    def test_form_shows_the_schedule_before_the_order_is_saved(self):
        view = self.env["ir.ui.view"].create({"model": "sale.order", "arch": FORM})
        form = Form(self.env["sale.order"], view)
        form.partner_id = self.customer
        form.service_date_start = "2027-01-15"
        with form.order_line.new() as line:
            line.product_id = self.service
        form.payment_mode = "instalments"
        self.assertEqual(len(form.schedule_line_ids), 0)
        form.plan_id = self.env.ref("order_invoice_cycle.cycle_plan_instalments_3")
        with form.schedule_line_ids.edit(2) as line:
            self.assertEqual(line.amount_total, 410.0)
            line.date_due = "2027-04-01"
        with form.schedule_line_ids.new() as line:
            line.name = "By hand"
            line.amount_type = "percent"
            line.percent = 10
            line.date_due = "2027-05-01"
        self.assertFalse(form.schedule_problem)
        order = form.save()
        self.assertRecordValues(
            order.schedule_line_ids,
            [
                {"date_due": d("2027-01-15"), "amount_total": 369.0},
                {"date_due": d("2027-02-15"), "amount_total": 369.0},
                {"date_due": d("2027-04-01"), "amount_total": 369.0},
                {"date_due": d("2027-05-01"), "amount_total": 123.0},
            ],
        )

    def test_import_keeps_the_payments_of_the_file(self):
        columns = [
            "partner_id",
            "payment_mode",
            "order_line/product_id",
            "order_line/price_unit",
            "schedule_line_ids/name",
            "schedule_line_ids/amount_type",
            "schedule_line_ids/percent",
            "schedule_line_ids/date_due",
        ]
        order_cells = [self.customer.name, "instalments", self.service.name, "100"]
        rows = [
            [*order_cells, "First", "percent", "40", "2027-02-01"],
            ["", "", "", "", "Second", "percent", "60", "2027-03-01"],
        ]
        result = self.env["sale.order"].load(columns, rows)
        self.assertFalse(result["messages"])
        order = self.env["sale.order"].browse(result["ids"])
        self.assertRecordValues(
            order.schedule_line_ids,
            [
                {"name": "First", "amount_total": 49.2},
                {"name": "Second", "amount_total": 73.8},
            ],
        )

    def test_copy_has_the_schedule_of_the_plan_and_nothing_of_the_past(self):
        order = self._running_order(plan="instalments_3")
        copied = order.copy()
        self.assertEqual(len(copied.schedule_line_ids), 3)
        self.assertFalse(copied.schedule_line_ids & order.schedule_line_ids)
        self.assertEqual(copied.cycle_stage, "draft")
        self.assertFalse(copied.schedule_line_ids.invoice_id)

    def test_texts_are_in_the_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("pl_PL")
        self.customer.lang = "pl_PL"
        order = self._create_recurring("2027-01-15", recurrence_count=1)
        self.assertIn("15.01.2027", order.schedule_line_ids.name)

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
