"""Growth: who joined, stayed, came back and lapsed, month by month, and what they bought.

A customer is active while the last purchase is less than D days ago, D being so long that most
of the firm's own repeat purchases came sooner. So every lapse is a gap longer than D, and

    active at the end = active at the beginning + new + first seen + resurrected - lapsed

holds exactly, month by month. D has at least 31 days: who bought in a month is active at its end,
and nobody lapses twice in one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from crmlib import i18n
from crmlib.estimate import Estimate, Grade, jackknife_interval
from crmlib.marts.calendar import day_number, from_month, month_number
from crmlib.marts.customers import NEW
from crmlib.schema import FOLDS

LONGEST_MONTH = 31
YEAR_MONTHS = 12
# Who bought in a month, by what the month's first purchase was.
KINDS = ("new", "first_seen", "repeat", "resurrected")
_SALES = (*KINDS, "returns_only")
_BATCH = 500_000  # customers whose visits are held in memory together
_DAYS = 2**22  # more than the days of any calendar


@dataclass(frozen=True, slots=True)
class GrowthSpec:
    """What was asked.

    Attributes
    ----------
    quantile
        Share of the repeat purchases that came within D days of the one before. All completed
        gaps count alike, so customers who buy often weigh more; gaps that are still open do not
        count, so with a short history D comes out short, which the result says.
    days
        D itself, instead of the quantile.
    min_gaps, fallback_days
        With fewer completed gaps, D is ``fallback_days``.
    """

    quantile: float = 0.9
    days: int | None = None
    min_gaps: int = 100
    fallback_days: int = 365

    def __post_init__(self) -> None:
        if not 0 < self.quantile < 1:
            raise ValueError(f"quantile must lie between 0 and 1, got {self.quantile}")
        for name in ("days", "fallback_days"):
            days = getattr(self, name)
            if days is not None and not LONGEST_MONTH <= days < _DAYS:
                raise ValueError(f"{name} must be at least {LONGEST_MONTH}, got {days}")


@dataclass(frozen=True, slots=True, eq=False)
class GrowthResult:
    """The customer base by month.

    Attributes
    ----------
    days
        D: active means a purchase in the last so many days.
    days_from
        Where D comes from: ``"gaps"``, ``"month"`` (the gaps are shorter than a month),
        ``"asked"`` or ``"fallback"`` (too few gaps).
    gaps
        Completed gaps between purchase days.
    short_history
        Whether the history is shorter than two times D, so that long gaps are missing from the
        quantile and D may be too short.
    months
        One row a month from ``begins`` to the as-of day: ``month`` (12 x year + month - 1);
        ``new``, ``first_seen``, ``repeat``, ``resurrected``: customers who bought, by what the
        month's first purchase was to them (a first one, known to be so or not; one while active;
        one after lapsing); ``lapsed``; ``active_begin``, ``active_end``; ``sales_<kind>``, their
        sales less returns in the month (real where there is an index), and
        ``sales_returns_only``, of customers who only returned something; ``partial``: ``""``, or
        ``"start"``, ``"end"``, ``"both"`` where the data begin or end within the month;
        ``settled``: the month began D days or more after the data, so that lapses can be seen.
        A published result leaves small numbers empty.
    sales
        ``month``, ``value`` and ``value_real`` of all sales, with a customer or not. May be empty.
    events
        ``day`` (since 1970-01-01) and ``text``: what happened to the firm. May be empty.
    lapsing
        Share of the active customers that lapse in a month: mean over the months of ``last``.
    quick_ratio
        Customers won (new, first seen, resurrected) for each one lapsed, over the same months;
        above 1 the base grows. Both are ``None`` where no month can tell.
    last
        Months (numbers) that the headline speaks of: the last whole and settled ones, twelve at
        most.
    real
        Whether sales are at constant prices.
    """

    days: int
    days_from: str
    gaps: int
    short_history: bool
    months: pl.DataFrame
    sales: pl.DataFrame
    events: pl.DataFrame
    lapsing: Estimate | None
    quick_ratio: Estimate | None
    last: list[int]
    real: bool = True
    currency: str = "TRY"
    spec: GrowthSpec = field(default_factory=GrowthSpec)

    def headline(self, lang: str) -> str:
        """Say how the active base moved, how fast customers lapse, and what active means."""
        said = [self._moved(lang), self._rate(lang), self._active(lang), self._running(lang)]
        return " ".join(s for s in said if s)

    def _moved(self, lang: str) -> str:
        if not self.last:
            return i18n.text("The history is too short to say how the customer base grows.", lang)
        shown = self.months.filter(pl.col("month").is_in(self.last))
        begin, end = shown["active_begin"][0], shown["active_end"][-1]
        won = sum(int(shown[k].sum()) for k in ("new", "first_seen"))
        sentence = _MOVED[(end > begin) - (end < begin)]
        said = i18n.text(
            sentence,
            lang,
            first=i18n.month(from_month(self.last[0]), lang),
            last=i18n.month(from_month(self.last[-1]), lang),
            begin=i18n.number(begin, lang),
            end=i18n.number(end, lang),
        )
        if any(shown[c].null_count() for c in (*_WON, "lapsed")):  # not told
            return said
        moves = i18n.text(
            "{won} joined, {back} came back, {lapsed} lapsed.",
            lang,
            won=i18n.number(won, lang),
            back=i18n.number(int(shown["resurrected"].sum()), lang),
            lapsed=i18n.number(int(shown["lapsed"].sum()), lang),
        )
        return f"{said} {moves}"

    def _rate(self, lang: str) -> str:
        if self.lapsing is None:
            return ""
        share = i18n.percent(self.lapsing.value, lang, 1)
        return i18n.text("In a month, {share} of active customers lapse.", lang, share=share)

    def _active(self, lang: str) -> str:
        said = i18n.text(
            _ACTIVE[self.days_from],
            lang,
            days=i18n.number(self.days, lang),
            share=i18n.percent(self.spec.quantile, lang),
        )
        if not self.short_history:
            return said
        return f"{said} " + i18n.text(
            "The history is short: longer gaps may still come, and the days be more.", lang
        )

    def _running(self, lang: str) -> str:
        cut = self.months.filter(pl.col("partial") != "")["month"]
        names = ", ".join(i18n.month(from_month(m), lang) for m in cut)
        return i18n.text("Not whole: {months}.", lang, months=names) if names else ""


_MOVED = {
    1: i18n.mark("{first} to {last}: active customers grew from {begin} to {end}."),
    0: i18n.mark("{first} to {last}: active customers stayed at {end}."),
    -1: i18n.mark("{first} to {last}: active customers fell from {begin} to {end}."),
}
_ACTIVE = {
    "gaps": i18n.mark(
        "Active means a purchase in the last {days} days: {share} of repeat purchases come that "
        "soon."
    ),
    "month": i18n.mark(
        "Active means a purchase in the last {days} days: over {share} of repeat purchases come "
        "that soon."
    ),
    "asked": i18n.mark("Active means a purchase in the last {days} days."),
    "fallback": i18n.mark(
        "Active means a purchase in the last {days} days: there are too few repeat purchases to "
        "know the customers' rhythm."
    ),
}


def measure(
    visits: pl.LazyFrame,
    customer: pl.LazyFrame,
    gaps: pl.DataFrame | pl.LazyFrame,
    spec: GrowthSpec | None = None,
    *,
    begins: date,
    as_of: date,
    kpis: pl.DataFrame | None = None,
    events: pl.DataFrame | None = None,
    real: bool = True,
    currency: str = "TRY",
) -> GrowthResult:
    """Account for the customer base month by month.

    The visits are read once for every million of customers, whole folds at a time.

    Parameters
    ----------
    visits
        The visits mart: ``customer_id``, ``fold``, ``day``, ``month``, ``purchase_lines``,
        ``value_real``.
    customer
        The customer mart of the same visits: ``customer_id``, ``status``.
    gaps
        The gaps mart.
    spec
        How D is chosen.
    begins, as_of
        First day of the data, and last day that counts.
    kpis
        The kpis mart, for the sales by month.
    events
        ``date`` and ``text``.
    real
        Whether there is a price index.
    currency
        ISO code, for showing money.
    """
    spec = spec or GrowthSpec()
    days, days_from, completed = choose_days(gaps.lazy().collect(), spec)
    bought, lapsed = _moves(visits, customer, days=days, as_of_day=day_number(as_of))
    months = _months(bought, lapsed, days=days, begins=begins, as_of=as_of)
    whole = months.filter(pl.col("settled"), pl.col("partial") == "")["month"].to_list()
    last = whole[-YEAR_MONTHS:]
    lapsing, quick_ratio = _ratios(bought, lapsed, last)
    return GrowthResult(
        days=days,
        days_from=days_from,
        gaps=completed,
        short_history=days_from == "gaps" and (as_of - begins).days < 2 * days,
        months=months,
        sales=_sales(kpis, begins),
        events=_events(events, begins, as_of),
        lapsing=lapsing,
        quick_ratio=quick_ratio,
        last=last,
        real=real,
        currency=currency,
        spec=spec,
    )


def choose_days(gaps: pl.DataFrame, spec: GrowthSpec) -> tuple[int, str, int]:
    """Choose D from the gaps mart.

    Returns
    -------
    D, where it comes from (see :class:`GrowthResult`), and how many gaps were completed. D is the
    least number of days within which ``spec.quantile`` of the completed gaps ended.
    """
    ended = gaps.filter(pl.col("event") == 1).group_by("days").agg(pl.col("gaps").sum())
    ended = ended.sort("days").with_columns(sofar=pl.col("gaps").cum_sum())
    total = int(ended["gaps"].sum())
    if spec.days is not None:
        return spec.days, "asked", total
    if total < spec.min_gaps:
        return spec.fallback_days, "fallback", total
    # Compared as a share: 0.9 x 10 in floats must not ask for an eleventh.
    days = int(ended.filter(pl.col("sofar") / total >= spec.quantile)["days"][0])
    if days < LONGEST_MONTH:
        return LONGEST_MONTH, "month", total
    return days, "gaps", total


def _moves(
    visits: pl.LazyFrame, customer: pl.LazyFrame, *, days: int, as_of_day: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count buyers by month, kind and fold with their sales, and lapses by month and fold."""
    count = customer.select(pl.len()).collect().item()
    batches = min(FOLDS, max(1, -(-count // _BATCH)))
    parts = [
        _batch(visits, customer, days=days, as_of_day=as_of_day, folds=range(i, FOLDS, batches))
        for i in range(batches)
    ]
    return (pl.concat([p[0] for p in parts]), pl.concat([p[1] for p in parts]))


def _batch(
    visits: pl.LazyFrame,
    customer: pl.LazyFrame,
    *,
    days: int,
    as_of_day: int,
    folds: range,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    mine = pl.col("fold").is_in(list(folds))
    people = (
        customer.filter(mine)
        .select("customer_id", new=pl.col("status") == NEW)
        .sort("customer_id")
        .with_row_index("person")
        .with_columns(pl.col("person").cast(pl.Int64))
    )
    day = pl.col("day")
    # One integer orders the rows: the customer's place weighs most, then the day.
    rows = (
        visits.filter(mine, day <= as_of_day)
        .select("customer_id", "fold", "day", "month", "value_real", bought="purchase_lines")
        .join(people.lazy(), on="customer_id", how="inner")
        .select(
            "fold",
            "month",
            "value_real",
            "new",
            "person",
            day=day.cast(pl.Int64),
            key=pl.col("person") * _DAYS + day,
            bought=pl.col("bought") > 0,
        )
        .collect(engine="streaming")
        .sort("key")
        .lazy()
    )
    last_key = pl.when("bought").then("key").shift(1).forward_fill()
    same = last_key // _DAYS == pl.col("person")
    starts = pl.date(pl.col("month") // YEAR_MONTHS, pl.col("month") % YEAR_MONTHS + 1, 1)
    marked = rows.with_columns(
        last=pl.when(same).then(last_key % _DAYS), start=starts.to_physical()
    ).with_columns(
        kind=pl.when(~pl.col("bought"))
        .then(None)
        .when(pl.col("last").is_null())
        .then(pl.when("new").then(0).otherwise(1))
        # A later purchase of the month does not change what its first one was.
        .when(pl.col("last") >= pl.col("start"))
        .then(None)
        .when(day - pl.col("last") <= days)
        .then(2)
        .otherwise(3)
    )
    by_customer = marked.group_by("person", "month").agg(
        pl.col("fold").first(), pl.col("kind").max(), pl.col("value_real").sum()
    )
    bought = by_customer.group_by("month", "fold", pl.col("kind").fill_null(len(KINDS))).agg(
        customers=pl.len().cast(pl.Int64), sales=pl.col("value_real").sum()
    )
    came_back = marked.filter(pl.col("kind") == KINDS.index("resurrected"))
    gone = (
        marked.filter("bought")
        .group_by("person")
        .agg(pl.col("fold").first(), last=day.max())
        .filter(pl.col("last") + days <= as_of_day)
    )
    lapses = pl.concat([f.select("fold", day="last") for f in (came_back, gone)])
    date_of = pl.from_epoch(day + days, "d")
    lapsed = (
        lapses.select("fold", month=date_of.dt.year() * YEAR_MONTHS + date_of.dt.month() - 1)
        .group_by("month", "fold")
        .agg(lapsed=pl.len().cast(pl.Int64))
    )
    first, second = pl.collect_all([bought, lapsed])
    return first.cast({"month": pl.Int32}), second.cast({"month": pl.Int32})


def _months(
    bought: pl.DataFrame, lapsed: pl.DataFrame, *, days: int, begins: date, as_of: date
) -> pl.DataFrame:
    """Put the moves side by side, one row a month, with the active base they lead to."""
    # Customers of before the beginning are active at first, so the count starts with them.
    first = min([month_number(begins), *bought["month"]])
    months = range(first, month_number(as_of) + 1)
    table = pl.DataFrame({"month": pl.Series(months, dtype=pl.Int32)}).join(
        lapsed.group_by("month").agg(pl.col("lapsed").sum()), on="month", how="left"
    )
    for code, kind in enumerate(_SALES):
        of_kind = (
            bought.filter(pl.col("kind") == code)
            .group_by("month")
            .agg(
                pl.col("customers").sum().alias(kind),
                pl.col("sales").sum().cast(pl.Float64).alias(f"sales_{kind}"),
            )
        )
        table = table.join(of_kind, on="month", how="left")
    net = pl.sum_horizontal(_WON) - pl.col("lapsed")
    return (
        table.fill_null(0)
        .sort("month")
        .with_columns(
            active_begin=net.cum_sum() - net,
            active_end=net.cum_sum(),
            partial=pl.Series([_partial(m, begins, as_of) for m in months], dtype=pl.String),
            settled=pl.Series([(from_month(m) - begins).days >= days for m in months]),
        )
        .filter(pl.col("month") >= month_number(begins))
        .select(
            "month",
            *KINDS,
            "lapsed",
            "active_begin",
            "active_end",
            *(f"sales_{k}" for k in _SALES),
            "partial",
            "settled",
        )
    )


_WON = ("new", "first_seen", "resurrected")


def _partial(month: int, begins: date, as_of: date) -> str:
    start = from_month(month) < begins
    end = from_month(month + 1) - timedelta(days=1) > as_of
    return {(False, False): "", (True, False): "start", (False, True): "end"}.get(
        (start, end), "both"
    )


def _ratios(
    bought: pl.DataFrame, lapsed: pl.DataFrame, last: list[int]
) -> tuple[Estimate | None, Estimate | None]:
    """Give the share that lapses in a month, and customers won for one lapsed, over ``last``."""
    won = bought.filter(pl.col("kind").is_in([KINDS.index(k) for k in _WON]))
    moves = pl.concat(
        [
            won.select("month", "fold", won="customers", lapsed=pl.lit(0, pl.Int64)),
            lapsed.select("month", "fold", pl.lit(0, pl.Int64).alias("won"), "lapsed"),
        ]
    )
    # A customer won in a month is active at the beginning of all later ones, until lapsing.
    later = pl.sum_horizontal(pl.lit(0), *((pl.col("month") < m).cast(pl.Int64) for m in last))
    inside = pl.col("month").is_in(last).cast(pl.Int64)
    folds = (
        moves.group_by("fold")
        .agg(
            active=((pl.col("won") - pl.col("lapsed")) * later).sum(),
            won=(pl.col("won") * inside).sum(),
            lapsed=(pl.col("lapsed") * inside).sum(),
        )
        .sort("fold")
    )
    return (
        _ratio(folds, "lapsed", "active", "lapsed over active at the beginning of the month"),
        _ratio(folds, "won", "lapsed", "customers won over customers lapsed"),
    )


def _ratio(folds: pl.DataFrame, above: str, below: str, what: str) -> Estimate | None:
    """Give a ratio of sums with its delete-a-fold jackknife interval; none over nothing."""
    pairs = folds.select(above, below).rows()
    top, bottom = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if bottom <= 0:
        return None
    without = [(top - a) / (bottom - b) for a, b in pairs if bottom > b]
    return Estimate(
        value=top / bottom,
        interval=jackknife_interval(top / bottom, without),
        n=bottom,
        method=f"{what}, delete-a-fold jackknife",
        grade=Grade.D,
    )


def _sales(kpis: pl.DataFrame | None, begins: date) -> pl.DataFrame:
    if kpis is None:
        return pl.DataFrame(
            schema={"month": pl.Int32, "value": pl.Float64, "value_real": pl.Float64}
        )
    amounts = [pl.col(c).sum().cast(pl.Float64) for c in ("value", "value_real")]  # exact sums
    return (
        kpis.filter(pl.col("month") >= month_number(begins))
        .group_by(pl.col("month").cast(pl.Int32))
        .agg(*amounts)
        .sort("month")
    )


def _events(events: pl.DataFrame | None, begins: date, as_of: date) -> pl.DataFrame:
    if events is None:
        return pl.DataFrame(schema={"day": pl.Int32, "text": pl.String})
    return (
        events.filter(pl.col("date").is_between(begins, as_of))
        .select(day=pl.col("date").to_physical().cast(pl.Int32), text="text")
        .sort("day", "text")
    )
