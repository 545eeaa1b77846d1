"""The customer mart: what each customer did up to the as-of day, or within a window of days."""

from __future__ import annotations

import narwhals as nw

NEW, FIRST_SEEN = "new", "first_seen"
_SUMS = (
    "orders",
    "lines",
    "quantity",
    "value",
    "value_real",
    "returns",
    "margin",
    "margin_returns",
    "margin_below_cost",
    "value_costed",
)


def customer(
    visits: nw.LazyFrame,
    joined: nw.LazyFrame,
    *,
    as_of_day: int,
    complete_from_day: int,
    burn_in_days: int,
) -> nw.LazyFrame:
    """Summarise each customer's visits up to the as-of day.

    Parameters
    ----------
    visits
        The visits mart.
    joined
        ``customer_id`` and ``joined_day`` (days since 1970-01-01) where the firm knows it.
    as_of_day, complete_from_day
        Days since 1970-01-01.
    burn_in_days
        Customers first seen within so many days of ``complete_from`` may be old ones.

    Returns
    -------
    One row a customer: the sums of the visits; ``purchase_days`` (days with a purchase);
    ``first_day``, ``last_day`` of them; ``frequency`` = repeat purchase days; ``recency_days`` =
    first to last; ``age_days`` (T) = first to as-of; ``days_since_last``; ``status``: ``new`` or
    ``first_seen`` (in the data for the first time, but not known to be new).
    """
    # Only those who joined before the beginning matter: far fewer than all who ever joined.
    known = joined.filter(nw.col("joined_day") < complete_from_day)
    summed = window(visits, first_day=None, last_day=as_of_day).join(
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
            days_since_last=nw.lit(as_of_day, dtype=nw.Int32) - nw.col("last_day"),
            status=nw.when(old).then(nw.lit(FIRST_SEEN)).otherwise(nw.lit(NEW)),
        )
        .drop("joined_day", "seen_day")
        .sort("customer_id")
    )


def window(visits: nw.LazyFrame, *, first_day: int | None, last_day: int) -> nw.LazyFrame:
    """Sum each customer's visits from ``first_day`` (``None``: the beginning) to ``last_day``.

    Returns
    -------
    ``customer_id``, ``fold``, ``seen_day`` (first one with a line of any kind),
    ``purchase_days``, ``first_day``, ``last_day`` (null without a purchase) and the sums of the
    visits.
    """
    inside = nw.col("day") <= last_day
    if first_day is not None:
        inside = inside & (nw.col("day") >= first_day)
    bought = nw.col("purchase_lines") > 0
    return (
        visits.filter(inside)
        .with_columns(
            purchase_days=bought.cast(nw.Int64), purchase_day=nw.when(bought).then(nw.col("day"))
        )
        .group_by("customer_id")
        .agg(
            nw.col("fold").max(),
            nw.col("day").min().alias("seen_day"),
            nw.col("purchase_days").sum(),
            nw.col("purchase_day").min().alias("first_day"),
            nw.col("purchase_day").max().alias("last_day"),
            *(nw.col(c).sum() for c in _SUMS),
        )
    )
