"""Pairs against itertools over the baskets."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import datetime
from itertools import combinations

import pytest

from crmlib import marts
from crmlib.ledger import engines
from crmlib.marts import basket_steps
from crmlib.marts import pairs as pairing
from tests.ledgers import AS_OF, Row, day_of, fold_of, ledger_of, lines


def baskets_of(rows):
    """Give each basket's products and fold by (order, customer)."""
    held = defaultdict(set)
    for x in rows:
        if x["quantity"] > 0 and x["day"] <= day_of(AS_OF):
            held[x["order_id"], x["customer_id"]].add(x["product_id"])
    return {key: (products, fold_of(key[1] or key[0])) for key, products in held.items()}


def counted(rows, cap, floor):
    """Count products and pairs by fold, those that reach the floor over all folds."""
    total, by_fold = Counter(), Counter()
    for products, fold in baskets_of(rows).values():
        if len(products) > cap:
            continue
        found = [*combinations(sorted(products), 2), *((p, p) for p in products)]
        total.update(found)
        by_fold.update((*pair, fold) for pair in found)
    return {key: n for key, n in by_fold.items() if total[key[:2]] >= floor}


def shop(seed: int, orders: int = 400) -> list[Row]:
    draw = random.Random(seed)
    rows = []
    for _ in range(orders):
        order = f"o{draw.randrange(orders)}"
        for product in draw.choices([f"p{i}" for i in range(9)], range(9, 0, -1), k=4):
            rows.append(
                {
                    "order_id": order,
                    "customer_id": draw.choice([None, "ann", "ben", "cem"]),
                    "ordered_at": datetime(2024, draw.randrange(1, 5), draw.randrange(1, 29)),
                    "product_id": product,
                    "quantity": draw.choice([1, 1, 1, 2, -1, 0]),
                    "value": 1,
                }
            )
    return lines(*rows)


@pytest.fixture(params=engines.ENGINES)
def engine(request):
    return request.param


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("pieces", [1, 16])
def test_pairs_and_products_by_fold(seed, pieces, engine, tmp_path, monkeypatch):
    monkeypatch.setattr(basket_steps, "PIECE_LINES", 10**9 if pieces == 1 else 1)
    rows = shop(seed)
    made = marts.build(
        ledger_of(tmp_path, order_lines=rows), tmp_path / "o", engine=engine, as_of=AS_OF
    )
    expected = counted(rows, cap=200, floor=10)
    found = made.pairs.collect()
    assert {row[:3]: row[3] for row in found.rows()} == expected
    assert found.select("a", "b", "fold").rows() == sorted(expected)
    assert any(a < b for a, b, _ in expected)
    everything = counted(rows, cap=200, floor=0)
    assert len(expected) < len(everything)  # some stayed below the floor
    number = len(baskets_of(rows))
    assert made.manifest["pairs"] == {"baskets": number, "over_cap": 0, "cap": 200, "floor": 10}
    assert number == made.basket_sizes.collect()["baskets"].sum()


def test_a_basket_over_the_cap_is_left_out_and_counted(engine, tmp_path):
    at = datetime(2024, 3, 1)
    rows = lines(
        *(
            {"order_id": f"o{n}", "customer_id": "ann", "ordered_at": at, "product_id": f"p{i:03}",
             "quantity": 1, "value": 1}
            for n, size in enumerate([2] * 12 + [200] + [201] * 20)
            for i in range(size)
        )
    )  # fmt: skip
    made = marts.build(
        ledger_of(tmp_path, order_lines=rows), tmp_path / "o", engine=engine, as_of=AS_OF
    )
    fold = fold_of("ann")
    assert made.pairs.collect().rows() == [
        ("p000", "p000", fold, 13), ("p000", "p001", fold, 13), ("p001", "p001", fold, 13),
    ]  # fmt: skip
    assert made.manifest["pairs"] == {"baskets": 13, "over_cap": 20, "cap": 200, "floor": 10}


def test_the_floor_grows_with_the_baskets():
    import polars as pl

    for baskets, floor in ((0, 10), (99_999, 10), (100_001, 11), (3_000_000, 300)):
        sizes = pl.DataFrame({"items": [1, 500], "baskets": [baskets, 7]})
        assert pairing.counted(sizes) == pairing.Baskets(baskets, 7, 200, floor)


@pytest.mark.parametrize(
    ("lines_", "pieces"), [(0, 1), (1, 1), (2_500_000, 1), (2_500_001, 2), (10**7, 4), (10**9, 16)]
)
def test_folds_are_taken_in_pieces_that_divide_them(lines_, pieces):
    assert basket_steps.pieces_of(lines_) == pieces
    assert 64 % pieces == 0
