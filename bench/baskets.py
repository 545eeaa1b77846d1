"""Measure basket rules: ours against mlxtend's hmine and fpgrowth.

``python bench/baskets.py`` makes baskets once, runs each contestant on the same integer arrays in
a process of its own, and stops if two results differ in anything but rules exactly at a
threshold, which it lists: mlxtend compares rounded shares. The work is complete: from the arrays
to a table of rules with their measures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import measure
from measure import ROOT, Limit, Run

FOLDER = ROOT / "build" / "bench" / "baskets"
SHARED = ROOT.parent / "shared" / "data"
CONTESTANTS = ("ours", "hmine", "fpgrowth")
MIN_CONFIDENCE = "0.1"
MAX_ITEMS = 3
SPARSE_FROM = 1_000  # items; with so many, fpgrowth gets a sparse frame, which it does better with


@dataclass(frozen=True, slots=True)
class Case:
    """Baskets, the support asked for, and what ours must keep to against mlxtend's best."""

    name: str
    support: str
    baskets: int = 0  # to be drawn; 0 for data that are there
    items: int = 0
    cpu: float | None = None  # at most so much of the faster of the two
    memory: float | None = None


CASES = (
    Case("groceries", "0.001"),
    Case("online_retail", "0.005"),
    Case("10k x 169", "0.002", 10_000, 169),
    Case("100k x 169", "0.002", 100_000, 169, cpu=1.0),
    Case("1M x 169", "0.002", 1_000_000, 169, cpu=0.2),
    Case("100k x 4,000", "0.001", 100_000, 4_000, cpu=0.1, memory=0.2),
)


# --- The baskets ----------------------------------------------------------------------------------


def arrays(case: Case) -> Path:
    """Give the file with a case's arrays, ``basket`` and ``item``; make it once."""
    import numpy as np

    path = FOLDER / f"{case.name.replace(' ', '_').replace(',', '')}.npz"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        basket, item = drawn(case) if case.baskets else read(case.name)
        np.savez(path, basket=basket.astype(np.int32), item=item.astype(np.int32))
    return path


def drawn(case: Case) -> tuple[Any, Any]:
    """Draw baskets of 4.4 lines in the mean, items of falling popularity, with some that repeat.

    One line in five brings its item's neighbour along, so that there are rules to find.
    """
    import numpy as np

    rng = np.random.default_rng(case.items)
    rank = np.arange(1, case.items + 1)
    weight = 1 / rank**0.7 if case.items < SPARSE_FROM else 1 / (rank + 20)
    size = np.minimum(rng.geometric(1 / 3.7, case.baskets), 40)
    item = rng.choice(case.items, int(size.sum()), p=weight / weight.sum())
    basket = np.repeat(np.arange(case.baskets), size)
    brings = rng.random(len(item)) < 0.2
    with_it = np.minimum(item[brings] ^ 1, case.items - 1)
    return np.concatenate([basket, basket[brings]]), np.concatenate([item, with_it])


def read(name: str) -> tuple[Any, Any]:
    """Give public baskets, with numbers for names."""
    import polars as pl

    if name == "groceries":
        lines = pl.read_csv(SHARED / name / "groceries_long.csv").select("basket_id", "item")
    else:
        rows = pl.read_parquet(SHARED / name / "online_retail.parquet")
        sold = ~pl.col("InvoiceNo").str.starts_with("C") & pl.col("CustomerID").is_not_null()
        sales = rows.filter(sold, pl.col("Quantity") > 0, pl.col("UnitPrice") > 0)
        lines = sales.select("InvoiceNo", "StockCode")
    codes = lines.select(pl.all().rank("dense") - 1)
    return tuple(column.to_numpy() for column in codes)  # type: ignore[return-value]


# --- What a child does ----------------------------------------------------------------------------


def ours(basket: Any, item: Any, support: str) -> tuple[Any, float]:
    """Mine with this library; give the rules, and the time to make baskets of the arrays."""
    from crmlib.baskets import coded, rules

    began = time.process_time()
    baskets = coded.from_codes(basket, item)
    made = time.process_time() - began
    spec = rules.RuleSpec(support, MIN_CONFIDENCE, MAX_ITEMS, max_consequent=None)
    return rules.of_baskets(baskets, spec).rules, made


