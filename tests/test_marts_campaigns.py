"""Responses and arms against plain loops, day by day, and against Hillstrom's figures."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, sqrt

import polars as pl
import pytest

from crmlib import config, ledger, marts
from crmlib.marts import calendar
from crmlib.marts.arms import READ_DAY, SCHEMA
from tests.ledgers import AS_OF, day_of, ledger_of, lines, made_up
from tests.project import ROOT

LAST = calendar.day_number(AS_OF)
WINDOW = 28
OUTCOMES = ("bought", "orders", "value", "value_real", "margin")
SUMS = ("n", "y", "yy", "x", "xx", "xy")
CELL = ("arm", "segment", "exposed", "fold")


@pytest.fixture(scope="module", params=[1, 2])
def made(request, tmp_path_factory):
    """Return marts, and the tables that they were made of."""
    folder = tmp_path_factory.mktemp("shop")
    tables = made_up(random.Random(request.param), orders=200)
    return marts.build(ledger_of(folder, **tables), folder / "out", as_of=AS_OF), tables


def frames(tables):
    """Give start and length of every campaign that somebody was assigned to."""
    known = {c["campaign_id"]: c for c in tables["campaigns"]}
    for name in {a["campaign_id"] for a in tables["assignments"]}:
        told = known.get(name, {})
        start = day_of(told["start"]) if told else None
        yield name, start, told.get("window_days") or WINDOW


def measured(visits, first, last):
    """Sum a customer's visits from one day to another."""
    inside = [v for v in visits if first <= v["day"] <= last]
    return {
        "bought": int(any(v["purchase_lines"] for v in inside)),
        "orders": sum(v["orders"] for v in inside),
        **{c: sum((v[c] for v in inside), Decimal(0)) for c in OUTCOMES[2:]},
    }


def answers(opened, tables, *, until=None):
    """Give what each assigned customer did, up to so many days after the start."""
    visits = defaultdict(list)
    for v in opened.visits.collect().rows(named=True):
        visits[v["customer_id"]].append(v)
    for name, start, window in frames(tables):
        for a in tables["assignments"]:
            assigned, who = day_of(a["assigned_at"]), a["customer_id"]
            if a["campaign_id"] != name or assigned > LAST:
                continue
            begin = assigned if start is None else max(start, assigned)
            end = min(begin + window - 1, LAST)
            sent = [
                c for c in tables["contacts"]
                if c["campaign_id"] == name and c["customer_id"] == who
                and day_of(c["sent_at"]) <= LAST
                and c["delivered"] is not False and c["bounced"] is not True
            ]  # fmt: skip
            last = end if until is None else min(end, begin + until)
            yield {
                "campaign_id": name, "customer_id": who, "arm": a["arm"],
                "segment": a["stratum"] or "", "exposed": int(bool(sent)),
                "start_day": begin, "end_day": end,
                "pre": measured(visits[who], assigned - 365, assigned - 1),
                "now": measured(visits[who], begin, last),
            }  # fmt: skip


def test_responses(made):
    opened, tables = made
    found = {
        (r["campaign_id"], r["customer_id"]): r for r in opened.responses.collect().rows(named=True)
    }
    expected = list(answers(opened, tables))
    assert len(expected) == len(found) > 30
    for wanted in expected:
        row = found[wanted["campaign_id"], wanted["customer_id"]]
        assert (row["stratum"] or "") == wanted["segment"]
        for column in ("arm", "exposed", "start_day", "end_day"):
            assert row[column] == wanted[column]
        for outcome in OUTCOMES:
            assert row[outcome] == float(wanted["now"][outcome])
            if outcome != "bought":
                assert row[f"pre_{outcome}"] == float(wanted["pre"][outcome])
    assert {r["exposed"] for r in found.values()} == {0, 1}
    assert any(r["pre_value"] for r in found.values())


