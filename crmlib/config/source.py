"""How one table's files are read: ``[order_lines]`` and its like in a ``crm.toml``."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from crmlib.config.reading import Frozen, Reading, composed
from crmlib.config.shape import Elapsed, Glue, Join, Unpivot


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


class Source(Reading):
    """How one table's files are read.

    A file's columns are first made ready, each step with the columns that are there by then:
    ``row_number``, ``recode``, ``glue``, ``join`` in its order, ``unpivot``. Then rows are
    dropped by the named rules, and columns are mapped.

    Attributes
    ----------
    columns, values
        Our column -> the source's; our column -> one value for all rows.
    date_format
        Of all dates and times of the table; ISO 8601 without it.
    row_number
        Name of a new column that holds the number of the row (as errors tell it): an id where
        the file has none.
    recode
        By column (the source's, or ours that is mapped), words of the source -> words of ours;
        an empty text makes a word mean 'missing'. Words that are not listed stay.
    glue
        New columns made of several, joined by a blank: ``opened = ["date", "time"]``.
    join
        Further columns from other files by key: see :class:`Join`.
    unpivot
        Columns that become rows of field and value: see :class:`Unpivot`.
    elapsed
        Our columns of times that the source tells as seconds after another time, e.g. of waiting:
        ``left_queue = {after = "queued", seconds = "wait"}``; see :class:`Elapsed`.
    order_id_from
        Columns that tell the orders apart where no order has a number; ``day`` is the local day.
    outcomes, pre, segments
        Of ``responses``: columns of results, of what was known before, of groups.
    drop
        Named rules that drop rows, in their order.
    duplicates
        Whether identical rows of one file are several facts (``keep``) or one (``drop``).
    expected_rows
        Rows that all files together must have.
    """

    date_format: str | None = None
    vat_in_percent: bool = False
    columns: dict[str, str] = Field({})
    values: dict[str, str] = Field({})
    row_number: str | None = Field(None, min_length=1)
    recode: dict[str, dict[str, str]] = Field({})
    glue: dict[str, Glue] = Field({})
    join: list[Join] = Field([])
    unpivot: Unpivot | None = None
    elapsed: dict[str, Elapsed] = Field({})
    order_id_from: list[str] = Field([])
    outcomes: list[str] = Field([])
    pre: list[str] = Field([])
    segments: list[str] = Field([])
    drop: list[RowFilter] = Field([])
    duplicates: Literal["keep", "drop"] = "keep"
    expected_rows: int | None = Field(None, ge=0)

    @field_validator("date_format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and not _is_date_format(value):
            raise ValueError("not a date format, e.g. %d.%m.%Y or %Y-%m-%d %H:%M:%S")
        return value

    @field_validator("columns")
    @classmethod
    def _composed_names(cls, value: dict[str, str]) -> dict[str, str]:
        return {ours: composed(theirs) for ours, theirs in value.items()}

    @field_validator("recode")
    @classmethod
    def _composed_words(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        words = {
            composed(column): {composed(theirs): ours.strip() for theirs, ours in pairs.items()}
            for column, pairs in value.items()
        }
        if any("" in pairs for pairs in words.values()):
            raise ValueError("a missing cell has no word to recode; use values or drop")
        return words

    @field_validator("outcomes", "pre", "segments")
    @classmethod
    def _composed_measures(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("a column stands twice")
        if not all(name.strip() for name in value):
            raise ValueError("a column has no name")
        return [composed(name) for name in value]

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        twice = self.columns.keys() & self.values.keys()
        twice |= (self.columns.keys() | self.values.keys()) & self.elapsed.keys()
        if twice:
            raise ValueError(f"both mapped and fixed: {', '.join(sorted(twice))}")
        both = sorted(
            c for c in self.recode if self.columns.get(c, c) != c and self.columns[c] in self.recode
        )
        if both:
            raise ValueError(f"recode names {both[0]} and {self.columns[both[0]]}, which are one")
        return self

    def measures(self) -> dict[str, str]:
        """Give the further columns of ``responses``: ours -> the source's."""
        kinds = {"outcome": self.outcomes, "pre": self.pre, "segment": self.segments}
        return {f"{kind}_{name}": name for kind, names in kinds.items() for name in names}


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
