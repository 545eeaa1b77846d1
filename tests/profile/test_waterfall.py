"""The waterfall adds up, line by line, to the last unit."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl
import pytest

from crmlib.profile import value, waterfall
from crmlib.profile.waterfall import WaterfallSpec
from tests.profile.frames import costed, mart

ALL = WaterfallSpec(of="all", min_cost_coverage=0.01)
LOSERS = WaterfallSpec(min_cost_coverage=0.01)
COSTS = ("freight", "service", "contacts")
_UNIT = Decimal("0.0001")


def _shop(seed: int, customers: int) -> list[dict[str, Any]]:
    """Draw customers, each with lines (sales and returns) and with what was spent on them."""
    draw = random.Random(seed)

    def money(low: float, high: float) -> Decimal:
        return Decimal(str(draw.uniform(low, high))).quantize(_UNIT, ROUND_HALF_UP)

    shop = []
    for _ in range(customers):
        lines = []
        for _ in range(draw.randint(1, 6)):
            quantity = draw.choice([1, 1, 2, 3, -1])
            price, cost = money(1, 200), money(1, 150) if draw.random() < 0.8 else None
            given = money(0, 30) if quantity > 0 and draw.random() < 0.5 else Decimal(0)
            net = price * quantity - given
            margin = None if cost is None else net - cost * quantity
            lines.append({"quantity": quantity, "value": net, "margin": margin, "given": given})
        if not any(x["quantity"] > 0 for x in lines):
            lines[0] |= {"quantity": 1, "value": Decimal(50), "margin": None, "given": Decimal(0)}
        spent = {c: money(0, 40) if draw.random() < 0.5 else Decimal(0) for c in COSTS}
        shop.append({"lines": lines, "spent": spent})
    return shop


def _row(customer: dict[str, Any]) -> dict[str, Any]:
    """Sum a customer's lines as the marts do."""
    lines = customer["lines"]
    known = [x for x in lines if x["margin"] is not None]
    sold = [x for x in known if x["quantity"] > 0]
    back = [x for x in known if x["quantity"] < 0]
    return {
        "value": sum((x["value"] for x in lines), Decimal(0)),
        "value_costed": sum((x["value"] for x in known), Decimal(0)),
        "margin": sum((x["margin"] for x in known), Decimal(0)),
        "margin_returns": sum((x["margin"] for x in back), Decimal(0)),
        "discount_net": sum((x["given"] for x in sold), Decimal(0)),
        **customer["spent"],
    }


def _profit(customer: dict[str, Any]) -> Decimal:
    made = sum((x["margin"] for x in customer["lines"] if x["margin"] is not None), Decimal(0))
    return made - sum(customer["spent"].values())


