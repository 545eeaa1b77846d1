"""Sequences: who first buys this first buys that within so many days, more than the other way.

Two products that the same customers like are bought in either order. So the order itself is what
is compared: among customers who began with both within so many days, how many began with A.
(Hallas 1996, Epidemiology 7(5): sequence symmetry.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from crmlib import i18n
from crmlib.baskets import coded
from crmlib.baskets.measures import Floats
from crmlib.baskets.significance import benjamini_hochberg, binomial_greater

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "first": pl.String,
    "then": pl.String,
    "customers": pl.Int64,
    "other_way": pl.Int64,
    "with_first": pl.Int64,
    "confidence": pl.Float64,
    "median_days": pl.Float64,
    "share": pl.Float64,
    "expected_share": pl.Float64,
    "ratio": pl.Float64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """What was asked.

    Attributes
    ----------
    within_days
        The second product is first bought 1 to so many days after the first one.
    min_customers
        Least number of customers that bought in this order, and that bought each product.
    false_discoveries
        Share of the sequences in the headline that may be false.
    """

    within_days: int = 90
    min_customers: int = 20
    false_discoveries: float = 0.05

    def __post_init__(self) -> None:
        for name in ("within_days", "min_customers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.false_discoveries < 1:
            raise ValueError(
                f"false_discoveries must lie between 0 and 1, got {self.false_discoveries}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Pairs of products in an order.

    Attributes
    ----------
    sequences
        One row an ordered pair, surest first: ``first``, ``then``, ``customers`` who began with
        ``then`` 1 to ``within_days`` days after they began with ``first``, and ``other_way``
        round; ``with_first``: customers who began with ``first`` early enough for all those
        days to be in the data, and ``confidence``, the share of these that followed;
        ``median_days`` between; ``share`` of this order among both, ``expected_share`` if the
        order were chance (a product that came later is later for everybody), ``ratio`` of their
        odds, ``p_value`` (exact binomial, one-sided), ``q_value`` over ``tested``.
    tested
        How many ordered pairs of products with enough customers there are.
    spec
        What was asked.
    """

    sequences: pl.DataFrame
    tested: int
    spec: SequenceSpec = field(default_factory=SequenceSpec)

    @property
    def sure(self) -> pl.DataFrame:
        """The sequences that stand out beyond chance."""
        return self.sequences.filter(pl.col("q_value") <= self.spec.false_discoveries)

    def headline(self, lang: str) -> str:
        """Say how many sequences stand out, and the surest."""
        days = i18n.number(self.spec.within_days, lang)
        tested = i18n.number(self.tested, lang)
        if self.sure.is_empty():
            return i18n.text(
                "Of {tested} sequences within {days} days none stands out beyond chance.",
                lang,
                tested=tested,
                days=days,
            )
        best = self.sure.row(0, named=True)
        return i18n.text(
            "Of {tested} sequences within {days} days {n} stand out. Surest: after {first} comes "
            "{then}, for {share} of its customers.",
            lang,
            tested=tested,
            days=days,
            n=i18n.number(self.sure.height, lang),
            first=best["first"],
            then=best["then"],
            share=i18n.percent(best["confidence"] or 0.0, lang),
        )


def mine(lines: pl.DataFrame | pl.LazyFrame, spec: SequenceSpec | None = None) -> Sequences:
    """Find what is first bought after what.

    Parameters
    ----------
    lines
        ``customer_id`` (lines without one do not count), ``product_id``, ``day``, and if there
        ``quantity`` (only what was sold counts).
    spec
        Within how many days, and from how many customers on.

    Raises
    ------
    ContractError
        If a column is missing.
    """
    spec = spec or SequenceSpec()
    sold = coded.sold(lines, "customer_id", "product_id", "day")
    began = (
        sold.filter(pl.col("customer_id").is_not_null())
        .group_by("customer_id", "product_id")
        .agg(pl.col("day").min())
    )
    often = began.group_by("product_id").len().filter(pl.col("len") >= spec.min_customers)
    began = began.join(often.select("product_id"), on="product_id").sort("product_id", "day")
    items = began["product_id"].unique().sort()
    tested = len(items) * (len(items) - 1)
    pairs = _pairs(began, spec)
    if pairs.is_empty():
        return Sequences(pl.DataFrame(schema=SCHEMA), tested, spec)
    last_day = int(sold.select(pl.col("day").max()).item())
    return Sequences(_tested(pairs, began, items, last_day, tested, spec), tested, spec)


