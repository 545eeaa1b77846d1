"""Calls by hour with waiting, and technicians' visits that cost more than an order brings."""

from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.losses import cost_of_orders
from crmlib.ledger.sample.world import Calendar, Ints, SampleSpec
from crmlib.ledger.sample.written import decimal, exact, moment

# Hour: share of the calls, and how long a caller would have to wait on average, in seconds.
HOURS = {
    8: (0.05, 40), 9: (0.10, 110), 10: (0.13, 190), 11: (0.13, 210), 12: (0.08, 120),
    13: (0.08, 100), 14: (0.11, 150), 15: (0.11, 150), 16: (0.09, 110), 17: (0.06, 70),
    18: (0.04, 45), 19: (0.02, 30),
}  # fmt: skip
PATIENCE_SECONDS = 400.0
TALK_SECONDS = 210.0
CALLS = {"web": 0.04, "late": 0.25, "store": 0.015}  # calls an order
UNKNOWN_CALLER = 0.15
COST_PER_MINUTE = 3.0  # in shop currency, first month
TOPICS = {
    "sipariş durumu": 0.30, "iade": 0.25, "ürün bilgisi": 0.20, "fatura": 0.15, "şikâyet": 0.10,
}  # fmt: skip
QUEUE, TECHNICIAN = "çağrı", "yerinde servis"
_DAY = 86_400


def draw_service(
    orders: pl.DataFrame, index: Ints, calendar: Calendar, rng: Generator
) -> pl.DataFrame:
    """Draw calls and technicians' visits that follow orders; times in seconds since the start.

    Parameters
    ----------
    orders
        order, customer, anonymous, day, channel, late, cause, value.
    """
    calls = _calls(orders, index, calendar, rng)
    visits = _technicians(orders, calendar, rng)
    found = pl.concat([calls, visits], how="diagonal").sort("opened", "customer", "cost")
    return found.with_columns(number=pl.int_range(1, pl.len() + 1))


def _calls(orders: pl.DataFrame, index: Ints, calendar: Calendar, rng: Generator) -> pl.DataFrame:
    late, online = orders["late"].to_numpy(), orders["channel"].to_numpy() > 0
    rate = np.select([late, online], [CALLS["late"], CALLS["web"]], CALLS["store"])
    who = np.flatnonzero(rng.random(orders.height) < rate)
    n = len(who)
    day = orders["day"].to_numpy()[who] + np.where(late[who], 4, 1) + rng.integers(0, 6, n)
    hours = rng.choice(list(HOURS), size=n, p=[share for share, _ in HOURS.values()])
    opened = day * _DAY + hours * 3600 + rng.integers(0, 3600, n)
    queued = opened + rng.integers(5, 40, n)
    mean = np.array([HOURS[int(hour)][1] for hour in hours], dtype=float)
    wait = np.floor(rng.exponential(mean)).astype(np.int64)
    patience = np.floor(rng.exponential(PATIENCE_SECONDS, n)).astype(np.int64)
    served = wait <= patience
    talk = 20 + np.floor(rng.exponential(TALK_SECONDS, n)).astype(np.int64)
    month = calendar.month[np.minimum(day, calendar.days - 1)]
    cost = np.rint(talk / 60 * COST_PER_MINUTE * index[month]).astype(np.int64)
    unknown = orders["anonymous"].to_numpy()[who] | (rng.random(n) < UNKNOWN_CALLER)
    topic = rng.choice(list(TOPICS), n, p=list(TOPICS.values()))
    where_is_it = late[who] & (rng.random(n) < 0.7)
    frame = pl.DataFrame(
        {
            "customer": np.where(unknown, -1, orders["customer"].to_numpy()[who]),
            "day": day,
            "opened": opened,
            "queued": queued,
            "left_queue": queued + np.where(served, wait, patience),
            "answered": queued + wait,
            "closed": np.where(served, queued + wait + talk, queued + patience),
            "topic": np.where(where_is_it, next(iter(TOPICS)), topic),
            "agent": [f"T{number:02d}" for number in rng.integers(1, 13, n)],
            "cost": np.where(served, cost, 0),
            "served": served,
        }
    )
    return frame.filter(pl.col("day") < calendar.days).with_columns(
        queue=pl.lit(QUEUE),
        customer=pl.when(pl.col("customer") >= 0).then("customer"),
        answered=pl.when("served").then("answered"),
        agent=pl.when("served").then("agent"),
    )


def _technicians(orders: pl.DataFrame, calendar: Calendar, rng: Generator) -> pl.DataFrame:
    mine = cost_of_orders(orders, "service", rng)
    day = np.minimum(mine["day"].to_numpy() + rng.integers(1, 8, mine.height), calendar.days - 1)
    opened = day * _DAY + rng.integers(9 * 3600, 17 * 3600, mine.height)
    return mine.select("customer", "cost").with_columns(
        day=pl.Series(day),
        opened=pl.Series(opened),
        answered=pl.Series(opened),
        closed=pl.Series(opened + rng.integers(1800, 7200, mine.height)),
        topic=pl.lit("kurulum"),
        agent=pl.lit("T20"),
        queue=pl.lit(TECHNICIAN),
        served=pl.lit(value=True),
    )


def service_table(calls: pl.DataFrame, ids: list[str], spec: SampleSpec) -> pl.DataFrame:
    """Make the table of service."""
    times = ("opened", "queued", "left_queue", "answered", "closed")
    name = pl.lit(pl.Series(ids, dtype=pl.String)).gather("customer")
    return calls.select(
        service_id=pl.format("C{}", pl.col("number").cast(pl.String).str.zfill(7)),
        customer_id=name,
        **{time: moment(spec.start, time) for time in times},
        queue="queue",
        topic="topic",
        agent="agent",
        outcome=pl.when("served").then(pl.lit("yanıtlandı")).otherwise(pl.lit("vazgeçti")),
        cost=decimal(pl.col("cost"), 4),
    )


def truth_of_service(calls: pl.DataFrame) -> dict[str, Any]:
    """Tell waits and patience by hour as planted, and what came of them."""
    by_hour = (
        calls.filter(pl.col("queue") == QUEUE)
        .group_by(hour=pl.col("opened") % _DAY // 3600)
        .agg(calls=pl.len(), abandoned=(~pl.col("served")).sum())
        .sort("hour")
    )
    return {
        "patience_seconds": PATIENCE_SECONDS,
        "mean_wait_seconds": {str(hour): wait for hour, (_, wait) in HOURS.items()},
        "share_of_calls": {str(hour): share for hour, (share, _) in HOURS.items()},
        "by_hour": {
            str(row["hour"]): {"calls": row["calls"], "abandoned": row["abandoned"]}
            for row in by_hour.rows(named=True)
        },
        "cost": exact(int(calls["cost"].sum())),
    }
