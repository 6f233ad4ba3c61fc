from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user

from .recurring_common import RecurringCommon


class TestDoorsFields(RecurringCommon):
    """What the system writes is written by nobody else, whatever they call."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user_invoicing = new_test_user(
            cls.env,
            "cycle_door_invoicing",
            "account.group_account_invoice",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )

    def _assert_unwritable(self, record, values, users):
        """Each value is refused by write, one after the other; nothing changes."""
        for user in users:
            for name, value in values.items():
                own = record.with_user(user)
                before = record.sudo()[name]
                with self.subTest(user=user.name, field=name):
                    with self.assertRaises(UserError), self.env.cr.savepoint():
                        own.write({name: value})
                    record.invalidate_recordset()
                    self.assertEqual(record.sudo()[name], before)

    # === INVOICES === #

    def test_posted_invoice_cannot_be_untied_from_its_payment(self):
        order = self._running_order(plan="instalments_3")
        move = self._publish(self._draft(order, "2027-01-08"))
        values = {
            "schedule_line_id": False,
            "cycle_order_id": False,
            "is_replaced": True,
            "amended_order_id": order.id,
            "cycle_publisher_id": self.user_billing.id,
            "cycle_pdf_sha256": "0" * 64,
            "cycle_retry_at": "2099-01-01 00:00:00",
            "is_disputed": True,
            "amount_disputed": 410.0,
        }
        users = (self.user_invoicing, self.user_billing, self.user_manager)
        self._assert_unwritable(move, values, users)
        self.assertFalse(self._draft(order, "2027-01-08"), "nothing is drafted twice")

    def test_invoice_cannot_be_created_for_a_payment_that_nobody_confirmed(self):
        line = self._create_order(plan="instalments_3").schedule_line_ids[0]
        values = {"move_type": "out_invoice", "partner_id": self.customer.id}
        for user in (self.user_invoicing, self.user_billing, self.user_manager):
            moves = self.env["account.move"].with_user(user)
            with self.subTest(user=user.name), self.assertRaises(AccessError):
                moves.create({**values, "schedule_line_id": line.id})
            with self.subTest(user=user.name), self.assertRaises(AccessError):
                moves.with_context(default_schedule_line_id=line.id).create(values)
        self.assertEqual(line.state, "waiting")

    def test_invoice_cannot_be_untied_through_its_payment(self):
        order = self._running_order(plan="instalments_3")
        move = self._publish(self._draft(order, "2027-01-08"))
        own = move.schedule_line_id.with_user(self.user_sales)
        with self.assertRaises(AccessError):
            own.write({"move_ids": [Command.unlink(move.id)]})
