"""What stands on a page: each element redraws itself for a view and survives its own errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets

from crmlib import theme
from crmlib.board import render
from crmlib.board.chart import Chart
from crmlib.board.source import View, WithheldError
from crmlib.board.trouble import log_incident
from crmlib.errors import CrmError

if TYPE_CHECKING:
    import plotly.graph_objects as go

Draw = Callable[[View], str]


class Element(Protocol):
    """A part of a page."""

    widget: ipywidgets.Widget

    def show(self, view: View) -> None:
        """Redraw for ``view``; never raises."""


def attempt(draw: Callable[[], str], lang: str) -> str:
    """Draw, or say in HTML why that is not possible."""
    try:
        return draw()
    except WithheldError as withheld:
        return render.quiet(str(withheld), lang)
    except CrmError as error:  # made for users, and holds no values
        return render.notice([error.text(lang)], lang)
    except Exception as error:
        return render.trouble(log_incident(error), lang)


class Fragment:
    """A piece of HTML."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self.widget = ipywidgets.HTML()
        self.widget.add_class("crm-fragment")

    def show(self, view: View) -> None:
        """Redraw for ``view``."""
        self.widget.value = attempt(partial(self._draw, view), view.lang)


class Picture:
    """A chart, or a note in its place."""

    def __init__(self, function: Callable[[Any, str], go.Figure], of: str) -> None:
        self._function = function
        self._of = of
        self.chart = Chart()
        self.note = ipywidgets.HTML()
        self.widget = ipywidgets.VBox([self.note, self.chart])
        self.widget.add_class("crm-chart")

    def show(self, view: View) -> None:
        """Redraw for ``view``; the chart keeps its zoom unless a filter changed."""
        note = attempt(partial(self._draw, view), view.lang)
        self.note.value = note
        self.note.layout.display = None if note else "none"
        self.chart.layout.display = "none" if note else None

    def _draw(self, view: View) -> str:
        figure = self._function(view.result(self._of), view.lang)
        # Through JSON, since plotly's own dict holds arrays that do not travel.
        content = json.loads(figure.to_json())
        content["layout"]["uirevision"] = " ".join(view.choices.values())
        with self.chart.hold_sync():
            self.chart.lang = view.lang
            self.chart.figure = content
        return ""


def sentences(of: Sequence[str]) -> Fragment:
    """Say the headline of each result."""

    def draw(view: View) -> str:
        said = [attempt(partial(_headline, name, view), view.lang) for name in of]
        return render.sentences(dict.fromkeys(said), view.lang)  # one apology is enough

    return Fragment(draw)


def _headline(name: str, view: View) -> str:
    return escape(view.result(name).headline(view.lang))


def cards(function: Callable[[Any, str], Sequence[theme.Card]], of: str) -> Fragment:
    """Show the cards that ``function`` makes of a result."""
    return Fragment(lambda view: render.cards(function(view.result(of), view.lang), view.lang))


def table(function: Callable[[Any, str], theme.Table], of: str) -> Fragment:
    """Show the table that ``function`` makes of a result."""
    return Fragment(lambda view: render.table(function(view.result(of), view.lang), view.lang))
