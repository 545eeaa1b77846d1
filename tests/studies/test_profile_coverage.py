"""Do the profile's intervals cover the truth, and are they as wide as the estimates' spread?

Simulated shops of the clean world, seed by seed, through files, ledger and marts; all 50 seeds in
CI too, since the spread over fewer is too little known. `make studies` also writes the table of
docs/reliability.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, stdev

import polars as pl
import pytest

from crmlib import marts
from crmlib.estimate import Estimate, Interval
from crmlib.ledger.sample import SampleSpec, simulate
from crmlib.profile import (
    activity,
    card,
    growth,
    losses,
    migration,
    returning,
    rfm,
    value,
    who,
)
from tests.project import ROOT
from tests.shops import build_marts
from tests.studies.profile_truth import (
    ACTIVE_DAYS,
    BURN_IN,
    SPRING,
    counted,
    months_of,
    pooled,
)

CUSTOMERS = 4_000
TRUTH_CUSTOMERS, TRUTH_SHOPS = 20_000, 40
ALL_SEEDS = 50
RELIABILITY = ROOT / "docs" / "reliability.md"


@pytest.fixture(scope="session")
def truth() -> dict[str, float]:
    """The rates of 800,000 other customers: two hundred times as many as one study's shop has."""
    shops = (
        simulate(SampleSpec(customers=TRUTH_CUSTOMERS, seed=1000 + n, world="clean"))
        for n in range(TRUTH_SHOPS)
    )
    return pooled([counted(shop) for shop in shops])


def estimated(folder: Path, seed: int) -> dict[str, Estimate]:
    """Give the profile's rates and comparisons of one shop, as its notebook makes them."""
    shop = simulate(SampleSpec(customers=CUSTOMERS, seed=seed, world="clean"))
    opened = marts.open(build_marts(folder, shop))
    windows = months_of(opened.as_of)
    frames = {name: opened.customer_between(*days).collect() for name, days in windows.items()}
    year, month = (
        activity.measure(
            frames[now],
            frames[before],
            activity.ActivitySpec(*windows[now]),
            label="{month}",
            real=False,
        )
        for now, before in (("year", "year before"), ("month", "month before"))
    )
    came = returning.measure(
        opened.customer.collect(),
        frames["year"],
        returning.ReturningSpec(opened.as_of),
        first_day=opened.begins + BURN_IN,
    )
    lost = losses.repeat(frames["year before"], frames["year"])
    base = growth.measure(
        opened.visits,
        opened.customer,
        opened.gaps,
        growth.GrowthSpec(days=ACTIVE_DAYS),
        begins=opened.begins,
        as_of=opened.as_of,
    )
    found = {
        "customers, year over year before": year.change,
        "sales, year over year before": year.value_change,
        "customers, month over month before": month.change,
        "sales, month over month before": month.value_change,
        "bought once only": came.once_only,
        "came back": came.came_back,
        "loss-makers who lose again": lost.again,
        "others who lose": lost.others,
        "loss-makers less others": lost.difference,
        "active who lapse in a month": base.lapsing,
        "won for one lapsed": base.quick_ratio,
    }
    found |= _spring(opened) | _moved(opened, frames["year"]) | _cards(opened, frames["year"])
    worth = value.whale(frames["year"])
    found["best 20 % bring"] = Estimate(
        worth.best_share or 0.0, worth.best_interval, worth.customers, "share"
    )
    found |= _who(who.measure(frames["year"], opened.people, as_of_year=opened.as_of.year))
    assert None not in found.values()
    return found  # type: ignore[return-value]


def _spring(opened: marts.Marts) -> dict[str, Estimate | None]:
    spec = activity.ActivitySpec(*SPRING)
    days = spec.aligned(turkey=True)
    assert days is not None
    now, before = (
        opened.customer_between(*window).collect()
        for window in (SPRING, (days.first_day, days.last_day))
    )
    found = activity.measure(now, None, spec, label="", aligned=(days, before), real=False).aligned
    assert found is not None
    return {
        "customers, season over season before": found.change,
        "sales, season over season before": found.value_change,
    }


def _moved(opened: marts.Marts, year: pl.DataFrame) -> dict[str, Estimate | None]:
    scores = rfm.RfmSpec(money="nominal", months=12)
    spec = migration.MigrationSpec(opened.as_of, months=3, rfm=scores)
    before = opened.customer_between(spec.needs_from, spec.since).collect()
    moved = migration.measure(before, year, spec, customer=opened.customer)
    return {
        "left the top segments": moved.left_share,
        "top segments, now over before": moved.net_change,
    }


def _cards(opened: marts.Marts, year: pl.DataFrame) -> dict[str, Estimate | None]:
    mix = opened.mix_between(*months_of(opened.as_of)["year"])
    nobody = pl.DataFrame(schema={"customer_id": pl.String, "group": pl.String})
    row = card.measure(year, mix, nobody).cards.row(0, named=True)

    def of(name: str) -> Estimate:
        return Estimate(row[name], Interval(row[f"{name}_low"], row[f"{name}_high"]), 1, name)

    return {
        "card: bought on one day": of("once"),
        "card: discounts": of("discount"),
        "card: returns": of("returns"),
    }


