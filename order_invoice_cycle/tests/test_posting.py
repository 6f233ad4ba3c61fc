from datetime import date, timedelta
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import new_test_user

from .common import CycleCommon


class TestPosting(CycleCommon):
    """Drafts of the cycle that core's own buttons post."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user_invoicing = new_test_user(
            cls.env,
            "cycle_posting_invoicing",
            "account.group_account_invoice",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )
        cls.today = cls.company._cycle_today()

    def _create_draft(self, price=1000.0, **values):
        values.setdefault("service_date_start", "2040-01-01")
        lines = [self._create_line(price)]
        return self._draft(
            self._running_order(payment_mode="prepayment", lines=lines, **values)
        )

    def _spoil(self, move):
        move.partner_id = self.customer.copy({"name": "Nowhere", "street": False})

    def _confirm_list(self, moves, user):
        """Press *Confirm* in core's list of invoices."""
        own = moves.with_user(user)
        action = own.action_validate_moves_with_confirmation()
        if action:
            self.env[action["res_model"]].with_user(user).browse(
                action["res_id"]
            ).validate_move()

    def test_red_draft_is_posted_by_no_button_of_core(self):
        red = self._create_draft()
        self._spoil(red)
        for user in (self.user_invoicing, self.user_billing, self.env.user):
            own = red.with_user(user)
            doors = {
                "button": own.action_post,
                "list": lambda user=user: self._confirm_list(red, user),
                "context": own.with_context(cycle_checked=True).action_post,
                "superuser": own.sudo().action_post,
            }
            for name, door in doors.items():
                with (
                    self.subTest(user=user.login, door=name),
                    self.assertRaisesRegex(
                        UserError, "lacks the street[\\s\\S]*To pub"
                    ),
                    self.env.cr.savepoint(),
                ):
                    door()
                red.invalidate_recordset()
                self.assertEqual(red.state, "draft")

    def test_red_draft_stays_when_core_posts_by_itself_and_the_others_go_through(self):
        red, green = self._create_draft(100), self._create_draft(200)
        self._spoil(red)
        (red + green).write({"auto_post": "at_date", "date": self.today})
        self._run_cron("account.move", "_autopost_draft_entries")
        (red + green).invalidate_recordset()
        self.assertEqual((red + green).mapped("state"), ["draft", "posted"])
        self.assertIn("lacks the street", " ".join(red.message_ids.mapped("body")))

    def test_draft_posted_by_core_has_the_dates_of_a_published_invoice(self):
        early, late = self._create_draft(100), self._create_draft(200)
        early.schedule_line_id.sudo().date_due = "2020-01-01"
        early.invoice_date_due = "2020-01-01"
        late.invoice_date_due = "2040-01-08"
        for move in (early, late):
            move.with_user(self.user_invoicing).action_post()
        published = self._create_draft(300)
        published.invoice_date_due = "2020-01-01"
        self._publish(published, today=self.today)
        week = self.today + timedelta(days=7)
        self.assertRecordValues(
            early + late + published,
            [
                {"invoice_date": self.today, "invoice_date_due": week},
                {"invoice_date": self.today, "invoice_date_due": date(2040, 1, 8)},
                {"invoice_date": self.today, "invoice_date_due": week},
            ],
        )
        messages = self.env["cycle.message"].search([("purpose", "=", "invoice")])
        self.assertEqual(messages.mapped("res_id"), published.ids, "only published")

    def test_date_that_a_person_gave_stays_and_there_is_time_to_pay(self):
        move = self._create_draft()
        before = self.today - timedelta(days=30)
        move.write({"invoice_date": before, "invoice_date_due": before})
        move.with_user(self.user_invoicing).action_post()
        self.assertEqual(move.invoice_date, before)
        self.assertEqual(move.invoice_date_due, self.today + timedelta(days=7))

    def test_invoice_posted_again_keeps_its_dates(self):
        move = self._publish(self._create_draft(), today="2020-01-15")
        dates = (move.invoice_date, move.invoice_date_due)
        move.button_draft()
        move.action_post()
        self.assertEqual((move.invoice_date, move.invoice_date_due), dates)

    def test_draft_planned_for_a_later_day_is_left_to_that_day(self):
        move = self._create_draft()
        later = self.today + timedelta(days=10)
        move.write({"auto_post": "at_date", "date": later, "invoice_date": later})
        self._spoil(move)
        move._post(soft=True)
        self.assertEqual(move.state, "draft")

    def test_invoices_outside_the_cycle_are_posted_as_ever(self):
        order = self._create_order(payment_mode=False)
        order.action_confirm()
        move = order._create_invoices()
        self._spoil(move)
        move.with_user(self.user_invoicing).action_post()
        self.assertEqual(move.state, "posted")

    def test_publishing_checks_once(self):
        drafts = self._create_draft(100) + self._create_draft(200)
        with patch.object(
            type(drafts),
            "_get_publish_findings",
            autospec=True,
            side_effect=type(drafts)._get_publish_findings,
        ) as check:
            drafts.with_user(self.user_billing).action_publish("2027-01-15")
        self.assertEqual(drafts.mapped("state"), ["posted", "posted"])
        self.assertEqual(check.call_count, 1)
