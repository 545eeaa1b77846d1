"""Pairs: which products are in a basket together, counted above a floor."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import narwhals as nw
import polars as pl

# A basket of more products is a wholesaler's or an error; its pairs would outnumber all others.
CAP_ITEMS = 200
FLOOR, FLOOR_SHARE = 10, 0.0001


@dataclass(frozen=True, slots=True)
class Baskets:
    """The baskets that pairs are counted in.

    Attributes
    ----------
    baskets
        How many, without those over the cap.
    over_cap
        How many hold more than ``cap`` different products and are left out.
    cap, floor
        Most products of a basket, and fewest baskets of a pair that is kept.
    """

    baskets: int
    over_cap: int
    cap: int
    floor: int


def counted(sizes: pl.DataFrame, *, cap: int = CAP_ITEMS) -> Baskets:
    """Tell from the basket sizes which baskets count and which pairs are kept."""
    inside = int(sizes.filter(pl.col("items") <= cap)["baskets"].sum())
    floor = max(FLOOR, ceil(FLOOR_SHARE * inside))
    return Baskets(inside, int(sizes["baskets"].sum()) - inside, cap, floor)


def numbered(contents: pl.DataFrame, codes: pl.DataFrame, *, cap: int = CAP_ITEMS) -> pl.DataFrame:
    """Give baskets and products numbers, which take less memory and are joined faster.

    Parameters
    ----------
    contents
        From :func:`crmlib.marts.kpis.contents`, of some folds.
    codes
        ``product_id`` and ``code``.

    Returns
    -------
    ``fold``, ``basket`` and ``code``, one row a product of a basket of at most ``cap`` products.
    """
    return (
        contents.lazy()
        .join(codes.lazy(), on="product_id", how="inner")
        .group_by("order_id", "customer_id")
        .agg(pl.col("fold").max(), "code")
        .filter(pl.col("code").list.len() <= cap)
        .select(
            pl.col("fold").cast(pl.Int8),
            pl.int_range(pl.len(), dtype=pl.Int32).alias("basket"),
            "code",
        )
        .explode("code")
        .collect(engine="streaming")
    )


def products(held: nw.LazyFrame) -> nw.LazyFrame:
    """Count the baskets of each product by fold: ``code``, ``fold``, ``baskets``."""
    return held.group_by("code", "fold").agg(nw.len().cast(nw.Int64).alias("baskets"))


def together(held: nw.LazyFrame, wanted: nw.LazyFrame, *, many: int) -> nw.LazyFrame:
    """Give every pair of every basket: ``pair`` and ``fold``.

    Parameters
    ----------
    held
        From :func:`numbered`.
    wanted
        ``code`` of the products to look at.
    many
        Codes are below it. A pair is ``many`` x the smaller code + the larger one.
    """
    own = held.join(wanted, on="code", how="inner")
    other = own.select("basket", b=nw.col("code"))
    return (
        own.join(other, on="basket", how="inner")
        .filter(nw.col("code") < nw.col("b"))
        .select("fold", pair=nw.col("code").cast(nw.Int64) * many + nw.col("b").cast(nw.Int64))
    )


def pair_counts(together: nw.LazyFrame) -> nw.LazyFrame:
    """Count each pair over all folds: ``pair``, ``baskets``."""
    return together.group_by("pair").agg(nw.len().cast(nw.Int64).alias("baskets"))


def pair_folds(together: nw.LazyFrame, kept: nw.LazyFrame) -> nw.LazyFrame:
    """Count the pairs that are kept by fold: ``pair``, ``fold``, ``baskets``."""
    return (
        together.join(kept, on="pair", how="inner")
        .group_by("pair", "fold")
        .agg(nw.len().cast(nw.Int64).alias("baskets"))
    )


def pairs(own: pl.DataFrame, both: pl.DataFrame, codes: pl.DataFrame) -> pl.DataFrame:
    """Put the counts of products and of pairs into one table.

    Parameters
    ----------
    own
        ``code``, ``fold``, ``baskets`` of the products that are kept.
    both
        ``pair``, ``fold``, ``baskets`` of the pairs that are kept.
    codes
        ``product_id`` and ``code``.

    Returns
    -------
    One row a pair ``a`` <= ``b`` of product ids x ``fold``: ``baskets`` that hold both; with
    ``a`` = ``b`` those that hold the product. Baskets over the cap are in none of them.
    """
    many = max(codes.height, 1)
    code, pair = pl.col("code").cast(pl.Int64), pl.col("pair")
    alone = own.select("fold", "baskets", pair=code * many + code)
    first, second = (codes.select(code=code, **{name: pl.col("product_id")}) for name in "ab")
    return (
        pl.concat([alone, both.select(alone.columns)])
        .with_columns(one=pair // many, other=pair % many)
        .join(first, left_on="one", right_on="code")
        .join(second, left_on="other", right_on="code")
        .sort("pair", "fold")
        .select("a", "b", pl.col("fold").cast(pl.Int32), "baskets")
    )
