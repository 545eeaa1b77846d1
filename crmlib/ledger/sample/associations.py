"""Products that are bought together: always, or only while both are promoted."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.catalogue import CATEGORIES
from crmlib.ledger.sample.world import Calendar, Floats, Ints

# How probably each line of the first product brings the second one along.
TOGETHER = (0.40, 0.30, 0.20, 0.12, 0.06, 0.03)
DUOS = 3
DUO_EVERY_DAYS, DUO_DAYS = 150, 7
DUO_PERCENT = 15
DUO_SHARE = 0.05  # of the orders in a promoted week
PIECES = (0.74, 0.19, 0.05, 0.02)  # shares of one to four of a product


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Slots of pairs that go together, and of duos that do so only in their weeks."""

    first: Ints
    second: Ints
    probability: Floats
    duo_first: Ints
    duo_second: Ints
    duo_days: Ints  # duo x week: the first day


def draw_pairs(steady: Ints, share: Floats, calendar: Calendar, rng: Generator) -> Pairs:
    """Draw pairs and duos of products that are neither rare nor everywhere, each in one of them.

    Parameters
    ----------
    steady
        Slots that hold the same product over the whole period and whose cost is recorded.
    share
        Popularity of all slots.
    """
    by_share = steady[np.argsort(-share[steady], kind="stable")]
    drawn = rng.permutation(by_share[20:90])[: 2 * (len(TOGETHER) + DUOS)].reshape(-1, 2)
    pairs, duos = drawn[: len(TOGETHER)], drawn[len(TOGETHER) :]
    weeks = np.arange(0, calendar.days - DUO_EVERY_DAYS, DUO_EVERY_DAYS)
    begin = weeks + 50 * np.arange(DUOS)[:, None] + rng.integers(0, 40, (DUOS, len(weeks)))
    return Pairs(pairs[:, 0], pairs[:, 1], np.array(TOGETHER), duos[:, 0], duos[:, 1], begin)


def in_duo_week(pairs: Pairs, duo: int, day: pl.Expr) -> pl.Expr:
    """Tell which days lie in a duo's weeks."""
    inside = [day.is_between(int(d), int(d) + DUO_DAYS - 1) for d in pairs.duo_days[duo]]
    return pl.any_horizontal(inside)


def quantities(slot: Ints, category: Ints, rng: Generator) -> Ints:
    """Draw how much is bought of each, in 1/1,000."""
    sold_by = np.array([category.sold_by for category in CATEGORIES])[category[slot]]
    kilos = 50 * rng.integers(5, 41, len(slot))
    pieces = 1000 * rng.choice([1, 2, 3, 4], size=len(slot), p=PIECES)
    return np.select([sold_by == "kilo", sold_by == "piece"], [kilos, pieces], 1000)


def brought_along(
    visits: pl.DataFrame, lines: pl.DataFrame, pairs: Pairs, category: Ints, rng: Generator
) -> pl.DataFrame:
    """Draw the lines that pairs and promoted duos add: order, slot, quantity."""
    slot, order = lines["slot"].to_numpy(), lines["order"].to_numpy()
    orders, slots = [], []
    for first, second, probability in zip(
        pairs.first, pairs.second, pairs.probability, strict=True
    ):
        rows = np.flatnonzero(slot == first)
        rows = rows[rng.random(len(rows)) < probability]
        orders.append(order[rows])
        slots.append(np.full(len(rows), second))
    for duo, both in enumerate(zip(pairs.duo_first, pairs.duo_second, strict=True)):
        tempted = visits.filter(in_duo_week(pairs, duo, pl.col("day")))["order"].to_numpy()
        tempted = tempted[rng.random(len(tempted)) < DUO_SHARE]
        for one in both:
            orders.append(tempted)
            slots.append(np.full(len(tempted), one))
    slot = np.concatenate(slots)
    frame = {"order": np.concatenate(orders), "slot": slot}
    return pl.DataFrame({**frame, "quantity": quantities(slot, category, rng)})


def truth_of_pairs(
    sales: pl.DataFrame, pairs: Pairs, product: list[str], calendar: Calendar, start: date
) -> dict[str, Any]:
    """Count what was planted: baskets are orders, identified or not.

    Parameters
    ----------
    sales
        order, slot, day of lines of positive quantity.
    product
        The product's id, by slot.
    """
    planted = np.concatenate([pairs.first, pairs.second, pairs.duo_first, pairs.duo_second])
    lines = sales.filter(pl.col("slot").is_in(planted.tolist())).select("order", "slot", "day")
    days = sales.select("order", "day").unique().select("day")
    half = pl.col("day") * 2 // calendar.days
    associations = []
    for number, (a, b) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        told = {"products": [product[a], product[b]], "probability": TOGETHER[number]}
        periods = {
            name: _lift(lines.filter(where), days.filter(where).height, int(a), int(b))
            for name, where in (
                ("all", pl.lit(value=True)), ("first_half", half == 0), ("second_half", half == 1),
            )
        }  # fmt: skip
        associations.append(told | periods)
    artefacts = []
    for duo, (a, b) in enumerate(zip(pairs.duo_first, pairs.duo_second, strict=True)):
        promoted = in_duo_week(pairs, duo, pl.col("day"))
        artefacts.append(
            {
                "promotion_id": f"D{duo + 1}",
                "products": [product[a], product[b]],
                "first_days": [
                    (start + timedelta(days=int(day))).isoformat() for day in pairs.duo_days[duo]
                ],
            }
            | {
                name: _lift(lines.filter(where), days.filter(where).height, int(a), int(b))
                for name, where in (("promoted", promoted), ("otherwise", ~promoted))
            }
        )
    return {"associations": associations, "promotion_artefacts": artefacts}


def _lift(lines: pl.DataFrame, baskets: int, a: int, b: int) -> dict[str, Any]:
    with_a, with_b = (set(lines.filter(slot=slot)["order"]) for slot in (a, b))
    both = len(with_a & with_b)
    chance = len(with_a) * len(with_b)
    return {
        "baskets": baskets,
        "with_first": len(with_a),
        "with_second": len(with_b),
        "with_both": both,
        "lift": round(both * baskets / chance, 4) if chance else None,
    }
