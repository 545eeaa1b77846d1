"""Bad input: a clear message with place and remedy, or quarantine; never a cell's value."""

import logging
import threading
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from crmlib import i18n
from crmlib.errors import ContractError, CrmError, SourceError
from crmlib.ledger import text
from tests.conftest import COLUMNS

CANARY = "Canan Kanarya 5321112233"
TOTAL = "a total, not a row of data"
WORD = "a word for a missing value (list it in null_values)"
HEAD = ",".join(COLUMNS) + "\n"
GOOD = "00123,00007,2024-03-01,p1,2,9.50\n"


def refused(shop, capfd, caplog, error=CrmError, **changes):
    """Return what is said when the shop cannot be read, and hold it free of cells."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(error) as caught:
        shop.read(**changes)
    out, err = capfd.readouterr()
    said = str(caught.value)
    everything = (said, repr(caught.value), caught.value.text("en"), caplog.text, out, err)
    for word in CANARY.split():
        assert not any(word in text for text in everything)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert len(said) < 600
    return said


def line(**cells):
    values = dict(zip(COLUMNS, GOOD.strip().split(","), strict=True)) | cells
    return ",".join(values.values()) + "\n"


# --- The whole file is refused ------------------------------------------------------------------

FILES = {
    "wrong separator": (
        HEAD.replace(",", ";") + line(customer_id=CANARY).replace(",", ";"), {},
        'set separator = ";"',
    ),
    "missing column": (
        f"order_id,ordered_at,product_id,unit_price\n1,2024-03-01,{CANARY},2\n", {},
        "order_lines misses quantity; the file has order_id, ordered_at, product_id, unit_price",
    ),
    "no header": (
        line(customer_id=CANARY) + GOOD, {}, "the first line has none of the columns",
    ),
    "headerless with equal cells": (
        f"{CANARY},{CANARY},2024-03-01,p1,1,2\n", {}, "columns 1, 2 of the header",
    ),
    "cp1254 as UTF-8": (
        (HEAD + line(product_id=f"ışık {CANARY}")).encode("cp1254"), {},
        "line 2: byte 0xfd is not utf-8; the file may be in another encoding: set encoding = "
        '"cp1254"',
    ),
    "no decimal declared": (
        HEAD + line(unit_price='"1.234,56"', customer_id=CANARY), {"decimal": None},
        "order_lines.unit_price holds '.' or ',' and no decimal mark is declared",
    ),
    "plain point, no decimal declared": (
        HEAD + line(unit_price="1.234", customer_id=CANARY), {"decimal": None}, 'add decimal = "."',
    ),
    "other decimal mark than declared": (
        HEAD + line(unit_price='"1,5"', customer_id=CANARY) * 30, {},
        '30 of 30 values of order_lines.unit_price cannot be read with decimal = "."',
    ),
    "other date format than declared": (
        HEAD + line(customer_id=CANARY) * 30, {"date_format": "%d.%m.%Y"},
        '30 of 30 values of order_lines.ordered_at cannot be read with date_format = "%d.%m.%Y"',
    ),
    "times with an offset": (
        HEAD + line(ordered_at="2024-03-01T09:00:00+03:00", customer_id=CANARY) * 30, {},
        '30 values of order_lines.ordered_at are times with an offset from UTC; set date_format = '
        '"%Y-%m-%dT%H:%M:%S%.f%#z"',
    ),
    "times with an offset and fractions": (
        HEAD + line(ordered_at="2024-03-01 09:00:00.123Z", customer_id=CANARY) * 30, {},
        'set date_format = "%Y-%m-%d %H:%M:%S%.f%#z"',
    ),
    "numeric rule on a column of words": (
        HEAD + line(product_id=CANARY) * 30,
        {"drop": [{"name": "small", "column": "product_id", "below": 5}]},
        "rule 'small' compares product_id with a number, and none of its 30 values is one",
    ),
    "numeric rule and no decimal mark": (
        HEAD.replace("\n", ",x\n") + line(unit_price='"9","1.234"'),
        {"decimal": None, "drop": [{"name": "small", "column": "x", "below": 5}]},
        "rule 'small' compares x, which holds '.' or ','",
    ),
    "header twice": (
        HEAD.replace("quantity", "Order_ID") + GOOD, {}, "columns 1, 5 of the header",
    ),
    "cut last line": (HEAD + GOOD + GOOD[:-6], {}, "the last line has no end"),
    "empty": ("", {}, "the file is empty"),
    "header only": (HEAD, {}, "there is a header but no row"),
    "header and blank lines": (HEAD + "\n\n", {}, "there is a header but no row"),
    "xlsx": (b"PK\x03\x04\x14" + CANARY.encode(), {}, "an Excel (XLSX) or ZIP file"),
    "html": (f"<html><td>{CANARY}</td>", {}, "an HTML or XML page"),
    "open quote": (
        HEAD + GOOD + f'1,"{CANARY},2024-03-01,p1,1,2\n' + GOOD * 3, {}, "from line 3: a quotation",
    ),
    "nul": (HEAD + line(customer_id=f"{CANARY}\0"), {}, "line 2: control character 0x00"),
    "not parquet": (f"{CANARY}" * 9, {"format": "parquet"}, "not a readable Parquet file"),
    "nothing kept": (
        HEAD + line(quantity=f"x{CANARY}") * 3, {},
        "none of 3 rows could be kept: quantity: cannot be read (3)",
    ),
    "all dropped": (
        HEAD + GOOD,
        {"drop": [{"name": "small", "column": "quantity", "below": 5}]},
        "none of 1 rows could be kept: small (1)",
    ),
    "other currency": (
        "currency," + HEAD + "TRY," + GOOD, {}, "currency: not the shop's currency (1)",
    ),
    "fewer rows than announced": (
        HEAD + GOOD * 2, {"expected_rows": 3}, "2 rows where 3 were announced",
    ),
    "only the total": (
        HEAD + line(order_id="Toplam", customer_id=""), {}, f"order_id: {TOTAL} (1)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "declared", "said"), FILES.values(), ids=FILES)
def test_a_file_is_refused(shop, capfd, caplog, content, declared, said):
    shop.put(content)
    assert said in refused(shop, capfd, caplog, source=declared)
    assert not list(shop.folder.glob("workspace/.staging*")), "rows are left behind"


def test_reasons_are_said_in_the_readers_language(shop, monkeypatch):
    shop.put(HEAD + line(quantity="x"))
    with pytest.raises(ContractError) as caught:
        shop.read()
    words = {"cannot be read": "okunamadı"}
    monkeypatch.setattr(i18n, "text", lambda m, lang, /, **f: words.get(m, m).format(**f))
    assert caught.value.text("tr").endswith("quantity: okunamadı (1)")


def test_a_missing_file_and_an_empty_pattern(shop, capfd, caplog):
    said = refused(shop, capfd, caplog, SourceError)
    assert "order_lines: no file fits 'orders.csv' in" in said
    assert str(shop.folder) in said
    assert "'2024-*.csv'" in refused(shop, capfd, caplog, source={"files": ["2024-*.csv"]})
    (shop.folder / "orders.csv").mkdir()
    assert "no file fits" in refused(shop, capfd, caplog, SourceError)


def test_a_parquet_file_cut_anywhere_is_refused(shop, capfd, caplog):
    path = shop.folder / "orders.parquet"
    pl.DataFrame({c: [CANARY] for c in COLUMNS}).write_parquet(path)
    whole = path.read_bytes()
    for size in (0, 3, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        said = refused(shop, capfd, caplog, source={"files": ["orders.parquet"]})
        assert "not a readable Parquet file" in said


# --- Single rows are quarantined ----------------------------------------------------------------

ROWS = {
    "unreadable amount": (line(unit_price="(10.50)"), "unit_price: cannot be read"),
    "trailing minus": (line(quantity="10.50-"), "quantity: cannot be read"),
    "currency sign": (line(unit_price="₺10"), "unit_price: cannot be read"),
    "nan": (line(unit_price="NaN"), "unit_price: cannot be read"),
    "inf": (line(quantity="inf"), "quantity: cannot be read"),
    "1e999": (line(unit_price="1e999"), "unit_price: cannot be read"),
    "too large a quantity": (line(quantity="9999999999"), "quantity: too large"),
    "too large a price": (line(unit_price="1" + "0" * 14), "unit_price: too large"),
    "more digits than there are": (line(unit_price="1" + "0" * 40), "unit_price: cannot be read"),
    "too large a value": (line(quantity="999999", unit_price="999999999999"), "value: too large"),
    "negative price": (line(unit_price="-1"), "unit_price: too small"),
    "no quantity": (line(quantity=""), "quantity: missing"),
    "no price": (line(unit_price=""), "value: missing"),
    "30 February": (line(ordered_at="2024-02-30"), "ordered_at: cannot be read"),
    "no leap year": (line(ordered_at="2023-02-29"), "ordered_at: cannot be read"),
    "skipped hour": (line(ordered_at="2024-03-31 02:30:00"), "ordered_at: cannot be read"),
    "spreadsheet's serial": (line(ordered_at="45353"), "ordered_at: cannot be read"),
    "year of two digits": (line(ordered_at="24-03-01"), "ordered_at: not a plausible date"),
    "1900": (line(ordered_at="1900-01-01"), "ordered_at: not a plausible date"),
    "future": (line(ordered_at="2024-07-01"), "ordered_at: after today"),
    "rounded id": (line(customer_id="1.23457E+15"), "customer_id: rounded by a spreadsheet"),
    "rounded order": (line(order_id='"1,2E+10"'), "order_id: rounded by a spreadsheet"),
    "a word for nothing": (line(customer_id="NULL"), f"customer_id: {WORD}"),
    "total": (line(order_id="TOPLAM"), f"order_id: {TOTAL}"),
    "grand total": (line(product_id="Genel Toplam:"), f"product_id: {TOTAL}"),
    "too few fields": ("1,2,3\n", "row: too few fields"),
    "too many fields": (GOOD.replace("\n", ",x\n"), "row: too many fields"),
    "stray quotes": (line(product_id='5" x 3" board'), "row: quotation mark inside a field"),
}


@pytest.mark.parametrize(("bad", "reason"), ROWS.values(), ids=ROWS)
def test_a_row_is_quarantined(shop, bad, reason):
    shop.put(HEAD + GOOD * 5 + bad + GOOD)
    found = shop.read(today=date(2024, 6, 30))
    counts = found.counts["order_lines"]
    assert (counts.read, counts.kept, counts.quarantined) == (7, 6, 1)
    assert list(counts.reasons) == [reason]
    (row,) = found.quarantine["order_lines"].rows(named=True)
    assert (row["file"], row["row"], row["reasons"]) == ("orders.csv", 7, [reason])


def test_a_row_with_several_faults_names_them_all(shop):
    shop.put(HEAD + GOOD + line(quantity="x", ordered_at="soon", order_id=""))
    reasons = shop.read().quarantine["order_lines"]["reasons"].to_list()
    told = ["order_id: missing", "ordered_at: cannot be read", "quantity: cannot be read"]
    assert reasons == [told]


def test_the_quarantine_is_a_parquet_of_file_row_and_reasons(shop):
    shop.put(HEAD + GOOD + line(quantity="zwei", customer_id="Ayşe"))
    kept = shop.build().quarantine("order_lines").collect()
    assert kept.select("file", "row", "reasons").rows() == [
        ("orders.csv", 3, ["quantity: cannot be read"])
    ]
    assert "zwei" in kept["cells"].item()  # for mending; only the quarantine holds it
    found = [p for p in shop.workspace.rglob("*") if p.is_file() and b"zwei" in p.read_bytes()]
    names = {p.relative_to(shop.workspace).parts[2] for p in found}
    assert names <= {"quarantine"}
    assert shop.workspace.joinpath("builds").stat().st_mode & 0o077 == 0


def test_type_drift_late_in_the_file_is_told_by_row(shop):
    shop.put(HEAD + GOOD * 400 + line(quantity="two") + GOOD * 10)
    found = shop.read()
    assert found.quarantine["order_lines"]["row"].to_list() == [402]
    assert found.counts["order_lines"].kept == 410


def test_a_file_cut_at_every_byte_is_never_taken_for_whole(shop):
    """Only a cut at a line's end leaves a sound file, and then the announced rows tell."""
    rows = "".join(
        f'{i:05},"Müşteri ""{i}""",2024-03-{i % 28 + 1:02},p{i},{i}.5,20.00\r\n' for i in range(36)
    )
    whole = (HEAD.replace("\n", "\r\n") + rows).encode()
    assert 1900 < len(whole) < 2200
    ends = {i + 1 for i, byte in enumerate(whole) if byte == 10}
    accepted = set()
    path, declared = shop.folder / "orders.csv", shop.config().order_lines
    for size in range(len(whole)):
        shop.put(whole[:size])
        try:
            blocks = list(text.read_delimited(path, declared))
        except CrmError:
            continue
        assert [b.rows.height for b in blocks] == [whole[:size].count(b"\n") - 1]
        accepted.add(size)
    assert accepted == ends - {len(whole)}
    for size in [*range(0, len(whole), 61), *sorted(accepted)[::5]]:
        shop.put(whole[:size])
        with pytest.raises(CrmError):
            shop.read(source={"expected_rows": 36})


