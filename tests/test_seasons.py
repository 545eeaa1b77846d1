"""Bayrams: dates as the official calendar has them, alignment by hand and against brute force."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib.marts import seasons
from crmlib.marts.calendar import year_earlier

# Calendar of the Presidency of Religious Affairs (Diyanet): first day of each bayram.
RAMAZAN = {
    2015: (7, 17), 2018: (6, 15), 2019: (6, 4), 2020: (5, 24), 2021: (5, 13), 2022: (5, 2),
    2023: (4, 21), 2024: (4, 10), 2025: (3, 30), 2026: (3, 20),
}  # fmt: skip
KURBAN = {
    2015: (9, 24), 2018: (8, 21), 2019: (8, 11), 2020: (7, 31), 2021: (7, 20), 2022: (7, 9),
    2023: (6, 28), 2024: (6, 16), 2025: (6, 6), 2026: (5, 27),
}  # fmt: skip
BY_HAND = {"ramazan": RAMAZAN, "kurban": KURBAN}


@pytest.mark.parametrize("bayram", BY_HAND)
def test_first_days_are_those_of_the_official_calendar(bayram: str) -> None:
    for year, (month, day) in BY_HAND[bayram].items():
        assert seasons.first_days(bayram, year) == (date(year, month, day),)


def test_a_year_may_have_two_ramazan_bayrams() -> None:
    assert seasons.first_days("ramazan", 2000) == (date(2000, 1, 8), date(2000, 12, 27))


def _days(first: date, last: date) -> tuple[date, date, str] | None:
    found = seasons.aligned_days(first, last)
    return (found.first_day, found.last_day, found.bayram) if found else None


@pytest.mark.parametrize(
    ("window", "aligned"),
    [
        # The bayram moves into March: its weeks of March 2025 were 20 March to 11 April 2024.
        (("2025-03-01", "2025-03-31"), ("2024-03-12", "2024-04-11", "ramazan")),
        # Last year's April held the bayram that this year's hardly holds.
        (("2025-04-01", "2025-04-30"), ("2024-04-12", "2024-05-11", "ramazan")),
        # Nothing in it this year, the season's first days last year.
        (("2025-05-20", "2025-05-31"), ("2024-05-30", "2024-06-10", "kurban")),
        (("2023-07-02", "2023-07-31"), ("2022-07-13", "2022-08-11", "kurban")),
        # Neither year's August or January has one.
        (("2025-08-01", "2025-08-31"), None),
        (("2025-01-01", "2025-01-31"), None),
        # Half years that hold both seasons whole in both years compare as they are.
        (("2025-01-01", "2025-07-31"), None),
        (("2025-01-01", "2025-03-31"), ("2024-01-13", "2024-04-11", "ramazan")),
        # Kurban lies whole in this quarter in both years, Ramazan does not.
        (("2025-04-01", "2025-06-30"), ("2024-04-12", "2024-07-11", "ramazan")),
    ],
)
def test_alignment_by_hand(window: tuple[str, str], aligned: tuple[str, str, str] | None) -> None:
    first, last = (date.fromisoformat(d) for d in window)
    expected = aligned and (*(date.fromisoformat(d) for d in aligned[:2]), aligned[2])
    assert _days(first, last) == expected


def test_long_windows_and_other_countries_are_not_aligned() -> None:
    first = date(2025, 3, 1)
    assert seasons.aligned_days(first, first + timedelta(days=30), turkey=False) is None
    assert _days(first, first + timedelta(days=310)) is None


def test_a_shop_in_turkey_is_known_by_its_zone_or_its_currency() -> None:
    assert seasons.keeps_bayrams("Europe/Istanbul", "EUR")
    assert seasons.keeps_bayrams("UTC", "TRY")
    assert not seasons.keeps_bayrams("Europe/London", "GBP")


OFFICIAL = {b: [date(y, m, d) for y, (m, d) in days.items()] for b, days in BY_HAND.items()}


def _season_days(bayram: str, first: date, last: date) -> set[int]:
    """Days of the window in the bayram's season, counted one by one from its first day."""
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    return {(d - b).days for b in OFFICIAL[bayram] for d in days if -21 <= (d - b).days <= 3}


@given(
    first=st.dates(date(2020, 1, 1), date(2026, 3, 1)),
    length=st.integers(1, 250),
)
@settings(max_examples=300, deadline=None)
def test_aligned_days_lie_at_the_same_place(first: date, length: int) -> None:
    last = first + timedelta(days=length - 1)
    before = year_earlier(first), year_earlier(last)
    moved = {
        b: len(_season_days(b, first, last)) + len(_season_days(b, *before))
        for b in OFFICIAL
        if _season_days(b, first, last) != _season_days(b, *before)
    }
    found = seasons.aligned_days(first, last)
    assert (found is None) == (not moved)
    if found is None:
        return
    assert moved[found.bayram] == max(moved.values())
    assert (found.last_day - found.first_day) == (last - first)
    assert 350 <= (first - found.first_day).days <= 358
    aligned = _season_days(found.bayram, found.first_day, found.last_day)
    assert aligned == _season_days(found.bayram, first, last)
