"""Workbooks: the same table as the CSV file of the same rows; what a sheet hides is told."""

import io
import logging
import zipfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib.config import Source
from crmlib.errors import ContractError, CrmError, SourceError
from crmlib.ledger import xlsx
from tests.conftest import COLUMNS

CANARY = "Canan Kanarya 5321112233"
GOOD = ["00123", "00007", datetime(2024, 3, 1, 9, 30), "p1", 2, 9.5]
FORMULA = object()


def workbook(path, rows, *, skip=0, sheet="Satış", options=None, more=None):
    """Write rows as a spreadsheet would: texts, numbers, dates, times, formulas."""
    with xlsxwriter.Workbook(path, options or {}) as book:
        page = book.add_worksheet(sheet)
        styles = {
            datetime: book.add_format({"num_format": "dd.mm.yyyy hh:mm"}),
            date: book.add_format({"num_format": "dd.mm.yy"}),
            time: book.add_format({"num_format": "hh:mm"}),
        }
        for at, row in enumerate(rows, skip):
            for place, cell in enumerate(row):
                put(page, at, place, cell, styles)
        if more:
            more(book, page)
    return path


def put(page, row, column, cell, styles):
    if isinstance(cell, str):
        page.write_string(row, column, cell)
    elif isinstance(cell, tuple):  # a formula and what it gave
        page.write_formula(row, column, cell[0], None, cell[1])
    elif type(cell) in styles:
        page.write_datetime(row, column, cell, styles[type(cell)])
    elif cell is not None:
        page.write(row, column, cell)


@pytest.fixture
def sheet(tmp_path):
    """Return a reader of rows that were written to a sheet."""

    def read(rows, *, reading=None, **written):
        path = workbook(tmp_path / "a.xlsx", rows, **written)
        return xlsx.read_sheet(path, Source(files=["a.xlsx"], **(reading or {})))

    return read


@pytest.fixture
def orders(shop):
    """Return a reader of order lines from a workbook."""

    def read(rows, *, source=None, columns=COLUMNS, **written):
        workbook(shop.folder / "orders.xlsx", [columns, *rows], **written)
        return shop.read(source={"files": ["orders.xlsx"], "decimal": None} | (source or {}))

    return read


def refused(run, error=CrmError):
    with pytest.raises(error) as caught:
        run()
    said = str(caught.value)
    assert not any(word in said + repr(caught.value) for word in CANARY.split())
    assert caught.value.__cause__ is None
    assert len(said) < 600
    return said


# --- Cells --------------------------------------------------------------------------------------


def test_cells_of_all_kinds_become_text(sheet):
    found = sheet(
        [["a"], ["06100"], [6100], [17850.0], [1234.1], [-0.5], [datetime(2024, 3, 1, 9, 30)],
         [date(2024, 3, 1)], [datetime(2024, 3, 1, 9, 30, 15)], [time(9, 30)], [True],
         ["1.234"], [" x\ny "], [("=1+1", 2)], [0.1], [123456789012345], [10**15],
         [12345678901234567890]]
    )  # fmt: skip
    assert found.rows["a"].to_list() == [
        "06100", "6100", "17850", "1234.1", "-0.5", "2024-03-01 09:30:00", "2024-03-01",
        "2024-03-01 09:30:15", "09:30:00", "true", "1.234", " x\ny ", "2", "0.1",
        "123456789012345", "1.00000000000000E+15", "1.23456789012345E+19",
    ]  # fmt: skip
    assert found.rows["_row"].to_list() == list(range(2, 19))
    assert found.marked == {"a"}  # the text 1.234


