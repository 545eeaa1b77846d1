"""The customer mart: what each customer did up to the as-of day, or within a window of days."""

from __future__ import annotations

import narwhals as nw

from crmlib.marts import visits as visit
from crmlib.marts.costs import COSTS
from crmlib.marts.money import MONEY, added, or_nothing

NEW, FIRST_SEEN = "new", "first_seen"
_COUNTS = ("orders", "lines")
_MONEY = ("value_real", *visit.SUMS)


def customer(
    visits: nw.LazyFrame,
    costs: nw.LazyFrame,
    joined: nw.LazyFrame,
    *,
    as_of_day: int,
    complete_from_day: int,
    burn_in_days: int,
) -> nw.LazyFrame:
    """Summarise each customer's visits up to the as-of day.

    Parameters
    ----------
    visits, costs
        The visits mart, and the customers' costs.
    joined
        ``customer_id`` and ``joined_day`` (days since 1970-01-01) where the firm knows it.
    as_of_day, complete_from_day
        Days since 1970-01-01.
    burn_in_days
        Customers first seen within so many days of ``complete_from`` may be old ones.

    Returns
    -------
    One row a customer with a visit: the columns of :func:`window`; ``frequency`` = repeat
    purchase days; ``recency_days`` = first to last; ``age_days`` (T) = first to as-of;
    ``status``: ``new`` or ``first_seen`` (in the data for the first time, but not known to be
    new).
    """
    # Only those who joined before the beginning matter: far fewer than all who ever joined.
    known = joined.filter(nw.col("joined_day") < complete_from_day)
    summed = window(visits, costs, first_day=None, last_day=as_of_day).join(
        known, on="customer_id", how="left"
    )
    began = complete_from_day + burn_in_days
    old = (
        nw.col("first_day").is_null()  # returns alone: bought before the data begin
        | (nw.col("seen_day") < max(began, complete_from_day))  # a return is a sight too
        | ~nw.col("joined_day").is_null()
    )
    return (
        summed.with_columns(
            frequency=nw.max_horizontal(nw.col("purchase_days") - 1, nw.lit(0)),
            recency_days=nw.col("last_day") - nw.col("first_day"),
            age_days=nw.lit(as_of_day, dtype=nw.Int32) - nw.col("first_day"),
            status=nw.when(old).then(nw.lit(FIRST_SEEN)).otherwise(nw.lit(NEW)),
        )
        .drop("joined_day", "seen_day")
        .sort("customer_id")
    )


def window(
    visits: nw.LazyFrame, costs: nw.LazyFrame, *, first_day: int | None, last_day: int
) -> nw.LazyFrame:
    """Sum each customer's visits from ``first_day`` (``None``: the beginning) to ``last_day``.

    Returns
    -------
    One row a customer with a visit: ``customer_id``, ``fold``, ``seen_day`` (first one with a
    line of any kind), ``purchase_days`` (days with a purchase), ``first_day``, ``last_day`` of
    them (null without a purchase), ``days_since_last`` (from it to the window's end), the sums of
    the visits, ``freight``, ``service`` and ``contacts`` (costs of the window, 0 where none) and
    ``profit`` = margin - freight - service - contacts; an unknown margin counts as 0. Costs of
    customers without a visit in the window are in no row.
    """
    bought = nw.col("purchase_lines") > 0
    summed = (
        _inside(visits, first_day, last_day)
        .with_columns(
            purchase_days=bought.cast(nw.Int64), purchase_day=nw.when(bought).then(nw.col("day"))
        )
        .group_by("customer_id")
        .agg(
            nw.col("fold").max(),
            nw.col("day").min().alias("seen_day"),
            nw.col("purchase_days").sum().cast(nw.Int64),
            nw.col("purchase_day").min().alias("first_day"),
            nw.col("purchase_day").max().alias("last_day"),
            *(nw.col(c).sum().cast(nw.Int64) for c in _COUNTS),
            nw.col("quantity").sum().cast(nw.Decimal(18, 3)),
            *added(*_MONEY),
        )
    )
    served = _inside(costs, first_day, last_day).group_by("customer_id").agg(*added(*COSTS))
    profit = nw.col("margin") - sum((nw.col(c) for c in COSTS[1:]), start=nw.col(COSTS[0]))
    return (
        summed.join(served, on="customer_id", how="left")
        .with_columns(
            *or_nothing(*COSTS),
            days_since_last=nw.lit(last_day, dtype=nw.Int32) - nw.col("last_day"),
        )
        .with_columns(profit=profit.cast(MONEY))
    )


def _inside(frame: nw.LazyFrame, first_day: int | None, last_day: int) -> nw.LazyFrame:
    inside = nw.col("day") <= last_day
    if first_day is not None:
        inside = inside & (nw.col("day") >= first_day)
    return frame.filter(inside)
