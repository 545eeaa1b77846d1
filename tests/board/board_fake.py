"""Published results as :mod:`crmlib.publish` gives them, made up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import plotly.graph_objects as go

from crmlib import i18n, theme

SHARES = {"champions": 14, "loyal": 22, "at_risk": 9, "hibernating": 31}
SIZE = {"12m": 1000, "2025": 600, "2025-06": 80}
WHOLE = ("profile.growth", "profile.migration", "profile.who", "build.changes")
SECRET = "ayse@example.test"


@dataclass(frozen=True)
class Suppressed:
    """Stands for a cell with too few customers."""

    def reason(self, lang: str) -> str:
        """Say why."""
        return {"tr": "Gösterilemeyecek kadar az müşteri.", "en": "Too few customers to show."}[
            lang
        ]


@dataclass(frozen=True)
class Result:
    """A result with one number."""

    name: str
    customers: int
    extra: str = ""

    def headline(self, lang: str) -> str:
        """Say the number."""
        if self.name == "profile.broken":
            raise ValueError(SECRET)
        said = {"tr": "{n} müşteri alışveriş yaptı{extra}.", "en": "{n} customers bought{extra}."}
        return said[lang].format(n=i18n.number(self.customers, lang), extra=self.extra)

    def lines(self, lang: str) -> list[str]:
        """Say what changed."""
        return [self.headline(lang), {"tr": "İkinci satır", "en": "Second line"}[lang] + self.extra]


class Published:
    """The boards of a made-up shop."""

    build = "b1"
    as_of = date(2025, 6, 30)
    currency = "TRY"

    def __init__(self, shop: str = "Deneme Mağazası", extra: str = "") -> None:
        self.shop = shop
        self.extra = extra

    def offers(self, dimension: str) -> bool:
        """Tell whether there is a choice; this shop has no channels."""
        return dimension != "channel"

    def options(
        self, dimension: str, lang: str, *, window: str | None = None
    ) -> list[tuple[str, str]]:
        """Give the choices of a filter."""
        if dimension == "region":
            return [("All", "all"), ("Ege", "=Ege")]
        if dimension == "horizon":
            return [("12", "12m"), ("1", "1m")]
        if dimension == "window":
            month = i18n.month(date(2025, 6, 1), lang)
            return [
                ({"tr": "Son 12 ay", "en": "Last 12 months"}[lang], "12m"),
                ("2025", "2025"),
                (month, "2025-06"),
            ]
        found = [
            ({"tr": "Tümü", "en": "All"}[lang] + self.extra, "all"),
            ("Champions", "champions"),
            ("Tiny", "tiny"),
        ]
        return found[:2] if window == "2025-06" else found  # nobody is tiny in June

    def notes(self, _lang: str) -> list[str]:
        """Give the cautions."""
        return [self.extra] if self.extra else []

    def identified(self, window: str | None = None) -> float | None:
        """Give the share of sales with a customer id."""
        return {"12m": 0.83, "2025": 0.7}.get(window or "")

    def caption(self, name: str, lang: str, **_choices: str) -> str:
        """Say what a result is about."""
        about = {"tr": "Bütün müşteriler", "en": "All customers"}[lang] + self.extra
        return about if name == "profile.growth" else ""

    def dimensions_of(self, name: str) -> tuple[str, ...]:
        """List the filters that a result follows."""
        return () if name in WHOLE else ("window", "segment", "region")

    def result(
        self, name: str, *, window: str, segment: str = "all", **_others: str
    ) -> Result | Suppressed:
        """Give a result for a choice."""
        if name in WHOLE:
            return Result(name, 4321, self.extra)
        if segment == "tiny":
            return Suppressed()
        whole = SIZE[window]
        return Result(name, whole if segment == "all" else whole // 7, self.extra)


def open_boards(_workspace: object = None) -> Published:
    """Stand in for the function of :mod:`crmlib.publish`."""
    return Published()


def cards(result: Result, lang: str) -> list[theme.Card]:
    """Show three numbers."""
    n = i18n.number(result.customers, lang)
    words = {"tr": ("Müşteri", "Ciro", "Sipariş başına"), "en": ("Customers", "Sales", "Per order")}
    a, b, c = words[lang]
    return [
        theme.Card(a + result.extra, n, i18n.percent(0.128, lang) + " ↑" + result.extra, "good"),
        theme.Card(b, i18n.money(result.customers * 812, "TRY", lang), "−%3", "bad"),
        theme.Card(c, i18n.money(812, "TRY", lang) + result.extra),
        theme.Card({"tr": "Tek alışveriş", "en": "Bought once"}[lang], i18n.percent(0.41, lang)),
    ]


def segment_bars(result: Result, lang: str) -> go.Figure:
    """Show the segments."""
    names = list(SHARES)
    shown = go.Bar(
        x=[result.customers * share // 100 for share in SHARES.values()],
        y=[name + result.extra for name in names],
        orientation="h",
        marker_color=[theme.SEGMENT_COLOURS[name] for name in names],
    )
    title = {"tr": "Segmentlere göre müşteri", "en": "Customers by segment"}[lang]
    return theme.finish(go.Figure(shown), title=title + result.extra, lang=lang)


def whale_curve(result: Result, lang: str) -> go.Figure:
    """Show a curve."""
    x = [i / 20 for i in range(21)]
    line = go.Scatter(
        x=x, y=[v**0.4 * result.customers for v in x], mode="lines", line_color=theme.ACCENT
    )
    title = {"tr": "Değerin yığılımı", "en": "Where the value is"}[lang]
    figure = theme.finish(go.Figure(line), title=title, lang=lang, x="x", y="₺")
    figure.update_xaxes(tickformat=".0%")
    return figure


def segment_table(result: Result, lang: str) -> theme.Table:
    """Show the segments' numbers."""
    heads = {
        "tr": ["Segment", "Müşteri", "Pay", "Ciro"],
        "en": ["Segment", "Customers", "Share", "Sales"],
    }
    rows = [
        [
            name + result.extra,
            i18n.number(result.customers * share // 100, lang),
            i18n.percent(share / 100, lang),
            i18n.money(share * 12345, "TRY", lang),
        ]
        for name, share in SHARES.items()
    ]
    return theme.Table(heads[lang], rows, [False, True, True, True])


window_cards = cards
segment_categories = waterfall = growth_bars = sales_line = who_bars = segment_bars
migration_heatmap = whale_curve
segment_card = migration_table = who_table = segment_table
