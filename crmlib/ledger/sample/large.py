"""Shops of millions of customers: order lines alone, written in pieces.

Customers are drawn block by block, each with random streams of its own, so that memory does not
grow with the shop and the lines do not depend on how they are cut into files. The worlds are the
same, but nobody runs campaigns there, nothing is late and every cost is recorded.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from crmlib.ledger import store
from crmlib.ledger.sample import definitions
from crmlib.ledger.sample.assortment import Goods, draw_goods
from crmlib.ledger.sample.clean import SEGMENTS, clean_line_table, draw_clean
from crmlib.ledger.sample.config import config_of_pieces
from crmlib.ledger.sample.fields import file_of
from crmlib.ledger.sample.files import claim, tell
from crmlib.ledger.sample.lines import draw_baskets, line_value, priced, with_refunds
from crmlib.ledger.sample.people import draw_people
from crmlib.ledger.sample.tables import index_table, order_line_table
from crmlib.ledger.sample.visits import draw_visits, signing_up, with_places
from crmlib.ledger.sample.world import SampleSpec, calendar_of, streams_of
from crmlib.ledger.sample.written import exact

LARGE = 500_000  # customers; above that a shop has order lines alone
LARGE_MONTHS = 12  # about ten lines a customer
BLOCK = 20_000  # customers that are drawn together; another size gives another shop
PIECE_LINES = 1_000_000
_ID_STEP = 61_803_399  # without a common divisor with 10^8: ids are spread and unique

Progress = Callable[[str, int, int], None]


def is_large(spec: SampleSpec) -> bool:
    """Tell whether a shop is written in pieces, as order lines alone."""
    return spec.customers > LARGE


def spec_for(customers: int, **given: Any) -> SampleSpec:
    """Give the spec of a shop of so many customers: large ones cover fewer months."""
    months = {"months": LARGE_MONTHS} if customers > LARGE else {}
    return SampleSpec(customers=customers, **(months | given))


def write_lines(
    spec: SampleSpec,
    out: Path,
    *,
    piece_lines: int = PIECE_LINES,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the order lines of a shop in pieces, with what reads them and their totals.

    Parameters
    ----------
    spec
        World, size, seed and period.
    out
        A folder; made if need be. Pieces of an earlier sample shop are replaced.
    piece_lines
        Lines of a file, but for the last one.
    progress
        Called with (what, customers done, customers).

    Returns
    -------
    The truth: totals by month, and the lines of each file.

    Raises
    ------
    FileExistsError
        If the folder holds other files.
    """
    claim(out, {path.name for path in out.glob("orders-*.parquet")})
    index = _goods(spec).index if spec.world == "real" else np.full(spec.months, 10_000)
    totals = _Totals(spec)
    pieces: dict[str, int] = {}
    for piece in _cut(_blocks(spec, totals, progress), piece_lines):
        name = f"orders-{len(pieces) + 1:05d}.parquet"
        store.write_frame(out / name, piece)
        pieces[name] = piece.height
    for path in out.glob("orders-*.parquet"):
        if path.name not in pieces:
            path.unlink()  # of an earlier, larger shop
    truth = _truth(spec, totals, pieces)
    store.write_bytes(out / "price_index.csv", file_of("price_index", index_table(spec, index)))
    store.write_bytes(out / "crm.toml", config_of_pieces(truth).encode())
    tell(out, truth)
    return truth


def _goods(spec: SampleSpec) -> Goods:
    return draw_goods(spec, calendar_of(spec), streams_of(spec.seed))


class _Totals:
    """Value (in 1/10,000), orders and lines by month, added up block by block."""

    def __init__(self, spec: SampleSpec) -> None:
        self._spec = spec
        self._months = pl.Series(calendar_of(spec).month)
        self._sums = np.zeros((spec.months, 3), dtype=np.int64)

    def add(self, lines: pl.DataFrame) -> None:
        """Add lines: order, day, value, sale."""
        months = (
            lines.group_by(month=pl.lit(self._months).gather("day"))
            .agg(pl.col("value").sum(), pl.col("order").filter("sale").n_unique(), lines=pl.len())
            .sort("month")
        )
        self._sums[months["month"].to_numpy()] += months.drop("month").to_numpy().astype(np.int64)

    def by_month(self) -> dict[str, dict[str, Any]]:
        """Tell the sums as truth.json does."""
        return {
            f"{self._spec.month(month):%Y-%m}": {
                "value": exact(int(value)),
                "orders": int(orders),
                "lines": int(lines),
            }
            for month, (value, orders, lines) in enumerate(self._sums)
        }


