"""The profile's results that are told once a build: moves, losses that repeat, growth, who, cards.

They are of all customers, or of the twelve months to the as-of day; filters do not change them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from crmlib.i18n import mark
from crmlib.marts import Marts
from crmlib.marts.calendar import trailing_year, year_earlier
from crmlib.profile import card, growth, losses, migration, segments, who
from crmlib.publish import suppress
from crmlib.publish.boards import TOO_FEW, Suppressed
from crmlib.publish.cube import Customers, Days, along
from crmlib.publish.profile import tellable
from crmlib.publish.suppress import MIN_CUSTOMERS, Mask

HORIZONS = (12, 3, 1)  # months, the default first
MOVED = mark(
    "All customers, {first} and {last} compared. Moves of fewer than {n}, and those that would tell"
    " them, are left out."
)
ALL_MONTHS = mark(
    "All customers, {first} to {last}. Numbers under {n}, and those that would tell them, are left"
    " out or counted with the new."
)
OF_BUYERS = mark("Customers who bought from {first} to {last}.")
REPEATED = mark("Two years compared: those from {first} and from {middle}.")


class Once:
    """Makes what is told once a build.

    Parameters
    ----------
    marts
        The marts of a build with order lines.
    customers
        Gives the customers of days with their segments and regions.
    hidden
        What the cube of the last twelve months does not show.
    k
        Smaller groups of customers are not shown.
    """

    def __init__(
        self, marts: Marts, customers: Customers, hidden: Mask | None, *, k: int = MIN_CUSTOMERS
    ) -> None:
        self._marts = marts
        self._customers = customers
        self._hidden = hidden
        self._k = k

    @property
    def _year(self) -> Days:
        last = self._marts.as_of
        return max(self._marts.begins, trailing_year(last)), last

    def migration(self, months: int) -> tuple[migration.MigrationResult, dict[str, str]]:
        """Follow customers over so many months; gives the dates for the caption, too."""
        spec = migration.MigrationSpec(self._marts.as_of, months, rfm=self._customers.spec)
        currency, dates = self._marts.currency, _dates(first=spec.since, last=spec.until)
        nothing = migration.summarise(pl.DataFrame(schema=_PATHS), spec, currency=currency)
        if spec.needs_from < self._marts.begins:
            return replace(nothing, why_not=migration.TOO_SHORT), dates
        before, now = (
            self._marts.customer_between(trailing_year(day), day).collect()
            for day in (spec.since, spec.until)
        )
        customer = self._marts.customer.filter(pl.col("purchase_days") > 0)
        columns = customer.select("customer_id", "fold", "first_day").collect()
        found = migration.measure(before, now, spec, customer=columns, currency=currency)
        return publishable_migration(found, self._k), dates

    def repeat(self) -> tuple[losses.RepeatResult, dict[str, str]]:
        """Compare the loss-makers of the year before with the others."""
        last = self._marts.as_of
        middle, end = trailing_year(last), year_earlier(last)
        first = trailing_year(end)
        dates = _dates(first=first, middle=middle)
        if first < self._marts.begins:
            none = losses.RepeatResult(None, None, None, None, None, None, losses.TOO_SHORT)
            return none, dates
        before, now = (
            self._marts.customer_between(*days).collect() for days in ((first, end), (middle, last))
        )
        found = losses.repeat(before, now, currency=self._marts.currency)
        return publishable_repeat(found, self._k), dates

    def growth(self) -> tuple[growth.GrowthResult, dict[str, str]]:
        """Account for the customer base month by month."""
        marts = self._marts
        found = growth.measure(
            marts.visits,
            marts.customer,
            marts.gaps,
            begins=marts.begins,
            as_of=marts.as_of,
            kpis=marts.kpis.collect(),
            events=marts.ledger("events").collect(),
            real=marts.has_index,
            currency=marts.currency,
        )
        return publishable_growth(found, self._k), _dates(first=marts.begins, last=marts.as_of)

    def who(self) -> tuple[who.WhoResult | Suppressed, dict[str, str]]:
        """Set what is recorded about last year's customers against what they brought."""
        marts = self._marts
        dates = _dates(first=self._year[0], last=self._year[1])
        if self._hidden is None or self._hidden.flat[0]:
            return Suppressed(TOO_FEW, self._k), dates
        people = marts.people.drop("fold", "joined_day")
        attributes = marts.ledger("attributes").collect()
        found = who.measure(
            marts.customer_between(*self._year),
            self._merged_regions(people),
            attributes if attributes.height else None,
            who.WhoSpec(k=self._k),
            as_of_year=marts.as_of.year,
            real=marts.has_index,
            currency=marts.currency,
        )
        merged = pl.col("group") == _MERGED
        groups = found.groups.with_columns(
            kind=pl.when(merged).then(pl.lit(who.OTHER)).otherwise("kind"),
            group=pl.when(merged).then(pl.lit(who.OTHER)).otherwise("group"),
        )
        return replace(found, groups=groups), dates

    def _merged_regions(self, people: pl.LazyFrame) -> pl.LazyFrame:
        """Merge regions that the filters do not show alone, and leave cities out.

        Who knows the map can take a region's cities from the region; the rest may be a few.
        """
        regions = [d for d in self._customers.dimensions if d.name == "region"]
        if not regions or self._hidden is None:
            return people
        dimension = regions[0]
        hidden = along(self._hidden, self._customers.dimensions.index(dimension))
        shown = [v for v, place in dimension.values.items() if not hidden[place]]
        known = pl.col("region").fill_null("")
        merged = pl.when(known.is_in(shown)).then("region").otherwise(pl.lit(_MERGED))
        return people.with_columns(region=merged).drop("city")

    def cards(self) -> tuple[dict[str, card.CardResult | Suppressed], dict[str, str]]:
        """Make a card of every segment of last year's customers, and one of all of them."""
        dates = _dates(first=self._year[0], last=self._year[1])
        if self._hidden is None or self._hidden.flat[0]:
            return {"all": Suppressed(TOO_FEW, self._k)}, dates
        mask = along(self._hidden, 0)
        members = self._customers.dimensions[0].members
        shown = [m.id for m, hide in zip(members, mask, strict=True) if not hide]
        scored = self._customers.scored(self._marts.as_of).scores
        found = card.measure(
            self._marts.customer_between(*self._year),
            self._marts.mix_between(*self._year),
            scored.filter(pl.col("segment").is_in(shown)).select("customer_id", group="segment"),
            card.CardSpec(k=self._k),
            currency=self._marts.currency,
        )
        return dict(_of_each(publishable_cards(found, self._k))), dates


