from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL, mute_logger

from odoo.addons.base.models.ir_actions_report import IrActionsReport

from .evidence_common import EvidenceCommon

DELIVERY = "odoo.addons.order_invoice_cycle.models.cycle_message_delivery"

TERMS = "<p>Support is included for 30 days.</p>"
PROOF = "c2lnbmVk"  # "signed" in base64


class TestConfirmationTrust(EvidenceCommon):
    """What a confirmation is worth: nothing stands without its event."""

    def _confirm_by_phone(self, order, **values):
        order.with_user(self.user_manager).action_confirm_on_behalf(
            {
                "channel": "phone",
                "name": "Jan Kowalski",
                "date": "2026-01-15",
                "reason": "No mail at the customer",
                "attachment_name": "call.txt",
                "attachment": PROOF,
                **values,
            }
        )
        return order.confirmation_ids.filtered(lambda c: c.channel == "phone").sudo()

    # === EVENTS === #

    def test_state_without_an_event_confirms_nothing(self):
        order = self._offer()
        confirmation = order.confirmation_ids.sudo()
        confirmation.write({"state": "confirmed", "decided_name": "Nobody"})
        self.assertFalse(order._is_confirmed_by_customer())
        with self.assertRaises(UserError):
            order.sudo().action_confirm()
        self.assertNotEqual(order.state, "sale")

    def test_verification_tells_about_an_answer_without_an_event(self):
        confirmation = self._offer().confirmation_ids.sudo()
        event = confirmation.event_ids
        for state in ("confirmed", "commented", "declined"):
            with self.subTest(state), self.env.cr.savepoint() as savepoint:
                confirmation.state = state
                self.assertEqual(confirmation.action_verify(), event)
                verdict = confirmation.action_show_verification()["params"]
                self.assertIn("an answer stands after it", verdict["message"])
                savepoint.rollback()
            self.env.invalidate_all()

    def test_verification_tells_about_an_order_that_runs_without_evidence(self):
        confirmation = self._create_chain()
        order = confirmation.order_id
        health = self.env["cycle.health"].sudo()
        now = fields.Datetime.now()
        self.assertFalse(health._find_evidence(self.company, now).count)
        self._tamper(
            SQL("DELETE FROM cycle_confirmation_trace"),
            SQL("DELETE FROM cycle_confirmation_event"),
        )
        self.env.cr.execute("DELETE FROM cycle_confirmation")
        self.env.invalidate_all()
        broken = order.sudo()._find_broken_evidence()
        self.assertIn("without a confirmation", broken.reason)
        self.assertEqual(health._find_evidence(self.company, now).count, 1)

    def test_verification_names_every_changed_column_of_an_answer(self):
        confirmation = self._create_chain()
        confirmed = confirmation.event_ids.sorted("sequence")[-1]
        changes = {
            "state": "declined",
            "date_decided": "2020-01-01",
            "decided_name": "Somebody else",
            "decided_email": "else@customer.example",
            "email": "else@customer.example",
            "channel": "paper",
            "statement": "I order twice as much",
            "terms_hash": "0" * 64,
        }
        for column, value in changes.items():
            with self.subTest(column), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(self._set_column(confirmation, column, value))
                self.env.invalidate_all()
                broken = confirmation.action_verify()
                expected = confirmation.event_ids.sorted("sequence")[0]
                if column == "terms_hash":
                    self.assertEqual(broken, expected)
                else:
                    self.assertEqual(broken, confirmed)
                savepoint.rollback()
            self.env.invalidate_all()
        self.assertIs(confirmation.action_verify(), True)

    def test_verification_names_a_changed_proof_of_a_confirmation_on_behalf(self):
        order = self._offer()
        confirmation = self._confirm_by_phone(order)
        self.assertIs(confirmation.action_verify(), True)
        forged = self.env["ir.attachment"].create({"name": "f", "raw": b"forged"})
        proof = confirmation.attachment_ids
        changes = {
            "reason": self._set_column(confirmation, "reason", "Another reason"),
            "channel": self._set_column(confirmation, "channel", "paper"),
            "file": SQL(
                "UPDATE ir_attachment SET store_fname = %s, db_datas = %s "
                "WHERE id = %s",
                forged.store_fname or None,
                forged.db_datas or None,
                proof.id,
            ),
            "removed": SQL(
                "DELETE FROM %s WHERE cycle_confirmation_id = %s",
                SQL.identifier(confirmation._fields["attachment_ids"].relation),
                confirmation.id,
            ),
        }
        for name, query in changes.items():
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(query)
                self.env.invalidate_all()
                self.assertEqual(confirmation.action_verify().event, "confirmed")
                savepoint.rollback()
            self.env.invalidate_all()

    # === ON BEHALF === #

    def test_time_of_a_call_this_evening_is_taken_west_of_utc(self):
        self.company.partner_id.tz = "America/New_York"
        order = self._offer()
        now = datetime(2027, 1, 16, 1, 30)  # the 15th, 20:30, in New York
        with patch.object(fields.Datetime, "now", lambda *args: now):
            order._check_on_behalf_values(self._get_values(now))
            order._check_on_behalf_values(self._get_values("2027-01-16 01:30:00"))
            order._check_on_behalf_values(self._get_values("2027-01-15"))
            for later in ("2027-01-16", now + timedelta(hours=1)):
                with self.assertRaisesRegex(UserError, "the date"):
                    order._check_on_behalf_values(self._get_values(later))

    def _get_values(self, date):
        return {
            "channel": "phone",
            "name": "Jan",
            "date": date,
            "reason": "No mail",
            "attachment_name": "call.txt",
            "attachment": PROOF,
        }

    def test_confirmation_on_behalf_holds_the_pdf_that_was_mailed(self):
        order = self._offer()
        mailed = order.confirmation_ids.sudo()
        confirmation = self._confirm_by_phone(order)
        self.assertTrue(mailed.pdf_sha256)
        self.assertEqual(confirmation.event_ids.pdf_sha256, mailed.pdf_sha256)

    def test_customer_without_an_address_has_a_certificate_as_well(self):
        self.company.cycle_auto_send_confirmation = False
        order = self._create_order(partner_id=self.other_customer.id)
        self.other_customer.email = False
        self._approve(order)
        confirmation = self._confirm_by_phone(order)
        now = confirmation.date_decided
        model = "cycle.confirmation"
        self._run_cron(model, "_cron_nudge_confirmations", now=now)
        self.assertFalse(confirmation.certificate_id)
        self._run_cron(
            model, "_cron_nudge_confirmations", now=now + timedelta(minutes=31)
        )
        self.assertTrue(confirmation.certificate_id)
        self.assertTrue(confirmation.evidence_head)

    def test_salesperson_gets_the_certificate(self):
        confirmation = self._create_chain()
        self._send_messages()
        told = confirmation.order_id.message_ids.filtered("attachment_ids")
        self.assertEqual(
            told.attachment_ids,
            confirmation.certificate_id | confirmation.certificate_json_id,
        )
        self.assertEqual(
            told.notified_partner_ids, confirmation.order_id.user_id.partner_id
        )

    # === WHO AND WHAT === #

    def test_link_does_not_go_to_ourselves(self):
        contact = self.other_customer
        for address in (self.user_sales.email, self.company.email):
            with self.subTest(address):
                contact.email = f"Purchasing <{address.upper()}>"
                order = self._approve(
                    self._create_order(
                        confirmation_partner_ids=[Command.set(contact.ids)]
                    )
                )
                self.assertFalse(order.confirmation_ids)
                with self.assertRaisesRegex(UserError, "cannot confirm for the cust"):
                    order.action_send_confirmation()

    def test_pdf_of_changed_terms_is_not_kept_with_their_link(self):
        order = self._approve(self._create_order())
        link = order.confirmation_ids.sudo()
        price = order.order_line.price_unit
        order.order_line.price_unit = price + 1
        link._archive_pdf()
        self.assertFalse(link.pdf_id)
        order.order_line.price_unit = price
        link._archive_pdf()
        self.assertTrue(link.pdf_id)

    def test_reminders_begin_anew_when_the_link_is_sent_again(self):
        order = self._offer()
        link = order.confirmation_ids.sudo()
        sent = link.date_sent
        model, method = "cycle.confirmation", "_cron_nudge_confirmations"
        self._run_cron(model, method, now=sent + timedelta(days=3))
        self._send_messages()
        self.assertTrue(link.date_first_nudge)
        order.action_send_confirmation()
        self._send_messages()
        self.assertFalse(link.date_first_nudge)
        self._run_cron(model, method, now=link.date_sent + timedelta(days=3))
        self.assertTrue(link.date_first_nudge)

    def test_terms_behind_a_link_become_part_of_the_offer(self):
        self.env["ir.config_parameter"].set_param("account.use_invoice_terms", "True")
        self.company.write({"terms_type": "html", "invoice_terms_html": TERMS})
        order = self._create_order()
        self.assertIn("/terms", order.note)
        self._approve(order)
        self.assertIn("Support is included for 30 days", order.note)
        self.assertIn("30 days", order._get_document_terms_text())
        offered = order.terms_hash
        self.company.invoice_terms_html = "<p>No support.</p>"
        self.assertEqual(order.terms_hash, offered)
        self.assertIn("30 days", order.confirmation_ids.sudo().terms_json)

    def test_own_terms_of_an_order_are_left_alone(self):
        self.company.write({"terms_type": "html", "invoice_terms_html": TERMS})
        order = self._approve(self._create_order(note="<p>As agreed.</p>"))
        self.assertIn("As agreed.", order.note)

    def test_terms_are_written_out_once_however_often_an_order_is_submitted(self):
        url = f"{self.env['sale.order']._get_note_url()}/terms"
        terms = f'{TERMS}<p>Always at <a href="{url}">our site</a>.</p>'
        self.company.write({"terms_type": "html", "invoice_terms_html": terms})
        for note in (
            f"<p>See {url}.</p>",
            f"<p>See {url}#payment</p>",
            f'<p><a href="{url}">Terms</a></p>',
        ):
            self.company.invoice_terms_html = terms
            order = self._approve(self._create_order(note=note))
            offered = order.note
            self.company.invoice_terms_html = "<p>No support.</p>"
            order.order_line.price_unit = 900.0
            self._approve(order)
            self.assertEqual(order.note.count("Support is included"), 1)
            self.assertEqual(order.note, offered, "the terms it was offered with")
        self.company.invoice_terms_html = terms
        other = self._approve(self._create_order(note=f"<p>{url}-of-delivery</p>"))
        self.assertNotIn("Support is included", other.note)

    def test_what_was_agreed_beside_the_link_to_the_terms_stays(self):
        self.env["ir.config_parameter"].set_param("account.use_invoice_terms", "True")
        self.company.write({"terms_type": "html", "invoice_terms_html": TERMS})
        standard = str(self._create_order().note)
        agreed = "Delivery by 30 June, penalty 1 % a week."
        paragraph = standard.replace("<p>", "").replace("</p>", "")
        for note in (
            f"{standard}<p>{agreed}</p>",
            f"<p>{agreed}</p>{standard}",
            f"<p>{paragraph}<br>{agreed}</p>",
            f"<div><p><b>{paragraph}</b></p><p>{agreed}</p></div>",
            f"{paragraph} {agreed}",
            f"<p>{self.env['sale.order']._get_note_url()}/terms {agreed}</p>",
        ):
            with self.subTest(note):
                order = self._approve(self._create_order(note=note))
                text = order._get_document_terms_text()
                self.assertEqual(text.count(agreed), 1)
                self.assertEqual(text.count("Support is included for 30 days"), 1)
                self.assertNotIn('/terms"', order.note)

    # === SLOW THINGS === #

    def test_mail_of_a_quotation_template_does_not_delay_the_customer(self):
        template = self.env.ref("sale.mail_template_sale_confirmation")
        order = self._create_order(
            sale_order_template_id=self.env["sale.order.template"]
            .create({"name": "Support", "mail_template_id": template.id})
            .id
        )
        self._approve(order)
        self._send_messages()
        link = order.confirmation_ids.sudo()
        with patch.object(IrActionsReport, "_run_wkhtmltopdf") as renderer:
            self.assertEqual(link._confirm(order.terms_hash, "Jan"), "done")
            renderer.assert_not_called()
        self.assertEqual(order.state, "sale")
        self.outbox.clear()
        self._send_messages()
        self._send_messages()
        subjects = [mail["Subject"] for mail in self.outbox]
        self.assertEqual(len(subjects), 2, "the receipt and the template's mail")
        message = self.env["cycle.message"].search([("purpose", "=", "order")])
        self.assertEqual(message.state, "sent")
        self.assertIn(message.subject, subjects)
        [mail] = [one for one in self.outbox if one["Subject"] == message.subject]
        files = message.file_ids
        self.assertEqual(len(files), len(template.report_template_ids))
        self.assertEqual(len(list(mail.iter_attachments())), len(files))

    @mute_logger(DELIVERY)
    def test_mail_of_a_quotation_template_does_not_go_out_without_its_pdf(self):
        order = self._create_running_with_mail()
        self.outbox.clear()
        reports = type(self.env["ir.actions.report"])
        message = self.env["cycle.message"].search([("purpose", "=", "order")])
        with patch.object(reports, "_render_qweb_pdf", side_effect=OSError("gone")):
            self._send_messages()
        self.assertEqual(message.state, "failed")
        self.assertIn(f"The PDF of {order.name} could not", message.failure_reason)
        message.with_user(self.user_billing).action_send_again()
        self._send_messages()
        self.assertEqual(message.state, "sent")
        self.assertTrue(message.file_ids)

    def _create_running_with_mail(self):
        template = self.env.ref("sale.mail_template_sale_confirmation")
        quotation = self.env["sale.order.template"].create(
            {"name": "Support", "mail_template_id": template.id}
        )
        return self._running_order(sale_order_template_id=quotation.id)

    def test_mail_of_a_quotation_template_is_withdrawn_with_its_order(self):
        order = self._create_running_with_mail()
        order.action_cancel()
        self.outbox.clear()
        self._send_messages()
        message = self.env["cycle.message"].search([("purpose", "=", "order")])
        self.assertEqual(message.state, "cancelled")
        self.assertNotIn(message.subject, [mail["Subject"] for mail in self.outbox])

    def test_files_of_colleagues_do_not_go_out_with_the_mail_of_a_template(self):
        self._create_running_with_mail()
        message = self.env["cycle.message"].search([("purpose", "=", "order")])
        message.message_post(
            body="Our margin", attachments=[("margin.xlsx", b"secret")]
        )
        self.outbox.clear()
        self._send_messages()
        mail = next(one for one in self.outbox if one["Subject"] == message.subject)
        names = [part.get_filename() for part in mail.iter_attachments()]
        self.assertEqual(names, message.file_ids.mapped("name"))
        self.assertNotIn("margin.xlsx", names)

    def test_files_are_made_anew_when_a_mail_is_sent_again(self):
        self._create_running_with_mail()
        message = self.env["cycle.message"].search([("purpose", "=", "order")])
        message.partner_id.email = "nobody"
        self._send_messages()
        self.assertEqual(message.state, "failed")
        made = message.file_ids
        self.assertTrue(made)
        message.partner_id.email = "nowak@customer.example"
        message.with_user(self.user_billing).action_send_again()
        self._send_messages()
        self.assertEqual(message.state, "sent")
        self.assertTrue(message.file_ids)
        self.assertFalse(message.file_ids & made)

    def test_mail_of_a_template_goes_to_whom_it_names(self):
        template = self.env.ref("sale.mail_template_sale_confirmation").copy(
            {
                "use_default_to": False,
                "partner_to": "{{ object.partner_id.id }}",
                "email_to": "delivery@customer.example",
            }
        )
        quotation = self.env["sale.order.template"].create(
            {"name": "Support", "mail_template_id": template.id}
        )
        self._running_order(sale_order_template_id=quotation.id)
        messages = self.env["cycle.message"].search([("purpose", "=", "order")])
        self.assertEqual(
            set(messages.mapped("email_to")),
            {"nowak@customer.example", "delivery@customer.example"},
        )

    # === RETENTION === #

    def test_trace_is_kept_while_the_order_runs_or_is_unpaid(self):
        confirmation = self._create_chain()
        order = confirmation.order_id
        self.company.cycle_trace_days = 30
        far = confirmation.date_decided + timedelta(days=900)
        self._erase(far)
        self.assertEqual(order.cycle_stage, "confirmed")
        self.assertTrue(confirmation.trace_ids)
        order.action_mark_completed(self.start)
        invoice = self._publish(self._draft(order))
        self._erase(far)
        self.assertTrue(confirmation.trace_ids)
        paid_on = self.start + timedelta(days=100)
        self._pay(invoice, date=paid_on)
        self.assertEqual(order.cycle_stage, "completed")
        paid_at = datetime.combine(paid_on, datetime.min.time())
        self._erase(paid_at + timedelta(days=29))
        self.assertTrue(confirmation.trace_ids)
        self._erase(paid_at + timedelta(days=32))
        self.assertFalse(confirmation.trace_ids)
        self.assertIs(confirmation.action_verify(), True)

    def test_trace_of_a_declined_offer_is_not_kept_for_ever(self):
        order = self._offer()
        link = order.confirmation_ids.sudo()
        link._decline(order.terms_hash, "Jan", "No", ip="192.0.2.8", user_agent="T")
        self.assertTrue(link.trace_ids)
        self._erase(link.date_decided + timedelta(days=181))
        self.assertFalse(link.trace_ids)

    def _erase(self, now):
        self._run_cron("cycle.confirmation", "_cron_erase_traces", now=now)
