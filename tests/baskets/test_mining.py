"""Item sets: the published counts, brute force, mlxtend, and what happens when it is too much."""

from decimal import Decimal
from fractions import Fraction
from math import ceil

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmlib.baskets import bits, coded, exact, itemsets, mining, pairs
from crmlib.baskets.memory import BYTES_PER_SET, TooMuchError
from crmlib.baskets.mining import MiningSpec
from crmlib.errors import ContractError
from tests.baskets import brute

# witnesses.md, Groceries: support, least count, sets by size. arules prints the totals.
PUBLISHED = [
    ("0.001", 10, (157, 2981, 6831, 3137, 376, 10)),
    ("0.005", 50, (120, 605, 264, 12)),
    ("0.006", 60, (109, 478, 156, 4)),
    ("0.01", 99, (88, 213, 32)),
    ("0.02", 197, (59, 61, 2)),
    ("0.1", 984, (8,)),
]


def as_dict(frame: pl.DataFrame) -> dict[frozenset, int]:
    """Give a frame of item sets as brute force gives them."""
    found = {frozenset(items): count for items, count in frame.select("items", "count").rows()}
    assert len(found) == frame.height  # no set twice
    return found


def mined(baskets, support, **spec) -> dict[frozenset, int]:
    found = mining.mine(coded.from_lines(brute.lines(baskets)), MiningSpec(support, **spec))
    return as_dict(found.frame)


@pytest.fixture(scope="module")
def grocery_baskets(groceries):
    return coded.from_lines(groceries)


def test_groceries_are_the_published_ones(grocery_baskets):
    sizes = np.bincount(grocery_baskets.size)
    assert grocery_baskets.count == 9835
    assert len(grocery_baskets.labels) == 169
    assert sizes[1:6].tolist() == [2159, 1643, 1299, 1005, 855]
    assert (len(sizes) - 1, len(grocery_baskets.basket)) == (32, 43_367)
    counts = dict(zip(grocery_baskets.labels, grocery_baskets.item_counts, strict=True))
    assert (counts["whole milk"], counts["tropical fruit"]) == (2513, 1032)


@pytest.mark.parametrize(("support", "least", "by_size"), PUBLISHED)
def test_published_itemsets(grocery_baskets, support, least, by_size):
    found = mining.mine(grocery_baskets, MiningSpec(support, max_items=None))
    assert (found.min_count, found.sets.by_size) == (least, by_size)
    assert found.frame.height == sum(by_size)


def test_rounding_the_count_down_would_give_more(grocery_baskets):
    # witnesses.md: 16,188 sets with a least count of 9 instead of 10.
    assert mining.by_bits(grocery_baskets, 9, MiningSpec(max_items=None)).total == 16_188


def test_milk_and_vegetables(grocery_baskets):
    found = as_dict(mining.mine(grocery_baskets, MiningSpec("0.05")).frame)
    assert found[frozenset({"whole milk", "other vegetables"})] == 736


def test_online_retail_pairs(online_retail):
    baskets = coded.from_lines(online_retail)
    assert baskets.count == 18_532
    assert (baskets.size.max(), int(np.median(baskets.size))) == (541, 15)
    assert (baskets.size == 1).sum() == 1_407
    found = mining.mine(baskets, MiningSpec("0.02", max_items=2))
    assert (found.min_count, found.sets.by_size) == (371, (209, 41))
    top = found.frame.filter(size=2).sort("count", descending=True).head(5)
    assert ["+".join(pair) for pair in top["items"]] == [
        "22386+85099B", "22697+22699", "22726+22727", "20725+22384", "20725+22383",
    ]  # fmt: skip
    assert top["count"].to_list() == [546, 541, 530, 523, 519]


# Supports that are met exactly by a count, and just not met: the ties that rounding decides.
@settings(deadline=None)
@given(
    baskets=brute.BASKETS,
    count=st.integers(1, 31),
    longest=st.sampled_from([None, 1, 2, 3]),
    above=st.booleans(),
)
@example(baskets=[frozenset("abc")] * 7 + [frozenset("d")] * 93, count=7, longest=None, above=False)
def test_itemsets_equal_brute_force(baskets, count, longest, above):
    support = Fraction(min(count, len(baskets)), len(baskets))
    if above and support < 1:
        support += Fraction(1, 10**9)
    least = ceil(support * len(baskets))
    expected = brute.itemsets(baskets, least, longest)
    assert mined(baskets, support, max_items=longest) == expected


