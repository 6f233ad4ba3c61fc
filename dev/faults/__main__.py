"""The process of the fault tests: loads Odoo on a database, then runs them.

Its standard output is for :mod:`dev.faults.shard`: one JSON object a line.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import time
import traceback
import unittest
from pathlib import Path

from odoo.modules.registry import Registry
from odoo.tools import config

from .case import FaultCase


class Result(unittest.TestResult):
    """Tells each event as it happens."""

    def __init__(self, stream) -> None:
        super().__init__()
        self.stream_of_events = stream
        self.began = 0.0

    def tell(self, event: str, test: object, text: str = "") -> None:
        """Write one event."""
        name = _name(test)
        record = {"event": event, "test": name, "text": text}
        record["seconds"] = time.monotonic() - self.began
        print(json.dumps(record), file=self.stream_of_events, flush=True)

    def startTest(self, test) -> None:
        super().startTest(test)
        self.began = time.monotonic()
        FaultCase.told = staticmethod(lambda text: self.tell("figures", test, text))
        self.tell("start", test)

    def stopTest(self, test) -> None:
        super().stopTest(test)
        self.tell("stop", test)

    def addError(self, test, err) -> None:
        super().addError(test, err)
        self.tell("failure", test, "".join(traceback.format_exception(*err)))

    def addFailure(self, test, err) -> None:
        super().addFailure(test, err)
        self.tell("failure", test, "".join(traceback.format_exception(*err)))

    def addSubTest(self, test, subtest, err) -> None:
        super().addSubTest(test, subtest, err)
        if err:
            text = "".join(traceback.format_exception(*err))
            self.tell("failure", test, f"{subtest}\n{text}")

    def addSkip(self, test, reason) -> None:
        super().addSkip(test, reason)
        self.tell("skip", test, reason)


def _name(test: object) -> str:
    """Return ``test_file.Class.method`` of a test, or of its class's set-up."""
    identity = test.id() if hasattr(test, "id") else str(test)
    return identity.removeprefix("dev.faults.")


def main() -> None:
    """Load Odoo and run the tests of the named files."""
    parser = argparse.ArgumentParser(prog="python -m dev.faults")
    parser.add_argument("--config", required=True)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--part", default="", help="Class, Class.method or .method")
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    # So that the servers which a test has started are stopped as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    events = sys.stdout
    sys.stdout = sys.stderr
    config.parse_config([f"--config={arguments.config}", "--no-http"])
    FaultCase.full = arguments.full
    Registry(config["db_name"][0])
    suite = unittest.TestSuite()
    for file in arguments.files:
        module = importlib.import_module(f"dev.faults.{file.stem}")
        tests = unittest.defaultTestLoader.loadTestsFromModule(module)
        suite.addTests(_matching(tests, arguments.part))
    suite.run(Result(events))


def _matching(tests, part: str):
    """Yield the tests of the class, or method, that the part names."""
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from _matching(test, part)
        elif f".{test.id()}.".find(f".{part.strip('.')}.") >= 0 or not part:
            yield test


if __name__ == "__main__":
    main()
