"""What serving customers cost: freight, service, contacts."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw

from crmlib.marts.money import MONEY, added, nothing
from crmlib.schema import FOLDS

COSTS = ("freight", "service", "contacts")
_DAY = ("customer_id", "fold", "day")


def parcels(deliveries: nw.LazyFrame) -> nw.LazyFrame:
    """Sum what the deliveries of each order cost: ``order_id``, ``freight``."""
    return (
        deliveries.filter(~nw.col("cost").is_null())
        .group_by("order_id")
        .agg(nw.col("cost").sum().cast(MONEY).alias("freight"))
    )


def orders(lines: nw.LazyFrame, parcels: nw.LazyFrame, *, as_of_day: int) -> nw.LazyFrame:
    """Give freight to the customer of its order, on the day of the order's first line.

    An order id that several customers use is charged to the first of them by id.

    Parameters
    ----------
    lines
        Order lines that decide: one purchase line an order and customer, or more.
    parcels
        ``order_id`` and ``freight``.
    as_of_day
        Last day that counts, days since 1970-01-01.

    Returns
    -------
    One row an order with freight: ``order_id``, ``customer_id`` (null where unknown), ``day``,
    ``month``, ``freight``, ``fold``, and ``low``: below ``fold`` where lines of several folds
    share the order, which :func:`folds` then tells.
    """
    return (
        lines.filter(nw.col("day") <= as_of_day)
        .select("order_id", "customer_id", "fold", "day", "month")
        .join(parcels, on="order_id", how="inner")
        .group_by("order_id")
        .agg(
            nw.col("customer_id").min(),
            nw.col("day").min(),
            nw.col("month").min(),
            nw.col("freight").max(),
            nw.col("fold").max(),
            nw.col("fold").min().alias("low"),
        )
    )


def folds(lines: nw.LazyFrame, orders: nw.LazyFrame) -> nw.LazyFrame:
    """Give the fold of the customers that orders are charged to: ``order_id``, ``own_fold``."""
    key = ["order_id", "customer_id"]
    return (
        lines.select(*key, "fold")
        .join(orders.select(*key), on=key, how="inner")
        .group_by("order_id")
        .agg(nw.col("fold").max().alias("own_fold"))
    )


def without_lines(lines: nw.LazyFrame, parcels: nw.LazyFrame) -> nw.LazyFrame:
    """Give the parcels whose order is not among some lines."""
    return parcels.join(lines.select("order_id"), on="order_id", how="anti")


def freight_costs(placed: nw.LazyFrame) -> nw.LazyFrame:
    """Give freight as a piece of :func:`costs`."""
    return placed.select(*_DAY, nw.col("freight"), service=nothing(), contacts=nothing())


def service(calls: nw.LazyFrame, *, as_of_day: int) -> nw.LazyFrame:
    """Give the cost of service to its customer, on the day that it began."""
    return calls.filter(nw.col("day") <= as_of_day).select(
        *_DAY, freight=nothing(), service=nw.col("cost"), contacts=nothing()
    )


def contacts(sent: nw.LazyFrame, campaigns: nw.LazyFrame, *, as_of_day: int) -> nw.LazyFrame:
    """Give the cost of contacts to whom they were sent, on the day of sending.

    Where a contact has no cost of its own, that of its campaign is taken.
    """
    usual = campaigns.select("campaign_id", "cost_per_contact")
    own = sent.filter(nw.col("day") <= as_of_day).join(usual, on="campaign_id", how="left")
    cost = nw.when(nw.col("cost").is_null()).then(nw.col("cost_per_contact"))
    return own.select(
        *_DAY, freight=nothing(), service=nothing(), contacts=cost.otherwise(nw.col("cost"))
    )


def costs(pieces: Sequence[nw.LazyFrame], *, month: int) -> nw.LazyFrame:
    """Gather the costs of a month by customer and day.

    Parameters
    ----------
    pieces
        ``customer_id``, ``fold``, ``day`` and the three costs, from several sources.
    month
        12 x year + month - 1.

    Returns
    -------
    One row a customer-day with a cost, and a row a day and fold without a customer:
    ``customer_id``, ``fold``, ``day``, ``month``, ``freight``, ``service``, ``contacts``
    (positive = cost). In order of customer and day. Where neither a customer nor an order gives
    the fold, the day does.
    """
    day = nw.col("day")
    own = nw.when(~nw.col("fold").is_null()).then(nw.col("fold"))
    drawn = own.otherwise(day - day // FOLDS * FOLDS).cast(nw.Int32)
    typed = [p.select(*_DAY, *(nw.col(c).cast(MONEY) for c in COSTS)) for p in pieces]
    some = (nw.col("freight") != 0) | (nw.col("service") != 0) | (nw.col("contacts") != 0)
    return (
        nw.concat(typed)
        .with_columns(fold=drawn)
        .group_by(*_DAY)
        .agg(*added(*COSTS))
        .filter(some)
        .select(*_DAY, nw.lit(month, dtype=nw.Int32).alias("month"), *COSTS)
        .sort("customer_id", "day", "fold")
    )


def cost_totals(costs: nw.LazyFrame) -> nw.LazyFrame:
    """Sum costs by month.

    Returns
    -------
    One row a ``month`` x ``identified`` (1: the customer is known) x ``fold``: the three costs.
    Everything adds up.
    """
    keys = ["month", "identified", "fold"]
    identified = (~nw.col("customer_id").is_null()).cast(nw.Int32)
    return (
        costs.with_columns(identified=identified)
        .group_by(*keys)
        .agg(*added(*COSTS))
        .sort(*keys)
        .select(*keys, *COSTS)
    )