def test_dates_of_both_calendars(sheet):
    days = [[date(1999, 12, 31)], [date(2024, 2, 29)]]
    old, new = (sheet([["a"], *days], options={"date_1904": x}).rows["a"] for x in (True, False))
    assert old.to_list() == new.to_list() == ["1999-12-31", "2024-02-29"]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.lists(
            st.none()
            | st.integers(-(10**14), 10**14)
            | st.floats(-1e6, 1e6).map(lambda x: round(x, 4))
            | st.text("aşİ .,-1", min_size=1, max_size=5),
            min_size=3,
            max_size=3,
        ),
        max_size=8,
    ),
    skip=st.integers(0, 3),
)
def test_every_cell_stands_in_its_place(tmp_path_factory, rows, skip):
    """Numbers and texts, row by row and column by column, against what was written."""
    path = tmp_path_factory.mktemp("x") / "a.xlsx"
    workbook(path, [["x", "y", "z"], *rows, ["end", 1, 2]], skip=skip)
    declared = Source(files=["a.xlsx"], skip_rows=skip, decimal=",", thousands=".")
    found = xlsx.read_sheet(path, declared).rows.rows()

    def said(cell):
        if cell is None or isinstance(cell, str):
            return cell
        text = f"{Decimal(repr(cell)):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text.replace(".", ",")

    expected = [
        (*map(said, row), at)
        for at, row in enumerate([*rows, ["end", 1, 2]], skip + 2)
        if any(c is not None and str(c).strip() for c in row)
    ]
    assert found == expected


def test_the_same_rows_as_csv_and_as_workbook_give_the_same_parts(shop):
    shop.put(
        "order_id,customer_id,ordered_at,product_id,quantity,unit_price\n"
        "00123,7,2024-03-01 09:30,ş1,2,1234.5\n2,,2024-03-02,p,-1,3\n"
    )
    text = shop.read().parts
    rows = [["00123", 7, datetime(2024, 3, 1, 9, 30), "ş1", 2, 1234.5],
            [2, None, date(2024, 3, 2), "p", -1, 3]]  # fmt: skip
    workbook(shop.folder / "orders.xlsx", [COLUMNS, *rows])
    for marks in ({"decimal": None}, {"decimal": ","}, {"decimal": ",", "thousands": "."}):
        assert shop.read(source={"files": ["orders.xlsx"]} | marks).parts == text
    declared = {"files": ["orders.xlsx"], "format": "xlsx", "date_format": "%d.%m.%Y"}
    (shop.folder / "orders.xlsx").rename(shop.folder / "orders.bin")
    assert shop.read(source=declared | {"files": ["orders.bin"]}).parts == text


def test_numbers_and_texts_of_one_column(orders):
    """The number 1.234 is not the text 1.234, and dates may be texts in part."""
    rows = [
        ["1", "c", "02.03.2024", "p", 1, 1.234],
        ["2", "c", date(2024, 3, 2), "p", 1, "1.234"],
        ["3", "c", "02.03.2024", "p", 1, "1.234,50"],
    ]
    declared = {"decimal": ",", "thousands": ".", "date_format": "%d.%m.%Y"}
    lines = orders(rows, source=declared).order_lines.collect().sort("order_id")
    assert lines["value"].to_list() == [Decimal("1.234"), Decimal(1234), Decimal("1234.5")]
    assert set(lines["ordered_at"]) == {datetime(2024, 3, 2)}


def test_text_amounts_need_a_declared_mark(orders):
    rows = [[*GOOD[:5], "1.234"]]
    said = refused(lambda: orders(rows), ContractError)
    assert "order_lines.unit_price holds '.' or ',' and no decimal mark is declared" in said


def test_a_rounded_id_is_set_aside(orders):
    rows = [GOOD, [12345678901234567890, *GOOD[1:]], ["12345678901234567890", *GOOD[1:]]]
    found = orders(rows)
    assert found.counts["order_lines"].reasons == {"order_id: rounded by a spreadsheet": 1}
    assert found.quarantine["order_lines"]["row"].to_list() == [3]
    assert "12345678901234567890" in set(found.order_lines.collect()["order_id"])


def test_an_error_is_not_a_missing_cell(orders):
    error = ("=1/0", "#DIV/0!")
    rows = [GOOD, [*GOOD[:5], error], ["1", ("=NA()", "#N/A"), *GOOD[2:]], [*GOOD[:4], error, 1]]
    found = orders(rows)
    assert found.counts["order_lines"].reasons == {
        "unit_price: cannot be read": 1,
        "customer_id: an error of a spreadsheet": 1,
        "quantity: cannot be read": 1,
    }
    assert found.quarantine["order_lines"]["row"].to_list() == [3, 4, 5]


