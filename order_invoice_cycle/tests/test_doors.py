from odoo import SUPERUSER_ID
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command

from .common import CycleCommon


class TestDoors(CycleCommon):
    """No door leads around approval and confirmation, for nobody."""

    def _get_users(self):
        return {
            "sales": self.user_sales,
            "billing": self.user_billing,
            "manager": self.user_manager,
            "administrator": self.env.ref("base.user_admin"),
            "system": self.env["res.users"].browse(SUPERUSER_ID),
        }

    def _get_orders(self):
        """Return an order in each stage before the customer has confirmed."""
        self.company.cycle_auto_send_confirmation = False
        draft = self._create_order()
        submitted = self._create_order()
        submitted.with_user(self.user_sales).action_submit_for_approval()
        approved = self._approve(self._create_order())
        waiting = self._approve(self._create_order())
        waiting.action_send_confirmation()
        return {
            "draft": draft,
            "to_approve": submitted,
            "approved": approved,
            "awaiting_customer": waiting,
        }

    def _assert_shut(self, order, door, hint):
        """Going through ``door`` raises a sentence that says what to do."""
        with self.assertRaisesRegex(UserError, hint), self.env.cr.savepoint():
            door()
        order.invalidate_recordset()

    def test_order_is_not_confirmed_by_any_button_or_write(self):
        """By nobody who may write orders; the table of doors has the others."""
        self.env.ref("base.user_admin").company_ids += self.company
        doors = {
            "button": lambda order: order.action_confirm(),
            "mass confirm": lambda order: (order | self.second).action_confirm(),
            "write": lambda order: order.write({"state": "sale"}),
            "context": lambda order: order.with_context(
                import_file=True,
                tracking_disable=True,
                send_email=True,
                disable_cancel_warning=True,
                cycle_confirmed=True,
            ).action_confirm(),
        }
        hints = {
            **dict.fromkeys(["draft", "to_approve"], "Submit it for approval"),
            **dict.fromkeys(
                ["approved", "awaiting_customer"],
                "waits for the customer's confirmation. The customer confirms by",
            ),
        }
        self.second = self._approve(self._create_order())
        for stage, order in self._get_orders().items():
            self.assertEqual(order.cycle_stage, stage)
            for role in ("sales", "billing", "manager", "administrator", "system"):
                user = self._get_users()[role]
                for name, door in doors.items():
                    with self.subTest(stage=stage, role=role, door=name):
                        own = order.with_user(user).with_company(self.company)
                        self._assert_shut(
                            order, lambda door=door, own=own: door(own), hints[stage]
                        )
            self.assertEqual(order.cycle_stage, stage)

    def test_change_of_a_line_voids_the_approval(self):
        doors = {
            "write": lambda order: order.order_line[0].write({"price_unit": 1000.01}),
            "create": lambda order: order.order_line.create(
                {"order_id": order.id, "product_id": self.service.id}
            ),
            "unlink": lambda order: order.order_line[1].unlink(),
            "import": lambda order: order.load(
                [".id", "order_line/.id", "order_line/price_unit"],
                [[str(order.id), str(order.order_line[0].id), "1.0"]],
            ),
        }
        self.company.cycle_auto_send_confirmation = False
        for name, door in doors.items():
            with self.subTest(name):
                order = self._approve(
                    self._create_order(
                        lines=[self._create_line(), self._create_line(price=5)]
                    )
                )
                own = order.with_user(self.user_sales)
                door(own)
                self.assertEqual(order.cycle_stage, "draft")
                self._assert_shut(order, own.action_confirm, "not approved")
                self._assert_shut(order, own.action_send_confirmation, "not approved")

    def test_copy_of_an_approved_order_is_not_approved(self):
        self.company.cycle_auto_send_confirmation = False
        order = self._approve(self._create_order())
        copy = order.with_user(self.user_sales).copy({"state": "draft"})
        self.assertFalse(copy._is_approved())
        self._assert_shut(copy, copy.action_confirm, "not approved")
        own = order.with_user(self.user_sales)
        self._assert_shut(order, lambda: own.copy({"state": "sale"}), "not approved")

    def test_order_cannot_be_created_as_a_sale(self):
        values = {
            "partner_id": self.customer.id,
            "payment_mode": "after_completion",
            "state": "sale",
            "order_line": [self._create_line()],
        }
        orders = self.env["sale.order"]
        for user in (
            self.user_sales,
            self.user_manager,
            self.env.ref("base.user_root"),
        ):
            with self.assertRaisesRegex(ValidationError, "not approved"):
                orders.with_user(user).with_company(self.company).create(values)

    def test_order_cannot_be_imported_as_a_sale(self):
        result = (
            self.env["sale.order"]
            .with_user(self.user_sales)
            .load(
                ["partner_id/.id", "payment_mode", "state"],
                [[str(self.customer.id), "Recurring", "Sales Order"]],
            )
        )
        self.assertFalse(result["ids"])
        self.assertIn("not approved", result["messages"][0]["message"])

    def test_offer_is_not_sent_around_the_cycle(self):
        for stage, order in self._get_orders().items():
            own = order.with_user(self.user_sales).with_context(
                active_id=order.id, active_ids=order.ids, active_model="sale.order"
            )
            doors = {
                "send wizard": own.action_quotation_send,
                "share wizard": own.action_share,
                "payment link": lambda own=own: (
                    self.env["payment.link.wizard"].with_env(own.env).create({})
                ),
            }
            for name, door in doors.items():
                with self.subTest(stage=stage, door=name):
                    self._assert_shut(order, door, "Submit for approval")

    def test_core_portal_neither_signs_nor_takes_a_payment(self):
        for stage, order in self._get_orders().items():
            order.write({"require_signature": True, "require_payment": True})
            with self.subTest(stage):
                self.assertFalse(order._has_to_be_signed())
                self.assertFalse(order._has_to_be_paid())

    def test_payment_does_not_confirm_the_order(self):
        provider = self.env["payment.provider"].search([], limit=1)
        for stage, order in self._get_orders().items():
            transaction = self.env["payment.transaction"].create(
                {
                    "provider_id": provider.id,
                    "payment_method_id": self.env.ref(
                        "payment.payment_method_unknown"
                    ).id,
                    "reference": f"door {stage}",
                    "amount": order.amount_total,
                    "currency_id": order.currency_id.id,
                    "partner_id": order.partner_id.id,
                    "sale_order_ids": [Command.set(order.ids)],
                    "state": "done",
                }
            )
            with self.subTest(stage):
                transaction._check_amount_and_confirm_order()
                self.assertNotEqual(order.state, "sale")
                self.assertEqual(order.cycle_stage, stage)

    def test_terms_of_a_confirmed_order_cannot_be_changed(self):
        order = self._running_order(
            plan="instalments_3",
            lines=[
                self._create_line(),
                Command.create({"display_type": "line_note", "name": "On weekdays"}),
            ],
        )
        line, note = order.order_line
        payment = order.schedule_line_ids[0]
        doors = {
            "price": lambda env: line.with_env(env).write({"price_unit": 999.99}),
            "quantity": lambda env: line.with_env(env).write({"product_uom_qty": 2}),
            "discount": lambda env: line.with_env(env).write({"discount": 1}),
            "tax": lambda env: line.with_env(env).write({"tax_ids": [Command.clear()]}),
            "order of lines": lambda env: line.with_env(env).write({"sequence": 99}),
            "new line": lambda env: order.with_env(env).write(
                {"order_line": [self._create_line()]}
            ),
            "note": lambda env: note.with_env(env).unlink(),
            "customer": lambda env: order.with_env(env).write(
                {"partner_id": self.other_customer.id}
            ),
            "terms text": lambda env: order.with_env(env).write({"note": "Other"}),
            "payment mode": lambda env: order.with_env(env).write(
                {"payment_mode": "prepayment"}
            ),
            "no payment mode": lambda env: order.with_env(env).write(
                {"payment_mode": False}
            ),
            "due date": lambda env: payment.with_env(env).write(
                {"date_due": "2027-06-01"}
            ),
            "share": lambda env: payment.with_env(env).write(
                {"amount_type": "percent", "percent": 90}
            ),
            "new payment": lambda env: payment.with_env(env).create(
                {"order_id": order.id, "name": "More", "date_due": "2027-06-01"}
            ),
            "payment deleted": lambda env: payment.with_env(env).unlink(),
        }
        before = order.terms_hash
        for role in ("sales", "manager", "system"):
            env = self.env(user=self._get_users()[role].id)
            for name, door in doors.items():
                with self.subTest(role=role, door=name):
                    self._assert_shut(
                        order,
                        lambda door=door, env=env: door(env),
                        "“Amend”",
                    )
        self.assertEqual(order.terms_hash, before)
        self.assertTrue(order._is_confirmed_by_customer())

    def test_submitted_order_cannot_leave_the_cycle(self):
        order = self._approve(self._create_order())
        self._assert_shut(
            order,
            lambda: order.with_user(self.user_sales).write({"payment_mode": False}),
            "make a copy",
        )

    def test_confirmed_stock_order_cannot_enter_the_cycle(self):
        order = self._create_order(payment_mode=False)
        order.action_confirm()
        self._assert_shut(
            order,
            lambda: order.with_user(self.user_sales).write(
                {"payment_mode": "after_completion"}
            ),
            "set it back to quotation",
        )

    def test_fingerprint_cannot_be_written_to_pass_for_approved(self):
        """Approved at 1000, lowered to 500: the old hash must not come back."""
        order = self._approve(self._create_order())
        approved = order.approval_ids.terms_hash
        order.order_line.price_unit = 500
        doors = {
            "terms_hash": approved,
            "terms_version": 7,
            "cycle_stage": "confirmed",
            "cycle_pdf_sha256": "0" * 64,
        }
        for user in (self.user_sales, self.user_approver, self.user_manager):
            for field, value in doors.items():
                own = order.with_user(user)
                with self.subTest(user=user.name, field=field):
                    with self.assertRaises(AccessError):
                        own.write({field: value})
                    with self.assertRaises(AccessError):
                        own.create({"partner_id": self.customer.id, field: value})
        self.assertFalse(order._is_approved())

    def test_decisions_cannot_be_written_through_the_order(self):
        order = self._create_order()
        order.with_user(self.user_sales).action_submit_for_approval()
        approval = order.approval_ids
        own = order.with_user(self.user_sales)
        doors = {
            "approval": {
                "approval_ids": [Command.update(approval.id, {"state": "approved"})]
            },
            "new approval": {
                "approval_ids": [
                    Command.create(
                        {
                            "rule_name": "Mine",
                            "sequence": 9,
                            "version": 1,
                            "terms_hash": order.terms_hash,
                            "state": "approved",
                            "requester_id": self.user_sales.id,
                            "date_requested": "2027-01-01",
                        }
                    )
                ]
            },
            "confirmation": {
                "confirmation_ids": [
                    Command.create(
                        {
                            "partner_id": self.customer.id,
                            "email": "me@service.example",
                            "version": 1,
                            "terms_hash": order.terms_hash,
                            "state": "confirmed",
                        }
                    )
                ]
            },
        }
        for name, values in doors.items():
            with self.subTest(name), self.assertRaises(AccessError):
                own.write(values)
        self.assertEqual(approval.state, "pending")
        self.assertFalse(order.confirmation_ids)
