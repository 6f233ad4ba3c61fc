from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import mute_logger

from .common import CycleCommon
from .recurring_common import RecurringCommon

DRIVER = "odoo.addons.order_invoice_cycle.models.cycle_job_mixin"
FAILURE = "order_invoice_cycle.mail_activity_type_job_failure"
GOOD, POISONS = 49, 20
REASON = "The period is closed."
EARLIER = "2027-02-01"
# What core itself refuses to draft; the rest waits as a draft for a person's eyes.
REFUSED = {"account of another company"}


class PoisonCommon(CycleCommon):
    """Many good records and some bad ones, which come first in every job."""

    def _create_due(self, number, due="2027-03-01", **values):
        """Return one running order with that many payments, all due on a day."""
        lines = [
            Command.create({"name": f"Part {place}", "date_due": due})
            for place in range(number)
        ]
        values.setdefault("lines", [self._create_line(price=100.0 * number)])
        return self._running_order(
            payment_mode="instalments", schedule_line_ids=lines, **values
        )

    @contextmanager
    def _raising(self, model, method, bad, error=None):
        """Let a method fail as soon as one of ``bad`` is among its records."""
        owner = self.registry[model]
        original = getattr(owner, method)

        def act(records, *args, **kwargs):
            if set(records.ids) & set(bad.ids):
                raise error or UserError(REASON)
            return original(records, *args, **kwargs)

        with patch.object(owner, method, act):
            yield

    def _draft_all(self, today="2027-02-25"):
        return self._run_cron(
            "cycle.schedule.line", "_cron_draft_invoices", today=today
        )

    def assertParked(self, records, document=None, error="error", reason=REASON):
        """Each says why, is tried again later, and its owner has one task."""
        for record in records:
            self.assertIn(reason, record[error])
            own = document(record) if document else record
            self.assertEqual(len(own.activity_search([FAILURE])), 1, own.display_name)


class TestPoison(PoisonCommon):
    """One bad record of fifty never stops, delays or hides the others."""

    # === DRAFTING === #

    @mute_logger(DRIVER)
    def test_one_bad_payment_of_fifty_is_parked_and_the_others_are_drafted(self):
        good, bad = self._create_due(GOOD), self._create_due(1, EARLIER)
        for error in (UserError(REASON), ValueError(REASON)):
            with (
                self.subTest(error=error),
                self._raising("sale.order", "_prepare_invoice", bad, error),
            ):
                self._draft_all()
            self.assertParked(bad.schedule_line_ids, lambda line: line.order_id)
            bad.schedule_line_ids.sudo().retry_at = False
        self.assertEqual(set(good.schedule_line_ids.mapped("state")), {"drafted"})
        self.assertEqual(bad.schedule_line_ids.state, "planned")
        self._draft_all()
        self.assertEqual(bad.schedule_line_ids.state, "drafted")
        self.assertFalse(bad.schedule_line_ids.error)
        self.assertFalse(bad.activity_search([FAILURE]))

    @mute_logger(DRIVER)
    def test_what_is_really_wrong_with_an_order_never_stops_the_others(self):
        good = self._create_due(GOOD)
        for kind, spoil in {
            "archived customer": self._archive_customer,
            "archived product": self._archive_product,
            "account of another company": self._take_account_away,
            "nothing to pay": self._give_away,
        }.items():
            with self.subTest(kind=kind):
                bad = self._create_spoilt(kind)
                spoil(bad)
                self._draft_all()
                line = bad.schedule_line_ids
                if line.state == "planned":
                    self.assertTrue(line.error)
                    self.assertEqual(len(bad.activity_search([FAILURE])), 1)
                self.assertEqual(bool(line.invoice_id), line.state == "drafted")
                self.assertEqual(line.state == "planned", kind in REFUSED, kind)
        self.assertEqual(set(good.schedule_line_ids.mapped("state")), {"drafted"})

    def _create_spoilt(self, kind):
        product = self._create_product(name=kind, type="service", taxes_id=False)
        customer = self.customer.copy({"name": kind})
        price = 0.0 if kind == "nothing to pay" else 1000.0
        lines = [self._create_line(price, product_id=product.id)]
        return self._create_due(1, lines=lines, partner_id=customer.id)

    def _archive_customer(self, order):
        order.partner_id.active = False

    def _archive_product(self, order):
        order.order_line.product_id.active = False

    def _take_account_away(self, order):
        other = self.setup_other_company(name="Other")["default_account_revenue"]
        order.order_line.product_id.property_account_income_id = other

    def _give_away(self, order):
        self.assertFalse(order.amount_total)

    @mute_logger(DRIVER)
    def test_twenty_bad_payments_do_not_starve_the_rest(self):
        good = self._create_due(GOOD)
        bad = self._create_due(POISONS, EARLIER)
        progress = self.registry["ir.cron"]
        with (
            self._raising("sale.order", "_prepare_invoice", bad),
            # Every run is cut off after its first batch.
            patch.object(progress, "_commit_progress", lambda *_args, **_kwargs: 0),
        ):
            for _run in range(2):
                self._draft_all()
        self.assertParked(bad.schedule_line_ids, lambda line: line.order_id)
        self.assertEqual(set(good.schedule_line_ids.mapped("state")), {"drafted"})
        self.assertEqual(len(bad.activity_search([FAILURE])), 1)

    # === PUBLISHING AND ITS MESSAGES === #

    @mute_logger(DRIVER)
    def test_one_bad_draft_and_one_bad_message_of_fifty_stay_behind_alone(self):
        moves = self._draft(self._create_due(GOOD + 1), today="2027-02-25")
        bad, unsent = moves[0], moves[1]
        moves.sudo().cycle_publisher_id = self.user_billing
        with self._raising("account.move", "_post", bad):
            for _run in range(2):
                self._run_cron(
                    "account.move", "_cron_publish_invoices", today="2027-02-25"
                )
        self.assertParked(bad, error="cycle_error")
        self.assertEqual(set((moves - bad).mapped("state")), {"posted"})
        self.assertEqual(bad.state, "draft")
        self._print_blank()
        with self._raising("account.move", "_cycle_message_attachments", unsent):
            self._send_messages()
        messages = self.env["cycle.message"].search([("purpose", "=", "invoice")])
        failed = messages.filtered(lambda message: message.state == "failed")
        self.assertEqual(failed.res_id, unsent.id)
        self.assertEqual(set((messages - failed).mapped("state")), {"sent"})
        self.assertIn(REASON, failed.failure_reason)
        self.assertEqual(len(failed.activity_search([FAILURE])), 1)


class TestPoisonRenewal(PoisonCommon, RecurringCommon):
    @mute_logger(DRIVER)
    def test_one_bad_renewal_is_parked_and_the_others_are_renewed(self):
        orders = self.env["sale.order"].union(*(self._running() for _order in range(6)))
        bad = orders[0]
        today = orders[0].date_renewal
        with (
            self._raising("sale.order", "_renew_terms", bad),
        ):
            self._renew(today)
            self._renew(today)
        self.assertParked(bad, error="cycle_error")
        self.assertEqual(bad.term_number, 1)
        self.assertEqual(set((orders - bad).mapped("term_number")), {2})
        bad.sudo().cycle_retry_at = False
        self._renew(today)
        self.assertEqual(bad.term_number, 2)
        self.assertFalse(bad.cycle_error or bad.activity_search([FAILURE]))
