"""Intervals of the fitted parameters hold the truth as often as they say: simulated customers."""

import math

import numpy as np
import polars as pl
import pytest

from crmlib.curves import bgnbd, mbgnbd, paretonbd
from crmlib.curves.bgnbd import BgNbd
from crmlib.curves.mbgnbd import MbgNbd
from crmlib.curves.paretonbd import ParetoNbd

WORLDS = [
    pytest.param(bgnbd.fit, BgNbd(r=0.5, alpha=8.0, a=0.8, b=2.5), id="BG/NBD"),
    pytest.param(mbgnbd.fit, MbgNbd(r=0.5, alpha=6.0, a=0.9, b=1.6), id="MBG/NBD"),
    pytest.param(paretonbd.fit, ParetoNbd(r=0.55, alpha=10.6, s=0.6, beta=11.7), id="Pareto/NBD"),
]


def study(fit, truth, seeds, customers=4_000):
    """Fit each seed's customers; return estimates and standard errors of the logarithms."""
    estimates, errors = [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        T = rng.integers(26, 105, customers).astype(float)
        x, t_x = truth.draw(T, rng)
        found = fit(pl.DataFrame({"frequency": x.astype(int), "recency": t_x, "T": T}))
        assert found.converged
        estimates.append(found.params.theta)
        errors.append(np.sqrt(np.diag(found.covariance)))
    return np.array(estimates), np.array(errors)


def covered(estimates, errors, truth):
    return (np.abs(estimates - truth.theta) < 1.959963984540054 * errors).mean(axis=0)


def least(seeds):
    """Three standard errors of a share of 0.95 below it."""
    return 0.95 - 3 * math.sqrt(0.95 * 0.05 / seeds)


@pytest.mark.parametrize(("fit", "truth"), WORLDS)
def test_intervals_hold_the_truth_in_40_worlds(fit, truth):
    estimates, errors = study(fit, truth, 40)
    assert (covered(estimates, errors, truth) >= least(40)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("fit", "truth"), WORLDS)
def test_intervals_hold_the_truth_in_200_worlds_and_are_not_too_wide(fit, truth):
    estimates, errors = study(fit, truth, 200)
    assert (covered(estimates, errors, truth) >= least(200)).all()
    widths = errors.mean(axis=0) / estimates.std(axis=0)
    assert ((widths > 0.8) & (widths < 1.25)).all()
