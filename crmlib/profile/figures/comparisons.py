"""Cards that compare a window with the month before, with a bayram's days and with targets."""

from __future__ import annotations

from crmlib import i18n, theme
from crmlib.estimate import Estimate
from crmlib.profile.activity import ActivityResult, Comparison, TargetReached

_KPIS = {
    "sales": i18n.mark("Target: sales"),
    "orders": i18n.mark("Target: orders"),
    "margin": i18n.mark("Target: margin"),
    "customers": i18n.mark("Target: customers"),
    "new_customers": i18n.mark("Target: new customers"),
}
_MONEY = ("sales", "margin")
# Customers, and sales: at constant prices, and where there is no price index.
_LABELS = {
    "month_before": (
        i18n.mark("Customers against the month before"),
        i18n.mark("Sales against the month before, in real terms"),
        i18n.mark("Sales against the month before, prices not deflated"),
    ),
    "aligned": (
        i18n.mark("Customers against last year, bayram-aligned"),
        i18n.mark("Sales against last year, bayram-aligned, in real terms"),
        i18n.mark("Sales against last year, bayram-aligned, prices not deflated"),
    ),
}


def comparison_cards(result: ActivityResult, lang: str) -> list[theme.Card]:
    """Show the further comparisons of a window, and the targets it was to reach."""
    found = []
    for comparison in (result.month_before, result.aligned):
        if comparison is not None:
            found += _compared(comparison, lang, real=result.real)
    return found + [_target(t, result.currency, lang) for t in result.targets]


def _compared(comparison: Comparison, lang: str, *, real: bool) -> list[theme.Card]:
    customers, in_real, nominal = _LABELS[comparison.kind]
    pairs = [
        (customers, comparison.change),
        (in_real if real else nominal, comparison.value_change),
    ]
    cards = [
        _card(i18n.text(label, lang), change, comparison.against(lang), lang)
        for label, change in pairs
        if change is not None
    ]
    return cards


def _card(label: str, change: Estimate, against: str, lang: str) -> theme.Card:
    """Make a card of a change: its sign counts only beyond its interval."""
    shown = signed(change.value, lang)
    if change.interval is None:
        return theme.Card(label, shown, against)
    clear = change.interval.excludes(0.0)
    note = i18n.text(
        "{low} to {high}; compared with {window}",
        lang,
        low=signed(change.interval.low, lang),
        high=signed(change.interval.high, lang),
        window=against,
    )
    tone = ("good" if change.value > 0 else "bad") if clear else "quiet"
    return theme.Card(label, shown, note, tone)


def _target(target: TargetReached, currency: str, lang: str) -> theme.Card:
    def shown(amount: float) -> str:
        if target.kpi in _MONEY:
            return i18n.money_short(amount, currency, lang)
        return i18n.number(amount, lang)

    note = i18n.text(
        "{value} of {target}", lang, value=shown(target.value), target=shown(target.target)
    )
    tone = "good" if target.value >= target.target else "bad"
    share = i18n.percent(target.reached.value, lang, 1)
    return theme.Card(i18n.text(_KPIS[target.kpi], lang), share, note, tone)


def signed(fraction: float, lang: str) -> str:
    """Write a change with its sign: +5.2%."""
    sign = "+" if fraction > 0 else "−" if fraction < 0 else ""
    return f"{sign}{i18n.percent(abs(fraction), lang, 1)}"
