"""What all parts of the sample shop share: its size and period, its calendar, its random streams.

Until the tables are made money is whole numbers, so that nothing depends on the order of a sum:
prices and discounts in 1/100, costs and values in 1/10,000, quantities in 1/1,000.
"""

from calendar import monthrange
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

# One random stream each. New topics go to the end, so that the old ones keep their numbers.
TOPICS = (
    "people", "visits", "places", "loss_makers", "baskets", "products", "prices", "promotions",
    "refunds", "cost_gaps", "profiles", "defects", "pairs", "consents", "campaigns", "effects",
    "lateness", "deliveries", "service", "contacts", "reviews", "paths", "attributes", "targets",
)  # fmt: skip
World = Literal["real", "clean"]

MONTH_SEASON = (0.95, 0.80, 0.95, 1.00, 1.00, 0.95, 0.92, 0.95, 1.03, 1.02, 1.25, 1.35)
WEEKDAY_SEASON = (0.85, 0.85, 0.90, 0.95, 1.10, 1.30, 1.05)  # Monday first


@dataclass(frozen=True, slots=True)
class Feast:
    """A feast and the shopping season before it.

    Attributes
    ----------
    uplift
        Factor of the pull on each of the ``days`` before the first day.
    first_days
        First day of the feast, by year.
    """

    uplift: float
    days: int
    first_days: tuple[date, ...]


BAYRAMS = {
    "ramazan": Feast(
        1.15, 14,
        (
            date(2021, 5, 13), date(2022, 5, 2), date(2023, 4, 21), date(2024, 4, 10),
            date(2025, 3, 30), date(2026, 3, 20), date(2027, 3, 9),
        ),
    ),
    "kurban": Feast(
        1.10, 10,
        (
            date(2021, 7, 20), date(2022, 7, 9), date(2023, 6, 28), date(2024, 6, 16),
            date(2025, 6, 6), date(2026, 5, 27), date(2027, 5, 16),
        ),
    ),
}  # fmt: skip

EXTRA_LINES, LINES_A, LINES_B = 5, 4.0, 8.5  # lines = 1 + Binomial(5, Beta(4, 8.5)): mean 2.6
LAST_REFUND_DAYS = 20


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What kind of shop is wanted.

    Attributes
    ----------
    customers
        How many people the shop has ever known, buyers or not.
    seed
        The same seed gives the same shop, byte by byte.
    start, months
        The period that the data cover: whole months, at least a year.
    world
        ``"real"``: with all that makes data difficult. ``"clean"``: the models' own world, for
        studies of whether their figures are found again.
    """

    customers: int = 20_000
    seed: int = 1
    start: date = date(2023, 1, 1)
    months: int = 30
    world: World = "real"

    def __post_init__(self) -> None:
        if self.customers < 100:
            raise ValueError(f"customers must be at least 100, got {self.customers}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if self.start.day != 1:
            raise ValueError(f"start must be the first day of a month, got {self.start}")
        if self.months < 12:
            raise ValueError(f"months must be at least 12, got {self.months}")
        if self.world not in get_args(World):
            raise ValueError(f"world must be 'real' or 'clean', got {self.world!r}")

    def as_dict(self) -> dict[str, object]:
        """Return the spec as plain values, for truth.json."""
        return {**asdict(self), "start": self.start.isoformat()}

    def month(self, number: int) -> date:
        """Return the first day of a month, counted from the start."""
        years, month = divmod(self.start.month - 1 + number, 12)
        return date(self.start.year + years, month + 1, 1)

    @property
    def end(self) -> date:
        """The last day of the data."""
        return self.month(self.months) - timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Days counted from the start; `pull` is how strongly each draws buyers (mean 1)."""

    days: int
    month: Ints
    pull: Floats
    last_year: int  # the day on which the last 12 months begin

    @property
    def drawn(self) -> Floats:
        """The pull up to the beginning of each day; one entry more than days."""
        return np.concatenate([[0.0], np.cumsum(self.pull)])


def calendar_of(spec: SampleSpec) -> Calendar:
    """Lay out the days of the period and how strongly each draws buyers."""
    days = [spec.start + timedelta(days=n) for n in range((spec.end - spec.start).days + 1)]
    feast = {
        first - timedelta(days=n): bayram.uplift
        for bayram in BAYRAMS.values()
        for first in bayram.first_days
        for n in range(1, bayram.days + 1)
    }
    pull = np.array(
        [
            MONTH_SEASON[day.month - 1] * WEEKDAY_SEASON[day.weekday()] * feast.get(day, 1.0)
            for day in days
        ]
    )
    lengths = [
        monthrange(first.year, first.month)[1] for first in map(spec.month, range(spec.months))
    ]
    month = np.repeat(np.arange(spec.months), lengths)
    last_year = (spec.month(spec.months - 12) - spec.start).days
    return Calendar(len(days), month, pull / pull.mean(), last_year)


def streams_of(seed: int, block: int | None = None) -> dict[str, Generator]:
    """Start the random streams, one a topic; those of a block of customers are its own."""
    key = () if block is None else (len(TOPICS) + 1_000, block)  # no child of the whole's
    children = np.random.SeedSequence(seed, spawn_key=key).spawn(len(TOPICS))
    return {
        topic: np.random.default_rng(child) for topic, child in zip(TOPICS, children, strict=True)
    }
