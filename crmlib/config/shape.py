"""What is done to a file's columns before they are mapped: glued, joined, turned to rows."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from crmlib.config.reading import Frozen, Reading, composed


class Glue(Frozen):
    """A column made of others, e.g. a date and a time; written as a plain list, or a table.

    Attributes
    ----------
    of
        The columns, in order; one alone is copied.
    by
        What stands between them.
    skip_missing
        Leave missing parts out; otherwise a missing part makes the whole missing.
    """

    of: list[str] = Field(min_length=1)
    by: str = " "
    skip_missing: bool = False

    @model_validator(mode="before")
    @classmethod
    def _plain_list(cls, value: Any) -> Any:
        return {"of": value} if isinstance(value, list) else value

    @field_validator("of")
    @classmethod
    def _composed(cls, value: list[str]) -> list[str]:
        return [composed(name) for name in value]


class Elapsed(Frozen):
    """A time that is told as seconds after another one.

    Attributes
    ----------
    after
        Our column of the earlier time.
    seconds
        The source's column of seconds.
    """

    after: str
    seconds: str

    @field_validator("seconds")
    @classmethod
    def _composed(cls, value: str) -> str:
        return composed(value)


class Join(Reading):
    """Further columns, looked up by key in another file, which is read as declared here.

    Attributes
    ----------
    on
        Key: a column that both files have, several, or ``{here = "there"}``.
    take
        Columns to take over, under their names or as ``{here = "there"}``; each key stands once
        in the file.
    sum
        Columns of numbers to be added up for each key, written like ``take``.
    """

    on: dict[str, str]
    take: dict[str, str] = Field({})
    sum: dict[str, str] = Field({})

    @field_validator("on", "take", "sum", mode="before")
    @classmethod
    def _same_names(cls, value: Any) -> Any:
        names = [value] if isinstance(value, str) else value
        return {str(n): n for n in names} if isinstance(names, list) else names

    @field_validator("on", "take", "sum")
    @classmethod
    def _composed(cls, value: dict[str, str]) -> dict[str, str]:
        return {composed(here): composed(there) for here, there in value.items()}

    @model_validator(mode="after")
    def _one_purpose(self) -> Join:
        if not self.on:
            raise ValueError("on names the key: a column that both files have")
        if bool(self.take) == bool(self.sum):
            raise ValueError("needs take = [...] or sum = [...], and not both")
        return self


class Unpivot(Frozen):
    """Columns that become rows: one row a column, with its name and what stands in it.

    Attributes
    ----------
    columns
        The columns.
    field, value
        Names of the two columns that take their place.
    """

    columns: list[str] = Field(min_length=1)
    field: str = "field"
    value: str = "value"

    @field_validator("columns")
    @classmethod
    def _composed(cls, value: list[str]) -> list[str]:
        names = [composed(name) for name in value]
        if len(set(names)) < len(names):
            raise ValueError("a column stands twice")
        return names

    @model_validator(mode="after")
    def _two_columns(self) -> Unpivot:
        if self.field == self.value:
            raise ValueError("field and value need names of their own")
        return self
