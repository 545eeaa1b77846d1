"""Cells: sums of an experiment by arm, fold and exposure, from the mart ``arms`` or from rows.

All effects are worked out from these few rows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from crmlib import i18n
from crmlib.campaigns.contrasts import Moments
from crmlib.errors import ContractError

UNKNOWN = -1  # exposed, where nobody knows
KEYS = ("arm", "segment", "exposed", "fold", "outcome", "pre")
SUMS = ("y", "yy", "x", "xx", "xy")
MART = {"campaign_id", "day", "centre_y", "centre_x", "n", *KEYS, *SUMS}
SCHEMA = {
    "arm": pl.String, "segment": pl.String, "exposed": pl.Int32, "fold": pl.Int32,
    "outcome": pl.String, "pre": pl.String, "n": pl.Int64,
    "centre_y": pl.Float64, "centre_x": pl.Float64, **dict.fromkeys(SUMS, pl.Float64),
}  # fmt: skip
_SAME_FOR_ALL = {"segment": "", "exposed": UNKNOWN, "fold": 0}
_WHOLE = 1e-9  # relative, for telling a rate by its sums


def is_mart(frame: pl.DataFrame) -> bool:
    """Tell whether a frame is the mart ``arms`` rather than rows of customers."""
    return set(frame.columns) >= MART


def of_mart(arms: pl.DataFrame, day: int, *, winsorised: bool = False) -> pl.DataFrame:
    """Give the cells of one day of one campaign; winsorised where asked."""
    own = arms.filter(pl.col("day") == day)
    if winsorised:
        own = own.with_columns(**{s: pl.col(f"{s}_w") for s in SUMS})
    return own.select(pl.col(c).cast(t) for c, t in SCHEMA.items()).sort(KEYS)


def of_rows(
    rows: pl.DataFrame,
    outcomes: Sequence[str],
    pres: Mapping[str, str],
    *,
    arm: str = "arm",
    segment: str | None = None,
    cap: float | None = None,
) -> pl.DataFrame:
    """Sum rows, one a customer.

    Parameters
    ----------
    rows
        ``arm`` and the outcomes; ``fold`` and ``exposed`` where known. Outcomes and pre values
        may also be named ``outcome_<name>`` and ``pre_<name>``, as the ledger's responses are.
    outcomes, pres
        Names; by outcome, what was known before ("" for nothing).
    arm, segment
        Columns.
    cap
        Quantile of the amounts that are not zero, to which outcome and pre value are cut.
    """
    named = {"arm": arm, "segment": segment and column_of(rows, segment, "segment_")}
    named |= {c: c if c in rows.columns else None for c in ("exposed", "fold")}
    keys = {key: column for key, column in named.items() if column is not None}
    found = []
    for name in outcomes:
        pre = pres.get(name, "")
        y = rows[column_of(rows, name, "outcome_")].cast(pl.Float64)
        x = rows[column_of(rows, pre, "pre_")].cast(pl.Float64) if pre else None
        own = _summed(rows, keys, y, x, cap)
        found.append(own.with_columns(outcome=pl.lit(name), pre=pl.lit(pre)))
    if not found:
        return pl.DataFrame(schema=SCHEMA)
    return pl.concat(found).select(pl.col(c).cast(t) for c, t in SCHEMA.items()).sort(KEYS)


def _summed(
    rows: pl.DataFrame,
    keys: Mapping[str, str],
    y: pl.Series,
    x: pl.Series | None,
    cap: float | None,
) -> pl.DataFrame:
    """Sum one outcome in one pass; keys that the rows do not have are the same for all."""
    centre_y, centre_x = _mean(y), 0.0 if x is None else _mean(x)
    a, b = pl.col("_y") - centre_y, pl.col("_x") - centre_x
    sums = {"n": pl.len(), "y": a.sum(), "yy": (a * a).sum()}
    values = {"_y": y if cap is None else _cut(y, cap)}
    if x is not None:
        sums |= {"x": b.sum(), "xx": (b * b).sum(), "xy": (a * b).sum()}
        values["_x"] = (x if cap is None else _cut(x, cap)).fill_null(centre_x)
    frame = rows.lazy().select(**{k: pl.col(c) for k, c in keys.items()}, **values)
    if y.null_count():
        frame = frame.filter(pl.col("_y").is_not_null())
    done = frame.group_by(list(keys)).agg(**sums).collect()
    absent = {**_SAME_FOR_ALL, **dict.fromkeys(("x", "xx", "xy"), 0.0)}
    filled = done.with_columns(
        pl.lit(v).alias(k) for k, v in absent.items() if k not in done.columns
    )
    return filled.with_columns(
        *(pl.col(k).cast(SCHEMA[k]).fill_null(v) for k, v in _SAME_FOR_ALL.items()),
        centre_y=pl.lit(centre_y),
        centre_x=pl.lit(centre_x),
    )


def _mean(values: pl.Series) -> float:
    known = values.drop_nulls()
    return float(known.mean()) if len(known) else 0.0  # type: ignore[arg-type]


def _cut(values: pl.Series, cap: float) -> pl.Series:
    sizes = values.drop_nulls().abs()
    most = sizes.filter(sizes > 0).quantile(cap, "higher")
    return values if most is None else values.clip(-most, most)


def column_of(rows: pl.DataFrame, name: str, prefix: str) -> str:
    """Find the column of an outcome, a pre value or a segment.

    Raises
    ------
    ContractError
        Naming it and what there is.
    """
    for column in (name, f"{prefix}{name}"):
        if column in rows.columns:
            return column
    raise ContractError(_NO_COLUMN, name=name, columns=", ".join(rows.columns))


_NO_COLUMN = i18n.mark("The outcomes have no column {name}; they have {columns}.")


def moments(cells: pl.DataFrame) -> Moments:
    """Add up cells of one outcome and give what is known of them together."""
    n = int(cells["n"].sum())
    if not n:
        return Moments(0, math.nan, math.nan)
    y, yy, x, xx, xy = (math.fsum(cells[s]) for s in SUMS)
    centre_y, centre_x = float(cells["centre_y"][0]), float(cells["centre_x"][0])
    free = max(n - 1, 1)
    return Moments(
        n=n,
        mean=centre_y + y / n,
        variance=max(0.0, yy - y * y / n) / free,
        pre_mean=centre_x + x / n,
        pre_variance=max(0.0, xx - x * x / n) / free,
        covariance=(xy - x * y / n) / free,
    )


def is_rate(cells: pl.DataFrame) -> bool | None:
    """Tell whether an outcome is only ever 0 or 1: then its squares add up to what it does.

    ``None`` where it is 0 for everyone: nothing tells.
    """
    n, centre = int(cells["n"].sum()), float(cells["centre_y"][0])
    y, yy = math.fsum(cells["y"]), math.fsum(cells["yy"])
    total = y + n * centre
    squares = yy + 2 * centre * y + n * centre * centre
    scale = max(abs(total), abs(squares))
    if scale <= _WHOLE * n:
        return None
    return abs(total - squares) <= _WHOLE * max(scale, float(n)) and 0 <= total <= n * (1 + _WHOLE)


def best_pre(cells: pl.DataFrame, among: Collection[str] | None = None) -> str:
    """Choose what goes best with the outcome within the arms; it does not look at the effect."""
    found = [("", 0.0)]
    for (name,), own in cells.group_by("pre", maintain_order=True):
        if not name or (among is not None and name not in among):
            continue
        arms = [moments(a) for _, a in own.group_by("arm", maintain_order=True)]
        joint = sum((a.n - 1) * a.covariance for a in arms)
        both = sum((a.n - 1) * a.variance for a in arms) * sum(
            (a.n - 1) * a.pre_variance for a in arms
        )
        found.append((str(name), joint**2 / both if both > 0 else 0.0))
    return max(found, key=lambda f: (f[1], f[0]))[0]
