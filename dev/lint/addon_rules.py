"""Rules of the addon that no linter knows: how it may and may not use Odoo."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..environment import ADDON_PATH, ROOT

SQL_METHODS = {"execute", "executemany", "execute_values"}
# What a remote call or a visitor can reach and that works in superuser mode. Each was
# reviewed: it checks the caller's rights first. One that is missing has to be, too.
REVIEWED_SUDO = {
    "AccountMoveLine.unlink",
    "CycleApprovalDecide.action_decide",
    "CycleConfirmation.action_revoke",
    "CycleConfirmation.action_show_verification",
    "CycleConfirmation.action_verify",
    "CycleCustomerPortal.portal_order_page",
    "CycleHealth.action_check_now",
    "CycleMessage.action_send_again",
    "CycleScheduleLine.action_draft_again",
    "CycleScheduleLine.action_hold",
    "CycleScheduleLine.action_release",
    "CycleScheduleLine.action_request_payment",
    "CycleScheduleLine.action_skip",
    "SaleOrder.action_amend",
    "SaleOrder.action_confirm_on_behalf",
    "SaleOrder.action_draft",
    "SaleOrder.action_draft_credit_note",
    "SaleOrder.action_pause",
    "SaleOrder.action_reject",
    "SaleOrder.action_resume",
    "SaleOrder.action_send_confirmation",
    "SaleOrder.action_withdraw_notice",
    "SaleOrder.action_mark_completed",
}


def problems() -> Iterator[str]:
    """Yield each finding in the addon's Python, as ``file:line: what``."""
    for file in sorted(ADDON_PATH.rglob("*.py")):
        tree = ast.parse(file.read_text(), str(file))
        is_test = "tests" in file.relative_to(ADDON_PATH).parts
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (what := _problem_of(node, is_test)):
                yield f"{file.relative_to(ROOT)}:{node.lineno}: {what}"
        if not is_test:
            for line, name in _unreviewed_sudo(tree):
                yield (
                    f"{file.relative_to(ROOT)}:{line}: {name} can be called remotely "
                    "and uses sudo(): check the caller first, then list it as reviewed"
                )


def _unreviewed_sudo(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the public methods that work in superuser mode and are not reviewed."""
    for owner in ast.walk(tree):
        for method in getattr(owner, "body", ()) if _is_class(owner) else ():
            name = f"{owner.name}.{getattr(method, 'name', '_')}"
            if "._" in name or name in REVIEWED_SUDO:
                continue
            if any(map(_is_sudo, ast.walk(method))):
                yield method.lineno, name


def _is_class(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef)


def _is_sudo(node: ast.AST) -> bool:
    """Tell whether a node asks for superuser mode; ``sudo(False)`` leaves it."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sudo"
        and not node.args
    )


def _problem_of(call: ast.Call, is_test: bool) -> str | None:
    """Return what is wrong with a call, if anything is.

    A test of real concurrency works on connections of its own, which it commits.
    """
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name == "commit" and not is_test and _is_cursor(call.func.value):
        return "cr.commit(): jobs commit through the cron driver's progress"
    if name in SQL_METHODS and any(map(_is_built_string, call.args[:1])):
        return "SQL built from a string: use odoo.tools.SQL"
    if _is_markup_of_data(call):
        return "Markup() of a value: what people type would be HTML; use % or format()"
    for keyword in call.keywords:
        value = getattr(keyword.value, "value", None)
        if keyword.arg == "csrf" and value is False:
            return "csrf=False: a route of ours is called by our own pages only"
        if keyword.arg == "force_send" and value is not False:
            return "force_send: mails leave through the outbox"
    return None


def _is_markup_of_data(call: ast.Call) -> bool:
    """Tell whether something else than a literal is declared to be safe HTML."""
    is_markup = isinstance(call.func, ast.Name) and call.func.id == "Markup"
    return is_markup and not all(isinstance(arg, ast.Constant) for arg in call.args)


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
