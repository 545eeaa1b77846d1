"""Campaigns: the planted effects are found again from the tables alone, and consents are kept."""

from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from crmlib.ledger.sample import SampleShop

KINDS = {"K1": "more", "K2": "none", "K3": "earlier", "K4": "more", "K5": "none", "K6": "none"}


def told(shop, campaign_id):
    return next(x for x in shop.truth["campaigns"] if x["campaign_id"] == campaign_id)


@pytest.fixture(scope="module")
def purchases(crowd) -> pl.DataFrame:
    """Identified purchases: customer_id, day, value."""
    sales = crowd.order_lines.filter(pl.col("quantity") > 0).drop_nulls("customer_id")
    value = pl.col("quantity").cast(pl.Float64) * pl.col("unit_price").cast(pl.Float64)
    return sales.group_by("order_id").agg(
        pl.col("customer_id").first(),
        day=pl.col("ordered_at").first().dt.date(),
        value=(value - pl.col("discount").cast(pl.Float64)).sum(),
    )


def counted(
    shop: SampleShop, purchases: pl.DataFrame, name: str, first: date, days: int
) -> pl.DataFrame:
    """Orders and value of each assigned customer in a window."""
    inside = purchases.filter(pl.col("day").is_between(first, first + timedelta(days=days - 1)))
    sums = inside.group_by("customer_id").agg(orders=pl.len(), value=pl.col("value").sum())
    mine = shop.tables["assignments"].filter(campaign_id=name)
    return mine.join(sums, on="customer_id", how="left").with_columns(
        pl.col("orders", "value").fill_null(0)
    )


def difference(rows: pl.DataFrame, outcome: str = "orders") -> tuple[float, float]:
    """Treated minus control within strata, weighted by the treated, and its standard error."""
    total, variance, n = 0.0, 0.0, rows.filter(arm="treated").height
    for _, stratum in rows.group_by("stratum"):
        treated, control = (
            stratum.filter(arm=arm)[outcome].to_numpy().astype(float)
            for arm in ("treated", "control")
        )
        weight = len(treated) / n
        total += weight * (treated.mean() - control.mean())
        spread = treated.var(ddof=1) / len(treated) + control.var(ddof=1) / len(control)
        variance += weight**2 * spread
    return total, variance**0.5


@pytest.mark.parametrize("name", ["K0", "K1", "K2", "K3", "K4"])
def test_the_difference_between_the_arms_is_the_true_effect(crowd, purchases, name):
    truth = told(crowd, name)
    first, last = (date.fromisoformat(truth[key]) for key in ("first_day", "last_day"))
    rows = counted(crowd, purchases, name, first, (last - first).days + 1)
    for outcome in ("orders", "value"):
        found, error = difference(rows, outcome)
        assert abs(found - truth["per_treated_customer"][outcome]) < 4 * error


def test_one_campaign_helps_one_does_nothing_one_pulls_forward(crowd, purchases):
    helps, idle, forward = (told(crowd, name) for name in ("K1", "K2", "K3"))
    assert helps["per_treated_customer"]["orders"] > 0.05
    assert set(idle["per_treated_customer"].values()) == {0.0}
    assert forward["per_treated_customer"]["orders"] > 0.05
    assert forward["per_treated_customer_four_weeks_later"]["orders"] == 0
    later = helps["per_treated_customer_four_weeks_later"]["orders"]
    assert later == helps["per_treated_customer"]["orders"]
    for name, weeks, sign in (("K1", 4, 1), ("K2", 4, 0), ("K3", 4, 1), ("K3", 8, 0)):
        first = date.fromisoformat(told(crowd, name)["first_day"])
        found, error = difference(counted(crowd, purchases, name, first, 7 * weeks))
        # What is planted stands out by 2 standard errors, what is not does not by 4.
        assert found > 2 * error if sign else abs(found) < 4 * error


def test_exactly_one_of_twenty_strata_is_harmed(crowd, purchases):
    truth = told(crowd, "K4")
    first = date.fromisoformat(truth["first_day"])
    rows = counted(crowd, purchases, "K4", first, 28)
    assert rows["stratum"].n_unique() == 20
    effects = {}
    for (stratum,), mine in rows.group_by("stratum"):
        effects[stratum] = difference(mine)
    harmed = truth["harmed_stratum"]
    change, error = effects.pop(harmed)
    assert change < -3 * error
    assert abs(change - truth["per_treated_customer_harmed"]["orders"]) < 4 * error
    assert truth["per_treated_customer_harmed"]["orders"] < 0
    # Of 19 strata that gain one may look worse by chance, but none clearly.
    assert all(change > -3.5 * error for change, error in effects.values())
    assert sum(change for change, _ in effects.values()) > 0
    assert truth["per_treated_customer_others"]["orders"] > 0


