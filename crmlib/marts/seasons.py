"""Bayrams: when they fall, and which days of last year lie at the same place before them.

Ramazan and Kurban bayramı come ten to twelve days earlier each year, and shops sell most in the
weeks before. A month that holds those weeks this year and did not last year is not compared with
it fairly; :func:`aligned_days` says which days it is compared with instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from crmlib.i18n import mark
from crmlib.marts.calendar import year_earlier

RAMAZAN, KURBAN = "ramazan", "kurban"
LABELS = {RAMAZAN: mark("Ramazan Bayramı"), KURBAN: mark("Kurban Bayramı")}
# The season that moves with a bayram: shopping for it, and its first days.
DAYS_BEFORE, DAYS_AFTER = 21, 3
# A longer window holds the bayrams of either year nearly whole.
LONGEST_DAYS = 300

_NAMES = {RAMAZAN: "Eid al-Fitr", KURBAN: "Eid al-Adha"}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Aligned:
    """Days of the year before that lie at the same place relative to a bayram.

    Attributes
    ----------
    first_day, last_day
        Both inside; as many days as the window has.
    bayram
        ``"ramazan"`` or ``"kurban"``, by which the days were aligned.
    """

    first_day: date
    last_day: date
    bayram: str


def keeps_bayrams(timezone: str, currency: str) -> bool:
    """Tell whether a shop is in Türkiye, by its time zone or its currency."""
    return timezone == "Europe/Istanbul" or currency == "TRY"


@cache
def first_days(bayram: str, year: int) -> tuple[date, ...]:
    """Give the first day of a bayram in a year; twice or never in some (Ramazan in 2000, 2033).

    Parameters
    ----------
    bayram
        ``"ramazan"`` or ``"kurban"``.
    year
        Calendar year. Dates far ahead are estimates.

    Examples
    --------
    >>> first_days("ramazan", 2025), first_days("kurban", 2025)
    ((datetime.date(2025, 3, 30),), (datetime.date(2025, 6, 6),))
    """
    from holidays import country_holidays

    calendar = country_holidays("TR", years=(year - 1, year), language="en_US")
    days = {day for day, name in calendar.items() if _NAMES[bayram] in name}
    return tuple(d for d in sorted(days) if d.year == year and d - _DAY not in days)


def aligned_days(first_day: date, last_day: date, *, turkey: bool = True) -> Aligned | None:
    """Give the days a year before that lie at the same place relative to the bayram.

    A bayram matters to a window when its season (three weeks before its first day to three days
    after it) lies differently in the window than it lay in the same window last year. Where two
    do, the one counts that has more days of its season in the two windows.

    Parameters
    ----------
    first_day, last_day
        The window, both ends inside.
    turkey
        Whether the shop is in Türkiye (:func:`keeps_bayrams`).

    Returns
    -------
    ``None`` where no bayram matters, outside Türkiye, and for windows of over 300 days.

    Examples
    --------
    March 2025 has the weeks before 30 March; last year they were the weeks before 10 April.

    >>> aligned = aligned_days(date(2025, 3, 1), date(2025, 3, 31))
    >>> aligned.first_day, aligned.last_day
    (datetime.date(2024, 3, 12), datetime.date(2024, 4, 11))
    """
    if not turkey or (last_day - first_day).days >= LONGEST_DAYS:
        return None
    last_year = year_earlier(first_day), year_earlier(last_day)
    found: list[tuple[int, Aligned]] = []
    for bayram in (RAMAZAN, KURBAN):
        days = _around(bayram, first_day)
        now, then = _met(days, first_day, last_day), _met(days, *last_year)
        if now.bayram is not None:
            shift = now.bayram - _next(days, now.bayram, -1)
        elif then.bayram is not None:
            shift = _next(days, then.bayram, 1) - then.bayram
        if now.offsets == then.offsets:  # of the same days, or of none
            continue
        weight = len(now.offsets) + len(then.offsets)
        found.append((weight, Aligned(first_day - shift, last_day - shift, bayram)))
    return max(found, key=lambda pair: pair[0])[1] if found else None


@dataclass(frozen=True, slots=True)
class _Met:
    """The bayram whose season a window touches, and the days of it, from the bayram's first."""

    bayram: date | None
    offsets: range


def _met(days: list[date], first_day: date, last_day: date) -> _Met:
    for day in days:
        low = max((first_day - day).days, -DAYS_BEFORE)
        high = min((last_day - day).days, DAYS_AFTER)
        if low <= high:
            return _Met(day, range(low, high + 1))
    return _Met(None, range(0))


def _around(bayram: str, day: date) -> list[date]:
    """List the bayrams from three years before a day to two after it, in order."""
    return [d for year in range(day.year - 3, day.year + 3) for d in first_days(bayram, year)]


def _next(days: list[date], day: date, step: int) -> date:
    return days[days.index(day) + step]
