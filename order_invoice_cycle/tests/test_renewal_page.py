from datetime import datetime, timedelta

from odoo.exceptions import AccessError
from odoo.tests import new_test_user
from odoo.tools import mute_logger

from .renewal_common import RenewalPageCase


class TestRenewalPage(RenewalPageCase):
    """The customer's page of a renewal: reading changes nothing, a POST refuses."""

    def test_link_opens_the_page_and_leaves_the_address_bar(self):
        response = self._get(self.link)
        self.assertEqual(response.status_code, 200)
        self.assertTrue(response.url.endswith(self.path))
        text = self._get_text(response)
        for part in ("Your order renews", "15 Mar 2027", "15 Apr 2027", "1,230.00"):
            self.assertIn(part, text)
        self.assertEqual(response.headers["Referrer-Policy"], "no-referrer")
        self.assertIn("script-src 'none'", response.headers["Content-Security-Policy"])
        self.assertNotIn(f'value="{self.customer.name}"', response.text)
        self.assertUntouched()

    def test_only_the_fingerprint_of_the_token_is_kept(self):
        token = self.link.rpartition("/")[2]
        self.assertNotIn(token, self.renewal.token_sha256)
        message = self.env["cycle.message"].search([("purpose", "=", "renewal")])
        self.assertNotIn(token, message.body)
        self.assertEqual(self.renewal._find_by_token(token), self.renewal)
        for guess in (token[:-1], "", None, ["x"], "ż" * 30):
            self.assertFalse(self.renewal._find_by_token(guess))

    def test_page_is_closed_to_whoever_has_not_followed_the_link(self):
        for path in (self.path, "/order/renewal/999999", "/order/renewal/x"):
            self.assertEqual(self._get(path).status_code, 404)
        self.assertEqual(self._refuse().status_code, 404)
        self.assertUntouched()

    def test_scanner_that_asks_for_the_head_opens_nothing(self):
        self.env.flush_all()
        self.opener.head(self.base_url() + self.link, allow_redirects=False)
        self.assertEqual(self._get(self.path).status_code, 404)
        self.assertUntouched()

    def test_customer_refuses_and_is_told_what_happens_next(self):
        self._get(self.link)
        text = self._get_text(self._refuse())
        self.assertIn("The renewal was refused", text)
        self.assertIn("14 Apr 2027", text)
        self.assertEqual(self.renewal.state, "refused")
        self.assertEqual(self.renewal.decided_name, "Anna Nowak")
        self.assertTrue(self.renewal.decided_ip)
        self.assertEqual(str(self.order.date_notice_given), "2027-03-01")
        told = self.order.message_ids.filtered(lambda m: "gave notice" in m.body)
        self.assertEqual(told.author_id, self.customer)
        self.assertIn("We move.", "".join(self.order.message_ids.mapped("body")))
        self._renew("2027-05-01")
        self.assertEqual(self.order.term_number, 1)

    def test_refusing_twice_is_harmless(self):
        self._get(self.link)
        self._refuse()
        text = self._get_text(self._refuse(name="Piotr Nowak"))
        self.assertIn("The renewal was refused", text)
        self.assertEqual(self.renewal.decided_name, "Anna Nowak")

    def test_last_day_counts_and_the_day_after_is_too_late(self):
        self._get(self.link)
        text = self._get_text(self._refuse("2027-03-16"))
        self.assertIn("The last day to refuse has passed", text)
        self.assertUntouched()
        self._refuse("2027-03-15")
        self.assertEqual(self.renewal.state, "refused")

    def test_page_says_so_when_it_was_renewed(self):
        self._renew("2027-03-16")
        text = self._get_text(self._get(self.link, "2027-03-20"))
        self.assertIn("The last day to refuse has passed", text)
        self.assertNotIn("Refuse the renewal", text)

    def test_link_is_neutral_when_the_order_was_terminated(self):
        self.order.action_terminate("2027-03-01")
        self.assertEqual(self._get(self.link).status_code, 404)

    def test_form_without_a_name_comes_back_with_what_was_typed(self):
        self._get(self.link)
        response = self._refuse(name=" ")
        self.assertEqual(response.status_code, 422)
        self.assertIn("We move.", response.text)
        self.assertIn("Please give your name", response.text)
        self.assertEqual(self._refuse(website="x").status_code, 422)
        self.assertUntouched()

    def test_reason_is_optional_and_shown_as_text(self):
        self._get(self.link)
        self._refuse(text="")
        self.assertEqual(self.renewal.state, "refused")

    def test_reason_with_html_stays_text(self):
        self._get(self.link)
        self._refuse(text="<script>alert(1)</script>")
        bodies = "".join(self.order.message_ids.mapped("body"))
        self.assertIn("&lt;script&gt;", bodies)
        self.assertNotIn("<script>", bodies)

    @mute_logger("odoo.http")
    def test_form_without_its_token_comes_back_and_can_be_sent(self):
        self._get(self.link)
        response = self._refuse(csrf_token=None)
        self.assertEqual(response.status_code, 400)
        self.assertIn("We move.", response.text)
        self.assertUntouched()
        self._refuse(nonce=self._read_nonce(response))
        self.assertEqual(self.renewal.state, "refused")

    def test_form_with_a_wrong_number_or_too_fast_comes_back(self):
        self._get(self.link)
        used = self._read_nonce(self._get(self.path))
        self._refuse(nonce=used, name="")
        fast = self._read_nonce(self._get(self.path), seconds=0)
        for nonce in (None, "", "x", used, fast):
            response = self._refuse(nonce=nonce)
            self.assertEqual(response.status_code, 422)
            self.assertIn("We move.", response.text)
            self.assertIn("Your answer was not sent.", self._get_text(response))
        self.assertUntouched()

    def test_form_of_another_site_is_refused(self):
        self._get(self.link)
        response = self._refuse(headers={"Sec-Fetch-Site": "cross-site"})
        self.assertEqual(response.status_code, 400)
        self.assertUntouched()

    def test_number_of_a_confirmation_is_none_of_a_renewal(self):
        """Both count their ids from one."""
        self._get(self.link)
        self._get(self.path)
        forms = self._get_session_forms()
        self.assertEqual(list(forms), [f"cycle.renewal,{self.renewal.id}"])

    def test_refusal_is_acknowledged_to_the_customer_once(self):
        self._get(self.link)
        self.outbox.clear()
        self._refuse()
        self._refuse()
        self._send_messages()
        [mail] = self.outbox
        self.assertIn("ends on", mail["Subject"])
        self.assertIn(self.customer.email, mail["To"])
        text = " ".join(mail.get_body(("html",)).get_content().split())
        for part in ("Anna Nowak", "14 Apr 2027", "not renewed"):
            self.assertIn(part, text)

    def test_refusal_is_not_acknowledged_when_the_notice_was_withdrawn(self):
        self._get(self.link)
        self._refuse()
        self.outbox.clear()
        self.order.action_withdraw_notice()
        self._send_messages()
        self.assertFalse(self.outbox)

    def test_address_and_browser_are_erased_when_they_were_kept_long_enough(self):
        self._get(self.link)
        self._refuse()
        self.company.cycle_trace_days = 30
        decided = datetime.combine(self.renewal.date_decided, datetime.min.time())
        now = decided + timedelta(days=900)
        self._run_cron("cycle.confirmation", "_cron_erase_traces", now=now)
        self.assertTrue(self.renewal.decided_ip, "the order runs")
        self.order.action_cancel()
        for days, is_kept in ((30, True), (31, False)):
            now = decided + timedelta(days=days)
            self._run_cron("cycle.confirmation", "_cron_erase_traces", now=now)
            self.assertEqual(bool(self.renewal.decided_ip), is_kept)
            self.assertEqual(bool(self.renewal.decided_user_agent), is_kept)
        self.assertEqual(self.renewal.decided_name, "Anna Nowak")
        with self.assertRaises(AccessError):
            self.renewal.with_user(self.user_sales).read(["decided_ip"])

    def test_login_of_the_customer_may_refuse_and_a_stranger_sees_nothing(self):
        for partner, status in ((self.other_customer, 404), (self.customer, 200)):
            user = new_test_user(
                self.env, login=f"portal_{partner.id}", groups="base.group_portal"
            )
            user.partner_id.parent_id = partner
            self.order.message_subscribe(user.partner_id.ids)
            self.authenticate(user.login, user.login)
            self.assertEqual(self._get(self.path).status_code, status)
        portal = self._get(f"/my/orders/{self.order.id}")
        self.assertIn(f'href="{self.path}"', portal.text)
        self._refuse()
        self.assertEqual(self.renewal.state, "refused")
        self.assertEqual(self.renewal.decided_user_id, user)

    def test_staff_sees_a_preview_without_the_form(self):
        self.authenticate(self.user_sales.login, self.user_sales.login)
        text = self._get_text(self._get(self.path))
        self.assertIn("Preview", text)
        self.assertEqual(self._refuse().status_code, 404)
        self.assertUntouched()
