"""Segment cards: what a group of customers buys, where, how often, and with which discounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import polars as pl

from crmlib import i18n
from crmlib.estimate import jackknife_interval

ALL, OTHER = "all", "other"


@dataclass(frozen=True, slots=True)
class CardSpec:
    """What was asked.

    Attributes
    ----------
    by
        Categories are compared by their share of ``"lines"`` bought or of ``"value"``.
    top
        How many categories a card lists.
    k
        Groups with fewer customers have no card; categories and channels with fewer customers
        of the group are merged.
    min_share
        A listed category has at least this share of the group's lines or value: the index of a
        rare one says little.
    notable
        The headline names a category from this index on.
    """

    by: Literal["lines", "value"] = "lines"
    top: int = 5
    k: int = 10
    min_share: float = 0.01
    notable: float = 1.2

    def __post_init__(self) -> None:
        if self.by not in ("lines", "value"):
            raise ValueError(f"by must be 'lines' or 'value', got {self.by!r}")
        if self.k < 1 or self.top < 1:
            raise ValueError(f"k and top must be at least 1, got {self.k}, {self.top}")
        if not 0 <= self.min_share < 1:
            raise ValueError(f"min_share must lie in [0, 1), got {self.min_share}")


@dataclass(frozen=True, slots=True, eq=False)
class CardResult:
    """Cards of groups of customers, and of all customers together; no customer's id.

    Rates are fractions; ``<rate>_low`` and ``<rate>_high`` are the ends of their 95 % intervals.

    Attributes
    ----------
    cards
        One row a ``group``, ``"all"`` first: ``customers``, ``share`` of all; ``value``, sales
        less returns, and ``mean_value`` a customer; ``once``, share of customers with a single
        purchase day in the window; ``discount``, discounts over sales before discount;
        ``returns``, value of returned goods over sales.
    categories
        ``group``, ``category``, ``rank`` (1: highest index), ``share`` of the group's lines (or
        value), ``share_all``, the same of all customers, ``index`` = share / share_all,
        ``index_low``, ``index_high``. The categories that the group buys most above the mean,
        among those with enough support; for ``"all"`` those with the largest share. ``clear``:
        the index is notable and above 1 with all categories counted (Bonferroni: each at the
        level 1 - 0.05 / number of categories).
    channels
        ``group``, ``channel``, ``share`` of the group's lines, ``share_all``; the largest first,
        merged ones as ``"other"``; ``""`` is an unknown channel.
    left_out
        Groups without a card: fewer than ``k`` customers.
    category_known
        Share of all lines whose category is known; shares of categories are of those.
    """

    cards: pl.DataFrame
    categories: pl.DataFrame
    channels: pl.DataFrame
    left_out: list[str]
    category_known: float
    currency: str = "TRY"
    spec: CardSpec = field(default_factory=CardSpec)

    @property
    def groups(self) -> list[str]:
        """Groups that have a card, ``"all"`` first."""
        return self.cards["group"].to_list()

    def headline(self, lang: str, group: str = ALL) -> str:
        """Say of a group what it buys more than others, and how often with a discount."""
        cards = self.cards.filter(pl.col("group") == group)
        if cards.is_empty():
            return i18n.text("There are too few customers for a card.", lang)
        card = cards.row(0, named=True)
        said = [self._category(group, lang)]
        if card["once"] is not None:
            share = i18n.percent(card["once"], lang)
            said.append(i18n.text("{share} bought on one day only.", lang, share=share))
        if card["discount"] is not None:
            share = i18n.percent(card["discount"], lang, 1)
            said.append(i18n.text("Discounts took {share} of their sales.", lang, share=share))
        return " ".join(s for s in said if s)

    def _category(self, group: str, lang: str) -> str:
        listed = self.categories.filter(pl.col("group") == group)
        if listed.is_empty():
            return ""
        best = listed.row(0, named=True)
        if group == ALL:
            return i18n.text(
                "{category} leads with {share} of what is bought.",
                lang,
                category=best["category"],
                share=i18n.percent(best["share"], lang),
            )
        clear = listed.filter("clear")
        if clear.is_empty():
            return i18n.text("No listed category is clearly bought more than by all.", lang)
        best = clear.row(0, named=True)
        return i18n.text(
            "They buy {category} {x} times as much as all customers ({share} of what they buy).",
            lang,
            category=best["category"],
            x=i18n.number(best["index"], lang, 1),
            share=i18n.percent(best["share"], lang),
        )


def measure(
    window: pl.DataFrame | pl.LazyFrame,
    mix: pl.DataFrame | pl.LazyFrame,
    groups: pl.DataFrame | pl.LazyFrame,
    spec: CardSpec | None = None,
    *,
    currency: str = "TRY",
) -> CardResult:
    """Make the card of every group of customers and of all of them.

    Parameters
    ----------
    window
        Customers of a window of days; those without a purchase in it are left out.
    mix
        ``Marts.mix_between`` of the same days: ``customer_id``, ``category``, ``channel``,
        ``purchase_lines``, ``value`` (bought), ``discount``, ``returns`` (negative).
    groups
        ``customer_id`` and ``group``; customers without a group count among all.
    spec
        What to list.
    currency
        ISO code, for showing money.
    """
    spec = spec or CardSpec()
    people = _people(window, groups)
    sizes = dict(people.group_by("group").len().iter_rows())
    named = sorted(g for g in sizes if g is not None)
    if ALL in named:
        raise ValueError(f"a group must not be called {ALL!r}: that is all customers together")
    shown = [g for g in named if sizes[g] >= spec.k]
    shown = [ALL, *shown] if people.height >= spec.k else []
    bought = mix.lazy().join(people.lazy().select("customer_id", "fold", "group"), on="customer_id")
    cells = _cells(bought, spec)
    support = _Support(bought, cells, spec.k)
    return CardResult(
        cards=_cards(people, cells, shown),
        categories=_categories(cells, support, shown, spec),
        channels=_channels(cells, support, shown),
        left_out=[g for g in named if g not in shown],
        category_known=_category_known(cells),
        currency=currency,
        spec=spec,
    )


def _people(
    window: pl.DataFrame | pl.LazyFrame, groups: pl.DataFrame | pl.LazyFrame
) -> pl.DataFrame:
    """Give the customers who bought, with their group."""
    return (
        window.lazy()
        .filter(pl.col("purchase_days") > 0)
        .select("customer_id", "fold", "purchase_days", "value")
        .join(groups.lazy().select("customer_id", "group"), on="customer_id", how="left")
        .collect(engine="streaming")
    )


def _cells(bought: pl.LazyFrame, spec: CardSpec) -> pl.DataFrame:
    """Sum what was bought by group, fold, category and channel: far fewer rows than customers."""
    amount = "purchase_lines" if spec.by == "lines" else "value"
    return (
        bought.group_by("group", "fold", "category", pl.col("channel").fill_null(""))
        .agg(
            pl.col("value", "discount", "returns").sum(),
            lines=pl.col("purchase_lines").sum(),
            amount=pl.col(amount).sum(),
        )
        .with_columns(pl.col("value", "discount", "returns", "amount").cast(pl.Float64))
        .sort("group", "category", "channel", "fold")
        .collect(engine="streaming")
    )


def _of(frame: pl.DataFrame | pl.LazyFrame, group: str) -> pl.DataFrame:
    """Give the rows of a group, or all of them."""
    return (
        (frame if group == ALL else frame.lazy().filter(pl.col("group") == group)).lazy().collect()
    )


class _Support:
    """Tells whether at least ``k`` customers of a group bought in a category or channel.

    Customers of k folds are at least k customers; the few other cells are counted one by one.
    """

    def __init__(self, bought: pl.LazyFrame, cells: pl.DataFrame, k: int) -> None:
        self._bought = bought.filter(pl.col("purchase_lines") > 0)
        self._cells = cells.filter(pl.col("lines") > 0)
        self._k = k

    def enough(self, group: str, column: str, members: list[str]) -> bool:
        """Tell it of ``members`` of a column together."""
        inside = pl.col(column).fill_null("").is_in(members)
        if _of(self._cells, group).filter(inside)["fold"].n_unique() >= self._k:
            return True
        mine = self._bought if group == ALL else self._bought.filter(pl.col("group") == group)
        return bool(
            mine.filter(inside).select(pl.col("customer_id").n_unique()).collect().item() >= self._k
        )


_RATES = ("once", "discount", "returns")
_CARDS = {
    "group": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    "value": pl.Float64,
    "mean_value": pl.Float64,
    **{f"{rate}{end}": pl.Float64 for rate in _RATES for end in ("", "_low", "_high")},
}


def _cards(people: pl.DataFrame, cells: pl.DataFrame, shown: list[str]) -> pl.DataFrame:
    rows = []
    for group in shown:
        mine, sums = _of(people, group), _of(cells, group)
        once = mine.group_by("fold").agg(top=(pl.col("purchase_days") == 1).sum(), bottom=pl.len())
        by_fold = sums.group_by("fold").agg(pl.col("value", "discount", "returns").sum())
        discount = by_fold.select(
            "fold", top="discount", bottom=pl.col("value") + pl.col("discount")
        )
        returns = by_fold.select("fold", top=-pl.col("returns"), bottom="value")
        value = float(mine["value"].sum())
        size = mine.height
        rates = [number for table in (once, discount, returns) for number in _rate(table)]
        rows.append([group, size, size / people.height, value, value / size, *rates])
    return pl.DataFrame(rows, schema=_CARDS, orient="row")


def _rate(folds: pl.DataFrame) -> tuple[float | None, float | None, float | None]:
    """Give the ratio of sums and the ends of its delete-a-fold jackknife interval."""
    pairs = folds.sort("fold").select(pl.col("top", "bottom").cast(pl.Float64)).rows()
    top, bottom = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if bottom <= 0:
        return None, None, None
    without = [(top - a) / (bottom - b) for a, b in pairs if bottom > b]
    interval = jackknife_interval(top / bottom, without)
    ends = (interval.low, interval.high) if interval else (None, None)
    return top / bottom, *ends


_CATEGORIES = {
    "group": pl.String,
    "category": pl.String,
    "rank": pl.Int32,
    **dict.fromkeys(("share", "share_all", "index", "index_low", "index_high"), pl.Float64),
    "clear": pl.Boolean,
}


def _categories(
    cells: pl.DataFrame, support: _Support, shown: list[str], spec: CardSpec
) -> pl.DataFrame:
    known = cells.filter(pl.col("category").is_not_null())
    everyone = _fold_sums(known)
    rows: list[tuple[object, ...]] = []
    for group in shown:
        found = _indexes(_fold_sums(_of(known, group)), everyone)
        found.sort(key=lambda c: (-c.share if group == ALL else -c.index, c.category))
        supported = (
            c
            for c in found
            if c.share >= spec.min_share and support.enough(group, "category", [c.category])
        )
        for rank, c in enumerate(islice(supported, spec.top), start=1):
            clear = c.index >= spec.notable and _surely_above(c, len(everyone))
            numbers = (c.share, c.share_all, c.index, c.low, c.high)
            rows.append((group, c.category, rank, *numbers, clear))
    return pl.DataFrame(rows, schema=_CATEGORIES, orient="row")


@dataclass(frozen=True, slots=True)
class _Index:
    """A category's share of what a group bought, of what all bought, and their ratio."""

    category: str
    share: float
    share_all: float
    index: float
    low: float | None
    high: float | None