def by_mlxtend(algorithm: str) -> Callable[[Any, Any, str], tuple[Any, float]]:
    """Mine with mlxtend; give the rules, and the time to make the one-hot frame."""
    import numpy as np
    import pandas as pd
    from mlxtend import frequent_patterns
    from scipy import sparse

    mine = getattr(frequent_patterns, algorithm)

    def work(basket: Any, item: Any, support: str) -> tuple[Any, float]:
        began = time.process_time()
        shape = (int(basket.max()) + 1, int(item.max()) + 1)
        if algorithm == "fpgrowth" and shape[1] >= SPARSE_FROM:
            cells = sparse.coo_array((np.ones(len(item), bool), (basket, item)), shape).tocsr()
            names = [str(i) for i in range(shape[1])]
            frame = pd.DataFrame.sparse.from_spmatrix(cells, columns=names)
        else:
            dense = np.zeros(shape, bool)
            dense[basket, item] = True
            frame = pd.DataFrame(dense)
        made = time.process_time() - began
        found = mine(frame, min_support=float(support), max_len=MAX_ITEMS)
        rules = frequent_patterns.association_rules(
            found, metric="confidence", min_threshold=float(MIN_CONFIDENCE)
        )
        return rules, made

    return work


def child(who: str, path: Path, support: str, out: Path) -> None:
    """Run one contestant; keep its rules, print its figures."""
    import numpy as np
    from scipy import sparse  # noqa: F401  # importing is not part of anybody's time

    loaded = np.load(path)
    basket, item = loaded["basket"], loaded["item"]
    work: Callable[[Any, Any, str], tuple[Any, float]]
    if who == "ours":
        from crmlib.baskets import rules  # noqa: F401

        work = ours
    else:
        work = by_mlxtend(who)
    (found, made), figures = measure.timed(lambda: work(basket, item, support))
    keep(found, out, int(basket.max()) + 1)
    print(json.dumps({**figures, "digests": {"arrays": {"cpu": f"{made:.3f}"}}}))


def keep(found: Any, out: Path, baskets: int) -> None:
    """Write rules as ``left``, ``right`` (items, joined) and ``count``."""
    import polars as pl

    if isinstance(found, pl.DataFrame):
        sides = [found[c].to_list() for c in ("antecedent", "consequent")]
        count = found["count"].to_list()
    else:
        sides = [found[c].to_list() for c in ("antecedents", "consequents")]
        count = [round(s * baskets) for s in found["support"]]
    left, right = ([" ".join(sorted(map(str, s))) for s in side] for side in sides)
    pl.DataFrame({"left": left, "right": right, "count": count}).write_parquet(out)


# --- What the parent does -------------------------------------------------------------------------


def ties(case: Case, path: Path, mine: Path, theirs: Path, who: str) -> list[str]:
    """Compare rules; name those exactly at a threshold that one has and the other lacks.

    Raises
    ------
    SystemExit
        If they differ in anything else.
    """
    import numpy as np
    import polars as pl

    keys = ["left", "right", "count"]
    one, other = pl.read_parquet(mine), pl.read_parquet(theirs)
    only = pl.concat([one.join(other, on=keys, how="anti"), other.join(one, on=keys, how="anti")])
    if only.is_empty():
        return []
    loaded = np.load(path)
    n = int(loaded["basket"].max()) + 1
    found = []
    for left, right, count in only.rows():
        confidence = Fraction(count, holding(loaded, left.split(), n))
        at_support = Fraction(count, n) == Fraction(Decimal(case.support))
        if confidence != Fraction(Decimal(MIN_CONFIDENCE)) and not at_support:
            sys.exit(f"{case.name}: {who} differs in {left} -> {right}, {count}")
        found.append(f"{left} → {right} ({count}, confidence {confidence})")
    return found


