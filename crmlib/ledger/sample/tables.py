"""The clean tables of the sample shop: whole numbers become Decimals, numbers become names."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from crmlib.ledger.sample.assortment import Assortment, Promotions, product_ids
from crmlib.ledger.sample.catalogue import ACQUISITION, CATEGORIES, CITIES, MEN, SURNAMES, WOMEN
from crmlib.ledger.sample.people import CHANNELS, STORES, People
from crmlib.ledger.sample.world import Calendar, Ints, SampleSpec
from crmlib.ledger.sample.written import decimal, moment, named, order_id

# A pre-existing customer without joined_at buys this early: see draw_joined.
FOUND_WITHIN_DAYS = 150


def order_line_table(
    lines: pl.DataFrame, ids: list[str], promotions: Promotions, spec: SampleSpec
) -> pl.DataFrame:
    """Make the table of lines, in the order that they have."""
    money = pl.Decimal(18, 4)
    cost = decimal(pl.col("cost"), 4, money)
    return lines.select(
        order_id=order_id(),
        customer_id=pl.when(~pl.col("anonymous")).then(named(ids, "customer")),
        ordered_at=moment(spec.start, pl.col("day") * 86_400 + pl.col("second")),
        product_id=named(product_ids(), "product"),
        quantity=decimal(pl.col("quantity"), 3, pl.Decimal(12, 3)),
        unit_price=decimal(pl.col("price"), 2, money),
        discount=decimal(pl.col("discount"), 2, money),
        vat_rate=decimal(pl.col("vat"), 2, pl.Decimal(6, 4)),
        unit_cost=cost,
        unit_cost_recorded=pl.when(~pl.col("gap")).then(cost),
        promotion_id=named(promotions.names, "promotion"),
        channel=named(list(CHANNELS), "channel"),
        store=named(list(STORES), "store"),
    )


def product_names() -> list[str]:
    """Name all products, in the order of their numbers."""
    return [
        category.pattern.format(noun=noun, variant=variant)
        for category in CATEGORIES
        for noun in category.nouns
        for variant in category.variants
    ]


def product_table(shelf: Assortment, spec: SampleSpec) -> pl.DataFrame:
    """Make the table of products; one that was succeeded has a last day."""
    paths = [category.path for category in CATEGORIES for _ in range(35)]
    begin: dict[int, date] = {}
    until: dict[int, date] = {}
    for slot, (first, second) in enumerate(zip(shelf.first, shelf.second, strict=True)):
        begin[int(first)] = spec.start - timedelta(days=int(shelf.since[slot]))
        if second != first:
            begin[int(second)] = spec.month(int(shelf.switch[slot]))
            until[int(first)] = begin[int(second)] - timedelta(days=1)
    return pl.DataFrame(
        {
            "product_id": product_ids(),
            "name": product_names(),
            "category": paths,
            "available_from": [begin[number] for number in range(len(paths))],
            "available_until": [until.get(number) for number in range(len(paths))],
        },
        schema_overrides={"available_until": pl.Date},
    )


def index_table(spec: SampleSpec, index: Ints) -> pl.DataFrame:
    """Make the table of the price index by month."""
    months = [spec.month(number) for number in range(spec.months)]
    frame = pl.DataFrame({"month": months, "index": index})
    return frame.with_columns(index=decimal(pl.col("index"), 2, pl.Decimal(18, 6)))


def parcel_table(parcels: pl.DataFrame, spec: SampleSpec) -> pl.DataFrame:
    """Make the table of deliveries."""
    times = ("promised", "shipped", "delivered", "returned")
    return parcels.select(
        order_id=order_id(),
        **{time: moment(spec.start, time) for time in times},
        cost=decimal(pl.col("cost"), 4),
    ).sort("order_id")


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """What the customer table knows: who has a joined_at, and who stands in it at all."""

    recorded: NDArray[np.bool_]
    listed: NDArray[np.bool_]


def draw_joined(people: People, visits: pl.DataFrame, calendar: Calendar, rng: Generator) -> Joined:
    """Choose who has no joined_at (15 %) and who is missing from the table (0.5 %).

    A pre-existing customer may lack the date only with a purchase in the first 150 days: so a
    burn-in of 180 days finds everyone whom the date does not give away.
    """
    n = len(people.join_day)
    known = visits.filter(~pl.col("anonymous")).group_by("customer").agg(pl.col("day").min())
    first = np.full(n, calendar.days)
    first[known["customer"].to_numpy()] = known["day"].to_numpy()
    harmless = ~people.pre_existing | (first < FOUND_WITHIN_DAYS)
    recorded = ~harmless | (rng.random(n) >= 0.15 * n / harmless.sum())
    absent = harmless & (first < calendar.days) & (rng.random(n) < 0.005)
    return Joined(recorded, ~absent)


def customer_table(
    ids: list[str], join_day: Ints, city: Ints, joined: Joined, spec: SampleSpec, rng: Generator
) -> pl.DataFrame:
    """Make the table of customers with invented names and addresses, some of them missing."""
    n = len(ids)
    woman = rng.random(n) < 0.56
    first = np.where(woman, rng.choice(WOMEN, n), rng.choice(MEN, n))
    last = rng.choice(SURNAMES, n)
    plain = str.maketrans("çğıöşüÇĞİÖŞÜI", "cgiosucgiosui")
    handle = [
        f"{a}.{b}{k}@example.com".translate(plain).lower()
        for a, b, k in zip(first, last, range(1, n + 1), strict=True)
    ]
    phone = [f"05{number:09d}" for number in rng.integers(0, 10**9, n)]
    company = rng.random(n) < 0.05
    births = spec.start.year - np.clip(np.rint(rng.normal(41, 13, n)), 18, 88).astype(np.int64)
    gaps = rng.random((4, n)) < np.array([[0.10], [0.12], [0.12], [0.05]])
    frame = pl.DataFrame(
        {
            "customer_id": ids,
            "name": [f"{a} {b}" for a, b in zip(first, last, strict=True)],
            "email": handle,
            "phone": phone,
            "birth_year": births,
            "sex": np.where(woman, "K", "E"),
            "city": [CITIES[place].name for place in city],
            "region": [CITIES[place].region for place in city],
            "account_type": np.where(company, "kurumsal", "bireysel"),
            "joined_at": [spec.start + timedelta(days=int(day)) for day in join_day],
            "acquisition_channel": rng.choice(ACQUISITION, n),
        }
    )
    blanks = {"email": gaps[0], "phone": gaps[1], "birth_year": gaps[2], "sex": gaps[3]}
    blanks["joined_at"] = ~joined.recorded
    blanked = [pl.when(~pl.Series(gap)).then(name).alias(name) for name, gap in blanks.items()]
    return frame.with_columns(blanked).filter(pl.Series(joined.listed)).sort("customer_id")
