"""Where a page's numbers come from: the published results, for one choice of filters."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from crmlib import i18n

WORKSPACE_VARIABLE = "CRM_WORKSPACE"
BESIDE_THE_NOTEBOOK = Path("../data/derived")


def board_language() -> str:
    """Tell the dashboards' language: ``CRM_LANG``, else Turkish."""
    wanted = os.environ.get("CRM_LANG", "")
    return wanted if wanted in i18n.LANGUAGES else i18n.LANGUAGES[0]


class Published(Protocol):
    """What a board asks of :func:`crmlib.publish.open_boards`."""

    @property
    def shop(self) -> str:
        """Name of the shop."""

    @property
    def as_of(self) -> date:
        """Last day that the figures know of."""

    def offers(self, dimension: str) -> bool:
        """Whether there is anything to choose from."""

    def options(
        self, dimension: str, lang: str, *, window: str | None = None
    ) -> Sequence[tuple[str, str]]:
        """Labels and ids of a filter's choices; the first is the default."""

    def notes(self, lang: str) -> Sequence[str]:
        """Cautions that go with every number."""

    def identified(self, window: str | None = None) -> float | None:
        """Share of the sales of a window that carry a customer id."""

    def result(self, name: str, **choices: str) -> Any:
        """Give a published result, or a ``Suppressed`` in its place."""

    def caption(self, name: str, lang: str, **choices: str) -> str:
        """Say what a result is about, where its title does not."""

    def dimensions_of(self, name: str) -> Sequence[str]:
        """List the filters that a result follows."""


class WithheldError(Exception):
    """A result must not be shown; the argument says why, in the reader's language."""


@dataclass(frozen=True, slots=True)
class View:
    """What the reader asked to see: a choice for every filter, in a language.

    Attributes
    ----------
    narrowed
        Labels, in English, of the filters that are not at their default.
    told
        Reasons that the page has given already: one apology is enough.
    """

    published: Published
    choices: Mapping[str, str]
    lang: str
    narrowed: Mapping[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def first_told(self, reason: str) -> bool:
        """Tell whether a reason is new to the reader of this page, and note it."""
        new = reason not in self.told
        self.told.add(reason)
        return new

    def followed(self, name: str) -> str:
        """Give the choices that the result called ``name`` depends on, as one text."""
        return " ".join(self.choices.get(d, "") for d in self.published.dimensions_of(name))

    def about(self, name: str) -> list[str]:
        """Say what a result is about, and which of the reader's filters it does not follow."""
        said = [self.published.caption(name, self.lang, **self.choices)]
        mine = self.published.dimensions_of(name)
        idle = [i18n.text(t, self.lang) for d, t in self.narrowed.items() if d not in mine]
        if idle:
            said.append(i18n.text("Not filtered by: {names}.", self.lang, names=", ".join(idle)))
        return [each for each in said if each]

    def result(self, name: str) -> Any:
        """Give the result called ``name``.

        Raises
        ------
        WithheldError
            If it was suppressed at build time.
        """
        result = self.published.result(name, **self.choices)
        # Only a suppressed result has a reason; asking for it spares the board an import of
        # everything that publishing needs.
        reason = getattr(result, "reason", None)
        if callable(reason):
            raise WithheldError(reason(self.lang))
        return result


def open_workspace(folder: Path | None = None) -> Published:
    """Open the boards of a workspace.

    Parameters
    ----------
    folder
        The workspace; by default the one in ``CRM_WORKSPACE``, else the one that stands
        beside the notebook's folder.

    Raises
    ------
    crmlib.errors.WorkspaceError
        If the workspace is missing or was not built to the end.
    """
    from crmlib import publish

    named = os.environ.get(WORKSPACE_VARIABLE)
    return publish.open_boards(folder or (Path(named) if named else BESIDE_THE_NOTEBOOK))
