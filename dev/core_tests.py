"""``script/test --core``: core's own tests, with the addon installed and without it.

An order without a payment mode has to behave as in stock Odoo. Core's tests of orders,
invoices and the portal know nothing of the addon, so whatever they answer without it
is what they have to answer with it: each difference is listed and counts as failed.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field

from . import console, database, odoo_log, odoo_process, postgres
from .environment import ADDON, LOGS, EnvironmentProblem, odoo_file

# Those that drive a browser are left out: they show screens that the addon extends.
FILES = {
    "sale": (
        "test_access_rights",
        "test_accrued_sale_orders",
        "test_common",
        "test_controllers",
        "test_credit_limit",
        "test_ir_config_parameter",
        "test_onchange",
        "test_payment_flow",
        "test_product_catalog",
        "test_sale_flow",
        "test_sale_order",
        "test_sale_prices",
        "test_sale_product_template",
        "test_sale_refund",
        "test_sale_report",
        "test_sale_sections",
        "test_sale_to_invoice",
        "test_taxes_downpayment",
        "test_taxes_global_discount",
        "test_taxes_tax_totals_summary",
    ),
    "sale_management": ("test_sale_order", "test_sale_order_template"),
    "account_payment": (
        "test_account_payment",
        "test_payment_flows",
        "test_payment_provider",
    ),
}
LOGGER = re.compile(r"^odoo\.addons\.(\w+)\.tests\.(\w+)")
STARTED = re.compile(r"^Starting (\S+) \.\.\.")
FAILED = re.compile(r"^(FAIL|ERROR): (?:Subtest )?(\S+)")
SKIPPED = re.compile(r"^skipped (\S+) : ")


@dataclass
class Answers:
    """What the tests answered, by name: passed, failed or skipped."""

    results: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def read(self, records: Iterable[odoo_log.Record]) -> Answers:
        """Take in the records of a run."""
        for record in records:
            if match := LOGGER.match(record.logger):
                self._read(".".join(match.groups()), record.text)
        return self

    def _read(self, module: str, text: str) -> None:
        if match := STARTED.match(text):
            self.results.setdefault(f"{module}.{match[1]}", "passed")
        elif match := SKIPPED.match(text):
            self.results[f"{module}.{match[1]}"] = "skipped"
        elif match := FAILED.match(text):
            name = f"{module}.{match[2]}"
            self.results[name] = "failed"
            self.texts[name] = text

    def count(self, result: str) -> int:
        """Count the tests with that result."""
        return sum(answer == result for answer in self.results.values())


def tags() -> str:
    """Return Odoo's test tags for the files that this build of Odoo has."""
    paths = [
        f"{module}/tests/{name}.py" for module, names in FILES.items() for name in names
    ]
    return ",".join(f"/{path}" for path in paths if odoo_file(path))


def run() -> odoo_log.Outcome:
    """Run core's tests twice, and return each difference as a failure."""
    with postgres.running():
        plain = _run_on("without", database.base_template())
        extended = _run_on("with", database.addon_template())
    return compare(plain, extended)


def _run_on(kind: str, template: str) -> Answers:
    """Run core's tests on a copy of a template."""
    name = f"{database.PREFIX}test_{os.getpid()}_{kind}"
    log = LOGS / f"test-core-{kind}.log"
    try:
        database.clone(template, name)
        with console.step("core", f"tests {kind} the addon"), log.open("w") as stream:
            process = odoo_process.start(
                name,
                *("--test-tags", tags(), "--stop-after-init"),
                options={"http_port": odoo_process.free_port()},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
            try:
                process.wait()
            finally:
                odoo_process.stop(process)
        with log.open(errors="replace") as lines:
            answers = Answers().read(odoo_log.records(lines))
    finally:
        database.drop(name)
    if not answers.results:
        raise EnvironmentProblem(f"None of core's tests ran, see {log}.")
    console.say(
        f"{answers.count('passed')} passed, {answers.count('failed')} failed, "
        f"{answers.count('skipped')} skipped {kind} the addon",
        "core",
    )
    return answers


def compare(plain: Answers, extended: Answers) -> odoo_log.Outcome:
    """Return the outcome in which a test passes that answers the same in both."""
    outcome = odoo_log.Outcome()
    for name in sorted({*plain.results, *extended.results}):
        outcome.started.add(name)
        before = plain.results.get(name, "did not run")
        after = extended.results.get(name, "did not run")
        if before != after:
            text = extended.texts.get(name) or plain.texts.get(name, "")
            outcome.failures[name] = [
                f"{before} without {ADDON}, {after} with it: {text}"
            ]
    return outcome
