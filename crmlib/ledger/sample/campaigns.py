"""Campaigns of the last year: who was chosen, who was written to, and what it truly changed.

Every visit knows the day that it has without campaigns (`planned`) and with them (`day`), so the
effect of each campaign is counted, not estimated.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from crmlib.ledger.sample.consents import (
    CHOSEN_BEFORE_END,
    LIST_CHANNEL,
    SENT_BEFORE_END,
    Consents,
)
from crmlib.ledger.sample.people import People
from crmlib.ledger.sample.visits import NEVER, with_places
from crmlib.ledger.sample.world import Calendar, Ints

WINDOW_DAYS = 28
CHOSEN_DAYS_BEFORE = 3
DELIVERED = 0.97
OPENED, CLICKED, UNSUBSCRIBED = 0.35, 0.06, 0.004
GLOBAL_CONTROL, GLOBAL_CONTROL_SHARE = "K0", 0.05
STRATA = 20
LAPSED_DAYS = 90


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign as it was planned, and what it does to those whom it reaches.

    Attributes
    ----------
    day
        First day, counted from the beginning of the last twelve months; ``None``: the day on
        which the last list is sent.
    treated
        Share of the chosen that is written to; the rest is the control.
    effect
        ``"more"``: so many more visits in the window; ``"earlier"``: this share of the visits
        of the 28 days after the window falls into it; ``"none"``.
    size
        The effect's size, as a fraction.
    harmed_size
        Share of the window's visits that is lost in the one stratum that is harmed.
    """

    campaign_id: str
    name: str
    goal: str
    day: int | None
    channel: str
    treated: float
    effect: Literal["more", "none", "earlier"]
    size: float
    cost_per_contact: int  # in 1/10,000
    fixed_cost: int  # in 1/10,000
    harmed_size: float = 0.0
    lapsed_only: bool = False


