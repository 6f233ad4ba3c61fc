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

    # === PERIODS === #

    def test_periods_of_an_offer_are_not_written_by_people(self):
        order = self._create_order(plan="monthly")
        line = order.schedule_line_ids[0]
        users = (self.user_sales, self.user_billing, self.user_manager)
        values = {
            "price_factor": 5,
            "period_share": 0.5,
            "period_start": "2027-02-01",
            "period_end": "2027-02-01",
            "period_number": 7,
            "term_number": 2,
        }
        self._assert_unwritable(line, values, users)
        values = {"date_due": "2030-01-01", "name": "Free month", "sequence": 99}
        for user in users[::2]:
            own = line.with_user(user)
            doors = {
                "extra": lambda own=own: own.create(
                    {"order_id": order.id, "name": "More", "date_due": "2027-06-01"}
                ),
                "deleted": own.unlink,
                "through the order": lambda own=own: own.order_id.write(
                    {"schedule_line_ids": [Command.delete(line.id)]}
                ),
                **{
                    name: lambda own=own, name=name: own.write({name: values[name]})
                    for name in values
                },
            }
            for name, door in doors.items():
                with (
                    self.subTest(user=user.name, door=name),
                    self.assertRaisesRegex(UserError, "follow from its recurrence"),
                    self.env.cr.savepoint(),
                ):
                    door()
        order.invalidate_recordset()
        self.assertEqual(len(order.schedule_line_ids), 12)

    def test_payment_is_not_moved_to_a_recurring_order(self):
        recurring = self._create_order(plan="monthly")
        line = self._create_order(plan="instalments_3").schedule_line_ids[0]
        with self.assertRaisesRegex(UserError, "follow from its recurrence"):
            line.with_user(self.user_sales).write({"order_id": recurring.id})

    def test_recurring_order_is_not_created_with_periods_of_its_own(self):
        period = {"name": "One", "date_due": "2027-02-01"}
        with self.assertRaisesRegex(UserError, "follow from its recurrence"):
            self._create_order(
                plan="monthly", schedule_line_ids=[Command.create(period)]
            )

    def test_periods_are_made_anew_when_others_were_submitted(self):
        for change in (
            lambda lines: lines[0].write({"price_factor": 5}),
            lambda lines: lines[3].write({"date_due": "2030-01-01"}),
            lambda lines: lines[5].write({"period_share": 0.5}),
            lambda lines: lines[11].unlink(),
            lambda lines: lines[11].write({"period_number": 11}),
            lambda lines: lines[0].copy({"order_id": lines.order_id.id}),
        ):
            order = self._create_order(plan="monthly")
            before = self._get_periods(order)
            change(order.schedule_line_ids.sudo())
            self._approve(order)
            self.assertEqual(self._get_periods(order), before)
            self.assertFalse(order._has_other_periods(order._prepare_schedule()))

    def test_periods_are_kept_when_they_follow_from_the_recurrence(self):
        order = self._create_order(plan="monthly")
        lines = order.schedule_line_ids
        self._approve(order)
        self.assertEqual(order.schedule_line_ids, lines)

    def test_order_of_several_can_still_leave_the_recurring_mode(self):
        order = self._create_order(plan="monthly")
        order.with_user(self.user_sales).write(
            {
                "payment_mode": "instalments",
                "plan_id": False,
                "schedule_line_ids": [
                    Command.clear(),
                    Command.create({"name": "All", "date_due": "2027-02-01"}),
                ],
            }
        )
        self.assertEqual(order.schedule_line_ids.mapped("name"), ["All"])

    # === PAYMENTS === #

    def test_fate_of_a_payment_is_not_written_by_people(self):
        payment = self.env["account.payment"].create(
            {"payment_type": "inbound", "partner_id": self.customer.id, "amount": 1}
        )
        values = {
            "is_skipped": True,
            "hold_reason": "Mine",
            "deposit_payment_id": payment.id,
            "is_request_queued": True,
            "date_requested": "2027-01-01 00:00:00",
            "price_factor": 2,
            "state": "paid",
            "error": "None",
            "retry_at": "2099-01-01 00:00:00",
            "amount_total": 1.0,
            "date_draft": "2099-01-01",
        }
        users = (self.user_sales, self.user_billing, self.user_manager)
        order = self._create_order(plan="deposit_30")
        line = order.schedule_line_ids[0]
        self._assert_unwritable(line, values, users)
        self._assert_unwritable(line, {"company_id": False}, users)
        for name, value in values.items():
            with self.subTest(created_with=name), self.assertRaises(AccessError):
                line.with_user(self.user_sales).create(
                    {"order_id": order.id, "name": "More", name: value}
                )

    def test_payment_that_waits_for_an_event_is_not_dated_by_people(self):
        order = self._create_order(plan="deposit_30")
        rest = order.schedule_line_ids[1].with_user(self.user_sales)
        day = "2027-02-01"
        values = {"order_id": order.id, "name": "More", "date_due": day}
        for door in (
            lambda: rest.write({"date_due": day}),
            lambda: rest.write({"date_due": day, "trigger": "confirmation"}),
            lambda: rest.create({**values, "trigger": "completion"}),
        ):
            with self.assertRaisesRegex(UserError, "gets its date then"):
                door()
        rest.write({"date_due": day, "trigger": "date"})
        self.assertEqual(str(rest.date_due), day)

    def test_payment_is_added_where_the_customer_is_the_default(self):
        """As in the orders of a customer, whose list has defaults in its context."""
        order = self._create_order(plan="instalments_3").with_user(self.user_sales)
        order.with_context(
            default_partner_id=self.customer.id,
            default_user_id=self.user_sales.id,
            default_company_id=self.company.id,
        ).write({"schedule_line_ids": [Command.create({"name": "By hand"})]})
        self.assertEqual(len(order.schedule_line_ids), 4)

    # === RUNNING ORDERS === #

    def test_life_of_a_running_order_is_not_written_by_people(self):
        order = self._running()
        position = self.env["account.fiscal.position"].create({"name": "Elsewhere"})
        values = {
            "term_number": 2,
            "date_notice_given": "2027-01-01",
            "notice_given_by": "Somebody",
            "date_terminated": "2027-02-01",
            "renewal_days": 1,
            "is_paused": True,
            "date_completed": "2027-02-01",
            "cycle_fiscal_position_id": position.id,
            "acceptance_id": self.env["ir.attachment"].create({"name": "Mine"}).id,
            "date_renewal": "2099-01-01",
            "date_cancel_by": "2099-01-01",
            "date_term_end": "2099-01-01",
            "cycle_retry_at": "2099-01-01 00:00:00",
        }
        users = (self.user_sales, self.user_billing, self.user_manager)
        self._assert_unwritable(order, values, users)

    def test_notice_of_the_customer_cannot_be_erased(self):
        order = self._running()
        order.with_user(self.user_sales).action_give_notice("2027-01-20", "Jan")
        with self.assertRaises(AccessError):
            order.with_user(self.user_sales).write({"date_notice_given": False})
        order.with_user(self.user_sales).action_withdraw_notice()
        self.assertFalse(order.date_notice_given)

    def test_what_asks_for_the_prepayment_is_chosen_until_it_is_confirmed(self):
        order = self._create_order(plan="deposit_30")
        order.with_user(self.user_sales).deposit_document = "request"
        self._confirm(self._approve(order))
        self.assertEqual(order.deposit_document, "request")
        users = (self.user_sales, self.user_billing, self.user_manager)
        self._assert_unwritable(order, {"deposit_document": "invoice"}, users)
