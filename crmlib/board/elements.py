"""What stands on a page: each element redraws itself for a view and survives its own errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets

from crmlib import i18n, theme
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


def attempt(draw: Callable[[], str], view: View) -> str:
    """Draw, or say in HTML why that is not possible; a reason is given once a page."""
    try:
        return draw()
    except WithheldError as withheld:
        reason = str(withheld)
        return render.quiet(reason, view.lang) if view.first_told(reason) else ""
    except Exception as error:
        return excuse(error, view.lang)


def excuse(error: Exception, lang: str) -> str:
    """Say in HTML what went wrong."""
    if isinstance(error, CrmError):  # made for users, and holds no values
        return render.notice([error.text(lang)], lang)
    return render.trouble(log_incident(error), lang)


class Fragment:
    """A piece of HTML; an empty one takes no room."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self.widget = ipywidgets.HTML()
        self.widget.add_class("crm-fragment")

    def show(self, view: View) -> None:
        """Redraw for ``view``."""
        self.widget.value = attempt(partial(self._draw, view), view)
        self.widget.layout.display = None if self.widget.value else "none"


class Inline:
    """A filter that stands beside what it filters."""

    def __init__(self, widget: ipywidgets.Widget) -> None:
        self.widget = widget

    def show(self, view: View) -> None:
        """Do nothing: the page labels its filters."""


class Section:
    """The heading of some elements; it goes when none of them is shown."""

    def __init__(self, title: str) -> None:
        self._title = title
        self.elements: list[Element] = []
        self.widget = ipywidgets.HTML()
        self.widget.add_class("crm-fragment")

    def show(self, view: View) -> None:
        """Redraw for ``view``, after its elements."""
        self.widget.value = render.section(i18n.text(self._title, view.lang), view.lang)
        drawn = [e for e in self.elements if not isinstance(e, Inline)]
        some = any(e.widget.layout.display != "none" for e in drawn)
        filters: list[Element] = [e for e in self.elements if isinstance(e, Inline)]
        for each in [self, *filters]:
            each.widget.layout.display = None if some else "none"


class Picture:
    """A chart with a line below it, or a note in its place."""

    def __init__(
        self, function: Callable[[Any, str], go.Figure], of: str, *, wide: bool = False
    ) -> None:
        self._function = function
        self._of = of
        self.chart = Chart()
        self.note = ipywidgets.HTML()
        self.caption = ipywidgets.HTML()
        self.widget = ipywidgets.VBox([self.note, self.chart, self.caption])
        self.widget.add_class("crm-chart")
        if wide:
            self.widget.add_class("crm-wide")

    def show(self, view: View) -> None:
        """Redraw for ``view``; the chart keeps its zoom unless what it shows changed."""
        self.caption.value = ""
        drawn: list[bool] = []
        self.note.value = attempt(partial(self._draw, view, drawn), view)
        self.note.layout.display = None if self.note.value else "none"
        self.chart.layout.display = None if drawn else "none"
        self.caption.layout.display = None if self.caption.value else "none"
        self.widget.layout.display = None if drawn or self.note.value else "none"

    def _draw(self, view: View, drawn: list[bool]) -> str:
        figure = self._function(view.result(self._of), view.lang)
        # Through JSON, since plotly's own dict holds arrays that do not travel.
        content = json.loads(figure.to_json())
        # The theme sets all that plotly's own template would, which is larger than most charts.
        content["layout"].pop("template", None)
        content["layout"]["uirevision"] = view.followed(self._of)
        with self.chart.hold_sync():
            self.chart.lang = view.lang
            self.chart.figure = content
        self.caption.value = render.caption(view.about(self._of), view.lang)
        drawn.append(True)
        return ""


def sentences(of: Sequence[str], *, headed: bool = True) -> Fragment:
    """Say the headline of each result; ``headed`` at the top of a page."""

    def draw(view: View) -> str:
        said = [attempt(partial(_headline, name, view), view) for name in of]
        told = list(dict.fromkeys(s for s in said if s))
        return render.sentences(told, view.lang, headed=headed) if told else ""

    return Fragment(draw)


def _headline(name: str, view: View) -> str:
    return escape(view.result(name).headline(view.lang))


def cards(function: Callable[[Any, str], Sequence[theme.Card]], of: str) -> Fragment:
    """Show the cards that ``function`` makes of a result."""
    return Fragment(lambda view: render.cards(function(view.result(of), view.lang), view.lang))


def table(
    function: Callable[[Any, str], theme.Table], of: str, *, under: str | None = None
) -> Fragment:
    """Show the table that ``function`` makes of a result; folded away ``under`` a title."""

    def draw(view: View) -> str:
        content = function(view.result(of), view.lang)
        shown = render.table(content, view.lang) + render.caption(view.about(of), view.lang)
        return render.folded(i18n.text(under, view.lang), shown, view.lang) if under else shown

    return Fragment(draw)


def lines(title: str, of: str) -> Fragment:
    """Show a result's lines, folded away under a title."""

    def draw(view: View) -> str:
        said = render.listed(view.result(of).lines(view.lang))
        return render.folded(i18n.text(title, view.lang), said, view.lang)

    return Fragment(draw)