@settings(deadline=None)
@given(brute.BASKETS, st.integers(1, 6))
def test_closed_and_maximal_equal_brute_force(baskets, least):
    least = min(least, len(baskets))
    sets = brute.itemsets(baskets, least)
    support = Fraction(least, len(baskets))
    above = {a: [n for b, n in sets.items() if a < b] for a in sets}
    closed = {a: n for a, n in sets.items() if n not in above[a]}
    maximal = {a: n for a, n in sets.items() if not above[a]}
    assert mined(baskets, support, max_items=None, keep="closed") == closed
    assert mined(baskets, support, max_items=None, keep="maximal") == maximal


@pytest.mark.parametrize(("baskets", "items", "mean"), [(500, 15, 4), (1500, 30, 4), (200, 9, 6)])
@pytest.mark.parametrize("support", ["0.01", "0.04"])
def test_both_engines_find_the_same(baskets, items, mean, support):
    rng = np.random.default_rng(baskets)
    drawn = brute.random_baskets(rng, baskets=baskets, items=items, mean=mean)
    ours = mined(drawn, support, max_items=None)
    assert ours == mined(drawn, support, max_items=None, engine="mlxtend")
    assert max(map(len, ours)) > 2


def test_both_ways_to_count_pairs_agree(grocery_baskets):
    items = np.flatnonzero(grocery_baskets.item_counts >= 50)
    product = pairs.frequent(grocery_baskets, items, 50)
    rows = pairs.by_bits(bits.pack(grocery_baskets, items), 50)
    assert len(product.count) == 605
    for name in ("start", "right", "count"):
        assert np.array_equal(getattr(product, name), getattr(rows, name))


@pytest.mark.parametrize("cells", [1, 300, 10_000])
def test_pairs_are_the_same_in_any_blocks(grocery_baskets, monkeypatch, cells):
    monkeypatch.setattr(pairs, "BLOCK_CELLS", cells)
    monkeypatch.setattr(pairs, "MIN_ROWS", 1)
    items = np.flatnonzero(grocery_baskets.item_counts >= 50)
    assert len(pairs.frequent(grocery_baskets, items, 50).count) == 605


def test_a_row_of_bits_holds_its_baskets():
    rng = np.random.default_rng(3)
    basket, item = rng.integers(0, 200, 400), rng.integers(0, 5, 400)
    packed = bits.pack(coded.from_codes(basket, item, baskets=200), np.arange(5))
    assert packed.shape == (5, 4)  # 200 baskets in words of 64
    for row in range(5):
        assert bits.ones(packed[row]).tolist() == sorted(set(basket[item == row].tolist()))


def test_the_order_of_lines_does_not_matter(groceries):
    mixed = groceries.sample(fraction=1.0, shuffle=True, seed=5)
    spec = MiningSpec("0.01")
    one, other = (mining.mine(coded.from_lines(x), spec).frame for x in (groceries, mixed))
    assert one.equals(other)


# --- Thresholds -----------------------------------------------------------------------------------


def test_seven_percent_of_a_hundred_is_seven():
    assert ceil(0.07 * 100) == 8  # what floats make of it
    for written in ("0.07", Decimal("0.07"), 0.07, Fraction(7, 100)):
        assert exact.min_count(exact.share(written, "min_support"), 100) == 7


@pytest.mark.parametrize("wrong", [0, -0.1, 1.01, "nan", "inf", "a little", None])
def test_a_support_that_is_none(wrong):
    with pytest.raises(ValueError, match="min_support"):
        MiningSpec(wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"max_items": 0}, {"memory_mb": 0}, {"keep": "best"}, {"engine": "R"}, {"when_too_much": ""}],
)
def test_a_spec_says_what_is_wrong(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MiningSpec(**wrong)


def test_shares_of_many_digits_are_compared_exactly():
    count, base = np.array([10**17 - 1, 10**17]), np.array([3 * 10**17, 3 * 10**17])
    assert exact.reaches(count, base, Fraction(1, 3)).tolist() == [False, True]


# --- Bad input ------------------------------------------------------------------------------------


def test_no_baskets_at_all():
    found = mining.mine(coded.from_lines(brute.lines([])), MiningSpec("0.01"))
    assert (found.baskets, found.frame.height) == (0, 0)
    assert found.frame.columns == list(itemsets.SCHEMA)
    assert "0 sets" in found.headline("en")


def test_empty_and_one_item_baskets_count():
    baskets = coded.from_codes([0, 2], [0, 0], baskets=10)
    found = mining.mine(baskets, MiningSpec("0.2"))
    assert found.frame.select("count", "support").rows() == [(2, 0.2)]


def test_an_item_named_twice_counts_once():
    baskets = coded.from_codes([0, 0, 0, 1], [1, 1, 0, 1])
    assert baskets.item_counts.tolist() == [1, 2]
    assert baskets.repeated == 1


def test_an_item_named_very_often_counts_once():
    baskets = coded.from_codes(np.zeros(256, int), np.zeros(256, int))
    assert baskets.item_counts.tolist() == [1]


def test_an_item_in_every_basket():
    baskets = [frozenset("ax"), frozenset("bx"), frozenset("abx")]
    assert mined(baskets, 1) == {frozenset("x"): 3}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.int16, np.int64, np.uint64])
