"""Shops in pieces: the same lines however they are cut, and totals that are their own."""

import json
import re
from collections import Counter, defaultdict
from decimal import Decimal

import polars as pl
import pytest

from crmlib import config, ledger
from crmlib.ledger import sample
from crmlib.ledger.sample import SampleSpec, large
from tests.sample.recount import value


@pytest.fixture
def _small_blocks(monkeypatch):
    monkeypatch.setattr(large, "BLOCK", 120)


@pytest.fixture(params=["real", "clean"])
def spec(request) -> SampleSpec:
    return SampleSpec(customers=500, seed=3, months=14, world=request.param)


def lines_of(folder) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted(folder.glob("orders-*.parquet"))])


@pytest.mark.usefixtures("_small_blocks")
def test_pieces_hold_the_lines_that_the_truth_counts(spec, tmp_path):
    truth = sample.write_lines(spec, tmp_path, piece_lines=700)
    assert truth.items() <= json.loads((tmp_path / "truth.json").read_text("utf-8")).items()
    sizes = {p.name: pl.read_parquet(p).height for p in tmp_path.glob("orders-*.parquet")}
    assert truth["pieces"] == sizes
    assert list(sizes.values()).count(700) >= len(sizes) - 1 > 1  # memory is bounded by a piece
    assert max(sizes.values()) == 700
    sums, lines, orders = defaultdict(Decimal), Counter(), defaultdict(set)
    for line in lines_of(tmp_path).rows(named=True):
        month = f"{line['ordered_at']:%Y-%m}"
        sums[month] += value(line)
        lines[month] += 1
        if line["quantity"] > 0:
            orders[month].add(line["order_id"])
    assert truth["by_month"] == {
        month: {"value": str(sums[month]), "orders": len(orders[month]), "lines": lines[month]}
        for month in sorted(sums)
    }


@pytest.mark.usefixtures("_small_blocks")
def test_lines_do_not_depend_on_how_they_are_cut(spec, tmp_path):
    for size in (333, 10_000):
        sample.write_lines(spec, tmp_path / str(size), piece_lines=size)
    one, other = (lines_of(tmp_path / str(size)) for size in (333, 10_000))
    assert one.equals(other)
    again = sample.write_lines(spec, tmp_path / "333", piece_lines=10_000)
    assert len(again["pieces"]) == 1
    assert len(list((tmp_path / "333").glob("orders-*"))) == 1


@pytest.mark.usefixtures("_small_blocks")
def test_blocks_are_different_people_with_orders_of_their_own(spec, tmp_path):
    sample.write_lines(spec, tmp_path)
    lines = lines_of(tmp_path)
    buyers = (
        lines.drop_nulls("customer_id").group_by("order_id").agg(pl.col("customer_id").n_unique())
    )
    assert (buyers["customer_id"] == 1).all()
    numbers = lines["order_id"].str.slice(1).cast(pl.Int64)
    assert numbers.n_unique() == numbers.max()  # none is left out or used twice
    assert lines["customer_id"].n_unique() > 0.8 * spec.customers
    assert lines["customer_id"].drop_nulls().str.contains(r"^\d{8}$").all()
    # Blocks have streams of their own: no block repeats another's orders.
    firsts = lines.filter(pl.col("quantity") > 0).unique("order_id")
    assert firsts.select("ordered_at", "product_id", "unit_price").is_unique().mean() > 0.99


@pytest.mark.usefixtures("_small_blocks")
def test_the_ledger_reads_the_pieces(spec, tmp_path):
    truth = sample.write_lines(spec, tmp_path / "raw", piece_lines=2_000)
    read = config.load(tmp_path / "raw" / "crm.toml", workspace=tmp_path / "workspace")
    counts = ledger.read(read).counts["order_lines"]
    assert counts.kept == counts.read == truth["clean_rows"]["order_lines"]


def test_ids_of_ten_million_customers_are_all_different():
    numbers = pl.int_range(0, 10_000_000, eager=True) * large._ID_STEP % 100_000_000
    assert numbers.n_unique() == 10_000_000


def test_large_shops_are_those_of_more_than_half_a_million():
    assert not sample.is_large(sample.spec_for(sample.LARGE))
    spec = sample.spec_for(sample.LARGE + 1, seed=2, world="clean")
    assert sample.is_large(spec)
    assert (spec.months, spec.seed, spec.world) == (12, 2, "clean")
    assert sample.spec_for(1_000) == SampleSpec(customers=1_000)


@pytest.mark.usefixtures("_small_blocks")
def test_pieces_are_not_written_beside_the_orders_of_another_shop(tmp_path):
    spec = SampleSpec(customers=150, months=12)
    sample.write(sample.simulate(spec), tmp_path)
    with pytest.raises(FileExistsError, match=re.escape("orders-2023.csv is of another shop")):
        sample.write_lines(spec, tmp_path)
    other = tmp_path / "pieces"
    sample.write_lines(spec, other)
    assert sample.is_written(spec, other)
    with pytest.raises(FileExistsError, match=re.escape("orders-00001.parquet is of another")):
        sample.write(sample.simulate(spec), other)
