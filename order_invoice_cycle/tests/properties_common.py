import logging
from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from odoo import fields
from odoo.tools import mute_logger

from ..tools.shares import base_line_amounts
from ..tools.terms import sha256
from .common import CycleCommon
from .many_rows import ManyRows
from .order_machine import OrderSteps
from .seeds import IS_FULL, SEED

_logger = logging.getLogger(__name__)

# Of each of the two files that share the work.
SEQUENCES = 1000 if IS_FULL else 100
STEPS = 30
# What PostgreSQL finds twice, of what may be there once.
TWICE = {
    "accepted confirmation of one version": """
        SELECT order_id FROM cycle_confirmation
        WHERE state = 'confirmed' AND order_id IN %(orders)s
        GROUP BY order_id, version HAVING count(*) > 1
    """,
    "live invoice of one payment": """
        SELECT schedule_line_id FROM account_move
        WHERE cycle_order_id IN %(orders)s AND move_type = 'out_invoice'
            AND state != 'cancel' AND is_replaced IS NOT TRUE
        GROUP BY schedule_line_id HAVING count(*) > 1
    """,
    "reminder of one level": """
        SELECT reminder.move_line_id FROM cycle_reminder reminder
        JOIN account_move move ON move.id = reminder.move_id
        WHERE move.cycle_order_id IN %(orders)s AND reminder.state = 'sent'
        GROUP BY reminder.move_line_id, reminder.level_id HAVING count(*) > 1
    """,
    "receipt": """
        SELECT res_id FROM cycle_message
        WHERE purpose = 'receipt' AND state != 'cancelled' AND company_id = %(company)s
        GROUP BY res_model, res_id, partner_id HAVING count(*) > 1
    """,
    "message that waits": """
        SELECT res_id FROM cycle_message
        WHERE state IN ('queued', 'sending') AND company_id = %(company)s
        GROUP BY purpose, res_model, res_id, partner_id HAVING count(*) > 1
    """,
    "billing period": """
        SELECT order_id FROM cycle_schedule_line
        WHERE order_id IN %(orders)s AND period_number > 0
        GROUP BY order_id, period_number HAVING count(*) > 1
    """,
}


