"""Text to amounts and times, strictly by what was declared; what does not fit is null."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

import polars as pl

from crmlib.config import Reading, Source

# Amounts are read with more decimals than are kept, so that rounding happens once, at the end.
AMOUNT = pl.Decimal(38, 10)

# Other words for yes and no are a firm's own: they are declared by ``recode``.
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_ISO_DATES = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_CLOCK = re.compile(r"%[-_0]?[HIklTRrXcs+]")
_OFFSET = re.compile(r"%[:#]*z|%\+")


def plain(text: pl.Expr, source: Reading, *, ascii_only: bool = False) -> pl.Expr:
    """Strip a text, compose its letters (NFC) and turn what means 'nothing' to null."""
    stripped = text.str.strip_chars()
    if not ascii_only:
        stripped = stripped.str.normalize("NFC")
    return pl.when(~stripped.is_in(["", *source.null_values])).then(stripped)


def is_ascii(text: pl.Series) -> bool:
    """Tell whether a column has ASCII alone, where there is nothing to compose."""
    return bool(text.str.len_bytes().sum() == text.str.len_chars().sum())


def amount(text: pl.Expr, source: Reading) -> pl.Expr:
    """Read numbers by the declared marks, strictly: thousands are groups of three digits."""
    decimal, thousands = source.decimal or ".", source.thousands
    # Blanks that spreadsheets put between thousands may be of the non-breaking kinds.
    cleaned = text.str.replace_all("[\u00a0\u2009\u202f]", " ")
    whole = "[0-9]+"
    if thousands:
        whole += rf"|[1-9][0-9]{{0,2}}(?:\{thousands}[0-9]{{3}})+"
    shaped = cleaned.str.contains(rf"^[+-]?(?:(?:{whole})(?:\{decimal}[0-9]+)?|\{decimal}[0-9]+)$")
    bare = cleaned
    if thousands:
        bare = bare.str.replace_all(thousands, "", literal=True)
    if decimal != ".":
        bare = bare.str.replace_all(decimal, ".", literal=True)
    return pl.when(shaped).then(bare).cast(AMOUNT, strict=False)


def moment(text: pl.Expr, source: Source, zone: str) -> pl.Expr:
    """Read times by the declared format (else ISO 8601) as local time of ``zone``.

    A clock time that the zone skips in spring gives null: it did not exist; but a skipped
    midnight is a date that was written as a time. One that comes twice in autumn is the earlier.
    """
    formats = [source.date_format] if source.date_format else []
    if not formats or source.format == "xlsx":  # a workbook's dates come as ISO 8601
        formats += _ISO_DATES
    return pl.coalesce(_moment(text, f, zone) for f in formats)


def _moment(text: pl.Expr, form: str, zone: str) -> pl.Expr:
    if not has_clock(form):
        return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    read = text.str.to_datetime(form, time_unit="us", strict=False)
    if has_offset(form):
        return read.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    existing = read.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    midnight = pl.when(read.dt.time() == time(0)).then(read)
    return pl.coalesce(existing.dt.replace_time_zone(None), midnight)


def has_clock(form: str) -> bool:
    """Tell whether a date format holds a time of day."""
    return bool(_CLOCK.search(form))


def has_offset(form: str) -> bool:
    """Tell whether a date format holds an offset from UTC."""
    return bool(_OFFSET.search(form))


def _month(text: pl.Expr, source: Source) -> pl.Expr:
    form = source.date_format or "%Y-%m"
    if "%d" in form:
        return text.str.to_date(form, strict=False)
    month = (text + pl.lit("|01")).str.to_date(f"{form}|%d", strict=False)
    if source.format == "xlsx":
        return pl.coalesce(month, text.str.to_date("%Y-%m-%d", strict=False))
    return month


def typed(column: str, dtype: Any, text: pl.Expr, source: Source, zone: str) -> pl.Expr:
    """Read a text column as ``dtype``; amounts stay with all their decimals."""
    if dtype == pl.Datetime("us"):
        return moment(text, source, zone)
    if dtype == pl.Date:
        return _month(text, source) if column == "month" else moment(text, source, zone).dt.date()
    if isinstance(dtype, pl.Decimal):
        read = amount(text, source)
        if column != "vat_rate" or not source.vat_in_percent:
            return read
        # A cell that looks like 18 % holds 0.18: no rate in per cent, and not to be divided again.
        return pl.when((read == 0) | (read >= 1)).then(read / 100)
    if dtype == pl.Float64:
        return amount(text, source).cast(pl.Float64)
    if dtype == pl.Int32:
        return text.cast(pl.Int32, strict=False)
    if dtype == pl.Boolean:
        return text.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=dtype)
    return text
