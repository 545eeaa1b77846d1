"""What the campaigns truly changed: counted from the visits with them and without them."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from crmlib.ledger.sample.campaigns import GLOBAL_CONTROL, WINDOW_DAYS, Campaigns, Drawn
from crmlib.ledger.sample.visits import NEVER
from crmlib.ledger.sample.world import Calendar, Floats, Ints, SampleSpec


def outcomes(visits: pl.DataFrame, index: Ints, calendar: Calendar) -> pl.DataFrame:
    """Set the known visits that a campaign changed beside those that would have been.

    Parameters
    ----------
    visits
        customer, day, planned, ghost, anonymous, campaign, value and margin (1/10,000; what a
        ghost would have brought).

    Returns
    -------
    customer, day, sign (1: took place, -1: would have taken place), campaign, value and margin
    in shop currency, for every visit that is not the same in both worlds.
    """
    changed = visits.filter(~pl.col("anonymous"), pl.col("campaign") != NEVER)
    level = pl.Series(index / 10_000)
    month = pl.Series(calendar.month)

    def at(day: str) -> pl.Expr:
        return pl.lit(level).gather(pl.lit(month).gather(day))

    money = [pl.col(c) / 10_000 for c in ("value", "margin")]
    real = changed.filter(~pl.col("ghost")).select(
        "customer", "day", "campaign", *money, sign=pl.lit(1)
    )
    # What was moved would have been bought at the prices of its own day.
    would = changed.filter(pl.col("planned") != NEVER).select(
        "customer",
        "campaign",
        *(m * at("planned") / at("day") for m in money),
        day="planned",
        sign=pl.lit(-1),
    )
    return pl.concat([real, would], how="diagonal")


def truth_of_campaigns(
    visits: pl.DataFrame,
    campaigns: Campaigns,
    index: Ints,
    calendar: Calendar,
    spec: SampleSpec,
) -> list[dict[str, Any]]:
    """Tell each campaign's plan and the mean change that it caused to those assigned to it."""
    known = visits.filter(~pl.col("anonymous"))
    changes = outcomes(visits, index, calendar)
    control = campaigns.control
    treated = control.customer[~control.held_back]
    whole = (control.first_day, calendar.days - 1)
    told = [
        {
            "campaign_id": GLOBAL_CONTROL,
            "kind": "global control",
            "first_day": _day(spec, whole[0]),
            "last_day": _day(spec, whole[1]),
            "treated": len(treated),
            "control": int(control.held_back.sum()),
            "per_treated_customer": _mean_change(known, changes, treated, *whole),
        }
    ]
    for number, made in enumerate(campaigns.drawn):
        mine = changes.filter(pl.col("campaign") == number)
        told.append(_of_one(made, known, mine, spec))
    return told


def _of_one(
    made: Drawn, known: pl.DataFrame, changes: pl.DataFrame, spec: SampleSpec
) -> dict[str, Any]:
    plan, treated = made.plan, made.customer[made.treated]
    window = (made.first_day, made.last_day)
    later = (made.first_day, made.last_day + WINDOW_DAYS)
    told = {
        "campaign_id": plan.campaign_id,
        "kind": plan.effect,
        "size": plan.size,
        "first_day": _day(spec, window[0]),
        "last_day": _day(spec, window[1]),
        "treated": len(treated),
        "control": len(made.customer) - len(treated),
        "sent": int(made.sent.sum()),
        "delivered": int(made.delivered.sum()),
        "per_treated_customer": _mean_change(known, changes, treated, *window),
        "per_treated_customer_four_weeks_later": _mean_change(known, changes, treated, *later),
    }
    if made.harmed >= 0:
        inside = made.stratum[made.treated] == made.harmed
        told["harmed_stratum"] = f"S{made.harmed + 1:02d}"
        told["harmed_size"] = -plan.harmed_size
        told["per_treated_customer_harmed"] = _mean_change(known, changes, treated[inside], *window)
        told["per_treated_customer_others"] = _mean_change(
            known, changes, treated[~inside], *window
        )
    return told


def _mean_change(
    known: pl.DataFrame, changes: pl.DataFrame, who: Ints, first: int, last: int
) -> dict[str, float]:
    """Average over customers: with the campaign minus without it, in a window of days."""
    n = max(len(who), 1)
    inside = pl.col("day").is_between(first, last) & pl.col("customer").is_in(who.tolist())
    mine = changes.filter(inside)
    took_place = known.filter(inside, ~pl.col("ghost"))["customer"].to_numpy()
    size = int(max(known["customer"].max() or 0, who.max(initial=0))) + 1
    real = np.bincount(took_place, minlength=size)[who]
    change = np.bincount(mine["customer"].to_numpy(), mine["sign"].to_numpy(), size)[who]
    return {
        "bought": round(float((real > 0).sum() - (real - change > 0).sum()) / n, 9),
        "orders": round(float(change.sum()) / n, 9),
        **{name: round(_signed(mine, name) / n, 4) for name in ("value", "margin")},
    }


def _signed(changes: pl.DataFrame, name: str) -> float:
    amounts: Floats = (changes[name] * changes["sign"]).to_numpy()
    return float(np.sort(amounts).sum())  # sorted: the same sum whatever the order of the rows


def _day(spec: SampleSpec, number: int) -> str:
    return (spec.start + timedelta(days=number)).isoformat()
