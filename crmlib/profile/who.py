"""Who: what the firm knows about its customers, set against what they are worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import polars as pl

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, Interval, jackknife_interval
from crmlib.profile.value import cost_coverage

OTHER, UNKNOWN, GROUP = "other", "unknown", "group"
FIELDS = {
    "region": i18n.mark("Region"),
    "city": i18n.mark("City"),
    "sex": i18n.mark("Sex"),
    "age": i18n.mark("Age"),
    "account_type": i18n.mark("Account type"),
    "acquisition_channel": i18n.mark("Won through"),
}
_OTHERS = i18n.mark("Other")
_NOT_KNOWN = i18n.mark("Not known")
_OF_AGE = 18  # what is under it, and over 110, is no age of a customer but a slip
_OLDEST = 110


@dataclass(frozen=True, slots=True)
class WhoSpec:
    """What was asked.

    Attributes
    ----------
    k
        Groups with fewer customers are merged into one.
    dominant
        So are groups where one customer has a larger share of what all of it bring.
    largest
        At most so many groups a field; the smaller ones are merged.
    ages
        Ages at which a new band begins.
    enough
        The headline names groups of at least so many customers: what a few of them bring is too
        uneven for an interval that a search over all groups can lean on.
    by
        ``"profit"``, ``"value"`` (real sales), or ``"auto"``: profit where costs are known for
        at least ``min_cost_coverage`` of sales.
    """

    k: int = 10
    dominant: float = 0.5
    largest: int = 15
    enough: int = 100
    ages: tuple[int, ...] = (25, 35, 45, 55, 65)
    by: Literal["auto", "profit", "value"] = "auto"
    min_cost_coverage: float = 0.8

    def __post_init__(self) -> None:
        if self.by not in ("auto", "profit", "value"):
            raise ValueError(f"by must be 'auto', 'profit' or 'value', got {self.by!r}")
        if self.k < 1 or self.largest < 1:
            raise ValueError(f"k and largest must be at least 1, got {self.k}, {self.largest}")
        if list(self.ages) != sorted(set(self.ages)):
            raise ValueError(f"ages must rise, got {self.ages}")


@dataclass(frozen=True, slots=True, eq=False)
class WhoResult:
    """Groups of customers by field; no customer's id.

    Attributes
    ----------
    groups
        One row a ``field`` x ``group``, the largest first, ``other`` and ``unknown`` last:
        ``kind`` (``"group"``, ``"other"``: merged, ``"unknown"``); ``customers``, ``share`` of
        all; ``mean`` a customer with ``low`` and ``high`` (95 %); ``index``: the mean over that of
        all customers, with ``index_low`` and ``index_high`` (null where all bring nothing or
        less, or where there are too few customers to know). Ages are bands such as ``"25-34"``.
    by
        ``"profit"`` or ``"value"``.
    overall
        Mean a customer, of all.
    customers
        How many customers there are.
    stands_out
        ``field`` and ``group`` whose interval of the index lies farthest from 1, all groups
        counted (Bonferroni: each at the level 1 - 0.05 / number of groups); ``None`` where every
        interval holds 1.
    real
        Whether sales are at constant prices.
    """

    groups: pl.DataFrame
    by: Literal["profit", "value"]
    overall: Estimate | None
    customers: int
    stands_out: tuple[str, str] | None
    real: bool = True
    currency: str = "TRY"
    spec: WhoSpec = field(default_factory=WhoSpec)

    @property
    def fields(self) -> list[str]:
        """Fields that have groups, in their order."""
        return self.groups["field"].unique(maintain_order=True).to_list()

    def headline(self, lang: str) -> str:
        """Name the group whose customers are most clearly worth more or less than the mean."""
        if self.groups.is_empty():
            return i18n.text("Nothing is recorded about the customers.", lang)
        if self.stands_out is None:
            return i18n.text(_NONE[self.by], lang)
        name, group = self.stands_out
        row = self.groups.filter(field=name, group=group, kind=GROUP).row(0, named=True)
        return i18n.text(
            _OFF[self.by, row["index"] > 1],
            lang,
            field=field_label(name, lang),
            group=group,
            x=i18n.percent(abs(row["index"] - 1), lang),
            low=_signed(row["index_low"] - 1, lang),
            high=_signed(row["index_high"] - 1, lang),
        )


_NONE = {
    "profit": i18n.mark("No recorded group brings clearly more or less profit than the mean."),
    "value": i18n.mark("No recorded group buys clearly more or less than the mean."),
}
_OFF = {
    ("profit", True): i18n.mark(
        "{field}, {group}: {x} more profit a customer than the mean ({low} to {high})."
    ),
    ("profit", False): i18n.mark(
        "{field}, {group}: {x} less profit a customer than the mean ({low} to {high})."
    ),
    ("value", True): i18n.mark(
        "{field}, {group}: {x} more sales a customer than the mean ({low} to {high})."
    ),
    ("value", False): i18n.mark(
        "{field}, {group}: {x} less sales a customer than the mean ({low} to {high})."
    ),
}


def field_label(name: str, lang: str) -> str:
    """Name a field; one that came with ``attributes`` has its own name."""
    return i18n.text(FIELDS[name], lang) if name in FIELDS else name


def group_label(group: str, kind: str, lang: str) -> str:
    """Name a group; merged and unknown ones in the reader's language."""
    words = {OTHER: _OTHERS, UNKNOWN: _NOT_KNOWN}
    return i18n.text(words[kind], lang) if kind in words else group


