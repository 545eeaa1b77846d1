"""The profile's named rates, counted from the clean tables of simulated shops.

Another way than the product's: plain sums over the shop's own tables, without files, ledger or
marts. Each rate is a pair of sums, so that shops can be pooled: the pooled rate of very many
customers is the truth that intervals from a few must cover.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import polars as pl

from crmlib.ledger.sample import SampleShop

BURN_IN = timedelta(days=180)
ACTIVE_DAYS = 120
YEAR = timedelta(days=365)

Pairs = dict[str, tuple[float, float]]


def months_of(end: date) -> dict[str, tuple[date, date]]:
    """Name the windows: the last 12 months, those before, the last month, the one before."""
    last = end.replace(day=1)
    before = last - timedelta(days=1)
    year = (end + timedelta(days=1)).replace(year=end.year - 1)
    return {
        "year": (year, end),
        "year before": (year.replace(year=year.year - 1), year - timedelta(days=1)),
        "month": (last, end),
        "month before": (before.replace(day=1), before),
    }


def counted(shop: SampleShop) -> Pairs:
    """Count every rate of one shop: (above, below) the line."""
    end = date.fromisoformat(shop.truth["end"])
    start = date.fromisoformat(shop.truth["spec"]["start"])
    lines = _lines(shop)
    return (
        _changes(lines, end)
        | _returning(lines, start, end)
        | _losses(lines, end)
        | _growth(lines, start, end)
        | _who(lines, shop, end)
        | _season(lines)
        | _top_segments(lines, end)
        | _best(lines, end)
        | _card(lines, end)
    )


def _lines(shop: SampleShop) -> pl.DataFrame:
    value = pl.col("quantity").cast(pl.Float64) * pl.col("unit_price").cast(pl.Float64)
    net = value - pl.col("discount").fill_null(0).cast(pl.Float64)
    cost = pl.col("quantity").cast(pl.Float64) * pl.col("unit_cost").cast(pl.Float64)
    return shop.order_lines.filter(pl.col("customer_id").is_not_null()).select(
        "customer_id",
        "order_id",
        discount=pl.col("discount").fill_null(0).cast(pl.Float64),
        day=pl.col("ordered_at").dt.date(),
        sale=pl.col("quantity") > 0,
        value=net,
        profit=net / (1 + pl.col("vat_rate").cast(pl.Float64)) - cost,
    )


def _window(lines: pl.DataFrame, days: tuple[date, date]) -> pl.DataFrame:
    """Sum the customers who bought within the days."""
    inside = lines.filter(pl.col("day").is_between(*days))
    summed = inside.group_by("customer_id").agg(
        pl.col("sale").any(), pl.col("value").sum(), pl.col("profit").sum()
    )
    return summed.filter("sale")


def _changes(lines: pl.DataFrame, end: date) -> Pairs:
    found: Pairs = {}
    windows = months_of(end)
    for now, before in (("year", "year before"), ("month", "month before")):
        a, b = (_window(lines, windows[w]) for w in (now, before))
        found[f"customers, {now} over {before}"] = (a.height, b.height)
        found[f"sales, {now} over {before}"] = (a["value"].sum(), b["value"].sum())
    return found


def _returning(lines: pl.DataFrame, start: date, end: date) -> Pairs:
    days = lines.filter("sale").select("customer_id", "day").unique()
    ever = days.group_by("customer_id").agg(
        first=pl.col("day").min(), last=pl.col("day").max(), days=pl.len()
    )
    year = _window(lines, months_of(end)["year"]).join(ever, on="customer_id")
    new = pl.col("first") >= start + BURN_IN
    once = year.filter(new, pl.col("days") == 1).height
    back_from = end - YEAR + timedelta(days=1)
    began = ever.filter(new, pl.col("first").is_between(back_from - YEAR, back_from, closed="left"))
    came = began.filter(pl.col("last") >= back_from).height
    return {"bought once only": (once, year.height), "came back": (came, began.height)}


def _losses(lines: pl.DataFrame, end: date) -> Pairs:
    windows = months_of(end)
    before, now = (_window(lines, windows[w]) for w in ("year before", "year"))
    both = before.join(now, on="customer_id", suffix="_now")
    lost, again = pl.col("profit") < 0, pl.col("profit_now") < 0
    return {
        "loss-makers who lose again": (both.filter(lost, again).height, both.filter(lost).height),
        "others who lose": (both.filter(~lost, again).height, both.filter(~lost).height),
    }


def _growth(lines: pl.DataFrame, start: date, end: date) -> Pairs:
    """Walk through every customer's days; active is a purchase less than ACTIVE_DAYS ago."""
    settled = (start + timedelta(days=ACTIVE_DAYS) - timedelta(days=1)).replace(day=1)
    later = [settled + timedelta(days=32 * n) for n in range(1, 60)]
    begins = sorted({d.replace(day=1) for d in later if d <= end})[-12:]
    won: Counter[date] = Counter()
    gone: Counter[date] = Counter()
    days = lines.filter("sale").select("customer_id", "day").unique()
    for mine in days.group_by("customer_id").agg(pl.col("day").sort())["day"]:
        last = None
        for day in mine.to_list():
            if last is None or (day - last).days > ACTIVE_DAYS:
                won[day.replace(day=1)] += 1
                if last is not None:
                    gone[(last + timedelta(days=ACTIVE_DAYS)).replace(day=1)] += 1
            last = day
        lapse = last + timedelta(days=ACTIVE_DAYS)
        if lapse <= end:
            gone[lapse.replace(day=1)] += 1
    active = sum(
        sum(n for m, n in won.items() if m < begin) - sum(n for m, n in gone.items() if m < begin)
        for begin in begins
    )
    lapsed, came = (sum(c[m] for m in begins) for c in (gone, won))
    return {"active who lapse in a month": (lapsed, active), "won for one lapsed": (came, lapsed)}


