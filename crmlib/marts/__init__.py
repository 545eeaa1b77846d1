"""Small tables that every analysis starts from; written once in narwhals for every engine.

``build(ledger, out)`` makes them, ``open(workspace)`` opens them.
"""

from crmlib.marts.build import build, write
from crmlib.marts.opened import Marts, open_marts

open = open_marts

__all__ = ["Marts", "build", "open", "write"]
