"""Days and months as integers, the as-of day, and the price level by month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta

import narwhals as nw
import polars as pl

from crmlib.config import Shop
from crmlib.errors import ContractError
from crmlib.i18n import mark
from crmlib.schema import TIME

EPOCH = date(1970, 1, 1)
# Above this the price level of the first month is no longer near enough to the last one's.
INDEX_NEEDED_MONTHS = 12
# A later as-of day is a slip of the pen, and would make windows for years of nothing.
FARTHEST_DAYS = 366


def day_number(value: date) -> int:
    """Give days since 1970-01-01."""
    return (value - EPOCH).days


def from_day(number: int) -> date:
    """Give the date of a day number."""
    return EPOCH + timedelta(days=number)


def month_number(value: date) -> int:
    """Give 12 x year + month - 1."""
    return 12 * value.year + value.month - 1


def from_month(number: int) -> date:
    """Give the first day of a month number."""
    return date(number // 12, number % 12 + 1, 1)


def year_earlier(day: date) -> date:
    """Give the same day a year before; the last day of a month stays the last of its month."""
    after = day + timedelta(days=1)
    if after.day == 1:
        return after.replace(year=after.year - 1) - timedelta(days=1)
    return day.replace(year=day.year - 1)


def trailing_year(last_day: date) -> date:
    """Give the first of the twelve months that end with ``last_day``."""
    return year_earlier(last_day) + timedelta(days=1)


def day_of(day: nw.Expr) -> nw.Expr:
    """Give days since 1970-01-01 of a date: whole numbers alone, which every engine has."""
    before = day.dt.year().cast(nw.Int64) - 1
    past = before * 365 + before // 4 - before // 100 + before // 400
    return (past + day.dt.ordinal_day().cast(nw.Int64) - EPOCH.toordinal()).cast(nw.Int32)


def last_complete_day(tables: Mapping[str, pl.LazyFrame]) -> date:
    """Give the last day that the data hold whole.

    Where rows have a time of day, the last day may still be under way when the file was
    written, so the day before counts; where they have dates alone, the last date counts. Data
    of a single day are taken as whole.

    Parameters
    ----------
    tables
        Event tables by name: the last of their days counts. Without any row, no day does:
        1970-01-01.
    """
    days = [_last_complete(frame, TIME[table]) for table, frame in tables.items()]
    return max((day for day in days if day), default=EPOCH)


def _last_complete(frame: pl.LazyFrame, column: str) -> date | None:
    at = pl.col(column)
    first, last, timed = (
        frame.select(first=at.min(), last=at.max(), timed=(at.dt.time() != time()).any())
        .collect(engine="streaming")
        .row(0)
    )
    if last is None:
        return None
    last_day: date = last.date()
    return max(first.date(), last_day - timedelta(days=1)) if timed else last_day


@dataclass(frozen=True, slots=True)
class Span:
    """The days that the data cover, up to the as-of day.

    Attributes
    ----------
    first, last
        First and last day with a row.
    months
        Month numbers from the first to the last.
    """

    first: date
    last: date
    months: range


def span(tables: Mapping[str, pl.LazyFrame], as_of: date) -> Span:
    """Give the days that event tables cover up to ``as_of``; without any row, that day alone.

    Raises
    ------
    ContractError
        If the first row is later, or the last one over a year earlier.
    """
    day = pl.col("day")
    found = [
        frame.select(
            first=day.min(), last=day.filter(day <= day_number(as_of)).max(), rows=pl.len()
        )
        .collect(engine="streaming")
        .row(0)
        for frame in tables.values()
    ]
    last = max((last for _, last, _ in found if last is not None), default=None)
    if last is None and any(rows for _, _, rows in found):
        raise ContractError(
            mark("no order line is dated on or before the as-of day {day}; choose a later one")
            if "order_lines" in tables
            else mark("no row is dated on or before the as-of day {day}; choose a later one"),
            day=as_of.isoformat(),
        )
    if last is None:
        return Span(as_of, as_of, range(month_number(as_of), month_number(as_of) + 1))
    if (as_of - from_day(last)).days > FARTHEST_DAYS:
        raise ContractError(
            mark("the as-of day {day} is over a year after the last order line; choose an earlier")
            if "order_lines" in tables
            else mark("the as-of day {day} is over a year after the last row; choose an earlier"),
            day=as_of.isoformat(),
        )
    begin, end = from_day(min(first for first, _, _ in found if first is not None)), from_day(last)
    return Span(begin, end, range(month_number(begin), month_number(end) + 1))


def price_ratios(index: pl.DataFrame, months: range, as_of: date) -> pl.DataFrame:
    """Give ``month`` and ``ratio``, the as-of month's price level over each month's.

    Months after the index's last take the last level (it is published late). No index: 1.

    Raises
    ------
    ContractError
        If the index lacks a month that has order lines, other than at its end.
    """
    if index.is_empty():
        return _ratios({m: 1.0 for m in months})
    level = {month_number(m): float(i) for m, i in index.select("month", "index").iter_rows()}
    last = max(level)
    wanted = sorted({*months, month_number(as_of)})
    missing = [m for m in wanted if m < last and m not in level]
    if missing:
        raise ContractError(
            mark("price_index has no value for {months}; add them, or leave the index out"),
            months=", ".join(f"{from_month(m):%Y-%m}" for m in missing[:6]),
        )
    base = level[min(month_number(as_of), last)]
    return _ratios({m: base / level[min(m, last)] for m in months})


def _ratios(ratios: dict[int, float]) -> pl.DataFrame:
    return pl.DataFrame(
        {"month": list(ratios), "ratio": list(ratios.values())},
        schema={"month": pl.Int32, "ratio": pl.Float64},
    )


def index_is_missing(shop: Shop, index: pl.DataFrame, months: range) -> bool:
    """Tell whether lira amounts over more than a year are compared without a price index."""
    return shop.currency == "TRY" and index.is_empty() and len(months) > INDEX_NEEDED_MONTHS