def _signed(fraction: float, lang: str) -> str:
    sign = "+" if fraction > 0 else "−" if fraction < 0 else ""
    return f"{sign}{i18n.percent(abs(fraction), lang)}"


def measure(
    window: pl.DataFrame | pl.LazyFrame,
    people: pl.DataFrame | pl.LazyFrame,
    attributes: pl.DataFrame | pl.LazyFrame | None = None,
    spec: WhoSpec | None = None,
    *,
    as_of_year: int,
    only: Mapping[str, Collection[str]] | None = None,
    real: bool = True,
    currency: str = "TRY",
) -> WhoResult:
    """Set what is recorded about customers against what they brought in a window.

    Parameters
    ----------
    window
        Customers of a window of days; those without a purchase in it are left out.
    people
        ``Marts.people``: ``customer_id`` and the fields; columns that it lacks are left out.
    attributes
        ``customer_id``, ``field``, ``value``, ``loaded_at``: the latest value counts.
    spec
        Which groups are told apart.
    as_of_year
        Year in which ages are told.
    only
        Fields of which these groups alone are told apart; the others are merged.
    real, currency
        Whether there is a price index; ISO code.
    """
    spec = spec or WhoSpec()
    bought, by = _worth(window, spec)
    recorded = _recorded(people, as_of_year, spec.ages)
    tables = [
        _known(bought, recorded.select("customer_id", group=name), name)
        for name in recorded.columns[1:]
    ]
    if attributes is not None:
        tables += _attributed(bought, attributes)
    everyone = _by_fold(bought)
    shown = [_field(table, everyone, only or {}, spec) for table in tables if table.height]
    groups = pl.concat([pl.DataFrame(schema=_SCHEMA), *(s for s in shown if s is not None)])
    return WhoResult(
        groups=groups,
        by=by,
        overall=_mean(everyone),
        customers=bought.height,
        stands_out=_stands_out(groups, spec),
        real=real,
        currency=currency,
        spec=spec,
    )


_SCHEMA = {
    "field": pl.String,
    "group": pl.String,
    "kind": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    **dict.fromkeys(
        ("mean", "low", "high", "index", "index_low", "index_high"),
        pl.Float64,
    ),
}
_LEVEL = 0.95


def _worth(
    window: pl.DataFrame | pl.LazyFrame, spec: WhoSpec
) -> tuple[pl.DataFrame, Literal["profit", "value"]]:
    """Give each customer's ``amount``, and what it is."""
    there = window.lazy()
    names = there.collect_schema().names()
    profit = "profit" if "profit" in names else "margin"
    wanted = ["customer_id", "fold", "value", "value_real", "value_costed", profit]
    bought = (
        there.filter(pl.col("purchase_days") > 0)
        .select(c for c in wanted if c in names)
        .collect(engine="streaming")
    )
    by = spec.by
    if by == "auto":
        by = "profit" if cost_coverage(bought) >= spec.min_cost_coverage else "value"
    column = "value_real" if by == "value" else profit
    return bought.select("customer_id", "fold", amount=pl.col(column).fill_null(0)), by


