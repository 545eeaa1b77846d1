"""Parquet files as text too, so that one contract judges all files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from crmlib.config import Reading
from crmlib.errors import SourceError
from crmlib.i18n import mark
from crmlib.ledger.fields import ROW

ROWS_AT_ONCE = 500_000
# Below this a float is what is left of a subtraction; amounts are read to ten places.
_NOISE = 5e-11


def numbers_are_stored(path: Path, amounts: Sequence[str]) -> bool:
    """Tell whether none of the columns of amounts is text, so that no mark is in doubt."""
    types = _schema(path)
    return not any(types.get(c) == pl.String for c in amounts)


def parquet_text(path: Path, source: Reading) -> Iterator[pl.DataFrame]:
    """Read a Parquet file in batches, with ``_row`` from 1; dates and times stay as they are.

    A number becomes its shortest decimal form, in the declared marks: the number that was meant.
    """
    types = _schema(path)
    columns = [_as_text(c, t, source) for c, t in types.items() if _is_flat(t)]
    try:
        frame = pl.scan_parquet(path).with_row_index(ROW, offset=1)
        frame = frame.select(pl.col(ROW).cast(pl.Int64), *columns)
        yield from frame.collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True)
    except (pl.exceptions.PolarsError, OSError):
        raise _unreadable(path) from None


def _schema(path: Path) -> dict[str, pl.DataType]:
    try:
        types = dict(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, OSError):
        raise _unreadable(path) from None
    if ROW in types:
        raise SourceError(
            mark("{file}: '_row' cannot be the name of a column; rename it"), file=path.name
        )
    return types


def _unreadable(path: Path) -> SourceError:
    return SourceError(mark("{file}: not a readable Parquet file; export it again"), file=path.name)


def _is_flat(dtype: pl.DataType) -> bool:
    return not dtype.is_nested() and dtype not in (pl.Binary, pl.Object)


def _as_text(column: str, dtype: pl.DataType, source: Reading) -> pl.Expr:
    cells = pl.col(column)
    if isinstance(dtype, pl.Datetime) or dtype == pl.Date:
        return cells
    if dtype.is_float():
        cells = pl.when(cells.abs() < _NOISE).then(pl.lit(0, dtype=dtype)).otherwise(cells)
    if isinstance(dtype, pl.Duration):  # seconds, as they are told elsewhere
        cells = cells.dt.total_microseconds().cast(pl.Decimal(38, 6)) / 1_000_000
    text = cells.cast(pl.String)
    if dtype.is_float():
        small = text.str.contains("e-", literal=True)  # 1.2e-6
        plainly = cells.cast(pl.Decimal(38, 10), strict=False).cast(pl.String)
        text = pl.when(small).then(plainly.str.strip_chars_end("0")).otherwise(text)
        text = text.str.strip_suffix(".0")  # an id among floats: 17850.0 is 17850
    if dtype.is_float() or dtype.is_decimal() or isinstance(dtype, pl.Duration):
        text = text.str.replace(".", source.decimal or ".", literal=True)
    return text.alias(column)
