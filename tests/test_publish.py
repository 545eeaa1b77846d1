"""What is published: windows, the cube and its suppression, and reading it back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmlib import config, marts, publish
from crmlib.errors import ContractError, WorkspaceError
from crmlib.estimate import Estimate, Grade, Interval
from crmlib.ledger import store
from crmlib.profile import activity, migration, rfm, segments
from crmlib.publish import changes as changes_of
from crmlib.publish import dimensions, once
from crmlib.publish.codec import decode, encode, pack, unpack
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


def _equal(one: Any, other: Any) -> bool:
    return json.dumps(encode(one), sort_keys=True) == json.dumps(encode(other), sort_keys=True)


def _estimate(value: float) -> Estimate:
    return Estimate(value, Interval(value - 0.1, value + 0.1), 10, "m", Grade.D)


def test_cells_come_back_as_they_were_and_what_they_share_is_kept_once() -> None:
    window = activity.ActivitySpec(date(2025, 1, 1), date(2025, 6, 30))
    base = activity.ActivityResult(
        spec=window,
        label="x" * 200,
        label_fields={"year": "2025"},
        customers=50,
        orders=70,
        value=1.5,
        customers_before=40,
        change=_estimate(0.25),
        value_change=None,
        identified=0.9,
    )
    cells = {
        "0": base,
        "1": replace(base, customers=20, change=_estimate(0.5)),
        "2": replace(base, change=None, value_change=_estimate(0.1)),
        "3": replace(base, label_fields={"month": "2025-06-01"}),
        "4": publish.Suppressed("Why not.", 10),
        "5": publish.Suppressed("Why not.", 10),
        "6": publish.Suppressed("Nobody."),
        "7": base,
    }
    packed = json.loads(json.dumps(pack(cells)))
    for cell, result in cells.items():
        assert _equal(unpack(packed, cell), result), cell
    assert unpack(packed, "8") is None
    assert json.dumps(packed).count("x" * 200) == 1
    assert json.dumps(packed).count("Why not.") == 1


def test_every_published_result_comes_back(workspace: Path) -> None:
    """What one machine packed, another unpacks: each result of the default page, encoded anew."""
    published = publish.open_boards(workspace)
    found = {name: published.result(name) for name in RESULTS}
    for name, result in found.items():
        again = decode(json.loads(json.dumps(encode(result))))
        assert type(again) is type(result), name
        assert _equal(again, result), name
    kinds = {type(result).__name__ for result in found.values()}
    assert {"ActivityResult", "GrowthResult", "RfmResult", "CardResult", "WhoResult"} <= kinds


RESULTS = [
    *(f"profile.{name}" for name in ("activity", "value", "returning", "rfm", "waterfall")),
    *(f"profile.{name}" for name in ("migration", "repeat", "growth", "who", "card")),
    "build.changes",
]


@pytest.mark.parametrize("lang", ["tr", "en"])
def test_every_result_says_what_it_is_about(workspace: Path, lang: str) -> None:
    published = publish.open_boards(workspace)
    for name in RESULTS:
        result = published.result(name)
        said = (
            result.reason(lang) if isinstance(result, publish.Suppressed) else result.headline(lang)
        )
        assert said
        assert "{" not in said + published.caption(name, lang)
    year = published.caption("profile.rfm", lang)
    assert "2024" in year
    assert "2025" in year
    assert published.caption("profile.rfm", lang, window="2024") != year
    assert published.caption("profile.activity", lang) == ""


def test_other_filters_make_no_difference_to_a_result(workspace: Path) -> None:
    published = publish.open_boards(workspace)
    assert published.dimensions_of("profile.activity") == ("window", "segment", "region", "channel")
    assert published.dimensions_of("profile.growth") == ()
    whole = published.result("profile.growth")
    assert _equal(published.result("profile.growth", window="2024", segment="loyal"), whole)
    with pytest.raises(KeyError):
        published.result("profile.growth", segment="loyalty")


# --- what a reader may choose


def test_only_members_with_customers_are_offered(workspace: Path) -> None:
    published = publish.open_boards(workspace)
    tables = marts.open(workspace)
    for window in ("12m", "all", "2023-02", "2025-06"):
        for dimension in ("segment", "region", "channel"):
            offered = [key for _, key in published.options(dimension, "en", window=window)]
            assert offered[0] == "all"
            for member in (key for _, key in published.options(dimension, "en")):
                found = published.result("profile.activity", window=window, **{dimension: member})
                nobody = isinstance(found, publish.Suppressed) and "No customers" in found.reason(
                    "en"
                )
                assert nobody == (member not in offered), (window, member)
    assert "lapsed" in [key for _, key in published.options("segment", "en", window="all")]
    assert "lapsed" not in [key for _, key in published.options("segment", "en", window="12m")]
    names = set(tables.people.select("region").collect()["region"].drop_nulls())
    told = {label for label, key in published.options("region", "en") if key.startswith("=")}
    assert told
    assert told <= names


def test_names_stand_in_turkish_order(workspace: Path) -> None:
    labels = [label for label, key in publish.open_boards(workspace).options("region", "tr")]
    assert labels.index("Ege") < labels.index("İç Anadolu") < labels.index("Marmara")


def test_small_regions_are_merged_and_none_of_one_kind_is_no_dimension() -> None:
    many = pl.Series(["a"] * 30 + ["b"] * 20 + ["c"] * 9 + [None] * 3)
    found = dimensions.of_regions(many, 10)
    assert [m.id for m in found.members] == ["all", "=a", "=b", "other", "unknown"]
    assert list(found.places(many))[28:52] == [1] * 2 + [2] * 20 + [3] * 2
    assert found.places(many)[-1] == 4
    assert dimensions.of_regions(pl.Series(["a"] * 50), 10) is None
    assert dimensions.of_regions(pl.Series([None] * 50, dtype=pl.String), 10) is None
    crowd = pl.Series([f"r{i:02}" for i in range(20) for _ in range(10 + i)])
    named = [m.fields["name"] for m in dimensions.of_regions(crowd, 10).members if m.fields]
    assert named == [f"r{i:02}" for i in range(8, 20)]


def test_customers_are_known_by_their_main_channel(tmp_path: Path) -> None:
    """Two purchases by phone of 30 together against one of 50 in the shop: the shop."""
    rows = [("1", "a", "2025-01-01", "shop", 50), ("2", "a", "2025-01-02", "phone", 10)]
    rows += [("3", "a", "2025-01-03", "phone", 20)]
    rows += [(f"s{i}", f"s{i}", "2025-01-01", "shop", 10) for i in range(11)]
    rows += [(f"p{i}", f"p{i}", "2025-01-02", "phone", 10) for i in range(12)]
    text = "order_id,customer_id,ordered_at,channel,product_id,quantity,unit_price\n"
    text += "".join(f"{o},{c},{day},{ch},p,1,{price}\n" for o, c, day, ch, price in rows)
    (tmp_path / "orders.csv").write_text(text)
    (tmp_path / "crm.toml").write_text(PLAIN)
    publish.build(config.load(tmp_path / "crm.toml", workspace=tmp_path / "workspace"))
    published = publish.open_boards(tmp_path / "workspace")
    assert not published.offers("region")
    assert published.offers("channel")
    counts = {
        key: published.result("profile.activity", channel=key).customers
        for _, key in published.options("channel", "en")
    }
    assert counts == {"all": 24, "=shop": 12, "=phone": 12}


PLAIN = '[privacy]\npseudonyms = false\n[order_lines]\nfiles = ["orders.csv"]\ndecimal = "."\n'


def test_a_page_is_a_small_file(workspace: Path) -> None:
    files = sorted((store.current(workspace).folder / "boards").rglob("*.json"))
    assert len(files) > 50
    assert max(p.stat().st_size for p in files) < 1_000_000


# --- suppression


def test_what_two_windows_of_the_same_people_show_is_the_same(workspace: Path) -> None:
    """The last 12 months and all data hold the same customers of a segment and region."""
    published = publish.open_boards(workspace)
    hidden = 0
    for (_, segment), (_, region) in product(
        published.options("segment", "en"), published.options("region", "en")
    ):
        if segment in ("all", "lapsed"):
            continue
        found = [
            published.result("profile.activity", window=w, segment=segment, region=region)
            for w in ("12m", "all")
        ]
        assert len({isinstance(each, publish.Suppressed) for each in found}) == 1
        hidden += isinstance(found[0], publish.Suppressed)
    assert hidden


def test_no_small_group_is_told_among_what_is_told_once(workspace: Path) -> None:
    published = publish.open_boards(workspace)
    for horizon in ("12m", "3m", "1m"):
        moves = published.result("profile.migration", horizon=horizon)
        assert moves.why_not or moves.moves.height
        for n in moves.moves["customers"]:
            assert n >= 10
        for n in (moves.left, moves.entered):
            assert n is None or n == 0 or n >= 10
    for n in published.result("profile.who").groups["customers"]:
        assert n >= 10
    months = published.result("profile.growth").months
    counts = [months[c] for c in ("new", "first_seen", "repeat", "resurrected", "lapsed")]
    assert all(n is None or n == 0 or n >= 10 for column in counts for n in column)
    assert any(n is None for column in counts for n in column)


@pytest.mark.parametrize(
    ("month", "told"),
    [  # new, first seen, resurrected, repeat, lapsed
        ((40, 0, 20, 50, 30), (40, 0, 20, 50, 30)),
        ((40, 3, 20, 50, 30), (43, 0, 20, 50, 30)),  # a few first seen count as new
        ((40, 0, 4, 50, 30), (None, 0, None, 50, 30)),
        ((40, 0, 20, 5, 30), (None, None, None, None, None)),
        ((40, 0, 20, 50, 7), (None, None, None, None, None)),
        ((4, 0, 3, 50, 30), (None, None, None, None, None)),
        ((0, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
    ],
)
def test_what_is_told_of_a_month(month: tuple[int, ...], told: tuple[int | None, ...]) -> None:
    names = ("new", "first_seen", "resurrected", "repeat", "lapsed")
    row = dict(zip(names, month, strict=True)) | {
        f"sales_{name}": 100.0 * n for name, n in zip(names[:4], month[:4], strict=True)
    }
    found = once._month_told(row | {"sales_returns_only": 5.0}, 10)
    assert tuple(found[name] for name in names) == told
    for name, n in zip(names[:4], told[:4], strict=True):
        assert found[f"sales_{name}"] == (None if n is None else 100.0 * n)
    assert found["sales_returns_only"] is None


def _paths(*moves: tuple[str, str, int]) -> migration.MigrationResult:
    rows = [
        (f"c{i}", i % 64, a, b, b)
        for i, (a, b) in enumerate((a, b) for a, b, n in moves for _ in range(n))
    ]
    frame = pl.DataFrame(rows, schema=["customer_id", "fold", "from", "to", "fresh"], orient="row")
    frame = frame.with_columns(value=pl.lit("100").cast(pl.Decimal(38, 4)))
    return migration.summarise(frame, migration.MigrationSpec(date(2025, 6, 30)))


def test_small_moves_are_hidden_and_what_they_follow_from() -> None:
    found = once.publishable_migration(
        _paths(
            ("champions", "champions", 60),
            ("champions", "at_risk", 4),
            ("champions", "hibernating", 30),
            ("loyal", "at_risk", 25),
            ("loyal", "loyal", 40),
            ("hibernating", "hibernating", 50),
            ("hibernating", "loyal", 15),
            ("hibernating", "at_risk", 20),
        ),
        10,
    )
    shown = {(a, b): n for a, b, n in found.moves.select("from", "to", "customers").iter_rows()}
    assert ("champions", "at_risk") not in shown
    assert ("champions", "champions") in shown or ("champions", "hibernating") in shown
    assert found.left == 59
    told = sum(n for (a, b), n in shown.items() if a in segments.TOP and b not in segments.TOP)
    assert 59 - told >= 10
    assert found.paths.is_empty()


def test_a_few_who_left_the_top_are_not_told() -> None:
    found = once.publishable_migration(
        _paths(
            ("champions", "champions", 60),
            ("champions", "at_risk", 4),
            ("loyal", "loyal", 40),
            ("at_risk", "at_risk", 50),
        ),
        10,
    )
    assert found.left is None
    assert found.at_stake is None
    assert "at most 9" in found.headline("en")


# --- changes


def _facts(**changes: Any) -> changes_of.Facts:
    known = {
        "shop": "A",
        "as_of": "2025-06-30",
        "order_lines": 1000,
        "customers": 200,
        "figures": {"identified": 0.8, "best_share": 0.6},
    }
    return changes_of.Facts(**known | changes)


def test_changes_since_the_last_build_are_told_in_three_lines() -> None:
    now = _facts(
        as_of="2025-07-31",
        order_lines=1250,
        customers=210,
        figures={"identified": 0.75, "best_share": 0.62},
    )
    told = changes_of.compare(now, _facts().document()).lines("en")
    assert told == [
        "250 more order lines than in the last build; data up to 31 July 2025, then 30 June 2025.",
        "Customers of the last 12 months: 200 then, 210 now.",
        "Largest change: share of sales with a customer id, 80.0% then, 75.0% now.",
    ]


@pytest.mark.parametrize("before", [None, _facts(shop="B").document(), {"older": 1}])
def test_a_first_build_says_so(before: dict[str, Any] | None) -> None:
    (line,) = changes_of.compare(_facts(), before).lines("en")
    assert "first build" in line


def test_what_did_not_move_is_not_told_as_a_change() -> None:
    now = _facts(figures={"identified": 0.8, "best_share": 0.6049})
    lines = changes_of.compare(now, _facts().document()).lines("en")
    assert "As many order lines" in lines[0]
    assert "No other figure" in lines[2]
    hidden = changes_of.compare(_facts(customers=None), _facts().document())
    assert len(hidden.lines("en")) == 2


def test_a_build_is_compared_with_the_one_before_it(tmp_path: Path) -> None:
    header = "order_id,customer_id,ordered_at,product_id,quantity,unit_price\n"
    rows = [f"{i},c{i},2025-01-{1 + i % 28:02},p,1,{10 + i % 5}\n" for i in range(60)]
    (tmp_path / "crm.toml").write_text(PLAIN)
    read = config.load(tmp_path / "crm.toml", workspace=tmp_path / "workspace")
    told = []
    for known in (40, 60):
        (tmp_path / "orders.csv").write_text(header + "".join(rows[:known]))
        publish.build(read)
        told.append(publish.open_boards(read.workspace).result("build.changes"))
    assert told[0].as_of_before is None
    assert (told[1].order_lines, told[1].customers_before, told[1].customers) == (20, 40, 60)


# --- no order lines


def test_a_build_without_order_lines_says_so(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(
        "id,customer,at\n1,a,2025-01-01 10:00:00\n2,b,2025-01-02 11:00:00\n"
    )
    (tmp_path / "crm.toml").write_text(
        "[privacy]\npseudonyms = false\n"
        '[service]\nfiles = ["calls.csv"]\n'
        '[service.columns]\nservice_id = "id"\ncustomer_id = "customer"\nopened = "at"\n'
    )
    publish.build(config.load(tmp_path / "crm.toml", workspace=tmp_path / "workspace"))
    published = publish.open_boards(tmp_path / "workspace")
    assert published.as_of >= date(2025, 1, 1)
    assert not published.offers("window")
    assert published.identified() is None
    for name in RESULTS:
        found = published.result(name)
        assert isinstance(found, publish.Suppressed)
        assert "no order lines" in found.reason("en")
        assert published.caption(name, "tr") == ""
    with pytest.raises(KeyError):
        published.result("curves.gaps")


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
