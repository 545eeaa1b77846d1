"""Null baskets: of the same sizes, with each item as often, and nothing that goes together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from crmlib.baskets.coded import Baskets
from crmlib.baskets.exact import Ints

ROUNDS = 30


def shuffled(baskets: Baskets, *, rng: Generator, rounds: int = ROUNDS) -> Baskets:
    """Let baskets trade items at random, keeping all sizes and all counts.

    In each round the baskets are paired at random, and each pair deals anew the items that only
    one of the two has. This is swap randomisation (Gionis, Mannila, Mielikäinen, Tsaparas 2007,
    ACM TKDD 1(3)) with many swaps at a time, the global curveball (Carstens, Hamann, Meyer,
    Penschuck, Tran, Wagner 2018, ESA), whose stationary distribution is uniform too.

    Parameters
    ----------
    baskets
        What to shuffle.
    rng
        Where chance comes from.
    rounds
        How many times every basket trades.
    """
    basket, item = baskets.basket.astype(np.int64), baskets.item_of_entry().astype(np.int64)
    for _ in range(rounds):
        basket, item = _trade(basket, item, len(baskets.size), rng)
    order = np.lexsort((basket, item))
    return replace(baskets, basket=basket[order].astype(np.int32))


def _trade(basket: Ints, item: Ints, n: int, rng: Generator) -> tuple[Ints, Ints]:
    place = rng.permutation(n)
    pair, second = place[basket] >> 1, place[basket] & 1
    order = np.lexsort((item, pair))
    pair, item, second, basket = pair[order], item[order], second[order], basket[order]
    # An item that both have lies twice in a row, and stays with both.
    twin = (pair[1:] == pair[:-1]) & (item[1:] == item[:-1])
    shared = np.concatenate([[False], twin]) | np.concatenate([twin, [False]])
    free = np.flatnonzero(~shared)
    # The free items of a pair in random order; as many as before get the first basket's number.
    dealt = free[np.lexsort((rng.random(len(free)), pair[free]))]
    owners = free[np.lexsort((second[free], pair[free]))]
    traded = basket.copy()
    traded[dealt] = basket[owners]
    return traded, item
