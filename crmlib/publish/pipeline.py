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
from crmlib.ledger import store
from crmlib.ledger.read import inputs_of
from crmlib.marts.manifest import unchanged
from crmlib.marts.opened import marts_of
from crmlib.publish import changes, writer
from crmlib.publish.boards import INDEX, NO_ORDERS
from crmlib.publish.codec import pack

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
        last = store.current_or_none(workspace)
        if last and last.has(INDEX) and unchanged(workspace, config, inputs):
            return Outcome(changed=False, manifest=last.manifest, folder=last.folder)
        facts = last.document(changes.FACTS) if last and last.has(changes.FACTS) else None
        read = ledgers.read(config, today=today, progress=progress)
        with store.new_build(workspace) as made:
            manifest = mart_tables.write(read, made, engine=engine, progress=progress)
            store.describe(made, manifest)
            publish(made, last=facts, progress=progress)
            store.finish(made)
    return Outcome(changed=True, manifest=manifest, folder=made.folder)


def publish(
    made: store.Build, *, last: dict[str, Any] | None = None, progress: Progress | None = None
) -> None:
    """Run the themes on a build's marts and write its boards.

    Parameters
    ----------
    made
        A build whose marts are written.
    last
        The facts that the build before it kept (:mod:`crmlib.publish.changes`).
    progress
        Called with (what, done, total).
    """
    opened = marts_of(made)
    index: dict[str, Any] = {
        "as_of": opened.as_of.isoformat(),
        "shop": opened.manifest["shop"]["name"],
        "currency": opened.currency,
        "notes": opened.manifest["notes"],
        "dimensions": {},
        "present": {},
        "identified": {},
        "results": {},
        "without": {},
    }
    if "order_lines" in opened.tables:
        facts = writer.write(opened, made, index, progress=progress)
        compared = {"changes": pack({"": changes.compare(facts, last)})}
        made.keep_document("boards/build/changes", compared)
        made.keep_document(changes.FACTS, facts.document())
        index["results"] |= {"build": {"changes": []}}
    else:
        index["without"] = {"profile": NO_ORDERS, "build": NO_ORDERS}
    made.keep_document(INDEX, index)
