"""The repeat curve: CDNOW's figures, and brute force over single customers."""

from datetime import date

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from crmlib.curves import figures, repeat, summary
from crmlib.curves.repeat import RepeatSpec
from crmlib.errors import ContractError, TooFewCustomersError
from crmlib.marts.gaps import gaps as gaps_mart
from tests.curves.conftest import CALIBRATION_END, DATA_END, day_of


@pytest.fixture(scope="module")
def gaps(cdnow_visits):
    """Return the gaps mart of the sample to the end of its data."""
    visits = cdnow_visits.select("customer_id", "day", "fold", "purchase_lines")
    customer = visits.group_by("customer_id").agg(
        pl.col("fold").first(),
        purchase_days=pl.len().cast(pl.Int64),
        first_day=pl.col("day").min(),
        last_day=pl.col("day").max(),
        status=pl.lit("new"),
    )
    lazy = (nw.from_native(f.lazy()) for f in (visits, customer))
    return nw.to_native(gaps_mart(*lazy, as_of_day=day_of(DATA_END))).collect()


def test_time_to_the_second_purchase(gaps):
    result = repeat.survival(gaps)
    assert (result.waits, result.ended) == (2_357, 1_139)
    printed = {30: 0.8261, 60: 0.7450, 90: 0.7085, 365: 0.5443}
    for day, share in printed.items():
        assert result.curve.at(day).value == pytest.approx(share, abs=6e-5)
    assert result.returned.value == pytest.approx(1 - 0.5443, abs=6e-5)
    assert not result.returned.interval.excludes(result.returned.value)
    assert result.median is None  # fewer than half ever come back
    assert result.until == 365
    assert result.first_seen == 0


def test_all_gaps(gaps):
    ended = gaps.filter(pl.col("event") == 1)
    days = np.repeat(ended["days"].to_numpy(), ended["gaps"].to_numpy())
    assert (len(days), np.median(days)) == (4_339, 34)
    assert days.mean() == pytest.approx(70.9, abs=0.05)
    result = repeat.survival(gaps, RepeatSpec(ordinal=None))
    assert (result.waits, result.ended) == (4_339 + 2_357, 4_339)
    assert result.curve.bands == "folds"
    # Per gap, frequent buyers count often: half of all gaps end, but not half of first waits.
    assert result.median.value < 365
    assert result.curve.at(90).value < repeat.survival(gaps).curve.at(90).value


def test_half_of_those_who_return_by_brute_force(gaps):
    result = repeat.survival(gaps)
    s, end = result.curve.survival, result.curve.at(365).value
    share = dict(zip(result.curve.days.tolist(), ((1 - s) / (1 - end)).tolist(), strict=True))
    half = int(result.half_of_returning.value)
    assert share[half] >= 0.5 > share[half - 1]
    low, high = result.half_of_returning.interval.low, result.half_of_returning.interval.high
    assert low < half < high
    # After that day, of those still waiting at most a tenth return within the year.
    late = result.unlikely_after
    still = result.curve.at(late).value
    assert (still - end) / still <= 0.1
    before = result.curve.at(late - 2).value
    assert (before - end) / before > 0.1


def test_where_nothing_is_censored_half_of_returning_is_the_median():
    days = [3, 5, 8, 13, 21, 34, 55]
    rows = [("new", 1, d, 1, d % 4, 10) for d in days]
    result = repeat.survival(mart(rows), RepeatSpec(within_days=60))
    assert result.half_of_returning.value == np.median(days) == result.median.value
    assert result.unlikely_after is None  # everybody returns


def mart(rows):
    names = ["status", "ordinal", "days", "event", "fold", "gaps"]
    return pl.DataFrame(rows, schema=names, orient="row")


SHOP = [
    ("new", 1, 10, 1, 0, 30),
    ("new", 1, 40, 1, 1, 20),
    ("new", 1, 90, 0, 2, 50),
    ("new", 2, 5, 1, 0, 25),
    ("first_seen", 1, 7, 1, 3, 100),
]


def test_customers_of_unknown_beginning_are_left_out_and_counted():
    result = repeat.survival(mart(SHOP))
    assert (result.waits, result.ended) == (100, 50)
    assert result.first_seen == 0.5
    everything = repeat.survival(mart(SHOP), RepeatSpec(ordinal=None))
    assert (everything.waits, everything.first_seen) == (225, 0)
    assert repeat.survival(mart(SHOP), RepeatSpec(ordinal=2)).waits == 25


def test_the_curve_is_not_read_where_few_wait():
    few = [*SHOP, ("new", 1, 300, 0, 4, 9)]
    assert repeat.survival(mart(few)).until == 90
    assert repeat.survival(mart(few), RepeatSpec(min_at_risk=9)).until == 300


