from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user

from .amendment_common import AmendmentCommon


class TestAmendment(AmendmentCommon):
    """A running order is changed by an agreement of its own."""

    # === UNTIL THE CUSTOMER CONFIRMS === #

    def test_order_runs_unchanged_until_the_amendment_is_confirmed(self):
        order = self._create_running()
        before = order.terms_hash, order.terms_version, self._get_totals(order)
        amendment = self._amend(order, price_unit=1600.0)
        self.assertEqual(amendment.name, f"{order.name}-2")
        self.assertEqual(amendment.create_uid, self.user_sales)
        self._approve(amendment)
        self.assertEqual(amendment.cycle_stage, "awaiting_customer")
        after = order.terms_hash, order.terms_version, self._get_totals(order)
        self.assertEqual(before, after)
        second = self._draft(order, "2027-02-08")
        self.assertEqual(second.amount_total, 410.0)
        self.assertEqual(order.cycle_stage, "confirmed")
        self.assertEqual(order.live_amendment_id, amendment)

    def test_amendment_begins_with_what_was_invoiced_and_the_rest(self):
        order = self._create_running()
        amendment = self._amend(order)
        self.assertRecordValues(
            amendment.schedule_line_ids.sorted(),
            [
                {"amount_type": "fixed", "amount_fixed": 410, "amount_total": 410},
                {"amount_type": "rest", "amount_fixed": 0, "amount_total": 410},
                {"amount_type": "rest", "amount_fixed": 0, "amount_total": 410},
            ],
        )
        self.assertFalse(amendment.schedule_problem)
        self.assertFalse(amendment.schedule_line_ids.invoice_id)

    def test_running_order_keeps_its_amendment_when_anybody_sets_it_to_draft(self):
        """It is what makes the present terms valid; customers can call this, too."""
        order = self._create_running()
        amendment = self._agree(self._amend(order, price_unit=1600.0))
        portal = new_test_user(self.env, "amending", groups="base.group_portal")
        portal.partner_id.parent_id = order.partner_id
        order.message_subscribe(portal.partner_id.ids)
        for user in (portal, self.user_billing, self.user_sales):
            order.with_user(user).action_draft()
            self.assertEqual(order.applied_amendment_id, amendment)
            self.assertSame(order, amendment)

    def test_second_amendment_at_once_is_refused(self):
        order = self._create_running()
        amendment = self._amend(order)
        with self.assertRaisesRegex(UserError, amendment.name):
            order.action_amend()
        amendment.action_cancel()
        self.assertEqual(self._amend(order).name, f"{order.name}-3")

    def test_order_that_is_not_running_cannot_be_amended(self):
        with self.assertRaisesRegex(UserError, "is not running"):
            self._create_order().action_amend()

    def test_declined_amendment_leaves_all_as_it_was(self):
        order = self._create_running()
        before = order.terms_hash, order.terms_version, self._get_totals(order)
        amendment = self._approve(self._amend(order, price_unit=2000.0))
        self._send_messages()
        link = amendment.confirmation_ids.sudo()
        self.assertEqual(link._decline(amendment.terms_hash, "Jan", "No"), "done")
        self.assertEqual(amendment.cycle_stage, "cancelled")
        after = order.terms_hash, order.terms_version, self._get_totals(order)
        self.assertEqual(before, after)
        self.assertEqual(order.cycle_stage, "confirmed")
        self.assertFalse(order.live_amendment_id)

    def test_amendment_never_becomes_an_order_of_its_own(self):
        amendment = self._approve(self._amend(self._create_running()))
        with self.assertRaises(UserError):
            amendment.action_confirm()
        with self.assertRaises(ValidationError):
            amendment.sudo().write({"state": "sale"})

    def test_amendment_of_another_customer_or_mode_is_refused(self):
        order = self._create_running()
        amendment = self._amend(order)
        amendment.partner_id = self.other_customer
        with self.assertRaisesRegex(UserError, "keeps “Customer”"):
            amendment.action_submit_for_approval()

    def test_invoiced_payment_of_an_amendment_cannot_be_changed(self):
        amendment = self._amend(self._create_running())
        line = amendment.schedule_line_ids.sorted()[0].with_user(self.user_sales)
        for change in ({"amount_fixed": 1.0}, {"date_due": "2027-06-01"}):
            with self.assertRaisesRegex(UserError, "was invoiced already"):
                line.write(change)
        with self.assertRaisesRegex(UserError, "was invoiced already"):
            line.unlink()

    # === WHEN THE CUSTOMER CONFIRMS === #

    def test_invoiced_payment_stays_and_the_rest_is_spread_anew(self):
        order = self._create_running()
        invoice = order.schedule_line_ids.invoice_id
        lines = order.schedule_line_ids
        amendment = self._amend(order, price_unit=1600.0)
        amendment.order_line = [self._create_line(99.99, self.tax_8)]
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(order.terms_version, 2)
        self.assertEqual(order.amount_total, 2075.99)
        self.assertEqual(order.schedule_line_ids, lines)
        self.assertEqual(lines[0].invoice_id, invoice)
        self.assertEqual(self._get_totals(order)[0], 410.0)
        self.assertEqual(sum(self._get_totals(order)), 2075.99)
        self.assertEqual(amendment.cycle_stage, "applied")
        self.assertEqual(order.cycle_stage, "confirmed")
        moves = invoice | self._publish(self._draft(order))
        for tax in self.tax_23 | self.tax_8:
            sold = order.order_line.filtered(lambda x, tax=tax: x.tax_ids == tax)
            items = moves.line_ids.filtered(lambda x, tax=tax: x.tax_line_id == tax)
            self.assertAlmostEqual(
                -sum(items.mapped("balance")), sum(sold.mapped("price_tax")), 2
            )
        self.assertEqual(
            order.currency_id.round(sum(moves.mapped("amount_untaxed"))),
            order.amount_untaxed,
        )

    def test_draft_is_made_anew_with_the_amended_amount(self):
        order = self._create_running()
        self._draft(order, "2027-02-08")
        self._agree(self._amend(order, price_unit=1600.0))
        self.assertEqual(
            order.schedule_line_ids.mapped("state"), ["invoiced", "planned", "planned"]
        )
        self.assertEqual(self._draft(order, "2027-02-08").amount_total, 779.0)

    def test_payment_published_meanwhile_stays_and_the_rest_still_adds_up(self):
        order = self._create_running()
        amendment = self._approve(self._amend(order, price_unit=1600.0))
        terms = amendment.terms_hash
        self._publish(self._draft(order, "2027-02-08"))
        self.assertEqual(amendment.terms_hash, terms)
        self._confirm(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(self._get_totals(order), [410.0, 410.0, 1148.0])

    def test_amendment_is_void_when_a_payment_it_moves_is_published(self):
        order = self._create_running()
        amendment = self._amend(order, price_unit=1600.0)
        moved = amendment.schedule_line_ids.sorted()[1]
        moved.date_due = "2027-05-15"
        self._approve(amendment)
        self._publish(self._draft(order, "2027-02-08"))
        self.assertEqual(amendment.cycle_stage, "draft")
        self.assertRecordValues(
            moved, [{"date_due": order.schedule_line_ids[1].date_due}]
        )
        self._agree(amendment)
        self.assertEqual(self._get_totals(order), [410.0, 410.0, 1148.0])

    def test_removed_and_added_lines_and_payments_are_taken_over(self):
        order = self._create_running(
            lines=[self._create_line(600.0), self._create_line(400.0, self.tax_8)]
        )
        amendment = self._amend(order)
        amendment.order_line[1].unlink()
        amendment.order_line = [self._create_line(900.0, name="New")]
        amendment.schedule_line_ids.sorted()[2].unlink()
        amendment.schedule_line_ids = [
            Command.create({"name": "Last", "sequence": 99, "date_due": "2027-06-01"})
        ]
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(order.order_line.mapped("name"), ["Support", "New"])
        self.assertEqual(order.schedule_line_ids.sorted()[-1].name, "Last")
        self.assertEqual(len(order.schedule_line_ids), 3)

    def test_removed_payment_stays_without_amount_when_its_invoice_was_cancelled(self):
        order = self._create_running()
        removed = order.schedule_line_ids[0]
        invoice = removed.invoice_id
        invoice.button_draft()
        amendment = self._amend(order)
        amendment.schedule_line_ids.sorted()[0].unlink()
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(invoice.state, "cancel")
        self.assertRecordValues(removed, [{"state": "cancelled", "amount_total": 0.0}])
        self.assertEqual(self._get_totals(order), [0.0, 615.0, 615.0])
        second = self._amend(order, price_unit=500.0)
        self.assertEqual(self._get_totals(second), [307.5, 307.5])
        self._agree(second)
        self.assertSame(order, second)
        drafts = self._draft(order)
        self.assertEqual(drafts.mapped("amount_total"), [307.5, 307.5])

    def test_payment_that_was_cancelled_and_skipped_does_not_stop_an_amendment(self):
        order = self._create_running()
        skipped = order.schedule_line_ids[0]
        skipped.invoice_id.button_draft()
        skipped.invoice_id.button_cancel()
        skipped.action_skip()
        amendment = self._agree(self._amend(order, price_unit=1600.0))
        self.assertSame(order, amendment)
        self.assertEqual(self._get_totals(order), [0.0, 984.0, 984.0])
        order._action_cancel()
        order.action_draft()
        self.assertEqual(skipped.state, "cancelled")
        self.assertEqual(self._get_totals(order), [0.0, 984.0, 984.0])

    def test_confirmed_amendment_cannot_be_changed_or_offered_again(self):
        order = self._create_running()
        amendment = self._amend(order, price_unit=1600.0)
        self._agree(amendment)
        with self.assertRaisesRegex(ValidationError, "Amend that order again"):
            amendment.order_line[0].price_unit = 1.0
        with self.assertRaisesRegex(UserError, "cannot be offered again"):
            amendment.action_draft()
        with self.assertRaisesRegex(ValidationError, "cannot be changed"):
            order.order_line[0].price_unit = 1.0

    def test_order_can_be_amended_again(self):
        order = self._create_running()
        self._agree(self._amend(order, price_unit=1600.0))
        second = self._amend(order, price_unit=1300.0)
        self._agree(second)
        self.assertSame(order, second)
        self.assertEqual(order.terms_version, 3)
        self.assertEqual(self._get_totals(order), [410.0, 594.5, 594.5])

    def test_amended_order_begins_anew_when_cancelled_and_offered_again(self):
        order = self._create_running()
        self._agree(self._amend(order, price_unit=1600.0))
        order._action_cancel()
        self.assertEqual(order.cycle_stage, "cancelled")
        order.action_draft()
        self.assertEqual(order.cycle_stage, "draft")
        self.assertFalse(order._is_confirmed_by_customer())

    def test_amendment_is_not_offered_again_beside_another_one(self):
        order = self._create_running()
        first = self._amend(order)
        first._action_cancel()
        second = self._amend(order)
        with self.assertRaisesRegex(UserError, f"{order.name}.*{second.name}.*cancel"):
            first.with_user(self.user_sales).action_draft()
        second._action_cancel()
        first.with_user(self.user_sales).action_draft()
        self.assertEqual(order.live_amendment_id, first)

    def test_customer_sees_the_confirmed_amendment_as_confirmed(self):
        order = self._create_running()
        amendment = self._amend(order, price_unit=1600.0)
        self._agree(amendment)
        link = amendment.confirmation_ids
        self.assertEqual(link._get_page_state(), "confirmed")
        self.assertTrue(link._shows_terms())
        self.assertEqual(link.sudo()._confirm(amendment.terms_hash, "X"), "confirmed")
        self.assertEqual(order._get_confirmation_to_show(self.env.user), link)

    def test_deposit_is_deducted_from_the_amended_final_invoice(self):
        order = self._create_running(plan="deposit_30")
        self._agree(self._amend(order, price_unit=2000.0))
        order.action_mark_completed("2027-03-01")
        final = self._draft(order)
        self.assertEqual(final.amount_total, 2460.0 - 369.0)
        self.assertEqual(final.amount_untaxed, 1700.0)

    def test_periods_of_a_recurring_order_are_amended_from_the_next_invoice(self):
        order = self._create_running(plan="quarterly")
        amendment = self._amend(order, price_unit=1100.0)
        self.assertEqual(self._get_totals(amendment), [1230.0] + [1353.0] * 3)
        self._agree(amendment)
        self.assertSame(order, amendment)
        lines = order.schedule_line_ids.filtered(lambda x: x.term_number == 1)
        self.assertEqual(lines.mapped("amount_total"), [1230.0] + [1353.0] * 3)

    def test_periods_of_a_recurring_order_are_not_counted_anew(self):
        """Each is refused by its name; the order ends, and a new one begins."""
        order = self._create_running(plan="quarterly")
        amendment = self._amend(order)
        for name, value in {
            "service_date_start": "2027-02-01",
            "service_date_end": "2027-12-31",
            "recurrence_interval": 2,
            "recurrence_unit": "year",
            "recurrence_count": 8,
            "recurrence_in_advance": not order.recurrence_in_advance,
            "recurrence_day": 10,
        }.items():
            label = order._fields[name]._description_string(self.env)
            before = amendment[name]
            with self.subTest(name):
                amendment[name] = value
                with self.assertRaisesRegex(UserError, f"keeps “{label}” of order"):
                    amendment.action_submit_for_approval()
            amendment[name] = before
        self.assertFalse(amendment._get_amendment_problem())

    # === BELOW WHAT IS INVOICED === #

    def test_decrease_below_what_is_invoiced_proposes_a_credit_note(self):
        order = self._create_running(paid=2)
        amendment = self._amend(order, price_unit=500.0)
        self.assertFalse(amendment.schedule_problem)
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(self._get_totals(order), [410.0, 410.0, 0.0])
        self.assertEqual(order.schedule_line_ids[2].state, "cancelled")
        self.assertEqual(order.amount_to_credit, 205.0)
        decision = self.env.ref("order_invoice_cycle.mail_activity_type_decision")
        self.assertIn(decision, order.activity_ids.activity_type_id)
        order.with_user(self.user_sales).action_draft_credit_note()
        credit_note = order.amended_credit_note_ids
        self.assertRecordValues(
            credit_note,
            [{"amount_untaxed": 166.67, "amount_total": 205.0, "state": "draft"}],
        )
        self.assertEqual(
            credit_note.reversed_entry_id, order.schedule_line_ids[1].invoice_id
        )
        self.assertEqual(order.amount_to_credit, 0.0)
        with self.assertRaisesRegex(UserError, "Nothing is to be credited"):
            order.action_draft_credit_note()
        credit_note.action_post()
        self.assertFalse(self._draft(order))
        moves = order.schedule_line_ids.invoice_id | credit_note
        self.assertEqual(sum(moves.mapped("amount_total_signed")), order.amount_total)
        self.assertEqual(order.amount_invoiced, order.amount_total)

    def test_credit_goes_over_several_invoices_when_one_is_too_small(self):
        order = self._create_running(paid=3)
        self._agree(self._amend(order, price_unit=500.0))
        order.action_draft_credit_note()
        notes = order.amended_credit_note_ids.sorted("amount_total")
        self.assertEqual(notes.mapped("amount_total"), [205.0, 410.0])

    def test_decrease_needs_a_payment_for_what_has_another_tax(self):
        """Less than invoiced in all, but more of one tax: that is still to be paid."""
        lines = [self._create_line(1000.0), self._create_line(100.0, self.tax_8)]
        order = self._create_running(plan="advance", lines=lines)
        amendment = self._amend(order, price_unit=500.0)
        amendment.order_line[1].price_unit = 150.0
        with self.assertRaisesRegex(UserError, "54.00.*have other taxes.*Add one"):
            amendment.action_submit_for_approval()
        values = {"name": "Other tax", "date_due": "2027-02-01"}
        amendment.schedule_line_ids = [Command.create(values)]
        self._agree(amendment)
        self.assertSame(order, amendment)
        self.assertEqual(self._get_totals(order), [1338.0, 54.0])
        self.assertEqual(order.amount_to_credit, 615.0)
        order.action_draft_credit_note()
        order.amended_credit_note_ids.action_post()
        self._publish(self._draft(order))
        moves = order.schedule_line_ids.invoice_id | order.amended_credit_note_ids
        self.assertEqual(sum(moves.mapped("amount_total_signed")), order.amount_total)

    def test_credit_leaves_out_drafts_that_are_made_anew(self):
        """Also when their difference was spread: a draft has taken nothing yet."""
        order = self._create_running()
        draft = order.schedule_line_ids[1].action_draft_invoice()
        draft.invoice_line_ids[1].price_unit = 900.0
        order.action_spread_difference()
        self.assertTrue(order.schedule_line_ids[1].settled_amounts)
        self._agree(self._amend(order, price_unit=600.0))
        self.assertFalse(draft.exists())
        self.assertEqual(order.amount_to_credit, 0.0)
        self.assertEqual(self._get_totals(order), [410.0, 164.0, 164.0])

    # === CANCELLED === #

    def test_cancelled_order_lists_its_published_invoices_for_a_decision(self):
        order = self._create_running()
        amendment = self._amend(order)
        order._action_cancel()
        activity = order.activity_ids.filtered(
            lambda x: "published invoices" in (x.summary or "")
        )
        self.assertIn(order.schedule_line_ids[0].invoice_id.name, activity.note)
        self.assertEqual(amendment.state, "cancel")
        self.assertEqual(
            order.schedule_line_ids.mapped("state"),
            ["invoiced", "cancelled", "cancelled"],
        )
