"""The drafting job and publishing: killed, cut off, contested; nothing lost or twice.

The scheduler's own code runs the job, in children of this process. "Today" is moved
a year on for them, so that all twelve payments of each order are due.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import suppress
from unittest.mock import patch

from dateutil.relativedelta import relativedelta

from odoo.fields import Date
from odoo.modules.registry import Registry
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, retrying
from odoo.tools import config

from odoo.addons.base.models import ir_cron

from . import world
from .case import COMES_BACK, DRAFTING, FaultCase
from .processes import Child, fork

LINES_PER_ORDER = 12
DRAFTS_PER_CLICK = 15


class JobCase(FaultCase):
    """Orders whose payments are all due, made once for all tests."""

    order_ids: list[int] = []

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        company = Registry(config["db_name"][0])["res.company"]
        later = Date.today() + relativedelta(months=13)
        today = patch.object(company, "_cycle_today", lambda _company: later)
        today.start()
        cls.addClassCleanup(today.stop)
        if not JobCase.order_ids:
            with cls.env() as env:
                JobCase.order_ids = world.run_orders(env, 50 if cls.full else 5).ids

    def setUp(self) -> None:
        super().setUp()
        self.journal: Counter = Counter()
        self.comebacks = 0
        self._draft_anew()

    def _draft_anew(self) -> None:
        """Remove the drafts, so that all payments are due again."""
        with self.env() as env:
            orders = env["sale.order"].browse(self.order_ids)
            orders.schedule_line_ids._drop_drafts()

    def _is_something_left(self) -> bool:
        """Tell whether a payment is still to be drafted."""
        with self.env() as env:
            lines = env["cycle.schedule.line"]
            order_ids = self.order_ids
            domain = [("order_id", "in", order_ids), ("state", "=", "planned")]
            return bool(lines.search_count(domain))

    def _disturb(self, injuries: int, injure) -> None:
        """Run the job again and again, injuring each run, until it was enough.

        When everything is drafted it is checked, and the work begins anew.
        """
        while sum(self.journal.values()) < injuries:
            if not self._is_something_left():
                self._check()
                self._draft_anew()
            self.make_due()
            result = injure(self.start_scheduler())
            self.journal[result] += result != "too late"
            if self._is_something_left():
                self.assert_comes_back()
                self.comebacks += 1
        self.assertTrue(self.comebacks, "no run left anything to come back for")
        self.finish_job()
        self._check()

    def _kill_when_begun(self) -> None:
        """Kill a run once it has noted what it found, which is its first commit."""
        with self.env() as env:
            earlier = self._get_progress(env, DRAFTING).id
        child = self.start_scheduler()
        while child.is_running():
            with self.env() as env:
                progress = self._get_progress(env, DRAFTING)
                if progress.id != earlier and progress.remaining:
                    break
        self.assertTrue(child.kill(), "the run was over before it could be killed")

    def _check(self) -> None:
        counts = self.assert_invoiced_once(self.order_ids)
        self.invoices = counts[1]

    def _tell(self, **figures: object) -> None:
        self.tell(
            **figures,
            payments=len(self.order_ids) * LINES_PER_ORDER,
            invoices=self.invoices,
            duplicates=0,
            lost=0,
            seed=self.seed,
        )


class TestDraftingJob(JobCase):
    """The drafting job, disturbed in every way, drafts each payment once."""

    def test_payments_are_drafted_once_when_the_job_is_killed(self):
        def kill(child: Child) -> str:
            seconds = self.random.uniform(0.02, 2)
            return "kills" if child.kill_after(seconds) else "too late"

        self._disturb(self.rounds(200), kill)
        self._tell(kills=self.journal["kills"], comebacks=self.comebacks)

    def test_payments_are_drafted_once_when_connections_are_cut(self):
        def cut(child: Child) -> str:
            time.sleep(self.random.uniform(0.1, 2))
            with self.env() as env:
                env.cr.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE application_name = %s",
                    [f"odoo-{child.pid}"],
                )
                (cut,) = env.cr.fetchone()
            child.wait()
            return "cuts" if cut else "too late"

        self._disturb(self.rounds(60), cut)
        self._tell(cuts=self.journal["cuts"], comebacks=self.comebacks)

    def test_job_that_is_killed_until_it_is_given_up_comes_back_within_minutes(self):
        def hang(*_arguments):
            time.sleep(3600)

        self.make_due()
        lines = Registry(self.database())["cycle.schedule.line"]
        with patch.object(lines, "_run_job_batch", hang):
            for _kill in range(ir_cron.CONSECUTIVE_TIMEOUT_FOR_FAILURE):
                self._kill_when_begun()
        self.start_scheduler().wait()
        self.assertEqual(self.take_ends(), ["failed"])
        with self.env() as env:
            later = env.cr.now() + COMES_BACK
            self.assertGreater(env.ref(DRAFTING).nextcall, later)
        self.assert_comes_back()
        self.finish_job()
        self._check()
        self._tell(kills=ir_cron.CONSECUTIVE_TIMEOUT_FOR_FAILURE)

    def test_payments_are_drafted_once_when_each_run_is_short_of_time(self):
        limits = 0
        while limits < self.rounds(20):
            self._draft_anew()
            with (
                patch.object(ir_cron, "MIN_TIME_PER_JOB", 0),
                patch.object(ir_cron, "MIN_RUNS_PER_JOB", 1),
            ):
                runs = self.finish_job()
            self.assertGreater(runs, 1, "no run was short of time")
            self._check()
            limits += runs - 1
        self._tell(limits=limits)

    def test_payments_are_drafted_once_when_workers_and_people_draft_at_once(self):
        rounds = self.rounds(20)
        ends: Counter = Counter()
        for _round in range(rounds):
            self._draft_anew()
            self.take_ends()
            self.make_due()
            children = [self.start_scheduler() for _worker in range(4)]
            children += [fork(self._click_draft) for _person in range(2)]
            self.assertEqual([child.wait() for child in children], [0] * 6)
            ends.update(self.take_ends())
            if self._is_something_left():
                self.assert_comes_back()
            self.finish_job()
            self._check()
        self.assertTrue(ends, "no worker has run the job")
        self.assertFalse(ends["failed"])
        self._tell(rounds=rounds, processes=6 * rounds, runs=ends.total(), failed=0)

    def _click_draft(self) -> None:
        """A person presses "draft now" on payments at random, one after the other."""
        with self.env("fault_user") as env:
            line_ids = env["cycle.schedule.line"].search(
                [("order_id", "in", self.order_ids)]
            )
            env.cr.commit()
            for line in random.sample(line_ids, min(len(line_ids), DRAFTS_PER_CLICK)):
                retrying(line.action_draft_invoice, env)

    def test_payments_are_drafted_once_in_a_storm_of_changes(self):
        ends = [fork(self._change_orders), fork(self._change_orders)]
        try:
            runs = self.finish_job()
        finally:
            written = [child.kill() for child in ends]
        self.assertEqual(written, [True, True], "the storm ended too early")
        self._check()
        self._tell(runs=runs, failed=0)

    def _change_orders(self) -> None:
        """Write on the same orders and their invoices, without a pause.

        Who could not write for too long is told so, and goes on with another order.
        """
        while True:
            with suppress(*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY), self.env() as env:
                order = env["sale.order"].browse(random.choice(self.order_ids))

                def write(order=order):
                    order.client_order_ref = str(random.random())
                    invoices = order.schedule_line_ids.invoice_id
                    invoices[:1].narration = str(random.random())

                retrying(write, env)


class TestPublishing(JobCase):
    """Publishing, killed at any moment, numbers without gap and writes once."""

    def test_drafts_are_published_once_when_the_clicks_are_killed(self):
        self.finish_job()
        kills = 0
        wanted = self.rounds(100)
        while self._get_draft_ids():
            child = fork(self._click_publish)
            if kills < wanted:
                kills += child.kill_after(self.random.uniform(0.02, 1))
            child.wait()
        self._check()
        numbered = self.assert_numbered_without_gap()
        with self.env() as env:
            env.cr.execute(
                """
                SELECT count(message.id) FROM account_move move
                JOIN cycle_schedule_line line ON line.id = move.schedule_line_id
                LEFT JOIN cycle_message message ON message.res_id = move.id
                    AND message.res_model = 'account.move'
                WHERE line.order_id = ANY(%s) GROUP BY move.id
                """,
                [self.order_ids],
            )
            self.assertEqual({count for (count,) in env.cr.fetchall()}, {1})
        self.assertGreaterEqual(numbered, self.invoices)
        self._tell(kills=kills, numbered=numbered, gaps=0)

    def _get_draft_ids(self) -> list[int]:
        with self.env() as env:
            orders = env["sale.order"].browse(self.order_ids)
            moves = orders.schedule_line_ids.invoice_id
            return moves.filtered(lambda move: move.state == "draft").ids

    def _click_publish(self) -> None:
        """A person publishes some drafts at a time."""
        ids = self._get_draft_ids()
        for start in range(0, len(ids), DRAFTS_PER_CLICK):
            with self.env("fault_billing") as env:
                moves = env["account.move"].browse(
                    ids[start : start + DRAFTS_PER_CLICK]
                )
                retrying(moves.action_publish, env)
