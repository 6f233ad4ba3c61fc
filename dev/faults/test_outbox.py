"""The outbox, killed while it hands mails to a mail server: never twice, never lost."""

from __future__ import annotations

import os
import random
import signal
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from odoo.fields import Datetime
from odoo.tools import config

from dev.mailcatcher import MailCatcher

from . import world
from .case import FaultCase
from .processes import Child

SENDING = "order_invoice_cycle.ir_cron_send_messages"
MAILS_PER_KILL = 2


class KillingCatcher(MailCatcher):
    """A mail server that may kill its sender when it has the mail and says 250."""

    victim: Child | None = None

    def store(self, envelope) -> None:
        """Keep the mail; then kill who sent it, if that is wanted."""
        super().store(envelope)
        if self.victim:
            os.kill(self.victim.pid, signal.SIGKILL)
            self.victim = None


class TestOutbox(FaultCase):
    """A mail is in the sink at most once, and each message says what became of it."""

    def test_mails_go_out_at_most_once_when_the_sender_is_killed(self):
        kills = self.rounds(200)
        with self.env() as env:
            # What other tests left is none of this one's business.
            env.cr.execute("UPDATE cycle_message SET state = 'cancelled'")
            orders = world.create_orders(env, MAILS_PER_KILL * kills)
            world.submit(orders)
            world.approve(orders)
            link_ids = orders.confirmation_ids.ids
        folder = self.enterContext(tempfile.TemporaryDirectory())
        catcher = self.enterContext(KillingCatcher(Path(folder)))
        config["smtp_server"], config["smtp_port"] = "127.0.0.1", catcher.port
        with world.without_pdf():
            journal = self._kill_senders(catcher, kills)
            self._let_time_pass(link_ids)
            self.finish_job(SENDING)
        states = self._compare(catcher, link_ids)
        self.assertLessEqual(states["uncertain"], kills)
        self.tell(**journal, messages=len(link_ids), **states, twice=0, lost=0)

    def _kill_senders(self, catcher: KillingCatcher, kills: int) -> Counter:
        """Run the outbox again and again, each time killed at another point."""
        journal: Counter = Counter()
        while sum(journal.values()) < kills:
            self.make_due(SENDING)
            child = self.start_scheduler()
            if random.random() < 0.5:
                catcher.victim = child
                killed = child.wait() < 0
                journal["killed_at_250"] += killed
            else:
                killed = child.kill_after(random.uniform(0.02, 1))
                journal["killed_at_random"] += killed
            if not killed and not self._count_queued():
                break
        catcher.victim = None
        return journal

    def _count_queued(self) -> int:
        with self.env() as env:
            return env["cycle.message"].search_count([("state", "=", "queued")])

    def _let_time_pass(self, link_ids: list[int]) -> None:
        """Let what a dead sender claimed look as old as it will be tomorrow."""
        with self.env() as env:
            env.cr.execute(
                "UPDATE cycle_message SET date_claimed = %s WHERE state = 'sending' "
                "AND res_id = ANY(%s)",
                [Datetime.now() - timedelta(days=1), link_ids],
            )

    def _compare(self, catcher: KillingCatcher, link_ids: list[int]) -> Counter:
        """Compare what the mail server has with what the messages say."""
        accepted = Counter(
            mail["Message-Id"].partition("@")[0].removeprefix("<cycle-")
            for mail in catcher.messages()
            if mail["Message-Id"].startswith("<cycle-")
        )
        self.assertEqual(set(accepted.values()), {1}, "mails that came twice")
        with self.env() as env:
            messages = env["cycle.message"].search(
                [("res_model", "=", "cycle.confirmation"), ("res_id", "in", link_ids)]
            )
            states = Counter(messages.mapped("state"))
            sent = messages.filtered(lambda message: message.state == "sent")
            doubtful = messages.filtered(lambda message: message.state == "uncertain")
            self.assertEqual(len(messages), len(link_ids))
            self.assertLessEqual(set(states), {"sent", "uncertain"})
            self.assertLessEqual(set(sent.mapped("uuid")), set(accepted))
            self.assertLessEqual(set(accepted), set((sent | doubtful).mapped("uuid")))
            self.assertTrue(all(one.activity_ids for one in doubtful), "told nobody")
        return states
