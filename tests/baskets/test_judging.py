"""Verdicts on planted truths: what was put there is kept, artefacts fall for their own reasons."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from crmlib.baskets import coded, facts, judging, shuffle
from crmlib.baskets.judging import JudgeSpec, TooShortError
from crmlib.baskets.rules import RuleSpec
from crmlib.baskets.verdicts import Reason
from crmlib.errors import ContractError
from tests.baskets.shop import FIRST_DAY, Planted

SPEC = JudgeSpec(rules=RuleSpec("0.002", "0.02", max_items=2))
SEEDS = range(6)


def reasons(found: judging.JudgedRules, a: int, b: int) -> set[str]:
    """Give the reasons of the rules between two items, in both directions."""
    names = [f"p{a:02}"], [f"p{b:02}"]
    both = found.rules.filter(
        pl.col("antecedent").is_in([names[0], names[1]]),
        pl.col("consequent").is_in([names[0], names[1]]),
    )
    assert both.height == 2
    return set(both["reason"])


def made_shop(seed: int) -> Planted:
    """Plant one pair, 0 -> 1, and one artefact of each kind."""
    made = Planted(np.random.default_rng(seed))
    made.add(1, made.holds[:, 0], 0.4)
    # 2 and 3 are promoted together; who comes for it takes both.
    tempted = made.add(2, made.in_promotion, 0.3)
    made.add(3, tempted, 1.0)
    # 4 and 5 sell in the second month, 6 and 7 in one store, each for itself.
    month = (made.day >= 28) & (made.day < 59)
    for item in (4, 5):
        made.holds[:, item] &= made.rng.random(made.baskets) < 0.5
        made.add(item, month, 0.3)
    for item in (6, 7):
        made.add(item, made.store == 1, 0.4)
    # 8 and 9 are bought together by the customers of one fold of sixty-four.
    made.add(9, made.add(8, made.customer % 64 == 5, 0.8), 1.0)
    # 10 brings 11 along in the first 120 days only; the later period begins after 144.
    made.add(11, made.holds[:, 10] & (made.day < 120), 0.5)
    return made


@pytest.fixture(scope="module", params=SEEDS, ids=lambda s: f"seed {s}")
def shop(request):
    return made_shop(request.param)


@pytest.fixture(scope="module")
def judged(shop):
    return judging.judge(shop.lines(promoted=(2, 3)), SPEC)


def test_a_planted_pair_is_kept(judged):
    assert reasons(judged, 0, 1) == {Reason.KEPT}


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        (2, 3, Reason.PROMOTION),
        (4, 5, Reason.SEASON),
        (6, 7, Reason.STORE),
        (8, 9, Reason.FEW_CUSTOMERS),
        (10, 11, Reason.NOT_REPEATED),
    ],
)
def test_an_artefact_falls_for_its_own_reason(judged, a, b, reason):
    assert reasons(judged, a, b) == {reason}


def test_what_was_not_planted_is_hardly_ever_kept():
    """Of the rules that pass, 5 % may be false: of about twelve a shop, three in six shops."""
    found = [judging.judge(made_shop(seed).lines(promoted=(2, 3)), SPEC).kept for seed in SEEDS]
    kept = [frozenset(a + c) for f in found for a, c in f.select("antecedent", "consequent").rows()]
    planted = frozenset({"p00", "p01"})
    assert kept.count(planted) == 2 * len(SEEDS)
    assert len(kept) - kept.count(planted) <= 3


def test_large_baskets_alone_make_rules_that_fall(judged):
    by_size = judged.dropped(Reason.BASKET_SIZE)
    assert by_size.height > 20  # Fisher's test, corrected for many tests, keeps all of these
    assert (by_size["lift"] > 1).all()


def test_the_ledger_without_promotions_cannot_know(shop):
    lines = shop.lines(promoted=(2, 3)).drop("promotion_id")
    assert Reason.PROMOTION not in reasons(judging.judge(lines, SPEC), 2, 3)


def test_the_planted_pair_in_numbers(shop, judged):
    """Against the baskets themselves: later period, extra baskets and margin of p01."""
    rule = judged.kept.filter(pl.col("consequent") == ["p01"]).row(0, named=True)
    later = FIRST_DAY + shop.day >= judged.first_later_day
    assert judged.later_baskets == (later & shop.holds.any(axis=1)).sum()
    both = shop.holds[:, 0] & shop.holds[:, 1] & later
    assert rule["later_count"] == both.sum()
    # p01 is in 4 to 10 % of baskets by itself; 40 % of p00's baskets get one besides.
    planted = 1_000 * (shop.holds[later, 0].mean() * 0.35)
    assert rule["extra_baskets"] == pytest.approx(planted, rel=0.25)
    assert rule["extra_baskets_low"] < rule["extra_baskets"] < rule["extra_baskets_high"]
    assert rule["extra_margin"] == pytest.approx(30 * rule["extra_baskets"], rel=1e-9)
    assert judged.grade == "D"


def test_the_headline_says_what_holds(judged):
    said = judged.headline("en")
    kept = judged.kept.height
    assert f"Of 1,560 rules tested {kept} hold in a later period" in said  # 40 x 39
    assert "Best bet: p00 with p01: at most ₺" in said
    promoted = judged.dropped(Reason.PROMOTION).height
    assert f"{promoted} rules exist only during promotions." in said


def test_the_headline_changes_with_the_data():
    made = Planted(np.random.default_rng(0))
    said = judging.judge(made.lines(), SPEC).headline("en")
    assert "0 hold in a later period" in said
    assert "Best bet" not in said
    assert "promotions." not in said


def test_without_margins_the_best_bet_is_counted_in_baskets(shop):
    said = judging.judge(shop.lines(promoted=(2, 3)).drop("margin"), SPEC).headline("en")
    assert "more baskets of 1,000, not yet tested by an offer." in said


def test_a_longer_rule_must_add_something():
    """2 has nothing to do with 0 -> 1: {0, 2} -> 1 says no more. With 12, 13 brings 14."""
    made = Planted(np.random.default_rng(5))
    made.add(1, made.holds[:, 0], 0.5)
    made.add(13, made.holds[:, 12], 0.5)
    made.add(14, made.holds[:, 12] & made.holds[:, 13], 0.7)
    spec = JudgeSpec(rules=RuleSpec("0.001", "0.02", max_items=3))
    found = judging.judge(made.lines(), spec).rules
    longer = {
        (frozenset(a), c[0]): reason
        for a, c, reason in found.filter(items=3)
        .select("antecedent", "consequent", "reason")
        .rows()
    }
    assert longer[frozenset({"p12", "p13"}), "p14"] == Reason.KEPT
    fallen = {r for (a, c), r in longer.items() if "p00" in a and c == "p01"}
    assert Reason.NO_GAIN in fallen
    assert Reason.KEPT not in fallen


def test_p_values_are_the_largest_of_what_must_be_passed(judged):
    table = judged.rules.filter(pl.col("size_p_value").is_not_null())
    assert table.height > 5
    assert (table["p_value"] >= table["size_p_value"]).all()
    assert (judged.rules["q_value"] >= judged.rules["p_value"]).all()


# --- Null baskets ---------------------------------------------------------------------------------


def test_shuffled_baskets_keep_sizes_and_counts(groceries):
    real = coded.from_lines(groceries)
    null = shuffle.shuffled(real, rng=np.random.default_rng(1), rounds=3)
    assert np.array_equal(null.item_counts, real.item_counts)
    assert np.array_equal(np.bincount(null.basket, minlength=real.count), real.size)
    entries = set(zip(null.basket.tolist(), null.item_of_entry().tolist(), strict=True))
    assert len(entries) == 43_367  # no item twice in a basket


def test_shuffled_baskets_are_drawn_evenly():
    """Three baskets of one item each of three: all six ways, equally often (chi-square, 5 d.f.)."""
    start, rng = coded.from_codes([0, 1, 2], [0, 1, 2]), np.random.default_rng(2)
    seen = [tuple(shuffle.shuffled(start, rng=rng).basket.tolist()) for _ in range(1_200)]
    counts = np.array([seen.count(way) for way in sorted(set(seen))])
    assert len(counts) == 6
    assert ((counts - 200) ** 2 / 200).sum() < 20.5  # passed by all but 1 of 1,000


def test_no_rule_survives_null_baskets(groceries):
    """Groceries without associations: Fisher's test alone keeps hundreds of rules, all false.

    Sizes and counts of the real baskets, days and customers at random. A false discovery rate of
    5 % allows any rule at all in 5 % of shuffles; these six are enough to see hundreds.
    """
    real = coded.from_lines(groceries)
    spec = replace(SPEC, rules=RuleSpec("0.002", "0.01", max_items=2))
    for seed in range(6):
        rng = np.random.default_rng(seed)
        null = shuffle.shuffled(real, rng=rng, rounds=15)
        zeros = np.zeros(real.count, np.int64)
        known = facts.Facts(
            baskets=null, day=rng.integers(0, 60, real.count), month=zeros,
            fold=rng.integers(0, 64, real.count), store=zeros, promoted={}, margin=None,
        )  # fmt: skip
        found = judging.of_facts(known, spec)
        assert found.dropped(Reason.BASKET_SIZE).height > 200
        assert (found.rules["q_value"] > 0.05).all()


# --- What is known of baskets ---------------------------------------------------------------------


def known_of(**columns) -> facts.Facts:
    return facts.from_lines(pl.DataFrame(columns), 1_000)


def test_a_promotion_that_few_lines_carry_is_none():
    """P2 is a price of one customer on every day; P1 a week's price for all."""
    rows = [(f"{day}-{n}", "a", day, "P1" if day in (3, 4) else ("P2" if n == 0 else None))
            for day in range(10) for n in range(4)]  # fmt: skip
    lines = pl.DataFrame(
        rows, schema=["order_id", "product_id", "day", "promotion_id"], orient="row"
    )
    known = facts.from_lines(lines, 1_000)
    assert {item: days.tolist() for item, days in known.promoted.items()} == {0: [3, 4]}
    outside = ~known.in_promotion(np.array([0]))
    assert outside.sum() == 32


