"""Responses: what each customer of a campaign did, before it and in its window."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw

from crmlib.marts.money import MONEY, amount

PRE_DAYS = 365
WINDOW_DAYS = 28  # where a campaign does not say
COUNTS = ("bought", "orders")
MONEYS = ("value", "value_real", "margin")
OUTCOMES = (*COUNTS, *MONEYS)
# What was known before, beside each outcome: whether somebody bought is foretold by orders.
PRE = {"bought": "orders"} | {name: name for name in OUTCOMES[1:]}
COLUMNS = (
    "campaign_id", "customer_id", "fold", "arm", "stratum", "exposed",
    "assigned_day", "start_day", "end_day",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign with people assigned to it.

    Attributes
    ----------
    campaign_id
        Its id.
    start_day
        First day, days since 1970-01-01; ``None`` where the ledger does not know the campaign.
    window_days
        Days from the start that count.
    """

    campaign_id: str
    start_day: int | None
    window_days: int


def assigned(
    assignments: nw.LazyFrame, contacts: nw.LazyFrame, campaign: Campaign, *, as_of_day: int
) -> nw.LazyFrame:
    """Give the people of a campaign and the days that count for each.

    Returns
    -------
    One row a customer: ``campaign_id``, ``customer_id``, ``fold``, ``arm``, ``stratum``,
    ``exposed`` (1: a contact was sent and is not known to have failed), ``assigned_day``,
    ``start_day`` (of the campaign, or of a later assignment) and ``end_day``, the last day of the
    window that has come; before ``start_day`` where none has.
    """
    day, own = nw.col("day"), nw.col("campaign_id") == campaign.campaign_id
    failed = (nw.col("delivered") == nw.lit(False)) | (nw.col("bounced") == nw.lit(True))  # noqa: FBT003
    reached = (
        contacts.filter(own, day <= as_of_day, ~failed.fill_null(False))  # noqa: FBT003
        .group_by("customer_id")
        .agg(nw.len().cast(nw.Int64).alias("sent"))
    )
    begins = (
        day if campaign.start_day is None else nw.max_horizontal(day, nw.lit(campaign.start_day))
    )
    return (
        assignments.filter(own, day <= as_of_day)
        .join(reached, on="customer_id", how="left")
        .with_columns(
            exposed=(~nw.col("sent").is_null()).cast(nw.Int32),
            assigned_day=day.cast(nw.Int32),
            start_day=begins.cast(nw.Int32),
        )
        .with_columns(
            end_day=nw.min_horizontal(
                nw.col("start_day") + (campaign.window_days - 1), nw.lit(as_of_day)
            ).cast(nw.Int32)
        )
        .select(*COLUMNS)
        .sort("customer_id")
    )


def responses(people: nw.LazyFrame, visits: nw.LazyFrame) -> nw.LazyFrame:
    """Add what people did in the year before they were assigned, and in the window.

    Parameters
    ----------
    people
        From :func:`assigned`, of one campaign.
    visits
        The visits mart of the days that count, or of more.

    Returns
    -------
    ``people`` with ``pre_orders``, ``pre_value``, ``pre_value_real``, ``pre_margin`` of the
    365 days before ``assigned_day``, and from ``start_day`` to ``end_day`` ``bought`` (0 or 1),
    ``orders``, ``value``, ``value_real``, ``margin`` (floats; 0 for those who did not come).
    """
    day, start = nw.col("day"), nw.col("assigned_day")
    before = (day >= start - PRE_DAYS) & (day < start)
    during = (day >= nw.col("start_day")) & (day <= nw.col("end_day"))
    days = people.select("customer_id", "assigned_day", "start_day", "end_day")
    own = visits.join(days, on="customer_id", how="inner").filter(before | during)
    pre, now = [f"pre_{c}" for c in OUTCOMES[1:]], [f"now_{c}" for c in OUTCOMES]
    done = (
        own.with_columns(
            **{f"pre_{c}": nw.when(before).then(nw.col(c)) for c in OUTCOMES[1:]},
            **{f"now_{c}": nw.when(during).then(nw.col(c)) for c in OUTCOMES[1:]},
            now_bought=(during & (nw.col("purchase_lines") > 0)).cast(nw.Int64),
        )
        .group_by("customer_id")
        .agg(*(_added(c) for c in (*pre, *now[1:])), nw.col("now_bought").max())
    )
    floats = [_float(c).fill_null(0.0) for c in (*pre, *now)]
    found = people.join(done, on="customer_id", how="left").with_columns(*floats)
    return found.select(*COLUMNS, *pre, **{c: nw.col(f"now_{c}") for c in OUTCOMES}).sort(
        "customer_id"
    )


def _added(column: str) -> nw.Expr:
    total = nw.col(column).sum()
    return total.cast(nw.Int64) if column.endswith("orders") else total.cast(MONEY)


def _float(column: str) -> nw.Expr:
    if column.endswith(COUNTS):
        return nw.col(column).cast(nw.Float64)
    return amount(nw.col(column)).alias(column)
