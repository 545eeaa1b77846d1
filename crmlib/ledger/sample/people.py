"""The people of the sample shop, their visits, and which of them cost it money."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from crmlib.ledger.sample.catalogue import CITIES
from crmlib.ledger.sample.world import (
    LAST_REFUND_DAYS,
    LINES_A,
    LINES_B,
    Calendar,
    Floats,
    Ints,
    SampleSpec,
)

CHANNELS = ("mağaza", "web", "mobil")
CHANNEL_SHARE = (0.60, 0.22, 0.18)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """One entry a customer. Rate, lifetime and basket size are independent of each other."""

    ids: NDArray[np.str_]
    join_day: Ints  # negative: before the data begin
    leave_day: Floats
    rate: Floats  # visits a day of mean pull
    basket: Floats  # probability of each further line
    city: Ints
    habit: Ints  # favourite channel
    store: Ints

    @property
    def pre_existing(self) -> NDArray[np.bool_]:
        """Who was a customer before the data begin."""
        return self.join_day < 0


def draw_people(spec: SampleSpec, calendar: Calendar, rng: Generator) -> People:
    """Draw when people join and leave, how often they come, how much they buy and where."""
    n = spec.customers
    old = round(0.4 * n)
    numbers = rng.choice(100_000_000, size=n, replace=False)
    growing = np.cumsum(calendar.pull * (1 + 0.2 * np.arange(calendar.days) / calendar.days))
    joined = np.searchsorted(growing / growing[-1], rng.random(n - old), side="right")
    join_day = np.concatenate([-rng.integers(1, 1500, old), joined])
    lifetime = np.where(rng.random(n) < 0.3, np.inf, rng.exponential(14 * 30.4, n))
    lapsed = (rng.random(n) < 0.12) & (join_day < 0)
    city = rng.choice(len(CITIES), size=n, p=[city.share for city in CITIES])
    first_store = np.cumsum([0] + [len(place.stores) for place in CITIES[:-1]])
    stores = np.array([len(place.stores) for place in CITIES])
    return People(
        ids=np.array([f"{number:08d}" for number in numbers]),
        join_day=join_day,
        leave_day=np.where(lapsed, 0.0, np.maximum(join_day, 0) + lifetime),
        rate=rng.gamma(0.8, 0.6 / 30.4 / 0.8, n),
        basket=rng.beta(LINES_A, LINES_B, n),
        city=city,
        habit=rng.choice(len(CHANNELS), size=n, p=CHANNEL_SHARE),
        store=first_store[city] + rng.integers(0, stores[city]),
    )


def draw_visits(people: People, calendar: Calendar, rng: Generator) -> pl.DataFrame:
    """Draw who comes on which day: at most one visit a customer-day, those who join buy at once."""
    begin = np.maximum(people.join_day, 0)
    drawn = calendar.drawn
    low = drawn[begin]
    days = np.arange(calendar.days + 1)
    high = np.interp(np.minimum(people.leave_day, calendar.days), days, drawn)
    count = rng.poisson(people.rate * np.maximum(high - low, 0.0))
    who = np.repeat(np.arange(len(begin)), count)
    point = low[who] + rng.random(len(who)) * (high - low)[who]
    day = np.minimum(np.searchsorted(drawn, point, side="right") - 1, calendar.days - 1)
    new = np.flatnonzero(~people.pre_existing)
    key = np.unique(np.concatenate([who * calendar.days + day, new * calendar.days + begin[new]]))
    return pl.DataFrame({"customer": key // calendar.days, "day": key % calendar.days})


def with_places(visits: pl.DataFrame, people: People, rng: Generator) -> pl.DataFrame:
    """Add channel, store and time of day; about 12 % of the orders, all in stores, lose the id."""
    n = visits.height
    who = visits["customer"].to_numpy()
    usual = rng.random(n) < 0.7
    channel = np.where(usual, people.habit[who], rng.choice(len(CHANNELS), n, p=CHANNEL_SHARE))
    in_store = channel == 0
    opening = 9 * 3600 + np.floor(13 * 3600 * rng.beta(2.0, 1.7, n))
    online = np.floor(24 * 3600 * rng.beta(3.0, 2.0, n))
    # The first order always carries the card: that is when people sign up.
    open_to = in_store & (np.diff(who, prepend=-1) == 0)
    anonymous = open_to & (rng.random(n) < 0.12 * n / max(int(open_to.sum()), 1))
    return visits.with_columns(
        second=pl.Series(np.where(in_store, opening, online).astype(np.int64)),
        channel=pl.Series(channel),
        store=pl.Series(np.where(in_store, people.store[who], -1)),
        anonymous=pl.Series(anonymous),
    )


def draw_loss_makers(visits: pl.DataFrame, calendar: Calendar, rng: Generator) -> pl.DataFrame:
    """Choose 4 % of the buyers: two thirds send nearly all back, one third buys below cost."""
    known = visits.filter(~pl.col("anonymous"))
    buyers = known["customer"].n_unique()
    early = pl.col("day") < calendar.days - LAST_REFUND_DAYS - 1
    regular = known.filter(early).group_by("customer").len().filter(pl.col("len") >= 3)
    eligible = regular["customer"].sort().to_numpy()
    chosen = rng.permutation(eligible)[: max(round(0.04 * buyers), 1)]
    cut = round(len(chosen) * 2 / 3)
    cause = ["refunds"] * cut + ["below_cost"] * (len(chosen) - cut)
    schema = {"customer": pl.Int64, "cause": pl.String}
    return pl.DataFrame({"customer": chosen, "cause": cause}, schema=schema).sort("customer")


def numbered(visits: pl.DataFrame, makers: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Give the orders numbers by time, and the cause of loss to those that will be spoilt."""
    late = pl.col("day") >= calendar.days - LAST_REFUND_DAYS - 1
    return (
        visits.join(makers, on="customer", how="left", validate="m:1")
        # What is bought this late could not come back in time.
        .filter((pl.col("cause").eq_missing("refunds") & late & ~pl.col("anonymous")).not_())
        .with_columns(cause=pl.when(~pl.col("anonymous")).then("cause"))
        .sort("day", "second", "customer")
        .with_columns(order=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    )