def _recorded(
    people: pl.DataFrame | pl.LazyFrame, as_of_year: int, ages: tuple[int, ...]
) -> pl.DataFrame:
    """Give ``customer_id`` and the fields that there are, ages in bands."""
    there = people.lazy()
    names = set(there.collect_schema().names())
    if "birth_year" in names:
        age = as_of_year - pl.col("birth_year")
        plausible = pl.when(age.is_between(_OF_AGE, _OLDEST)).then(age)
        there = there.with_columns(age=_band(plausible, ages))
        names.add("age")
    return there.select("customer_id", *(f for f in FIELDS if f in names)).collect()


def _band(age: pl.Expr, ages: tuple[int, ...]) -> pl.Expr:
    """Name the band of an age: 18-24, 25-34, ..., 65+."""
    starts = (_OF_AGE, *(a for a in ages if a > _OF_AGE))
    labels = [f"{low}-{after - 1}" for low, after in pairwise(starts)] + [f"{starts[-1]}+"]
    chosen = [
        pl.when(age >= low).then(pl.lit(name)) for low, name in zip(starts, labels, strict=True)
    ]
    return pl.coalesce(reversed(chosen))


def _known(bought: pl.DataFrame, recorded: pl.DataFrame, name: str) -> pl.DataFrame:
    """Give each customer's group of a field, empty ones as unknown."""
    text = pl.col("group").str.strip_chars()
    return bought.join(recorded, on="customer_id", how="left").select(
        "fold", "amount", group=pl.when(text != "").then(text), field=pl.lit(name)
    )


def _attributed(
    bought: pl.DataFrame, attributes: pl.DataFrame | pl.LazyFrame
) -> list[pl.DataFrame]:
    """Give each customer's latest value of every attribute."""
    latest = (
        attributes.lazy()
        .sort("loaded_at", "value", nulls_last=False)
        .group_by("customer_id", "field")
        .agg(group=pl.col("value").last())
        .collect()
    )
    return [
        _known(bought, latest.filter(pl.col("field") == name).drop("field"), name)
        for name in latest["field"].unique().sort()
    ]


def _by_fold(table: pl.DataFrame) -> dict[int, tuple[int, float]]:
    """Give customers and what they brought, by fold; sums of decimals, in any order."""
    sums = table.group_by("fold").agg(n=pl.len(), amount=pl.col("amount").sum()).sort("fold")
    return {fold: (n, float(amount)) for fold, n, amount in sums.iter_rows()}


