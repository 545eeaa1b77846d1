"""Losses: the waterfall from gross margin to profit, and who loses again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlib import i18n, theme
from crmlib.estimate import Interval
from crmlib.profile import waterfall
from crmlib.profile.losses import RepeatResult
from crmlib.profile.waterfall import WaterfallResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

_ENDS = ("gross_margin", "profit")
_TITLES = {
    "loss_makers": i18n.mark("From gross margin to loss, customers that cost money"),
    "all": i18n.mark("From gross margin to profit"),
}


def waterfall_bars(result: WaterfallResult, lang: str) -> go.Figure:
    """One floating bar a step, from the level before it to the level after it."""
    import plotly.graph_objects as go

    # A step that takes nothing says nothing; the two ends always stand there.
    rows = [r for r in result.steps.iter_rows(named=True) if r["amount"] != 0 or r["step"] in _ENDS]
    names = [_name(r["step"], lang, negative=r["amount"] < 0) for r in rows]
    bars = go.Bar(
        x=names,
        base=[float(r["start"]) for r in rows],
        y=[float(r["amount"]) for r in rows],
        marker_color=[_colour(r["step"], takes=r["amount"] < 0) for r in rows],
        text=[i18n.money_short(r["amount"], result.currency, lang) for r in rows],
        textposition="outside",
        cliponaxis=False,
        customdata=[i18n.money(r["amount"], result.currency, lang) for r in rows],
        hovertemplate="%{x}: %{customdata}<extra></extra>",
    )
    title = _TITLES[result.spec.of] if result.costs_known else waterfall.NO_COSTS
    figure = theme.finish(go.Figure(bars), title=i18n.text(title, lang), lang=lang, height=420)
    figure.update_yaxes(showticklabels=False, zeroline=True)
    figure.update_xaxes(showgrid=False, tickangle=0)
    return figure


def _name(step: str, lang: str, *, negative: bool) -> str:
    """Name a step over several lines, so that names stay level on a narrow page."""
    name = _LOSS if step == "profit" and negative else waterfall.STEPS[step]
    return i18n.text(name, lang).replace(" ", "<br>")


_LOSS = i18n.mark("Loss")


def _colour(step: str, *, takes: bool) -> str:
    if step in _ENDS:
        return theme.BAD if takes else theme.ACCENT
    return theme.WARN if takes else theme.GOOD


def repeat_bars(result: RepeatResult, lang: str) -> go.Figure:
    """Two bars with their intervals: last year's loss-makers and the others."""
    import plotly.graph_objects as go

    groups = [
        (i18n.text("Cost us money last year", lang), result.again, theme.BAD),
        (i18n.text("Did not", lang), result.others, theme.QUIET),
    ]
    shown = [(name, share, colour) for name, share, colour in groups if share is not None]
    # Without an interval the bar has no whisker.
    ends = [share.interval or Interval(share.value, share.value) for _, share, _ in shown]
    values = [share.value for _, share, _ in shown]
    bars = go.Bar(
        x=values,
        y=[name for name, _, _ in shown],
        orientation="h",
        marker_color=[colour for _, _, colour in shown],
        error_x={
            "type": "data",
            "array": [end.high - v for end, v in zip(ends, values, strict=True)],
            "arrayminus": [v - end.low for end, v in zip(ends, values, strict=True)],
        },
        customdata=[i18n.percent(share.value, lang, 1) for _, share, _ in shown],
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    title = i18n.text("Share that costs money this year, of those who bought again", lang)
    figure = theme.finish(go.Figure(bars), title=title, lang=lang, height=240)
    ticks = theme.percent_ticks([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1], lang)
    figure.update_xaxes(**ticks, rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure
