"""The whale curve, its classes and its loss-makers against sums by hand."""

import math
import random
from decimal import Decimal

import polars as pl
import pytest

from crmlib import i18n
from crmlib.estimate import jackknife_interval
from crmlib.profile import value
from tests.profile.frames import costed, mart, random_mart


def _costed(margin: float, **more: object) -> dict[str, object]:
    amount = Decimal(str(margin))
    return {"value": Decimal(100), "value_costed": Decimal(100), "margin": amount} | more


@pytest.mark.parametrize("seed", range(6))
def test_curve_best_share_and_deciles_equal_sums_by_hand(seed: int) -> None:
    customer = random_mart(seed, 137)
    found = value.whale(customer)
    amounts = sorted((float(m) for m in customer["margin"]), reverse=True)
    total = sum(amounts)
    top = math.ceil(0.2 * 137)
    assert found.by == "margin"
    assert found.best_share == pytest.approx(sum(amounts[:top]) / total, rel=1e-12)
    for share, reached in found.curve.iter_rows():
        assert reached == pytest.approx(sum(amounts[: round(share * 137)]) / total, abs=1e-12)
    assert found.deciles["customers"].sum() == 137
    assert found.deciles["value"].sum() == pytest.approx(total)
    assert found.loss_makers == sum(a < 0 for a in amounts)
    assert found.loss == pytest.approx(sum(a for a in amounts if a < 0))


def test_the_curve_rises_over_one_where_customers_cost_money() -> None:
    found = value.whale(mart([_costed(30)] * 8 + [_costed(-40)] * 2))
    assert found.curve["value_share"].max() == pytest.approx(240 / 160)
    assert found.curve["value_share"].to_list()[-1] == pytest.approx(1.0)


def test_classes_cross_at_80_and_95_percent() -> None:
    # 50, 25, 10, 10, 5 of 100: A holds the one that crosses 80, B the one that crosses 95.
    customer = mart([{"value": Decimal(v)} for v in (50, 25, 10, 10, 5)])
    found = value.whale(customer, value.ValueSpec(by="value"))
    assert found.classes.rows() == [("A", 3, 0.85), ("B", 1, 0.10), ("C", 1, 0.05)]


@pytest.mark.parametrize(("share", "by"), [(0.79, "value"), (0.81, "margin")])
def test_margin_is_used_only_where_costs_are_known(share: float, by: str) -> None:
    costed = Decimal(100) * Decimal(str(share))
    assert value.whale(mart([_costed(10, value_costed=costed)] * 20)).by == by


def test_without_costs_nobody_speaks_of_profit() -> None:
    found = value.whale(mart([{"value": Decimal(v)} for v in range(1, 30)]))
    assert found.by == "value"
    assert found.loss_makers == 0
    assert "profit" not in found.headline("en").lower()
    assert "kâr" not in found.headline("tr").lower()


def test_the_cause_is_what_cost_most() -> None:
    returns = _costed(-50, margin_returns=Decimal(-60))
    below = _costed(-20, margin_below_cost=Decimal(-25))
    assert value.whale(mart([_costed(30)] * 9 + [returns, below])).cause == "returns"
    assert value.whale(mart([_costed(30)] * 9 + [returns] + [below] * 3)).cause == "below_cost"


def test_headline_flips_when_nobody_costs_money() -> None:
    with_loss = value.whale(mart([_costed(30)] * 9 + [_costed(-50, margin_returns=Decimal(-60))]))
    without = value.whale(mart([_costed(30)] * 10))
    assert "cost us" in with_loss.headline("en")
    assert "No customer cost us money." in without.headline("en")
    assert with_loss.headline("tr") != without.headline("tr")


def test_loss_makers_are_listed_worst_first_with_their_cause() -> None:
    worst = _costed(-50, margin_below_cost=Decimal(-60))
    other = _costed(-5, margin_returns=Decimal(-9))
    listed = value.loss_makers(mart([_costed(30), other, worst]))
    assert listed["customer_id"].to_list() == ["c00002", "c00001"]
    assert listed["cause"].to_list() == ["below_cost", "returns"]


@pytest.mark.parametrize("empty", [[], [{"value": Decimal(0)}], [{"value": Decimal(-5)}]])
def test_nothing_sold_is_a_normal_answer(empty: list[dict[str, object]]) -> None:
    found = value.whale(mart(empty))
    assert found.best_share is None
    assert found.curve.is_empty()
    found.headline("en")


@pytest.mark.parametrize(
    ("field", "given"), [("best", 0.0), ("best", 1.2), ("points", 0), ("by", "x")]
)
def test_a_wrong_spec_echoes_its_value(field: str, given: object) -> None:
    with pytest.raises(ValueError, match=str(given)):
        value.ValueSpec(**{field: given})  # type: ignore[arg-type]


