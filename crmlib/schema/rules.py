"""What columns of several tables share: classes of privacy, units, checks of ids and times."""

from __future__ import annotations

from typing import Any

import dataframely as dy
import polars as pl

MONEY = "shop currency"
FOLDS = 64

# Rows that a spreadsheet adds below the data; counted twice if they were read as an order.
_TOTAL_ROW = r"(?i)^\s*(genel\s+)?(toplam|total|grand\s+total|sum)\s*:?\s*$"
# What programs write for a missing value; as an id it would make one customer of all strangers.
_NOTHING = r"(?i)^(nan|nat|null|none|nil|n/a|<na>)$"
# A spreadsheet that opened the file has turned a long id into a rounded number.
_SCIENTIFIC = r"^[+-]?\d+([.,]\d+)?[eE]\+?\d+$"

# What a cell shows whose formula failed.
_ERROR = r"^#(DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|SPILL!|CALC!|GETTING_DATA)$"


def about(privacy: str, unit: str | None = None) -> dict[str, Any]:
    """Say what a column means for a person, and its unit where it has one."""
    return {"privacy": privacy} | ({"unit": unit} if unit else {})


def _sound_id(expr: pl.Expr) -> pl.Expr:
    return (expr.str.len_chars() > 0) & ~expr.str.contains(_SCIENTIFIC)


def _not_a_total(expr: pl.Expr) -> pl.Expr:
    return ~expr.str.contains(_TOTAL_ROW)


def _not_a_word_for_nothing(expr: pl.Expr) -> pl.Expr:
    return ~expr.str.contains(_NOTHING)


def _not_an_error(expr: pl.Expr) -> pl.Expr:
    return ~expr.str.contains(_ERROR)


CUSTOMER_CHECKS = {
    "sound_id": _sound_id,
    "not_a_word_for_nothing": _not_a_word_for_nothing,
    "not_an_error": _not_an_error,
}
ID_CHECKS = CUSTOMER_CHECKS | {"not_a_total_row": _not_a_total}
_EARLIEST = pl.datetime(1990, 1, 1)
_LATEST = pl.datetime(2100, 1, 1)
PLAUSIBLE_TIME = {"plausible_date": lambda e: (e >= _EARLIEST) & (e < _LATEST)}
# A year of two digits, read as four, is a thousand years and more away.
PLAUSIBLE_DAY = {"plausible_date": lambda e: e.dt.year().is_between(1900, 2100)}


def customer(*, required: bool = True, key: bool = False) -> dy.String:
    """Make the column of a customer's id."""
    said = "Customer, as a keyed pseudonym" + ("." if required else "; empty when not known.")
    checks = ID_CHECKS if required else CUSTOMER_CHECKS
    return dy.String(
        nullable=not required,
        primary_key=key,
        check=checks,
        metadata=about("identifier"),
        description=said,
    )


def identifier(description: str, *, key: bool = False, privacy: str = "none") -> dy.String:
    """Make the column of another id that a row needs."""
    return dy.String(
        nullable=False,
        primary_key=key,
        check=ID_CHECKS,
        metadata=about(privacy),
        description=description,
    )


def words(description: str, *, required: bool = False, privacy: str = "behaviour") -> dy.String:
    """Make a column of plain text."""
    return dy.String(nullable=not required, metadata=about(privacy), description=description)


def moment(description: str, *, required: bool = False) -> dy.Datetime:
    """Make a column of local times."""
    return dy.Datetime(
        nullable=not required,
        check=PLAUSIBLE_TIME,
        metadata=about("behaviour", "local time of the declared zone"),
        description=description,
    )


def cost(description: str, *, privacy: str = "behaviour") -> dy.Decimal:
    """Make a column of what something cost the firm."""
    return dy.Decimal(
        18,
        4,
        nullable=True,
        metadata=about(privacy, MONEY + " without VAT"),
        description=description,
    )


def fold(of: str = "customer") -> dy.Int32:
    """Make the column of the fold, drawn once at intake."""
    return dy.Int32(
        nullable=True,
        min=0,
        max=FOLDS - 1,
        metadata=about("none"),
        description=f"Random group of the {of}; empty where there is none.",
    )


def day_of(column: str) -> dy.Int32:
    """Make the integer day of a time."""
    return dy.Int32(
        nullable=False,
        metadata=about("behaviour", "days since 1970-01-01"),
        description=f"Local day of {column}.",
    )
