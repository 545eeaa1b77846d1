"""Migration: who moved from which segment to which, by cut points frozen at the first date.

Quintiles compare customers with each other, so they move when others come or go, or when all
buy more. A move counted here is one of behaviour: both dates are scored with the first date's
cut points. Whom the second date's own quintiles would place otherwise is counted apart: there
the ruler moved, not the customer.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, jackknife_interval
from crmlib.marts.calendar import day_number, from_month, month_number, trailing_year
from crmlib.profile import rfm, segments
from crmlib.profile.returning import rate

TOO_SHORT = i18n.mark("The history is too short to say who moved between segments.")
NOBODY = i18n.mark("Nobody had bought by then: there is nothing to compare with.")
_MOVES = {
    "from": pl.String,
    "to": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    "value": pl.Float64,
}
_RULER = {"segment": pl.String, "fresh": pl.String, "customers": pl.Int64}


@dataclass(frozen=True, slots=True)
class MigrationSpec:
    """What was asked.

    Attributes
    ----------
    until
        The second date.
    months
        How many months lie between the two dates.
    top
        The segments whose gains and losses the headline tells.
    rfm
        How customers are scored, over twelve months each time. With fixed thresholds the ruler
        never moves.
    """

    until: date
    months: int = 12
    top: Sequence[str] = segments.TOP
    rfm: rfm.RfmSpec = field(default_factory=lambda: rfm.RfmSpec(months=12))

    def __post_init__(self) -> None:
        if self.months < 1:
            raise ValueError(f"months must be at least 1, got {self.months}")
        unknown = [key for key in self.top if key not in segments.BY_KEY]
        if unknown or not self.top:
            raise ValueError(f"top must name segments, got {list(self.top)}")

    @property
    def since(self) -> date:
        """The first date; the last day of a month stays the last of its month."""
        after = self.until + timedelta(days=1)
        if after.day == 1:
            return from_month(month_number(after) - self.months) - timedelta(days=1)
        first = from_month(month_number(self.until) - self.months)
        return first.replace(day=min(self.until.day, monthrange(first.year, first.month)[1]))

    @property
    def needs_from(self) -> date:
        """The first day that the first date's twelve months need."""
        return trailing_year(self.since)


@dataclass(frozen=True, slots=True, eq=False)
class MigrationResult:
    """Moves between two dates. Numbers are ``None`` where they are not shown.

    Attributes
    ----------
    moves
        ``from`` and ``to`` (segments; ``lapsed``: bought before, nothing in the twelve months;
        ``not_yet``: no customer at the first date), ``customers``, ``share`` of those who
        were in ``from``, and ``value``: sales of the twelve months before the first date for
        those who bought in them, else of those before the second. Who stayed is there too.
    ruler
        ``segment`` by frozen cut points and ``fresh``, by the quintiles of the second date,
        where the two differ; ``customers``.
    left, entered
        Customers who were in the top segments at the first date and no more at the second, and
        the reverse, new customers included.
    at_stake
        Sales to those who left, in the twelve months before the first date.
    top_before, top_now, top_fresh
        How many were in the top segments at the first date; at the second by the same cut
        points; and by its own quintiles. ``top_now`` less ``top_before`` is behaviour,
        ``top_fresh`` less ``top_now`` is the ruler.
    left_share
        Share of the top at the first date that left it.
    net_change
        ``top_now`` over ``top_before``, less one: behaviour alone.
    customers
        All who had ever bought at the second date.
    why_not
        Why there is nothing to tell, an English sentence.
    fewer_than
        Under how many customers a number is not shown.
    paths
        One row a customer: ``customer_id``, ``fold``, ``from``, ``to``, ``fresh``, ``value``.
        Empty in a published result.
    """

    moves: pl.DataFrame
    ruler: pl.DataFrame
    left: int | None
    entered: int | None
    at_stake: float | None
    top_before: int | None
    top_now: int | None
    top_fresh: int | None
    left_share: Estimate | None
    net_change: Estimate | None
    customers: int
    spec: MigrationSpec
    currency: str = "TRY"
    why_not: str = ""
    fewer_than: int = 0
    paths: pl.DataFrame = field(default_factory=pl.DataFrame, repr=False)

    def largest(self, n: int) -> pl.DataFrame:
        """Give the ``n`` moves with most sales behind them; who stayed did not move."""
        by = ["value", "customers", "from", "to"]
        moved = self.moves.filter(pl.col("from") != pl.col("to"))
        return moved.sort(by, descending=[True, True, False, False]).head(n)

    def headline(self, lang: str) -> str:
        """Say how many left and entered the top segments since the first date."""
        if self.why_not:
            return i18n.text(self.why_not, lang)
        whole_month = (self.spec.since + timedelta(days=1)).day == 1
        in_words = i18n.month if whole_month else i18n.day
        fields = {
            "month": in_words(self.spec.since, lang),
            "a": self._number(self.left, lang),
            "b": self._number(self.entered, lang),
        }
        if self.at_stake is None:
            return i18n.text(_MOVED, lang, **fields)
        return i18n.text(
            _AT_STAKE, lang, amount=i18n.money(self.at_stake, self.currency, lang), **fields
        )

    def _number(self, customers: int | None, lang: str) -> str:
        if customers is not None:
            return i18n.number(customers, lang)
        return i18n.text("at most {n}", lang, n=i18n.number(self.fewer_than - 1, lang))

    def ruler_note(self, lang: str) -> str:
        """Say how much of the top's change is behaviour, and how much the ruler."""
        if self.top_before is None or self.top_now is None or self.top_fresh is None:
            return ""
        return i18n.text(
            "By each date's own quintiles the top segments went from {before} to {fresh} "
            "customers: {behaviour} by behaviour, {ruler} because the ruler moved.",
            lang,
            before=i18n.number(self.top_before, lang),
            fresh=i18n.number(self.top_fresh, lang),
            behaviour=_signed(self.top_now - self.top_before, lang),
            ruler=_signed(self.top_fresh - self.top_now, lang),
        )


