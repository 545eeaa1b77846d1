"""What is published: windows, the cube and its suppression, and reading it back."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from crmlib import config, marts, publish
from crmlib.errors import WorkspaceError
from crmlib.estimate import Estimate, Grade, Interval
from crmlib.ledger import store
from crmlib.profile import rfm
from crmlib.publish import profile
from crmlib.publish.boards import ALL
from crmlib.publish.codec import decode, encode
from crmlib.publish.windows import windows
from tests.profile.frames import random_mart
from tests.shops import build_shop, write_shop

BEGINS, AS_OF = date(2023, 1, 1), date(2025, 5, 20)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small shop, so that many cells are too small to show."""
    return build_shop(tmp_path_factory.mktemp("shop"), customers=400, seed=3)


# --- windows


def test_windows_of_a_kind_tile_the_data() -> None:
    found = windows(BEGINS, AS_OF)
    for unit, length in (("month", 7), ("quarter", 7), ("year", 4)):
        mine = sorted(
            (
                w
                for w in found
                if w.label.startswith(f"{{{'month' if unit == 'month' else 'year'}}}")
                and len(w.id) == length
                and ("Q" in w.id) == (unit == "quarter")
            ),
            key=lambda w: w.first_day,
        )
        assert mine[0].first_day == BEGINS
        assert mine[-1].last_day == AS_OF
        for earlier, later in pairwise(mine):
            assert later.first_day == earlier.last_day + timedelta(days=1)


def test_default_window_is_the_twelve_months_to_the_as_of_day() -> None:
    first = windows(BEGINS, AS_OF)[0]
    assert (first.id, first.first_day, first.last_day) == ("12m", date(2024, 5, 21), AS_OF)
    assert first.year_before == (date(2023, 5, 21), date(2024, 5, 20))


def test_a_cut_window_says_so_and_a_whole_one_does_not() -> None:
    labels = {w.id: w.label for w in windows(BEGINS, AS_OF)}
    assert "{day}" in labels["2025-05"]
    assert "{day}" in labels["2025-Q2"]
    assert "{day}" in labels["2025"]
    assert "{day}" not in labels["2025-04"]
    assert "{day}" not in labels["2024"]


def test_leap_days_have_a_year_before() -> None:
    last = windows(date(2022, 1, 1), date(2024, 2, 29))[0]
    assert last.year_before[1] == date(2023, 2, 28)


# --- reading back


def test_results_come_back_as_they_were() -> None:
    before = rfm.score(random_mart(1, 100))
    after = decode(
        json.loads(
            json.dumps(
                encode(
                    before.__class__(
                        segments=before.segments,
                        customers=100,
                        empty_scores=before.empty_scores,
                        spec=before.spec,
                        scores=pl.DataFrame(),
                    )
                )
            )
        )
    )
    assert after.segments.equals(before.segments)
    assert after.segments.schema == before.segments.schema
    assert (after.spec, after.empty_scores) == (before.spec, before.empty_scores)
    estimate = Estimate(0.5, Interval(0.4, 0.6), 10, "m", Grade.C)
    assert decode(encode(estimate)) == estimate


def test_boards_equal_the_marts(workspace: Path) -> None:
    published, tables = publish.open_boards(workspace), marts.open(workspace)
    for window in windows(tables.complete_from, tables.as_of):
        active = tables.customer_between(window.first_day, window.last_day).collect()
        bought = active.filter(pl.col("purchase_days") > 0)
        found = published.result("profile.activity", window=window.id)
        assert found.customers == bought.height
        assert found.orders == active["orders"].sum()
        assert found.value == pytest.approx(float(active["value"].sum()), rel=1e-12)
        assert published.result("profile.value", window=window.id).total == pytest.approx(
            float(active["margin"].sum()), rel=1e-9
        )


def test_comparison_with_last_year_equals_the_marts(workspace: Path) -> None:
    published, tables = publish.open_boards(workspace), marts.open(workspace)
    found = published.result("profile.activity", window="2025-06")
    june = [
        tables.visits.filter(pl.col("month") == 12 * year + 5, pl.col("purchase_lines") > 0)
        .select(pl.col("customer_id").n_unique())
        .collect()
        .item()
        for year in (2025, 2024)
    ]
    assert (found.customers, found.customers_before) == tuple(june)
    assert found.change.value == pytest.approx(june[0] / june[1] - 1)


def test_segments_and_what_is_merged_add_up_to_all(workspace: Path) -> None:
    published = publish.open_boards(workspace)
    whole = published.result("profile.activity")
    shown = [
        r
        for _, key in published.options("segment", "en")
        if key != ALL
        and not isinstance(
            r := published.result("profile.activity", segment=key), publish.Suppressed
        )
    ]
    assert len(shown) > 3
    assert sum(r.customers for r in shown) == whole.customers
    # Customers with returns alone have no segment; their value is in the whole only.
    assert sum(r.value for r in shown) >= whole.value - 1e-6


