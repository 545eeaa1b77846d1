"""Delimited text: what Python's own csv module writes is read back, and blocks make no odds."""

import csv
import io
from dataclasses import dataclass

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmlib.config import Source
from crmlib.errors import ContractError, SourceError
from crmlib.ledger import text
from crmlib.ledger.fields import ROW

FEW = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CELLS = st.text(st.sampled_from('ab1 ;,|\t"\n\rışğİI€ğ😀'), max_size=8)


@dataclass
class Read:
    """All of a file: rows as tuples, line numbers, what was set aside."""

    rows: list[tuple[str, ...]]
    lines: list[int]
    ragged: list[tuple[int, str]]
    blank: int


def read(path, **declared):
    blocks = list(text.read_delimited(path, Source(files=[path.name], **declared)))
    rows = pl.concat([b.rows for b in blocks])
    ragged = pl.concat([b.ragged for b in blocks])
    return Read(
        rows.drop(ROW).rows(), rows[ROW].to_list(), ragged.rows(), sum(b.blank_rows for b in blocks)
    )


def written(rows, **style):
    out = io.StringIO(newline="")
    csv.writer(out, **style).writerows(rows)
    return out.getvalue()


@st.composite
def tables(draw):
    width = draw(st.integers(2, 5))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=12))
    return [[f"column {i}" for i in range(width)], *rows]


@FEW
@given(
    table=tables(),
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    block=st.integers(1, 40),
)
def test_what_csv_writes_is_read_back(
    tmp_path, monkeypatch, table, separator, end, quoting, encoding, block
):
    if quoting == csv.QUOTE_MINIMAL:  # csv leaves a lone CR unquoted: nobody can read that back
        table = [[cell.replace("\r", "") for cell in row] for row in table]
    content = written(table, delimiter=separator, lineterminator=end, quoting=quoting)
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode(encoding))
    declared = "utf-16" if encoding == "utf-16" else "utf-8"
    # Inside fields too a line end is a line feed: exports of one table differ in nothing else.
    expected = [tuple(c.replace("\r\n", "\n") for c in row) for row in table[1:]]
    whole = read(path, separator=separator, encoding=declared)
    assert whole.rows == expected
    assert (whole.ragged, whole.blank) == ([], 0)
    with monkeypatch.context() as small:
        small.setattr(text, "BLOCK_BYTES", block)
        assert read(path, separator=separator, encoding=declared) == whole


DAMAGE = {
    "a field more": lambda line: line + ";x",
    "a field less": lambda line: line.rpartition(";")[0],
    "a stray quote": lambda line: line.replace("b", 'b"b"', 1),
    "blank": lambda line: "",
}


@FEW
@given(
    damage=st.lists(st.sampled_from([None, *DAMAGE]), min_size=1, max_size=30),
    block=st.integers(1, 60),
)
def test_damaged_rows_are_told_by_line_and_none_is_lost(tmp_path, monkeypatch, damage, block):
    lines = [f"a{i};b{i};ç{i}" for i in range(len(damage))]
    broken = [DAMAGE[d](line) if d else line for d, line in zip(damage, lines, strict=True)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["x;y;z", *broken]) + "\n", encoding="utf-8")
    found = read(path, separator=";")
    assert [".".join(r) for r in found.rows] == [
        line.replace(";", ".") for d, line in zip(damage, lines, strict=True) if d is None
    ]
    assert [line for line, _ in found.ragged] == [
        at for at, d in enumerate(damage, start=2) if d not in (None, "blank")
    ]
    assert found.lines == [at for at, d in enumerate(damage, start=2) if d is None]
    assert len(found.rows) + len(found.ragged) + found.blank == len(damage)
    with monkeypatch.context() as small:
        small.setattr(text, "BLOCK_BYTES", block)
        assert read(path, separator=";") == found


def test_line_numbers_count_lines_inside_quotes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"1\n2\n3",x\n\n4,y\n5\n', encoding="utf-8")
    found = read(path)
    assert found.rows == [("1\n2\n3", "x"), ("4", "y")]
    assert found.lines == [2, 6]
    assert found.ragged == [(7, "row: too few fields")]
    assert found.blank == 1


