"""How one table's files are read: ``[order_lines]`` and its like in a ``crm.toml``."""

from __future__ import annotations

import codecs
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Frozen(BaseModel):
    """A section of a configuration: known keys only, and it does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RowFilter(Frozen):
    """A named rule that drops rows; exactly one condition.

    ``column`` is a column of the source, or one of ours that is mapped. Numbers are read in
    the source's number format.
    """

    name: str = Field(min_length=1)
    column: str
    missing: bool | None = None
    equals: str | None = None
    one_of: list[str] | None = None
    starts_with: str | None = None
    matches: str | None = None
    below: Decimal | None = None
    at_most: Decimal | None = None
    above: Decimal | None = None
    at_least: Decimal | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> RowFilter:
        given = self.model_fields_set - {"name", "column"}
        if len(given) != 1:
            raise ValueError(f"needs exactly one condition, has {len(given)}")
        if self.missing is False:
            raise ValueError("missing can only be true")
        if self.matches is not None:
            try:  # in the language of those who will run it: polars has no look-around
                pl.Series([""]).str.contains(self.matches)
            except pl.exceptions.PolarsError:
                raise ValueError("matches is not a regular expression") from None
        return self


class Source(Frozen):
    """How one table's files are read."""

    files: list[str] = Field(min_length=1)
    format: Literal["csv", "parquet"] | None = None
    encoding: str = "utf-8"
    separator: str = Field(",", description="one character, or 'blank' for runs of blanks")
    quote: str = Field('"', max_length=1)
    header: bool = True
    names: list[str] = []
    skip_rows: int = Field(0, ge=0)
    null_values: list[str] = []
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", " ", "'"] = ""
    date_format: str | None = None
    vat_in_percent: bool = False
    columns: dict[str, str] = {}
    values: dict[str, str] = {}
    order_id_from: list[str] = []
    drop: list[RowFilter] = []
    duplicates: Literal["keep", "drop"] = "keep"
    accept_unterminated_last_line: bool = False
    expected_rows: int | None = Field(None, ge=0)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "a".encode(value)  # base64 and its like are codecs, but no text encodings
            return codecs.lookup(value).name
        except LookupError as error:
            raise ValueError("no such encoding, e.g. utf-8 or cp1254") from error

    @field_validator("separator")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if value != "blank" and not _is_mark(value):
            raise ValueError("must be one character, or 'blank' for runs of blanks")
        return value

    @field_validator("quote")
    @classmethod
    def _one_quote(cls, value: str) -> str:
        if value and not _is_mark(value):
            raise ValueError("must be one character, or '' where fields are not quoted")
        return value

    @field_validator("date_format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and not _is_date_format(value):
            raise ValueError("not a date format, e.g. %d.%m.%Y or %Y-%m-%d %H:%M:%S")
        return value

    @field_validator("names")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len({n.casefold() for n in value}) < len(value) or not all(value):
            raise ValueError("every column needs a name of its own")
        return [_composed(name) for name in value]

    @field_validator("columns")
    @classmethod
    def _composed_names(cls, value: dict[str, str]) -> dict[str, str]:
        return {ours: _composed(theirs) for ours, theirs in value.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError("decimal and thousands must differ")
        if self.thousands and self.decimal is None:
            raise ValueError("thousands needs decimal: declare both marks")
        if self.quote and self.quote == self.separator:
            raise ValueError("separator and quote must differ")
        if self.header and self.names:
            raise ValueError("names are for files without a header: set header = false")
        if not self.header and not self.names:
            raise ValueError("header = false needs names = [...]")
        twice = self.columns.keys() & self.values.keys()
        if twice:
            raise ValueError(f"both mapped and fixed: {', '.join(sorted(twice))}")
        return self


def _is_mark(value: str) -> bool:
    """Tell whether a text is one plain character, as separators and quotes must be."""
    return len(value) == 1 and value.isascii() and (value.isprintable() or value == "\t")


def _is_date_format(value: str) -> bool:
    """Tell whether dates, times or months that are written in this format can be read by it."""
    moment = pl.Series([datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)])
    for form in (value, f"{value}|%d"):  # a month gets a day to be read
        try:
            text = moment.dt.strftime(form.replace("%#z", "%z")).str
            found = [r(form, strict=False).item() for r in (text.to_datetime, text.to_date)]
        except pl.exceptions.PolarsError:
            continue
        if any(f is not None and (f.year, f.month) == (2024, 5) for f in found):
            return True
    return False


def _composed(name: str) -> str:
    """Write a name as the reader of headers does: stripped, its letters composed."""
    return unicodedata.normalize("NFC", name.strip())
