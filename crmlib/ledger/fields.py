"""Records to fields: the header's names, and one string column for each of them."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass

import polars as pl

from crmlib.config import Reading
from crmlib.errors import ContractError, SourceError
from crmlib.i18n import mark

MAX_COLUMNS = 2_000
# No honest row is longer; what is longer is an open quote or a file without line ends.
MAX_RECORD_BYTES = 256 << 10

ROW, LINE = "_row", "_line"
TOO_FEW = "row: " + mark("too few fields")
TOO_MANY = "row: " + mark("too many fields")
STRAY_QUOTE = "row: " + mark("quotation mark inside a field")
# Candidates to propose when the header does not fit the declared separator.
_SEPARATORS = {",": ",", ";": ";", "\t": "\\t", "|": "|"}


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Some rows of a file.

    Attributes
    ----------
    rows
        One string column a source column, and ``_row``: the line in the file, header included.
    ragged
        ``_row`` and ``reason`` of rows that do not fit the header.
    blank_rows
        Lines with nothing in them; they are no rows.
    """

    rows: pl.DataFrame
    ragged: pl.DataFrame
    blank_rows: int


def header_names(header: str, file: str, source: Reading) -> list[str]:
    """Split and check the names of the columns.

    Where there is no header, this is the first row of data: no message repeats a word of it.
    """
    if header.lower().startswith("sep="):
        raise ContractError(mark("{file}: the first line is 'sep='; set skip_rows = 1"), file=file)
    separator = separator_of(source)
    names = [unicodedata.normalize("NFC", n.strip()) for n in _split_header(header, source)]
    if not any(names):
        raise ContractError(
            mark(
                "{file}: the line where the header should be is empty; set skip_rows to the "
                "number of lines above the header"
            ),
            file=file,
        )
    _check_separator(header, names, file, separator)
    check_names(names, file)
    return names


def _split_header(header: str, source: Reading) -> list[str]:
    separator = separator_of(source)
    if not source.quote:
        return header.split(separator)
    try:
        return next(csv.reader([header], delimiter=separator, quotechar=source.quote), [])
    except csv.Error:  # a name of more than 128 kB
        return [""]


def _check_separator(header: str, names: list[str], file: str, separator: str) -> None:
    if len(names) > 1:
        return
    likely = max(_SEPARATORS, key=header.count)
    if likely != separator and header.count(likely):
        raise ContractError(
            mark(
                "{file}: the header is one column when separated by '{declared}'; it looks "
                "separated by '{likely}': set separator = \"{likely}\""
            ),
            file=file,
            declared=_SEPARATORS.get(separator, separator),
            likely=_SEPARATORS[likely],
        )


def check_names(names: list[str], file: str) -> None:
    """Refuse a header whose names are too many, empty or not all different."""
    if len(names) > MAX_COLUMNS:
        raise ContractError(
            mark("{file}: {count} columns; more than {limit} is taken for damage"),
            file=file,
            count=len(names),
            limit=MAX_COLUMNS,
        )
    if "" in names:
        raise ContractError(
            mark(
                "{file}: column {position} of the header has no name; if lines stand above the "
                "header, set skip_rows"
            ),
            file=file,
            position=names.index("") + 1,
        )
    folded = [n.casefold() for n in names]
    twice = [str(at) for at, name in enumerate(folded, 1) if folded.count(name) > 1]
    if twice:
        raise ContractError(
            mark(
                "{file}: columns {positions} of the header do not all have a name of their own "
                "(upper and lower case count as the same); rename them"
            ),
            file=file,
            positions=", ".join(twice),
        )
    if {ROW, LINE} & set(names):
        raise ContractError(
            mark("{file}: '_row' and '_line' cannot be names of columns; rename them"), file=file
        )


def separator_of(source: Reading) -> str:
    """Give the character between fields; runs of blanks have become tabs before."""
    return "\t" if source.separator == "blank" else source.separator


