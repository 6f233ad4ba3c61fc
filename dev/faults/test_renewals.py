"""The renewal job, killed at any moment: each term is announced and begun once."""

from __future__ import annotations

from unittest.mock import patch

from dateutil.relativedelta import relativedelta

from odoo.fields import Date
from odoo.modules.registry import Registry

from . import world
from .case import FaultCase

RENEWING = "order_invoice_cycle.ir_cron_renew_terms"
PERIODS_PER_TERM = 12


class TestRenewalJob(FaultCase):
    """Monthly subscriptions that renew every year, and a job that is killed."""

    def test_terms_are_renewed_once_when_the_job_is_killed(self):
        with self.env() as env:
            count = 10 if self.full else 5
            self.order_ids = world.run_orders(env, count, "monthly").ids
        company = Registry(self.database())["res.company"]
        wanted, kills, years = self.rounds(100), 0, 0
        while kills < wanted:
            years += 1
            today = Date.today() + relativedelta(years=years)
            with patch.object(company, "_cycle_today", lambda _company, day=today: day):
                while kills < wanted and self._is_renewal_due(today):
                    self.make_due(RENEWING)
                    child = self.start_scheduler()
                    kills += child.kill_after(self.random.uniform(0.02, 1.5))
                    child.wait()
                    if self._is_renewal_due(today):
                        self.assert_comes_back(RENEWING)
                self.finish_job(RENEWING)
            self._check(years)
        self.tell(
            kills=kills,
            orders=len(self.order_ids),
            renewals=len(self.order_ids) * years,
            duplicates=0,
            lost=0,
            seed=self.seed,
        )

    def _is_renewal_due(self, today) -> bool:
        with self.env() as env:
            due = [("id", "in", self.order_ids), ("date_renewal", "<=", today)]
            return bool(env["sale.order"].search_count(due))

    def _check(self, years: int) -> None:
        """Each order has one renewal and one mail a year, and each period once.

        Read by SQL, so that nothing of the addon itself is believed.
        """
        with self.env() as env:
            env.cr.execute(
                """
                SELECT renewal.order_id, renewal.term_number, renewal.state,
                       count(message.id)
                FROM cycle_renewal renewal
                LEFT JOIN cycle_message message ON message.res_id = renewal.id
                    AND message.res_model = 'cycle.renewal'
                WHERE renewal.order_id = ANY(%s) GROUP BY renewal.id
                """,
                [self.order_ids],
            )
            renewals = sorted(env.cr.fetchall())
            env.cr.execute(
                """
                SELECT order_id, count(*), count(DISTINCT period_start),
                       count(*) FILTER (WHERE term_number <= %s)
                FROM cycle_schedule_line WHERE order_id = ANY(%s) GROUP BY order_id
                """,
                [years + 1, self.order_ids],
            )
            periods = env.cr.fetchall()
        expected = [
            (order_id, term, "renewed", 1)
            for order_id in sorted(self.order_ids)
            for term in range(2, years + 2)
        ]
        self.assertEqual(renewals, expected)
        self.assertEqual(len(periods), len(self.order_ids))
        for _order_id, planned, starts, begun in periods:
            self.assertEqual(planned, starts, "a period was planned twice")
            self.assertEqual(begun, PERIODS_PER_TERM * (years + 1))
