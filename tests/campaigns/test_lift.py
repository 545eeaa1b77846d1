"""Lift: what is refused, what blocks a verdict, what a verdict says."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from crmlib import marts
from crmlib.campaigns import lift
from crmlib.campaigns.lift import LiftSpec
from crmlib.campaigns.plan import Plan
from crmlib.errors import ContractError, TooFewCustomersError

# --- Refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"control": "not opened", "split": {"not opened": 1, "opened": 1}}, "opened"),
        ({"arm": "clicked_at"}, "clicked"),
        ({"segments": ("redeemed",)}, "redeemed"),
        ({"only": {"exposed": 1}}, "exposed"),
        ({"control": "Açmayan", "split": {"Açmayan": 1, "Açan": 1}}, "aç"),
    ],
)
def test_what_was_told_after_the_draw_is_refused(trial, fair, changes, word):
    with pytest.raises(ContractError, match=word):
        lift.measure(trial(), replace(fair, **changes))


def test_an_outcome_is_no_segment(trial, fair):
    rows = trial()
    with pytest.raises(ContractError, match="bought is an outcome"):
        lift.measure(rows, replace(fair, segments=("bought",)))


def test_a_customer_in_two_arms(trial, fair):
    rows = trial()
    twice = rows.head(1).with_columns(arm=pl.lit("control"))
    with pytest.raises(ContractError, match="1 customers are in two arms"):
        lift.measure(pl.concat([rows, twice]), fair)


def test_a_customer_in_two_rows(trial, fair):
    rows = trial()
    with pytest.raises(ContractError, match="several rows"):
        lift.measure(pl.concat([rows, rows.head(3)]), fair)


def test_an_outcome_from_before_the_draw(trial, fair):
    rows = trial(assigned_day=np.full(2_000, 100), outcome_day=np.r_[[99], np.full(1_999, 120)])
    with pytest.raises(ContractError, match="1 rows have an outcome from before"):
        lift.measure(rows, fair)


def test_an_arm_without_customers(trial, fair):
    spec = replace(fair, split={"control": 1, "treated": 1, "third": 1})
    with pytest.raises(ContractError, match="third is declared but has no customers"):
        lift.measure(trial(), spec)


def test_an_arm_that_was_not_declared(trial, fair):
    rows = trial().with_columns(
        arm=pl.when(pl.col("customer_id") == "7").then(pl.lit("other")).otherwise("arm")
    )
    with pytest.raises(ContractError, match="other"):
        lift.measure(rows, fair)


def test_no_arm(trial, fair):
    rows = trial()
    with pytest.raises(ContractError, match="no column arm"):
        lift.measure(rows.drop("arm"), fair)
    nowhere = rows.with_columns(
        arm=pl.when(pl.col("customer_id") != "7").then("arm").otherwise(None)
    )
    with pytest.raises(ContractError, match="1 rows are in no arm"):
        lift.measure(nowhere, fair)


def test_a_control_under_the_minimum(trial, fair):
    rows = trial()
    few = rows.filter((pl.col("arm") == "treated") | (pl.int_range(pl.len()) < 40))
    with pytest.raises(TooFewCustomersError, match="control has 20 customers, of at least 30"):
        lift.measure(few, fair)


def test_the_split_must_be_declared():
    with pytest.raises(ContractError, match="split was not declared"):
        LiftSpec("control", ("bought",))


def test_an_outcome_that_is_not_there(trial, fair):
    with pytest.raises(ContractError, match="no column margin"):
        lift.measure(trial(), replace(fair, outcomes=("margin",)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": 1.0}, {"min_arm_size": 1}, {"outcomes": ()}, {"margins": {"orders": 1.0}},
        {"split": {"control": 1}}, {"split": {"control": 1, "treated": 0}},
        {"split": {"a": 1, "b": 1}}, {"worth_finding": 0.0}, {"outcomes": "bought"},
    ],
)  # fmt: skip
def test_absurd_specs_are_refused(fair, wrong):
    with pytest.raises(ValueError, match=r"must|needs"):
        replace(fair, **wrong)


# --- What blocks a verdict ------------------------------------------------------------------------


def test_a_filter_after_the_draw_is_seen_by_the_split(trial, fair):
    """SRM: whoever did not open is left out of one arm only. The effect there is none."""
    opened = np.random.default_rng(3).random(20_000) < 0.9
    rows = trial(20_000)
    kept = rows.filter(pl.Series(opened) | (pl.col("arm") == "control"))
    found = lift.measure(kept, fair)
    assert found.status == "blocked"
    assert found.srm.p_value < 0.001
    assert set(found.effects["grade"]) == {"D"}
    assert not found.effects["clear"].any()
    assert "no verdict" in found.headline("en")


def test_a_fair_draw_is_not_blocked():
    """Of 2,000 fair draws, about 2 are blocked: the limit is .001."""
    from crmlib.campaigns.guards import split_check

    rng = np.random.default_rng(4)
    split = {"control": 1, "a": 2, "b": 3}
    drawn = rng.multinomial(6_000, np.array([1, 2, 3]) / 6, 2_000)
    blocked = sum(not split_check(dict(zip(split, d, strict=True)), split).passed for d in drawn)
    assert blocked <= 8


def test_loss_on_one_side_blocks(trial, fair):
    lost = (pl.col("arm") == "treated") & (pl.col("customer_id").cast(pl.Int64) < 200)
    rows = trial().with_columns(bought=pl.when(lost).then(None).otherwise("bought"))
    found = lift.measure(rows, fair)
    assert found.status == "blocked"
    assert [c.name for c in found.checks if not c.passed] == ["loss"]
    told = lift.measure(trial(), fair, assigned={"control": 1_000, "treated": 1_200})
    assert {c.name for c in told.checks if not c.passed} == {"split", "loss"}


def test_segments_that_were_made_after_the_draw_block(trial, fair):
    rows = trial().with_columns(group=pl.when(pl.col("arm") == "treated")
                                .then(pl.col("bought")).otherwise(0.0).cast(pl.String))  # fmt: skip
    found = lift.measure(rows, replace(fair, segments=("group",)))
    assert found.status == "blocked"
    assert found.checks[-1].name == "segment"


# --- Verdicts -------------------------------------------------------------------------------------


def test_verdict_turns_with_the_data(trial, fair):
    said = [lift.measure(trial(8_000, effect=e), fair).headline("en") for e in (0.06, 0.0, -0.06)]
    assert "up by" in said[0]
    assert "no clear change" in said[1]
    assert "down by" in said[2]


def test_several_arms_and_outcomes_are_adjusted_together(trial):
    rows = trial(6_000, effect=0.03).with_columns(
        arm=pl.when((pl.col("arm") == "treated") & (pl.int_range(pl.len()) % 4 == 0))
        .then(pl.lit("second"))
        .otherwise("arm")
    )
    spec = LiftSpec(
        "control", ("bought", "value"), {"control": 2, "treated": 1, "second": 1},
        ratios={"basket": ("value", "bought")},
    )  # fmt: skip
    effects = lift.measure(rows, spec).effects
    assert effects.height == 6
    p = sorted(effects["p_value"])
    running = [min(1.0, (6 - k) * x) for k, x in enumerate(p)]
    wanted = [max(running[: k + 1]) for k in range(6)]
    assert sorted(effects["p_adjusted"]) == pytest.approx(wanted)


def test_alike_is_not_the_same_as_unclear(trial, fair):
    rows = trial(40_000)
    assert "no clear change" in lift.measure(rows, fair).headline("en")
    found = lift.measure(rows, replace(fair, margins={"bought": 0.02}))
    assert "as without it" in found.headline("en")
    assert found.effects["equivalence_p"][0] < 0.05


def test_a_guardrail_that_breaks_is_said(trial, fair):
    rng = np.random.default_rng(6)
    rows = trial(8_000)
    left = rng.random(8_000) < np.where(rows["arm"] == "treated", 0.03, 0.01)
    rows = rows.with_columns(left=left.astype(float))
    found = lift.measure(rows, replace(fair, guardrails=("left",)))
    assert "Warning: treated raised left" in found.headline("en")
    row = found.effects.filter(role="guardrail").row(0, named=True)
    assert row["p_adjusted"] == row["p_value"]


def test_refunds_may_make_spend_negative(trial):
    rows = trial().with_columns(
        value=pl.when(pl.col("customer_id").cast(pl.Int64) < 10).then(-5.0).otherwise("value")
    )
    found = lift.measure(rows, LiftSpec("control", ("value",), {"control": 1, "treated": 1}))
    assert dict(found.arms.select("arm", "negative").rows()) == {"treated": 5, "control": 5}
    assert found.status == "judged"


def test_ratio_from_rows_is_what_drawing_customers_finds(trial):
    rows = trial(6_000, effect=0.05)
    spec = LiftSpec("control", ("bought",), {"control": 1, "treated": 1},
                    ratios={"basket": ("value", "bought")})  # fmt: skip
    row = lift.measure(rows, spec).effects.filter(outcome="basket").row(0, named=True)
    rng, drawn = np.random.default_rng(7), []
    one, zero = (rows.filter(arm=a).select("value", "bought").to_numpy()
                 for a in ("treated", "control"))  # fmt: skip
    for _ in range(1_500):
        sums = [arm[rng.integers(0, len(arm), len(arm))].sum(axis=0) for arm in (one, zero)]
        drawn.append(sums[0][0] / sums[0][1] - sums[1][0] / sums[1][1])
    assert (row["high"] - row["low"]) / 3.92 == pytest.approx(np.std(drawn), rel=0.08)


def test_nothing_to_compare(trial, fair):
    """Nobody bought anything: a rate has an interval, a mean has none."""
    rows = trial().with_columns(bought=pl.lit(0.0), value=pl.lit(0.0))
    found = lift.measure(rows, replace(fair, outcomes=("value", "bought")))
    assert found.effects["kind"].to_list() == ["mean", "rate"]
    assert found.effects["low"].is_null().to_list() == [True, False]
    assert "nothing can be said" in found.headline("en")


# --- Segments -------------------------------------------------------------------------------------


def test_the_harmful_one_of_twenty_segments_is_found(trial):
    """The brief's limit: after correction in 90 of 100; here 20 seeds, 18 of them."""
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = 40_000
        group = rng.integers(0, 20, n)
        treated = np.arange(n) % 2 == 0
        chance = 0.2 + treated * np.where(group == 7, -0.12, 0.03)
        rows = pl.DataFrame(
            {
                "arm": np.where(treated, "treated", "control"),
                "group": group.astype(str),
                "bought": (rng.random(n) < chance).astype(float),
            }
        )
        spec = LiftSpec("control", ("bought",), {"control": 1, "treated": 1}, segments=("group",))
        segments = lift.measure(rows, spec).segments
        harm = segments.filter(pl.col("clear") & (pl.col("difference") < 0))
        found += harm["segment"].to_list() == ["7"]
        assert segments["heterogeneity_p"][0] < 0.05
    assert found >= 18


