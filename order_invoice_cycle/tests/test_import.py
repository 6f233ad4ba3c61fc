from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import CycleCommon

FIELDS = [
    "id",
    "partner_id/id",
    "payment_mode",
    "plan_id",
    "service_date_start",
    "order_line/product_id",
    "order_line/name",
    "order_line/product_uom_qty",
    "order_line/price_unit",
    "schedule_line_ids/name",
    "schedule_line_ids/amount_type",
    "schedule_line_ids/percent",
    "schedule_line_ids/date_due",
]
PLAN = "On completion, 14 days"


@tagged("post_install", "-at_install")
class TestImport(CycleCommon):
    """Orders from a spreadsheet: all of the file, or nothing and the cell to blame."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service.default_code = "S-1"
        cls.env["ir.model.data"].create(
            {
                "module": "__import__",
                "name": "customer_1",
                "model": "res.partner",
                "res_id": cls.customer.id,
            }
        )
        orders = cls.env["sale.order"].with_user(cls.user_sales)
        cls.orders = orders.with_context(import_file=True)

    def _rows(self):
        """Return an order with two lines and a plan, and one with its own payments."""
        head = ["order_1", "customer_1", "After completion", PLAN, "2027-01-15"]
        other = ["order_2", "customer_1", "Instalments", "", "2027-01-15"]
        percent = "Percent of the order"
        start = ["Start", percent, "40", "2027-01-20"]
        end = ["End", percent, "60", "2027-02-20"]
        return [
            [*head, "S-1", "Analysis", "2", "100.00", "", "", "", ""],
            ["", "", "", "", "", "S-1", "Zażółć gęślą jaźń", "3", "50.00"] + [""] * 4,
            [*other, "S-1", "Work", "1", "300.00", *start],
            [*[""] * 9, *end],
        ]

    def _load(self, row=None, column=None, text=None):
        """Import the rows, with another text in one cell."""
        rows = self._rows()
        if column:
            rows[row][FIELDS.index(column)] = text
        return self.orders.load(FIELDS, rows)

    def _assert_refused(self, result, *texts):
        """Nothing was imported, and one message quotes ``texts``; return it."""
        self.assertFalse(result["ids"])
        self.assertFalse(self.env.ref("__import__.order_1", raise_if_not_found=False))
        self.assertFalse(self.env.ref("__import__.order_2", raise_if_not_found=False))
        said = [m for m in result["messages"] if all(t in m["message"] for t in texts)]
        self.assertTrue(said, result["messages"])
        return said[0]

    def test_orders_have_lines_and_schedule_when_file_is_right(self):
        result = self._load()
        self.assertFalse(result["messages"])
        first, second = self.env["sale.order"].browse(result["ids"])
        self.assertRecordValues(
            first | second,
            [
                {"payment_mode": "after_completion", "amount_untaxed": 350.0},
                {"payment_mode": "instalments", "amount_untaxed": 300.0},
            ],
        )
        self.assertEqual(first.order_line[1].name, "Zażółć gęślą jaźń")
        self.assertEqual(second.schedule_line_ids.mapped("percent"), [40.0, 60.0])
        self.assertEqual({first.cycle_stage, second.cycle_stage}, {"draft"})

    def test_plan_fills_schedule_when_its_cells_are_empty(self):
        order = self.env["sale.order"].browse(self._load()["ids"][0])
        self.assertEqual(order.schedule_line_ids.kind, "completion")
        self.assertEqual(order.schedule_line_ids.amount_total, order.amount_total)

    def test_file_is_refused_when_customer_is_unknown(self):
        result = self._load(0, "partner_id/id", "customer_99")
        message = self._assert_refused(result, "customer_99")
        self.assertEqual(message["field"], "partner_id")
        self.assertEqual(message["rows"], {"from": 0, "to": 1})

    def test_file_is_refused_when_payment_mode_is_unknown(self):
        result = self._load(2, "payment_mode", "Barter")
        message = self._assert_refused(result, "Barter")
        self.assertEqual(message["field"], "payment_mode")
        self.assertEqual(message["rows"], {"from": 2, "to": 3})

    def test_file_is_refused_when_date_is_wrong(self):
        for row, column, field in (
            (0, "service_date_start", "service_date_start"),
            (3, "schedule_line_ids/date_due", "schedule_line_ids"),
        ):
            with self.subTest(column=column):
                result = self._load(row, column, "2027-02-30")
                message = self._assert_refused(result, "2027-02-30")
                self.assertEqual(message["field"], field)

    def test_file_is_refused_when_quantity_is_below_zero(self):
        result = self._load(1, "order_line/product_uom_qty", "-3")
        message = self._assert_refused(result, "-3", "below zero")
        self.assertEqual(message["rows"], {"from": 1, "to": 1})
        self.assertEqual(message["field_path"], ["order_line", "product_uom_qty"])

    def test_quantity_below_zero_is_left_to_core_without_payment_mode(self):
        rows = self._rows()[:2]
        for column, text in (
            ("payment_mode", ""),
            ("plan_id", ""),
            ("order_line/product_uom_qty", "-3"),
        ):
            rows[0][FIELDS.index(column)] = text
        result = self.orders.load(FIELDS, rows)
        self.assertFalse(result["messages"])
        order = self.env["sale.order"].browse(result["ids"])
        self.assertEqual(order.order_line[0].product_uom_qty, -3)

    def test_default_payment_mode_counts_when_file_names_none(self):
        self.company.cycle_default_payment_mode = "after_completion"
        fields = [FIELDS[0], FIELDS[1], *FIELDS[5:8]]
        rows = [["order_1", "customer_1", "S-1", "Work", "-1"]]
        self._assert_refused(self.orders.load(fields, rows), "below zero")

    def test_quantity_below_zero_is_refused_when_written(self):
        order = self._create_order()
        with self.assertRaisesRegex(ValidationError, "below zero"):
            order.order_line.product_uom_qty = -1

    def test_payment_mode_is_refused_when_a_quantity_is_below_zero(self):
        order = self._create_order(payment_mode=False)
        order.order_line.product_uom_qty = -1
        with self.assertRaisesRegex(ValidationError, "below zero"):
            order.payment_mode = "after_completion"
