"""RFM: recency, frequency and monetary value in quintiles, and the ten segments they make.

Quintiles compare customers with each other on one day. Fixed thresholds (:class:`Cuts`) are the
same ruler on every day: an analyst's own, or the quintiles of an earlier day (:func:`cuts_of`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
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


_STEPS = range(1, len(rules.SCORES))  # four thresholds between five scores
_UNIT = Decimal("0.0001")  # money is kept in ten-thousandths


@dataclass(frozen=True, slots=True)
class Cuts:
    """Fixed thresholds: a score is one point, and one more for each threshold that is passed.

    Attributes
    ----------
    recency_days
        Four numbers of days since the last purchase, falling; fewer days than it passes.
    frequency
        Four numbers of orders (or purchase days), rising; more than it passes. The first is at
        least 1, so that a one-time buyer has the lowest score.
    monetary
        Four amounts in the Spec's money, rising; more than it passes.
    """

    recency_days: tuple[int, ...]
    frequency: tuple[int, ...]
    monetary: tuple[Decimal, ...]

    def __post_init__(self) -> None:
        for name in ("recency_days", "frequency", "monetary"):
            given = getattr(self, name)
            falls = name == "recency_days"
            in_order = all(a >= b if falls else a <= b for a, b in pairwise(given))
            if len(given) != len(_STEPS) or not in_order:
                how = "falling" if falls else "rising"
                raise ValueError(f"{name} must be {len(_STEPS)} {how} thresholds, got {given}")
        if self.frequency[0] < 1:
            raise ValueError(f"frequency must begin at 1 or more, got {self.frequency}")


@dataclass(frozen=True, slots=True)
class RfmSpec:
    """What was asked.

    Attributes
    ----------
    frequency
        ``"orders"`` counts orders, ``"days"`` counts days with a purchase.
    money
        ``"real"`` uses prices of the as-of month, ``"nominal"`` the prices of the day.
    cuts
        Fixed thresholds; ``None`` scores in quintiles of the customers at hand.
    months
        How many months the scored frame covers, for its words; ``None`` for all history.
    """

    frequency: Literal["orders", "days"] = "orders"
    money: Literal["real", "nominal"] = "real"
    cuts: Cuts | None = None
    months: int | None = None

    def __post_init__(self) -> None:
        if self.frequency not in ("orders", "days"):
            raise ValueError(f"frequency must be 'orders' or 'days', got {self.frequency!r}")
        if self.money not in ("real", "nominal"):
            raise ValueError(f"money must be 'real' or 'nominal', got {self.money!r}")
        if self.months is not None and self.months < 1:
            raise ValueError(f"months must be at least 1, got {self.months}")

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
        ``frequency``, ``monetary``), ``r``, ``f``, ``m`` from 1 to 5 (null where lapsed), and
        ``segment``. Empty in a published result.
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


def _passed(value: pl.Expr, cuts: tuple[pl.Expr, ...]) -> pl.Expr:
    """Score from 1 to 5: one point more for each threshold that ``value`` is above."""
    return (1 + pl.sum_horizontal((value > cut).cast(pl.Int8) for cut in cuts)).cast(pl.Int8)


def _scores(spec: RfmSpec) -> dict[str, pl.Expr]:
    recent, often, much = -pl.col("recency_days"), pl.col("frequency"), pl.col("monetary")
    if spec.cuts is None:
        return {"r": quintile(recent), "f": quintile(often), "m": quintile(much)}
    return {
        "r": _passed(recent, tuple(pl.lit(-days) for days in spec.cuts.recency_days)),
        "f": _passed(often, tuple(pl.lit(times) for times in spec.cuts.frequency)),
        "m": _passed(
            much.cast(pl.Decimal(38, 4)),
            # Amounts stand on ten-thousandths: above a finer threshold is above its floor.
            tuple(
                pl.lit(amount.quantize(_UNIT, ROUND_FLOOR), dtype=pl.Decimal(38, 4))
                for amount in spec.cuts.monetary
            ),
        ),
    }


def cuts_of(result: RfmResult) -> Cuts:
    """Give the thresholds that score these very customers as their quintiles do.

    A threshold is the lowest amount with at least a fifth (two, three, four fifths) of the
    customers at or under it, so ties stay whole and take the lowest score of their block.

    Raises
    ------
    ValueError
        If nobody was scored.
    """
    scored = result.scores.filter(pl.col("segment") != rules.LAPSED)
    n = scored.height
    if not n:
        raise ValueError("thresholds need at least one scored customer, got none")
    places = [(k * n + 4) // 5 - 1 for k in _STEPS]
    longest_first = scored["recency_days"].sort(descending=True)
    return Cuts(
        recency_days=tuple(longest_first.gather(places).to_list()),
        frequency=tuple(scored["frequency"].sort().gather(places).to_list()),
        monetary=tuple(scored["monetary"].sort().gather(places).to_list()),
    )


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
        The customer mart, or a window of it (the boards score the last twelve months).
        Customers without a purchase (returns alone) are not scored.
    spec
        What to count as frequency, which money, and fixed thresholds if any; the default suits
        most shops.
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
        .with_columns(**_scores(spec))
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


def with_lapsed(result: RfmResult, customer: pl.DataFrame | pl.LazyFrame) -> RfmResult:
    """Add the customers that a scored window does not hold, as the group ``lapsed``.

    Shares are then of all who ever bought; ``customers`` stays the number of those scored.

    Parameters
    ----------
    result
        Scores of a window, e.g. of the last twelve months.
    customer
        The customer mart as of the window's last day.
    """
    scored = result.scores.lazy()
    lapsed = (
        customer.lazy()
        .filter(pl.col("purchase_days") > 0)
        .join(scored, on="customer_id", how="anti")
        .select(
            "customer_id",
            "fold",
            recency_days="days_since_last",
            frequency=pl.lit(0),
            monetary=pl.lit(0),
            segment=pl.lit(rules.LAPSED),
        )
        .collect()
        .cast({c: t for c, t in result.scores.schema.items() if c not in ("r", "f", "m")})
    )
    scores = pl.concat([result.scores, lapsed], how="diagonal").sort("customer_id")
    return replace(result, segments=summarise(scores), scores=scores)


def summarise(scores: pl.DataFrame) -> pl.DataFrame:
    """Sum scored customers by segment, in the order of the rules."""
    order = pl.Enum(rules.ORDER)
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