def _by_hand(shop: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Walk over the lines: a sale's margin had it not been discounted, and what came off it."""
    steps = dict.fromkeys(waterfall.STEPS, Decimal(0))
    for customer in shop:
        for line in customer["lines"]:
            if line["margin"] is None:
                continue
            if line["quantity"] > 0:
                steps["gross_margin"] += line["margin"] + line["given"]
                steps["discounts"] -= line["given"]
            else:
                steps["returns"] += line["margin"]
        for cost in COSTS:
            steps[cost] -= customer["spent"][cost]
        steps["profit"] += _profit(customer)
    return steps


def _amounts(result: waterfall.WaterfallResult) -> dict[str, Decimal]:
    return dict(result.steps.select("step", "amount").iter_rows())


@pytest.mark.parametrize("seed", range(8))
def test_steps_equal_a_walk_over_the_lines_to_the_last_unit(seed: int) -> None:
    shop = _shop(seed, 60)
    customer = costed([_row(c) for c in shop])
    assert _amounts(waterfall.measure(customer, ALL)) == _by_hand(shop)
    losers = [c for c in shop if _profit(c) < 0]
    found = waterfall.measure(customer, LOSERS)
    assert _amounts(found) == _by_hand(losers)
    assert 0 < found.customers == len(losers) < 60


@pytest.mark.parametrize("spec", [ALL, LOSERS])
def test_each_step_starts_where_the_one_before_ended(spec: WaterfallSpec) -> None:
    steps = waterfall.measure(costed([_row(c) for c in _shop(9, 80)]), spec).steps
    *walk, last = steps.rows(named=True)
    level = Decimal(0)
    for step in walk:
        assert step["start"] == level
        level += step["amount"]
        assert step["end"] == level
    assert (last["step"], last["start"], last["end"], last["amount"]) == (
        "profit",
        Decimal(0),
        level,
        level,
    )


def test_parts_add_up_to_the_whole() -> None:
    customer = costed([_row(c) for c in _shop(10, 90)])
    whole = _amounts(waterfall.measure(customer, ALL))
    parts = [_amounts(waterfall.measure(customer[i::3], ALL)) for i in range(3)]
    assert whole == {step: sum(p[step] for p in parts) for step in whole}


def test_the_loss_is_the_whale_curves() -> None:
    customer = costed([_row(c) | {"value_costed": Decimal(1)} for c in _shop(11, 90)])
    customer = customer.with_columns(value_costed="value")
    worth, found = value.whale(customer), waterfall.measure(customer)
    assert worth.by == "profit"
    assert found.customers == worth.loss_makers
    assert float(found.amount("profit")) == pytest.approx(worth.loss, rel=1e-12)


def test_without_further_costs_the_margin_is_what_is_left() -> None:
    rows = [
        {
            "value": Decimal(100),
            "value_costed": Decimal(100),
            "margin": Decimal(-20),
            "margin_returns": Decimal(-50),
        }
    ]
    found = _amounts(waterfall.measure(mart(rows)))
    assert (found["gross_margin"], found["returns"], found["profit"]) == (30, -50, -20)
    assert {found[step] for step in ("discounts", *COSTS)} == {Decimal(0)}


def _customer(**more: int) -> dict[str, Any]:
    plain = {"value": 100, "value_costed": 100, "margin": 30} | more
    return {name: Decimal(amount) for name, amount in plain.items()}


def test_headline_names_what_took_most_and_flips_with_it() -> None:
    freight = waterfall.measure(costed([_customer(freight=50, service=9), _customer()]))
    service = waterfall.measure(costed([_customer(freight=9, service=50), _customer()]))
    assert freight.headline("en") == (
        "A gross margin of ₺30 became a loss of ₺29; most was taken by freight: ₺50."
    )
    assert "service: ₺50" in service.headline("en")
    assert freight.headline("tr") != freight.headline("en")


def test_headline_of_a_group_says_what_is_left() -> None:
    found = waterfall.measure(costed([_customer(discount_net=5, contacts=3)]), ALL)
    assert found.headline("en") == (
        "Of a gross margin of ₺35, ₺27 is left as profit; most was taken by discounts: ₺5."
    )
    assert found.largest == "discounts"
    assert "Nothing was taken" in waterfall.measure(costed([_customer()]), ALL).headline("en")
    sunk = waterfall.measure(costed([_customer(margin=-5, freight=2)]))
    assert "before anything was taken off" in sunk.headline("en")


def test_nobody_loses_and_nobody_at_all_are_normal_answers() -> None:
    found = waterfall.measure(costed([_customer()]))
    assert (found.customers, found.headline("en")) == (0, "No customer cost us money.")
    assert found.steps.is_empty()
    returned = costed([_customer() | {"purchase_days": 0}, _customer()])
    assert waterfall.measure(returned, ALL).customers == 1


def test_without_costs_nothing_is_said_of_profit() -> None:
    for empty in ([], [_customer(value_costed=79)]):
        found = waterfall.measure(costed(empty))
        assert not found.costs_known
        assert found.steps.is_empty()
        assert "profit" not in found.headline("en").lower()
        assert "kâr" not in found.headline("tr").lower()


def test_sales_without_a_cost_are_outside_and_it_is_said() -> None:
    found = waterfall.measure(costed([_customer(value_costed=90, freight=40), _customer()]))
    assert found.cost_coverage == pytest.approx(0.9)
    assert found.headline("en").endswith("Costs are known for 90% of sales.")


def test_exact_at_the_size_of_a_large_shop() -> None:
    # Sums of floats would lose the last digits of a billion.
    rows = [_customer() | {"margin": Decimal("999999999.9999"), "freight": Decimal("0.0001")}]
    found = waterfall.measure(costed(rows * 7), ALL)
    assert found.amount("profit") == Decimal("6999999999.9986")


@pytest.mark.parametrize(("field", "given"), [("of", "some"), ("min_cost_coverage", 0.0)])
def test_a_wrong_spec_echoes_its_value(field: str, given: object) -> None:
    with pytest.raises(ValueError, match=str(given)):
        WaterfallSpec(**{field: given})  # type: ignore[arg-type]


def test_an_unknown_step_is_a_key_error() -> None:
    found = waterfall.measure(costed([_customer()]), ALL)
    assert isinstance(found.steps.schema["amount"], pl.Decimal)
    with pytest.raises(KeyError, match="taxes"):
        found.amount("taxes")
