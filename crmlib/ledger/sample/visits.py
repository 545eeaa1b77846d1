"""Who comes on which day, where, and whether the order carries the customer."""

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from crmlib.ledger.sample.people import (
    CHANNEL_SHARE,
    CHANNELS,
    FREE,
    REGULAR,
    REGULAR_GAP_DAYS,
    RISING,
    STORES,
    People,
)
from crmlib.ledger.sample.world import LAST_REFUND_DAYS, Calendar, Floats, Ints, SampleSpec

ERLANG_STAGES = 6  # gaps of regular buyers vary by 41 % (1 / sqrt(6)), those at random by 100 %
RISE = (0.3, 1.7)  # the pace of those who come ever more often: first and last day
NEW_STORE, NEW_STORE_OPENS = "Atakum", 0.4  # of the period; online until then
NO_CARD = (0.10, 0.36)  # share of store orders without the customer: first and last day
NO_CARD_BY_STORE = (0.6, 1.4)  # factor of the best and of the worst store
NEVER = -1


def draw_visits(people: People, calendar: Calendar, rng: Generator) -> pl.DataFrame:
    """Draw who comes on which day: at most one visit a customer-day, those who join buy at once."""
    begin = np.maximum(people.join_day, 0)
    who, day = _at_random(people, calendar, begin, rng)
    steady, steady_day = _regularly(people, calendar, begin, rng)
    new = np.flatnonzero(~people.pre_existing)
    keys = [(who, day), (steady, steady_day), (new, begin[new])]
    key = np.unique(np.concatenate([w * calendar.days + d for w, d in keys]))
    return pl.DataFrame({"customer": key // calendar.days, "day": key % calendar.days})


def _at_random(
    people: People, calendar: Calendar, begin: Ints, rng: Generator
) -> tuple[Ints, Ints]:
    """Draw a Poisson process along the calendar's pull, for some with a rising pace."""
    drawn, days = calendar.drawn, np.arange(calendar.days + 1)
    low = drawn[begin]
    high = np.interp(np.minimum(people.leave_day, calendar.days), days, drawn)
    most = np.select([people.rhythm == FREE, people.rhythm == RISING], [1.0, RISE[1]], 0.0)
    count = rng.poisson(people.rate * most * np.maximum(high - low, 0.0))
    who = np.repeat(np.arange(len(begin)), count)
    point = low[who] + rng.random(len(who)) * (high - low)[who]
    day = np.minimum(np.searchsorted(drawn, point, side="right") - 1, calendar.days - 1)
    pace = np.interp(day, [0, calendar.days - 1], RISE) / RISE[1]
    kept = (people.rhythm[who] == FREE) | (rng.random(len(who)) < pace)
    return who[kept], day[kept]


def _regularly(
    people: People, calendar: Calendar, begin: Ints, rng: Generator
) -> tuple[Ints, Ints]:
    """Draw gaps of about 30 days, one round a gap; no season moves them."""
    who = np.flatnonzero(people.rhythm == REGULAR)
    at = begin[who].astype(float)
    at += np.where(people.pre_existing[who], rng.random(len(who)) * REGULAR_GAP_DAYS, 0.0)
    end = np.minimum(people.leave_day, calendar.days)
    found: list[tuple[Ints, Floats]] = []
    while len(who):
        inside = at < end[who]
        who, at = who[inside], at[inside]
        found.append((who, at))
        at = at + rng.gamma(ERLANG_STAGES, REGULAR_GAP_DAYS / ERLANG_STAGES, len(who))
    days = np.concatenate([day for _, day in found]) if found else np.zeros(0)
    return np.concatenate([w for w, _ in found]) if found else who, days.astype(np.int64)


def opening_day(calendar: Calendar) -> int:
    """Give the day on which the new store opens."""
    return round(NEW_STORE_OPENS * calendar.days)


def no_card_rate(calendar: Calendar, day: Ints, store: Ints) -> Floats:
    """Give the probability that an order in a store lacks the customer."""
    by_store = np.linspace(*NO_CARD_BY_STORE, len(STORES))[store]
    return by_store * np.interp(day, [0, calendar.days - 1], NO_CARD)


def signing_up(visits: pl.DataFrame) -> NDArray[np.bool_]:
    """Tell which visits are a customer's first: that is when people get their card."""
    return np.diff(visits["customer"].to_numpy(), prepend=-1) != 0


def with_places(
    visits: pl.DataFrame,
    people: People,
    calendar: Calendar,
    rng: Generator,
    *,
    carded: NDArray[np.bool_],
) -> pl.DataFrame:
    """Add channel, store, time of day, and whether the order lacks the customer.

    Visits that are ``carded`` carry the card for certain. Online everybody is known; in stores
    the card is shown ever less often.
    """
    n = visits.height
    who, day = visits["customer"].to_numpy(), visits["day"].to_numpy()
    usual = rng.random(n) < 0.7
    channel = np.where(usual, people.habit[who], rng.choice(len(CHANNELS), n, p=CHANNEL_SHARE))
    closed = (people.store[who] == STORES.index(NEW_STORE)) & (day < opening_day(calendar))
    channel = np.where(closed & (channel == 0), 1, channel)
    in_store = channel == 0
    opening = 9 * 3600 + np.floor(13 * 3600 * rng.beta(2.0, 1.7, n))
    online = np.floor(24 * 3600 * rng.beta(3.0, 2.0, n))
    nameless = rng.random(n) < no_card_rate(calendar, day, people.store[who])
    return visits.with_columns(
        second=pl.Series(np.where(in_store, opening, online).astype(np.int64)),
        channel=pl.Series(channel),
        store=pl.Series(np.where(in_store, people.store[who], -1)),
        anonymous=pl.Series(in_store & nameless & ~carded),
    )


def numbered(visits: pl.DataFrame, makers: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Give the orders numbers by time, and the cause of loss to those that will be spoilt.

    Visits that campaigns prevented (``ghost``) come last, on the day that they were planned
    for: nobody sees them, but what they would have brought is part of the truth.
    """
    late = pl.col("day") >= calendar.days - LAST_REFUND_DAYS - 1
    return (
        visits.join(makers, on="customer", how="left", validate="m:1")
        # What is bought this late could not come back in time.
        .filter((pl.col("cause").eq_missing("refunds") & late & ~pl.col("anonymous")).not_())
        .with_columns(cause=pl.when(~pl.col("anonymous")).then("cause"))
        .with_columns(
            ghost=pl.col("day") == NEVER,
            day=pl.when(pl.col("day") == NEVER).then("planned").otherwise("day"),
        )
        .sort("ghost", "day", "second", "customer")
        .with_columns(order=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    )


def truth_of_cards(visits: pl.DataFrame, calendar: Calendar, spec: SampleSpec) -> dict[str, object]:
    """Tell how often orders carried the customer, by month."""
    months = pl.Series(calendar.month).gather(visits["day"])
    shares = (
        visits.group_by(months.alias("month"))
        .agg(
            share=(~pl.col("anonymous")).mean(),
            in_stores=(~pl.col("anonymous")).filter(pl.col("channel") == 0).mean(),
        )
        .sort("month")
    )
    return {
        "no_card_in_stores": {"first_day": NO_CARD[0], "last_day": NO_CARD[1]},
        "factor_by_store": dict(
            zip(STORES, np.linspace(*NO_CARD_BY_STORE, len(STORES)).round(4).tolist(), strict=True)
        ),
        "by_month": {
            f"{spec.month(row['month']):%Y-%m}": {
                "orders": round(row["share"], 6),
                "orders_in_stores": round(row["in_stores"], 6),
            }
            for row in shares.rows(named=True)
        },
    }
