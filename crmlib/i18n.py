"""Texts, numbers and dates in Turkish and English.

The English sentence is the key; ``locale/<lang>/LC_MESSAGES/crmlib.po`` holds the translations
and ``make messages`` collects new sentences and compiles the catalogues.
"""

from __future__ import annotations

import gettext
import locale
import os
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TypeAlias

LANGUAGES = ("tr", "en")
DEFAULT_LANGUAGE = "en"
LOCALE_FOLDER = Path(__file__).parent / "locale"
DOMAIN = "crmlib"

# Babel wants a territory to know how a Turkish reader and an English one write numbers.
_BABEL_LOCALE = {"tr": "tr_TR", "en": "en_GB"}

Number: TypeAlias = int | float | Decimal
_MANY = 10_000_000  # longer amounts do not fit a card


@cache
def _catalogue(lang: str) -> gettext.NullTranslations:
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    return gettext.translation(DOMAIN, LOCALE_FOLDER, [lang], fallback=lang == DEFAULT_LANGUAGE)


def mark(message: str) -> str:
    """Mark a sentence for the catalogues where it is defined but not yet shown."""
    return message


def text(message: str, lang: str, /, **fields: object) -> str:
    """Translate an English sentence and fill its braces with ready-made texts.

    Parameters
    ----------
    message
        The English sentence; names in braces are filled from ``fields``.
    lang
        ``"tr"`` or ``"en"``.
    fields
        What stands in the braces. Numbers are formatted by the caller.

    Raises
    ------
    ValueError
        If the language is not one of :data:`LANGUAGES`.
    """
    sentence = _catalogue(lang).gettext(message) if message else ""
    return sentence.format(**fields) if fields else sentence


def number(value: Number, lang: str, digits: int = 0) -> str:
    """Format a number with the language's marks: 1234.5 -> ``1.234,5`` in Turkish."""
    from babel.numbers import format_decimal

    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, format=pattern, locale=_BABEL_LOCALE[lang])


def percent(fraction: float, lang: str, digits: int = 0) -> str:
    """Format a fraction of one as percent: 0.128 -> ``13%`` in English, ``%13`` in Turkish."""
    from babel.numbers import format_percent

    decimals = "." + "0" * digits if digits else ""
    pattern = f"%#,##0{decimals}" if lang == "tr" else f"#,##0{decimals}%"
    return format_percent(fraction, format=pattern, locale=_BABEL_LOCALE[lang])


def money(amount: Number, currency: str, lang: str, digits: int = 0) -> str:
    """Format an amount in its currency, whole units by default: ``₺1.235`` or ``£1,235``."""
    symbol = _symbol(currency)
    gap = "\u00a0" if symbol.isalpha() else ""
    sign = "−" if amount < 0 else ""
    return f"{sign}{symbol}{gap}{number(_size(amount), lang, digits)}"


def money_short(amount: Number, currency: str, lang: str) -> str:
    """Format an amount for a glance: from ten million on in millions, ``₺121,3 Mn``."""
    from babel.numbers import format_compact_decimal

    size = _size(amount)
    if size < _MANY:
        return money(amount, currency, lang)
    symbol = _symbol(currency)
    gap = "\u00a0" if symbol.isalpha() else ""
    sign = "−" if amount < 0 else ""
    short = format_compact_decimal(size, locale=_BABEL_LOCALE[lang], fraction_digits=1)
    return f"{sign}{symbol}{gap}{short}"


def _size(amount: Number) -> Number:
    return -amount if amount < 0 else amount


@cache
def _symbol(currency: str) -> str:
    """Give the shortest sign that readers of either language know: TRY is ₺ in both."""
    from babel.numbers import get_currency_symbol

    signs = (get_currency_symbol(currency, place) for place in ("en_GB", "tr_TR", "en_US"))
    return min(signs, key=len)


def day(value: date, lang: str) -> str:
    """Format a date in words: ``30 Haziran 2025``."""
    from babel.dates import format_date

    return format_date(value, "d MMMM y", locale=_BABEL_LOCALE[lang])


def month(value: date, lang: str) -> str:
    """Format a month in words: ``Haziran 2025``."""
    from babel.dates import format_date

    return format_date(value, "LLLL y", locale=_BABEL_LOCALE[lang])


def preferred_language() -> str:
    """Tell the language of the terminal: ``CRM_LANG``, else the system's, else English."""
    wanted = os.environ.get("CRM_LANG") or locale.getlocale()[0] or ""
    prefix = wanted.lower()[:2]
    return prefix if prefix in LANGUAGES else DEFAULT_LANGUAGE


# Letters that Python's own casing gets wrong in Turkish: 'I'.lower() is 'i' there, and
# 'İ'.lower() is an i followed by a combining dot.
_TURKISH_LOWER = str.maketrans({"I": "ı", "İ": "i"})


def fold_turkish(value: str) -> str:
    """Lower a text by Turkish rules, composed (NFC), for comparing names: İZMİR -> izmir."""
    import unicodedata

    composed = unicodedata.normalize("NFC", value)
    return composed.translate(_TURKISH_LOWER).lower()
