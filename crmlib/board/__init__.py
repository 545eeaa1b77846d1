"""The dashboards: pages of published results, and the server that shows them.

``Page`` is fetched on first use, so that the server does not load the widgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmlib.board import controls
    from crmlib.board.page import Page

__all__ = ["Page", "controls"]


def __getattr__(name: str) -> Any:
    if name == "Page":
        from crmlib.board.page import Page

        return Page
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
