"""Lift: what a campaign changed, by comparing the arms as they were drawn (intention to treat)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import polars as pl

from crmlib.campaigns import cells as cells_of
from crmlib.campaigns import effects, experiment, guards
from crmlib.campaigns.experiment import Experiment
from crmlib.campaigns.exposure import Cace, cace
from crmlib.campaigns.guards import Check
from crmlib.campaigns.plan import Plan
from crmlib.campaigns.power import Baseline, control_needed, smallest
from crmlib.campaigns.spec import LiftSpec
from crmlib.campaigns.verdict import sentences
from crmlib.estimate import Estimate, Grade, Interval

__all__ = ["CampaignLift", "LiftSpec", "measure"]
Status: TypeAlias = Literal["judged", "blocked", "running", "unmeasurable"]


@dataclass(frozen=True, slots=True, eq=False)
class CampaignLift:
    """What the arms did, compared with the control.

    Attributes
    ----------
    effects
        One row an outcome x arm: see :data:`crmlib.campaigns.effects.SCHEMA`. Empty while the
        window is open without a plan that allows a look, and where nobody was held out.
    segments
        The same for the first outcome, by ``segment`` of each ``field``, with
        ``heterogeneity_p`` (that all segments share one effect); adjusted over all of them.
    arms
        ``arm``, ``assigned``, ``analysed``; ``negative``: customers whose first outcome is
        below zero after refunds (null where the sums do not tell).
    srm
        Assigned customers against the declared split; ``None`` without a control.
    checks
        All checks of the draw, ``srm`` first.
    cace
        Effect on those reached, by arm, of the first outcome.
    status
        ``"judged"``; ``"blocked"`` by a check; ``"running"``: the window is open;
        ``"unmeasurable"``: nobody was held out.
    hold_out
        How many customers to hold out next time, where nobody was; ``None`` if half of the list
        is too little.
    smallest
        The smallest change that this many held out would show, in the first outcome's unit.
    """

    effects: pl.DataFrame
    segments: pl.DataFrame
    arms: pl.DataFrame
    srm: Check | None
    checks: tuple[Check, ...]
    cace: tuple[Cace, ...]
    status: Status
    spec: LiftSpec
    hold_out: int | None = None
    smallest: float | None = None
    plan: Plan | None = None
    currency: str = field(default="TRY")

    @property
    def interval(self) -> Interval | None:
        """Interval of the first outcome's difference in the first arm; ``None`` without one."""
        found = self.effects.head(1)
        if found.is_empty() or found["low"][0] is None:
            return None
        return Interval(found["low"][0], found["high"][0], self.spec.level)

    def estimate(self, arm: str, outcome: str | None = None) -> Estimate:
        """Give one effect as a number to act on.

        Raises
        ------
        KeyError
            If there is no such effect.
        """
        outcome = outcome or self.spec.outcomes[0]
        row = self.effects.filter(arm=arm, outcome=outcome)
        if row.is_empty():
            raise KeyError(f"no effect of {arm!r} on {outcome!r}")
        one = row.row(0, named=True)
        known = one["low"] is not None
        return Estimate(
            value=one["difference"],
            interval=Interval(one["low"], one["high"], self.spec.level) if known else None,
            n=one["n"] + one["n_control"],
            method=one["method"],
            grade=Grade(one["grade"]),
        )

    def headline(self, lang: str) -> str:
        """Say the verdict on the first outcome, arm by arm, or why there is none."""
        return " ".join(sentences(self, lang))


