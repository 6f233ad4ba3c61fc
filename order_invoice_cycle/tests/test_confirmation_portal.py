from odoo.tests import JsonRpcException, new_test_user, tagged
from odoo.tools import mute_logger

from .confirmation_common import ConfirmationPageCase


@tagged("post_install", "-at_install")
class TestPagePortal(ConfirmationPageCase):
    """Logins of the customer and of staff, and core's own doors."""

    def setUp(self):
        super().setUp()
        self.core_path = f"/my/orders/{self.order.id}"

    def _log_in(self, login):
        self.env.flush_all()
        self.authenticate(login, login)

    def _create_portal_user(self, partner):
        return new_test_user(
            self.env,
            login=f"portal_{partner.id}",
            groups="base.group_portal",
            partner_id=partner.id,
        )

    def _create_unapproved(self):
        order = self._create_order(partner_id=self.anna.id)
        order.state = "sent"
        return order

    # === THE CUSTOMER'S LOGINS === #

    def test_recipient_with_a_login_answers_on_the_same_page(self):
        user = self._create_portal_user(self.anna)
        self._log_in(user.login)
        page = self._get(self.core_path)
        self.assertURLEqual(page.url, self.path)
        self.assertIn("Your answer", self._get_text(page))
        self._post("accept")
        self.assertEqual(self.order.state, "sale")
        event = self.confirmation.event_ids.filtered(lambda e: e.event == "confirmed")
        self.assertEqual(event.user_id, user)

    def test_recipient_with_a_login_is_thanked_for_comments(self):
        text = self._answer_with_a_login("comment")
        self.assertIn("Thank you for your comments", text)

    def test_recipient_with_a_login_is_told_that_the_offer_is_declined(self):
        text = self._answer_with_a_login("decline")
        self.assertIn("You declined this offer", text)

    def _answer_with_a_login(self, action):
        """Answer without the link; return the text of the page that follows."""
        self._log_in(self._create_portal_user(self.anna).login)
        self._get(self.core_path)
        response = self._post(action)
        self.assertEqual(response.status_code, 303)
        return self._get_text(self._get(response.headers["Location"]))

    def test_colleague_with_a_login_reads_but_does_not_answer(self):
        colleague = self._create_recipient("Ewa Nowak")
        self._log_in(self._create_portal_user(colleague).login)
        page = self._get(self.core_path)
        text = self._get_text(page)
        self.assertIn("1,230.00", text)
        self.assertIn("***@customer.example", text)
        self.assertNotIn("Your answer", text)
        traces = self._get_traces()
        link = page.url.rpartition("/")[2]
        self.assertNeutral(self._post("accept", path=f"/order/review/{link}"))
        self.assertEqual(self._get_traces(), traces)

    def test_another_customer_sees_nothing(self):
        self._log_in(self._create_portal_user(self.other_customer).login)
        self.assertNeutral(self._get(self.path))
        page = self._get(self.core_path)
        self.assertNotIn(self.order.name, page.text)

    def test_nobody_outside_sees_an_order_before_its_approval(self):
        order = self._create_unapproved()
        token = order._portal_ensure_token()
        user = self._create_portal_user(self.anna)
        for login in (None, user.login):
            self._log_in(login)
            for suffix in ("", "/download_edi", "/document/1"):
                response = self._get(
                    f"/my/orders/{order.id}{suffix}?access_token={token}",
                    allow_redirects=False,
                )
                self.assertEqual(response.status_code, 303)
                self.assertURLEqual(response.headers["Location"], "/my")
        listing = self._get("/my/quotes").text
        self.assertNotIn(order.name, listing)
        self.assertIn(self.order.name, listing)

    def test_core_page_opens_after_the_confirmation(self):
        token = self.order._portal_ensure_token()
        path = f"{self.core_path}?access_token={token}"
        self.assertNotIn(self.order.name, self._get(path).text)
        self.confirmation.sudo()._confirm(self.order.terms_hash, "Anna Nowak")
        text = self._get_text(self._get(path))
        self.assertIn(self.order.name, text)
        self.assertIn("Payment schedule", text)
        self._log_in(self._create_portal_user(self.anna).login)
        self.assertIn(self.order.name, self._get(self.core_path).text)

    # === CORE'S DOORS === #

    @mute_logger("odoo.http")
    def test_portal_prints_the_order_as_it_was_confirmed(self):
        self._open()
        self._post("accept")
        token = self.order._portal_ensure_token()
        page = self._get(
            f"/my/orders/{self.order.id}?access_token={token}&report_type=html"
        )
        text = self._get_text(page)
        for part in ("Anna Nowak", "369.00", "861.00", self.order.terms_hash):
            self.assertIn(part, text)

    def test_core_routes_cannot_confirm(self):
        order = self.order
        order.write({"require_signature": True, "require_payment": False})
        token = order._portal_ensure_token()
        user = self._create_portal_user(self.anna)
        for login in (None, user.login, self.user_sales.login):
            self._log_in(login)
            traces = self._get_traces()
            signature = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
            result = self.make_jsonrpc_request(
                f"{self.core_path}/accept",
                {"access_token": token, "name": "Anna", "signature": signature},
            )
            self.assertIn("error", result)
            self._get(
                f"{self.core_path}/decline",
                data={
                    "csrf_token": self._get_csrf_token(),
                    "access_token": token,
                    "decline_message": "no",
                },
            )
            with self.assertRaises(JsonRpcException):
                self.make_jsonrpc_request(
                    f"{self.core_path}/transaction",
                    {
                        "access_token": token,
                        "provider_id": 1,
                        "payment_method_id": 1,
                        "token_id": None,
                        "amount": 1230.0,
                        "flow": "direct",
                        "tokenization_requested": False,
                        "landing_route": "/",
                    },
                )
            self.assertEqual(self._get_traces(), traces, login)

    def test_orders_outside_the_cycle_are_untouched(self):
        order = self._create_order(partner_id=self.anna.id, payment_mode=False)
        order.state = "sent"
        token = order._portal_ensure_token()
        page = self._get(f"/my/orders/{order.id}?access_token={token}")
        self.assertIn(order.name, page.text)
        self._log_in(self._create_portal_user(self.anna).login)
        self.assertIn(order.name, self._get("/my/quotes").text)

    # === STAFF === #

    def test_staff_sees_a_preview_without_forms(self):
        self._log_in(self.user_sales.login)
        traces = self._get_traces()
        for path in (self.path, self.core_path):
            text = self._get_text(self._get(path))
            self.assertIn("Preview.", text)
            self.assertNotIn("Your answer", text)
        self.assertNeutral(self._post("accept"))
        self.assertEqual(self._get_traces(), traces)

    def test_staff_with_the_link_still_cannot_answer(self):
        self._log_in(self.user_sales.login)
        text = self._get_text(self._open())
        self.assertIn("Preview.", text)
        traces = self._get_traces()
        self.assertNeutral(self._post("accept"))
        self.assertEqual(self._get_traces(), traces)

    def test_staff_previews_an_order_without_a_link(self):
        order = self._create_unapproved()
        self._log_in(self.user_sales.login)
        text = self._get_text(self._get(f"/my/orders/{order.id}"))
        self.assertIn("No link has been sent yet.", text)
        self.assertIn("1,230.00", text)

    def test_staff_without_access_to_the_order_sees_nothing(self):
        stranger = new_test_user(
            self.env, login="stranger", groups="sales_team.group_sale_salesman"
        )
        self._log_in(stranger.login)
        self.assertNeutral(self._get(self.path))