def test_a_header_with_a_line_end_in_a_name(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text('"unit\nprice",b\n1,x\n', encoding="utf-8")
    monkeypatch.setattr(text, "BLOCK_BYTES", 3)
    (block, *_) = text.read_delimited(path, Source(files=["a.csv"]))
    assert block.rows.columns == ["unit\nprice", "b", ROW]
    assert read(path).lines == [3]


def test_titles_above_the_header_are_skipped_whatever_they_hold(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text('Report 5" pipes\n\nsep=;\na;b\n1;x\n', encoding="utf-8")
    for block in (1, 1 << 20):
        monkeypatch.setattr(text, "BLOCK_BYTES", block)
        found = read(path, separator=";", skip_rows=3)
        assert (found.rows, found.lines) == ([("1", "x")], [5])


def test_blanks_between_fields(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("  00001 19970101  1   11.77\n\n 2\t19970102 1 3\n 3 1 1\n", encoding="utf-8")
    found = read(path, separator="blank", header=False, names=["a", "b", "c", "d"])
    assert found.rows == [("00001", "19970101", "1", "11.77"), ("2", "19970102", "1", "3")]
    assert found.ragged == [(4, "row: too few fields")]
    assert found.blank == 1


def test_turkish_letters_in_every_encoding(tmp_path):
    letters = "çÇğĞıIiİöÖşŞüÜâîû€"
    path = tmp_path / "a.csv"
    for encoding in ("utf-8", "utf-8-sig", "cp1254", "utf-16", "utf-16-le"):
        path.write_bytes(f"ad,b\n{letters},1\n".encode(encoding))
        declared = encoding.replace("-sig", "")
        assert read(path, encoding=declared).rows == [(letters, "1")], encoding


def test_unquoted_files_keep_their_quotation_marks(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a;b\n5" pipe;"\n', encoding="utf-8")
    assert read(path, separator=";", quote="").rows == [('5" pipe', '"')]


MANY = b"a,b\n" + b"1,x\n" * 3
REFUSED = {
    "empty": (b"", "the file is empty"),
    "byte order mark alone": (b"\xef\xbb\xbf", "the file is empty"),
    "blank header": (b"\n1,2\n", "the line where the header should be is empty"),
    "xlsx": (b"PK\x03\x04" + bytes(40), "an Excel (XLSX) or ZIP file"),
    "xls": (b"\xd0\xcf\x11\xe0" + bytes(40), "an old Excel file (XLS)"),
    "parquet": (b"PAR1" + bytes(40), 'set format = "parquet"'),
    "gzip": (b"\x1f\x8b" + bytes(40), "a gzip file; unpack it first"),
    "html": (b"\n <!DOCTYPE html><table>", "an HTML or XML page"),
    "utf-16": ("a,b\n1,x\n".encode("utf-16"), 'set encoding = "utf-16"'),
    "utf-16 without mark": ("a,b\n1,x\n".encode("utf-16-le"), "line 1: control character 0x00"),
    "cp1254 as utf-8": (MANY + "Iğdır,y\n".encode("cp1254"), "line 5: byte 0xf0 is not utf-8"),
    "nul": (MANY + b"1,\x00\n", "line 5: control character 0x00"),
    "lost letter": (MANY + "1,�\n".encode(), "line 5: a letter was lost"),
    "two files glued": (MANY + b"\xef\xbb\xbf" + MANY, "line 5: a byte order mark in the middle"),
    "open quote": (MANY + b'1,"x\n2,y\n', "from line 5: a quotation mark is never closed"),
    "two stray quotes": (
        MANY + b'1,5" pipe\n2,y\n3,6" pipe\n',
        "from line 5: a quotation mark stands inside a field",
    ),
    "cut": (MANY + b"1,2", "the last line has no end"),
    "cut between CR and LF": (MANY + b"1,2\r", "the last line has no end"),
    "cut in a letter": (MANY + "1,ş".encode()[:-1], "the last line has no end"),
    "CR alone": (b"a,b\r1,x\r", "lines end in CR alone"),
    "CR alone, last line open": (b"a,b\r1,x", "lines end in CR alone"),
    "one endless line": (MANY + b"x" * 300_000, "line 5: a row of more than 262144 bytes"),
    "one endless line, ended": (MANY + b"x" * 300_000 + b"\n", "a row of more than 262144 bytes"),
    "sep line": (b"sep=;\na;b\n", "set skip_rows = 1"),
    "semicolon": (b"a;b\n1;x\n", 'set separator = ";"'),
    "tab": (b"a\tb\n1\tx\n", r'set separator = "\t"'),
    "pipe": (b"a|b\n1|x\n", 'set separator = "|"'),
    "name twice": (b"a,b, A\n1,2,3\n", "columns 1, 3 of the header"),
    "no name": (b"a,,b\n1,2,3\n", "column 2 of the header has no name"),
    "trailing separator": (b"a,b,\n1,2,\n", "column 3 of the header has no name"),
    "reserved name": (b"a,_row\n1,2\n", "cannot be names of columns"),
    "too many columns": (b",".join(b"c%d" % i for i in range(3000)) + b"\n", "3000 columns"),
}


@pytest.mark.parametrize("block", [7, 64 << 20], ids=["small blocks", "one block"])
@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_refused_with_place_and_remedy(tmp_path, monkeypatch, content, said, block):
    if len(content) > 100_000 and block == 7:
        block = 4096
    monkeypatch.setattr(text, "BLOCK_BYTES", block)
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises((SourceError, ContractError)) as caught:
        read(path)
    assert said in str(caught.value)
    assert "orders.csv" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("declared", ["latin-1", "cp1252", "iso-8859-15"])
def test_turkish_read_as_western_is_refused(tmp_path, declared):
    path = tmp_path / "a.csv"
    path.write_bytes("ad,b\nIşıl,1\n".encode("cp1254"))
    with pytest.raises(SourceError, match='set encoding = "cp1254"'):
        read(path, encoding=declared)


def test_utf8_declared_as_cp1254_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("ad,b\nŞişli,1\nIğdır,2\nÇorlu,3\n".encode())
    with pytest.raises(SourceError, match='this is UTF-8 text, not cp1254; set encoding = "utf-8"'):
        read(path, encoding="cp1254")


def test_an_unended_last_line_is_taken_when_declared_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\r\n1,x\r\n2,y")
    assert read(path, accept_unterminated_last_line=True).rows == [("1", "x"), ("2", "y")]


def test_a_stray_quote_does_not_make_the_search_for_its_row_slow(tmp_path, monkeypatch):
    """The lines after it are gone back over once, not once a line."""
    monkeypatch.setattr(text, "BLOCK_BYTES", 1 << 20)
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,5" pipe\n' + b"2,y\n" * 400_000)
    with pytest.raises(SourceError, match="from line 2: a quotation mark is never closed"):
        read(path)