@pytest.mark.parametrize("cell", [{"window": "../x"}, {"segment": "<script>"}, {"city": "x"}])
def test_a_member_that_is_not_offered_is_refused(workspace: Path, cell: dict[str, str]) -> None:
    with pytest.raises(KeyError) as error:
        publish.open_boards(workspace).result("profile.rfm", **cell)
    assert "../x" not in str(error.value)
    assert "<script>" not in str(error.value)


def test_a_result_that_is_not_published_is_refused(workspace: Path) -> None:
    with pytest.raises(KeyError):
        publish.open_boards(workspace).result("profile.names")


# --- suppression


def _sizes(**customers: int) -> pl.DataFrame:
    rows = [(key, 100.0) for key, n in customers.items() for _ in range(n)]
    return pl.DataFrame(rows, schema=["segment", "value"], orient="row").with_columns(
        purchase_days=pl.lit(1)
    )


def test_small_segments_are_merged_until_they_are_enough() -> None:
    assert profile.merge_small(_sizes(a=50, b=9, c=5), 10) == {"a": "a", "b": "other", "c": "other"}


def test_one_small_segment_takes_the_smallest_shown_one_along() -> None:
    found = profile.merge_small(_sizes(a=50, b=20, c=3), 10)
    assert found == {"a": "a", "b": "other", "c": "other"}


def test_a_segment_that_one_customer_dominates_is_merged() -> None:
    rich = (
        _sizes(a=40, b=20, c=20)
        .with_row_index()
        .with_columns(
            value=pl.when(
                (pl.col("segment") == "b")
                & pl.col("index").is_first_distinct()
                & (pl.col("index") == 40)
            )
            .then(1e6)
            .otherwise(pl.col("value"))
        )
    )
    assert profile.merge_small(rich, 10)["b"] == "other"


def test_nothing_is_merged_where_all_is_large() -> None:
    assert set(profile.merge_small(_sizes(a=10, b=10), 10).values()) == {"a", "b"}


def test_no_published_number_tells_of_one_to_nine_customers(workspace: Path) -> None:
    build = store.current(workspace)
    seen = 0
    for path in sorted((build.folder / "boards" / "profile").glob("*.json")):
        for segment, cells in json.loads(path.read_bytes()).items():
            for name, stored in cells.items():
                result = decode(stored)
                if isinstance(result, publish.Suppressed):
                    continue
                seen += 1
                for count in _counts_of(name, result):
                    assert count == 0 or count >= 10, (path.stem, segment, name, count)
    assert seen > 100


def _counts_of(name: str, result: object) -> list[int]:
    """Everything in a result that counts customers."""
    r: object = result
    if name == "activity":
        return [r.customers, r.customers_before or 0]  # type: ignore[attr-defined]
    if name == "value":
        steps = r.curve["customers_share"].diff().drop_nulls() * r.customers  # type: ignore[attr-defined]
        return [r.customers, r.loss_makers or 0, *(round(s) for s in steps)]  # type: ignore[attr-defined]
    if name == "rfm":
        return [r.customers, *r.segments["customers"]]  # type: ignore[attr-defined]
    shares = [e for e in (r.once_only, r.came_back) if e]  # type: ignore[attr-defined]
    hits = [round(e.value * e.n) for e in shares]
    return [*hits, *(e.n - h for e, h in zip(shares, hits, strict=True)), *(e.n for e in shares)]


def test_boards_hold_no_pseudonym(workspace: Path) -> None:
    build = store.current(workspace)
    names = marts.open(workspace).customer.select("customer_id").collect()["customer_id"]
    text = "".join(p.read_text() for p in (build.folder / "boards").rglob("*.json"))
    assert not [n for n in names if n in text]


# --- building


def test_a_second_build_of_the_same_files_does_nothing(tmp_path: Path) -> None:
    from crmlib.ledger import sample

    path = write_shop(tmp_path, sample.simulate(sample.SampleSpec(customers=200)))
    read = config.load(path, workspace=tmp_path / "workspace")
    first = publish.build(read)
    build = store.current(read.workspace).name
    second = publish.build(read)
    assert (first.changed, second.changed) == (True, False)
    assert store.current(read.workspace).name == build
    index = tmp_path / "raw" / "price_index.csv"
    index.write_bytes(index.read_bytes().replace(b"100.00", b"100.01"))
    assert publish.build(read).changed


def test_a_workspace_without_boards_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="crm build"):
        publish.open_boards(tmp_path)


def test_marts_alone_have_no_boards(tmp_path: Path) -> None:
    from crmlib.ledger import sample
    from tests.shops import build_marts

    shop = sample.simulate(sample.SampleSpec(customers=200))
    with pytest.raises(WorkspaceError, match="no boards"):
        publish.open_boards(build_marts(tmp_path, shop))
