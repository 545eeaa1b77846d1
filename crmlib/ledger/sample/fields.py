"""How values are written in the raw files: Turkish numbers, local times, words of other systems."""

from decimal import Decimal

import polars as pl

from crmlib.ledger.sample.config import HEADERS, SOURCES, WORDS


def turkish(column: str, places: int) -> pl.Expr:
    """Write numbers exactly, as in 1.234,56; with places = 0 as in 2 and 0,350."""

    def text(number: str) -> str:
        value = Decimal(number)
        whole = places == 0 and value == value.to_integral_value()
        plain = f"{value:,.0f}" if whole else f"{value:,.{places or 3}f}"
        return plain.translate(str.maketrans(",.", ".,"))

    def texts(numbers: pl.Series) -> pl.Series:
        different = numbers.unique().drop_nulls().to_list()  # far fewer than rows
        written = [text(number) for number in different]
        return numbers.replace_strict(different, written, default=None, return_dtype=pl.String)

    return pl.col(column).cast(pl.String).map_batches(texts, return_dtype=pl.String)


def file_of(table: str, frame: pl.DataFrame) -> bytes:
    """Write a table as its source declares it."""
    source = SOURCES[table]
    columns = [_written(name, dtype, source) for name, dtype in frame.schema.items()]
    text = frame.select(columns)
    for column, words in WORDS.get(table, {}).items():
        theirs = {ours: word for word, ours in words.items()}
        text = text.with_columns(pl.col(column).replace(theirs))
    text = text.rename(HEADERS[table])
    return text.write_csv(separator=source["separator"]).encode(source["encoding"])


def _written(name: str, dtype: pl.DataType, source: dict[str, str]) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_temporal():
        return column.dt.strftime(source["date_format"])
    if dtype.is_decimal():
        places = 2 if name in {"index", "value"} else 4
        if source["decimal"] == ",":
            return turkish(name, places)
        return column.cast(pl.Decimal(18, places)).cast(pl.String)
    return column.cast(pl.String)