def test_a_date_and_a_time_of_two_cells(shop):
    rows = [["gün", "saat"], [date(2024, 3, 1), time(9, 30)], [date(2024, 3, 1), None]]
    workbook(shop.folder / "calls.xlsx", rows)
    shop.rows(("1", "c", "2024-03-01", "p", 1, 2))
    found = shop.read(
        service={
            "files": ["calls.xlsx"],
            "glue": {"opened": {"of": ["gün", "saat"], "skip_missing": True}},
            "columns": {"opened": "opened"},
        }
    )
    times = found.table("service").collect()["opened"].to_list()
    assert times == [datetime(2024, 3, 1), datetime(2024, 3, 1, 9, 30)]


def test_months_of_an_index(shop):
    shop.rows(("1", "c", "2024-03-01", "p", 1, 2))
    workbook(
        shop.folder / "i.xlsx", [["month", "index"], [date(2024, 3, 1), 104.25], ["2024-02", 1]]
    )
    found = shop.read(price_index={"files": ["i.xlsx"]})
    assert found.price_index.collect().rows() == [
        (date(2024, 2, 1), Decimal(1)), (date(2024, 3, 1), Decimal("104.25")),
    ]  # fmt: skip


# --- Sheets, headers, rows ----------------------------------------------------------------------


def test_rows_keep_the_number_they_have_in_the_sheet_and_blank_ones_are_counted(orders):
    rows = [GOOD, [None] * 6, GOOD, [None] * 6, [None] * 6, [*GOOD[:4], "x", 1]]
    found = orders(rows, skip=4, source={"skip_rows": 4})
    counts = found.counts["order_lines"]
    assert (counts.read, counts.kept, counts.blank_rows) == (3, 2, 3)
    assert found.quarantine["order_lines"]["row"].to_list() == [11]


def test_rows_of_blank_texts_are_no_rows(orders):
    """Formulas that were copied down below the data leave such rows."""
    counts = orders([GOOD, *[[" "] * 6] * 30]).counts["order_lines"]
    assert (counts.read, counts.kept, counts.blank_rows) == (1, 1, 30)


def test_a_title_above_the_table_is_skipped(sheet):
    def title(_, page):
        page.write_string(0, 3, "Satış raporu")
        page.merge_range(0, 0, 0, 2, "2024")

    found = sheet([["a", "b"], [1, 2]], skip=2, reading={"skip_rows": 2}, more=title)
    assert found.rows.rows() == [("1", "2", 4)]


def test_a_table_that_does_not_begin_in_the_first_column(sheet):
    found = sheet([[None, None, "a", "b"], [None, None, 1.5, "1.5"]], reading={"decimal": ","})
    assert found.rows.rows() == [("1,5", "1.5", 2)]


def test_hidden_sheets_are_not_read(sheet):
    def others(book, _):
        for name, hide in (("Gizli", "hide"), ("Çok gizli", "very_hidden")):
            page = book.add_worksheet(name)
            page.write_string(0, 0, "b")
            page.write_string(1, 0, name)
            getattr(page, hide)()

    assert sheet([["a"], ["x"]], more=others).rows.columns == ["a", "_row"]
    found = sheet([["a"], ["x"]], more=others, reading={"sheet": "Gizli"})
    assert found.rows.rows() == [("Gizli", 2)]


def test_a_chart_is_no_sheet(sheet):
    def chart(book, _):
        page = book.add_chartsheet("Grafik")
        made = book.add_chart({"type": "column"})
        made.add_series({"values": "=Satış!$A$2:$A$2"})
        page.set_chart(made)

    assert sheet([["a"], [1]], more=chart).rows.rows() == [("1", 2)]


def test_without_a_header(sheet):
    rows = [["1", "2"], ["3", "4"]]
    declared = {"header": False, "names": ["a", "b"]}
    assert sheet(rows, reading=declared).rows.rows() == [("1", "2", 1), ("3", "4", 2)]
    said = refused(lambda: sheet(rows, reading={"header": False, "names": ["a"]}))
    assert said == "a.xlsx: 2 columns where names = [...] has 1"


def second(book, _):
    book.add_worksheet("İkinci").write_string(0, 0, "a")


