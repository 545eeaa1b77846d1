"""Windows of time that a dashboard offers: 12 months, all, years, quarters, months."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from crmlib.i18n import mark
from crmlib.marts.calendar import trailing_year, year_earlier

DEFAULT = "12m"
# By unit and by which end is cut: the data begin after the window does, or the as-of day is
# before its end.
_LABELS = {
    ("month", ""): mark("{month}"),
    ("month", "start"): mark("{month}, from {first}"),
    ("month", "end"): mark("{month}, to {last}"),
    ("month", "both"): mark("{month}, {first} to {last}"),
    ("quarter", ""): mark("{year}, quarter {quarter}"),
    ("quarter", "start"): mark("{year}, quarter {quarter}, from {first}"),
    ("quarter", "end"): mark("{year}, quarter {quarter}, to {last}"),
    ("quarter", "both"): mark("{year}, quarter {quarter}, {first} to {last}"),
    ("year", ""): mark("{year}"),
    ("year", "start"): mark("{year}, from {first}"),
    ("year", "end"): mark("{year}, to {last}"),
    ("year", "both"): mark("{year}, {first} to {last}"),
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
    def days(self) -> tuple[date, date]:
        """First and last day."""
        return self.first_day, self.last_day

    @property
    def year_before(self) -> tuple[date, date]:
        """The same days a year before."""
        return year_earlier(self.first_day), year_earlier(self.last_day)

    @property
    def short(self) -> bool:
        """Whether the window is shorter than twelve months."""
        return self.first_day > trailing_year(self.last_day)


def windows(begins: date, as_of: date) -> list[Window]:
    """List the windows between the first day of the data and the as-of day, newest first."""
    year = trailing_year(as_of)
    whole = begins <= year
    name, fields = mark("Last 12 months"), {}
    if not whole:
        name, fields = mark("{first} to {last}"), _ends(begins, as_of)
    found = [
        Window(DEFAULT, max(begins, year), as_of, name, fields),
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
        found.append(_named(unit, start, after - timedelta(days=1), begins, as_of))
        start = after
    return found


def _start_of(day: date, months: int) -> date:
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _ends(first: date, last: date) -> dict[str, str]:
    return {"first": first.isoformat(), "last": last.isoformat()}


def _named(unit: str, start: date, end: date, begins: date, as_of: date) -> Window:
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
    cut = {(False, False): "", (True, False): "start", (False, True): "end", (True, True): "both"}[
        start < begins, as_of < end
    ]
    first, last = max(start, begins), min(end, as_of)
    return Window(ids[unit], first, last, _LABELS[unit, cut], fields | _ends(first, last))
