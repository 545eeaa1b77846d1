"""Gaps: days from each purchase day to the next, or to the as-of day where none came yet."""

from __future__ import annotations

import narwhals as nw


def gaps(visits: nw.LazyFrame, customer: nw.LazyFrame, *, as_of_day: int) -> nw.LazyFrame:
    """Count gaps between purchase days.

    Parameters
    ----------
    visits, customer
        The visits mart, and the customer mart of the same visits.
    as_of_day
        Last day that counts, days since 1970-01-01.

    Returns
    -------
    One row a ``status`` x ``ordinal`` (of the purchase day that the gap begins with, from 1) x
    ``days`` x ``event`` (1: the next purchase came; 0: censored at the as-of day) x ``fold``:
    ``gaps``, how many.
    """
    bought = nw.col("purchase_days")
    people = customer.select(
        "customer_id",
        "status",
        "last_day",
        before=bought.cum_sum().over("fold", order_by=["customer_id"]) - bought,
    )
    # A fold holds whole customers. Its purchases stand in a row, customer by customer: fewer and
    # larger groups than customers, and an integer in place of a text for their key.
    row = ["customer_id", "day"]
    ordered = (
        visits.filter(nw.col("purchase_lines") > 0)
        .select("customer_id", "day", "fold", one=nw.lit(1, dtype=nw.Int32))
        .join(people, on="customer_id", how="inner")
        .with_columns(
            place=nw.col("one").cum_sum().over("fold", order_by=row),
            next_day=nw.col("day").shift(-1).over("fold", order_by=row),
        )
    )
    came = nw.col("day") < nw.col("last_day")
    end = nw.when(came).then(nw.col("next_day")).otherwise(nw.lit(as_of_day, dtype=nw.Int32))
    keys = ["status", "ordinal", "days", "event", "fold"]
    return (
        ordered.with_columns(
            ordinal=(nw.col("place") - nw.col("before")).cast(nw.Int32),
            days=end - nw.col("day"),
            event=came.cast(nw.Int32),
        )
        .group_by(*keys)
        .agg(nw.len().cast(nw.Int64).alias("gaps"))
        .sort(*keys)
    )
