"""Plan: who is compared, on what, how long, how often; fixed and hashed before the first send."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias

from crmlib import i18n
from crmlib.campaigns.sequential import Shape
from crmlib.errors import ContractError

Method: TypeAlias = Literal["fixed", "msprt", "obf", "pocock"]
_METHODS = ("fixed", "msprt", "obf", "pocock")
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Plan:
    """What was fixed before anything was sent.

    Attributes
    ----------
    campaign_id
        Its id.
    sealed_day
        Day on which the plan was fixed, days since 1970-01-01.
    control
        Arm that is left alone.
    split
        Share of each arm, of any sum.
    outcomes
        The first decides.
    window_days
        Days from the start that count.
    method
        ``"fixed"``: one look, when the window has closed. ``"msprt"``: any number of looks.
        ``"obf"``, ``"pocock"``: the looks of ``looks``.
    looks
        Days since the start (from 0) of the looks; the last is ``window_days - 1``.
    effect
        Size of effect that is thought of, in the first outcome's unit; the mixture test needs it.
    level
        Of the intervals.
    global_control
        Share of all customers that no campaign may contact.
    programme
        Word that draws the global control: the same word, the same customers.
    """

    campaign_id: str
    sealed_day: int
    control: str
    split: Mapping[str, float]
    outcomes: tuple[str, ...]
    window_days: int = 28
    method: Method = "fixed"
    looks: tuple[int, ...] = ()
    effect: float | None = None
    level: float = 0.95
    global_control: float = 0.0
    programme: str = ""
    note: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcomes", tuple(self.outcomes))
        object.__setattr__(self, "looks", tuple(self.looks))
        if self.control not in self.split:
            raise ValueError(f"split must hold the control, got {', '.join(self.split)}")
        if len(self.split) < 2 or not all(s > 0 and math.isfinite(s) for s in self.split.values()):
            raise ValueError("split needs two arms or more, each with a share above 0")
        if not self.outcomes:
            raise ValueError("outcomes must name at least one")
        if self.window_days < 1:
            raise ValueError(f"window_days must be at least 1, got {self.window_days}")
        if self.method not in _METHODS:
            raise ValueError(f"method must be one of {', '.join(_METHODS)}, got {self.method!r}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {self.level}")
        if not 0 <= self.global_control < 1:
            raise ValueError(f"global_control must lie in [0, 1), got {self.global_control}")
        self._check_looks()

    def _check_looks(self) -> None:
        if self.method == "msprt" and not (self.effect and self.effect > 0):
            raise ValueError("the mixture test needs effect, above 0, in the outcome's unit")
        if self.method in ("obf", "pocock"):
            rising = list(self.looks) == sorted(set(self.looks))
            if not self.looks or not rising or self.looks[0] < 0:
                raise ValueError(f"looks must be rising days since the start, got {self.looks}")
            if self.looks[-1] != self.window_days - 1:
                raise ValueError(f"the last look must be day {self.window_days - 1} of the window")

    @property
    def shape(self) -> Shape | None:
        """Shape of the boundaries, where the looks are counted."""
        return self.method if self.method in ("obf", "pocock") else None

    @property
    def text(self) -> str:
        """The plan as JSON, the same for the same plan."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 of :attr:`text`: write it down before the first send."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def sealed_before(self, first_day: int) -> bool:
        """Tell whether the plan was fixed by the day of the first send."""
        return self.sealed_day <= first_day


def plan_of(text: str, digest: str) -> Plan:
    """Take up a plan that was written down, if it is still what it was.

    Raises
    ------
    ContractError
        If the text is no plan or its digest another.
    """
    try:
        told: dict[str, Any] = json.loads(text)
        known = {f.name for f in fields(Plan)}
        plan = Plan(**{k: v for k, v in told.items() if k in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise ContractError(_NO_PLAN) from error
    if plan.digest != digest:
        raise ContractError(_CHANGED)
    return plan


_NO_PLAN = i18n.mark("This is not a campaign plan. Take the text that the plan was written as.")
_CHANGED = i18n.mark(
    "The plan is not the one that was sealed: its digest differs. A verdict needs the sealed plan."
)


def differences(plan: Plan, **asked: object) -> list[str]:
    """Name what was asked otherwise than planned: ``control``, ``outcomes``, ``split``, ..."""
    found = []
    for name, value in asked.items():
        planned = getattr(plan, name)
        if name == "outcomes":
            same = tuple(value)[:1] == planned[:1]  # type: ignore[arg-type]
        elif name == "split":
            same = _same_split(planned, value)  # type: ignore[arg-type]
        else:
            same = value is None or value == planned
        if not same:
            found.append(name)
    return found


def _same_split(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    a, b = sum(one.values()), sum(other.values())
    return set(one) == set(other) and all(abs(one[k] / a - other[k] / b) < _SAME for k in one)
