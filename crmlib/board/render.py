"""HTML of what a page says. Every text is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from html import escape

from crmlib import i18n, theme

# Titles of the dashboards by the name of their notebook.
TITLES = {"profile": i18n.mark("Customer profile")}
TONES = ("good", "bad", "quiet")


def title(name: str, lang: str) -> str:
    """Name a dashboard in the reader's language; not yet HTML."""
    known = TITLES.get(name)
    return i18n.text(known, lang) if known else name.replace("_", " ").capitalize()


def as_of(day: date, lang: str) -> str:
    """Say how recent the data are; not yet HTML."""
    return i18n.text("Data up to {day}", lang, day=i18n.day(day, lang))


def heading(name: str, notes: Iterable[str], lang: str) -> str:
    """Head a page with its title and what must be known of all its numbers."""
    said = "".join(f'<p class="crm-note">{escape(note)}</p>' for note in notes)
    return f'<header lang="{lang}"><h1>{escape(title(name, lang))}</h1>{said}</header>'


def sentences(items: Iterable[str], lang: str) -> str:
    """List sentences that are HTML already, under a heading for screen readers."""
    summary = escape(i18n.text("Summary", lang))
    listed = "".join(f"<li>{item}</li>" for item in items)
    return (
        f'<section class="crm-sentences" lang="{lang}">'
        f'<h2 class="crm-unseen">{summary}</h2><ul>{listed}</ul></section>'
    )


def cards(items: Sequence[theme.Card], lang: str) -> str:
    """Show numbers at a glance."""
    return f'<ul class="crm-cards" lang="{lang}">{"".join(map(_card, items))}</ul>'


def _card(card: theme.Card) -> str:
    tone = card.tone if card.tone in TONES else "quiet"
    note = f'<span class="crm-card-note">{escape(card.note)}</span>' if card.note else ""
    return (
        f'<li class="crm-card crm-{tone}"><span class="crm-card-label">{escape(card.label)}</span>'
        f'<strong class="crm-card-value">{escape(card.value)}</strong>{note}</li>'
    )


def table(content: theme.Table, lang: str) -> str:
    """Show a table; its first column names the rows."""
    kinds = ["crm-number" if numeric else "crm-text" for numeric in content.numeric]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(text)}</th>'
        for kind, text in zip(kinds, content.headers, strict=True)
    )
    body = "".join(f"<tr>{_row(row, kinds)}</tr>" for row in content.rows)
    # A narrow screen scrolls the table, not the page; the focus lets a keyboard do it too.
    return (
        f'<div class="crm-table" lang="{lang}" tabindex="0" role="region"'
        f' aria-label="{escape(i18n.text("Table", lang))}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(cells: Sequence[str], kinds: Sequence[str]) -> str:
    first, *others = zip(kinds, cells, strict=True)
    named = f'<th scope="row" class="{first[0]}">{escape(first[1])}</th>'
    return named + "".join(f'<td class="{kind}">{escape(text)}</td>' for kind, text in others)


def quiet(text: str, lang: str) -> str:
    """Say that something is withheld on purpose."""
    return f'<p class="crm-quiet-note" lang="{lang}">{escape(text)}</p>'


def notice(texts: Iterable[str], lang: str) -> str:
    """Say what is wrong and what mends it."""
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return f'<div class="crm-notice" role="alert" lang="{lang}">{paragraphs}</div>'


def trouble(number: str, lang: str) -> str:
    """Own up to an error, with the number under which the log has it."""
    said = i18n.text(
        "This part cannot be shown; the rest of the page works. If you ask for help,"
        " give this number: {number}",
        lang,
        number=number,
    )
    return notice([said], lang)
