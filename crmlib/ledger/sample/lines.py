"""The lines of the sample shop's orders: baskets, prices, planted losses, refunds, cost gaps.

Money is whole numbers here, in the units that `crmlib.ledger.sample.world` names.
"""

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.associations import brought_along, quantities
from crmlib.ledger.sample.assortment import Assortment, Goods, Promotions
from crmlib.ledger.sample.people import People
from crmlib.ledger.sample.world import EXTRA_LINES, LAST_REFUND_DAYS, Calendar, Ints


def half_away(number: pl.Expr, divisor: int | pl.Expr) -> pl.Expr:
    """Divide whole numbers and round, ties away from zero."""
    return number.sign() * ((number.abs() * 2 + divisor) // (divisor * 2))


def _gross() -> pl.Expr:
    return half_away(pl.col("quantity") * pl.col("price"), 1000)


def line_value() -> pl.Expr:
    """Value of a line in 1/10,000, with VAT."""
    return half_away(pl.col("quantity") * pl.col("price") - pl.col("discount") * 1000, 10)


def line_profit() -> pl.Expr:
    """Profit of a line in 1/10,000: value without VAT minus cost, each rounded."""
    net = half_away(line_value() * 100, 100 + pl.col("vat"))
    return net - half_away(pl.col("quantity") * pl.col("cost"), 1000)


def _spoilt() -> pl.Expr:
    """Tell whose lines lose money; other planted losses lie in freight, service and contacts."""
    return pl.col("cause").is_in(["refunds", "below_cost"]).fill_null(value=False)


def draw_baskets(
    visits: pl.DataFrame,
    people: People,
    goods: Goods,
    makers: pl.Series,
    *,
    rng: Generator,
    along: Generator,
) -> pl.DataFrame:
    """Draw what lies in each basket. A product drawn twice becomes one line of both quantities.

    Parameters
    ----------
    makers
        Customers who are to cost money: they buy nothing whose cost is not recorded, since a
        loss that only an unrecorded cost could explain would be nobody's to find.
    along
        Draws what is bought together with something else.
    """
    shelf, pairs = goods.shelf, goods.promotions.pairs
    more = rng.binomial(EXTRA_LINES, people.basket[visits["customer"].to_numpy()])
    order = np.repeat(visits["order"].to_numpy(), more + 1)
    bounds = np.cumsum(shelf.share)
    slot = np.searchsorted(bounds / bounds[-1], rng.random(len(order)), side="right")
    maker = np.isin(np.repeat(visits["customer"].to_numpy(), more + 1), makers)
    slot = np.where(maker & np.isin(slot, shelf.no_cost), _neighbour(shelf)[slot], slot)
    quantity = quantities(slot, shelf.category, rng)
    lines = pl.DataFrame({"order": order, "slot": slot, "quantity": quantity})
    lines = pl.concat([lines, brought_along(visits, lines, pairs, shelf.category, along)])
    merged = lines.group_by("order", "slot").agg(pl.col("quantity").sum()).sort("order", "slot")
    return merged.join(visits, on="order", how="left", validate="m:1", maintain_order="left")


def _neighbour(shelf: Assortment) -> Ints:
    """For each slot another one of the same category whose cost is recorded."""
    slots = np.arange(len(shelf.category))
    other = slots.copy()
    for slot in shelf.no_cost:
        same = slots[(shelf.category == shelf.category[slot]) & ~np.isin(slots, shelf.no_cost)]
        other[slot] = same[0]
    return other


def priced(baskets: pl.DataFrame, goods: Goods, calendar: Calendar) -> pl.DataFrame:
    """Add product, price, cost, VAT and the discount of the week."""
    shelf, index = goods.shelf, goods.index
    slot, day = baskets["slot"].to_numpy(), baskets["day"].to_numpy()
    month = calendar.month[day]
    price = np.rint(np.outer(shelf.price, index / 100)).astype(np.int64)
    cost = shelf.price / (1 + shelf.vat / 100) * shelf.cost_ratio
    costs = np.rint(np.outer(cost, index)).astype(np.int64)
    promotion, percent = goods.promotions.running(slot, day, shelf, calendar.days)
    return baskets.with_columns(
        month=pl.Series(month),
        product=pl.Series(
            np.where(month >= shelf.switch[slot], shelf.second[slot], shelf.first[slot])
        ),
        price=pl.Series(price[slot, month]),
        cost=pl.Series(costs[slot, month]),
        vat=pl.Series(shelf.vat[slot]),
        promotion=pl.Series(promotion),
        percent=pl.Series(percent),
    ).with_columns(discount=half_away(_gross() * pl.col("percent"), 100))


def with_losses(
    sales: pl.DataFrame, promotions: Promotions, calendar: Calendar, rng: Generator
) -> pl.DataFrame:
    """Mark the lines that make a loss: to be sent back and written off, or sold below cost."""
    under_cost = pl.Series(rng.integers(55, 81, sales.height))  # percent of cost that is paid
    cost = pl.col("quantity") * pl.col("cost") // 1000
    outlet = _gross() - cost * (100 + pl.col("vat")) * under_cost // 1_000_000
    sales = sales.with_columns(outlet=outlet, gain=line_profit())
    below = sales.with_columns(discount="outlet").select(-line_profit()).to_series()
    spoilt = _spoilt()
    loss = pl.when(pl.col("cause") == "refunds").then(cost).otherwise(below)
    sales = sales.with_columns(
        loss=loss,
        planted=spoilt & pl.Series(rng.random(sales.height) < 0.85),
    )
    for window in (0, calendar.last_year):
        # Where the remaining good lines would nearly pay for it, spoil all of them.
        inside = (pl.col("day") >= window) & spoilt
        kept = pl.when(inside & ~pl.col("planted")).then("gain").sum().over("customer")
        lost = pl.when(inside & pl.col("planted")).then("loss").sum().over("customer")
        weak = spoilt & (kept * 2 > lost)
        sales = sales.with_columns(planted=pl.col("planted") | weak)
    sold_off = pl.col("planted") & (pl.col("cause") == "below_cost")
    return sales.with_columns(
        discount=pl.when(sold_off).then("outlet").otherwise("discount"),
        promotion=pl.when(sold_off).then(len(promotions.names) - 1).otherwise("promotion"),
    )


def with_refunds(sales: pl.DataFrame, calendar: Calendar, rng: Generator) -> pl.DataFrame:
    """Add the lines that come back: 3 % of all, and what the planted refunders send back."""
    orders = sales["order"].n_unique() + 1  # they are numbered from 1
    delay = rng.integers(2, LAST_REFUND_DAYS + 1, orders)
    second = rng.integers(10 * 3600, 20 * 3600, orders)
    order = sales["order"].to_numpy()
    spoilt = _spoilt()
    ordinary = ~spoilt & pl.Series(rng.random(sales.height) < 0.03)
    sent_back = pl.col("planted") & (pl.col("cause") == "refunds")
    sales = sales.with_columns(refund=pl.lit(0), written_off=pl.lit(value=False))
    refunds = sales.with_columns(
        day=pl.col("day") + pl.Series(delay[order]),
        second=pl.Series(second[order]),
        quantity=-pl.col("quantity"),
        discount=-pl.col("discount"),
        refund=pl.lit(1),
        written_off=sent_back.fill_null(value=False),
        # Written-off goods return no value; other goods go back on the shelf.
        cost=pl.when(sent_back).then(0).otherwise("cost"),
    ).filter((ordinary | sent_back) & (pl.col("day") < calendar.days))
    return pl.concat([sales, refunds]).sort("day", "second", "order", "refund", "slot")


def with_cost_gaps(
    lines: pl.DataFrame, shelf: Assortment, calendar: Calendar, rng: Generator
) -> pl.DataFrame:
    """Mark the lines whose cost the raw files lack: 5 % by chance, three products always."""
    never = pl.col("slot").is_in(shelf.no_cost.tolist())
    gap = pl.Series(rng.random(lines.height) < 0.05) & ~pl.col("written_off")
    lines = lines.with_columns(
        booked=pl.Series(calendar.month[lines["day"].to_numpy()]), never=never, gap=gap | never
    )
    group = ("product", "booked")
    bare = (pl.col("gap") | pl.col("written_off")).all().over(group)
    many = (~pl.col("written_off")).sum().over(group) >= 3
    leading = (~pl.col("written_off")).cum_sum().over(group) == 1
    # One of three or more keeps its cost, so that chance alone never empties a month.
    kept = bare & many & leading & ~pl.col("never")
    return lines.with_columns(gap=pl.col("gap") & ~kept)
