"""Items, categories, and both: against the groceries' hierarchy and brute force."""

import polars as pl
import pytest

from crmlib.baskets import coded, levels, mining, rules
from crmlib.baskets.mining import MiningSpec
from crmlib.baskets.rules import RuleSpec
from crmlib.errors import ContractError
from tests.baskets import brute


@pytest.fixture(scope="module")
def parents(hierarchy) -> dict[str, str]:
    return dict(hierarchy.rows())


def test_categories_are_counted_once_a_basket(groceries, hierarchy, parents):
    found = levels.baskets_at(groceries, hierarchy, "category")
    baskets = groceries.group_by("order_id").agg("product_id")["product_id"]
    by_hand = [frozenset(parents[item] for item in basket) for basket in baskets]
    counts = dict(zip(found.labels, found.item_counts.tolist(), strict=True))
    assert len(counts) == 55
    assert counts == {c: sum(c in basket for basket in by_hand) for c in set(parents.values())}


@pytest.mark.parametrize("engine", ["bits", "mlxtend"])
def test_an_item_is_never_with_its_own_category(groceries, hierarchy, parents, engine):
    groceries = groceries.filter(pl.col("order_id") <= 1_500)  # brute force is slow
    found = mining.mine(
        levels.baskets_at(groceries, hierarchy, "mixed"), MiningSpec("0.03", engine=engine)
    )
    sets = [frozenset(items) for items in found.frame["items"]]
    baskets = groceries.group_by("order_id").agg("product_id")["product_id"]
    mixed = [frozenset(b) | {f"[{parents[item]}]" for item in b} for b in baskets]
    apart = [{item, f"[{parent}]"} for item, parent in parents.items()]
    expected = {
        s for s in brute.itemsets(mixed, found.min_count, 3) if not any(a <= s for a in apart)
    }
    assert set(sets) == expected
    assert any(any(i in parents for i in s) and any(i[0] == "[" for i in s) for s in sets)


def test_items_are_the_lines_themselves(groceries, hierarchy):
    one = rules.of_baskets(levels.baskets_at(groceries, hierarchy, "item"), RuleSpec("0.01", "0.3"))
    assert one.rules.equals(rules.mine(groceries, RuleSpec("0.01", "0.3")).rules)
    assert one.rules.height == 125


def test_products_without_a_category_are_left_out_of_categories():
    lines = brute.lines([frozenset("ab"), frozenset("c")])
    known = pl.DataFrame({"product_id": ["a", "b"], "category": ["A", None]})
    assert levels.lines_of_categories(lines, known)["product_id"].to_list() == ["A"]
    mixed = levels.baskets_at(lines, known, "mixed")
    assert mixed.labels.to_list() == ["[A]", "a", "b", "c"]
    assert mixed.apart.tolist() == [[1, 0]]


def test_a_category_that_is_named_like_a_product_stays_apart():
    lines = brute.lines([frozenset({"tea"})])
    known = pl.DataFrame({"product_id": ["tea"], "category": ["tea"]})
    assert levels.baskets_at(lines, known, "mixed").labels.to_list() == ["[tea]", "tea"]


def test_returns_are_no_purchases_of_a_category():
    lines = pl.DataFrame({"order_id": ["1", "2"], "product_id": ["a", "a"], "quantity": [1, -1]})
    known = pl.DataFrame({"product_id": ["a"], "category": ["A"]})
    assert coded.from_lines(levels.lines_of_categories(lines, known)).count == 1


def test_products_must_be_known_once():
    lines, twice = brute.lines([frozenset("a")]), {"product_id": ["a", "a"], "category": ["A", "B"]}
    with pytest.raises(ContractError, match="more than once"):
        levels.lines_of_categories(lines, pl.DataFrame(twice))
    with pytest.raises(ContractError, match="category missing"):
        levels.lines_of_categories(lines, pl.DataFrame({"product_id": ["a"]}))