def _pairs(began: pl.DataFrame, spec: SequenceSpec) -> pl.DataFrame:
    """Count customers by ordered pair."""
    lazy = began.lazy()
    days = pl.col("day_then") - pl.col("day")
    both = lazy.join(lazy, on="customer_id", suffix="_then").filter(
        days.is_between(1, spec.within_days)
    )
    # Streamed: a customer's products are paired all with all before most pairs are dropped.
    counted = (
        both.group_by(first="product_id", then="product_id_then")
        .agg(customers=pl.len().cast(pl.Int64), median_days=days.median())
        .collect(engine="streaming")
    )
    other = counted.select(first="then", then="first", other_way="customers")
    return (
        counted.join(other, on=["first", "then"], how="left")
        .with_columns(pl.col("other_way").fill_null(0))
        .filter(pl.col("customers") >= spec.min_customers)
        .sort("first", "then")
    )


def _tested(
    pairs: pl.DataFrame,
    began: pl.DataFrame,
    items: pl.Series,
    last_day: int,
    tested: int,
    spec: SequenceSpec,
) -> pl.DataFrame:
    number = {name: i for i, name in enumerate(items)}
    first, then = (pairs[c].replace_strict(number).to_numpy() for c in ("first", "then"))
    expected = _expected_share(began, items, spec.within_days)[first, then]
    customers, other = pairs["customers"].to_numpy(), pairs["other_way"].to_numpy()
    p_value = binomial_greater(customers, customers + other, expected)
    early = began.filter(pl.col("day") <= last_day - spec.within_days)
    with_first = early.group_by(first="product_id").agg(with_first=pl.len().cast(pl.Int64))
    followed = _followed(began, last_day, spec)
    share = customers / (customers + other)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = share / (1 - share) / (expected / (1 - expected))
    return (
        pairs.with_columns(
            pl.Series("share", share),
            pl.Series("expected_share", expected),
            pl.Series("ratio", ratio),
            pl.Series("p_value", p_value),
            pl.Series("q_value", benjamini_hochberg(p_value, tested)),
        )
        .join(with_first, on="first", how="left", maintain_order="left")
        .join(followed, on=["first", "then"], how="left", maintain_order="left")
        .with_columns(pl.col("with_first", "followed").fill_null(0))
        .with_columns(
            confidence=pl.when(pl.col("with_first") > 0).then(
                pl.col("followed") / pl.col("with_first")
            )
        )
        .select(*SCHEMA)
        .sort("p_value", "customers", descending=[False, True], maintain_order=True)
    )


def _followed(began: pl.DataFrame, last_day: int, spec: SequenceSpec) -> pl.DataFrame:
    """Count who followed, of those whose days are all in the data."""
    early = began.lazy().filter(pl.col("day") <= last_day - spec.within_days)
    days = pl.col("day_then") - pl.col("day")
    return (
        early.join(began.lazy(), on="customer_id", suffix="_then")
        .filter(days.is_between(1, spec.within_days))
        .group_by(first="product_id", then="product_id_then")
        .agg(followed=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )


def _expected_share(began: pl.DataFrame, items: pl.Series, within: int) -> Floats:
    """Give, for each pair, the share of "first, then" if customers drew their days on their own.

    From how many began with each product on each day: a product that was launched later comes
    later for everybody (Tsiropoulos, Andersen, Hallas 2009: the null-effect sequence ratio).
    """
    start = int(began.select(pl.col("day").min()).item())
    days = int(began.select(pl.col("day").max()).item()) - start + 1
    number = {name: i for i, name in enumerate(items)}
    item = began["product_id"].replace_strict(number).to_numpy()
    day = began["day"].to_numpy() - start
    daily = np.bincount(item * days + day, minlength=len(items) * days).reshape(-1, days)
    so_far = np.concatenate([np.zeros((len(items), 1)), np.cumsum(daily, axis=1)], axis=1)
    end = np.minimum(np.arange(days) + within, days - 1)
    # Beginners with each product 1 to `within` days after each day.
    coming = so_far[:, end + 1] - so_far[:, 1:]
    forward = daily.astype(np.float64) @ coming.T
    return np.divide(
        forward, forward + forward.T, out=np.full(forward.shape, 0.5), where=forward + forward.T > 0
    )
