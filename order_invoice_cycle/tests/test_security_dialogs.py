import logging

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tools import SQL

from .security_common import SecurityCase
from .test_security import OPENERS, PUBLIC_METHODS

_logger = logging.getLogger(__name__)


class TestSecurityOfDialogs(SecurityCase):
    """Dialogs do nothing for outsiders, and what opens them tells them nothing."""

    def setUp(self):
        super().setUp()
        self.outsiders = self._get_outsiders()

    def _create_dialogs(self):
        """Return a dialog of each kind about orders of this company, {model: record}.

        Made for the superuser: who has no access cannot even make one.
        """
        asked = self._create_order()
        asked.with_user(self.user_sales).action_submit_for_approval()
        recurring = self._running_order(plan="monthly")
        order = self._running_order(plan="deposit_30")
        move = self._publish(self._draft(order))
        dispute = self.env["cycle.dispute"].create(
            {"move_id": move.id, "reason": "Not as agreed.", "amount": 1}
        )
        many = {"order_ids": [Command.set(recurring.ids)]}
        dialogs = {
            "cycle.approval.decide": {
                "decision": "approve",
                "approval_ids": [Command.set(asked.approval_ids.ids)],
            },
            "cycle.confirmation.record": {
                "order_id": self._approve(self._create_order()).id,
                "channel": "phone",
                "name": "Jan Nowak",
                "reason": "Confirmed by phone",
                "attachment_name": "note.txt",
                "attachment": b"Q2FsbA==",
            },
            "cycle.dispute.resolve": {"dispute_id": dispute.id, "outcome": "rejected"},
            "cycle.payment.received": {"order_id": order.id, "amount": 1},
            "sale.order.complete": {"order_ids": [Command.set(order.ids)]},
            "sale.order.notice": {"order_id": recurring.id, "name": "Jan Nowak"},
            "sale.order.resume": many,
            "sale.order.terminate": {**many, "reason": "Moved."},
        }
        return {
            name: self.env[name].sudo().create(values).sudo(False)
            for name, values in dialogs.items()
        }

    def _give_dialog(self, dialog, user):
        """Make a dialog one's own, as only its owner gets beyond core's check."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET create_uid = %s WHERE id = %s",
                SQL.identifier(dialog._table),
                user.id,
                dialog.id,
            )
        )
        self.env.invalidate_all()

    def test_dialogs_do_nothing_for_outsiders(self):
        dialogs = self._create_dialogs()
        transient = {name for name in PUBLIC_METHODS if self.env[name]._transient}
        self.assertEqual(set(dialogs), transient)
        self.env.flush_all()
        before = self._get_states(dialogs)
        calls = refused = 0
        for name, dialog in dialogs.items():
            for role, user in self.outsiders.items():
                self._give_dialog(dialog, user)
                own = self._as_outsider(user, dialog)
                for method in sorted(PUBLIC_METHODS[name]):
                    with self.subTest(model=name, method=method, role=role):
                        refused += self._is_refused(own, method, role)
                        self.assertEqual(self._get_states(dialogs), before)
                        calls += 1
        _logger.info(
            "%s calls of dialogs by outsiders: %s refused, nothing done by any",
            calls,
            refused,
        )

    def _is_refused(self, own, method, role):
        """Tell whether an outsider is refused, or else told nothing.

        Of a list of another company's records core leaves nothing, so a manager there
        may do the dialog's work, on no record.
        """
        try:
            with self.env.cr.savepoint():
                told = getattr(own, method)()
        except AccessError:
            return True
        self.assertEqual(role, "other company")
        self.assertEqual(told, {"type": "ir.actions.act_window_close"})
        return False

    def _get_states(self, dialogs):
        """Return what the dialogs could have changed."""
        self.env.invalidate_all()
        company = [("company_id", "=", self.company.id)]
        orders = self.env["sale.order"].search(
            [*company, ("payment_mode", "!=", False)]
        )
        return (
            orders.mapped("cycle_stage"),
            orders.mapped("date_notice_given"),
            orders.mapped("date_terminated"),
            orders.mapped("date_completed"),
            orders.approval_ids.mapped("state"),
            dialogs["cycle.dispute.resolve"].dispute_id.state,
            self.env["account.payment"].search_count(company),
        )

    def test_openers_tell_outsiders_nothing(self):
        records = self._get_records()
        order = records["sale.order"]
        secrets = [
            order.name,
            order.schedule_line_ids.invoice_id.name,
            self.customer.name,
            "Nowak",
            "1230",
            "1,230",
        ]
        refused = opened = 0
        for name, methods in PUBLIC_METHODS.items():
            if self.env[name]._transient:
                continue
            for method in sorted(methods):
                if not method.startswith(OPENERS):
                    continue
                for role, user in self.outsiders.items():
                    own = self._as_outsider(user, records[name])
                    # What colleagues have read would be there without a right.
                    self.env.invalidate_all()
                    with self.subTest(model=name, method=method, role=role):
                        try:
                            told = str(getattr(own, method)())
                        except AccessError:
                            refused += 1
                            continue
                        opened += 1
                        self.assertIn("ir.actions.act_window", told)
                        for secret in secrets:
                            self.assertNotIn(secret, told)
        self.assertTrue(refused + opened)
        _logger.info(
            "%s windows asked for by outsiders: %s refused, %s told nothing",
            refused + opened,
            refused,
            opened,
        )