def test_a_segment_that_is_too_small_has_no_difference(trial, fair):
    rows = trial().with_columns(
        group=pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("few")).otherwise(pl.lit("many"))
    )
    found = lift.measure(rows, replace(fair, segments=("group",))).segments
    assert dict(found.select("segment", pl.col("difference").is_null()).rows()) == {
        "few": True,
        "many": False,
    }


# --- Exposure -------------------------------------------------------------------------------------


def reached(seed=1, *, n=40_000, leak=0.0, take=0.7, effect=0.1):
    """Customers who can be reached buy more anyway; the message adds ``effect`` to them."""
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 2 == 0
    eager = rng.random(n) < take
    leaked = rng.random(n) < leak
    exposed = eager & (treated | leaked)
    bought = rng.random(n) < 0.1 + 0.15 * eager + effect * exposed
    return pl.DataFrame(
        {
            "arm": np.where(treated, "treated", "control"),
            "exposed": exposed,
            "bought": bought.astype(float),
        }
    )


def test_a_leaky_control_shrinks_the_draw_s_effect_and_not_that_on_those_reached(fair):
    for leak in (0.0, 0.4):
        found = lift.measure(reached(leak=leak), fair)
        itt = found.estimate("treated").interval
        assert not itt.excludes(0.07 * (1 - leak))
        (cace,) = found.cace
        assert not cace.estimate.interval.excludes(0.1)
        assert cace.reached_control == pytest.approx(0.7 * leak, abs=0.02)
        assert len(cace.assumptions("en")) == 4
    raw = reached().group_by("exposed").agg(pl.col("bought").mean()).sort("exposed")["bought"]
    assert raw[1] - raw[0] > 0.15  # comparing those reached with the others says far too much


