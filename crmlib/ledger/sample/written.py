"""How whole numbers are told: as exact Decimals in tables and in truth.json."""

from datetime import date
from decimal import Decimal

import polars as pl


def exact(number: int, places: int = 4) -> str:
    """Write a whole number of small units as a decimal."""
    return str(Decimal(number).scaleb(-places))


def decimal(number: pl.Expr, places: int, dtype: pl.Decimal | None = None) -> pl.Expr:
    """Read whole numbers as Decimals with so many places."""
    dtype = dtype or pl.Decimal(18, 4)
    unit = pl.lit(Decimal(1).scaleb(-places))
    return (number.cast(pl.Decimal(38, dtype.scale)) * unit).cast(dtype)


def named(names: list[str], number: str) -> pl.Expr:
    """Look names up by number; -1 has none."""
    column = pl.col(number)
    return pl.lit(pl.Series(names, dtype=pl.String)).gather(pl.when(column >= 0).then(column))


def moment(start: date, second: str | pl.Expr) -> pl.Expr:
    """Turn seconds since the start into a time."""
    seconds = pl.col(second) if isinstance(second, str) else second
    return pl.lit(start).cast(pl.Datetime("us")) + pl.duration(seconds=seconds)


def order_id(order: str = "order") -> pl.Expr:
    """Name an order by its number."""
    return pl.format("S{}", pl.col(order).cast(pl.String).str.zfill(8))
