from unittest.mock import patch

from odoo.tools import mute_logger

from odoo.addons.order_invoice_cycle.models.cycle_message_rendering import (
    CycleMessage,
)

from .common import CycleCommon

RENDERING = "odoo.addons.order_invoice_cycle.models.cycle_message_rendering"
DELIVERY = "odoo.addons.order_invoice_cycle.models.cycle_message_delivery"


class TestMessageRendering(CycleCommon):
    """Mails that are rendered together still say what is true when they go out."""

    def _publish_for(self, *customers):
        """Return one published invoice for each customer."""
        orders = self.env["sale.order"].union(
            *(
                self._running_order(payment_mode="prepayment", partner_id=customer.id)
                for customer in customers
            )
        )
        return self._publish(self._draft(orders))

    def _get_messages(self, moves):
        return self.env["cycle.message"].search(
            [("res_model", "=", "account.move"), ("res_id", "in", moves.ids)]
        )

    def _get_mail(self, move):
        (mail,) = (one for one in self.outbox if move.name in one["Subject"])
        return mail

    def _get_text(self, move):
        return self._get_mail(move).get_body(["html"]).get_content()

    def _send_after(self, happening):
        """Send; ``happening`` comes when all is rendered and nothing claimed yet.

        :param happening: callable taking the environment of the job
        """
        rendered = {}
        render_ahead = CycleMessage._render_ahead

        def patched(messages):
            rendered.update(render_ahead(messages))
            happening(messages.env)
            messages.env.cr.commit()
            return rendered

        with patch.object(type(self.env["cycle.message"]), "_render_ahead", patched):
            self._send_messages()
        return rendered

    def test_each_mail_is_its_own_when_many_are_rendered_together(self):
        customers = [
            self._create_customer(f"Customer {number}", email=f"c{number}@example.com")
            for number in range(3)
        ]
        moves = self._publish_for(*customers)
        rendered = self._send_after(lambda env: None)
        self.assertEqual(sorted(rendered), sorted(self._get_messages(moves).ids))
        for move in moves:
            mail = self._get_mail(move)
            self.assertIn(move.partner_id.email, mail["To"])
            self.assertIn(move.partner_id.name, self._get_text(move))
            self.assertIn(move.access_token, self._get_text(move))
            (attachment,) = mail.iter_attachments()
            self.assertEqual(attachment.get_filename(), move.invoice_pdf_report_id.name)
            message = self._get_messages(move)
            self.assertEqual(message.subject, mail["Subject"])
            self.assertIn(move.name, message.body)

    def test_mail_says_paid_when_the_payment_came_after_it_was_rendered(self):
        paid, unpaid = self._publish_for(
            self.customer, self._create_customer("Other", email="other@example.com")
        )

        def pay(env):
            wizard = env["account.payment.register"].with_context(
                active_model="account.move", active_ids=paid.ids
            )
            wizard.create({"payment_date": paid.invoice_date})._create_payments()

        self._send_after(pay)
        self.assertFalse(paid.amount_residual)
        self.assertIn("has been paid already", self._get_text(paid))
        self.assertIn("Please pay", self._get_text(unpaid))

    def test_mail_goes_to_the_new_address_when_it_changed_after_rendering(self):
        move = self._publish_for(self.customer)
        new = {"email": "new@example.com"}
        self._send_after(lambda env: self.customer.with_env(env).write(new))
        self.assertIn("new@example.com", self._get_mail(move)["To"])

    def test_nothing_goes_out_when_the_invoice_left_after_rendering(self):
        move = self._publish_for(self.customer)
        self._send_after(lambda env: move.with_env(env).button_draft())
        self.assertEqual(self._get_messages(move).state, "cancelled")
        self.assertFalse([one for one in self.outbox if move.name in one["Subject"]])

    def test_others_go_out_when_one_cannot_be_rendered(self):
        broken, good = self._publish_for(
            self._create_customer("Broken", email="broken@example.com"), self.customer
        )
        template = self.env.ref("order_invoice_cycle.mail_template_invoice")
        template.body_html = "<p t-if=\"1 / (object.partner_id.name != 'Broken')\"/>"
        with mute_logger(
            "odoo.addons.mail.models.mail_render_mixin", RENDERING, DELIVERY
        ):
            self._send_messages()
        self.assertEqual(self._get_messages(broken).state, "failed")
        self.assertIn("cannot be filled in", self._get_messages(broken).failure_reason)
        self.assertEqual(self._get_messages(good).state, "sent")
