"""RFM: recency, frequency and monetary value in quintiles, and the ten segments they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from crmlib import i18n
from crmlib.profile import segments as rules

_NONE = pl.DataFrame(
    schema={
        "customer_id": pl.String,
        "fold": pl.Int32,
        "recency_days": pl.Int32,
        "frequency": pl.Int64,
        "monetary": pl.Decimal(38, 4),
        "r": pl.Int8,
        "f": pl.Int8,
        "m": pl.Int8,
        "segment": pl.String,
    }
)
TABLE = {
    "segment": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    "value": pl.Float64,
    "value_share": pl.Float64,
    "mean_days_since_last": pl.Float64,
    "mean_orders": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class RfmSpec:
    """What was asked.

    Attributes
    ----------
    frequency
        ``"orders"`` counts orders, ``"days"`` counts days with a purchase.
    money
        ``"real"`` uses prices of the as-of month, ``"nominal"`` the prices of the day.
    """

    frequency: Literal["orders", "days"] = "orders"
    money: Literal["real", "nominal"] = "real"

    def __post_init__(self) -> None:
        if self.frequency not in ("orders", "days"):
            raise ValueError(f"frequency must be 'orders' or 'days', got {self.frequency!r}")
        if self.money not in ("real", "nominal"):
            raise ValueError(f"money must be 'real' or 'nominal', got {self.money!r}")

    @property
    def frequency_column(self) -> str:
        """Column of the customer mart."""
        return "orders" if self.frequency == "orders" else "purchase_days"

    @property
    def money_column(self) -> str:
        """Column of the customer mart."""
        return "value_real" if self.money == "real" else "value"


@dataclass(frozen=True, slots=True, eq=False)
class RfmResult:
    """Scores and segments.

    Attributes
    ----------
    segments
        One row a segment that has customers, in the order of the rules: ``customers``,
        ``share``, ``value`` (in the Spec's money), ``value_share``, ``mean_days_since_last``,
        ``mean_orders`` (in the Spec's frequency).
    customers
        How many customers were scored: those with a purchase.
    empty_scores
        Scores that nobody has, by letter: ties are not split, so large ties leave gaps.
    spec
        What was asked.
    scores
        One row a customer: what was scored (``recency_days`` since the last purchase,
        ``frequency``, ``monetary``), ``r``, ``f``, ``m`` from 1 to 5, and ``segment``.
        Empty in a published result.
    currency
        For showing money.
    """

    segments: pl.DataFrame
    customers: int
    empty_scores: dict[str, list[int]]
    spec: RfmSpec = field(default_factory=RfmSpec)
    scores: pl.DataFrame = field(default_factory=lambda: _NONE, repr=False)
    currency: str = "TRY"

    def headline(self, lang: str) -> str:
        """Name the segment that brings most."""
        if self.segments.is_empty():
            return i18n.text("No customer has bought yet.", lang)
        best = self.segments.sort("value", descending=True).row(0, named=True)
        return i18n.text(
            "{segment}: {share} of customers bring {value_share} of sales.",
            lang,
            segment=i18n.text(rules.label(best["segment"]), lang),
            share=i18n.percent(best["share"], lang),
            value_share=i18n.percent(best["value_share"], lang),
        )


def quintile(value: pl.Expr) -> pl.Expr:
    """Score from 1 to 5, more is better: (rank - 1) * 5 // n + 1 with the lowest rank of ties.

    Equal values are never split; they take the lowest score of their block.
    """
    rank = value.rank("min").cast(pl.Int64)
    return ((rank - 1) * 5 // pl.len() + 1).cast(pl.Int8)


def score(
    customer: pl.DataFrame | pl.LazyFrame,
    spec: RfmSpec | None = None,
    *,
    currency: str = "TRY",
) -> RfmResult:
    """Score customers by recency, frequency and monetary value, and name their segments.

    Parameters
    ----------
    customer
        The customer mart. Customers without a purchase (returns alone) are not scored.
    spec
        What to count as frequency and which money; the default suits most shops.
    currency
        ISO code, for showing money.
    """
    spec = spec or RfmSpec()
    bought = customer.lazy().filter(pl.col("purchase_days") > 0)
    scores = (
        bought.select(
            "customer_id",
            "fold",
            recency_days="days_since_last",
            frequency=pl.col(spec.frequency_column),
            monetary=pl.col(spec.money_column),
        )
        .with_columns(
            r=quintile(-pl.col("recency_days")),
            f=quintile(pl.col("frequency")),
            m=quintile(pl.col("monetary")),
        )
        .with_columns(segment=rules.assign())
        .sort("customer_id")
        .collect()
    )
    return RfmResult(
        segments=summarise(scores),
        customers=scores.height,
        empty_scores={c: sorted(set(rules.SCORES) - set(scores[c])) for c in ("r", "f", "m")},
        spec=spec,
        scores=scores,
        currency=currency,
    )


def summarise(scores: pl.DataFrame) -> pl.DataFrame:
    """Sum scored customers by segment, in the order of the rules."""
    order = pl.Enum([*(s.key for s in rules.SEGMENTS), rules.OTHER])
    value = pl.col("monetary").sum().cast(pl.Float64)  # summed exactly, in any order
    return (
        scores.group_by(pl.col("segment").cast(order))
        .agg(
            customers=pl.len().cast(pl.Int64),
            value=value,
            mean_days_since_last=pl.col("recency_days").mean(),
            mean_orders=pl.col("frequency").mean(),
        )
        .sort("segment")
        .with_columns(
            pl.col("segment").cast(pl.String),
            share=pl.col("customers") / pl.col("customers").sum(),
            value_share=pl.col("value") / pl.col("value").sum(),
        )
        .select(*TABLE)
        .cast(TABLE)  # type: ignore[arg-type]
    )
