"""Answers that come at once to one process are taken in turn, not all together."""

import threading
from contextlib import contextmanager

# Two, so that one computes while the other waits for the database.
AT_ONCE = 2
PATIENCE = 1  # seconds
_turns = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def take_turn():
    """Do the block when it is this thread's turn.

    The threads of a process share one interpreter: all together they finish last,
    each after the work of all; in turn half of them finish in half the time. Whoever
    works longer than usual (another order is locked, the disk is slow) holds nobody
    up: after a second the next one goes on beside it.
    """
    is_turn = _turns.acquire(timeout=PATIENCE)
    try:
        yield
    finally:
        if is_turn:
            _turns.release()