def _blocks(spec: SampleSpec, totals: _Totals, progress: Progress | None) -> Iterator[pl.DataFrame]:
    """Draw the lines block by block; orders are numbered on."""
    goods = _goods(spec) if spec.world == "real" else None
    orders = 0
    for number, first in enumerate(range(0, spec.customers, BLOCK)):
        last = min(first + BLOCK, spec.customers)
        ids = [f"{(spec.seed + k * _ID_STEP) % 100_000_000:08d}" for k in range(first, last)]
        if goods is None:
            _, lines = draw_clean(ids, spec, streams_of(spec.seed, number))
            amount, day = pl.col("paid") * 100, pl.col("at") // 86_400
        else:
            lines = _real_lines(ids, goods, spec, number)
            amount, day = line_value(), pl.col("day")
        lines = lines.with_columns(pl.col("order") + orders)
        totals.add(lines.select("order", day=day, value=amount, sale=pl.col("quantity") > 0))
        orders = max(orders, *lines.select(pl.col("order").max()).row(0))
        table = (
            clean_line_table(lines, ids, spec)
            if goods is None
            else order_line_table(lines, ids, goods.promotions, spec)
        )
        yield table.drop("unit_cost_recorded")
        if progress:
            progress("sample", last, spec.customers)


def _real_lines(ids: list[str], goods: Goods, spec: SampleSpec, number: int) -> pl.DataFrame:
    streams, calendar = streams_of(spec.seed, number), calendar_of(spec)
    people = draw_people(len(ids), calendar, streams["people"])
    visits = draw_visits(people, calendar, streams["visits"])
    carded = signing_up(visits)
    visits = with_places(visits, people, calendar, streams["places"], carded=carded)
    visits = visits.sort("day", "second", "customer").with_columns(
        order=pl.int_range(1, pl.len() + 1, dtype=pl.Int64), cause=pl.lit(None, dtype=pl.String)
    )
    nobody = pl.Series([], dtype=pl.Int64)
    baskets = draw_baskets(
        visits, people, goods, nobody, rng=streams["baskets"], along=streams["pairs"]
    )
    sales = priced(baskets, goods, calendar).with_columns(planted=pl.lit(value=False))
    lines = with_refunds(sales, calendar, streams["refunds"])
    return lines.with_columns(gap=pl.lit(value=False))


def _cut(blocks: Iterator[pl.DataFrame], lines: int) -> Iterator[pl.DataFrame]:
    """Cut the lines anew, into pieces of as many lines each."""
    waiting: list[pl.DataFrame] = []
    height = 0
    for block in blocks:
        waiting.append(block)
        height += block.height
        while height >= lines:
            whole = pl.concat(waiting)
            yield whole[:lines].rechunk()
            waiting, height = [whole[lines:]], height - lines
    if height:
        yield pl.concat(waiting, rechunk=True)


def _truth(spec: SampleSpec, totals: _Totals, pieces: dict[str, int]) -> dict[str, Any]:
    world = definitions.REAL if spec.world == "real" else definitions.CLEAN
    told: dict[str, Any] = {
        "spec": spec.as_dict(),
        "end": spec.end.isoformat(),
        "pieces": pieces,
        "clean_rows": {"order_lines": sum(pieces.values())},
        "by_month": totals.by_month(),
        "definitions": {name: world[name] for name in ("value", "by_month")},
    }
    if spec.world == "clean":
        segments = {name: asdict(segment) for name, segment in SEGMENTS.items()}
        told |= {"segments": segments}
        told["definitions"] |= {"segments": world["segments"]}
    return told
