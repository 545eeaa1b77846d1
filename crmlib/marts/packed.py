"""Several small whole numbers in one: engines group and sort by one integer faster."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import narwhals as nw


@dataclass(frozen=True, slots=True)
class Packed:
    """A key of several numbers, the first of which weighs most when sorting.

    Attributes
    ----------
    sizes
        Name of each number, and how many values it may take, from 0.
    """

    sizes: dict[str, int]

    def __post_init__(self) -> None:
        """Refuse what a 64-bit integer cannot hold."""
        if prod(self.sizes.values()) > 2**63:
            raise ValueError(f"does not fit into 64 bits: {', '.join(self.sizes)}")

    def pack(self, **numbers: nw.Expr) -> nw.Expr:
        """Give the key of the numbers; all of them must be given."""
        (first, _), *rest = self.sizes.items()
        key = numbers[first].cast(nw.Int64)
        for name, size in rest:
            key = key * size + numbers[name].cast(nw.Int64)
        return key

    def take(self, name: str, key: nw.Expr) -> nw.Expr:
        """Give one of the numbers of a key back."""
        names = list(self.sizes)
        unit = prod(self.sizes[n] for n in names[names.index(name) + 1 :])
        return key // unit - key // (unit * self.sizes[name]) * self.sizes[name]
