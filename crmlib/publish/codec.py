"""Results to JSON and back: frozen dataclasses, frames, dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from importlib import import_module
from typing import Any

import polars as pl

from crmlib.estimate import Estimate, Grade, Interval

_KIND = "$"
# What may be decoded, by name; results are imported only when one is met.
_RESULTS = {
    "ActivityResult": "crmlib.profile.activity",
    "ActivitySpec": "crmlib.profile.activity",
    "ReturningResult": "crmlib.profile.returning",
    "ReturningSpec": "crmlib.profile.returning",
    "RfmResult": "crmlib.profile.rfm",
    "RfmSpec": "crmlib.profile.rfm",
    "ValueResult": "crmlib.profile.value",
    "ValueSpec": "crmlib.profile.value",
    "Suppressed": "crmlib.publish.boards",
}
_DTYPES: dict[str, Any] = {
    "Int32": pl.Int32,
    "Int64": pl.Int64,
    "Int8": pl.Int8,
    "Float64": pl.Float64,
    "String": pl.String,
    "Boolean": pl.Boolean,
}


def encode(value: Any) -> Any:
    """Turn a Result and what it holds into plain JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        content = {f.name: encode(getattr(value, f.name)) for f in fields(value)}
        return {_KIND: type(value).__name__, **content}
    if isinstance(value, pl.DataFrame):
        return {
            _KIND: "frame",
            "columns": [[s.name, str(s.dtype), s.to_list()] for s in value],
        }
    if isinstance(value, date):
        return {_KIND: "date", "iso": value.isoformat()}
    if isinstance(value, Mapping):
        return {k: encode(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
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
        "Interval": lambda: Interval(**content),
        "Estimate": lambda: Estimate(**content | {"grade": Grade(content["grade"])}),
    }
    if kind in plain:
        return plain[kind]()
    return getattr(import_module(_RESULTS[kind]), kind)(**content)
