from contextlib import ExitStack
from unittest.mock import patch

from odoo.tests import BaseCase

from odoo.addons.order_invoice_cycle.controllers import turn


class TestTurn(BaseCase):
    """Answers that come at once are taken in turn, and nobody is held up for long."""

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(turn, "PATIENCE", 0))

    def _count_free(self):
        taken = 0
        while turn._turns.acquire(blocking=False):
            taken += 1
        for _number in range(taken):
            turn._turns.release()
        return taken

    def test_turn_is_given_back_when_it_is_over(self):
        with turn.take_turn():
            self.assertEqual(self._count_free(), turn.AT_ONCE - 1)
        self.assertEqual(self._count_free(), turn.AT_ONCE)

    def test_turn_is_given_back_when_the_answer_fails(self):
        with self.assertRaises(ValueError), turn.take_turn():
            raise ValueError
        self.assertEqual(self._count_free(), turn.AT_ONCE)

    def test_next_one_goes_on_when_the_turns_take_too_long(self):
        with ExitStack() as stack:
            for _number in range(turn.AT_ONCE):
                stack.enter_context(turn.take_turn())
            self.assertEqual(self._count_free(), 0)
            with turn.take_turn():
                self.assertEqual(self._count_free(), 0)
            self.assertEqual(self._count_free(), 0)
        self.assertEqual(self._count_free(), turn.AT_ONCE)