# --- What is no fault ---------------------------------------------------------------------------


def lines_of(found):
    return found.order_lines.collect()


def test_ids_keep_their_leading_zeros_and_spaces_go(shop):
    shop.put(HEAD + GOOD.replace("00007", " 00007\u00a0"))
    row = lines_of(shop.read()).row(0, named=True)
    assert (row["order_id"], row["customer_id"]) == ("00123", "00007")


def test_composed_and_decomposed_letters_are_one_customer(shop):
    shop.put(HEAD + line(customer_id="Gül") + line(customer_id="Gu\u0308l", order_id="2"))
    assert lines_of(shop.read())["customer_id"].unique().to_list() == ["Gül"]


def test_the_same_rows_in_any_dress(shop):
    """Byte order mark, line ends, encoding, separator, order of columns: the same parts."""
    rows = [
        ["ş1", "c1", "2024-03-01", "p;1", "2", "1234.5"],
        ["2", "", "2024-03-02", "p", "-1", "3"],
    ]

    def csv(order, separator, end):
        table = [COLUMNS, *rows]
        cells = [[row[i] for i in order] for row in table]
        quoted = [[f'"{c}"' if separator in c else c for c in row] for row in cells]
        return "".join(separator.join(row) + end for row in quoted)

    same, back = range(6), (5, 3, 1, 0, 2, 4)
    turkish = csv(same, ";", "\n").replace("1234.5", "1.234,5").replace("2024-03-0", "0")
    for day in "12":
        turkish = turkish.replace(f";0{day};", f";0{day}.03.2024;")
    dresses = [
        (csv(same, ",", "\n").encode(), {}),
        (csv(same, ",", "\r\n").encode("utf-8-sig"), {}),
        (csv(back, "\t", "\n").encode(), {"separator": "\t"}),
        (csv(same, "|", "\r\n").encode("cp1254"), {"separator": "|", "encoding": "cp1254"}),
        (csv(same, ",", "\n").encode("utf-16"), {"encoding": "utf-16"}),
        (
            turkish.encode("cp1254"),
            {"separator": ";", "encoding": "cp1254", "decimal": ",", "thousands": ".",
             "date_format": "%d.%m.%Y"},
        ),
    ]  # fmt: skip
    parts = []
    for content, declared in dresses:
        shop.put(content)
        parts.append(shop.read(source=declared).parts)
    assert len(parts[0]) == 1
    assert parts[0][0].rows == 2
    assert parts.count(parts[0]) == len(dresses)


