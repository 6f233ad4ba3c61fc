from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tools import SQL, mute_logger

from .evidence_common import EvidenceCommon

NOW = fields.Datetime.to_datetime("2027-03-01 10:00:00")


class TestHealth(EvidenceCommon):
    """The daily control names what was not done, to managers, once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parameters = cls.env["ir.config_parameter"].sudo()
        parameters.set_param("web.base.url.freeze", "True")
        cls._run_all_jobs_at(NOW)

    @classmethod
    def _run_all_jobs_at(cls, moment):
        """Let every scheduled action look as if it had just run."""
        crons = cls.env["cycle.health"]._get_crons()
        cls.env.flush_all()
        cls.env.cr.execute(
            SQL(
                "UPDATE ir_cron SET lastcall = %s, failure_count = 0, active = TRUE "
                "WHERE id IN %s",
                moment,
                crons._ids,
            )
        )
        cls.env.invalidate_all()

    def _control(self, **after):
        """Run the daily control so long after NOW; return what managers were told."""
        now = NOW + timedelta(**after)
        messages = self.env["mail.message"]
        before = messages.search([], order="id desc", limit=1).id or 0
        self._run_all_jobs_at(now)
        self._run_cron("cycle.health", "_cron_daily_control", now=now)
        told = messages.search(
            [
                ("id", ">", before),
                ("partner_ids", "in", self.user_manager.partner_id.ids),
            ]
        )
        return [message.body for message in told]

    def _get(self, key, company=None):
        company = self.company if company is None else company
        return self.env["cycle.health"].search(
            [("key", "=", key), ("company_id", "=", company and company.id)]
        )

    def test_nothing_is_told_when_everything_was_done(self):
        self.assertEqual(self._control(), [])
        checks = self.env["cycle.health"].search([])
        self.assertNotIn("unknown", checks.mapped("state"))
        own = checks.filtered(lambda check: check.company_id == self.company)
        self.assertEqual(set(own.mapped("state")), {"good"})

    def test_managers_are_told_once_about_a_difference(self):
        order = self._running_order(plan="instalments_12")
        told = self._control()
        self.assertEqual(len(told), 1)
        self.assertIn(order.name, told[0])
        self.assertIn("Invoices drafted in time", told[0])
        self.assertEqual(self._get("drafts").state, "problem")
        self.assertEqual(self._get("drafts").date_since, NOW)
        self.assertEqual(self._control(hours=1), [])
        self.assertEqual(self._control(days=1), [])
        self.assertEqual(self._get("drafts").date_since, NOW)

    def test_managers_are_told_again_about_what_is_new(self):
        old = self._running_order(plan="instalments_12")
        self._control()
        new = self._running_order(plan="instalments_12")
        told = self._control(days=1)
        self.assertEqual(len(told), 1)
        self.assertIn(new.name, told[0])
        self.assertNotIn(old.name, told[0])

    def test_difference_is_good_again_when_it_was_mended(self):
        order = self._running_order(plan="instalments_12")
        self._control()
        self._draft(order, today="2027-03-02")
        self._control(days=1)
        self.assertEqual(self._get("drafts").state, "good")
        self.assertFalse(self._get("drafts").detail)

    def test_missed_work_of_every_kind_is_named(self):
        order = self._offer()
        order.confirmation_ids.sudo().write(
            {
                "date_sent": NOW - timedelta(days=40),
                "date_expiry": NOW - timedelta(days=10),
            }
        )
        recurring = self._running_order(plan="monthly", service_date_start="2026-03-01")
        move = self._publish(self._draft(self._running_order(plan="advance")))
        move.line_ids.sudo().filtered("date_maturity").date_maturity = "2027-01-20"
        self._control()
        for key, name in {
            "links": order.name,
            "renewals": recurring.name,
            "reminders": move.name,
        }.items():
            with self.subTest(key):
                self.assertEqual(self._get(key).state, "problem")
                self.assertIn(name, self._get(key).detail)

    def test_evidence_that_was_changed_is_named(self):
        confirmation = self._create_chain()
        event = confirmation.event_ids.sorted("sequence")[1]
        self._tamper(self._set_column(event, "name", "Somebody else"))
        told = self._control()
        self.assertIn(confirmation.order_id.name, self._get("evidence").detail)
        self.assertIn("event 2", self._get("evidence").detail)
        self.assertIn("Evidence untouched", told[0])

    def test_jobs_that_do_not_run_are_named(self):
        checks = self.env["cycle.health"].sudo()
        cron = self.env.ref("order_invoice_cycle.ir_cron_send_messages").sudo()
        for column, value, words in (
            ("active", False, "is switched off"),
            ("failure_count", 3, "failed 3 times"),
            ("lastcall", NOW - timedelta(hours=27), "has not run since"),
        ):
            self._run_all_jobs_at(NOW)
            self.assertFalse(checks._find_jobs(self.company, NOW).differences)
            self.env.cr.execute(self._set_column(cron, column, value))
            self.env.invalidate_all()
            found = checks._find_jobs(self.company, NOW).differences
            with self.subTest(column):
                self.assertEqual(list(found), [str(cron.id)])
                self.assertIn(words, found[str(cron.id)])

    def test_address_of_links_that_is_not_fixed_is_named(self):
        self.env["ir.config_parameter"].sudo().set_param("web.base.url.freeze", False)
        self._control()
        check = self._get("base_url", company=False)
        self.assertEqual(check.state, "problem")
        self.assertIn("web.base.url.freeze", check.advice)

    def test_old_python_is_a_hint(self):
        judge = self.env["cycle.health"]._judge_python
        for version, is_good in {
            (3, 11, 14): False,
            (3, 11, 15): True,
            (3, 12, 12): False,
            (3, 13, 12): True,
            (3, 14, 0): True,
        }.items():
            self.assertEqual(not judge(version).differences, is_good, version)
        self.assertTrue(judge((3, 11, 1)).is_hint)

    def test_check_that_fails_is_a_problem_and_stops_no_other(self):
        def fail(checks, company, now):
            raise ValueError("broken check")

        self.patch(type(self.env["cycle.health"]), "_find_drafts", fail)
        with mute_logger("odoo.addons.order_invoice_cycle.models.cycle_health"):
            told = self._control()
        self.assertIn("broken check", self._get("drafts").detail)
        self.assertEqual(self._get("evidence").state, "good")
        self.assertIn("broken check", told[0])

    def test_manager_checks_at_once_and_nobody_else(self):
        checks = self.env["cycle.health"]
        for user in (self.user_sales, self.user_billing):
            with self.assertRaisesRegex(AccessError, "Only a manager"):
                checks.with_user(user).action_check_now()
        checks.with_user(self.user_manager).action_check_now()
        self.assertEqual(self._get("evidence").state, "good")
        self._running_order(plan="instalments_12")
        checks.with_user(self.user_manager).action_check_now()
        action = self._get("messages").action_view_records()
        self.assertEqual(action["view_mode"], "list,form")
