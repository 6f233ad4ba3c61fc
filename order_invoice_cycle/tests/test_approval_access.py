from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.fields import Command, Date
from odoo.tests import Form, new_test_user

from ..models.res_company import ResCompany
from .test_views import ViewCase


class TestApprovalAccess(ViewCase):
    """The roles of the cycle suffice by themselves: no right in sales, accounting."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.cycle_auto_send_confirmation = False
        cls.user_plain = cls._create_user("user")
        cls.user_plain.group_ids = cls.env.ref("order_invoice_cycle.group_cycle_user")

    def setUp(self):
        super().setUp()
        for user in (self.user_approver, self.user_plain):
            for group in (
                "sales_team.group_sale_salesman",
                "account.group_account_invoice",
                "account.group_account_readonly",
            ):
                self.assertFalse(user.has_group(group))

    @classmethod
    def _create_user(cls, role, *groups, company=None):
        if role == "user" and not groups:
            return new_test_user(
                cls.env,
                "cycle_plain",
                "order_invoice_cycle.group_cycle_user",
                company_id=cls.company.id,
                company_ids=[Command.set(cls.company.ids)],
            )
        return super()._create_user(role, *groups, company=company)

    def _submit(self, **values):
        order = self._create_order(plan="instalments_3", **values)
        order.with_user(self.user_sales).action_submit_for_approval()
        return order

    def _create_claim(self, amount, due, partner=None, **values):
        """Return a posted invoice of that amount, without taxes."""
        return self._create_invoice_one_line(
            price_unit=amount,
            tax_ids=[],
            partner_id=partner or self.customer,
            invoice_date="2027-01-10",
            invoice_date_due=due,
            post=True,
            **values,
        )

    def test_approver_reads_to_the_cent_what_the_customer_owes(self):
        contact = self._create_customer(
            "Anna", parent_id=self.customer.id, is_company=False
        )
        late = self._create_claim(1000.10, "2027-02-01")
        self._pay(late, amount=400.05, date="2027-02-05")
        self._create_claim(50.50, "2027-02-28", contact)
        self._create_claim(300.0, "2027-03-01")
        self._create_claim(20.25, "2027-02-01", move_type="out_refund")
        self._create_claim(9999.0, "2027-02-01", self.other_customer)
        approval = self._submit(partner_id=contact.id).approval_ids
        own = approval.with_user(self.user_approver)
        today = Date.to_date("2027-03-01")
        with patch.object(ResCompany, "_cycle_today", lambda company: today):
            self.assertAlmostEqual(own.amount_overdue, 600.05 + 50.50, 2)
            self.assertAlmostEqual(own.amount_open, 600.05 + 50.50 + 300 - 20.25, 2)

    def test_approver_opens_list_and_order_and_decides(self):
        order = self._submit()
        order.order_line.price_unit = 900
        order.with_user(self.user_sales).action_submit_for_approval()
        self.env.invalidate_all()
        approvals = self.env["cycle.approval"].with_user(self.user_approver)
        approval = approvals.search([("can_decide", "=", True)])
        self.assertEqual(approval.order_id, order)
        for view_type in ("list", "kanban", "form"):
            arch = self._get_arch(
                approval,
                f"order_invoice_cycle.cycle_approval_view_{view_type}",
                view_type,
            )
            self._read(approval, arch)
        own = order.with_user(self.user_approver)
        self._read(own, self._get_arch(own, "sale.view_order_form"))
        Form(own, view="sale.view_order_form")
        own.action_approve("Fine")
        self.assertEqual(order.cycle_stage, "approved")

    def test_approver_is_asked_although_sales_shows_them_only_their_own(self):
        self.user_approver.group_ids += self.env.ref("sales_team.group_sale_salesman")
        order = self._submit()
        own = order.with_user(self.user_approver)
        self._read(own, self._get_arch(own, "sale.view_order_form"))
        own.action_approve()
        self.assertEqual(order.cycle_stage, "approved")

    def test_approver_changes_nothing_of_the_order(self):
        order = self._submit()
        own = order.with_user(self.user_approver)
        for door in (
            lambda: own.write({"note": "x"}),
            lambda: own.order_line.write({"price_unit": 1}),
            lambda: own.schedule_line_ids.write({"name": "x"}),
            own.unlink,
        ):
            with self.assertRaises(AccessError):
                door()

    def test_user_reads_cycle_orders_in_every_stage_and_no_others(self):
        running = self._create_order(plan="instalments_3")
        self.company.cycle_auto_send_confirmation = True
        self._confirm(self._approve(running))
        self._publish(self._draft(running)[:1])
        stock = self._create_order(payment_mode=False)
        for order in running | self._submit() | self._create_order():
            own = order.with_user(self.user_plain)
            with self.subTest(order.cycle_stage):
                self._read(own, self._get_arch(own, "sale.view_order_form"))
                Form(own, view="sale.view_order_form")
        with self.assertRaises(AccessError):
            stock.with_user(self.user_plain).read(["name"])

    def test_user_reads_no_invoice_that_is_not_of_a_schedule(self):
        move = self.init_invoice("out_invoice", amounts=[100], post=True)
        with self.assertRaises(AccessError):
            move.with_user(self.user_plain).read(["name"])
        with self.assertRaises(AccessError):
            move.line_ids.with_user(self.user_plain).read(["name"])

    def test_salesperson_in_the_cycle_sees_only_what_sales_shows(self):
        colleague = self.user_sales.copy({"login": "cycle_colleague"})
        order = self._submit()
        with self.assertRaises(AccessError):
            order.with_user(colleague).read(["name"])
        with self.assertRaises(AccessError):
            order.approval_ids.with_user(colleague).read(["state"])

    def test_approver_sees_discount_and_what_changed_on_approval_and_order(self):
        order = self._submit(lines=[self._create_line(discount=12.5)])
        order.with_user(self.user_approver).action_approve()
        order.order_line.price_unit = 907.0
        order.with_user(self.user_sales).action_submit_for_approval()
        asked = order.approval_ids.filtered(lambda a: a.state == "pending")
        asked = asked.with_user(self.user_approver)
        self.assertEqual(asked.discount_max, 12.5)
        for shown in (asked.changes_html, asked.order_id.cycle_changes):
            for part in ("Unit price", "1,000", "907"):
                self.assertIn(part, shown)

    def test_list_to_approve_asks_as_often_for_one_as_for_many(self):
        def count(approvals):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._read(approvals, arch)
            return self.env.cr.sql_log_count - before

        orders = self.env["sale.order"]
        for number in range(6):
            customer = self._create_customer(f"Customer {number}")
            order = self._submit(partner_id=customer.id)
            order.with_user(self.user_approver).action_approve()
            order.order_line.price_unit = 900 + number
            order.with_user(self.user_sales).action_submit_for_approval()
            orders |= order
        approvals = orders.approval_ids.filtered(lambda a: a.state == "pending")
        approvals = approvals.with_user(self.user_approver)
        arch = self._get_arch(
            approvals, "order_invoice_cycle.cycle_approval_view_list", "list"
        )
        place, total = approvals[0].changes.splitlines()
        self.assertIn("Unit price", place)
        self.assertIn("900", place)
        self.assertTrue(total.startswith("Total "), total)
        count(approvals)
        self.assertLessEqual(count(approvals), count(approvals[0]) + 2)