def moments(people, centre_y, centre_x, cap_y=None, cap_x=None):
    """Give the sums of some people exactly: they are (outcome, pre) pairs of fractions."""

    def cut(value, cap):
        return value if cap is None else max(-cap, min(cap, value))

    y = [cut(Fraction(a), cap_y) - centre_y for a, _ in people]
    x = [cut(Fraction(b), cap_x) - centre_x for _, b in people]
    return {
        "n": len(people), "y": sum(y), "yy": sum(a * a for a in y), "x": sum(x),
        "xx": sum(b * b for b in x), "xy": sum(a * b for a, b in zip(y, x, strict=True)),
    }  # fmt: skip


def exactly(number: float, places: int = 4) -> Fraction:
    return Fraction(round(number * 10**places), 10**places)


def assert_moments(row, people):
    """Compare a row of arms with its people."""
    centres = exactly(row["centre_y"]), exactly(row["centre_x"])
    caps = exactly(row["cap_y"]), exactly(row["cap_x"])
    for end, wanted in (("", moments(people, *centres)), ("_w", moments(people, *centres, *caps))):
        for name in SUMS[1:]:
            assert row[f"{name}{end}"] == pytest.approx(float(wanted[name]), rel=1e-12, abs=1e-9)
        assert row["n"] == wanted["n"]


def test_arms_of_a_day_are_the_responses_cut_at_that_day(made):
    opened, tables = made
    arms = opened.arms.filter(pl.col("day") >= 0).collect()
    rows = {
        tuple(r[c] for c in ("campaign_id", *CELL, "outcome", "day")): r
        for r in arms.rows(named=True)
    }
    assert len(rows) == arms.height
    folds = dict(opened.responses.select("customer_id", "fold").collect().rows())
    compared = 0
    for day in range(WINDOW + 1):
        cells = defaultdict(list)
        for a in answers(opened, tables, until=day):
            if a["start_day"] + day > a["end_day"]:
                continue  # that day has not come for this customer, or is over
            cell = a["arm"], a["segment"], a["exposed"], folds[a["customer_id"]]
            for outcome in OUTCOMES:
                pre = "orders" if outcome == "bought" else outcome
                pair = a["now"][outcome], a["pre"][pre]
                cells[(a["campaign_id"], *cell, outcome, day)].append(pair)
        assert set(cells) == {k for k in rows if k[-1] == day}
        for key, people in cells.items():
            assert_moments(rows[key], people)
            compared += len(people)
    assert compared > 1000


def test_centres_and_caps_are_of_the_whole_campaign(made):
    opened, tables = made
    whole = defaultdict(list)
    for a in answers(opened, tables):
        for outcome in OUTCOMES:
            pre = "orders" if outcome == "bought" else outcome
            pair = Fraction(a["now"][outcome]), Fraction(a["pre"][pre])
            whole[a["campaign_id"], outcome].append(pair)
    told = opened.arms.filter(pl.col("day") >= 0).select(
        "campaign_id", "outcome", "centre_y", "centre_x", "cap_y", "cap_x"
    )
    for row in told.unique().collect().rows(named=True):
        people = whole.pop((row["campaign_id"], row["outcome"]))
        unit = 1 if row["outcome"] in OUTCOMES[:2] else Fraction(1, 10_000)
        for place, end in enumerate("yx"):
            values = [p[place] for p in people]
            mean = sum(values) / len(values)
            assert mean - unit < exactly(row[f"centre_{end}"]) <= mean
            sizes = sorted(abs(v) for v in values if v)
            cap = sizes[ceil(0.99 * len(sizes)) - 1] if sizes else 0
            assert exactly(row[f"cap_{end}"]) == cap
    assert {name for name, _ in whole} <= {"future"}  # it has not begun: no day to read


def test_folds_and_exposure_add_up(made):
    opened, _ = made
    arms = opened.arms.filter(pl.col("day") == 0, pl.col("outcome") == "value").collect()
    people = opened.responses.filter(pl.col("end_day") >= pl.col("start_day")).collect()
    by_fold = dict(arms.group_by("fold").agg(pl.col("n").sum()).rows())
    assert by_fold == dict(people.group_by("fold").agg(pl.len()).rows())
    by_arm = arms.group_by("campaign_id", "arm", "exposed").agg(pl.col("n").sum())
    counted = people.group_by("campaign_id", "arm", "exposed").agg(pl.len())
    assert sorted(by_arm.rows()) == sorted(counted.rows())


