"""The page: it follows its filters, refuses hostile values, survives errors and escapes texts."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import board_fake as fake
import pytest
from traitlets import TraitError

from crmlib.board import Page, controls, source
from crmlib.board.elements import Fragment, Picture, Section

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


def make_page(published: object = None, **changes: object) -> Page:
    page = Page(
        "profile",
        filters=[controls.window(), controls.segment()],
        published=published or fake.Published(),
    )
    page.sentences(of=changes.get("of", ["profile.activity", "profile.value"]))
    page.cards(fake.cards, of="profile.activity")
    page.chart(changes.get("figure", fake.segment_bars), of="profile.rfm")
    page.table(fake.segment_table, of="profile.rfm")
    page.build()
    return page


def html(page: Page) -> str:
    shown = [part.widget.value for part in page.elements if isinstance(part, Fragment)]
    notes = [part.note.value for part in page.elements if isinstance(part, Picture)]
    return "\n".join([page.heading.value, page.alert.value, *shown, *notes])


def picture(page: Page) -> Picture:
    return next(part for part in page.elements if isinstance(part, Picture))


def test_a_filter_changes_sentence_and_chart() -> None:
    page = make_page()
    assert "1.000 müşteri" in html(page)
    assert picture(page).chart.figure["data"][0]["x"] == [140, 220, 90, 310]

    page.choices["window"].widget.value = "2025"

    assert "600 müşteri" in html(page)
    assert "1.000" not in html(page)
    assert picture(page).chart.figure["data"][0]["x"] == [84, 132, 54, 186]


def test_zoom_survives_the_language_and_not_a_filter() -> None:
    page = make_page()
    first = picture(page).chart.figure["layout"]["uirevision"]
    page.language.value = "en"
    assert picture(page).chart.figure["layout"]["uirevision"] == first
    page.choices["segment"].widget.value = "champions"
    assert picture(page).chart.figure["layout"]["uirevision"] != first


def test_the_language_changes_everything_and_keeps_the_filters() -> None:
    page = make_page()
    assert "Müşteri profili" in html(page)
    assert page.choices["window"].widget.description == "Dönem"
    page.choices["window"].widget.value = "2025-06"

    page.language.value = "en"

    assert "Customer profile" in html(page)
    assert "80 customers bought" in html(page)
    assert page.choices["window"].widget.value == "2025-06"
    assert page.choices["window"].widget.label == "June 2025"
    assert page.choices["window"].widget.description == "Period"
    assert picture(page).chart.lang == "en"
    assert 'lang="tr"' not in html(page)


@pytest.mark.parametrize("state", [{"index": 99}, {"index": -1}, {"index": "x"}])
def test_a_value_that_is_no_option_is_refused(state: dict[str, object]) -> None:
    page = make_page()
    before = html(page)
    with pytest.raises(TraitError):
        page.choices["window"].widget.set_state(state)
    assert html(page) == before


def test_only_published_ids_reach_the_results() -> None:
    choice = controls.Choice(controls.window(), fake.Published())
    choice.label("tr")
    # As if the list of options itself had been forged.
    choice.widget.options = [("x", "../../etc/passwd")]
    choice.widget.value = "../../etc/passwd"
    assert choice.value == "12m"


def test_every_text_is_escaped() -> None:
    page = make_page(fake.Published(shop=HOSTILE, extra=HOSTILE))
    shown = html(page)
    assert "<script" not in shown
    assert "<img" not in shown
    # shop, note, two equal sentences, cards (label, note, note) and the table's four rows
    assert shown.count("&lt;script&gt;") == 10


def test_an_error_gives_the_reader_a_number_and_the_log_no_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def failing(_result: object, _lang: str) -> object:
        raise KeyError(fake.SECRET)

    with caplog.at_level(logging.ERROR, "crmlib.board"):
        page = make_page(of=["profile.activity", "profile.broken"], figure=failing)

    numbers = re.findall(r"\b[0-9a-f]{8}\b", html(page))
    assert len(set(numbers)) == 2
    assert "1.000 müşteri" in html(page)  # the rest of the page stands
    assert picture(page).chart.layout.display == "none"
    assert fake.SECRET not in html(page) + caplog.text
    for number, kind in zip(numbers, ["ValueError", "KeyError"], strict=True):
        assert f"{number} {kind}" in caplog.text
    assert re.search(r"test_board_page\.py:\d+ in failing", caplog.text)
    assert "raise KeyError" not in caplog.text

    page.language.value = "en"
    assert "give this number" in html(page)


def test_too_few_customers_are_named_as_the_reason_once() -> None:
    page = make_page()
    page.choices["segment"].widget.value = "tiny"
    assert html(page).count("Gösterilemeyecek kadar az müşteri.") == 1
    assert picture(page).widget.layout.display == "none"
    page.choices["segment"].widget.value = "all"
    assert picture(page).widget.layout.display is None
    assert picture(page).chart.layout.display is None
    assert "az müşteri" not in html(page)


def whole_page(published: object = None) -> Page:
    filters = [controls.window(), controls.segment(), controls.region(), controls.channel()]
    page = Page("profile", filters=filters, published=published or fake.Published())
    page.sentences(of=["profile.activity"])
    page.changes()
    page.section("segments")
    page.chart(fake.segment_bars, of="profile.rfm")
    page.section("moves")
    page.control(controls.horizon())
    page.chart(fake.segment_bars, of="profile.growth", wide=True)
    page.table(fake.segment_table, of="profile.who", under="groups")
    page.build()
    return page


def sections(page: Page) -> dict[str, str | None]:
    found = (part for part in page.elements if isinstance(part, Section))
    return {re.sub("<.*?>", "", s.widget.value): s.widget.layout.display for s in found}


def test_a_section_goes_when_nothing_of_it_is_shown() -> None:
    page = whole_page()
    page.language.value = "en"
    assert sections(page) == {"Segments": None, "Moves between segments": None}
    page.choices["segment"].widget.value = "tiny"
    assert sections(page) == {"Segments": "none", "Moves between segments": None}


def test_what_the_build_does_not_offer_is_no_filter() -> None:
    page = whole_page()
    assert set(page.choices) == {"window", "segment", "region", "horizon"}


def test_a_filter_offers_what_the_period_has() -> None:
    page = whole_page()
    page.choices["segment"].widget.value = "tiny"
    page.choices["window"].widget.value = "2025-06"
    assert [key for _, key in page.choices["segment"].widget.options] == ["all", "champions"]
    assert page.choices["segment"].value == "all"
    page.choices["window"].widget.value = "12m"
    page.choices["segment"].widget.value = "champions"
    page.choices["window"].widget.value = "2025-06"
    assert page.choices["segment"].value == "champions"


def test_charts_say_what_they_are_about_and_which_filters_they_do_not_follow() -> None:
    page = whole_page()
    page.language.value = "en"
    first, second = (part for part in page.elements if isinstance(part, Picture))
    assert first.caption.value == ""
    assert "All customers" in second.caption.value
    assert "Not filtered" not in second.caption.value
    page.choices["region"].widget.value = "=Ege"
    assert first.caption.value == ""
    assert "Not filtered by: Region." in second.caption.value
    page.choices["horizon"].widget.value = "1m"  # stands beside its chart: no need to say it
    assert "Followed" not in second.caption.value


def test_a_chart_that_does_not_follow_a_filter_is_not_sent_again() -> None:
    page = whole_page()
    first, second = (part for part in page.elements if isinstance(part, Picture))
    before = (first.chart.figure, second.chart.figure)
    sent: list[str] = []
    first.chart.observe(lambda _: sent.append("first"), "figure")
    second.chart.observe(lambda _: sent.append("second"), "figure")
    page.choices["segment"].widget.value = "champions"
    assert sent == ["first"]
    assert (first.chart.figure != before[0], second.chart.figure == before[1]) == (True, True)


def test_the_share_with_a_customer_id_stands_at_the_head() -> None:
    page = whole_page()
    page.language.value = "en"
    assert "sales with a customer id in the period: 83%" in page.heading.value
    page.choices["window"].widget.value = "2025"
    assert "period: 70%" in page.heading.value
    page.choices["window"].widget.value = "2025-06"
    assert "customer id" not in page.heading.value


def test_changes_and_long_tables_are_folded_away() -> None:
    page = whole_page(fake.Published(extra=HOSTILE))
    page.language.value = "en"
    folded = [p.widget.value for p in page.elements if isinstance(p, Fragment)]
    changes, table = (each for each in folded if each.startswith("<details"))
    assert "What changed since the last build" in changes
    assert "<li>Second line&lt;script&gt;" in changes
    assert "All groups in numbers" in table
    assert "<script" not in changes + table


def test_a_row_on_a_phone_repeats_the_headers() -> None:
    shown = html(make_page())
    assert shown.count('data-label="Ciro"') == len(fake.SHARES)
    assert 'role="columnheader"' in shown


class NoOrders(fake.Published):
    """The boards of a build without order lines."""

    def offers(self, _dimension: str) -> bool:
        """Tell that there is nothing to choose."""
        return False

    def identified(self, window: str | None = None) -> float | None:
        """Know nothing."""
        assert window is None

    def result(self, _name: str, **choices: str) -> fake.Suppressed:
        """Withhold everything."""
        assert choices == {}
        return fake.Suppressed()


def test_a_build_without_orders_is_one_sentence() -> None:
    page = whole_page(NoOrders())
    assert page.choices == {}
    assert page.alert.value == ""
    assert "Deneme Mağazası" in page.heading.value
    assert html(page).count("Gösterilemeyecek kadar az müşteri.") == 1
    assert set(sections(page).values()) == {"none"}
    page.language.value = "en"
    assert "Too few customers to show." in html(page)


def test_a_missing_workspace_names_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRM_WORKSPACE", str(tmp_path / "<b>"))
    page = Page("profile", filters=[controls.window()])
    page.cards(fake.cards, of="profile.activity")
    page.build()
    assert "Müşteri profili" in page.heading.value
    assert "crm build" in page.alert.value
    assert "&lt;b&gt;" in page.alert.value
    page.language.value = "en"
    assert "Customer profile" in page.heading.value


@pytest.mark.parametrize(
    ("query", "lang"),
    [
        ("lang=en", "en"),
        ("lang=tr&x=1", "tr"),
        ("lang=%3Cscript%3E", "tr"),
        ("lang=%ff&lang", "tr"),
        ("&".join(["lang=de"] * 5000), "tr"),
        ("", "tr"),
    ],
)
def test_the_address_gives_the_first_language(
    query: str, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_LANG", raising=False)
    monkeypatch.setenv("VOILA_REQUEST_URL", "http://127.0.0.1/")
    monkeypatch.setenv("QUERY_STRING", query)
    assert make_page().lang == lang


def test_outside_voila_the_address_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERY_STRING", "lang=tr")
    monkeypatch.setenv("CRM_LANG", "en")
    assert make_page().lang == "en"


def test_a_result_is_withheld_for_its_reason() -> None:
    view = source.View(fake.Published(), {"window": "12m", "segment": "tiny"}, "en")
    with pytest.raises(source.WithheldError, match="Too few customers"):
        view.result("profile.rfm")


def test_building_a_page_loads_no_heavy_library() -> None:
    code = """
import sys
import board_fake as fake
from crmlib.board import Page, controls
page = Page("profile", filters=[controls.window(), controls.segment()], published=fake.Published())
page.sentences(of=["profile.activity"])
page.cards(fake.cards, of="profile.activity")
page.chart(fake.segment_bars, of="profile.rfm")
page.table(fake.segment_table, of="profile.rfm")
page.build()
import json
print(json.dumps(sorted(sys.modules)))
"""
    # narwhals is missing from this list because plotly imports it.
    heavy = {
        "pandas",
        "scipy",
        "statsmodels",
        "mlxtend",
        "plotly.express",
        "dataframely",
        "pydantic",
        "voila",
        "sklearn",
        "matplotlib",
    }
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not heavy & set(json.loads(ran.stdout.splitlines()[-1]))
