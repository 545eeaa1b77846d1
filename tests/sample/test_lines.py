"""What is sold and sent back, with its planted shares."""

from collections import Counter
from datetime import date, timedelta

import polars as pl
import pytest

from tests.sample.recount import profit, value


def test_outlet_sells_below_cost_and_no_other_sale_does(written):
    for line in written.lines:
        if line["quantity"] > 0:
            assert line["discount"] >= 0
            assert (profit(line) < 0) == (line["promotion_id"] == "OUTLET")
            assert value(line) > 0


def test_refunds_reverse_the_sale_exactly(written):
    key = lambda line: (line["order_id"], line["product_id"])  # noqa: E731
    sales = {key(line): line for line in written.lines if line["quantity"] > 0}
    refunds = [line for line in written.lines if line["quantity"] < 0]
    assert len({key(line) for line in refunds}) == len(refunds)
    written_off = 0
    for back in refunds:
        sale = sales[key(back)]
        assert value(back) == -value(sale)
        delay = back["ordered_at"].date() - sale["ordered_at"].date()
        assert timedelta(days=2) <= delay <= timedelta(days=20)
        assert back["ordered_at"].date() <= date(2025, 6, 30)
        same = ("customer_id", "unit_price", "vat_rate", "promotion_id", "channel", "store")
        assert [back[name] for name in same] == [sale[name] for name in same]
        if back["unit_cost"] == 0:
            written_off += 1
            assert back["unit_cost_recorded"] == 0
            assert written.truth["planted_loss_makers"][back["customer_id"]] == "refunds"
        else:
            assert profit(back) == -profit(sale)
    assert written_off > 0
    # 3 % less what would come after the end or was left out; binomial noise is about 0.2 %.
    assert 0.02 < (len(refunds) - written_off) / len(sales) < 0.04


def test_no_two_lines_of_an_order_are_alike(written):
    keys = Counter((x["order_id"], x["product_id"], x["quantity"] > 0) for x in written.lines)
    assert max(keys.values()) == 1


def test_baskets_channels_and_gaps_have_their_planted_shares(written):
    lines = written.shop.order_lines
    sales = lines.filter(pl.col("quantity") > 0)
    orders = sales.group_by("order_id").agg(
        pl.len(), pl.col("customer_id").first(), pl.col("channel").first(), pl.col("store").first()
    )
    assert 2.3 < orders["len"].mean() < 2.8
    # Six lines at most, but for what is brought along.
    assert (orders["len"] > 6).mean() < 0.002
    nameless = orders.filter(pl.col("customer_id").is_null())
    assert nameless.height / orders.height == pytest.approx(0.12, abs=0.015)
    assert set(nameless["channel"]) == {"mağaza"}
    assert set(orders["channel"]) == {"mağaza", "web", "mobil"}
    assert (orders["store"].is_null() == (orders["channel"] != "mağaza")).all()
    hours = sales.filter(channel="mağaza")["ordered_at"].dt.hour()
    assert 9 <= hours.min() <= hours.max() < 22
    never = written.truth["no_cost_products"]
    hidden = lines.filter(pl.col("product_id").is_in(never))
    assert len(never) == 3
    assert hidden["product_id"].n_unique() == 3
    assert hidden["unit_cost_recorded"].is_null().all()
    assert not set(hidden["customer_id"]) & set(written.truth["loss_makers"])
    rest = lines.filter(~pl.col("product_id").is_in(never))
    assert rest["unit_cost_recorded"].is_null().mean() == pytest.approx(0.05, abs=0.01)
    shown = rest.drop_nulls("unit_cost_recorded")
    assert (shown["unit_cost_recorded"] == shown["unit_cost"]).all()
    months = rest.group_by("product_id", pl.col("ordered_at").dt.truncate("1mo")).agg(
        pl.len(), known=pl.col("unit_cost_recorded").is_not_null().any()
    )
    assert months.filter(pl.col("len") >= 3)["known"].all()
