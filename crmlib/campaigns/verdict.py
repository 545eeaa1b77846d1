"""Verdict: what an experiment found, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmlib import i18n

if TYPE_CHECKING:
    from crmlib.campaigns.lift import CampaignLift

OUTCOMES = {
    "bought": i18n.mark("share who bought"),
    "orders": i18n.mark("orders a customer"),
    "value": i18n.mark("sales a customer"),
    "value_real": i18n.mark("real sales a customer"),
    "margin": i18n.mark("margin a customer"),
}
_MONEY = ("value", "value_real", "margin", "spend", "revenue")
_UP = i18n.mark("{arm}: {outcome} up by {difference} ({low} to {high}); the campaign did it.")
_DOWN = i18n.mark("{arm}: {outcome} down by {difference} ({low} to {high}); the campaign did it.")
_UNCLEAR = i18n.mark("{arm}: no clear change; {outcome} {difference} ({low} to {high}).")
_ALIKE = i18n.mark(
    "{arm}: as without it; {outcome} differs by less than {margin} ({low} to {high})."
)
_SAME = i18n.mark("{arm}: no customer differs in {outcome}, so nothing can be said.")
_HARM = i18n.mark("Warning: {arm} raised {outcome} by {difference} ({low} to {high}).")
_RUNNING = i18n.mark("The window is still open: no verdict before it has closed.")
_POINTS = i18n.mark("{x} points")
_HOLD_OUT = i18n.mark(
    "The effect cannot be measured: nobody was held out. Hold out {n} customers next time, and a "
    "change of {x} can be found."
)
_NO_HOLD_OUT = i18n.mark(
    "The effect cannot be measured: nobody was held out. Even half of these customers would only "
    "show a change of {x}; use a larger list or a surer outcome."
)
_NO_IDEA = i18n.mark(
    "The effect cannot be measured: nobody was held out, and there are too few customers to say "
    "how many to hold out next time."
)
_SAVES = i18n.mark("Allowing for {pre} saves {share} of the variance of {outcome}.")
_SAVES_NOTHING = i18n.mark(
    "Allowing for {pre} saves only {share} of the variance of {outcome}: it does not help here."
)
_WORTH = 0.05


def outcome_label(name: str, lang: str) -> str:
    """Name an outcome; one that was read has its own name."""
    return i18n.text(OUTCOMES[name], lang) if name in OUTCOMES else name


def sentences(found: CampaignLift, lang: str) -> list[str]:
    """Say the verdict, arm by arm, and guardrails that broke."""
    if found.status == "unmeasurable":
        return [_without_control(found, lang)]
    if found.status == "blocked":
        return [check.headline(lang) for check in found.checks if not check.passed]
    if found.status == "running":
        return [i18n.text(_RUNNING, lang)]
    rows = found.effects.rows(named=True)
    first = [_one(r, found, lang) for r in rows if r["role"] == "primary"]
    harm = [
        i18n.text(_HARM, lang, **_fields(r, found, lang))
        for r in rows
        if r["role"] == "guardrail" and r["clear"] and r["difference"] > 0
    ]
    return first + harm


def _one(row: dict[str, Any], found: CampaignLift, lang: str) -> str:
    if row["low"] is None:
        return i18n.text(_SAME, lang, arm=row["arm"], outcome=outcome_label(row["outcome"], lang))
    fields = _fields(row, found, lang)
    if row["clear"]:
        way = _UP if row["difference"] > 0 else _DOWN
        return i18n.text(way, lang, **fields)
    p = row["equivalence_p"]
    if p is not None and p < 1 - found.spec.level:
        margin = _amount(found.spec.margins[row["outcome"]], row, found.currency, lang)
        return i18n.text(_ALIKE, lang, margin=margin, **fields)
    return i18n.text(_UNCLEAR, lang, **fields)


def _fields(row: dict[str, Any], found: CampaignLift, lang: str) -> dict[str, str]:
    ends = [row["low"], row["high"]]
    size = row["difference"]
    if row["clear"]:  # "down by 2 (1 to 3)": sizes, the smaller one first
        size, ends = abs(size), sorted(ends, key=abs) if row["low"] * row["high"] > 0 else ends
        ends = [abs(e) for e in ends] if row["low"] * row["high"] > 0 else ends
    difference = _amount(size, row, found.currency, lang)
    if row["kind"] == "rate":  # the unit stands once
        low, high = (_signed(100 * x, lang, 2) for x in ends)
    else:
        low, high = (_amount(x, row, found.currency, lang) for x in ends)
    return {
        "arm": row["arm"],
        "outcome": outcome_label(row["outcome"], lang),
        "difference": difference,
        "low": low,
        "high": high,
    }


def _amount(x: float, row: dict[str, Any], currency: str, lang: str) -> str:
    """Write a difference: rates in points, money in its currency."""
    if row["kind"] == "rate":
        return i18n.text(_POINTS, lang, x=_signed(100 * x, lang, 2))
    if row["kind"] == "mean" and row["outcome"] in _MONEY:
        return i18n.money(x, currency, lang, 2)
    return _signed(x, lang, 3)


def _signed(x: float, lang: str, digits: int) -> str:
    return f"{'−' if x < 0 else ''}{i18n.number(abs(x), lang, digits)}"


def _without_control(found: CampaignLift, lang: str) -> str:
    if found.smallest is None:
        return i18n.text(_NO_IDEA, lang)
    row = {"kind": "mean", "outcome": found.spec.outcomes[0]}
    x = _amount(found.smallest, row, found.currency, lang)
    if found.hold_out is None:
        return i18n.text(_NO_HOLD_OUT, lang, x=x)
    return i18n.text(_HOLD_OUT, lang, n=i18n.number(found.hold_out, lang), x=x)


def cuped_headline(found: CampaignLift, lang: str) -> str:
    """Say what allowing for the time before saved on the first outcome, also where it is nothing.

    Empty where nothing was known before.
    """
    first = found.effects.filter(role="primary").drop_nulls("variance_saved")
    if first.is_empty():
        return ""
    row = first.sort("variance_saved").row(0, named=True)
    saved = row["variance_saved"]
    return i18n.text(
        _SAVES if saved >= _WORTH else _SAVES_NOTHING,
        lang,
        pre=outcome_label(row["pre"], lang),
        share=i18n.percent(saved, lang, 1),
        outcome=outcome_label(row["outcome"], lang),
    )
