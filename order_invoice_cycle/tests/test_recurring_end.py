from .recurring_common import RecurringCommon


class TestRecurringEnd(RecurringCommon):
    """The end of a recurring order is corrected, and every period follows it."""

    def _get_terms(self, order):
        return order.schedule_line_ids.sorted("sequence").mapped("term_number")

    # === TERMINATED AGAIN === #

    def test_later_termination_bills_the_months_between(self):
        order = self._running()
        order.action_terminate("2027-02-28")
        order.action_terminate("2027-06-30")
        self._renew("2027-12-31")
        self.assertEqual(
            self._get_periods(order, "planned"),
            [
                ("2027-01-15", "2027-02-14", 1230.0),
                ("2027-02-15", "2027-03-14", 1230.0),
                ("2027-03-15", "2027-04-14", 1230.0),
                ("2027-04-15", "2027-05-14", 1230.0),
                ("2027-05-15", "2027-06-14", 1230.0),
                # 16 of 30 days
                ("2027-06-15", "2027-06-30", 656.0),
            ],
        )

    def test_later_termination_adds_periods_that_were_never_planned(self):
        order = self._running()
        order.action_terminate("2027-08-01")
        self._renew("2027-03-16")
        self.assertEqual(self._get_terms(order), [1] * 3 + [2] * 3 + [3])
        order.action_terminate("2027-10-14")
        self.assertEqual(self._get_terms(order), [1] * 3 + [2] * 3 + [3] * 3)

    def test_payment_skipped_by_a_person_stays_skipped_when_the_end_is_corrected(self):
        order = self._running()
        skipped = order.schedule_line_ids[2]
        skipped.action_skip()
        order.action_terminate("2027-02-28")
        order.action_terminate("2027-04-14")
        self.assertEqual(skipped.state, "cancelled")
        self.assertEqual(len(self._get_periods(order, "planned")), 2)

    # === NOTICE WITHDRAWN === #

    def test_withdrawn_notice_brings_back_only_what_it_took(self):
        order = self._running()
        skipped = order.schedule_line_ids[4]
        skipped.action_skip()
        order.action_give_notice("2027-03-15", "Letter")
        order.action_withdraw_notice()
        self.assertEqual(
            order.schedule_line_ids.mapped("state"),
            ["planned"] * 3 + ["waiting", "cancelled", "waiting"],
        )

    def test_withdrawn_notice_does_not_undo_a_termination(self):
        order = self._running()
        order.action_terminate("2027-05-14")
        order.action_give_notice("2027-03-15", "Letter")
        order.action_withdraw_notice()
        self.assertEqual(
            order.schedule_line_ids.mapped("state"),
            ["planned"] * 3 + ["waiting"] + ["cancelled"] * 2,
        )

    def test_every_term_comes_back_when_notice_took_two_of_them(self):
        order = self._running()
        self._renew("2027-06-15")
        self.assertEqual(order.term_number, 3)
        order.action_give_notice("2027-03-15", "Letter found in a drawer")
        self.assertEqual(order.term_number, 1)
        order.action_withdraw_notice()
        self._renew("2027-06-15")
        self.assertEqual(len(self._get_periods(order, "planned")), 9)
        self.assertEqual(len(self._get_periods(order, "waiting")), 3)

    # === OFFERED AGAIN === #

    def _offer_again(self, order):
        order._action_cancel()
        order.action_draft()

    def test_order_offered_again_has_whole_periods_of_the_first_term(self):
        order = self._running()
        before = self._get_periods(order)
        self._renew("2027-03-16")
        order.action_terminate("2027-02-20")
        self._offer_again(order)
        self.assertEqual(order.term_number, 1)
        self.assertEqual(self._get_periods(order), before[:3])
        self.assertEqual(order.renewal_ids.mapped("state"), ["cancelled"])
        self._confirm(self._approve(order))
        self.assertEqual(self._get_periods(order), before)
        self._renew("2027-03-16")
        self.assertEqual(order.term_number, 2)
        self.assertEqual(len(self._get_periods(order, "planned")), 6)

    def test_amendment_offered_again_keeps_the_term_of_its_order(self):
        order = self._running()
        self._renew("2027-03-16")
        action = order.with_user(self.user_sales).action_amend()
        amendment = self.env["sale.order"].browse(action["res_id"])
        before = self._get_periods(amendment)
        self._offer_again(amendment)
        self.assertEqual(amendment.term_number, 2)
        self.assertEqual(self._get_periods(amendment), before)

    def test_order_offered_again_goes_on_from_its_last_invoice(self):
        order = self._running()
        self._renew("2027-03-16")
        invoices = self._publish(self._draft(order, "2027-04-08"))
        self.assertEqual(len(invoices), 4)
        order.action_terminate("2027-05-31")
        self._offer_again(order)
        self.assertEqual(order.term_number, 2)
        self._confirm(self._approve(order))
        self.assertEqual(
            order.schedule_line_ids.sorted("sequence").mapped("state"),
            ["invoiced"] * 4 + ["planned"] * 2 + ["waiting"] * 3,
        )
        self.assertEqual(self._get_periods(order)[5][1], "2027-07-14")
