"""Workbooks (XLSX) as text too, so that one contract judges all files.

The cells come from calamine. What it passes over in silence is looked for in the sheet itself:
numbers that a double cannot hold, formulas that failed or were never calculated, merged cells.
"""

from __future__ import annotations

import logging
import re
import zipfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import polars as pl

from crmlib.config import Reading
from crmlib.errors import ContractError, SourceError
from crmlib.i18n import mark
from crmlib.ledger.fields import MAX_COLUMNS, ROW, TextBlock, check_names

MAX_BYTES = 500 << 20
# Honest sheets are packed to a twentieth or so.
MAX_RATIO = 200
# Cells from the first corner to the last, empty ones among them: each of them takes memory.
MAX_CELLS = 30_000_000
ROWS_AT_ONCE = 250_000

_CHUNK = 8 << 20
_MAX_ROW_BYTES = 64 << 20
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_383
# A cell's content ends where another cell or row begins: one that is never closed is not searched
# for to the end of the file.
_ELEMENT = re.compile(
    rb"<(?:\w+:)?row\b([^>]*)>"
    rb"|<(?:\w+:)?c\b([^>]*?)"
    rb"(?:/>|>([^<]*(?:<(?!/?(?:\w+:)?(?:c|row)[\s/>])[^<]*)*)</(?:\w+:)?c>)"
)
_PLACE = re.compile(rb"""\br=["']([A-Z]*)([0-9]+)["']""")
_KIND = re.compile(rb"""\bt=["'](\w+)["']""")
_VALUE = re.compile(rb"<(?:\w+:)?v[^>]*>([^<]*)</")
_HOLDS = re.compile(rb"<(?:\w+:)?(?:v|is)[\s>]")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\s[^>]*ref=["']([A-Z]+[0-9]+(?::[A-Z]+([0-9]+))?)""")
_UNSAFE = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ufffd]"
_DAY, _CLOCK = r"^\d{4}-\d{2}-\d{2}", r" \d{2}:\d{2}:\d{2}"
_EXACT_DIGITS = 15
# What calamine says of a broken sheet may hold cells.
logging.getLogger("calamine").addHandler(logging.NullHandler())
logging.getLogger("calamine").propagate = False
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(slots=True)
class _Cells:
    """What the sheet itself says of its cells; rows from 1, columns from 0."""

    number_rows: array[int] = field(default_factory=lambda: array("i"))
    number_columns: array[int] = field(default_factory=lambda: array("i"))
    errors: list[tuple[int, int, str]] = field(default_factory=list)
    columns: set[int] = field(default_factory=set)
    last_row: int = 0

    def hold(self, row: int, column: int) -> None:
        """Note that a cell holds something."""
        self.columns.add(column)
        self.last_row = max(self.last_row, row)

    @property
    def width(self) -> int:
        """Columns from the first to the last that hold something."""
        return max(self.columns) - min(self.columns) + 1 if self.columns else 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as text.

    Attributes
    ----------
    rows
        One string column a column of the sheet, and ``_row``: the sheet's row number.
    marked
        Columns with text cells that hold digits around ``.`` or ``,``.
    blank_rows
        Rows with nothing in them below the header.
    """

    rows: pl.DataFrame
    marked: frozenset[str]
    blank_rows: int

    def blocks(self) -> Iterator[TextBlock]:
        """Give the rows in pieces."""
        none = pl.DataFrame(schema={ROW: pl.Int64, "reason": pl.String})
        for at, rows in enumerate(self.rows.iter_slices(ROWS_AT_ONCE)):
            yield TextBlock(rows, none, 0 if at else self.blank_rows)


def read_sheet(path: Path, reading: Reading) -> Sheet:
    """Read one sheet of a workbook.

    A number becomes its shortest decimal form in the declared marks; a number with more than 15
    digits before its point is written as the rounded number that it is (1.2E+19), so that it is
    no id. Dates and times become ISO 8601, whatever they look like in the sheet.

    Raises
    ------
    SourceError
        If the file is no workbook, is damaged, or would unpack to too much.
    ContractError
        If it is not clear which sheet is meant, if the header is not one, or if cells are merged
        or were never calculated.
    """
    _check_zip(path)
    name, member = _choose(path, reading)
    cells = _scan(path, member, reading)
    _refuse_far_cells(cells, path)
    text = _load(path, name)
    if not cells.columns or text.height <= reading.skip_rows:
        raise SourceError(mark("{file}: the sheet is empty"), file=path.name)
    if (
        text.width != cells.width or text.height < cells.last_row
    ):  # two readers of one sheet that do not see the same
        raise _unreadable(path)
    text, marked = _restored(text, cells, reading)
    return _named(text, marked, path, reading)


def _check_zip(path: Path) -> None:
    """Refuse bombs and damage before anything else unpacks the file."""
    with path.open("rb") as file:
        if file.read(8) == _OLE:
            raise SourceError(
                mark(
                    "{file}: protected by a password, or an old Excel file (XLS); open it and "
                    "save it without a password as XLSX or as CSV (UTF-8)"
                ),
                file=path.name,
            )
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
            size = sum(m.file_size for m in members)
            ratio = size / max(1, sum(m.compress_size for m in members))
            if size > MAX_BYTES or ratio > MAX_RATIO:
                raise SourceError(
                    mark(
                        "{file}: unpacked it would have {size} bytes, {ratio} times as many; "
                        "that is taken for damage; save it as CSV (UTF-8)"
                    ),
                    file=path.name,
                    size=size,
                    ratio=round(ratio),
                )
            names = [m.filename for m in members]
            # A member that is longer than it says breaks its checksum here.
            if len(set(names)) < len(names) or packed.testzip() is not None:
                raise _unreadable(path)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError):
        raise _unreadable(path) from None
    except Exception as error:
        if isinstance(error, SourceError) or not _is_unpacking(error):
            raise
        raise _unreadable(path) from None


def _is_unpacking(error: Exception) -> bool:
    return type(error).__module__ in {"zlib", "_lzma", "lzma", "struct"}


def _unreadable(path: Path) -> SourceError:
    return SourceError(
        mark(
            "{file}: not a readable XLSX file, whatever its name says; open it in a spreadsheet "
            'and save it as XLSX or as CSV (UTF-8); if it is CSV already, set format = "csv"'
        ),
        file=path.name,
    )


def _choose(path: Path, reading: Reading) -> tuple[str, str]:
    """Find the sheet that is meant, and the member of the archive that holds it."""
    sheets = _sheets(path)
    visible = [name for name, (shown, _) in sheets.items() if shown]
    if reading.sheet is not None:
        if reading.sheet in sheets:
            return reading.sheet, sheets[reading.sheet][1]
        raise ContractError(
            mark("{file}: there is no sheet '{sheet}'; its sheets are {sheets}"),
            file=path.name,
            sheet=reading.sheet,
            sheets=", ".join(sheets),
        )
    if len(visible) == 1:
        return visible[0], sheets[visible[0]][1]
    raise ContractError(
        mark('{file}: it is not clear which sheet is meant; set sheet = "..." to one of {sheets}'),
        file=path.name,
        sheets=", ".join(visible or sheets),
    )


def _sheets(path: Path) -> dict[str, tuple[bool, str]]:
    """List the sheets with cells: name -> (visible, member of the archive)."""
    try:
        with zipfile.ZipFile(path) as packed:
            places = {
                r.get("Id"): r.get("Target", "")
                for r in ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
                if r.get("Type", "").endswith("/worksheet")
            }
            workbook = ElementTree.fromstring(packed.read("xl/workbook.xml"))
    except (LookupError, ValueError, ElementTree.ParseError):  # or a name of no encoding
        raise _unreadable(path) from None
    found = {}
    for element in workbook.iter():
        if element.tag.rpartition("}")[2] != "sheet":
            continue
        ids = [v for k, v in element.attrib.items() if k.rpartition("}")[2] == "id"]
        target = places.get(ids[0]) if ids else None
        if target is None:  # a chart
            continue
        member = target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl", target))
        found[element.get("name", "")] = (element.get("state", "visible") == "visible", member)
    return found


def _load(path: Path, sheet: str) -> pl.DataFrame:
    import fastexcel

    try:
        reader = fastexcel.read_excel(path)
        loaded = reader.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
        return pl.DataFrame(loaded)
    except Exception as error:  # its message may hold cells
        if type(error).__module__.split(".")[0] not in {"fastexcel", "_fastexcel"}:
            raise
        raise _unreadable(path) from None


def _scan(path: Path, member: str, reading: Reading) -> _Cells:
    """Go through the cells as they are written."""
    cells, row, column = _Cells(), 0, -1
    with zipfile.ZipFile(path) as packed:
        try:
            stream = packed.open(member)
        except KeyError:
            raise _unreadable(path) from None
        rest = b""
        while chunk := stream.read(_CHUNK):
            data = rest + chunk
            cut = data.rfind(b"row>") + 4 if b"row>" in data else 0
            rest = data[cut:]
            if len(rest) > _MAX_ROW_BYTES:
                raise _unreadable(path)
            for found in _ELEMENT.finditer(data, 0, cut):
                begins, about, content = found.groups()
                place = _PLACE.search(begins if about is None else about)
                if about is None:
                    row, column = (int(place[2]) if place else row + 1), -1
                    continue
                column = _number(place[1]) if place and place[1] else column + 1
                at = int(place[2]) if place else row
                if not (1 <= at <= _LAST_ROW and 0 <= column <= _LAST_COLUMN):
                    raise _unreadable(path)
                if content:
                    _note(cells, at, column, about, content, path)
        _refuse_merged(rest, path, reading)
    return cells


def _note(cells: _Cells, row: int, column: int, about: bytes, content: bytes, path: Path) -> None:
    kind = _KIND.search(about)
    what = kind[1] if kind else b"n"
    if what in (b"s", b"inlineStr", b"str", b"b", b"d"):
        if _HOLDS.search(content):
            cells.hold(row, column)
        return
    value = _VALUE.search(content)
    written = value[1].decode(errors="replace") if value else ""
    if not written and _FORMULA.search(content):
        raise ContractError(
            mark(
                "{file}, cell {cell}: its formula was never calculated; open the file in a "
                "spreadsheet and save it"
            ),
            file=path.name,
            cell=f"{_letters(column)}{row}",
        )
    if not written:
        return
    cells.hold(row, column)
    if what == b"e":
        cells.errors.append((row, column, written))
    else:
        cells.number_rows.append(row)
        cells.number_columns.append(column)


def _refuse_far_cells(cells: _Cells, path: Path) -> None:
    """Refuse a sheet that is nearly all empty: a cell far from the table, often by mistake."""
    if cells.width > MAX_COLUMNS or cells.width * cells.last_row > MAX_CELLS:
        raise SourceError(
            mark(
                "{file}: the sheet goes to column {column}, row {row}; if a cell far from the "
                "table was filled by mistake, delete it, otherwise save the sheet as CSV (UTF-8)"
            ),
            file=path.name,
            column=_letters(max(cells.columns)),
            row=cells.last_row,
        )


def _refuse_merged(rest: bytes, path: Path, reading: Reading) -> None:
    """Refuse merged cells in the table: all but the first of them are read as empty."""
    for place, last in _MERGED.findall(rest):
        if last and int(last) > reading.skip_rows:
            raise ContractError(
                mark(
                    "{file}: cells {cells} are merged, so all but the first would be read as "
                    "empty; unmerge and fill them"
                ),
                file=path.name,
                cells=place.decode(),
            )


def _number(letters: bytes) -> int:
    """Give the position of a column from its letters: A is 0, AA is 26."""
    position = 0
    for letter in letters:
        position = position * 26 + letter - 64
    return position - 1


def _letters(column: int) -> str:
    letters = ""
    while column >= 0:
        column, letter = divmod(column, 26)
        letters, column = chr(65 + letter) + letters, column - 1
    return letters


def _restored(
    text: pl.DataFrame, cells: _Cells, reading: Reading
) -> tuple[pl.DataFrame, frozenset[str]]:
    """Put back what the cells lost on their way to text."""
    import numpy as np

    first = min(cells.columns)
    rows, places = np.asarray(cells.number_rows), np.asarray(cells.number_columns)
    columns, marked = [], []
    for at, column in enumerate(text.iter_columns()):
        number = np.zeros(text.height, dtype=bool)
        number[rows[places == at + first] - 1] = True
        is_number = pl.Series(number)
        looks_marked = column.str.contains(r"\d[.,]\d") & ~is_number
        if looks_marked.slice(reading.skip_rows + reading.header).any():
            marked.append(column.name)
        columns.append(
            pl.DataFrame({"text": column, "number": is_number})
            .select(pl.when("number").then(_plain(pl.col("text"), reading)).otherwise("text"))
            .to_series()
            .alias(column.name)
        )
    found = pl.DataFrame(columns)
    for row, at, error in cells.errors:
        found[row - 1, at - first] = error
    return found, frozenset(marked)


def _plain(text: pl.Expr, reading: Reading) -> pl.Expr:
    """Write a cell that holds a number, a date or a time; dates have no clock at midnight."""
    when = text.str.strip_suffix(" 00:00:00").str.replace("^1899-12-3[01] ", "")
    digits = text.str.extract(r"^-?(\d+)")
    rounded = pl.concat_str(
        pl.when(text.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit("")),
        digits.str.slice(0, 1),
        pl.lit("."),
        digits.str.slice(1, _EXACT_DIGITS - 1),
        pl.lit("E+"),
        (digits.str.len_chars() - 1).cast(pl.String),
    )
    return (
        pl.when(text.str.contains(_DAY))
        .then(when)
        .when(digits.str.len_chars() > _EXACT_DIGITS)
        .then(rounded)
        .otherwise(text.replace("-0", "0").str.replace(".", reading.decimal or ".", literal=True))
    )


def _named(text: pl.DataFrame, marked: frozenset[str], path: Path, reading: Reading) -> Sheet:
    """Take the header off and name the columns; rows with nothing in them are counted."""
    text = text.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))
    text = text.slice(reading.skip_rows)
    # A title above the table may stand in a column that the table does not have.
    used = [c for c in text.columns if c == ROW or text[c].is_not_null().any()]
    text = text.select(used)
    theirs = used[1:]
    if reading.header:
        names = [_cell(n) for n in text.select(theirs).head(1).row(0)]
        if not any(names):
            raise ContractError(
                mark(
                    "{file}: the line where the header should be is empty; set skip_rows to the "
                    "number of lines above the header"
                ),
                file=path.name,
            )
        check_names(names, path.name)
        text = text.slice(1)
    else:
        names = reading.names
        if len(names) != len(theirs):
            raise ContractError(
                mark("{file}: {found} columns where names = [...] has {wanted}"),
                file=path.name,
                found=len(theirs),
                wanted=len(names),
            )
    _refuse_unsafe(text, theirs, path)
    # Formulas that are copied down below the data give empty texts there.
    filled = text.filter(pl.any_horizontal(pl.col(theirs).str.contains(r"\S")))
    given = dict(zip(theirs, names, strict=True))
    return Sheet(
        rows=filled.rename(given).select(*names, ROW),
        marked=frozenset(given[c] for c in marked if c in given),
        blank_rows=text.height - filled.height,
    )


def _cell(name: Any) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", str(name or "").strip())


def _refuse_unsafe(text: pl.DataFrame, theirs: list[str], path: Path) -> None:
    for column in theirs:
        unsafe = text.filter(pl.col(column).str.contains(_UNSAFE))
        if unsafe.height:
            raise SourceError(
                mark(
                    "{file}, row {line}: a cell holds a control character or a lost letter "
                    "(U+FFFD); mend it"
                ),
                file=path.name,
                line=unsafe[ROW][0],
            )
