from odoo.fields import Command

from .common import CycleCommon

APPROVAL_ACTIVITY = "order_invoice_cycle.mail_activity_type_approval"


class ApprovalCommon(CycleCommon):
    """Two approvers, one rule that is shipped, and no mail on approval."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.cycle_auto_send_confirmation = False
        cls.default_rule = cls.env.ref(
            "order_invoice_cycle.cycle_approval_rule_default"
        )
        cls.user_second = cls.user_approver.copy(
            {"name": "Second approver", "login": "cycle_second_approver"}
        )
        cls.group_approver = cls.env.ref("order_invoice_cycle.group_cycle_approver")

    def _create_rule(self, **values):
        return self.env["cycle.approval.rule"].create(
            {
                "name": "Special",
                "sequence": 20,
                "approver_ids": [Command.set(self.user_second.ids)],
                "escalation_group_id": False,
                **values,
            }
        )

    def _ask_only(self, user, **values):
        """Let the shipped rule ask one user."""
        self.default_rule.write(
            {
                "approver_ids": [Command.set(user.ids)],
                "approver_group_id": False,
                **values,
            }
        )

    def _create_substitute(self, user, substitute, start, end, **values):
        return self.env["cycle.approval.substitute"].create(
            {
                "user_id": user.id,
                "substitute_id": substitute.id,
                "date_from": start,
                "date_to": end,
                **values,
            }
        )

    def _submit(self, order, user=None):
        order.with_user(user or self.user_sales).action_submit_for_approval()
        return order

    def _asked(self, order):
        """Return the users with an activity to approve the order."""
        return order.activity_search([APPROVAL_ACTIVITY]).user_id

    def _run_escalation(self, now=None):
        self._run_cron("cycle.approval", "_cron_escalate_approvals", now=now)
        self.env.invalidate_all()
