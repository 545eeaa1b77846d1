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
        self._section: elements.Section | None = None
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
        for each in filters:
            self._choice(each)
        self._filters = list(self.choices)

    def _choice(self, control: Control) -> Choice | None:
        """Make a filter, unless this build has nothing to choose from."""
        if self._published is None or not self._published.offers(control.dimension):
            return None
        made = self.choices[control.dimension] = Choice(control, self._published)
        return made

    def section(self, title: str) -> None:
        """Begin a part of the page; ``title`` is a key of :data:`crmlib.board.render.SECTIONS`."""
        self._section = elements.Section(render.SECTIONS[title])
        self.elements.append(self._section)

    def control(self, control: Control) -> None:
        """Put a filter here, beside what it filters."""
        choice = self._choice(control)
        if choice:
            self._add(elements.Inline(choice.widget))

    def changes(self, of: str = "build.changes") -> None:
        """Say, folded away, what changed since the last build."""
        self._add(elements.lines(render.CHANGES, of))

    def sentences(self, of: Sequence[str]) -> None:
        """Say the headlines of the results named in ``of``."""
        self._add(elements.sentences(of, headed=self._section is None))

    def cards(self, function: Callable[[Any, str], Sequence[theme.Card]], of: str) -> None:
        """Show cards: ``function(result, lang)`` makes them of the result named in ``of``."""
        self._add(elements.cards(function, of))

    def chart(
        self, function: Callable[[Any, str], go.Figure], of: str, *, wide: bool = False
    ) -> None:
        """Show a chart: ``function(result, lang)`` makes its figure.

        Two stand side by side where there is room; a ``wide`` one stands alone.
        """
        self._add(elements.Picture(function, of, wide=wide))

    def table(
        self, function: Callable[[Any, str], theme.Table], of: str, *, under: str | None = None
    ) -> None:
        """Show a table: ``function(result, lang)`` makes it.

        ``under`` is a key of :data:`crmlib.board.render.FOLDED`: the table opens on demand.
        """
        self._add(elements.table(function, of, under=render.FOLDED[under] if under else None))

    def _add(self, element: elements.Element) -> None:
        self.elements.append(element)
        if self._section:
            self._section.elements.append(element)

    def show(self) -> None:
        """Draw the page, and again whenever a filter or the language changes."""
        display(self.build())  # type: ignore[no-untyped-call]

    def build(self) -> ipywidgets.Box:
        """Give the page as one widget."""
        self.refresh()
        style = ipywidgets.HTML(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")
        style.add_class("crm-style")
        for switch in (*(choice.widget for choice in self.choices.values()), self.language):
            switch.observe(self._changed, "value")
        above = [self.choices[name].widget for name in self._filters]
        controls = ipywidgets.HBox([*above, self.language])
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
        try:
            self._draw()
        except Exception as error:
            self.alert.value = elements.excuse(error, self.lang)
        else:
            self.alert.value = ""
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

    def _draw(self) -> None:
        if self._published is None:
            self.heading.value = render.heading(self.name, [], self.lang)
            raise self._problem  # it says which command mends it
        window = self.choices["window"].value if "window" in self.choices else None
        notes = self._notes(self._published, window)
        self.heading.value = render.heading(self.name, notes, self.lang)
        for name, choice in self.choices.items():
            choice.label(self.lang, None if name == "window" else window)
        view = self._view(self._published)
        for element in self.elements:
            if not isinstance(element, elements.Section):
                element.show(view)
        for element in self.elements:
            if isinstance(element, elements.Section):
                element.show(view)

    def _view(self, published: Published) -> View:
        chosen = {name: choice.value for name, choice in self.choices.items()}
        narrowed = {
            name: choice.control.label
            for name, choice in self.choices.items()
            if name in self._filters and chosen[name] != published.options(name, "en")[0][1]
        }
        return View(published, chosen, self.lang, narrowed)

    def _notes(self, published: Published, window: str | None) -> list[str]:
        about = f"{published.shop} · {render.as_of(published.as_of, self.lang)}"
        identified = published.identified(window)
        if identified is not None:
            about += f" · {render.identified(identified, self.lang)}"
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