def test_cace_is_two_stage_least_squares(fair):
    from statsmodels.sandbox.regression.gmm import IV2SLS

    rows = reached(n=4_000, leak=0.1)
    z = (rows["arm"] == "treated").cast(pl.Float64).to_numpy()
    d, y = rows["exposed"].cast(pl.Float64).to_numpy(), rows["bought"].to_numpy()
    ones = np.ones(len(y))
    fitted = IV2SLS(y, np.column_stack([ones, d]), np.column_stack([ones, z])).fit()
    (cace,) = lift.measure(rows, fair).cace
    assert cace.estimate.value == pytest.approx(fitted.params[1], rel=1e-9)
    half = cace.estimate.interval.high - cace.estimate.value
    assert half / 1.959964 == pytest.approx(fitted.bse[1], rel=0.02)


def test_cace_holds_the_truth(fair):
    held = 0
    for seed in range(300):
        (cace,) = lift.measure(reached(seed, n=3_000, leak=0.2), fair).cace
        held += not cace.estimate.interval.excludes(0.1)
    assert held >= 300 * 0.95 - 3 * np.sqrt(300 * 0.95 * 0.05)


def test_no_effect_on_those_reached_where_the_draw_changed_nothing(trial, fair):
    rows = trial(exposed=np.random.default_rng(1).random(2_000) < 0.5)
    (cace,) = lift.measure(rows, fair).cace
    assert cace.estimate is None
    assert "hardly changed" in cace.headline("en")


