"""Colours, and the few shapes that a page shows: cards and tables. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmlib import i18n

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Colour follows meaning: one accent for what is read, red for what costs money, grey for the
# rest. The accents keep 4.5:1 on white and 3:1 on the dark ground, so one set serves both.
ACCENT = "#3b6fd4"
GOOD = "#2e8b63"
BAD = "#cf4545"
WARN = "#b7791f"
QUIET = "#8a94a6"

SEGMENT_COLOURS = {
    "champions": GOOD,
    "loyal": GOOD,
    "potential_loyalists": ACCENT,
    "recent": ACCENT,
    "promising": ACCENT,
    "need_attention": WARN,
    "about_to_sleep": WARN,
    "at_risk": BAD,
    "cannot_lose": BAD,
    "hibernating": QUIET,
    "lapsed": QUIET,
    "other": QUIET,
}


@dataclass(frozen=True, slots=True)
class Card:
    """A number that a manager reads at a glance; every text is ready to show.

    Attributes
    ----------
    label, value
        What it is and how much, e.g. "Customers", "12.345".
    note
        A comparison or a caution, may be empty.
    tone
        ``"good"``, ``"bad"`` or ``"quiet"``: whether the comparison is welcome.
    """

    label: str
    value: str
    note: str = ""
    tone: str = "quiet"


@dataclass(frozen=True, slots=True)
class Table:
    """A small table, every cell ready to show; ``numeric`` columns are set to the right."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[bool]


def percent_ticks(fractions: Sequence[float], lang: str) -> dict[str, Sequence[object]]:
    """Give ticks at these fractions, written as the language writes percent (%50 in Turkish)."""
    return {"tickvals": fractions, "ticktext": [i18n.percent(f, lang) for f in fractions]}


def finish(
    figure: go.Figure, *, title: str, lang: str, x: str = "", y: str = "", height: int = 360
) -> go.Figure:
    """Give a figure the house's look: transparent ground, quiet grid, local marks in numbers."""
    separators = ",." if lang == "tr" else ".,"
    figure.update_layout(
        title={
            "text": title,
            "font": {"size": 15},
            **{"x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "yref": "container"},
            "pad": {"t": 14},
        },
        height=height,
        separators=separators,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13},
        margin={"l": 8, "r": 28, "t": 48, "b": 8},
        showlegend=False,
        hoverlabel={"align": "left"},
    )
    grid = "rgba(138,148,166,0.25)"
    figure.update_xaxes(title_text=x, automargin=True, gridcolor=grid, zerolinecolor=QUIET)
    figure.update_yaxes(title_text=y, automargin=True, gridcolor=grid, zerolinecolor=QUIET)
    figure.update_yaxes(ticklabelstandoff=6)
    return figure
