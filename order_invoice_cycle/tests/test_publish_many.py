import hashlib
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tools import mute_logger

from .common import CycleCommon

PUBLISH = "odoo.addons.order_invoice_cycle.models.account_move_publish"
DRIVER = "odoo.addons.order_invoice_cycle.models.cycle_job_mixin"


class TestPublishMany(CycleCommon):
    """Publishing many drafts: all green, in the background, and what came of each."""

    def _create_drafts(self, *prices):
        orders = self.env["sale.order"].union(
            *(
                self._running_order(
                    payment_mode="prepayment",
                    service_date_start="2040-01-01",
                    lines=[self._create_line(price)],
                )
                for price in prices
            )
        )
        return self._draft(orders)

    def _spoil(self, move):
        """Make a draft red."""
        move.partner_id = self.customer.copy({"street": False})

    def _publish_by_job(self, today="2027-01-15"):
        self._run_cron("account.move", "_cron_publish_invoices", today=today)

    def test_all_green_publishes_the_green_ones_only(self):
        green, red, amber, other = self._create_drafts(100, 200, 300, 400)
        self._spoil(red)
        amber.partner_id = self.customer.copy({"email": False})
        self.env["account.move"].with_user(self.user_billing).action_publish_green()
        self.assertEqual((green + other).mapped("state"), ["posted", "posted"])
        self.assertEqual((red + amber).mapped("state"), ["draft", "draft"])
        with self.assertRaisesRegex(UserError, "no draft in which nothing is unusual"):
            self.env["account.move"].with_user(self.user_billing).action_publish_green()

    def test_all_green_is_refused_without_the_billing_role(self):
        drafts = self._create_drafts(100)
        for user in (self.user_sales, self.user_collections):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["account.move"].with_user(user).action_publish_green()
        self.assertEqual(drafts.state, "draft")

    def test_more_than_a_few_are_published_by_the_job_and_told_about(self):
        moves = self._create_drafts(100, 200, 300, 400, 500)
        self._spoil(moves[1])
        told = []
        users = self.registry["res.users"]

        def send(user, kind, message, **_options):
            told.append((user, kind, message["message"]))

        with patch(f"{PUBLISH}.AT_ONCE", 2), patch.object(users, "_bus_send", send):
            answer = moves.with_user(self.user_billing).action_publish()
            self.assertIn("5 invoices are being published", str(answer))
            self.assertEqual(set(moves.mapped("state")), {"draft"})
            self._publish_by_job()
        self.assertEqual(moves[1].state, "draft")
        self.assertIn("lacks the street", moves[1].cycle_error)
        self.assertEqual(set((moves - moves[1]).mapped("state")), {"posted"})
        self.assertFalse(moves.cycle_publisher_id)
        messages = [text for user, _kind, text in told if user == self.user_billing]
        self.assertEqual(len(messages), 3)
        self.assertIn("1 refused", messages[0])
        self.assertIn("3 to go", messages[0])
        self.assertIn("All are done", messages[-1])
        self.assertIn("Published by", str(moves[0].message_ids.mapped("body")))

    @mute_logger(DRIVER)
    def test_failure_in_the_job_stays_with_its_invoice(self):
        moves = self._create_drafts(100, 200, 300)
        model = self.registry["account.move"]
        post = model._post

        def fail(records, soft=True):
            if moves[1] in records:
                # pylint: disable-next=translation-required
                raise UserError("The sequence is broken.")
            return post(records, soft)

        with patch(f"{PUBLISH}.AT_ONCE", 2), patch.object(model, "_post", fail):
            moves.with_user(self.user_billing).action_publish()
            self._publish_by_job()
        self.assertEqual(moves.mapped("state"), ["posted", "draft", "posted"])
        self.assertEqual(moves[1].cycle_error, "The sequence is broken.")
        self.assertFalse(moves.cycle_publisher_id, "a person looks at it first")

    def test_result_says_what_was_refused_and_that_the_others_went_through(self):
        moves = self._create_drafts(100, 200)
        self._spoil(moves[0])
        answer = moves.with_user(self.user_billing).action_publish(today="2027-01-15")
        self.assertEqual(moves.mapped("state"), ["draft", "posted"])
        message = answer["params"]["message"]
        self.assertIn("1 invoice(s) published.", message)
        self.assertIn(moves[0].schedule_line_id.display_name, message)
        self.assertIn("lacks the street", message)

    @mute_logger("odoo.addons.base.models.ir_actions_report")
    def test_documents_are_rendered_in_one_go_without_delay_and_fingerprinted(self):
        moves = self._publish(self._create_drafts(100, 200, 300))
        report = self.registry["ir.actions.report"]
        run = report._run_wkhtmltopdf
        arguments = []

        def run_once(records, *args, **kwargs):
            command = records._build_wkhtmltopdf_args(
                records.env.ref("base.paperformat_euro"), False
            )
            arguments.append(command[command.index("--javascript-delay") + 1])
            return run(records, *args, **kwargs)

        with (
            self.allow_pdf_render(),
            patch.object(report, "_run_wkhtmltopdf", run_once),
        ):
            moves.with_context(force_report_rendering=True)._cycle_message_documents(
                self.env["cycle.message"]
            )
        self.assertEqual(arguments, ["0"])
        other = self.env["ir.actions.report"]._build_wkhtmltopdf_args(
            self.env.ref("base.paperformat_euro"), False
        )
        self.assertEqual(other[other.index("--javascript-delay") + 1], "1000")
        for move in moves:
            content = move.invoice_pdf_report_id.raw
            self.assertTrue(content.startswith(b"%PDF"))
            self.assertEqual(move.cycle_pdf_sha256, hashlib.sha256(content).hexdigest())
        self.assertFalse(any(moves.mapped("is_move_sent")))

    def test_electronic_ways_of_the_customer_are_left_to_core(self):
        move = self._publish(self._create_drafts(100))
        self.assertFalse(move._get_electronic_methods())
        send = self.registry["account.move.send"]
        with patch.object(
            send, "_get_default_sending_methods", lambda _self, _move: {"peppol"}
        ):
            self.assertEqual(move._get_electronic_methods(), {"peppol"})
            move.invoice_pdf_report_id = False
            with patch.object(send, "_generate_and_send_invoices") as generate:
                move._cycle_message_documents(self.env["cycle.message"])
        _args, kwargs = generate.call_args
        self.assertEqual(kwargs["sending_methods"], ["peppol"])

    def test_form_shows_the_structured_file_that_core_made(self):
        move = self._publish(self._create_drafts(100))
        self.assertFalse(move.cycle_electronic_note)
        self.env["ir.attachment"].create(
            {
                "name": "factur-x.xml",
                "raw": b"<invoice/>",
                "res_model": move._name,
                "res_id": move.id,
                "res_field": "ubl_cii_xml_file",
            }
        )
        move.invalidate_recordset()
        note = move.with_user(self.user_billing).cycle_electronic_note
        self.assertIn("factur-x.xml", note)
