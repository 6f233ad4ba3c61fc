from odoo.tests import tagged

from .confirmation_common import ConfirmationPageCase


@tagged("post_install", "-at_install")
class TestPageReply(ConfirmationPageCase):
    """Comments go to sales; the answer and what changed come back."""

    def _comment(self, text="Too dear, <b>please</b>"):
        self._open()
        self._post("comment", text=text)
        self.assertEqual(self.order.cycle_stage, "changes_requested")

    def _revise(self, price=900.0, reply="We found a cheaper way.\nSee below."):
        order = self.order.with_user(self.user_sales)
        order.customer_reply = reply
        order.order_line.price_unit = price
        self._approve(self.order)
        self._send_messages()

    def test_new_version_shows_comment_answer_and_what_changed(self):
        self._comment()
        self._revise()
        page = self._open()
        text = self._get_text(page)
        for part in (
            "What changed since version 1",
            "Anna Nowak wrote on",
            "Too dear, <b>please</b>",
            "We found a cheaper way.",
            "Before",
            "1,000.00",
            "900.00",
            "1,107.00",
        ):
            self.assertIn(part, text)
        self.assertIn("&lt;b&gt;please&lt;/b&gt;", page.text)

    def test_answer_goes_with_the_mail(self):
        self._comment()
        self._revise(reply="Cheaper <script>now</script>")
        mails = [mail for mail in self.outbox if self.anna.email in mail["To"]]
        body = mails[-1].get_body(("html",)).get_content()
        self.assertIn("Cheaper &lt;script&gt;now&lt;/script&gt;", body)
        self.assertIn("lists what changed since the version you saw", body)

    def test_answer_without_another_offer_can_go_back(self):
        self._comment()
        order = self.order.with_user(self.user_sales)
        order.customer_reply = "This is our best price."
        order.action_send_confirmation()
        self.assertEqual(self.order.cycle_stage, "awaiting_customer")
        self._send_messages()
        text = self._get_text(self._open())
        self.assertIn("This is our best price.", text)
        self.assertIn("The offer itself is the same as the one you saw.", text)
        self._new_session()
        self._open()
        self.confirmation = self._get_confirmation(self.anna)
        self._post("accept", path=f"/order/review/{self.confirmation.id}")
        self.assertEqual(self.order.state, "sale")

    def test_comments_page_leads_to_the_new_version(self):
        self._comment()
        self.assertIn("send you a new link", self._get_text(self._get(self.path)))
        self._revise()
        text = self._get_text(self._get(self.path))
        self.assertIn("Review the new version", text)

    def test_only_what_the_recipient_saw_is_compared(self):
        self._comment()
        self._revise()
        text = self._get_text(self._open(self.piotr))
        self.assertNotIn("What changed since", text)
        self.assertNotIn("Too dear", text)
        self.assertIn("We found a cheaper way.", text)

    def test_versions_nobody_opened_are_skipped(self):
        self._comment()
        self._revise(price=950.0)
        self._revise(price=800.0)
        text = self._get_text(self._open())
        self.assertIn("What changed since version 1", text)
        self.assertNotIn("950.00", text)

    def test_first_version_says_nothing_about_changes(self):
        self.assertNotIn("What changed", self._get_text(self._open()))

    def test_answer_is_used_up_by_the_next_comments(self):
        self._comment()
        self._revise()
        newer = self._get_confirmation(self.anna)
        newer.sudo()._comment(newer.terms_hash, "Anna", "Still too dear")
        self.assertFalse(self.order.customer_reply)
        self.assertEqual(newer.reply, "We found a cheaper way.\nSee below.")
