"""What the profile's results say to do, in words; pure functions of results."""

from __future__ import annotations

from crmlib.estimate import Estimate
from crmlib.profile.activity import ActivityResult
from crmlib.profile.losses import RepeatResult
from crmlib.profile.migration import MigrationResult
from crmlib.profile.returning import ReturningResult
from crmlib.profile.value import ValueResult

_HALF = 0.5


def decide(
    activity: ActivityResult,
    value: ValueResult,
    returning: ReturningResult,
    *,
    moves: MigrationResult | None = None,
    again: RepeatResult | None = None,
) -> dict[str, str]:
    """Decide on the customer base, on those that cost money and on the second purchase.

    With ``moves`` also on the top segments, with ``again`` on whether to change the loss-makers
    or what causes the losses. A decision leans on an interval, not on the sign of a number:
    within it, nothing is clear.
    """
    decided = {
        "customer base": _base(activity.change),
        "customers that cost money": _losses(value),
        "second purchase": _second(returning.came_back),
    }
    if moves is not None:
        decided["top segments"] = _top(moves)
    if again is not None:
        decided["losses that repeat"] = _again(again)
    return decided


def _base(change: Estimate | None) -> str:
    if change is None or change.interval is None:
        return "cannot be compared with last year"
    if not change.interval.excludes(0.0):
        return "steady against last year"
    return "growing: keep going" if change.value > 0 else "shrinking: find out who left"


def _losses(value: ValueResult) -> str:
    if value.by == "value":
        return "not known: the data have no costs"
    if value.loss_makers is None:
        return f"fewer than {value.fewer_than}: not worth a programme"
    if not value.loss_makers:
        return "none to act on"
    causes = {
        "returns": "talk to those who return most of what they buy",
        "below_cost": "stop selling below cost to those who buy nothing else",
        "freight": "charge freight on small orders, or send them together",
        "service": "find out what they call about and end its cause",
        "contacts": "contact them less: it costs more than they bring",
    }
    return causes[value.cause or "returns"]


def _second(came_back: Estimate | None) -> str:
    if came_back is None or came_back.interval is None:
        return "not known: too few new customers a year ago"
    if came_back.interval.low > _HALF:
        return "most new customers come back: find more of them"
    if came_back.interval.high < _HALF:
        return "most new customers do not come back: win the second purchase first"
    return "about half of the new customers come back"


def _top(moves: MigrationResult) -> str:
    """Decide by behaviour alone: what the ruler's move adds or takes is no reason to act."""
    change = moves.net_change
    if moves.why_not or change is None or change.interval is None:
        return "not known: no earlier date to compare with"
    if not change.interval.excludes(0.0):
        return "steady by behaviour"
    if change.value > 0:
        return "growing by behaviour: keep what brought them"
    return "shrinking by behaviour: win back those who left"


def _again(again: RepeatResult) -> str:
    if again.persists is None:
        return "not known: too few loss-makers bought again"
    if again.persists:
        return "the same customers lose again: change the terms for them"
    return "not clearly the same customers: change what causes the loss"
