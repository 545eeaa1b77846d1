"""What is published: windows, the cube and its suppression, and reading it back."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from crmlib import config, marts, publish
from crmlib.errors import ContractError, WorkspaceError
from crmlib.estimate import Estimate, Grade, Interval
from crmlib.ledger import store
from crmlib.profile import rfm
from crmlib.publish import profile
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
    labels = {w.id: w.label for w in windows(date(2023, 2, 10), AS_OF)}
    for cut in ("2025-05", "2025-Q2", "2025"):
        assert "to {last}" in labels[cut]
    for cut in ("2023-02", "2023-Q1", "2023"):
        assert "from {first}" in labels[cut]
    for whole in ("2025-04", "2024-Q2", "2024"):
        assert "{first}" not in labels[whole] + labels[whole].replace("{last}", "{first}")
    assert labels["12m"] == "Last 12 months"


def test_less_than_twelve_months_are_not_called_so() -> None:
    found = windows(date(2024, 9, 1), AS_OF)[0]
    assert (found.id, found.label) == ("12m", "{first} to {last}")
    assert windows(date(2025, 5, 3), date(2025, 5, 20))[-1].label == "{month}, {first} to {last}"


@pytest.mark.parametrize(
    ("last", "first", "before"),
    [
        (date(2025, 2, 28), date(2024, 3, 1), (date(2023, 3, 1), date(2024, 2, 29))),
        (date(2024, 2, 29), date(2023, 3, 1), (date(2022, 3, 1), date(2023, 2, 28))),
        (date(2024, 2, 28), date(2023, 3, 1), (date(2022, 3, 1), date(2023, 2, 28))),
        (date(2025, 6, 30), date(2024, 7, 1), (date(2023, 7, 1), date(2024, 6, 30))),
    ],
)
def test_twelve_months_around_leap_days(last: date, first: date, before: tuple[date, date]) -> None:
    found = windows(date(2020, 1, 1), last)[0]
    assert (found.first_day, found.last_day) == (first, last)
    if last != date(2024, 2, 28):  # ends the day before a month's end: the years overlap by a day
        assert found.year_before == before


def test_february_is_compared_with_february() -> None:
    found = {w.id: w for w in windows(date(2022, 1, 1), date(2025, 3, 31))}
    assert found["2025-02"].year_before == (date(2024, 2, 1), date(2024, 2, 29))
    assert found["2024-02"].year_before == (date(2023, 2, 1), date(2023, 2, 28))


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


def test_marts_built_alone_do_not_stand_in_the_way_of_a_build(tmp_path: Path) -> None:
    from crmlib import ledger
    from crmlib.ledger import sample

    path = write_shop(tmp_path, sample.simulate(sample.SampleSpec(customers=200)))
    read = config.load(path, workspace=tmp_path / "workspace")
    publish.build(read)
    marts.build(ledger.read(read), read.workspace, as_of=date(2024, 12, 31))
    with pytest.raises(WorkspaceError, match="crm build"):
        publish.open_boards(read.workspace)
    assert publish.build(read).changed
    assert publish.open_boards(read.workspace).as_of == date(2025, 6, 30)


def test_rows_of_tomorrow_are_read_when_tomorrow_has_come(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "order_id,customer_id,ordered_at,product_id,quantity,unit_price\n"
        "1,a,2025-01-01,p,1,10\n2,b,2025-01-05,p,1,20\n"
    )
    (tmp_path / "crm.toml").write_text(
        '[privacy]\npseudonyms = false\n[order_lines]\nfiles = ["orders.csv"]\ndecimal = "."\n'
    )
    read = config.load(tmp_path / "crm.toml", workspace=tmp_path / "workspace")
    early = publish.build(read, today=date(2025, 1, 3))
    assert early.manifest["counts"]["order_lines"]["quarantined"] == 1
    late = publish.build(read, today=date(2025, 1, 6))
    assert late.changed
    assert late.manifest["counts"]["order_lines"]["kept"] == 2
    assert not publish.build(read, today=date(2025, 1, 7)).changed


@pytest.mark.parametrize("day", [date(2022, 12, 31), date(2020, 1, 1)])
def test_an_as_of_day_before_the_data_is_refused(tmp_path: Path, day: date) -> None:
    from crmlib.ledger import sample

    path = write_shop(tmp_path, sample.simulate(sample.SampleSpec(customers=200)))
    read = config.load(path, workspace=tmp_path / "workspace")
    read = read.model_copy(update={"history": config.History(as_of=day)})
    with pytest.raises(ContractError, match="on or before the as-of day"):
        publish.build(read)


def test_nothing_after_the_as_of_day_counts_anywhere(tmp_path: Path) -> None:
    """Cut the source at the as-of day, or cut by the as-of day: the same boards."""
    from crmlib.ledger import sample

    cut = date(2024, 5, 17)
    shop = sample.simulate(sample.SampleSpec(customers=300, seed=4))
    known = shop.order_lines.filter(pl.col("ordered_at").dt.date() <= cut)
    told = []
    for name, lines in (("whole", shop.order_lines), ("cut", known)):
        frame = lines.with_columns(unit_cost=pl.col("unit_cost_recorded"))
        folder = tmp_path / name
        folder.mkdir()
        columns = [
            "order_id",
            "customer_id",
            "ordered_at",
            "product_id",
            "quantity",
            "unit_price",
            "discount",
            "vat_rate",
            "unit_cost",
        ]
        frame.select(columns).write_parquet(folder / "orders.parquet")
        shop.customers.select("customer_id", "joined_at").write_parquet(
            folder / "customers.parquet"
        )
        (folder / "crm.toml").write_text(
            f'[shop]\ncurrency = "EUR"\n[history]\nas_of = {cut}\n[privacy]\npseudonyms = false\n'
            '[order_lines]\nfiles = ["orders.parquet"]\n'
            '[customers]\nfiles = ["customers.parquet"]\n'
        )
        read = config.load(folder / "crm.toml", workspace=folder / "workspace")
        publish.build(read)
        build = store.current(read.workspace)
        boards = sorted((build.folder / "boards").rglob("*.json"))
        told.append({p.name: p.read_bytes() for p in boards})
        tables = marts.open(read.workspace)
        for mart in ("customer", "cohorts", "gaps", "kpis", "basket_sizes"):
            told[-1][mart] = getattr(tables, mart).collect().write_json().encode()
    assert told[0].keys() == told[1].keys()
    for name in told[0]:
        assert told[0][name] == told[1][name], name


def test_marts_alone_have_no_boards(tmp_path: Path) -> None:
    from crmlib.ledger import sample
    from tests.shops import build_marts

    shop = sample.simulate(sample.SampleSpec(customers=200))
    with pytest.raises(WorkspaceError, match="no boards"):
        publish.open_boards(build_marts(tmp_path, shop))
