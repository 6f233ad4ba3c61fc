"""Customer and colleagues act on the same order at the same moment."""

from __future__ import annotations

from collections import Counter

from odoo.fields import Command

from odoo.addons.order_invoice_cycle.tools.terms import sha256

from . import world
from .case import FaultCase
from .client import Colleague, Form
from .processes import all_at_once, later

# What a colleague may be told instead of success; anything else is a failure.
REFUSALS = {"", "UserError", "ValidationError"}


class TestCrossing(FaultCase):
    """Whatever crosses, the order ends in a legal state with evidence that fits."""

    def test_order_ends_in_a_legal_state_when_actions_cross(self):
        rounds = self.rounds(100)
        with self.env() as env:
            orders, links = world.offer(env, rounds)
            order_ids = orders.ids
            links = [links[order.partner_id.email] for order in orders]
            line_ids = [order.order_line[0].id for order in orders]
        server = self.serve(workers=2)
        self.sales = Colleague(server, self.database(), "user")
        self.colleague = Colleague(server, self.database(), "user")
        ends: Counter = Counter()
        for order_id, line_id, link in zip(order_ids, line_ids, links, strict=True):
            form = Form.open(server, link)
            answers, refusals = self._cross(form, order_id, line_id)
            self.assertLess(max(answers), 500, "an answer to the customer")
            self.assertLessEqual(set(refusals), REFUSALS)
            ends[self._check(order_id)] += 1
        # A run in which nobody wins, or always the same, has shown nothing.
        self.assertTrue(ends["sale_confirmed"], f"no sale: {dict(ends)}")
        self.assertGreater(len(ends), 1, f"nothing but sales: {dict(ends)}")
        self.tell(rounds=rounds, **ends, broken_chains=0, illegal=0, seed=self.seed)

    def _cross(self, form: Form, order_id: int, line_id: int):
        """Let four act at once; return the statuses and the refusals they got."""
        other = self.random.choice(["comment", "decline"])
        price = [Command.update(line_id, {"price_unit": self.random.uniform(1, 900)})]
        # Every other time the customer is a little ahead, or would rarely win.
        lead = self.random.choice([0, 0.1])
        works = [
            lambda: form.post("accept", "Jan Accept")[0].status_code,
            lambda: form.post(other, "Ewa Other")[0].status_code,
            lambda: self.sales.call(
                "sale.order", "write", [order_id], {"order_line": price}
            ),
            lambda: self.colleague.call("sale.order", "action_cancel", [order_id]),
        ]
        # Not always all of them: cancelling would hide what the others come to.
        chosen = works[:3] if self.random.random() < 0.6 else works
        chosen[1:] = [later(work, lead) for work in chosen[1:]]
        results = all_at_once(self.random.sample(chosen, len(chosen)))
        for result in results:
            if isinstance(result, Exception):
                raise result
        statuses = [result for result in results if isinstance(result, int)]
        return statuses, [result for result in results if isinstance(result, str)]

    def _check(self, order_id: int) -> str:
        """Assert that the order is in a legal state; return which one."""
        with self.env() as env:
            order = env["sale.order"].browse(order_id)
            links = order.confirmation_ids
            events = links.event_ids
            confirmed = links.filtered(lambda link: link.state == "confirmed")
            content = sha256(order._get_terms_json())
            self.assertIs(links[:1].action_verify(), True)
            self.assertEqual(order.terms_hash, content)
            self.assertLessEqual(len(confirmed), 1)
            self.assertEqual(events.mapped("event").count("confirmed"), len(confirmed))
            self._check_state(order, confirmed, content)
            return f"{order.state}_{order.cycle_stage}"

    def _check_state(self, order, confirmed, content: str) -> None:
        """Assert that state, answers, links and schedule fit together."""
        states = set(order.confirmation_ids.mapped("state"))
        payments = set(order.schedule_line_ids.mapped("state"))
        if order.state == "sale":
            self.assertEqual(confirmed.terms_hash, content)
            self.assertEqual(confirmed.decided_name, "Jan Accept")
            self.assertLessEqual(payments, {"planned", "drafted"})
        elif order.state == "cancel":
            self.assertFalse(states & {"pending", "sent"}, states)
            self.assertLessEqual(payments, {"cancelled"})
        else:
            self.assertFalse(confirmed)
            self.assertLessEqual(payments, {"waiting"})
        receipts = order.env["cycle.message"].search_count(
            [("purpose", "=", "receipt"), ("res_id", "in", order.confirmation_ids.ids)]
        )
        self.assertEqual(receipts, len(confirmed))