def test_gini_against_all_pairs_by_hand() -> None:
    amounts = [3, 1, 4, 1, 5, 9, 2, 6]
    found = value.whale(mart([{"value": Decimal(a)} for a in amounts])).gini
    pairs = sum(abs(a - b) for a in amounts for b in amounts)
    assert found == pytest.approx(pairs / (2 * len(amounts) * sum(amounts)), rel=1e-12)
    assert value.whale(mart([_costed(30)] * 9 + [_costed(-5)])).gini is None


def test_missing_costs_are_said() -> None:
    found = value.whale(mart([_costed(30, value_costed=Decimal(90))] * 20))
    assert "Costs are known for 90% of sales." in found.headline("en")
    assert "Costs are known" not in value.whale(mart([_costed(30)] * 20)).headline("en")


def test_profit_takes_freight_service_and_contacts_off_where_they_are_known() -> None:
    rows = [_costed(30)] * 8 + [_costed(30, freight=Decimal(40)), _costed(5, service=Decimal(9))]
    found = value.whale(costed(rows))
    assert (found.by, found.loss_makers, found.loss) == ("profit", 2, -14)
    assert found.total == 8 * 30 - 10 - 4
    assert "profit" in found.headline("en")
    by_margin = value.whale(costed(rows), value.ValueSpec(by="margin"))
    assert (by_margin.by, by_margin.loss_makers) == ("margin", 0)


@pytest.mark.parametrize("cause", sorted(value.CAUSES))
def test_each_cause_is_found_and_named_in_both_languages(cause: str) -> None:
    took = {
        "returns": {"margin": Decimal(-50), "margin_returns": Decimal(-60)},
        "below_cost": {"margin": Decimal(-50), "margin_below_cost": Decimal(-60)},
    }.get(cause, {cause: Decimal(90)})
    other = _costed(10, margin_returns=Decimal(-30), freight=Decimal(15))
    customer = costed([_costed(30)] * 9 + [_costed(20) | took, other])
    found = value.whale(customer)
    assert (found.loss_makers, found.cause) == (2, cause)
    for lang in i18n.LANGUAGES:
        assert i18n.text(value.CAUSES[cause], lang) in found.headline(lang)
    assert i18n.text(value.CAUSES[cause], "tr") != value.CAUSES[cause]
    listed = value.loss_makers(customer)
    assert listed["cause"].to_list()[0] == cause
    assert listed["cause"].to_list()[-1] == "returns"
    assert listed["profit"].to_list() == sorted(listed["profit"])


@pytest.mark.parametrize("seed", range(6))
def test_the_interval_of_the_best_equals_sorting_anew_without_each_fold(seed: int) -> None:
    draw = random.Random(seed)
    rows = [
        _costed(round(draw.lognormvariate(2, 1.5) - 3, 2), fold=draw.randrange(9))
        for _ in range(draw.randint(40, 200))
    ]
    customer = mart(rows)
    found = value.whale(customer)

    def share(customers: pl.DataFrame) -> float:
        amounts = sorted(customers["margin"].cast(float), reverse=True)
        return sum(amounts[: math.ceil(round(0.2 * len(amounts), 9))]) / sum(amounts)

    folds = sorted(set(customer["fold"]))
    without = [share(customer.filter(pl.col("fold") != f)) for f in folds]
    expected = jackknife_interval(share(customer), without)
    assert found.best_interval.low == pytest.approx(expected.low, rel=1e-12)
    assert found.best_interval.high == pytest.approx(expected.high, rel=1e-12)


def test_the_interval_of_the_best_covers_the_truth() -> None:
    # Of an exponential distribution the best fifth hold 0.2 (1 + ln 5): its Lorenz curve.
    truth, runs, draw = 0.2 * (1 + math.log(5)), 300, random.Random(8)
    hits, widths, values = 0, [], []
    for _ in range(runs):
        folds = [draw.randrange(64) for _ in range(1_000)]
        frame = (
            mart([{}])
            .select(pl.all().repeat_by(1_000).explode())
            .with_columns(
                customer_id=pl.int_range(1_000).cast(pl.String),
                fold=pl.Series(folds, dtype=pl.Int32),
                value=pl.Series([round(draw.expovariate(0.01), 4) for _ in folds]).cast(
                    pl.Decimal(38, 4)
                ),
            )
        )
        found = value.whale(frame, value.ValueSpec(by="value", points=1))
        hits += not found.best_interval.excludes(truth)
        widths.append(found.best_interval.high - found.best_interval.low)
        values.append(found.best_share)
    assert 0.95 - 3 * (0.95 * 0.05 / runs) ** 0.5 <= hits / runs <= 0.988
    assert 0.8 <= pl.Series(widths).mean() / (2 * 1.96 * pl.Series(values).std()) <= 1.25
