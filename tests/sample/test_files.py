"""The raw files, read by a strict reader of our own, hold what the truth says."""

import csv
import io
import re
import tomllib
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmlib.ledger.sample import SampleSpec, simulate, write

TURKISH = re.compile(r"-?(\d{1,3}(\.\d{3})*)(,\d+)?")


def raw_rows(path: Path, encoding: str = "utf-8-sig") -> list[str]:
    text = path.read_bytes().decode(encoding)
    assert text.endswith("\n")
    return text.split("\n")[1:-1]


def number(text: str) -> Decimal:
    if not TURKISH.fullmatch(text):
        raise ValueError("not a Turkish number")
    return Decimal(text.replace(".", "").replace(",", "."))


def read_order_row(row: str) -> tuple[Any, ...]:
    """A strict reader of our own; ValueError for whatever is not a line."""
    order, customer, at, product, quantity, price, discount, vat, cost, *rest = row.split(";")
    promotion, channel, store = rest
    if not order or not product:
        raise ValueError("no id")
    return (
        order,
        customer or None,
        datetime.strptime(at, "%d.%m.%Y %H:%M:%S"),
        product,
        *(number(text) for text in (quantity, price, discount, vat)),
        number(cost) if cost else None,
        promotion or None,
        channel,
        store or None,
    )


def read_orders(path: Path) -> tuple[list[tuple[Any, ...]], int, int]:
    """Lines, duplicates and bad rows of one file."""
    rows = raw_rows(path)
    different = list(dict.fromkeys(rows))
    good = []
    for row in different:
        try:
            good.append(read_order_row(row))
        except ValueError:
            continue
    return good, len(rows) - len(different), len(different) - len(good)


def test_strict_reading_of_the_raw_files_gives_back_the_clean_lines(written):
    read = []
    for path in sorted(written.folder.glob("orders-*.csv")):
        good, _, _ = read_orders(path)
        read += good
    clean = written.shop.order_lines.drop("unit_cost").rows()
    assert read == clean


def test_raw_rows_are_clean_plus_bad_plus_duplicates(written):
    doubled, broken = 0, 0
    for path in sorted(written.folder.glob("orders-*.csv")):
        good, duplicates, bad = read_orders(path)
        rows = len(raw_rows(path))
        told = {"rows": rows, "clean": len(good), "bad": bad, "duplicates": duplicates}
        assert written.truth["raw_rows"][path.name] == told
        assert rows == len(good) + bad + duplicates
        doubled, broken = doubled + duplicates, broken + bad
    assert doubled == written.truth["duplicate_rows"]["order_lines"]
    assert broken == sum(written.truth["bad_rows"]["order_lines"].values())
    assert written.truth["clean_rows"]["order_lines"] == len(written.lines)


def test_each_kind_of_bad_row_is_there_as_often_as_told(written):
    found: Counter[str] = Counter()
    for path in sorted(written.folder.glob("orders-*.csv")):
        for row in raw_rows(path):
            fields = row.split(";")
            found["total_row"] += fields[0] == "TOPLAM"
            found["missing_order_id"] += fields[0] == ""
            found["extra_field"] += len(fields) == 13
            found["short_row"] += len(fields) == 6
            found["bad_date"] += fields[2].startswith("31.02.")
            if fields[0] != "TOPLAM":
                found["missing_product"] += fields[3] == ""
                found["bad_quantity"] += fields[4] in {"iki", "2 adet"}
                found["bad_amount"] += fields[5] in {"12.50 TL", "1,234.56"}
    assert found == written.truth["bad_rows"]["order_lines"]
    assert min(found.values()) >= 1


def test_customer_file_holds_the_clean_customers_and_the_counted_rest(written):
    rows = raw_rows(written.folder / "customers.csv", "cp1254")
    different = list(dict.fromkeys(rows))
    good = []
    for row in different:
        fields = row.split(";")
        if fields[0] and not fields[4].isalpha():
            good.append(fields)
    told = written.truth["raw_rows"]["customers.csv"]
    assert told["rows"] == len(rows)
    assert told["duplicates"] == len(rows) - len(different)
    assert told["bad"] == len(different) - len(good)
    assert told["bad"] == sum(written.truth["bad_rows"]["customers"].values())
    frame = written.shop.customers.with_columns(
        pl.col("birth_year").cast(pl.String), pl.col("joined_at").dt.strftime("%d.%m.%Y")
    )
    assert good == [list(row) for row in frame.fill_null("").rows()]


def test_turkish_letters_survive_in_every_encoding(written):
    people = (written.folder / "customers.csv").read_bytes().decode("cp1254")
    goods = (written.folder / "products.csv").read_text(encoding="utf-8")
    for letter in "çğıöşüÇİÖŞÜ":
        assert letter in people
    for letter in "çğıöşüİŞ":
        assert letter in goods
    marked = [p.name for p in written.folder.glob("*.csv") if p.read_bytes()[:3] == b"\xef\xbb\xbf"]
    assert marked == ["orders-2024.csv"]


def test_products_and_index_read_back_through_a_csv_reader(written):
    products = csv.reader(io.StringIO((written.folder / "products.csv").read_text("utf-8")))
    read = [tuple(text or None for text in row) for row in products][1:]
    assert read == written.shop.products.with_columns(pl.col(pl.Date).cast(pl.String)).rows()
    assert any('"' in row[1] for row in read)
    assert any("," in row[1] for row in read)
    assert len(read) == 420
    assert len({row[1] for row in read}) == 420
    index = (written.folder / "price_index.csv").read_text("utf-8").splitlines()
    assert index[1] == "2023-01,100.00"
    assert dict(row.split(",") for row in index[1:]) == written.truth["price_index"]


def test_config_names_the_columns_of_the_files(written):
    config = tomllib.loads((written.folder / "crm.toml").read_text(encoding="utf-8"))
    assert config["history"] == {
        "complete_from": date(2023, 1, 1),
        "burn_in_days": 180,
        "as_of": date(2025, 6, 30),
    }
    assert re.fullmatch("[0-9a-f]{64}", config["privacy"]["published_key"])
    shop = written.shop
    named = ("order_lines", "customers", "products", "price_index")
    frames = {table: getattr(shop, table) for table in named} | shop.tables
    assert config.keys() == {"shop", "history", "privacy", *frames}
    for table, frame in frames.items():
        source = config[table]
        for path in written.folder.glob(source["files"][0]):
            header = path.read_bytes().decode(source["encoding"]).lstrip("\ufeff").split("\n")[0]
            assert header.split(source["separator"]) == list(source["columns"].values())
        assert set(source["columns"]) == set(frame.columns) - {"unit_cost_recorded"}


def test_writing_beside_order_files_of_other_years_is_refused(tmp_path):
    (tmp_path / "orders-1999.csv").write_text("")
    shop = simulate(SampleSpec(customers=100))
    with pytest.raises(FileExistsError, match=r"orders-1999\.csv is of another shop"):
        write(shop, tmp_path)


def test_truth_lines_are_the_clean_lines(written):
    stored = pl.read_parquet(written.folder / "truth_order_lines.parquet")
    assert stored.equals(written.shop.order_lines)
    assert stored.schema == written.shop.order_lines.schema
    assert stored.schema["ordered_at"] == pl.Datetime("us")