# --- The window -----------------------------------------------------------------------------------


def own_arms(days=range(28), *, effect=0.05, n=6_000, late=0):
    """Build the mart of a campaign of the firm's own: buying by day, four folds."""
    rng = np.random.default_rng(9)
    treated, fold = np.arange(n) % 2 == 0, np.arange(n) // 2 % 16
    when = np.where(rng.random(n) < 0.2 + effect * treated, rng.integers(0, 28, n), 999)
    rows = []
    for day in days:
        here = slice(None) if day < 20 or not late else slice(late, None)
        y = (when <= day).astype(float)[here]
        frame = pl.DataFrame({"arm": np.where(treated, "treated", "control")[here],
                              "fold": fold[here], "y": y})  # fmt: skip
        sums = frame.group_by("arm", "fold").agg(n=pl.len(), y=pl.col("y").sum())
        rows.append(sums.with_columns(yy="y", day=pl.lit(day)))
    zeros = dict.fromkeys(("x", "xx", "xy", "centre_y", "centre_x"), pl.lit(0.0))
    return pl.concat(rows).with_columns(
        campaign_id=pl.lit("spring"), segment=pl.lit(""), exposed=pl.lit(-1),
        outcome=pl.lit("bought"), pre=pl.lit("orders"), **zeros,
    )  # fmt: skip


