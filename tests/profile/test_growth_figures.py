"""Figures, cards and tables of the growth side, tested by what they show."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from crmlib import i18n
from crmlib.profile import growth
from crmlib.profile.figures import card as card_figures
from crmlib.profile.figures import growth as growth_figures
from crmlib.profile.figures import who as who_figures
from tests.profile.test_card import measure as measure_cards
from tests.profile.test_card import random_shop
from tests.profile.test_growth import MONEY, random_history, run
from tests.profile.test_who import measure as measure_who

LANGUAGES = ("tr", "en")
# Trace types of the bundle that the boards ship.
CARTESIAN = {"scatter", "bar", "heatmap", "box", "violin", "histogram", "pie"}


def _growth(*, real: bool = True) -> growth.GrowthResult:
    kpis = pl.DataFrame(
        {
            "month": pl.Series([24276, 24277], dtype=pl.Int32),
            "value": pl.Series([3, 4], dtype=MONEY),
            "value_real": pl.Series([6, 4], dtype=MONEY),
        }
    )
    events = pl.DataFrame(
        {
            "date": [date(2023, 2, 2), date(2023, 2, 9), date(2023, 9, 1)],
            "text": ["New <b>store</b>", "Prices up", "Loyalty card"],
        }
    )
    rows, status = random_history(12)
    return run(rows, status, kpis=kpis, events=events, real=real)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_growth_bars_show_the_table(lang: str) -> None:
    result = _growth()
    figure = growth_figures.growth_bars(result, lang)
    assert {t.type for t in figure.data} <= CARTESIAN
    up, line = figure.data[:3], figure.data[-1]
    for trace, kind in zip(up, ("new", "first_seen", "resurrected"), strict=True):
        assert list(trace.y) == result.months[kind].to_list()
    assert list(figure.data[3].y) == [-n for n in result.months["lapsed"]]
    assert list(line.y) == result.months["active_end"].to_list()
    assert line.yaxis == "y2"
    assert figure.data[3].text[5] == i18n.number(result.months["lapsed"][5], lang)
    assert "(" in line.customdata[0]  # January begins on the tenth
    assert "(" not in line.customdata[1]


def test_numbers_that_are_not_told_leave_a_gap() -> None:
    result = _growth()
    hidden = pl.when(pl.col("month") != result.last[0]).then("lapsed")
    told = replace(result, months=result.months.with_columns(lapsed=hidden))
    lapsed = growth_figures.growth_bars(told, "en").data[3]
    place = result.months["month"].to_list().index(result.last[0])
    assert (lapsed.y[place], lapsed.text[place]) == (None, "")


def test_events_are_dashed_lines_with_their_texts_apart() -> None:
    result = _growth()
    for figure in (
        growth_figures.growth_bars(result, "en"),
        growth_figures.sales_line(result, "en"),
    ):
        lines, texts = figure.layout.shapes, figure.layout.annotations
        assert [s.x0 for s in lines] == [date(2023, 2, 2), date(2023, 2, 9), date(2023, 9, 1)]
        assert all(s.line.dash == "dash" and s.x0 == s.x1 for s in lines)
        assert [t.text for t in texts] == ["New &lt;b>store&lt;/b>", "Prices up", "Loyalty card"]
        assert texts[0].y != texts[1].y  # a week apart: one below the other
        assert texts[0].y == texts[2].y


def test_sales_are_called_real_only_with_an_index() -> None:
    real = growth_figures.sales_line(_growth(), "en")
    assert [list(t.y) for t in real.data] == [[3.0, 4.0], [6.0, 4.0]]
    nominal = growth_figures.sales_line(_growth(real=False), "en")
    assert [list(t.y) for t in nominal.data] == [[3.0, 4.0]]
    assert "not deflated" in nominal.layout.title.text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_bars_have_intervals_and_the_mean(lang: str) -> None:
    rows = [{"sex": "F" if n % 3 else "M", "city": None} for n in range(100)]
    result = measure_who([n % 7 + n % 3 for n in range(100)], rows)
    figure = who_figures.who_bars(result, lang)
    (bars,) = figure.data
    assert bars.type in CARTESIAN
    table = result.groups.reverse()
    assert list(bars.x) == table["mean"].to_list()
    ends = zip(bars.x, bars.error_x.array, strict=True)
    assert [x + e for x, e in ends] == pytest.approx(table["high"].to_list())
    assert figure.layout.shapes[0].x0 == result.overall.value
    listed = who_figures.who_table(result, lang)
    assert len(listed.rows) == 2
    assert all(len(r) == len(listed.headers) == len(listed.numeric) for r in listed.rows)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_card_table_and_bars_show_the_cards(lang: str) -> None:
    result = measure_cards(*random_shop(30))
    assert len(result.groups) >= 2
    table = card_figures.card_table(result, lang, labels={"a": "Champions"})
    assert len(table.rows) == result.cards.height
    assert all(len(r) == len(table.headers) == len(table.numeric) for r in table.rows)
    assert i18n.text("Champions", lang) in [r[0] for r in table.rows]
    assert table.rows[0][1] == i18n.number(result.cards["customers"][0], lang)
    figure = card_figures.category_bars(result, lang, group="a")
    assert {t.type for t in figure.data} <= CARTESIAN
    mine = result.categories.filter(group="a").reverse()
    assert list(figure.data[1].x) == mine["share"].to_list()
    assert list(figure.data[0].x) == mine["share_all"].to_list()


def test_empty_results_still_draw() -> None:
    nobody: dict[str, Any] = {"begins": date(2024, 1, 1), "as_of": date(2024, 3, 31)}
    empty = run([], {}, **nobody)
    growth_figures.growth_bars(empty, "tr")
    growth_figures.sales_line(empty, "en")
    who_figures.who_bars(measure_who([], []), "en")
    rows, groups = [], {}
    cards = measure_cards(random_shop(1)[0].clear(), rows, groups)
    card_figures.category_bars(cards, "en")
    assert card_figures.card_table(cards, "tr").rows == []


def test_turkish_is_turkish() -> None:
    said = {
        _growth().headline("tr"): {"customers", "active", "lapsed"},
        card_figures.card_table(measure_cards(*random_shop(30)), "tr").headers[3]: {"day"},
        who_figures.who_table(measure_who([], []), "tr").headers[1]: {"Group"},
    }
    for text, english in said.items():
        assert not english & set(text.replace(".", " ").split())
