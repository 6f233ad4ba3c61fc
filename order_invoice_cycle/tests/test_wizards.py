import base64

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form

from .common import CycleCommon


class TestWizards(CycleCommon):
    def _open(self, action, user):
        """Return the form of the dialog that a button's action opens."""
        model = self.env[action["res_model"]].with_user(user)
        return Form(model.with_context(**action["context"]))

    # === DECIDE === #

    def _submit(self, **values):
        order = self._create_order(plan="advance", **values)
        order.with_user(self.user_sales).action_submit_for_approval()
        return order

    def test_reject_asks_for_the_reason_and_gives_the_order_back(self):
        orders = self._submit() | self._submit()
        approvals = orders.approval_ids.with_user(self.user_approver)
        form = self._open(approvals.action_open_reject(), self.user_approver)
        form.comment = "Too cheap"
        form.save().action_decide()
        self.assertEqual(orders.mapped("cycle_stage"), ["rejected", "rejected"])
        self.assertEqual(approvals.mapped("comment"), ["Too cheap", "Too cheap"])

    def test_reject_needs_more_than_blanks(self):
        order = self._submit()
        action = order.with_user(self.user_approver).action_open_reject()
        form = self._open(action, self.user_approver)
        form.comment = "  "
        with self.assertRaises(UserError):
            form.save().action_decide()
        self.assertEqual(order.cycle_stage, "to_approve")

    def test_others_are_decided_when_one_of_many_cannot_be(self):
        orders = self._submit() | self._submit() | self._submit()
        own = orders[1]
        approvals = orders.approval_ids.with_user(self.user_approver)
        form = self._open(approvals.action_open_approve(), self.user_approver)
        self.assertEqual(form.open_count, 3)
        form.comment = "Fine"
        wizard = form.save()
        own.user_id = self.user_approver
        action = wizard.action_decide()
        self.assertEqual(action["res_id"], wizard.id)
        self.assertEqual(wizard.done_count, 2)
        self.assertIn(own.name, wizard.refused_html)
        self.assertIn("of their own", wizard.refused_html)
        self.assertNotIn(orders[0].name, wizard.refused_html)
        self.assertEqual(
            orders.approval_ids.mapped("state"), ["approved", "pending", "approved"]
        )
        self.assertEqual(orders.approval_ids.mapped("comment"), ["Fine", False, "Fine"])

    def test_order_changed_while_the_dialog_is_open_is_not_approved(self):
        order, other = self._submit(), self._submit()
        approvals = (order | other).approval_ids.with_user(self.user_approver)
        wizard = self._open(approvals.action_open_approve(), self.user_approver).save()
        order.order_line.price_unit = 900
        order.with_user(self.user_sales).action_submit_for_approval()
        wizard.action_decide()
        self.assertIn("not asked any more", wizard.refused_html)
        self.assertEqual(order.cycle_stage, "to_approve")
        self.assertTrue(other._is_approved())

    # === CONFIRM ON BEHALF === #

    def _record_confirmation(self, order, user):
        action = order.with_user(user).action_open_confirm_on_behalf()
        wizard = self.env[action["res_model"]].with_user(user)
        wizard.with_context(**action["context"]).create(
            {
                "channel": "phone",
                "name": "Jan Nowak, director",
                "reason": "Has no e-mail on site",
                "attachment": base64.b64encode(b"Call of 15 January, 10:00"),
                "attachment_name": "call.txt",
            }
        ).action_confirm()

    def test_manager_records_a_confirmation_with_its_proof(self):
        order = self._approve(self._create_order(plan="advance"))
        self._record_confirmation(order, self.user_manager)
        self.assertEqual(order.cycle_stage, "confirmed")
        self.assertEqual(order.confirmed_by, "Jan Nowak, director")
        proof = order.confirmation_ids.attachment_ids
        self.assertEqual(proof.raw, b"Call of 15 January, 10:00")

    def test_sales_cannot_record_a_confirmation(self):
        order = self._approve(self._create_order(plan="advance"))
        with self.assertRaises(AccessError):
            self._record_confirmation(order, self.user_sales)

    # === COMPLETE AND TERMINATE === #

    def test_completion_counts_from_the_day_given(self):
        order = self._running_order(plan="completion_14").with_user(self.user_sales)
        form = self._open(order.action_open_complete(), self.user_sales)
        form.date = "2027-02-01"
        form.save().action_complete()
        self.assertEqual(str(order.date_completed), "2027-02-01")
        self.assertEqual(str(order.schedule_line_ids.date_due), "2027-02-15")

    def test_completion_warns_of_an_unpaid_prepayment(self):
        order = self._running_order(plan="deposit_30").with_user(self.user_sales)
        form = self._open(order.action_open_complete(), self.user_sales)
        self.assertTrue(form.is_deposit_due)
        with self.assertRaisesRegex(UserError, "prepayment"):
            form.save().action_complete()

    def test_termination_drops_later_periods_and_keeps_the_reason(self):
        order = self._running_order(plan="monthly").with_user(self.user_sales)
        form = self._open(order.action_open_terminate(), self.user_sales)
        form.date = "2027-03-14"
        form.reason = "The site is closed"
        form.save().action_terminate()
        self.assertEqual(str(order.date_terminated), "2027-03-14")
        billed = order.schedule_line_ids.filtered(lambda x: x.state != "cancelled")
        self.assertEqual(str(max(billed.mapped("period_end"))), "2027-03-14")
        self.assertIn("The site is closed", order.message_ids[0].body)

    # === DISPUTES === #

    def test_dispute_is_opened_on_the_invoice_over_what_is_open(self):
        order = self._running_order(plan="advance")
        move = self._publish(self._draft(order)).with_user(self.user_collections)
        self.assertTrue(move.can_dispute)
        action = move.action_open_dispute()
        form = Form(
            self.env["cycle.dispute"]
            .with_user(self.user_collections)
            .with_context(**action["context"]),
            view=action["views"][0][0],
        )
        form.reason = "Hours were not worked"
        form.save()
        self.assertTrue(move.is_disputed)
        self.assertEqual(move.amount_disputed, move.amount_residual)
        self.assertFalse(move.can_dispute)

    def test_partly_accepted_dispute_opens_its_credit_note(self):
        order = self._running_order(plan="advance")
        move = self._publish(self._draft(order))
        dispute = self.env["cycle.dispute"].create(
            {"move_id": move.id, "reason": "Hours", "amount": 500}
        )
        form = self._open(dispute.action_open_resolve(), self.user_collections)
        form.outcome = "partly"
        form.amount = 123
        form.note = "One day was not worked"
        action = form.save().action_resolve()
        self.assertEqual(dispute.state, "partly")
        self.assertEqual(action["res_id"], dispute.credit_note_id.id)
        self.assertEqual(dispute.credit_note_id.amount_total, 123)

    def test_rejected_dispute_just_closes(self):
        order = self._running_order(plan="advance")
        move = self._publish(self._draft(order))
        dispute = self.env["cycle.dispute"].create(
            {"move_id": move.id, "reason": "Hours"}
        )
        form = self._open(dispute.action_open_resolve(), self.user_collections)
        form.outcome = "rejected"
        action = form.save().action_resolve()
        self.assertEqual(action["type"], "ir.actions.act_window_close")
        self.assertFalse(move.is_disputed)

    # === CREATE INVOICE === #

    def _open_create_invoice(self, order):
        return self.env["sale.advance.payment.inv"].with_context(
            active_model="sale.order", active_ids=order.ids
        )

    def test_create_invoice_drafts_the_next_payment(self):
        order = self._running_order(plan="instalments_3")
        form = Form(self._open_create_invoice(order))
        self.assertIn(order.schedule_line_ids[0].name, form.cycle_note)
        self.assertIn("410.00", form.cycle_note)
        form.save().create_invoices()
        states = order.schedule_line_ids.mapped("state")
        self.assertEqual(states, ["drafted", "planned", "planned"])

    def test_down_payment_on_a_cycle_order_is_refused(self):
        order = self._running_order(plan="instalments_3")
        wizard = self._open_create_invoice(order).create(
            {"advance_payment_method": "percentage", "amount": 50}
        )
        with self.assertRaisesRegex(UserError, "payment schedule"):
            wizard.create_invoices()
        self.assertFalse(order.invoice_ids)

    def test_down_payment_on_a_stock_order_still_works(self):
        order = self._create_order(payment_mode=False)
        order.action_confirm()
        wizard = self._open_create_invoice(order).create(
            {"advance_payment_method": "percentage", "amount": 50}
        )
        wizard.create_invoices()
        self.assertEqual(order.invoice_ids.amount_total, 615)