def test_refunds_are_kept(shop):
    shop.rows(("1", "c", "2024-03-01", "p", 3, 10), ("1", "c", "2024-03-09", "p", -1, 10))
    assert lines_of(shop.read())["value"].sum() == Decimal(20)


def test_parquet_numbers_are_the_numbers_that_were_meant(shop):
    pl.DataFrame(
        {
            "order_id": [1.0, 2.0, None],  # ids that went through floats
            "customer_id": [17850.0, float("nan"), 1.0],
            "ordered_at": [datetime(2024, 3, 1, 9), datetime(2024, 3, 2), datetime(2024, 3, 3)],
            "product_id": ["a", "b", "c"],
            "quantity": [1, 2, 3],
            "unit_price": [1234.1, 0.1, 5.0],
            "note": [[1], [2], [3]],
        }
    ).write_parquet(shop.folder / "orders.parquet")
    declared = {"files": ["orders.parquet"], "null_values": ["NaN"]}
    for marks in ({"decimal": None}, {"decimal": "."}, {"decimal": ",", "thousands": "."}):
        found = shop.read(source=declared | marks)
        kept = lines_of(found).sort("order_id").select("order_id", "customer_id", "value")
        assert kept.rows() == [("1", "17850", Decimal("1234.1")), ("2", None, Decimal("0.2"))]
        assert found.counts["order_lines"].reasons == {"order_id: missing": 1}