def uncalculated(_, page):
    page.write_formula(1, 0, "=1+1", None, "")


SHEETS = {
    "two sheets": ([["a"], [CANARY]], {"more": second}, {}, "one of Satış, İkinci"),
    "no such sheet": (
        [["a"], [CANARY]], {}, {"sheet": "x"}, "there is no sheet 'x'; its sheets are Satış",
    ),
    "empty": ([], {}, {}, "a.xlsx: the sheet is empty"),
    "all above": ([["a"], [CANARY]], {}, {"skip_rows": 2}, "a.xlsx: the sheet is empty"),
    "empty header": (
        [["a"], [None, None], [CANARY]], {}, {"skip_rows": 1}, "the header should be is empty",
    ),
    "name twice": ([["a", "A "], [CANARY, 1]], {}, {}, "columns 1, 2 of the header do not all"),
    "no name": ([["a", None, "c"], [1, CANARY, 2]], {}, {}, "column 2 of the header has no name"),
    "merged": (
        [["a", "b"], [1, 2]],
        {"more": lambda _, page: page.merge_range(2, 0, 4, 1, CANARY)}, {},
        "cells A3:B5 are merged",
    ),
    "never calculated": (
        [["a", "b"], [None, 2]], {"more": uncalculated}, {},
        "cell A2: its formula was never calculated",
    ),
    "control character": ([["a"], ["x"], [f"{CANARY}\x07"]], {}, {}, "a.xlsx, row 3: a cell holds"),
    "lost letter": ([["a"], [f"{CANARY}\ufffd"]], {}, {}, "a.xlsx, row 2: a cell holds"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "written", "reading", "said"), SHEETS.values(), ids=SHEETS)
def test_a_sheet_is_refused(sheet, rows, written, reading, said):
    assert said in refused(lambda: sheet(rows, reading=reading, **written))


def test_a_formula_that_gave_an_empty_text_is_missing(tmp_path):
    """A spreadsheet marks such a cell as text; it stands in the first column here."""
    whole = xlsx_bytes([["a", "b"], [None, 1.5]])
    with zipfile.ZipFile(io.BytesIO(whole)) as packed:
        sheet = packed.read("xl/worksheets/sheet1.xml").decode()
    for empty in ("<f>B2&amp;C2</f><v></v>", "<f>B2&amp;C2</f>"):
        cell = f'<c r="A2" t="str">{empty}</c><c r="B2">'
        path = tmp_path / "a.xlsx"
        path.write_bytes(changed(whole, sheet1=sheet.replace('<c r="B2">', cell).encode()))
        found = xlsx.read_sheet(path, Source(files=["a.xlsx"], decimal=",")).rows
        assert found["b"].to_list() == ["1,5"]
        assert found["a"].to_list() in ([""], [None])


def test_a_header_alone_is_refused(orders, shop):
    assert "there is a header but no row" in refused(lambda: orders([]), SourceError)


def test_a_missing_column_is_named_with_what_is_there(orders):
    said = refused(lambda: orders([GOOD], columns=["no", *COLUMNS[1:]]), ContractError)
    assert "orders.xlsx: order_lines misses order_id; the file has no, customer_id" in said


# --- Files that are none ------------------------------------------------------------------------


def xlsx_bytes(rows=(["a"], [1])):
    stream = io.BytesIO()
    workbook(stream, rows)
    return stream.getvalue()


