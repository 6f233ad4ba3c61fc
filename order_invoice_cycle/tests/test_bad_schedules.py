from psycopg2 import IntegrityError

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form
from odoo.tools import mute_logger

from .common import CycleCommon

COLUMNS = [
    "partner_id",
    "payment_mode",
    "service_date_start",
    "plan_id",
    "recurrence_interval",
    "recurrence_unit",
    "recurrence_count",
    "client_order_ref",
    "order_line/product_id",
    "order_line/price_unit",
]
LINE_COLUMNS = ["name", "amount_type", "percent", "date_due"]


def _percents(*percents, day="2027-03-01"):
    return [
        {
            "name": f"Payment {number}",
            "amount_type": "percent",
            "percent": percent,
            "date_due": day,
        }
        for number, percent in enumerate(percents, start=1)
    ]


# What the form reads while somebody types.
SPEC = {
    **dict.fromkeys(
        (
            "partner_id",
            "payment_mode",
            "service_date_start",
            "client_order_ref",
            "recurrence_interval",
            "recurrence_unit",
            "recurrence_count",
            "schedule_problem",
        ),
        {},
    ),
    "order_line": {
        "fields": {
            "product_id": {},
            "product_uom_qty": {},
            "price_unit": {},
            "tax_ids": {},
        }
    },
    "schedule_line_ids": {"fields": dict.fromkeys(LINE_COLUMNS, {})},
}
# What is wrong: (values of the order, payments, the sentence that says what to change)
BAD = {
    "99 %": ({}, _percents(99), "99 % of the order, .*12.30.* missing: change them"),
    "101 %": ({}, _percents(100, 1), "101 % of the order, .*12.30.* too much"),
    "zero": ({}, _percents(100, 0), "“Payment 2” has no amount: give it one, or rem"),
    "negative": ({}, _percents(100, -1), "between 0 % and 100 % of the order"),
    "too large": ({}, _percents(101), "between 0 % and 100 % of the order"),
    "early": (
        {},
        _percents(100, day="2027-01-14"),
        "“Payment 1” would be due on 01/14/2027, before .* Give it a later date",
    ),
    "400 payments": ({}, _percents(*[0.25] * 400), "at most 240 payments"),
    "no interval": (
        {"payment_mode": "recurring", "recurrence_interval": 0},
        [],
        "Give the service start, the billing interval",
    ),
    "400 periods": (
        {"payment_mode": "recurring", "recurrence_count": 400},
        [],
        r"number of periods per term \(1 to 240\)",
    ),
}


