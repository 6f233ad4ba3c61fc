from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form
from odoo.tools import mute_logger

from .common import CycleCommon


class TestScheduleEditor(CycleCommon):
    """What helps a person to write a schedule that adds up."""

    def _create_by_hand(self, *lines, **values):
        return self._create_order(
            payment_mode="instalments",
            schedule_line_ids=[
                Command.create(
                    {"name": f"Part {number}", "date_due": self.start, **line}
                )
                for number, line in enumerate(lines, start=1)
            ],
            **values,
        )

    # === LIVE TOTALS === #

    def test_other_payments_follow_at_once_when_a_saved_one_is_edited(self):
        percent = {"amount_type": "percent", "percent": 30}
        order = self._create_by_hand(percent, {"amount_type": "rest"})
        with Form(order) as form:
            with form.schedule_line_ids.edit(0) as line:
                line.percent = 40
            amounts = [
                form.schedule_line_ids._records[index]["amount_total"]
                for index in range(2)
            ]
            self.assertEqual(amounts, [492.0, 738.0])
            self.assertFalse(form.schedule_problem)
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), amounts)

    def test_payments_follow_at_once_when_a_price_is_edited(self):
        order = self._create_by_hand({}, {})
        with Form(order) as form:
            with form.order_line.edit(0) as line:
                line.price_unit = 2000.0
            amounts = [
                form.schedule_line_ids._records[index]["amount_total"]
                for index in range(2)
            ]
            self.assertEqual(amounts, [1230.0, 1230.0])

    # === WHAT IS MISSING === #

    def test_note_says_what_is_missing_tax_by_tax(self):
        order = self._create_by_hand(
            {"amount_type": "percent", "percent": 90},
            lines=[self._create_line(600.0), self._create_line(400.0, self.tax_8)],
        )
        for text in ("1,053.00", "1,170.00", "60.00", "13.80 ", "40.00", "3.20"):
            self.assertIn(text.strip(), order.schedule_note.replace("\xa0", " "))
        order.action_spread_evenly()
        self.assertEqual(len(order.schedule_note.splitlines()), 1)

    # === BUTTONS === #

    def test_spread_evenly_gives_every_payment_the_same(self):
        order = self._create_by_hand(
            {"amount_type": "percent", "percent": 10},
            {"amount_type": "fixed", "amount_fixed": 5},
            {"amount_type": "rest"},
        )
        order.with_user(self.user_sales).action_spread_evenly()
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), [410.0] * 3)
        self.assertFalse(order.schedule_problem)

    def test_spread_evenly_leaves_what_an_amendment_invoiced(self):
        order = self._running_order(plan="instalments_3")
        self._publish(self._draft(order, "2027-01-08"))
        action = order.with_user(self.user_sales).action_amend()
        amendment = order.browse(action["res_id"])
        amendment.order_line.price_unit = 2000.0
        amendment.with_user(self.user_sales).action_spread_evenly()
        self.assertEqual(
            amendment.schedule_line_ids.sorted().mapped("amount_total"),
            [410.0, 1025.0, 1025.0],
        )

    def test_put_the_rest_here_keeps_the_other_amounts(self):
        order = self._create_by_hand({"amount_type": "percent", "percent": 30}, {}, {})
        first, second, third = order.schedule_line_ids
        second.with_user(self.user_sales).action_take_rest()
        self.assertEqual(
            (first | second | third).mapped("amount_type"), ["percent", "rest", "fixed"]
        )
        order.order_line.price_unit = 2000.0
        self.assertEqual(
            order.schedule_line_ids.mapped("amount_total"), [738.0, 1291.5, 430.5]
        )

    def test_schedule_of_a_confirmed_order_is_not_edited_by_the_buttons(self):
        order = self._running_order(plan="instalments_3")
        with self.assertRaisesRegex(UserError, "changed by an amendment"):
            order.action_spread_evenly()
        with self.assertRaisesRegex(UserError, "changed by an amendment"):
            order.schedule_line_ids[0].action_take_rest()

    # === DEFAULT PLAN === #

    def test_new_order_begins_with_the_plan_of_customer_or_company(self):
        three = self.env.ref("order_invoice_cycle.cycle_plan_instalments_3")
        six = self.env.ref("order_invoice_cycle.cycle_plan_instalments_6")
        values = {"partner_id": self.customer.id, "payment_mode": "instalments"}
        self.company.cycle_default_plan_id = three
        create = self.env["sale.order"].with_user(self.user_sales).create
        self.assertEqual(create(values).plan_id, three)
        self.customer.cycle_plan_id = six
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.customer.id}
        )
        order = create({**values, "partner_id": contact.id})
        self.assertEqual(order.plan_id, six)
        self.assertEqual(len(order.schedule_line_ids), 6)
        other = create({**values, "payment_mode": "prepayment"})
        self.assertFalse(other.plan_id)
        self.assertFalse(create({**values, "payment_mode": False}).plan_id)

    def test_form_takes_plan_and_mode_of_the_customer(self):
        self.customer.cycle_plan_id = self.env.ref(
            "order_invoice_cycle.cycle_plan_monthly"
        )
        form = Form(self.env["sale.order"].with_user(self.user_sales))
        form.partner_id = self.customer
        self.assertEqual(form.payment_mode, "recurring")
        self.assertEqual(form.plan_id, self.customer.cycle_plan_id)
        form.partner_id = self.other_customer
        self.assertEqual(form.payment_mode, "recurring")

    def test_form_takes_the_customers_plan_in_place_of_the_default_mode(self):
        self.company.cycle_default_payment_mode = "prepayment"
        deposit = self.env.ref("order_invoice_cycle.cycle_plan_deposit_30")
        for plan in ("monthly", "deposit_30"):
            with self.subTest(plan=plan):
                plan = self.env.ref(f"order_invoice_cycle.cycle_plan_{plan}")
                self.customer.cycle_plan_id = plan
                form = Form(self.env["sale.order"].with_user(self.user_sales))
                self.assertEqual(form.payment_mode, "prepayment")
                self.assertEqual(len(form.schedule_line_ids), 1)
                form.partner_id = self.customer
                self.assertEqual(form.payment_mode, plan.payment_mode)
                self.assertEqual(form.plan_id, plan)
        self.assertEqual(form.plan_id, deposit)
        self.assertEqual(len(form.schedule_line_ids), 2)

    def test_chosen_mode_stays_when_the_customer_has_a_plan_of_another_one(self):
        self.customer.cycle_plan_id = self.env.ref(
            "order_invoice_cycle.cycle_plan_monthly"
        )
        plans = self.env["cycle.plan"]
        for plan in (plans, self.env.ref("order_invoice_cycle.cycle_plan_deposit_30")):
            self.company.cycle_default_plan_id = plan
            form = Form(self.env["sale.order"].with_user(self.user_sales))
            form.payment_mode = "prepayment"
            form.partner_id = self.customer
            self.assertEqual(form.payment_mode, "prepayment")
            self.assertEqual(form.plan_id, plan)

    def test_payments_by_hand_stay_when_the_customer_has_a_plan(self):
        self.company.cycle_default_payment_mode = "prepayment"
        self.customer.cycle_plan_id = self.env.ref(
            "order_invoice_cycle.cycle_plan_monthly"
        )
        form = Form(self.env["sale.order"].with_user(self.user_sales))
        with form.schedule_line_ids.edit(0) as line:
            line.amount_type = "percent"
            line.percent = 40
        form.partner_id = self.customer
        self.assertEqual(form.payment_mode, "prepayment")
        self.assertFalse(form.plan_id)
        self.assertEqual(form.schedule_line_ids._records[0]["percent"], 40)

    def test_plan_of_a_customer_is_kept_for_each_company(self):
        other = self.setup_other_company(name="Other")["company"]
        plan = self.env.ref("order_invoice_cycle.cycle_plan_monthly")
        self.customer.cycle_plan_id = plan
        self.assertFalse(self.customer.with_company(other).cycle_plan_id)

    # === BAD INPUT === #

    def test_plan_of_another_company_is_refused(self):
        other = self.setup_other_company(name="Other")["company"]
        plan = self.env["cycle.plan"].create(
            {"name": "Theirs", "payment_mode": "instalments", "company_id": other.id}
        )
        with self.assertRaisesRegex(UserError, "Theirs"):
            self._create_order(payment_mode="instalments", plan_id=plan.id)

    def test_plan_with_400_payments_is_refused(self):
        line = {"name": "Part", "amount_type": "rest", "repeat": 100}
        with self.assertRaisesRegex(ValidationError, "400 payments.*at most 240"):
            self.env["cycle.plan"].create(
                {
                    "name": "Endless",
                    "payment_mode": "instalments",
                    "line_ids": [Command.create(line)] * 4,
                }
            )

    def test_nothing_is_saved_when_one_of_the_payments_is_negative(self):
        order = self._create_by_hand({}, {})
        before = order.schedule_line_ids.mapped("amount_total")
        with (
            self.assertRaises(IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            order.write(
                {
                    "client_order_ref": "half",
                    "schedule_line_ids": [
                        Command.create({"name": "New", "date_due": self.start}),
                        Command.update(
                            order.schedule_line_ids[0].id,
                            {"amount_type": "fixed", "amount_fixed": -5},
                        ),
                    ],
                }
            )
            order.flush_recordset()
        order.invalidate_recordset()
        self.assertFalse(order.client_order_ref)
        self.assertEqual(order.schedule_line_ids.mapped("amount_total"), before)
