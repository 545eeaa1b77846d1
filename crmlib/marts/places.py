"""Where a build keeps tables that are stored month by month."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from crmlib.marts.calendar import month_number

VISITS, COSTS, MIX = "visits", "costs", "mix"


def place_of(kind: str, month: int) -> str:
    """Name where a build keeps a month of a table of customers."""
    return f"customers/{kind}/{month}"


def until(months: Iterable[int], day: date) -> list[int]:
    """Give the months that begin on or before a day, in order."""
    return sorted(m for m in months if m <= month_number(day))
