"""Run every linter, tell what each found, and exit with 1 if one found anything."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .. import console
from ..environment import ADDON, ADDON_PATH, ROOT, EnvironmentProblem
from ..setup import set_up
from . import addon_rules, private, tools

PRETTIER = [
    "--config=.prettierrc.yml",
    f"--plugin={tools.NODE_MODULES}/@prettier/plugin-xml/src/plugin.js",
    "--no-error-on-unmatched-pattern",
    "--log-level=warn",
]
FORMATTED = [f"{ADDON}/**/*.{suffix}" for suffix in ("xml", "js", "scss")]
MANIFEST = f"{ADDON}/__manifest__.py"
# Odoo's own files spell both as we do, against these two checks.
UNWANTED_OCA_CHECKS = "xml-header-wrong,xml-field-numeric-without-eval"


@dataclass
class Check:
    """One linter: a function that returns what it found, empty when all is well."""

    name: str
    find: Callable[[], str]

    def run(self) -> bool:
        """Run it, print its result, and return whether all is well."""
        began = time.monotonic()
        found = self.find().rstrip()
        seconds = time.monotonic() - began
        text = f"{'FAILED' if found else 'ok'}, {seconds:.1f} s"
        console.say(text + (f"\n{found}\n" if found else ""), self.name)
        return not found


def checks(fix: bool) -> list[Check]:
    """Return the checks, or what mends as much as can be mended."""
    prettier = tools.node("prettier/bin/prettier.cjs", *PRETTIER)
    eslint = tools.node(
        "eslint/bin/eslint.js",
        f"--config={tools.NODE_FOLDER}/eslint.config.mjs",
        "--no-error-on-unmatched-pattern",
        "--max-warnings=0",
    )
    ruff = tools.program("ruff")
    oca = [tools.program("oca-checks-odoo-module"), f"--disable={UNWANTED_OCA_CHECKS}"]
    ruff_fix = _fixer("ruff fix", [ruff, "check", "--quiet", "--fix"])
    oca_fix = _fixer("oca fix", [*oca, "--fix", MANIFEST])
    return [
        *[ruff_fix, oca_fix] * fix,
        _program("ruff format", [ruff, "format", "--quiet"] + ["--diff"] * (not fix)),
        _program("ruff check", [ruff, "check", "--quiet"]),
        _program("prettier", [*prettier, "--write" if fix else "--check", *FORMATTED]),
        _program("eslint", [*eslint, *["--fix"] * fix, f"{ADDON}/static/**/*.js"]),
        _program("pylint-odoo", [tools.program("pylint"), "--score=no", ADDON]),
        _program("oca checks", [*oca, MANIFEST]),
        _program("oca po checks", [tools.program("oca-checks-po"), *_translations()]),
        Check("private", lambda: "\n".join(private.problems())),
        Check("addon rules", lambda: "\n".join(addon_rules.problems())),
    ]


def _program(name: str, command: list[str]) -> Check:
    """Return a check that runs a program; it fails by its exit code."""

    def find() -> str:
        env = {**os.environ, "PYLINTHOME": str(tools.VENV / "pylint"), "NO_COLOR": "1"}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if not done.returncode:
            return ""
        return done.stdout or f"exit code {done.returncode}"

    return Check(name, find)


def _fixer(name: str, command: list[str]) -> Check:
    """Return a check that only mends; what it leaves, the others tell."""
    program = _program(name, command)
    return Check(name, lambda: program.find() and "")


def _translations() -> Iterator[str]:
    """Yield the addon's translation files."""
    for file in sorted(ADDON_PATH.glob("i18n/*.po*")):
        yield str(file.relative_to(ROOT))


def main() -> None:
    """Read the command line and run the checks."""
    parser = argparse.ArgumentParser(
        prog="script/lint", description="Check the code, or format it with --fix."
    )
    parser.add_argument("--fix", action="store_true", help="mend what can be mended")
    arguments = parser.parse_args()
    try:
        set_up(tools.ROWS)
        # Two that mend the same file would undo each other's work.
        workers = 1 if arguments.fix else os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            results = list(pool.map(Check.run, checks(arguments.fix)))
    except EnvironmentProblem as problem:
        console.fail(f"script/lint: {problem}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    if not all(results):
        print(f"script/lint: {results.count(False)} of {len(results)} checks failed")
        sys.exit(1)


if __name__ == "__main__":
    main()