def test_long_windows_have_a_row_a_week_after_the_first_quarter(tmp_path):
    """Bought on days 0, 95 and 190 of 191, so that changes fall on days without a row."""
    start = date(2024, 1, 1)
    made = ledger_of(
        tmp_path,
        order_lines=lines(
            *(
                {"order_id": f"{n}", "customer_id": "ann", "product_id": "p", "quantity": 1,
                 "ordered_at": datetime(2024, 1, 1) + timedelta(days=n), "value": 1}
                for n in (0, 95, 190)
            )
        ),
        campaigns=[{"campaign_id": "c", "start": start, "window_days": 191}],
        assignments=[{"campaign_id": "c", "customer_id": "ann", "arm": "a",
                      "assigned_at": datetime(2023, 12, 31)}],
    )  # fmt: skip
    opened = marts.build(made, tmp_path / "out", as_of=date(2024, 12, 31))
    value = opened.arms.filter(pl.col("outcome") == "value").collect()
    days = [*range(92), *range(97, 190, 7), 190]
    total = value["y"] + value["n"] * value["centre_y"]
    assert value["day"].to_list() == days
    assert total.to_list() == [1] * 92 + [2] * (len(days) - 93) + [3]


def test_an_arm_has_a_row_for_every_day_that_came(tmp_path):
    """One customer, one purchase on the third day; the as-of day ends the window early."""
    made = ledger_of(
        tmp_path,
        order_lines=lines(
            {"order_id": "1", "customer_id": "ann", "ordered_at": datetime(2024, 3, 22),
             "product_id": "p", "quantity": 1, "value": 7, "margin": 2},
            {"order_id": "2", "customer_id": "ann", "ordered_at": datetime(2024, 3, 22, 5),
             "product_id": "p", "quantity": 1, "value": 5, "margin": None},
            {"order_id": "3", "customer_id": "ann", "ordered_at": datetime(2024, 3, 24),
             "product_id": "p", "quantity": -1, "value": -5, "margin": -1},
        ),
        campaigns=[{"campaign_id": "c", "start": date(2024, 3, 20)}],
        assignments=[{"campaign_id": "c", "customer_id": "ann", "arm": "treated",
                      "assigned_at": datetime(2024, 3, 1)}],
    )  # fmt: skip
    opened = marts.build(made, tmp_path / "out", as_of=date(2024, 3, 26))
    arms = opened.arms.sort("outcome", "day").collect()
    assert arms["n"].to_list() == [1] * 7 * 5
    raw = arms.with_columns(total=pl.col("y") + pl.col("n") * pl.col("centre_y"))
    read = {o: raw.filter(pl.col("outcome") == o)["total"].to_list() for o in OUTCOMES}
    assert read == {
        "bought": [0, 0, 1, 1, 1, 1, 1],
        "orders": [0, 0, 2, 2, 2, 2, 2],
        "value": [0, 0, 12, 12, 7, 7, 7],
        "value_real": [0, 0, 12, 12, 7, 7, 7],
        "margin": [0, 0, 2, 2, 1, 1, 1],
    }


def test_who_is_assigned_late_leaves_when_the_data_end(tmp_path):
    """Assigned on the last day: there on day 0, not on day 1, which has not come."""
    made = ledger_of(
        tmp_path,
        campaigns=[{"campaign_id": "c", "start": date(2024, 3, 1), "window_days": 5}],
        assignments=[
            {"campaign_id": "c", "customer_id": who, "arm": "a", "fold": 1, "assigned_at": at}
            for who, at in (("ann", datetime(2024, 2, 1)), ("ben", datetime(2024, 3, 3)))
        ],
    )
    opened = marts.build(made, tmp_path / "out", as_of=date(2024, 3, 3))
    value = opened.arms.filter(pl.col("outcome") == "value").collect()
    assert value.select("day", "n").rows() == [(0, 2), (1, 1), (2, 1)]


