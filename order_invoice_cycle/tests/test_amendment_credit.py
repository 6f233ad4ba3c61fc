from .amendment_common import AmendmentCommon


class TestAmendmentCredit(AmendmentCommon):
    """What was invoiced beyond an amended order is proposed for credit, once."""

    def test_second_decrease_proposes_only_what_no_credit_note_took_back(self):
        order = self._create_running(paid=2)
        self._agree(self._amend(order, price_unit=500.0))
        order.action_draft_credit_note()
        order.amended_credit_note_ids.action_post()
        self._agree(self._amend(order, price_unit=300.0))
        self.assertEqual(order.amount_to_credit, 246.0)
        order.action_draft_credit_note()
        drafts = order.amended_credit_note_ids.filtered(lambda x: x.state == "draft")
        self.assertEqual(sum(drafts.mapped("amount_total")), 246.0)
        drafts.action_post()
        self.assertEqual(order.amount_to_credit, 0.0)
        moves = order.schedule_line_ids.invoice_id | order.amended_credit_note_ids
        self.assertEqual(sum(moves.mapped("amount_total_signed")), order.amount_total)

    def test_credit_note_of_core_counts_whether_draft_or_posted(self):
        order = self._create_running(paid=2)
        self._agree(self._amend(order, price_unit=500.0))
        self.assertEqual(order.amount_to_credit, 205.0)
        credit_note = self._reverse_invoice(order.schedule_line_ids[1].invoice_id)
        self.assertEqual(order.amount_to_credit, 0.0)
        credit_note.action_post()
        self.assertEqual(order.amount_to_credit, 0.0)
        credit_note.button_draft()
        credit_note.button_cancel()
        self.assertEqual(order.amount_to_credit, 205.0)

    def test_part_of_the_excess_is_proposed_when_a_draft_credits_another_part(self):
        order = self._create_running(paid=2)
        self._agree(self._amend(order, price_unit=500.0))
        order.action_draft_credit_note()
        first = order.amended_credit_note_ids
        first.invoice_line_ids.price_unit = 100.0
        self.assertEqual(order.amount_to_credit, 82.0)
        order.action_draft_credit_note()
        second = order.amended_credit_note_ids - first
        self.assertEqual(second.amount_total, 82.0)
        self.assertEqual(order.amount_to_credit, 0.0)