def _surely_above(found: _Index, searched: int) -> bool:
    """Tell whether an index is above 1, the best of so many having been looked for."""
    from statistics import NormalDist

    if found.low is None:
        return False
    quantile = NormalDist().inv_cdf
    wider = quantile(1 - 0.025 / searched) / quantile(0.975)
    return found.index - wider * (found.index - found.low) > 1


def _fold_sums(cells: pl.DataFrame) -> dict[str, dict[int, float]]:
    """Give ``{category: {fold: amount}}``."""
    found: dict[str, dict[int, float]] = {}
    sums = cells.group_by("category", "fold").agg(pl.col("amount").sum()).sort("category", "fold")
    for category, fold, amount in sums.iter_rows():
        found.setdefault(category, {})[fold] = amount
    return found


def _indexes(
    mine: dict[str, dict[int, float]], everyone: dict[str, dict[int, float]]
) -> list[_Index]:
    """Give each category's index, with the delete-a-fold jackknife interval."""
    my_folds, all_folds = _totals(mine), _totals(everyone)
    my_total, all_total = sum(my_folds.values()), sum(all_folds.values())
    found = []
    for category, parts in mine.items():
        of_all = everyone[category]
        ours, theirs = sum(parts.values()), sum(of_all.values())
        if my_total <= 0 or theirs <= 0:
            continue
        without = []
        for fold, total in all_folds.items():
            rest_mine = my_total - my_folds.get(fold, 0.0)
            rest_theirs = theirs - of_all.get(fold, 0.0)
            if rest_mine > 0 and rest_theirs > 0:
                share = (ours - parts.get(fold, 0.0)) / rest_mine
                without.append(share * (all_total - total) / rest_theirs)
        share, share_all = ours / my_total, theirs / all_total
        interval = jackknife_interval(share / share_all, without)
        low, high = (interval.low, interval.high) if interval else (None, None)
        found.append(_Index(category, share, share_all, share / share_all, low, high))
    return found


