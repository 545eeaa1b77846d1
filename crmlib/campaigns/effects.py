"""Effects: each outcome of each arm against the control, raw and allowing for what was before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from crmlib.campaigns.bootstrap import Floats, fold_sums
from crmlib.campaigns.cells import best_pre, column_of, is_rate, moments
from crmlib.campaigns.contrasts import (
    Contrast,
    Moments,
    by_student,
    cuped,
    equivalence,
    heterogeneity,
    holm,
    means,
    rates,
    relative,
    theta_of,
)
from crmlib.campaigns.experiment import Experiment, Look
from crmlib.campaigns.spec import LiftSpec
from crmlib.estimate import Grade, Interval, jackknife_interval

_F = pl.Float64
SCHEMA = {
    "outcome": pl.String,
    "role": pl.String,  # "primary", "secondary", "guardrail"
    "arm": pl.String,
    "contrast": pl.String,
    "kind": pl.String,  # "rate", "mean", "ratio"
    "n": pl.Int64,
    "n_control": pl.Int64,
    "mean": _F,
    "control_mean": _F,
    "difference": _F,
    "low": _F,
    "high": _F,
    "relative": _F,  # change as a share of the control's mean; null where that is near zero
    "relative_low": _F,
    "relative_high": _F,
    "statistic": _F,
    "p_value": _F,
    "p_adjusted": _F,  # Holm, over all outcomes and arms but guardrails
    "clear": pl.Boolean,  # whether p_adjusted is below 1 - level
    "fold_low": _F,  # delete-a-fold jackknife
    "fold_high": _F,
    "pre": pl.String,
    "cuped": _F,
    "cuped_low": _F,
    "cuped_high": _F,
    "cuped_p": _F,
    "variance_saved": _F,  # share of the difference's variance that CUPED saves
    "equivalence_p": _F,  # TOST; null without a margin
    "method": pl.String,
    "grade": pl.String,
}
SEGMENT_SCHEMA = {
    "field": pl.String,
    "segment": pl.String,
    **{k: v for k, v in SCHEMA.items() if k in (
        "outcome", "arm", "n", "n_control", "mean", "control_mean", "difference", "low", "high",
        "statistic", "p_value", "p_adjusted", "clear", "grade")},
    "heterogeneity_p": _F,
}  # fmt: skip


def measure(found: Experiment, spec: LiftSpec, grade: Grade) -> pl.DataFrame:
    """Compare every arm with the control, outcome by outcome; see :data:`SCHEMA`."""
    if found.look is None:
        return pl.DataFrame(schema=SCHEMA)
    rows: list[dict[str, Any]] = []
    spread = _spread(found.cells.filter(outcome=spec.outcomes[0]))
    for name, role in _roles(spec).items():
        for arm in spec.treated:
            if name in spec.ratios:
                row = _ratio(found, spec, name, arm)
            else:
                row = _row(found.cells.filter(outcome=name), spec, arm, found.look, spread)
            rows.append({"outcome": name, "role": role, "arm": arm, "grade": str(grade), **row})
    _adjust([r for r in rows if r["role"] != "guardrail"], spec, grade)
    for row in rows:
        if row["role"] == "guardrail":
            row["p_adjusted"] = row["p_value"]
            row["clear"] = grade == Grade.A and row["p_value"] < 1 - spec.level
        row["contrast"] = f"{row['arm']} - {spec.control}"
    return _frame(rows, SCHEMA)


def _roles(spec: LiftSpec) -> dict[str, str]:
    first, *rest = spec.outcomes
    secondary = dict.fromkeys([*rest, *spec.ratios], "secondary")
    return {first: "primary", **secondary, **dict.fromkeys(spec.guardrails, "guardrail")}


def _adjust(rows: list[dict[str, Any]], spec: LiftSpec, grade: Grade) -> None:
    for row, p in zip(rows, holm([r["p_value"] for r in rows]), strict=True):
        row["p_adjusted"] = p
        row["clear"] = grade == Grade.A and p < 1 - spec.level


def _frame(rows: list[dict[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    columns = {name: [row.get(name) for row in rows] for name in schema}
    return pl.DataFrame(columns, schema=schema).with_columns(pl.col(_F).fill_nan(None))


def one_pre(cells: pl.DataFrame, wanted: str) -> pl.DataFrame:
    """Keep the cells beside one pre value: the outcome's sums stand beside each of them."""
    known = cells["pre"].unique().sort()
    if known.is_empty():
        return cells
    return cells.filter(pl.col("pre") == (wanted if wanted in known else known[0]))


