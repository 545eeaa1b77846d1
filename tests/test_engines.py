"""The same marts from polars and DuckDB: every row of every one of them."""

from __future__ import annotations

import random
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from operator import itemgetter

import duckdb
import narwhals as nw
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from crmlib import ledger, marts
from crmlib.errors import ContractError
from crmlib.ledger import engines, sample
from crmlib.ledger.sample import SampleSpec
from tests.ledgers import AS_OF, DAYS, PEOPLE, PRODUCTS, Row, ledger_of, lines, made_up
from tests.shops import write_shop

MARTS = (
    "visits", "customer", "cohorts", "gaps", "kpis", "basket_sizes", "costs", "customer_costs",
    "mix", "responses", "arms", "pairs",
)  # fmt: skip
FLOATS = {"responses", "arms"}


def line(order: str, customer: str | None, at: datetime, product: str = "p0", **more) -> Row:
    """Give an order line; more says how it differs from a plain one."""
    row = {"order_id": order, "customer_id": customer, "ordered_at": at, "product_id": product}
    return row | {"quantity": 1, "value": Decimal("19.99"), "margin": Decimal("3.1415")} | more


NOON = datetime(2024, 2, 29, 12)
ODD: dict[str, dict[str, list[Row]]] = {
    "empty": {},
    "one customer": {"order_lines": lines(line("1", "ann", NOON))},
    "nobody known": {"order_lines": lines(line("1", None, NOON), line("2", None, NOON))},
    "returns only": {
        "order_lines": lines(
            line("1", "ann", NOON, quantity=-1, value=-5, margin=None),
            line("1", "ann", NOON, quantity=-1, value=-5, margin=None),
        ),
        "deliveries": [{"order_id": "1", "cost": 3}],
    },
    "year ends and leap days": {
        "order_lines": lines(
            *(
                line(f"{y}-{m}-{d}", c, datetime(y, m, d, h))
                for y, m, d in ((1999, 12, 31), (2000, 1, 1), (2000, 2, 29), (2000, 3, 1),
                                (2023, 12, 31), (2024, 1, 1), (2024, 2, 29), (2024, 3, 1))
                for h in (0, 23)
                for c in ("ann", "ben")
            )
        ),
        "customers": [
            {"customer_id": "ann", "joined_at": date(2000, 2, 29)},
            {"customer_id": "ben", "joined_at": date(1999, 12, 31)},
        ],
    },
    "service alone": {
        "service": [
            {"customer_id": c, "opened": NOON, "cost": k} for c in ("ann", None) for k in (2, None)
        ],
    },
    "people alone": {"customers": [{"customer_id": "ann", "joined_at": None}]},
    "an experiment alone": {"responses": made_up(random.Random(5))["responses"]},
    "made up": made_up(random.Random(1)),
    "made up again": made_up(random.Random(2), orders=300),
}  # fmt: skip


def both(folder, made: ledger.Ledger, as_of: date | None = AS_OF) -> dict[str, marts.Marts]:
    """Build the marts of a ledger with each engine."""
    return {
        engine: marts.build(made, folder / engine, engine=engine, as_of=as_of)
        for engine in engines.ENGINES
    }


def assert_equal(built: dict[str, marts.Marts]) -> None:
    """Compare every mart row by row: exactly, floats to the twelfth digit."""
    one, other = built["polars"], built["duckdb"]
    for name in MARTS:
        expected, found = (getattr(m, name).collect() for m in (one, other))
        try:
            assert_frame_equal(expected, found, check_exact=name not in FLOATS, rel_tol=1e-12)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
    same = [k for k in one.manifest if k not in ("engine",)]
    assert {k: one.manifest[k] for k in same} == {k: other.manifest[k] for k in same}


@pytest.mark.parametrize("name", ODD)
def test_every_engine_makes_the_same_marts(name, tmp_path):
    built = both(tmp_path, ledger_of(tmp_path, **ODD[name]))
    assert_equal(built)
    empty = [n for n in MARTS if getattr(built["polars"], n).collect().is_empty()]
    if name == "empty":
        assert empty == list(MARTS)
    if name.startswith("made up"):
        assert empty == []


def test_a_mart_has_the_same_columns_with_and_without_rows(tmp_path):
    full = both(tmp_path / "full", ledger_of(tmp_path / "full", **ODD["made up"]))
    none = both(tmp_path / "none", ledger_of(tmp_path / "none"))
    for engine in engines.ENGINES:
        for name in MARTS:
            wanted = getattr(full[engine], name).collect_schema()
            assert getattr(none[engine], name).collect_schema() == wanted, name


def test_the_sample_shop(tmp_path):
    path = write_shop(tmp_path, sample.simulate(SampleSpec(customers=300, seed=3)))
    read = ledger.read(path)
    built = both(tmp_path, read, as_of=None)
    assert_equal(built)
    assert built["duckdb"].customer.collect().height > 100


