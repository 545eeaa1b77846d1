"""Rules: every published count, brute force in exact fractions, and mlxtend but for exact ties."""

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmlib.baskets import candidates, coded, reference, rules
from crmlib.baskets.memory import TooMuchError
from crmlib.baskets.rules import RuleSpec
from tests.baskets import brute

# witnesses.md, Groceries: support, confidence, most items on the right, rules by their length.
# 5,668, 410 and 463 are printed by arules and in Lantz, Machine Learning with R.
PUBLISHED = [
    ("0.001", "0.8", 1, {3: 29, 4: 229, 5: 140, 6: 12}),
    ("0.001", "0.5", 1, {2: 11, 3: 1461, 4: 3211, 5: 939, 6: 46}),
    ("0.005", "0.5", 1, {2: 1, 3: 98, 4: 21}),
    ("0.006", "0.25", 1, {2: 150, 3: 297, 4: 16}),
    ("0.006", "0.25", None, {2: 150, 3: 297, 4: 20}),
    ("0.01", "0.5", 1, {3: 15}),
    ("0.01", "0.3", 1, {2: 69, 3: 56}),
    ("0.01", "0.3", None, {2: 69, 3: 56}),
    ("0.02", "0.3", 1, {2: 32, 3: 5}),
    ("0.1", "0.8", 1, {}),
]
PRINTED = 5e-11  # witnesses.md gives ten decimals
ROUNDING = 1e-12  # a few roundings of numbers near one
# mlxtend's columns by ours.
MEASURES = {
    "support": "support",
    "confidence": "confidence",
    "lift": "lift",
    "leverage": "leverage",
    "conviction": "conviction",
    "jaccard": "jaccard",
    "kulczynski": "kulczynski",
    "zhang": "zhangs_metric",
}


def keyed(table: pl.DataFrame) -> dict[tuple[frozenset, frozenset], dict]:
    found = {
        (frozenset(row["antecedent"]), frozenset(row["consequent"])): row
        for row in table.rows(named=True)
    }
    assert len(found) == table.height  # no rule twice
    return found


@pytest.fixture(scope="module")
def baskets(groceries):
    return coded.from_lines(groceries)


@pytest.mark.parametrize(("support", "confidence", "right", "by_length"), PUBLISHED)
def test_published_rules(baskets, support, confidence, right, by_length):
    spec = RuleSpec(support, confidence, max_items=None, max_consequent=right)
    found = rules.of_baskets(baskets, spec)
    assert dict(found.rules.group_by("items").len().rows()) == by_length


def test_the_rules_that_dividing_floats_misses(baskets):
    """39 rules have a confidence of exactly 4/5; mlxtend finds 406 of the 410."""
    spec = RuleSpec("0.001", "0.8", max_items=None)
    found = rules.of_baskets(baskets, spec).rules
    count, base = found["count"].to_numpy(), found["antecedent_count"].to_numpy()
    assert (5 * count == 4 * base).sum() == 39
    supports = (count / 9835) / (base / 9835)
    assert (supports >= 0.8).sum() == 406


@pytest.mark.parametrize(
    ("support", "confidence", "expected"),
    [
        (
            "0.006",
            "0.25",
            [
                ({"herbs"}, "root vegetables", 69, 0.43125, 3.9564773787),
                ({"berries"}, "whipped/sour cream", 89, 0.2721712538, 3.7968855055),
                (
                    {"tropical fruit", "other vegetables", "whole milk"},
                    "root vegetables", 69, 0.4107142857, 3.7680736940,
                ),
                ({"beef", "other vegetables"}, "root vegetables", 78, 0.4020618557, 3.6886924912),
            ],
        ),
        (
            "0.001",
            "0.8",
            [({"liquor", "red/blush wine"}, "bottled beer", 19, 0.9047619048, 11.2352693603)],
        ),
        (
            "0.001",
            "0.5",
            [({"Instant food products", "soda"}, "hamburger meat", 12, 12 / 19, None)],
        ),
    ],
)  # fmt: skip
def test_published_top_rules(groceries, support, confidence, expected):
    found = rules.mine(groceries, RuleSpec(support, confidence, max_items=None)).rules
    for row, (left, right, count, share, lift) in zip(
        found.rows(named=True), expected, strict=False
    ):
        assert (set(row["antecedent"]), row["consequent"]) == (left, [right])
        assert row["count"] == count
        assert row["confidence"] == pytest.approx(share, abs=PRINTED)
        assert lift is None or row["lift"] == pytest.approx(lift, abs=PRINTED)


