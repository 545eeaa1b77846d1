"""Who buys, in which rhythm, and who joined when."""

from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pytest

from crmlib.ledger.sample import SampleSpec
from crmlib.ledger.sample.people import FREE, REGULAR, RISING, draw_people
from crmlib.ledger.sample.visits import draw_visits
from crmlib.ledger.sample.world import calendar_of
from tests.sample.recount import first_purchases


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


@pytest.fixture(scope="module")
def gaps():
    """Days between visits, by rhythm, of those who stay; and the days of the rising ones."""
    calendar = calendar_of(SampleSpec())
    people = draw_people(20_000, calendar, np.random.default_rng(8))
    who, day = draw_visits(people, calendar, np.random.default_rng(9)).to_numpy().T
    same = np.diff(who) == 0
    stays = people.leave_day[who] > calendar.days
    found = {
        rhythm: np.diff(day)[same & (stays & (people.rhythm[who] == rhythm))[1:]]
        for rhythm in (FREE, REGULAR)
    }
    return found, day[(people.rhythm[who] == RISING) & stays], day[stays], calendar


def test_regular_buyers_come_every_thirty_days_and_the_others_by_chance(gaps):
    regular, free = gaps[0][REGULAR], gaps[0][FREE]
    # Gaps that would end after the data are not seen: the mean of 30 loses about one in thirty.
    assert 28.5 < regular.mean() < 30.5
    assert regular.std() / regular.mean() == pytest.approx(6**-0.5, abs=0.03)  # Erlang of 6
    assert free.std() / free.mean() > 1  # a mixture of exponential gaps


def test_rising_buyers_come_ever_more_often(gaps):
    _, rising, everybody, calendar = gaps
    half = calendar.days // 2

    def later(days):
        return (days >= half).sum() / (days < half).sum()

    # Their pace rises from 0.3 to 1.7: the halves have 0.65 and 1.35.
    assert later(rising) / later(everybody) == pytest.approx(1.35 / 0.65, rel=0.15)


def test_those_in_a_rhythm_are_named(written):
    told = written.truth["rhythms"]
    customers = written.truth["spec"]["customers"]
    assert 0.05 < len(told["düzenli"]) / customers < 0.11
    assert 0.04 < len(told["artan"]) / customers < 0.09
    assert not set(told["düzenli"]) & set(told["artan"])
    fields = {
        row["customer_id"]: row["value"]
        for row in written.rows("attributes")
        if row["field"] == "segment"
    }
    for rhythm in ("düzenli", "artan"):
        mine = {who for who, value in fields.items() if value == rhythm}
        assert mine == fields.keys() & set(told[rhythm])
