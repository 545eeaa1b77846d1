"""Totals, season and real spend as the truth tells them."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from crmlib.ledger.sample import SampleSpec, simulate
from tests.sample.recount import FOUR, value


def test_season_shows_in_the_number_of_orders(written):
    per_day = defaultdict(list)
    for month, totals in written.truth["by_month"].items():
        days = pl.Series([date.fromisoformat(f"{month}-01")]).dt.month_end().dt.day()[0]
        per_day[int(month[5:])].append(totals["orders"] / days)
    mean = {month: sum(found) / len(found) for month, found in per_day.items()}
    year = sum(mean.values()) / 12
    assert mean[11] > 1.1 * year
    assert mean[12] > 1.15 * year
    assert mean[2] < 0.95 * year
    weekday = Counter(x["ordered_at"].weekday() for x in written.lines if x["quantity"] > 0)
    assert weekday[5] > 1.3 * weekday[0]


def test_the_days_before_a_bayram_draw_more(crowd):
    per_day = Counter(
        day for day in crowd.order_lines.unique("order_id")["ordered_at"].dt.date().to_list()
    )
    for name, told in crowd.truth["season"]["bayrams"].items():
        ratios = []
        assert len(told["first_days"]) == 3
        for first in map(date.fromisoformat, told["first_days"]):
            days = [first - timedelta(days=n) for n in range(1, told["days_before"] + 1)]
            # The same weekdays three weeks later, allowing for the season of their month.
            later = [day + timedelta(days=21) for day in days]
            season = crowd.truth["season"]["month"]
            level = sum(per_day[d] / season[d.month - 1] for d in later)
            ratios.append(sum(per_day[d] / season[d.month - 1] for d in days) / level)
        # Regular buyers dampen it; 10 to 14 days hold 2,000 orders, so a ratio errs by 3 %.
        assert sum(ratios) / 3 == pytest.approx(told["uplift"], abs=0.06), name
        assert sum(ratios) / 3 > 1


def test_totals_by_month_are_those_of_the_lines(written):
    sums: dict[str, Decimal] = defaultdict(Decimal)
    orders, lines = defaultdict(set), Counter()
    for line in written.lines:
        month = f"{line['ordered_at']:%Y-%m}"
        sums[month] += value(line)
        lines[month] += 1
        if line["quantity"] > 0:
            orders[month].add(line["order_id"])
    assert written.truth["by_month"] == {
        month: {"value": str(sums[month]), "orders": len(orders[month]), "lines": lines[month]}
        for month in sorted(sums)
    }


def test_real_spend_per_visit_is_measured_as_defined(written):
    index = {month: Decimal(text) for month, text in written.truth["price_index"].items()}
    end = index["2025-06"]
    real, visits = Decimal(0), set()
    for line in written.lines:
        if line["customer_id"] and line["quantity"] > 0:
            visits.add((line["customer_id"], line["ordered_at"].date()))
            real += value(line) * end / index[f"{line['ordered_at']:%Y-%m}"]
    told = written.truth["real_spend_per_visit"]
    assert told["visits"] == len(visits)
    assert told["realised"] == str((real / len(visits)).quantize(FOUR))


def test_real_spend_per_visit_stays_where_it_was_planted():
    shop = simulate(SampleSpec(customers=8000, seed=4))
    told = shop.truth["real_spend_per_visit"]
    planted = float(told["planted"])
    # A visit's spend varies by about 110 % and 50,000 visits leave 0.5 %; customers' own basket
    # sizes add as much again. Half-years, of 8,000 visits, vary by 1.5 %.
    assert float(told["before_discount"]) == pytest.approx(planted, rel=0.03)
    months = [float(text) for text in told["by_month"].values()]
    halves = [sum(months[n : n + 6]) / 6 for n in range(0, 30, 6)]
    assert halves == pytest.approx([float(told["realised"])] * 5, rel=0.05)
