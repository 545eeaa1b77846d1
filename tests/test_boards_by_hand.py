"""Every number of every board, counted again from the visits with plain loops."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmlib import config, marts, publish
from crmlib.ledger import sample
from crmlib.profile import rfm, value
from crmlib.publish.profile import hide_losses, merge_small
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
    fold: int = 0


@dataclass(frozen=True)
class Shop:
    """The published boards, and the visits as plain rows."""

    published: publish.Published
    tables: marts.Marts
    visits: list[dict[str, Any]]
    joined: dict[str, date | None]
    lines: list[tuple[date, bool, Decimal]]

    def customers(self, first: date, last: date) -> dict[str, Customer]:
        """Add up the visits of some days by customer."""
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
            who.fold = row["fold"]
            if row["purchase_lines"] > 0:
                who.purchase_days.add(row["day"])
        return found

    def buyers(self, first: date, last: date) -> dict[str, Customer]:
        """Give those who bought in these days."""
        return {k: c for k, c in self.customers(first, last).items() if c.purchase_days}

    def segments(self, last: date) -> dict[str, str]:
        """Name everybody's segment as of a day."""
        known = self.buyers(date.min, last)
        names = sorted(known)
        found = by_hand(
            [(last - max(known[n].purchase_days)).days for n in names],
            [known[n].orders for n in names],
            [known[n].real for n in names],
        )
        return dict(zip(names, found, strict=True))

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
            if seen[n] >= began and not ((j := self.joined.get(n)) and j < BEGINS)
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
    visits = tables.visits.with_columns(pl.from_epoch("day", "d")).collect().rows(named=True)
    joined = tables.ledger("customers").select("customer_id", "joined_at").collect()
    lines = (
        tables.ledger("order_lines")
        .select(pl.from_epoch("day", "d"), pl.col("customer_id").is_not_null(), "value")
        .collect()
    )
    return Shop(
        publish.open_boards(read.workspace), tables, visits, dict(joined.iter_rows()), lines.rows()
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
    known = sum(v for d, named, v in shop.lines if first <= d <= last and named)
    total = sum(v for d, _, v in shop.lines if first <= d <= last)
    assert found.identified == pytest.approx(float(known / total), rel=1e-12)
    _check_change(shop, found, name, first, last, bought)
    _check_value(shop.published.result("profile.value", window=name), bought, shown=True)
    _check_returning(shop, name, last, bought)


def _check_change(
    shop: Shop, found: Any, name: str, first: date, last: date, bought: dict[str, Customer]
) -> None:
    earlier = _year_before(first), _year_before(last)
    if earlier[0] < BEGINS or name == "all":
        assert found.change is None
        assert found.value_change is None
        return
    before = shop.buyers(*earlier)
    assert found.customers_before == len(before)
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
    """Leave each fold out in turn; (K - 1) / K times the squares around their mean."""

    def ratio(without: int) -> float:
        top, bottom = (
            sum(amount(c) for c in group.values() if c.fold != without) for group in (now, before)
        )
        return top / bottom - 1

    folds = {c.fold for group in (now, before) for c in group.values()}
    out = [ratio(fold) for fold in folds]
    centre = sum(out) / len(out)
    spread = math.sqrt((len(out) - 1) / len(out) * sum((r - centre) ** 2 for r in out))
    assert change.interval.high - change.value == pytest.approx(1.959963984540054 * spread)


def _check_value(found: Any, bought: dict[str, Customer], *, shown: bool) -> None:
    assert found.by == "margin"
    assert found.customers == len(bought)
    margins = sorted((float(c.margin) for c in bought.values()), reverse=True)
    assert found.total == pytest.approx(sum(margins))
    if found.best_share is not None:
        best = math.ceil(round(0.2 * len(margins), 9))
        assert found.best_share == pytest.approx(sum(margins[:best]) / sum(margins))
        # The headline is a point of the curve: no single customer stands between them.
        assert any(math.isclose(found.best_share, y) for y in found.curve["value_share"])
    for share, reached in found.curve.iter_rows():
        assert reached == pytest.approx(
            sum(margins[: round(share * len(margins))]) / sum(margins), abs=1e-9
        )
    losing = [c for c in bought.values() if c.margin < 0]
    if found.loss_makers is None:
        assert losing
        assert not shown or len(losing) < K
        return
    assert found.loss_makers == len(losing)
    assert found.loss == pytest.approx(float(sum(c.margin for c in losing)))
    if losing:
        returned, below = (float(sum(getattr(c, a) for c in losing)) for a in ("returned", "below"))
        assert found.cause == ("returns" if returned <= below else "below_cost")


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


@pytest.mark.parametrize(("name", "first", "last"), WINDOWS, ids=[w[0] for w in WINDOWS])
def test_the_segments_of_a_window(shop: Shop, name: str, first: date, last: date) -> None:
    segment, bought = shop.segments(last), shop.buyers(first, last)
    shown: dict[str, dict[str, Customer]] = {}
    hidden: dict[str, Customer] = {}
    for _, key in shop.published.options("segment", "en"):
        if key in ("all", "other"):
            continue
        mine = {n: c for n, c in bought.items() if segment[n] == key}
        found = shop.published.result("profile.activity", window=name, segment=key)
        if isinstance(found, publish.Suppressed):
            hidden |= mine
            continue
        shown[key] = mine
        assert found.customers == len(mine) >= K
        assert found.orders == sum(c.orders for c in mine.values())
        assert found.change is None
        worth = shop.published.result("profile.value", window=name, segment=key)
        _check_value(worth, mine, shown=False)
    if hidden:
        other = shop.published.result("profile.activity", window=name, segment="other")
        assert other.customers == len(hidden) >= K
        worth = shop.published.result("profile.value", window=name, segment="other")
        _check_value(worth, hidden, shown=False)
    assert sum(len(m) for m in shown.values()) + len(hidden) == len(bought)
    assert shown or hidden


@pytest.mark.parametrize("name", [w[0] for w in WINDOWS])
def test_nothing_small_follows_by_subtraction(shop: Shop, name: str) -> None:
    """The whole less its shown parts leaves nobody, or at least ten."""
    keys = [k for _, k in shop.published.options("segment", "en") if k != "all"]
    results = {
        key: (
            shop.published.result("profile.activity", window=name, segment=key),
            shop.published.result("profile.value", window=name, segment=key),
        )
        for key in ["all", *keys]
    }
    parts = {
        k: r for k, r in results.items() if k != "all" and not isinstance(r[0], publish.Suppressed)
    }
    whole = results["all"]
    assert sum(r[0].customers for r in parts.values()) == whole[0].customers
    assert sum(r[0].value for r in parts.values()) == pytest.approx(whole[0].value)
    told = [r[1].loss_makers for r in parts.values() if r[1].loss_makers is not None]
    assert all(n == 0 or n >= K for n in told)
    if whole[1].loss_makers is not None:
        left = whole[1].loss_makers - sum(told)
        assert left == 0 or left >= K


def test_some_losses_are_hidden_here(shop: Shop) -> None:
    """The test above has something to find."""
    worth = [
        shop.published.result("profile.value", window=w, segment=k)
        for w, _, _ in WINDOWS
        for _, k in shop.published.options("segment", "en")
    ]
    values = [r for r in worth if not isinstance(r, publish.Suppressed)]
    assert any(r.loss_makers is None for r in values)
    assert any(r.loss_makers for r in values)


def test_the_segment_table_equals_a_count(shop: Shop) -> None:
    segment, ever = shop.segments(AS_OF), shop.buyers(date.min, AS_OF)
    table = shop.published.result("profile.rfm").segments
    real = sum(c.real for c in ever.values())
    for row in table.rows(named=True):
        mine = [ever[n] for n, s in segment.items() if s == row["segment"]]
        assert row["customers"] == len(mine)
        assert row["share"] == pytest.approx(len(mine) / len(ever))
        assert row["value"] == pytest.approx(float(sum(c.real for c in mine)))
        assert row["value_share"] == pytest.approx(float(sum(c.real for c in mine) / real))
        assert row["mean_orders"] == pytest.approx(sum(c.orders for c in mine) / len(mine))
        days = [(AS_OF - max(c.purchase_days)).days for c in mine]
        assert row["mean_days_since_last"] == pytest.approx(sum(days) / len(days))


def test_the_public_functions_say_the_same(shop: Shop) -> None:
    scored = rfm.score(shop.tables.customer)
    assert scored.segments.equals(shop.published.result("profile.rfm").segments)
    ever = shop.buyers(date.min, AS_OF)
    found = value.whale(shop.tables.customer)
    assert found.customers == len(ever)
    assert found.loss_makers == sum(c.margin < 0 for c in ever.values())


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ({"all": 40, "a": 25, "b": 15}, set()),
        ({"all": 42, "a": 25, "b": 15, "c": 2}, {"c", "b"}),
        ({"all": 30, "a": 20, "b": 4, "c": 6}, {"b", "c"}),
        ({"all": 7, "a": 4, "b": 3}, {"all", "a", "b"}),
        ({"all": 20, "a": 20, "b": 0}, set()),
        ({"all": 0, "a": 0}, set()),
    ],
)
def test_which_losses_are_hidden(counts: dict[str, int], hidden: set[str]) -> None:
    assert hide_losses(counts, K) == hidden


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
    for name in ("activity", "value", "returning", "rfm"):
        found = published.result(f"profile.{name}")
        assert isinstance(found, publish.Suppressed)
        assert "Fewer than 10" in found.reason("en")


def _group(segment: str, values: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"segment": [segment] * len(values), "value": values})


@pytest.mark.parametrize(("largest", "hidden"), [(20.1, True), (19.9, False)])
def test_one_customer_with_over_half_of_the_value_hides_the_segment(
    largest: float,
    hidden: bool,  # noqa: FBT001
) -> None:
    # The others bring 20 together: 20.1 is over half of all, 19.9 is not.
    rich = _group("rich", [largest] + [1.0] * 20)
    merged = merge_small(pl.concat([rich, _group("a", [5.0] * 30), _group("b", [5.0] * 50)]), K)
    assert (merged["rich"] == "other") == hidden
    assert (merged["a"] == "other") == hidden  # it hides the rich one among enough others
    assert merged["b"] == "b"


def test_what_hides_a_rich_customer_must_hide_him_well() -> None:
    """A small neighbour is not enough: he would still have over half of both."""
    rich = _group("rich", [1000.0] + [1.0] * 20)
    small, large = _group("a", [5.0] * 30), _group("b", [50.0] * 50)
    assert set(merge_small(pl.concat([rich, small, large]), K).values()) == {"other"}
