"""BG/NBD with covariates: known effects are found again, and groups are models of their own."""

import numpy as np
import polars as pl
import pytest

from crmlib.curves import bgnbd, covariates
from crmlib.curves.bgnbd import BgNbd
from crmlib.errors import ContractError

BASE = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.5}


def drawn(model, n, rng):
    T = rng.integers(26, 79, n).astype(float)
    x, t_x = model.draw(T, rng)
    return pl.DataFrame({"frequency": x.astype(int), "recency": t_x, "T": T})


@pytest.fixture(scope="module")
def two_groups():
    """Web buyers buy twice as often; members leave as often, but are surer to (a, b doubled)."""
    rng = np.random.default_rng(31)
    groups = []
    for web in (0, 1):
        for member in (0, 1):
            changes = {"alpha": 6.0 / 2**web, "a": 0.8 * 2**member, "b": 2.5 * 2**member}
            frame = drawn(BgNbd(**BASE | changes), 3_000, rng)
            groups.append(frame.with_columns(web=pl.lit(web), member=pl.lit(member)))
    return pl.concat(groups)


def test_known_effects_are_found_again(two_groups):
    fit = covariates.fit(two_groups, purchases=["web"], leaving=["member"])
    assert fit.converged
    found = {(r["term"], r["covariate"]): r for r in fit.coefficients.iter_rows(named=True)}
    assert set(found) == {("purchases", "web"), ("leaving_a", "member"), ("leaving_b", "member")}
    for row in found.values():
        assert abs(row["estimate"] - np.log(2)) < 3 * row["standard_error"]
        assert row["low"] < row["estimate"] < row["high"]
    assert found["purchases", "web"]["standard_error"] < 0.05
    assert dict(fit.params) == pytest.approx(BASE, rel=0.3)


def test_a_group_with_covariates_on_everything_but_r_is_its_own_model(two_groups):
    # One pattern fitted alone has the same likelihood where only r is shared and it is the same.
    web = two_groups.filter(pl.col("member") == 0)
    both = covariates.fit(web, purchases=["web"], leaving=["web"])
    alone = [bgnbd.fit(web.filter(pl.col("web") == w)).loglik for w in (0, 1)]
    one = bgnbd.fit(web).loglik
    # Between one model for all and two models without anything in common.
    assert one + 50 < both.loglik < sum(alone)
    assert both.loglik == pytest.approx(sum(alone), abs=4)


def test_predictions_are_those_of_the_pattern(two_groups):
    fit = covariates.fit(two_groups, purchases=["web"], leaving=["member"])
    mixed = two_groups.sample(500, shuffle=True, seed=1)
    found = fit.predict(mixed, horizon=13.0)
    assert found.select(mixed.columns).equals(mixed)
    row = found.row(17, named=True)
    model = fit.params_of(web=row["web"], member=row["member"])
    one = {
        letter: np.array([float(row[name])])
        for letter, name in (("x", "frequency"), ("t_x", "recency"), ("T", "T"))
    }
    assert row["p_alive"] == pytest.approx(model.p_alive(**one)[0], rel=1e-12)
    assert row["expected"] == pytest.approx(model.expected_purchases(13.0, **one)[0], rel=1e-12)


def test_a_covariate_without_effect_has_an_interval_over_zero(two_groups):
    rng = np.random.default_rng(5)
    noise = two_groups.with_columns(coin=pl.Series(rng.integers(0, 2, two_groups.height)))
    row = covariates.fit(noise, purchases=["coin"]).coefficients.row(0, named=True)
    assert row["low"] < 0 < row["high"]


def test_covariates_that_are_none_are_refused(two_groups):
    with pytest.raises(ValueError, match="at least one"):
        covariates.fit(two_groups)
    with pytest.raises(ContractError, match="missing city"):
        covariates.fit(two_groups, purchases=["city"])
    with pytest.raises(ValueError, match="web does not vary"):
        covariates.fit(two_groups.filter(pl.col("web") == 1), purchases=["web"])
    with pytest.raises(ContractError, match="group them"):
        covariates.fit(two_groups.with_row_index(), purchases=["index"])
    with pytest.raises(ContractError, match="no web"):
        covariates.fit(two_groups.with_columns(web=pl.lit(None, dtype=pl.Int32)), leaving=["web"])
    with pytest.raises(ContractError, match="must be a number"):
        covariates.fit(two_groups.with_columns(web=pl.lit("x")), leaving=["web"])
