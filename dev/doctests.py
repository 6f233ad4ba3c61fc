"""The doctests of ``tools/``: plain Python, so they run without Odoo.

The modules are imported as a package of their own: the addon's package needs Odoo.
"""

from __future__ import annotations

import doctest
import importlib
import io
import sys
import types
from pathlib import Path

from .environment import ADDON_PATH
from .odoo_log import Outcome

TOOLS = ADDON_PATH / "tools"
PACKAGE = "cycle_tools"


def modules() -> list[Path]:
    """Return the files that may have doctests."""
    return sorted(file for file in TOOLS.glob("*.py") if file.stem != "__init__")


def run(files: list[Path]) -> Outcome:
    """Run the doctests of the files; each docstring with examples is one test."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(TOOLS)]
    sys.modules[PACKAGE] = package
    outcome = Outcome()
    for file in files:
        try:
            module = importlib.import_module(f"{PACKAGE}.{file.stem}")
        except Exception as error:  # whatever the module does wrong is its failure
            outcome.failures[f"tools.{file.stem}"] = [f"Not importable: {error!r}"]
        else:
            _run_module(module, f"tools.{file.stem}", outcome)
    return outcome


def _run_module(module: types.ModuleType, name: str, outcome: Outcome) -> None:
    """Run the doctests of one module."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module, name):
        if not test.examples:
            continue
        outcome.started.add(test.name)
        said = io.StringIO()
        if runner.run(test, out=said.write).failed:
            outcome.failures[test.name] = [said.getvalue()]
