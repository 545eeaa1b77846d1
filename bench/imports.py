"""Measure what a dashboard imports against the same page with every library at the top.

``python bench/imports.py`` runs both sets in new processes, side by side, and ends with an error
if the dashboard's set takes more than its share of the time.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median

import measure
from measure import Limit, Run

LIMIT = 0.15
SETS = {
    "dashboard": (
        "import polars, plotly.graph_objects, ipywidgets, anywidget\n"
        "from crmlib.board import Page, controls"
    ),
    "eager": (
        "import polars, plotly.express, statsmodels.api, mlxtend.frequent_patterns, ipywidgets"
    ),
}


def child(name: str) -> None:
    """Import one set and print its figures."""
    modules, before = len(sys.modules), measure.peak_mb()
    _, figures = measure.timed(lambda: exec(SETS[name], {}))
    figures["peak"] -= before
    count = {"modules": str(len(sys.modules) - modules)}
    print(json.dumps({**figures, "digests": {"": count}}))


def cells(name: str, runs: list[Run]) -> list[str]:
    """Give a set's line of the table."""
    return [
        name,
        SETS[name].replace("\n", "; "),
        f"{median(r.cpu for r in runs):.2f}",
        f"{median(r.wall for r in runs):.2f}",
        runs[0].digests[""]["modules"],
        f"{median(r.peak for r in runs):.0f}",
    ]


def main() -> None:
    """Read the arguments; measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--child", choices=list(SETS), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child)
        return
    script = Path(__file__)
    for name in SETS:  # once without counting: files into the cache, bytecode written
        measure.run(script, "--child", name)
    runs: dict[str, list[Run]] = {name: [] for name in SETS}
    for _ in range(asked.runs):
        for name, found in runs.items():
            found.append(measure.run(script, "--child", name))
    limit = Limit("CPU, dashboard / eager", measure.ratio(runs["dashboard"], runs["eager"]), LIMIT)
    head = ["set", "imports", "CPU s", "wall s", "modules", "MB more"]
    text = "\n\n".join(
        [
            "## Imports\n\nWhat a visitor waits for and holds in memory before the first figure; "
            "warm files.",
            measure.machine("polars", "plotly", "ipywidgets", "statsmodels", "mlxtend"),
            measure.table(head, [cells(name, found) for name, found in runs.items()]),
            measure.limits_table([limit]),
        ]
    )
    print(text)
    if asked.write:
        measure.write_section("imports", text)
    sys.exit(limit.missed)


if __name__ == "__main__":
    main()
