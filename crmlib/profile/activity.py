"""Activity: how many customers bought, against the same months a year before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, jackknife_interval

BEFORE = i18n.mark("the same months last year")


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


@dataclass(frozen=True, slots=True)
class ActivityResult:
    """Counts of a window and their comparison with the same window a year before.

    Attributes
    ----------
    customers, orders, value
        Customers with a purchase in the window, their orders, and their sales less returns
        (shop currency).
    customers_before
        The same a year before; ``None`` where the history does not reach back, or too few.
    change, real_change
        Relative change of customers, and of sales at constant prices, as a fraction; the
        intervals treat customers as a sample of those who might have come (folds' jackknife).
    identified
        Share of all sales of the window that carry a customer id; ``None`` for a segment.
    """

    spec: ActivitySpec
    label: str
    label_fields: dict[str, str]
    customers: int
    orders: int
    value: float
    customers_before: int | None
    change: Estimate | None
    real_change: Estimate | None
    identified: float | None
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
                "{window}: {n} customers bought; nobody bought in the same months last year.",
                lang,
                window=window,
                n=n,
            )
        if self.change is None:
            return i18n.text(
                "{window}: {n} customers bought; there is no year before to compare with.",
                lang,
                window=window,
                n=n,
            )
        sentence = (
            i18n.mark("{window}: {n} customers bought, {x} more than in the same months last year.")
            if self.change.value >= 0
            else i18n.mark(
                "{window}: {n} customers bought, {x} fewer than in the same months last year."
            )
        )
        x = i18n.percent(abs(self.change.value), lang, 1)
        return i18n.text(sentence, lang, window=window, n=n, x=x)


def window_label(label: str, fields: dict[str, str], lang: str) -> str:
    """Name a window: a sentence with dates, whose ISO texts are put into words."""
    words = {k: _in_words(k, v, lang) for k, v in fields.items()}
    return i18n.text(label, lang, **words)


def _in_words(kind: str, value: str, lang: str) -> str:
    if kind == "month":
        return i18n.month(date.fromisoformat(value), lang)
    if kind == "day":
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
    currency: str = "TRY",
) -> ActivityResult:
    """Count a window's customers and compare them with the same window a year before.

    Parameters
    ----------
    now, before
        :func:`crmlib.marts.customers.window` of the two windows; ``None`` when the history does
        not reach back so far.
    spec
        The window.
    label, label_fields
        The window's name, an English sentence, and the dates in its braces.
    identified
        Share of the window's sales that carry a customer id.
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
        real_change=_change(current, past, "value_real"),
        identified=identified,
        currency=currency,
    )


def _by_fold(customers: pl.DataFrame) -> pl.DataFrame:
    amounts = [pl.col(c).cast(pl.Float64).sum() for c in ("value", "value_real")]
    bought = (pl.col("purchase_days") > 0).sum().cast(pl.Int64)
    return customers.group_by("fold").agg(pl.col("orders").sum(), *amounts, customers=bought)


def _change(now: pl.DataFrame, before: pl.DataFrame | None, column: str) -> Estimate | None:
    """Compare two windows, with the delete-a-fold jackknife interval of the ratio."""
    if before is None or float(before[column].sum()) <= 0:
        return None
    pairs = (
        now.join(before, on="fold", how="full", coalesce=True, suffix="_before")
        .select(pl.col(column, f"{column}_before").fill_null(0))
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
