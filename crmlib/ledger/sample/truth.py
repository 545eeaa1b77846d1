"""What was planted in the sample shop and what its lines add up to."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from crmlib.ledger.sample.associations import PIECES, Pairs
from crmlib.ledger.sample.assortment import Assortment, Goods, product_ids
from crmlib.ledger.sample.catalogue import CATEGORIES
from crmlib.ledger.sample.lines import half_away, line_value
from crmlib.ledger.sample.people import RHYTHMS, People
from crmlib.ledger.sample.world import (
    BAYRAMS,
    EXTRA_LINES,
    LINES_A,
    LINES_B,
    MONTH_SEASON,
    WEEKDAY_SEASON,
    Calendar,
    Ints,
    SampleSpec,
)
from crmlib.ledger.sample.written import exact


def truth_of_people(
    spec: SampleSpec, lines: pl.DataFrame, people: People, calendar: Calendar
) -> dict[str, Any]:
    """Tell who bought, who was there before, and who comes in a rhythm of their own."""
    known = lines.filter(~pl.col("anonymous"))
    buyers = known.filter(pl.col("refund") == 0)["customer"].unique().to_list()
    return {
        "spec": spec.as_dict(),
        "end": spec.end.isoformat(),
        "last_12_months_from": (spec.start + timedelta(days=calendar.last_year)).isoformat(),
        "buyers": sorted(people.ids[buyers].tolist()),
        "pre_existing": sorted(people.ids[people.pre_existing].tolist()),
        "rhythms": {
            name: sorted(people.ids[people.rhythm == number].tolist())
            for number, name in enumerate(RHYTHMS)
            if number
        },
    }


def buyers_by_month(lines: pl.DataFrame, spec: SampleSpec) -> dict[str, int]:
    """Count the known customers who bought, by month."""
    known = lines.filter(~pl.col("anonymous"), pl.col("refund") == 0)
    counts = known.group_by("booked").agg(pl.col("customer").n_unique())
    return {f"{spec.month(month):%Y-%m}": count for month, count in counts.iter_rows()}


def truth_of_sales(
    lines: pl.DataFrame, goods: Goods, calendar: Calendar, spec: SampleSpec
) -> dict[str, Any]:
    """Tell totals, real spend, price index, season and promotions."""
    shelf, index, promotions = goods.shelf, goods.index, goods.promotions
    months = [f"{spec.month(number):%Y-%m}" for number in range(spec.months)]
    totals = lines.group_by("booked").agg(
        value=line_value().sum(),
        orders=pl.col("order").filter(pl.col("refund") == 0).n_unique(),
        lines=pl.len(),
    )
    by_month = {
        months[row["booked"]]: {
            "value": exact(row["value"]), "orders": row["orders"], "lines": row["lines"],
        }
        for row in totals.sort("booked").rows(named=True)
    }  # fmt: skip
    return {
        "by_month": by_month,
        "real_spend_per_visit": _real_spend(lines, shelf, promotions.pairs, index, months),
        "price_index": {
            month: exact(int(number), 2) for month, number in zip(months, index, strict=True)
        },
        "season": {
            "month": MONTH_SEASON,
            "weekday": WEEKDAY_SEASON,
            "bayrams": {
                name: {
                    "uplift": feast.uplift,
                    "days_before": feast.days,
                    "first_days": [
                        day.isoformat() for day in feast.first_days if spec.start <= day <= spec.end
                    ],
                }
                for name, feast in BAYRAMS.items()
            },
        },
        "promotions": [
            {
                "promotion_id": name,
                "category": CATEGORIES[category].path,
                "start": (spec.start + timedelta(days=int(first))).isoformat(),
                "end": (
                    spec.start + timedelta(days=min(int(first) + 6, calendar.days - 1))
                ).isoformat(),
                "discount": exact(int(percent), 2),
            }
            for name, category, first, percent in zip(
                promotions.names[: len(promotions.category)],
                promotions.category,
                promotions.first_day,
                promotions.percent,
                strict=True,
            )
        ],
        "no_cost_products": [product_ids()[shelf.first[slot]] for slot in shelf.no_cost],
    }


def _real_spend(
    lines: pl.DataFrame, shelf: Assortment, pairs: Pairs, index: Ints, months: list[str]
) -> dict[str, Any]:
    """Measure what a visit is worth at prices of the last month, and what was designed."""
    gross = half_away(pl.col("quantity") * pl.col("price"), 10)
    sold = lines.filter((pl.col("refund") == 0) & ~pl.col("anonymous"))
    sums = sold.group_by("month").agg(
        value=line_value().sum(), gross=gross.sum(), visits=pl.col("order").n_unique()
    )
    cent, end = Decimal("0.0001"), int(index[-1])
    real, listed, visits, by_month = Decimal(0), Decimal(0), 0, {}
    for row in sums.sort("month").rows(named=True):
        factor = Decimal(end) / Decimal(int(index[row["month"]])) / 10_000
        real += row["value"] * factor
        listed += row["gross"] * factor
        visits += row["visits"]
        by_month[months[row["month"]]] = str((row["value"] * factor / row["visits"]).quantize(cent))
    kilo, piece = 0.05 * np.arange(5, 41).mean(), float(np.dot([1, 2, 3, 4], PIECES))
    amount = {"kilo": kilo, "piece": piece, "single": 1.0}
    quantity = np.array([amount[category.sold_by] for category in CATEGORIES])[shelf.category]
    count = 1 + EXTRA_LINES * LINES_A / (LINES_A + LINES_B)
    share = shelf.share / shelf.share.sum()
    along = share[pairs.first] * pairs.probability
    brought = float((along * (shelf.price * quantity)[pairs.second]).sum())
    mix = float((share * shelf.price * quantity).sum())
    planted = count * (mix + brought) * end / 10_000
    return {
        "planted": str(Decimal(planted).quantize(cent)),
        "realised": str((real / visits).quantize(cent)),
        "before_discount": str((listed / visits).quantize(cent)),
        "visits": visits,
        "by_month": by_month,
    }
