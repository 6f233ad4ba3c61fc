"""``script/bench``: run a benchmark of ``benchmarks/`` by its name, or list them."""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from pathlib import Path

from . import console, postgres
from .environment import ROOT, EnvironmentProblem

BENCHMARKS = ROOT / "benchmarks"


def available() -> dict[str, str]:
    """Return the benchmarks: the name of each, and what it measures."""
    files = sorted(BENCHMARKS.glob("[!_]*.py"))
    return {file.stem: _first_line(file) for file in files}


def _first_line(file: Path) -> str:
    """Return the first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    return (docstring or "").partition("\n")[0]


def run(name: str, arguments: list[str]) -> int:
    """Run a benchmark, with a database server, and return its exit code."""
    module = importlib.import_module(f"benchmarks.{name}")
    with postgres.running():
        return module.main(arguments) or 0


def main() -> None:
    """Read the command line, and run or list."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("name", nargs="?", help="the benchmark; none lists them")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    arguments = parser.parse_args()
    benchmarks = available()
    if not arguments.name:
        for name, purpose in benchmarks.items():
            print(f"{name:24} {purpose}")
        if not benchmarks:
            print("There are no benchmarks yet.")
        return
    if arguments.name not in benchmarks:
        console.fail(f"script/bench: there is no benchmark '{arguments.name}'.")
        sys.exit(2)
    try:
        sys.exit(run(arguments.name, arguments.arguments))
    except EnvironmentProblem as problem:
        console.fail(f"script/bench: {problem}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
