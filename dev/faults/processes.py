"""Children that do one thing and may be killed while they do it."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from odoo import sql_db

_logger = logging.getLogger(__name__)


class Child:
    """A process that was forked to do one thing."""

    def __init__(self, pid: int):
        self.pid = pid
        self.status: int | None = None

    def is_running(self) -> bool:
        """Tell whether it still works."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is None

    def wait(self) -> int:
        """Wait for its end and return its exit code, negative when it was killed."""
        if self.status is None:
            _pid, self.status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(self.status)

    def kill_after(self, seconds: float) -> bool:
        """Kill it after a while without warning; tell whether it was still at work."""
        deadline = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.kill()

    def kill(self) -> bool:
        """Kill it without warning; tell whether it was still at work."""
        if not self.is_running():
            return False
        os.kill(self.pid, signal.SIGKILL)
        self.wait()
        return True


def fork(work: Callable[[], object]) -> Child:
    """Do the work in a child, on connections of its own."""
    sql_db.close_all()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Child(pid)
    code = 1
    try:
        random.seed()
        work()
        code = 0
    except BaseException:
        _logger.info("A child failed:\n%s", traceback.format_exc())
    finally:
        sys.stderr.flush()
        os._exit(code)


def later(work: Callable[[], object], seconds: float) -> Callable[[], object]:
    """Return the work, done after a while."""

    def wait_and_work() -> object:
        time.sleep(seconds)
        return work()

    return wait_and_work


def all_at_once(works: Sequence[Callable[[], object]]) -> list[object]:
    """Do the works in threads that begin at the same moment; return the results.

    What a work raises is its result.
    """
    barrier = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(position: int) -> None:
        barrier.wait()
        try:
            results[position] = works[position]()
        except Exception as error:
            results[position] = error

    threads = [
        threading.Thread(target=run, args=[position]) for position in range(len(works))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
