"""Both languages are whole: every sentence is translated, every catalogue is compiled."""

import re
import string
from datetime import date
from decimal import Decimal

import pytest

from crmlib import i18n
from tools import messages

TURKISH = messages.load("tr")
SENTENCES = [m for m in messages.template() if m.id]


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_there_are_sentences() -> None:
    assert len(SENTENCES) > 100


@pytest.mark.parametrize("message", SENTENCES, ids=lambda m: str(m.id)[:60])
def test_every_sentence_is_translated_with_the_same_fields(message: object) -> None:
    key = str(message.id)  # type: ignore[attr-defined]
    found = TURKISH.get(key)
    assert found is not None, "run 'make messages'"
    assert found.string, f"not translated: {key}"
    assert not found.fuzzy
    assert _fields(str(found.string)) == _fields(key)


def test_no_suffix_is_glued_to_a_field() -> None:
    # A Turkish suffix follows the sound of the word before it, which is not known here.
    glued = [m.string for m in TURKISH if m.id and re.search(r"\}['’]?[a-zçğıöşü]", str(m.string))]
    assert glued == []


def test_the_compiled_catalogue_is_the_written_one() -> None:
    assert messages.path_of("tr", "mo").read_bytes() == messages.compiled(TURKISH)


def test_the_catalogue_holds_no_sentence_that_the_code_does_not_have() -> None:
    known = {m.id for m in SENTENCES}
    assert [m.id for m in TURKISH if m.id and m.id not in known] == []


@pytest.mark.parametrize(
    ("value", "digits", "turkish", "english"),
    [
        (1234567, 0, "1.234.567", "1,234,567"),
        (1234.5, 2, "1.234,50", "1,234.50"),
        (Decimal("-0.5"), 1, "-0,5", "-0.5"),
        (0, 0, "0", "0"),
    ],
)
def test_numbers(value: float, digits: int, turkish: str, english: str) -> None:
    assert i18n.number(value, "tr", digits) == turkish
    assert i18n.number(value, "en", digits) == english


def test_percent_money_and_dates() -> None:
    assert i18n.percent(0.128, "tr", 1) == "%12,8"
    assert i18n.percent(0.128, "en", 1) == "12.8%"
    assert i18n.money(1234.6, "TRY", "tr") == "₺1.235"
    assert i18n.money(-1234.6, "GBP", "en", 2) == "−£1,234.60"
    assert i18n.money(5, "CHF", "en") == "CHF\u00a05"
    assert i18n.day(date(2025, 6, 30), "tr") == "30 Haziran 2025"
    assert i18n.month(date(2025, 6, 1), "en") == "June 2025"


@pytest.mark.parametrize(
    ("given", "folded"),
    [("IĞDIR", "ığdır"), ("İzmir", "izmir"), ("ISPARTA", "ısparta"), ("Şişli", "şişli")],
)
def test_turkish_folding(given: str, folded: str) -> None:
    assert i18n.fold_turkish(given) == folded
    assert i18n.fold_turkish(folded) == folded


def test_composed_and_decomposed_letters_fold_alike() -> None:
    assert i18n.fold_turkish("İzmir") == i18n.fold_turkish("I\u0307zmir")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'de'"):
        i18n.text("Champions", "de")


@pytest.mark.parametrize(
    ("wanted", "found"), [("tr_TR.UTF-8", "tr"), ("en", "en"), ("fr_FR", "en")]
)
def test_language_of_the_terminal(wanted: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_LANG", wanted)
    assert i18n.preferred_language() == found
