"""Segment cards: their numbers as a table, and what a group buys against all customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from crmlib import i18n, theme
from crmlib.profile.card import ALL, OTHER, CardResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

_NONE = "–"


def card_table(
    result: CardResult, lang: str, *, labels: Mapping[str, str] | None = None
) -> theme.Table:
    """List the groups, all customers first, with their rates, first category and channel.

    ``labels`` gives the English name of a group, such as
    :func:`crmlib.profile.segments.label` does; without it the groups' own names are shown.
    """
    rows = []
    for card in result.cards.rows(named=True):
        group = card["group"]
        rows.append(
            [
                _group(group, labels, lang),
                i18n.number(card["customers"], lang),
                i18n.money(card["mean_value"], result.currency, lang),
                *(_rate(card, rate, lang) for rate in ("once", "discount", "returns")),
                _first(result, group, lang),
                _channel(result, group, lang),
            ]
        )
    headers = [
        i18n.text("Group", lang),
        i18n.text("Customers", lang),
        i18n.text("Sales a customer", lang),
        i18n.text("Bought on one day only", lang),
        i18n.text("Discounts, share of sales before them", lang),
        i18n.text("Returns, share of sales", lang),
        i18n.text("Buys more of than all", lang),
        i18n.text("First channel", lang),
    ]
    return theme.Table(headers, rows, [False, True, True, True, True, True, False, False])


def category_bars(
    result: CardResult, lang: str, *, group: str = ALL, labels: Mapping[str, str] | None = None
) -> go.Figure:
    """Draw the listed categories of a group: its share of each beside that of all customers."""
    import plotly.graph_objects as go

    listed = result.categories.filter(group=group).reverse()
    names = listed["category"].to_list()

    def bars(column: str, label: str, colour: str) -> go.Bar:
        return go.Bar(
            x=listed[column].to_list(),
            y=names,
            name=label,
            orientation="h",
            marker_color=colour,
            text=[i18n.percent(v, lang, 1) for v in listed[column]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{y}}, {label}: %{{text}}<extra></extra>",
        )

    everyone = i18n.text("All customers", lang)
    mine = _group(group, labels, lang)
    traces = [bars("share_all", everyone, theme.QUIET)] if group != ALL else []
    traces.append(bars("share", mine, theme.ACCENT))
    title = (
        i18n.text("{group}: share of the lines bought, by category", lang, group=mine)
        if result.spec.by == "lines"
        else i18n.text("{group}: share of sales, by category", lang, group=mine)
    )
    height = 150 + 45 * max(len(names), 3)
    figure = theme.finish(go.Figure(traces), title=title, lang=lang, height=height)
    most = max([*listed["share"], *listed["share_all"]], default=1.0)
    figure.update_xaxes(visible=False, range=[0, 1.2 * most])
    figure.update_yaxes(showgrid=False, type="category")
    figure.update_layout(
        barmode="group",
        showlegend=group != ALL,
        legend={"orientation": "h", "yanchor": "top", "y": 0, "x": 0, "traceorder": "reversed"},
    )
    return figure


def _group(group: str, labels: Mapping[str, str] | None, lang: str) -> str:
    if group == ALL:
        return i18n.text("All customers", lang)
    return i18n.text(labels[group], lang) if labels and group in labels else group


def _rate(card: Mapping[str, float | None], rate: str, lang: str) -> str:
    value, low, high = (card[f"{rate}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return _NONE
    if low is None or high is None:
        return i18n.percent(value, lang, 1)
    return i18n.text(
        "{x} ({low} to {high})",
        lang,
        x=i18n.percent(value, lang, 1),
        low=i18n.percent(max(low, 0.0), lang, 1),
        high=i18n.percent(high, lang, 1),
    )


def _first(result: CardResult, group: str, lang: str) -> str:
    """Name the category that a group clearly buys most above all; of all, nothing is above."""
    clear = result.categories.filter(group=group, clear=True)
    if group == ALL or clear.is_empty():
        return _NONE
    best = clear.row(0, named=True)
    x = i18n.number(best["index"], lang, 1)
    return i18n.text("{category} ({x} times)", lang, category=best["category"], x=x)


def _channel(result: CardResult, group: str, lang: str) -> str:
    listed = result.channels.filter(group=group)
    if listed.is_empty():
        return _NONE
    first = listed.row(0, named=True)
    words = {OTHER: i18n.text("Other", lang), "": i18n.text("Not known", lang)}
    name = words.get(first["channel"], first["channel"])
    return f"{name} ({i18n.percent(first['share'], lang)})"
