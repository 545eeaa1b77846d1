"""Hillstrom's e-mail experiment through the recipe: 64,000 responses, the row number as id."""

from math import erfc, sqrt

import polars as pl
import pytest

from crmlib import config, ledger
from tests.project import ROOT

RECIPE = ROOT / "data" / "recipes" / "hillstrom.toml"
Z = 1.959964
MENS, WOMENS, NONE = "Mens E-Mail", "Womens E-Mail", "No E-Mail"
# Customers, visits, buyers, spend, mean and standard deviation of spend.
ARMS = {
    MENS: (21_307, 3_894, 267, 30311.69, 1.4226165110, 17.7542051037),
    WOMENS: (21_387, 3_238, 189, 23038.11, 1.0772015710, 15.1161064707),
    NONE: (21_306, 2_262, 122, 13908.33, 0.6527893551, 11.5881996813),
}
# Difference to no e-mail, 95 % Wald, relative lift, z and p.
RATES = {
    (MENS, "visit"): (0.07658956, 0.06995350, 0.08322563, 0.721405, 22.48604, 5.7e-112),
    (WOMENS, "visit"): (0.04523311, 0.03889383, 0.05157239, 0.426055, 13.94918, 3.2e-44),
    (MENS, "conversion"): (0.00680501, 0.00500017, 0.00860984, 1.188422, 7.38511, 1.52e-13),
    (WOMENS, "conversion"): (0.00311106, 0.00149868, 0.00472344, 0.543313, 3.77956, 0.0001571),
}
# Difference to no e-mail, relative lift, Welch's t and degrees of freedom.
SPEND = {
    MENS: (0.769827, 1.179289, 5.30014, 36671.16),
    WOMENS: (0.424412, 0.650152, 3.25637, 40064.88),
}


@pytest.fixture(scope="module")
def read(shared_data, tmp_path_factory):
    source = shared_data / "hillstrom"
    workspace = tmp_path_factory.mktemp("hillstrom")
    return ledger.read(config.load(RECIPE, source=source, workspace=workspace))


@pytest.fixture(scope="module")
def arms(read):
    rows = read.table("responses").collect()
    return {arm: rows.filter(pl.col("arm") == arm) for arm in ARMS}


def test_every_row_is_a_customer(read):
    counts = read.counts["responses"]
    assert (counts.read, counts.kept, counts.duplicates) == (64_000, 64_000, 0)
    rows = read.table("responses").collect()
    assert set(rows["customer_id"]) == {str(n) for n in range(1, 64_001)}
    facts = [c for c in rows.columns if c.startswith(("outcome_", "pre_", "segment_", "arm"))]
    repeats = rows.height - rows.select(facts).n_unique()
    assert repeats == 6_562


def test_the_rows_are_in_their_order(read, shared_data):
    raw = pl.read_parquet(shared_data / "hillstrom" / "hillstrom.parquet")
    rows = read.table("responses").collect().sort(pl.col("customer_id").cast(pl.Int64))
    for ours, theirs in (("outcome_spend", "spend"), ("pre_history", "history"),
                         ("segment_zip_code", "zip_code"), ("arm", "segment")):  # fmt: skip
        assert rows[ours].to_list() == raw[theirs].to_list()
    assert rows["pre_recency"].mean() == pytest.approx(5.763734375, abs=1e-9)
    assert rows["pre_history"].mean() == pytest.approx(242.0856557813, abs=1e-9)


@pytest.mark.parametrize("arm", ARMS)
def test_arms(arms, arm):
    customers, visits, buyers, spend, mean, sd = ARMS[arm]
    rows = arms[arm]
    assert rows.height == customers
    assert (rows["outcome_visit"].sum(), rows["outcome_conversion"].sum()) == (visits, buyers)
    assert (rows["outcome_spend"] > 0).sum() == buyers
    assert rows["outcome_spend"].sum() == pytest.approx(spend, abs=1e-6)
    assert rows["outcome_spend"].mean() == pytest.approx(mean, abs=1e-10)
    assert rows["outcome_spend"].std() == pytest.approx(sd, abs=1e-9)


@pytest.mark.parametrize(("arm", "outcome"), RATES)
def test_rates_against_no_mail(arms, arm, outcome):
    difference, low, high, lift, statistic, p = RATES[arm, outcome]
    mailed, control = (arms[a][f"outcome_{outcome}"] for a in (arm, NONE))
    p1, n1, p0, n0 = mailed.mean(), mailed.len(), control.mean(), control.len()
    found = p1 - p0
    error = sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
    pooled = (mailed.sum() + control.sum()) / (n1 + n0)
    z = found / sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    assert found == pytest.approx(difference, abs=5e-9)
    assert (found - Z * error, found + Z * error) == pytest.approx((low, high), abs=1e-8)
    assert found / p0 == pytest.approx(lift, abs=5e-7)
    assert z == pytest.approx(statistic, abs=5e-6)
    assert erfc(z / sqrt(2)) == pytest.approx(p, rel=0.02)


@pytest.mark.parametrize("arm", SPEND)
def test_spend_against_no_mail(arms, arm):
    difference, lift, statistic, df = SPEND[arm]
    mailed, control = (arms[a]["outcome_spend"] for a in (arm, NONE))
    found = mailed.mean() - control.mean()
    v1, v0 = mailed.var() / mailed.len(), control.var() / control.len()
    assert found == pytest.approx(difference, abs=5e-7)
    assert found / control.mean() == pytest.approx(lift, abs=5e-7)
    assert found / sqrt(v1 + v0) == pytest.approx(statistic, abs=5e-6)
    welch = (v1 + v0) ** 2 / (v1**2 / (mailed.len() - 1) + v0**2 / (control.len() - 1))
    assert welch == pytest.approx(df, abs=5e-3)


def test_visits_by_three_arms(arms):
    visits = {arm: (rows["outcome_visit"].sum(), rows.height) for arm, rows in arms.items()}
    rate = sum(v for v, _ in visits.values()) / sum(n for _, n in visits.values())
    square = sum(
        (seen - n * share) ** 2 / (n * share)
        for v, n in visits.values()
        for seen, share in ((v, rate), (n - v, 1 - rate))
    )
    assert square == pytest.approx(504.4606690356, abs=1e-9)
