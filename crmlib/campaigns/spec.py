"""What is asked of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crmlib import i18n
from crmlib.errors import ContractError


@dataclass(frozen=True, slots=True)
class LiftSpec:
    """What is compared. Rates are fractions of one, never percent.

    Attributes
    ----------
    control
        Arm that the others are compared with; ``None`` where nobody was held out.
    outcomes
        Columns; the first decides.
    split
        Declared share of each arm, of any sum: ``{"control": 1, "treated": 4}``.
    guardrails
        Outcomes that must not rise, such as unsubscribed; not adjusted for their number, since
        harm needs less evidence than gain.
    ratios
        Further outcomes that are ratios of two sums: ``{"basket": ("value", "orders")}``.
    segments
        Groups known before the draw; of the mart only ``"stratum"``.
    pre
        What was known before, for CUPED: a name, or a name by outcome; ``""`` for none. If not
        given, what goes best with the outcome within the arms.
    margins
        By outcome, the difference under which arms count as alike (TOST).
    rates
        Outcomes that are 0 or 1, where the data do not tell: all are 0.
    winsorised
        Cut amounts beyond the 99 % quantile of those above zero; another question, more robust.
    level
        Of the intervals; 1 less it is the error that all comparisons share.
    min_arm_size
        Customers that each arm needs.
    arm
        Column of the arm, in rows.
    only
        Filter, in rows: value by column known before the draw.
    window_days
        Days from the start that count, in the mart; a plan's wins.
    worth_finding
        Without a control: the change, as a share of the mean, that the next campaign should find.
    """

    control: str | None
    outcomes: tuple[str, ...]
    split: Mapping[str, float] = field(default_factory=dict)
    guardrails: tuple[str, ...] = ()
    ratios: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    pre: str | Mapping[str, str] | None = None
    margins: Mapping[str, float] = field(default_factory=dict)
    rates: tuple[str, ...] = ("bought",)
    winsorised: bool = False
    level: float = 0.95
    min_arm_size: int = 30
    arm: str = "arm"
    only: Mapping[str, object] = field(default_factory=dict)
    window_days: int | None = None
    worth_finding: float = 0.1

    def __post_init__(self) -> None:
        for name in ("outcomes", "guardrails", "segments", "rates"):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be a tuple of names")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.outcomes:
            raise ValueError("outcomes must name at least one")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {self.level}")
        if self.min_arm_size < 2:
            raise ValueError(f"min_arm_size must be at least 2, got {self.min_arm_size}")
        if self.worth_finding <= 0:
            raise ValueError(f"worth_finding must be above 0, got {self.worth_finding}")
        if self.control is None:
            return
        if not self.split:
            raise ContractError(_NO_SPLIT)
        if self.control not in self.split:
            raise ValueError(f"split must hold the control, got {', '.join(self.split)}")
        if len(self.split) < 2 or not all(share > 0 for share in self.split.values()):
            raise ValueError("split needs two arms or more, each with a share above 0")
        unknown = set(self.margins) - {*self.outcomes, *self.guardrails, *self.ratios}
        if unknown or not all(margin > 0 for margin in self.margins.values()):
            raise ValueError("margins must be above 0, for outcomes that are measured")

    @property
    def treated(self) -> list[str]:
        """Arms that are compared with the control."""
        return [arm for arm in self.split if arm != self.control]

    @property
    def columns(self) -> list[str]:
        """All outcomes that sums are needed of, each once."""
        parts = [part for pair in self.ratios.values() for part in pair]
        return list(dict.fromkeys([*self.outcomes, *self.guardrails, *parts]))

    def pre_of(self, outcome: str) -> str | None:
        """Name what was known before beside an outcome; ``None``: choose."""
        if self.pre is None or isinstance(self.pre, str):
            return self.pre
        return self.pre.get(outcome, "")


_NO_SPLIT = i18n.mark(
    "The split was not declared. Say which share of the customers each arm was to have, e.g. "
    "control 1, treated 1: without it nobody sees that customers went missing."
)