_MERGED = "\x00merged"
_PATHS: dict[str, Any] = {
    "customer_id": pl.String,
    "fold": pl.Int32,
    "from": pl.String,
    "to": pl.String,
    "fresh": pl.String,
    "value": pl.Decimal(38, 4),
}


def _dates(**days: date) -> dict[str, str]:
    return {name: day.isoformat() for name, day in days.items()}


def _of_each(found: card.CardResult) -> Iterator[tuple[str, card.CardResult]]:
    """Take the cards apart: a group with all customers beside it."""
    for group in found.groups:
        mine = pl.col("group").is_in(["all", group])
        yield (
            group,
            replace(
                found,
                cards=found.cards.filter(mine),
                categories=found.categories.filter(mine),
                channels=found.channels.filter(mine),
                left_out=[],
            ),
        )


def publishable_cards(found: card.CardResult, k: int) -> card.CardResult:
    """Leave out the share of one-time buyers where it tells of few customers on either side."""
    cards = found.cards
    once = (cards["once"] * cards["customers"]).round().fill_null(0).cast(pl.Int64)
    hidden = np.zeros(cards.height, dtype=bool)
    for counts in (once.to_numpy(), (cards["customers"] - once).to_numpy()):
        if len(counts) > 1:
            without_card = counts[0] - counts[1:].sum()
            line = np.append(counts, without_card)
            ones = (line > 0).astype(float)  # no customer is more of a count than another
            of_counts = suppress.Cube(line, line.astype(float) + ones, ones)
            hidden |= suppress.hide(of_counts, k)[:-1]
    ends = ("once", "once_low", "once_high")
    told = pl.Series(~hidden)
    return replace(found, cards=cards.with_columns(pl.when(told).then(pl.col(ends)).name.keep()))


