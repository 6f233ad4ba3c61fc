"""The base of the fault tests, and what they all count in the end."""

from __future__ import annotations

import os
import random
import tempfile
import time
import unittest
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry
from odoo.tools import config

from dev.odoo_process import OdooServer

from . import world
from .processes import Child, fork

DRAFTING = "order_invoice_cycle.ir_cron_draft_invoices"
# A job that was killed or failed has to come back by itself within this time.
COMES_BACK = timedelta(minutes=10)


class FaultCase(unittest.TestCase):
    """A test on a database of its own that really commits."""

    full = False  # set by the command line
    told: Callable[[str], None] = staticmethod(print)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with cls.env() as env:
            world.set_up(env)

    def setUp(self) -> None:
        super().setUp()
        self.began = time.monotonic()
        # The full run tries something new; who wants it again sets what was told.
        new = random.randrange(10**9) if self.full else 20270115
        self.seed = int(os.environ.get("CYCLE_TEST_SEED") or new)
        if self.full:
            self.told(f"CYCLE_TEST_SEED={self.seed}")
        self.random = random.Random(self.seed)
        self.ends = Path(self.enterContext(tempfile.TemporaryDirectory())) / "ends"

    @classmethod
    def rounds(cls, all_of_them: int) -> int:
        """Return how many rounds to do: all of them, or else a tenth."""
        return all_of_them if cls.full else max(1, all_of_them // 10)

    @classmethod
    @contextmanager
    def env(cls, login: str | None = None) -> Iterator[api.Environment]:
        """Give an environment in a transaction of its own, committed at the end.

        Without a login it is the superuser's.
        """
        with Registry(cls.database()).cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            if login:
                user = env["res.users"].search([("login", "=", login)])
                env = env(user=user, context={"allowed_company_ids": env.company.ids})
            yield env
            env.flush_all()

    @staticmethod
    def database() -> str:
        """Return the name of the database."""
        return config["db_name"][0]

    def serve(self, workers: int) -> OdooServer:
        """Start a server on the database, stopped after the test; it runs no jobs."""
        options = {"max_cron_threads": 0, "workers": workers, "gevent_port": 0}
        server = OdooServer(self.database(), options=options)
        self.addCleanup(server.stop)
        return server.start()

    def tell(self, **figures: object) -> None:
        """Print the figures of the test in one line."""
        figures["seconds"] = f"{time.monotonic() - self.began:.1f}"
        self.told(", ".join(f"{name} {value}" for name, value in figures.items()))

    # -- Jobs ------------------------------------------------------------------

    def make_due(self, cron: str = DRAFTING) -> None:
        """Let the scheduler find this job due, and no other one.

        Nothing is left of what earlier runs have asked for, or came to.
        """
        with self.env() as env:
            job = env.ref(cron)
            for table in ("ir_cron_trigger", "ir_cron_progress"):
                env.cr.execute(f"DELETE FROM {table} WHERE cron_id = %s", [job.id])
            env.cr.execute("UPDATE ir_cron SET active = (id = %s)", [job.id])
            env.cr.execute(
                "UPDATE ir_cron SET nextcall = now() at time zone 'UTC' - interval "
                "'1 minute' WHERE id = %s",
                [job.id],
            )

    def start_scheduler(self) -> Child:
        """Start a process that does, as a worker of Odoo's does, what jobs are due."""
        return fork(self._do_what_is_due)

    def _do_what_is_due(self) -> None:
        """In a child: do what jobs are due, and note how each of the runs ends.

        A job's count of failures does not tell: the next good run forgets it.
        """
        registry = Registry(self.database())
        # So that what a job does it with bears the name of this process as well.
        registry._db = sql_db.db_connect(self.database())
        jobs = registry["ir.cron"]
        update = jobs._update_failure_count

        def note_and_update(model, job, status):
            with self.ends.open("a") as notes:
                notes.write(f"{status}\n")
            return update(model, job, status)

        jobs._update_failure_count = note_and_update
        jobs._process_jobs(self.database())

    def take_ends(self) -> list[str]:
        """Return how the scheduler's runs have ended since this was asked last."""
        ends = self.ends.read_text().splitlines() if self.ends.exists() else []
        self.ends.unlink(missing_ok=True)
        return ends

    def finish_job(self, cron: str = DRAFTING) -> int:
        """Let the job run undisturbed until it has nothing left; return the runs."""
        self.take_ends()
        for runs in range(1, 50):
            self.make_due(cron)
            self.start_scheduler().wait()
            ends = self.take_ends()
            self.assertNotIn("failed", ends)
            with self.env() as env:
                progress = self._get_progress(env, cron)
                if not progress.remaining and not self._get_triggers(env, cron):
                    self.assertEqual(ends[-1:], ["fully done"])
                    return runs
        return self.fail(f"{cron} does not come to an end")

    def assert_comes_back(self, cron: str = DRAFTING) -> None:
        """A job whose run was disturbed is not left waiting for its next interval.

        What has noted how much remains has also noted when it comes back: killed
        again and again, it is given up until its next interval otherwise.
        """
        with self.env() as env:
            job = env.ref(cron)
            noted = self._get_triggers(env, cron).mapped("call_at")
            is_begun = self._get_progress(env, cron).remaining
            moments = noted if is_begun else [job.nextcall, *noted]
            self.assertTrue(job.active)
            self.assertTrue(moments, "the job did not note when it comes back")
            self.assertLessEqual(min(moments), env.cr.now() + COMES_BACK)

    def _get_progress(self, env: api.Environment, cron: str):
        """Return what the latest run has noted, nothing before the first run."""
        domain = [("cron_id", "=", env.ref(cron).id)]
        return env["ir.cron.progress"].search(domain, limit=1, order="id desc")

    def _get_triggers(self, env: api.Environment, cron: str):
        """Return the moments at which the job is to run besides its interval."""
        return env["ir.cron.trigger"].search([("cron_id", "=", env.ref(cron).id)])

    # -- Counting --------------------------------------------------------------

    def count_invoices(self, order_ids: list[int]) -> Counter:
        """Count the live invoices of each scheduled payment, and assert it is one.

        Read by SQL, so that nothing of the addon itself is believed.
        """
        with self.env() as env:
            env.cr.execute(
                """
                SELECT line.id, count(move.id)
                FROM cycle_schedule_line line
                LEFT JOIN account_move move ON move.schedule_line_id = line.id
                    AND move.state != 'cancel' AND move.move_type = 'out_invoice'
                WHERE line.order_id = ANY(%s) GROUP BY line.id
                """,
                [order_ids],
            )
            counts = Counter(count for _line, count in env.cr.fetchall())
        return counts

    def assert_invoiced_once(self, order_ids: list[int]) -> Counter:
        """One live invoice for each scheduled payment, and the orders' very sums."""
        counts = self.count_invoices(order_ids)
        self.assertEqual(set(counts), {1}, f"invoices of a payment: {dict(counts)}")
        with self.env() as env:
            env.cr.execute(
                """
                SELECT o.name, o.amount_untaxed, o.amount_tax, o.amount_total,
                       sum(move.amount_untaxed), sum(move.amount_tax),
                       sum(move.amount_total)
                FROM sale_order o
                JOIN cycle_schedule_line line ON line.order_id = o.id
                JOIN account_move move ON move.schedule_line_id = line.id
                    AND move.state != 'cancel' AND move.move_type = 'out_invoice'
                WHERE o.id = ANY(%s) GROUP BY o.id
                """,
                [order_ids],
            )
            for name, *amounts in env.cr.fetchall():
                self.assertEqual(amounts[:3], amounts[3:], name)
        return counts

    def assert_numbered_without_gap(self) -> int:
        """The posted invoices of each journal and year are numbered 1, 2, 3, …"""
        with self.env() as env:
            env.cr.execute(
                """
                SELECT journal_id, sequence_prefix, count(*), min(sequence_number),
                       max(sequence_number), count(DISTINCT sequence_number)
                FROM account_move
                WHERE move_type = 'out_invoice' AND state = 'posted'
                GROUP BY journal_id, sequence_prefix
                """
            )
            rows = env.cr.fetchall()
        for _journal, prefix, count, first, last, distinct in rows:
            self.assertEqual((first, last, distinct), (1, count, count), prefix)
        return sum(row[2] for row in rows)
