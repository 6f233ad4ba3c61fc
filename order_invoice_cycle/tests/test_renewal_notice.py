from datetime import date

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user

from .recurring_common import RecurringCommon


class TestRenewalNotice(RecurringCommon):
    """Customers are told before a term renews, and notice in time ends the order.

    A term of three months from 15 January 2027: notice by 15 March, told on
    13 February, renewed on 16 March.
    """

    def _index(self, *entries):
        return self.env["cycle.price.index"].create(
            {
                "name": "Wages",
                "entry_ids": [
                    fields.Command.create({"date": day, "percent": percent})
                    for day, percent in entries
                ],
            }
        )

    # === TOLD === #

    def test_customer_is_told_before_the_last_day_for_notice(self):
        order = self._running()
        self.assertEqual(order.date_cancel_by, date(2027, 3, 15))
        self.assertEqual(order.date_renewal_notice, date(2027, 2, 13))
        self._renew("2027-02-12")
        self.assertFalse(order.renewal_ids)
        self._renew("2027-02-13")
        self._renew("2027-02-14")
        renewal = order.renewal_ids
        self.assertEqual((renewal.term_number, renewal.state), (2, "announced"))
        self.assertEqual(
            (renewal.date_start, renewal.date_end, renewal.date_cancel_by),
            (date(2027, 4, 15), date(2027, 7, 14), date(2027, 3, 15)),
        )
        self.outbox.clear()
        self._send_messages()
        (mail,) = [mail for mail in self.outbox if "renews on" in mail["Subject"]]
        body = mail.get_body(("html",)).get_content()
        for text in ("15 Apr 2027", "14 Jul 2027", "15 Mar 2027", "1,230.00"):
            self.assertIn(text, body)
        self.assertTrue(renewal.date_sent)
        message = self.env["cycle.message"].search(
            [("res_model", "=", renewal._name), ("res_id", "=", renewal.id)]
        )
        message.sudo()._set_failed("It came back.")
        self.assertFalse(renewal.date_sent)

    def test_setting_moves_the_day_on_which_customers_are_told(self):
        order = self._running()
        self.company.cycle_renewal_notice_days = 10
        self.assertEqual(order.date_renewal_notice, date(2027, 3, 5))

    def test_last_day_for_notice_stays_when_the_lead_days_change(self):
        order = self._running(notice_days=0)
        last = order.date_cancel_by
        self.assertIn(order._format_document_date(last), order._get_renewal_text())
        self.company.cycle_lead_days = 20
        self.assertEqual(order.date_cancel_by, last)

    def test_message_is_not_sent_when_notice_was_given_meanwhile(self):
        order = self._running()
        self._renew("2027-02-13")
        order.action_give_notice("2027-02-14")
        self.outbox.clear()
        self._send_messages()
        self.assertFalse([m for m in self.outbox if "renews on" in m["Subject"]])

    # === PRICE === #

    def test_percentage_is_announced_and_applied_once_at_each_renewal(self):
        order = self._running(price_index="percent", price_index_percent=3.5)
        confirmed = order.terms_hash
        self._renew("2027-08-14")
        self.assertEqual(order.term_number, 3)
        totals = order.schedule_line_ids.sorted("sequence").mapped("amount_total")
        # 1,000.00, 1,035.00, 1,071.23, 1,108.72 plus 23 %
        self.assertEqual(
            totals, [1230.0] * 3 + [1273.05] * 3 + [1317.61] * 3 + [1363.73] * 3
        )
        self.assertEqual(
            order.renewal_ids.sorted("term_number").mapped("amount_total"),
            [1273.05, 1317.61],
        )
        self.assertEqual(order.terms_hash, confirmed)
        self.assertTrue(order._is_confirmed_by_customer())
        self.assertEqual(order.amount_total, 1230.0, "what was confirmed stays")

    def test_invoice_shows_the_new_price(self):
        order = self._running(price_index="percent", price_index_percent=10)
        self._renew("2027-03-16")
        drafts = self._draft(order, "2027-04-15")
        new = drafts.filtered(lambda m: m.schedule_line_id.term_number == 2)
        line = new.invoice_line_ids.filtered("product_id")
        self.assertEqual((line.quantity, line.price_unit), (1.0, 1100.0))
        self.assertEqual(new.amount_total, 1353.0)

    def test_part_period_of_a_later_term_is_split_from_the_new_price(self):
        order = self._running(price_index="percent", price_index_percent=10)
        self._renew("2027-03-16")
        order.action_terminate("2027-04-29")
        # 15 of 30 days of 1,353.00
        self.assertEqual(
            self._get_periods(order, "planned")[-1],
            ("2027-04-15", "2027-04-29", 676.5),
        )

    def test_amendment_shows_and_bills_the_price_an_index_made(self):
        """In the same term as a pause: each of them counts once."""
        order = self._running(price_index="percent", price_index_percent=10)
        self._renew("2027-03-16")
        order.action_pause("2027-05-15")
        order.action_resume("2027-05-30")
        action = order.with_user(self.user_sales).action_amend()
        amendment = self.env["sale.order"].browse(action["res_id"])
        amendment.order_line.price_unit = 2000.0
        shown = self._get_periods(amendment)
        self._confirm(self._approve(amendment))
        self.assertEqual(order.applied_amendment_id, amendment)
        present = order.schedule_line_ids.filtered(
            lambda line: line.term_number <= order.term_number
        )
        self.assertEqual(self._get_periods(amendment), shown)
        billed = [row for row in self._get_periods(order) if row in shown]
        self.assertEqual(len(billed), len(present))
        # 2,200.00 a month, of which 16 of 31 days are billed once, plus 23 %
        totals = present.sorted("sequence").mapped("amount_total")
        self.assertEqual(totals, [2460.0] * 3 + [2706.0, 1396.65, 2706.0])
        drafts = self._draft(order, "2027-07-01")
        self.assertEqual(sum(drafts.mapped("amount_total")), sum(totals))

    def test_amendment_names_the_present_price_when_all_of_the_term_is_invoiced(self):
        order = self._running(price_index="percent", price_index_percent=10)
        self._send_messages()
        self._renew("2027-03-16")
        self._publish(self._draft(order, "2027-07-01"), "2027-07-01")
        self._send_messages()
        amendment = order.browse(order.action_amend()["res_id"])
        self.assertEqual(amendment._get_price_factor(), 1.1)
        self.assertEqual(amendment._get_price_per_period(), 1353.0)
        self._approve(amendment)
        self.outbox.clear()
        self._send_messages()
        link = amendment.confirmation_ids.sudo()
        self.assertEqual(link._confirm(link.terms_hash, "Jan"), "done")
        self._send_messages()
        self.assertEqual(len(self.outbox), 2, "the link and the receipt")
        for mail in self.outbox:
            text = mail.get_body(("html",)).get_content()
            self.assertIn("1,353.00", text)
            self.assertNotIn("1,230.00", text)
        self.assertIn("1,353.00", link._get_certificate_data()["total"])

    def test_price_shown_is_not_that_of_a_period_that_was_given_up(self):
        order = self._running(price_index="percent", price_index_percent=10)
        order.schedule_line_ids[1].action_skip()
        self._renew("2027-03-16")
        self._publish(self._draft(order, "2027-04-07"), "2027-04-07")
        self.assertEqual(order._get_price_per_period(), 1353.0)

    def test_customer_hears_nothing_of_terms_that_are_over(self):
        order = self._running()
        self._send_messages()
        self._renew("2028-01-20")
        self.assertGreater(order.term_number, 3)
        queued = self.env["cycle.message"].search(
            [("purpose", "=", "renewal"), ("state", "=", "queued")]
        )
        ends = self.env["cycle.renewal"].browse(queued.mapped("res_id"))
        self.assertTrue(ends)
        self.assertGreaterEqual(min(ends.mapped("date_end")), date(2028, 1, 20))

    def test_term_ends_with_the_service_when_that_ends_in_it(self):
        order = self._running(service_date_end="2027-06-10")
        self._renew("2027-03-16")
        self.assertEqual(order.renewal_ids.date_end, date(2027, 6, 10))
        self.assertEqual(order.date_term_end, date(2027, 6, 10))

    def test_price_is_rounded_as_the_currency_asks(self):
        yen = self.env["res.currency"].with_context(active_test=False)
        yen = yen.search([("name", "=", "JPY")])
        yen.active = True
        pricelist = self.env["product.pricelist"].create(
            {"name": "Yen", "currency_id": yen.id}
        )
        order = self._running(
            price_index="percent",
            price_index_percent=3.333,
            pricelist_id=pricelist.id,
            lines=[self._create_line(777)],
        )
        self._renew("2027-02-13")
        renewal = order.renewal_ids
        self.assertEqual(renewal.amount_total, round(renewal.amount_total))
        self.assertEqual(renewal.amount_total, order.schedule_line_ids[3].amount_total)

    def test_entry_of_an_index_is_applied_once_at_the_first_renewal_after_it(self):
        index = self._index(("2026-12-01", 50), ("2027-02-13", 2), ("2027-02-14", 3))
        order = self._running(price_index="table", price_index_id=index.id)
        self._renew("2027-08-14")
        self.assertEqual(
            order.renewal_ids.sorted("term_number").mapped("amount_untaxed"),
            [1020.0, 1050.6],
        )

    def test_announced_price_stays_when_the_index_is_corrected(self):
        index = self._index(("2027-02-01", 2))
        order = self._running(price_index="table", price_index_id=index.id)
        self._renew("2027-02-13")
        index.entry_ids.percent = 20
        self._renew("2027-03-16")
        self.assertEqual(order.renewal_ids.amount_untaxed, 1020.0)
        self.assertEqual(order.schedule_line_ids[3].amount_untaxed, 1020.0)

    def test_index_is_a_term_that_voids_a_confirmation(self):
        order = self._running()
        with self.assertRaises(UserError):
            order.write({"price_index": "percent", "price_index_percent": 3})
        order = self._create_order(plan="monthly")
        before = order.terms_hash
        order.write({"price_index": "percent", "price_index_percent": 3})
        self.assertNotEqual(order.terms_hash, before)
        self.assertIn("+3.00 %", order._get_index_text())

    # === NOTICE === #

    def test_notice_on_the_last_day_counts_and_nothing_renews(self):
        order = self._running()
        self._renew("2027-02-13")
        order.with_user(self.user_sales).action_give_notice("2027-03-15", "Anna")
        self._renew("2027-04-20")
        self.assertEqual((order.term_number, order.date_renewal), (1, False))
        self.assertEqual(order.renewal_ids.state, "refused")
        self.assertEqual(order.notice_given_by, "Anna")
        self.assertEqual(
            order.schedule_line_ids.mapped("state"), ["planned"] * 3 + ["cancelled"] * 3
        )
        self.assertIn(self.user_sales, order.activity_ids.user_id)

    def test_notice_in_time_counts_when_it_is_recorded_after_the_renewal(self):
        order = self._running()
        self._renew("2027-03-16")
        self._draft(order, "2027-04-10")
        self.assertEqual(order.schedule_line_ids[3].state, "drafted")
        order.action_give_notice("2027-03-15", "Letter")
        self.assertEqual(order.term_number, 1)
        self.assertEqual(order.date_term_end, date(2027, 4, 14))
        self.assertEqual(
            set(order.schedule_line_ids[3:].mapped("state")), {"cancelled"}
        )
        self.assertEqual(order.renewal_ids.mapped("state"), ["refused"])

    def test_late_notice_ends_the_order_with_the_renewed_term(self):
        order = self._running()
        self._renew("2027-03-16")
        order.action_give_notice("2027-03-16", "Letter")
        self._renew("2027-12-01")
        self.assertEqual(order.term_number, 2)
        self.assertEqual(order.date_term_end, date(2027, 7, 14))
        self.assertEqual(len(self._get_periods(order, "planned")), 6)

    def test_late_notice_is_late_whether_the_job_ran_or_not(self):
        orders = [self._running() for _number in range(2)]
        orders[1].sudo().is_paused = True  # keeps the job away from it
        self._renew("2027-03-16")
        orders[1].sudo().is_paused = False
        for order in orders:
            with freeze_time("2027-03-20"):
                order.action_give_notice("2027-03-20", "Letter")
            self.assertEqual(order.term_number, 2)
            self.assertEqual(order.date_term_end, date(2027, 7, 14))
            self.assertEqual(
                [renewal.state for renewal in order.renewal_ids], ["renewed"]
            )
            self.assertEqual(len(self._get_periods(order, "planned")), 6)
        self._renew("2027-12-01")
        self.assertEqual([order.term_number for order in orders], [2, 2])

    def test_notice_of_a_paused_order_renews_nothing(self):
        order = self._running()
        order.action_pause("2027-03-01")
        with freeze_time("2027-03-20"):
            order.action_give_notice("2027-03-20", "Letter")
        self.assertEqual(order.term_number, 1)

    def test_day_in_the_future_renews_nothing_before_its_time(self):
        order = self._running()
        with freeze_time("2027-03-20"):
            order.action_give_notice("2037-03-20", "Typing error")
        self.assertEqual(order.term_number, 2)

    def test_notice_can_be_withdrawn_and_no_period_is_planned_twice(self):
        order = self._running()
        self._renew("2027-03-16")
        order.action_give_notice("2027-03-15", "Letter")
        order.action_withdraw_notice()
        self._renew("2027-03-20")
        self.assertEqual(order.term_number, 2)
        starts = order.schedule_line_ids.mapped("period_start")
        self.assertEqual(len(starts), len(set(starts)))
        self.assertEqual(len(starts), 9)
        self.assertFalse(order.activity_ids)

    def test_notice_is_refused_where_it_makes_no_sense(self):
        order = self._running()
        order.action_give_notice("2027-02-01")
        with self.assertRaisesRegex(UserError, "already"):
            order.action_give_notice("2027-02-02")
        with self.assertRaisesRegex(UserError, "not recurring"):
            self._running_order(plan="instalments_3").action_give_notice()
        with self.assertRaisesRegex(UserError, "not running"):
            self._create_order(plan="monthly").action_give_notice()
        employee = new_test_user(self.env, "employee", "base.group_user")
        with self.assertRaises(AccessError):
            self._running().with_user(employee).action_give_notice()

    def test_dialog_warns_of_late_notice_and_records_it(self):
        order = self._running().with_user(self.user_sales)
        action = order.action_open_notice()
        wizard = self.env[action["res_model"]].with_user(self.user_sales)
        form = Form(wizard.with_context(**action["context"]))
        form.date = "2027-03-16"
        self.assertTrue(form.is_late)
        form.date = "2027-03-15"
        form.name = "Anna Nowak"
        self.assertFalse(form.is_late)
        form.save().action_give_notice()
        self.assertEqual(order.notice_given_by, "Anna Nowak")

    def test_renewals_are_never_deleted(self):
        order = self._running()
        self._renew("2027-02-13")
        with self.assertRaises(UserError):
            order.renewal_ids.unlink()

    def test_announcement_is_closed_when_the_order_is_cancelled(self):
        order = self._running()
        self._renew("2027-02-13")
        order._action_cancel()
        self.assertEqual(order.renewal_ids.state, "cancelled")

    def test_two_companies_announce_by_their_own_days(self):
        """One run serves both; a user of one sees nothing of the other."""
        order = self._running()
        other = self.env["res.company"].create({"name": "Other"})
        other.cycle_renewal_notice_days = 5
        self._renew("2027-02-13")
        self.assertEqual(len(order.renewal_ids), 1)
        stranger = self._create_user(
            "user", "sales_team.group_sale_salesman_all_leads", company=other
        )
        renewals = self.env["cycle.renewal"].with_user(stranger)
        self.assertFalse(renewals.search([]))
        self.assertFalse(self.env["cycle.pause"].with_user(stranger).search([]))
