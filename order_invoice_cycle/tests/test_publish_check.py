from datetime import date

from odoo.fields import Command

from .common import CycleCommon, CycleHttpCase


class TestPublishCheck(CycleCommon):
    """What billing is told about a draft before it is published."""

    def _create_draft(self, **values):
        return self._draft(self._running_order(payment_mode="prepayment", **values))

    def _assert_finding(self, move, colour, text):
        findings = move._get_publish_findings()[move]
        self.assertIn(colour, [found for found, note in findings if text in note])

    def test_draft_is_amber_when_a_rate_is_not_the_agreed_one(self):
        move = self._create_draft()
        line = move.invoice_line_ids
        line.tax_ids = self.tax_8
        self._assert_finding(move, "amber", "is taxed with 8 % , the order says 23 %")

    def test_draft_is_amber_when_its_order_is_not_running(self):
        order = self._running_order()
        order.action_mark_completed("2027-01-15")
        invoice = self._publish(self._draft(order))
        order.action_cancel()
        invoice.button_draft()
        self.assertEqual(invoice.publish_check_state, "amber")
        self.assertIn(f"Order {order.name} is not running", invoice.publish_check_note)

    def test_invoice_reset_to_draft_keeps_its_dates_when_published_again(self):
        order = self._running_order(plan="instalments_3")
        invoice = self._publish(self._draft(order, "2027-01-08"), "2027-01-20")
        before = (invoice.name, invoice.invoice_date, invoice.invoice_date_due)
        invoice.button_draft()
        self._publish(invoice, "2027-03-05")
        self.assertEqual(invoice.state, "posted")
        after = (invoice.name, invoice.invoice_date, invoice.invoice_date_due)
        self.assertEqual(after, before)

    def test_check_is_read_by_who_may_not_read_the_order(self):
        order = self._running_order()
        order.action_mark_completed("2027-01-15")
        draft = self._draft(order)
        clerk = self.user_collections
        clerk.group_ids += self.env.ref("sales_team.group_sale_salesman")
        self.assertFalse(order.with_user(clerk).has_access("read"))
        self.env.invalidate_all()
        self.assertEqual(draft.with_user(clerk).publish_check_state, "green")

    def test_draft_is_amber_when_its_tax_is_not_the_confirmed_one(self):
        move = self._create_draft()
        self.tax_23.amount = 25
        move.invoice_line_ids.price_unit = 1000.01
        self._assert_finding(move, "amber", "the confirmed schedule says 230.00")

    def test_draft_is_amber_when_the_month_has_another_of_the_same_amount(self):
        moves = self._create_draft() + self._create_draft()
        for move, other in (moves, moves[::-1]):
            text = f"the same month: {other.schedule_line_id.display_name}"
            self._assert_finding(move, "amber", text)
        self.env["account.move"].browse(moves[1].id).unlink()
        self.assertFalse(moves[0]._get_publish_findings()[moves[0]])

    def test_periods_of_one_order_are_not_repetitions_of_each_other(self):
        order = self._running_order(
            payment_mode="recurring",
            recurrence_interval=1,
            recurrence_unit="week",
            recurrence_count=4,
            recurrence_in_advance=True,
            service_date_start="2040-01-01",
        )
        moves = self._draft(order)
        self.assertEqual(len(moves), 4)
        self.assertEqual(set(moves.mapped("publish_check_state")), {"green"})

    def test_draft_is_amber_when_a_number_for_vat_is_missing_or_not_printed(self):
        move = self._create_draft()
        self.company.company_details = "<p>Service company</p>"
        self._assert_finding(move, "amber", "is not printed on the invoice")
        self.company.report_footer = "<p>VAT PL 526 025 09 95</p>"
        self.assertFalse(move._get_publish_findings()[move])
        self.customer.vat = False
        self._assert_finding(move, "amber", "has no VAT number")

    def test_draft_is_red_when_the_period_is_locked_or_the_journal_archived(self):
        move = self._create_draft()
        self.company.sale_lock_date = self.start
        later = move._get_publish_findings(date(2027, 1, 16))[move]
        self.assertNotIn("red", [colour for colour, _text in later])
        findings = move._get_publish_findings(self.start)[move]
        (locked,) = [text for colour, text in findings if colour == "red"]
        self.assertIn("is locked", locked)
        self.company.sale_lock_date = False
        move.button_cancel()
        move.journal_id.active = False
        move.button_draft()
        self._assert_finding(move, "red", "is archived")
        move.with_user(self.user_billing)._refuse_red()
        self.assertIn("is archived", move.cycle_error)

    def test_checks_take_no_query_for_each_draft(self):
        moves = self._create_draft()
        for _number in range(4):
            moves += self._create_draft()
        self.env.flush_all()

        def count(drafts):
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            drafts.mapped("publish_check_state")
            return self.cr.sql_log_count - before

        count(moves)
        self.assertLessEqual(count(moves), count(moves[:2]) + 3)


class TestInvoicePreview(CycleHttpCase):
    """The preview of a draft: for billing only, and kept nowhere."""

    def test_preview_is_shown_to_billing_and_leaves_nothing(self):
        move = self._draft(self._running_order(payment_mode="prepayment"))
        url = f"/order_invoice_cycle/preview/{move.id}"
        attachments = self.env["ir.attachment"].search_count([])
        self.authenticate(self.user_billing.login, self.user_billing.login)
        answer = self.url_open(url)
        self.assertEqual(answer.status_code, 200)
        self.assertIn("no-store", answer.headers["Cache-Control"])
        self.assertIn("Nowak", answer.text)
        self.assertFalse(move.invoice_pdf_report_id)
        self.assertEqual(self.env["ir.attachment"].search_count([]), attachments)
        self.authenticate(self.user_sales.login, self.user_sales.login)
        self.assertEqual(self.url_open(url).status_code, 404)

    def test_preview_shows_no_other_document(self):
        self.authenticate(self.user_billing.login, self.user_billing.login)
        other = self._create_invoice(
            partner_id=self.customer,
            invoice_line_ids=[Command.create({"name": "x", "price_unit": 1})],
        )
        for number in (other.id, 999_999_999):
            url = f"/order_invoice_cycle/preview/{number}"
            self.assertEqual(self.url_open(url).status_code, 404)
