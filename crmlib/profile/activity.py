"""Activity: how many customers bought, against the same months a year before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, jackknife_interval

NO_YEAR_BEFORE = i18n.mark("there is no year before to compare with")
NOT_COMPARED = i18n.mark("a segment is not compared with last year: its rule moves with time")
TOO_FEW_BEFORE = i18n.mark("too few customers a year before to compare with")


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

    def window(self, lang: str) -> str:
        """Name the window."""
        return window_label(self.label, self.label_fields, lang)

    def headline(self, lang: str) -> str:
        """Say who came, against last year, and how much of sales is known by customer."""
        said = [self._customers(lang)]
        if self.identified is not None:
            share = i18n.percent(self.identified, lang)
            said.append(i18n.text("{share} of sales carry a customer id.", lang, share=share))
        return " ".join(said)

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
    )


def _by_fold(customers: pl.DataFrame) -> pl.DataFrame:
    amounts = [pl.col(c).sum() for c in ("value", "value_real")]  # exact, in any order
    bought = customers.filter(pl.col("purchase_days") > 0)
    count = pl.len().cast(pl.Int64)
    return (
        bought.group_by("fold").agg(pl.col("orders").sum(), *amounts, customers=count).sort("fold")
    )


def _change(now: pl.DataFrame, before: pl.DataFrame | None, column: str) -> Estimate | None:
    """Compare two windows, with the delete-a-fold jackknife interval of the ratio."""
    if before is None or float(before[column].sum()) <= 0:
        return None
    pairs = (
        now.join(before, on="fold", how="full", coalesce=True, suffix="_before")
        .sort("fold")
        .select(pl.col(column, f"{column}_before").fill_null(0).cast(pl.Float64))
        .rows()
    )
    top, bottom = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    without = [(top - a) / (bottom - b) - 1 for a, b in pairs if bottom - b > 0]
    change = top / bottom - 1
    return Estimate(
        value=change,
        interval=jackknife_interval(change, without),
        n=int(now["customers"].sum()),
        method="ratio of two windows, delete-a-fold jackknife",
        grade=Grade.D,
    )
