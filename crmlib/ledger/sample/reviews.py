"""What customers write about online orders: fewer points where the parcel was late."""

from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.world import Calendar, SampleSpec
from crmlib.ledger.sample.written import moment, order_id

REVIEWED = 0.15
# Probability of one to five points.
IN_TIME = (0.03, 0.04, 0.10, 0.28, 0.55)
WHEN_LATE = (0.25, 0.20, 0.20, 0.20, 0.15)
TEXTS = (
    "Çok kötü, bir daha almam.", "Beklediğim gibi değil.", "İdare eder.", "Güzel, teşekkürler.",
    "Harika, herkese öneririm!",
)  # fmt: skip
_DAY = 86_400


def draw_reviews(parcels: pl.DataFrame, calendar: Calendar, rng: Generator) -> pl.DataFrame:
    """Draw reviews of parcels that have come: order, customer, at (second), score, late."""
    come = parcels.drop_nulls("delivered").sort("order")
    mine = come.filter(pl.Series(rng.random(come.height) < REVIEWED))
    n = mine.height
    bounds = np.where(mine["late"].to_numpy()[:, None], np.cumsum(WHEN_LATE), np.cumsum(IN_TIME))
    score = 1 + (rng.random(n)[:, None] > bounds[:, :4]).sum(axis=1)
    at = mine["delivered"] + pl.Series(rng.integers(3600, 7 * _DAY, n))
    return (
        mine.select("order", "customer", "late")
        .with_columns(at=at, score=pl.Series(score, dtype=pl.Int64))
        .filter(pl.col("at") < calendar.days * _DAY)
        .sort("at", "order")
    )


def review_table(reviews: pl.DataFrame, ids: list[str], spec: SampleSpec) -> pl.DataFrame:
    """Make the table of reviews; half of them have a text."""
    text = pl.lit(pl.Series(TEXTS)).gather(pl.col("score") - 1)
    number = pl.int_range(1, pl.len() + 1)
    return reviews.select(
        review_id=pl.format("R{}", number.cast(pl.String).str.zfill(7)),
        order_id=order_id(),
        customer_id=pl.lit(pl.Series(ids, dtype=pl.String)).gather("customer"),
        at=moment(spec.start, "at"),
        score=pl.col("score").cast(pl.Int32),
        text=pl.when(pl.col("order") % 2 == 0).then(text),
    )


def truth_of_reviews(reviews: pl.DataFrame) -> dict[str, Any]:
    """Tell the points that were planted, and their means."""
    points = np.arange(1, 6)
    return {
        "reviewed": REVIEWED,
        "mean_score_in_time": round(float(np.dot(IN_TIME, points)), 6),
        "mean_score_late": round(float(np.dot(WHEN_LATE, points)), 6),
        "reviews": reviews.height,
        "reviews_late": int(reviews["late"].sum()),
    }
