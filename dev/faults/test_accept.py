"""The customer's answer, when many people act on the same order at once."""

from __future__ import annotations

import statistics

from . import world
from .case import FaultCase
from .client import Form
from .processes import all_at_once

SESSIONS = 10


class TestAccept(FaultCase):
    """Both kinds of server: one process of many threads, several processes."""

    def _accept_many_times(self, workers: int) -> None:
        count = 200 if self.full else 50
        with self.env() as env:
            orders, links = world.offer(env, 1)
            order_id, link = orders.id, next(iter(links.values()))
        server = self.serve(workers)
        forms = [Form.open(server, link) for _number in range(SESSIONS)]
        results = all_at_once(
            [
                lambda number=number: forms[number % SESSIONS].post(
                    "accept", f"Visitor {number:03}"
                )
                for number in range(count)
            ]
        )
        broken = [result for result in results if isinstance(result, Exception)]
        self.assertFalse(broken)
        statuses = [response.status_code for response, _seconds in results]
        # The others, of other names, are told at once who was first.
        self.assertEqual(statuses.count(303), 1, statuses)
        self.assertEqual(set(statuses), {303, 200}, statuses)
        with self.env() as env:
            order = env["sale.order"].browse(order_id)
            confirmed = order.confirmation_ids.filtered(
                lambda link: link.state == "confirmed"
            )
            self.assertEqual(len(confirmed), 1)
            self.assertEqual(order.state, "sale")
            events = order.confirmation_ids.event_ids
            self.assertEqual(events.mapped("event").count("confirmed"), 1)
            self.assertIs(confirmed.action_verify(), True)
            receipts = env["cycle.message"].search_count(
                [
                    ("purpose", "=", "receipt"),
                    ("res_model", "=", confirmed._name),
                    ("res_id", "=", confirmed.id),
                ]
            )
            self.assertEqual(receipts, 1)
            name = confirmed.decided_name
            states = env["mail.tracking.value"].search_count(
                [
                    ("mail_message_id.model", "=", "sale.order"),
                    ("mail_message_id.res_id", "=", order.id),
                    ("field_id.name", "=", "state"),
                    ("new_value_char", "=", "Sales Order"),
                ]
            )
            self.assertEqual(states, 1)
        for response, _seconds in results:
            self.assertTrue(response.status_code == 303 or name in response.text)
        for form in forms:
            self.assertIn(name, form.look())
        seconds = sorted(seconds for _response, seconds in results)
        self.tell(
            posts=count,
            workers=workers,
            accepted=1,
            p50=f"{statistics.median(seconds):.2f} s",
            max=f"{seconds[-1]:.2f} s",
        )

    def test_order_is_confirmed_once_when_threads_accept_at_once(self):
        self._accept_many_times(workers=0)

    def test_order_is_confirmed_once_when_processes_accept_at_once(self):
        self._accept_many_times(workers=2)
