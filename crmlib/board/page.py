"""A dashboard's page: filters, a language, and elements that follow them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import ipywidgets
from IPython.display import display

from crmlib import i18n, theme
from crmlib.board import elements, render
from crmlib.board.controls import Choice, Control
from crmlib.board.source import Published, View, board_language, open_workspace
from crmlib.errors import WorkspaceError

if TYPE_CHECKING:
    import plotly.graph_objects as go

STYLE = Path(__file__).parent / "static" / "board.css"
LANGUAGE_NAMES = [("Türkçe", "tr"), ("English", "en")]


class Page:
    """A page of published results.

    Parameters
    ----------
    name
        The dashboard's name, e.g. ``"profile"``.
    filters
        From :mod:`crmlib.board.controls`.
    published
        The results to show; by default those of the workspace (see
        :func:`crmlib.board.source.open_workspace`).
    """

    def __init__(
        self, name: str, filters: Sequence[Control] = (), *, published: Published | None = None
    ) -> None:
        self.name = name
        self.elements: list[elements.Element] = []
        self.choices: dict[str, Choice] = {}
        self.language = ipywidgets.Dropdown(
            options=LANGUAGE_NAMES, value=start_language(), description="Dil · Language"
        )
        self.language.add_class("crm-control")
        self.heading = ipywidgets.HTML()
        self.heading.add_class("crm-fragment")
        self.alert = ipywidgets.HTML()
        self._refreshing = False
        self._published: Published | None = None
        try:
            self._published = published or open_workspace()
        except WorkspaceError as error:
            self._problem = error
        else:
            self.choices = {each.dimension: Choice(each, self._published) for each in filters}

    def sentences(self, of: Sequence[str]) -> None:
        """Say the headlines of the results named in ``of``."""
        self.elements.append(elements.sentences(of))

    def cards(self, function: Callable[[Any, str], Sequence[theme.Card]], of: str) -> None:
        """Show cards: ``function(result, lang)`` makes them of the result named in ``of``."""
        self.elements.append(elements.cards(function, of))

    def chart(self, function: Callable[[Any, str], go.Figure], of: str) -> None:
        """Show a chart: ``function(result, lang)`` makes its figure."""
        self.elements.append(elements.Picture(function, of))

    def table(self, function: Callable[[Any, str], theme.Table], of: str) -> None:
        """Show a table: ``function(result, lang)`` makes it."""
        self.elements.append(elements.table(function, of))

    def show(self) -> None:
        """Draw the page, and again whenever a filter or the language changes."""
        display(self.build())  # type: ignore[no-untyped-call]

    def build(self) -> ipywidgets.Box:
        """Give the page as one widget."""
        self.refresh()
        style = ipywidgets.HTML(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")
        style.add_class("crm-style")
        switches = [*(choice.widget for choice in self.choices.values()), self.language]
        for switch in switches:
            switch.observe(self._changed, "value")
        controls = ipywidgets.HBox(switches)
        controls.add_class("crm-controls")
        shown = [element.widget for element in self.elements] if self._published else []
        parts = [self.heading, controls, self.alert, *shown]
        page = ipywidgets.VBox([style, *parts])
        page.add_class("crm-page")
        return page

    @property
    def lang(self) -> str:
        """The language that was chosen."""
        chosen = self.language.value
        return chosen if chosen in i18n.LANGUAGES else start_language()

    def refresh(self) -> None:
        """Redraw everything for the filters and the language as they stand."""
        self.alert.value = elements.attempt(self._draw, self.lang)
        self.alert.layout.display = None if self.alert.value else "none"

    def _changed(self, _change: object) -> None:
        # Translating a filter's options sets its value for a moment; that is no choice.
        if self._refreshing:
            return
        self._refreshing = True
        try:
            self.refresh()
        finally:
            self._refreshing = False

    def _draw(self) -> str:
        if self._published is None:
            self.heading.value = render.heading(self.name, [], self.lang)
            raise self._problem  # it says which command mends it
        self.heading.value = render.heading(self.name, self._notes(self._published), self.lang)
        for choice in self.choices.values():
            choice.label(self.lang)
        chosen = {name: choice.value for name, choice in self.choices.items()}
        view = View(self._published, chosen, self.lang)
        for element in self.elements:
            element.show(view)
        return ""

    def _notes(self, published: Published) -> list[str]:
        about = f"{published.shop} · {render.as_of(published.as_of, self.lang)}"
        return [about, *published.notes(self.lang)]


def start_language() -> str:
    """Tell the language to begin with: the address's, else the dashboards'."""
    asked = parse_qs(_query_string()).get("lang", [""])[-1]
    return asked if asked in i18n.LANGUAGES else board_language()


def _query_string() -> str:
    """Give what follows the question mark in the page's address; nothing outside Voilà."""
    if "VOILA_REQUEST_URL" not in os.environ and "VOILA_PREHEAT" not in os.environ:
        return ""
    if os.environ.get("VOILA_PREHEAT") == "True":
        # The kernel was started before anybody asked for the page: wait for the address.
        from voila.utils import wait_for_request

        wait_for_request()
    return os.environ.get("QUERY_STRING", "")
