from odoo.fields import Command
from odoo.tests import Form

from .schedule_common import ScheduleCase, d

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


class TestScheduleByHand(ScheduleCase):
    """What a person made of a schedule stays, until what it is built from changes."""

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