def test_a_promotion_counts_on_all_its_days_for_all_its_products():
    known = known_of(
        order_id=["1", "2", "3"],
        product_id=["a", "b", "c"],
        day=[1, 2, 2],
        promotion_id=["P", "P", None],
    )
    assert {item: days.tolist() for item, days in known.promoted.items()} == {0: [1, 2], 1: [1, 2]}


def test_months_folds_and_stores_of_baskets():
    known = known_of(
        order_id=["b", "a", "a"],
        product_id=["x", "x", "y"],
        day=[31, 30, 30],  # 31 January and 1 February 1970
        fold=[None, 7, 7],
        store=["south", "north", "north"],
    )
    assert known.month.tolist() == [12 * 1970, 12 * 1970 + 1]
    assert known.fold.tolist() == [7, 1]  # the second basket, dealt out in turn
    assert known.store.tolist() == [0, 1]
    assert known.stores == 2


def test_margins_are_means_of_baskets_with_the_product():
    known = known_of(
        order_id=["1", "1", "2", "3"],
        product_id=["a", "a", "a", "b"],
        day=[1, 1, 1, 1],
        margin=[1.0, 2.0, 6.0, None],
    )
    assert known.margin is not None
    assert known.margin.tolist() == [4.5, 0.0]


def test_baskets_that_were_left_out_stay_out():
    lines = pl.DataFrame(
        {"order_id": ["1", "1", "1", "2"], "product_id": list("abca"), "day": [1, 1, 1, 2]}
    )
    known = facts.from_lines(lines, 2)
    assert known.kept(known.day == 1).baskets.count == 0
    assert known.kept(known.day == 2).baskets.count == 1


def test_one_day_has_no_later_period():
    lines = pl.DataFrame({"order_id": ["1"], "product_id": ["a"], "day": [5]})
    with pytest.raises(TooShortError, match="a single day"):
        judging.judge(lines)
    with pytest.raises(TooShortError):
        judging.judge(lines.clear())


def test_two_days_have_one():
    lines = pl.DataFrame({"order_id": ["1", "2"], "product_id": ["a", "a"], "day": [5, 6]})
    found = judging.judge(lines)
    assert (found.first_later_day, found.baskets, found.later_baskets) == (6, 1, 1)
    assert found.rules.schema == pl.Schema(judging.SCHEMA)


def test_the_day_is_needed():
    with pytest.raises(ContractError, match="day missing"):
        judging.judge(pl.DataFrame({"order_id": ["1"], "product_id": ["a"]}))


@pytest.mark.parametrize("name", ["false_discoveries", "level", "later_level", "later_share"])
def test_a_spec_says_what_is_wrong(name):
    with pytest.raises(ValueError, match=name):
        JudgeSpec(**{name: 1.0})


def test_every_reason_has_its_words():
    said = {reason.words("en") for reason in Reason}
    assert len(said) == len(Reason)
