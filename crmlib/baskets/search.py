"""All frequent item sets, depth first over rows of bits (Zaki 2000, IEEE TKDE 12(3): Eclat).

A node is a set with the items that can extend it and, of these, the pairs that can extend it
together. A child needs only the pairs of its parent whose ends are both its own: an item set is
counted only if all its subsets with the same prefix are frequent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from crmlib.baskets import bits
from crmlib.baskets.bits import Words
from crmlib.baskets.exact import Ints
from crmlib.baskets.pairs import Pairs, in_order


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A set and its extensions.

    Attributes
    ----------
    prefix
        Items of the set.
    items
        Items that extend it, in the order of the search.
    rows
        items x words: the baskets that hold the set and the item. Words in which no basket
        holds the set are left out.
    pairs
        Pairs of positions in ``items`` that extend the set together.
    """

    prefix: tuple[int, ...]
    items: Ints
    rows: Words
    pairs: Pairs


def depth_first(root: Node, least: int, longest: int | None) -> Iterator[Node]:
    """Give every node below and with the root; its pairs make sets two longer than its prefix."""
    # Nodes are made when their turn comes, so that one path of them is in memory.
    path = [iter([root])]
    while path:
        node = next(path[-1], None)
        if node is None:
            path.pop()
            continue
        yield node
        if longest is None or len(node.prefix) + 3 <= longest:
            path.append(_children(node, least))


def _children(node: Node, least: int) -> Iterator[Node]:
    position = np.full(len(node.items), -1)
    start = node.pairs.start
    for at in np.flatnonzero(np.diff(start) > 1):
        own = node.pairs.right[start[at] : start[at + 1]]
        position[own] = np.arange(len(own))
        left, right = _joined(node.pairs, own, position)
        position[own] = -1
        if not len(left):
            continue
        rows = _narrowed(node.rows, int(at), own)
        count = bits.counts(rows, left, right)
        keep = count >= least
        if keep.any():
            pairs = in_order(left[keep], right[keep], count[keep], rows=len(own))
            yield Node((*node.prefix, int(node.items[at])), node.items[own], rows, pairs)


def _joined(pairs: Pairs, own: Ints, position: Ints) -> tuple[Ints, Ints]:
    """Give the pairs whose ends are both in ``own``, as positions in it."""
    first, length = pairs.start[own], pairs.start[own + 1] - pairs.start[own]
    ends = np.cumsum(length)
    flat = np.repeat(first - ends + length, length) + np.arange(ends[-1])
    right = position[pairs.right[flat]]
    inside = right >= 0
    return np.repeat(np.arange(len(own)), length)[inside], right[inside]


def _narrowed(rows: Words, at: int, own: Ints) -> Words:
    """Give the rows of ``own`` where row ``at`` has a bit; drop empty words where many are."""
    one = rows[at]
    filled = np.flatnonzero(one)
    if 2 * len(filled) < len(one):
        return rows[own[:, None], filled] & one[filled]
    found = rows[own]
    found &= one
    return found
