"""The draw and the plan: the same for everyone, fair to each customer, sealed."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from crmlib.campaigns import plan
from crmlib.campaigns.assign import GLOBAL_CONTROL, assign, draw, protected
from crmlib.campaigns.plan import Plan
from crmlib.errors import ContractError

SPLIT = {"control": 1, "a": 3, "b": 1}


@pytest.fixture(scope="module")
def customers():
    rng = np.random.default_rng(1)
    city = np.array(["Ankara", "İzmir", "Muş"])[rng.choice(3, 5_000, p=[0.6, 0.395, 0.005])]
    return pl.DataFrame({"customer_id": [f"c{i}" for i in range(5_000)], "city": city})


def test_the_draw_is_the_same_in_any_order(customers):
    one = assign(customers, SPLIT, campaign_id="spring", strata=["city"])
    other = assign(
        customers.sample(fraction=1, shuffle=True, seed=3), SPLIT, campaign_id="spring",
        strata=["city"],
    )  # fmt: skip
    assert one.equals(other)
    again = assign(customers, SPLIT, campaign_id="autumn", strata=["city"])
    same = (one["arm"] == again["arm"]).mean()
    assert same == pytest.approx(0.6**2 + 2 * 0.2**2, abs=0.03)  # as chance has it


def test_a_hash_is_a_hash():
    """Witness: SHA-256 of "spring", a line feed and the id, its first eight bytes."""
    import hashlib

    digest = hashlib.sha256(b"spring\nc1").hexdigest()
    assert draw("spring", ["c1"]) == [int(digest[:16], 16) / 2**64]
    found = np.array(draw("spring", [str(i) for i in range(20_000)]))
    counts = np.histogram(found, 20, (0, 1))[0]
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 43.8  # .999 of chi-square, 19 degrees


def test_every_stratum_has_its_shares(customers):
    found = assign(customers, SPLIT, campaign_id="spring", strata=["city"])
    counts = found.group_by("stratum", "arm").len()
    for (stratum,), own in counts.group_by("stratum"):
        size = customers.filter(city=stratum).height
        for arm, n in own.select("arm", "len").rows():
            assert abs(n - size * SPLIT[arm] / 5) < 1


def test_each_customer_has_the_chance_that_was_declared():
    """Three customers in a stratum, five shares: the rest is drawn, and drawn fairly."""
    few = pl.DataFrame({"customer_id": ["x", "y", "z"]})
    times = 4_000
    found = pl.concat([assign(few, SPLIT, campaign_id=str(i)) for i in range(times)])
    for _, own in found.group_by("customer_id"):
        shares = dict(own["arm"].value_counts(normalize=True).rows())
        for arm, share in SPLIT.items():
            error = np.sqrt(share / 5 * (1 - share / 5) / times)
            assert shares[arm] == pytest.approx(share / 5, abs=4 * error)


def test_the_global_control_is_left_alone_by_every_campaign(customers):
    more = {"global_control": 0.1, "programme": "2025"}
    held = [
        set(
            assign(customers, SPLIT, campaign_id=c, **more).filter(arm=GLOBAL_CONTROL)[
                "customer_id"
            ]
        )
        for c in ("spring", "autumn")
    ]
    assert held[0] == held[1]
    assert len(held[0]) / 5_000 == pytest.approx(0.1, abs=0.02)
    ids = customers["customer_id"]
    assert set(ids.filter(protected(ids, "2025", 0.1))) == held[0]
    assert set(ids.filter(protected(ids, "2025", 0.2))) > held[0]  # it may grow
    assert set(ids.filter(protected(ids, "2026", 0.1))) != held[0]


def test_ids_that_are_missing_or_twice(customers):
    bad = pl.concat([customers, customers.head(2)])
    with pytest.raises(ContractError, match="2 that repeat"):
        assign(bad, SPLIT, campaign_id="spring")
    with pytest.raises(ValueError, match="split"):
        assign(customers, {"control": 1}, campaign_id="spring")


# --- The plan -------------------------------------------------------------------------------------


@pytest.fixture
def sealed():
    return Plan("spring", 20_000, "control", {"control": 1, "treated": 4}, ("bought",), note="a")


def test_a_plan_comes_back_from_its_text(sealed):
    assert plan.plan_of(sealed.text, sealed.digest) == sealed
    assert plan.plan_of(sealed.text, sealed.digest).digest == sealed.digest


@pytest.mark.parametrize(
    "change",
    [
        {"outcomes": ("value",)}, {"window_days": 14}, {"sealed_day": 20_001}, {"level": 0.9},
        {"split": {"control": 1, "treated": 5}}, {"method": "msprt", "effect": 0.01},
    ],
)  # fmt: skip
def test_a_changed_plan_is_another(sealed, change):
    other = replace(sealed, **change)
    assert other.digest != sealed.digest
    with pytest.raises(ContractError, match="not the one that was sealed"):
        plan.plan_of(other.text, sealed.digest)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"campaign_id": 3}'])
def test_what_is_no_plan(text):
    with pytest.raises(ContractError, match="not a campaign plan"):
        plan.plan_of(text, "0")


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "msprt"}, {"method": "obf"}, {"method": "obf", "looks": (3, 9)},
        {"method": "pocock", "looks": (27, 3)}, {"method": "peek"}, {"control": "none"},
        {"split": {"control": 1}}, {"window_days": 0}, {"global_control": 1.0}, {"outcomes": ()},
    ],
)  # fmt: skip
def test_absurd_plans_are_refused(sealed, wrong):
    with pytest.raises(ValueError, match=r"must|needs"):
        replace(sealed, **wrong)


def test_sealed_in_time(sealed):
    assert sealed.sealed_before(20_000)
    assert not sealed.sealed_before(19_999)
