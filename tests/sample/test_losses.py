"""Who costs the shop money and why, counted again from the files."""

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from tests.sample.recount import profits, value

PERIODS = ["loss_makers", "loss_makers_last_12_months"]
CAUSE_OF = {"refunds": "returns"}


@pytest.mark.parametrize("period", PERIODS)
def test_loss_makers_are_the_customers_with_negative_profit_and_their_main_cause(written, period):
    since = written.truth["last_12_months_from"] if "last" in period else "2000-01-01"
    found = profits(written, date.fromisoformat(since))
    losing = {who: sums for who, sums in found.items() if sums["profit"] < 0}
    told = written.truth[period]
    assert {who: entry["profit"] for who, entry in told.items()} == {
        who: str(sums["profit"]) for who, sums in losing.items()
    }
    for who, entry in told.items():
        causes = {cause: amount for cause, amount in losing[who].items() if cause != "profit"}
        assert causes[entry["cause"]] == min(causes.values())
        assert entry["planted"] == (who in written.truth["planted_loss_makers"])


def test_the_planted_ones_lose_in_every_period_in_which_they_buy(written):
    planted = written.truth["planted_loss_makers"]
    assert 0.04 < len(planted) / len(written.truth["buyers"]) < 0.07
    causes = Counter(planted.values())
    assert causes["refunds"] > causes["below_cost"] > 0
    since = date.fromisoformat(written.truth["last_12_months_from"])
    for period, first in zip(PERIODS, (date.min, since), strict=True):
        told, buyers = written.truth[period], profits(written, first)
        for who in planted.keys() & buyers.keys():
            cause = CAUSE_OF.get(planted[who], planted[who])
            assert told[who]["cause"] == cause
    assert written.truth["last_12_months_from"] == "2024-07-01"


def test_planted_losses_are_clear(written):
    planted, told = written.truth["planted_loss_makers"], written.truth["loss_makers"]
    bought: Counter[str] = Counter()
    for line in written.lines:
        if line["customer_id"] in planted and line["quantity"] > 0:
            bought[line["customer_id"]] += value(line)
    assert all(Decimal(told[who]["profit"]) < -bought[who] / 50 for who in planted)


def test_all_causes_are_there(crowd):
    told = crowd.truth["loss_makers"].values()
    planted = Counter(entry["cause"] for entry in told if entry["planted"])
    assert set(planted) == {"returns", "below_cost", "freight", "service", "contacts"}
    assert min(planted.values()) > 30
    others = Counter(entry["cause"] for entry in told if not entry["planted"])
    assert others["freight"] > 30  # small baskets to far regions
    assert sum(others.values()) < 0.02 * len(crowd.truth["buyers"])
