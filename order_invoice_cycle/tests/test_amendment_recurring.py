from odoo.exceptions import UserError

from .amendment_common import AmendmentCommon


class TestAmendmentRecurring(AmendmentCommon):
    """A recurring order is amended from the next period on."""

    def test_billed_periods_are_never_credited_whatever_the_new_price_is(self):
        for price, period in ((1100.0, 1353.0), (500.0, 615.0)):
            with self.subTest(price=price):
                order = self._create_running(plan="monthly", paid=3)
                for invoice in order.schedule_line_ids.invoice_id:
                    self._pay(invoice)
                self._agree(self._amend(order, price_unit=price))
                self.assertEqual(order.amount_to_credit, 0.0)
                decision = "order_invoice_cycle.mail_activity_type_decision"
                self.assertNotIn(
                    self.env.ref(decision), order.activity_ids.activity_type_id
                )
                with self.assertRaisesRegex(UserError, "Nothing is to be credited"):
                    order.action_draft_credit_note()
                lines = order.schedule_line_ids.sorted()[:12]
                self.assertEqual(
                    lines.mapped("amount_total"), [1230.0] * 3 + [period] * 9
                )
                drafts = self._draft(order, "2027-12-31")
                self.assertEqual(drafts.mapped("amount_total"), [period] * 9)

    def test_lower_price_leaves_the_only_invoice_as_it_is(self):
        order = self._create_running(plan="monthly", paid=1)
        self._agree(self._amend(order, price_unit=500.0))
        self.assertEqual(order.amount_to_credit, 0.0)
        self.assertEqual(self._draft(order, "2027-02-15").amount_total, 615.0)
