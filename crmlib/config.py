"""The configuration: ``crm.toml`` says how a firm's files map to the tables.

Unknown keys are refused with the nearest right one. Paths are relative to the file.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from crmlib import schema
from crmlib.errors import ConfigError
from crmlib.i18n import mark

DEFAULT_WORKSPACE = Path("data/derived")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shop(_Frozen):
    """The firm: its currency, its clock and whether its prices include VAT."""

    name: str = "My shop"
    currency: str = Field("TRY", pattern="^[A-Z]{3}$")
    time_zone: str = "Europe/Istanbul"
    prices_include_vat: bool = True
    vat_rate: Decimal = Field(Decimal(0), ge=0, le=1)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("no such time zone, e.g. Europe/Istanbul") from error
        return value


class History(_Frozen):
    """Where the data begin to be complete, and the day that figures refer to."""

    complete_from: date | None = None
    burn_in_days: int = Field(180, ge=0)
    as_of: date | None = None


class Privacy(_Frozen):
    """Pseudonyms of customers; a published key is for sample and public data only."""

    pseudonyms: bool = True
    published_key: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    key_file: Path | None = None


class RowFilter(_Frozen):
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


class Source(_Frozen):
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
        import codecs

        try:
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


class Config(_Frozen):
    """The whole of a ``crm.toml``, with the folder it stood in."""

    shop: Shop = Shop()
    history: History = History()
    privacy: Privacy = Privacy()
    order_lines: Source
    customers: Source | None = None
    products: Source | None = None
    price_index: Source | None = None
    workspace: Path = DEFAULT_WORKSPACE
    folder: Path = Field(Path(), exclude=True)

    @model_validator(mode="after")
    def _known_columns(self) -> Config:
        for table, source in self.sources().items():
            known = schema.columns(table)
            for column in [*source.columns, *source.values]:
                if column not in known:
                    raise ValueError(f"{table}.columns: {_unknown(column, known)}")
            _check_required(table, source)
        return self

    def sources(self) -> dict[str, Source]:
        """Give the tables that have a source."""
        found = {table: getattr(self, table) for table in schema.TABLES}
        return {table: source for table, source in found.items() if source is not None}

    @property
    def fingerprint(self) -> str:
        """Identify what the tables depend on (not where they lie)."""
        import hashlib

        content = self.model_dump_json(exclude={"workspace", "folder"})
        return hashlib.sha256(content.encode()).hexdigest()


def _check_required(table: str, source: Source) -> None:
    given = {*source.columns, *source.values}
    if source.order_id_from:
        given.add("order_id")
    if not source.columns and source.header:
        return  # the files use our names; the reader checks the header
    lacking = [c for c in schema.REQUIRED[table] if c not in given]
    if lacking:
        raise ValueError(f"{table}.columns lacks {', '.join(lacking)}")
    if table == "order_lines" and not given & {"unit_price", "line_total"}:
        raise ValueError("order_lines.columns needs unit_price or line_total")


def _unknown(key: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
    return f"unknown key '{key}'; {hint}"


def _allowed(data: dict[str, Any], model: type[BaseModel], path: str = "") -> Iterable[str]:
    """Yield a sentence for every key that the model does not have."""
    for key, value in data.items():
        field = model.model_fields.get(key)
        if field is None or field.exclude:
            names = [n for n, f in model.model_fields.items() if not f.exclude]
            yield f"{path}{_unknown(key, names)}"
            continue
        for inner in _models(field.annotation):
            items = value if isinstance(value, list) else [value]
            for item in items:
                if isinstance(item, dict):
                    yield from _allowed(item, inner, f"{path}{key}.")


def _models(annotation: Any) -> list[type[BaseModel]]:
    from typing import get_args

    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [m for inner in get_args(annotation) for m in _models(inner)]


def load(
    path: Path | str, *, source: Path | str | None = None, workspace: Path | str | None = None
) -> Config:
    """Read a configuration.

    Parameters
    ----------
    path
        The TOML file.
    source
        Folder to look for the files in, instead of the configuration's own; or one file that
        takes the place of the order lines' files.
    workspace
        Folder for the tables, instead of the configured one.

    Raises
    ------
    ConfigError
        If the file is missing, is not TOML, or holds an unknown key or a wrong value.
    """
    path = Path(path)
    data = _read_toml(path)
    unknown = list(_allowed(data, Config))
    if unknown:
        raise ConfigError(mark("{file}: {what}"), file=path.name, what="; ".join(unknown))
    folder = path.resolve().parent
    if source is not None:
        folder = Path(source).resolve()
        if folder.is_file():
            data.setdefault("order_lines", {})["files"] = [folder.name]
            folder = folder.parent
    try:
        read = Config.model_validate(data | {"folder": folder})
    except ValidationError as error:
        raise ConfigError(mark("{file}: {what}"), file=path.name, what=_explain(error)) from None
    target = Path(workspace) if workspace is not None else default_workspace(read, path)
    return read.model_copy(update={"workspace": target.resolve()})


def default_workspace(config: Config, path: Path) -> Path:
    """Tell where the tables go: as configured (relative to the file), else data/derived here."""
    if "workspace" in config.model_fields_set:
        return path.resolve().parent / config.workspace
    return Path(os.environ.get("CRM_WORKSPACE") or DEFAULT_WORKSPACE)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            mark("{file}: no such configuration; 'crm init' writes one to begin with"),
            file=str(path),
        ) from None
    except OSError as error:
        raise ConfigError(
            mark("{file}: cannot be read ({reason})"), file=str(path), reason=error.strerror
        ) from None
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            mark("{file}, line {line}: not UTF-8; save the configuration as UTF-8"),
            file=path.name,
            line=line,
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            mark("{file}: not valid TOML: {reason}"), file=path.name, reason=_place(error)
        ) from None


def _place(error: tomllib.TOMLDecodeError) -> str:
    """Keep the parser's reason and place; its message may quote a value, so digits only."""
    found = re.search(r"\(at (.+?)\)", str(error))
    return f"{str(error).split('(')[0].split(':')[0].strip()} ({found[1] if found else '?'})"


def _explain(error: ValidationError) -> str:
    """Name the keys that are wrong; never their values, which may be a secret."""
    places = []
    for item in error.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        places.append(f"{where}: {message}" if where else message)
    return "; ".join(places)
