"""Growth by month: who came and went, and the sales, with what happened to the firm."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from crmlib import i18n, theme
from crmlib.marts.calendar import from_day, from_month
from crmlib.profile.growth import GrowthResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

# From the axis upwards; those who lapsed go down.
_UP = {
    "new": (i18n.mark("New"), theme.GOOD),
    "first_seen": (i18n.mark("First seen, may be old customers"), theme.QUIET),
    "resurrected": (i18n.mark("Came back after lapsing"), theme.ACCENT),
}
_LAPSED = i18n.mark("Lapsed")
_ACTIVE = i18n.mark("Active at the month's end")
_LETTER = 0.02  # of the axis's length that a letter of an event's text takes


def growth_bars(result: GrowthResult, lang: str) -> go.Figure:
    """Stack who was won above the axis and who lapsed below it, with the active base as a line."""
    import plotly.graph_objects as go

    months = result.months
    dates = [from_month(m) for m in months["month"]]
    names = [
        _month(day, cut, lang) for day, cut in zip(dates, months["partial"].to_list(), strict=True)
    ]

    def bars(label: str, counts: list[int | None], colour: str, sign: int) -> go.Bar:
        return go.Bar(
            x=dates,
            y=[None if n is None else sign * n for n in counts],
            name=i18n.text(label, lang),
            marker_color=colour,
            text=["" if n is None else i18n.number(n, lang) for n in counts],
            textposition="none",
            customdata=names,
            hovertemplate=f"%{{customdata}}: {i18n.text(label, lang)}: %{{text}}<extra></extra>",
        )

    traces: list[object] = [
        bars(label, months[kind].to_list(), colour, 1) for kind, (label, colour) in _UP.items()
    ]
    traces.append(bars(_LAPSED, months["lapsed"].to_list(), theme.BAD, -1))
    active = i18n.text(_ACTIVE, lang)
    traces.append(
        go.Scatter(
            x=dates,
            y=months["active_end"].to_list(),
            name=active,
            mode="lines",
            yaxis="y2",
            line={"color": theme.WARN, "width": 3},
            customdata=names,
            text=[i18n.number(n, lang) for n in months["active_end"]],
            hovertemplate=f"%{{customdata}}: {active}: %{{text}}<extra></extra>",
        )
    )
    figure = theme.finish(
        go.Figure(traces),
        title=i18n.text("Customers won and lapsed, by month", lang),
        lang=lang,
        height=460,
    )
    figure.update_layout(
        barmode="relative",
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "showgrid": False,
            "automargin": True,
            "tickmode": "auto",  # by default at the marks of the other axis, at odd numbers
            "nticks": 6,
            "title": {"text": active},
        },
        yaxis={"title": {"text": i18n.text("customers in the month", lang)}},
    )
    _legend(figure)
    _month_ticks(figure, dates, lang)
    _mark_events(figure, result)
    return figure


def sales_line(result: GrowthResult, lang: str) -> go.Figure:
    """Draw the sales of each month, and at constant prices where there is a price index."""
    import plotly.graph_objects as go

    sales = result.sales
    dates = [from_month(m) for m in sales["month"]]
    cut = dict(result.months.select("month", "partial").iter_rows())
    names = [
        _month(day, cut.get(m, ""), lang) for day, m in zip(dates, sales["month"], strict=True)
    ]

    def line(label: str, column: str, style: dict[str, object]) -> go.Scatter:
        return go.Scatter(
            x=dates,
            y=sales[column].to_list(),
            name=label,
            mode="lines+markers",
            line=style,
            customdata=names,
            text=[i18n.money_short(v, result.currency, lang) for v in sales[column]],
            hovertemplate=f"%{{customdata}}: {label}: %{{text}}<extra></extra>",
        )

    nominal = i18n.text("Sales, prices of the day", lang)
    traces = [line(nominal, "value", {"color": theme.QUIET, "width": 2, "dash": "dot"})]
    if result.real:
        label = i18n.text("Sales, today's prices", lang)
        traces.append(line(label, "value_real", {"color": theme.ACCENT, "width": 3}))
    else:
        traces[0].line = {"color": theme.ACCENT, "width": 3}
    title = (
        i18n.text("Sales by month", lang)
        if result.real
        else i18n.text("Sales by month, prices not deflated", lang)
    )
    figure = theme.finish(go.Figure(traces), title=title, lang=lang, height=420)
    figure.update_yaxes(rangemode="tozero")
    _legend(figure)
    _month_ticks(figure, dates, lang)
    _mark_events(figure, result)
    return figure


def _month(day: date, partial: str, lang: str) -> str:
    name = i18n.month(day, lang)
    return i18n.text("{month} (not whole)", lang, month=name) if partial else name


def _legend(figure: go.Figure) -> None:
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "yanchor": "top", "y": -0.16, "x": 0}
    )


def _month_ticks(figure: go.Figure, dates: list[date], lang: str) -> None:
    """Name about four months on the axis, in the language of the reader."""
    step = max(1, round(len(dates) / 4))
    shown = dates[::step]
    names = [i18n.month(d, lang).replace(" ", "<br>") for d in shown]
    figure.update_xaxes(tickvals=shown, ticktext=names, tickangle=0, tickfont={"size": 11})


def _mark_events(figure: go.Figure, result: GrowthResult) -> None:
    """Draw a dashed line at each event, its text a step lower where it would meet another."""
    days = [from_month(m) for m in (*result.months["month"], *result.sales["month"])]
    span = max((max(days) - min(days)).days, 1) if days else 1
    taken: list[date] = []  # by step: where the last text ends
    for day, text in result.events.iter_rows():
        at = from_day(day)
        figure.add_shape(
            type="line",
            x0=at,
            x1=at,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": theme.QUIET, "width": 1, "dash": "dash"},
        )
        wide = timedelta(days=span * len(text) * _LETTER)
        to_the_left = bool(days) and at + wide > max(days)
        begin, end = (at - wide, at) if to_the_left else (at, at + wide)
        step = next((i for i, until in enumerate(taken) if until < begin), len(taken))
        taken[step : step + 1] = [end]
        figure.add_annotation(
            x=at,
            y=1 - 0.07 * (step % 6),
            yref="paper",
            text=_plain(text),
            showarrow=False,
            xanchor="right" if to_the_left else "left",
            xshift=-3 if to_the_left else 3,
            font={"size": 11},
        )


def _plain(text: str) -> str:
    """Keep a text from being read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
