"""Prices, promotions and what is on the shelf."""

from collections import defaultdict
from decimal import Decimal
from itertools import pairwise

import polars as pl
import pytest


def test_price_index_rises_by_three_percent_a_month(written):
    index = [float(text) for text in written.truth["price_index"].values()]
    rates = [later / earlier - 1 for earlier, later in pairwise(index)]
    assert index[0] == 100
    assert len(index) == 30
    assert max(rates) == pytest.approx(0.06, abs=1e-4)
    assert rates.index(max(rates)) == 20  # from the 21st to the 22nd month
    rates.remove(max(rates))
    # Mean of 28 draws with a standard deviation of 0.5 %: four standard errors.
    assert sum(rates) / len(rates) == pytest.approx(0.03, abs=0.004)
    assert min(rates) > 0


def test_price_and_cost_of_a_product_are_constant_within_a_month_and_follow_the_index(written):
    prices = defaultdict(set)
    for line in written.lines:
        if line["quantity"] > 0:
            month = f"{line['ordered_at']:%Y-%m}"
            prices[line["product_id"], month].add((line["unit_price"], line["unit_cost"]))
    assert all(len(pair) == 1 for pair in prices.values())
    real = defaultdict(list)
    for (product, month), pairs in prices.items():
        level = Decimal(written.truth["price_index"][month])
        real[product] += [price / level for price, _ in pairs]
    # A price is rounded to 0.01, half of which is at most 0.05 % of the cheapest, about 10.
    assert all(max(levels) / min(levels) < Decimal("1.002") for levels in real.values())


def test_products_are_sold_while_they_are_available(written):
    sold = written.shop.order_lines.filter(pl.col("quantity") > 0).join(
        written.shop.products, on="product_id", how="left", validate="m:1"
    )
    day = pl.col("ordered_at").dt.date()
    assert sold["available_from"].null_count() == 0
    assert sold.filter(day < pl.col("available_from")).is_empty()
    assert sold.filter(day > pl.col("available_until")).is_empty()
    assert sold["available_until"].drop_nulls().len() > 0


def test_promotions_lower_the_price_of_their_category_in_their_week(written):
    weeks = {told["promotion_id"]: told for told in written.truth["promotions"]}
    category = dict(written.shop.products.select("product_id", "category").rows())
    seen = set()
    for line in written.lines:
        name = line["promotion_id"]
        if name in (None, "OUTLET") or name.startswith("D") or line["quantity"] < 0:
            continue
        told = weeks[name]
        seen.add(name)
        assert told["start"] <= f"{line['ordered_at']:%Y-%m-%d}" <= told["end"]
        assert category[line["product_id"]] == told["category"]
        gross = line["quantity"] * line["unit_price"]
        assert abs(line["discount"] - gross * Decimal(told["discount"])) <= Decimal("0.01")
    assert len(seen) > 30
    assert {told["discount"] for told in weeks.values()} <= {"0.10", "0.15", "0.20", "0.25", "0.30"}
