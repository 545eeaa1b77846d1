"""The steps of a build that look at campaigns: responses and arms."""

from __future__ import annotations

import narwhals as nw
import polars as pl

from crmlib.marts import arms
from crmlib.marts.measures import own_measures, read_measures
from crmlib.marts.responses import PRE_DAYS, WINDOW_DAYS, Campaign, assigned, responses
from crmlib.marts.work import Work


def run(work: Work) -> None:
    """Gather responses and arms, one campaign after another, then experiments as read."""
    campaigns = _assigned_campaigns(work)
    nobody = [Campaign("", None, WINDOW_DAYS)]  # for the columns
    for number, campaign in enumerate(campaigns or nobody):
        _campaign(work, campaign, number)
    work.found.responses = [c.campaign_id for c in campaigns]
    read = work.table("responses")
    names = work.collect(read.select("campaign_id").unique().sort("campaign_id"))
    work.found.arms = [*work.found.responses, *names["campaign_id"]]
    for number, name in enumerate(names["campaign_id"], start=len(campaigns)):
        experiment = read.filter(nw.col("campaign_id") == name)
        measures = read_measures(work.collect(experiment))
        changes = work.collect(arms.sums(arms.read_events(experiment, measures), measures))
        table = arms.arms(name, changes, measures, days=[arms.READ_DAY])
        work.made.keep(f"marts/arms/{number}", table)
    work.told("customers/responses")
    work.told("marts/arms")


def _assigned_campaigns(work: Work) -> list[Campaign]:
    """List the campaigns that somebody was assigned to."""
    own = work.table("assignments").filter(nw.col("day") <= work.frame.as_of_day)
    known = work.table("campaigns").select("campaign_id", "start_day", "window_days")
    ids = own.select("campaign_id").unique()
    found = work.collect(ids.join(known, on="campaign_id", how="left"))
    return [
        Campaign(name, start, window or WINDOW_DAYS)
        for name, start, window in found.sort("campaign_id").iter_rows()
    ]


def _campaign(work: Work, campaign: Campaign, number: int) -> None:
    """Gather the responses and arms of one campaign."""
    as_of_day, collect = work.frame.as_of_day, work.collect
    people = collect(
        assigned(work.table("assignments"), work.table("contacts"), campaign, as_of_day=as_of_day)
    )
    days = pl.concat([people["assigned_day"], people["end_day"]]).to_numpy()
    first, last = (int(days.min()), int(days.max())) if days.size else (as_of_day, as_of_day)
    place = f"customers/responses/{number}"
    with work.engine.lent(people) as frame:
        seen = work.seen(first - PRE_DAYS, last)
        answered = collect(responses(frame, seen))
    work.made.keep(place, answered)
    if answered.is_empty():
        work.made.keep(f"marts/arms/{number}", pl.DataFrame(schema=arms.SCHEMA))
        return
    measures = own_measures(answered)
    events = arms.own_events(
        work.engine.scan(work.made, place),
        work.seen(first, last),
        measures,
        window_days=campaign.window_days,
    )
    changes = collect(arms.sums(events, measures))
    come = int((answered["end_day"] - answered["start_day"]).to_numpy().max())
    table = arms.arms(campaign.campaign_id, changes, measures, days=arms.days_of(come))
    work.made.keep(f"marts/arms/{number}", table)
