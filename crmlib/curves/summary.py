"""Summaries for the models, from the marts: frequency, recency and T in one unit, with spend."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import polars as pl

from crmlib.curves.compress import DAYS, Unit
from crmlib.marts.customers import NEW

_EPOCH = date(1970, 1, 1)


def of_customers(customer: pl.DataFrame | pl.LazyFrame, *, unit: Unit = "weeks") -> pl.DataFrame:
    """Summarise customers of the mart who are known to be new, in ``unit``.

    Customers first seen when the data begin have an unknown first purchase and are left out.

    Returns
    -------
    ``customer_id``, ``fold``, ``frequency``, ``recency``, ``T``, ``unit``.
    """
    return (
        customer.lazy()
        .filter(pl.col("status") == NEW, pl.col("purchase_days") > 0)
        .select(
            "customer_id",
            "fold",
            frequency=pl.col("purchase_days") - 1,
            recency=pl.col("recency_days") / DAYS[unit],
            T=pl.col("age_days") / DAYS[unit],
            unit=pl.lit(unit),
        )
        .sort("customer_id")
        .collect()
    )


def of_visits(
    visits: pl.DataFrame | pl.LazyFrame,
    *,
    until: date,
    unit: Unit = "weeks",
    money: Literal["real", "nominal"] = "real",
    horizon_days: int | None = None,
) -> pl.DataFrame:
    """Summarise visits up to a day, and count what came after it.

    Parameters
    ----------
    visits
        The visits mart of customers whose first purchase is in it.
    until
        Last day of the calibration.
    unit
        Unit of ``recency`` and ``T``.
    money
        ``"real"`` uses prices of the as-of month.
    horizon_days
        Length of the hold-out after ``until``; ``None`` takes all that is there.

    Returns
    -------
    One row a customer with a purchase by ``until``: ``customer_id``, ``fold``, ``frequency``,
    ``recency``, ``T``, ``unit``, ``monetary`` (mean net value of the REPEAT purchase days: the
    first is left out, null without one), ``not_positive`` (repeat days with a value of 0 or
    less), and of the hold-out ``later`` (purchase days) and ``later_value``.
    """
    end = (until - _EPOCH).days
    last = (
        pl.lit(2**31 - 1)
        if horizon_days is None
        else pl.lit(((until + timedelta(days=horizon_days)) - _EPOCH).days)
    )
    value = pl.col("value_real" if money == "real" else "value").cast(pl.Float64)
    day, first = pl.col("day"), pl.col("day").filter(pl.col("day") <= end).min()
    repeat = (day <= end) & (day > first)
    held = (day > end) & (day <= last)
    per = DAYS[unit]
    return (
        visits.lazy()
        .filter(pl.col("purchase_lines") > 0)
        .group_by("customer_id")
        .agg(
            pl.col("fold").first(),
            first=first,
            frequency=repeat.sum().cast(pl.Int64),
            recency=(day.filter(day <= end).max() - first) / per,
            T=(end - first) / per,
            unit=pl.lit(unit).first(),
            monetary=value.filter(repeat).mean(),
            not_positive=(repeat & (value <= 0)).sum().cast(pl.Int64),
            later=held.sum().cast(pl.Int64),
            later_value=value.filter(held).sum(),
        )
        .filter(pl.col("first").is_not_null())
        .drop("first")
        .sort("customer_id")
        .collect()
    )