def _who(result: who.WhoResult) -> dict[str, Estimate | None]:
    rows = {(r["field"], r["group"]): r for r in result.groups.iter_rows(named=True)}

    def of(field: str, group: str, what: str) -> Estimate:
        row = rows[field, group]
        low = "low" if what == "mean" else f"{what}_low"
        high = "high" if what == "mean" else f"{what}_high"
        return Estimate(row[what], Interval(row[low], row[high]), row["customers"], what)

    return {
        "profit a customer": result.overall,
        "profit a customer, region Ege": of("region", "Ege", "mean"),
        "profit a customer, sex K": of("sex", "K", "mean"),
        "index, sex K": of("sex", "K", "index"),
    }


def study(folder: Path, seeds: Iterable[int]) -> dict[str, list[Estimate]]:
    """Collect each rate's estimates over the seeds."""
    found: dict[str, list[Estimate]] = {}
    for seed in seeds:
        for name, estimate in estimated(folder / str(seed), seed).items():
            found.setdefault(name, []).append(estimate)
    return found


def rows_of(found: dict[str, list[Estimate]], truth: dict[str, float]) -> list[dict[str, float]]:
    """Judge each rate: how often its interval held the truth, how wide it was for its spread."""
    rows = []
    for name, estimates in found.items():
        intervals = [e.interval for e in estimates if e.interval]
        held = [not i.excludes(truth[name]) for i in intervals]
        width = fmean(i.high - i.low for i in intervals)
        spread = 2 * 1.959964 * stdev(e.value for e in estimates)
        rows.append(
            {
                "name": name,
                "truth": truth[name],
                "mean": fmean(e.value for e in estimates),
                "seeds": len(held),
                "covered": fmean(held),
                "width": width / spread,
            }
        )
    return rows


def faults(rows: list[dict[str, float]]) -> list[str]:
    """Name what is outside the limits: coverage 95 % +- 3 standard errors, width 0.8 to 1.25."""
    told = []
    for row in rows:
        n = row["seeds"]
        error = 3 * math.sqrt(0.95 * 0.05 / n)
        if not 0.95 - error <= row["covered"] <= 0.95 + error:
            told.append(f"{row['name']}: {row['covered']:.0%} of {n} intervals hold the truth")
        if not 0.8 <= row["width"] <= 1.25:
            told.append(f"{row['name']}: intervals are {row['width']:.2f} of the spread's width")
    return told


def test_intervals_of_the_profile(tmp_path: Path, truth: dict[str, float]) -> None:
    found = study(tmp_path, range(1, ALL_SEEDS + 1))
    assert faults(rows_of(found, truth)) == []


@pytest.mark.slow
def test_intervals_of_the_profile_for_the_docs(tmp_path: Path, truth: dict[str, float]) -> None:
    rows = rows_of(study(tmp_path, range(1, ALL_SEEDS + 1)), truth)
    write_table(rows)
    assert faults(rows) == []


def write_table(rows: list[dict[str, float]]) -> None:
    """Put the study's table into docs/reliability.md, below its heading."""
    head = "| rate or comparison | truth | mean estimate | intervals that hold it | width |\n"
    lines = "".join(
        f"| {r['name']} | {r['truth']:.4g} | {r['mean']:.4g} "
        f"| {r['covered']:.0%} of {r['seeds']} | {r['width']:.2f} |\n"
        for r in rows
    )
    text = RELIABILITY.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- profile -->\n")
    _, _, after = rest.partition("<!-- end of profile -->\n")
    table = f"{head}|---|---:|---:|---:|---:|\n{lines}"
    RELIABILITY.write_text(
        f"{before}<!-- profile -->\n{table}<!-- end of profile -->\n{after}", encoding="utf-8"
    )


# The judge is judged: intervals that are too narrow, too wide or beside the truth turn it red.
def _made(offset: float, stretch: float, n: int = ALL_SEEDS) -> list[dict[str, float]]:
    from numpy.random import default_rng

    values = default_rng(1).normal(10.0, 1.0, n)
    half = 1.959964 * stretch
    estimates = [Estimate(v, Interval(v - half, v + half), 100, "made") for v in values]
    return rows_of({"made": estimates}, {"made": 10.0 + offset})


def test_honest_intervals_pass() -> None:
    assert faults(_made(0.0, 1.0)) == []


@pytest.mark.parametrize(
    ("offset", "stretch", "said"),
    [(0.0, 0.5, "of the spread's width"), (0.0, 1.6, "of the spread's width"), (2.0, 1.0, "hold")],
)
def test_dishonest_intervals_do_not(offset: float, stretch: float, said: str) -> None:
    assert any(said in told for told in faults(_made(offset, stretch)))
