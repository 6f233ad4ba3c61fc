from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user

from .common import CycleCommon

# The field whose sum a list shows, by model; and how it counts for a figure.
SUMS = {
    "account.move.line": ("amount_residual", "company_currency_id"),
    "account.move": ("amount_total_signed", "company_currency_id"),
    "sale.order": ("amount_total", "currency_id"),
    "cycle.schedule.line": ("amount_total", "currency_id"),
    "cycle.dispute": ("amount", "currency_id"),
    "cycle.message": (None, None),
}


class TestDashboard(CycleCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.today = fields.Date.to_date("2027-03-03")  # a Wednesday
        rates = [("2020-01-01", 0.25), ("2027-03-01", 0.2)]
        cls.eur = cls.setup_other_currency("EUR", rates=rates)
        cls.usd = cls.setup_other_currency("USD", rates=[("2020-01-01", 0.3)])

    def setUp(self):
        super().setUp()
        # Rendering takes most of the time, and no figure depends on a PDF.
        for model in ("cycle.confirmation", "account.move"):
            self.patch(
                self.registry[model], "_cycle_message_documents", lambda *_args: None
            )

    # === HELPERS === #

    def _get_data(self, user=None, **filters):
        self.env.flush_all()
        dashboard = self.env["cycle.dashboard"].with_user(user or self.user_manager)
        return dashboard.get_data({"today": str(self.today), **filters})

    def _invoice(self, days_to_due, amount=1000.0, partner=None, post=True, **values):
        """Return an invoice without tax that is due so many days after today."""
        due = self.today + timedelta(days=days_to_due)
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or self.customer).id,
                "invoice_date": min(due, self.today) - timedelta(days=5),
                "invoice_date_due": due,
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": self.service.id,
                            "price_unit": amount,
                            "tax_ids": False,
                        }
                    )
                ],
                **values,
            }
        )
        if post:
            invoice.action_post()
        return invoice

    def _dispute(self, invoice, amount):
        return self.env["cycle.dispute"].create(
            {"move_id": invoice.id, "amount": amount, "reason": "Not as agreed"}
        )

    def _get_ledger_balance(self):
        """Return what the receivable accounts say is open."""
        [(balance,)] = self.env["account.move.line"]._read_group(
            [
                ("account_id.account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("company_id", "=", self.company.id),
            ],
            [],
            ["balance:sum"],
        )
        return balance

    def _assertTiesOut(self, tile, user=None):
        """The records that a figure opens are as many as it says, and add up to it."""
        action = tile["action"]
        records = (
            self.env[action["res_model"]]
            .with_user(user or self.user_manager)
            .search(action["domain"])
        )
        self.assertEqual(len(records), tile["count"], tile["label"])
        field, currency_field = SUMS[action["res_model"]]
        if "amount" in tile:
            total = sum(
                record[currency_field]._convert(
                    record[field],
                    self.company.currency_id,
                    self.company,
                    self.today,
                    round=False,
                )
                for record in records
            )
            self.assertAlmostEqual(total, tile["amount"], 2, tile["label"])

    def _get_amounts(self, tiles):
        return {tile["key"]: tile["amount"] for tile in tiles}

    def _get_expected(self, forecast):
        """Return the forecast's amounts, {bucket: {source: amount}}."""
        return {
            bucket["key"]: {
                source: tile["amount"] for source, tile in bucket["sources"].items()
            }
            for bucket in forecast["buckets"]
            if bucket["sources"]
        }

    def _create_invoices(self):
        """Invoices of every kind: three currencies, partly paid, credited, disputed."""
        self._invoice(10)
        self._invoice(2)
        part_paid = self._invoice(-5, 2000.0)
        self._pay(part_paid, 500.0, self.today - timedelta(days=2))
        euro = self._invoice(-40, 300.0, self.other_customer, currency_id=self.eur.id)
        self._pay(euro, 100.0, self.today)
        self._dispute(euro, 50.0)
        self._invoice(-70, 70.0, self.other_customer, currency_id=self.usd.id)
        self._invoice(-100, 40.0)
        self._pay(self._invoice(-3, 77.0), date=self.today - timedelta(days=1))
        self._invoice(0, 333.0, move_type="out_refund")
        self._create_loose_payment(45.0)
        written_off = self._invoice(-8, 500.0)
        self._register_payment(
            written_off,
            amount=499.0,
            payment_date=self.today,
            payment_difference_handling="reconcile",
            writeoff_account_id=self.company_data["default_account_expense"].id,
        )

    def _create_orders(self):
        """Orders of every stage, and scheduled payments in every state."""
        self._create_order().action_submit_for_approval()
        pricelist = self.env["product.pricelist"].create(
            {"name": "Euro", "currency_id": self.eur.id}
        )
        self._approve(self._create_order(pricelist_id=pricelist.id))
        self._running_schedule(6, 20, 200)[0].action_draft_invoice()
        failed, held = self._running_schedule(0, 30)
        failed.error = "A product is archived."
        held.action_hold()

    def _running_schedule(self, *days, **values):
        """Return equal instalments of a running order, due so many days after today."""
        order = self._running_order(
            payment_mode="instalments",
            schedule_line_ids=[
                Command.create(
                    {
                        "name": f"Instalment {number}",
                        "date_due": self.today + timedelta(days=day),
                    }
                )
                for number, day in enumerate(days, start=1)
            ],
            **values,
        )
        return order.sudo().schedule_line_ids

    def _create_loose_payment(self, amount):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": amount,
                "date": self.today,
            }
        )
        payment.action_post()
        return payment

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
            sum(customer["open"]["amount"] for customer in data["customers"]), balance, 2
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
        parts = [part for tile in tiles.values() for part in tile.get("parts", [])]
        customers = [
            customer[key] for customer in data["customers"] for key in ("open", "overdue")
        ]
        expected = [
            tile
            for bucket in data["forecast"]["buckets"]
            for tile in bucket["sources"].values()
        ]
        for tile in [*tiles.values(), *parts, *data["ageing"], *customers, *expected]:
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

    def test_drafts_are_counted_by_their_check(self):
        self.other_customer.street = False
        orders = self._running_order() | self._running_order(
            partner_id=self.other_customer.id
        )
        orders.action_mark_completed(self.start)
        self._draft(orders)
        tile = self._get_data()["tiles"]["to_publish"]
        self.assertEqual((tile["count"], tile["amount"]), (2, 2460.0))
        counts = {part["key"]: part["count"] for part in tile["parts"]}
        self.assertEqual(counts["red"], 1)
        self.assertEqual(sum(counts.values()), 2)

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

    # === COMPANIES, USERS, FILTERS === #

    def test_user_of_one_company_sees_nothing_of_the_other(self):
        self._create_invoices()
        self._create_order().action_submit_for_approval()
        other = self._create_company(name="Other Services")
        user = self._create_user("manager", company=other)
        data = self._get_data(user)
        self.assertEqual(data["currency_id"], other.currency_id.id)
        self.assertFalse([tile for tile in data["tiles"].values() if tile["count"]])
        self.assertFalse(data["customers"])
        self.assertFalse(self._get_expected(data["forecast"]))
        with self.assertRaises(AccessError):
            self._get_data(user, company_ids=self.company.ids)

    def test_companies_add_up_in_the_currency_of_the_first(self):
        other = self._create_company(name="Euro Services", currency_id=self.eur.id)
        self._invoice(-1, 100.0, company_id=other.id, currency_id=self.eur.id)
        self._invoice(-1, 100.0)
        both = self.company | other
        self.user_manager.company_ids = both
        dashboard = self.env["cycle.dashboard"].with_user(self.user_manager)
        dashboard = dashboard.with_context(allowed_company_ids=both.ids)
        day = {"today": self.today}
        data = dashboard.get_data(day)
        self.assertEqual(data["tiles"]["overdue"]["amount"], 600.0)
        self.assertEqual(data["tiles"]["overdue"]["count"], 2)
        data = dashboard.get_data({**day, "company_ids": other.ids})
        self.assertEqual(data["currency_id"], self.eur.id)
        self.assertEqual(data["tiles"]["overdue"]["amount"], 100.0)

    def test_filters_by_customer_salesperson_and_currency(self):
        contact = self._create_customer(
            "Anna", parent_id=self.customer.id, is_company=False
        )
        self._invoice(-1, 100.0, contact, invoice_user_id=self.user_sales.id)
        self._invoice(-1, 200.0, invoice_user_id=self.user_billing.id)
        self._invoice(
            -1,
            400.0,
            self.other_customer,
            currency_id=self.eur.id,
            invoice_user_id=self.user_billing.id,
        )

        def overdue(**filters):
            tile = self._get_data(**filters)["tiles"]["overdue"]
            self._assertTiesOut(tile)
            return tile["amount"]

        self.assertEqual(overdue(partner_id=self.customer.id), 300.0)
        self.assertEqual(overdue(partner_id=contact.id), 300.0)
        self.assertEqual(overdue(user_id=self.user_sales.id), 100.0)
        self.assertEqual(overdue(currency_id=self.eur.id), 1600.0)
        self.assertEqual(
            overdue(currency_id=self.eur.id, user_id=self.user_sales.id), 0.0
        )
        self.assertEqual(overdue(partner_id=-1), 0.0)

    def test_impossible_filters_are_refused_by_name(self):
        for filters in (
            {"colour": "red"},
            {"today": "tomorrow"},
            {"today": 5},
            {"user_id": "1 OR 1=1"},
            {"partner_id": [1]},
            {"company_ids": 1},
            {"company_ids": ["1"]},
        ):
            with self.subTest(filters), self.assertRaises(UserError):
                self._get_data(**filters)

    def test_only_users_of_the_order_cycle_are_answered(self):
        for groups in ("base.group_portal", "base.group_user", "base.group_public"):
            user = new_test_user(self.env, login=groups, groups=groups)
            with self.subTest(groups), self.assertRaises(AccessError):
                self._get_data(user)

    def test_sales_person_sees_orders_and_no_receivables(self):
        self._invoice(-1)
        self._create_orders()
        data = self._get_data(self.user_sales)
        self.assertNotIn("ageing", data)
        self.assertNotIn("customers", data)
        for key in ("open", "overdue", "collected", "dso", "disputed", "to_publish"):
            self.assertNotIn(key, data["tiles"])
        self.assertEqual([section["key"] for section in data["sections"]][0], "work")
        for tile in data["tiles"].values():
            self._assertTiesOut(tile, self.user_sales)
        self.assertTrue(data["tiles"]["to_approve"]["count"])

    def test_every_role_is_answered(self):
        plain = self._create_user("user", company=self._create_company(name="Third"))
        self._create_invoices()
        self._create_orders()
        for user in (
            plain,
            self.user_approver,
            self.user_billing,
            self.user_collections,
        ):
            with self.subTest(user.name):
                for tile in self._get_data(user)["tiles"].values():
                    self.env[tile["action"]["res_model"]].with_user(user).search_count(
                        tile["action"]["domain"]
                    )

    # === COST AND NEWS === #

    def _count_queries(self):
        """Return the number of queries of a call, after one that fills the caches."""
        for _call in range(2):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._get_data()
        return self.env.cr.sql_log_count - before

    def _create_records(self, number):
        for _number in range(number):
            partner = self._create_customer(f"Customer {number}")
            disputed = self._invoice(-9, 50.0, partner)
            self._dispute(disputed, 10.0)
            self._invoice(3, 10.0, partner, currency_id=self.eur.id)
            lines = self._running_schedule(6, 20, partner_id=partner.id)
            lines[0].action_draft_invoice()

    def test_number_of_queries_does_not_depend_on_the_number_of_records(self):
        self._create_records(1)
        few = self._count_queries()
        self._create_records(9)
        self.assertEqual(self._count_queries(), few)
        self.assertLessEqual(few, 25)

    def _get_news(self, do):
        """Return the notifications that the transaction of ``do`` sends."""
        self.env.cr.precommit.run()
        sent = self.env["bus.bus"].sudo().search([])
        do()
        self.env.cr.precommit.run()
        news = self.env["bus.bus"].sudo().search([]) - sent
        return news.filtered(lambda n: "order_invoice_cycle/dashboard" in n.message)

    def test_open_dashboards_are_told_once_per_transaction(self):
        order = self._create_order()
        invoices = self._invoice(-1, post=False) | self._invoice(-1, post=False)
        self.assertEqual(len(self._get_news(invoices.action_post)), 1)
        self.assertEqual(len(self._get_news(lambda: self._pay(invoices[0], 1.0))), 1)
        self.assertEqual(len(self._get_news(lambda: self._dispute(invoices[0], 1))), 1)
        self.assertEqual(len(self._get_news(order.action_submit_for_approval)), 1)

    def test_open_dashboards_are_left_in_peace_otherwise(self):
        order = self._create_order()
        news = self._get_news(lambda: order.write({"client_order_ref": "PO 7"}))
        self.assertFalse(news)
