"""Reading Odoo's log: what ran, what failed, and what should not have been said.

A record begins with a line in Odoo's format; lines that follow, such as a traceback,
belong to it. Everything is read as it comes, so progress can be shown meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .environment import ADDON

HEAD = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \d+ "
    r"(?P<level>[A-Z]+) (?P<database>\S+) (?P<logger>[\w.]+): (?P<text>.*)"
)
PROBLEMS = {"WARNING", "ERROR", "CRITICAL"}
OURS = re.compile(rf"\b{ADDON}\b|\bcycle[._][a-z]")
OUR_TESTS = f"odoo.addons.{ADDON}.tests."

# What Odoo itself says on this kind of machine, and why it is no concern of ours.
NOISE = [
    # The counts of a test run, which we make ourselves from the single tests.
    ("odoo.tests.result", r"^\d+ failed, \d+ error"),
    ("odoo.service.server", r"tests in .* failed|^\d+ failed, \d+ error"),
    ("odoo.modules.loading", r"^At least one test failed"),
    # A development machine runs Odoo as whoever is there, in a container as root.
    ("", r"Running as user 'root'"),
    # Libraries that only devices and other countries need.
    ("", r"Unable to load .*(ldap|phonenumbers|vatnumber|GeoIP)"),
]
_NOISE = [(logger, re.compile(text)) for logger, text in NOISE]


@dataclass
class Record:
    """One thing that was logged."""

    time: str
    level: str
    logger: str
    text: str

    def is_problem(self) -> bool:
        """Tell whether it is a warning or worse that is not known noise."""
        return self.level in PROBLEMS and not any(
            self.logger.startswith(logger) and text.search(self.text)
            for logger, text in _NOISE
        )

    def is_ours(self) -> bool:
        """Tell whether it comes from the addon or speaks of it."""
        own_logger = self.logger.startswith(f"odoo.addons.{ADDON}")
        return own_logger or bool(OURS.search(self.text))

    def __str__(self) -> str:
        return f"{self.level} {self.logger}: {self.text}"


def records(lines: Iterable[str]) -> Iterator[Record]:
    """Put the lines of a log together to records."""
    current = None
    for line in lines:
        line = line.rstrip("\n")
        if match := HEAD.match(line):
            if current:
                yield current
            text = match["text"].rstrip()  # Odoo ends each message with a space
            current = Record(match["time"], match["level"], match["logger"], text)
        elif current:
            current.text += "\n" + line
    if current:
        yield current


@dataclass
class Outcome:
    """What a run of tests came to."""

    started: set[str] = field(default_factory=set)
    failures: dict[str, list[str]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def passed(self) -> int:
        """Count the tests that ran and did not fail."""
        return len(self.started - set(self.failures) - set(self.skipped))

    def failed(self) -> int:
        """Count what failed: tests, skips, and kinds of warnings in the log."""
        return len(self.failures) + len(self.skipped) + len(self.problems)

    def ran(self, module: str) -> bool:
        """Tell whether a test file had a test that ran, or failed to."""
        names = self.started | set(self.failures) | set(self.skipped)
        return any(name.startswith(f"{module}.") for name in names)

    def complain(self, problem: str) -> None:
        """Note a warning of the log, with others that differ by numbers only."""
        kind = re.sub(r"\d+", "N", problem.partition("\n")[0])
        self.problems.setdefault(kind, []).append(problem)

    def add(self, other: Outcome) -> None:
        """Add what another process came to."""
        self.started |= other.started
        self.failures.update(other.failures)
        self.skipped.update(other.skipped)
        for problems in other.problems.values():
            for problem in problems:
                self.complain(problem)
        for module, seconds in other.seconds.items():
            self.seconds[module] = self.seconds.get(module, 0.0) + seconds


class TestReader:
    """Makes an outcome of the records of a test run, one by one.

    A test is named ``test_file.TestClass.test_method``. What tests log themselves are
    their figures, which are passed on to ``tell`` as they come: (name, figures).
    """

    __test__ = False  # not a test itself, for runners that collect by name

    STARTED = re.compile(r"^Starting (\S+) \.\.\.$")
    SKIPPED = re.compile(r"^skipped (.+?) : (.*)", re.S)
    FAILED = re.compile(r"^(?:FAIL|ERROR): (.*)\n", re.S)
    STATISTICS = re.compile(rf"^\t{ADDON}\.(test_\w+)\.\w+: ([\d.]+)s", re.M)
    HOLDER = re.compile(r"(\w+) \(odoo\.addons\.\w+\.tests\.(.+)\)")

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self.outcome = Outcome()
        self.latest = ""
        self.tell = tell

    def read(self, record: Record) -> None:
        """Take one record into account."""
        if record.logger == "odoo.tests.stats":
            self._read_statistics(record)
        elif record.logger.startswith(OUR_TESTS) and self._read_event(record):
            pass
        elif match := self.FAILED.match(record.text + "\n"):
            # Failures in set-up are logged by the runner, not by the test's module.
            self._note(self.outcome.failures, self._name(record, match[1]), record)
        elif record.is_problem() and (record.is_ours() or not self.latest):
            self.outcome.complain(str(record))

    def _read_event(self, record: Record) -> bool:
        """Note the start, skip or failure of a test; tell whether it was one."""
        if match := self.STARTED.match(record.text):
            self.latest = self._name(record, match[1])
            self.outcome.started.add(self.latest)
        elif match := self.SKIPPED.match(record.text):
            self.outcome.skipped[self._name(record, match[1])] = match[2]
        elif match := self.FAILED.match(record.text):
            self._note(self.outcome.failures, self._name(record, match[1]), record)
        elif self._is_figures(record):
            self.tell(self.latest, record.text)
        else:
            return False
        return True

    @staticmethod
    def _is_figures(record: Record) -> bool:
        """Tell whether a test says what it counted, not its browser or its runner."""
        module = record.logger.removeprefix(OUR_TESTS)
        is_said = record.level == "INFO" and "." not in module
        return is_said and not record.text.startswith("=====")

    def _name(self, record: Record, description: str) -> str:
        """Return the name of the test that Odoo describes, or of its set-up."""
        description = description.splitlines()[0]
        if match := self.HOLDER.match(description):
            return f"{match[2]}.{match[1]}"
        description = description.removeprefix("Subtest ").split(" ")[0]
        return f"{record.logger.removeprefix(OUR_TESTS)}.{description}"

    @staticmethod
    def _note(failures: dict[str, list[str]], name: str, record: Record) -> None:
        """Keep the text of a failure; a test with subtests can have several."""
        failures.setdefault(name, []).append(record.text)

    def _read_statistics(self, record: Record) -> None:
        """Add up the seconds of each test file."""
        for module, seconds in self.STATISTICS.findall(record.text):
            known = self.outcome.seconds.get(module, 0.0)
            self.outcome.seconds[module] = known + float(seconds)


def installation_problems(lines: Iterable[str]) -> list[str]:
    """Return what the log of the addon's installation should not have said.

    All else was installed before, so a warning is about the addon whatever it says.
    """
    return [str(record) for record in records(lines) if record.is_problem()]
