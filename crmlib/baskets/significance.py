"""Chance: exact tails of counts, and a correction for the many rules that are looked at."""

from __future__ import annotations

import numpy as np

from crmlib.baskets.exact import Ints
from crmlib.baskets.measures import Floats

_NEGLIGIBLE = 1e-17  # of the sum so far


def fisher_greater(both: Ints, left: Ints, right: Ints, n: Ints | int) -> Floats:
    """Give Fisher's exact p, one-sided: that both sides meet so often or more by chance.

    Both sides' counts are given, so the number of meetings is hypergeometric.

    Parameters
    ----------
    both, left, right, n
        Baskets with both sides, with each side, and in all.

    Returns
    -------
    P(meetings >= both), correct to about nine digits; 1 where ``both`` is as small as can be.
    """
    k, a, b, m = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (both, left, right, n)))
    # The tail that falls off: upwards from `both` where it is above the mean, else downwards.
    above = k * m > a * b
    upper = _tail(k, a, b, m, step=1)
    lower = _tail(k - 1, a, b, m, step=-1)
    return np.clip(np.where(above, upper, 1 - lower), 0.0, 1.0)


def _tail(k: Floats, left: Floats, right: Floats, n: Floats, *, step: int) -> Floats:
    """Sum hypergeometric probabilities from ``k`` on, each from the one before."""
    mean = left * right / n
    possible = (k >= np.maximum(0, left + right - n)) & (k <= np.minimum(left, right))
    # The other tail is not asked for there: the sum would be long, and its answer unused.
    asked = possible & ((k > mean) if step > 0 else (k < mean))
    found = np.zeros(k.shape)
    at = np.flatnonzero(asked)
    k, left, right, n = (x[at] for x in (k, left, right, n))
    term = np.exp(_log_probability(k, left, right, n))
    total = term.copy()
    live = np.arange(len(at))
    while len(live):
        x, a, b, m = k[live], left[live], right[live], n[live]
        if step > 0:
            ratio = (a - x) * (b - x) / ((x + 1) * (m - a - b + x + 1))
        else:
            ratio = x * (m - a - b + x) / ((a - x + 1) * (b - x + 1))
        term[live] *= ratio
        total[live] += term[live]
        k[live] += step
        live = live[term[live] > _NEGLIGIBLE * total[live]]
    found[at] = total
    return found


def _log_probability(k: Floats, left: Floats, right: Floats, n: Floats) -> Floats:
    from scipy.special import gammaln

    def log_choose(a: Floats, b: Floats) -> Floats:
        chosen: Floats = gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1)
        return chosen

    return log_choose(left, k) + log_choose(n - left, right - k) - log_choose(n, right)


def benjamini_hochberg(p: Floats, tests: int) -> Floats:
    """Give q values: the smallest false discovery rate at which each rule would be kept.

    Parameters
    ----------
    p
        The p values that were worked out.
    tests
        How many tests were made in effect. Those not worked out count as p = 1: they reached
        no support, and leaving them out would make the others look better than they are.

    Benjamini, Hochberg (1995), Journal of the Royal Statistical Society B 57.
    """
    if tests < len(p):
        raise ValueError(f"tests must be at least the {len(p)} p values, got {tests}")
    order = np.argsort(p, kind="stable")
    rank = np.arange(1, len(p) + 1)
    scaled = np.minimum(p[order] * tests / rank, 1.0)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q


def at_least(found: Floats, expected: Floats, trials: Floats) -> Floats:
    """Bound the p of a sum of independent trials of unequal chances.

    Meetings in several strata are a sum of hypergeometric counts, and each of these is a sum of
    independent trials of unequal chances (Vatutin, Mikhailov 1982). Of all such sums with as
    many trials and the same mean the binomial has the heaviest tail beyond mean + 1 (Hoeffding
    1956, Annals of Mathematical Statistics 27, theorem 4), so its tail is never too small.

    Parameters
    ----------
    found
        How many meetings there were.
    expected
        How many chance brings: above 0 where there is anything to find.
    trials
        How many there can be.
    """
    chance = np.divide(expected, trials, out=np.zeros_like(expected), where=trials > 0)
    bound = binomial_greater(found, trials, np.minimum(chance, 1.0))
    return np.where(found >= expected + 1, bound, 1.0)


def binomial_greater(found: Floats, trials: Floats, chance: Floats) -> Floats:
    """Give the chance of so many successes or more; 1 for none."""
    from scipy.special import betainc

    some = np.maximum(found, 1)
    tail: Floats = betainc(some, np.maximum(trials - some + 1, 1), chance)
    return np.where(found < 1, 1.0, tail)
