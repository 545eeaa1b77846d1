"""Parcels of online orders: what is late, what lateness does, what freight costs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.losses import cost_of_orders
from crmlib.ledger.sample.people import REGIONS, People
from crmlib.ledger.sample.world import Calendar, Ints
from crmlib.ledger.sample.written import exact

# By region: share that comes late, and freight of a parcel in shop currency, first month.
LATE = {
    "Marmara": 0.05, "İç Anadolu": 0.08, "Ege": 0.08, "Akdeniz": 0.12, "Karadeniz": 0.18,
    "Güneydoğu Anadolu": 0.25,
}  # fmt: skip
FREIGHT = {
    "Marmara": 26, "İç Anadolu": 30, "Ege": 30, "Akdeniz": 33, "Karadeniz": 38,
    "Güneydoğu Anadolu": 42,
}  # fmt: skip
PROMISED_DAYS = 3
HURT_FOR_DAYS = 120  # after the promised day
HURT = 0.35  # share of the visits in that time that do not take place
RETURN_FREIGHT = 0.8  # of the freight out
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Hurt:
    """What lateness did: visits that were due in the days after a late parcel, and those lost."""

    due: int
    lost: int


def with_lateness(
    visits: pl.DataFrame, people: People, rng: Generator
) -> tuple[pl.DataFrame, Hurt]:
    """Mark late parcels and take away the visits that they cost.

    A visit that is lost cannot be late itself, so this is solved in rounds, forward in time.
    """
    visits = visits.sort("customer", "day", "planned")
    who, day = visits["customer"].to_numpy(), visits["day"].to_numpy()
    share = np.array([LATE[region] for region in REGIONS])[people.region[who]]
    late = (visits["channel"].to_numpy() > 0) & (rng.random(len(who)) < share) & (day >= 0)
    touchy = rng.random(len(who)) < HURT
    base = 1 << 20  # keeps the customers apart on one axis
    key = who * base + day
    lost = np.zeros(len(who), dtype=bool)
    while True:
        told = np.sort(key[late & ~lost]) + PROMISED_DAYS  # the last day on which all is well
        place = np.searchsorted(told, key, side="left") - 1  # the last one told before this visit
        since = np.where(place >= 0, key - told[place], base) if len(told) else key * 0 + base
        due = (since <= HURT_FOR_DAYS) & (day >= 0)
        if np.array_equal(due & touchy, lost):
            break
        lost = due & touchy
    kept = visits.with_columns(late=pl.Series(late)).filter(pl.Series(~lost))
    return kept, Hurt(int(due.sum()), int(lost.sum()))


def draw_parcels(
    orders: pl.DataFrame,
    lines: pl.DataFrame,
    people: People,
    index: Ints,
    calendar: Calendar,
    rng: Generator,
) -> pl.DataFrame:
    """Draw times and freight of each online order's parcel.

    Parameters
    ----------
    orders
        order, customer, day, second, channel, late, cause, value.
    lines
        All lines: an order that is refunded sends its parcel back.

    Returns
    -------
    order, customer, day (of the order), late, promised, shipped, delivered, returned (seconds
    since the start), cost.
    """
    back = (
        lines.filter(pl.col("refund") == 1)
        .group_by("order")
        .agg(returned=(pl.col("day") * _DAY + pl.col("second")).min())
    )
    orders = orders.filter(pl.col("channel") > 0).sort("order")
    orders = orders.join(back, on="order", how="left", validate="1:1", maintain_order="left")
    n = orders.height
    ordered = orders["day"].to_numpy() * _DAY + orders["second"].to_numpy()
    promised = (orders["day"].to_numpy() + PROMISED_DAYS) * _DAY + 20 * 3600
    shipped = ordered + rng.integers(4 * 3600, 30 * 3600, n)
    usual = shipped + ((promised - shipped) * rng.uniform(0.2, 1.0, n)).astype(np.int64)
    late = promised + rng.integers(_DAY // 2, 6 * _DAY, n)
    delivered = np.where(orders["late"].to_numpy(), late, usual)
    region = people.region[orders["customer"].to_numpy()]
    base = np.array([FREIGHT[name] for name in REGIONS])[region] * np.exp(rng.normal(0, 0.2, n))
    freight = np.rint(base * index[calendar.month[orders["day"].to_numpy()]]).astype(np.int64)
    end = calendar.days * _DAY
    heavy = cost_of_orders(orders, "freight", rng).select("order", heavy="cost")
    frame = orders.select("order", "customer", "day", "late", "returned").with_columns(
        promised=pl.Series(promised),
        shipped=pl.Series(shipped),
        delivered=pl.Series(delivered),
        cost=pl.Series(freight),
    )
    frame = frame.join(heavy, on="order", how="left", maintain_order="left")
    frame = frame.with_columns(cost=pl.coalesce("heavy", "cost")).drop("heavy")
    sent_back = (pl.col("returned") > pl.col("delivered")).fill_null(value=False)
    there_and_back = pl.col("cost") + (pl.col("cost") * RETURN_FREIGHT).round().cast(pl.Int64)
    return frame.with_columns(
        returned=pl.when(sent_back).then("returned"),
        cost=pl.when(sent_back).then(there_and_back).otherwise("cost"),
        # What has not happened yet is not known.
        shipped=pl.when(pl.col("shipped") < end).then("shipped"),
        delivered=pl.when(pl.col("delivered") < end).then("delivered"),
    )


def truth_of_deliveries(parcels: pl.DataFrame, hurt: Hurt) -> dict[str, Any]:
    """Tell how often parcels are late by region, and what that does."""
    return {
        "late_share_by_region": LATE,
        "parcels": parcels.height,
        "late": int(parcels["late"].sum()),
        "freight": exact(int(parcels["cost"].sum())),
        "promised_days": PROMISED_DAYS,
        "hurt_for_days": HURT_FOR_DAYS,
        "visits_lost": HURT,
        "realised": {"visits_due": hurt.due, "visits_lost": hurt.lost},
    }
