"""Publish: run the themes at build time and store what dashboards may read.

``build`` goes all the way from the sources; ``open_boards`` opens what was published. Only this
side of the house is imported by a dashboard, so nothing heavy is imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmlib.publish.boards import Published, Suppressed, open_boards

if TYPE_CHECKING:
    from crmlib.publish.pipeline import Outcome, build

__all__ = ["Outcome", "Published", "Suppressed", "build", "open_boards"]


def __getattr__(name: str) -> Any:
    """Import the pipeline only where it is used: it needs the whole ledger."""
    if name in {"Outcome", "build"}:
        from crmlib.publish import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
