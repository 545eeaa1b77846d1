"""Cohorts: who began in a month, and what they did in each month since."""

from __future__ import annotations

import narwhals as nw

from crmlib.marts.customers import FIRST_SEEN, NEW
from crmlib.marts.money import added
from crmlib.marts.packed import Packed
from crmlib.schema import FOLDS

_MONTHS = 2**20
_CELL = Packed({"new": 2, "cohort_month": _MONTHS, "month": _MONTHS, "fold": FOLDS})

_SUMS = ("orders", "value", "value_real")


def cohorts(visits: nw.LazyFrame, customer: nw.LazyFrame) -> nw.LazyFrame:
    """Count each cohort's customers, orders and value by month.

    Parameters
    ----------
    visits, customer
        The visits mart, and the customer mart of the same visits.

    Returns
    -------
    One row a ``status`` x ``cohort_month`` x ``month`` x ``fold``: ``customers`` that bought in
    the month, ``orders``, ``value``, ``value_real``. Months are 12 x year + month - 1. All
    columns add up over folds and statuses; customers do not add up over months.
    """
    # The month of a customer's first purchase is that of its first day, so no visits are grouped.
    month_of = visits.group_by("day").agg(nw.col("month").max().alias("cohort_month"))
    began = (
        customer.select("customer_id", "fold", "status", nw.col("first_day").alias("day"))
        .join(month_of, on="day", how="inner")
        .select(
            "customer_id",
            cell=_CELL.pack(
                new=nw.col("status") == NEW,
                cohort_month=nw.col("cohort_month"),
                month=nw.lit(0),
                fold=nw.col("fold"),
            ),
        )
    )
    months = visits.group_by("customer_id", "month").agg(
        nw.col("purchase_lines").sum().cast(nw.Int64), *_added()
    )
    key = nw.col("key")
    return (
        months.join(began, on="customer_id", how="inner")
        .select(
            *_SUMS,
            customers=(nw.col("purchase_lines") > 0).cast(nw.Int64),
            key=nw.col("cell") + nw.col("month").cast(nw.Int64) * FOLDS,
        )
        .group_by("key")
        .agg(nw.col("customers").sum().cast(nw.Int64), *_added())
        .sort("key")
        .select(
            status=nw.when(_CELL.take("new", key) == 1)
            .then(nw.lit(NEW))
            .otherwise(nw.lit(FIRST_SEEN)),
            **{n: _CELL.take(n, key).cast(nw.Int32) for n in ("cohort_month", "month", "fold")},
            **{c: nw.col(c) for c in ("customers", *_SUMS)},
        )
    )


def _added() -> list[nw.Expr]:
    return [nw.col("orders").sum().cast(nw.Int64), *added("value", "value_real")]