def test_milk_with_vegetables(groceries):
    found = keyed(rules.mine(groceries, RuleSpec("0.05", "0.1")).rules)
    rule = found[frozenset({"other vegetables"}), frozenset({"whole milk"})]
    # Printed to five places in the textbooks.
    printed = {"support": 0.07483, "confidence": 0.38676, "lift": 1.51363}
    assert {name: round(rule[name], 5) for name in printed} == printed


@settings(deadline=None)
@given(
    baskets=brute.BASKETS,
    least=st.integers(1, 5),
    share=st.fractions(min_value=Fraction(1, 12), max_value=1, max_denominator=12),
    right=st.sampled_from([None, 1, 2]),
)
@example(baskets=[frozenset("ab")] * 4 + [frozenset("a")], least=1, share=Fraction(4, 5), right=1)
def test_rules_equal_brute_force(baskets, least, share, right):
    least = min(least, len(baskets))
    sets = brute.itemsets(baskets, least)
    expected = brute.rules(sets, share, right)
    spec = RuleSpec(Fraction(least, len(baskets)), share, max_items=None, max_consequent=right)
    found = keyed(rules.mine(brute.lines(baskets), spec).rules)
    assert found.keys() == expected.keys()
    for (left, right_side), row in found.items():
        assert row["confidence"] == float(expected[left, right_side])  # one rounding
        assert row["count"] == sets[left | right_side]
        lift = expected[left, right_side] * len(baskets) / sets[right_side]
        assert row["lift"] == pytest.approx(float(lift), rel=ROUNDING)
        best = max(
            Fraction(sets[part | right_side], sets[part]) if part else
            Fraction(sets[right_side], len(baskets))
            for part in (*brute.proper_parts(left), frozenset())
        )  # fmt: skip
        gain = expected[left, right_side] - best
        assert row["improvement"] == pytest.approx(float(gain), abs=ROUNDING)


@pytest.mark.parametrize("seed", range(4))
def test_mlxtend_finds_the_same_but_for_exact_ties(seed):
    """Rules of at least 30 % among sets of at least 2 %: the ties are listed, and are ties."""
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    rng = np.random.default_rng(seed)
    drawn = brute.random_baskets(rng, baskets=1000, items=20, mean=4)
    baskets = coded.from_lines(brute.lines(drawn))
    spec = RuleSpec("0.02", "0.3", max_items=4, max_consequent=None)
    ours = keyed(rules.of_baskets(baskets, spec).rules)
    frequent = fpgrowth(reference.one_hot(baskets, np.arange(20)), min_support=0.02, max_len=4)
    table = association_rules(frequent, metric="confidence", min_threshold=0.3)
    names = baskets.labels.to_list()
    theirs = {
        (frozenset(names[i] for i in a), frozenset(names[i] for i in b)): row
        for a, b, row in zip(
            table["antecedents"], table["consequents"], table.to_dict("records"), strict=True
        )
    }
    differ = ours.keys() ^ theirs.keys()
    for rule in differ:
        row = ours[rule]  # mlxtend loses ties, it never finds too many here
        count, base = row["count"], row["antecedent_count"]
        assert 10 * count == 3 * base or count == 20  # exactly 30 %, or exactly 2 % of 1,000
    assert len(theirs) > 50
    for rule in ours.keys() & theirs.keys():
        for mine, name in MEASURES.items():
            assert ours[rule][mine] == pytest.approx(theirs[rule][name], rel=1e-9, abs=1e-12), mine


def test_both_engines_give_the_same_table(groceries):
    spec = {"min_support": "0.005", "min_confidence": "0.2", "max_items": None}
    ours, theirs = (
        rules.mine(groceries, RuleSpec(**spec, engine=engine)) for engine in ("bits", "mlxtend")
    )
    assert ours.rules.equals(theirs.rules)
    assert ours.itemsets.equals(theirs.itemsets)
    assert ours.rules.height > 500


@pytest.mark.parametrize("longest", [2, 3, 4, None])
def test_tested_rules_are_all_whose_sides_are_frequent(longest):
    rng = np.random.default_rng(8)
    drawn = brute.random_baskets(rng, baskets=300, items=10, mean=4)
    spec = RuleSpec("0.05", "1", max_items=longest)
    found = rules.mine(brute.lines(drawn), spec)
    sets = brute.itemsets(drawn, found.min_count, longest)
    single = {next(iter(s)) for s in sets if len(s) == 1}
    most = (longest or max(map(len, sets)) + 1) - 1
    assert found.tested == sum(len(single - s) for s in sets if len(s) <= most)
    assert found.tested > found.rules.height


