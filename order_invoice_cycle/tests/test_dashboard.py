from odoo import fields

from .dashboard_common import DashboardCase


class TestDashboard(DashboardCase):
    # === TIES OUT === #

    def test_open_is_the_ledger_balance_in_every_currency(self):
        self._create_invoices()
        data = self._get_data()
        tiles = data["tiles"]
        balance = self._get_ledger_balance()
        self.assertAlmostEqual(tiles["open"]["amount"], balance, 2)
        ageing = self._get_amounts(data["ageing"])
        self.assertAlmostEqual(
            sum(ageing.values()) + tiles["credits"]["amount"], balance, 2
        )
        self.assertAlmostEqual(
            tiles["overdue"]["amount"], sum(ageing.values()) - ageing["not_due"], 2
        )
        self.assertAlmostEqual(
            sum(customer["open"]["amount"] for customer in data["customers"]),
            balance,
            2,
        )

    def test_ageing_counts_days_since_the_due_date(self):
        for days, amount in ((0, 1.0), (-1, 10.0), (-30, 20.0), (-31, 400.0)):
            self._invoice(days, amount)
        for days, amount in ((-60, 3000.0), (-61, 40000.0), (-90, 5.0), (-91, 7.0)):
            self._invoice(days, amount)
        self.assertEqual(
            self._get_amounts(self._get_data()["ageing"]),
            {
                "not_due": 1.0,
                "d1_30": 30.0,
                "d31_60": 3400.0,
                "d61_90": 40005.0,
                "d91_plus": 7.0,
            },
        )

    def test_every_figure_is_the_sum_of_the_records_it_opens(self):
        self._create_invoices()
        self._create_orders()
        data = self._get_data()
        tiles = dict(data["tiles"])
        for key in ("dso", "collected", "disputed"):  # other fields: tests of their own
            tiles.pop(key)
        customers = [
            customer[key]
            for customer in data["customers"]
            for key in ("open", "overdue")
        ]
        expected = [
            tile
            for bucket in data["forecast"]["buckets"]
            for tile in bucket["sources"].values()
        ]
        for tile in [*tiles.values(), *data["ageing"], *customers, *expected]:
            with self.subTest(tile["action"]["name"]):
                self._assertTiesOut(tile)
        for key in ("to_approve", "awaiting_customer", "to_publish", "scheduled"):
            self.assertTrue(tiles[key]["count"], key)
        for key in ("held", "errors"):
            self.assertEqual(tiles[key]["count"], 1, key)

    def test_disputed_counts_at_the_rate_of_the_invoice(self):
        invoice = self._invoice(-40, 300.0, currency_id=self.eur.id)
        self._dispute(invoice, 50.0)
        data = self._get_data()
        disputed = data["tiles"]["disputed"]
        self.assertEqual((disputed["amount"], disputed["count"]), (200.0, 1))
        [customer] = data["customers"]
        self.assertEqual(customer["open"]["amount"], 1200.0)
        self.assertEqual(customer["disputed"]["amount"], 200.0)
        self.assertEqual(
            self.env["cycle.dispute"].search(customer["disputed"]["action"]["domain"]),
            invoice.dispute_ids,
        )

    def test_collected_is_what_this_month_brought(self):
        before = self._invoice(-20, 900.0)
        self._pay(before, 200.0, fields.Date.to_date("2027-02-28"))
        self._pay(before, 300.0, fields.Date.to_date("2027-03-01"))
        self._create_loose_payment(45.0)
        tile = self._get_data()["tiles"]["collected"]
        self.assertEqual((tile["amount"], tile["count"]), (345.0, 2))
        lines = self.env["account.move.line"].search(tile["action"]["domain"])
        self.assertEqual(sum(lines.mapped("credit")), 345.0)

    def test_days_sales_outstanding_divide_open_by_sales_of_90_days(self):
        self._invoice(-100, 500.0)  # open, invoiced before
        self._invoice(-10, 1500.0)
        self._pay(self._invoice(-20, 1000.0), 1000.0)
        self._invoice(0, 500.0, move_type="out_refund")
        tile = self._get_data()["tiles"]["dso"]
        # open 500 + 1500 - 500, invoiced 1500 + 1000 - 500
        self.assertEqual(tile["days"], 67.5)
        self.assertEqual(tile["count"], 3)

    def test_without_sales_there_are_no_days_sales_outstanding(self):
        self.assertIsNone(self._get_data()["tiles"]["dso"]["days"])

    def test_drafts_are_counted_whatever_their_check_says(self):
        self.other_customer.street = False
        orders = self._running_order() | self._running_order(
            partner_id=self.other_customer.id
        )
        orders.action_mark_completed(self.start)
        self._draft(orders)
        tile = self._get_data()["tiles"]["to_publish"]
        self.assertEqual((tile["count"], tile["amount"]), (2, 2460.0))

    # === FORECAST === #

    def test_amount_is_counted_once_from_planned_to_paid(self):
        first, *_others = self._running_schedule(8, 30, 60)
        total = first.order_id.amount_total
        amount = first.amount_total

        def assert_source(source, bucket="week_2", expected=total):
            forecast = self._get_data()["forecast"]
            self.assertAlmostEqual(forecast["amount"], expected, 2)
            self.assertEqual(
                self._get_expected(forecast)[bucket], {source: amount}, source
            )

        assert_source("planned")
        invoice = first.action_draft_invoice()
        assert_source("drafts")
        self._publish(invoice, self.today)
        assert_source("posted")
        self._pay(invoice, 100.0, self.today)
        amount -= 100.0
        assert_source("posted", expected=total - 100.0)
        self._pay(invoice, date=self.today)
        expected = self._get_expected(self._get_data()["forecast"])
        self.assertNotIn("week_2", expected)

    def test_forecast_puts_each_day_in_its_week(self):
        sunday = 4
        for days in (-1, 0, sunday, sunday + 1, sunday + 84, sunday + 85):
            self._invoice(days, 100.0)
        self.assertEqual(
            self._get_expected(self._get_data()["forecast"]),
            {
                "overdue": {"posted": 100.0},
                "week_1": {"posted": 200.0},
                "week_2": {"posted": 100.0},
                "week_13": {"posted": 100.0},
                "later": {"posted": 100.0},
            },
        )

    def test_forecast_leaves_out_what_is_not_to_be_billed(self):
        self._running_schedule(5, 10).action_hold()
        self._running_schedule(5, 10).order_id.action_pause()
        self._running_schedule(5, 10).action_skip()
        self._create_order(plan="instalments_3")
        self._running_order()  # waits for its completion, has no date
        self.assertEqual(self._get_data()["forecast"]["amount"], 0.0)
