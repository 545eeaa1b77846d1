"""The marts in hand-written polars: what someone would write who knows polars and no other engine.

Each function gives the same table as its namesake in ``crmlib.marts``.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from polars import col

MONEY = pl.Decimal(18, 4)
SUMS = (
    "orders", "lines", "quantity", "value", "value_real", "returns", "margin", "margin_returns",
    "margin_below_cost", "value_costed", "discount_net",
)  # fmt: skip
COSTS = ("freight", "service", "contacts")


def at_constant_prices() -> pl.Expr:
    """Give values in prices of the as-of month: half away from zero, from whole units."""
    product = col("value").to_physical().cast(pl.Float64) * col("ratio")
    units = (product.abs() + 0.5).floor() * product.sign()
    return (units.cast(pl.Int64).cast(pl.Decimal(38, 4)) * Decimal("0.0001")).cast(MONEY)


def visits(lines: pl.LazyFrame, real: pl.LazyFrame, *, as_of_day: int) -> pl.LazyFrame:
    """Gather the lines of customers by day."""
    returned = col("quantity") < 0
    below_cost = (col("quantity") >= 0) & (col("margin") < 0)
    return (
        lines.filter(col("customer_id").is_not_null(), col("day") <= as_of_day)
        .select(
            "customer_id", "day", "fold", "month", "order_head", "quantity", "value", "margin",
            purchase=col("quantity") > 0,
            returns=pl.when(returned).then("value"),
            margin_returns=pl.when(returned).then("margin"),
            margin_below_cost=pl.when(below_cost).then("margin"),
            value_costed=pl.when(col("margin").is_not_null()).then("value"),
            discount_net=pl.when(col("quantity") > 0).then("discount_net"),
        )
        .group_by("customer_id", "day")
        .agg(
            col("fold", "month").first(),
            col("order_head").sum().cast(pl.Int64).alias("orders"),
            pl.len().cast(pl.Int64).alias("lines"),
            col("purchase").sum().cast(pl.Int64).alias("purchase_lines"),
            col("quantity").sum().cast(pl.Decimal(18, 3)),
            col(
                "value", "returns", "margin", "margin_returns", "margin_below_cost", "value_costed",
                "discount_net",
            ).sum().cast(MONEY),
        )
        .join(real, on="month", how="left")
        .with_columns(
            value_real=at_constant_prices()
        )
        .drop("ratio")
        .sort("customer_id", "day")
    )  # fmt: skip


def customer(
    visits: pl.LazyFrame,
    costs: pl.LazyFrame,
    joined: pl.LazyFrame,
    *,
    as_of_day: int,
    complete_from_day: int,
    burn_in_days: int,
) -> pl.LazyFrame:
    """Summarise each customer's visits up to the as-of day."""
    bought = col("purchase_lines") > 0
    served = costs.filter(col("day") <= as_of_day).group_by("customer_id").agg(col(COSTS).sum())
    old = (
        col("first_day").is_null()
        | (col("seen_day") < complete_from_day + burn_in_days)
        | col("joined_day").is_not_null()
    )
    return (
        visits.filter(col("day") <= as_of_day)
        .with_columns(bought=bought, purchase_day=pl.when(bought).then("day"))
        .group_by("customer_id")
        .agg(
            col("fold").first(),
            col("day").min().alias("seen_day"),
            col("bought").sum().cast(pl.Int64).alias("purchase_days"),
            col("purchase_day").min().alias("first_day"),
            col("purchase_day").max().alias("last_day"),
            col(SUMS).sum(),
        )
        .join(served, on="customer_id", how="left")
        .with_columns(col(COSTS).fill_null(0))
        .join(joined.filter(col("joined_day") < complete_from_day), on="customer_id", how="left")
        .with_columns(
            frequency=(col("purchase_days") - 1).clip(0),
            recency_days=col("last_day") - col("first_day"),
            age_days=as_of_day - col("first_day"),
            days_since_last=as_of_day - col("last_day"),
            profit=col("margin") - col("freight") - col("service") - col("contacts"),
            status=pl.when(old).then(pl.lit("first_seen")).otherwise(pl.lit("new")),
        )
        .drop("joined_day", "seen_day")
        .sort("customer_id")
    )


