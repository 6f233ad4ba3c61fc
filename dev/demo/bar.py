"""A progress bar: in place on a terminal, now and then a line in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from .. import console

WIDTH = 30
PATIENCE = 2.0  # seconds before there is anything to see
REDRAW_EVERY = 0.5
LINE_EVERY = 10.0


class Bar:
    """Shows how far a step is once it has taken some seconds; a context manager."""

    def __init__(self, topic: str, total: int, count: Callable[[], int] | None = None):
        """:param count: returns how much is done, where nobody calls :meth:`advance`"""
        self.topic = topic
        self.total = total
        self.done = 0
        self._count = count or (lambda: self.done)
        self._finished = threading.Event()
        self._drawn = ""
        self._lock = threading.Lock()

    def advance(self) -> None:
        """Count one step that is done."""
        self.done += 1

    def say(self, text: str, topic: str = "") -> None:
        """Print a line while the bar is there."""
        with self._lock:
            self._wipe()
            console.say(text, topic)

    def __enter__(self) -> Bar:
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._finished.set()
        self._thread.join()
        self._wipe()

    def _show(self) -> None:
        """Draw the bar now and then until the step is done."""
        said = time.monotonic()
        self._finished.wait(PATIENCE)
        while not self._finished.is_set():
            if sys.stdout.isatty():
                self._draw()
            elif time.monotonic() - said > LINE_EVERY:
                console.say(self._text())
                said = time.monotonic()
            self._finished.wait(REDRAW_EVERY)

    def _text(self) -> str:
        done = min(self._count(), self.total)
        filled = WIDTH * done // max(self.total, 1)
        bar = "█" * filled + "░" * (WIDTH - filled)
        return f"{bar} {done}/{self.total} {self.topic}"

    def _draw(self) -> None:
        with self._lock:
            self._wipe()
            self._drawn = self._text()
            print(f"\r{self._drawn}", end="", flush=True)

    def _wipe(self) -> None:
        if self._drawn:
            print("\r" + " " * len(self._drawn) + "\r", end="", flush=True)
            self._drawn = ""
