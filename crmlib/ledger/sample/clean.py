"""The clean world: purchases by BG/NBD and spend by Gamma-Gamma, segment by segment.

No season, no inflation, nobody before the beginning, every order identified, no bad rows. The
parameters stand in truth.json, so that a study can see whether its figures find them again.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from crmlib.ledger.sample import definitions
from crmlib.ledger.sample.assortment import product_ids
from crmlib.ledger.sample.catalogue import CATEGORIES, CITIES
from crmlib.ledger.sample.defects import truth_of_files
from crmlib.ledger.sample.lines import half_away
from crmlib.ledger.sample.people import CHANNELS, STORES
from crmlib.ledger.sample.tables import Joined, customer_table, index_table, product_names
from crmlib.ledger.sample.world import Floats, Ints, SampleSpec, streams_of
from crmlib.ledger.sample.written import decimal, exact, moment, named, order_id

_DAY, _WEEK = 86_400, 7 * 86_400


@dataclass(frozen=True, slots=True)
class Segment:
    """Parameters of a segment: weeks and shop currency."""

    share: float
    r: float
    alpha: float
    a: float
    b: float
    p: float
    q: float
    v: float
    margin_rate: float
    online: float  # probability that an order is placed online


SEGMENTS = {
    "sadık": Segment(0.20, 1.40, 10.0, 0.5, 7.0, 6.0, 4.0, 240.0, 0.30, 0.30),
    "olağan": Segment(0.40, 1.00, 14.0, 0.8, 4.0, 5.0, 3.8, 220.0, 0.32, 0.45),
    "seyrek": Segment(0.30, 0.80, 24.0, 0.8, 2.5, 4.0, 3.5, 260.0, 0.35, 0.70),
    "seçkin": Segment(0.10, 1.20, 12.0, 0.5, 6.0, 6.0, 4.5, 900.0, 0.40, 0.55),
}
MARGIN_SPREAD = 0.05
LOSS_MAKERS = 0.10
# Lines sold below cost, of the loss-makers and of the others: neither always nor never lose.
BELOW_COST = (0.60, 0.05)
REFUNDED = 0.03
DISCOUNTED = 0.20
LINES = (0.5, 0.3, 0.2)  # probability of one, two and three lines
VAT = 20


class CleanShop(NamedTuple):
    """The tables and the truth, as `SampleShop` takes them."""

    order_lines: pl.DataFrame
    customers: pl.DataFrame
    products: pl.DataFrame
    price_index: pl.DataFrame
    truth: dict[str, Any]
    tables: dict[str, pl.DataFrame]


@dataclass(frozen=True, slots=True, eq=False)
class Buyers:
    """One entry a customer."""

    ids: list[str]
    segment: Ints
    join: Ints  # seconds since the start: the first order
    rate: Floats  # repeat orders a week
    drop: Floats  # probability of dropping out after each repeat order
    nu: Floats
    losing: NDArray[np.bool_]
    city: Ints

    def of(self, parameter: str) -> Floats:
        """Give each one's parameter."""
        values = [getattr(segment, parameter) for segment in SEGMENTS.values()]
        return np.array(values)[self.segment]


def simulate_clean(spec: SampleSpec) -> CleanShop:
    """Make the clean world.

    - Everybody joins within the data, at a time drawn evenly, with a first order.
    - Four segments with parameters of their own; within each the draws are independent.
    - An order has one to three lines that add up to its drawn value, to the cent.
    - One customer in ten buys most lines below cost, the others one in twenty; 3 % of the lines
      come back in full.
    - A fifth of the lines shows a discount, which says nothing of the price paid.
    """
    streams = streams_of(spec.seed)
    numbers = streams["people"].choice(100_000_000, size=spec.customers, replace=False)
    buyers, lines = draw_clean([f"{number:08d}" for number in numbers], spec, streams)
    order_lines = clean_line_table(lines, buyers.ids, spec)
    everybody = np.ones(spec.customers, dtype=bool)
    customers = customer_table(
        buyers.ids,
        buyers.join // _DAY,
        buyers.city,
        Joined(everybody, everybody),
        spec,
        streams["profiles"],
    )
    segment = named(list(SEGMENTS), "segment")
    attributes = pl.DataFrame({"customer_id": buyers.ids, "segment": buyers.segment}).select(
        "customer_id",
        field=pl.lit("segment"),
        value=segment,
        source=pl.lit("müşteri programı"),
        loaded_at=pl.lit(spec.start).cast(pl.Datetime("us")),
        basis=pl.lit("contract"),
    )
    truth = _truth(spec, buyers, lines) | truth_of_files(order_lines, customers, spoil=False)
    return CleanShop(
        order_lines,
        customers,
        _product_table(spec),
        index_table(spec, np.full(spec.months, 10_000)),
        truth | {"definitions": definitions.CLEAN},
        {"attributes": attributes.sort("customer_id")},
    )


