import logging
import time
from datetime import timedelta

from odoo import fields
from odoo.http import root
from odoo.tests import tagged
from odoo.tools import mute_logger

from .confirmation_common import ConfirmationPageCase

_logger = logging.getLogger(__name__)

MIN_SECONDS = "order_invoice_cycle.min_seconds_to_answer"


@tagged("post_install", "-at_install")
class TestPageForm(ConfirmationPageCase):
    """A form is taken once, from the session and the page it was made for."""

    def setUp(self):
        super().setUp()
        self._open()

    def _check_given_back(self, status, action="comment", **form):
        """Nothing changes, and the page holds what was typed."""
        traces = self._get_traces()
        typed = {"name": "Anna & Co", "text": "Later <please>"}
        response = self._post(action, **{**typed, **form})
        self.assertEqual(response.status_code, status, form)
        self.assertSecured(response)
        self.assertIn('value="Anna &amp; Co"', response.text)
        if action in ("comment", "decline"):
            self.assertIn("Later &lt;please&gt;", response.text)
        self.assertIn("Your answer was not sent.", self._get_text(response))
        self.assertEqual(self._get_traces(), traces)
        return response

    # === TOKEN AGAINST FOREIGN SITES === #

    @mute_logger("odoo.http")
    def test_form_without_its_token_comes_back_with_what_was_typed(self):
        other = root.session_store.new()
        root.session_store.save(other)
        session, self.session = self.session, other
        foreign = self._get_csrf_token()
        self.session = session
        expired = "0" * 40 + f"o{int(time.time()) - 60}"
        tokens = (None, "", "x", "ż", foreign, expired, "0" * 40 + "o9999999999")
        actions = ("accept", "comment", "decline", "code")
        for token in tokens:
            for action in actions:
                self._check_given_back(400, action, csrf_token=token)
        _logger.info(
            "%s forms without their token, or with a wrong one: all given back, 0 "
            "changes",
            len(tokens) * len(actions),
        )

    @mute_logger("odoo.http")
    def test_form_given_back_can_be_sent(self):
        page = self._check_given_back(400, csrf_token=None)
        response = self._post("comment", nonce=self._read_nonce(page))
        self.assertEqual(response.status_code, 303)
        self.assertEqual(self.order.cycle_stage, "changes_requested")

    @mute_logger("odoo.http")
    def test_form_without_token_and_session_is_the_neutral_page(self):
        self._new_session()
        for token in (None, "x"):
            response = self._post("accept", csrf_token=token)
            self.assertNeutral(response, 400)

    def test_form_of_another_site_is_refused(self):
        traces = self._get_traces()
        for site in ("cross-site", "same-site", "nonsense"):
            response = self._post("accept", headers={"Sec-Fetch-Site": site})
            self.assertNeutral(response, 400)
        self.assertEqual(self._get_traces(), traces)
        self._post("accept", headers={"Sec-Fetch-Site": "same-origin"})
        self.assertEqual(self.order.state, "sale")

    # === NUMBER OF THE FORM === #

    def test_form_with_a_wrong_number_comes_back(self):
        used = self._get_nonce()
        self._post("comment", nonce=used, name="")
        for nonce in (None, "", "x", used, "ż" * 5000):
            self._check_given_back(422, nonce=nonce)

    def test_form_of_another_session_comes_back(self):
        nonce = self._get_nonce()
        self._new_session()
        self._open()
        self._check_given_back(422, nonce=nonce)

    def test_form_of_another_link_comes_back(self):
        other = self._get_confirmation(self.piotr)
        self._open(self.piotr)
        nonce = self._get_nonce(f"/order/review/{other.id}")
        self._check_given_back(422, nonce=nonce)

    def test_form_sent_too_fast_comes_back_until_a_person_would_be_done(self):
        # In hours, for a busy machine takes a second for a page.
        self.env["ir.config_parameter"].sudo().set_param(MIN_SECONDS, "7200")
        page = self._check_given_back(422, nonce=self._get_nonce(seconds=3600))
        page = self._check_given_back(422, nonce=self._read_nonce(page, seconds=0))
        response = self._post("comment", nonce=self._read_nonce(page, seconds=7200))
        self.assertEqual(response.status_code, 303)

    def test_seconds_to_answer_are_a_parameter(self):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param(MIN_SECONDS, "no number")
        self._check_given_back(422, nonce=self._get_nonce(seconds=1))
        parameters.set_param(MIN_SECONDS, "0")
        self._post("accept", nonce=self._get_nonce(seconds=0))
        self.assertEqual(self.order.state, "sale")

    def test_session_does_not_grow_with_the_pages_it_sees(self):
        for _page in range(12):
            self._get(self.path)
        forms = root.session_store.get(self.session.sid)["cycle_forms"]
        self.assertEqual([len(form) for form in forms.values()], [10])

    # === LATE ANSWERS === #

    def test_text_typed_for_a_changed_offer_is_given_back(self):
        nonce = self._get_nonce()
        self.order.order_line.price_unit = 2000.0
        response = self._post("comment", nonce=nonce, text="My long text")
        self.assertEqual(response.status_code, 409)
        self.assertIn("My long text", self._get_text(response))

    def test_text_typed_for_an_expired_offer_is_given_back(self):
        nonce = self._get_nonce()
        yesterday = fields.Datetime.now() - timedelta(days=1)
        self.confirmation.sudo().date_expiry = yesterday
        traces = self._get_traces()
        response = self._post("comment", nonce=nonce, text="My long text")
        self.assertEqual(response.status_code, 409)
        text = self._get_text(response)
        self.assertIn("This offer has expired", text)
        self.assertIn("My long text", text)
        self.assertNotIn("1,230", text)
        self.assertEqual(self._get_traces(), traces)

    def test_name_of_a_company_is_not_offered_as_that_of_a_person(self):
        order = self._approve(self._create_order())
        self._send_messages()
        page = self._get(self._get_link(self.customer, order)).text
        self.assertIn("Nowak Sp. z o.o.", page)
        self.assertNotIn('value="Nowak', page)
