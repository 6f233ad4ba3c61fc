from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user

from .dashboard_common import DashboardCase


class TestDashboardAccess(DashboardCase):
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
