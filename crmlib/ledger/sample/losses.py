"""Customers who cost the shop money: those that are planted, and all that the tables tell."""

from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.lines import line_profit
from crmlib.ledger.sample.world import LAST_REFUND_DAYS, Calendar, Ints
from crmlib.ledger.sample.written import exact

# Shares of the buyers. The first two lose on their lines, the others on what each order causes.
PLANTED = {
    "refunds": 0.027, "below_cost": 0.013, "freight": 0.006, "service": 0.006, "contacts": 0.004,
}  # fmt: skip
CAUSES = ("returns", "below_cost", "freight", "service", "contacts")
# What an order of theirs costs, as a share of its value: more than any margin.
COST_OF_ORDER = (0.55, 0.80)


def draw_loss_makers(
    visits: pl.DataFrame, held_back: Ints, calendar: Calendar, rng: Generator
) -> pl.DataFrame:
    """Choose those who will cost money, among customers with at least three known purchases.

    Those who are ``held_back`` from all campaigns are not visited either.
    """
    known = visits.filter(~pl.col("anonymous"), pl.col("day") >= 0)
    buyers = known["customer"].n_unique()
    early = pl.col("day") < calendar.days - LAST_REFUND_DAYS - 1
    regular = (
        known.filter(early)
        .group_by("customer")
        .agg(pl.len(), online=(pl.col("channel") > 0).mean())
        .filter(pl.col("len") >= 3)
        .sort("customer")
    )
    mixed = rng.permutation(regular["customer"].to_numpy())
    online = dict(regular.select("customer", "online").rows())
    count = {cause: round(share * buyers) for cause, share in PLANTED.items()}
    count["refunds"] = max(count["refunds"], 1)
    # Freight needs parcels: only who buys nearly everything online can lose by it.
    freight = [c for c in mixed.tolist() if online[c] >= 0.85][: count["freight"]]
    rest = mixed[~np.isin(mixed, freight)].tolist()
    chosen = [(c, "freight") for c in freight]
    for cause in ("refunds", "below_cost", "service"):
        mine, rest = rest[: count[cause]], rest[count[cause] :]
        chosen += [(c, cause) for c in mine]
    untouched = set(held_back.tolist())
    visited = [c for c in rest if c not in untouched][: count["contacts"]]
    chosen += [(c, "contacts") for c in visited]
    schema = {"customer": pl.Int64, "cause": pl.String}
    return pl.DataFrame(chosen, schema=schema, orient="row").sort("customer")


def cost_of_orders(orders: pl.DataFrame, cause: str, rng: Generator) -> pl.DataFrame:
    """Draw what each order of those who are planted with a cause costs, in 1/10,000.

    Parameters
    ----------
    orders
        order, cause, value and whatever else is wanted back.
    """
    mine = orders.filter(pl.col("cause") == cause).sort("order")
    share = pl.Series(rng.uniform(*COST_OF_ORDER, mine.height))
    return mine.with_columns(cost=(pl.col("value") * share).round().cast(pl.Int64))


def profits(
    lines: pl.DataFrame,
    costs: dict[str, pl.DataFrame],
    first_day: int,
) -> pl.DataFrame:
    """Add up each customer's profit since a day, by what raises and lowers it.

    Parameters
    ----------
    lines
        All lines, with the true cost.
    costs
        For freight, service and contacts: customer (null: unknown), day, cost.
    """
    known = lines.filter(~pl.col("anonymous"), pl.col("day") >= first_day)
    gain, sale = line_profit(), pl.col("refund") == 0
    found = (
        known.group_by("customer")
        .agg(
            margin=gain.sum(),
            returns=gain.filter(~sale).sum(),
            below_cost=gain.filter(sale & (gain < 0)).sum(),
            bought=sale.any(),
        )
        .filter("bought")
    )
    for name, cost in costs.items():
        sums = (
            cost.filter(pl.col("day") >= first_day)
            .drop_nulls("customer")
            .group_by("customer")
            .agg(-pl.col("cost").sum().alias(name))
        )
        found = found.join(sums, on="customer", how="left").with_columns(pl.col(name).fill_null(0))
    return found.with_columns(
        profit=pl.col("margin") + pl.sum_horizontal(*costs), worst=pl.min_horizontal(*CAUSES)
    ).sort("customer")


def truth_of_losses(
    lines: pl.DataFrame,
    costs: dict[str, pl.DataFrame],
    makers: pl.DataFrame,
    ids: list[str],
    calendar: Calendar,
) -> dict[str, Any]:
    """Name all whose profit is negative, over the whole period and over the last 12 months."""
    planted = dict(makers.iter_rows())
    told: dict[str, Any] = {}
    for name, first in (("loss_makers", 0), ("loss_makers_last_12_months", calendar.last_year)):
        losing = profits(lines, costs, first).filter(pl.col("profit") < 0)
        told[name] = dict(
            sorted(
                (
                    ids[row["customer"]],
                    {
                        "cause": next(c for c in CAUSES if row[c] == row["worst"]),
                        "profit": exact(row["profit"]),
                        "planted": row["customer"] in planted,
                    },
                )
                for row in losing.rows(named=True)
            )
        )
    told["planted_loss_makers"] = dict(sorted((ids[c], cause) for c, cause in planted.items()))
    return told
