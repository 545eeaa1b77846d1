"""The overview: cards, segments and how unevenly value is spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlib import i18n, theme
from crmlib.estimate import Estimate
from crmlib.profile import segments
from crmlib.profile.activity import ActivityResult
from crmlib.profile.figures.comparisons import comparison_cards
from crmlib.profile.rfm import RfmResult, RfmSpec
from crmlib.profile.value import ValueResult

if TYPE_CHECKING:
    import plotly.graph_objects as go


def segment_bars(result: RfmResult, lang: str) -> go.Figure:
    """One bar a segment, the largest on top: how many customers it has."""
    import plotly.graph_objects as go

    table = result.segments.sort("customers")
    names = [_segment(key, lang) for key in table["segment"]]
    bars = go.Bar(
        x=table["customers"].to_list(),
        y=names,
        orientation="h",
        marker_color=[theme.SEGMENT_COLOURS[key] for key in table["segment"]],
        text=[i18n.number(n, lang) for n in table["customers"]],
        textposition="outside",
        cliponaxis=False,
        customdata=[i18n.percent(s, lang, 1) for s in table["value_share"]],
        hovertemplate="%{y}: %{text}<br>"
        + i18n.text("Share of sales", lang)
        + ": %{customdata}<extra></extra>",
    )
    title = i18n.text("Customers by segment", lang)
    figure = theme.finish(go.Figure(bars), title=title, lang=lang, height=420)
    # Room for the numbers behind the longest bar.
    figure.update_xaxes(visible=False, range=[0, 1.2 * max(table["customers"], default=1)])
    figure.update_yaxes(showgrid=False)
    return figure


def whale_curve(result: ValueResult, lang: str) -> go.Figure:
    """Draw the cumulated share of profit (or sales), from the best customer on."""
    import plotly.graph_objects as go

    profit = result.by != "value"
    what = i18n.text("share of profit", lang) if profit else i18n.text("share of sales", lang)
    curve = result.curve
    line = go.Scatter(
        x=curve["customers_share"].to_list(),
        y=curve["value_share"].to_list(),
        mode="lines",
        line={"color": theme.ACCENT, "width": 3},
        fill="tozeroy",
        fillcolor="rgba(59,111,212,0.12)",
        text=[
            f"{i18n.percent(x, lang)} → {i18n.percent(y, lang, 1)}" for x, y in curve.iter_rows()
        ],
        hovertemplate="%{text}<extra></extra>",
    )
    whole = go.Scatter(
        x=[0, 1],
        y=[1, 1],
        mode="lines",
        line={"color": theme.QUIET, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )
    title = (
        i18n.text("Profit, best customers first", lang)
        if profit
        else i18n.text("Sales, best customers first", lang)
    )
    figure = theme.finish(go.Figure([line, whole]), title=title, lang=lang, height=420)
    figure.update_xaxes(
        title_text=i18n.text("share of customers", lang),
        **theme.percent_ticks([0.2, 0.4, 0.6, 0.8, 1], lang),
        range=[0, 1],
    )
    figure.update_yaxes(
        title_text=what,
        **theme.percent_ticks([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3], lang),
        rangemode="tozero",
    )
    return figure


def segment_table(result: RfmResult, lang: str) -> theme.Table:
    """Size, worth and the first thing to do, by segment."""
    rows = [
        [
            _segment(row["segment"], lang),
            i18n.number(row["customers"], lang),
            i18n.percent(row["share"], lang, 1),
            i18n.money(row["value"], result.currency, lang),
            i18n.percent(row["value_share"], lang, 1),
            i18n.number(row["mean_days_since_last"], lang),
            i18n.text(segments.action(row["segment"]), lang),
        ]
        for row in result.segments.iter_rows(named=True)
    ]
    headers = [
        i18n.text("Segment", lang),
        i18n.text("Customers", lang),
        i18n.text("Share", lang),
        sales_header(result.spec, lang),
        i18n.text("Share of sales", lang),
        i18n.text("Days since last purchase, mean", lang),
        i18n.text("First thing to do", lang),
    ]
    return theme.Table(headers, rows, [False, True, True, True, True, True, False])


def sales_header(spec: RfmSpec, lang: str) -> str:
    """Name the sales that are scored: of how many months, and in which prices."""
    real = spec.money == "real"
    if spec.months is None:
        return i18n.text(_SO_FAR_REAL if real else _SO_FAR, lang)
    sentence = _MONTHS_REAL if real else _MONTHS
    return i18n.text(sentence, lang, n=i18n.number(spec.months, lang))


_SO_FAR = i18n.mark("Sales so far")
_SO_FAR_REAL = i18n.mark("Sales so far, at today's prices")
_MONTHS = i18n.mark("Sales of {n} months")
_MONTHS_REAL = i18n.mark("Sales of {n} months, at today's prices")


def cards(result: ActivityResult, lang: str) -> list[theme.Card]:
    """Show customers, sales, orders and spend of the window, with last year's comparison."""
    found = [
        theme.Card(
            i18n.text("Customers", lang),
            i18n.number(result.customers, lang),
            *_comparison(result, result.change, _CUSTOMERS, lang),
        ),
        theme.Card(
            i18n.text("Sales to these customers", lang),
            i18n.money_short(result.value, result.currency, lang),
            *_comparison(result, result.value_change, _REAL if result.real else _NOMINAL, lang),
        ),
        theme.Card(i18n.text("Orders", lang), i18n.number(result.orders, lang)),
    ]
    if result.customers:
        spend = i18n.money(result.value / result.customers, result.currency, lang)
        found.append(theme.Card(i18n.text("Sales a customer", lang), spend))
    if result.identified is not None:
        share = i18n.percent(result.identified, lang)
        found.append(theme.Card(i18n.text("Sales with a customer id", lang), share))
    return found + comparison_cards(result, lang)


def _segment(key: str, lang: str) -> str:
    return i18n.text(segments.label(key), lang)


_CUSTOMERS = i18n.mark("{x} against last year ({low} to {high})")
_REAL = i18n.mark("{x} in real terms against last year ({low} to {high})")
_NOMINAL = i18n.mark("{x} against last year, prices not deflated ({low} to {high})")


def _comparison(
    result: ActivityResult, change: Estimate | None, sentence: str, lang: str
) -> tuple[str, str]:
    """Give the note and the tone of a change: its sign counts only beyond its interval."""
    if change is None or change.interval is None:
        return i18n.text(result.no_comparison, lang), "quiet"
    fields = {
        "x": _signed(change.value, lang),
        "low": _signed(change.interval.low, lang),
        "high": _signed(change.interval.high, lang),
    }
    clear = change.interval.excludes(0.0)
    tone = ("good" if change.value > 0 else "bad") if clear else "quiet"
    return i18n.text(sentence, lang, **fields), tone


def _signed(fraction: float, lang: str) -> str:
    sign = "+" if fraction > 0 else "−" if fraction < 0 else ""
    return f"{sign}{i18n.percent(abs(fraction), lang, 1)}"
