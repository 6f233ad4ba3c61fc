"""What every benchmark needs: a database of its own, peers, and tables.

The measuring itself happens in a process of Odoo; see :func:`inside_odoo`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev import console, database, odoo_process
from dev.environment import (
    CACHE,
    LOGS,
    PYTHON,
    ROOT,
    RUN,
    EnvironmentProblem,
    fingerprint,
    process_env,
)

PEERS = Path(__file__).with_name("peers.txt")
SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from benchmarks.{module} import measure
measure(env, {options!r}, {result!r})
"""


def install_peers() -> Path:
    """Return an addons folder with the peers, fetched once into the cache."""
    folder = CACHE / f"peers-{fingerprint(PEERS.read_text())}"
    if not folder.is_dir():
        partial = folder.with_suffix(".part")
        command = [
            *(str(PYTHON), "-m", "pip", "install", "--no-deps", "--require-hashes"),
            *("--no-compile", "--disable-pip-version-check", "--quiet"),
            *(f"--target={partial}", "--requirement", str(PEERS)),
        ]
        with console.step("peers", "fetching"):
            done = subprocess.run(
                command, env=process_env(), capture_output=True, text=True
            )
        if done.returncode:
            raise EnvironmentProblem(f"The peers were not fetched:\n{done.stderr}")
        partial.rename(folder)
    return folder / "odoo" / "addons"


@contextmanager
def bench_database(name: str, peers: Sequence[str] = ()) -> Iterator[str]:
    """Make a database with the addon and the peers, and drop it in the end."""
    database_name = f"{database.PREFIX}bench_{name}_{os.getpid()}"
    try:
        database.create_template(database_name)
        if peers:
            os.environ["CYCLE_EXTRA_ADDONS"] = str(install_peers())
            with console.step("database", f"installing {', '.join(peers)}"):
                odoo_process.run(
                    database_name,
                    *("--init", ",".join(peers), "--stop-after-init", "--no-http"),
                    log=LOGS / f"bench-{name}-install.log",
                )
        yield database_name
    finally:
        database.drop(database_name)


def inside_odoo(database_name: str, module: str, options: dict) -> dict:
    """Run ``measure(env, options, result file)`` of a module here, inside Odoo.

    :return: what it wrote to the result file, as JSON
    """
    result = RUN / f"{database_name}.json"
    log = LOGS / f"bench{module.replace('_', '-')}.log"
    script = SCRIPT.format(
        root=str(ROOT), module=module, options=options, result=str(result)
    )

    def describe() -> str:
        said = log.read_text(errors="replace") if log.is_file() else ""
        lines = [line for line in said.splitlines() if line.startswith("bench: ")]
        return lines[-1].removeprefix("bench: ") if lines else ""

    try:
        with console.progress("bench", describe):
            odoo_process.shell(database_name, script, log=log)
        if not result.is_file():
            said = log.read_text(errors="replace")[-3000:]
            raise EnvironmentProblem(f"Nothing was measured, see {log}:\n{said}")
        return json.loads(result.read_text())
    finally:
        result.unlink(missing_ok=True)


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence]) -> None:
    """Print rows in columns; everything but the first column is aligned right."""
    cells = [list(map(str, row)) for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}\n")
    for number, row in enumerate(cells):
        texts = [row[0].ljust(widths[0])]
        texts += [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        print("  ".join(texts))
        if not number:
            print("  ".join("-" * width for width in widths))


def judge(goals: Sequence[tuple[str, float, float]]) -> int:
    """Print each goal with what was reached; return 1 if one was missed."""
    print("\nGoals")
    for text, value, limit in goals:
        met = "met" if value <= limit else "MISSED"
        print(f"  {met:6}  {text}: {value:.2f} (at most {limit:g})")
    return int(any(value > limit for _text, value, limit in goals))
