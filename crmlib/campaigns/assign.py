"""Assign: draw customers into arms, so that anyone with the ids draws the same.

No random numbers are kept: the draw is a hash of the campaign and the id, so the order of the
list and the machine do not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import polars as pl

from crmlib import i18n
from crmlib.errors import ContractError

GLOBAL_CONTROL = "global control"
_WHOLE = 2.0**64


def draw(word: str, ids: Iterable[str]) -> list[float]:
    """Give each id a number in [0, 1), as good as random, the same for the same word.

    >>> [round(u, 4) for u in draw("spring", ["1", "2"])]
    [0.2053, 0.1925]
    """
    start = hashlib.sha256(f"{word}\n".encode())
    found = []
    for one in ids:
        own = start.copy()
        own.update(one.encode())
        found.append(int.from_bytes(own.digest()[:8], "big") / _WHOLE)
    return found


def protected(ids: pl.Series, programme: str, share: float) -> pl.Series:
    """Tell who is in the global control: for every campaign of the programme the same customers."""
    if not 0 <= share < 1:
        raise ValueError(f"share must lie in [0, 1), got {share}")
    return pl.Series("protected", draw(f"global\n{programme}", ids.to_list())) < share


def assign(
    customers: pl.DataFrame,
    split: Mapping[str, float],
    *,
    campaign_id: str,
    strata: Iterable[str] = (),
    global_control: float = 0.0,
    programme: str = "",
) -> pl.DataFrame:
    """Draw the arms of a campaign, stratum by stratum.

    In each stratum every arm gets its share, rounded down; the few who remain are drawn so that
    each customer's chance of an arm is exactly its share.

    Parameters
    ----------
    customers
        ``customer_id`` (text, each once) and the columns of ``strata``, known before the draw.
    split
        Share of each arm, of any sum.
    campaign_id
        Draws differ between campaigns.
    strata
        Columns; a missing value is a stratum of its own.
    global_control, programme
        Share of customers that no campaign contacts, and the word that draws them. They are
        listed in the arm :data:`GLOBAL_CONTROL` and take no part.

    Returns
    -------
    ``customer_id``, ``arm``, ``stratum`` ("" without strata), in order of the ids.
    """
    _refuse(customers, split)
    columns = list(strata)
    ids = customers["customer_id"]
    apart = protected(ids, programme, global_control)
    stratum = pl.concat_str(
        [pl.col(c).cast(pl.String).fill_null("?") for c in columns], separator=" / "
    )
    frame = customers.select(
        "customer_id",
        stratum=stratum if columns else pl.lit(""),
        u=pl.Series(draw(f"arm\n{campaign_id}", ids.to_list())),
        apart=apart,
    )
    drawn = frame.filter(~pl.col("apart")).sort("stratum", "u", "customer_id")
    arms = [
        arm
        for (name,), own in drawn.group_by("stratum", maintain_order=True)
        for arm in _arms(own.height, split, draw(f"rest\n{campaign_id}", [str(name)])[0])
    ]
    held = frame.filter("apart").with_columns(arm=pl.lit(GLOBAL_CONTROL))
    done = drawn.with_columns(arm=pl.Series(arms, dtype=pl.String))
    return pl.concat([done, held]).select("customer_id", "arm", "stratum").sort("customer_id")


def _arms(customers: int, split: Mapping[str, float], u: float) -> list[str]:
    """Give the arms of a stratum's customers, who stand in random order."""
    whole = sum(split.values())
    exact = {arm: customers * share / whole for arm, share in split.items()}
    counts = {arm: int(e + 1e-9) for arm, e in exact.items()}
    rest = customers - sum(counts.values())
    # Systematic sampling (Madow 1949): an arm's chance of one more is its fraction.
    passed, point = 0.0, u
    for arm, e in exact.items():
        passed += e - counts[arm]
        if rest and point < passed - 1e-12:
            counts[arm] += 1
            rest, point = rest - 1, point + 1
    if rest:  # rounding errors ate the last point
        counts[max(exact, key=lambda a: exact[a] - counts[a])] += rest
    return [arm for arm, count in counts.items() for _ in range(count)]


def _refuse(customers: pl.DataFrame, split: Mapping[str, float]) -> None:
    if len(split) < 2 or not all(share > 0 for share in split.values()):
        raise ValueError("split needs two arms or more, each with a share above 0")
    if GLOBAL_CONTROL in split:
        raise ValueError(f"no arm may be called {GLOBAL_CONTROL!r}")
    ids = customers["customer_id"]
    missing, twice = ids.null_count(), len(ids) - ids.n_unique()
    if missing or twice:
        raise ContractError(_IDS, missing=missing, twice=twice)


_IDS = i18n.mark(
    "The list has {missing} rows without an id and {twice} that repeat one. Each customer is "
    "drawn once."
)
