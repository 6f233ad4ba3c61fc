import os
from datetime import date, datetime, time, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import mute_logger

from ..tools.terms import sha256
from .common import CycleCommon

FULL = bool(os.environ.get("CYCLE_TEST_FULL"))
SEQUENCES = 2000 if FULL else 20
STEPS = 30
PLANS = ["advance", "deposit_30", "completion_14", "instalments_3", "monthly"]


class OrderMachine(RuleBasedStateMachine):
    """Whatever people, customers and jobs do to an order, in whatever sequence.

    A step that is refused changes nothing; after each one the promises hold.
    """

    case = None  # set by the test

    def __init__(self):
        super().__init__()
        self.env = self.case.env
        self.savepoint = self.env.cr.savepoint()
        self.today = date(2027, 1, 15)

    def teardown(self):
        self.savepoint.rollback()
        self.savepoint.close()
        self.env.invalidate_all()

    @initialize(plan=st.sampled_from(PLANS), price=st.integers(1, 10**6))
    def create_order(self, plan, price):
        lines = [
            self.case._create_line(price=price / 100),
            self.case._create_line(price=99.99, taxes=self.case.tax_8),
        ]
        self.order = self.case._create_order(plan=plan, lines=lines)
        self.submit()
        self.approve()

    # === PEOPLE === #

    @rule()
    def submit(self):
        self._try(self._as("sales", self.order).action_submit_for_approval)

    @rule()
    def approve(self):
        self._try(self._as("approver", self.order).action_approve)

    @rule()
    def reject(self):
        self._try(lambda: self._as("approver", self.order).action_reject("No."))

    @rule()
    def send(self):
        self._try(self._as("sales", self.order).action_send_confirmation)

    @rule(cents=st.integers(1, 10**6))
    def edit(self, cents):
        line = self.order.order_line[:1]
        values = {"order_line": [Command.update(line.id, {"price_unit": cents / 100})]}
        self._try(lambda: self._as("sales", self.order).write(values))

    @rule()
    def cancel(self):
        self._try(self._as("sales", self.order).action_cancel)

    @rule()
    def set_back(self):
        self._try(self._as("sales", self.order).action_draft)

    @rule()
    def complete(self):
        self._try(
            lambda: self._as("sales", self.order).action_mark_completed(self.today)
        )

    # === THE CUSTOMER === #

    @rule()
    def accept(self):
        self._deliver()
        for link in self._get_links():
            self._try(link._confirm, link.terms_hash, "Jan Nowak")

    @precondition(lambda self: self.order.state != "sale")
    @rule(verb=st.sampled_from(["_comment", "_decline"]))
    def object(self, verb):
        self._deliver()
        for link in self._get_links()[:1]:
            answer = getattr(link, verb)
            self._try(answer, link.terms_hash, "Jan Nowak", "Because.")

    @rule(share=st.sampled_from([0.5, 1]))
    def pay(self, share):
        for move in self._get_moves("posted")[:1]:
            if move.amount_residual > 0 and move.move_type == "out_invoice":
                amount = round(move.amount_residual * share, 2)
                self._try(self.case._pay, move, amount=amount, date=self.today)

    # === JOBS AND BILLING === #

    @rule(days=st.sampled_from([1, 8, 31, 92]))
    def wait(self, days):
        self.today += timedelta(days=days)

    @rule()
    def draft(self):
        self.case._run_cron(
            "cycle.schedule.line", "_cron_draft_invoices", today=self.today
        )

    @rule()
    def renew(self):
        self.case._run_cron(
            "cycle.schedule.line", "_cron_renew_terms", today=self.today
        )

    @rule()
    def publish(self):
        drafts = self._as("billing", self._get_moves("draft"))
        self._try(lambda: drafts.action_publish(today=self.today))

    @rule()
    def remind(self):
        self.case._run_cron("cycle.reminder", "_cron_send_reminders", today=self.today)
        self._deliver()

    @rule()
    def refund(self):
        for move in self._get_moves("posted")[:1]:
            wizard = self.env["account.move.reversal"].with_context(
                active_model="account.move", active_ids=move.ids
            )
            values = {"journal_id": move.journal_id.id, "date": self.today}
            self._try(self._refund, wizard, values)

    @rule()
    def dispute(self):
        for move in self._get_moves("posted")[:1]:
            values = {"move_id": move.id, "reason": "Not as agreed.", "amount": 1}
            disputes = self._as("collections", self.env["cycle.dispute"])
            self._try(disputes.create, values)

    @rule(outcome=st.sampled_from(["accepted", "rejected"]))
    def resolve(self, outcome):
        disputes = self._get_moves("posted").dispute_ids
        for dispute in disputes.filtered(lambda one: one.state == "open")[:1]:
            own = self._as("collections", dispute)
            self._try(own.action_resolve, outcome, note="Settled.")

    # === PROMISES === #

    @invariant()
    def promise_1_each_thing_happens_once(self):
        self.env.flush_all()
        order_id = self.order.id
        self.assert_none(
            """
            SELECT version FROM cycle_confirmation
            WHERE order_id = %s AND state = 'confirmed'
            GROUP BY version HAVING count(*) > 1
            """,
            order_id,
        )
        self.assert_none(
            """
            SELECT line.id FROM cycle_schedule_line line
            JOIN account_move move ON move.schedule_line_id = line.id
                AND move.move_type = 'out_invoice' AND move.state != 'cancel'
            WHERE line.order_id = %s GROUP BY line.id HAVING count(*) > 1
            """,
            order_id,
        )
        self.assert_none(
            """
            SELECT reminder.move_line_id FROM cycle_reminder reminder
            JOIN account_move move ON move.id = reminder.move_id
            WHERE move.cycle_order_id = %s AND reminder.state = 'sent'
            GROUP BY reminder.move_line_id, reminder.level_id HAVING count(*) > 1
            """,
            order_id,
        )
        self.assert_none(
            """
            SELECT res_id FROM cycle_message WHERE purpose IN ('receipt', 'invoice')
                AND state != 'cancelled' AND company_id = %s
            GROUP BY purpose, res_model, res_id HAVING count(*) > 1
            """,
            self.order.company_id.id,
        )

    @invariant()
    def promise_2_nothing_vanishes(self):
        order = self.order
        self.env.invalidate_all()
        self.case.assertTrue(order.cycle_stage)
        self.case.assertEqual(order.cycle_stage, order._get_cycle_stage())
        for line in order.schedule_line_ids:
            self.case.assertEqual(line.state, line._get_state(), line.display_name)
            live = line.move_ids.filtered(
                lambda move: move.state != "cancel" and move.move_type == "out_invoice"
            )
            self.case.assertEqual(line.invoice_id, live)
        if order.payment_mode != "recurring" and order.schedule_line_ids:
            total = sum(order.schedule_line_ids.mapped("amount_total"))
            self.case.assertAlmostEqual(total, order.amount_total, 2)

    @invariant()
    def promise_3_a_sale_is_what_was_approved_and_confirmed(self):
        order = self.order
        content = sha256(order._get_terms_json())
        self.case.assertEqual(order.terms_hash, content)
        if order.state == "sale":
            approvals = order._get_current_approvals()
            self.case.assertEqual(set(approvals.mapped("state")), {"approved"})
            self.case.assertEqual(order._get_valid_confirmation().terms_hash, content)
        else:
            waiting = {"waiting", "cancelled", "held", "invoiced", "paid"}
            states = set(order.schedule_line_ids.mapped("state"))
            self.case.assertLessEqual(states, waiting)
        self.case.assertIsNone(order.sudo()._find_broken_evidence())

    # === STEPS === #

    def assert_none(self, query, *arguments):
        self.env.cr.execute(query, arguments)
        self.case.assertEqual(self.env.cr.fetchall(), [])

    def _try(self, act, *arguments, **options):
        """Do it, or see it refused; a refused step leaves nothing behind."""
        try:
            with self.env.cr.savepoint():
                act(*arguments, **options)
                self.env.flush_all()
        except UserError:
            self.env.invalidate_all()

    @staticmethod
    def _refund(wizard, values):
        wizard.create(values).refund_moves()

    def _as(self, role, records):
        return records.with_user(getattr(self.case, f"user_{role}"))

    def _deliver(self):
        now = datetime.combine(self.today, time(9))
        self.case._run_cron("cycle.message", "_cron_send_messages", now=now)

    def _get_links(self):
        links = self.order.confirmation_ids
        return links.filtered(lambda link: link.state == "sent").sudo()

    def _get_moves(self, state):
        moves = self.order.schedule_line_ids.invoice_id
        return moves.filtered(lambda move: move.state == state)


class TestProperties(CycleCommon):
    """The promises of the order cycle, under random sequences of steps."""

    @mute_logger("odoo.models.unlink")
    def test_promises_hold_after_every_step_of_any_sequence(self):
        OrderMachine.case = self
        self.patch(
            type(self.env["ir.actions.report"]),
            "_render_qweb_pdf",
            lambda *_args, **_kwargs: (b"%PDF-1.4\n%%EOF\n", "pdf"),
        )
        run_state_machine_as_test(
            OrderMachine,
            settings=settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                # The same sequences for everybody, so that a failure can be repeated.
                derandomize=not FULL,
                suppress_health_check=list(HealthCheck),
            ),
        )