def measure(
    outcomes: pl.DataFrame | pl.LazyFrame,
    spec: LiftSpec,
    *,
    campaign_id: str | None = None,
    plan: Plan | None = None,
    day: int | None = None,
    assigned: Mapping[str, int] | None = None,
    first_day: int | None = None,
    currency: str = "TRY",
) -> CampaignLift:
    """Measure what a campaign changed.

    Parameters
    ----------
    outcomes
        The mart ``arms``, or rows: one a customer, with ``arm`` and the outcomes (``customer_id``,
        ``fold``, ``exposed``, pre values and segments where known).
    spec
        What is compared.
    campaign_id
        Which campaign of the mart; not needed where it holds one.
    plan
        What was fixed before; needed to look before the window has closed.
    day
        Day since the start that is looked at; the last of the window, or the last that has come
        for everybody, if not given.
    assigned
        Customers drawn into each arm, where more were drawn than ``outcomes`` hold.
    first_day
        Day of the first send, days since 1970-01-01: a plan sealed later is no plan.
    currency
        ISO code, for showing money.

    Raises
    ------
    ContractError, TooFewCustomersError
        Arms, groups or filters made after the draw; a customer in two arms; outcomes from before
        the draw; an arm missing, empty or too small; a split not declared; another plan than
        sealed.
    """
    guards.refuse_after(spec.split, guards.ARM)
    guards.refuse_after([spec.arm], guards.ARM)
    guards.refuse_after(spec.segments, guards.SEGMENT)
    guards.refuse_after(spec.only, guards.FILTER)
    if plan is not None and first_day is not None and not plan.sealed_before(first_day):
        plan = None
    found = experiment.of(outcomes, spec, campaign_id, plan, day, assigned)
    if spec.control is None:
        return _unmeasurable(found, spec, currency)
    guards.refuse_arms(found.analysed, tuple(spec.split), spec.control, spec.min_arm_size)
    checks = (
        guards.split_check(found.assigned, spec.split),
        guards.loss_check(found.assigned, found.analysed),
        *(guards.segment_check(c.filter(outcome=spec.outcomes[0])) for c in found.groups.values()),
    )
    passed = all(check.passed for check in checks)
    shown = effects.measure(found, spec, Grade.A if passed else Grade.D)
    status: Status = "judged" if passed else "blocked"
    if found.look is None:
        status = "running" if passed else "blocked"
        shown = shown.clear()
    return CampaignLift(
        effects=shown,
        segments=effects.by_segment(found, spec, Grade.A if passed else Grade.D),
        arms=_arms(found, spec),
        srm=checks[0],
        checks=checks,
        cace=_cace(found, spec) if found.look is not None and passed else (),
        status=status,
        spec=spec,
        plan=plan,
        currency=currency,
    )


def _arms(found: Experiment, spec: LiftSpec) -> pl.DataFrame:
    arms = sorted(found.assigned, key=lambda a: (a == spec.control, list(spec.split).index(a)))
    negative = [None if found.negative is None else found.negative.get(a, 0) for a in arms]
    return pl.DataFrame(
        {
            "arm": arms,
            "assigned": [found.assigned[a] for a in arms],
            "analysed": [found.analysed.get(a, 0) for a in arms],
            "negative": negative,
        },
        schema_overrides={"negative": pl.Int64},
    )


def _cace(found: Experiment, spec: LiftSpec) -> tuple[Cace, ...]:
    first = effects.one_pre(found.cells.filter(outcome=spec.outcomes[0]), "")
    treated = [arm for arm in spec.split if arm != spec.control]
    return tuple(cace(first, arm, str(spec.control), spec.level) for arm in treated)


def _unmeasurable(found: Experiment, spec: LiftSpec, currency: str) -> CampaignLift:
    """Say how many to hold out next time: the outcome's spread is known from those contacted."""
    first = effects.one_pre(found.cells.filter(outcome=spec.outcomes[0]), "")
    everyone = cells_of.moments(first)
    hold_out, least = None, None
    if everyone.n >= 2 * spec.min_arm_size and everyone.variance > 0 and everyone.mean > 0:
        base = Baseline(everyone.mean, math.sqrt(everyone.variance))
        alpha = 1 - spec.level
        wanted = spec.worth_finding * everyone.mean
        hold_out = control_needed(base, wanted, everyone.n, alpha=alpha)
        half = everyone.n // 2
        least = wanted if hold_out else smallest(base, everyone.n - half, half, alpha=alpha)
    return CampaignLift(
        effects=pl.DataFrame(schema=effects.SCHEMA),
        segments=pl.DataFrame(schema=effects.SEGMENT_SCHEMA),
        arms=pl.DataFrame(
            {"arm": list(found.assigned), "assigned": list(found.assigned.values())}
        ).with_columns(analysed=pl.col("assigned"), negative=pl.lit(None, pl.Int64)),
        srm=None,
        checks=(),
        cace=(),
        status="unmeasurable",
        spec=spec,
        hold_out=hold_out,
        smallest=least,
        currency=currency,
    )
