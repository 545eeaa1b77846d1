"""What the dashboards show of results whose figures ask for more than the result."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl

from crmlib.profile import activity, card, figures, waterfall

SUMS = {
    "margin": Decimal(-30),
    "margin_returns": Decimal(-80),
    "discount_net": Decimal(20),
    "freight": Decimal(15),
    "service": Decimal(0),
    "contacts": Decimal(5),
}


def test_the_waterfall_runs_from_top_to_bottom_with_the_same_amounts() -> None:
    result = waterfall.WaterfallResult(waterfall.steps(SUMS), 12, 1.0, costs_known=True)
    (upright,), (lying,) = (
        figures.waterfall_bars(result, "en").data,
        figures.waterfall(result, "en").data,
    )
    assert lying.orientation == "h"
    assert (list(lying.x), list(lying.base)) == (list(upright.y), list(upright.base))
    assert [name.replace("<br>", " ") for name in lying.y] == [
        name.replace("<br>", " ") for name in upright.x
    ]
    assert max(name.count("<br>") for name in lying.y) <= 1
    low, high = figures.waterfall(result, "en").layout.xaxis.range
    assert low < min(lying.base) < max(lying.base) < high
    nobody = replace(result, steps=result.steps.clear())
    assert list(figures.waterfall(nobody, "tr").data[0].x) == []


def test_a_segments_card_stands_beside_that_of_all() -> None:
    mix = pl.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(40)],
            "category": ["A", "B"] * 20,
            "channel": ["web"] * 40,
            "purchase_lines": [1] * 40,
            "value": [Decimal(10)] * 40,
            "discount": [Decimal(1)] * 40,
            "returns": [Decimal(0)] * 40,
        }
    )
    window = pl.DataFrame(
        {
            "customer_id": mix["customer_id"],
            "fold": pl.Series([i % 8 for i in range(40)], dtype=pl.Int32),
            "purchase_days": [1] * 40,
            "value": [Decimal(10)] * 40,
        }
    )
    groups = window.head(20).select("customer_id", group=pl.lit("loyal"))
    found = card.measure(window, mix, groups)
    table = figures.segment_card(found, "en")
    assert list(table.headers[1:]) == ["All customers", "Loyal"]
    assert tuple(table.rows[0]) == ("Customers", "40", "20")
    assert len(table.numeric) == 3
    assert "Loyal" in figures.segment_categories(found, "en").layout.title.text


def test_the_cards_do_not_repeat_the_head_of_the_page() -> None:
    window = activity.ActivitySpec(date(2025, 1, 1), date(2025, 1, 31))
    result = activity.ActivityResult(
        spec=window,
        label="x",
        label_fields={},
        customers=50,
        orders=60,
        value=700.0,
        customers_before=None,
        change=None,
        value_change=None,
        identified=0.8,
    )
    labels = [c.label for c in figures.window_cards(result, "en")]
    assert "Sales with a customer id" not in labels
    assert labels == [c.label for c in figures.cards(result, "en") if "customer id" not in c.label]