def test_the_headline_changes_with_the_data():
    said = repeat.survival(mart(SHOP)).headline("en")
    assert "within 10 days" in said
    slow = [(s, o, d * 3, e, f, g) for s, o, d, e, f, g in SHOP]
    assert "within 30 days" in repeat.survival(mart(slow)).headline("en")
    assert "10" in repeat.survival(mart(SHOP)).headline("tr")
    nobody = [("new", 1, 90, 0, f, 50) for f in range(4)]
    assert repeat.survival(mart(nobody)).headline("en") == "Nobody has bought again yet."


@pytest.mark.parametrize("lang", ["en", "tr"])
def test_the_figure_shows_the_curve_as_far_as_it_is_read(lang):
    result = repeat.survival(mart(SHOP), RepeatSpec(within_days=60))
    low, high, curve = figures.repeat_curve(result, lang).data
    assert list(curve.x) == list(low.x) == list(high.x) == [0, 10, 40]
    assert list(curve.y) == pytest.approx([1, 0.7, 0.5])
    assert all(a <= b <= c for a, b, c in zip(low.y, curve.y, high.y, strict=True))
    assert list(curve.text)[1] == ("70.0%" if lang == "en" else "%70,0")


def test_two_groups():
    quick = [("new", 1, d, 1, d % 8, 5) for d in range(1, 40)]
    slow = [("new", 1, 2 * d, 1, d % 8, 5) for d in range(1, 40)]
    found = repeat.compare({"slow": mart(slow), "quick": mart(quick)})
    assert found.median.value == 20
    assert found.median.interval.low > 0
    assert found.mean_until.value > 0
    assert found.until == 39 - 1  # beyond it fewer than ten of the quick ones wait
    assert found.log_rank.p_value < 1e-6
    same = repeat.compare({"one": mart(quick), "other": mart(quick)})
    assert same.median.value == same.mean_until.value == 0
    assert same.log_rank.statistic == pytest.approx(0, abs=1e-9)


def test_gaps_that_are_none_are_refused():
    with pytest.raises(ContractError, match="missing ordinal"):
        repeat.survival(mart(SHOP).drop("ordinal"))
    with pytest.raises(TooFewCustomersError):
        repeat.survival(mart(SHOP), RepeatSpec(ordinal=9))
    with pytest.raises(ValueError, match="ordinal must be at least 1"):
        RepeatSpec(ordinal=0)


# --- summaries for the models -------------------------------------------------------------------
VISITS = pl.DataFrame(
    {
        "customer_id": ["a", "a", "a", "a", "b", "c", "c"],
        "fold": [1, 1, 1, 1, 2, 3, 3],
        "day": [0, 7, 21, 40, 28, 36, 38],
        "purchase_lines": [1, 2, 1, 1, 1, 1, 0],
        "value": [10.0, 20.0, -2.0, 7.0, 5.0, 9.0, -9.0],
        "value_real": [20.0, 40.0, -4.0, 7.0, 8.0, 9.0, -9.0],
    },
    schema_overrides={"day": pl.Int32, "fold": pl.Int32},
)


def test_a_summary_by_hand():
    found = summary.of_visits(VISITS, until=date(1970, 2, 5), unit="weeks")  # day 35
    assert found.to_dicts() == [
        {"customer_id": "a", "fold": 1, "frequency": 2, "recency": 3.0, "T": 5.0, "unit": "weeks",
         "monetary": 18.0, "not_positive": 1, "later": 1, "later_value": 7.0},
        {"customer_id": "b", "fold": 2, "frequency": 0, "recency": 0.0, "T": 1.0,
         "unit": "weeks", "monetary": None, "not_positive": 0, "later": 0, "later_value": 0.0},
    ]  # fmt: skip
    nominal = summary.of_visits(VISITS, until=date(1970, 2, 5), unit="days", money="nominal")
    assert nominal["monetary"].to_list() == [9.0, None]
    assert nominal["T"].to_list() == [35.0, 7.0]
    short = summary.of_visits(VISITS, until=date(1970, 2, 5), horizon_days=4)
    assert short["later"].to_list() == [0, 0]


def test_a_summary_of_customers_leaves_out_those_first_seen(cdnow):
    mart = pl.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "fold": [0, 1, 2],
            "status": ["new", "first_seen", "new"],
            "purchase_days": [3, 3, 0],
            "recency_days": [14, 14, None],
            "age_days": [70, 70, None],
        }
    )
    found = summary.of_customers(mart)
    assert found.row(0) == ("a", 0, 2, 2.0, 10.0, "weeks")
    assert found.height == 1
    assert set(found.columns) <= set(cdnow.columns)
    assert CALIBRATION_END < DATA_END
