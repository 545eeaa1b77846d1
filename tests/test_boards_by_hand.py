"""Every number of every board, counted again from the visits with plain loops."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy import stats

from crmlib import config, marts, publish
from crmlib.ledger import sample
from crmlib.profile import rfm, segments, value, waterfall
from tests.profile.test_rfm import _segment as segment_of
from tests.profile.test_rfm import by_hand
from tests.shops import write_shop

EPOCH = date(1970, 1, 1)
# The data begin and end inside a month, so that windows are cut at both ends.
BEGINS, AS_OF, BURN_IN = date(2023, 2, 10), date(2025, 5, 20), 120
K = 10


@dataclass
class Customer:
    """What one customer did in some days."""

    purchase_days: set[date] = field(default_factory=set)
    orders: int = 0
    value: Decimal = Decimal(0)
    real: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)
    below: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    costed: Decimal = Decimal(0)
    freight: Decimal = Decimal(0)
    service: Decimal = Decimal(0)
    contacts: Decimal = Decimal(0)
    fold: int = 0

    @property
    def profit(self) -> Decimal:
        """What is left of the margin after all costs."""
        return self.margin - self.freight - self.service - self.contacts


@dataclass(frozen=True, eq=False)
class Shop:
    """The published boards, and the tables as plain rows."""

    published: publish.Published
    tables: marts.Marts
    visits: list[dict[str, Any]]
    costs: list[dict[str, Any]]
    people: dict[str, dict[str, Any]]
    lines: list[dict[str, Any]]

    @cache  # noqa: B019
    def customers(self, first: date, last: date) -> dict[str, Customer]:
        """Add up the visits and costs of some days by customer."""
        found: dict[str, Customer] = defaultdict(Customer)
        for row in self.visits:
            if not first <= row["day"] <= last:
                continue
            who = found[row["customer_id"]]
            who.orders += row["orders"]
            who.value += row["value"]
            who.real += row["value_real"]
            who.margin += row["margin"]
            who.returned += row["margin_returns"]
            who.below += row["margin_below_cost"]
            who.discount += row["discount_net"]
            who.costed += row["value_costed"]
            who.fold = row["fold"]
            if row["purchase_lines"] > 0:
                who.purchase_days.add(row["day"])
        for row in self.costs:
            if first <= row["day"] <= last and row["customer_id"] in found:
                who = found[row["customer_id"]]
                who.freight += row["freight"]
                who.service += row["service"]
                who.contacts += row["contacts"]
        return dict(found)

    def buyers(self, first: date, last: date) -> dict[str, Customer]:
        """Give those who bought in these days."""
        return {k: c for k, c in self.customers(first, last).items() if c.purchase_days}

    @cache  # noqa: B019
    def scored(self, last: date) -> tuple[list[str], list[int], list[int], list[Decimal]]:
        """Give who bought in the twelve months to a day, with what is scored of them."""
        known = self.buyers(_year_before(last) + timedelta(days=1), last)
        names = sorted(known)
        return (
            names,
            [(last - max(known[n].purchase_days)).days for n in names],
            [known[n].orders for n in names],
            [known[n].real for n in names],
        )

    @cache  # noqa: B019
    def segments(self, last: date) -> dict[str, str]:
        """Name everybody's segment as of a day; without a purchase in its year, lapsed."""
        names, *scored = self.scored(last)
        found = dict(zip(names, by_hand(*scored), strict=True))
        return {n: found.get(n, "lapsed") for n in self.buyers(date.min, last)}

    @cache  # noqa: B019
    def channels(self, first: date, last: date) -> dict[str, str]:
        """Name the channel in which each customer bought most, of equal ones the first."""
        bought: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for line in self.lines:
            if line["customer_id"] and line["quantity"] > 0 and first <= line["day"] <= last:
                bought[line["customer_id"]][line["channel"] or ""] += line["value"]
        return {n: min(c, key=lambda ch: (-c[ch], ch)) for n, c in bought.items()}

    @cache  # noqa: B019
    def cells(self, first: date, last: date) -> dict[tuple[str, ...], dict[str, Customer]]:
        """Give who bought, for every choice of segment, region and channel."""
        segment, channel = self.segments(last), self.channels(first, last)
        found: dict[tuple[str, ...], dict[str, Customer]] = defaultdict(dict)
        for name, who in self.buyers(first, last).items():
            region = self.people.get(name, {}).get("region") or ""
            mine = (segment[name], self._member("region", region))
            for cell in product(
                *(("all", m) for m in (*mine, self._member("channel", channel[name])))
            ):
                found[cell][name] = who
        return dict(found)

    def _member(self, dimension: str, text: str) -> str:
        if not text:
            return "unknown"
        offered = {key for _, key in self.published.options(dimension, "en")}
        return f"={text}" if f"={text}" in offered else "other"

    def new(self, last: date) -> dict[str, date]:
        """Give customers known to be new, with their first day."""
        # A return, too, shows that somebody was here before.
        seen: dict[str, date] = {}
        for row in self.visits:
            if row["day"] <= last:
                seen[row["customer_id"]] = min(row["day"], seen.get(row["customer_id"], row["day"]))
        began = BEGINS + timedelta(days=BURN_IN)
        firsts = {n: min(c.purchase_days) for n, c in self.buyers(date.min, last).items()}
        return {
            n: first
            for n, first in firsts.items()
            if seen[n] >= began
            and not ((j := self.people.get(n, {}).get("joined_at")) and j < BEGINS)
        }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop whose history is cut in the middle of months."""
    folder = tmp_path_factory.mktemp("shop")
    path = write_shop(folder, sample.simulate(sample.SampleSpec(customers=700, seed=11)))
    read = config.load(path, workspace=folder / "workspace")
    history = config.History(complete_from=BEGINS, burn_in_days=BURN_IN, as_of=AS_OF)
    read = read.model_copy(update={"history": history})
    publish.build(read)
    tables = marts.open(read.workspace)

    def rows(frame: pl.LazyFrame) -> list[dict[str, Any]]:
        return frame.with_columns(pl.from_epoch("day", "d")).collect().rows(named=True)

    people = tables.ledger("customers").collect().rows(named=True)
    columns = ("day", "customer_id", "channel", "value", "quantity", "product_id")
    return Shop(
        publish.open_boards(read.workspace),
        tables,
        rows(tables.visits),
        rows(tables.customer_costs),
        {row["customer_id"]: row for row in people},
        rows(tables.ledger("order_lines").select(columns)),
    )


def _windows() -> list[tuple[str, date, date]]:
    """Write the windows down by hand: (id, first day, last day)."""
    found = [("12m", date(2024, 5, 21), AS_OF), ("all", BEGINS, AS_OF)]
    for year in (2023, 2024, 2025):
        found.append((f"{year}", date(year, 1, 1), date(year, 12, 31)))
        for quarter, (start, end) in enumerate(
            (((1, 1), (3, 31)), ((4, 1), (6, 30)), ((7, 1), (9, 30)), ((10, 1), (12, 31))), 1
        ):
            found.append((f"{year}-Q{quarter}", date(year, *start), date(year, *end)))
        for month in range(1, 13):
            start_ = date(year, month, 1)
            after = date(year + month // 12, month % 12 + 1, 1)
            found.append((f"{year}-{month:02}", start_, after - timedelta(days=1)))
    return [
        (name, max(first, BEGINS), min(last, AS_OF))
        for name, first, last in found
        if last >= BEGINS and first <= AS_OF
    ]


WINDOWS = _windows()


def test_the_windows_are_these(shop: Shop) -> None:
    offered = {key for _, key in shop.published.options("window", "en")}
    assert offered == {name for name, _, _ in WINDOWS}


def _year_before(day: date) -> date:
    after = day + timedelta(days=1)
    if after.day == 1:
        return after.replace(year=after.year - 1) - timedelta(days=1)
    return day.replace(year=day.year - 1)


@pytest.mark.parametrize(("name", "first", "last"), WINDOWS, ids=[w[0] for w in WINDOWS])
def test_the_whole_of_a_window(shop: Shop, name: str, first: date, last: date) -> None:
    bought = shop.buyers(first, last)
    found = shop.published.result("profile.activity", window=name)
    assert (found.spec.first_day, found.spec.last_day) == (first, last)
    assert found.customers == len(bought)
    assert found.orders == sum(c.orders for c in bought.values())
    assert found.value == pytest.approx(float(sum(c.value for c in bought.values())), rel=1e-12)
    known = sum(r["value"] for r in shop.lines if first <= r["day"] <= last and r["customer_id"])
    total = sum(r["value"] for r in shop.lines if first <= r["day"] <= last)
    assert found.identified == pytest.approx(float(known / total), rel=1e-12)
    assert shop.published.identified(name) == found.identified
    _check_change(shop, found, name, first, last, ("all", "all", "all"))
    worth = shop.published.result("profile.value", window=name)
    _check_value(worth, bought, shown=True)
    _check_returning(shop, name, last, bought)
    _check_waterfall(shop, name, worth, bought)
    assert (
        shop.published.result("profile.activity", window=name, segment="all").targets
        == found.targets
    )


def _check_change(
    shop: Shop, found: Any, name: str, first: date, last: date, cell: tuple[str, ...]
) -> None:
    earlier = _year_before(first), _year_before(last)
    if earlier[0] < BEGINS or name == "all" or cell[0] != "all":
        assert found.change is None
        assert found.value_change is None
        return
    bought, before = shop.cells(first, last)[cell], shop.cells(*earlier).get(cell, {})
    if found.customers_before is None:
        assert "too few" in found.no_comparison
        return
    assert found.customers_before == len(before)
    assert len(before) == 0 or len(before) >= K
    if not before:
        assert found.change is None
        return
    assert found.change.value == pytest.approx(len(bought) / len(before) - 1)
    real = [float(sum(c.real for c in group.values())) for group in (bought, before)]
    assert found.value_change.value == pytest.approx(real[0] / real[1] - 1)
    _check_interval(found.change, bought, before, lambda c: 1.0)
    _check_interval(found.value_change, bought, before, lambda c: float(c.real))


def _check_interval(
    change: Any,
    now: dict[str, Customer],
    before: dict[str, Customer],
    amount: Callable[[Customer], float],
) -> None:
    """Leave each fold out in turn; (K - 1) / K times the squares around their mean, in logs."""

    def ratio(without: int | None) -> float:
        top, bottom = (
            sum(amount(c) for c in group.values() if c.fold != without) for group in (now, before)
        )
        return top / bottom if bottom > 0 else math.nan

    folds = {c.fold for group in (now, before) for c in group.values()}
    out = [math.log(r) for r in map(ratio, folds) if r > 0]
    centre = sum(out) / len(out)
    spread = math.sqrt((len(out) - 1) / len(out) * sum((r - centre) ** 2 for r in out))
    far = stats.t.ppf(0.975, len(out) - 1) * spread
    ends = (math.exp(math.log(ratio(None)) + side * far) - 1 for side in (-1, 1))
    # The quantile is a series good to a thousandth from five folds on.
    assert (change.interval.low, change.interval.high) == pytest.approx(
        tuple(ends), rel=2e-3, abs=2e-3
    )


def _check_value(found: Any, bought: dict[str, Customer], *, shown: bool) -> None:
    assert found.by == "profit"
    assert found.customers == len(bought)
    profits = sorted((float(c.profit) for c in bought.values()), reverse=True)
    assert found.total == pytest.approx(sum(profits))
    costed, sales = (sum(getattr(c, a) for c in bought.values()) for a in ("costed", "value"))
    assert found.cost_coverage == pytest.approx(float(costed / sales))
    if found.best_share is not None:
        best = math.ceil(round(0.2 * len(profits), 9))
        assert found.best_share == pytest.approx(sum(profits[:best]) / sum(profits))
        # The headline is a point of the curve: no single customer stands between them.
        told = found.curve["value_share"]
        assert any(math.isclose(found.best_share, y, abs_tol=ROUNDED) for y in told)
    steps = [round(share * len(profits)) for share in found.curve["customers_share"]]
    assert all(n >= min(K, len(profits)) for n in (b - a for a, b in pairwise(steps)))
    for share, reached in found.curve.iter_rows():
        assert reached == pytest.approx(
            sum(profits[: round(share * len(profits))]) / sum(profits), abs=ROUNDED
        )
    losing = [c for c in bought.values() if c.profit < 0]
    if found.loss_makers is None:
        assert losing or not shown
        most = max(-c.profit for c in losing) if losing else 0
        # Of the whole: few, or one has over half of the loss. A cell does not tell why.
        assert not shown or len(losing) < K or 2 * most > -sum(c.profit for c in losing)
        assert found.fewer_than == (K if shown and len(losing) < K else 0)
        return
    assert found.loss_makers == len(losing)
    assert found.loss == pytest.approx(float(sum(c.profit for c in losing)))
    if losing:
        took = {
            "returns": -sum(c.returned for c in losing),
            "below_cost": -sum(c.below for c in losing),
            **{cause: sum(getattr(c, cause) for c in losing) for cause in COSTS},
        }
        assert found.cause == max(took, key=lambda cause: took[cause])


ROUNDED = 1e-6  # shares of a curve are published with six digits
COSTS = ("freight", "service", "contacts")


def _check_waterfall(
    shop: Shop, name: str, worth: value.ValueResult, bought: dict[str, Customer]
) -> None:
    found = shop.published.result("profile.waterfall", window=name)
    losing = [c for c in bought.values() if c.profit < 0]
    if isinstance(found, publish.Suppressed):
        assert worth.loss_makers is None or not losing
        return
    assert found.customers == len(losing)
    sums = {a: sum(getattr(c, a) for c in losing) for a in ("margin", "discount", "returned")}
    assert found.amount("gross_margin") == sums["margin"] - sums["returned"] + sums["discount"]
    assert found.amount("discounts") == -sums["discount"]
    assert found.amount("returns") == sums["returned"]
    for cost in COSTS:
        assert found.amount(cost) == -sum(getattr(c, cost) for c in losing)
    assert found.amount("profit") == sum(c.profit for c in losing)
    assert list(found.steps["step"]) == list(waterfall.STEPS)
    assert found.steps["amount"][:-1].sum() == found.amount("profit")


def _check_returning(shop: Shop, name: str, last: date, bought: dict[str, Customer]) -> None:
    found = shop.published.result("profile.returning", window=name)
    new = shop.new(last)
    ever = shop.buyers(date.min, last)
    once = sum(n in new and len(ever[n].purchase_days) == 1 for n in bought)
    if found.once_only is not None:
        assert found.once_only.value == pytest.approx(once / len(bought))
        assert found.at_least == any(n not in new for n in bought)
    else:
        assert once < K or len(bought) - once < K
    came_from = last - timedelta(days=364)
    new_from = came_from - timedelta(days=365)
    if new_from < BEGINS + timedelta(days=BURN_IN):
        assert found.came_back is None
        assert "too short" in found.headline("en")
        return
    began = [n for n, first in new.items() if new_from <= first < came_from]
    back = sum(max(ever[n].purchase_days) >= came_from for n in began)
    if found.came_back is None:
        assert back < K or len(began) - back < K
    else:
        assert found.came_back.value == pytest.approx(back / len(began))
        assert found.new_customers == len(began)


def _options(shop: Shop) -> Iterator[tuple[str, ...]]:
    offered = [
        [key for _, key in shop.published.options(d, "en")]
        for d in ("segment", "region", "channel")
    ]
    yield from product(*offered)


def _of(shop: Shop, result: str, window: str, cell: tuple[str, ...]) -> Any:
    segment, region, channel = cell
    return shop.published.result(
        f"profile.{result}", window=window, segment=segment, region=region, channel=channel
    )


@pytest.mark.parametrize(("name", "first", "last"), WINDOWS, ids=[w[0] for w in WINDOWS])
def test_every_cell_of_a_window(shop: Shop, name: str, first: date, last: date) -> None:
    cells = shop.cells(first, last)
    shown = 0
    for cell in _options(shop):
        found, mine = _of(shop, "activity", name, cell), cells.get(cell, {})
        if isinstance(found, publish.Suppressed):
            assert not mine or "Not shown" in found.reason("en")
            assert isinstance(_of(shop, "value", name, cell), publish.Suppressed)
            continue
        shown += 1
        assert found.customers == len(mine) >= K
        assert found.orders == sum(c.orders for c in mine.values())
        assert found.value == pytest.approx(float(sum(c.value for c in mine.values())), rel=1e-12)
        amounts = [abs(c.value) for c in mine.values()]
        assert max(amounts) <= sum(amounts) / 2
        if any(member != "all" for member in cell):
            assert (found.identified, found.targets, found.aligned) == (None, (), None)
            _check_value(_of(shop, "value", name, cell), mine, shown=False)
        _check_change(shop, found, name, first, last, cell)
    assert shown


@pytest.mark.parametrize("name", [w[0] for w in WINDOWS])
def test_nothing_small_follows_by_subtraction(shop: Shop, name: str) -> None:
    """On every line, the total less what is shown leaves nobody, or at least ten."""
    counts: dict[tuple[str, ...], int | None] = {}
    losses: dict[tuple[str, ...], int | None] = {}
    for cell in _options(shop):
        found = _of(shop, "activity", name, cell)
        if isinstance(found, publish.Suppressed):
            nobody = "No customers" in found.reason("en")
            counts[cell] = losses[cell] = 0 if nobody else None
        else:
            counts[cell] = found.customers
            losses[cell] = _of(shop, "value", name, cell).loss_makers
    told = 0
    for numbers in (counts, losses):
        assert all(n is None or n == 0 or n >= K for n in numbers.values())
        for total, members in _lines(numbers):
            whole, parts = numbers[total], [numbers[m] for m in members]
            if whole is None:  # else it would be the sum of its parts
                assert None in parts
                continue
            told += 1
            left = whole - sum(n for n in parts if n is not None)
            assert left == 0 or left >= K
            assert left == 0 or sum(n is None for n in parts) >= 2
    assert told


def _lines(
    numbers: dict[tuple[str, ...], Any],
) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    for axis in range(3):
        members = sorted({cell[axis] for cell in numbers} - {"all"})
        for total in (cell for cell in numbers if cell[axis] == "all"):
            yield total, [(*total[:axis], m, *total[axis + 1 :]) for m in members]


def test_the_parts_of_a_window_add_up_to_it(shop: Shop) -> None:
    """The cube is one of customers: each has a segment, a region and a channel."""
    for name, first, last in WINDOWS:
        cells = shop.cells(first, last)
        for total, members in _lines(dict.fromkeys(_options(shop))):
            if total in cells:
                assert sum(len(cells.get(m, {})) for m in members) == len(cells[total]), name


def test_there_is_something_to_hide_here(shop: Shop) -> None:
    """The tests above have something to find."""
    worth = [_of(shop, "value", "12m", cell) for cell in _options(shop)]
    values = [r for r in worth if not isinstance(r, publish.Suppressed)]
    assert len(values) < len(worth)
    assert any(r.loss_makers is None for r in values)
    assert any(r.loss_makers for r in values)
    regions = [
        shop.published.result("profile.activity", window="2025-Q1", region=key)
        for _, key in shop.published.options("region", "en")
    ]
    assert sum(getattr(r, "change", None) is not None for r in regions) > 2
    lapsed = _of(shop, "activity", "all", ("lapsed", "all", "all"))
    assert lapsed.customers >= K


@pytest.mark.parametrize("name", ["12m", "2024", "2025-Q1", "2024-03", "all"])
def test_the_segment_table_equals_a_count(shop: Shop, name: str) -> None:
    ((_, _, last),) = [w for w in WINDOWS if w[0] == name]
    segment = shop.segments(last)
    year = shop.buyers(_year_before(last) + timedelta(days=1), last)
    ever = shop.buyers(date.min, last)
    people = ever if name == "all" else year
    table = shop.published.result("profile.rfm", window=name).segments
    real = sum(c.real for c in year.values())
    named = set(table["segment"])
    for row in table.rows(named=True):
        mine = [
            n for n in people if (segment[n] if segment[n] in named else "other") == row["segment"]
        ]
        bought = [year[n] for n in mine if n in year]
        assert row["customers"] == len(mine) >= K
        assert row["share"] == pytest.approx(len(mine) / len(people))
        assert row["value"] == pytest.approx(float(sum(c.real for c in bought)))
        assert row["value_share"] == pytest.approx(float(sum(c.real for c in bought) / real))
        assert row["mean_orders"] == pytest.approx(sum(c.orders for c in bought) / len(mine))
        days = [(last - max(ever[n].purchase_days)).days for n in mine]
        assert row["mean_days_since_last"] == pytest.approx(sum(days) / len(days))
    assert table["customers"].sum() == len(people)
    assert ("lapsed" in named) == (name == "all")


@pytest.mark.parametrize(
    ("horizon", "since"), [("3m", date(2025, 2, 20)), ("1m", date(2025, 4, 20))]
)
def test_moves_equal_a_count(shop: Shop, horizon: str, since: date) -> None:
    """Cut points of the first date: the least value that so many fifths do not exceed."""
    names, *before = shop.scored(since)
    was = dict(zip(names, by_hand(*before), strict=True))
    n = len(names)
    places = [math.ceil(k * n / 5) - 1 for k in (1, 2, 3, 4)]
    recency, orders, real = before
    cuts = [
        [ordered[p] for p in places]
        for ordered in (sorted(-d for d in recency), sorted(orders), sorted(real))
    ]
    later, days, often, much = shop.scored(AS_OF)
    now = {
        name: segment_of(*(1 + bisect_left(c, v) for c, v in zip(cuts, values, strict=True)))
        for name, *values in zip(later, [-d for d in days], often, much, strict=True)
    }
    known = shop.buyers(date.min, AS_OF)
    moves: Counter[tuple[str, str]] = Counter()
    for name, who in known.items():
        old = min(who.purchase_days) <= since
        origin = was.get(name, "lapsed" if old else "not_yet")
        moves[origin, now.get(name, "lapsed")] += 1
    found = shop.published.result("profile.migration", horizon=horizon)
    assert (found.spec.since, found.spec.until) == (since, AS_OF)
    shown = {(a, b): m for a, b, m in found.moves.select("from", "to", "customers").iter_rows()}
    assert len(shown) > 3
    for move, customers in shown.items():
        assert customers == moves[move] >= K
    top = segments.TOP
    left = sum(m for (a, b), m in moves.items() if a in top and b not in top)
    entered = sum(m for (a, b), m in moves.items() if a not in top and b in top)
    assert found.left == (left if left >= K else None)
    assert found.entered == (entered if entered >= K else None)
    for rows in (0, 1):  # what is shown of a row or column leaves nobody, or ten
        for key in {move[rows] for move in moves}:
            whole = sum(m for move, m in moves.items() if move[rows] == key)
            rest = whole - sum(m for move, m in shown.items() if move[rows] == key)
            assert rest == 0 or rest >= K or whole < K or not any(s[rows] == key for s in shown)


def test_a_short_history_tells_of_no_moves(shop: Shop) -> None:
    found = shop.published.result("profile.migration", horizon="12m")
    assert "too short" not in found.headline("en")
    assert found.spec.needs_from >= BEGINS


def test_growth_equals_a_count(shop: Shop) -> None:
    found = shop.published.result("profile.growth")
    active = timedelta(days=found.days)
    new = shop.new(AS_OF)
    counts: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for name, who in shop.buyers(date.min, AS_OF).items():
        bought = sorted(who.purchase_days)
        seen: set[tuple[int, int]] = set()
        for before, day in zip([None, *bought], bought, strict=False):
            month = (day.year, day.month)
            if before is not None and day - before > active:
                gone = before + active
                counts[gone.year, gone.month]["lapsed"] += 1
            if month in seen:
                continue
            seen.add(month)
            if before is None:
                kind = "new" if name in new else "first_seen"
            else:
                kind = "repeat" if day - before <= active else "resurrected"
            counts[month][kind] += 1
        if bought[-1] + active <= AS_OF:
            gone = bought[-1] + active
            counts[gone.year, gone.month]["lapsed"] += 1
    told, base = 0, 0
    for (year, month), mine in counts.items():  # before the history is complete
        if (year, month) < (BEGINS.year, BEGINS.month):
            base += mine.total() - mine["repeat"] - 2 * mine["lapsed"]
    for row in found.months.rows(named=True):
        mine = counts[row["month"] // 12, row["month"] % 12 + 1]
        assert row["active_begin"] == base
        base += mine["new"] + mine["first_seen"] + mine["resurrected"] - mine["lapsed"]
        assert row["active_end"] == base
        if 0 < mine["first_seen"] < K:
            mine["new"] += mine.pop("first_seen")
        for kind in ("new", "first_seen", "repeat", "resurrected", "lapsed"):
            assert row[kind] in (None, mine[kind])
            told += row[kind] is not None and row[kind] > 0
    assert told > 60


def test_who_they_are_equals_a_count(shop: Shop) -> None:
    found = shop.published.result("profile.who")
    ((_, first, last),) = [w for w in WINDOWS if w[0] == "12m"]
    bought = shop.buyers(first, last)
    mean = sum(float(c.profit) for c in bought.values()) / len(bought)
    assert found.overall.value == pytest.approx(mean)
    assert "city" not in found.fields  # who knows the map can take cities from their region
    named = found.groups.filter(pl.col("kind") == "group")
    for row in named.rows(named=True):
        if row["field"] not in ("region", "sex", "account_type", "acquisition_channel"):
            continue
        mine = [
            c for n, c in bought.items() if shop.people.get(n, {}).get(row["field"]) == row["group"]
        ]
        assert row["customers"] == len(mine) >= K
        assert row["mean"] == pytest.approx(sum(float(c.profit) for c in mine) / len(mine))
        assert row["index"] == pytest.approx(row["mean"] / mean)
    assert set(named["field"]) >= {"region", "sex", "age", "acquisition_channel"}
    for name in found.fields:
        assert found.groups.filter(field=name)["customers"].sum() == len(bought)


def test_a_region_that_the_filters_hide_is_not_told_elsewhere(shop: Shop) -> None:
    told = set(shop.published.result("profile.who").groups.filter(field="region")["group"])
    for label, key in shop.published.options("region", "en"):
        if key.startswith("="):
            found = shop.published.result("profile.activity", region=key)
            assert (label in told) != isinstance(found, publish.Suppressed)


def test_the_card_of_a_segment_equals_a_count(shop: Shop) -> None:
    ((_, first, last),) = [w for w in WINDOWS if w[0] == "12m"]
    bought, segment = shop.buyers(first, last), shop.segments(last)
    products = shop.tables.ledger("products").select("product_id", "category").collect()
    top = {p: c.split(" > ")[0] for p, c in products.iter_rows() if c}
    told = 0
    for _, key in shop.published.options("segment", "en", window="12m"):
        found = shop.published.result("profile.card", segment=key)
        if isinstance(found, publish.Suppressed):
            continue
        assert found.groups == ["all", key][: 1 + (key != "all")]
        mine = {n: c for n, c in bought.items() if key in ("all", segment[n])}
        card = found.cards.filter(group=key).row(0, named=True)
        assert card["customers"] == len(mine) >= K
        assert card["mean_value"] == pytest.approx(
            float(sum(c.value for c in mine.values())) / len(mine)
        )
        once = sum(len(c.purchase_days) == 1 for c in mine.values())
        if card["once"] is None:
            told -= 1
        else:
            assert card["once"] == pytest.approx(once / len(mine))
            assert all(n == 0 or n >= K for n in (once, len(mine) - once))
        lines = Counter(
            top[r["product_id"]]
            for r in shop.lines
            if r["customer_id"] in mine
            and r["quantity"] > 0
            and first <= r["day"] <= last
            and r["product_id"] in top
        )
        for row in found.categories.filter(group=key).rows(named=True):
            assert row["share"] == pytest.approx(lines[row["category"]] / lines.total())
            told += 1
    assert told > 10


def test_the_public_functions_say_the_same(shop: Shop) -> None:
    year = shop.tables.customer_between(_year_before(AS_OF) + timedelta(days=1), AS_OF).collect()
    scored = rfm.score(year)
    shown = shop.published.result("profile.rfm").segments
    assert scored.segments.filter(pl.col("segment").is_in(shown["segment"].to_list())).equals(
        shown.filter(pl.col("segment") != "other")
    )
    worth = value.whale(year)
    found = shop.published.result("profile.value")
    assert (worth.customers, worth.loss_makers) == (found.customers, found.loss_makers)
    assert worth.best_share == found.best_share
    assert waterfall.measure(year).steps.equals(shop.published.result("profile.waterfall").steps)


def test_two_customers_of_a_shop_of_two_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "order_id,customer_id,ordered_at,product_id,quantity,unit_price\n"
        "1,a,2025-01-01,p,1,10\n2,b,2025-01-02,p,1,20\n"
    )
    (tmp_path / "crm.toml").write_text(
        '[privacy]\npseudonyms = false\n[order_lines]\nfiles = ["orders.csv"]\ndecimal = "."\n'
    )
    publish.build(config.load(tmp_path / "crm.toml", workspace=tmp_path / "workspace"))
    published = publish.open_boards(tmp_path / "workspace")
    for name in ("activity", "value", "returning", "rfm", "waterfall", "who", "card"):
        found = published.result(f"profile.{name}")
        assert isinstance(found, publish.Suppressed)
        assert "fewer than 10" in found.reason("en")
