"""The configuration: ``crm.toml`` says how a firm's files map to the tables.

Unknown keys are refused with the nearest right one. Paths are relative to the file.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from crmlib import schema
from crmlib.config.reading import Frozen, Reading
from crmlib.config.shape import Elapsed, Glue, Join, Unpivot
from crmlib.config.source import RowFilter, Source
from crmlib.errors import ConfigError
from crmlib.i18n import mark

DEFAULT_WORKSPACE = Path("data/derived")

__all__ = [
    "Config",
    "Elapsed",
    "Glue",
    "History",
    "Join",
    "Privacy",
    "Reading",
    "RowFilter",
    "Shop",
    "Source",
    "Unpivot",
    "default_workspace",
    "load",
]


class Shop(Frozen):
    """The firm: its currency, its clock and whether its prices include VAT."""

    name: str = "My shop"
    currency: str = "TRY"
    time_zone: str = "Europe/Istanbul"
    prices_include_vat: bool = True
    vat_rate: Decimal = Field(Decimal(0), ge=0, le=1)

    @field_validator("currency")
    @classmethod
    def _three_letters(cls, value: str) -> str:
        if not re.fullmatch("[A-Z]{3}", value):
            raise ValueError("must be three capital letters, e.g. TRY")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("no such time zone, e.g. Europe/Istanbul") from error
        return value


class History(Frozen):
    """Where the data begin to be complete, and the day that figures refer to."""

    complete_from: date | None = None
    burn_in_days: int = Field(180, ge=0, le=3650)
    as_of: date | None = None


class Privacy(Frozen):
    """Pseudonyms of customers; a published key is for sample and public data only."""

    pseudonyms: bool = True
    published_key: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    key_file: Path | None = None


class Config(Frozen):
    """The whole of a ``crm.toml``, with the folder it stood in."""

    shop: Shop = Shop()
    history: History = History()
    privacy: Privacy = Privacy()
    order_lines: Source | None = None
    customers: Source | None = None
    consents: Source | None = None
    products: Source | None = None
    deliveries: Source | None = None
    campaigns: Source | None = None
    assignments: Source | None = None
    contacts: Source | None = None
    touches: Source | None = None
    service: Source | None = None
    reviews: Source | None = None
    attributes: Source | None = None
    identities: Source | None = None
    targets: Source | None = None
    events: Source | None = None
    price_index: Source | None = None
    responses: Source | None = None
    workspace: Path = DEFAULT_WORKSPACE
    folder: Path = Field(Path(), exclude=True)

    @model_validator(mode="after")
    def _known_columns(self) -> Config:
        if not self.sources():
            raise ValueError(
                "no table has a source; begin with [order_lines] and its files, or 'crm init'"
            )
        for table, source in self.sources().items():
            known = schema.columns(table)
            for column in [*source.columns, *source.values, *source.elapsed]:
                if column not in known:
                    raise ValueError(f"{table}.columns: {_unknown(column, known)}")
            _check_required(table, source)
            _check_lines_only(table, source)
            _check_measures(table, source)
            _check_elapsed(table, source)
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
    given = {*source.columns, *source.values, *source.elapsed}
    if source.order_id_from:
        given.add("order_id")
    if not source.columns:  # the files use our names
        if source.header:
            return  # the reader checks them
        given |= set(source.names)
    lacking = [c for c in schema.REQUIRED[table] if c not in given]
    if lacking:
        raise ValueError(f"{table}.columns lacks {', '.join(lacking)}")
    if table == "order_lines" and not given & {"unit_price", "line_total"}:
        raise ValueError("order_lines.columns needs unit_price or line_total")


def _check_lines_only(table: str, source: Source) -> None:
    options = {"order_id_from": source.order_id_from, "vat_in_percent": source.vat_in_percent}
    for option, given in options.items():
        if given and table != "order_lines":
            raise ValueError(f"{table}: {option} is for [order_lines]")


def _check_measures(table: str, source: Source) -> None:
    if table != "responses" and source.measures():
        raise ValueError(f"{table}: outcomes, pre and segments are for [responses]")
    if table == "responses" and not source.outcomes:
        raise ValueError("responses needs outcomes = [...]: the columns that hold the results")


def _check_elapsed(table: str, source: Source) -> None:
    times = [n for n, c in schema.TABLES[table].columns().items() if c.dtype == pl.Datetime("us")]
    done: set[str] = set()
    for ours, elapsed in source.elapsed.items():
        if elapsed.after in source.elapsed and elapsed.after not in done:
            raise ValueError(f"{table}.elapsed: {ours} is after {elapsed.after}: write that first")
        done.add(ours)
        for column in (ours, elapsed.after):
            if column not in times:
                known = ", ".join(times) or "none"
                raise ValueError(f"{table}.elapsed: '{column}' is no time; times are {known}")


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
        named = get_origin(field.annotation) is dict and isinstance(value, dict)
        for inner in _models(field.annotation):
            items = list(value.values()) if named else value if isinstance(value, list) else [value]
            for item in items:
                if isinstance(item, dict):
                    yield from _allowed(item, inner, f"{path}{key}.")


def _models(annotation: Any) -> list[type[BaseModel]]:
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
        takes the place of the order lines' files (of the only table's, where there is one).
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
            data = _with_file(data, folder.name, path)
            folder = folder.parent
    try:
        read = Config.model_validate(data | {"folder": folder})
    except ValidationError as error:
        raise ConfigError(mark("{file}: {what}"), file=path.name, what=_explain(error)) from None
    target = Path(workspace) if workspace is not None else default_workspace(read, path)
    return read.model_copy(update={"workspace": target.resolve()})


def _with_file(data: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    """Put one file in the place of a table's files."""
    tables = [t for t in schema.TABLES if t in data]
    table = tables[0] if len(tables) == 1 else "order_lines"
    if tables and table not in tables:
        raise ConfigError(
            mark("{file}: --source names one file, and there are {tables}; name their folder"),
            file=path.name,
            tables=", ".join(tables),
        )
    given = data.get(table, {})
    return data | {table: {**given, "files": [name]}} if isinstance(given, dict) else data


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
        if item["type"] == "list_type":
            section = item["loc"][-1] in ("join", "drop")
            message = f"must be a list: write [[{where}]]" if section else "must be a list: [...]"
        places.append(f"{where}: {message}" if where else message)
    return "; ".join(places)
