"""The ten RFM segments: one table of rules over the scores, and what to do about each.

Scores are of twelve months on the boards; who bought before but not in them is ``lapsed``, and
who was not a customer yet at an earlier date was ``not_yet`` one.

A segment is a set of boxes in the 5 x 5 x 5 cube of scores (5 is best). Every cell of the cube
lies in exactly one box; a test walks all 125. A customer who bought once has the lowest
frequency score, so none of the loyal ones can be a one-time buyer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import polars as pl

from crmlib.i18n import mark

SCORES = range(1, 6)


@dataclass(frozen=True, slots=True)
class Box:
    """Closed ranges of the three scores."""

    r: tuple[int, int]
    f: tuple[int, int]
    m: tuple[int, int] = (1, 5)

    def holds(self) -> pl.Expr:
        """Give the expression that is true for scores inside the box."""
        sides = (pl.col(c).is_between(*getattr(self, c)) for c in ("r", "f", "m"))
        return reduce(lambda a, b: a & b, sides)


@dataclass(frozen=True, slots=True)
class Segment:
    """A named segment: its rules, its name for people and the first thing to do."""

    key: str
    label: str
    boxes: tuple[Box, ...]
    action: str


SEGMENTS = (
    Segment(
        "champions",
        mark("Champions"),
        (Box(r=(4, 5), f=(4, 5), m=(4, 5)),),
        mark("Thank them, give early access; do not discount"),
    ),
    Segment(
        "loyal",
        mark("Loyal"),
        (Box(r=(4, 5), f=(4, 5), m=(1, 3)), Box(r=(4, 5), f=(3, 3)), Box(r=(3, 3), f=(4, 5))),
        mark("Offer what goes with what they buy"),
    ),
    Segment(
        "potential_loyalists",
        mark("Potential loyalists"),
        (Box(r=(4, 5), f=(2, 2)),),
        mark("Invite to the programme; help to the next purchase"),
    ),
    Segment(
        "recent",
        mark("Recent buyers"),
        (Box(r=(5, 5), f=(1, 1)),),
        mark("Welcome; win the second purchase"),
    ),
    Segment(
        "promising",
        mark("Promising"),
        (Box(r=(4, 4), f=(1, 1)),),
        mark("Remind of what they looked for"),
    ),
    Segment(
        "need_attention",
        mark("Need attention"),
        (Box(r=(3, 3), f=(2, 3)),),
        mark("Contact before they slip"),
    ),
    Segment(
        "about_to_sleep",
        mark("About to sleep"),
        (Box(r=(3, 3), f=(1, 1)),),
        mark("One cheap reminder"),
    ),
    Segment(
        "at_risk",
        mark("At risk"),
        (Box(r=(1, 2), f=(4, 5), m=(1, 3)), Box(r=(1, 2), f=(3, 3))),
        mark("Ask what went wrong; win back"),
    ),
    Segment(
        "cannot_lose",
        mark("Cannot lose"),
        (Box(r=(1, 2), f=(4, 5), m=(4, 5)),),
        mark("Call in person"),
    ),
    Segment(
        "hibernating",
        mark("Hibernating"),
        (Box(r=(1, 2), f=(1, 2)),),
        mark("Spend little; try once a year"),
    ),
)
BY_KEY = {s.key: s for s in SEGMENTS}
TOP = ("champions", "loyal")
LAPSED, NOT_YET, OTHER = "lapsed", "not_yet", "other"
ORDER = (*BY_KEY, LAPSED, NOT_YET, OTHER)
_OUTSIDE = {  # states without scores: their name and the first thing to do
    LAPSED: (
        mark("No purchase in 12 months"),
        mark("Try a win-back on a random part; go on only if it beats the rest"),
    ),
    NOT_YET: (mark("Not a customer yet"), ""),
    OTHER: (mark("Other, too few to show"), ""),
}


def label(key: str) -> str:
    """Give the English name of a segment or state, the key of its translations."""
    return _OUTSIDE[key][0] if key in _OUTSIDE else BY_KEY[key].label


def action(key: str) -> str:
    """Give the first thing to do about a segment, in English."""
    return _OUTSIDE[key][1] if key in _OUTSIDE else BY_KEY[key].action


def assign() -> pl.Expr:
    """Give the segment's key for the columns ``r``, ``f``, ``m``."""
    rules = [(box.holds(), s.key) for s in SEGMENTS for box in s.boxes]
    return pl.coalesce(pl.when(inside).then(pl.lit(key)) for inside, key in rules)