def _spread(cells: pl.DataFrame) -> float:
    return math.sqrt(moments(one_pre(cells, "")).variance)


def compare(treated: Moments, control: Moments, *, rate: bool, level: float) -> Contrast:
    """Compare two arms by the method that fits the outcome."""
    return (rates if rate else means)(treated, control, level)


def kind_is_rate(cells: pl.DataFrame, spec: LiftSpec) -> bool:
    """Tell whether an outcome is a rate, by its sums, else by the spec."""
    told = is_rate(cells)
    return str(cells["outcome"][0]) in spec.rates if told is None else told


def _row(
    cells: pl.DataFrame, spec: LiftSpec, arm: str, look: Look, spread: float
) -> dict[str, Any]:
    asked = spec.pre_of(str(cells["outcome"][0]))
    own = one_pre(cells, best_pre(cells) if asked is None else asked)
    by_arm = {a: moments(own.filter(arm=a)) for a in spec.split}
    one, zero, level = by_arm[arm], by_arm[str(spec.control)], spec.level
    rate = kind_is_rate(own, spec)
    found = compare(one, zero, rate=rate, level=level)
    size = _spread(own) / spread if spread > 0 else 1.0
    interval, p, method = look.judge(found, level, size)
    share, share_interval = relative(one, zero, level)
    margin = spec.margins.get(str(own["outcome"][0]))
    row = {
        "kind": "rate" if rate else "mean",
        "n": one.n,
        "n_control": zero.n,
        "mean": one.mean,
        "control_mean": zero.mean,
        "difference": found.difference,
        "statistic": found.statistic,
        "p_value": p,
        "relative": share,
        "method": method,
        "equivalence_p": None if margin is None else equivalence(found, margin),
        **_ends("", interval if found.error > 0 or rate else None),
        **_ends("relative_", share_interval),
        **_ends("fold_", _folds(own, arm, str(spec.control), level)),
    }
    pre = str(own["pre"][0])
    return row | (_cuped(pre, by_arm, arm, spec, look, size) if pre else {})


def _cuped(
    pre: str, by_arm: Mapping[str, Moments], arm: str, spec: LiftSpec, look: Look, size: float
) -> dict[str, Any]:
    theta = theta_of(list(by_arm.values()))
    found = cuped(by_arm[arm], by_arm[str(spec.control)], theta, spec.level)
    interval, p, _ = look.judge(found.contrast, spec.level, size)
    return {
        "pre": pre,
        "cuped": found.contrast.difference,
        "cuped_p": p,
        "variance_saved": found.saved,
        **_ends("cuped_", interval if found.contrast.error > 0 else None),
    }


