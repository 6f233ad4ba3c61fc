from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, RedirectWarning, ValidationError
from odoo.fields import Command

from .approval_common import APPROVAL_ACTIVITY, ApprovalCommon


class TestApprovalEscalation(ApprovalCommon):
    """An order is decided about, whoever is late, away or gone."""

    def _get_now(self, **delta):
        return fields.Datetime.now() + timedelta(**delta)

    # === WHO IS NOTIFIED === #

    def test_only_the_rules_approvers_are_notified(self):
        order = self._submit(self._create_order())
        self.assertEqual(self._asked(order), self.user_approver | self.user_second)
        self.assertNotIn(self.user_manager, order.approval_ids.approver_ids)

    def test_manager_is_asked_when_the_group_has_no_members_of_its_own(self):
        (self.user_approver | self.user_second).active = False
        order = self._submit(self._create_order())
        self.assertIn(self.user_manager, self._asked(order))

    # === DEADLINE === #

    def test_escalation_group_is_asked_when_the_deadline_passes(self):
        for unit, before, after in (
            ("hour", {"hours": 3}, {"hours": 5}),
            ("day", {"days": 3}, {"days": 5}),
        ):
            with self.subTest(unit):
                self._ask_only(self.user_approver, deadline_value=4, deadline_unit=unit)
                order = self._submit(self._create_order())
                self._run_escalation(self._get_now(**before))
                self.assertEqual(self._asked(order), self.user_approver)
                self._run_escalation(self._get_now(**after))
                self.assertEqual(
                    self._asked(order) & self.user_manager, self.user_manager
                )
                self.assertIn("Nobody decided", order.message_ids[0].body)
                self.assertTrue(order.with_user(self.user_approver).can_decide)
                order.with_user(self.user_manager).action_approve()
                self.assertEqual(order.cycle_stage, "approved")
                self.assertFalse(self._asked(order))

    def test_nobody_is_asked_about_terms_that_changed_before_the_decision(self):
        self._ask_only(self.user_approver, deadline_value=1)
        order = self._submit(self._create_order())
        order.order_line.price_unit = 900.0
        self.env.cr.flush()
        self.assertEqual(set(order.approval_ids.mapped("state")), {"superseded"})
        messages = order.message_ids
        self._run_escalation(self._get_now(days=2))
        self.assertFalse(self._asked(order))
        self.assertEqual(order.message_ids, messages)
        self.assertEqual(order.cycle_stage, "draft")

    def test_second_approval_is_not_skipped_by_a_change_that_is_undone(self):
        self._ask_only(self.user_approver)
        self.env["cycle.approval.rule"].create(
            {
                "name": "Second",
                "sequence": 99,
                "approver_ids": [Command.set(self.user_second.ids)],
            }
        )
        order = self._submit(self._create_order())
        self.assertEqual(len(order.approval_ids), 2)
        order.with_user(self.user_approver).action_approve()
        self.assertEqual(order.cycle_stage, "to_approve")
        for price in (1000.01, 1000.0):
            order.with_user(self.user_sales).order_line.price_unit = price
            self.env.cr.flush()
        self.assertFalse(order._is_approved())
        self.assertEqual(order.cycle_stage, "draft")
        self._submit(order)
        order.with_user(self.user_approver).action_approve()
        order.with_user(self.user_second).action_approve()
        self.assertEqual(order.cycle_stage, "approved")

    def test_managers_are_asked_when_the_rule_was_deleted_meanwhile(self):
        rule = self._ask_only(self.user_approver, deadline_value=1)
        order = self._submit(self._create_order())
        (rule or order.approval_ids.rule_id).unlink()
        self._run_escalation(self._get_now(days=2))
        self.assertIn(self.user_manager, self._asked(order))
        self.assertFalse(order.cycle_error)

    def test_approvers_are_still_asked_when_a_change_is_undone_at_once(self):
        order = self._submit(self._create_order())
        order.order_line.price_unit = 900.0
        self.env.flush_all()
        order.order_line.price_unit = 1000.0
        self.env.cr.flush()
        self.assertEqual(order.cycle_stage, "to_approve")
        order.with_user(self.user_approver).action_approve()
        self.assertEqual(order.cycle_stage, "approved")

    def test_escalation_happens_once(self):
        self._ask_only(self.user_approver, deadline_value=1)
        order = self._submit(self._create_order())
        self._run_escalation(self._get_now(days=2))
        messages, activities = order.message_ids, order.activity_ids
        self._run_escalation(self._get_now(days=3))
        self.assertEqual(order.message_ids, messages)
        self.assertEqual(order.activity_ids, activities)

    def test_own_order_is_not_escalated_to_its_author(self):
        group = self.env["res.groups"].create(
            {
                "name": "Board",
                "user_ids": [Command.set((self.user_sales | self.user_manager).ids)],
            }
        )
        self._ask_only(
            self.user_approver, deadline_value=1, escalation_group_id=group.id
        )
        order = self._submit(self._create_order())
        self._run_escalation(self._get_now(days=2))
        self.assertEqual(self._asked(order), self.user_approver | self.user_manager)

    def test_managers_are_asked_when_the_rule_has_no_escalation_group(self):
        self._ask_only(self.user_approver, deadline_value=1, escalation_group_id=False)
        order = self._submit(self._create_order())
        self._run_escalation(self._get_now(days=2))
        self.assertIn(self.user_manager, self._asked(order))

    def test_decided_order_is_not_escalated(self):
        self._ask_only(self.user_approver, deadline_value=1)
        order = self._approve(self._create_order())
        self._run_escalation(self._get_now(days=2))
        self.assertFalse(order.approval_ids.date_escalated)

    def test_rule_without_deadline_never_escalates(self):
        self._ask_only(self.user_approver)
        order = self._submit(self._create_order())
        self._run_escalation(self._get_now(days=365))
        self.assertEqual(self._asked(order), self.user_approver)

    # === ARCHIVED, OWN === #

    def test_escalation_group_is_asked_when_the_approver_is_archived_later(self):
        self._ask_only(self.user_second)
        order = self._submit(self._create_order())
        self.user_second.active = False
        self._run_escalation()
        self.assertIn(self.user_manager, self._asked(order))
        order.with_user(self.user_manager).action_approve()
        self.assertEqual(order.cycle_stage, "approved")

    def test_escalation_group_is_asked_when_the_approver_becomes_the_salesperson(self):
        self._ask_only(self.user_second)
        order = self._submit(self._create_order())
        order.user_id = self.user_second
        self.assertIn(self.user_manager, self._asked(order))
        with self.assertRaisesRegex(AccessError, "of their own"):
            order.with_user(self.user_second).action_approve()

    def test_second_approver_archived_meanwhile_is_replaced_when_it_is_their_turn(self):
        self._ask_only(self.user_approver)
        self._create_rule()
        order = self._submit(self._create_order())
        self.user_second.active = False
        order.with_user(self.user_approver).action_approve()
        self.assertIn(self.user_manager, self._asked(order))

    # === SUBSTITUTES === #

    def _get_day(self, days=0):
        return self.company._cycle_today() + timedelta(days=days)

    def test_substitute_is_asked_and_decides_in_the_place_of_the_absent(self):
        self._ask_only(self.user_approver)
        self._create_substitute(
            self.user_approver, self.user_second, self._get_day(), self._get_day()
        )
        order = self._submit(self._create_order())
        self.assertEqual(self._asked(order), self.user_second)
        found = self.env["cycle.approval"].with_user(self.user_second)
        domain = [("can_decide", "=", True)]
        self.assertIn(order.approval_ids, found.search(domain))
        self.assertTrue(order.with_user(self.user_second).can_decide)
        order.with_user(self.user_second).action_approve()
        self.assertRecordValues(
            order.approval_ids,
            [
                {
                    "state": "approved",
                    "user_id": self.user_second.id,
                    "substituted_id": self.user_approver.id,
                }
            ],
        )

    def test_substitute_may_not_decide_outside_the_dates(self):
        for first, last in ((1, 5), (-5, -1)):
            with self.subTest(first=first, last=last):
                self._ask_only(self.user_approver)
                absence = self._create_substitute(
                    self.user_approver,
                    self.user_second,
                    self._get_day(first),
                    self._get_day(last),
                )
                order = self._submit(self._create_order())
                self.assertEqual(self._asked(order), self.user_approver)
                self.assertFalse(order.with_user(self.user_second).can_decide)
                with self.assertRaises(AccessError):
                    order.with_user(self.user_second).action_approve()
                absence.unlink()

    def test_substitute_is_asked_when_the_absence_begins_later(self):
        self._ask_only(self.user_approver)
        order = self._submit(self._create_order())
        self._create_substitute(
            self.user_approver, self.user_second, self._get_day(), self._get_day(9)
        )
        self._run_escalation()
        self.assertEqual(self._asked(order), self.user_approver | self.user_second)
        activities = order.activity_ids
        self._run_escalation()
        self.assertEqual(order.activity_ids, activities)
        self.assertFalse(order.approval_ids.date_escalated)

    def test_substitute_does_not_approve_an_order_of_their_own(self):
        self.user_sales.group_ids += self.group_approver
        self._ask_only(self.user_approver)
        self._create_substitute(
            self.user_approver, self.user_sales, self._get_day(), self._get_day()
        )
        order = self._submit(self._create_order())
        self.assertFalse(order.with_user(self.user_sales).can_decide)
        self.assertIn(self.user_manager, self._asked(order))
        with self.assertRaisesRegex(AccessError, "of their own"):
            order.with_user(self.user_sales).action_approve()

    def test_absent_substitute_is_represented_by_their_own(self):
        self._ask_only(self.user_approver)
        today = self._get_day()
        self._create_substitute(self.user_approver, self.user_second, today, today)
        self._create_substitute(self.user_second, self.user_manager, today, today)
        order = self._submit(self._create_order())
        self.assertEqual(self._asked(order), self.user_manager)

    def test_two_who_stand_in_for_each_other_are_escalated(self):
        self._ask_only(self.user_approver)
        today = self._get_day()
        self._create_substitute(self.user_approver, self.user_second, today, today)
        self._create_substitute(self.user_second, self.user_approver, today, today)
        order = self._submit(self._create_order())
        self.assertIn(self.user_manager, self._asked(order))

    def test_substitute_of_another_company_is_not_asked(self):
        other = self.setup_other_company()["company"]
        self._ask_only(self.user_approver)
        self._create_substitute(
            self.user_approver,
            self.user_second,
            self._get_day(),
            self._get_day(),
            company_id=other.id,
        )
        order = self._submit(self._create_order())
        self.assertEqual(self._asked(order), self.user_approver)

    def test_impossible_substitute_is_refused(self):
        portal = self.env["res.users"].create(
            {
                "name": "Portal",
                "login": "cycle_portal_substitute",
                "group_ids": [Command.set(self.env.ref("base.group_portal").ids)],
            }
        )
        today = self._get_day()
        for user, start, end, problem in (
            (self.user_approver, today, today, "their own substitute"),
            (self.user_second, today, self._get_day(-1), "before it begins"),
            (portal, today, today, "no employee"),
        ):
            with (
                self.subTest(problem),
                self.assertRaisesRegex(ValidationError, problem),
            ):
                self._create_substitute(self.user_approver, user, start, end)

    def test_approver_names_only_their_own_substitute(self):
        today = self._get_day()
        model = self.env["cycle.approval.substitute"].with_user(self.user_approver)
        values = {
            "substitute_id": self.user_manager.id,
            "date_from": today,
            "date_to": today,
        }
        self.assertEqual(model.create(values).user_id, self.user_approver)
        with self.assertRaises(AccessError):
            model.create({**values, "user_id": self.user_second.id})

    # === ACTIVITY === #

    def test_activity_marked_done_neither_approves_nor_is_lost(self):
        order = self._submit(self._create_order())
        activity = order.activity_search(
            [APPROVAL_ACTIVITY], user_id=self.user_approver.id
        ).with_user(self.user_approver)
        for door in (
            activity.action_done,
            activity.action_feedback,
            activity.unlink,
        ):
            with self.assertRaisesRegex(RedirectWarning, "Approve or reject"):
                door()
        self.assertEqual(order.cycle_stage, "to_approve")
        self.assertIn(self.user_approver, self._asked(order))
        self.assertIn("Approve and Reject", activity.note)
        order.with_user(self.user_approver).action_approve()
        self.assertFalse(self._asked(order))

    def test_form_opened_before_the_terms_changed_does_not_approve(self):
        order = self._submit(self._create_order())
        seen = order.terms_hash
        order.order_line.price_unit = 900
        self._submit(order)
        own = order.with_user(self.user_approver)
        with self.assertRaisesRegex(Exception, "changed after you opened it"):
            own.with_context(cycle_seen_terms=seen).action_approve()
        own.with_context(cycle_seen_terms=order.terms_hash).action_approve()
        self.assertEqual(order.cycle_stage, "approved")
