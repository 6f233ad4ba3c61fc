"""``script/test``: run the addon's tests, each run on a fresh copy of a template.

The test files are dealt to two Odoo processes by the time they took before; those
that drive a browser stay together, for two browsers at once would be slower. What
counts is what Odoo's log says that it ran. The fault tests have a process of their own
beside them (:mod:`dev.faults`). The last line is the plain total.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import (
    accessibility,
    console,
    core_tests,
    database,
    doctests,
    odoo_log,
    odoo_process,
    postgres,
)
from .environment import (
    ADDON,
    ADDON_PATH,
    CACHE,
    LOGS,
    SCREENSHOTS,
    EnvironmentProblem,
)
from .faults import shard as faults
from .setup import NO_BROWSER, has_browser, set_up

TESTS = ADDON_PATH / "tests"
DURATIONS = CACHE / "test-durations.json"
BROWSER_TAG = "cycle_browser"
# Seconds that files take about, until they were run here: a checkout's first run is
# the one that counts for others.
UNKNOWN_DURATION = 18.0
BROWSER_DURATION = 40.0
LONG_DURATIONS = {
    "test_every_day": 260.0,
    "test_deposit_property": 240.0,
    "test_properties": 170.0,
    "test_schedule_property": 160.0,
    "test_properties_instalments": 130.0,
    "test_amendment": 80.0,
    "test_recurring": 80.0,
    "test_amendment_effects": 50.0,
    "test_confirmation_fuzz": 50.0,
    "test_confirmation_matrix": 50.0,
    "test_drafting": 50.0,
    "test_settlement": 50.0,
}
WORTH_SPLITTING = 20.0  # seconds; a second process takes some itself to begin
SILENCE_LIMIT = 900.0  # seconds without a line of log before a run is given up


@dataclass
class Selection:
    """Which tests to run: files of tests, perhaps only a part of each, and doctests."""

    files: list[Path] = field(default_factory=list)
    part: str = ""  # as in Odoo's test tags: ":Class", ":Class.method", ".method"
    doctests: list[Path] = field(default_factory=list)
    faults: list[Path] = field(default_factory=list)
    browser: bool = True
    everything: bool = False

    def tags(self, files: Sequence[Path]) -> str:
        """Return Odoo's test tags for some of the files.

        The star takes tests of every tag, so also those that are not "standard".
        """
        specs = [f"*/{ADDON}/tests/{file.name}{self.part}" for file in files]
        if not self.browser:
            specs.append(f"-{BROWSER_TAG}")
        return ",".join(specs)


# -- What to run ---------------------------------------------------------------


def select(pattern: str | None, browser: bool) -> Selection:
    """Return what the pattern names: a file, a class, or a method of a class."""
    if not pattern:
        all_files = _test_files(), "", doctests.modules(), faults.files()
        return Selection(*all_files, browser, True)
    if pattern == "faults":
        return Selection(faults=faults.files(), browser=browser)
    name = Path(pattern).name.removesuffix(".py")
    if file := _named(name, doctests.modules()):
        return Selection(doctests=[file], browser=browser)
    if file := _named(name, _test_files()):
        return Selection([file], browser=browser)
    if file := _named(name, faults.files()):
        return Selection(faults=[file], browser=browser)
    if not re.fullmatch(r"\w+(\.\w+)?", pattern):
        raise EnvironmentProblem(f"'{pattern}' is no test file, class or method.")
    owner, _dot, method = pattern.rpartition(".")
    if not owner and not method.startswith("test"):
        owner, method = method, ""
    part = (f":{owner}" if owner else "") + (f".{method}" if method else "")
    files = [file for file in _test_files() if _may_hold(file, owner, method)]
    others = [file for file in faults.files() if _may_hold(file, owner, method)]
    if not files + others:
        raise EnvironmentProblem(f"No test file, class or method is named '{pattern}'.")
    return Selection(files, part, faults=others, browser=browser)


def _test_files() -> list[Path]:
    """Return the files of tests."""
    return sorted(TESTS.glob("test_*.py"))


def _named(name: str, files: Sequence[Path]) -> Path | None:
    """Return the file of that name."""
    return next((file for file in files if file.stem == name), None)


def _may_hold(file: Path, owner: str, method: str) -> bool:
    """Tell whether the file defines the class, or else the method.

    A method may come from a base class in another file, so the class decides.
    """
    wanted = rf"^class {owner}\b" if owner else rf"^    def {method}\b"
    return bool(re.search(wanted, file.read_text(), re.M))


def deal(files: Sequence[Path], durations: dict[str, float]) -> list[list[Path]]:
    """Deal the files to one or two processes that take about the same time."""

    def seconds(file: Path) -> float:
        return durations.get(file.stem) or _guess_duration(file)

    total = sum(map(seconds, files))
    if len(files) < 2 or total < WORTH_SPLITTING:
        return [list(files)]
    shards: list[list[Path]] = [[], []]
    shards[0] = [file for file in files if uses_browser(file)]
    rest = [file for file in files if not uses_browser(file)]
    for file in sorted(rest, key=seconds, reverse=True):
        min(shards, key=lambda shard: sum(map(seconds, shard))).append(file)
    return [shard for shard in shards if shard]


def _guess_duration(file: Path) -> float:
    """Return the seconds that a file takes about, which was never run here."""
    usual = BROWSER_DURATION if uses_browser(file) else UNKNOWN_DURATION
    return LONG_DURATIONS.get(file.stem, usual)


def uses_browser(file: Path) -> bool:
    """Tell whether a test file has tests that drive a browser, or a base that does."""
    names = "|".join([BROWSER_TAG, *_browser_bases()])
    return bool(re.search(rf"\b({names})\b", file.read_text()))


@functools.cache
def _browser_bases() -> list[str]:
    """Return the classes outside of the test files that are tagged for the browser."""
    tagged = re.compile(rf"^@tagged\([^)]*{BROWSER_TAG}[^)]*\)\s*^class (\w+)", re.M)
    others = set(TESTS.glob("*.py")) - set(_test_files())
    return [
        name for file in sorted(others) for name in tagged.findall(file.read_text())
    ]


# -- Running -------------------------------------------------------------------


class Shard:
    """One Odoo process that runs some of the test files on its own database."""

    def __init__(self, number: int, files: list[Path], selection: Selection, env: dict):
        self.name = f"{database.PREFIX}test_{os.getpid()}_{number}"
        self.log = LOGS / f"test-{number}.log"
        self.files = files
        self.tags = selection.tags(files)
        self.env = env
        self.reader = odoo_log.TestReader(tell_figures)
        self.outcome = self.reader.outcome
        self.process: subprocess.Popen | None = None
        self.watchdog: threading.Timer | None = None

    def run(self) -> None:
        """Run the tests and print their progress."""
        database.create_template(self.name)
        options = {
            "http_port": odoo_process.free_port(),
            "log_handler": ":INFO,odoo.tests.stats:DEBUG",
            "screenshots": SCREENSHOTS,
        }
        arguments = ["--test-tags", self.tags, "--stop-after-init"]
        self.process = odoo_process.start(
            self.name,
            *arguments,
            options=options,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._follow()
        self._check_end(self.process.wait())

    def _follow(self) -> None:
        """Read the log until it ends, and say when a test file is through."""
        module = ""
        with self.log.open("w") as copy:
            for record in odoo_log.records(self._lines(copy)):
                self.reader.read(record)
                latest = self.reader.latest.partition(".")[0]
                if latest != module:
                    self._report(module)
                    module = latest
        self._report(module)

    def _lines(self, copy):
        """Pass on the lines of the log, keeping a copy; end a process that is stuck."""
        for line in self.process.stdout:
            copy.write(line)
            self._watch()
            yield line
        if self.watchdog:
            self.watchdog.cancel()

    def _watch(self) -> None:
        """Give the process some time for its next line."""
        if self.watchdog:
            self.watchdog.cancel()
        self.watchdog = threading.Timer(SILENCE_LIMIT, self.process.kill)
        self.watchdog.daemon = True
        self.watchdog.start()

    def _report(self, module: str) -> None:
        """Say how one test file went."""
        outcome = self.reader.outcome
        names = [name for name in outcome.started if name.startswith(f"{module}.")]
        bad = [name for name in outcome.failures if name.startswith(f"{module}.")]
        if names or bad:
            failed = f", {len(bad)} FAILED" if bad else ""
            console.say(f"{len(names)} tests{failed}", module)

    def _check_end(self, code: int) -> None:
        """Add a failure if Odoo ended badly without a test that says why."""
        outcome = self.reader.outcome
        if code and not outcome.failures:
            said = self.log.read_text(errors="replace")[-3000:]
            outcome.failures[self.log.stem] = [f"Odoo ended with code {code}:\n{said}"]

    def clean_up(self) -> None:
        """End the process and remove its database."""
        if self.process:
            odoo_process.stop(self.process)
        database.drop(self.name)


def tell_figures(name: str, text: str) -> None:
    """Print what a test counted."""
    console.say(text, name.rpartition(".")[2])


def run_odoo_tests(selection: Selection, full: bool) -> odoo_log.Outcome:
    """Run the selected files of tests in Odoo."""
    template = database.addon_template()
    _drop_leftovers()
    durations = _read_durations()
    env = {"CYCLE_AXE": str(accessibility.AXE)}
    if full:
        env["CYCLE_TEST_FULL"] = "1"
    shards = [
        Shard(number, files, selection, env)
        for number, files in enumerate(deal(selection.files, durations), 1)
        if files
    ]
    if selection.faults:
        shards.append(faults.FaultShard(selection.faults, selection.part, full))
    total = odoo_log.Outcome()
    with database.install_log(template).open(errors="replace") as log:
        for problem in odoo_log.installation_problems(log):
            total.complain(problem)
    try:
        _run_side_by_side(shards)
    finally:
        for shard in shards:
            shard.clean_up()
    for shard in shards:
        total.add(shard.outcome)
    _write_durations(durations | total.seconds)
    _check_every_file_ran(selection, total)
    return total


def _run_side_by_side(shards: Sequence[Shard | faults.FaultShard]) -> None:
    """Run the shards in threads; an error in one of them is an error of all."""
    errors: list[BaseException] = []

    def run(shard: Shard | faults.FaultShard) -> None:
        try:
            shard.run()
        except BaseException as error:
            errors.append(error)

    threads = []
    for shard in shards:
        threads.append(threading.Thread(target=run, args=[shard], daemon=True))
        threads[-1].start()
    for thread in threads:
        while thread.is_alive():  # join without a limit would not notice Ctrl-C
            thread.join(0.5)
    if errors:
        raise errors[0]


def _check_every_file_ran(selection: Selection, outcome: odoo_log.Outcome) -> None:
    """Fail for a file of which nothing ran: it is not imported, or has no test."""
    if not selection.everything:
        return
    for file in selection.files:
        excused = not selection.browser and uses_browser(file)
        if not excused and not outcome.ran(file.stem):
            outcome.failures[file.stem] = [
                f"{file.name} ran no test: is it imported in tests/__init__.py?"
            ]


def _drop_leftovers() -> None:
    """Remove the databases of test runs that were killed."""
    for name in database.names(f"{database.PREFIX}test_"):
        pid = name.removeprefix(f"{database.PREFIX}test_").split("_")[0]
        if not Path(f"/proc/{pid}").exists():
            database.drop(name)


def _read_durations() -> dict[str, float]:
    """Return the seconds that each test file took the last time."""
    try:
        return json.loads(DURATIONS.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _write_durations(durations: dict[str, float]) -> None:
    """Keep the seconds that each test file took."""
    rounded = {module: round(seconds, 1) for module, seconds in durations.items()}
    DURATIONS.write_text(json.dumps(rounded, indent=2, sort_keys=True) + "\n")


# -- Telling -------------------------------------------------------------------


def report(outcome: odoo_log.Outcome) -> None:
    """Print what went wrong, and the total as the last line."""
    for name, texts in sorted(outcome.failures.items()):
        for text in texts:
            print(f"\n{'=' * 70}\nFAILED {name}\n{text.rstrip()}")
    for name, reason in sorted(outcome.skipped.items()):
        print(f"\n{'=' * 70}\nSKIPPED, which counts as failed: {name}: {reason}")
    for problems in outcome.problems.values():
        times = f"{len(problems)} times" if len(problems) > 1 else "once"
        print(f"\n{'=' * 70}\nIN THE LOG {times}, which counts as failed:")
        print(problems[0].rstrip())
    if outcome.failed():
        print(f"\nLogs: {LOGS}, screenshots of the browser: {SCREENSHOTS}\n")
    print(f"{outcome.passed()} passed, {outcome.failed()} failed", flush=True)


def run(selection: Selection, full: bool) -> odoo_log.Outcome:
    """Run everything that is selected."""
    outcome = doctests.run(selection.doctests)
    if outcome.started:
        console.say(f"{len(outcome.started)} tests", "doctests")
    if selection.files or selection.faults:
        with postgres.running():
            outcome.add(run_odoo_tests(selection, full))
    if not outcome.started and not outcome.failures:
        outcome.failures["script/test"] = ["No test ran."]
    return outcome


def prepare_browser(selection: Selection) -> None:
    """Obtain what tests in a browser need; refuse to run them without a browser."""
    if not selection.browser or not any(map(uses_browser, selection.files)):
        return
    if not has_browser():
        raise EnvironmentProblem(f"{NO_BROWSER}; --no-browser leaves them out.")
    set_up(accessibility.ROWS)


def main() -> None:
    """Read the command line, run the tests and exit with 1 if anything failed."""
    parser = argparse.ArgumentParser(
        prog="script/test",
        description="Run the addon's tests. The last line is 'N passed, N failed'.",
    )
    parser.add_argument(
        "pattern",
        nargs="?",
        help="a test file (test_x or its path), a class, Class.method or a method; "
        "'faults' for all fault tests",
    )
    parser.add_argument(
        "--browser",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="run the tests that drive a browser (the default)",
    )
    parser.add_argument(
        "--core",
        action="store_true",
        help="run core's own tests with the addon and without it, list differences",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="run the fault and time tests with all their rounds, not a tenth",
    )
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        if arguments.core:
            outcome = core_tests.run()
        else:
            selection = select(arguments.pattern, arguments.browser)
            prepare_browser(selection)
            outcome = run(selection, arguments.full)
    except EnvironmentProblem as problem:
        console.fail(f"script/test: {problem}")
        print("0 passed, 1 failed")
        sys.exit(1)
    except KeyboardInterrupt:
        console.fail("script/test: interrupted")
        sys.exit(130)
    report(outcome)
    sys.exit(1 if outcome.failed() else 0)


if __name__ == "__main__":
    main()
