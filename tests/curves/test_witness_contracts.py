"""BG/BB and sBG: the papers' figures.

The donors are Table 1 of Fader, Hardie and Shang (2010), Marketing Science 29(6): 11,104 people
who first gave in 1995, by gifts (x) and last gift (t_x) in the six years 1996-2001.
"""

import numpy as np
import polars as pl
import pytest

from crmlib.curves import bgbb, sbg
from crmlib.errors import ContractError, TooFewCustomersError

DONORS = [
    (6, 6, 1203), (5, 6, 728), (4, 6, 512), (3, 6, 357), (2, 6, 234), (1, 6, 129),
    (5, 5, 335), (4, 5, 284), (3, 5, 225), (2, 5, 173), (1, 5, 119),
    (4, 4, 240), (3, 4, 181), (2, 4, 155), (1, 4, 78),
    (3, 3, 322), (2, 3, 255), (1, 3, 129),
    (2, 2, 613), (1, 2, 277), (1, 1, 1091), (0, 0, 3464),
]  # fmt: skip


@pytest.fixture(scope="module")
def donors():
    frame = pl.DataFrame(DONORS, schema=["frequency", "recency", "count"], orient="row")
    assert frame["count"].sum() == 11_104
    return frame.with_columns(n_periods=pl.lit(6))


@pytest.fixture(scope="module")
def fit(donors):
    return bgbb.fit(donors)


def test_the_published_fit(fit):
    assert dict(fit.params) == pytest.approx(
        {"alpha": 1.2035, "beta": 0.7497, "gamma": 0.6567, "delta": 2.7834}, abs=6e-5
    )
    assert fit.loglik == pytest.approx(-33_225.581, abs=5e-4)
    assert fit.converged
    assert fit.customers == 11_104


def test_the_expected_future(fit, donors):
    x, t_x, count = (
        donors[c].cast(pl.Float64).to_numpy() for c in ("frequency", "recency", "count")
    )
    future = fit.params.expected_purchases(5, x=x, t_x=t_x, n=np.full(22, 6.0))
    assert count @ future == pytest.approx(12_884.2, abs=0.06)


def test_the_expected_numbers_by_gifts(fit):
    found = [11_104 * fit.params.probability(x, 6) for x in range(7)]
    assert (found[0], found[6]) == pytest.approx((3_454.9, 1_253.1), abs=0.06)
    assert sum(found) == pytest.approx(11_104, rel=1e-12)


def test_all_histories_have_probability_one(fit):
    # Histories by (x, t_x): those with x gifts up to t_x can be arranged in so many ways.
    from math import comb

    histories = [(0, 0)] + [(x, t) for t in range(1, 7) for x in range(1, t + 1)]
    x, t_x = np.array(histories, dtype=float).T
    ways = np.array([comb(int(t) - 1, int(k) - 1) if k else 1 for k, t in histories])
    each, _ = fit.params.likelihood(x, t_x, np.full(len(x), 6.0))
    assert ways @ np.exp(each) == pytest.approx(1, abs=1e-12)


def test_the_gradient_is_that_of_the_likelihood(fit, donors):
    x, t_x = (donors[c].cast(pl.Float64).to_numpy() for c in ("frequency", "recency"))
    n, share = np.full(22, 6.0), np.linspace(1, 2, 22) / np.linspace(1, 2, 22).sum()
    theta, step = np.array([0.3, -0.2, 0.4, 1.0]), 1e-6
    gradient = bgbb.BgBb.of(theta).likelihood(x, t_x, n, share)[1]
    for j in range(4):
        shift = step * np.eye(4)[j]
        up, down = (
            share @ bgbb.BgBb.of(theta + s).likelihood(x, t_x, n, share)[0] for s in (shift, -shift)
        )
        assert gradient[j] == pytest.approx((up - down) / (2 * step), abs=1e-8)


def test_alive_falls_with_silence_and_with_time(fit):
    x, n = np.array([3.0, 3.0]), np.array([6.0, 6.0])
    late = fit.params.p_alive(x=x, t_x=np.array([6.0, 3.0]), n=n)
    assert late[0] > late[1]
    assert (fit.params.p_alive(x=x, t_x=np.array([6.0, 3.0]), n=n, ahead=4) < late).all()


def test_donors_one_by_one_are_the_same_fit(fit, donors):
    each = donors.select(pl.col("frequency", "recency", "n_periods").repeat_by("count"))
    exploded = each.explode("frequency", "recency", "n_periods")
    assert exploded.height == 11_104
    assert bgbb.fit(exploded).loglik == pytest.approx(fit.loglik, rel=1e-12)


@pytest.mark.parametrize(
    ("x", "t_x", "words"),
    [(4, 3, "more purchases"), (2, 7, "longer than"), (0, 2, "no repeat"), (1.5, 2, "fractional")],
)
def test_impossible_gifts_are_refused(x, t_x, words):
    frame = pl.DataFrame({"frequency": [x], "recency": [t_x], "n_periods": [6]})
    with pytest.raises(ContractError, match=words):
        bgbb.fit(frame)


def test_nobody_gave():
    frame = pl.DataFrame({"frequency": [0, 0], "recency": [0, 0], "n_periods": [6, 6]})
    with pytest.raises(TooFewCustomersError):
        bgbb.fit(frame)


# Fader and Hardie (2007), JIM 21(1), tables 1 and 2, of 1,000 customers each.
HIGH_END = (1, 0.869, 0.743, 0.653, 0.593, 0.551, 0.517, 0.491)
REGULAR = (1, 0.631, 0.468, 0.382, 0.326, 0.289, 0.262, 0.241)


@pytest.mark.parametrize(
    ("survival", "alpha", "beta", "loglik", "projected"),
    [
        (HIGH_END, 0.668, 3.806, -1_611.2, (0.460, 0.436, 0.414, 0.395, 0.378)),
        (REGULAR, 0.704, 1.182, -1_680.3, (0.220, 0.204, 0.191, 0.180, 0.170)),
    ],
)
def test_the_published_retention(survival, alpha, beta, loglik, projected):
    fit = sbg.fit(survival, n=1_000)
    assert (fit.params.alpha, fit.params.beta) == pytest.approx((alpha, beta), abs=5e-4)
    assert fit.loglik == pytest.approx(loglik, abs=0.06)
    assert fit.converged
    assert fit.params.survival(range(8, 13)) == pytest.approx(projected, abs=6e-4)


def test_retention_is_the_quotient_of_survivals():
    model = sbg.ShiftedBetaGeometric(alpha=0.7, beta=1.2)
    s = model.survival(range(6))
    assert model.retention(range(1, 6)) == pytest.approx(s[1:] / s[:-1], rel=1e-12)
    assert (np.diff(model.retention(range(1, 6))) > 0).all()


@pytest.mark.parametrize("survival", [(1, 0.5), (0.9, 0.5, 0.4), (1, 0.5, 0.6), (1, 0.5, -0.1)])
def test_a_survival_that_is_none_is_refused(survival):
    with pytest.raises(ValueError, match="survival"):
        sbg.fit(survival, n=100)
