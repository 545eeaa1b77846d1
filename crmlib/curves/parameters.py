"""Parameters of a model: plain numbers with names, read as attributes or like a mapping."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Self

import numpy as np

from crmlib.curves.compress import Array


@dataclass(frozen=True, slots=True)
class Parameters:
    """Positive parameters in the letters of the paper; ``dict(parameters)`` works."""

    def __post_init__(self) -> None:
        for name in self.names():
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive and finite, got {value}")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Give the names in order."""
        return tuple(f.name for f in fields(cls))

    @classmethod
    def of(cls, theta: Array) -> Self:
        """Make them of their logarithms."""
        return cls(*(float(v) for v in np.exp(theta)))

    @property
    def theta(self) -> Array:
        """Their logarithms, in order."""
        return np.log(np.array(astuple(self), dtype=float))

    def keys(self) -> tuple[str, ...]:
        """Give the names, as a mapping does."""
        return self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __getitem__(self, name: str) -> float:
        if name not in self.names():
            raise KeyError(name)
        return float(getattr(self, name))