def parse(data: bytes, line: int, names: list[str], file: str, source: Reading) -> TextBlock:
    """Split records into fields; rows with another number of fields are set aside.

    Parameters
    ----------
    data
        Whole records, each ended by a line feed.
    line
        Line number of the first.
    names
        The columns.
    """
    lines = _lines(data, line)
    records = _records(lines, source.quote)
    blank = records.filter(pl.col(LINE) == "").height
    records = records.filter(pl.col(LINE) != "")
    for row in records.filter(pl.col(LINE).str.len_bytes() > MAX_RECORD_BYTES)[ROW].head(1):
        raise too_long(file, row)
    separator = separator_of(source)
    reason = _reason(len(names), separator, source.quote)
    judged = records.with_columns(reason.alias("reason"))
    good = judged.filter(pl.col("reason").is_null())
    ragged = judged.filter(pl.col("reason").is_not_null())
    several_lines = (pl.col("reason") == STRAY_QUOTE) & pl.col(LINE).str.contains("\n")
    for row in ragged.filter(several_lines)[ROW].head(1):
        # Where the row ends is anybody's guess.
        raise SourceError(
            mark(
                "{file}, from line {line}: a quotation mark stands inside a field and the "
                'following lines are drawn in; mend the file, or set quote = "" if the file '
                "does not quote its fields"
            ),
            file=file,
            line=row,
        )
    return TextBlock(
        rows=_split(good, names, separator, source.quote, file),
        ragged=ragged.select(ROW, "reason"),
        blank_rows=blank,
    )


def too_long(file: str, line: int) -> SourceError:
    """Refuse a row that is longer than any honest one."""
    return SourceError(
        mark("{file}, line {line}: a row of more than {limit} bytes is taken for damage"),
        file=file,
        line=line,
        limit=MAX_RECORD_BYTES,
    )


def _lines(data: bytes, line: int) -> pl.DataFrame:
    if not data:
        return pl.DataFrame(schema={LINE: pl.String, ROW: pl.Int64})
    lines = pl.Series(LINE, [data.decode().removesuffix("\n")]).str.split("\n").explode()
    return lines.to_frame().with_columns(
        pl.int_range(line, line + pl.len(), dtype=pl.Int64).alias(ROW)
    )


def _records(lines: pl.DataFrame, quote: str) -> pl.DataFrame:
    """Join the lines of a record: a quoted field may hold line ends."""
    if not quote:
        return lines
    quotes = pl.col(LINE).str.count_matches(quote, literal=True)
    if not lines.select((quotes % 2 == 1).any()).item():
        return lines
    inside = (quotes.cum_sum() - quotes) % 2 == 1
    record = (~inside).cum_sum().alias("record")
    joined = lines.group_by(record, maintain_order=True).agg(
        pl.col(LINE).str.join("\n"), pl.col(ROW).first()
    )
    return joined.select(LINE, ROW)


def _reason(expected: int, separator: str, quote: str) -> pl.Expr:
    """Say why a record is not ``expected`` fields; null where it is."""
    line, sound = pl.col(LINE), pl.lit(value=True)
    if quote:
        q, s = re.escape(quote), re.escape(separator)
        field = f"(?:{q}(?:[^{q}]|{q}{q})*{q}|[^{q}{s}]*)"
        quoted = line.str.contains(quote, literal=True)
        sound = ~quoted | line.str.contains(f"^{field}(?:{s}{field})*$")
        line = pl.when(quoted).then(line.str.replace_all(f"{q}[^{q}]*{q}", "")).otherwise(line)
    fields = line.str.count_matches(separator, literal=True).cast(pl.Int64) + 1
    return (
        pl.when(~sound)
        .then(pl.lit(STRAY_QUOTE))
        .when(fields < expected)
        .then(pl.lit(TOO_FEW))
        .when(fields > expected)
        .then(pl.lit(TOO_MANY))
    )


def _split(
    good: pl.DataFrame, names: list[str], separator: str, quote: str, file: str
) -> pl.DataFrame:
    columns = dict.fromkeys(names, pl.String)
    if good.is_empty():
        return pl.DataFrame(schema=columns | {ROW: pl.Int64})
    try:
        text = pl.read_csv(
            (good[LINE].str.join("\n").item() + "\n").encode(),
            has_header=False,
            schema=columns,
            separator=separator,
            quote_char=quote or None,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:  # its message would hold cells
        text = pl.DataFrame()
    if text.height != good.height:
        raise SourceError(
            mark("{file}, lines {first} to {last}: the rows cannot be split into fields"),
            file=file,
            first=good[ROW][0],
            last=good[ROW][-1],
        )
    return text.with_columns(good[ROW])
