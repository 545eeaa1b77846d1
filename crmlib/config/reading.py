"""How a file is read: format, encoding, marks, header."""

from __future__ import annotations

import codecs
import unicodedata
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Frozen(BaseModel):
    """A section of a configuration: known keys only, and it does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reading(Frozen):
    """How some files of one kind are read.

    Attributes
    ----------
    files
        Names or patterns, relative to the configuration (or to ``--source``).
    format
        ``csv``, ``parquet`` or ``xlsx``; by default as the files' names end.
    sheet
        Sheet of a workbook; not needed where one sheet is visible.
    """

    files: list[str] = Field(min_length=1)
    format: Literal["csv", "parquet", "xlsx"] | None = None
    encoding: str = "utf-8"
    separator: str = Field(",", description="one character, or 'blank' for runs of blanks")
    quote: str = Field('"', max_length=1)
    header: bool = True
    names: list[str] = []
    skip_rows: int = Field(0, ge=0)
    sheet: str | None = None
    null_values: list[str] = []
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", " ", "'"] = ""
    accept_unterminated_last_line: bool = False

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

    @field_validator("names")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len({n.casefold() for n in value}) < len(value) or not all(value):
            raise ValueError("every column needs a name of its own")
        return [composed(name) for name in value]

    @model_validator(mode="after")
    def _consistent_marks(self) -> Reading:
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
        return self


def _is_mark(value: str) -> bool:
    """Tell whether a text is one plain character, as separators and quotes must be."""
    return len(value) == 1 and value.isascii() and (value.isprintable() or value == "\t")


def composed(name: str) -> str:
    """Write a name as the reader of headers does: stripped, its letters composed."""
    return unicodedata.normalize("NFC", name.strip())
