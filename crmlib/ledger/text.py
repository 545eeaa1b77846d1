"""Delimited files as text: blocks of whole records, every field a string, nothing guessed.

A file is read in blocks, so that its size does not matter. Here bytes become whole records, and
what readers pass over in silence is refused: another kind of file, another encoding, control
characters, an unclosed quote, a last line that was cut. :mod:`crmlib.ledger.fields` splits the
records.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from crmlib.config import Reading
from crmlib.errors import SourceError
from crmlib.i18n import mark
from crmlib.ledger.fields import (
    MAX_RECORD_BYTES,
    TextBlock,
    header_names,
    parse,
    too_long,
)

BLOCK_BYTES = 32 << 20

_CONTROL = bytes(set(range(32)) - {9, 10, 13}) + b"\x7f"
_REPLACEMENT = "\ufffd".encode()
# What Turkish letters of cp1254 look like when read as a neighbouring encoding.
_MISREAD = re.compile("[þÞðÐýÝ]")
_WESTERN = {"iso8859-1", "cp1252", "iso8859-15"}
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")

_KINDS = {
    b"PK\x03\x04": mark(
        "{file}: this is an Excel (XLSX) or ZIP file, whatever its name says; if it is XLSX, set "
        'format = "xlsx"'
    ),
    b"\xd0\xcf\x11\xe0": mark(
        "{file}: this is an old Excel file (XLS), whatever its name says; open it and save it as "
        "CSV (UTF-8)"
    ),
    b"PAR1": mark('{file}: this is a Parquet file; set format = "parquet"'),
    b"\x1f\x8b": mark("{file}: this is a gzip file; unpack it first"),
}
_HTML = mark(
    "{file}: this is an HTML or XML page, whatever its name says; open it in a spreadsheet and "
    "save it as CSV (UTF-8)"
)
_UTF_16 = mark('{file}: this is UTF-16 text; set encoding = "utf-16"')


def read_delimited(path: Path, source: Reading) -> Iterator[TextBlock]:
    """Read a delimited file block by block.

    Raises
    ------
    SourceError
        If the file is missing, empty, damaged, of another kind or in another encoding.
    ContractError
        If the header has empty or doubled names, or another separator.
    """
    check_kind(path, source)
    blocks = _records(path, source)
    first = next(blocks, None)
    if first is None:
        raise SourceError(mark("{file}: the file is empty"), file=path.name)
    line, data = first
    names = source.names
    if source.header:
        end = _end_of_record(data, source.quote.encode())
        header, data = data[:end], data[end:]
        names = header_names(header.decode().rstrip("\n"), path.name, source)
        line += header.count(b"\n")
    yield parse(data, line, names, path.name, source)
    for line, data in blocks:
        yield parse(data, line, names, path.name, source)


def check_kind(path: Path, source: Reading) -> None:
    """Refuse what is not a delimited file, whatever its name says."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise SourceError(mark("{file}: no such file"), file=path.name) from None
    except OSError as error:
        raise SourceError(
            mark("{file}: cannot be read ({reason})"), file=path.name, reason=error.strerror
        ) from None
    message = next((m for start, m in _KINDS.items() if head.startswith(start)), None)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        message = None if source.encoding.startswith("utf-16") else _UTF_16
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<table", b"<meta")):
        message = _HTML
    if message:
        raise SourceError(message, file=path.name)