_AT_STAKE = i18n.mark(
    "Since {month} {a} customers left the top segments, {b} entered; {amount} at stake."
)
_MOVED = i18n.mark("Since {month} {a} customers left the top segments, {b} entered.")


def measure(
    before: pl.DataFrame,
    now: pl.DataFrame,
    spec: MigrationSpec,
    *,
    customer: pl.DataFrame | pl.LazyFrame,
    currency: str = "TRY",
) -> MigrationResult:
    """Follow every customer from the first date to the second.

    Parameters
    ----------
    before, now
        :func:`crmlib.marts.customers.window` of the twelve months up to ``spec.since`` and up
        to ``spec.until``, amounts in prices of one month. The first must be whole: compare
        ``spec.needs_from`` with the first day of the data.
    spec
        The two dates and how to score.
    customer
        The customer mart as of the second date or later; it tells the lapsed from the new.
    currency
        ISO code, for showing money.

    Raises
    ------
    ValueError
        If ``customer`` lacks customers of the windows.
    """
    first = rfm.score(before, spec.rfm)
    if not first.customers:
        return _summarised(_NO_PATHS, spec, currency, why_not=NOBODY)
    cuts = spec.rfm.cuts or rfm.cuts_of(first)
    frozen = rfm.score(now, replace(spec.rfm, cuts=cuts)).scores
    fresh = rfm.score(now, spec.rfm).scores.select("customer_id", fresh="segment")
    was = first.scores.select("customer_id", was="segment", was_value="monetary")
    is_now = frozen.select("customer_id", now="segment", now_value="monetary")
    known = customer.lazy().filter(pl.col("first_day") <= day_number(spec.until))
    joined = known.select("customer_id", "fold", "first_day").collect()
    for part in (was, is_now, fresh):
        joined = joined.join(part, on="customer_id", how="left", validate="1:1")
    if joined["was"].count() < was.height or joined["now"].count() < is_now.height:
        raise ValueError("customer lacks customers of the two windows; give the whole mart")
    bought_by_then = pl.col("first_day") <= day_number(spec.since)
    absent = (
        pl.when(bought_by_then).then(pl.lit(segments.LAPSED)).otherwise(pl.lit(segments.NOT_YET))
    )
    paths = joined.select(
        "customer_id",
        "fold",
        pl.coalesce("was", absent).alias("from"),
        pl.col("now").fill_null(segments.LAPSED).alias("to"),
        pl.col("fresh").fill_null(segments.LAPSED),
        value=pl.coalesce("was_value", "now_value").fill_null(0).cast(pl.Decimal(38, 4)),
    ).sort("customer_id")
    return _summarised(paths, spec, currency)


