"""What a notebook concludes: named numbers with tolerance, and decisions in words.

The last cell of a notebook shows its conclusions. CI runs the notebook on the sample shop and
compares them with ``tests/reference/conclusions/``: a number outside its tolerance, or a
decision that flips, turns it red. ``make conclusions`` remakes the reference.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MIME = "application/vnd.crm.conclusions+json"
# A wider tolerance hides changes; it needs a reason that a reader can judge.
WIDE = 0.05


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a notebook stands for.

    Attributes
    ----------
    name, value
        What it is called, and the number.
    tolerance
        Relative: 0.01 lets it move by 1 % of the reference.
    reason
        Why the tolerance is over 5 %.
    """

    name: str
    value: float
    tolerance: float = 0.01
    reason: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"{self.name} must be finite, got {self.value}")
        if self.tolerance < 0:
            raise ValueError(f"tolerance of {self.name} must not be negative")
        if self.tolerance > WIDE and not self.reason:
            raise ValueError(
                f"tolerance of {self.name} is {self.tolerance}: over {WIDE} needs a reason"
            )


@dataclass(frozen=True, slots=True)
class Conclusions:
    """The conclusions of a notebook; shown as its last output."""

    notebook: str
    numbers: Sequence[Number]
    decisions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Give the content as plain values."""
        return {
            "notebook": self.notebook,
            "numbers": [asdict(n) for n in self.numbers],
            "decisions": dict(self.decisions),
        }

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {MIME: self.as_dict(), "text/html": self._html(), "text/plain": self._plain()}

    def _plain(self) -> str:
        said = [f"{name}: {words}" for name, words in self.decisions.items()]
        return "\n".join([*said, *(f"{n.name} = {n.value:g}" for n in self.numbers)])

    def _html(self) -> str:
        decided = "".join(
            f"<li><b>{html.escape(name)}</b>: {html.escape(words)}</li>"
            for name, words in self.decisions.items()
        )
        counted = "".join(
            f"<tr><th scope='row'>{html.escape(n.name)}</th><td>{n.value:,.4g}</td>"
            f"<td>± {n.tolerance:.1%}</td></tr>"
            for n in self.numbers
        )
        return f"<ul>{decided}</ul><table>{counted}</table>"


def differences(found: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    """List how conclusions differ from their reference; empty when they hold."""
    told = []
    for name in sorted({*found["decisions"], *reference["decisions"]}):
        now, then = (c["decisions"].get(name) for c in (found, reference))
        if now != then:
            told.append(f"decision '{name}' flipped: {then!r} -> {now!r}")
    new = {n["name"]: n for n in found["numbers"]}
    old = {n["name"]: n for n in reference["numbers"]}
    told += [f"number '{name}' is in one of the two only" for name in sorted(new.keys() ^ old)]
    for name in sorted(new.keys() & old):
        value, before, tolerance = new[name]["value"], old[name]["value"], old[name]["tolerance"]
        if abs(value - before) > tolerance * abs(before):
            told.append(
                f"number '{name}' left its tolerance of {tolerance:.1%}: {before} -> {value}"
            )
    return told
