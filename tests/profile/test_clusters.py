"""Clusters: one cloud has no groups, however correlated and skewed; separated clouds have."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from crmlib.errors import TooFewCustomersError
from crmlib.profile import clusters

SPEC = clusters.ClustersSpec(
    features=("recency", "frequency", "money"), most=4, draws=19, bootstraps=3, customers=200
)


def frame(logs: np.ndarray) -> pl.DataFrame:
    """Customers whose features are the exponentials of these columns."""
    values = np.exp(logs)
    return pl.DataFrame(
        {
            "customer_id": [f"c{n:05}" for n in range(len(values))],
            "purchase_days": [1] * len(values),
            "recency": values[:, 0],
            "frequency": values[:, 1],
            "money": values[:, 2],
        }
    )


def cloud(rng: np.random.Generator, n: int = 200) -> np.ndarray:
    """One cloud: strongly correlated, one column skewed even in logarithms, one with many ties."""
    covariance = [[1.0, -0.5, -0.5], [-0.5, 1.0, 0.8], [-0.5, 0.8, 1.0]]
    draws = rng.multivariate_normal([3, 2, 5], covariance, n)
    draws[:, 1] = np.log(np.maximum(np.round(np.exp(draws[:, 1])), 1))
    draws[:, 2] = np.exp(draws[:, 2] / 4)
    return draws


def separated(rng: np.random.Generator, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds some six spreads apart."""
    of = rng.integers(0, 3, n)
    centres = np.array([[2.0, 4.0, 6.0], [5.0, 1.5, 6.0], [5.0, 4.0, 3.0]])
    return centres[of] + rng.normal(0, 0.4, (n, 3)), of


def test_one_correlated_cloud_has_no_natural_groups() -> None:
    # A 5 % test says 'natural' in 1 of 20 clouds; the limit is 10 %.
    found = [
        clusters.find(frame(cloud(np.random.default_rng(seed))), SPEC,
                      rng=np.random.default_rng(100 + seed)).natural
        for seed in range(20)
    ]  # fmt: skip
    assert sum(found) <= 2


def test_separated_clouds_are_found_with_their_members() -> None:
    for seed in range(5):
        data, of = separated(np.random.default_rng(seed))
        found = clusters.find(frame(data), SPEC, rng=np.random.default_rng(seed))
        assert (found.natural, found.k) == (True, 3)
        assert found.stability > 0.9
        pairs = set(zip(found.members["cluster"].to_list(), of.tolist(), strict=True))
        assert len(pairs) == 3
        assert found.groups["customers"].is_sorted(descending=True)
        assert found.groups["customers"].sum() == 200
        assert "3 natural groups" in found.headline("en")


def test_the_verdict_is_said() -> None:
    rng = np.random.default_rng(1)
    found = clusters.find(frame(cloud(rng)), SPEC, rng=rng)
    assert found.natural is False
    assert found.headline("en").startswith("No natural groups")
    assert "groups" not in found.headline("tr")


def test_the_cloud_keeps_marginals_and_rank_correlations_and_loses_the_groups() -> None:
    data, _ = separated(np.random.default_rng(3), 4000)
    drawn = clusters._cloud(data, np.random.default_rng(4))
    assert (np.sort(drawn, axis=0) == np.sort(data, axis=0)).all()
    difference = spearmanr(drawn).statistic - spearmanr(data).statistic
    assert np.abs(difference).max() < 0.05
    assert not (drawn == data).all()


def test_the_same_seed_gives_the_same_answer_whatever_the_order_of_the_rows() -> None:
    customers = frame(separated(np.random.default_rng(6), 400)[0])
    first, second = (
        clusters.find(rows, SPEC, rng=np.random.default_rng(8))
        for rows in (customers, customers.reverse())
    )
    assert first.members.equals(second.members)
    assert first.silhouettes.equals(second.silhouettes)
    assert first.members.height == 200


def test_a_column_that_does_not_vary_does_no_harm() -> None:
    customers = frame(separated(np.random.default_rng(9))[0]).with_columns(money=pl.lit(1.0))
    found = clusters.find(customers, SPEC, rng=np.random.default_rng(9))
    assert np.isfinite(found.silhouette)


def test_too_few_customers_and_wrong_specs_say_so() -> None:
    with pytest.raises(TooFewCustomersError, match="30 customers"):
        clusters.find(
            frame(cloud(np.random.default_rng(1), 30)), SPEC, rng=np.random.default_rng(1)
        )
    with pytest.raises(ValueError, match="10 draws"):
        clusters.ClustersSpec(draws=10)
    with pytest.raises(ValueError, match="two or more"):
        clusters.ClustersSpec(features=("orders",))
