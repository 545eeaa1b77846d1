"""Rows of bits: one row an item, one bit a basket, sixty-four to a word."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crmlib.baskets.coded import Baskets
from crmlib.baskets.exact import Ints

# Least significant byte first on every machine: `ones` reads the words as bytes.
WORD = np.dtype("<u8")
Words: TypeAlias = NDArray[np.uint64]

# Rows that are combined at once stay within the processor's cache.
_CACHE_WORDS = 1 << 16


def words(baskets: int) -> int:
    """Give the number of words of a row."""
    return -(-baskets // 64)


def pack(baskets: Baskets, items: Ints) -> Words:
    """Set the bits of some items: items x words."""
    width = words(len(baskets.size))
    found = np.zeros((len(items), width), WORD)
    for row, item in enumerate(items):
        held = baskets.of_item(int(item))
        if not len(held):
            continue
        word = held >> 6
        bit = np.left_shift(np.uint64(1), (held & 63).astype(np.uint64))
        # Baskets rise, so those of one word lie together.
        first = np.flatnonzero(np.diff(word, prepend=-1))
        found[row, word[first]] = np.bitwise_or.reduceat(bit, first)
    return found


def counts(rows: Words, left: Ints, right: Ints) -> Ints:
    """Count the baskets that hold both, for pairs of rows."""
    found = np.zeros(len(left), np.int64)
    step = max(1, _CACHE_WORDS // max(1, rows.shape[1]))
    for begin in range(0, len(left), step):
        part = slice(begin, begin + step)
        both = rows[left[part]]
        both &= rows[right[part]]
        found[part] = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
    return found


def ones(row: Words) -> Ints:
    """Give the baskets whose bit is set, rising."""
    return np.flatnonzero(np.unpackbits(row.view(np.uint8), bitorder="little"))
