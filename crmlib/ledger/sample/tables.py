"""The clean tables of the sample shop: whole numbers become Decimals, numbers become names."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from crmlib.ledger.sample.assortment import Assortment, Promotions, product_ids
from crmlib.ledger.sample.catalogue import ACQUISITION, CATEGORIES, CITIES, MEN, SURNAMES, WOMEN
from crmlib.ledger.sample.people import CHANNELS, People
from crmlib.ledger.sample.world import Calendar, Ints, SampleSpec

# A pre-existing customer without joined_at buys this early: see draw_joined.
FOUND_WITHIN_DAYS = 150


def _decimal(number: pl.Expr, places: int, dtype: pl.Decimal) -> pl.Expr:
    """Read whole numbers as Decimals with so many places."""
    unit = pl.lit(Decimal(1).scaleb(-places))
    return (number.cast(pl.Decimal(38, dtype.scale)) * unit).cast(dtype)


def _named(names: list[str], number: str) -> pl.Expr:
    """Look names up by number; -1 has none."""
    column = pl.col(number)
    return pl.lit(pl.Series(names)).gather(pl.when(column >= 0).then(column))


def order_line_table(
    lines: pl.DataFrame,
    people: People,
    shelf: Assortment,
    promotions: Promotions,
    spec: SampleSpec,
) -> pl.DataFrame:
    """Make the table of lines, in the order that they have."""
    money = pl.Decimal(18, 4)
    stores = [store for city in CITIES for store in city.stores]
    since = pl.lit(spec.start).cast(pl.Datetime("us"))
    cost = _decimal(pl.col("cost"), 4, money)
    return lines.select(
        order_id=pl.format("S{}", pl.col("order").cast(pl.String).str.zfill(8)),
        customer_id=pl.when(~pl.col("anonymous")).then(_named(people.ids.tolist(), "customer")),
        ordered_at=since + pl.duration(days="day", seconds="second"),
        product_id=_named(product_ids(), "product"),
        quantity=_decimal(pl.col("quantity"), 3, pl.Decimal(12, 3)),
        unit_price=_decimal(pl.col("price"), 2, money),
        discount=_decimal(pl.col("discount"), 2, money),
        vat_rate=_decimal(pl.col("vat"), 2, pl.Decimal(6, 4)),
        unit_cost=cost,
        unit_cost_recorded=pl.when(~pl.col("gap")).then(cost),
        promotion_id=_named(promotions.names, "promotion"),
        channel=_named(list(CHANNELS), "channel"),
        store=_named(stores, "store"),
    )


def product_table(shelf: Assortment, spec: SampleSpec) -> pl.DataFrame:
    """Make the table of products; one that was succeeded has a last day."""
    made = [
        (category.pattern.format(noun=noun, variant=variant), category.path)
        for category in CATEGORIES
        for noun in category.nouns
        for variant in category.variants
    ]
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
            "name": [name for name, _ in made],
            "category": [path for _, path in made],
            "available_from": [begin[number] for number in range(len(made))],
            "available_until": [until.get(number) for number in range(len(made))],
        },
        schema_overrides={"available_until": pl.Date},
    )


def index_table(spec: SampleSpec, index: Ints) -> pl.DataFrame:
    """Make the table of the price index by month."""
    months = [spec.month(number) for number in range(spec.months)]
    frame = pl.DataFrame({"month": months, "index": index})
    return frame.with_columns(index=_decimal(pl.col("index"), 2, pl.Decimal(18, 6)))


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
    people: People, joined: Joined, spec: SampleSpec, rng: Generator
) -> pl.DataFrame:
    """Make the table of customers with invented names and addresses, some of them missing."""
    n = len(people.ids)
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
            "customer_id": people.ids,
            "name": [f"{a} {b}" for a, b in zip(first, last, strict=True)],
            "email": handle,
            "phone": phone,
            "birth_year": births,
            "sex": np.where(woman, "K", "E"),
            "city": [CITIES[city].name for city in people.city],
            "region": [CITIES[city].region for city in people.city],
            "account_type": np.where(company, "kurumsal", "bireysel"),
            "joined_at": [spec.start + timedelta(days=int(day)) for day in people.join_day],
            "acquisition_channel": rng.choice(ACQUISITION, n),
        }
    )
    blanks = {"email": gaps[0], "phone": gaps[1], "birth_year": gaps[2], "sex": gaps[3]}
    blanks["joined_at"] = ~joined.recorded
    blanked = [pl.when(~pl.Series(gap)).then(name).alias(name) for name, gap in blanks.items()]
    return frame.with_columns(blanked).filter(pl.Series(joined.listed)).sort("customer_id")