def _ends(prefix: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{prefix}low": low, f"{prefix}high": high}


def _folds(cells: pl.DataFrame, arm: str, control: str, level: float) -> Interval | None:
    sums = fold_sums(cells, [arm, control])
    return _jackknife(sums, lambda s: s[1] / s[0] - s[3] / s[2], level)


def _jackknife(sums: Floats, statistic: Any, level: float) -> Interval | None:
    total = sums.sum(axis=0)
    without = [total - own for own in sums]
    known = [float(statistic(w)) for w in without if (w[::2] > 0).all()]
    return jackknife_interval(float(statistic(total)), known, level)


# --- Ratios ---------------------------------------------------------------------------------------


def _ratio(found: Experiment, spec: LiftSpec, name: str, arm: str) -> dict[str, Any]:
    """Compare ratios of sums: by the delta method from rows, by folds from the mart.

    Deng, Knoblich, Lu (2018), KDD: a ratio's error is that of the mean of
    (top - ratio x bottom) / mean bottom.
    """
    top, bottom = spec.ratios[name]
    tops, bottoms = (
        fold_sums(one_pre(found.cells.filter(outcome=c), ""), [arm, str(spec.control)])
        for c in (top, bottom)
    )
    sums = np.column_stack([bottoms[:, 1], tops[:, 1], bottoms[:, 3], tops[:, 3]])
    b1, t1, b0, t0 = sums.sum(axis=0)
    if b1 <= 0 or b0 <= 0:
        nothing = {"kind": "ratio", "method": "none", "p_value": math.nan, "clear": False}
        return nothing | {"n": int(tops[:, 0].sum()), "n_control": int(tops[:, 2].sum())}
    gap, level = t1 / b1 - t0 / b0, spec.level
    folds = _jackknife(sums, lambda s: s[1] / s[0] - s[3] / s[2], level)
    if found.rows is not None:
        ratios = {arm: t1 / b1, str(spec.control): t0 / b0}
        errors = [_ratio_error2(found.rows, spec, top, bottom, a, r) for a, r in ratios.items()]
        error, df, method = math.sqrt(sum(errors)), math.inf, "delta method"
    else:
        wide = jackknife_interval(gap, _without(sums), 0.95)
        error = 0.0 if wide is None else (wide.high - wide.low) / (2 * 1.959963984540054)
        df, method = float(max(len(sums) - 1, 1)), "delete-a-fold jackknife"
    whole = by_student(gap, error, df, level, method) if error > 0 else None
    return {
        "kind": "ratio",
        "n": int(tops[:, 0].sum()),
        "n_control": int(tops[:, 2].sum()),
        "mean": t1 / b1,
        "control_mean": t0 / b0,
        "difference": gap,
        "relative": (t1 / b1) / (t0 / b0) - 1 if t0 > 0 else None,
        "statistic": whole.statistic if whole else math.nan,
        "p_value": whole.p_value if whole else math.nan,
        "method": method,
        **_ends("", whole.interval if whole else None),
        **_ends("fold_", folds),
    }


def _without(sums: Floats) -> list[float]:
    total = sums.sum(axis=0)
    rest = [total - own for own in sums]
    return [float(r[1] / r[0] - r[3] / r[2]) for r in rest if r[0] > 0 and r[2] > 0]


def _ratio_error2(
    rows: pl.DataFrame, spec: LiftSpec, top: str, bottom: str, arm: str, ratio: float
) -> float:
    own = rows.filter(pl.col(spec.arm) == arm)
    above, below = (own[column_of(own, c, "outcome_")].cast(_F) for c in (top, bottom))
    residual = (above - ratio * below) / float(below.mean())  # type: ignore[arg-type]
    return float(residual.var()) / len(residual.drop_nulls())


# --- Segments -------------------------------------------------------------------------------------


def by_segment(found: Experiment, spec: LiftSpec, grade: Grade) -> pl.DataFrame:
    """Compare arm and control within segments, for the first outcome.

    Holm over all segments and arms. Segments in which an arm is under ``min_arm_size`` have no
    difference.
    """
    if found.look is None:
        return pl.DataFrame(schema=SEGMENT_SCHEMA)
    spread = _spread(found.cells.filter(outcome=spec.outcomes[0]))
    rows = [
        row
        for name, cells in found.groups.items()
        for arm in spec.treated
        for row in _segments(name, cells.filter(outcome=spec.outcomes[0]), arm, found, spec, spread)
    ]
    for row in rows:
        row["grade"] = str(grade)
    _adjust([r for r in rows if "difference" in r], spec, grade)
    return _frame(rows, SEGMENT_SCHEMA)


def _segments(
    name: str, cells: pl.DataFrame, arm: str, found: Experiment, spec: LiftSpec, spread: float
) -> list[dict[str, Any]]:
    own, rate = one_pre(cells, ""), kind_is_rate(cells, spec)
    rows, errors = [], []
    for segment in own["segment"].unique().sort():
        inside = own.filter(segment=segment)
        one, zero = (moments(inside.filter(arm=a)) for a in (arm, str(spec.control)))
        row = {"field": name, "segment": segment, "outcome": spec.outcomes[0], "arm": arm,
               "n": one.n, "n_control": zero.n}  # fmt: skip
        if min(one.n, zero.n) >= spec.min_arm_size:
            contrast = compare(one, zero, rate=rate, level=spec.level)
            size = _spread(inside) / spread if spread > 0 else 1.0
            interval, p, _ = (found.look or Look()).judge(contrast, spec.level, size)
            row |= {"mean": one.mean, "control_mean": zero.mean, "p_value": p,
                    "difference": contrast.difference, "statistic": contrast.statistic,
                    **_ends("", interval)}  # fmt: skip
            errors.append((contrast.difference, contrast.error))
        rows.append(row)
    differ = heterogeneity([d for d, _ in errors], [e for _, e in errors])
    return [row | {"heterogeneity_p": differ} for row in rows]