def test_parquet_strangers_do_not_become_one_customer(shop):
    pl.DataFrame(
        {"order_id": ["1", "2"], "customer_id": [1.0, float("nan")], "product_id": ["a", "a"],
         "ordered_at": [date(2024, 3, 1)] * 2, "quantity": [1, 1], "unit_price": [1.5, 2e-17]}
    ).write_parquet(shop.folder / "orders.parquet")  # fmt: skip
    found = shop.read(source={"files": ["orders.parquet"]})
    assert found.counts["order_lines"].reasons == {f"customer_id: {WORD}": 1}


def test_zoned_times_become_local(shop):
    times = pl.Series([datetime(2024, 6, 30, 22, 30)]).dt.replace_time_zone("UTC")
    pl.DataFrame(
        {"order_id": ["1"], "ordered_at": times, "product_id": ["a"], "quantity": [1],
         "unit_price": [1.0]}
    ).write_parquet(shop.folder / "orders.parquet")  # fmt: skip
    found = shop.read(source={"files": ["orders.parquet"]})
    assert lines_of(found)["ordered_at"].item() == datetime(2024, 7, 1, 0, 30)


def test_an_input_that_changes_while_it_is_read_is_refused(shop):
    path = shop.put(HEAD + GOOD * 1000)
    started = threading.Event()

    def change(*_: object) -> None:
        if not started.is_set():
            path.write_text(HEAD + GOOD * 1001, encoding="utf-8")
            started.set()

    from crmlib import ledger

    with pytest.raises(SourceError, match="changed while it was read"):
        ledger.read(shop.config(), progress=change)
    assert started.is_set()


@pytest.mark.parametrize("table", ["customers", "products", "price_index"])
def test_every_table_has_its_contract(shop, capfd, caplog, table):
    shop.put(HEAD + GOOD)
    shop.put(f"x,y\n00007,{CANARY}\n", "other.csv")
    said = refused(shop, capfd, caplog, ContractError, **{table: {"files": ["other.csv"]}})
    assert f"other.csv: the first line has none of the columns of {table}" in said


@pytest.mark.parametrize("text", ["2024-03-01T09:00:00+03:00", "2024-03-01T06:00:00.000Z"])
def test_the_proposed_format_reads_times_with_an_offset(shop, text):
    shop.put(HEAD + line(ordered_at=text) * 30)
    with pytest.raises(ContractError) as caught:
        shop.read()
    proposal = str(caught.value).split('date_format = "')[1].split('"')[0]
    found = lines_of(shop.read(source={"date_format": proposal}))
    assert set(found["ordered_at"]) == {datetime(2024, 3, 1, 7)}  # Berlin in winter
