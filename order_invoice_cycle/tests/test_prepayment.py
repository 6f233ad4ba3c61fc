import base64

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.account_payment.tests.common import AccountPaymentCommon

from .common import CycleCommon


class PrepaymentCommon(CycleCommon):
    """Orders whose deposit of 369.00 is asked for by a payment request."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan = cls.env.ref("order_invoice_cycle.cycle_plan_deposit_30").copy(
            {"name": "Deposit by request", "deposit_document": "request"}
        )
        cls.bank = cls.env["res.partner.bank"].create(
            {
                "acc_number": "PL61109010140000071219812874",
                "partner_id": cls.company.partner_id.id,
            }
        )

    def _requested_order(self):
        """Return a running order whose request has gone out."""
        order = self._create_order(payment_mode="prepayment", plan_id=self.plan.id)
        self._confirm(self._approve(order))
        self.outbox.clear()
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        self._send_messages()
        return order


class TestPrepayment(PrepaymentCommon):
    """A payment request goes first; the invoice follows when it was paid."""

    def _receive(self, order, user=None, **values):
        user = user or self.user_billing
        action = order.with_user(user).action_open_payment_received()
        wizard = self.env[action["res_model"]].with_user(user)
        form = Form(wizard.with_context(**action["context"]))
        for name, value in values.items():
            setattr(form, name, value)
        return form.save().action_receive()

    # === THE REQUEST === #

    def test_request_goes_out_with_account_reference_and_amount_and_no_invoice(self):
        order = self._requested_order()
        deposit = order.schedule_line_ids[0]
        self.assertFalse(order.invoice_ids)
        self.assertEqual(deposit.state, "waiting")
        self.assertIn("has not been paid", deposit.state_note)
        (mail,) = [m for m in self.outbox if "payment request" in m["Subject"]]
        body = mail.get_body(("html",)).get_content()
        for text in (order.name, "369.00", "PL61 1090 1014 0000 0712 1981 2874"):
            self.assertIn(text, body)
        self.assertEqual(
            [part.get_content_type() for part in mail.iter_attachments()],
            ["application/pdf"],
        )
        self.assertTrue(deposit.date_requested)

    def test_request_goes_out_once_when_the_job_runs_again(self):
        self._requested_order()
        self.outbox.clear()
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        self._send_messages()
        self.assertFalse(self.outbox)

    def test_request_can_be_sent_again_by_a_person(self):
        order = self._requested_order()
        self.outbox.clear()
        order.schedule_line_ids[0].with_user(self.user_sales).action_request_payment()
        self._send_messages()
        self.assertEqual(len(self.outbox), 1)

    def test_request_waits_while_the_order_is_paused(self):
        order = self._create_order(payment_mode="prepayment", plan_id=self.plan.id)
        self._confirm(self._approve(order))
        self.outbox.clear()
        order.action_pause()
        for _time in range(2):
            self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
            self._send_messages()
        self.assertNotIn("request", " ".join(mail["Subject"] for mail in self.outbox))
        action = self._receive(order)
        self.assertIn("paused", action["params"]["message"])
        self.assertTrue(order.schedule_line_ids[0].deposit_payment_id)

    def test_request_that_was_stopped_by_a_pause_is_made_anew(self):
        order = self._create_order(payment_mode="prepayment", plan_id=self.plan.id)
        self._confirm(self._approve(order))
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        order.action_pause()
        self.outbox.clear()
        self._send_messages()
        deposit = order.schedule_line_ids[0]
        self.assertFalse(deposit.date_requested)
        self.assertFalse(deposit.is_request_queued or deposit.request_pdf_id)
        order.action_resume()
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        self._send_messages()
        self.assertTrue(deposit.date_requested)
        self.assertTrue(deposit.request_pdf_id)

    def test_payment_pays_the_request_over_its_amount(self):
        order = self._create_order(
            payment_mode="prepayment",
            deposit_document="request",
            schedule_line_ids=[
                Command.create(
                    {
                        "name": f"Deposit {percent}",
                        "kind": "deposit",
                        "trigger": "confirmation",
                        "amount_type": "percent",
                        "percent": percent,
                    }
                )
                for percent in (20, 30)
            ]
            + [
                Command.create(
                    {"name": "Rest", "amount_type": "rest", "trigger": "completion"}
                )
            ],
        )
        self._confirm(self._approve(order))
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        self._receive(order, amount=369.0)
        first, second, _rest = order.schedule_line_ids.sorted()
        self.assertFalse(first.deposit_payment_id)
        self.assertTrue(second.deposit_payment_id)

    def test_draft_is_red_when_the_payment_it_was_made_for_is_cancelled(self):
        order = self._requested_order()
        self._receive(order)
        deposit = order.schedule_line_ids[0]
        draft = deposit.invoice_id
        deposit.deposit_payment_id.action_cancel()
        self.assertEqual(draft.publish_check_state, "red")
        self.assertIn("was cancelled", draft.publish_check_note)
        draft.with_user(self.user_billing).unlink()
        deposit.action_release()
        self.outbox.clear()
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        self._send_messages()
        self.assertIn("payment request", " ".join(m["Subject"] for m in self.outbox))
        self._receive(order)
        self.assertEqual(deposit.state, "drafted")

    def test_invoice_that_was_issued_can_be_posted_when_its_payment_is_cancelled(self):
        order = self._requested_order()
        self._receive(order)
        invoice = self._publish(order.invoice_ids)
        order.schedule_line_ids[0].sudo().deposit_payment_id.action_cancel()
        invoice.button_draft()
        self.assertEqual(invoice.publish_check_state, "amber")
        self.assertIn("was cancelled", invoice.publish_check_note)
        self._publish(invoice)
        self.assertEqual(invoice.state, "posted")

    def test_customer_reads_that_the_invoice_follows_the_payment_of_a_request(self):
        order = self._create_order(payment_mode="prepayment", plan_id=self.plan.id)
        text = order._get_invoicing_text()
        self.assertIn("a payment request by e-mail", text)
        self.assertIn("Before each other payment you receive an invoice", text)
        self._confirm(self._approve(order))
        text = order._get_next_payment_text()
        self.assertIn("369.00", text)
        self.assertIn("the invoice when the payment has arrived", text)
        order.schedule_line_ids[0].action_skip()
        text = order._get_next_payment_text()
        self.assertIn("1,230.00", text)
        self.assertIn("You receive an invoice", text)
        whole = self.env.ref("order_invoice_cycle.cycle_plan_advance").copy(
            {"deposit_document": "request"}
        )
        order = self._create_order(payment_mode="prepayment", plan_id=whole.id)
        self.assertNotIn("other payment", order._get_invoicing_text())
        plain = self._create_order(plan="deposit_30")
        self.assertIn("an invoice by e-mail before each", plain._get_invoicing_text())

    def test_way_of_asking_for_the_prepayment_is_part_of_the_terms(self):
        order = self._approve(self._create_order(plan="deposit_30"))
        self._send_messages()
        link = order.confirmation_ids
        order.deposit_document = "request"
        self.env.cr.precommit.run()
        self.assertEqual((link.state, order.cycle_stage), ("superseded", "draft"))
        order.with_user(self.user_sales).action_submit_for_approval()
        self.assertIn("Prepayment asked for by", order.cycle_changes)

    def test_request_names_no_invoice_number(self):
        order = self._requested_order()
        content, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "order_invoice_cycle.action_report_cycle_payment_request",
            order.schedule_line_ids[0].ids,
        )
        self.assertIn(b"This is not an invoice", content)
        self.assertIn(order.name.encode(), content)

    def test_request_is_not_sent_when_the_order_was_cancelled(self):
        order = self._create_order(payment_mode="prepayment", plan_id=self.plan.id)
        self._confirm(self._approve(order))
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        order._action_cancel()
        self.outbox.clear()
        self._send_messages()
        self.assertFalse([m for m in self.outbox if "payment request" in m["Subject"]])

    def test_invoice_cannot_be_drafted_before_the_payment(self):
        order = self._requested_order()
        with self.assertRaisesRegex(UserError, "Payment received"):
            order.schedule_line_ids[0].action_draft_invoice()

    def test_plan_decides_and_an_invoice_up_front_is_the_default(self):
        order = self._running_order(plan="deposit_30")
        self.assertEqual(order.deposit_document, "invoice")
        self.assertEqual(len(self._draft(order)), 1)
        self.assertFalse(self._create_order(plan="monthly").deposit_document)

    # === THE PAYMENT === #

    def test_payment_received_drafts_the_invoice_which_is_settled_when_published(self):
        order = self._requested_order()
        self.assertTrue(order.is_deposit_due)
        action = self._receive(order, date="2027-01-20")
        invoice = self.env["account.move"].browse(action["res_id"])
        self.assertEqual((invoice.state, invoice.amount_total), ("draft", 369.0))
        self.assertFalse(order.is_deposit_due, "work may start")
        order.with_user(self.user_sales).action_mark_completed("2027-02-01")
        self._publish(invoice, "2027-01-20")
        self.assertIn(invoice.payment_state, ("paid", "in_payment"))
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(order.schedule_line_ids[0].state, "paid")

    def test_payment_in_the_books_is_taken_instead_of_a_second_one(self):
        order = self._requested_order()
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 369.0,
                "journal_id": self.company_data["default_journal_bank"].id,
                "memo": order.name,
            }
        )
        payment.action_post()
        before = self.env["account.payment"].search_count([])
        self._receive(order, payment_id=payment)
        self.assertEqual(self.env["account.payment"].search_count([]), before)
        invoice = self._publish(order.schedule_line_ids[0].invoice_id)
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(payment.reconciled_invoice_ids, invoice)

    def test_other_amount_is_refused_with_both_amounts(self):
        order = self._requested_order()
        with self.assertRaisesRegex(UserError, "369.00"):
            self._receive(order, amount=300.0)
        self.assertFalse(order.invoice_ids)

    def _create_payment(self, **values):
        """Return a confirmed payment of the customer over 369.00."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 369.0,
                "journal_id": self.company_data["default_journal_bank"].id,
                **values,
            }
        )
        payment.action_post()
        return payment

    def _receive_by_call(self, order, payment):
        """Record ``payment`` as a remote call does, past the choices of the form."""
        wizard = self.env["cycle.payment.received"].with_user(self.user_billing)
        values = {"order_id": order.id, "payment_id": payment.id, "amount": 369.0}
        return wizard.create(values).action_receive()

    def test_one_payment_pays_one_prepayment(self):
        first, second = self._requested_order(), self._requested_order()
        payment = self._create_payment()
        self._receive_by_call(first, payment)
        with self.assertRaisesRegex(UserError, f"{first.name} – Deposit” already"):
            self._receive_by_call(second, payment)
        self.assertFalse(second._take_deposit_payment(payment))
        self.assertIn("has paid", second.activity_ids.note)
        self.assertTrue(second.is_deposit_due)

    @mute_logger("odoo.sql_db")
    def test_second_prepayment_of_a_payment_is_refused_by_the_database(self):
        orders = self._requested_order() | self._requested_order()
        payment = self._create_payment()
        with self.assertRaises(IntegrityError), self.env.cr.savepoint():
            orders.schedule_line_ids.filtered(
                lambda line: line.kind == "deposit"
            ).sudo().deposit_payment_id = payment
            self.env.flush_all()

    def test_payment_that_is_not_the_customer_s_is_refused(self):
        order = self._requested_order()
        draft = self._create_payment()
        draft.action_draft()
        used = self._create_payment()
        invoice = self._create_invoice_one_line(
            partner_id=self.customer, price_unit=369.0, tax_ids=[], post=True
        )
        (used.move_id | invoice).line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        ).reconcile()
        for payment, hint in (
            (self._create_payment(partner_id=self.other_customer.id), "not come from"),
            (self._create_payment(payment_type="outbound"), "no confirmed payment"),
            (draft, "no confirmed payment"),
            (used, "other invoices already"),
            (self._create_payment(amount=300.0), "300.00.*369.00"),
        ):
            with self.subTest(hint=hint):
                with self.assertRaisesRegex(UserError, hint):
                    self._receive_by_call(order, payment)
                self.assertFalse(order.invoice_ids)

    # === THE GATE === #

    def test_unpaid_prepayment_is_skipped_by_a_manager_only(self):
        order = self._running_order(plan="deposit_30")
        deposit = order.schedule_line_ids[0]
        with self.assertRaisesRegex(UserError, "Ask a manager to skip it"):
            deposit.with_user(self.user_sales).action_skip()
        self.assertTrue(order.is_deposit_due)
        deposit.with_user(self.user_manager).action_skip()
        self.assertFalse(order.is_deposit_due)
        order.with_user(self.user_sales).action_mark_completed("2027-02-01")
        self.assertEqual(order.date_completed, fields.Date.to_date("2027-02-01"))

    def test_other_payments_are_skipped_by_sales_as_before(self):
        order = self._running_order(plan="deposit_30")
        order.schedule_line_ids[1].with_user(self.user_sales).action_skip()
        self.assertEqual(order.schedule_line_ids[1].state, "cancelled")

    def test_gate_stays_shut_when_the_unpaid_deposit_was_credited(self):
        order = self._running_order(plan="deposit_30")
        self._reverse_invoice(self._publish(self._draft(order)), post=True)
        self.assertEqual(order.schedule_line_ids[0].state, "cancelled")
        self.assertTrue(order.is_deposit_due)
        with self.assertRaisesRegex(UserError, "has not been paid"):
            order.with_user(self.user_sales).action_mark_completed("2027-02-01")
        order.with_user(self.user_manager).action_mark_completed("2027-02-01")

    def test_gate_is_open_when_the_deposit_was_paid(self):
        order = self._running_order(plan="deposit_30")
        self._pay(self._publish(self._draft(order)))
        self.assertFalse(order.is_deposit_due)

    def test_payment_is_recorded_by_billing_only_and_once(self):
        order = self._requested_order()
        with self.assertRaises(AccessError):
            self._receive(order, user=self.user_sales)
        self._receive(order)
        with self.assertRaisesRegex(UserError, "awaits no payment"):
            self._receive(order)
        self.assertEqual(len(order.invoice_ids), 1)

    def test_rest_is_invoiced_after_completion_as_usual(self):
        order = self._requested_order()
        self._receive(order)
        order.action_mark_completed("2027-02-01")
        self._draft(order)
        self.assertEqual(
            order.schedule_line_ids.invoice_id.mapped("amount_total"), [369.0, 861.0]
        )

    # === COMPLETION === #

    def test_acceptance_document_is_kept_as_evidence(self):
        order = self._running_order(plan="completion_14")
        action = order.with_user(self.user_sales).action_open_complete()
        wizard = self.env[action["res_model"]].with_user(self.user_sales)
        wizard.with_context(**action["context"]).create(
            {
                "date": "2027-02-01",
                "document": base64.b64encode(b"Accepted, Jan Nowak"),
                "document_name": "acceptance.txt",
            }
        ).action_complete()
        document = order.acceptance_id
        self.assertEqual(document.raw, b"Accepted, Jan Nowak")
        self.assertEqual(document.res_model, "cycle.confirmation")
        self.assertTrue(document.with_user(self.user_sales).has_access("read"))
        with self.assertRaises(UserError):
            document.with_user(self.user_sales).unlink()


