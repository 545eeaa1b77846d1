"""Figures, cards and tables are tested by what they show."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from crmlib import i18n, theme
from crmlib.profile import activity, figures, rfm, value
from crmlib.profile.segments import SEGMENTS
from tests.profile.frames import mart, random_mart

LANGUAGES = ("tr", "en")


def _activity(now: int, before: int | None) -> activity.ActivityResult:
    return activity.measure(
        mart([{"value": Decimal(100), "value_real": Decimal(100)}] * now),
        mart([{"value": Decimal(80), "value_real": Decimal(100)}] * before) if before else None,
        activity.ActivitySpec(date(2024, 7, 1), date(2025, 6, 30)),
        label="Last 12 months",
        identified=0.9,
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_segment_bars_show_the_counts_largest_on_top(lang: str) -> None:
    result = rfm.score(random_mart(1, 300))
    bars = figures.segment_bars(result, lang).data[0]
    counts = sorted(result.segments["customers"])
    assert list(bars.x) == counts
    assert [t.replace(".", "").replace(",", "") for t in bars.text] == [str(n) for n in counts]
    assert len(set(bars.y)) == len(counts)


def test_every_segment_has_its_colour() -> None:
    assert {s.key for s in SEGMENTS} | {"lapsed", "other"} == set(theme.SEGMENT_COLOURS)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_whale_curve_shows_the_curve_and_names_what_it_is(lang: str) -> None:
    customer = random_mart(2, 300)
    by_margin = value.whale(customer)
    by_value = value.whale(customer, value.ValueSpec(by="value"))
    line = figures.whale_curve(by_margin, lang).data[0]
    assert list(line.y) == by_margin.curve["value_share"].to_list()
    titles = [figures.whale_curve(r, lang).layout.title.text for r in (by_margin, by_value)]
    assert titles[0] != titles[1]
    profit = {"tr": "kâr", "en": "profit"}[lang]
    shown = figures.whale_curve(by_value, lang).to_json().lower()
    assert profit not in shown


def test_an_empty_result_still_draws() -> None:
    figures.segment_bars(rfm.score(mart([])), "en")
    figures.whale_curve(value.whale(mart([])), "tr")
    assert figures.segment_table(rfm.score(mart([])), "en").rows == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_table_has_a_row_a_segment_and_something_to_do(lang: str) -> None:
    result = rfm.score(random_mart(3, 300), currency="EUR")
    table = figures.segment_table(result, lang)
    assert len(table.rows) == result.segments.height
    assert all(len(row) == len(table.headers) == len(table.numeric) for row in table.rows)
    assert all(row[-1] for row in table.rows)
    assert "€" in table.rows[0][3]
    for row, told in zip(table.rows, result.segments.rows(named=True), strict=True):
        assert row[1] == i18n.number(told["customers"], lang)
        assert row[2] == i18n.percent(told["share"], lang, 1)
        assert row[4] == i18n.percent(told["value_share"], lang, 1)
        assert row[5] == i18n.number(told["mean_days_since_last"], lang)


def test_cards_compare_with_last_year_and_colour_only_what_is_clear() -> None:
    better = figures.cards(_activity(600, 400), "en")
    assert better[0].value == "600"
    assert "+50.0%" in better[0].note
    assert better[0].tone == "good"
    assert figures.cards(_activity(400, 600), "en")[0].tone == "bad"
    assert figures.cards(_activity(401, 400), "en")[0].tone == "quiet"
    alone = figures.cards(_activity(400, None), "en")[0]
    assert (alone.note, alone.tone) == ("there is no year before to compare with", "quiet")


def test_without_an_index_nothing_is_called_real() -> None:
    told = figures.cards(replace(_activity(600, 400), real=False), "en")[1].note
    assert "real" not in told
    assert "not deflated" in told
    assert "in real terms" in figures.cards(_activity(600, 400), "en")[1].note


def test_turkish_cards_are_turkish() -> None:
    for card in figures.cards(_activity(1600, 400), "tr"):
        assert not {"Customers", "Sales", "Orders", "against"} & set(card.label.split())
        assert "against" not in card.note
    assert figures.cards(_activity(1600, 400), "tr")[0].value == "1.600"