def _field(
    table: pl.DataFrame,
    everyone: dict[int, tuple[int, float]],
    only: Mapping[str, Collection[str]],
    spec: WhoSpec,
) -> pl.DataFrame | None:
    """Make the groups of a field; none where nothing is told apart."""
    name = table["field"][0]
    size = pl.col("amount").cast(pl.Float64).abs()
    cells = table.group_by("group", "fold").agg(
        n=pl.len(), amount=pl.col("amount").sum(), most=size.max(), total=size.sum()
    )
    shown = _shown(cells, only.get(name), spec)
    named = [g for g in shown if g is not None]
    if not named:
        return None
    group = pl.col("group")
    kind = pl.when(group.is_in(named)).then(pl.lit(GROUP)).otherwise(pl.lit(OTHER))
    if None in shown:
        kind = pl.when(group.is_null()).then(pl.lit(UNKNOWN)).otherwise(kind)
    merged = (
        cells.with_columns(kind=kind)
        .with_columns(group=pl.when(pl.col("kind") == GROUP).then("group").otherwise("kind"))
        .group_by("kind", "group", "fold")
        .agg(pl.col("n").sum(), pl.col("amount").sum())
        .sort("fold")
    )
    order = (GROUP, OTHER, UNKNOWN)
    found = [
        (str(what), str(label), {f: (n, float(a)) for f, n, a in part.select(_CELL).iter_rows()})
        for (what, label), part in merged.group_by("kind", "group")
    ]
    counted = [(what, label, sum(n for n, _ in mine.values()), mine) for what, label, mine in found]
    counted.sort(key=lambda c: (order.index(c[0]), -c[2], c[1]))
    rows = [
        (name, label, what, n, n / table.height, *_numbers(mine, everyone))
        for what, label, n, mine in counted
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


_CELL = ("fold", "n", "amount")


def _shown(cells: pl.DataFrame, only: Collection[str] | None, spec: WhoSpec) -> list[str | None]:
    """List the groups that are shown alone, the unknown ones (``None``) among them.

    The others are merged; while they are not safe together, the smallest shown group joins them,
    and the unknown ones last.
    """
    sums = (pl.col("n").sum(), pl.col("most").max(), pl.col("total").sum())
    sizes = cells.group_by("group").agg(*sums)
    known = sizes.filter(pl.col("group").is_not_null())
    known = known.sort("n", "group", descending=[True, False])

    def safe(n: int, most: float, total: float) -> bool:
        return n >= spec.k and most <= spec.dominant * total

    # The largest come last to be merged, before the unknown ones.
    candidates = [
        *sizes.filter(pl.col("group").is_null()).iter_rows(),
        *known.head(spec.largest).iter_rows(),
    ]
    shown = [
        c for c in candidates if safe(*c[1:]) and (only is None or c[0] is None or c[0] in only)
    ]
    hidden = [c for c in candidates if c not in shown]
    hidden += known.slice(spec.largest).iter_rows()

    def together() -> tuple[int, float, float]:
        return sum(c[1] for c in hidden), max(c[2] for c in hidden), sum(c[3] for c in hidden)

    while hidden and shown and not safe(*together()):
        hidden.append(shown.pop())
    return [c[0] for c in shown]


def _mean(folds: dict[int, tuple[int, float]]) -> Estimate | None:
    n, amount = (sum(part) for part in zip(*folds.values(), strict=True)) if folds else (0, 0.0)
    if not n:
        return None
    without = [(amount - a) / (n - m) for m, a in folds.values() if n > m]
    return Estimate(
        value=amount / n,
        interval=jackknife_interval(amount / n, without, _LEVEL),
        n=int(n),
        method="mean a customer, delete-a-fold jackknife",
        grade=Grade.D,
    )


def _numbers(
    mine: dict[int, tuple[int, float]], everyone: dict[int, tuple[int, float]]
) -> tuple[float | None, ...]:
    """Give the mean and the index against all, each with both ends of its interval."""
    mean, overall = _mean(mine), _mean(everyone)
    if mean is None or overall is None:
        return (None,) * 6
    ends = _ends(mean.interval)
    if overall.value <= 0:
        return (mean.value, *ends, None, None, None)
    n, amount = mean.n, mean.value * mean.n
    all_n, all_amount = overall.n, overall.value * overall.n
    without = []
    for fold, (m, a) in everyone.items():
        my_n, my_amount = mine.get(fold, (0, 0.0))
        rest = all_amount - a
        if n > my_n and rest > 0:
            without.append((amount - my_amount) / (n - my_n) / rest * (all_n - m))
    index = mean.value / overall.value
    return (mean.value, *ends, index, *_ends(jackknife_interval(index, without, _LEVEL)))


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (interval.low, interval.high) if interval else (None, None)


def _stands_out(groups: pl.DataFrame, spec: WhoSpec) -> tuple[str, str] | None:
    from statistics import NormalDist

    named = groups.filter(
        pl.col("kind") == GROUP, pl.col("customers") >= spec.enough, pl.col("index").is_not_null()
    )
    if named.is_empty():
        return None
    # The interval of one group, widened to the level that a search over all of them asks for.
    quantile = NormalDist().inv_cdf
    wider = quantile(1 - (1 - _LEVEL) / 2 / named.height) / quantile(0.5 + _LEVEL / 2)
    half = wider * (pl.col("index_high") - pl.col("index_low")) / 2
    off = (pl.col("index") - 1).abs() - half
    best = named.with_columns(off=off).filter(pl.col("off") > 0)
    if best.is_empty():
        return None
    row = best.sort("off", "field", "group", descending=[True, False, False]).row(0, named=True)
    return row["field"], row["group"]