@tagged("post_install", "-at_install")
class TestPrepaymentOnline(PrepaymentCommon, AccountPaymentCommon):
    """A payment request is paid by core's payment form."""

    def _pay_online(self, order, amount=369.0, reference="TX", **values):
        self.env["ir.config_parameter"].sudo().set_param("sale.automatic_invoice", "1")
        transaction = self._create_transaction(
            flow="direct",
            reference=reference,
            amount=amount,
            currency_id=order.currency_id.id,
            **{"state": "done", "partner_id": order.partner_id.id, **values},
            sale_order_ids=[Command.set(order.ids)],
        )
        transaction._post_process()
        return transaction

    def test_online_payment_drafts_the_invoice_and_core_makes_none(self):
        order = self._requested_order()
        transaction = self._pay_online(order)
        deposit = order.schedule_line_ids[0]
        self.assertEqual(deposit.deposit_payment_id, transaction.payment_id)
        self.assertEqual(order.invoice_ids, deposit.invoice_id)
        self.assertEqual(deposit.state, "drafted")
        self.assertFalse(order.is_deposit_due)
        self._publish(deposit.invoice_id)
        self.assertEqual(deposit.state, "paid")
        self.assertEqual(deposit.invoice_id.amount_residual, 0)

    def test_online_payment_handled_twice_changes_nothing(self):
        order = self._requested_order()
        transaction = self._pay_online(order)
        transaction._post_process()
        self.assertEqual(set(order.invoice_ids.mapped("state")), {"draft"})
        self.assertEqual(len(order.invoice_ids), 1)
        self.assertFalse(order.activity_ids)

    def test_payment_on_its_way_publishes_no_draft_when_it_arrives(self):
        order = self._requested_order()
        transaction = self._pay_online(order, state="pending")
        order.with_user(self.user_manager).action_mark_completed(self.start)
        final = self._draft(order)
        self.assertTrue(final)
        self.assertFalse(final.transaction_ids)
        final.transaction_ids = transaction
        transaction.state = "done"
        transaction._post_process()
        deposit = order.schedule_line_ids[0]
        self.assertEqual(final.state, "draft")
        self.assertEqual(deposit.deposit_payment_id, transaction.payment_id)
        self.assertEqual(deposit.invoice_id.state, "draft")
        self._publish(deposit.invoice_id)
        self.assertEqual(deposit.state, "paid")

    def test_payment_on_its_way_settles_the_invoice_it_is_for(self):
        for is_reset in (False, True):
            with self.subTest(is_reset=is_reset):
                order = self._running_order(payment_mode="prepayment")
                reference = f"TX{order.id}"
                transaction = self._pay_online(
                    order, 1230.0, reference, state="pending"
                )
                invoice = self._publish(self._draft(order))
                self.assertEqual(invoice.transaction_ids, transaction)
                if is_reset:
                    invoice.button_draft()
                transaction.state = "done"
                transaction._post_process()
                if is_reset:
                    self.assertEqual(invoice.state, "draft")
                    self._publish(invoice)
                self.assertEqual(invoice.amount_residual, 0.0)

    def test_online_payment_by_somebody_else_is_taken(self):
        order = self._requested_order()
        transaction = self._pay_online(order, partner_id=self.other_customer.id)
        deposit = order.schedule_line_ids[0]
        self.assertEqual(deposit.deposit_payment_id, transaction.payment_id)
        self.assertEqual(deposit.state, "drafted")

    def test_part_payment_online_asks_a_person(self):
        order = self._requested_order()
        self._pay_online(order, 100.0)
        self.assertFalse(order.invoice_ids)
        self.assertTrue(order.is_deposit_due)
        self.assertIn("100.00", order.activity_ids.note)

    def test_receipt_offers_to_pay_the_request_then_the_invoice(self):
        order = self._requested_order()
        amount, name, path = order._get_due_payment()
        self.assertEqual((amount, name), (369.0, "Deposit"))
        self.assertIn(f"/my/orders/{order.id}?access_token=", path)
        self.assertIn("payment_amount=369.0", path)
        self._pay_online(order)
        self.assertIsNone(order._get_due_payment())
        order.action_mark_completed("2027-02-01")
        rest = self._publish(self._draft(order)[-1])
        self.assertEqual(
            rest.amount_residual, 861.0, "the payment belongs to the deposit"
        )
        self.assertEqual(order._get_due_payment()[:2], (861.0, rest.name))
        self.assertIn(f"/my/invoices/{rest.id}", order._get_due_payment()[2])

    def test_nothing_is_offered_without_a_payment_provider(self):
        order = self._requested_order()
        self.env["payment.provider"].search([]).state = "disabled"
        self.assertIsNone(order._get_payment_offer())
