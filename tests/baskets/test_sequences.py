"""Sequences: brute force over customers, and a planted order among products liked together."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

from crmlib.baskets import sequences
from crmlib.baskets.sequences import SequenceSpec
from crmlib.errors import ContractError


def bought(*rows: tuple[str, str, int]) -> pl.DataFrame:
    schema = {"customer_id": pl.String, "product_id": pl.String, "day": pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def random_lines(seed: int, *, customers: int = 300, items: int = 5, lines: int = 12):
    rng = np.random.default_rng(seed)
    n = customers * lines
    return pl.DataFrame(
        {
            "customer_id": np.repeat([f"c{i:04}" for i in range(customers)], lines),
            "product_id": [f"p{i}" for i in rng.integers(0, items, n)],
            "day": rng.integers(100, 700, n).astype(np.int32),
        }
    )


def by_hand(lines: pl.DataFrame, within: int, first: str, then: str) -> dict[str, float]:
    """Count one ordered pair customer by customer."""
    began: dict[str, dict[str, int]] = {}
    for customer, product, day in lines.rows():
        days = began.setdefault(customer, {})
        days[product] = min(day, days.get(product, day))
    last = lines["day"].max()
    both = [d[then] - d[first] for d in began.values() if first in d and then in d]
    early = [d for d in began.values() if first in d and d[first] <= last - within]
    follow = [d for d in early if then in d and 1 <= d[then] - d[first] <= within]
    a = [d[first] for d in began.values() if first in d]
    b = [d[then] for d in began.values() if then in d]
    forward = sum(1 <= y - x <= within for x in a for y in b)
    backward = sum(1 <= x - y <= within for x in a for y in b)
    return {
        "customers": sum(1 <= gap <= within for gap in both),
        "other_way": sum(1 <= -gap <= within for gap in both),
        "with_first": len(early),
        "confidence": len(follow) / len(early),
        "expected_share": forward / (forward + backward),
    }


@pytest.mark.parametrize("within", [1, 60, 1000])
def test_every_pair_equals_counting_by_hand(within):
    lines = random_lines(within)
    # With all 600 days nobody's first purchase is early enough: confidence is not known.
    found = sequences.mine(lines, SequenceSpec(within, min_customers=1))
    assert found.tested == 20
    assert found.sequences.height > 0
    for row in found.sequences.rows(named=True):
        if within == 1000:
            assert (row["with_first"], row["confidence"]) == (0, None)
            continue
        for name, value in by_hand(lines, within, row["first"], row["then"]).items():
            assert row[name] == pytest.approx(value, rel=1e-12), name


def test_p_values_are_those_of_the_binomial_test():
    found = sequences.mine(random_lines(3), SequenceSpec(60, min_customers=1)).sequences
    for row in found.rows(named=True):
        k, n = row["customers"], row["customers"] + row["other_way"]
        exact = binomtest(k, n, row["expected_share"], alternative="greater").pvalue
        assert row["p_value"] == pytest.approx(exact, rel=1e-9)


@pytest.fixture(scope="module")
def planted():
    """Everybody likes A and B, in any order; who bought A has C some weeks later."""
    rng = np.random.default_rng(9)
    rows = []
    for n in range(400):
        a, b = rng.integers(0, 500, 2)
        rows += [(f"c{n:03}", "A", int(a)), (f"c{n:03}", "B", int(b))]
        rows.append((f"c{n:03}", "C", int(a + 5 + rng.integers(0, 40)) if n % 2 else int(b)))
    return bought(*rows)


def test_a_planted_order_is_found_and_liking_is_not(planted):
    found = sequences.mine(planted, SequenceSpec(60))
    sure = set(found.sure.select("first", "then").rows())
    assert ("A", "C") in sure
    assert not sure & {("A", "B"), ("B", "A"), ("C", "A")}
    assert "after A comes C" in found.headline("en")


def test_no_order_no_sequence():
    found = sequences.mine(random_lines(4))
    assert found.sure.is_empty()
    assert found.headline("en").startswith("Of 20 sequences within 90 days none stands out")


def test_a_product_that_came_later_is_no_sequence():
    """All begin with A in the first year and with B, new, in the second: in no connection."""
    rng = np.random.default_rng(1)
    rows = [(f"c{n}", "A", int(rng.integers(0, 365))) for n in range(500)]
    rows += [(f"c{n}", "B", int(rng.integers(330, 700))) for n in range(500)]
    found = sequences.mine(bought(*rows), SequenceSpec(90))
    row = found.sequences.filter(first="A", then="B").row(0, named=True)
    assert row["share"] > 0.85  # what a plain count would take for a strong sequence
    assert row["q_value"] > 0.05


def test_the_same_day_is_no_sequence_and_strangers_do_not_count():
    lines = bought(("1", "A", 5), ("1", "B", 5), (None, "A", 5), (None, "B", 6))
    assert sequences.mine(lines, SequenceSpec(9, min_customers=1)).sequences.is_empty()


def test_nothing_at_all():
    found = sequences.mine(bought())
    assert (found.tested, found.sequences.schema) == (0, pl.Schema(sequences.SCHEMA))


def test_a_missing_column_is_named():
    with pytest.raises(ContractError, match="customer_id missing"):
        sequences.mine(bought().drop("customer_id"))


@pytest.mark.parametrize(
    "wrong", [{"within_days": 0}, {"min_customers": 0}, {"false_discoveries": 0.0}]
)
def test_a_spec_says_what_is_wrong(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SequenceSpec(**wrong)
