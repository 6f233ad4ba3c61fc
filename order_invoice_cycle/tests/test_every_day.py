import calendar
import logging
import random
from collections import Counter
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import fields
from odoo.fields import Command
from odoo.tools import mute_logger

from .common import CycleCommon
from .many_rows import ManyRows
from .seeds import IS_FULL, SEED, get_progress_logger

_logger = logging.getLogger(__name__)
_progress = get_progress_logger(__name__)

# With a leap day, and the days on which all three zones change their clocks. A tenth
# of the schedules' days: the outages and the terms need their time.
FIRST_DAY = date(2027, 12, 1) if IS_FULL else date(2028, 1, 20)
DAYS, SCHEDULES = (400, 200) if IS_FULL else (100, 80)
ZONES = ["Europe/Warsaw", "Pacific/Auckland", "America/Los_Angeles"]
LEAD, MIN_PAYMENT, GRACE = 7, 7, 7
LEVELS = [7, 14, 21]


class ModelPayment:
    """What has to happen to one payment: the rules, written a second time.

    It knows nothing of the addon; it is asked once for each run of the jobs.
    """

    def __init__(self, company, planned):
        self.company = company
        self.planned = planned
        self.due = self.paid = self.disputed = self.last = None
        self.not_before = date.min
        self.paused = self.reached = 0
        self.is_drafted = False

    def draft(self, today):
        """Tell whether this run drafts it."""
        is_now = not self.is_drafted and today >= self.planned - timedelta(LEAD)
        self.is_drafted |= is_now
        return is_now

    def publish(self, today):
        self.due = max(self.planned, today + timedelta(MIN_PAYMENT))

    def remind(self, today):
        """Tell whether this run sends the next level."""
        if not self.due or self.paid or self.disputed or self.reached == len(LEVELS):
            return False
        late = (today - self.due).days - self.paused
        gap = LEVELS[self.reached] - (LEVELS[self.reached - 1] if self.reached else 0)
        if today < self.not_before or late < LEVELS[self.reached]:
            return False
        if self.last and (today - self.last).days < gap:
            return False
        self.last = today
        self.reached += 1
        return True

    def resolve(self, today):
        self.paused += max((today - max(self.disputed, self.due)).days, 0)
        self.not_before = today + timedelta(GRACE)
        self.disputed = None


