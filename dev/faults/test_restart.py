"""The whole server is killed while people act; then they try again."""

from __future__ import annotations

import random
import time
from collections import Counter

import requests

from . import world
from .case import FaultCase
from .client import Colleague, Form
from .processes import all_at_once


class TestRestart(FaultCase):
    """Each step is done or not done, never half; trying again does it once."""

    def test_steps_are_whole_when_the_server_is_killed(self):
        rounds = self.rounds(30)
        self._prepare(rounds)
        server = self.serve(workers=2)
        self.found: Counter = Counter()
        self.longest = 2.0  # seconds from the clicks to the kill
        for number in range(rounds):
            link, accepted, approved, move = (
                self.links[number],
                self.to_accept[number],
                self.to_approve[number],
                self.to_publish[number],
            )
            works = self._get_works(server, link, approved, move)
            random.shuffle(works)
            all_at_once([*works, lambda: self._kill_later(server)])
            self._check(accepted, approved, move)
            server.start()
            works = self._get_works(server, link, approved, move)
            began = time.monotonic()
            for work in works:
                work()
            self.longest = time.monotonic() - began
            done = self._check(accepted, approved, move, count=False)
            self.assertEqual(done, (True, True, True), "after trying again")
        self.tell(kills=rounds, steps=3 * rounds, **self.found, between=0, twice=0)

    def _prepare(self, count: int) -> None:
        """Make the orders to accept, the ones to approve, the drafts to publish."""
        with self.env() as env:
            running = world.run_orders(env, count, plan="advance")
            running.schedule_line_ids.action_draft_invoice()
            self.to_publish = running.schedule_line_ids.invoice_id.ids
            self.assertEqual(len(self.to_publish), count)
            offered, links = world.offer(env, count)
            self.to_accept = offered.ids
            self.links = [links[order.partner_id.email] for order in offered]
            submitted = world.create_orders(env, count)
            world.submit(submitted)
            self.to_approve = submitted.ids

    def _get_works(self, server, link: str, order_id: int, move_id: int) -> list:
        """Return what three people do; each has their page open already."""
        form = Form.open(server, link, must_be_open=False)
        approver = Colleague(server, self.database(), "approver")
        billing = Colleague(server, self.database(), "billing")

        def unless_killed(work):
            def run():
                try:
                    return work()
                except requests.RequestException:
                    return None

            return run

        return [
            unless_killed(lambda: form and form.post("accept", "Jan", once=True)),
            unless_killed(
                lambda: approver.call(
                    "sale.order", "action_approve", [order_id], once=True
                )
            ),
            unless_killed(
                lambda: billing.call(
                    "account.move", "action_publish", [move_id], once=True
                )
            ),
        ]

    def _kill_later(self, server) -> None:
        """Kill the server at a random moment of the time that the steps take."""
        time.sleep(random.uniform(0, self.longest))
        server.kill()

    def _check(self, accepted: int, approved: int, move: int, count: bool = True):
        """Assert that each of the three is before or after; return which of them."""
        with self.env() as env:
            done = (
                self._check_accepted(env["sale.order"].browse(accepted)),
                self._check_approved(env["sale.order"].browse(approved)),
                self._check_published(env["account.move"].browse(move)),
            )
        if count:
            self.found.update("after" if one else "before" for one in done)
        return done

    def _check_accepted(self, order) -> bool:
        links = order.confirmation_ids
        done = order.state == "sale"
        receipts = self._count_messages(links, "receipt")
        self.assertEqual(links.event_ids.mapped("event").count("confirmed"), done)
        self.assertEqual(links.mapped("state"), ["confirmed" if done else "sent"])
        self.assertEqual(receipts, done)
        expected = {"planned"} if done else {"waiting"}
        self.assertEqual(set(order.schedule_line_ids.mapped("state")), expected)
        self.assertIs(links.action_verify(), True)
        return done

    def _check_approved(self, order) -> bool:
        done = order.approval_ids.mapped("state") == ["approved"]
        links = order.confirmation_ids
        asked = order.activity_ids.filtered(
            lambda activity: (
                activity.activity_type_id
                == order.env.ref("order_invoice_cycle.mail_activity_type_approval")
            )
        )
        self.assertEqual(links.mapped("state"), ["pending"] if done else [])
        self.assertEqual(self._count_messages(links, "confirmation"), done)
        self.assertNotEqual(bool(asked), done)
        return done

    def _check_published(self, move) -> bool:
        done = move.state == "posted"
        self.assertEqual(bool(move.posted_before), done)
        self.assertEqual(self._count_messages(move, "invoice"), done)
        state = move.schedule_line_id.state
        self.assertEqual(state, "invoiced" if done else "drafted")
        return done

    @staticmethod
    def _count_messages(records, purpose: str) -> int:
        return records.env["cycle.message"].search_count(
            [
                ("purpose", "=", purpose),
                ("res_model", "=", records._name),
                ("res_id", "in", records.ids),
            ]
        )
