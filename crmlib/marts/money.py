"""Money between exact decimals, whole units and floats: the same to the last digit everywhere."""

from __future__ import annotations

from decimal import Decimal

import narwhals as nw

MONEY = nw.Decimal(18, 4)
_UNITS = 10_000  # 4 decimals
_WIDE, _WIDER = nw.Decimal(24, 4), nw.Decimal(22, 4)


def units(money: nw.Expr) -> nw.Expr:
    """Give money as a whole number of 1/10,000; exact."""
    scale = nw.lit(_UNITS).cast(nw.Decimal(5, 0))
    return (money.cast(_WIDE) * scale).cast(nw.Int64)


def money(units: nw.Expr) -> nw.Expr:
    """Give a whole number of 1/10,000 as money; exact."""
    one = nw.lit(Decimal("0.0001")).cast(nw.Decimal(4, 4))
    return (units.cast(nw.Decimal(18, 0)).cast(_WIDER) * one).cast(MONEY)


def amount(money: nw.Expr) -> nw.Expr:
    """Give money as a float, the nearest one.

    A cast does so on every engine; a division does not: polars multiplies by 1/10,000 instead.
    """
    return money.cast(nw.Float64)


def times(amount: nw.Expr, ratio: nw.Expr) -> nw.Expr:
    """Multiply money by a float and round half away from zero, alike on every engine.

    Engines' ``round`` differ: some multiply by 10,000 and divide again, each with an error in the
    last bit. Here the float product of whole units is the only inexact step, and it is the same
    wherever floats are of IEEE 754; adding a half and cutting off rounds it. An amount and its
    refund cancel.
    """
    product = units(amount).cast(nw.Float64) * ratio
    return money(nearest(product))


def nearest(number: nw.Expr) -> nw.Expr:
    """Round a float to a whole number, half away from zero."""
    size = (number.abs() + 0.5).floor().cast(nw.Int64)
    return nw.when(number < 0).then(0 - size).otherwise(size)


def added(*columns: str) -> list[nw.Expr]:
    """Sum columns of money."""
    return [nw.col(c).sum().cast(MONEY) for c in columns]


def nothing() -> nw.Expr:
    """Give no money."""
    return nw.lit(0).cast(MONEY)


def or_nothing(*columns: str) -> list[nw.Expr]:
    """Take missing amounts as none."""
    return [nw.col(c).fill_null(0).cast(MONEY) for c in columns]
