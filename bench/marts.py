"""Measure the marts: narwhals against hand-written polars, one pass against many, and pandas.

``python bench/marts.py`` makes the ledgers once, runs each contestant on the same files in a
process of its own, stops if two results differ in anything, and ends with an error if a limit is
missed. The limits count at 10 million lines; smaller sizes are reported.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import measure
from measure import Limit, Run
from shop import AS_OF_DAY, FOLDER, HISTORY, Shop, shop

JUDGED_LINES = 10_000_000
STEPS = ("visits", "customer", "cohorts", "gaps", "kpis", "basket_sizes")
ENGINES = ["polars", "duckdb"]
STEP_LIMIT, SET_LIMIT, PANDAS_LIMIT, MEMORY_LIMIT = 1.15, 0.60, 0.50, 0.50
AS_OF = {"as_of_day": AS_OF_DAY}
SETS = {
    "set": "visits once, the rest from them",
    "each": "each mart from the order lines",
    "pandas": "pandas, visits once",
}


# --- What a child does ----------------------------------------------------------------------------


def step(name: str, writer: str, made: Shop, folder: Path) -> Callable[[], Any]:
    """Prepare one step, written in narwhals or by hand, on stored tables."""
    import polars as pl

    def scan(path: Any) -> Any:
        return wrap(pl.scan_parquet(path))

    wrap, steps = _steps(writer)
    seen, people = folder / "visits", folder / "customer.parquet"
    lines, real = scan(made.lines), scan(made.real)
    frames = {
        "visits": lambda: steps["visits"](lines, real, **AS_OF),
        "customer": lambda: steps["customer"](
            scan(seen), scan(made.costs), scan(made.joined), **HISTORY
        ),
        "cohorts": lambda: steps["cohorts"](scan(seen), scan(people)),
        "gaps": lambda: steps["gaps"](scan(seen), scan(people), **AS_OF),
        "kpis": lambda: steps["kpis"](lines, real, **AS_OF),
        "basket_sizes": lambda: steps["basket_sizes"](lines, **AS_OF),
    }
    return lambda: {name: _collected(frames[name]())}


def _steps(writer: str) -> tuple[Callable[[Any], Any], dict[str, Callable[..., Any]]]:
    if writer == "hand":
        import by_hand

        return lambda frame: frame, {name: getattr(by_hand, name) for name in STEPS}
    import narwhals as nw

    from crmlib.marts import cohorts, customers, gaps, kpis, visits

    def basket_sizes(lines: Any, *, as_of_day: int) -> Any:
        return kpis.basket_sizes(kpis.contents(lines, as_of_day=as_of_day))

    modules = [visits, customers, cohorts, gaps, kpis]
    found = {n: getattr(m, n) for n, m in zip(STEPS, modules, strict=False)}
    return nw.from_native, found | {"basket_sizes": basket_sizes}


def _collected(frame: Any) -> Any:
    native = frame.to_native() if hasattr(frame, "to_native") else frame
    return native.collect(engine="streaming")


def _kept(frame: Any, path: Path) -> None:
    from crmlib.ledger.disk import put_frame

    path.parent.mkdir(parents=True, exist_ok=True)
    put_frame(path, _collected(frame))


def once(made: Shop, folder: Path) -> None:
    """Store the visits, month by month as the ledger's parts are, and derive the rest from them.

    A customer's day lies within a month, so a part's visits are whole.
    """
    import polars as pl

    wrap, steps = _steps("narwhals")
    real, costs, joined = (wrap(pl.scan_parquet(p)) for p in (made.real, made.costs, made.joined))
    for part in made.lines:
        lines = wrap(pl.scan_parquet(part))
        _kept(steps["visits"](lines, real, **AS_OF), folder / "visits" / part.name)
    seen = wrap(pl.scan_parquet(folder / "visits"))
    _kept(steps["customer"](seen, costs, joined, **HISTORY), folder / "customer.parquet")
    people = wrap(pl.scan_parquet(folder / "customer.parquet"))
    _kept(steps["cohorts"](seen, people), folder / "cohorts.parquet")
    _kept(steps["gaps"](seen, people, **AS_OF), folder / "gaps.parquet")


def each(made: Shop, folder: Path) -> None:
    """Make the same marts without a stored one between: each in one plan from the order lines."""
    import polars as pl

    wrap, steps = _steps("narwhals")
    lines, real, costs, joined = (
        wrap(pl.scan_parquet(p)) for p in (made.lines, made.real, made.costs, made.joined)
    )

    def seen() -> Any:
        return steps["visits"](lines, real, **AS_OF)

    def people() -> Any:
        return steps["customer"](seen(), costs, joined, **HISTORY)

    _kept(seen(), folder / "visits" / "all.parquet")
    _kept(people(), folder / "customer.parquet")
    _kept(steps["cohorts"](seen(), people()), folder / "cohorts.parquet")
    _kept(steps["gaps"](seen(), people(), **AS_OF), folder / "gaps.parquet")


def child(what: str, writer: str, made: Shop, folder: Path) -> None:
    """Run one contestant and print its figures and digests."""
    if what == "build":
        print(json.dumps(_build(writer, made, folder)))
        return
    if what in STEPS:
        work = step(what, writer, made, folder)
        frames, figures = measure.timed(work)
    else:
        contestant = _contestant(what)
        _, figures = measure.timed(lambda: contestant(made, folder))
        import polars as pl

        frames = {
            "visits": pl.read_parquet(folder / "visits"),
            **{n: pl.read_parquet(folder / f"{n}.parquet") for n in STEPS[1:4]},
        }
    found = {name: measure.digests(frame) for name, frame in frames.items()}
    print(json.dumps({**figures, "digests": found}))


def _build(engine: str, made: Shop, folder: Path) -> dict[str, Any]:
    """Build all marts on an engine; what it needs is imported before."""
    import importlib

    import whole

    importlib.import_module(engine)
    ledger = whole.ledger_of(made, folder)
    opened, figures = measure.timed(lambda: whole.build(ledger, engine))
    return {**figures, "digests": whole.digests(opened)}


def _contestant(what: str) -> Callable[[Shop, Path], None]:
    """Import all that a contestant needs: that is not part of its time."""
    if what == "pandas":
        import by_pandas

        return by_pandas.write_all
    _steps("narwhals")
    return {"set": once, "each": each}[what]


# --- What the parent does -------------------------------------------------------------------------


def compare(
    contestants: dict[str, list[str]], made: Shop, folder: Path, runs: int
) -> dict[str, list[Run]]:
    """Run contestants side by side so many times, each time another one first."""
    names = list(contestants)
    found: dict[str, list[Run]] = {name: [] for name in names}
    for turn in range(runs):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(_run(contestants[name], made, folder))
            measure.same(found[names[first]][0], found[name][-1], name)
    return found


def _run(words: list[str], made: Shop, folder: Path) -> Run:
    print(".", end="", flush=True, file=sys.stderr)
    what = words[0]
    own = folder if what in STEPS else folder.parent / (words[1] if what == "build" else what)
    if what not in STEPS:
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir()
    script = Path(__file__)
    return measure.run(script, "--child", *words, str(made.folder), str(own), site=what == "pandas")


def size(lines: int, runs: int, engines: list[str]) -> tuple[str, list[Limit]]:
    """Measure one size; give its section and its limits."""
    made = _ledger(lines)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=FOLDER) as scratch:
        folder = Path(scratch) / "set"
        sets = compare({k: [k, "-"] for k in SETS}, made, folder, runs)
        steps = {
            name: compare(
                {"narwhals": [name, "narwhals"], "hand": [name, "hand"]}, made, folder, runs
            )
            for name in STEPS
        }
        builds = compare({e: ["build", e] for e in engines}, made, folder, runs)
    print(file=sys.stderr)
    judged = lines >= JUDGED_LINES
    limits = _limits(steps, sets, judged=judged)
    count = _count(made)
    parts = [
        f"### {count:,} order lines, {runs} runs",
        _steps_table(steps),
        _sets_table(sets),
        _builds_table(builds),
        measure.limits_table(limits),
    ]
    return "\n\n".join(parts), limits


def _ledger(lines: int) -> Shop:
    """Make the ledger in a process of its own: this one stays small."""
    made = shop(lines)
    if not made.real.exists():
        import subprocess

        script = Path(__file__).with_name("generate.py")
        subprocess.run([sys.executable, str(script), str(lines)], check=True)
    return made


def _count(made: Shop) -> int:
    import polars as pl

    return int(pl.scan_parquet(made.lines).select(pl.len()).collect().item())


def _limits(
    steps: dict[str, dict[str, list[Run]]], sets: dict[str, list[Run]], *, judged: bool
) -> list[Limit]:
    ratio = measure.ratio
    found = [
        Limit(f"{n}: CPU, narwhals / by hand", ratio(r["narwhals"], r["hand"]), STEP_LIMIT, judged)
        for n, r in steps.items()
    ]
    ours, pandas = sets["set"], sets["pandas"]
    waited = median(a.wall / b.wall for a, b in zip(ours, pandas, strict=True))
    memory = median(r.peak for r in ours) / median(r.peak for r in pandas)
    return [
        *found,
        Limit("CPU, visits once / each mart", ratio(ours, sets["each"]), SET_LIMIT, judged),
        Limit("wall, visits once / pandas", waited, PANDAS_LIMIT, judged),
        Limit("CPU, visits once / pandas", ratio(ours, pandas), PANDAS_LIMIT, judged=False),
        Limit("peak memory, visits once / pandas", memory, MEMORY_LIMIT, judged),
    ]


def _cells(runs: list[Run]) -> list[str]:
    return [
        f"{median(r.cpu for r in runs):.2f}",
        f"{median(r.wall for r in runs):.2f}",
        f"{median(r.peak for r in runs):,.0f}",
    ]


def _steps_table(steps: dict[str, dict[str, list[Run]]]) -> str:
    head = ["step", "narwhals: CPU s", "wall s", "peak MB", "by hand: CPU s", "wall s", "peak MB"]
    rows = [[n, *_cells(r["narwhals"]), *_cells(r["hand"])] for n, r in steps.items()]
    return measure.table(head, rows)


def _sets_table(sets: dict[str, list[Run]]) -> str:
    head = ["visits, customer, cohorts, gaps", "CPU s", "wall s", "peak MB"]
    return measure.table(head, [[SETS[n], *_cells(r)] for n, r in sets.items()])


def _builds_table(builds: dict[str, list[Run]]) -> str:
    head = ["whole build: all marts", "CPU s", "wall s", "peak MB"]
    return measure.table(head, [[n, *_cells(r)] for n, r in builds.items()])


def main() -> None:
    """Read the arguments; measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=float, nargs="+", default=[1e6, 1e7])
    parser.add_argument("--runs", type=int, help="by default 5, from 10 million lines on 3")
    parser.add_argument("--engine", nargs="+", default=ENGINES, help="engines of whole builds")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        what, writer, made, folder = asked.child
        child(what, writer, Shop(Path(made)), Path(folder))
        return
    measure.install()
    texts, limits = [], []
    for lines in map(int, asked.lines):
        runs = asked.runs or (3 if lines >= JUDGED_LINES else 5)
        text, found = size(lines, runs, asked.engine)
        print(text, end="\n\n", flush=True)
        texts.append(text)
        limits += found
    if asked.write:
        measure.write_section("marts", "\n\n".join([_intro(), *texts]))
    sys.exit(any(x.missed for x in limits))


def _intro() -> str:
    return f"""## Marts

Every contestant reads the same Parquet files in a process of its own; the results are equal in
every cell, or the benchmark stops. Steps: the same tables in narwhals and in polars written by
hand; basket_sizes by way of what each basket holds, which pairs need too. Sets: visits, customer,
cohorts and gaps, stored as Parquet; the visits made once and month by month, each mart in one plan
from the order lines, and pandas (visits once, kept in memory; float money, which is kind to it).
Time is that of the work, without imports. pandas works on one core mostly: against it the time
that a person waits is judged, and the CPU time reported.
Whole builds: all marts as `crm build` makes them, pairs, mix, freight of half of the orders and a
campaign with a fifth of the customers included, the same code on each engine, equal in every row.
Limits count from {JUDGED_LINES:,} lines on.

{measure.machine("polars", "narwhals", "duckdb", "numpy", "pandas")}"""


if __name__ == "__main__":
    main()
