from psycopg2.errors import CheckViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tools import mute_logger

from .common import CycleCommon

DISPUTE_ACTIVITY = "order_invoice_cycle.mail_activity_type_dispute"


class TestDispute(CycleCommon):
    """A clarification case: what it covers, how it ends, what it leaves."""

    def _create_invoice_over(self, *rows, **values):
        """Return a published invoice with one line per (price, taxes)."""
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": "2027-01-01",
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": f"Service {number}",
                            "price_unit": price,
                            "tax_ids": [Command.set(taxes.ids)],
                        }
                    )
                    for number, (price, taxes) in enumerate(rows)
                ],
                **values,
            }
        )
        move.action_post()
        return move

    def _dispute(self, move, **values):
        return (
            self.env["cycle.dispute"]
            .with_user(self.user_collections)
            .create({"move_id": move.id, "reason": "Not as agreed.", **values})
            .with_env(self.env)
        )

    def _assert_refused(self, reason, move, **values):
        with self.assertRaisesRegex(ValidationError, reason), self.env.cr.savepoint():
            self._dispute(move, **values)

    # === OPENING === #

    def test_all_that_is_open_is_disputed_by_default(self):
        move = self._create_invoice_over((1000, self.tax_23))
        self._pay(move, amount=230)
        dispute = self._dispute(move)
        self.assertEqual(dispute.amount, 1000)
        self.assertRecordValues(
            move, [{"is_disputed": True, "amount_disputed": 1000.0}]
        )

    def test_dispute_is_refused_when_it_is_over_more_than_is_open(self):
        move = self._create_invoice_over((1000, self.tax_23))
        self._assert_refused("Dispute that or less", move, amount=1230.01)
        self._dispute(move, amount=1000)
        self._assert_refused("Dispute that or less", move, amount=230.01)
        self._dispute(move, amount=230)
        self.assertEqual(move.amount_disputed, 1230)

    @mute_logger("odoo.sql_db")
    def test_dispute_is_refused_when_its_amount_is_not_positive(self):
        move = self._create_invoice_over((1000, self.tax_23))
        for amount in (0, -1):
            with self.assertRaises(CheckViolation), self.env.cr.savepoint():
                self._dispute(move, amount=amount)
        self.assertFalse(move.dispute_ids)

    def test_dispute_is_refused_when_the_invoice_is_not_published(self):
        draft = self._create_invoice_over((1000, self.tax_23)).copy()
        bill = self._create_invoice_over(
            (1000, self.env["account.tax"]), move_type="in_invoice"
        )
        refund = self._create_invoice_over((10, self.tax_23), move_type="out_refund")
        for move in (draft, bill, refund):
            self._assert_refused("Only a published", move, amount=1)

    def test_customer_is_told_and_the_owner_gets_the_deadline(self):
        move = self._create_invoice_over((1000, self.tax_23))
        dispute = self._dispute(move, date_opened="2027-02-01")
        message = self.env["cycle.message"].search([("purpose", "=", "dispute")])
        self.assertRecordValues(
            message,
            [
                {
                    "res_model": "cycle.dispute",
                    "res_id": dispute.id,
                    "partner_id": self.customer.id,
                    "state": "queued",
                }
            ],
        )
        self._send_messages()
        self.assertIn(move.name, self.outbox[-1]["Subject"])
        activity = dispute.activity_search([DISPUTE_ACTIVITY])
        self.assertEqual(activity.user_id, self.user_collections)
        self.assertEqual(str(activity.date_deadline), "2027-02-15")

    # === ENDING === #

    def test_invoice_is_free_again_when_its_disputes_have_ended(self):
        move = self._create_invoice_over((1000, self.tax_23))
        first = self._dispute(move, amount=100)
        second = self._dispute(move, amount=200)
        first.action_resolve("rejected", note="It was delivered.")
        self.assertEqual(first.resolution_note, "It was delivered.")
        self.assertFalse(first.activity_search([DISPUTE_ACTIVITY]))
        self.assertRecordValues(move, [{"is_disputed": True, "amount_disputed": 200.0}])
        second.action_resolve("rejected")
        self.assertRecordValues(move, [{"is_disputed": False, "amount_disputed": 0.0}])
        self.assertFalse((first | second).credit_note_id)

    def test_accepted_amount_is_not_reminded_until_it_is_credited(self):
        move = self._create_invoice_over((1000, self.tax_23))
        dispute = self._dispute(move)
        dispute.action_resolve("partly", amount=230)
        self.assertRecordValues(
            move, [{"is_disputed": False, "amount_disputed": 230.0}]
        )
        dispute.credit_note_id.action_post()
        self.assertEqual(move.amount_disputed, 0)

    def test_whole_invoice_is_credited_when_all_of_it_is_accepted(self):
        move = self._create_invoice_over((1000, self.tax_23), (99.99, self.tax_8))
        dispute = self._dispute(move)
        dispute.with_user(self.user_collections).action_resolve("accepted")
        self.assertRecordValues(
            dispute.credit_note_id,
            [
                {
                    "state": "draft",
                    "move_type": "out_refund",
                    "reversed_entry_id": move.id,
                    "amount_untaxed": move.amount_untaxed,
                    "amount_tax": move.amount_tax,
                    "amount_total": move.amount_total,
                }
            ],
        )

    def test_accepted_part_is_credited_to_the_cent_over_all_taxes(self):
        included = self._create_tax(23, price_include_override="tax_included")
        nothing = self.env["account.tax"]
        rows = {
            "one tax": [(1000, self.tax_23)],
            "two taxes": [(1000, self.tax_23), (99.99, self.tax_8)],
            "three lines": [(33.33, self.tax_23)] * 3,
            "price with tax": [(123, included), (10, self.tax_8)],
            "without tax": [(1000, nothing), (0.05, nothing)],
        }
        for method in ("round_per_line", "round_globally"):
            self.company.tax_calculation_rounding_method = method
            for name, lines in rows.items():
                move = self._create_invoice_over(*lines)
                for amount in (0.01, 0.07, 33.34, move.amount_total - 0.01):
                    with self.subTest(method=method, rows=name, amount=amount):
                        dispute = self._dispute(move)
                        dispute.action_resolve("partly", amount=amount)
                        note = dispute.credit_note_id
                        self.assertAlmostEqual(note.amount_total, amount, 2)
                        self.assertEqual(len(note.invoice_line_ids), len(lines))
                        note.unlink()

    def test_taxes_of_a_part_are_in_proportion(self):
        move = self._create_invoice_over((1000, self.tax_23), (1000, self.tax_8))
        dispute = self._dispute(move, amount=231)
        dispute.action_resolve("accepted")
        note = dispute.credit_note_id
        self.assertEqual((note.amount_untaxed, note.amount_tax), (200, 31))
        taxes = {
            line.tax_line_id: line.balance for line in note.line_ids if line.tax_line_id
        }
        self.assertEqual(taxes, {self.tax_23: 23, self.tax_8: 8})

    def test_part_of_a_scheduled_payment_is_credited_to_the_cent(self):
        lines = [self._create_line(999.99), self._create_line(0.05, self.tax_8)]
        order = self._running_order(plan="instalments_3", lines=lines)
        moves = self._publish(self._draft(order))
        for move in moves:
            dispute = self._dispute(move)
            dispute.action_resolve("partly", amount=100.01)
            self.assertEqual(dispute.credit_note_id.amount_total, 100.01)
            self.assertFalse(dispute.credit_note_id.schedule_line_id)
            whole = self._dispute(move, amount=move.amount_total - 100.01)
            whole.action_resolve("accepted")

    def test_foreign_currency_is_credited_in_that_currency(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        move = self._create_invoice_over((1000, self.tax_23), currency_id=euro.id)
        dispute = self._dispute(move, amount=99.99)
        dispute.action_resolve("accepted")
        self.assertRecordValues(
            dispute.credit_note_id,
            [{"currency_id": euro.id, "amount_total": 99.99}],
        )

    def test_outcome_is_refused_when_it_makes_no_sense(self):
        dispute = self._dispute(self._create_invoice_over((1000, self.tax_23)))
        for outcome, amount in (
            ("open", None),
            ("maybe", None),
            ("", None),
            (None, None),
            ("partly", None),
            ("partly", 0),
            ("partly", -5),
            ("partly", 1230),
            ("partly", 5000),
        ):
            with self.subTest(outcome=outcome, amount=amount):
                with self.assertRaisesRegex(UserError, "amount between 0 and"):
                    dispute.action_resolve(outcome, amount=amount)
        self.assertEqual(dispute.state, "open")

    def test_outcome_stays_when_it_is_decided_again(self):
        dispute = self._dispute(self._create_invoice_over((1000, self.tax_23)))
        dispute.action_resolve("accepted")
        note = dispute.credit_note_id
        dispute.action_resolve("accepted")
        self.assertEqual(dispute.credit_note_id, note)
        with self.assertRaisesRegex(UserError, "cannot become"):
            dispute.action_resolve("rejected")

    def test_dispute_cannot_be_deleted(self):
        dispute = self._dispute(self._create_invoice_over((1000, self.tax_23)))
        with self.assertRaisesRegex(UserError, "cannot be deleted"):
            dispute.sudo().unlink()
        with self.assertRaises(AccessError):
            dispute.with_user(self.user_manager).unlink()
