"""The tables of campaigns: what was planned, who was chosen, who was written to."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from crmlib.ledger.sample.campaigns import (
    CLICKED,
    GLOBAL_CONTROL,
    GLOBAL_CONTROL_SHARE,
    OPENED,
    WINDOW_DAYS,
    Campaigns,
    Drawn,
)
from crmlib.ledger.sample.losses import cost_of_orders
from crmlib.ledger.sample.world import Calendar, SampleSpec
from crmlib.ledger.sample.written import decimal, moment

_DAY = 86_400


def draw_contacts(
    campaigns: Campaigns, orders: pl.DataFrame, calendar: Calendar, rng: Generator
) -> pl.DataFrame:
    """Draw the sends of all campaigns, and the visits that are paid to those planted with them.

    Returns
    -------
    campaign, customer, day, sent, channel, cost, delivered, opened, clicked, unsubscribed; times in
    seconds since the start.
    """
    parts = [_sends(made, campaigns, rng) for made in campaigns.drawn]
    mine = cost_of_orders(orders, "contacts", rng)
    day = np.minimum(mine["day"].to_numpy() + rng.integers(1, 8, mine.height), calendar.days - 1)
    sent = day * _DAY + rng.integers(9 * 3600, 17 * 3600, mine.height)
    visits = mine.select("customer", "cost").with_columns(
        day=pl.Series(day), sent=pl.Series(sent), channel=pl.lit("visit")
    )
    return pl.concat([*parts, visits], how="diagonal").sort("sent", "customer")


def _sends(made: Drawn, campaigns: Campaigns, rng: Generator) -> pl.DataFrame:
    who, delivered = made.customer[made.sent], made.delivered[made.sent]
    n = len(who)
    sent = made.first_day * _DAY + 9 * 3600 + rng.integers(0, 3 * 3600, n)
    mail = made.plan.channel == "email"
    opened = delivered & mail & (rng.random(n) < OPENED)
    clicked = opened & (rng.random(n) < CLICKED / OPENED)
    gone = campaigns.consents.withdrawn[made.plan.channel][who] == made.first_day + 1
    delay = rng.integers(60, 10 * 3600, n)
    return pl.DataFrame(
        {
            "customer": who,
            "day": np.full(n, made.first_day),
            "sent": sent,
            "delivered": delivered,
            "opened": sent + delay,
            "clicked": sent + delay + 30,
        }
    ).with_columns(
        campaign=pl.lit(made.plan.campaign_id),
        channel=pl.lit(made.plan.channel),
        cost=pl.lit(made.plan.cost_per_contact, dtype=pl.Int64),
        bounced=pl.Series(~delivered) if mail else pl.lit(None, dtype=pl.Boolean),
        unsubscribed=pl.Series(delivered & gone),
        opened=pl.when(pl.Series(opened)).then("opened"),
        clicked=pl.when(pl.Series(clicked)).then("clicked"),
    )


def contact_table(contacts: pl.DataFrame, ids: list[str], spec: SampleSpec) -> pl.DataFrame:
    """Make the table of contacts."""
    return contacts.select(
        campaign_id="campaign",
        customer_id=pl.lit(pl.Series(ids, dtype=pl.String)).gather("customer"),
        sent_at=moment(spec.start, "sent"),
        channel="channel",
        cost=decimal(pl.col("cost"), 4),
        delivered="delivered",
        bounced="bounced",
        unsubscribed="unsubscribed",
        opened_at=moment(spec.start, "opened"),
        clicked_at=moment(spec.start, "clicked"),
    )


def assignment_table(campaigns: Campaigns, ids: list[str], spec: SampleSpec) -> pl.DataFrame:
    """Make the table of assignments, controls included."""
    control = campaigns.control
    parts = [
        pl.DataFrame(
            {
                "campaign": GLOBAL_CONTROL,
                "customer": control.customer,
                "treated": ~control.held_back,
                "stratum": "",
                "day": control.first_day,
            }
        )
    ]
    for made in campaigns.drawn:
        names = [f"S{number + 1:02d}" for number in made.stratum.tolist()]
        parts.append(
            pl.DataFrame(
                {
                    "campaign": made.plan.campaign_id,
                    "customer": made.customer,
                    "treated": made.treated,
                    "stratum": names,
                    "day": made.chosen_day,
                },
                schema_overrides={"stratum": pl.String},
            )
        )
    rows = pl.concat(parts)
    second = pl.col("day") * _DAY + pl.when(pl.col("stratum") == "").then(60).otherwise(10 * 3600)
    return rows.select(
        campaign_id="campaign",
        customer_id=pl.lit(pl.Series(ids, dtype=pl.String)).gather("customer"),
        arm=pl.when("treated").then(pl.lit("treated")).otherwise(pl.lit("control")),
        stratum=pl.when(pl.col("stratum") != "").then("stratum"),
        assigned_at=moment(spec.start, second),
        list_id=pl.format("L-{}", "campaign"),
    ).sort("campaign_id", "customer_id")


def _split(treated: float) -> str:
    control = round(1 - treated, 4)
    return f"treated={treated:g};control={control:g}" if control else "treated=1"


def campaign_table(campaigns: Campaigns, spec: SampleSpec, calendar: Calendar) -> pl.DataFrame:
    """Make the table of campaigns; the global control is one that contacts nobody."""

    def day(number: int) -> Any:
        return spec.start + timedelta(days=number)

    rows = [
        {
            "campaign_id": GLOBAL_CONTROL,
            "name": "Genel kontrol grubu",
            "start": day(campaigns.control.first_day),
            "end": day(calendar.days - 1),
            "goal": "ölçüm",
            "primary_outcome": "value",
            "window_days": calendar.days - campaigns.control.first_day,
            "planned_split": _split(1 - GLOBAL_CONTROL_SHARE),
            "fixed_cost": 0,
            "cost_per_contact": 0,
            "is_global_control": True,
        }
    ]
    for made in campaigns.drawn:
        plan = made.plan
        rows.append(
            {
                "campaign_id": plan.campaign_id,
                "name": plan.name,
                "start": day(made.first_day),
                "end": day(made.last_day),
                "goal": plan.goal,
                "primary_outcome": "orders",
                "window_days": WINDOW_DAYS,
                "planned_split": _split(plan.treated),
                "fixed_cost": plan.fixed_cost,
                "cost_per_contact": plan.cost_per_contact,
                "is_global_control": False,
            }
        )
    frame = pl.DataFrame(rows, schema_overrides={"window_days": pl.Int32})
    return frame.with_columns(decimal(pl.col("fixed_cost", "cost_per_contact"), 4))
