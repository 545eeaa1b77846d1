"""What changed since the last build, in three lines: the data, the customers, the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from crmlib import i18n

FACTS = "boards/facts"
# A change under a percentage point is none that a reader would act on.
_WORTH_TELLING = 0.01
FIGURES = {  # shares, as fractions
    "identified": i18n.mark("share of sales with a customer id"),
    "best_share": i18n.mark("share that the best fifth of customers bring"),
    "once_only": i18n.mark("share of customers who bought once only"),
    "came_back": i18n.mark("share of last year's new customers who came back"),
    "top_share": i18n.mark("share of customers in the top segments"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """A few figures of a build, kept for the next one; all of the last 12 months.

    Attributes
    ----------
    shop, as_of
        Whose they are and up to which day.
    order_lines
        Order lines up to the as-of day.
    customers
        Who bought in the last 12 months; ``None`` where that is not shown.
    figures
        Keys of :data:`FIGURES`; those that are not known or not shown are left out.
    """

    shop: str
    as_of: str
    order_lines: int
    customers: int | None
    figures: Mapping[str, float]

    def document(self) -> dict[str, Any]:
        """Write them as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ChangesResult:
    """A build beside the one before it.

    Attributes
    ----------
    as_of, as_of_before
        Last days of the two builds; the second is ``None`` for the first build of a shop.
    order_lines, customers, customers_before
        How many order lines more (fewer, if negative), and who bought in the last 12 months.
    figure, before, now
        The figure that moved most, a key of :data:`FIGURES`; empty when none moved by a
        percentage point.
    """

    as_of: date
    as_of_before: date | None
    order_lines: int = 0
    customers: int | None = None
    customers_before: int | None = None
    figure: str = ""
    before: float = 0.0
    now: float = 0.0

    def headline(self, lang: str) -> str:
        """Say everything in one paragraph."""
        return " ".join(self.lines(lang))

    def lines(self, lang: str) -> list[str]:
        """Say what is new, line by line."""
        if self.as_of_before is None:
            return [i18n.text("This is the first build: nothing to compare with yet.", lang)]
        return [line for line in (self._data(lang), self._people(lang), self._moved(lang)) if line]

    def _data(self, lang: str) -> str:
        assert self.as_of_before is not None
        fields = {
            "n": i18n.number(abs(self.order_lines), lang),
            "day": i18n.day(self.as_of, lang),
            "before": i18n.day(self.as_of_before, lang),
        }
        sign = (self.order_lines > 0) - (self.order_lines < 0)
        return i18n.text(_DATA[sign], lang, **fields)

    def _people(self, lang: str) -> str:
        if self.customers is None or self.customers_before is None:
            return ""
        return i18n.text(
            "Customers of the last 12 months: {before} then, {now} now.",
            lang,
            before=i18n.number(self.customers_before, lang),
            now=i18n.number(self.customers, lang),
        )

    def _moved(self, lang: str) -> str:
        if not self.figure:
            return i18n.text("No other figure moved by a percentage point or more.", lang)
        return i18n.text(
            "Largest change: {figure}, {before} then, {now} now.",
            lang,
            figure=i18n.text(FIGURES[self.figure], lang),
            before=i18n.percent(self.before, lang, 1),
            now=i18n.percent(self.now, lang, 1),
        )


_DATA = {
    1: i18n.mark("{n} more order lines than in the last build; data up to {day}, then {before}."),
    0: i18n.mark("As many order lines as in the last build; data up to {day}, then {before}."),
    -1: i18n.mark("{n} fewer order lines than in the last build; data up to {day}, then {before}."),
}


def compare(now: Facts, before: Mapping[str, Any] | None) -> ChangesResult:
    """Compare a build's facts with those that the last build kept.

    Parameters
    ----------
    now
        Of this build.
    before
        The document of the last build; ``None`` without one. Another shop's does not count.
    """
    as_of = date.fromisoformat(now.as_of)
    then = _facts(before)
    if then is None or then.shop != now.shop:
        return ChangesResult(as_of, None)
    moved = {
        name: now.figures[name] - then.figures[name]
        for name in FIGURES
        if name in now.figures and name in then.figures
    }
    most = max(moved, key=lambda name: abs(moved[name]), default="")
    figure = most if most and abs(moved[most]) >= _WORTH_TELLING else ""
    return ChangesResult(
        as_of=as_of,
        as_of_before=date.fromisoformat(then.as_of),
        order_lines=now.order_lines - then.order_lines,
        customers=now.customers,
        customers_before=then.customers,
        figure=figure,
        before=then.figures[figure] if figure else 0.0,
        now=now.figures[figure] if figure else 0.0,
    )


def _facts(document: Mapping[str, Any] | None) -> Facts | None:
    """Read what an earlier build kept; an older version's may lack something."""
    try:
        return Facts(**document) if document else None
    except TypeError:
        return None
