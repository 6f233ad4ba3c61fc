"""Draft invoices of due payments, next to core and to OCA's modules."""

from __future__ import annotations

import argparse
import statistics

from ._run import bench_database, inside_odoo, judge, print_table

BASES = {
    "this addon, thirds": "floor, thirds",
    "OCA sale_invoice_plan, thirds": "floor, thirds",
}
# How much of a peer's time the addon may take: about a half, a sixth, a fifteenth.
PEERS = {
    "OCA contract, cron": ("this addon", 0.55),
    "OCA subscription_oca, cron": ("this addon", 0.18),
    "OCA sale_invoice_plan, thirds": ("this addon, thirds", 0.073),
}
LINEAR = "this addon, one run"
LINEAR_SIZES = [2000, 20000]
SAME = {
    "floor": {"this addon", "core _create_invoices"},
    "floor, thirds": {"this addon, thirds"},
}


def main(arguments: list[str]) -> int:
    """Measure, print one table for each size, and judge the goals."""
    parser = argparse.ArgumentParser(prog="script/bench drafts", description=__doc__)
    parser.add_argument(
        "--full",
        action="store_true",
        help="2,000 due payments as well, and all of --linear",
    )
    parser.add_argument(
        "--linear",
        type=int,
        nargs="*",
        metavar="SIZE",
        help="the addon's own job with so many due payments, 2,000 and 20,000 by "
        "default: the time for each must not grow",
    )
    parser.add_argument("--sizes", type=int, nargs="+", help="how many are due")
    options = parser.parse_args(arguments)
    sizes = options.sizes or [100, 500, *([2000] if options.full else [])]
    linear = options.linear
    if options.full or linear == []:
        linear = linear or LINEAR_SIZES
    peers = ["contract", "sale_invoice_plan", "subscription_oca"]
    with bench_database("drafts", peers) as name:
        asked = {"sizes": sizes, "linear": linear or []}
        figures = inside_odoo(name, "_drafts", asked)
    rounds = Rounds(figures)
    for size in sizes:
        for lines in (1, 3):
            rounds.print(size, lines)
    rounds.print_bad()
    rounds.print_linear(linear or [])
    return judge(rounds.goals(sizes) + rounds.linear_goals(linear or []))


