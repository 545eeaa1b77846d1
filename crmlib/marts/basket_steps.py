"""The steps of a build that look into baskets: their sizes, and pairs of products."""

from __future__ import annotations

import narwhals as nw
import polars as pl

from crmlib.marts import pairs
from crmlib.marts.kpis import basket_sizes, contents
from crmlib.marts.work import Work
from crmlib.schema import FOLDS

# Order lines of a piece of folds whose baskets are held at once, and most pieces.
PIECE_LINES, MOST_PIECES = 2_500_000, 16


def run(work: Work) -> None:
    """Count basket sizes and pairs, some folds after others, so that fewer are held at once.

    A basket's lines have one fold, that of its customer or else of its order.
    """
    lines, collect = work.table("order_lines"), work.collect
    codes = collect(lines.select("product_id").unique().sort("product_id"))
    codes = codes.with_columns(code=pl.int_range(pl.len(), dtype=pl.Int32))
    fold, step = nw.col("fold"), FOLDS // pieces_of(work.rows("order_lines"))
    held: list[pl.DataFrame] = []
    sizes: list[pl.DataFrame] = []
    for low in range(0, FOLDS, step):
        some = lines.filter(fold >= low, fold < low + step)
        found = collect(contents(some, as_of_day=work.frame.as_of_day))
        with work.engine.lent(found) as piece:
            sizes.append(collect(basket_sizes(piece)))
        held.append(pairs.numbered(found, codes))
    every = work.engine.take(pl.concat(sizes))
    work.keep("marts/basket_sizes", every.sort("month", "items", "fold"))
    work.found.baskets = pairs.counted(pl.concat(sizes))
    _pairs(work, held, codes, work.found.baskets.floor)


def _pairs(work: Work, held: list[pl.DataFrame], codes: pl.DataFrame, floor: int) -> None:
    """Count all pairs of frequent products, then by fold those above the floor."""
    own = pl.concat([work.each(pairs.products, piece) for piece in held])
    frequent = _above(own, "code", floor)
    wanted = work.engine.take(frequent)

    def together(piece: nw.LazyFrame) -> nw.LazyFrame:
        return pairs.together(piece, wanted, many=codes.height)

    counted = pl.DataFrame(schema={"pair": pl.Int64, "baskets": pl.Int64})
    for piece in held:
        more = work.each(lambda p: pairs.pair_counts(together(p)), piece)
        both = pl.concat([counted, more]).lazy().group_by("pair").agg(pl.col("baskets").sum())
        counted = both.collect(engine="streaming")
    kept = work.engine.take(_above(counted, "pair", floor))
    folds = [work.each(lambda p: pairs.pair_folds(together(p), kept), p) for p in held]
    alone = own.join(frequent, on="code", how="semi")
    work.made.keep("marts/pairs", pairs.pairs(alone, pl.concat(folds), codes))
    work.told("marts/pairs")


def _above(counts: pl.DataFrame, key: str, floor: int) -> pl.DataFrame:
    total = counts.group_by(key).agg(pl.col("baskets").sum())
    return total.filter(pl.col("baskets") >= floor).select(key)


def pieces_of(lines: int) -> int:
    """Tell in how many pieces to take the folds: a power of two."""
    wanted = max(1, -(-lines // PIECE_LINES))
    return min(1 << (wanted - 1).bit_length(), MOST_PIECES)
