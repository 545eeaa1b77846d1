"""Windows of time that a dashboard offers: 12 months, all, years, quarters, months."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from crmlib.i18n import mark
from crmlib.marts.calendar import year_earlier

DEFAULT = "12m"
_PARTS = {
    "month": mark("{month}"),
    "quarter": mark("{year}, quarter {quarter}"),
    "year": mark("{year}"),
}
_CUT_PARTS = {
    "month": mark("{month}, to {day}"),
    "quarter": mark("{year}, quarter {quarter}, to {day}"),
    "year": mark("{year}, to {day}"),
}


@dataclass(frozen=True, slots=True)
class Window:
    """Days of a window, both ends inside, and how it is called.

    Attributes
    ----------
    id
        Short name, e.g. ``"12m"``, ``"2025"``, ``"2025-Q2"``, ``"2025-06"``, ``"all"``.
    label, label_fields
        English name and what stands in its braces (dates in ISO).
    """

    id: str
    first_day: date
    last_day: date
    label: str
    label_fields: dict[str, str] = field(default_factory=dict)

    @property
    def year_before(self) -> tuple[date, date]:
        """The same days a year before."""
        return year_earlier(self.first_day), year_earlier(self.last_day)


def windows(begins: date, as_of: date) -> list[Window]:
    """List the windows between the first day of the data and the as-of day, newest first."""
    year_ago = year_earlier(as_of) + timedelta(days=1)
    found = [
        Window(DEFAULT, max(begins, year_ago), as_of, mark("Last 12 months")),
        Window("all", begins, as_of, mark("All data")),
    ]
    for unit in ("year", "quarter", "month"):
        found += reversed(list(_calendar(unit, begins, as_of)))
    return found


def _calendar(unit: str, begins: date, as_of: date) -> list[Window]:
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    start = _start_of(begins, months)
    found = []
    while start <= as_of:
        after = _start_of(start + timedelta(days=31 * months), months)
        last = min(after - timedelta(days=1), as_of)
        found.append(
            _named(
                unit, start, max(start, begins), last, cut=last == as_of < after - timedelta(days=1)
            )
        )
        start = after
    return found


def _start_of(day: date, months: int) -> date:
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _named(unit: str, start: date, first: date, last: date, *, cut: bool) -> Window:
    quarter = (start.month - 1) // 3 + 1
    ids = {
        "month": f"{start:%Y-%m}",
        "quarter": f"{start.year}-Q{quarter}",
        "year": f"{start.year}",
    }
    fields = {
        "month": {"month": start.isoformat()},
        "quarter": {"year": str(start.year), "quarter": str(quarter)},
        "year": {"year": str(start.year)},
    }[unit]
    if cut:
        fields["day"] = last.isoformat()
    label = (_CUT_PARTS if cut else _PARTS)[unit]
    return Window(ids[unit], first, last, label, fields)
