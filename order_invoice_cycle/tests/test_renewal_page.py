import re
from unittest.mock import patch

from lxml import html

from odoo import fields
from odoo.http import Request
from odoo.tests import new_test_user

from ..models.res_company import ResCompany
from .common import CycleHttpCase
from .recurring_common import RecurringCommon


class TestRenewalPage(RecurringCommon, CycleHttpCase):
    """The customer's page of a renewal: reading changes nothing, a POST refuses.

    Notice by 15 March 2027.
    """

    def setUp(self):
        super().setUp()
        self.order = self._running()
        self._renew("2027-02-13")
        self.outbox.clear()
        self._send_messages()
        self.renewal = self.order.renewal_ids
        (mail,) = [mail for mail in self.outbox if "renews on" in mail["Subject"]]
        body = mail.get_body(("html",)).get_content()
        self.link = re.search(r"/order/renewal/link/[\w-]+", body).group()
        self.path = f"/order/renewal/{self.renewal.id}"
        self._new_session()

    def _new_session(self):
        self.opener.cookies.clear()
        self.authenticate(None, None)

    def _get(self, path, today="2027-03-01", **kwargs):
        self.env.flush_all()
        day = fields.Date.to_date(today)
        with patch.object(ResCompany, "_cycle_today", lambda company: day):
            response = self.url_open(path, **kwargs)
        self.env.invalidate_all()
        return response

    def _refuse(self, today="2027-03-01", **form):
        values = {
            "csrf_token": Request.csrf_token(self),
            "name": "Anna Nowak",
            "website": "",
            "text": "We move.",
            **form,
        }
        return self._get(
            f"{self.path}/refuse",
            today,
            data={key: value for key, value in values.items() if value is not None},
        )

    def _get_text(self, response):
        root = html.fromstring(response.content)
        return " ".join(root.text_content().split())

    def assertUntouched(self):
        self.assertEqual(self.renewal.state, "announced")
        self.assertFalse(self.order.date_notice_given)

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

    def test_form_without_its_token_changes_nothing(self):
        self._get(self.link)
        self.assertEqual(self._refuse(csrf_token=None).status_code, 400)
        self.assertUntouched()

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
