"""What customers buy and where: by category and channel."""

from __future__ import annotations

import narwhals as nw

from crmlib.marts.money import added

LEVELS = " > "
SUMS = ("value", "discount", "returns")
KEYS = ("customer_id", "day", "category", "channel")


def mix(lines: nw.LazyFrame, categories: nw.LazyFrame, *, as_of_day: int) -> nw.LazyFrame:
    """Gather the lines of customers by day, category and channel.

    Parameters
    ----------
    lines
        Ledger order lines: all of them, or those of some months.
    categories
        ``product_id`` and ``category``, the top level of its path.
    as_of_day
        Last day that counts, days since 1970-01-01.

    Returns
    -------
    One row a ``customer_id`` x ``day`` x ``category`` x ``channel`` (null where not known):
    ``fold``, ``month``, ``purchase_lines``, ``value`` of the lines bought, the ``discount`` on
    them as the source has it, and ``returns`` (value of returned lines, negative).
    """
    bought, returned = nw.col("quantity") > 0, nw.col("quantity") < 0
    named = lines.filter(~nw.col("customer_id").is_null(), nw.col("day") <= as_of_day)
    marked = named.join(categories, on="product_id", how="left").with_columns(
        purchase_lines=bought.cast(nw.Int64),
        returns=nw.when(returned).then(nw.col("value")),
        value=nw.when(bought).then(nw.col("value")),
        discount=nw.when(bought).then(nw.col("discount")),
    )
    return (
        marked.group_by(*KEYS)
        .agg(
            nw.col("fold").max(),
            nw.col("month").max(),
            nw.col("purchase_lines").sum().cast(nw.Int64),
            *added(*SUMS),
        )
        .sort(*KEYS)
    )


def mix_between(mix: nw.LazyFrame, *, first_day: int, last_day: int) -> nw.LazyFrame:
    """Sum the mix from one day to another, both inside.

    Returns
    -------
    One row a ``customer_id`` x ``category`` x ``channel``: ``fold`` and the sums of the mix.
    """
    keys = ["customer_id", "category", "channel"]
    inside = (nw.col("day") >= first_day) & (nw.col("day") <= last_day)
    return (
        mix.filter(inside)
        .group_by(*keys)
        .agg(nw.col("fold").max(), nw.col("purchase_lines").sum().cast(nw.Int64), *added(*SUMS))
        .sort(*keys)
    )


def channels_between(mix: nw.LazyFrame, *, first_day: int, last_day: int) -> nw.LazyFrame:
    """Give the channel in which each customer bought most, by value.

    Returns
    -------
    ``customer_id``, ``channel`` ("" where not known; of equal ones the first by name), for the
    customers who bought something in the window.
    """
    inside = (nw.col("day") >= first_day) & (nw.col("day") <= last_day)
    by_channel = (
        mix.filter(inside, nw.col("purchase_lines") > 0)
        .with_columns(nw.col("channel").fill_null(""))
        .group_by("customer_id", "channel")
        .agg(*added("value"))
    )
    most = by_channel.group_by("customer_id").agg(nw.col("value").max().alias("most"))
    return (
        by_channel.join(most, on="customer_id", how="inner")
        .filter(nw.col("value") == nw.col("most"))
        .group_by("customer_id")
        .agg(nw.col("channel").min())
        .sort("customer_id")
    )