def draw_clean(
    ids: list[str], spec: SampleSpec, streams: dict[str, Generator]
) -> tuple[Buyers, pl.DataFrame]:
    """Draw customers of these ids and their lines; money in 1/100, costs in 1/10,000."""
    seconds = ((spec.end - spec.start).days + 1) * _DAY
    buyers = _draw_buyers(ids, seconds, streams["people"])
    orders = _draw_orders(buyers, seconds, streams["visits"])
    orders = _with_places(orders, buyers, streams["places"])
    sales = _draw_lines(orders, buyers, streams["baskets"])
    return buyers, _with_refunds(sales, seconds, streams["refunds"])


def _draw_buyers(ids: list[str], seconds: int, rng: Generator) -> Buyers:
    n = len(ids)
    segment = rng.choice(len(SEGMENTS), size=n, p=[s.share for s in SEGMENTS.values()])
    values = {
        name: np.array([getattr(s, name) for s in SEGMENTS.values()])[segment]
        for name in ("r", "alpha", "a", "b", "q", "v")
    }
    return Buyers(
        ids=ids,
        segment=segment,
        join=rng.integers(0, seconds, n),
        rate=rng.gamma(values["r"], 1 / values["alpha"]),
        drop=rng.beta(values["a"], values["b"]),
        nu=rng.gamma(values["q"], 1 / values["v"]),
        losing=rng.random(n) < LOSS_MAKERS,
        city=rng.choice(len(CITIES), size=n, p=[city.share for city in CITIES]),
    )