def test_tested_counts_no_fewer_with_more_on_the_right():
    rng = np.random.default_rng(8)
    drawn = brute.random_baskets(rng, baskets=300, items=10, mean=4)
    found = rules.mine(brute.lines(drawn), RuleSpec("0.05", "0.4", max_items=4, max_consequent=2))
    sets = brute.itemsets(drawn, found.min_count, 4)
    disjoint = sum(
        1 for a in sets for b in sets if len(b) <= 2 and len(a) + len(b) <= 4 and not a & b
    )
    assert found.tested >= disjoint > found.rules.height


def test_nothing_found_is_an_empty_table(groceries):
    found = rules.mine(groceries, RuleSpec("0.1", "0.8"))
    assert found.rules.schema == pl.Schema(rules.SCHEMA)
    assert found.rules.is_empty()
    assert found.headline("en").startswith("No rule is in at least 984 of 9,835 baskets")


def test_no_baskets_give_no_rules():
    found = rules.mine(brute.lines([]))
    assert (found.baskets, found.rules.height, found.tested) == (0, 0, 0)


def test_a_rule_that_never_fails():
    found = rules.mine(brute.lines([frozenset("ab")] * 3 + [frozenset("c")]), RuleSpec("0.5", "1"))
    row = keyed(found.rules)[frozenset("a"), frozenset("b")]
    assert (row["confidence"], row["conviction"], row["lift"]) == (1.0, np.inf, 4 / 3)


def test_an_item_in_every_basket_lifts_nothing():
    found = rules.mine(brute.lines([frozenset("ax"), frozenset("bx")] * 5), RuleSpec("0.5", "0.1"))
    for row in found.rules.rows(named=True):
        assert (row["lift"], row["leverage"], row["zhang"]) == (1.0, 0.0, 0.0)
    assert found.rules.height == 4


def test_the_headline_names_the_strongest_rule_and_changes_with_it():
    spec = RuleSpec("0.2", "0.5")
    one = rules.mine(brute.lines([frozenset("ab")] * 3 + [frozenset("c")] * 6), spec)
    other = rules.mine(brute.lines([frozenset("cd")] * 3 + [frozenset("a")] * 3), spec)
    assert "b → a, 3.0 times as often as by chance" in one.headline("en")
    assert "d → c, 2.0 times as often as by chance" in other.headline("en")
    assert "of 9 baskets" in one.headline("en")


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_confidence": 0},
        {"min_confidence": 1.5},
        {"min_support": 0},
        {"min_support": 2},
        {"max_items": 1},
        {"max_consequent": 0},
        {"max_basket_items": 0},
        {"memory_mb": 0},
    ],
)
def test_a_spec_says_what_is_wrong(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RuleSpec(**wrong)


def test_sides_do_not_overlap_and_make_a_frequent_set(baskets):
    found = rules.of_baskets(baskets, RuleSpec("0.005", "0.2", max_items=None, max_consequent=None))
    sets = found.mined.sets
    for block in candidates.split(sets, None):
        both = np.sort(np.hstack([block.left, block.right]), axis=1)
        assert (np.diff(both, axis=1) > 0).all()
        assert np.array_equal(sets.count_of(both), block.both_count)


@pytest.fixture
def wide():
    """Give 30 baskets that all hold the same 12 items: 4,095 sets, 519,000 rules."""
    return coded.from_codes(np.repeat(np.arange(30), 12), np.tile(np.arange(12), 30))


def test_too_many_rules_are_refused_with_what_to_do(wide):
    spec = RuleSpec("1", "1", max_items=None, max_consequent=None, memory_mb=20)
    with pytest.raises(TooMuchError, match=r"Raise min_confidence or min_support, lower"):
        rules.of_baskets(wide, spec)
    assert rules.of_baskets(wide, RuleSpec("1", "1", max_items=3, memory_mb=20)).rules.height == 792


def test_the_floor_is_raised_for_rules_too():
    rng = np.random.default_rng(1)
    drawn = brute.lines(brute.random_baskets(rng, baskets=400, items=12, mean=7))
    asked = {"min_confidence": "0.1", "max_items": None, "max_consequent": None}
    spec = RuleSpec("0.005", **asked, memory_mb=1, when_too_much="raise_floor")
    found = rules.mine(drawn, spec)
    assert found.min_count > found.asked_count == 2
    exact = Fraction(found.min_count, 400)
    assert found.rules.equals(rules.mine(drawn, RuleSpec(exact, **asked)).rules)
    assert f"raised from 2 to {found.min_count}" in found.headline("en")
