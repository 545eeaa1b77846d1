"""From the sources to the boards in one go: read, build the marts, publish, move the pointer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from crmlib import ledger as ledgers
from crmlib import marts as mart_tables
from crmlib.config import Config
from crmlib.i18n import mark
from crmlib.ledger import store
from crmlib.ledger.read import inputs_of
from crmlib.marts.manifest import unchanged
from crmlib.marts.opened import marts_of
from crmlib.profile import segments
from crmlib.publish import profile
from crmlib.publish.boards import ALL, INDEX
from crmlib.publish.codec import encode
from crmlib.publish.windows import Window, windows

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a build did.

    Attributes
    ----------
    changed
        False when the inputs were those of the current build, which then stays.
    manifest, folder
        Of the current build.
    """

    changed: bool
    manifest: dict[str, Any]
    folder: Path


def build(
    config: Config,
    *,
    engine: str = "polars",
    today: date | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Build a workspace from its sources, unless nothing has changed.

    Parameters
    ----------
    config
        Sources, shop, history, workspace.
    engine
        Engine of the marts.
    today
        Rows dated later are quarantined.
    progress
        Called with (what, done, total).

    Raises
    ------
    CrmError
        If the data are refused or the workspace cannot be written; the last build stays.
    """
    workspace = config.workspace
    with store.locked(workspace):
        inputs = [asdict(i) for i in inputs_of(config)]
        same = store.current_or_none(workspace)
        if same and same.has(INDEX) and unchanged(workspace, config, inputs):
            return Outcome(changed=False, manifest=same.manifest, folder=same.folder)
        read = ledgers.read(config, today=today, progress=progress)
        with store.new_build(workspace) as made:
            manifest = mart_tables.write(read, made, engine=engine, progress=progress)
            store.describe(made, manifest)
            publish(made, progress=progress)
            store.finish(made)
    return Outcome(changed=True, manifest=manifest, folder=made.folder)


def publish(made: store.Build, *, progress: Progress | None = None) -> None:
    """Run the themes on a build's marts and write its boards."""
    opened = marts_of(made)
    manifest = opened.manifest
    offered = windows(opened.begins, max(opened.begins, opened.as_of))
    theme = profile.Profile(opened)
    for number, window in enumerate(offered, start=1):
        made.keep_document(f"boards/profile/{window.id}", encode(theme.cells(window)))
        if progress:
            progress("boards/profile", number, len(offered))
    made.keep_document(
        INDEX,
        {
            "as_of": opened.as_of.isoformat(),
            "shop": manifest["shop"]["name"],
            "currency": opened.currency,
            "notes": manifest["notes"],
            "dimensions": {"window": _window_members(offered), "segment": _segment_members()},
            "results": {"profile": list(profile.RESULTS)},
            "whole": {"profile": list(profile.WHOLE)},
        },
    )


def _window_members(offered: list[Window]) -> list[dict[str, Any]]:
    return [{"id": w.id, "label": w.label, "fields": w.label_fields} for w in offered]


def _segment_members() -> list[dict[str, Any]]:
    keys = [*(s.key for s in segments.SEGMENTS), segments.OTHER]
    named = [{"id": key, "label": segments.label(key), "fields": {}} for key in keys]
    return [{"id": ALL, "label": _EVERYONE, "fields": {}}, *named]


_EVERYONE = mark("All segments")
