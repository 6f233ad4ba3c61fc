"""Rules of the addon that no linter knows: how it may and may not use Odoo."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..environment import ADDON_PATH, ROOT

SQL_METHODS = {"execute", "executemany", "execute_values"}


def problems() -> Iterator[str]:
    """Yield each finding in the addon's Python, as ``file:line: what``."""
    for file in sorted(ADDON_PATH.rglob("*.py")):
        tree = ast.parse(file.read_text(), str(file))
        is_test = "tests" in file.relative_to(ADDON_PATH).parts
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (what := _problem_of(node, is_test)):
                yield f"{file.relative_to(ROOT)}:{node.lineno}: {what}"


def _problem_of(call: ast.Call, is_test: bool) -> str | None:
    """Return what is wrong with a call, if anything is.

    A test of real concurrency works on connections of its own, which it commits.
    """
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name == "commit" and not is_test and _is_cursor(call.func.value):
        return "cr.commit(): jobs commit through the cron driver's progress"
    if name in SQL_METHODS and any(map(_is_built_string, call.args[:1])):
        return "SQL built from a string: use odoo.tools.SQL"
    for keyword in call.keywords:
        value = getattr(keyword.value, "value", None)
        if keyword.arg == "csrf" and value is False:
            return "csrf=False: a route of ours is called by our own pages only"
        if keyword.arg == "force_send" and value is not False:
            return "force_send: mails leave through the outbox"
    return None


def _is_cursor(node: ast.expr) -> bool:
    """Tell whether an expression is called like a cursor."""
    return re.search(r"(^|\.|_)(cr|cursor)(\(\))?$", ast.unparse(node)) is not None


def _is_built_string(node: ast.expr) -> bool:
    """Tell whether a string is put together at run time."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "format"
    )