def _who(lines: pl.DataFrame, shop: SampleShop, end: date) -> Pairs:
    year = _window(lines, months_of(end)["year"])
    known = year.join(shop.customers.select("customer_id", "region", "sex"), on="customer_id")
    found: Pairs = {"profit a customer": (year["profit"].sum(), year.height)}
    for column, group in (("region", "Ege"), ("sex", "K")):
        mine = known.filter(pl.col(column) == group)
        found[f"profit a customer, {column} {group}"] = (mine["profit"].sum(), mine.height)
    return found


# In 2025 the bayram began on 30 March, in 2024 on 10 April: the same days around it.
SPRING = (date(2025, 3, 1), date(2025, 3, 31))
SPRING_BEFORE = (date(2024, 3, 12), date(2024, 4, 11))


def _season(lines: pl.DataFrame) -> Pairs:
    now, before = _window(lines, SPRING), _window(lines, SPRING_BEFORE)
    return {
        "customers, season over season before": (now.height, before.height),
        "sales, season over season before": (now["value"].sum(), before["value"].sum()),
    }


def _scored(lines: pl.DataFrame, last: date) -> dict[str, tuple[int, int]]:
    """Give days since the last purchase and orders of the twelve months up to a day."""
    days = months_of(last)["year"]
    mine = lines.filter("sale", pl.col("day").is_between(*days)).group_by("customer_id")
    found = mine.agg(pl.col("day").max(), pl.col("order_id").n_unique())
    return {c: ((last - day).days, orders) for c, day, orders in found.iter_rows()}


def _bounds(values: list[int]) -> list[int]:
    """Give the least value of the scores 3, 4 and 5: ties take the lowest score of their block."""
    ordered, n = sorted(values), len(values)
    first: dict[int, int] = {}
    for rank, value in enumerate(ordered):
        first.setdefault(value, rank * 5 // n + 1)
    return [min((v for v, s in first.items() if s >= k), default=max(ordered) + 1) for k in (3, 4)]


def _top_segments(lines: pl.DataFrame, end: date) -> Pairs:
    """Follow champions and loyal customers over three months, cut points frozen at the first."""
    since = end.replace(month=end.month - 2, day=1) - timedelta(days=1)
    was, is_now = _scored(lines, since), _scored(lines, end)
    r3, r4 = _bounds([-r for r, _ in was.values()])
    f3, f4 = _bounds([f for _, f in was.values()])

    def top(scores: dict[str, tuple[int, int]]) -> set[str]:
        return {
            c
            for c, (r, f) in scores.items()
            if (-r >= r4 and f >= f3) or (r3 <= -r < r4 and f >= f4)
        }

    before, now = top(was), top(is_now)
    return {
        "left the top segments": (len(before - now), len(before)),
        "top segments, now over before": (len(now), len(before)),
    }


def _best(lines: pl.DataFrame, end: date) -> Pairs:
    profits = sorted(_window(lines, months_of(end)["year"])["profit"], reverse=True)
    best = profits[: -(-len(profits) // 5)]
    return {"best 20 % bring": (sum(best), sum(profits))}


def _card(lines: pl.DataFrame, end: date) -> Pairs:
    days = months_of(end)["year"]
    inside = lines.filter(pl.col("day").is_between(*days))
    inside = inside.join(_window(lines, days).select("customer_id"), on="customer_id")
    sales, back = inside.filter("sale"), inside.filter(~pl.col("sale"))
    once = sales.group_by("customer_id").agg(pl.col("day").n_unique()).filter(pl.col("day") == 1)
    bought, off = sales["value"].sum(), sales["discount"].sum()
    return {
        "card: bought on one day": (once.height, sales["customer_id"].n_unique()),
        "card: discounts": (off, bought + off),
        "card: returns": (-back["value"].sum(), bought),
    }


def pooled(shops: list[Pairs]) -> dict[str, float]:
    """Give every rate of all shops together; changes and differences as the profile has them."""
    sums = {
        name: tuple(sum(shop[name][side] for shop in shops) for side in (0, 1)) for name in shops[0]
    }
    rates = {name: above / below for name, (above, below) in sums.items()}
    return {n: rate - 1 if " over " in n else rate for n, rate in rates.items()} | {
        "loss-makers less others": rates["loss-makers who lose again"] - rates["others who lose"],
        "index, sex K": rates["profit a customer, sex K"] / rates["profit a customer"],
    }
