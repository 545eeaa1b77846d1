"""What was planted in the sample shop and what its lines add up to."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from crmlib.ledger.sample.assortment import Assortment, Promotions, product_ids
from crmlib.ledger.sample.catalogue import CATEGORIES
from crmlib.ledger.sample.lines import PIECES, half_away, line_profit, line_value
from crmlib.ledger.sample.people import People
from crmlib.ledger.sample.world import (
    BAYRAM_UPLIFT,
    EXTRA_LINES,
    LINES_A,
    LINES_B,
    MONTH_SEASON,
    WEEKDAY_SEASON,
    Calendar,
    Ints,
    SampleSpec,
)

# What the entries of truth.json mean.
DEFINITIONS = {
    "value": "quantity * unit_price - discount, with VAT, rounded half away from zero to 4 places",
    "profit": (
        "value / (1 + vat_rate) - quantity * unit_cost with the TRUE unit_cost; value, its ex-VAT "
        "form and the cost of the line are each rounded half away from zero to 4 places"
    ),
    "pre_existing": (
        "ids of all who were customers before the first day of the data, buyers or not; those "
        "without joined_at have an identified purchase within the first 150 days"
    ),
    "buyers": "ids with at least one identified line of positive quantity",
    "loss_makers": (
        "ids whose profit over the whole period is negative, which are exactly the planted ones; "
        "of those with a line in the last 12 months the profit in these is negative too "
        "(null without any). Everyone else has profit >= 0 over both periods. Cause refunds: "
        "they send nearly everything back and it is written off (unit_cost 0 on the refund line). "
        "Cause below_cost: promotion OUTLET sells to them under cost"
    ),
    "by_month": (
        "of all clean lines by the month of ordered_at, identified or not: value including "
        "refunds, orders = distinct order_id with a line of positive quantity, lines"
    ),
    "real_spend_per_visit": (
        "a visit is one customer on one day with identified lines of positive quantity (never "
        "two orders a day); its real value is the sum of value * index of the last month / index "
        "of its month; refunds count nowhere. realised: mean over all visits; before_discount: "
        "the same with discount 0; planted: expected lines * expected real value of a line, "
        "before discount, the same in every month by construction; by_month: realised"
    ),
    "promotions": "a week on one category each; they lower prices and do not move demand",
    "season": "relative pull of months (January first) and weekdays (Monday first)",
    "raw_rows": "per file, without the header: rows = clean + bad + duplicates",
    "bad_rows": "extra rows that must not be read as data, by kind; they repeat no clean row",
    "duplicate_rows": "verbatim repeats of a clean row; no two clean rows are alike",
    "no_cost_products": "ids whose unit_cost no raw line shows",
}


def _exact(number: int, places: int = 4) -> str:
    return str(Decimal(number).scaleb(-places))


def truth_of_people(
    spec: SampleSpec,
    lines: pl.DataFrame,
    people: People,
    makers: pl.DataFrame,
    calendar: Calendar,
) -> dict[str, Any]:
    """Tell who bought, who was there before, and who costs the shop money and why."""
    known = lines.filter(~pl.col("anonymous"))
    buyers = known.filter(pl.col("refund") == 0)["customer"].unique().to_list()
    recent = pl.col("day") >= calendar.last_year
    profits = known.group_by("customer").agg(
        profit=line_profit().sum(), last=line_profit().filter(recent).sum(), active=recent.any()
    )
    losses = makers.join(profits, on="customer", how="left", validate="1:1").rows(named=True)
    return {
        "spec": spec.as_dict(),
        "end": spec.end.isoformat(),
        "last_12_months_from": (spec.start + timedelta(days=calendar.last_year)).isoformat(),
        "buyers": sorted(people.ids[buyers].tolist()),
        "pre_existing": sorted(people.ids[people.pre_existing].tolist()),
        "loss_makers": {
            str(people.ids[row["customer"]]): {
                "cause": row["cause"],
                "profit": _exact(row["profit"]),
                "profit_last_12_months": _exact(row["last"]) if row["active"] else None,
            }
            for row in sorted(losses, key=lambda row: people.ids[row["customer"]])
        },
    }


def truth_of_sales(
    lines: pl.DataFrame,
    shelf: Assortment,
    index: Ints,
    promotions: Promotions,
    calendar: Calendar,
    spec: SampleSpec,
) -> dict[str, Any]:
    """Tell totals, real spend, price index, season and promotions."""
    months = [f"{spec.month(number):%Y-%m}" for number in range(spec.months)]
    totals = lines.group_by("booked").agg(
        value=line_value().sum(),
        orders=pl.col("order").filter(pl.col("refund") == 0).n_unique(),
        lines=pl.len(),
    )
    by_month = {
        months[row["booked"]]: {
            "value": _exact(row["value"]), "orders": row["orders"], "lines": row["lines"],
        }
        for row in totals.sort("booked").rows(named=True)
    }  # fmt: skip
    return {
        "by_month": by_month,
        "real_spend_per_visit": _real_spend(lines, shelf, index, months),
        "price_index": {
            month: _exact(int(number), 2) for month, number in zip(months, index, strict=True)
        },
        "season": {"month": MONTH_SEASON, "weekday": WEEKDAY_SEASON, "bayram": BAYRAM_UPLIFT},
        "promotions": [
            {
                "promotion_id": name,
                "category": CATEGORIES[category].path,
                "start": (spec.start + timedelta(days=int(first))).isoformat(),
                "end": (
                    spec.start + timedelta(days=min(int(first) + 6, calendar.days - 1))
                ).isoformat(),
                "discount": _exact(int(percent), 2),
            }
            for name, category, first, percent in zip(
                promotions.names[:-1],
                promotions.category,
                promotions.first_day,
                promotions.percent,
                strict=True,
            )
        ],
        "no_cost_products": [product_ids()[shelf.first[slot]] for slot in shelf.no_cost],
    }


def _real_spend(
    lines: pl.DataFrame, shelf: Assortment, index: Ints, months: list[str]
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
    planted = count * float((share * shelf.price * quantity).sum()) * end / 10_000
    return {
        "planted": str(Decimal(planted).quantize(cent)),
        "realised": str((real / visits).quantize(cent)),
        "before_discount": str((listed / visits).quantize(cent)),
        "visits": visits,
        "by_month": by_month,
    }
