from odoo.exceptions import UserError

from .amendment_common import AmendmentCommon
from .recurring_common import RecurringCommon


class TestRenewalIndex(RecurringCommon, AmendmentCommon):
    """Each entry of an index is in the price of a renewing order once.

    Terms of three months from 15 January 2027 are announced on 13 February, 15 May
    and 15 August.
    """

    def setUp(self):
        super().setUp()
        self.index = self.env["cycle.price.index"].create({"name": "Wages"})

    def _record(self, day, percent):
        """Add an entry to the index, as a person does on that day or later."""
        return self.env["cycle.price.index.entry"].create(
            {"index_id": self.index.id, "date": day, "percent": percent}
        )

    def _following(self, **values):
        return self._running(
            **{"price_index": "table", "price_index_id": self.index.id, **values}
        )

    def _get_prices(self, order):
        renewals = order.renewal_ids.filtered(
            lambda renewal: renewal.state in ("announced", "renewed")
        )
        return renewals.sorted("term_number").mapped("amount_untaxed")

    def test_entry_recorded_after_the_announcement_is_in_the_next_one_once(self):
        order = self._following()
        self._renew("2027-02-13")
        self._record("2027-02-10", 2)
        self._renew("2027-08-20")
        self.assertEqual(self._get_prices(order), [1000.0, 1020.0, 1020.0])

    def test_price_is_the_same_in_the_end_when_the_job_slept(self):
        daily, slept = self._following(), self._following()
        slept.sudo().is_paused = True  # keeps the job away from it
        self._renew("2027-02-13")
        self._record("2027-02-10", 2)
        self._record("2027-05-01", 3)
        slept.sudo().is_paused = False
        self._renew("2027-08-20")
        self.assertEqual(self._get_prices(daily), [1000.0, 1050.6, 1050.6])
        self.assertEqual(self._get_prices(slept), [1020.0, 1050.6, 1050.6])

    def test_what_is_left_to_invoice_is_at_the_price_of_its_term(self):
        self._record("2027-02-01", 10)
        order = self._following()
        self._renew("2027-05-20")
        agreed = order.schedule_line_ids.filtered(
            lambda line: line.term_number <= order.term_number
        )
        prices = agreed.sorted("period_start").mapped("amount_untaxed")
        self.assertEqual(prices[:6], [1000.0] * 3 + [1100.0] * 3)
        self.assertEqual(order.order_line.untaxed_amount_to_invoice, sum(prices))
        self.assertEqual(
            order.order_line.amount_to_invoice, sum(agreed.mapped("amount_total"))
        )

    def test_entry_before_the_service_start_never_counts(self):
        order = self._following()
        self._renew("2027-02-13")
        self._record("2027-01-15", 50)
        self._renew("2027-05-20")
        self.assertEqual(self._get_prices(order), [1000.0, 1000.0])

    def test_entry_is_not_applied_again_when_its_date_is_corrected(self):
        order = self._following()
        entry = self._record("2027-02-10", 2)
        self._renew("2027-02-13")
        entry.date = "2027-03-01"
        self._renew("2027-05-20")
        self.assertEqual(self._get_prices(order), [1020.0, 1020.0])

    def test_entry_in_an_announced_price_cannot_be_deleted(self):
        order = self._following()
        entry, unused = self._record("2027-02-10", 2), self._record("2027-09-01", 3)
        self._renew("2027-02-13")
        with self.assertRaisesRegex(UserError, f"02/10/2027.*{order.name}, term 2"):
            entry.unlink()
        unused.unlink()
        order.action_give_notice("2027-02-14")
        entry.unlink()

    def test_price_stays_as_it_is_when_an_amendment_removes_the_index(self):
        order = self._running(price_index="percent", price_index_percent=5)
        self._renew("2027-04-15")
        self.assertEqual((order.term_number, order.renewal_ids.price_factor), (2, 1.05))
        amendment = self._amend(order)
        amendment.price_index = False
        self._agree(amendment)
        self._renew("2027-07-15")
        self.assertEqual(self._get_prices(order), [1050.0, 1050.0])
        last = order.renewal_ids.sorted("term_number")[-1]
        self.assertEqual((last.amount_total_before, last.amount_total), (1291.5,) * 2)

    def test_amendment_names_the_price_that_renewals_have_made(self):
        order = self._running(price_index="percent", price_index_percent=5)
        self._publish(self._draft(order, "2027-04-01"))
        self._renew("2027-04-15")
        self.assertIn("1,291.50", order._get_recurrence_texts()[0])
        amendment = self._approve(self._amend(order, price_unit=1100.0))
        first, change = amendment._get_recurrence_texts()[:2]
        self.assertIn("1,420.65", first)
        self.assertIn("by +5.00 %", change)
        self.assertEqual(amendment._get_price_per_period(), 1420.65)
        offered = self._running(price_index="percent", price_index_percent=5)
        self.assertNotIn("so far", " ".join(offered._get_recurrence_texts()))

    def test_index_chosen_by_an_amendment_counts_from_then_on(self):
        """Also entries that are recorded later for the time before."""
        order = self._running()
        self._record("2027-02-01", 50)
        self._renew("2027-03-16")
        amendment = self._amend(order)
        amendment.write({"price_index": "table", "price_index_id": self.index.id})
        self._agree(amendment)
        self._record("2027-03-20", 2)
        self._renew("2027-05-20")
        self._record("2027-02-12", 50)
        self._renew("2027-08-20")
        self.assertEqual(self._get_prices(order), [1000.0, 1020.0, 1020.0])
