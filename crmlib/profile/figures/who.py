"""Who the customers are: what a customer of each group brings, against the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlib import i18n, theme
from crmlib.profile.figures.comparisons import signed
from crmlib.profile.who import GROUP, WhoResult, field_label, group_label

if TYPE_CHECKING:
    import plotly.graph_objects as go


def who_bars(result: WhoResult, lang: str, *, field: str | None = None) -> go.Figure:
    """Draw a bar a group, the largest on top, with its interval and the mean of all.

    ``field`` is one of ``result.fields``; without it the one that stands out, else the first.
    """
    import plotly.graph_objects as go

    chosen = field or (result.stands_out[0] if result.stands_out else next(iter(result.fields), ""))
    rows = result.groups.filter(field=chosen).reverse().rows(named=True)
    whiskers = {
        "type": "data",
        "symmetric": False,
        "array": [_gap(r["mean"], r["high"]) for r in rows],
        "arrayminus": [_gap(r["low"], r["mean"]) for r in rows],
        "color": theme.QUIET,
    }
    bars = go.Bar(
        x=[r["mean"] for r in rows],
        y=[group_label(r["group"], r["kind"], lang) for r in rows],
        orientation="h",
        error_x=whiskers,
        marker_color=[theme.ACCENT if r["kind"] == GROUP else theme.QUIET for r in rows],
        text=[
            i18n.text(
                "{n} customers, {mean} each",
                lang,
                n=i18n.number(r["customers"], lang),
                mean=i18n.money(r["mean"], result.currency, lang),
            )
            for r in rows
        ],
        textposition="none",
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    what = _what(result, lang)
    title = f"{field_label(chosen, lang)}: {what}" if chosen else what
    height = 160 + 28 * max(len(rows), 4)
    figure = theme.finish(go.Figure(bars), title=title, lang=lang, height=height)
    figure.update_yaxes(showgrid=False, type="category")
    if result.overall is not None:
        line = {"color": theme.WARN, "width": 2, "dash": "dot"}
        at = result.overall.value
        figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line=line)
        figure.add_annotation(
            x=at,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=i18n.text("mean of all", lang),
            showarrow=False,
            font={"size": 11},
        )
    return figure


def who_table(result: WhoResult, lang: str, *, field: str | None = None) -> theme.Table:
    """List the groups of a field, or of all fields, with what a customer brings."""
    groups = result.groups.filter(field=field) if field else result.groups
    rows = [
        [
            field_label(r["field"], lang),
            group_label(r["group"], r["kind"], lang),
            i18n.number(r["customers"], lang),
            i18n.percent(r["share"], lang, 1),
            i18n.money(r["mean"], result.currency, lang),
            _against(r["index"], r["index_low"], r["index_high"], lang),
        ]
        for r in groups.rows(named=True)
    ]
    headers = [
        i18n.text("Field", lang),
        i18n.text("Group", lang),
        i18n.text("Customers", lang),
        i18n.text("Share", lang),
        _what(result, lang),
        i18n.text("Against the mean", lang),
    ]
    return theme.Table(headers, rows, [False, False, True, True, True, True])


def _what(result: WhoResult, lang: str) -> str:
    if result.by == "profit":
        return i18n.text("Profit a customer", lang)
    if result.real:
        return i18n.text("Sales a customer, today's prices", lang)
    return i18n.text("Sales a customer", lang)


def _against(index: float | None, low: float | None, high: float | None, lang: str) -> str:
    if index is None:
        return ""
    if low is None or high is None:
        return signed(index - 1, lang)
    return i18n.text(
        "{x} ({low} to {high})",
        lang,
        x=signed(index - 1, lang),
        low=signed(low - 1, lang),
        high=signed(high - 1, lang),
    )


def _gap(low: float | None, high: float | None) -> float:
    return high - low if low is not None and high is not None else 0.0