def publishable_migration(found: migration.MigrationResult, k: int) -> migration.MigrationResult:
    """Leave out small moves, and what they follow from."""
    bare = replace(found, paths=pl.DataFrame(), fewer_than=k)
    if found.why_not:
        return bare
    order = {key: place for place, key in enumerate(segments.ORDER, 1)}
    paths = found.paths
    at = [paths[c].replace_strict(order, return_dtype=pl.Int64).to_numpy() for c in ("from", "to")]
    shape = (len(order) + 1, len(order) + 1)
    counted = suppress.cube(at, paths["value"].cast(pl.Float64).to_numpy(), shape)
    top = [order[key] for key in found.spec.top]
    rest = [place for place in order.values() if place not in top]
    flat = np.arange(counted.counts.size).reshape(shape)
    # How many left and entered the top is told beside the moves.
    told = {"left": flat[np.ix_(top, rest)].ravel(), "entered": flat[np.ix_(rest, top)].ravel()}
    told = {n: cells for n, cells in told.items() if not _few(counted, cells, k)}
    hidden = suppress.hide(counted, k, sums=list(told.values()))
    place = pl.struct("from", "to").map_elements(
        lambda m: not hidden[order[m["from"]], order[m["to"]]], return_dtype=pl.Boolean
    )
    # The share of a row tells how many the row has.
    row_told = pl.col("from").replace_strict(
        {key: not hidden[p, 0] for key, p in order.items()}, return_dtype=pl.Boolean
    )
    left = "left" in told
    before, now = not hidden[top, 0].any(), not hidden[0, top].any()
    return replace(
        bare,
        moves=found.moves.filter(place, row_told).with_columns(pl.col("value").round(2)),
        ruler=found.ruler.filter(pl.col("customers") >= k),
        left=found.left if left else None,
        entered=found.entered if "entered" in told else None,
        at_stake=found.at_stake if left else None,
        left_share=found.left_share if left and before else None,
        net_change=found.net_change if before and now else None,
        top_before=found.top_before if before else None,
        top_now=found.top_now if now else None,
        top_fresh=found.top_fresh if now else None,
    )


def _few(counted: suppress.Cube, cells: Any, k: int) -> bool:
    """Tell whether some cells together count from 1 to ``k`` - 1, or are one customer's."""
    n = counted.counts.flat[cells].sum()
    amount, most = counted.amounts.flat[cells].sum(), counted.largest.flat[cells].max()
    return bool(0 < n < k or most > suppress.DOMINANT * amount)


def publishable_repeat(found: losses.RepeatResult, k: int) -> losses.RepeatResult:
    """Leave out shares that tell of fewer than ``k`` customers on either side."""
    gone_told = found.gone is None or found.gone == 0 or found.gone >= k
    told = tellable(found.again, k) and tellable(found.others, k)
    few = found.loss_makers is not None and 0 < found.loss_makers < k
    counts_told = gone_told and not few
    shown = replace(
        found,
        loss_makers=found.loss_makers if counts_told else None,
        gone=found.gone if counts_told else None,
    )
    if told or found.why_not:
        return shown
    return replace(
        shown, again=None, others=None, difference=None, loss_again=None, why_not=losses.TOO_FEW
    )


def publishable_growth(found: growth.GrowthResult, k: int) -> growth.GrowthResult:
    """Leave out small numbers of a month, and what they follow from.

    Who bought = won + repeat, won = new + first seen + resurrected, and the base grows by won
    less lapsed: where won, repeat or lapsed is small, none of a month's moves is told; where a
    part of won is, another part is hidden with it. A few customers first seen count as new.
    """
    rows = [_month_told(month, k) for month in found.months.iter_rows(named=True)]
    table = pl.DataFrame(rows, schema=found.months.schema)
    return replace(found, months=table)


def _month_told(month: dict[str, Any], k: int) -> dict[str, Any]:
    """Give the numbers of a month that may be told; the others are null."""
    month = month | {"sales_returns_only": None}  # nor how many only returned something
    if 0 < month["first_seen"] < k:
        for column in ("{}", "sales_{}"):
            month[column.format("new")] += month[column.format("first_seen")]
            month[column.format("first_seen")] = 0
    won = np.array([month[name] for name in _WON])
    one = np.repeat(np.arange(1, len(_WON) + 1), won)
    hidden = suppress.hide(suppress.cube([one], np.ones(len(one)), [len(_WON) + 1]), k)
    untold = {name for name, hide in zip(_WON, hidden[1:], strict=True) if hide}
    if any(0 < n < k for n in (won.sum(), month["repeat"], month["lapsed"])):
        untold = {*growth.KINDS, "lapsed"}
    return {
        name: None if name.removeprefix("sales_") in untold else number
        for name, number in month.items()
    }


_WON = ("new", "first_seen", "resurrected")
