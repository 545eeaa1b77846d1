"""What dashboards read: published results, one small file a theme and window."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from crmlib import i18n
from crmlib.errors import WorkspaceError
from crmlib.i18n import mark
from crmlib.ledger import store
from crmlib.publish.codec import decode

INDEX = "boards/index"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A cell that is not shown, and why."""

    message: str
    fewer_than: int = 0

    def reason(self, lang: str) -> str:
        """Say why."""
        return i18n.text(self.message, lang, n=i18n.number(self.fewer_than, lang))


NOBODY = mark("No customers here.")
TOO_FEW = mark("Fewer than {n} customers, or one customer dominates: not shown.")


@dataclass(frozen=True, slots=True)
class Published:
    """The boards of one build; a page stays on the build it was opened with.

    Attributes
    ----------
    build, as_of, shop, currency
        Which build, its last day, the shop's name and its currency's ISO code.
    """

    build: str
    as_of: date
    shop: str
    currency: str
    _index: dict[str, Any] = field(repr=False)
    _store: store.Build = field(repr=False)

    def options(self, dimension: str, lang: str) -> list[tuple[str, str]]:
        """Give (label, id) of a dimension's members; the first is the default.

        Raises
        ------
        KeyError
            If there is no such dimension.
        """
        members = self._index["dimensions"][dimension]
        return [(_label(m, lang), m["id"]) for m in members]

    def result(self, name: str, **cell: str) -> Any:
        """Give a published Result, or :class:`Suppressed`.

        Parameters
        ----------
        name
            Theme and result, e.g. ``"profile.rfm"``.
        cell
            One member of each dimension; a dimension left out is at its default. A member that
            is not offered raises ``KeyError``: what comes from a page is not trusted.
        """
        theme, _, what = name.partition(".")
        chosen = {d: self._member(d, cell.pop(d, None)) for d in self._index["dimensions"]}
        if cell:
            raise KeyError(f"no dimension {', '.join(sorted(cell))}")
        cells = _cells(self._store, theme, chosen["window"])
        if what not in self._index["results"][theme]:
            raise KeyError(f"{theme} publishes no result {what!r}")
        found = cells.get(chosen["segment"], {})
        whole = cells.get(ALL, {})
        if what in self._index["whole"][theme]:
            found = whole
        return decode(found[what]) if what in found else Suppressed(NOBODY)

    def _member(self, dimension: str, member: str | None) -> str:
        offered: list[str] = [m["id"] for m in self._index["dimensions"][dimension]]
        if member is None:
            return offered[0]
        if member not in offered:
            raise KeyError(f"{dimension} has no such member")
        return member

    def notes(self, lang: str) -> list[str]:
        """Give the cautions that go with every number of this build."""
        notes = [(n["message"], n["fields"]) for n in self._index["notes"]]
        return [i18n.text(message, lang, **in_words(fields, lang)) for message, fields in notes]


def in_words(fields: dict[str, Any], lang: str) -> dict[str, str]:
    """Write a note's numbers as the language writes them."""
    return {k: i18n.number(v, lang) if isinstance(v, int) else str(v) for k, v in fields.items()}


def _label(member: dict[str, Any], lang: str) -> str:
    from crmlib.profile.activity import window_label

    return window_label(member["label"], member["fields"], lang)


@lru_cache(maxsize=64)
def _cells(build: store.Build, theme: str, window: str) -> dict[str, Any]:
    found: dict[str, Any] = build.document(f"boards/{theme}/{window}")
    return found


def open_boards(workspace: Path | str) -> Published:
    """Open the boards of a workspace's current build.

    Raises
    ------
    WorkspaceError
        If nothing was built, or the build has no boards.
    """
    build = store.current(workspace)
    if not build.has(INDEX):
        raise WorkspaceError(
            mark("{path}: the tables are there but no boards; run 'crm build' again"),
            path=str(workspace),
        )
    index = build.document(INDEX)
    return Published(
        build=build.name,
        as_of=date.fromisoformat(index["as_of"]),
        shop=index["shop"],
        currency=index["currency"],
        _index=index,
        _store=build,
    )
