from contextlib import contextmanager
from datetime import date, datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import mute_logger

from .common import CycleCommon

FAILURE = "order_invoice_cycle.mail_activity_type_job_failure"


class TestDrafting(CycleCommon):
    """Draft invoices: in time, once, and never lost.

    The orders of most tests are due on 15 January, February and March 2027, and are
    drafted seven days before.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.setup_other_company(
            name="Tasman Services", country_id=cls.env.ref("base.nz").id
        )["company"]
        cls.other_company.partner_id.tz = "Pacific/Auckland"
        for user in cls.user_sales + cls.user_approver:
            user.company_ids += cls.other_company

    def _create_monthly(self, **values):
        return self._create_order(
            payment_mode="recurring",
            recurrence_interval=1,
            recurrence_unit="month",
            recurrence_in_advance=True,
            **{"recurrence_count": 6, **values},
        )

    def _get_states(self, order):
        return order.schedule_line_ids.mapped("state")

    @contextmanager
    def _failing(self, order, message="The product is archived."):
        """Make everything that invoices ``order`` fail."""
        orders = self.registry["sale.order"]
        prepare = orders._prepare_invoice

        def fail(record):
            if record.id == order.id:
                raise UserError(message)
            return prepare(record)

        with patch.object(orders, "_prepare_invoice", fail):
            yield

    # === IN TIME === #

    def test_draft_is_made_when_the_lead_time_begins_and_not_before(self):
        order = self._running_order(plan="instalments_3")
        self.assertFalse(self._draft(order, "2027-01-07"))
        move = self._draft(order, "2027-01-08")
        self.assertRecordValues(
            move,
            [
                {
                    "state": "draft",
                    "move_type": "out_invoice",
                    "partner_id": self.customer.id,
                    "schedule_line_id": order.schedule_line_ids[0].id,
                    "cycle_order_id": order.id,
                    "invoice_origin": order.name,
                    "invoice_date": False,
                    "invoice_date_due": date(2027, 1, 15),
                    "invoice_payment_term_id": False,
                    "amount_untaxed": 333.34,
                    "amount_total": 410.0,
                }
            ],
        )
        self.assertEqual(self._get_states(order), ["drafted", "planned", "planned"])
        self.assertIn(order, move.line_ids.sale_line_ids.order_id)

    def test_draft_says_which_part_of_what_it_is(self):
        order = self._running_order(
            plan="instalments_3",
            lines=[self._create_line(150, product_uom_qty=8, discount=10)],
        )
        lines = self._draft(order, "2027-01-08").invoice_line_ids
        self.assertEqual(lines[0].display_type, "line_section")
        self.assertEqual(lines[0].name, f"Instalment 1 of 3 – order {order.name}")
        self.assertRegex(lines[1].name, r"^Support \(8.00 Units at 150.00.zł less 10")
        self.assertEqual(lines[1].quantity, 1.0)
        self.assertEqual(lines[1].price_unit, 360.0)

    def test_draft_has_the_lines_of_the_order_when_it_is_paid_at_once(self):
        order = self._running_order(
            payment_mode="prepayment",
            lines=[
                Command.create({"display_type": "line_section", "name": "Work"}),
                self._create_line(150, product_uom_qty=8, discount=10),
                Command.create({"display_type": "line_note", "name": "On site"}),
            ],
        )
        self.assertRecordValues(
            self._draft(order).invoice_line_ids,
            [
                {"name": "Work", "quantity": 0, "price_unit": 0},
                {"name": "Support", "quantity": 8, "price_unit": 150},
                {"name": "On site", "quantity": 0, "price_unit": 0},
            ],
        )

    def test_lead_time_of_the_plan_or_the_company_is_used(self):
        plan = self.env.ref("order_invoice_cycle.cycle_plan_instalments_3").copy(
            {"has_lead_days": True, "lead_days": 2}
        )
        by_plan = self._running_order(payment_mode="instalments", plan_id=plan.id)
        by_company = self._running_order(plan="instalments_3")
        self.company.cycle_lead_days = 3
        self.assertFalse(self._draft(by_plan + by_company, "2027-01-11"))
        self.assertEqual(
            self._draft(by_plan + by_company, "2027-01-12").cycle_order_id, by_company
        )
        self.assertTrue(self._draft(by_plan, "2027-01-13"))

    def test_changed_lead_time_skips_nothing_and_repeats_nothing(self):
        order = self._running_order(plan="instalments_3")
        self.assertEqual(len(self._draft(order, "2027-01-08")), 1)
        self.company.cycle_lead_days = 40
        self.assertEqual(len(self._draft(order, "2027-01-08")), 2)
        self.company.cycle_lead_days = 0
        self.assertEqual(len(self._draft(order, "2027-03-14")), 2)
        self.assertEqual(len(self._draft(order, "2027-03-15")), 3)

    def test_missed_periods_are_caught_up_each_with_its_own_draft(self):
        order = self._confirm(self._approve(self._create_monthly()))
        moves = self._draft(order, "2027-03-20").sorted("invoice_date_due")
        self.assertRecordValues(
            moves.schedule_line_id,
            [
                {"period_start": date(2027, 1, 15), "period_end": date(2027, 2, 14)},
                {"period_start": date(2027, 2, 15), "period_end": date(2027, 3, 14)},
                {"period_start": date(2027, 3, 15), "period_end": date(2027, 4, 14)},
            ],
        )
        self.assertEqual(
            moves.mapped("invoice_date_due"),
            [date(2027, 1, 15), date(2027, 2, 15), date(2027, 3, 15)],
        )
        for number, move in enumerate(moves, start=1):
            heading = move.invoice_line_ids[0].name
            self.assertIn(f"Period {number}: ", heading)

    def test_completion_payment_is_drafted_at_once_when_the_work_is_done(self):
        order = self._running_order(plan="completion_14")
        self.assertFalse(self._draft(order))
        order.with_user(self.user_sales).action_mark_completed("2027-02-01")
        self.assertFalse(self._draft(order, "2027-02-07"))
        self.assertEqual(
            self._draft(order, "2027-02-08").invoice_date_due, date(2027, 2, 15)
        )

    def test_paused_order_is_drafted_only_when_it_is_resumed(self):
        order = self._running_order(plan="instalments_3")
        order.with_user(self.user_sales).action_pause()
        self.assertFalse(self._draft(order))
        order.with_user(self.user_sales).action_resume()
        self.assertEqual(len(self._draft(order)), 3)

    def test_each_company_counts_its_own_day_and_lead_time(self):
        near = self._running_order(plan="instalments_3")
        far = self._running_order(
            plan="instalments_3",
            company_id=self.other_company.id,
            lines=[self._create_line(taxes=self.env["account.tax"])],
        )
        self.company.cycle_lead_days = 7
        self.other_company.cycle_lead_days = 6
        # Friday noon in Warsaw is Saturday in Auckland.
        with freeze_time(datetime(2027, 1, 8, 12, 0)):
            moves = self._draft(near + far, today=None)
        self.assertEqual(moves.cycle_order_id, near + far)
        self.assertEqual(moves.mapped("company_id"), near.company_id + far.company_id)
        with freeze_time(datetime(2027, 2, 8, 9, 0)):
            moves = self._draft(near + far, today=None) - moves
        self.assertEqual(moves.cycle_order_id, near)

    # === ONCE === #

    def test_nothing_is_drafted_twice_when_the_job_runs_again(self):
        order = self._running_order(plan="instalments_3")
        moves = self._draft(order)
        self.assertEqual(len(moves), 3)
        self.assertEqual(self._draft(order), moves)

    def test_button_returns_the_existing_draft_when_pressed_again(self):
        line = self._running_order(plan="instalments_3").schedule_line_ids[0]
        move = line.with_user(self.user_sales).action_draft_invoice()
        self.assertEqual(line.with_user(self.user_sales).action_draft_invoice(), move)
        self.assertEqual(len(line.move_ids), 1)

    @mute_logger("odoo.sql_db")
    def test_second_live_invoice_is_refused_by_the_database(self):
        order = self._running_order(plan="instalments_3")
        move = self._draft(order, "2027-01-08")
        with self.assertRaises(IntegrityError):
            move.sudo().copy({"schedule_line_id": move.schedule_line_id.id})

    def test_button_is_refused_with_a_hint_when_the_line_cannot_be_invoiced(self):
        draft = self._create_order(plan="instalments_3")
        running = self._running_order(plan="completion_14")
        paused = self._running_order(plan="instalments_3")
        paused.action_pause()
        for order, hint in (
            (draft, "has not confirmed"),
            (running, "Mark the order as completed"),
            (paused, "is paused"),
        ):
            with self.subTest(hint=hint), self.assertRaisesRegex(UserError, hint):
                order.schedule_line_ids[0].action_draft_invoice()

    def test_credited_invoice_is_not_invoiced_again(self):
        order = self._running_order(payment_mode="prepayment")
        move = self._publish(self._draft(order))
        self._reverse_invoice(move, post=True)
        self.assertEqual(move.payment_state, "reversed")
        self.assertEqual(self._get_states(order), ["cancelled"])
        self.assertEqual(order.invoice_status, "invoiced")
        self.assertFalse(self._draft(order))
        with self.assertRaises(UserError):
            order._create_invoices()

    def test_nothing_new_appears_when_an_invoice_is_reset_and_posted_again(self):
        order = self._running_order(plan="instalments_3")
        move = self._publish(self._draft(order, "2027-01-08"))
        move.button_draft()
        self.assertEqual(self._draft(order, "2027-01-08"), move)
        move.action_post()
        self.assertFalse(self._draft(order, "2027-01-08"))
        self.assertEqual(self._get_states(order), ["invoiced", "planned", "planned"])

    def test_drafting_many_lines_takes_a_handful_of_queries_for_each(self):
        order = self._confirm(self._approve(self._create_monthly(recurrence_count=60)))
        lines = order.schedule_line_ids
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        lines._draft_invoices()
        self.env.flush_all()
        queries = self.cr.sql_log_count - before
        self.assertEqual(len(lines.invoice_id), 60)
        self.assertLess(queries / 60, 6)

    # === A PERSON DECIDES === #

    def test_line_is_held_when_a_person_deletes_the_draft(self):
        order = self._running_order(plan="instalments_3")
        line = order.schedule_line_ids[0]
        self._draft(order, "2027-01-08").with_user(self.user_billing).unlink()
        self.assertEqual(line.state, "held")
        self.assertIn(self.user_billing.name, line.hold_reason)
        self.assertFalse(self._draft(order, "2027-01-08"))

    def test_line_is_held_when_a_person_cancels_the_draft(self):
        order = self._running_order(plan="instalments_3")
        line = order.schedule_line_ids[0]
        self._draft(order, "2027-01-08").with_user(self.user_billing).button_cancel()
        self.assertEqual(line.state, "held")
        self.assertFalse(self._draft(order, "2027-01-08"))

    def test_held_line_is_drafted_again_when_released(self):
        order = self._running_order(plan="instalments_3")
        line = order.schedule_line_ids[0]
        cancelled = self._draft(order, "2027-01-08")
        cancelled.button_cancel()
        line.with_user(self.user_sales).action_release()
        move = self._draft(order, "2027-01-08")
        self.assertEqual(move.schedule_line_id, line)
        cancelled.unlink()
        self.assertFalse(line.hold_reason)
        self.assertEqual(line.invoice_id, move)

    def test_held_line_is_never_invoiced_when_skipped(self):
        order = self._running_order(plan="instalments_3")
        line = order.schedule_line_ids[0]
        self._draft(order, "2027-01-08").unlink()
        line.with_user(self.user_sales).action_skip()
        self.assertEqual(line.state, "cancelled")
        self.assertEqual(
            self._draft(order).schedule_line_id, order.schedule_line_ids - line
        )

    def test_line_with_an_invoice_cannot_be_skipped(self):
        order = self._running_order(plan="instalments_3")
        self._draft(order, "2027-01-08")
        with self.assertRaisesRegex(UserError, "has an invoice"):
            order.schedule_line_ids[0].action_skip()

    def test_line_put_on_hold_waits_for_its_release(self):
        order = self._running_order(plan="instalments_3")
        order.schedule_line_ids[1].action_hold("Customer asked to wait")
        self.assertEqual(len(self._draft(order)), 2)
        self.assertEqual(order.schedule_line_ids[1].state, "held")
        order.schedule_line_ids[1].action_draft_invoice()
        self.assertEqual(self._get_states(order), ["drafted"] * 3)

    def test_hold_is_no_way_to_an_invoice_before_the_customer_confirms(self):
        order = self._create_order(plan="deposit_30")
        for line in order.with_user(self.user_sales).schedule_line_ids:
            for verb in ("hold", "skip", "draft_invoice", "draft_again"):
                with self.subTest(verb), self.assertRaises(UserError):
                    getattr(line, f"action_{verb}")()
            # Nor is a hold that got there another way.
            line.sudo().hold_reason = "Imported"
            self.assertEqual(line.state, "waiting")
            with self.assertRaisesRegex(UserError, "neither removed nor credited"):
                line.action_draft_again()
        self.assertFalse(order.schedule_line_ids.move_ids)

    def test_hold_is_no_way_to_an_invoice_before_the_work_is_done(self):
        order = self._running_order(plan="completion_14")
        line = order.schedule_line_ids
        line.action_hold()
        with self.assertRaisesRegex(UserError, "Mark the order as completed first"):
            line.action_draft_again()
        order.action_mark_completed(self.start)
        self.assertTrue(line.action_draft_again())

    def test_create_invoice_of_core_drafts_the_next_payment(self):
        order = self._running_order(plan="instalments_3")
        for number in range(3):
            move = order.with_user(self.user_sales)._create_invoices()
            self.assertEqual(move.schedule_line_id, order.schedule_line_ids[number])
        with self.assertRaisesRegex(UserError, "Everything has been invoiced"):
            order._create_invoices()

    def test_down_payment_of_core_is_refused(self):
        order = self._running_order(plan="instalments_3")
        wizard = self.env["sale.advance.payment.inv"].create(
            {
                "sale_order_ids": order.ids,
                "advance_payment_method": "percentage",
                "amount": 30,
            }
        )
        with self.assertRaisesRegex(UserError, order.name):
            wizard.create_invoices()

    def test_drafts_and_open_lines_are_gone_when_the_order_is_cancelled(self):
        order = self._running_order(plan="instalments_3")
        posted = self._publish(self._draft(order, "2027-01-08"))
        numbered = self._publish(self._draft(order, "2027-02-08"))
        numbered.button_draft()
        draft = self._draft(order) - numbered
        order.with_user(self.user_sales)._action_cancel()
        self.assertFalse(draft.exists())
        self.assertEqual(numbered.state, "cancel")
        self.assertEqual(posted.state, "posted")
        self.assertEqual(
            self._get_states(order), ["invoiced", "cancelled", "cancelled"]
        )
        self.assertFalse(self._draft(order))

    def test_schedule_of_a_confirmed_order_cannot_be_edited(self):
        order = self._running_order(plan="instalments_3")
        monthly = self._confirm(self._approve(self._create_monthly()))
        lines = (order + monthly).schedule_line_ids.with_user(self.user_sales)
        for values in ({"date_due": "2027-06-01"}, {"name": "Later"}):
            for line in lines:
                name = line.order_id.name
                with (
                    self.subTest(values=values, line=line),
                    self.assertRaisesRegex(UserError, f"{name} is confirmed.*Amend"),
                ):
                    line.write(values)
        with self.assertRaisesRegex(UserError, f"{monthly.name} is confirmed.*Amend"):
            lines.create({"order_id": monthly.id, "name": "More"})
        with self.assertRaisesRegex(UserError, "payments cannot be changed.*Amend"):
            lines[0].unlink()
        with self.assertRaisesRegex(UserError, "cannot be deleted.*Amend"):
            lines[0].sudo().unlink()

    def test_terminated_order_bills_its_days_and_no_more(self):
        order = self._confirm(self._approve(self._create_monthly()))
        self._publish(self._draft(order, "2027-01-08"))
        self._draft(order, "2027-03-08")
        order.with_user(self.user_sales).action_terminate("2027-02-28", "Moved away")
        self.assertEqual(
            self._get_states(order),
            ["invoiced", "planned"] + ["cancelled"] * 4,
        )
        move = self._draft(order)
        self.assertEqual(move.schedule_line_id.period_end, date(2027, 2, 28))
        self.assertEqual(move.amount_untaxed, 500.0)

    def test_order_that_is_not_recurring_cannot_be_terminated(self):
        order = self._running_order(plan="instalments_3")
        with self.assertRaisesRegex(UserError, "not recurring"):
            order.action_terminate("2027-02-28")

    # === ONE BAD RECORD === #

    def test_bad_record_is_parked_and_told_once_while_the_others_go_on(self):
        orders = [self._running_order(plan="instalments_3") for _ in range(5)]
        bad = orders[2]
        good = self.env["sale.order"].union(*orders) - bad
        line = bad.schedule_line_ids[0]
        with self._failing(bad):
            moves = self._draft(good + bad, "2027-01-08")
            self.assertEqual(moves.cycle_order_id, good)
            self.assertEqual(line.error, "The product is archived.")
            self.assertEqual(line.state, "planned")
            self.assertGreater(line.retry_at, fields.Datetime.now())
            activity = bad.activity_search([FAILURE])
            self.assertEqual(activity.user_id, self.user_sales)

            line.sudo().retry_at = fields.Datetime.now() - timedelta(minutes=1)
            with self._failing(bad, "The account is missing."):
                self._draft(bad, "2027-01-08")
            self.assertEqual(line.error, "The account is missing.")
            self.assertEqual(bad.activity_search([FAILURE]), activity)
            self.assertIn("account", activity.note)

    def test_parked_record_waits_and_recovers_when_the_cause_is_gone(self):
        order = self._running_order(plan="instalments_3")
        line = order.schedule_line_ids[0]
        with self._failing(order):
            self._draft(order, "2027-01-08")
        self.assertFalse(self._draft(order, "2027-01-08"), "not before retry_at")
        line.sudo().retry_at = fields.Datetime.now() - timedelta(minutes=1)
        self.assertTrue(self._draft(order, "2027-01-08"))
        self.assertFalse(line.error)
        self.assertFalse(line.retry_at)
        self.assertFalse(order.activity_search([FAILURE]))
