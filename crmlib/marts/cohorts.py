"""Cohorts: who began in a month, and what they did in each month since."""

from __future__ import annotations

import narwhals as nw


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
        customer.select("customer_id", "status", nw.col("first_day").alias("day"))
        .join(month_of, on="day", how="inner")
        .drop("day")
    )
    months = visits.group_by("customer_id", "month").agg(
        nw.col("fold").max(),
        nw.col("purchase_lines").sum(),
        *(nw.col(c).sum() for c in ("orders", "value", "value_real")),
    )
    keys = ["status", "cohort_month", "month", "fold"]
    return (
        months.join(began, on="customer_id", how="inner")
        .with_columns(customers=(nw.col("purchase_lines") > 0).cast(nw.Int64))
        .group_by(*keys)
        .agg(*(nw.col(c).sum() for c in ("customers", "orders", "value", "value_real")))
        .sort(*keys)
    )