def changed(content, **members):
    """Give the workbook with some members of its archive changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = members.get(name.rpartition("/")[2].partition(".")[0], old.read(name))
            if data is not None:
                new.writestr(name, data)
    return out.getvalue()


WHOLE = xlsx_bytes()
NOT_WORKBOOKS = {
    "csv": f"a,b\n{CANARY},1\n".encode(),
    "html": f"<html><table><tr><td>{CANARY}</td></tr></table></html>".encode(),
    "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + CANARY.encode() * 99,
    "empty": b"",
    "another zip": changed(WHOLE, workbook=None),
    "no sheet": changed(WHOLE, sheet1=None),
    "broken workbook": changed(WHOLE, workbook=f"<a>{CANARY}".encode()),
    "broken sheet": changed(WHOLE, sheet1=f"<worksheet><sheetData><row>{CANARY}".encode()),
    **{f"cut at {n}": WHOLE[:n] for n in range(0, len(WHOLE), len(WHOLE) // 9)},
}


@pytest.mark.parametrize("content", NOT_WORKBOOKS.values(), ids=NOT_WORKBOOKS)
def test_what_is_no_workbook_is_refused(tmp_path, caplog, capfd, content):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    said = refused(lambda: xlsx.read_sheet(path, Source(files=["a.xlsx"])), SourceError)
    known = ["not a readable XLSX file", "the sheet is empty", "protected by a password"]
    assert any(words in said for words in known)
    assert ("password" in said) == content.startswith(b"\xd0\xcf")
    assert "Kanarya" not in caplog.text + "".join(capfd.readouterr())


def sheet_with(old, new):
    """Give a sheet of two columns with something in its XML changed."""
    whole = xlsx_bytes([["a", "b"], [CANARY, 1.5]])
    with zipfile.ZipFile(io.BytesIO(whole)) as packed:
        sheet = packed.read("xl/worksheets/sheet1.xml")
    assert sheet.count(old) == 1
    return changed(whole, sheet1=sheet.replace(old, new))


ODD = {
    "row beyond the sheet": (b'r="B2"', b'r="B9999999999999"'),
    "row before the sheet": (b'r="B2"', b'r="B0"'),
    "column beyond the sheet": (b'r="B2"', b'r="ZZZZZZZ2"'),
    "no text": (b"<v>1.5</v>", b"<v>\xff\xfe</v>"),
    "cells in a comment": (b"<sheetData>", b'<sheetData><!--<c r="Z50"><v>3</v></c>-->'),
}


@pytest.mark.parametrize(("old", "new"), ODD.values(), ids=ODD)
def test_an_odd_sheet_is_refused(tmp_path, old, new):
    path = tmp_path / "a.xlsx"
    path.write_bytes(sheet_with(old, new))
    said = refused(lambda: xlsx.read_sheet(path, Source(files=["a.xlsx"])), SourceError)
    assert "not a readable XLSX file" in said


def test_a_row_that_has_another_number_than_its_cells(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(sheet_with(b'<row r="2"', b'<row r="9"'))
    declared = Source(files=["a.xlsx"], decimal=",")
    assert xlsx.read_sheet(path, declared).rows.rows() == [(CANARY, "1,5", 2)]


def test_an_encoding_that_does_not_exist(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(changed(WHOLE, workbook=b'<?xml version="1.0" encoding="UTF-99"?><a/>'))
    said = refused(lambda: xlsx.read_sheet(path, Source(files=["a.xlsx"])), SourceError)
    assert "not a readable XLSX file" in said


def test_cells_that_are_never_closed_are_not_searched_for(tmp_path):
    """20,000 of them took two minutes when each was searched for to the end."""
    cells = b"".join(b'<c r="A%d">' % at for at in range(20_000))
    path = tmp_path / "a.xlsx"
    path.write_bytes(changed(WHOLE, sheet1=b"<worksheet><sheetData><row>" + cells + b"</row>"))
    refused(lambda: xlsx.read_sheet(path, Source(files=["a.xlsx"])), SourceError)


@pytest.mark.parametrize(("row", "column"), [(1_048_575, 99), (1, 2_500)])
def test_a_cell_far_from_the_table_is_told(sheet, row, column):
    def stray(_, page):
        page.write_string(row, column, CANARY)

    said = refused(lambda: sheet([["a"], ["x"]], more=stray), SourceError)
    assert f"row {row + 1}; if a cell far from the table" in said


def test_a_percentage_is_a_fraction_already(orders):
    """A cell that shows 18 % holds 0.18; divided again it would be a rate that nobody means."""
    columns = [*COLUMNS, "vat_rate"]
    found = orders([[*GOOD, 0.18]], columns=columns)
    assert found.order_lines.collect()["vat_rate"].item() == Decimal("0.18")
    rows = [[*GOOD, 18], [*GOOD, 0], [*GOOD, 1], [*GOOD, 0.18]]
    found = orders(rows, columns=columns, source={"vat_in_percent": True})
    assert found.counts["order_lines"].reasons == {"vat_rate: cannot be read": 1}
    rates = [Decimal("0"), Decimal("0.01"), Decimal("0.18")]
    assert sorted(found.order_lines.collect()["vat_rate"]) == rates


@pytest.mark.parametrize("at", range(0, len(WHOLE), 97))
def test_a_flipped_byte_is_told_or_harmless(tmp_path, at):
    content = bytearray(WHOLE)
    content[at] ^= 0xFF
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    try:
        found = xlsx.read_sheet(path, Source(files=["a.xlsx"]))
    except CrmError:
        return
    assert found.rows.rows() == [("1", 2)]


def bomb(path, *, size, claimed=None):
    """Write an archive whose sheet unpacks to ``size`` bytes; it may claim fewer."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("xl/worksheets/sheet1.xml", "w") as member,
    ):
        for _ in range(size >> 20):
            member.write(b" " * (1 << 20))
    if claimed is not None:
        content = path.read_bytes()
        true = size.to_bytes(8, "little")[:4]
        path.write_bytes(content.replace(true, claimed.to_bytes(4, "little")))