def summarise(
    paths: pl.DataFrame, spec: MigrationSpec, *, currency: str = "TRY"
) -> MigrationResult:
    """Count the moves of some customers: rows of another result's ``paths``, e.g. of a region.

    Their segments stay those of the whole, so that the parts add up to it.
    """
    why_not = "" if paths.select(pl.col("from") != segments.NOT_YET).to_series().any() else NOBODY
    return _summarised(paths, spec, currency, why_not=why_not)


_NO_PATHS = pl.DataFrame(
    schema={
        "customer_id": pl.String,
        "fold": pl.Int32,
        "from": pl.String,
        "to": pl.String,
        "fresh": pl.String,
        "value": pl.Decimal(38, 4),
    }
)


def _summarised(
    paths: pl.DataFrame, spec: MigrationSpec, currency: str, *, why_not: str = ""
) -> MigrationResult:
    top = {c: pl.col(c).is_in(list(spec.top)) for c in ("from", "to", "fresh")}
    gone = paths.filter(top["from"] & ~top["to"])
    sums = paths.select(t.sum() for t in top.values()).row(0)
    return MigrationResult(
        moves=_moves(paths),
        ruler=_ruler(paths),
        left=gone.height,
        entered=paths.filter(~top["from"] & top["to"]).height,
        at_stake=float(gone["value"].sum()),
        top_before=sums[0],
        top_now=sums[1],
        top_fresh=sums[2],
        left_share=rate(
            paths.filter(top["from"]).select("fold", hit=~top["to"]),
            "customers of the top segments by frozen cut points",
        ),
        net_change=_net_change(paths.select("fold", before=top["from"], now=top["to"])),
        customers=paths.height,
        spec=spec,
        currency=currency,
        why_not=why_not,
        paths=paths,
    )


def _moves(paths: pl.DataFrame) -> pl.DataFrame:
    """Count and sum customers by where they were and are, in the order of the segments."""
    order = pl.Enum(segments.ORDER)
    return (
        paths.group_by(pl.col("from").cast(order), pl.col("to").cast(order))
        .agg(customers=pl.len(), value=pl.col("value").sum())  # exact, in any order
        .sort("from", "to")
        .with_columns(share=pl.col("customers") / pl.col("customers").sum().over("from"))
        .select(*_MOVES)
        .cast(_MOVES)  # type: ignore[arg-type]
    )


def _ruler(paths: pl.DataFrame) -> pl.DataFrame:
    order = pl.Enum(segments.ORDER)
    return (
        paths.filter(pl.col("to") != pl.col("fresh"))
        .group_by(segment=pl.col("to").cast(order), fresh=pl.col("fresh").cast(order))
        .agg(customers=pl.len())
        .sort("segment", "fresh")
        .cast(_RULER)  # type: ignore[arg-type]
    )


def _net_change(top: pl.DataFrame) -> Estimate | None:
    """Compare the size of the top at the two dates, with the delete-a-fold interval."""
    folds = top.group_by("fold").agg(pl.col("before").sum(), pl.col("now").sum()).sort("fold")
    was, is_now = (int(folds[c].sum()) for c in ("before", "now"))
    if not was:
        return None
    rest = [(was - a, is_now - b) for a, b in folds.select("before", "now").iter_rows()]
    change = is_now / was - 1
    return Estimate(
        value=change,
        interval=jackknife_interval(change, [b / a - 1 for a, b in rest if a]),
        n=was,
        method="size of the top by frozen cut points, delete-a-fold jackknife",
        grade=Grade.D,
    )


def _signed(change: int, lang: str) -> str:
    sign = "+" if change > 0 else "−" if change < 0 else ""
    return f"{sign}{i18n.number(abs(change), lang)}"