class TestBadSchedules(CycleCommon):
    """Bad schedules, by each way into the database: refused, and nothing half saved."""

    def _prepare_order(self, values, payments):
        recurring = {"recurrence_interval": 1, "recurrence_unit": "month"}
        order = {
            "partner_id": self.customer.id,
            "payment_mode": "instalments",
            "service_date_start": "2027-01-15",
            "order_line": [self._create_line()],
            "client_order_ref": "Bad",
            **values,
        }
        if order["payment_mode"] == "recurring":
            return {**recurring, "recurrence_count": 12, **order}
        return {**order, "schedule_line_ids": [Command.create(x) for x in payments]}

    # === THE WAYS === #

    def _by_call(self, values, payments):
        orders = self.env["sale.order"].with_user(self.user_sales)
        return orders.create(self._prepare_order(values, payments))

    def _by_write(self, values, payments):
        order = self._create_order(plan="instalments_3").with_user(self.user_sales)
        values = self._prepare_order(values, payments)
        del values["order_line"]
        if "schedule_line_ids" in values:
            values["schedule_line_ids"].insert(0, Command.clear())
        order.write({"plan_id": False, **values})
        return order

    def _by_form(self, values, payments):
        form = Form(self.env["sale.order"].with_user(self.user_sales))
        form.partner_id = self.customer
        form.client_order_ref = "Bad"
        with form.order_line.new() as line:
            line.product_id = self.service
        values = self._prepare_order(values, payments)
        for name in ("payment_mode", "service_date_start", "plan_id"):
            if name in values:
                setattr(form, name, values[name])
        for name in ("recurrence_interval", "recurrence_unit", "recurrence_count"):
            if name in values:
                setattr(form, name, values[name])
        for payment in payments:
            with form.schedule_line_ids.new() as line:
                for name, value in payment.items():
                    setattr(line, name, value)
        return form.save()

    def _by_import(self, values, payments):
        order = self._prepare_order(values, payments)
        cells = {
            **order,
            "partner_id": self.customer.name,
            "order_line/product_id": self.service.name,
            "order_line/price_unit": 1000,
        }
        columns = [*COLUMNS, *(f"schedule_line_ids/{x}" for x in LINE_COLUMNS)]
        if not payments:
            columns = COLUMNS
        rows = [[str(cells.get(name, "")) for name in COLUMNS]]
        rows += [[""] * len(COLUMNS) for _payment in payments[1:]]
        for row, payment in zip(rows, payments, strict=False):
            row += [str(payment[name]) for name in LINE_COLUMNS]
        orders = self.env["sale.order"].with_user(self.user_sales)
        result = orders.with_context(import_file=True).load(columns, rows)
        if result["messages"]:
            raise UserError("\n".join(x["message"] for x in result["messages"]))
        return orders.browse(result["ids"])

    def _submit(self, way, values, payments):
        """Save and submit as the salesperson; what the database says is a sentence."""
        try:
            with self.env.cr.savepoint():
                way(values, payments).action_submit_for_approval()
        except IntegrityError as error:
            lines = self.env["cycle.schedule.line"]
            raise UserError(lines._sql_error_to_message(error)) from error

    def _get_counts(self):
        self.env.flush_all()
        return {
            model: self.env[model].search_count([])
            for model in ("cycle.schedule.line", "cycle.approval", "sale.order")
        }

    # === THE TABLE === #

    @mute_logger("odoo.sql_db")
    def test_bad_schedule_is_refused_by_each_way_with_what_to_change(self):
        before = self._get_counts()
        for name, (values, payments, sentence) in BAD.items():
            for way in (self._by_call, self._by_write, self._by_form, self._by_import):
                if way == self._by_form and len(payments) > 100:
                    continue  # nobody types them: see the test of the form below
                with self.subTest(bad=name, way=way.__name__):
                    with (
                        self.assertRaisesRegex(UserError, sentence),
                        self.env.cr.savepoint(),
                    ):
                        self._submit(way, values, payments)
                    self.env.invalidate_all()
                    self.assertEqual(self._get_counts(), before)

    def test_form_says_what_is_wrong_before_it_is_saved(self):
        for name, (values, payments, sentence) in BAD.items():
            if name in ("negative", "too large"):
                continue  # the database refuses these when they are saved
            with self.subTest(bad=name):
                order = self._prepare_order(values, payments)
                # A form fills in the quantity that create takes by default.
                order["order_line"] = [self._create_line(product_uom_qty=1)]
                result = (
                    self.env["sale.order"]
                    .with_user(self.user_sales)
                    .onchange(order, [], SPEC)
                )
                self.assertRegex(result["value"]["schedule_problem"], sentence)

    def test_plan_of_another_company_is_refused_by_each_way(self):
        other = self.setup_other_company(name="Other")["company"]
        plan = self.env["cycle.plan"].create(
            {
                "name": "Theirs",
                "payment_mode": "instalments",
                "company_id": other.id,
                "line_ids": [Command.create({"name": "All", "percent": 100})],
            }
        )
        before = self._get_counts()
        for way, values, sentence in (
            (self._by_call, {"plan_id": plan.id}, "Theirs|access"),
            (self._by_write, {"plan_id": plan.id}, "Theirs|access"),
            (self._by_form, {"plan_id": plan.sudo(False)}, "Theirs|access"),
            (self._by_import, {"plan_id": "Theirs"}, "Theirs"),
        ):
            with self.subTest(way=way.__name__):
                with (
                    self.assertRaisesRegex(UserError, sentence),
                    self.env.cr.savepoint(),
                ):
                    self._submit(way, values, _percents(100))
                self.env.invalidate_all()
                self.assertEqual(self._get_counts(), before)

    @mute_logger("odoo.sql_db")
    def test_recurring_plan_without_interval_is_refused_by_each_way(self):
        plans = self.env["cycle.plan"].with_user(self.user_manager)
        values = {
            "name": "Never",
            "payment_mode": "recurring",
            "recurrence_interval": 0,
        }

        def by_form():
            form = Form(plans)
            for name, value in values.items():
                setattr(form, name, value)
            return form.save()

        def by_import():
            rows = [[str(value) for value in values.values()]]
            messages = plans.load(list(values), rows)["messages"]
            raise UserError("\n".join(x["message"] for x in messages))

        for name, way in {
            "call": lambda: plans.create(values),
            "form": by_form,
            "import": by_import,
        }.items():
            with (
                self.subTest(way=name),
                self.assertRaisesRegex(UserError, "bills every 1 or more units"),
            ):
                try:
                    with self.env.cr.savepoint():
                        way()
                except IntegrityError as error:
                    message = plans._sql_error_to_message(error)
                    raise UserError(message) from error
        self.assertFalse(plans.search([("name", "=", "Never")]))
