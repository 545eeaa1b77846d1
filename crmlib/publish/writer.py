"""Writes the profile's boards: every window for every cell, and what is told once a build."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from crmlib.ledger import store
from crmlib.marts import Marts
from crmlib.profile import segments
from crmlib.publish import dimensions, once, profile
from crmlib.publish.boards import Suppressed
from crmlib.publish.changes import Facts
from crmlib.publish.codec import pack
from crmlib.publish.profile import Profile
from crmlib.publish.suppress import MIN_CUSTOMERS
from crmlib.publish.windows import Window, windows

Progress = Callable[[str, int, int], None]
PLACE = "boards/profile"
_ONCE: dict[str, list[str]] = {  # what is told once a build, and the dimensions it has
    "migration": ["horizon"],
    "repeat": [],
    "growth": [],
    "who": [],
    "card": ["segment"],
}


def write(
    opened: Marts, made: store.Build, index: dict[str, Any], *, progress: Progress | None = None
) -> Facts:
    """Write the boards and complete the index; gives the facts that the next build compares.

    Parameters
    ----------
    opened
        The marts of a build with order lines.
    made
        The build.
    index
        What the boards' index says so far.
    progress
        Called with (what, done, total).
    """
    offered = windows(opened.begins, max(opened.begins, opened.as_of))
    found = Profile(opened, offered)
    steps, done = 2 * len(offered) + len(_ONCE), 0

    def told() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(PLACE, done, steps)

    for _ in found.count():
        told()
    for window in offered:
        made.keep_document(f"{PLACE}/windows/{window.id}", _window(found, window))
        told()
    year = found.cells(offered[0])
    for name, packed in _told_once(once.Once(opened, found.customers, found.hidden(offered[0]))):
        made.keep_document(f"{PLACE}/{name}", {name: packed})
        told()
    axes = [d.name for d in found.customers.dimensions]
    index["dimensions"] = {
        "window": [dimensions.Member(w.id, w.label, w.label_fields).document() for w in offered],
        **{d.name: [m.document() for m in d.members] for d in found.customers.dimensions},
        "horizon": [m.document() for m in dimensions.horizons(once.HORIZONS)],
    }
    index["present"] = {w.id: found.present(w) for w in offered}
    index["identified"] = {w.id: found.identified(w) for w in offered}
    of_cells = {name: ["window", *axes] for name in profile.CUBED}
    of_windows = {name: ["window"] for name in profile.WHOLE}
    index["results"] = {"profile": {**of_cells, **of_windows, **_ONCE}}
    return _facts(opened, year)


def _window(found: Profile, window: Window) -> dict[str, Any]:
    """Pack the results of a window."""
    packed = {}
    for name, cells in found.cells(window).items():
        packed[name] = pack({_key(cell): result for cell, result in cells.items()})
        about = found.caption(name, window)
        if about:
            packed[name]["captions"] = {"": about}
    return packed


def _key(cell: tuple[int, ...]) -> str:
    return ".".join(map(str, cell))


def _told_once(results: once.Once) -> Iterator[tuple[str, dict[str, Any]]]:
    """Pack what is told once a build."""
    moves = [results.migration(months) for months in once.HORIZONS]
    packed = pack({str(place): result for place, (result, _) in enumerate(moves)})
    packed["captions"] = {
        str(place): _caption(once.MOVED, dates) for place, (_, dates) in enumerate(moves)
    }
    yield "migration", packed
    for name, sentence, (result, dates) in (
        ("repeat", once.REPEATED, results.repeat()),
        ("growth", once.ALL_MONTHS, results.growth()),
        ("who", once.OF_BUYERS, results.who()),
    ):
        yield name, pack({"": result}) | {"captions": {"": _caption(sentence, dates)}}
    cards, dates = results.cards()
    places = {m.id: str(place) for place, m in enumerate(dimensions.of_segments().members)}
    yield (
        "card",
        pack({places[group]: result for group, result in cards.items()})
        | {"captions": {place: _caption(once.OF_BUYERS, dates) for place in places.values()}},
    )


def _caption(sentence: str, dates: Mapping[str, str]) -> dict[str, Any]:
    return {"label": sentence, "fields": {**dates, "n": str(MIN_CUSTOMERS)}}


def _facts(opened: Marts, year: Mapping[str, Mapping[Any, Any]]) -> Facts:
    """Take a few figures of the last 12 months; what is not shown is not kept either."""
    whole = {name: next(iter(cells.values())) for name, cells in year.items()}
    shown = {name: r for name, r in whole.items() if not isinstance(r, Suppressed)}
    figures: dict[str, float | None] = {}
    if "activity" in shown:
        figures["identified"] = shown["activity"].identified
        figures["best_share"] = shown["value"].best_share
        for name in ("once_only", "came_back"):
            share = getattr(shown["returning"], name)
            figures[name] = share and share.value
    if "rfm" in shown:
        table = shown["rfm"].segments
        top = table.filter(table["segment"].is_in(list(segments.TOP)))
        if top.height == len(segments.TOP):
            figures["top_share"] = float(top["share"].sum())
    return Facts(
        shop=opened.manifest["shop"]["name"],
        as_of=opened.as_of.isoformat(),
        order_lines=int(opened.kpis.select(pl.col("lines").sum()).collect().item()),
        customers=shown["activity"].customers if "activity" in shown else None,
        figures={name: share for name, share in figures.items() if share is not None},
    )