PLANS = (
    Plan("K1", "Bahar mektubu", "geri getirme", 40, "email", 0.7, "more", 0.40, 3_000, 40_000_000),
    Plan("K2", "Doğum günü mesajı", "bağlılık", 80, "sms", 0.7, "none", 0.0, 7_500, 15_000_000),
    Plan("K3", "Erken alışveriş", "satış", 120, "email", 0.7, "earlier", 0.5, 3_000, 25_000_000),
    Plan(
        "K4", "Kış kataloğu", "satış", 200, "sms", 0.5, "more", 0.25, 7_500, 30_000_000,
        harmed_size=0.6,
    ),
    Plan(
        "K5", "Seni özledik", "geri kazanma", 260, "email", 1.0, "none", 0.0, 3_000, 20_000_000,
        lapsed_only=True,
    ),
    Plan("K6", "Yaz listesi", "satış", None, LIST_CHANNEL, 0.8, "none", 0.0, 3_000, 10_000_000),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One campaign's draw; the arrays have one entry a chosen customer."""

    plan: Plan
    chosen_day: int
    first_day: int
    customer: Ints
    treated: NDArray[np.bool_]
    stratum: Ints  # 0 to 19
    sent: NDArray[np.bool_]
    delivered: NDArray[np.bool_]
    harmed: int  # the stratum; -1: none

    @property
    def last_day(self) -> int:
        """The last day of the window."""
        return self.first_day + WINDOW_DAYS - 1


@dataclass(frozen=True, slots=True, eq=False)
class GlobalControl:
    """Who is kept out of all campaigns of the last year, of those who were there before it."""

    first_day: int
    customer: Ints
    held_back: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Campaigns:
    """All draws, the global control, and consents after the unsubscriptions."""

    drawn: tuple[Drawn, ...]
    control: GlobalControl
    consents: Consents


def run_campaigns(
    visits: pl.DataFrame,
    people: People,
    consents: Consents,
    calendar: Calendar,
    *,
    draw: Generator,
    effects: Generator,
) -> tuple[pl.DataFrame, Campaigns]:
    """Run one campaign after the other on the visits; gives them with their planned day."""
    visits = visits.with_columns(planned="day", campaign=pl.lit(NEVER, dtype=pl.Int64))
    known = np.flatnonzero(people.join_day < calendar.last_year)
    out = draw.random(len(known)) < GLOBAL_CONTROL_SHARE
    control = GlobalControl(calendar.last_year, known, out)
    held = np.zeros(len(people.ids), dtype=bool)
    held[known[out]] = True
    done = []
    for number, plan in enumerate(PLANS):
        made = _draw(plan, visits, consents, held, calendar, draw)
        lost = made.customer[made.delivered & (draw.random(len(made.customer)) < UNSUBSCRIBED)]
        consents = consents.without(plan.channel, lost, np.full(len(lost), made.first_day + 1))
        visits = _affected(visits, made, number, people, calendar, effects)
        done.append(made)
    return visits, Campaigns(tuple(done), control, consents)


def _draw(
    plan: Plan,
    visits: pl.DataFrame,
    consents: Consents,
    held: NDArray[np.bool_],
    calendar: Calendar,
    rng: Generator,
) -> Drawn:
    """Choose customers who bought within a year (or lapsed) and split them within strata."""
    if plan.day is None:
        chosen = calendar.days - 1 - CHOSEN_BEFORE_END
        first = calendar.days - 1 - SENT_BEFORE_END
    else:
        first = calendar.last_year + plan.day
        chosen = first - CHOSEN_DAYS_BEFORE
    count, last = _known_purchases(visits, chosen, len(held))
    quiet = chosen - last
    fits = (quiet > LAPSED_DAYS) & (quiet <= 540) if plan.lapsed_only else quiet <= 365
    customer = np.flatnonzero(consents.on(plan.channel, chosen) & ~held & (last >= 0) & fits)
    stratum = _strata(last[customer], count[customer])
    treated = _split(stratum, plan.treated, rng)
    sent = treated & consents.on(plan.channel, first)[customer]
    delivered = sent & (rng.random(len(customer)) < DELIVERED)
    # Among those who come often: there a loss of visits can be seen.
    harmed = int(rng.choice([3, 7, 11])) if plan.harmed_size else -1
    return Drawn(plan, chosen, first, customer, treated, stratum, sent, delivered, harmed)


def _known_purchases(visits: pl.DataFrame, day: int, people: int) -> tuple[Ints, Ints]:
    """Count each one's purchases of the year before a day, and give the last of all; -1: none."""
    seen = visits.filter(~pl.col("anonymous"), pl.col("day") >= 0, pl.col("day") < day)
    who, when = seen["customer"].to_numpy(), seen["day"].to_numpy()
    last = np.full(people, -1)
    np.maximum.at(last, who, when)
    return np.bincount(who[when >= day - 365], minlength=people), last


def _strata(last: Ints, count: Ints) -> Ints:
    """Cut five groups by recency, four in each by frequency; ties by the customer's number."""
    n = len(last)
    recency = np.empty(n, dtype=np.int64)
    recency[np.argsort(-last, kind="stable")] = np.arange(n) * 5 // max(n, 1)
    place = np.empty(n, dtype=np.int64)
    for group in range(5):
        inside = np.flatnonzero(recency == group)
        order = inside[np.argsort(count[inside], kind="stable")]
        place[order] = np.arange(len(order)) * 4 // max(len(order), 1)
    return recency * 4 + place


def _split(stratum: Ints, share: float, rng: Generator) -> NDArray[np.bool_]:
    """Treat the same share of each stratum, as exactly as whole customers allow."""
    treated = np.zeros(len(stratum), dtype=bool)
    for number in range(STRATA):
        inside = rng.permutation(np.flatnonzero(stratum == number))
        treated[inside[: round(share * len(inside))]] = True
    return treated


def _affected(
    visits: pl.DataFrame,
    made: Drawn,
    number: int,
    people: People,
    calendar: Calendar,
    rng: Generator,
) -> pl.DataFrame:
    """Change the visits of those whom the campaign reached."""
    plan, n = made.plan, len(people.ids)
    if plan.effect == "none":
        return visits
    reached, harmed = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    reached[made.customer[made.delivered]] = True
    harmed[made.customer[made.delivered & (made.stratum == made.harmed)]] = True
    if plan.effect == "earlier":
        return _pulled_forward(visits, made, number, reached, calendar, rng)
    visits = _lost(visits, made, number, harmed, rng)
    extra = _extra_visits(visits, made, reached & ~harmed, people, calendar, rng)
    none = np.zeros(extra.height, dtype=bool)
    extra = with_places(extra, people, calendar, rng, carded=none).with_columns(
        planned=pl.lit(NEVER, dtype=pl.Int64), campaign=pl.lit(number, dtype=pl.Int64)
    )
    return pl.concat([visits, extra])


def _inside(
    visits: pl.DataFrame, who: NDArray[np.bool_], first: int, last: int
) -> NDArray[np.bool_]:
    day = visits["day"].to_numpy()
    return who[visits["customer"].to_numpy()] & (day >= first) & (day <= last)


def _lost(
    visits: pl.DataFrame, made: Drawn, number: int, harmed: NDArray[np.bool_], rng: Generator
) -> pl.DataFrame:
    """Take visits away from those who are harmed, in the window."""
    gone = _inside(visits, harmed, made.first_day, made.last_day)
    gone &= rng.random(visits.height) < made.plan.harmed_size
    return _moved(visits, gone, np.full(visits.height, NEVER), number)


def _moved(visits: pl.DataFrame, which: NDArray[np.bool_], to: Ints, number: int) -> pl.DataFrame:
    mask = pl.Series(which)
    return visits.with_columns(
        day=pl.when(mask).then(pl.Series(to)).otherwise("day"),
        campaign=pl.when(mask).then(pl.lit(number, dtype=pl.Int64)).otherwise("campaign"),
    )


def _days_drawn(calendar: Calendar, first: int, last: int, size: int, rng: Generator) -> Ints:
    """Draw days of a window as the calendar pulls."""
    drawn = calendar.drawn
    point = drawn[first] + rng.random(size) * (drawn[last + 1] - drawn[first])
    return np.minimum(np.searchsorted(drawn, point, side="right") - 1, last)


def _taken(visits: pl.DataFrame, calendar: Calendar) -> Ints:
    """Give a number to each customer-day that has a visit."""
    day = visits["day"].to_numpy()
    return visits["customer"].to_numpy()[day >= 0] * calendar.days + day[day >= 0]


def _pulled_forward(
    visits: pl.DataFrame,
    made: Drawn,
    number: int,
    reached: NDArray[np.bool_],
    calendar: Calendar,
    rng: Generator,
) -> pl.DataFrame:
    """Move visits of the four weeks after the window into it; the total stays the same."""
    later = _inside(visits, reached, made.last_day + 1, made.last_day + WINDOW_DAYS)
    later &= rng.random(visits.height) < made.plan.size
    to = _days_drawn(calendar, made.first_day, made.last_day, visits.height, rng)
    key = visits["customer"].to_numpy() * calendar.days + to
    rows = np.flatnonzero(later & ~np.isin(key, _taken(visits, calendar)))
    _, first = np.unique(key[rows], return_index=True)  # one visit a customer-day
    free = np.zeros(visits.height, dtype=bool)
    free[rows[first]] = True
    return _moved(visits, free, to, number)


def _extra_visits(
    visits: pl.DataFrame,
    made: Drawn,
    reached: NDArray[np.bool_],
    people: People,
    calendar: Calendar,
    rng: Generator,
) -> pl.DataFrame:
    """Draw further visits, in proportion to each one's own pace while they are customers."""
    pull = calendar.pull[made.first_day : made.last_day + 1].sum()
    stay = np.clip((people.leave_day - made.first_day) / WINDOW_DAYS, 0.0, 1.0)
    count = rng.poisson(people.rate * reached * made.plan.size * pull * stay)
    who = np.repeat(np.arange(len(count)), count)
    day = _days_drawn(calendar, made.first_day, made.last_day, len(who), rng)
    key = np.unique(who * calendar.days + day)
    key = key[~np.isin(key, _taken(visits, calendar))]
    return pl.DataFrame({"customer": key // calendar.days, "day": key % calendar.days})
