"""Measure the sample shop: how long it takes to make and write, and how much memory.

``python bench/sample.py --customers 20000 1000000 10000000 --write`` makes each shop in a process
of its own and ends with an error if a limit is not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

import measure
from measure import Limit, Run

SIZES = [20_000, 1_000_000, 10_000_000]
MOST_MB = 2_000
MOST_SECONDS = 4.0  # of the shop that `make dashboards` makes


def make(customers: int, world: str, folder: Path) -> dict[str, str]:
    """Make and write a shop; tell how much it is."""
    from crmlib.ledger import sample

    spec = sample.spec_for(customers, world=world)
    if sample.is_large(spec):
        truth = sample.write_lines(spec, folder)
    else:
        shop = sample.simulate(spec)
        sample.write(shop, folder)
        truth = shop.truth
    files = list(folder.iterdir())
    return {
        "lines": str(truth["clean_rows"]["order_lines"]),
        "files": str(len(files)),
        "bytes": str(sum(path.stat().st_size for path in files)),
        "months": str(spec.months),
    }


def child(customers: int, world: str) -> None:
    """Make one shop and print its figures."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        told, figures = measure.timed(lambda: make(customers, world, Path(folder)))
    print(json.dumps({**figures, "digests": {"": told}}))


def cells(customers: int, world: str, runs: list[Run]) -> list[str]:
    """Give a shop's line of the table."""
    told = {name: int(value) for name, value in runs[0].digests[""].items()}
    return [
        f"{customers:,}",
        world,
        f"{told['months']}",
        f"{told['lines']:,}",
        f"{told['files']:,}",
        f"{told['bytes'] / 1e6:,.0f}",
        f"{median(r.cpu for r in runs):,.1f}",
        f"{median(r.wall for r in runs):,.1f}",
        f"{max(r.peak for r in runs):,.0f}",
    ]


def main() -> None:
    """Read the arguments; measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--customers", type=int, nargs="+", default=SIZES)
    parser.add_argument("--world", nargs="+", default=["real"], choices=["real", "clean"])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.customers[0], asked.world[0])
        return
    script, rows, limits = Path(__file__), [], []
    for customers in asked.customers:
        for world in asked.world:
            which = ("--customers", str(customers), "--world", world)
            runs = [measure.run(script, "--child", *which) for _ in range(asked.runs)]
            rows.append(cells(customers, world, runs))
            what, large = f"{customers:,} customers, {world}", customers > SIZES[0]
            if large:
                peak = max(r.peak for r in runs)
                limits.append(Limit(f"{what}: peak MB", peak, MOST_MB))
            else:
                wall = median(r.wall for r in runs)
                limits.append(Limit(f"{what}: wall s", wall, MOST_SECONDS, judged=False))
    head = ["customers", "world", "months", "order lines", "files", "MB on disk", "CPU s"]
    text = "\n\n".join(
        [
            "## Sample shop\n\nTime and memory to make a shop and write its files, imports "
            "included. Small shops have all tables and are spoilt; shops of more than 500,000 "
            "customers have order lines alone, in pieces of Parquet.",
            measure.machine("polars", "numpy"),
            measure.table([*head, "wall s", "peak MB"], rows),
            measure.limits_table(limits),
        ]
    )
    print(text)
    if asked.write:
        measure.write_section("sample", text)
    sys.exit(any(limit.missed for limit in limits))


if __name__ == "__main__":
    main()
