from odoo.exceptions import UserError

from .amendment_common import AmendmentCommon
from .recurring_common import RecurringCommon


class TestAmendmentRecurring(RecurringCommon, AmendmentCommon):
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

    # === RENEWAL === #

    def _amend_terms(self, order, **values):
        """Agree on an amendment with other values of the order itself."""
        amendment = self._amend(order)
        amendment.write(values)
        self._agree(amendment)
        self.assertSame(order, amendment)
        return amendment

    def test_every_term_is_billed_when_an_amendment_switches_renewal_on(self):
        order = self._running(auto_renew=False)
        self._amend_terms(order, auto_renew=True)
        self.assertEqual(order.renewal_days, 30)
        self.assertEqual(
            order.schedule_line_ids.mapped("term_number"), [1] * 3 + [2] * 3
        )
        self._renew("2027-03-16")
        self.assertEqual(
            order.schedule_line_ids.mapped("term_number"),
            [1] * 3 + [2] * 3 + [3] * 3,
        )
        self.assertEqual(len(self._draft(order, "2027-07-14")), 6)

    def test_amended_notice_period_counts_from_the_next_announcement_on(self):
        order = self._running()
        self._amend_terms(order, notice_days=20)
        self.assertEqual(str(order.date_cancel_by), "2027-03-25")
        self._renew("2027-02-23")
        self._amend_terms(order, notice_days=40)
        self.assertEqual(
            order.renewal_ids.date_cancel_by, order.date_cancel_by, "as announced"
        )

    def test_next_term_is_left_out_while_an_amendment_switches_renewal_off(self):
        order = self._running()
        self._renew("2027-02-13")
        self._amend_terms(order, auto_renew=False)
        self.assertEqual(order.renewal_ids.state, "cancelled")
        self.assertEqual(
            order.schedule_line_ids.mapped("state"), ["planned"] * 3 + ["cancelled"] * 3
        )
        self._amend_terms(order, auto_renew=True)
        self._renew("2027-03-16")
        self.assertEqual(len(self._get_periods(order, "planned")), 6)