def plan_of(method, **more):
    return Plan("spring", 100, "control", {"control": 1, "treated": 1}, ("bought",), 28, method,
                **more)  # fmt: skip


def test_no_verdict_before_the_window_has_closed(fair):
    spec = replace(fair, window_days=28)
    running = lift.measure(own_arms(range(14)), spec)
    assert running.status == "running"
    assert running.effects.is_empty()
    assert "still open" in running.headline("en")
    closed = lift.measure(own_arms(), spec)
    assert closed.status == "judged"
    assert closed.effects["clear"][0]
    with pytest.raises(ContractError, match="window_days"):
        lift.measure(own_arms(), fair)


def test_late_customers_keep_the_window_open(fair):
    found = lift.measure(own_arms(late=600), replace(fair, window_days=28))
    assert found.status == "running"


def test_a_plan_allows_a_look(fair):
    fixed = lift.measure(own_arms(range(14)), fair, plan=plan_of("fixed"))
    assert fixed.status == "running"
    mixture = lift.measure(own_arms(range(14)), fair, plan=plan_of("msprt", effect=0.03))
    assert mixture.status == "judged"
    assert mixture.effects["method"][0] == "mixture SPRT"
    looks = plan_of("obf", looks=(6, 13, 27))
    second = lift.measure(own_arms(range(14)), fair, plan=looks)
    between = lift.measure(own_arms(range(12)), fair, plan=looks, day=11)
    last = lift.measure(own_arms(), fair, plan=looks)
    assert second.status == last.status == "judged"
    assert between.status == "running"
    # The boundaries are 2.454 and 2.004 where a single look has 1.96.
    for found, bound in ((second, 2.454), (last, 2.004)):
        row = found.effects.row(0, named=True)
        p, q = row["mean"], row["control_mean"]
        error = np.sqrt(p * (1 - p) / 3_000 + q * (1 - q) / 3_000)
        assert (row["high"] - row["difference"]) / error == pytest.approx(bound, abs=1e-3)


def test_a_plan_must_be_older_than_the_send_and_the_same(fair):
    mixture = plan_of("msprt", effect=0.03)
    late = lift.measure(own_arms(range(14)), replace(fair, window_days=28), plan=mixture,
                        first_day=99)  # fmt: skip
    assert late.status == "running"
    with pytest.raises(ContractError, match="window_days differ"):
        lift.measure(own_arms(), replace(fair, window_days=14), plan=mixture)
    with pytest.raises(ContractError, match="split differ"):
        lift.measure(own_arms(), replace(fair, split={"control": 1, "treated": 2}), plan=mixture)


def test_rows_of_the_responses_mart_tell_the_window_themselves(trial, fair):
    rows = trial(start_day=np.full(2_000, 50), end_day=np.full(2_000, 60))
    assert lift.measure(rows, replace(fair, window_days=28)).status == "running"
    assert lift.measure(rows, replace(fair, window_days=11)).status == "judged"


def test_several_campaigns_need_a_name(fair):
    two = pl.concat([own_arms(), own_arms().with_columns(campaign_id=pl.lit("autumn"))])
    spec = replace(fair, window_days=28)
    with pytest.raises(ContractError, match="of 2 campaigns"):
        lift.measure(two, spec)
    one = lift.measure(two, spec, campaign_id="spring")
    assert one.effects.equals(lift.measure(own_arms(), spec).effects)


def test_the_mart_of_the_project_is_understood():
    from crmlib.campaigns import cells

    assert cells.is_mart(pl.DataFrame(schema=marts.arms.SCHEMA))


def test_no_control_and_too_few(trial):
    rows = trial(40).filter(arm="treated")
    found = lift.measure(rows, LiftSpec(None, ("bought",)))
    assert found.status == "unmeasurable"
    assert "too few customers" in found.headline("en")
    half = lift.measure(trial(400), LiftSpec(None, ("bought",)))
    assert half.hold_out is None
    assert "Even half" in half.headline("en")