class OrderMachine(OrderSteps):
    """The promises: after every step, whatever came before, they hold."""

    @invariant()
    def promises_hold(self):
        """Check them all, unless nothing happened since they held.

        A step that was refused is rolled back; the same rows give the same answers.
        """
        if self.checked == self.events:
            return
        self.checked = self.events
        self.env.flush_all()
        self.env.invalidate_all()
        self.each_thing_happens_once()
        self.every_state_is_what_the_facts_say()
        self.the_schedule_is_the_order_tax_by_tax()
        self.a_sale_is_what_was_approved_and_confirmed()
        self.the_dashboard_counts_everything()
        self.case.figures["checks"] += 1

    def each_thing_happens_once(self):
        values = {
            "orders": tuple(self.orders.ids),
            "company": self.order.company_id.id,
        }
        for what, query in TWICE.items():
            self.env.cr.execute(query, values)
            self.case.assertFalse(self.env.cr.fetchall(), f"Twice: {what}")

    def every_state_is_what_the_facts_say(self):
        for order in self.orders:
            self.case.assertTrue(order.cycle_stage)
            self.case.assertEqual(order.cycle_stage, order._get_cycle_stage())
            for line in order.schedule_line_ids:
                self.case.assertEqual(line.state, line._get_state(), line.display_name)

    def the_schedule_is_the_order_tax_by_tax(self):
        for order in self.orders:
            if order.payment_mode == "recurring" or (
                order.state != "sale" and order._get_schedule_problem()
            ):
                continue
            expected = self._get_order_amounts(order)
            scheduled = self._get_scheduled_amounts(order)
            is_given_up = self._is_partly_given_up(order)
            for key in expected | scheduled:
                difference = order.currency_id.round(scheduled[key] - expected[key])
                is_right = difference <= 0 if is_given_up else not difference
                self.case.assertTrue(
                    is_right, f"{order.name}: {difference} of {key} too much"
                )

    def a_sale_is_what_was_approved_and_confirmed(self):
        for order in self.orders:
            content = sha256(order._get_terms_json())
            self.case.assertEqual(order.terms_hash, content)
            self.case.assertIsNone(order.sudo()._find_broken_evidence())
            if order.state == "sale":
                approvals = order._get_current_approvals()
                self.case.assertEqual(set(approvals.mapped("state")), {"approved"})
                valid = order._get_valid_confirmation()
                self.case.assertEqual(sha256(valid.sudo().terms_json), content)
            else:
                lines = order.schedule_line_ids
                self.case.assertNotIn("planned", lines.mapped("state"))
                # An invoice that was published stays, and may be reset to draft.
                for line in lines.filtered(lambda line: line.state == "drafted"):
                    self.case.assertTrue(line.invoice_id.posted_before)
                    self.case.assertNotEqual(
                        line.invoice_id.publish_check_state, "green"
                    )

    def the_dashboard_counts_everything(self):
        own = self._as("manager", self.env["cycle.dashboard"])
        partner = self.order.partner_id.commercial_partner_id
        data = own.get_data({"partner_id": partner.id, "today": str(self.today)})
        counted = {key: tile["count"] for key, tile in data["tiles"].items()}
        stages = Counter(self.orders.mapped("cycle_stage"))
        states = Counter(self.orders.schedule_line_ids.mapped("state"))
        messages = self.env["cycle.message"].search([("partner_id", "=", partner.id)])
        letters = Counter(messages.mapped("state"))
        for stage in ("to_approve", "awaiting_customer", "changes_requested"):
            self.case.assertEqual(counted[stage], stages[stage], stage)
        self.case.assertEqual(counted["held"], states["held"])
        self.case.assertEqual(counted["to_publish"], states["drafted"])
        self.case.assertEqual(counted["messages_failed"], letters["failed"])
        self.case.assertEqual(counted["messages_uncertain"], letters["uncertain"])
        claims = self._get_moves("posted") | self._get_moves("posted").reversal_move_ids
        claims |= self.order.schedule_line_ids.move_ids.reversal_move_ids
        claims |= self.order.schedule_line_ids.move_ids
        claims |= self.order.amended_credit_note_ids
        posted = claims.filtered(lambda move: move.state == "posted")
        # A payment is owed back when its invoice was reset and cancelled.
        payments = self.env["account.payment"].search([("partner_id", "=", partner.id)])
        items = payments.move_id.line_ids.filtered(
            lambda item: item.account_id.account_type == "asset_receivable"
        )
        self.case.assertAlmostEqual(
            data["tiles"]["open"]["amount"],
            sum(posted.mapped("amount_residual_signed"))
            + sum(items.mapped("amount_residual")),
            2,
        )

    # === AMOUNTS === #

    def _is_partly_given_up(self, order):
        """Tell whether a person skipped or credited what no other payment can take."""
        lines = order.schedule_line_ids
        return all(line.settled_amounts for line in lines) and any(
            line.is_skipped or line.move_ids.reversal_move_ids for line in lines
        )

    def _get_order_amounts(self, order):
        """Return {tax, or None for the untaxed amount: amount} of the order."""
        amounts = _add_up(order._get_rounded_base_lines())
        # What was invoiced beyond an amended order is owed back, and proposed so.
        for bucket in order._get_open_base_lines()[1]:
            amounts.update(_add_up_bucket(bucket))
        return amounts

    def _get_scheduled_amounts(self, order):
        amounts = Counter()
        shares = order._get_schedule_shares()
        for line in order.schedule_line_ids:
            if line.settled_amounts:
                for bucket in line._get_settled_buckets():
                    amounts.update(_add_up_bucket(bucket))
            elif not line.is_left_out:
                amounts.update(_add_up(shares[line]))
        return amounts


def _add_up(base_lines):
    amounts = Counter()
    for base_line in base_lines:
        untaxed, _tax = base_line_amounts(base_line)
        amounts[None] += untaxed
        for tax in base_line["tax_details"]["taxes_data"]:
            amounts[tax["tax"].id] += tax["tax_amount_currency"]
    return amounts


def _add_up_bucket(bucket):
    taxes = {int(tax): amounts[0] for tax, amounts in bucket["tax"].items()}
    return {None: bucket["untaxed"][0], **taxes}


class PropertiesCase(ManyRows, CycleCommon):
    """The promises of the order cycle, under random sequences of steps."""

    @mute_logger("odoo.models.unlink")
    def _check_sequences(self, plans):
        """Try orders of these plans, in as many sequences as the run asks for.

        :param list plans: ends of the plans' xml ids
        """
        self.figures = Counter()
        self._print_blank()
        self.patch(fields.Datetime, "now", lambda *_args: OrderMachine.clock.now)
        events = type(self.env["cycle.confirmation.event"])
        self.patch(events, "_get_time", lambda *_args: OrderMachine.clock.now)
        _logger.info("CYCLE_TEST_SEED=%s", SEED)
        OrderMachine.case = self
        OrderMachine.plans = plans
        run_state_machine_as_test(
            seed(SEED)(OrderMachine),
            settings=settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                # Only the full run looks for the shortest sequence that fails.
                phases=tuple(Phase) if IS_FULL else (Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
        _logger.info("Random sequences: %s", dict(self.figures))
