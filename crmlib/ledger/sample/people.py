"""The people of the sample shop: when they come and go, how often, how much and where they buy."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from crmlib.ledger.sample.catalogue import CITIES
from crmlib.ledger.sample.world import LINES_A, LINES_B, Calendar, Floats, Ints

CHANNELS = ("mağaza", "web", "mobil")
CHANNEL_SHARE = (0.60, 0.22, 0.18)
STORES = tuple(store for city in CITIES for store in city.stores)
REGIONS = tuple(dict.fromkeys(city.region for city in CITIES))
REGION_OF = np.array([REGIONS.index(city.region) for city in CITIES])
# How people come: at random, at regular gaps, at random but ever more often.
RHYTHMS = ("serbest", "düzenli", "artan")
FREE, REGULAR, RISING = range(3)
RHYTHM_SHARE = (0.86, 0.08, 0.06)
REGULAR_GAP_DAYS = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """One entry a customer. Rate, lifetime and basket size are independent of each other."""

    ids: NDArray[np.str_]
    join_day: Ints  # negative: before the data begin
    leave_day: Floats
    rate: Floats  # visits a day of mean pull
    rhythm: Ints
    basket: Floats  # probability of each further line
    city: Ints
    habit: Ints  # favourite channel
    store: Ints

    @property
    def pre_existing(self) -> NDArray[np.bool_]:
        """Who was a customer before the data begin."""
        return self.join_day < 0

    @property
    def region(self) -> Ints:
        """The number of each one's region."""
        return REGION_OF[self.city]


def draw_people(n: int, calendar: Calendar, rng: Generator) -> People:
    """Draw when people join and leave, how often they come, how much they buy and where."""
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
    rate = rng.gamma(0.8, 0.6 / 30.4 / 0.8, n)
    rhythm = rng.choice(len(RHYTHMS), size=n, p=RHYTHM_SHARE)
    return People(
        ids=np.array([f"{number:08d}" for number in numbers]),
        join_day=join_day,
        leave_day=np.where(lapsed, 0.0, np.maximum(join_day, 0) + lifetime),
        rate=np.where(rhythm == REGULAR, 1 / REGULAR_GAP_DAYS, rate),
        rhythm=rhythm,
        basket=rng.beta(LINES_A, LINES_B, n),
        city=city,
        habit=rng.choice(len(CHANNELS), size=n, p=CHANNEL_SHARE),
        store=first_store[city] + rng.integers(0, stores[city]),
    )
