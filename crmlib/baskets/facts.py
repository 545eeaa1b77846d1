"""What is known of each basket beside its items: its day, store and customers' fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlib.baskets import coded
from crmlib.baskets.coded import Baskets
from crmlib.baskets.exact import Ints
from crmlib.schema.rules import FOLDS

# A promotion counts for a product if most of its lines carry it while it runs: prices that only
# some customers get do not bring products together.
PROMOTED_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Baskets with what is known of each; arrays are by basket.

    Attributes
    ----------
    baskets
        Their items.
    day
        Days since 1970-01-01; of the first line.
    month
        Months since year 0; of the same line.
    fold
        Fold of the customer; baskets without one are dealt out in turn, since each of them is
        as good as a customer of its own.
    store
        Number of the store, 0 where there is none or only one.
    promoted
        Days on which each product was in a promotion, by product number; those without one
        are left out.
    margin
        By product: margin, or ``None`` where the lines have none; mean of a basket with it,
        in shop currency without VAT. 0 where it is not known.
    """

    baskets: Baskets
    day: Ints
    month: Ints
    fold: Ints
    store: Ints
    promoted: dict[int, Ints]
    margin: NDArray[np.float64] | None

    @property
    def stores(self) -> int:
        """How many stores there are."""
        return int(self.store.max(initial=0)) + 1

    def kept(self, which: NDArray[np.bool_]) -> Facts:
        """Give some of the baskets."""
        return Facts(
            self.baskets.kept(which), self.day[which], self.month[which], self.fold[which],
            self.store[which], self.promoted, self.margin,
        )  # fmt: skip

    def in_promotion(self, items: Ints) -> NDArray[np.bool_]:
        """Tell which baskets are of days on which any of the items was in a promotion."""
        days = [self.promoted[int(i)] for i in items if int(i) in self.promoted]
        if not days:
            return np.zeros(len(self.day), bool)
        return np.isin(self.day, np.concatenate(days))


def from_lines(lines: pl.DataFrame | pl.LazyFrame, max_basket_items: int) -> Facts:
    """Take baskets and what is known of them from order lines.

    Parameters
    ----------
    lines
        ``order_id``, ``product_id``, ``day`` (days since 1970-01-01); where they are there,
        also ``quantity`` (only what was sold counts), ``fold``, ``store``, ``promotion_id`` and
        ``margin``.

    Raises
    ------
    ContractError
        If a column is missing or has empty fields.
    """
    sold = coded.sold(lines, "order_id", "product_id", "day")
    baskets = coded.from_lines(sold, max_basket_items=max_basket_items)
    # In the order of their names, as the numbers of baskets are.
    orders = sold.group_by("order_id").agg(*_of_basket(sold.columns)).sort("order_id")
    day = orders["day"].to_numpy().astype(np.int64)
    when = orders["day"].cast(pl.Int32).cast(pl.Date)
    return Facts(
        baskets=baskets,
        day=day,
        month=(12 * when.dt.year() + when.dt.month() - 1).to_numpy().astype(np.int64),
        fold=_folds(orders),
        store=_stores(orders),
        promoted=_promoted(sold, baskets.labels),
        margin=_margin(sold, baskets.labels),
    )


def _of_basket(columns: list[str]) -> list[pl.Expr]:
    first = [pl.col(c).drop_nulls().sort().first() for c in ("fold", "store") if c in columns]
    return [pl.col("day").min(), *first]


def _folds(orders: pl.DataFrame) -> Ints:
    in_turn = pl.int_range(pl.len()) % FOLDS
    fold = pl.coalesce("fold", in_turn) if "fold" in orders.columns else in_turn
    return orders.select(fold.cast(pl.Int64)).to_series().to_numpy()


def _stores(orders: pl.DataFrame) -> Ints:
    if "store" not in orders.columns:
        return np.zeros(orders.height, np.int64)
    store = pl.col("store").fill_null("").rank("dense") - 1
    return orders.select(store.cast(pl.Int64)).to_series().to_numpy()


def _promoted(sold: pl.DataFrame, labels: pl.Series) -> dict[int, Ints]:
    """Give the days on which each product was promoted."""
    if "promotion_id" not in sold.columns:
        return {}
    lines = sold.select("product_id", "day", "promotion_id")
    with_one = lines.filter(pl.col("promotion_id").is_not_null())
    running = with_one.select("promotion_id", "day").unique()
    offered = with_one.group_by("product_id", "promotion_id").agg(carried=pl.len())
    meanwhile = (
        lines.select("product_id", "day")
        .join(offered, on="product_id")
        .join(running, on=["promotion_id", "day"])
        .group_by("product_id", "promotion_id", "carried")
        .agg(lines=pl.len())
    )
    chosen = meanwhile.filter(pl.col("carried") >= PROMOTED_SHARE * pl.col("lines"))
    number = pl.DataFrame({"product_id": labels, "item": np.arange(len(labels))})
    days = (
        chosen.join(running, on="promotion_id")
        .join(number, on="product_id")
        .group_by("item")
        .agg(pl.col("day").unique().sort())
    )
    return {item: np.array(found, np.int64) for item, found in days.iter_rows()}


def _margin(sold: pl.DataFrame, labels: pl.Series) -> NDArray[np.float64] | None:
    """Give the mean margin of a basket with each product."""
    if "margin" not in sold.columns or sold["margin"].null_count() == sold.height:
        return None
    known = sold.filter(pl.col("margin").is_not_null()).group_by("product_id")
    found = known.agg(margin=pl.col("margin").sum(), baskets=pl.n_unique("order_id"))
    each = found.select("product_id", pl.col("margin").cast(pl.Float64) / pl.col("baskets"))
    ordered = pl.DataFrame({"product_id": labels}).join(
        each, on="product_id", how="left", maintain_order="left"
    )
    return ordered["margin"].fill_null(0.0).to_numpy()