class Rounds:
    """The figures of all rounds."""

    def __init__(self, figures: list[dict]):
        self.figures = {
            (one["case"], one["size"], one["lines"], one["round"]): one
            for one in figures
        }
        self.rounds = sorted({one["round"] for one in figures})
        self.cases = list(dict.fromkeys(one["case"] for one in figures))

    def each(self, case: str, size: int, lines: int) -> list[dict]:
        """Return the figures of one way, a round each."""
        keys = [(case, size, lines, number) for number in self.rounds]
        return [self.figures[key] for key in keys if key in self.figures]

    def per_draft(self, case: str, size: int, lines: int) -> float:
        """Return the median of the milliseconds for each draft."""
        return statistics.median(
            1000 * one["seconds"] / one["drafts"]
            for one in self.each(case, size, lines)
        )

    def queries(self, case: str, size: int, lines: int) -> float:
        """Return the queries for each draft."""
        one = self.each(case, size, lines)[0]
        return one["queries"] / one["drafts"]

    def ratio(self, case: str, base: str, size: int, lines: int) -> float:
        """Return the median of the rounds' ratios of the time for each draft."""
        pairs = [
            (self.figures[case, size, lines, number], base_figure)
            for number, base_figure in enumerate(self.each(base, size, lines))
            if (case, size, lines, number) in self.figures
        ]
        return statistics.median(
            (one["seconds"] / one["drafts"]) / (other["seconds"] / other["drafts"])
            for one, other in pairs
        )

    def same_rows(self, case: str, size: int, lines: int) -> str:
        """Tell whether the journal items are those of the floor."""
        for base, cases in SAME.items():
            if case in cases:
                sums = {
                    one["checksum"]
                    for name in (base, case)
                    for one in self.each(name, size, lines)
                }
                return "identical" if len(sums) == 1 else "DIFFERENT"
        return "-"

    def print(self, size: int, lines: int) -> None:
        """Print one table."""
        rows = []
        for case in self.cases:
            measured = len(self.each(case, size, lines))
            if not measured:
                continue
            base = BASES.get(case, "floor" if "thirds" not in case else case)
            rows.append(
                [
                    case if measured == len(self.rounds) else f"{case} (1 round)",
                    self.each(case, size, lines)[0]["drafts"],
                    f"{self.per_draft(case, size, lines):.1f}",
                    f"{self.ratio(case, base, size, lines):.2f}",
                    f"{self.queries(case, size, lines):.1f}",
                    self.same_rows(case, size, lines),
                ]
            )
        print_table(
            f"{size} due payments, orders of {lines} line(s), median of "
            f"{len(self.rounds)} rounds",
            ["way", "drafts", "ms/draft", "ratio", "queries/draft", "journal items"],
            rows,
        )
        slow = [case for case in PEERS if not self.each(case, size, lines)]
        if slow:
            print(f"Too slow to be measured at this size: {', '.join(slow)}")

    def print_bad(self) -> None:
        """Print what one bad record costs."""
        rows = []
        for case in ("without it", "with one bad"):
            seconds = [1000 * one["seconds"] for one in self.each(case, 200, 1)]
            drafts = self.each(case, 200, 1)[0]["drafts"]
            rows.append([case, drafts, f"{statistics.median(seconds) / 200:.1f}"])
        print_table(
            "One bad record among 200",
            ["this addon", "drafts", "ms/payment"],
            rows,
        )

    def print_linear(self, sizes: list[int]) -> None:
        """Print what one run of the job takes, however much is due."""
        rows = [
            [
                size,
                f"{self.per_draft(LINEAR, size, 1):.1f}",
                f"{self.queries(LINEAR, size, 1):.1f}",
            ]
            for size in sizes
        ]
        if rows:
            print_table(
                "One run of the job", ["due", "ms/draft", "queries/draft"], rows
            )

    def linear_goals(self, sizes: list[int]) -> list[tuple[str, float, float]]:
        """Return the goals of the largest run: no more for each than in a small one."""
        if len(sizes) < 2:
            return []
        what = f"for each, {max(sizes)} in one run to {min(sizes)}"
        times, queries = (
            measure(LINEAR, max(sizes), 1) / measure(LINEAR, min(sizes), 1)
            for measure in (self.per_draft, self.queries)
        )
        return [(f"time {what}", times, 1.25), (f"queries {what}", queries, 1.25)]

    def peer_goals(self, size: int, lines: int) -> list[tuple[str, float, float]]:
        """Return the goals against the peers that were measured with these."""
        found = []
        for peer, (own, limit) in PEERS.items():
            if self.each(peer, size, lines):
                what = f"{own} to {peer}, {size} drafts of {lines} line(s)"
                # A slow one is measured in the first round only.
                ratio = 1 / self.ratio(peer, own, size, lines)
                found.append((what, ratio, limit))
        return found

    def goals(self, sizes: list[int]) -> list[tuple[str, float, float]]:
        """Return the goals: text, what was reached, what is allowed."""
        found = []
        for size in sizes:
            for lines in (1, 3):
                what = f"{size} drafts of {lines} line(s)"
                ratio = self.ratio("this addon", "floor", size, lines)
                found.append((f"ratio to the floor, {what}", ratio, 0.65))
                thirds = self.ratio("this addon, thirds", "floor, thirds", size, lines)
                found.append((f"ratio to the floor, thirds, {what}", thirds, 0.65))
                queries = self.queries("this addon", size, lines)
                found.append((f"queries for each, {what}", queries, 5))
                for case in ("this addon", "this addon, thirds"):
                    other = self.same_rows(case, size, lines) != "identical"
                    found.append((f"other rows than the floor, {case}", other, 0))
                found += self.peer_goals(size, lines)
        if len(sizes) > 1:
            growth = self.per_draft("this addon", sizes[-1], 1)
            growth /= self.per_draft("this addon", sizes[0], 1)
            found.append((f"time per draft, {sizes[-1]} to {sizes[0]}", growth, 1.25))
        bad = self.ratio("with one bad", "without it", 200, 1)
        found.append(("one bad in 200 to none", bad, 1.5))
        return found