class TestEveryDay(ManyRows, CycleCommon):
    """The jobs, day by day, with outages and wrong clocks, against a model."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.random = random.Random(SEED)
        cls.figures = Counter()
        cls.zones = {}
        # Nobody asks for approvals here.
        cls.env["cycle.approval.rule"].search([]).active = False
        cls.companies = cls.company
        for number in (2, 3):
            name = f"Service company {number}"
            cls.companies |= cls.setup_other_company(name=name)["company"]
        cls.env.user.company_ids |= cls.companies
        for company, zone in zip(cls.companies, ZONES, strict=True):
            company.partner_id.tz = zone
            cls.zones[company] = ZoneInfo(zone)
            company.email = "office@service.example"
            company.vat = "PL5260250995"

    def setUp(self):
        super().setUp()
        self.now = datetime.combine(FIRST_DAY, time(0))
        self.patch(fields.Datetime, "now", lambda *_args: self.now)
        events = type(self.env["cycle.confirmation.event"])
        self.patch(events, "_get_time", lambda *_args: self.now)
        self._print_blank()

    # === THE WORLD === #

    def _create_running_orders(self):
        """Return the orders and, for each, the due dates that were agreed.

        Those of a recurring order go on, term after term, as nobody gives notice.
        """
        agreed = {}
        for number in range(SCHEDULES):
            company = self.companies[number % len(self.companies)]
            values, dues = self._choose_schedule()
            order = (
                self.env["sale.order"]
                .with_company(company)
                .create(
                    {
                        "company_id": company.id,
                        "partner_id": (self.customer | self.other_customer)[
                            number % 2
                        ].id,
                        "order_line": [
                            self._create_line(
                                price=900.0, taxes=self.env["account.tax"]
                            )
                        ],
                        **values,
                    }
                )
            )
            agreed[order] = dues
            order.action_submit_for_approval()
        orders = self.env["sale.order"].union(*agreed)
        self._send_messages()
        for order in orders:
            link = order.sudo().confirmation_ids
            self.assertEqual(link._confirm(order.terms_hash, "Jan Nowak"), "done")
        return agreed

    def _choose_schedule(self):
        """Return the values of an order and its due dates, by simple calendar rules."""
        anchor = FIRST_DAY + timedelta(self.random.randint(0, 40))
        if self.random.random() < 0.5:
            anchor = anchor.replace(day=self._get_last_day(anchor.year, anchor.month))
        if self.random.random() < 0.5:
            days = sorted(self.random.sample(range(DAYS), self.random.randint(2, 6)))
            dues = [FIRST_DAY + timedelta(day) for day in days]
            lines = [
                Command.create({"name": "Part", "amount_type": "rest", "date_due": day})
                for day in dues
            ]
            return {"payment_mode": "instalments", "schedule_line_ids": lines}, dues
        months = self.random.choice([1, 1, 3])
        in_advance = self.random.random() < 0.5
        is_renewed = self.random.random() < 0.7
        count = DAYS // 31 // months + 1
        starts = [self._add_months(anchor, n * months) for n in range(count + 1)]
        dues = starts[:-1]
        if not in_advance:
            dues = [day - timedelta(1) for day in starts[1:]]
        return {
            "payment_mode": "recurring",
            "service_date_start": anchor,
            "recurrence_interval": months,
            "recurrence_unit": "month",
            "recurrence_count": self.random.choice([1, 2]) if is_renewed else count,
            "recurrence_in_advance": in_advance,
            "auto_renew": is_renewed,
        }, dues

    def _add_months(self, day, months):
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        last = self._get_last_day(year, month + 1)
        return date(year, month + 1, min(day.day, last))

    def _get_last_day(self, year, month):
        return calendar.monthrange(year, month)[1]

    # === TIME === #

    def _get_moments(self):
        """Yield (moment, whether the jobs run): moments of each day, oldest first."""
        outage = 0
        for number in range(DAYS):
            day = FIRST_DAY + timedelta(number)
            outage = max(outage - 1, 0)
            if not outage and self.random.random() < 0.02:
                outage = self.random.randint(1, 10)
            runs = 0 if outage else self.random.choice([0, 1, 1, 1, 2, 3])
            for minute in sorted(self.random.sample(range(24 * 60), runs)):
                yield datetime.combine(day, time(0)) + timedelta(minutes=minute), True
            if runs and self.random.random() < 0.05:
                # Somebody sets the clock back for a run.
                back = day - timedelta(self.random.randint(1, 30))
                yield datetime.combine(back, time(12)), True
            yield datetime.combine(day, time(23, 59)), False

    def _get_today(self, company):
        """Return the company's day, by the standard library's calendar."""
        now = self.now.replace(tzinfo=ZoneInfo("UTC"))
        return now.astimezone(self.zones[company]).date()

    # === THE TEST === #

    @mute_logger("odoo.models.unlink")
    def test_jobs_do_what_the_rules_say_on_every_day(self):
        agreed = self._create_running_orders()
        models = {}
        self._follow(agreed, models)
        for order, dues in agreed.items():
            if not order.auto_renew:
                self.assertEqual(len(order.schedule_line_ids), len(dues))
        for moment, is_run in self._get_moments():
            self.now = moment
            if is_run:
                self._run_cron("cycle.schedule.line", "_cron_renew_terms")
                self._follow(agreed, models)
                self._run_jobs(models)
            else:
                self._live(models)
        for what in ("drafts", "reminders", "renewed payments"):
            self.assertTrue(self.figures[what], what)
        figures = {"days": DAYS, "schedules": SCHEDULES, **self.figures}
        _logger.info("Day by day, CYCLE_TEST_SEED=%s: %s", SEED, figures)

    def _follow(self, agreed, models):
        """Have a model of each payment: those that a renewal planned come on time."""
        for order, dues in agreed.items():
            lines = order.schedule_line_ids.sorted("date_due")
            self.assertEqual(lines.mapped("date_due")[: len(dues)], dues[: len(lines)])
            today = self._get_today(order.company_id)
            late = [day for day in dues[len(lines) :] if day <= today + timedelta(LEAD)]
            self.assertFalse(late, order.name)
            for line in lines:
                if line not in models:
                    models[line] = ModelPayment(order.company_id, line.date_due)
                    self.figures["renewed payments"] += line.term_number > 2

    def _run_jobs(self, models):
        """Run the jobs once; they do what the model says, neither more nor less."""
        self.figures["runs"] += 1
        days = {company: self._get_today(company) for company in self.companies}
        expected = {
            (line.id, model.reached)
            for line, model in models.items()
            if model.remind(days[model.company])
        }
        before = self._get_reminders()
        self._run_cron("cycle.reminder", "_cron_send_reminders")
        self._send_messages()
        self.assertEqual(self._get_reminders() - before, Counter(expected), self.now)
        self.figures["reminders"] += len(expected)
        expected = {
            line.id for line, one in models.items() if one.draft(days[one.company])
        }
        before = self._get_drafted()
        self._run_cron("cycle.schedule.line", "_cron_draft_invoices")
        self.assertEqual(self._get_drafted() - before, Counter(expected), self.now)
        self.figures["drafts"] += len(expected)

    def _get_drafted(self):
        """Return how many invoices each payment has."""
        self.env.cr.execute(
            "SELECT schedule_line_id FROM account_move WHERE schedule_line_id > 0"
            " AND move_type = 'out_invoice'"
        )
        return Counter(line for (line,) in self.env.cr.fetchall())

    def _get_reminders(self):
        """Return how often each level went out for each payment."""
        self.env.cr.execute(
            """
            SELECT move.schedule_line_id, level.sequence
            FROM cycle_reminder reminder
            JOIN account_move move ON move.id = reminder.move_id
            JOIN cycle_reminder_level level ON level.id = reminder.level_id
            WHERE reminder.state = 'sent'
            """
        )
        return Counter((line, sequence) for line, sequence in self.env.cr.fetchall())

    # === PEOPLE, AT THE END OF THE DAY === #

    def _live(self, models):
        """Publish some drafts; customers pay, dispute, or do nothing."""
        _progress.info("The end of %s", self.now.date())
        self.env.invalidate_all()
        days = {company: self._get_today(company) for company in self.companies}
        drafts = self.env["account.move"].search(
            [("schedule_line_id", "!=", False), ("state", "=", "draft")]
        )
        drafts = drafts.filtered(lambda move: self.random.random() < 0.7)
        for company, moves in drafts.grouped("company_id").items():
            moves.with_company(company).action_publish(today=days[company])
            for move in moves:
                model = models[move.schedule_line_id]
                model.publish(days[company])
                self.assertEqual(move.invoice_date_due, model.due)
        for line, model in models.items():
            if model.due and not model.paid:
                self._react(line, model, days[model.company])

    def _react(self, line, model, today):
        chance = self.random.random()
        if chance >= 0.1 or not model.disputed and chance >= 0.025:
            return
        move = line.invoice_id.with_company(model.company)
        if model.disputed:
            dispute = move.dispute_ids.filtered(lambda one: one.state == "open")
            dispute.action_resolve("rejected", note="As agreed.")
            model.resolve(today)
        elif chance < 0.02:
            self._pay(move, date=today)
            model.paid = today
            self.figures["paid"] += 1
        else:
            self.env["cycle.dispute"].with_company(model.company).create(
                {
                    "move_id": move.id,
                    "reason": "Not as agreed.",
                    "amount": move.amount_residual,
                }
            )
            model.disputed = today
            self.figures["disputed"] += 1
