"""HTML of what a page says. Every text is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from html import escape

from crmlib import i18n, theme

# Titles of the dashboards by the name of their notebook.
TITLES = {"profile": i18n.mark("Customer profile")}
CHANGES = i18n.mark("What changed since the last build")
SECTIONS = {  # headings within a page
    "segments": i18n.mark("Segments"),
    "worth": i18n.mark("What customers are worth"),
    "growth": i18n.mark("Growth"),
    "moves": i18n.mark("Moves between segments"),
    "who": i18n.mark("Who they are and what they buy"),
}
FOLDED = {"groups": i18n.mark("All groups in numbers")}  # titles that open a table
TONES = ("good", "bad", "quiet")


def title(name: str, lang: str) -> str:
    """Name a dashboard in the reader's language; not yet HTML."""
    known = TITLES.get(name)
    return i18n.text(known, lang) if known else name.replace("_", " ").capitalize()


def as_of(day: date, lang: str) -> str:
    """Say how recent the data are; not yet HTML."""
    return i18n.text("Data up to {day}", lang, day=i18n.day(day, lang))


def identified(share: float, lang: str) -> str:
    """Say how much of a period's sales is known by customer; not yet HTML."""
    return i18n.text(
        "sales with a customer id in the period: {share}", lang, share=i18n.percent(share, lang)
    )


def heading(name: str, notes: Iterable[str], lang: str) -> str:
    """Head a page with its title and what must be known of all its numbers."""
    said = "".join(f'<p class="crm-note">{escape(note)}</p>' for note in notes)
    return f'<header lang="{lang}"><h1>{escape(title(name, lang))}</h1>{said}</header>'


def sentences(items: Iterable[str], lang: str, *, headed: bool = True) -> str:
    """List sentences that are HTML already; ``headed`` for screen readers."""
    summary = escape(i18n.text("Summary", lang))
    heading = f'<h2 class="crm-unseen">{summary}</h2>' if headed else ""
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f'<section class="crm-sentences" lang="{lang}">{heading}<ul>{listed}</ul></section>'


def section(text: str, lang: str) -> str:
    """Head a part of the page."""
    return f'<h2 class="crm-section" lang="{lang}">{escape(text)}</h2>'


def caption(texts: Iterable[str], lang: str) -> str:
    """Say below a chart or table what it is about; nothing where there is nothing to say."""
    said = " ".join(texts)
    return f'<p class="crm-caption" lang="{lang}">{escape(said)}</p>' if said else ""


def folded(title: str, content: str, lang: str) -> str:
    """Fold what is HTML already away under a title that opens it."""
    return (
        f'<details class="crm-folded" lang="{lang}"><summary>{escape(title)}</summary>'
        f"{content}</details>"
    )


def listed(texts: Iterable[str]) -> str:
    """List texts."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>"


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
    """Show a table; its first column names the rows.

    On a phone each row becomes a block that repeats the headers. The roles keep it a table for
    those who have it read to them.
    """
    kinds = ["crm-number" if numeric else "crm-text" for numeric in content.numeric]
    head = "".join(
        f'<th role="columnheader" scope="col" class="{kind}">{escape(text)}</th>'
        for kind, text in zip(kinds, content.headers, strict=True)
    )
    rows = "".join(_row(row, kinds, content.headers) for row in content.rows)
    # A narrow window scrolls the table, not the page; the focus lets a keyboard do it too.
    return (
        f'<div class="crm-table" lang="{lang}" tabindex="0" role="region"'
        f' aria-label="{escape(i18n.text("Table", lang))}"><table role="table">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table></div>'
    )


def _row(cells: Sequence[str], kinds: Sequence[str], headers: Sequence[str]) -> str:
    first, *others = zip(kinds, cells, headers, strict=True)
    named = f'<th role="rowheader" scope="row" class="{first[0]}">{escape(first[1])}</th>'
    rest = "".join(
        f'<td role="cell" class="{kind}" data-label="{escape(header)}">{escape(text)}</td>'
        for kind, text, header in others
    )
    return f'<tr role="row">{named}{rest}</tr>'


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