def _records(path: Path, source: Reading) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, UTF-8 bytes of whole records, each ended by a line feed)."""
    decode = _decoder(path, source)
    quote = source.quote.encode()
    line, rest, skip = 1, b"", source.skip_rows
    started = final = False
    with path.open("rb") as file:
        while not final:
            raw = file.read(BLOCK_BYTES)
            final = not raw
            data = rest + decode(raw, final, line + rest.count(b"\n"))
            if not started and data:
                data, started = data.removeprefix(codecs.BOM_UTF8), True
            data = _ended(data, path, source) if final else data
            while skip and b"\n" in data:
                data = data[data.index(b"\n") + 1 :]
                skip, line = skip - 1, line + 1
            cut = 0 if skip else _whole_records(data, quote)
            block, rest = data[:cut], data[cut:]
            if len(rest) > MAX_RECORD_BYTES or (final and rest and not skip):
                line += block.count(b"\n")
                raise _endless(rest, quote, path, line)
            _check_bytes(block, path, line)
            if block:
                yield line, _blanks_to_tabs(block) if source.separator == "blank" else block
                line += block.count(b"\n")


def _decoder(path: Path, source: Reading) -> Callable[[bytes, bool, int], bytes]:
    """Make a function that turns the next bytes of a file into UTF-8 with LF line ends."""
    decode = codecs.getincrementaldecoder(source.encoding)("strict").decode
    held = ""

    def step(raw: bytes, final: bool, line: int) -> bytes:  # noqa: FBT001  # as the codec's own
        nonlocal held
        _refuse_utf8_as_other(raw, path, source)
        try:
            text = held + decode(raw, final)
        except UnicodeDecodeError as error:
            raise _undecodable(error, path, source, line) from None
        if source.encoding in _WESTERN and _MISREAD.search(text):
            raise SourceError(
                mark(
                    "{file}: read as {encoding} it has letters that Turkish does not have; set "
                    'encoding = "cp1254"'
                ),
                file=path.name,
                encoding=source.encoding,
            )
        # Its line feed may come with the next block.
        held = "\r" if text.endswith("\r") and not final else ""
        return text[: len(text) - len(held)].replace("\r\n", "\n").encode()

    return step


def _refuse_utf8_as_other(raw: bytes, path: Path, source: Reading) -> None:
    """Refuse UTF-8 that is declared as a one-byte encoding: ş would become ÅŸ in silence."""
    if source.encoding.startswith("utf") or raw.isascii():
        return
    runs = _NOT_ASCII.findall(raw)[:1000]
    runs = runs[1:-1] if len(runs) > 2 else runs  # a block may begin or end within a letter
    try:
        b" ".join(runs).decode()
    except UnicodeDecodeError:
        return
    raise SourceError(
        mark('{file}: this is UTF-8 text, not {encoding}; set encoding = "utf-8"'),
        file=path.name,
        encoding=source.encoding,
    )


def _undecodable(error: UnicodeDecodeError, path: Path, source: Reading, line: int) -> SourceError:
    if error.reason == "unexpected end of data":
        return _cut(path)
    return SourceError(
        mark(
            "{file}, line {line}: byte 0x{byte} is not {encoding}; the file may be in another "
            'encoding: set encoding = "{proposal}" and check the letters'
        ),
        file=path.name,
        line=line + error.object.count(b"\n", 0, error.start),
        byte=f"{error.object[error.start]:02x}",
        encoding=source.encoding,
        proposal="cp1254" if source.encoding.startswith("utf") else "utf-8",
    )


def _ended(data: bytes, path: Path, source: Reading) -> bytes:
    """Judge a last line that has no end: it may have been cut, and 20 become 2."""
    if not data or data.endswith(b"\n"):
        return data
    if b"\r" in data.rstrip(b"\r"):
        raise _old_line_ends(path)
    if source.accept_unterminated_last_line:
        return data.rstrip(b"\r") + b"\n"
    raise _cut(path)


def _cut(path: Path) -> SourceError:
    return SourceError(
        mark(
            "{file}: the last line has no end, so the file may be cut; export it again, or set "
            "accept_unterminated_last_line = true if you know that it is whole"
        ),
        file=path.name,
    )


def _old_line_ends(path: Path) -> SourceError:
    return SourceError(
        mark("{file}: lines end in CR alone; save the file with LF or CRLF line ends"),
        file=path.name,
    )


def _check_bytes(block: bytes, path: Path, line: int) -> None:
    """Refuse what no exporting program writes on purpose."""
    if len(block.translate(None, _CONTROL)) != len(block):
        at = next(i for i, byte in enumerate(block) if byte in _CONTROL)
        raise SourceError(
            mark(
                "{file}, line {line}: control character 0x{byte}; the file is damaged or is not "
                "text"
            ),
            file=path.name,
            line=line + block.count(b"\n", 0, at),
            byte=f"{block[at]:02x}",
        )
    for found, message in (
        (
            _REPLACEMENT,
            mark(
                "{file}, line {line}: a letter was lost before the file came here (U+FFFD); "
                "export it again in UTF-8"
            ),
        ),
        (
            codecs.BOM_UTF8,
            mark(
                "{file}, line {line}: a byte order mark in the middle: two files were glued "
                "together; give them as two files"
            ),
        ),
    ):
        if found in block:
            at = line + block.count(b"\n", 0, block.index(found))
            raise SourceError(message, file=path.name, line=at)


def _whole_records(data: bytes, quote: bytes) -> int:
    """Give the length of the longest start of ``data`` that ends a record."""
    cut = data.rfind(b"\n") + 1
    inside = bool(quote) and data.count(quote, 0, cut) % 2 == 1
    while inside:  # the last line end lies in a quoted field: go back over the field's lines
        before = data.rfind(b"\n", 0, cut - 1) + 1
        inside = data.count(quote, before, cut) % 2 == 0
        cut = before
    return cut


def _end_of_record(data: bytes, quote: bytes) -> int:
    """Give the length of the first record."""
    end = data.find(b"\n") + 1
    start, inside = 0, False
    while quote:
        inside ^= data.count(quote, start, end) % 2 == 1
        if not inside:
            break
        start, end = end, data.find(b"\n", end) + 1
    return end


def _endless(rest: bytes, quote: bytes, path: Path, line: int) -> SourceError:
    """Say why ``rest`` is not a row: a quote is open, or the row is longer than any can be."""
    if b"\r" in rest and b"\n" not in rest:
        return _old_line_ends(path)
    if quote and quote in rest:
        return SourceError(
            mark(
                "{file}, from line {line}: a quotation mark is never closed; mend the file, or "
                'set quote = "" if the file does not quote its fields'
            ),
            file=path.name,
            line=line,
        )
    return too_long(path.name, line)


def _blanks_to_tabs(block: bytes) -> bytes:
    lines = (b"\t".join(line.split()) for line in block.split(b"\n"))
    return b"\n".join(lines)
