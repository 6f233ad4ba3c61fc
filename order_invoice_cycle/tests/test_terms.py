from odoo.fields import Command

from .common import CycleCommon


class TestTerms(CycleCommon):
    """What a customer is offered has one identity: its hash."""

    def _change_price(self, order):
        order.order_line[0].price_unit += 0.01

    def _change_quantity(self, order):
        order.order_line[0].product_uom_qty += 1

    def _change_tax(self, order):
        order.order_line[0].tax_ids = self.tax_8

    def _change_description(self, order):
        order.order_line[0].name += " by phone"

    def _add_note_line(self, order):
        note = {"display_type": "line_note", "name": "Only on weekdays"}
        order.order_line = [Command.create(note)]

    def _swap_lines(self, order):
        order.order_line[0].sequence = order.order_line[1].sequence + 1

    def _change_due_date(self, order):
        order.schedule_line_ids[0].date_due = "2027-01-16"

    def _change_share(self, order):
        order.schedule_line_ids[0].write({"amount_type": "percent", "percent": 50})

    def _change_mode(self, order):
        order.write({"payment_mode": "after_completion", "plan_id": False})

    def _change_plan(self, order):
        order.plan_id = self.env.ref("order_invoice_cycle.cycle_plan_instalments_6")

    def _change_terms_text(self, order):
        order.note = "<p>Delivered by courier</p>"

    def _change_customer(self, order):
        order.partner_id = self.other_customer

    CHANGES = [
        _change_price,
        _change_quantity,
        _change_tax,
        _change_description,
        _add_note_line,
        _swap_lines,
        _change_due_date,
        _change_share,
        _change_mode,
        _change_plan,
        _change_terms_text,
        _change_customer,
    ]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.cycle_auto_send_confirmation = False

    def _create_two_line_order(self, **values):
        lines = [
            self._create_line(name="Installation", sequence=1),
            self._create_line(price=200, name="Training", sequence=2),
        ]
        return self._create_order(plan="instalments_3", lines=lines, **values)

    def test_hash_changes_when_the_offer_changes(self):
        for change in self.CHANGES:
            with self.subTest(change.__name__):
                order = self._create_two_line_order()
                before = order.terms_hash
                change(self, order)
                self.assertNotEqual(order.terms_hash, before)

    def test_approval_is_void_when_the_offer_changes(self):
        for change in self.CHANGES:
            with self.subTest(change.__name__):
                order = self._approve(self._create_two_line_order())
                self.assertEqual(order.cycle_stage, "approved")
                change(self, order)
                self.assertFalse(order._is_approved())
                self.assertEqual(order.cycle_stage, "draft")

    def test_link_is_void_when_the_offer_changes(self):
        order = self._approve(self._create_order())
        order.action_send_confirmation()
        self._send_messages()
        confirmation = order.confirmation_ids
        shown = confirmation.terms_hash
        self._change_price(order)
        self.assertFalse(confirmation._is_current())
        self.assertEqual(confirmation.sudo()._confirm(shown, "Jan"), "stale")
        self.assertEqual(order.state, "sent")

    def test_approval_stands_when_only_internal_matters_change(self):
        order = self._approve(self._create_two_line_order())
        before = order.terms_hash
        order.write(
            {
                "user_id": self.user_manager.id,
                "client_order_ref": "PO 17",
                "origin": "Fair",
                "tag_ids": [Command.create({"name": "VIP"})],
                "commitment_date": "2027-03-01",
            }
        )
        order.message_post(body="Called the customer.")
        self.assertEqual(order.terms_hash, before)
        self.assertEqual(order.cycle_stage, "approved")

    def test_approval_is_back_when_a_change_is_undone(self):
        order = self._approve(self._create_order())
        order.order_line.price_unit = 900
        order.order_line.price_unit = 1000
        self.assertEqual(order.cycle_stage, "approved")

    def test_hashes_are_equal_when_two_orders_offer_the_same(self):
        order = self._create_two_line_order()
        other = self._create_two_line_order()
        self.assertEqual(order._get_terms_json(), other._get_terms_json())
        self.assertEqual(order.terms_hash, other.terms_hash)

    def test_hash_stays_when_it_is_computed_again(self):
        order = self._create_two_line_order()
        self._swap_lines(order)
        stored = order.terms_hash
        self.env.flush_all()
        self.env.invalidate_all()
        order.sudo()._compute_terms_hash()
        self.assertEqual(order.terms_hash, stored)

    def test_terms_stay_when_other_decimals_are_shown(self):
        order = self._create_order(lines=[self._create_line(discount=2.5)])
        before = order.terms_hash
        names = ["Product Unit", "Discount", "Product Price"]
        for precision in self.env["decimal.precision"].search([("name", "in", names)]):
            precision.digits += 1
        order.sudo()._compute_terms_hash()
        self.assertEqual(order.terms_hash, before)

    def test_confirmed_order_keeps_its_terms_when_payments_get_their_dates(self):
        for plan in ("deposit_30", "completion_14", "instalments_3", "monthly"):
            with self.subTest(plan):
                self.company.cycle_auto_send_confirmation = True
                order = self._running_order(plan=plan)
                before = order.terms_hash
                if plan != "deposit_30":
                    order.action_mark_completed(self.start)
                self._draft(order)
                order.sudo()._compute_terms_hash()
                self.assertEqual(order.terms_hash, before)
                self.assertTrue(order._is_confirmed_by_customer())

    def test_stock_order_has_no_terms_and_no_stage(self):
        order = self._create_order(payment_mode=False)
        self.assertFalse(order.terms_hash)
        self.assertFalse(order.cycle_stage)
