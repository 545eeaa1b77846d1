"""Activity: how many customers bought, against earlier windows and against the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import polars as pl

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, Interval, ratio_interval
from crmlib.marts import seasons
from crmlib.marts.calendar import month_number
from crmlib.marts.customers import NEW

NO_YEAR_BEFORE = i18n.mark("there is no year before to compare with")
NOT_COMPARED = i18n.mark("a segment is not compared with last year: its rule moves with time")
TOO_FEW_BEFORE = i18n.mark("too few customers a year before to compare with")
# Those of a month that add up over months; customers of two months are not the sum of both.
ADDITIVE_KPIS = ("sales", "orders", "margin")
_COUNTED_KPIS = ("customers", "new_customers")


@dataclass(frozen=True, slots=True)
class ActivitySpec:
    """What was asked: a window of days, both ends inside."""

    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        if self.first_day > self.last_day:
            raise ValueError(
                f"first_day must not be after last_day, got {self.first_day} > {self.last_day}"
            )

    @property
    def whole_months(self) -> bool:
        """Whether the window is made of whole months."""
        after = self.last_day + timedelta(days=1)
        return self.first_day.day == 1 and after.day == 1

    @property
    def one_month(self) -> bool:
        """Whether the window is one whole month."""
        return self.whole_months and (self.last_day - self.first_day).days < _MOST_DAYS

    @property
    def month_before(self) -> tuple[date, date] | None:
        """First and last day of the month before; ``None`` unless the window is a whole month."""
        if not self.one_month:
            return None
        last = self.first_day - timedelta(days=1)
        return last.replace(day=1), last

    def aligned(self, *, turkey: bool) -> seasons.Aligned | None:
        """Give the days of last year that lie as the window does before a bayram."""
        return seasons.aligned_days(self.first_day, self.last_day, turkey=turkey)


_MOST_DAYS = 31  # of a month


@dataclass(frozen=True, slots=True)
class Comparison:
    """A window against an earlier one.

    Attributes
    ----------
    kind
        ``"month_before"`` or ``"aligned"`` (same place relative to a bayram, last year).
    first_day, last_day
        The earlier window, both ends inside.
    customers_before
        Customers who bought in it.
    change, value_change
        As in :class:`ActivityResult`; ``None`` where nobody bought.
    bayram
        For ``"aligned"``: ``"ramazan"`` or ``"kurban"``.
    """

    kind: Literal["month_before", "aligned"]
    first_day: date
    last_day: date
    customers_before: int
    change: Estimate | None
    value_change: Estimate | None
    bayram: str = ""

    def against(self, lang: str) -> str:
        """Say what the window is compared with."""
        if self.kind == "month_before":
            return i18n.month(self.first_day, lang)
        return i18n.text(
            "{first} to {last}, as far from {bayram}",
            lang,
            first=i18n.day(self.first_day, lang),
            last=i18n.day(self.last_day, lang),
            bayram=i18n.text(seasons.LABELS[self.bayram], lang),
        )

    def headline(self, lang: str) -> str:
        """Say how many more or fewer customers came than in the earlier window."""
        if self.change is None:
            return ""
        return i18n.text(
            _SAID_AGAINST[self.change.value >= 0],
            lang,
            x=i18n.percent(abs(self.change.value), lang, 1),
            window=self.against(lang),
        )


_SAID_AGAINST = {
    True: i18n.mark("{x} more customers than in the window compared with: {window}."),
    False: i18n.mark("{x} fewer customers than in the window compared with: {window}."),
}


@dataclass(frozen=True, slots=True)
class TargetReached:
    """What a window was to reach and what it reached, of the whole shop.

    Attributes
    ----------
    kpi
        ``"sales"``, ``"orders"``, ``"margin"``, ``"customers"`` or ``"new_customers"``.
    value, target
        Reached and planned, in the kpi's unit.
    reached
        Their ratio. It is counted and has no interval: nobody doubts whether a target was met.
    """

    kpi: str
    value: float
    target: float
    reached: Estimate


@dataclass(frozen=True, slots=True)
class ActivityResult:
    """Counts of a window and their comparison with the same window a year before.

    Attributes
    ----------
    customers, orders, value
        Customers with a purchase in the window, their orders, and their sales less returns
        (shop currency). Customers who only returned something are not among them.
    customers_before
        The same a year before; ``None`` where there is no comparison.
    change, value_change
        Relative change of customers, and of their sales, as a fraction; the intervals treat
        customers as a sample of those who might have come (folds' jackknife).
    identified
        Share of all sales of the window that carry a customer id; ``None`` for a segment, and
        where it is not known.
    real
        Whether sales are compared at constant prices; without a price index they are not.
    no_comparison
        Why there is no comparison, an English sentence; empty when there is one.
    whole_months
        Whether the window is made of whole months.
    month_before
        Comparison with the month before, for windows of one whole month.
    aligned
        Comparison with last year's days at the same place relative to a bayram, where one
        matters (:func:`crmlib.marts.seasons.aligned_days`).
    targets
        Each target that covers all months of the window.
    """

    spec: ActivitySpec
    label: str
    label_fields: dict[str, str]
    customers: int
    orders: int
    value: float
    customers_before: int | None
    change: Estimate | None
    value_change: Estimate | None
    identified: float | None
    real: bool = True
    no_comparison: str = ""
    whole_months: bool = True
    currency: str = "TRY"
    month_before: Comparison | None = None
    aligned: Comparison | None = None
    targets: tuple[TargetReached, ...] = ()

    def window(self, lang: str) -> str:
        """Name the window."""
        return window_label(self.label, self.label_fields, lang)

    def headline(self, lang: str) -> str:
        """Say who came, against last year, and how much of sales is known by customer."""
        said = [self._customers(lang)]
        if self.aligned is not None:
            said.append(self.aligned.headline(lang))
        if self.identified is not None:
            share = i18n.percent(self.identified, lang)
            said.append(i18n.text("{share} of sales carry a customer id.", lang, share=share))
        return " ".join(s for s in said if s)

    def _customers(self, lang: str) -> str:
        window, n = self.window(lang), i18n.number(self.customers, lang)
        if self.customers_before == 0:
            return i18n.text(
                "{window}: {n} customers bought; nobody bought a year before.",
                lang,
                window=window,
                n=n,
            )
        if self.change is None:
            why = i18n.text(self.no_comparison, lang)
            return i18n.text(
                "{window}: {n} customers bought; {why}.", lang, window=window, n=n, why=why
            )
        x = i18n.percent(abs(self.change.value), lang, 1)
        more = self.change.value >= 0
        return i18n.text(_SAID[more, self.whole_months], lang, window=window, n=n, x=x)


_SAID = {  # (more than a year before, whole months)
    (True, True): i18n.mark(
        "{window}: {n} customers bought, {x} more than in the same months last year."
    ),
    (False, True): i18n.mark(
        "{window}: {n} customers bought, {x} fewer than in the same months last year."
    ),
    (True, False): i18n.mark(
        "{window}: {n} customers bought, {x} more than on the same days last year."
    ),
    (False, False): i18n.mark(
        "{window}: {n} customers bought, {x} fewer than on the same days last year."
    ),
}


def window_label(label: str, fields: dict[str, str], lang: str) -> str:
    """Name a window: a sentence with dates, whose ISO texts are put into words."""
    words = {k: _in_words(k, v, lang) for k, v in fields.items()}
    return i18n.text(label, lang, **words)


def _in_words(kind: str, value: str, lang: str) -> str:
    if kind == "month":
        return i18n.month(date.fromisoformat(value), lang)
    if kind in ("day", "first", "last"):
        return i18n.day(date.fromisoformat(value), lang)
    return value


def measure(
    now: pl.DataFrame,
    before: pl.DataFrame | None,
    spec: ActivitySpec,
    *,
    label: str,
    label_fields: dict[str, str] | None = None,
    identified: float | None = None,
    real: bool = True,
    no_comparison: str = NO_YEAR_BEFORE,
    currency: str = "TRY",
    month_before: pl.DataFrame | None = None,
    aligned: tuple[seasons.Aligned, pl.DataFrame] | None = None,
    targets: tuple[TargetReached, ...] = (),
) -> ActivityResult:
    """Count a window's customers and compare them with the same window a year before.

    Parameters
    ----------
    now, before
        :func:`crmlib.marts.customers.window` of the two windows; ``None`` when there is no
        comparison.
    spec
        The window.
    label, label_fields
        The window's name, an English sentence, and the dates in its braces.
    identified
        Share of the window's sales that carry a customer id.
    real
        Whether there is a price index, so that sales compare at constant prices.
    no_comparison
        Why ``before`` is ``None``, an English sentence.
    currency
        ISO code, for showing money.
    month_before
        Customers of ``spec.month_before``, where it is known.
    aligned
        ``spec.aligned(...)`` and the customers of those days, where they are known.
    targets
        What :func:`against_targets` gives.
    """
    current = _by_fold(now)
    past = _by_fold(before) if before is not None else None
    return ActivityResult(
        spec=spec,
        label=label,
        label_fields=label_fields or {},
        customers=int(current["customers"].sum()),
        orders=int(current["orders"].sum()),
        value=float(current["value"].sum()),
        customers_before=int(past["customers"].sum()) if past is not None else None,
        change=_change(current, past, "customers"),
        value_change=_change(current, past, "value_real"),
        identified=identified,
        real=real,
        no_comparison="" if past is not None else no_comparison,
        whole_months=spec.whole_months,
        currency=currency,
        month_before=_month_before(current, month_before, spec),
        aligned=_aligned(current, aligned),
        targets=targets,
    )


def _month_before(
    now: pl.DataFrame, before: pl.DataFrame | None, spec: ActivitySpec
) -> Comparison | None:
    if before is None or spec.month_before is None:
        return None
    return _compared(now, before, "month_before", *spec.month_before)


def _aligned(
    now: pl.DataFrame, before: tuple[seasons.Aligned, pl.DataFrame] | None
) -> Comparison | None:
    if before is None:
        return None
    days, customers = before
    return _compared(now, customers, "aligned", days.first_day, days.last_day, days.bayram)


def _compared(
    now: pl.DataFrame,
    before: pl.DataFrame,
    kind: Literal["month_before", "aligned"],
    first_day: date,
    last_day: date,
    bayram: str = "",
) -> Comparison:
    past = _by_fold(before)
    return Comparison(
        kind=kind,
        first_day=first_day,
        last_day=last_day,
        customers_before=int(past["customers"].sum()),
        change=_change(now, past, "customers"),
        value_change=_change(now, past, "value_real"),
        bayram=bayram,
    )


def achieved(kpis: pl.DataFrame, customer: pl.DataFrame, spec: ActivitySpec) -> dict[str, float]:
    """Count what the window reached of each kpi, as :func:`against_targets` wants it.

    Parameters
    ----------
    kpis
        The kpis mart: sales and orders count with and without a customer id.
    customer
        The customer mart as of the window's last day or later.
    spec
        The window; whole months only, since the mart has months.

    Returns
    -------
    ``sales``, ``orders``, ``new_customers``, and ``margin`` where any cost is known.
    """
    months = pl.col("month").is_between(month_number(spec.first_day), month_number(spec.last_day))
    inside = kpis.filter(months)
    first_day = pl.from_epoch("first_day", "d")
    began = customer.filter(
        pl.col("status") == NEW, first_day.is_between(spec.first_day, spec.last_day)
    )
    found = {
        "sales": float(inside["value"].sum()),
        "orders": float(inside["orders"].sum()),
        "new_customers": float(began.height),
    }
    if float(inside["value_costed"].sum()):
        found["margin"] = float(inside["margin"].sum())
    return found


def against_targets(
    targets: pl.DataFrame, done: Mapping[str, float], spec: ActivitySpec
) -> tuple[TargetReached, ...]:
    """Compare a window with the targets that cover it.

    Parameters
    ----------
    targets
        ``month``, ``kpi``, ``value``, as :class:`crmlib.schema.plan.Targets` says.
    done
        What the window reached, by kpi (:func:`achieved`, and ``customers``); kpis that are not
        in it are left out.
    spec
        The window.

    Returns
    -------
    The kpis that have a positive target in every month of the window. Sales, orders and margin
    are summed over months; customers and new customers are compared in single months alone,
    since those of two months are not their sum. Empty unless the window is whole months.
    """
    if not spec.whole_months:
        return ()
    kpis = (*ADDITIVE_KPIS, *(_COUNTED_KPIS if spec.one_month else ()))
    planned = (
        targets.filter(pl.col("month").is_between(spec.first_day, spec.last_day))
        .group_by("kpi")
        .agg(pl.col("value").sum(), months=pl.col("month").n_unique())
        .filter(pl.col("months") == month_number(spec.last_day) - month_number(spec.first_day) + 1)
        .filter(pl.col("value") > 0)
    )
    plan = {kpi: float(value) for kpi, value, _ in planned.iter_rows()}
    return tuple(_target(kpi, done[kpi], plan[kpi]) for kpi in kpis if kpi in plan and kpi in done)


def _target(kpi: str, value: float, target: float) -> TargetReached:
    share = Estimate(value / target, None, n=1, method="counted, over the target", grade=Grade.D)
    return TargetReached(kpi, value, target, share)


def _by_fold(customers: pl.DataFrame) -> pl.DataFrame:
    amounts = [pl.col(c).sum() for c in ("value", "value_real")]  # exact, in any order
    bought = customers.filter(pl.col("purchase_days") > 0)
    count = pl.len().cast(pl.Int64)
    return (
        bought.group_by("fold").agg(pl.col("orders").sum(), *amounts, customers=count).sort("fold")
    )


def _change(now: pl.DataFrame, before: pl.DataFrame | None, column: str) -> Estimate | None:
    """Compare two windows, with the delete-a-fold jackknife interval of the ratio's logarithm."""
    if before is None or float(before[column].sum()) <= 0:
        return None
    pairs = (
        now.join(before, on="fold", how="full", coalesce=True, suffix="_before")
        .sort("fold")
        .select(pl.col(column, f"{column}_before").fill_null(0).cast(pl.Float64))
        .rows()
    )
    return compared(pairs, int(now["customers"].sum()))


def compared(pairs: Sequence[tuple[float, float]], customers: int) -> Estimate | None:
    """Compare two windows by what the folds did in each.

    Parameters
    ----------
    pairs
        For every fold that has a customer in either window: now, before.
    customers
        How many there are now.

    Returns
    -------
    The relative change; ``None`` when there was nothing before.
    """
    top, bottom = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if bottom <= 0:
        return None
    without = [(top - a) / (bottom - b) for a, b in pairs if bottom - b > 0]
    interval = ratio_interval(top / bottom, without)
    return Estimate(
        value=top / bottom - 1,
        interval=Interval(interval.low - 1, interval.high - 1) if interval else None,
        n=customers,
        method="ratio of two windows, delete-a-fold jackknife",
        grade=Grade.D,
    )
