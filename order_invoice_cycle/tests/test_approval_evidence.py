import json

from psycopg2.errors import RaiseException

from odoo.exceptions import UserError
from odoo.tools import SQL, mute_logger

from ..tools.terms import sha256
from .approval_common import ApprovalCommon


class TestApprovalEvidence(ApprovalCommon):
    """A decision stays what it was, whoever would like it otherwise."""

    def test_decision_stays_as_it_is_for_everybody(self):
        order = self._approve(self._create_order())
        approval = order.approval_ids
        for user in (
            self.user_approver,
            self.user_manager,
            self.env.ref("base.user_root"),
        ):
            for superuser in (False, True):
                own = approval.with_user(user).sudo(superuser)
                with self.subTest(user=user.name, superuser=superuser):
                    with self.assertRaises(UserError):
                        own.write({"state": "rejected"})
                    with self.assertRaises(UserError):
                        own.write({"comment": "I meant something else"})
                    with self.assertRaises(UserError):
                        own.unlink()
        self.assertRecordValues(approval, [{"state": "approved", "comment": False}])

    def test_order_with_decisions_cannot_be_deleted(self):
        order = self._approve(self._create_order())
        order.action_cancel()
        with self.assertRaisesRegex(UserError, "kept as evidence"):
            order.unlink()

    def test_decision_keeps_the_terms_it_is_about(self):
        order = self._approve(self._create_order(plan="instalments_3"))
        approval = order.approval_ids
        order.order_line.price_unit = 900
        self.assertEqual(sha256(approval.terms_json), approval.terms_hash)
        terms = json.loads(approval.terms_json)
        self.assertEqual(terms["lines"][0]["price_unit"], "1000.000000")
        self.assertEqual(len(terms["schedule"]), 3)

    def _assert_refused(self, statement, *args):
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(RaiseException, "stay"),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(SQL(statement, *args))

    def test_database_refuses_to_change_or_delete_a_decision(self):
        approved = self._approve(self._create_order()).approval_ids
        order = self._submit(self._create_order())
        order.with_user(self.user_approver).action_reject("No.")
        rule = self._create_rule()
        self.env.flush_all()
        for approval in approved | order.approval_ids:
            for column, value in {
                "state": "pending",
                "comment": "x",
                "user_id": self.user_second.id,
                "terms_json": "{}",
                "terms_hash": "0",
                "date_decided": "2020-01-01",
                "rule_id": rule.id,
            }.items():
                with self.subTest(state=approval.state, column=column):
                    self._assert_refused(
                        "UPDATE cycle_approval SET %s = %s WHERE id = %s",
                        SQL.identifier(column),
                        value,
                        approval.id,
                    )
            self._assert_refused(
                "DELETE FROM cycle_approval WHERE id = %s", approval.id
            )
        self._assert_refused("TRUNCATE cycle_approval CASCADE")

    def test_decision_outlives_its_rule(self):
        rule = self._create_rule(sequence=1, name="Director")
        order = self._submit(self._create_order())
        order.with_user(self.user_second).action_approve()
        rule.unlink()
        decided, open_one = order.approval_ids.sorted("sequence")
        self.assertFalse(decided.rule_id)
        self.assertRecordValues(
            decided, [{"rule_name": "Director", "state": "approved"}]
        )
        self.assertEqual(open_one.state, "pending")

    def test_customer_with_decisions_can_be_merged(self):
        order = self._approve(self._create_order())
        kept = self._create_customer("Nowak nowy")
        before = order.approval_ids.read(["state", "terms_json", "user_id"])
        self.env["base.partner.merge.automatic.wizard"].sudo()._merge(
            (self.customer | kept).ids, kept, extra_checks=False
        )
        self.env.invalidate_all()
        self.assertEqual(order.partner_id, kept)
        self.assertEqual(
            order.approval_ids.read(["state", "terms_json", "user_id"]), before
        )

    def test_order_with_decisions_moves_to_another_company(self):
        other = self.setup_other_company()["company"]
        order = self._approve(self._create_order())
        order.order_line.unlink()
        order.sudo().write({"company_id": other.id, "payment_mode": "prepayment"})
        self.env.flush_all()
        self.assertEqual(order.approval_ids.company_id, other)
        self.assertEqual(order.approval_ids.state, "approved")