def test_any_whole_numbers_will_do(dtype):
    baskets = coded.from_codes(np.array([0, 1], dtype), np.array([1, 0], dtype))
    assert baskets.item_counts.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("basket", "item", "says"),
    [
        ([0, 1], [0], "2 baskets but 1 items"),
        ([0.5], [0], "whole numbers"),
        ([-1], [0], "whole numbers"),
        ([[0]], [[0]], "one-dimensional"),
        ([10], [0], "up to 9"),
    ],
)
def test_arrays_that_are_no_baskets(basket, item, says):
    with pytest.raises(ValueError, match=says):
        coded.from_codes(basket, item, baskets=10)


def test_a_missing_column_is_named():
    with pytest.raises(ContractError, match=r"product_id missing; there are order_id"):
        coded.from_lines(pl.DataFrame({"order_id": ["1"]}))


def test_empty_fields_are_counted_not_shown():
    lines = pl.DataFrame({"order_id": ["secret", "secret"], "product_id": ["a", None]})
    with pytest.raises(ContractError, match="1 fields of product_id are empty") as error:
        coded.from_lines(lines)
    assert "secret" not in str(error.value)


def test_returned_lines_are_no_purchases():
    lines = pl.DataFrame(
        {"order_id": ["1", "1", "2"], "product_id": ["a", "b", "a"], "quantity": [1, -1, 2]}
    )
    assert mining.mine(coded.from_lines(lines), MiningSpec("1")).frame["items"].to_list() == [["a"]]


def test_a_basket_of_ten_thousand_items_is_left_out_and_said():
    whale = [("w", f"{n:05}") for n in range(10_000)]
    rows = [("1", "00001"), ("1", "00002"), ("2", "00001"), *whale]
    lines = pl.DataFrame(rows, schema=["order_id", "product_id"], orient="row")
    found = mining.mine(coded.from_lines(lines), MiningSpec("1"))
    assert (found.baskets, found.frame.rows()) == (2, [(["00001"], 1, 2, 1.0)])
    assert "1 baskets of more than 1,000 items are left out, with 10,000" in found.headline("en")


# --- Too much -------------------------------------------------------------------------------------


@pytest.fixture
def dense():
    """Give 40 baskets that all hold the same 24 items: 16 million sets, all in each basket."""
    return coded.from_codes(np.repeat(np.arange(40), 24), np.tile(np.arange(24), 40))


def test_too_many_sets_are_refused_with_what_to_do(dense):
    with pytest.raises(TooMuchError, match=r"Raise min_support, lower max_items"):
        mining.mine(dense, MiningSpec("1", max_items=None, memory_mb=20))


def test_the_refusal_comes_before_the_memory_is_used(dense):
    most = 20 * 2**20 // BYTES_PER_SET
    found = mining._Found(mining.Budget(20, 40))
    found.add((), np.zeros((most, 1), np.int64), np.zeros(most, np.int64))
    with pytest.raises(TooMuchError, match=f"More than {most} sets"):
        found.add((), np.zeros((1, 1), np.int64), np.zeros(1, np.int64))
    assert found.blocks[1][0][2].size == most  # the last block was not taken


def test_rows_of_bits_that_would_not_fit_are_refused_before_they_are_made():
    rng = np.random.default_rng(0)
    basket, item = rng.integers(0, 50_000, 200_000), rng.integers(0, 4_000, 200_000)
    with pytest.raises(TooMuchError, match=r"would take \d+ MB; 10 MB are allowed"):
        mining.mine(coded.from_codes(basket, item), MiningSpec("0.0001", memory_mb=10))


def test_the_floor_is_raised_until_it_fits_and_said():
    rng = np.random.default_rng(1)
    drawn = brute.random_baskets(rng, baskets=400, items=14, mean=9)
    spec = MiningSpec("0.005", max_items=None, memory_mb=1, when_too_much="raise_floor")
    found = mining.mine(coded.from_lines(brute.lines(drawn)), spec)
    assert found.asked_count == 2
    assert 0 < found.frame.height <= 2**20 // BYTES_PER_SET
    assert as_dict(found.frame) == brute.itemsets(drawn, found.min_count)
    assert f"raised from 2 to {found.min_count}" in found.headline("en")
