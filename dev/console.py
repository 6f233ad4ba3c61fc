"""What the scripts print: steps with the time they took, and progress."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_started = time.monotonic()
_lock = threading.Lock()


def say(text: str, topic: str = "") -> None:
    """Print one line, with the seconds since the start and the step's topic."""
    seconds = time.monotonic() - _started
    with _lock:
        print(f"[{seconds:6.1f} s] {topic + ': ' if topic else ''}{text}", flush=True)


def fail(text: str) -> None:
    """Print one line on the error stream."""
    with _lock:
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)


@contextmanager
def step(topic: str, text: str) -> Iterator[None]:
    """Print what begins, and how long it took once it is done."""
    say(text, topic)
    began = time.monotonic()
    yield
    say(f"done in {time.monotonic() - began:.1f} s", topic)


@contextmanager
def progress(
    topic: str, describe: Callable[[], str], every: float = 2.0
) -> Iterator[None]:
    """Print what ``describe`` answers, every few seconds, while the block runs."""
    finished = threading.Event()

    def report() -> None:
        last = ""
        while not finished.wait(every):
            text = describe()
            if text and text != last:
                say(text, topic)
            last = text

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        finished.set()
        reporter.join()


def megabytes(size: int) -> str:
    """Return a size for people."""
    return f"{size / 1e6:.{0 if size >= 10e6 else 1}f} MB"