# --- Experiments that were read with their outcomes -----------------------------------------------


def test_read_experiments(made):
    opened, tables = made
    arms = opened.arms.filter(pl.col("day") == READ_DAY).collect()
    assert set(arms["campaign_id"]) == {"mail", "shelf"}
    for row in arms.rows(named=True):
        known = [
            r["pre_history"] for r in tables["responses"]
            if r["campaign_id"] == row["campaign_id"] and r["pre_history"] is not None
        ]  # fmt: skip
        assert row["centre_x"] == pytest.approx(sum(known) / len(known), rel=1e-9)
        own = [
            (r[f"outcome_{row['outcome']}"], r["pre_history"])
            for r in tables["responses"]
            if (r["campaign_id"], r["arm"], r["fold"])
            == (row["campaign_id"], row["arm"], row["fold"])
            and (-1 if r["exposed"] is None else int(r["exposed"])) == row["exposed"]
        ]
        own = [(y, row["centre_x"] if x is None else x) for y, x in own if y is not None]
        wanted = moments(own, Fraction(row["centre_y"]), Fraction(row["centre_x"]))
        for name in SUMS:
            assert row[name] == pytest.approx(float(wanted[name]), rel=1e-10, abs=1e-7)
    assert set(arms["exposed"]) == {-1, 0, 1}


def test_arms_have_their_columns_in_any_ledger(made):
    opened, _ = made
    assert dict(opened.arms.collect_schema()) == SCHEMA


def test_hillstrom(shared_data, tmp_path):
    """Witness: the published table of the e-mail experiment (64,000 customers)."""
    read = config.load(
        ROOT / "data" / "recipes" / "hillstrom.toml",
        source=shared_data / "hillstrom",
        workspace=tmp_path,
    )
    arms = marts.build(ledger.read(read), tmp_path).arms.collect()
    by_arm = arms.filter(pl.col("pre") == "history").group_by("arm", "outcome")
    sums = by_arm.agg(pl.col("n", "y", "yy").sum(), pl.col("centre_y").first())
    found = {(r["arm"], r["outcome"]): r for r in sums.rows(named=True)}

    def total(arm, outcome):
        row = found[arm, outcome]
        return row["y"] + row["n"] * row["centre_y"]

    def deviation(arm, outcome):
        row = found[arm, outcome]
        return sqrt((row["yy"] - row["y"] ** 2 / row["n"]) / (row["n"] - 1))

    published = {
        "Mens E-Mail": (21_307, 3_894, 267, 30_311.69, 17.7542051037),
        "Womens E-Mail": (21_387, 3_238, 189, 23_038.11, 15.1161064707),
        "No E-Mail": (21_306, 2_262, 122, 13_908.33, 11.5881996813),
    }
    for arm, (n, visits, buyers, spend, sd) in published.items():
        assert found[arm, "visit"]["n"] == n
        assert total(arm, "visit") == pytest.approx(visits, abs=1e-6)
        assert total(arm, "conversion") == pytest.approx(buyers, abs=1e-6)
        assert total(arm, "spend") == pytest.approx(spend, abs=1e-6)
        assert deviation(arm, "spend") == pytest.approx(sd, abs=5e-11)
    # Mean history 242.0856557813, from the pre-period's sums.
    history = arms.filter(pl.col("pre") == "history", pl.col("outcome") == "visit")
    mean = (history["x"] + history["n"] * history["centre_x"]).sum() / 64_000
    assert mean == pytest.approx(242.0856557813, abs=5e-11)
    # CUPED with history saves .44 % of the variance of visits and .04 % of spend's (men's mail).
    men = arms.filter(pl.col("pre") == "history", pl.col("arm") != "Womens E-Mail")
    for outcome, saved in (("visit", 0.0044), ("spend", 0.0004)):
        own = men.filter(pl.col("outcome") == outcome)
        n, y, yy, x, xx, xy = (own[c].sum() for c in SUMS)
        r = (xy - x * y / n) / sqrt((xx - x * x / n) * (yy - y * y / n))
        assert r * r == pytest.approx(saved, abs=5e-5)
