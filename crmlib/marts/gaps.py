"""Gaps: days from each purchase day to the next, or to the as-of day where none came yet."""

from __future__ import annotations

import narwhals as nw

from crmlib.marts.customers import FIRST_SEEN, NEW
from crmlib.marts.packed import Packed
from crmlib.schema import FOLDS

_KEY = Packed({"new": 2, "ordinal": 2**32, "days": 2**22, "event": 2, "fold": FOLDS})


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
    new, fold = nw.col("status") == NEW, nw.col("fold")
    bought = customer.filter(nw.col("purchase_days") > 0)
    waiting = bought.select(
        key=_KEY.pack(
            new=new,
            ordinal=nw.col("purchase_days"),
            days=nw.lit(as_of_day, dtype=nw.Int32) - nw.col("last_day"),
            event=nw.lit(0),
            fold=fold,
        )
    )
    key = nw.col("key")
    return (
        nw.concat([waiting, _ended(visits, bought, new)])
        .group_by("key")
        .agg(nw.len().cast(nw.Int64).alias("gaps"))
        .sort("key")
        .select(
            status=nw.when(_KEY.take("new", key) == 1)
            .then(nw.lit(NEW))
            .otherwise(nw.lit(FIRST_SEEN)),
            **{n: _KEY.take(n, key).cast(nw.Int32) for n in ("ordinal", "days", "event", "fold")},
            gaps=nw.col("gaps"),
        )
    )


def _ended(visits: nw.LazyFrame, bought: nw.LazyFrame, new: nw.Expr) -> nw.LazyFrame:
    """Give the key of each gap that ended with a purchase.

    A fold holds whole customers. Its repeat purchases stand in a row, customer by customer: fewer
    and larger groups than customers. The place of the customer's first one tells customers apart
    by an integer, in the order of their ids.
    """
    repeats = nw.col("purchase_days") - 1
    people = bought.filter(repeats > 0).select(
        "customer_id",
        "first_day",
        new=new,
        before=repeats.cum_sum().over("fold", order_by=["customer_id"]) - repeats,
    )
    row = ["before", "day"]
    ordered = (
        visits.filter(nw.col("purchase_lines") > 0)
        .select("customer_id", "day", "fold", one=nw.lit(1, dtype=nw.Int64))
        .join(people, on="customer_id", how="inner")
        .filter(nw.col("day") > nw.col("first_day"))
        .with_columns(
            place=nw.col("one").cum_sum().over("fold", order_by=row),
            last_time=nw.col("day").shift(1).over("fold", order_by=row),
        )
    )
    ordinal = nw.col("place") - nw.col("before")
    since = nw.when(ordinal > 1).then(nw.col("last_time")).otherwise(nw.col("first_day"))
    return ordered.select(
        key=_KEY.pack(
            new=nw.col("new"),
            ordinal=ordinal,
            days=nw.col("day") - since,
            event=nw.lit(1),
            fold=nw.col("fold"),
        )
    )
