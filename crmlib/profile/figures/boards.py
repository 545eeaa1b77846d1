"""What the dashboards show of a result whose figures ask for more than the result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crmlib import theme
from crmlib.profile import segments
from crmlib.profile.activity import ActivityResult
from crmlib.profile.card import CardResult
from crmlib.profile.figures.card import card_table, category_bars
from crmlib.profile.figures.losses import waterfall_bars
from crmlib.profile.figures.overview import cards
from crmlib.profile.waterfall import WaterfallResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LABELS = {key: segments.label(key) for key in segments.ORDER}


def window_cards(result: ActivityResult, lang: str) -> list[theme.Card]:
    """Show a window's numbers, without what stands at the head of every page."""
    return cards(replace(result, identified=None), lang)


def waterfall(result: WaterfallResult, lang: str) -> go.Figure:
    """Draw the waterfall from top to bottom: the names of its steps fit on a phone."""
    figure = waterfall_bars(result, lang)
    ends = [float(level) for c in ("start", "end") for level in result.steps[c]] or [0.0]
    span = max(ends) - min(ends)  # beside the bars stand the amounts, on a phone too
    for bars in figure.data:
        names = [_in_two_lines(name) for name in bars.x]
        bars.update(x=bars.y, y=names, orientation="h")
        bars.hovertemplate = bars.hovertemplate.replace("%{x}", "%{y}")
    figure.update_xaxes(
        showticklabels=False, zeroline=True, range=[min(ends) - 0.6 * span, max(ends) + 0.4 * span]
    )
    figure.update_yaxes(autorange="reversed", showticklabels=True, showgrid=False, zeroline=False)
    return figure


def _in_two_lines(name: str) -> str:
    words = name.split("<br>")
    half = (len(words) + 1) // 2
    return "<br>".join(" ".join(part) for part in (words[:half], words[half:]) if part)


def segment_card(result: CardResult, lang: str) -> theme.Table:
    """Set the card of the segment that was chosen beside that of all customers."""
    listed = card_table(result, lang, labels=_LABELS)
    # One group or two: their numbers read better side by side than in a line of eight.
    groups = list(zip(listed.headers, *listed.rows, strict=True))
    return theme.Table(groups[0], groups[1:], [False, *(True for _ in listed.rows)])


def segment_categories(result: CardResult, lang: str) -> go.Figure:
    """Draw what the chosen segment buys; a published card has one group beside all."""
    return category_bars(result, lang, group=result.groups[-1], labels=_LABELS)