def cohorts(visits: pl.LazyFrame, customer: pl.LazyFrame) -> pl.LazyFrame:
    """Count each cohort's customers, orders and value by month."""
    keys = ["status", "cohort_month", "month", "fold"]
    month_of = visits.group_by("day").agg(cohort_month=col("month").first())
    began = customer.join(month_of, left_on="first_day", right_on="day").select(
        "customer_id", "status", "cohort_month"
    )
    return (
        visits.group_by("customer_id", "month")
        .agg(
            col("fold").first(),
            customers=(col("purchase_lines").sum() > 0).cast(pl.Int64),
            orders=col("orders").sum(),
            value=col("value").sum(),
            value_real=col("value_real").sum(),
        )
        .join(began, on="customer_id")
        .group_by(keys)
        .agg(col("customers", "orders", "value", "value_real").sum())
        .sort(keys)
    )


def gaps(visits: pl.LazyFrame, customer: pl.LazyFrame, *, as_of_day: int) -> pl.LazyFrame:
    """Count gaps between purchase days."""
    keys = ["status", "ordinal", "days", "event", "fold"]
    return (
        visits.filter(col("purchase_lines") > 0)
        .select("customer_id", "day", "fold")
        .with_columns(
            ordinal=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(
                "customer_id", order_by="day"
            ),
            next_day=col("day").shift(-1).over("customer_id", order_by="day"),
        )
        .with_columns(
            days=col("next_day").fill_null(as_of_day) - col("day"),
            event=col("next_day").is_not_null().cast(pl.Int32),
        )
        .join(customer.select("customer_id", "status"), on="customer_id")
        .group_by(keys)
        .agg(gaps=pl.len().cast(pl.Int64))
        .sort(keys)
    )


def kpis(lines: pl.LazyFrame, real: pl.LazyFrame, *, as_of_day: int) -> pl.LazyFrame:
    """Sum the order lines by month."""
    keys = ["month", "identified", "fold"]
    return (
        lines.filter(col("day") <= as_of_day)
        .with_columns(
            identified=col("customer_id").is_not_null().cast(pl.Int32),
            returns=pl.when(col("quantity") < 0).then("value"),
            value_costed=pl.when(col("margin").is_not_null()).then("value"),
            value_filled=pl.when("cost_filled").then("value"),
        )
        .group_by(keys)
        .agg(
            pl.len().cast(pl.Int64).alias("lines"),
            col("order_head").sum().cast(pl.Int64).alias("orders"),
            col("quantity").sum().cast(pl.Decimal(18, 3)),
            col("value", "discount", "returns", "margin", "value_costed", "value_filled")
            .sum()
            .cast(MONEY),
        )
        .join(real, on="month", how="left")
        .with_columns(value_real=at_constant_prices())
        .drop("ratio")
        .sort(keys)
    )


def basket_sizes(lines: pl.LazyFrame, *, as_of_day: int) -> pl.LazyFrame:
    """Count baskets by how many different products they hold, by way of what they hold."""
    keys = ["month", "items", "fold"]
    contents = (
        lines.filter(col("day") <= as_of_day, col("quantity") > 0)
        .group_by("order_id", "customer_id", "product_id")
        .agg(col("fold").first(), col("month").min(), col("value").sum().cast(MONEY))
    )
    return (
        contents.group_by("order_id", "customer_id")
        .agg(
            items=pl.len().cast(pl.Int32),
            month=col("month").min(),
            fold=col("fold").first(),
            value=col("value").sum().cast(MONEY),
        )
        .group_by(keys)
        .agg(baskets=pl.len().cast(pl.Int64), value=col("value").sum())
        .sort(keys)
    )
