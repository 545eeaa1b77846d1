"""Further tables: attributes of customers, targets and events."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.assortment import jump_month
from crmlib.ledger.sample.people import RHYTHMS, People
from crmlib.ledger.sample.visits import NEW_STORE, opening_day
from crmlib.ledger.sample.world import Calendar, SampleSpec
from crmlib.ledger.sample.written import exact, moment

INCOME = ("düşük", "orta", "yüksek")
INCOME_SHARE = (0.35, 0.45, 0.20)
INCOME_FOLLOWS_BASKET = 0.5  # correlation of the scores behind income and basket size
RECORDED = 0.7  # share of the customers with a filled questionnaire


def attribute_table(people: People, spec: SampleSpec, rng: Generator) -> pl.DataFrame:
    """Make the table of attributes: income follows basket size, household size nothing."""
    n = len(people.ids)
    rank = np.empty(n)
    rank[np.argsort(people.basket, kind="stable")] = (np.arange(n) + 0.5) / n
    score = np.sqrt(12) * (rank - 0.5) * INCOME_FOLLOWS_BASKET
    score += rng.normal(0, np.sqrt(1 - INCOME_FOLLOWS_BASKET**2), n)
    place = np.empty(n)
    place[np.argsort(score, kind="stable")] = (np.arange(n) + 0.5) / n
    income = np.array(INCOME)[np.searchsorted(np.cumsum(INCOME_SHARE[:2]), place)]
    household = np.minimum(1 + rng.poisson(1.9, n), 7).astype(str)
    asked = np.flatnonzero(rng.random(n) < RECORDED)
    loaded = pl.lit(pl.Series(rng.integers(0, 86_400, n)[asked]))
    at = moment(spec.start, loaded)
    frames = []
    for field, value, source, basis in (
        ("income", income, "anket", "consent"),
        ("household_size", household, "anket", "consent"),
        ("segment", np.array(RHYTHMS)[people.rhythm], "müşteri programı", "contract"),
    ):
        frames.append(
            pl.DataFrame({"customer_id": people.ids[asked], "value": value[asked]}).select(
                "customer_id",
                pl.lit(field).alias("field"),
                "value",
                pl.lit(source).alias("source"),
                loaded_at=at,
                basis=pl.lit(basis),
            )
        )
    return pl.concat(frames).sort("customer_id", "field")


def truth_of_attributes() -> dict[str, Any]:
    """Tell how attributes hang together with buying."""
    return {
        "income": {
            "shares": dict(zip(INCOME, INCOME_SHARE, strict=True)),
            "correlation_with_basket_size": INCOME_FOLLOWS_BASKET,
        },
        "household_size": {"correlation_with_basket_size": 0.0},
        "recorded": RECORDED,
    }


def target_table(
    by_month: dict[str, Any], customers: dict[str, int], spec: SampleSpec, rng: Generator
) -> pl.DataFrame:
    """Make the table of targets: what came true, missed by some percent, in round numbers."""
    rows = []
    for number, (month, told) in enumerate(by_month.items()):
        missed = np.exp(rng.normal(0.02, 0.06, 2))
        sales = round(float(told["value"]) * missed[0], -3)
        buyers = round(customers.get(month, 0) * missed[1], -1)
        for kpi, value in (("sales", sales), ("customers", buyers)):
            rows.append((spec.month(number), kpi, Decimal(round(value))))
    schema = pl.Schema({"month": pl.Date(), "kpi": pl.String(), "value": pl.Decimal(18, 4)})
    return pl.DataFrame(rows, schema=schema, orient="row")


def event_table(spec: SampleSpec, calendar: Calendar) -> pl.DataFrame:
    """Make the table of events."""
    rows = [
        (spec.start + timedelta(days=opening_day(calendar)), f"{NEW_STORE} mağazası açıldı"),
        (spec.month(jump_month(spec)), "Fiyat artışı"),
    ]
    frame = pl.DataFrame(rows, schema={"date": pl.Date, "text": pl.String}, orient="row")
    return frame.sort("date")


def truth_of_events(spec: SampleSpec, calendar: Calendar) -> list[dict[str, str]]:
    """Tell the events and what they are."""
    day = spec.start + timedelta(days=opening_day(calendar))
    return [
        {"date": day.isoformat(), "what": "store_opening", "store": NEW_STORE},
        {
            "date": spec.month(jump_month(spec)).isoformat(),
            "what": "price_change",
            "rise": exact(6, 2),
        },
    ]