def _draw_orders(buyers: Buyers, seconds: int, rng: Generator) -> pl.DataFrame:
    """Draw repeat orders, one round a gap, until all have dropped out or the data end."""
    active, at = np.arange(len(buyers.ids)), buyers.join.astype(float)
    found = [(active, at)]
    stays = np.ones(len(active), dtype=bool)
    while len(active):
        active, at = active[stays], at[stays]
        at = at + rng.exponential(1.0, len(active)) / buyers.rate[active] * _WEEK
        inside = at < seconds
        active, at = active[inside], at[inside]
        found.append((active, at))
        stays = rng.random(len(active)) >= buyers.drop[active]
    who = np.concatenate([customer for customer, _ in found])
    when = np.floor(np.concatenate([moments for _, moments in found])).astype(np.int64)
    amount = rng.gamma(buyers.of("p")[who]) / buyers.nu[who]
    orders = pl.DataFrame({"customer": who, "at": when, "cents": np.rint(100 * amount)})
    return (
        orders.with_columns(pl.col("cents").cast(pl.Int64).clip(3))
        .sort("at", "customer")
        .with_columns(order=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    )


def _with_places(orders: pl.DataFrame, buyers: Buyers, rng: Generator) -> pl.DataFrame:
    who, n = orders["customer"].to_numpy(), orders.height
    online = rng.random(n) < buyers.of("online")[who]
    channel = np.where(online, rng.integers(1, len(CHANNELS), n), 0)
    first = np.array([STORES.index(place.stores[0]) for place in CITIES])
    store = np.where(online, -1, first[buyers.city[who]])
    return orders.with_columns(channel=pl.Series(channel), store=pl.Series(store))


def _draw_lines(orders: pl.DataFrame, buyers: Buyers, rng: Generator) -> pl.DataFrame:
    """Split each order's value into lines, to the cent; draw products, discounts and costs."""
    count = rng.choice([1, 2, 3], size=orders.height, p=LINES)
    rows = np.repeat(np.arange(orders.height), count)
    first = np.diff(rows, prepend=-1) != 0
    cents, n = orders["cents"].to_numpy(), len(rows)
    weight = rng.uniform(0.2, 1.0, n)
    whole = np.bincount(rows, weight)
    part = np.maximum(np.floor(cents[rows] * weight / whole[rows]).astype(np.int64), 1)
    rest = cents - np.bincount(rows, part).astype(np.int64)
    paid = part + np.where(first, rest[rows], 0)
    share = np.repeat([c.share for c in CATEGORIES], 35)
    who = orders["customer"].to_numpy()[rows]
    margin = rng.normal(buyers.of("margin_rate")[who], MARGIN_SPREAD).clip(0.05, 0.9)
    below = rng.random(n) < np.where(buyers.losing[who], *BELOW_COST)
    margin = np.where(below, -margin, margin)
    return orders.select("order", "customer", "at", "channel", "store")[rows].with_columns(
        line=pl.Series(np.arange(n)),
        product=pl.Series(rng.choice(len(share), size=n, p=share / share.sum())),
        paid=pl.Series(paid),
        discount=pl.Series(np.where(rng.random(n) < DISCOUNTED, np.rint(paid / 9), 0.0)).cast(
            pl.Int64
        ),
        cost=pl.Series(np.rint(paid * 100 / (1 + VAT / 100) * (1 - margin))).cast(pl.Int64),
        quantity=pl.lit(1, dtype=pl.Int64),
    )


def _with_refunds(sales: pl.DataFrame, seconds: int, rng: Generator) -> pl.DataFrame:
    back = sales.filter(pl.Series(rng.random(sales.height) < REFUNDED))
    delay = pl.Series(rng.integers(2 * _DAY, 20 * _DAY, back.height))
    back = back.with_columns(
        -pl.col("paid", "discount", "quantity"), at=pl.col("at") + delay
    ).filter(pl.col("at") < seconds)
    return pl.concat([sales, back]).sort("at", "order", "line", "quantity")


def clean_line_table(lines: pl.DataFrame, ids: list[str], spec: SampleSpec) -> pl.DataFrame:
    """Make the table of lines, in the order that they have."""
    cost = decimal(pl.col("cost"), 4)
    price = (pl.col("paid") + pl.col("discount")).abs()
    return lines.select(
        order_id=order_id(),
        customer_id=named(ids, "customer"),
        ordered_at=moment(spec.start, "at"),
        product_id=named(product_ids(), "product"),
        quantity=decimal(pl.col("quantity"), 0, pl.Decimal(12, 3)),
        unit_price=decimal(price, 2),
        discount=decimal(pl.col("discount"), 2),
        vat_rate=decimal(pl.lit(VAT, dtype=pl.Int64), 2, pl.Decimal(6, 4)),
        unit_cost=cost,
        unit_cost_recorded=cost,
        promotion_id=pl.lit(None, dtype=pl.String),
        channel=named(list(CHANNELS), "channel"),
        store=named(list(STORES), "store"),
    )


def _product_table(spec: SampleSpec) -> pl.DataFrame:
    paths = [category.path for category in CATEGORIES for _ in range(35)]
    return pl.DataFrame(
        {
            "product_id": product_ids(),
            "name": product_names(),
            "category": paths,
            "available_from": [spec.start] * len(paths),
            "available_until": pl.Series([None] * len(paths), dtype=pl.Date),
        }
    )


def _losses(lines: pl.DataFrame, buyers: Buyers) -> dict[str, Any]:
    """Name those who bought and lost money, with what cost most."""
    sale, margin = pl.col("quantity") > 0, pl.col("margin")
    sums = lines.group_by("customer").agg(
        profit=margin.sum(),
        returns=margin.filter(~sale).sum(),
        below_cost=margin.filter(sale & (margin < 0)).sum(),
        bought=sale.any(),
    )
    return dict(
        sorted(
            (
                buyers.ids[row["customer"]],
                {
                    "cause": "returns" if row["returns"] <= row["below_cost"] else "below_cost",
                    "profit": exact(row["profit"]),
                    "planted": bool(buyers.losing[row["customer"]]),
                },
            )
            for row in sums.filter("bought", pl.col("profit") < 0).rows(named=True)
        )
    )


def _truth(spec: SampleSpec, buyers: Buyers, lines: pl.DataFrame) -> dict[str, Any]:
    value = pl.col("paid") * 100
    net = half_away(value * 100, 100 + VAT)
    lines = lines.with_columns(
        value=value,
        margin=net - pl.col("quantity") * pl.col("cost"),
        booked=moment(spec.start, "at").dt.strftime("%Y-%m"),
    )
    totals = lines.group_by("booked").agg(
        pl.col("value").sum(),
        pl.len().alias("lines"),
        orders=pl.col("order").filter(pl.col("quantity") > 0).n_unique(),
    )
    last_year = spec.month(spec.months - 12)
    recent = lines.filter(pl.col("at") >= (last_year - spec.start).days * _DAY)
    return {
        "spec": spec.as_dict(),
        "end": spec.end.isoformat(),
        "last_12_months_from": last_year.isoformat(),
        "buyers": sorted(buyers.ids),
        "pre_existing": [],
        "loss_makers": _losses(lines, buyers),
        "loss_makers_last_12_months": _losses(recent, buyers),
        "by_month": {
            row["booked"]: {
                "value": exact(row["value"]), "orders": row["orders"], "lines": row["lines"],
            }
            for row in totals.sort("booked").rows(named=True)
        },
        "price_index": {f"{spec.month(m):%Y-%m}": "100.00" for m in range(spec.months)},
        "segments": {
            name: asdict(segment)
            | {"customers": sorted(np.array(buyers.ids)[buyers.segment == number].tolist())}
            for number, (name, segment) in enumerate(SEGMENTS.items())
        },
        "margin_spread": MARGIN_SPREAD,
        "planted_loss_makers": sorted(np.array(buyers.ids)[buyers.losing].tolist()),
        "loss_maker_probability": LOSS_MAKERS,
        "below_cost_probability": dict(zip(("loss_makers", "others"), BELOW_COST, strict=True)),
        "refund_probability": REFUNDED,
        "discount_probability": DISCOUNTED,
        "lines_probability": LINES,
    }  # fmt: skip
