"""Results to JSON and back: frozen dataclasses, frames, dates; what cells share is kept once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from importlib import import_module
from typing import Any

import polars as pl

from crmlib.estimate import Estimate, Grade, Interval

_KIND = "$"
# What may be decoded, by name; results are imported only when one is met.
_RESULTS = {
    "ActivityResult": "crmlib.profile.activity",
    "ActivitySpec": "crmlib.profile.activity",
    "CardResult": "crmlib.profile.card",
    "CardSpec": "crmlib.profile.card",
    "ChangesResult": "crmlib.publish.changes",
    "Comparison": "crmlib.profile.activity",
    "Cuts": "crmlib.profile.rfm",
    "GrowthResult": "crmlib.profile.growth",
    "GrowthSpec": "crmlib.profile.growth",
    "MigrationResult": "crmlib.profile.migration",
    "MigrationSpec": "crmlib.profile.migration",
    "RepeatResult": "crmlib.profile.losses",
    "RepeatSpec": "crmlib.profile.losses",
    "ReturningResult": "crmlib.profile.returning",
    "ReturningSpec": "crmlib.profile.returning",
    "RfmResult": "crmlib.profile.rfm",
    "RfmSpec": "crmlib.profile.rfm",
    "Suppressed": "crmlib.publish.boards",
    "TargetReached": "crmlib.profile.activity",
    "ValueResult": "crmlib.profile.value",
    "ValueSpec": "crmlib.profile.value",
    "WaterfallResult": "crmlib.profile.waterfall",
    "WaterfallSpec": "crmlib.profile.waterfall",
    "WhoResult": "crmlib.profile.who",
    "WhoSpec": "crmlib.profile.who",
}
_DTYPES: dict[str, Any] = {
    "Int32": pl.Int32,
    "Int64": pl.Int64,
    "Int8": pl.Int8,
    "Float64": pl.Float64,
    "String": pl.String,
    "Boolean": pl.Boolean,
    "Decimal(precision=38, scale=4)": pl.Decimal(38, 4),
}


def encode(value: Any) -> Any:
    """Turn a Result and what it holds into plain JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        content = {f.name: encode(getattr(value, f.name)) for f in fields(value)}
        return {_KIND: type(value).__name__, **content}
    if isinstance(value, pl.DataFrame):
        return {
            _KIND: "frame",
            "columns": [[s.name, str(s.dtype), encode(s.to_list())] for s in value],
        }
    if isinstance(value, date):
        return {_KIND: "date", "iso": value.isoformat()}
    if isinstance(value, Decimal):
        return {_KIND: "decimal", "text": str(value)}
    if isinstance(value, Mapping):
        return {k: encode(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return {_KIND: "tuple", "of": [encode(v) for v in value]}
    if isinstance(value, list):
        return [encode(v) for v in value]
    return value


def decode(value: Any) -> Any:
    """Turn what :func:`encode` made back into objects."""
    if isinstance(value, list):
        return [decode(v) for v in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(_KIND)
    content = {k: decode(v) for k, v in value.items() if k != _KIND}
    return content if kind is None else _object(kind, content)


def _object(kind: str, content: dict[str, Any]) -> Any:
    plain: dict[str, Callable[[], Any]] = {
        "frame": lambda: pl.DataFrame(
            [pl.Series(name, cells, _DTYPES[kind]) for name, kind, cells in content["columns"]]
        ),
        "date": lambda: date.fromisoformat(content["iso"]),
        "decimal": lambda: Decimal(content["text"]),
        "tuple": lambda: tuple(content["of"]),
        "Interval": lambda: Interval(**content),
        "Estimate": lambda: Estimate(**content | {"grade": Grade(content["grade"])}),
    }
    if kind in plain:
        return plain[kind]()
    return getattr(import_module(_RESULTS[kind]), kind)(**content)


def pack(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Encode results by cell: what equal ones share is kept once, differences by cell.

    Equal results, as most of those that are withheld, are kept once.
    """
    shared: list[Any] = []
    found: dict[str, Any] = {}
    numbers: dict[tuple[Any, ...], int] = {}
    for cell, result in cells.items():
        encoded = encode(result)
        # Results of one kind differ in a few numbers; two that are withheld do not differ.
        same = (type(result).__name__, getattr(result, "message", ""))
        if same not in numbers:
            numbers[same] = len(shared)
            shared.append(encoded)
        rest = _difference(shared[numbers[same]], encoded)
        found[cell] = [numbers[same], rest] if rest else numbers[same]
    return {"shared": shared, "cells": found}


def unpack(packed: Mapping[str, Any], cell: str) -> Any:
    """Give the result of a cell; ``None`` where there is none."""
    at = packed["cells"].get(cell)
    if at is None:
        return None
    number, rest = at if isinstance(at, list) else (at, {})
    return decode(_merged(packed["shared"][number], rest))


def _difference(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Give what differs, key by key; a nested object with other keys replaces the base's."""
    found: dict[str, Any] = {}
    for key, value in other.items():
        if value == base[key]:
            continue
        alike = isinstance(value, dict) and isinstance(base[key], dict)
        if alike and value.keys() == base[key].keys():
            found[key] = _difference(base[key], value)
        else:
            found[key] = {_INSTEAD: value} if isinstance(value, dict) else value
    return found


def _merged(base: Any, rest: Mapping[str, Any]) -> Any:
    found = dict(base)
    for key, value in rest.items():
        if not isinstance(value, dict):
            found[key] = value
        else:
            found[key] = value[_INSTEAD] if _INSTEAD in value else _merged(base[key], value)
    return found


_INSTEAD = "$instead"
