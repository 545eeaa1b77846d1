"""The dimensions that a reader may choose from, and where each customer stands on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from crmlib.i18n import fold_turkish, mark
from crmlib.profile import segments

ALL, OTHER, UNKNOWN = "all", "other", "unknown"
# Firms name a dozen regions; more would be a list to search, and cells too small to show.
MOST_REGIONS, MOST_CHANNELS = 12, 8
_EVERYONE = mark("All segments")
_NAMED = mark("{name}")


@dataclass(frozen=True, slots=True)
class Member:
    """One choice: its id in addresses and files, its English name and what fills its braces."""

    id: str
    label: str
    fields: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Write it for the index of the boards."""
        return {"id": self.id, "label": self.label, "fields": self.fields}


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension: its members, of which the first is 'all'.

    Attributes
    ----------
    values
        Which of the data's values stand for which member, by the member's place; what is not
        listed belongs to ``OTHER``.
    """

    name: str
    members: Sequence[Member]
    values: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the members, 'all' included."""
        return len(self.members)

    def places(self, values: pl.Series) -> npt.NDArray[np.int64]:
        """Give each customer's place among the members."""
        ids = [m.id for m in self.members]
        rest = ids.index(OTHER) if OTHER in ids else 0
        # A value that no member stands for would be lost from every cell but 'all'.
        known = values.fill_null("")
        found = known.replace_strict(self.values, default=rest, return_dtype=pl.Int64)
        if (found == 0).any():
            raise ValueError(f"{self.name}: a customer belongs to no member")
        return found.to_numpy()


def of_segments() -> Dimension:
    """Make the dimension of RFM segments and of customers without a purchase in 12 months."""
    keys = [*segments.BY_KEY, segments.LAPSED]
    members = [Member(ALL, _EVERYONE), *(Member(key, segments.label(key)) for key in keys)]
    return Dimension("segment", members, {key: place for place, key in enumerate(keys, 1)})


def of_regions(values: pl.Series, k: int) -> Dimension | None:
    """Make the dimension of regions from those of all customers who ever bought."""
    labels = mark("All regions"), mark("Other regions"), mark("Region not recorded")
    return _of_values("region", values, labels, most=MOST_REGIONS, k=k)


def of_channels(values: pl.Series, k: int) -> Dimension | None:
    """Make the dimension of channels from those of all customers who ever bought."""
    labels = mark("All channels"), mark("Other channels"), mark("Channel not recorded")
    return _of_values("channel", values, labels, most=MOST_CHANNELS, k=k)


def _of_values(
    name: str, values: pl.Series, labels: tuple[str, str, str], *, most: int, k: int
) -> Dimension | None:
    """Name the largest values that at least ``k`` customers have; ``None`` without a choice."""
    counted = (
        pl.DataFrame({"value": values.fill_null("")})
        .group_by("value")
        .len()
        .sort("len", "value", descending=[True, False])
    )
    told = counted.filter(pl.col("value") != "")
    named = told.filter(pl.col("len") >= k).head(most)["value"].to_list()
    everybody, other, unknown = labels
    members = [Member(ALL, everybody)]
    # Names come from the data: the mark keeps them apart from our own ids.
    named.sort(key=_turkish)
    members += [Member(f"={value}", _NAMED, {"name": value}) for value in named]
    places = {value: place for place, value in enumerate(named, 1)}
    if told.height > len(named):
        members.append(Member(OTHER, other))
    if told.height < counted.height:
        places[""] = len(members)
        members.append(Member(UNKNOWN, unknown))
    return Dimension(name, members, places) if named and len(members) > 2 else None


# With q, w and x at their places, so that other names stand in order, too.
_LETTERS = "abcçdefgğhıijklmnoöpqrsştuüvwxyz"


def _turkish(name: str) -> tuple[list[int], str]:
    """Give a key that sorts names as Turkish does: C before Ç, I before İ, spaces first."""
    return [_LETTERS.find(letter) for letter in fold_turkish(name)], name


def horizons(months: Sequence[int]) -> list[Member]:
    """List how far back moves between segments are told, the longest first."""
    names = {
        1: mark("1 month"),
        3: mark("3 months"),
        12: mark("12 months"),
    }
    return [Member(f"{m}m", names[m]) for m in months]
