"""Waterfall, repeated losses and migration are tested by what they show."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from crmlib import i18n, theme
from crmlib.profile import figures, losses, migration, rfm, segments, value, waterfall
from tests.profile.frames import costed, mart, random_mart
from tests.profile.test_decisions import _COSTED, _moves
from tests.profile.test_migration import _shop

LANGUAGES = ("tr", "en")
CARTESIAN = {"scatter", "bar", "heatmap", "box", "violin", "histogram", "pie"}
ROW = _COSTED | {"freight": Decimal(45), "discount_net": Decimal(5)}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_waterfall_bars_float_from_level_to_level(lang: str) -> None:
    result = waterfall.measure(costed([ROW, _COSTED]))
    bars = figures.waterfall_bars(result, lang).data[0]
    assert bars.type in CARTESIAN
    assert list(bars.base) == [0, 25, 20, 0]
    assert list(bars.y) == [25, -5, -45, -25]
    assert bars.text[-1] == "−₺25"
    assert bars.x[-1] == {"tr": "Zarar", "en": "Loss"}[lang]
    assert list(bars.marker.color) == [theme.ACCENT, theme.WARN, theme.WARN, theme.BAD]
    assert len(set(bars.x)) == 4  # what takes nothing is not drawn


def test_titles_and_names_are_translated_and_tell_the_group() -> None:
    losing, whole = (
        waterfall.measure(costed([ROW]), waterfall.WaterfallSpec(of=of))
        for of in ("loss_makers", "all")
    )
    drawn = [
        figures.waterfall_bars(r, lang).to_dict() for r in (losing, whole) for lang in LANGUAGES
    ]
    titles = [d["layout"]["title"]["text"] for d in drawn]
    assert len(set(titles)) == 4
    assert not set(drawn[0]["data"][0]["x"]) & set(drawn[1]["data"][0]["x"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_repeat_bars_show_both_shares_with_their_intervals(lang: str) -> None:
    years = (
        [_COSTED | {"margin": Decimal(m)} for m in year]
        for year in ([-1] * 50 + [1] * 150, [-1, 1, 1, 1] * 50)
    )
    result = losses.repeat(*(mart(rows) for rows in years))
    bars = figures.repeat_bars(result, lang).data[0]
    assert list(bars.x) == [result.again.value, result.others.value]
    ends = [v + up for v, up in zip(bars.x, bars.error_x.array, strict=True)]
    assert ends == pytest.approx([result.again.interval.high, result.others.interval.high])
    starts = [v - down for v, down in zip(bars.x, bars.error_x.arrayminus, strict=True)]
    assert starts == pytest.approx([result.again.interval.low, result.others.interval.low])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_heat_map_shows_shares_of_rows_and_counts_of_the_largest_moves(lang: str) -> None:
    result = _moves(200, 60, 40)
    matrix = figures.migration_heatmap(result, lang).data[0]
    assert matrix.type in CARTESIAN
    place = {(a, b): (y, x) for y, a in enumerate(matrix.y) for x, b in enumerate(matrix.x)}

    def at(start: str, end: str, what: tuple[tuple[object, ...], ...]) -> object:
        names = (i18n.text(segments.label(key), lang) for key in (start, end))
        y, x = place[tuple(names)]
        return what[y][x]

    assert at("loyal", "at_risk", matrix.z) == pytest.approx(60 / 260)
    assert at("loyal", "at_risk", matrix.text) == "60"
    assert at("loyal", "loyal", matrix.z) == pytest.approx(200 / 260)
    assert at("loyal", "loyal", matrix.text) == ""  # who stayed did not move
    assert at("recent", "at_risk", matrix.z) is None
    assert "60" in str(at("loyal", "at_risk", matrix.customdata))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_table_lists_the_moves_with_most_sales_first(lang: str) -> None:
    result = replace(_moves(200, 60, 40), currency="EUR")
    table = figures.migration_table(result, lang)
    assert [row[2] for row in table.rows] == ["60", "40"]
    assert table.rows[0][4] == "€60"
    assert all(len(row) == len(table.headers) == len(table.numeric) for row in table.rows)
    assert i18n.number(12, lang) in table.headers[-1]


def test_only_the_ten_largest_moves_are_told() -> None:
    before, now = mart(_shop(300)), mart(list(reversed(_shop(300))))
    spec = migration.MigrationSpec(date(2025, 6, 30))
    result = migration.measure(before, now, spec, customer=mart([{}] * 300))
    values = result.largest(3)["value"].to_list()
    assert values == sorted(result.largest(1000)["value"].to_list(), reverse=True)[:3]
    assert len(figures.migration_table(result, "en").rows) <= 10


@pytest.mark.parametrize("lang", LANGUAGES)
def test_empty_results_still_draw(lang: str) -> None:
    figures.waterfall_bars(waterfall.measure(costed([])), lang)
    figures.repeat_bars(losses.repeat(mart([]), mart([])), lang)
    nobody = migration.measure(
        mart([]), mart([]), migration.MigrationSpec(date(2025, 6, 30)), customer=mart([])
    )
    figures.migration_heatmap(nobody, lang)
    assert figures.migration_table(nobody, lang).rows == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_costs_the_picture_does_not_speak_of_profit(lang: str) -> None:
    unknown = waterfall.measure(costed([ROW | {"value_costed": Decimal(0)}]))
    assert {"tr": "kâr", "en": "profit"}[lang] not in figures.waterfall_bars(
        unknown, lang
    ).to_json().lower()


def test_the_whale_curve_of_profit_says_profit() -> None:
    assert "profit" in figures.whale_curve(value.whale(costed([_COSTED])), "en").to_json()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_table_says_how_many_months_of_sales_it_shows(lang: str) -> None:
    year = random_mart(3, 300)
    everybody = pl.concat([year, mart([{}] * 330)[300:]])
    scored = rfm.score(year, rfm.RfmSpec(months=12))
    table = figures.segment_table(rfm.with_lapsed(scored, everybody), lang)
    assert i18n.number(12, lang) in table.headers[3]
    assert table.rows[-1][0] == i18n.text(segments.label(segments.LAPSED), lang)
    assert table.rows[-1][-1]
    so_far = figures.segment_table(rfm.score(year), lang).headers[3]
    assert so_far != table.headers[3]
    nominal = figures.segment_table(
        rfm.score(year, rfm.RfmSpec(months=12, money="nominal")), lang
    ).headers[3]
    assert nominal != table.headers[3]
    figures.segment_bars(rfm.with_lapsed(scored, everybody), lang)