def test_a_bomb_is_refused_before_it_goes_off(tmp_path):
    path = tmp_path / "a.xlsx"
    bomb(path, size=64 << 20)
    assert path.stat().st_size < 1 << 20
    said = refused(lambda: xlsx.read_sheet(path, Source(files=["a.xlsx"])), SourceError)
    assert f"unpacked it would have {64 << 20} bytes" in said


def test_a_bomb_that_lies_is_refused(tmp_path):
    path = tmp_path / "a.xlsx"
    bomb(path, size=4 << 20, claimed=4096)
    said = refused(lambda: xlsx.read_sheet(path, Source(files=["a.xlsx"])), SourceError)
    assert "not a readable XLSX file" in said


def test_a_large_workbook_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(xlsx, "MAX_BYTES", 1000)
    path = tmp_path / "a.xlsx"
    path.write_bytes(WHOLE)
    assert "bytes" in refused(lambda: xlsx.read_sheet(path, Source(files=["a.xlsx"])), SourceError)


def test_a_workbook_that_is_read_as_text_is_told_how(shop):
    shop.put(WHOLE)
    assert 'set format = "xlsx"' in refused(shop.read, SourceError)


def test_prefixes_and_places_that_are_left_out(tmp_path):
    """Other programs write other XML: with prefixes, without places of cells."""
    ns = 'xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    rows = (
        '<x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>a</x:t></x:is></x:c></x:row>'
        "<x:row r='2'><x:c r='A2'><x:v>1.5</x:v></x:c></x:row>"
    )
    content = f"<x:worksheet {ns}><x:sheetData>{rows}</x:sheetData></x:worksheet>".encode()
    path = tmp_path / "a.xlsx"
    path.write_bytes(changed(WHOLE, sheet1=content))
    declared = Source(files=["a.xlsx"], decimal=",")
    assert xlsx.read_sheet(path, declared).rows.rows() == [("1,5", 2)]
    bare = content.decode().replace("x:", "").replace(":x=", "=").replace(' r="A1"', "")
    path.write_bytes(changed(WHOLE, sheet1=bare.replace(" r='A2'", "").encode()))
    assert xlsx.read_sheet(path, declared).rows.rows() == [("1,5", 2)]


def test_a_long_sheet_is_scanned_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(xlsx, "_CHUNK", 999)
    rows = [["a", "b"], *([i + 0.5, f"{i}.5"] for i in range(300))]
    path = workbook(tmp_path / "a.xlsx", rows)
    found = xlsx.read_sheet(path, Source(files=["a.xlsx"], decimal=",")).rows
    assert found["a"].to_list() == [f"{i},5" for i in range(300)]
    assert found["b"].to_list() == [f"{i}.5" for i in range(300)]


def test_a_duration_is_no_day(orders):
    rows = [GOOD, [*GOOD[:2], timedelta(hours=30), *GOOD[3:]]]
    found = orders(rows)
    assert sum(found.counts["order_lines"].reasons.values()) == 1
    assert found.counts["order_lines"].kept == 1
