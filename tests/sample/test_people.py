"""Who buys, who joined when, and who costs the shop money."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

from tests.sample.recount import first_purchases, profit, profits, value


def test_loss_makers_are_exactly_the_customers_with_negative_profit(written):
    makers = written.truth["loss_makers"]
    found = profits(written.lines, date.min)
    assert {who for who, total in found.items() if total < 0} == set(makers)
    assert {who: str(found[who]) for who in makers} == {k: v["profit"] for k, v in makers.items()}
    share = len(makers) / len(written.truth["buyers"])
    assert 0.035 < share < 0.045
    causes = Counter(maker["cause"] for maker in makers.values())
    assert 0.6 < causes["refunds"] / len(makers) < 0.73


def test_in_the_last_12_months_the_same_customers_lose_money(written):
    makers = written.truth["loss_makers"]
    found = profits(written.lines, date.fromisoformat(written.truth["last_12_months_from"]))
    assert written.truth["last_12_months_from"] == "2024-07-01"
    assert {who for who, total in found.items() if total < 0} == makers.keys() & found.keys()
    for who, maker in makers.items():
        last = maker["profit_last_12_months"]
        assert last == (str(found[who]) if who in found else None)


def test_losses_are_clear_and_have_the_cause_that_is_told(written):
    for who, maker in written.truth["loss_makers"].items():
        mine = [line for line in written.lines if line["customer_id"] == who]
        sold = sum(value(line) for line in mine if line["quantity"] > 0)
        assert Decimal(maker["profit"]) < -sold / 20
        by_cause = {
            "refunds": sum(profit(x) for x in mine if x["quantity"] < 0 and x["unit_cost"] == 0),
            "below_cost": sum(profit(x) for x in mine if x["promotion_id"] == "OUTLET"),
        }
        assert min(by_cause, key=lambda cause: by_cause[cause]) == maker["cause"]


def test_a_customer_has_at_most_one_order_a_day(written):
    orders = defaultdict(set)
    for line in written.lines:
        if line["customer_id"] and line["quantity"] > 0:
            orders[line["customer_id"], line["ordered_at"].date()].add(line["order_id"])
    assert max(len(ids) for ids in orders.values()) == 1


def test_joined_at_is_the_day_of_the_first_purchase(written):
    first = first_purchases(written.lines)
    old = set(written.truth["pre_existing"])
    assert set(first) == set(written.truth["buyers"])
    missing = 0
    for row in written.shop.customers.rows(named=True):
        who, joined = row["customer_id"], row["joined_at"]
        missing += joined is None
        if who in old:
            assert joined is None or joined < date(2023, 1, 1)
            if joined is None:
                assert first[who] < date(2023, 1, 1) + timedelta(days=150)
        elif joined is not None:
            assert joined == first[who]
    # Binomial, at 600 customers with a standard deviation of 1.5 %.
    assert 0.10 < missing / written.shop.customers.height < 0.20


def test_few_buyers_are_missing_from_the_customer_table_and_harmlessly(written):
    first = first_purchases(written.lines)
    absent = first.keys() - set(written.shop.customers["customer_id"])
    assert len(absent) <= 0.015 * len(first)
    for who in absent & set(written.truth["pre_existing"]):
        assert first[who] < date(2023, 1, 1) + timedelta(days=150)


def test_ids_are_texts_of_eight_digits_some_with_leading_zeros(written):
    ids = written.shop.customers["customer_id"]
    assert ids.str.contains(r"^\d{8}$").all()
    assert 0.05 < ids.str.starts_with("0").mean() < 0.15
    assert ids.n_unique() == len(ids)
    assert written.shop.customers["email"].drop_nulls().str.ends_with("@example.com").all()
    assert written.shop.customers["email"].drop_nulls().str.contains(r"^[a-z0-9.@]+$").all()
