"""Experiment: a campaign's sums on the day that is looked at, from the mart or from rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from crmlib import i18n
from crmlib.campaigns import cells as cells_of
from crmlib.campaigns import guards
from crmlib.campaigns.contrasts import Contrast
from crmlib.campaigns.plan import Plan, differences
from crmlib.campaigns.sequential import boundaries, mixture_interval, mixture_p, repeated_p
from crmlib.campaigns.spec import LiftSpec
from crmlib.errors import ContractError
from crmlib.estimate import Interval

READ_DAY = -1  # of an experiment that was read with its outcomes
# What the responses mart knows from before, beside each of its outcomes.
_PRE = {"bought": "orders"} | {n: n for n in ("orders", "value", "value_real", "margin")}
_CAP = 0.99


@dataclass(frozen=True, slots=True)
class Look:
    """How often the data are looked at, and the how-manieth time this is.

    Attributes
    ----------
    plan
        What was fixed before; ``None`` for one look after the window has closed.
    number
        Of a counted look, from 1.
    """

    plan: Plan | None = None
    number: int = 0

    def judge(self, found: Contrast, level: float, size: float) -> tuple[Interval, float, str]:
        """Give interval, p and method that hold over all looks.

        Parameters
        ----------
        found
            The contrast for a single look.
        level
            Of the interval.
        size
            Standard deviation of the outcome over that of the first: the plan's effect is told
            in the first outcome's unit.
        """
        plan = self.plan
        if plan is None or plan.method == "fixed" or not found.error > 0:
            return found.interval, found.p_value, found.method
        if plan.method == "msprt":
            variance, scale = found.error**2, (plan.effect or 1.0) * size
            interval = mixture_interval(found.difference, variance, scale, level)
            return interval, mixture_p(found.difference, variance, scale), "mixture SPRT"
        shape, looks = plan.method, len(plan.looks)
        bound = boundaries(shape, looks, 1 - level)[self.number - 1] * found.error
        p = repeated_p(found.difference / found.error, self.number, shape, looks)
        interval = Interval(found.difference - bound, found.difference + bound, level)
        return interval, p, f"group sequential, {shape}"


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """Sums of an experiment.

    Attributes
    ----------
    cells
        See :mod:`crmlib.campaigns.cells`.
    groups
        Cells by field of the segments.
    assigned, analysed
        Customers by arm: drawn; with a known first outcome on the day that is looked at.
    negative
        Customers by arm whose first outcome is below zero; ``None`` where nobody knows.
    look
        ``None`` while the window is open and no plan allows a look.
    rows
        The rows, where there are any.
    """

    cells: pl.DataFrame
    groups: Mapping[str, pl.DataFrame]
    assigned: dict[str, int]
    analysed: dict[str, int]
    negative: dict[str, int] | None
    look: Look | None
    rows: pl.DataFrame | None = None


def of(
    outcomes: pl.DataFrame | pl.LazyFrame,
    spec: LiftSpec,
    campaign_id: str | None,
    plan: Plan | None,
    day: int | None,
    assigned: Mapping[str, int] | None,
) -> Experiment:
    """Sum up what :func:`crmlib.campaigns.lift.measure` was given."""
    if plan is not None:
        asked = {"control": spec.control, "split": spec.split, "outcomes": spec.outcomes}
        other = differences(plan, **asked, window_days=spec.window_days, level=spec.level)
        if other:
            raise ContractError(_NOT_AS_PLANNED, what=", ".join(other))
    frame = outcomes.collect() if isinstance(outcomes, pl.LazyFrame) else outcomes
    own = _campaign(frame, campaign_id)
    made = _from_mart if cells_of.is_mart(frame) else _from_rows
    return made(own, spec, plan, day, dict(assigned or {}))


_NOT_AS_PLANNED = i18n.mark(
    "This is not what was planned: {what} differ. Ask what the sealed plan asks."
)


def _campaign(frame: pl.DataFrame, campaign_id: str | None) -> pl.DataFrame:
    if "campaign_id" not in frame.columns:
        return frame
    if campaign_id is not None:
        frame = frame.filter(pl.col("campaign_id") == campaign_id)
    campaigns = frame["campaign_id"].n_unique()
    if campaigns != 1:
        raise ContractError(_ONE_CAMPAIGN, campaigns=campaigns)
    return frame


_ONE_CAMPAIGN = i18n.mark("The outcomes are of {campaigns} campaigns; name one that they hold.")


# --- From the mart --------------------------------------------------------------------------------


def _from_mart(
    arms: pl.DataFrame, spec: LiftSpec, plan: Plan | None, day: int | None, told: dict[str, int]
) -> Experiment:
    for name in spec.columns:
        if arms.filter(outcome=name).is_empty():
            known = ", ".join(sorted(arms["outcome"].unique()))
            raise ContractError(_NO_OUTCOME, name=name, outcomes=known)
    for key, value in spec.only.items():
        if key not in ("segment", "stratum"):
            raise ContractError(_MART_FILTER)
        arms = arms.filter(pl.col("segment") == value)
    if set(spec.segments) - {"stratum", "segment"}:
        raise ContractError(_MART_FILTER)
    first = arms.filter(outcome=spec.outcomes[0])
    at, look = _moment(first, spec, plan, day)
    cells = cells_of.of_mart(arms, at, winsorised=spec.winsorised)
    start = first.filter(pl.col("day") == first["day"].min())
    return Experiment(
        cells=cells,
        groups={"stratum": cells} if spec.segments else {},
        assigned=told or _sizes(start),
        analysed=_sizes(cells.filter(outcome=spec.outcomes[0])),
        negative=None,
        look=look,
    )


_NO_OUTCOME = i18n.mark("No outcome is called {name}; there are {outcomes}.")
_MART_FILTER = i18n.mark(
    "The sums by arm know one kind of segment, the strata of the draw. For others give the rows."
)


def _moment(
    first: pl.DataFrame, spec: LiftSpec, plan: Plan | None, day: int | None
) -> tuple[int, Look | None]:
    """Choose the day that is looked at, and tell what kind of look it is."""
    if first["day"].max() == READ_DAY:
        return READ_DAY, _counted(plan, None)
    window = plan.window_days if plan else spec.window_days
    if window is None:
        raise ContractError(_NO_WINDOW)
    own = first.filter(pl.col("pre") == first["pre"][0])
    sizes: dict[int, int] = dict(own.group_by("day").agg(pl.col("n").sum()).rows())
    everyone = sizes.get(0, 0)
    closed = sizes.get(window - 1, 0) == everyone
    complete = [d for d, n in sizes.items() if n == everyone and d < window]
    if day is not None and day not in sizes:
        raise ContractError(_NO_DAY, day=day, last=max(sizes))
    if closed:
        at = window - 1 if day is None else day
        return at, _counted(plan, None if at == window - 1 else at, closed=True)
    at = max(complete, default=0) if day is None else day
    if plan is None or plan.method == "fixed":
        return at, None
    if plan.method != "msprt" and day is None:
        at = max((d for d in plan.looks if d in complete), default=at)
    return at, _counted(plan, at)


def _counted(plan: Plan | None, at: int | None, *, closed: bool = False) -> Look | None:
    """Give the look of a day; the last one where ``at`` is not given."""
    if plan is None or plan.shape is None:
        return Look(plan)
    if at is None:
        return Look(plan, len(plan.looks))
    if at in plan.looks:
        return Look(plan, plan.looks.index(at) + 1)
    return Look() if closed else None


_NO_WINDOW = i18n.mark(
    "Say how many days from the start count (window_days): before they are over there is no "
    "verdict."
)
_NO_DAY = i18n.mark("Day {day} has not come; the last that has is {last}.")


def _sizes(cells: pl.DataFrame) -> dict[str, int]:
    if cells.is_empty():
        return {}
    one = cells.filter(pl.col("pre") == cells["pre"][0])
    return dict(one.group_by("arm").agg(pl.col("n").sum()).sort("arm").rows())


# --- From rows ------------------------------------------------------------------------------------


def _from_rows(
    rows: pl.DataFrame, spec: LiftSpec, plan: Plan | None, day: int | None, told: dict[str, int]
) -> Experiment:
    guards.refuse_rows(rows, spec.arm)
    guards.refuse_outcomes([*spec.segments, *spec.only], spec.columns)
    for column, value in spec.only.items():
        rows = rows.filter(pl.col(cells_of.column_of(rows, column, "segment_")) == value)
    cap = _CAP if spec.winsorised else None
    every: dict[str, Any] = {"arm": spec.arm, "cap": cap}
    cells = pl.concat(
        cells_of.of_rows(rows, [name], {name: pre}, **every)
        for name in spec.columns
        for pre in _pres(rows, spec, name)
    )
    first = spec.outcomes[0]
    y = pl.col(cells_of.column_of(rows, first, "outcome_"))
    below = rows.filter(y < 0).group_by(spec.arm).len()
    return Experiment(
        cells=cells,
        groups={
            field: cells_of.of_rows(rows, [first], {}, segment=field, **every)
            for field in spec.segments
        },
        assigned=told or dict(rows.group_by(spec.arm).len().sort(spec.arm).rows()),
        analysed=_sizes(cells.filter(outcome=first)),
        negative=dict(below.rows()),
        look=_look_at_rows(rows, spec, plan, day),
        rows=rows,
    )


def _pres(rows: pl.DataFrame, spec: LiftSpec, outcome: str) -> list[str]:
    asked = spec.pre_of(outcome)
    if asked is not None:
        return [asked]
    known = [c.removeprefix("pre_") for c in rows.columns if c.startswith("pre_")]
    own = _PRE.get(outcome)
    return [own] if own in known and own else known or [""]


def _look_at_rows(
    rows: pl.DataFrame, spec: LiftSpec, plan: Plan | None, day: int | None
) -> Look | None:
    window = plan.window_days if plan else spec.window_days
    if {"start_day", "end_day"} <= set(rows.columns):
        if window is None:
            raise ContractError(_NO_WINDOW)
        days = pl.col("end_day") - pl.col("start_day") + 1
        if rows.filter(days < window).height:
            if plan is None or plan.method == "fixed":
                return None
            return (
                Look(plan)
                if plan.shape is None
                else _counted(plan, READ_DAY if day is None else day)
            )
    return _counted(plan, day, closed=True)
