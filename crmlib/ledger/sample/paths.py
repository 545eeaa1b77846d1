"""Paths of visitors: steps by channel that end in an online order, or do not."""

from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.world import Calendar, Floats, SampleSpec
from crmlib.ledger.sample.written import moment

# Channel: share of the steps, and what one step of it adds to the chance of an order.
CHANNELS = {
    "arama": (0.30, 0.10), "doğrudan": (0.22, 0.06), "sosyal medya": (0.20, 0.03),
    "e-posta": (0.13, 0.14), "görüntülü reklam": (0.15, 0.0),
}  # fmt: skip
BASE = 0.02  # chance of a path without any effective step
MORE_STEPS = 0.55  # chance of each further step
MOST_STEPS = 12
LAST_DAYS = 90  # only the last three months were recorded
SHARE_OF_ORDERS = 0.5  # of the online orders of that time have a path
PAGES = ("ana sayfa", "kategori", "ürün", "sepet")
_DAY = 86_400


def draw_paths(orders: pl.DataFrame, calendar: Calendar, rng: Generator) -> pl.DataFrame:
    """Draw paths until enough of them end in an order; gives one row a step.

    Parameters
    ----------
    orders
        customer, day, second and channel of orders.

    Returns
    -------
    path, step, customer (null: not known), at (second), channel (number), converted.
    """
    first = calendar.days - LAST_DAYS
    online = orders.filter(pl.col("channel") > 0, pl.col("day") >= first + 30).sort("order")
    share = np.array([share for share, _ in CHANNELS.values()])
    effect = np.array([effect for _, effect in CHANNELS.values()])
    # As many paths as will, on average, end in the wanted share of the orders.
    n = round(SHARE_OF_ORDERS * online.height / _chance_of_a_path(share, effect))
    steps = np.minimum(rng.geometric(1 - MORE_STEPS, n), MOST_STEPS)
    path = np.repeat(np.arange(n), steps)
    channel = rng.choice(len(share), size=len(path), p=share)
    miss = np.full(n, 1 - BASE)
    np.multiply.at(miss, path, 1 - effect[channel])
    bought = np.flatnonzero(rng.random(n) > miss)[: online.height]
    matched = rng.permutation(online.height)[: len(bought)]
    at = rng.integers((first + 30) * _DAY, calendar.days * _DAY, n)
    who = np.full(n, -1)
    at[bought] = (online["day"] * _DAY + online["second"]).to_numpy()[matched]
    who[bought] = online["customer"].to_numpy()[matched]
    known = rng.random(n) < 0.2  # others who were logged in
    regulars = online["customer"].to_numpy()
    if len(regulars):
        who = np.where((who < 0) & known, regulars[rng.integers(0, len(regulars), n)], who)
    converts = np.zeros(n, dtype=bool)
    converts[bought] = True
    ends = np.cumsum(steps)
    back = np.repeat(ends, steps) - 1 - np.arange(len(path))  # steps still to come
    return pl.DataFrame(
        {
            "path": path,
            "step": np.repeat(steps, steps) - back,
            "customer": who[path],
            "at": at[path] - back * rng.integers(_DAY // 4, 2 * _DAY, n)[path],
            "channel": channel,
            "converted": converts[path] & (back == 0),
            "page": np.where(converts[path] & (back == 0), 3, rng.integers(0, 3, len(path))),
        }
    ).with_columns(customer=pl.when(pl.col("customer") >= 0).then("customer"))


def _chance_of_a_path(share: Floats, effect: Floats) -> float:
    """Work out how probably a path of random length and channels ends in an order."""
    miss = 1 - float(share @ effect)
    lengths = np.arange(1, MOST_STEPS + 1)
    chance = (1 - MORE_STEPS) * MORE_STEPS ** (lengths - 1.0)
    chance[-1] = MORE_STEPS ** (MOST_STEPS - 1.0)
    return 1 - (1 - BASE) * float(chance @ miss**lengths)


def touch_table(paths: pl.DataFrame, ids: list[str], spec: SampleSpec) -> pl.DataFrame:
    """Make the table of touches, one row a step."""
    return paths.sort("at", "path", "step").select(
        visitor_id=pl.format("V{}", pl.col("path").cast(pl.String).str.zfill(7)),
        customer_id=pl.lit(pl.Series(ids, dtype=pl.String)).gather("customer"),
        at=moment(spec.start, "at"),
        channel=pl.lit(pl.Series(list(CHANNELS))).gather("channel"),
        page_kind=pl.lit(pl.Series(PAGES)).gather("page"),
        converted="converted",
    )


def truth_of_paths(paths: pl.DataFrame) -> dict[str, Any]:
    """Tell what each channel adds, and how many paths there are."""
    return {
        "share_of_steps": {name: share for name, (share, _) in CHANNELS.items()},
        "chance_added_by_a_step": {name: effect for name, (_, effect) in CHANNELS.items()},
        "chance_without": BASE,
        "paths": paths["path"].n_unique(),
        "converted": int(paths["converted"].sum()),
        "steps": paths.height,
    }
