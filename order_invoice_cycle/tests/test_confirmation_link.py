import logging
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.tests import tagged

from ..models.cycle_link_miss import LIMIT
from .confirmation_common import ConfirmationPageCase
from .link_common import LinkCommon

LOGGER = "odoo.addons.order_invoice_cycle.controllers.visitor"


@tagged("post_install", "-at_install")
class TestLinkMiss(ConfirmationPageCase):
    """Who guesses links is stopped, and nobody else."""

    def _guess(self, token="x" * 43):
        return self._get(f"/order/confirm/{token}", allow_redirects=False)

    def test_guessing_is_stopped_after_the_limit_with_the_same_page(self):
        self._stay_in_one_window()
        with self.assertLogs(LOGGER, logging.INFO) as logs:
            answers = [self._guess() for _guess in range(LIMIT + 3)]
        statuses = [answer.status_code for answer in answers]
        self.assertEqual(statuses, [404] * LIMIT + [429] * 3)
        self.assertEqual(len({answer.content for answer in answers}), 1)
        for answer in answers:
            self.assertSecured(answer)
        self.assertEqual(len(logs.output), LIMIT + 3)
        self.assertIn("127.0.0.0/24", logs.output[0])
        self.assertIn("too often", logs.output[-1])
        self.assertNotIn("xxx", "".join(logs.output))

    def test_good_link_opens_while_others_guess(self):
        self._stay_in_one_window()
        for _guess in range(LIMIT + 1):
            last = self._guess()
        self.assertEqual(last.status_code, 429)
        response = self._get(self._get_link(self.anna), allow_redirects=False)
        self.assertEqual(response.status_code, 303)

    def test_networks_and_windows_are_counted_apart(self):
        misses = self.env["cycle.link.miss"]
        now = fields.Datetime.to_datetime("2027-01-15 10:02:00")
        for _miss in range(LIMIT):
            self.assertFalse(misses._is_over_limit("192.0.2.0/24", now))
        self.assertTrue(misses._is_over_limit("192.0.2.0/24", now))
        self.assertFalse(misses._is_over_limit("198.51.100.0/24", now))
        later = now + timedelta(minutes=2, seconds=59)
        self.assertTrue(misses._is_over_limit("192.0.2.0/24", later))
        later = now + timedelta(minutes=3)
        self.assertFalse(misses._is_over_limit("192.0.2.0/24", later))

    def test_misses_that_cannot_be_counted_are_too_many(self):
        misses = self.env["cycle.link.miss"]
        now = fields.Datetime.now()
        failures = [SerializationFailure(), SerializationFailure(), 1]
        with patch.object(type(misses), "_count", side_effect=failures):
            self.assertFalse(misses._is_over_limit("192.0.2.0/24", now))
        with patch.object(type(misses), "_count", side_effect=SerializationFailure()):
            self.assertTrue(misses._is_over_limit("192.0.2.0/24", now))

    def test_old_misses_are_forgotten(self):
        misses = self.env["cycle.link.miss"].sudo()
        now = fields.Datetime.now()
        for age in (timedelta(days=2), timedelta(0)):
            misses._is_over_limit("192.0.2.0/24", now - age)
        self.env.invalidate_all()
        misses._gc_misses()
        left = misses.search([("network", "=", "192.0.2.0/24")])
        self.assertEqual(len(left), 1)
        self.assertGreater(left.date_start, now - timedelta(minutes=6))


class TestLinkInDoubt(LinkCommon):
    """A link works as soon as somebody has it, whatever the mail server said."""

    def setUp(self):
        super().setUp()
        self.order = self._offer()
        self.confirmation = self.order.confirmation_ids.sudo()
        self.message = self.env["cycle.message"].search(
            [("purpose", "=", "confirmation"), ("res_id", "=", self.confirmation.id)]
        )
        self.confirmation.write({"state": "pending", "date_sent": False})

    def _set_message(self, state):
        self.message.sudo().write({"state": state, "date_sent": False})

    def test_link_in_doubt_opens(self):
        for state in ("sending", "uncertain"):
            self._set_message(state)
            link = self._find(self._get_token(self.outbox[0]))
            self.assertEqual(link, self.confirmation)
            self.assertTrue(link._is_open())
            self.assertEqual(link._get_page_state(), "open")
            self.assertTrue(link._shows_terms())

    def _check_answer_settles(self, state):
        self._set_message(state)
        answer = self.confirmation._confirm(self.order.terms_hash, "Jan Nowak")
        self.assertEqual(answer, "done")
        self.assertEqual(self.order.state, "sale")
        self.assertEqual(self.message.state, "sent")
        self.assertEqual(self.confirmation.date_sent, self.message.date_claimed)
        self.assertEqual(self._events(self.order), ["sent", "sent", "confirmed"])

    def test_answer_settles_that_a_mail_in_doubt_arrived(self):
        self._check_answer_settles("uncertain")

    def test_answer_settles_that_a_mail_being_sent_arrived(self):
        self._check_answer_settles("sending")

    def test_comments_and_refusals_by_a_link_in_doubt_are_taken(self):
        self._set_message("uncertain")
        answer = self.confirmation._comment(self.order.terms_hash, "Jan", "Cheaper")
        self.assertEqual(answer, "done")
        self.assertEqual(self.confirmation.state, "commented")

    def test_link_in_doubt_expires(self):
        self._set_message("uncertain")
        self.assertTrue(self.confirmation.date_expiry)
        self.confirmation.date_expiry = fields.Datetime.now() - timedelta(seconds=1)
        self.assertFalse(self.confirmation._is_open())

    def test_link_that_never_went_out_does_not_open(self):
        self.confirmation.token_sha256 = False
        self.assertFalse(self.confirmation._is_open())
        self.assertEqual(self.confirmation._get_page_state(), "closed")
        answer = self.confirmation._confirm(self.order.terms_hash, "Jan Nowak")
        self.assertEqual(answer, "closed")

    def test_link_that_waits_to_be_sent_has_no_end_yet(self):
        order = self._approve(self._create_order())
        self.assertFalse(order.confirmation_ids.date_expiry)
