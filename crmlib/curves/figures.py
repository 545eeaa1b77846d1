"""Figures of the curves: pure functions of results, nothing computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlib import i18n, theme
from crmlib.curves.repeat import RepeatResult

if TYPE_CHECKING:
    import plotly.graph_objects as go


def repeat_curve(result: RepeatResult, lang: str) -> go.Figure:
    """Draw the share that has not bought again yet, with its band, as far as it is read."""
    import plotly.graph_objects as go

    shown = result.shown
    days = shown["days"].to_list()
    line = {"shape": "hv", "width": 0}  # a survival curve is a staircase
    edge = {"x": days, "mode": "lines", "line": line, "hoverinfo": "skip"}
    low = go.Scatter(y=shown["low"].to_list(), **edge)
    high = go.Scatter(
        y=shown["high"].to_list(), fill="tonexty", fillcolor="rgba(59,111,212,0.15)", **edge
    )
    curve = go.Scatter(
        x=days,
        y=shown["survival"].to_list(),
        mode="lines",
        line={"shape": "hv", "color": theme.ACCENT, "width": 3},
        text=[i18n.percent(s, lang, 1) for s in shown["survival"]],
        hovertemplate="%{x}: %{text}<extra></extra>",
    )
    figure = theme.finish(
        go.Figure([low, high, curve]),
        title=i18n.text("Not bought again yet", lang),
        lang=lang,
        x=i18n.text("days since the purchase", lang),
        y=i18n.text("share of customers", lang)
        if result.spec.ordinal is not None
        else i18n.text("share of purchases", lang),
    )
    figure.update_yaxes(range=[0, 1], **theme.percent_ticks([0, 0.25, 0.5, 0.75, 1], lang))
    return figure
