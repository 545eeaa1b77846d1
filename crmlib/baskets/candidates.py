"""Rules as rows of numbers: every way to split a frequent set into a left and a right side."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np

from crmlib.baskets.exact import Ints, reaches
from crmlib.baskets.itemsets import Sets
from crmlib.baskets.memory import Budget


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rules with as many items on the left, and as many on the right.

    Attributes
    ----------
    left, right
        rules x items, item numbers rising in a row.
    both_count, left_count, right_count
        In how many baskets both sides are, and each side.
    """

    left: Ints
    right: Ints
    both_count: Ints
    left_count: Ints
    right_count: Ints

    def __len__(self) -> int:
        return len(self.both_count)

    def where(self, which: np.ndarray) -> Block:
        """Give some of the rules."""
        return Block(
            self.left[which], self.right[which], self.both_count[which],
            self.left_count[which], self.right_count[which],
        )  # fmt: skip


def split(
    sets: Sets,
    most_right: int | None,
    least: Fraction | None = None,
    budget: Budget | None = None,
) -> list[Block]:
    """Split every frequent set in all ways that have at most ``most_right`` items on the right.

    Parameters
    ----------
    sets
        All frequent sets; both sides of a rule are among them.
    most_right
        ``None`` for any number.
    least
        Least confidence, exactly; ``None`` for every rule.
    budget
        What may be used: a set of twelve items makes four thousand rules.

    Raises
    ------
    TooMuchError
        If there are more rules than fit.
    """
    blocks, total = [], 0
    for size in range(2, len(sets.items) + 1):
        rows, counts = sets.items[size - 1], sets.counts[size - 1]
        for on_right in range(1, min(size - 1, most_right or size) + 1):
            parts = []
            for right in combinations(range(size), on_right):
                parts.append(_block(sets, rows, counts, right, least))
                total += len(parts[-1])
                if budget:
                    budget.check_rules(total)
            blocks.append(_together(parts))
    return [block for block in blocks if len(block)]


def _block(
    sets: Sets, rows: Ints, counts: Ints, right: tuple[int, ...], least: Fraction | None
) -> Block:
    lefts = np.delete(rows, right, axis=1)
    left_count = sets.count_of(lefts)
    keep = np.full(len(rows), fill_value=True)
    if least is not None:
        keep = reaches(counts, left_count, least)
    rights = rows[keep][:, list(right)]
    return Block(lefts[keep], rights, counts[keep], left_count[keep], sets.count_of(rights))


def _together(parts: list[Block]) -> Block:
    return Block(
        np.concatenate([p.left for p in parts]),
        np.concatenate([p.right for p in parts]),
        np.concatenate([p.both_count for p in parts]),
        np.concatenate([p.left_count for p in parts]),
        np.concatenate([p.right_count for p in parts]),
    )


def tested(sets: Sets, longest: int | None, most_right: int | None) -> int:
    """Count the rules that were, in effect, tested: what a correction must correct for.

    Choosing sets by their count chooses rules by the very number that is tested. So a rule
    counts as tested if both its sides are frequent, whether or not they meet often enough. For
    one item on the right that is exact; for more, sides with a common item are counted too,
    which makes the correction a little stricter than it must be.
    """
    singles = sets.by_size[0] if sets.by_size else 0
    longest = longest or len(sets.by_size) + 1
    total = 0
    for left, on_left in enumerate(sets.by_size, start=1):
        for right, on_right in enumerate(sets.by_size[: most_right or longest], start=1):
            if left + right <= longest:
                total += on_left * (singles - left if right == 1 else on_right)
    return total


def improvement(sets: Sets, rules: Block, baskets: int) -> np.ndarray:
    """Give by how much a rule's confidence exceeds that of every rule with less on its left.

    The rule with nothing on its left counts too: its confidence is the right side's share.
    (Bayardo, Agrawal, Gunopulos 2000, Data Mining and Knowledge Discovery 4.)
    """
    best = rules.right_count / baskets
    width = rules.left.shape[1]
    for size in range(1, width):
        for kept in combinations(range(width), size):
            part = rules.left[:, list(kept)]
            both = np.sort(np.hstack([part, rules.right]), axis=1)
            best = np.maximum(best, sets.count_of(both) / sets.count_of(part))
    return rules.both_count / rules.left_count - best
