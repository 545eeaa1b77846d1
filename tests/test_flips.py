"""Sentences and decisions turn when the data turn: none of them is painted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest

from crmlib import publish
from crmlib.ledger import sample
from crmlib.ledger.sample import SampleShop, SampleSpec
from crmlib.profile import decisions
from tests.shops import build

SPEC = SampleSpec(customers=1_500, seed=7)
THIS_YEAR = pl.col("ordered_at") >= datetime(2024, 7, 1)
LAST_YEAR = pl.col("ordered_at").is_between(
    datetime(2023, 7, 1), datetime(2024, 7, 1), closed="left"
)


@dataclass(frozen=True)
class Said:
    """What the default page of a shop says and decides."""

    activity: str
    value: str
    returning: str
    decisions: dict[str, str]


def _say(published: publish.Published, *, value_window: str = "12m") -> Said:
    results = {
        "activity": published.result("profile.activity"),
        "value": published.result("profile.value", window=value_window),
        "returning": published.result("profile.returning"),
    }
    return Said(
        **{name: result.headline("en") for name, result in results.items()},
        decisions=decisions.decide(*results.values()),
    )


@pytest.fixture(scope="module")
def shop() -> SampleShop:
    """The shop as it is."""
    return sample.simulate(SPEC)


@pytest.fixture(scope="module")
def say(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Said]:
    """Build a shop from its raw files and read its page."""

    def built(shop: SampleShop, **how: str) -> Said:
        workspace = build(tmp_path_factory.mktemp("shop"), shop)
        return _say(publish.open_boards(workspace), **how)

    return built


@pytest.fixture(scope="module")
def before(shop: SampleShop, say: Callable[..., Said]) -> Said:
    """What the page says of the shop as it is."""
    return say(shop)


def test_as_it_is(before: Said) -> None:
    assert "more than in the same months last year" in before.activity
    assert "customers cost us" in before.value
    assert "of last year's new customers came back" in before.returning
    assert before.decisions["customer base"].startswith("growing")
    assert before.decisions["customers that cost money"].startswith("talk to those who return")


def test_costs_of_loss_makers_to_zero(
    shop: SampleShop, before: Said, say: Callable[..., Said]
) -> None:
    losing = pl.col("customer_id").is_in(list(shop.truth["loss_makers"]))
    # Every cost is recorded here: a gap would be filled from lines whose cost is now zero.
    cost = pl.when(losing).then(pl.lit(Decimal(0))).otherwise(pl.col("unit_cost"))
    free = [cost.cast(pl.Decimal(18, 4)).alias(c) for c in ("unit_cost", "unit_cost_recorded")]
    # Whoever brings goods, answers calls or sends messages does it for nothing here.
    served = {
        name: shop.tables[name].with_columns(cost=pl.lit(Decimal(0), pl.Decimal(18, 4)))
        for name in ("deliveries", "service", "contacts")
    }
    given = replace(
        shop, order_lines=shop.order_lines.with_columns(free), tables=shop.tables | served
    )
    # Over all data: goods sold before the last twelve months and returned within them do cost
    # money in these months, whatever they were bought for.
    after = say(given, value_window="all")
    assert "No customer cost us money." in after.value
    assert after.decisions["customers that cost money"] == "none to act on"
    assert after.activity == before.activity
    opening = say(given)
    assert "Fewer than 10 customers cost us money." in opening.value
    assert "not worth a programme" in opening.decisions["customers that cost money"]


def test_last_years_customers_removed(
    shop: SampleShop, before: Said, say: Callable[..., Said]
) -> None:
    came = shop.order_lines.filter(LAST_YEAR)["customer_id"].drop_nulls().unique()
    kept = shop.order_lines.filter(
        ~pl.col("customer_id").is_in(came.implode()).fill_null(value=False)
    )
    after = say(replace(shop, order_lines=kept))
    assert after.activity != before.activity
    assert "nobody bought a year before" in after.activity
    assert after.decisions["customer base"] == "cannot be compared with last year"
    assert "Too few new customers last year" in after.returning
    assert after.decisions["second purchase"].startswith("not known")


def test_half_of_this_years_customers_removed(
    shop: SampleShop, before: Said, say: Callable[..., Said]
) -> None:
    gone = THIS_YEAR & (
        pl.col("customer_id").str.slice(-1).is_in(list("02468")).fill_null(value=False)
    )
    after = say(replace(shop, order_lines=shop.order_lines.filter(~gone)))
    assert "fewer than in the same months last year" in after.activity
    assert after.decisions["customer base"].startswith("shrinking")
    assert after.returning != before.returning


def test_no_costs_at_all_and_the_word_profit_is_gone(
    shop: SampleShop, say: Callable[..., Said]
) -> None:
    none = shop.order_lines.with_columns(unit_cost_recorded=pl.lit(None, dtype=pl.Decimal(18, 4)))
    after = say(replace(shop, order_lines=none))
    assert "profit" not in after.value.lower()
    assert "of sales" in after.value
    assert after.decisions["customers that cost money"] == "not known: the data have no costs"
