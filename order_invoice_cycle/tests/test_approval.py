from odoo import SUPERUSER_ID
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from .approval_common import ApprovalCommon


class TestApproval(ApprovalCommon):
    """Who must approve an order, who may not, and what becomes of the decision."""

    # === RULES === #

    def test_rule_asks_only_when_it_matches(self):
        other_team = self.env["crm.team"].create({"name": "Other team"})
        own_team = self.env["crm.team"].create({"name": "Own team"})
        other_company = self.env["res.company"].create({"name": "Other"})
        discounted = [self._create_line(discount=10)]
        cases = [
            ({"amount_min": 1230.0}, {}, True),
            ({"amount_min": 1230.01}, {}, False),
            ({"discount_min": 10.0}, {"lines": discounted}, True),
            ({"discount_min": 10.01}, {"lines": discounted}, False),
            ({"discount_min": 10.0}, {}, False),
            ({"payment_mode": "after_completion"}, {}, True),
            ({"payment_mode": "recurring"}, {}, False),
            ({"team_id": own_team.id}, {"team_id": own_team.id}, True),
            ({"team_id": other_team.id}, {"team_id": own_team.id}, False),
            ({"company_id": self.company.id}, {}, True),
            ({"company_id": other_company.id}, {}, False),
            ({"active": False}, {}, False),
        ]
        for rule_values, order_values, asked in cases:
            with self.subTest(rule=rule_values, order=order_values):
                rule = self._create_rule(**rule_values)
                order = self._submit(self._create_order(**order_values))
                self.assertEqual(rule in order.approval_ids.rule_id, asked)
                rule.active = False

    def test_rule_counts_what_the_discount_button_takes_off_the_whole_order(self):
        cases = [
            (0.0, {"discount_type": "so_discount", "discount_percentage": 0.1}, 10.0),
            (0.0, {"discount_type": "amount", "discount_amount": 615.0}, 50.0),
            (10.0, {"discount_type": "so_discount", "discount_percentage": 0.1}, 19.0),
        ]
        for discount, values, percent in cases:
            with self.subTest(discount=discount, values=values):
                order = self._create_order(lines=[self._create_line(discount=discount)])
                button = self.env["sale.order.discount"].create(
                    {"sale_order_id": order.id, **values}
                )
                button.action_apply_discount()
                exact = self._create_rule(discount_min=percent)
                above = self._create_rule(discount_min=percent + 0.01)
                approvals = self._submit(order).approval_ids
                self.assertIn(exact, approvals.rule_id)
                self.assertNotIn(above, approvals.rule_id)
                self.assertEqual(set(approvals.mapped("discount_max")), {percent})
                (exact | above).active = False

    def test_rule_compares_in_company_currency_when_order_is_foreign(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": euro.id,
                "company_id": self.company.id,
                "name": "2020-01-01",
                "rate": 0.25,
            }
        )
        pricelist = self.env["product.pricelist"].create(
            {"name": "Euro", "currency_id": euro.id}
        )
        rule = self._create_rule(amount_min=4920.0)
        order = self._create_order(pricelist_id=pricelist.id)
        self.assertEqual(order.currency_id, euro)
        self.assertIn(rule, self._submit(order).approval_ids.rule_id)
        rule.amount_min = 4920.01
        order = self._create_order(pricelist_id=pricelist.id)
        self.assertNotIn(rule, self._submit(order).approval_ids.rule_id)

    def test_order_counts_as_approved_when_no_rule_asks(self):
        self.default_rule.active = False
        order = self._submit(self._create_order())
        self.assertRecordValues(
            order.approval_ids,
            [
                {
                    "rule_id": False,
                    "state": "approved",
                    "requester_id": self.user_sales.id,
                    "user_id": False,
                }
            ],
        )
        self.assertEqual(order.cycle_stage, "approved")

    # === NO WAY AROUND === #

    def test_cancelling_skips_no_approver(self):
        self._create_rule(approver_ids=[Command.set(self.user_second.ids)])
        order = self._submit(self._create_order())
        order.with_user(self.user_approver).action_approve()
        order.with_user(self.user_sales)._action_cancel()
        self.assertFalse(order._is_approved())
        for values in ({"state": "draft"}, {"state": "sent"}, {"state": "sale"}):
            with self.assertRaisesRegex(UserError, "“Set to Quotation”"):
                order.with_user(self.user_sales).write(values)
        order.with_user(self.user_sales).action_draft()
        self.assertEqual(order.cycle_stage, "draft")
        self.assertFalse(order._is_approved())

    def test_running_order_becomes_no_offer_by_writing_its_state(self):
        self.company.cycle_auto_send_confirmation = True
        order = self._running_order()
        forged = order.with_user(self.user_sales).with_context(cycle_reopening=True)
        with self.assertRaisesRegex(UserError, "is running, and stays so"):
            forged.write({"state": "draft"})

    def test_nobody_is_asked_any_more_when_the_offer_is_withdrawn(self):
        self.company.cycle_auto_send_confirmation = True
        order = self._create_order()
        self._approve(order)
        self.assertEqual(order.state, "sent")
        order.order_line.price_unit = 900
        self._submit(order)
        order.action_draft()
        self.assertNotIn("pending", order.approval_ids.mapped("state"))
        self.assertFalse(order.activity_ids)

    # === SEQUENCE === #

    def test_second_approver_is_asked_when_the_first_has_approved(self):
        self.default_rule.write(
            {
                "approver_ids": [Command.set(self.user_approver.ids)],
                "approver_group_id": False,
            }
        )
        self._create_rule()
        order = self._submit(self._create_order())
        self.assertEqual(order.approval_ids.mapped("state"), ["pending", "waiting"])
        self.assertEqual(self._asked(order), self.user_approver)
        with self.assertRaises(AccessError):
            order.with_user(self.user_second).action_approve()
        order.with_user(self.user_approver).action_approve()
        self.assertEqual(order.cycle_stage, "to_approve")
        self.assertEqual(self._asked(order), self.user_second)
        order.with_user(self.user_second).action_approve("Fine.")
        self.assertEqual(order.cycle_stage, "approved")
        self.assertFalse(self._asked(order))
        self.assertRecordValues(
            order.approval_ids,
            [
                {"state": "approved", "user_id": self.user_approver.id},
                {"state": "approved", "user_id": self.user_second.id},
            ],
        )
        self.assertEqual(order.approval_ids[1].comment, "Fine.")

    def test_link_goes_out_when_the_last_approval_is_given(self):
        self.company.cycle_auto_send_confirmation = True
        order = self._approve(self._create_order())
        self.assertEqual(order.cycle_stage, "awaiting_customer")
        self.assertEqual(order.confirmation_ids.partner_id, self.customer)

    def test_approval_stands_when_the_customer_has_no_address(self):
        self.company.cycle_auto_send_confirmation = True
        self.customer.email = "one@customer.example, two@customer.example"
        order = self._approve(self._create_order())
        self.assertEqual(order.cycle_stage, "approved")
        activity = order.activity_search(
            ["order_invoice_cycle.mail_activity_type_job_failure"]
        )
        self.assertEqual(activity.user_id, self.user_sales)
        self.assertIn("no valid single e-mail address", activity.note)

    # === FOUR EYES === #

    def test_nobody_approves_their_own_order(self):
        """Author, salesperson and submitter are left out, whatever their roles."""
        self.user_sales.group_ids += self.group_approver
        # They write each other's orders, too.
        people = self.user_sales | self.user_second
        people.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        roles = {
            "author": lambda: (
                self._create_order(user_id=self.user_second.id),
                self.user_sales,
                self.user_second,
            ),
            "salesperson": lambda: (
                self.env["sale.order"]
                .with_user(self.user_second)
                .create(
                    {
                        "partner_id": self.customer.id,
                        "payment_mode": "after_completion",
                        "order_line": [self._create_line()],
                        "user_id": self.user_sales.id,
                    }
                ),
                self.user_sales,
                self.user_second,
            ),
            "submitter": lambda: (
                self._create_order(user_id=self.user_manager.id).with_user(
                    self.user_manager
                ),
                self.user_second,
                self.user_second,
            ),
        }
        for role, prepare in roles.items():
            with self.subTest(role):
                order, own, submitter = prepare()
                self._submit(order, submitter)
                self.assertNotIn(own, order.sudo().approval_ids.approver_ids)
                self.assertFalse(order.with_user(own).can_decide)
                with self.assertRaisesRegex(AccessError, "of their own"):
                    order.with_user(own).action_approve()

    def test_approver_is_refused_when_made_the_salesperson_afterwards(self):
        order = self._submit(self._create_order())
        order.user_id = self.user_approver
        self.assertFalse(order.with_user(self.user_approver).can_decide)
        with self.assertRaisesRegex(AccessError, "of their own"):
            order.with_user(self.user_approver).action_approve()
        order.with_user(self.user_second).action_approve()
        self.assertEqual(order.cycle_stage, "approved")

    def test_own_order_may_be_approved_when_the_company_allows_it(self):
        self.user_sales.group_ids += self.group_approver
        self.company.cycle_allow_self_approval = True
        order = self._submit(self._create_order())
        order.with_user(self.user_sales).action_approve()
        self.assertEqual(order.cycle_stage, "approved")

    def test_superuser_does_not_approve_in_place_of_an_approver(self):
        order = self._submit(self._create_order())
        with self.assertRaises(AccessError):
            order.with_user(SUPERUSER_ID).action_approve()

    # === ESCALATION === #

    def test_escalation_group_is_asked_when_nobody_else_may(self):
        group = self.env["res.groups"].create(
            {"name": "Board", "user_ids": [Command.set(self.user_manager.ids)]}
        )
        cases = {
            "own order": self.user_sales,
            "archived": self.user_second,
        }
        self.user_second.active = False
        for case, approver in cases.items():
            with self.subTest(case):
                self.default_rule.write(
                    {
                        "approver_ids": [Command.set(approver.ids)],
                        "approver_group_id": False,
                        "escalation_group_id": group.id,
                    }
                )
                order = self._submit(self._create_order())
                self.assertEqual(order.approval_ids.approver_ids, self.user_manager)

    def test_submission_is_refused_when_a_line_has_no_product(self):
        """The customer could not confirm it: core refuses such an order."""
        order = self._create_order(
            lines=[
                self._create_line(),
                self._create_line(product_id=False, name="Journey", price=80),
            ]
        )
        with self.assertRaisesRegex(UserError, "“Journey” has no product"):
            order.action_submit_for_approval()
        self.assertFalse(order.approval_ids)

    def test_managers_are_asked_when_a_rule_knows_only_the_author(self):
        self.default_rule.active = False
        self._create_rule(approver_ids=[Command.set(self.user_sales.ids)])
        order = self._submit(self._create_order())
        self.assertIn(self.user_manager, order.approval_ids.approver_ids)
        self.assertNotIn(self.user_sales, order.approval_ids.approver_ids)

    def test_submission_is_refused_when_nobody_may_approve(self):
        self.default_rule.active = False
        self._create_rule(approver_ids=[Command.set(self.user_sales.ids)])
        order = self._create_order()
        managers = self.env.ref("order_invoice_cycle.group_cycle_manager")
        managers.user_ids = [Command.clear()]
        with self.assertRaisesRegex(UserError, "Nobody may approve .* “Special”"):
            self._submit(order)

    def test_approver_who_cannot_open_the_order_is_not_asked(self):
        outsider = self.user_sales.copy({"login": "cycle_other_sales"})
        self._create_rule(approver_ids=[Command.set((outsider | self.user_second).ids)])
        order = self._submit(self._create_order())
        self.assertEqual(order.approval_ids[1].approver_ids, self.user_second)

    def test_order_may_be_submitted_again_when_every_approver_is_gone(self):
        self.default_rule.active = False
        rule = self._create_rule()
        order = self._submit(self._create_order())
        with self.assertRaisesRegex(UserError, "already been submitted"):
            self._submit(order)
        self.user_second.active = False
        rule.approver_ids = self.user_approver
        self._submit(order)
        order.with_user(self.user_approver).action_approve()
        self.assertEqual(order.cycle_stage, "approved")

    # === REJECTION === #

    def test_rejection_needs_a_reason(self):
        order = self._submit(self._create_order())
        for reason in ("", "  ", None):
            with self.assertRaisesRegex(UserError, "Say why"):
                order.with_user(self.user_approver).action_reject(reason)
        self.assertEqual(order.cycle_stage, "to_approve")

    def test_salesperson_is_told_when_the_order_is_rejected(self):
        self._create_rule()
        order = self._submit(self._create_order())
        order.with_user(self.user_approver).action_reject("Too <b>cheap</b>")
        self.assertEqual(order.cycle_stage, "rejected")
        self.assertEqual(order.approval_ids.mapped("state"), ["rejected", "superseded"])
        self.assertFalse(self._asked(order))
        activity = order.activity_search(
            ["order_invoice_cycle.mail_activity_type_rejected"]
        )
        self.assertEqual(activity.user_id, self.user_sales)
        self.assertIn("Too &lt;b&gt;cheap&lt;/b&gt;", activity.note)

    def test_rejected_order_can_be_submitted_again(self):
        order = self._submit(self._create_order())
        order.with_user(self.user_approver).action_reject("Too cheap")
        self._approve(order)
        self.assertEqual(order.cycle_stage, "approved")
        self.assertEqual(order.approval_ids.mapped("state"), ["rejected", "approved"])

    # === NEW VERSIONS === #

    def test_new_approval_is_asked_when_the_terms_change(self):
        order = self._approve(self._create_order())
        order.order_line.price_unit = 900
        self.assertEqual(order.cycle_stage, "draft")
        self._submit(order)
        self.assertRecordValues(
            order.approval_ids,
            [
                {"state": "approved", "version": 1},
                {"state": "pending", "version": 2},
            ],
        )

    def test_pending_approval_is_void_when_the_terms_change(self):
        order = self._submit(self._create_order())
        order.order_line.price_unit = 900
        with self.assertRaisesRegex(UserError, "sales must submit it again"):
            order.with_user(self.user_approver).action_approve()
        stale = order.approval_ids
        self._submit(order)
        self.assertEqual(stale.state, "superseded")
        with self.assertRaisesRegex(UserError, "not asked any more"):
            stale.with_user(self.user_approver).action_approve()
        self.assertEqual(len(self._asked(order) & self.user_approver), 1)

    def test_approvers_are_not_asked_any_more_when_the_terms_change(self):
        order = self._submit(self._create_order())
        self.assertTrue(self._asked(order))
        self.env.cr.flush()
        tracked = order.with_context(tracking_disable=False, mail_notrack=False)
        tracked.order_line.price_unit = 900
        tracked.env.cr.flush()
        self.assertFalse(self._asked(order))

    def test_copy_starts_without_approval(self):
        order = self._approve(self._create_order())
        copy = order.copy()
        self.assertFalse(copy.approval_ids)
        self.assertEqual(copy.terms_version, 0)
        self.assertEqual(copy.cycle_stage, "draft")

    def test_decisions_stay_but_are_asked_anew_when_the_order_is_reset(self):
        order = self._approve(self._create_order())
        before = order.terms_hash
        order.action_cancel()
        self.assertEqual(order.cycle_stage, "cancelled")
        order.with_user(self.user_sales).action_draft()
        self.assertEqual(order.terms_hash, before)
        self.assertEqual(order.approval_ids.state, "approved")
        self.assertEqual(order.cycle_stage, "draft")
        self._approve(order)
        self.assertEqual(order.approval_ids.mapped("version"), [1, 3])

    # === SUBMISSION === #

    def test_submission_is_refused_when_the_order_is_incomplete(self):
        cases = [
            ({"payment_mode": False}, "payment mode"),
            ({"order_line": []}, "order line"),
            (
                {"payment_mode": "recurring", "service_date_start": False},
                "service start",
            ),
            ({"payment_mode": "instalments"}, "schedule"),
        ]
        for values, problem in cases:
            with self.subTest(values), self.assertRaisesRegex(UserError, problem):
                self._submit(self._create_order(**values))

    def test_nothing_is_submitted_when_one_of_many_is_incomplete(self):
        orders = self._create_order() | self._create_order(payment_mode=False)
        with self.assertRaises(UserError):
            orders.with_user(self.user_sales).action_submit_for_approval()
        self.assertFalse(orders.approval_ids)
