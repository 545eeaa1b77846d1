"""Arms: how the arms of a campaign did by day, as sums from which any comparison is worked out.

Everything is summed in whole numbers, so that neither the order of the rows nor the engine
matters and nothing is lost when the means are taken off; floats come last.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import polars as pl

from crmlib.marts.measures import Measure
from crmlib.marts.money import nearest, units
from crmlib.marts.responses import MONEYS, OUTCOMES

READ_DAY = -1
# Days since the start that have a row: all of the first quarter, then one a week and the last.
DAILY, WEEK = 92, 7
UNKNOWN = -1  # exposed, where a read experiment does not tell
_WHOLE, _WIDE = nw.Decimal(19, 0), nw.Decimal(38, 0)
KEYS = ("arm", "segment", "exposed", "fold")
_PLAIN = ("n", "y", "yy", "x", "xx", "xy")
_CUT = ("y_w", "yy_w", "x_w", "xx_w", "xy_w")
SCHEMA = {
    "campaign_id": pl.String, "arm": pl.String, "segment": pl.String, "exposed": pl.Int32,
    "day": pl.Int32, "fold": pl.Int32, "outcome": pl.String, "pre": pl.String, "n": pl.Int64,
    "centre_y": pl.Float64, "centre_x": pl.Float64,
    **dict.fromkeys(_PLAIN[1:], pl.Float64),
    "cap_y": pl.Float64, "cap_x": pl.Float64,
    **dict.fromkeys(_CUT, pl.Float64),
}  # fmt: skip


# --- Sums, on any engine --------------------------------------------------------------------------


def cells(responses: nw.LazyFrame) -> nw.LazyFrame:
    """Add ``segment``, the stratum or an empty text."""
    return responses.with_columns(segment=nw.col("stratum").fill_null(""))


def own_events(
    responses: nw.LazyFrame, visits: nw.LazyFrame, measures: Sequence[Measure], *, window_days: int
) -> nw.LazyFrame:
    """Give what changes a campaign's sums, day by day since the start.

    A customer comes in on day 0, is worth something else after each visit, and goes out on the
    day that has not come yet.

    Parameters
    ----------
    responses, visits
        Of the campaign; the visits of its days, or of more.
    measures
        From :func:`crmlib.marts.measures.own_measures`.
    window_days
        Days of the campaign.

    Returns
    -------
    The cell, ``day``, and for the k-th measure ``n_k`` (1 in, -1 out, 0), the outcome before and
    after it ``a_k`` and ``b_k``, and ``x_k``, in whole numbers.
    """
    begun = cells(responses).filter(nw.col("end_day") >= nw.col("start_day"))
    last = nw.col("end_day") - nw.col("start_day")
    known = [
        nearest(nw.col(f"pre_{m.pre}") * m.scale_x).alias(f"x_{k}") for k, m in enumerate(measures)
    ]
    final = [nearest(nw.col(m.outcome) * m.scale_y).alias(f"y_{k}") for k, m in enumerate(measures)]
    people = begun.with_columns(*known, *final, last=last)
    entry = people.select(*KEYS, **_event(measures, day=nw.lit(0), n=1))
    left = people.filter(nw.col("last") < window_days - 1)
    gone = left.select(*KEYS, **_event(measures, day=nw.col("last") + 1, n=-1, a="y"))
    return nw.concat([entry, _steps(people, visits, measures), gone])


def _steps(people: nw.LazyFrame, visits: nw.LazyFrame, measures: Sequence[Measure]) -> nw.LazyFrame:
    """Give the outcome of each customer before and after each visit of the window."""
    keys = ["customer_id", *KEYS, "start_day", "end_day"]
    xs = [f"x_{k}" for k in range(len(measures))]
    day = nw.col("day")
    inside = (day >= nw.col("start_day")) & (day <= nw.col("end_day"))
    seen = visits.select("customer_id", "day", "purchase_lines", *OUTCOMES[1:])
    order = {"order_by": ["day"]}
    visited = (
        people.select(*keys, *xs)
        .join(seen, on="customer_id", how="inner")
        .filter(inside)
        .with_columns(**{c: units(nw.col(c)) for c in MONEYS})
    )
    summed = visited.with_columns(
        **{
            f"s_{k}": nw.col(_source(m.outcome)).cum_sum().over("customer_id", **order)
            for k, m in enumerate(measures)
        }
    ).with_columns(
        **{
            f"a_{k}": _reached(m, nw.col(f"s_{k}") - nw.col(_source(m.outcome)))
            for k, m in enumerate(measures)
        },
        **{f"b_{k}": _reached(m, nw.col(f"s_{k}")) for k, m in enumerate(measures)},
    )
    since = day - nw.col("start_day")
    return summed.select(*KEYS, **_event(measures, day=since, n=0, a="a", b="b"))


def _source(outcome: str) -> str:
    return "purchase_lines" if outcome == "bought" else outcome


def _reached(measure: Measure, total: nw.Expr) -> nw.Expr:
    """Give the outcome that a running total stands for: bought is 1 from the first line on."""
    return (total > 0).cast(nw.Int64) if measure.outcome == "bought" else total.cast(nw.Int64)


def _event(
    measures: Sequence[Measure], *, day: nw.Expr, n: int, a: str | None = None, b: str | None = None
) -> dict[str, nw.Expr]:
    found = {"day": day.cast(nw.Int32)}
    for k in range(len(measures)):
        found[f"n_{k}"] = nw.lit(n, dtype=nw.Int64)
        found[f"a_{k}"] = (nw.col(f"{a}_{k}") if a else nw.lit(0)).cast(nw.Int64)
        found[f"b_{k}"] = (nw.col(f"{b}_{k}") if b else nw.lit(0)).cast(nw.Int64)
        found[f"x_{k}"] = nw.col(f"x_{k}").cast(nw.Int64)
    return found


def read_events(experiment: nw.LazyFrame, measures: Sequence[Measure]) -> nw.LazyFrame:
    """Give the rows of an experiment that was read with its outcomes, as :func:`own_events`.

    A missing outcome leaves the row out of its sums; a missing pre counts as the mean.
    """
    exposed = nw.when(~nw.col("exposed").is_null()).then(nw.col("exposed").cast(nw.Int32))
    whole: dict[str, nw.Expr] = {"day": nw.lit(READ_DAY, dtype=nw.Int32)}
    for k, m in enumerate(measures):
        y = nw.col(f"outcome_{m.outcome}")
        whole[f"n_{k}"] = (~y.is_null()).cast(nw.Int64)
        whole[f"a_{k}"] = nw.lit(0, dtype=nw.Int64)
        whole[f"b_{k}"] = nearest(y * m.scale_y).fill_null(0)
        x = nearest(nw.col(f"pre_{m.pre}") * m.scale_x) if m.pre else nw.lit(0)
        whole[f"x_{k}"] = x.fill_null(m.centre_x).cast(nw.Int64)
    found = cells(experiment).with_columns(exposed=exposed.otherwise(nw.lit(UNKNOWN, nw.Int32)))
    return found.select(*KEYS, **whole)


def sums(events: nw.LazyFrame, measures: Sequence[Measure]) -> nw.LazyFrame:
    """Sum what changes by cell and day, exactly."""
    keys = [*KEYS, "day"]
    terms: dict[str, nw.Expr] = {}
    for k, m in enumerate(measures):
        n, x = nw.col(f"n_{k}"), nw.col(f"x_{k}")
        a, b = nw.col(f"a_{k}"), nw.col(f"b_{k}")
        terms[f"n_{k}"] = n
        terms |= {f"{t}_{k}": e for t, e in _terms(n, a, b, x).items()}
        cut = _terms(n, _cut(a, m.cap_y), _cut(b, m.cap_y), _cut(x, m.cap_x))
        terms |= {f"{t}_w_{k}": e for t, e in cut.items()}
    return (
        events.select(*keys, **terms)
        .group_by(*keys)
        .agg(*(nw.col(t).sum().cast(_WIDE) for t in terms))
        .sort(*keys)
    )


def _terms(n: nw.Expr, a: nw.Expr, b: nw.Expr, x: nw.Expr) -> dict[str, nw.Expr]:
    n, x = n.cast(_WHOLE), x.cast(_WHOLE)
    more, both = (b - a).cast(_WHOLE), (a + b).cast(_WHOLE)
    come = (n * x).cast(_WHOLE)
    return {"y": more, "yy": more * both, "x": come, "xx": come * x, "xy": more * x}


def _cut(value: nw.Expr, cap: int) -> nw.Expr:
    at_most = nw.when(value > cap).then(nw.lit(cap, nw.Int64)).otherwise(value)
    return nw.when(value < -cap).then(nw.lit(-cap, nw.Int64)).otherwise(at_most)


def days_of(last: int) -> list[int]:
    """List the days that get a row, up to the last one that has come."""
    return [d for d in range(last + 1) if d < DAILY or d % WEEK == WEEK - 1 or d == last]


# --- The table ------------------------------------------------------------------------------------


def arms(
    campaign_id: str, changes: pl.DataFrame, measures: Sequence[Measure], *, days: Sequence[int]
) -> pl.DataFrame:
    """Add changes up day by day and take the means off.

    Parameters
    ----------
    campaign_id, changes, measures
        Of a campaign: :func:`sums` of its events.
    days
        Days that get a row, in order.

    Returns
    -------
    One row an ``arm`` x ``segment`` (stratum, "" without) x ``exposed`` (1, 0; -1 not known) x
    ``day`` since the start (of :func:`days_of`) x ``fold`` x ``outcome`` x ``pre``: everyone for
    whom that day has come, added up from the start to it: one day is read, days are never added.
    ``n`` customers; with Y = outcome - ``centre_y`` and X = pre - ``centre_x`` the sums ``y`` of
    Y, ``yy`` of YY, ``x`` of X, ``xx`` of XX and ``xy`` of XY. The same with ``_w`` after outcome
    and pre were cut to ``cap_y`` and ``cap_x`` on both sides; centres stay. An experiment that was
    read with its outcomes has one day, -1.
    """
    long = [_long(changes, k, m, days) for k, m in enumerate(measures)]
    return (
        pl.concat(long)
        .with_columns(campaign_id=pl.lit(campaign_id))
        .select(pl.col(c).cast(t) for c, t in SCHEMA.items())
    )


def _long(changes: pl.DataFrame, k: int, m: Measure, days: Sequence[int]) -> pl.DataFrame:
    names = {f"{t}_{k}": t for t in (*_PLAIN, *_CUT)}
    whole = [pl.col(c).cast(pl.Int128).alias(t) for c, t in names.items()]
    dense = pl.DataFrame({"day": days}, schema={"day": pl.Int32})
    # What changes on a day without a row shows on the next one that has one.
    on = pl.lit(dense["day"].search_sorted(changes["day"]))
    own = (
        changes.with_columns(at=on)
        .filter(pl.col("at") < dense.height)
        .with_columns(day=pl.lit(dense["day"]).gather("at"))
        .select(*KEYS, "day", *whole)
        .group_by(*KEYS, "day")
        .agg(pl.all().sum())
    )
    grid = own.select(KEYS).unique().join(dense, how="cross")
    total = pl.col(*names.values()).fill_null(0).cum_sum().over(KEYS)
    done = grid.join(own, on=[*KEYS, "day"], how="left").sort(*KEYS, "day").with_columns(total)
    n, y, x = pl.col("n"), pl.lit(m.centre_y, pl.Int128), pl.lit(m.centre_x, pl.Int128)
    centred = done.filter(n > 0).with_columns(**_centred("", n, y, x), **_centred("_w", n, y, x))
    unit = {"y": m.scale_y, "x": m.scale_x}
    return centred.with_columns(
        *(pl.col(t).cast(pl.Float64) / _unit(t, unit) for t in names.values() if t != "n"),
        outcome=pl.lit(m.outcome),
        pre=pl.lit(m.pre),
        centre_y=pl.lit(m.centre_y / m.scale_y),
        centre_x=pl.lit(m.centre_x / m.scale_x),
        cap_y=pl.lit(m.cap_y / m.scale_y),
        cap_x=pl.lit(m.cap_x / m.scale_x),
    )


def _centred(end: str, n: pl.Expr, cy: pl.Expr, cx: pl.Expr) -> dict[str, pl.Expr]:
    """Take the centres off: sums of (y - cy)(y - cy) and so on, from raw sums."""
    y, yy, x, xx, xy = (pl.col(f"{t}{end}") for t in ("y", "yy", "x", "xx", "xy"))
    return {
        f"y{end}": y - n * cy,
        f"yy{end}": yy - 2 * cy * y + n * cy * cy,
        f"x{end}": x - n * cx,
        f"xx{end}": xx - 2 * cx * x + n * cx * cx,
        f"xy{end}": xy - cx * y - cy * x + n * cx * cy,
    }


def _unit(term: str, unit: dict[str, float]) -> float:
    found = 1.0
    for letter in term.removesuffix("_w"):
        found *= unit[letter]
    return found