def test_lapsed_customers_seem_to_come_back_but_nothing_was_done_to_them(crowd, purchases):
    truth = told(crowd, "K5")
    assert truth["control"] == 0
    assert set(truth["per_treated_customer"].values()) == {0.0}
    first = date.fromisoformat(truth["first_day"])
    before = counted(crowd, purchases, "K5", first - timedelta(days=31), 28)
    after = counted(crowd, purchases, "K5", first, 28)
    assert before["orders"].sum() == 0
    assert after["orders"].mean() > 0.03
    assert set(after["arm"]) == {"treated"}


def test_nobody_of_the_global_control_and_of_a_control_is_contacted(crowd):
    assignments, contacts = crowd.tables["assignments"], crowd.tables["contacts"]
    pairs = ["campaign_id", "customer_id"]
    assert assignments.select(pairs).is_unique().all()
    arms = dict(zip(assignments.select(pairs).rows(), assignments["arm"], strict=True))
    sends = contacts.drop_nulls("campaign_id").select(pairs).rows()
    assert {arms[pair] for pair in sends} == {"treated"}
    held = {who for (name, who), arm in arms.items() if name == "K0" and arm == "control"}
    assert held
    assert not held & set(contacts["customer_id"])
    shares = assignments.group_by("campaign_id", "arm").len()
    for campaign in crowd.tables["campaigns"].rows(named=True):
        mine = dict(shares.filter(campaign_id=campaign["campaign_id"]).drop("campaign_id").rows())
        planned = dict(part.split("=") for part in campaign["planned_split"].split(";"))
        for arm, share in planned.items():
            assert mine[arm] / sum(mine.values()) == pytest.approx(float(share), abs=0.01)
        assert campaign["is_global_control"] == (campaign["campaign_id"] == "K0")


def status_on(rows, channel: str, day: date) -> dict[str, str]:
    """The latest status of each customer at the end of a day."""
    found = {}
    for row in sorted((r for r in rows if r["channel"] == channel), key=lambda r: r["at"]):
        if row["at"].date() <= day:
            found[row["customer_id"]] = row["status"]
    return found


def test_who_is_written_to_had_given_consent(written):
    consents = written.rows("consents")
    assert {row["status"] for row in consents} == {"given", "withdrawn"}
    sends = defaultdict(set)
    for row in written.rows("contacts"):
        if row["campaign_id"] is not None:
            sends[row["channel"], row["sent_at"].date()].add(row["customer_id"])
    assert len(sends) == 6
    for (channel, day), who in sends.items():
        status = status_on(consents, channel, day)
        assert {status.get(customer) for customer in who} <= {"given"}


def test_who_withdrew_between_choice_and_sending_is_named_and_not_written_to(written):
    told = written.truth["consents"]
    chosen, sent = (date.fromisoformat(told[key]) for key in ("chosen_on", "sent_on"))
    assert (sent - chosen).days == 10
    rows = written.rows("consents")
    then, later = (status_on(rows, told["channel"], day) for day in (chosen, sent))
    gone = {who for who, status in then.items() if status == "given" and later[who] != "given"}
    assert gone == set(told["withdrawn_in_between"])
    assert gone
    on_list = {
        row["customer_id"]
        for row in written.rows("assignments")
        if row["campaign_id"] == "K6" and row["assigned_at"].date() == chosen
    }
    assert on_list & gone
    assert not gone & {
        r["customer_id"] for r in written.rows("contacts") if r["campaign_id"] == "K6"
    }
    ends = {channel: status_on(rows, channel, date.max) for channel in ("email", "sms", "call")}
    assert told["with_consent_at_the_end"] == {
        channel: list(status.values()).count("given") for channel, status in ends.items()
    }


def test_sends_are_counted_as_told(crowd):
    contacts = crowd.tables["contacts"]
    for campaign_id, kind in KINDS.items():
        truth, mine = told(crowd, campaign_id), contacts.filter(campaign_id=campaign_id)
        assert truth["kind"] == kind
        assert truth["sent"] == mine.height
        assert truth["delivered"] == mine["delivered"].sum()
        # Binomial: 97 % of thousands.
        assert truth["delivered"] / truth["sent"] == pytest.approx(0.97, abs=0.015)
        assert (mine["opened_at"] > mine["sent_at"]).all()
    gone = contacts.filter("unsubscribed").select("customer_id", "channel").rows()
    ended = crowd.tables["consents"].filter(status="withdrawn")
    assert set(gone) <= set(ended.select("customer_id", "channel").rows())
    assert gone


def test_outcomes_of_a_campaign_are_noise_before_it(crowd, purchases):
    """The arms were drawn at random: before the campaign they differ by chance only."""
    scores = []
    for name in ("K1", "K2", "K3", "K4"):
        first = date.fromisoformat(told(crowd, name)["first_day"])
        found, error = difference(counted(crowd, purchases, name, first - timedelta(days=38), 28))
        scores.append(found / error)
    assert np.abs(scores).max() < 4