AMOUNT = st.integers(-(10**7), 10**12).map(lambda n: Decimal(n) / 10_000)
BOUGHT = st.builds(
    line,
    st.sampled_from("123456"),
    st.sampled_from([None, *PEOPLE[:4]]),
    st.sampled_from(DAYS).map(lambda d: datetime(d.year, d.month, d.day)),
    st.sampled_from(PRODUCTS),
    quantity=st.sampled_from([1, 2, Decimal("0.001"), 0, -1]),
    value=AMOUNT,
    margin=st.none() | AMOUNT,
    discount_net=st.none() | AMOUNT,
    channel=st.sampled_from([None, "web", "Ş", "ı"]),
)
ASSIGNED = st.fixed_dictionaries(
    {
        "campaign_id": st.sampled_from(["a", "b"]),
        "customer_id": st.sampled_from(PEOPLE[:4]),
        "arm": st.sampled_from(["treated", "control"]),
        "stratum": st.sampled_from([None, "north"]),
        "assigned_at": st.sampled_from(DAYS).map(lambda d: datetime(d.year, d.month, d.day)),
    }
)
INDEX = st.integers(1, 10**9).map(lambda n: Decimal(n) / 1_000_000)


@given(
    bought=st.lists(BOUGHT, min_size=1, max_size=25),
    assigned=st.lists(ASSIGNED, max_size=6, unique_by=itemgetter("campaign_id", "customer_id")),
    levels=st.lists(INDEX, min_size=5, max_size=5),
)
@settings(max_examples=10, deadline=None, phases=[Phase.reuse, Phase.generate])
def test_ledgers_that_nobody_thought_of(tmp_path_factory, bought, assigned, levels):
    folder = tmp_path_factory.mktemp("ledger")
    months = [date(2023, 12, 1), *(date(2024, m, 1) for m in range(1, 5))]
    made = ledger_of(
        folder,
        order_lines=lines(*bought),
        assignments=assigned,
        campaigns=[{"campaign_id": "a", "start": date(2024, 2, 28), "window_days": 3}],
        price_index=[{"month": m, "index": i} for m, i in zip(months, levels, strict=True)],
    )
    assert_equal(both(folder, made, as_of=date(2024, 4, 2)))


# --- What DuckDB may do ---------------------------------------------------------------------------


def test_duckdb_reads_the_workspace_and_nothing_else(tmp_path):
    outside, inside = tmp_path / "outside.parquet", tmp_path / "workspace" / "inside.parquet"
    inside.parent.mkdir()
    for path in (outside, inside):
        pl.DataFrame({"a": [1]}).write_parquet(path)
    with engines.opened("duckdb", inside.parent) as engine:
        assert isinstance(engine, engines.DuckDB)
        assert engine.connection.read_parquet(str(inside)).fetchall() == [(1,)]
        for forbidden in (
            lambda: engine.connection.read_parquet(str(outside)).fetchall(),
            lambda: engine.connection.execute("SET enable_external_access = true"),
            lambda: engine.connection.execute("INSTALL httpfs"),
        ):
            with pytest.raises(duckdb.Error):
                forbidden()
    assert sorted(p.name for p in inside.parent.iterdir()) == ["inside.parquet"]


def test_nothing_of_duckdb_stays_in_the_workspace(tmp_path):
    made = ledger_of(tmp_path, **ODD["one customer"])
    opened = marts.build(made, tmp_path / "out", engine="duckdb", as_of=AS_OF)
    assert opened.manifest["engine"] == "duckdb"
    left = {p.name for p in (tmp_path / "out").iterdir()}
    assert {n for n in left if n.startswith("duckdb")} == set()


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_sums_beyond_what_can_be_kept_are_refused_on_every_engine(engine, tmp_path):
    most = Decimal("99999999999999.9999")
    rows = [line("1", "Kanarya", NOON, p, value=most, margin=None) for p in ("p0", "p1")]
    made = ledger_of(tmp_path, order_lines=lines(*rows))
    with pytest.raises(ContractError, match="larger unit") as caught:
        marts.build(made, tmp_path / "out", engine=engine, as_of=AS_OF)
    assert "99999" not in str(caught.value)


def test_an_engine_gives_small_tables_back_as_they_are(tmp_path):
    numbers = count()
    frame = pl.DataFrame({"a": ["x", None], "b": [Decimal("1.2500"), None], "c": [1.5, None]})
    for name in engines.ENGINES:
        with engines.opened(name, tmp_path) as engine:
            for _ in range(3):
                taken = engine.take(frame.with_columns(n=pl.lit(next(numbers))))
                back = engine.collect(taken.select("a", "b", "c").sort("a", nulls_last=True))
                assert back.equals(frame)
            with engine.lent(frame) as lent:
                assert engine.collect(lent.select(nw.len())).item() == 2
