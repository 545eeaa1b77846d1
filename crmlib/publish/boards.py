"""What dashboards read: published results, one small file a window or result.

``boards/index`` lists the dimensions, the results with the dimensions they have, and the notes;
``boards/<theme>/windows/<window>`` holds the results of a window for every cell, and
``boards/<theme>/<result>`` those that do not depend on the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from crmlib import i18n
from crmlib.errors import WorkspaceError
from crmlib.i18n import mark
from crmlib.ledger import store
from crmlib.publish.codec import unpack

INDEX = "boards/index"
ALL = "all"
WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A cell that is not shown, and why."""

    message: str
    fewer_than: int = 0

    def reason(self, lang: str) -> str:
        """Say why."""
        return i18n.text(self.message, lang, n=i18n.number(self.fewer_than, lang))


NOBODY = mark("No customers here.")
# It must not tell a small cell from one that is hidden to protect it.
TOO_FEW = mark(
    "Not shown: here, or in a group that would follow from this one, are fewer than {n} customers"
    " or one customer dominates."
)
NO_ORDERS = mark("This build has no order lines, so there is no customer profile.")


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

    def offers(self, dimension: str) -> bool:
        """Tell whether there is anything to choose from in a dimension."""
        return len(self._index["dimensions"].get(dimension, ())) > 1

    def options(
        self, dimension: str, lang: str, *, window: str | None = None
    ) -> list[tuple[str, str]]:
        """Give (label, id) of a dimension's members; the first is the default.

        Parameters
        ----------
        dimension
            ``"window"``, ``"segment"``, ...
        lang
            Language of the labels.
        window
            Leave out members that nobody of this window belongs to.

        Raises
        ------
        KeyError
            If there is no such dimension.
        """
        members = self._index["dimensions"][dimension]
        there = self._index["present"].get(window, {}).get(dimension)
        return [(_label(m, lang), m["id"]) for m in members if there is None or m["id"] in there]

    def result(self, name: str, **cell: str) -> Any:
        """Give a published Result, or :class:`Suppressed`.

        Parameters
        ----------
        name
            Theme and result, e.g. ``"profile.rfm"``.
        cell
            One member of each dimension; a dimension left out is at its default, one that the
            result does not have makes no difference. A member that is not offered raises
            ``KeyError``: what comes from a page is not trusted.
        """
        packed, key = self._find(name, cell)
        if packed is None:
            return Suppressed(self._index["without"][name.partition(".")[0]])
        found = unpack(packed, key)
        return Suppressed(NOBODY) if found is None else found

    def caption(self, name: str, lang: str, **cell: str) -> str:
        """Say what a result is about where its title does not; may be empty.

        Parameters are those of :meth:`result`.
        """
        packed, key = self._find(name, cell)
        about = (packed or {}).get("captions", {}).get(key)
        return _label(about, lang) if about else ""

    def dimensions_of(self, name: str) -> tuple[str, ...]:
        """List the dimensions that a result has: other filters do not change it."""
        theme, _, what = name.partition(".")
        return tuple(self._index["results"].get(theme, {}).get(what, ()))

    def identified(self, window: str | None = None) -> float | None:
        """Give the share of a window's sales that carry a customer id; ``None`` if not known."""
        if not self._index["dimensions"].get(WINDOW):
            return None
        found: float | None = self._index["identified"][self._member(WINDOW, window)]
        return found

    def notes(self, lang: str) -> list[str]:
        """Give the cautions that go with every number of this build."""
        notes = [(n["message"], n["fields"]) for n in self._index["notes"]]
        return [i18n.text(message, lang, **in_words(fields, lang)) for message, fields in notes]

    def _find(self, name: str, cell: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
        """Give a result's cells and which one was asked for; ``None`` where it has no data."""
        theme, _, what = name.partition(".")
        if theme in self._index["without"]:
            return None, ""
        if what not in self._index["results"].get(theme, {}):
            raise KeyError(f"{theme} publishes no result {what!r}")
        unknown = [d for d in cell if d not in self._index["dimensions"]]
        if unknown:
            raise KeyError(f"no dimension {', '.join(sorted(unknown))}")
        chosen = {d: self._member(d, cell.get(d)) for d in self._index["dimensions"]}
        mine = self._index["results"][theme][what]
        place = f"windows/{chosen[WINDOW]}" if WINDOW in mine else what
        key = ".".join(str(self._place(d, chosen[d])) for d in mine if d != WINDOW)
        return _document(self._store, f"boards/{theme}/{place}")[what], key

    def _place(self, dimension: str, member: str) -> int:
        return [m["id"] for m in self._index["dimensions"][dimension]].index(member)

    def _member(self, dimension: str, member: str | None) -> str:
        offered: list[str] = [m["id"] for m in self._index["dimensions"][dimension]]
        if member is None:
            return offered[0]
        if member not in offered:
            raise KeyError(f"{dimension} has no such member")
        return member


def in_words(fields: dict[str, Any], lang: str) -> dict[str, str]:
    """Write a note's numbers as the language writes them."""
    return {k: i18n.number(v, lang) if isinstance(v, int) else str(v) for k, v in fields.items()}


def _label(member: Mapping[str, Any], lang: str) -> str:
    label, fields = member["label"], member["fields"]
    return i18n.text(label, lang, **{k: _in_words(k, v, lang) for k, v in fields.items()})


_DATES = {"month": i18n.month, "day": i18n.day, "first": i18n.day, "middle": i18n.day}
_DATES["last"] = i18n.day


def _in_words(kind: str, value: str, lang: str) -> str:
    return _DATES[kind](date.fromisoformat(value), lang) if kind in _DATES else value


# A page moves between a few windows; a large cube's file takes some megabytes once read.
@lru_cache(maxsize=8)
def _document(build: store.Build, file: str) -> dict[str, Any]:
    found: dict[str, Any] = build.document(file)
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