def holding(loaded: Any, items: list[str], n: int) -> int:
    """Count the baskets that hold all items."""
    import numpy as np

    held = np.ones(n, bool)
    for item in items:
        one = np.zeros(n, bool)
        one[loaded["basket"][loaded["item"] == int(item)]] = True
        held &= one
    return int(held.sum())


def measured(case: Case, runs: int) -> tuple[str, list[Limit]]:
    """Run all contestants side by side, each time another one first; give a section and limits."""
    path = arrays(case)
    found: dict[str, list[Run]] = {who: [] for who in CONTESTANTS}
    listed: dict[str, list[str]] = {}
    with TemporaryDirectory(dir=FOLDER) as scratch:
        outs = {who: Path(scratch) / f"{who}.parquet" for who in CONTESTANTS}
        for turn in range(runs):
            first = turn % len(CONTESTANTS)
            for who in CONTESTANTS[first:] + CONTESTANTS[:first]:
                print(".", end="", flush=True, file=sys.stderr)
                words = (who, str(path), case.support, str(outs[who]))
                found[who].append(measure.run(Path(__file__), "--child", *words))
        for who in CONTESTANTS[1:]:
            for tie in ties(case, path, outs["ours"], outs[who], who):
                listed.setdefault(tie, []).append(who)
        rules = _height(outs["ours"])
    print(file=sys.stderr)
    limits = _limits(case, found)
    parts = [
        f"### {case.name}, support {case.support}: {rules:,} rules, {runs} runs",
        _table(found),
    ]
    if listed:
        lines = (f"{tie}: {', '.join(who)}" for tie, who in sorted(listed.items()))
        parts.append("Exactly at a threshold, not the same as ours: " + "; ".join(lines) + ".")
    return "\n\n".join([*parts, measure.limits_table(limits)]), limits


def _height(path: Path) -> int:
    import polars as pl

    return pl.read_parquet(path).height


def _limits(case: Case, found: dict[str, list[Run]]) -> list[Limit]:
    best = min(CONTESTANTS[1:], key=lambda who: median(r.cpu for r in found[who]))
    cpu = measure.ratio(found["ours"], found[best])
    least = min(median(r.peak for r in found[who]) for who in CONTESTANTS[1:])
    memory = median(r.peak for r in found["ours"]) / least
    return [
        Limit(f"CPU, ours / {best}", cpu, case.cpu or 1.0, case.cpu is not None),
        Limit("peak memory, ours / less of the two", memory, case.memory or 1.0,
              case.memory is not None),
    ]  # fmt: skip


def _table(found: dict[str, list[Run]]) -> str:
    head = ["", "CPU s", "of it from the arrays", "wall s", "peak MB"]
    rows = [
        [
            who,
            f"{median(r.cpu for r in runs):.2f}",
            f"{median(float(r.digests['arrays']['cpu']) for r in runs):.2f}",
            f"{median(r.wall for r in runs):.2f}",
            f"{median(r.peak for r in runs):,.0f}",
        ]
        for who, runs in found.items()
    ]
    return measure.table(head, rows)


def main() -> None:
    """Read the arguments; measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="+", default=[c.name for c in CASES])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        who, path, support, out = asked.child
        child(who, Path(path), support, Path(out))
        return
    texts, limits = [], []
    for case in (c for c in CASES if c.name in asked.cases):
        text, found = measured(case, asked.runs)
        print(text, end="\n\n", flush=True)
        texts.append(text)
        limits += found
    if asked.write:
        measure.write_section("baskets", "\n\n".join([_intro(), *texts]))
    sys.exit(any(x.missed for x in limits))


def _intro() -> str:
    return f"""## Basket rules

From the same integer arrays to a table of rules with their measures: sets of up to {MAX_ITEMS}
items, any number of them on the right, confidence {MIN_CONFIDENCE}. Each contestant runs in a
process of its own; imports are nobody's time. mlxtend takes a one-hot frame, sparse where
fpgrowth is given {SPARSE_FROM:,} items or more. All find the same rules but for those listed,
which lie exactly at a threshold.

{measure.machine("numpy", "scipy", "polars", "pandas", "mlxtend")}"""


if __name__ == "__main__":
    main()