def _totals(sums: dict[str, dict[int, float]]) -> dict[int, float]:
    found: dict[int, float] = {}
    for parts in sums.values():
        for fold, amount in parts.items():
            found[fold] = found.get(fold, 0.0) + amount
    return found


_CHANNELS = {
    "group": pl.String,
    "channel": pl.String,
    "share": pl.Float64,
    "share_all": pl.Float64,
}


def _channels(cells: pl.DataFrame, support: _Support, shown: list[str]) -> pl.DataFrame:
    everyone = _amounts(cells)
    rows: list[tuple[str, str, float, float]] = []
    for group in shown:
        mine = _amounts(_of(cells, group))
        named = sorted(mine, key=lambda c: (-mine[c], c))
        hidden = [c for c in named if not support.enough(group, "channel", [c])]
        kept = [c for c in named if c not in hidden]
        # The smallest kept one alone is of enough customers, so that both together are.
        if hidden and kept and not support.enough(group, "channel", hidden):
            hidden.append(kept.pop())
        if not kept and not (hidden and support.enough(group, "channel", hidden)):
            continue
        members = [(c, [c]) for c in kept] + ([(OTHER, hidden)] if hidden else [])
        total, of_all = sum(mine.values()), sum(everyone.values())
        rows += [
            (
                group,
                name,
                sum(mine[c] for c in inside) / total,
                sum(everyone[c] for c in inside) / of_all,
            )
            for name, inside in members
        ]
    return pl.DataFrame(rows, schema=_CHANNELS, orient="row")


def _amounts(cells: pl.DataFrame) -> dict[str, float]:
    sums = cells.group_by("channel").agg(pl.col("amount").sum()).filter(pl.col("amount") > 0)
    return dict(sums.iter_rows())


def _category_known(cells: pl.DataFrame) -> float:
    total = float(cells["amount"].sum())
    known = float(cells.filter(pl.col("category").is_not_null())["amount"].sum())
    return known / total if total > 0 else 0.0
