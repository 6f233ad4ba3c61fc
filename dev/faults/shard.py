"""The fault tests as a part of ``script/test``: starts their process, reads it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from .. import console, database, environment, odoo_log, odoo_process
from ..environment import LOGS, PYTHON, ROOT

FAULTS = ROOT / "dev" / "faults"


def files() -> list[Path]:
    """Return the files of fault tests."""
    return sorted(FAULTS.glob("test_*.py"))


class FaultShard:
    """The process of the fault tests, on a database of its own."""

    def __init__(self, files: list[Path], part: str, full: bool):
        self.name = f"{database.PREFIX}test_{os.getpid()}_faults"
        self.log = LOGS / "test-faults.log"
        self.files = files
        self.part = part.replace(":", "")
        self.full = full
        self.outcome = odoo_log.Outcome()
        self.process: subprocess.Popen | None = None

    def run(self) -> None:
        """Run the tests and print their figures."""
        database.create_template(self.name)
        config = odoo_process.write_config(self.name)
        command = [str(PYTHON), "-m", "dev.faults", f"--config={config}"]
        command += ["--full"] * self.full + [f"--part={self.part}"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *(file.name for file in self.files)],
                cwd=ROOT,
                env=_env(),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            for line in self.process.stdout:
                self._read(json.loads(line))
        code = self.process.wait()
        if code or not self.outcome.started:
            said = self.log.read_text(errors="replace")[-3000:]
            reason = f"The process ended with code {code}:\n{said}"
            self.outcome.failures["faults"] = [reason]

    def _read(self, record: dict) -> None:
        """Take one event into account."""
        name, event, text = record["test"], record["event"], record["text"]
        if event == "start":
            self.outcome.started.add(name)
        elif event == "failure":
            self.outcome.failures.setdefault(name, []).append(text)
        elif event == "skip":
            self.outcome.skipped[name] = text
        elif event == "figures":
            console.say(text, name.rpartition(".")[2])
        else:
            module = name.partition(".")[0]
            seconds = self.outcome.seconds.get(module, 0.0) + record["seconds"]
            self.outcome.seconds[module] = seconds

    def clean_up(self) -> None:
        """End the process with all that it started, and remove its database."""
        if self.process:
            odoo_process.stop(self.process)
        database.drop(self.name)


def _env() -> dict[str, str]:
    """Return the environment of the process, which imports Odoo and this package."""
    env = environment.process_env()
    env["PYTHONPATH"] = os.pathsep.join([env["PYTHONPATH"], str(ROOT)])
    return env
