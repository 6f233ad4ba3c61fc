"""Publish drafts (post, PDF, e-mail), next to core's send and print."""

from __future__ import annotations

import argparse
import statistics

from dev.odoo_process import OdooServer

from ._run import bench_database, inside_odoo, judge, print_table

PARTS = ("post", "pdf", "mail")
BASE = "core, one by one"


def main(arguments: list[str]) -> int:
    """Measure, print the table, and judge the goal."""
    parser = argparse.ArgumentParser(prog="script/bench publish", description=__doc__)
    parser.add_argument("--size", type=int, default=100, help="drafts of the addon")
    parser.add_argument("--sample", type=int, default=10, help="invoices of core")
    options = parser.parse_args(arguments)
    with bench_database("publish") as name, OdooServer(name) as server:
        figures = inside_odoo(
            name,
            "_publish",
            {"size": options.size, "sample": options.sample, "url": server.url},
        )
    cases = list(dict.fromkeys(figure["case"] for figure in figures))
    rows = []
    for case in cases:
        rounds = [figure for figure in figures if figure["case"] == case]
        parts = [
            statistics.median(1000 * one[part] / one["count"] for one in rounds)
            for part in PARTS
        ]
        ratio = _ratio(figures, case)
        rows.append(
            [
                case,
                rounds[0]["count"],
                rounds[0]["mails"],
                *(f"{value:.1f}" for value in parts),
                f"{sum(parts):.1f}",
                f"{ratio:.3f}",
            ]
        )
    print_table(
        "Milliseconds for each invoice, median of 3 rounds; of core a sample of "
        f"{options.sample}",
        ["way", "invoices", "mails", "posting", "PDF", "mail", "all", "ratio"],
        rows,
    )
    return judge([("ratio to core's send and print", _ratio(figures, cases[0]), 0.1)])


def _ratio(figures: list[dict], case: str) -> float:
    """Return the median of the rounds' ratios of the time for each invoice."""

    def each(name: str) -> list[float]:
        rounds = [one for one in figures if one["case"] == name]
        return [sum(one[part] for part in PARTS) / one["count"] for one in rounds]

    pairs = zip(each(case), each(BASE), strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)
