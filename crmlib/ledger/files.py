"""Source files of all kinds as blocks of text rows, and the one place that tells kinds apart."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import polars as pl

from crmlib.config import Reading
from crmlib.errors import SourceError
from crmlib.i18n import mark
from crmlib.ledger.fields import ROW, TextBlock
from crmlib.ledger.parquet import numbers_are_stored, parquet_text
from crmlib.ledger.text import read_delimited
from crmlib.ledger.xlsx import read_sheet

AnyReading = TypeVar("AnyReading", bound=Reading)
_KINDS = {".parquet": "parquet", ".pq": "parquet", ".xlsx": "xlsx", ".xlsm": "xlsx"}


def find(folder: Path, reading: Reading, table: str) -> list[Path]:
    """Find files in the order of their names, each once.

    Raises
    ------
    SourceError
        If a pattern finds no file.
    """
    found: dict[Path, None] = {}
    for pattern in reading.files:
        files = [folder / pattern]  # a name may hold brackets, and still be a name
        if not files[0].is_file():
            # Path.glob takes no absolute pattern.
            matches = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207
            files = [folder / m for m in matches if (folder / m).is_file()]
        if not files:
            raise SourceError(
                mark("{table}: no file fits '{pattern}' in {folder}"),
                table=table,
                pattern=pattern,
                folder=str(folder),
            )
        found |= dict.fromkeys(files)
    return list(found)


def shown(path: Path, folder: Path) -> str:
    """Name a file as the configuration would: from its folder, if it lies there."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def opened(
    path: Path, reading: AnyReading, amounts: Sequence[str]
) -> tuple[AnyReading, Iterator[TextBlock]]:
    """Open a file: how it is read in the end, and its blocks of text rows.

    Parameters
    ----------
    path
        The file.
    reading
        How it is declared. Where ``amounts`` are stored as numbers no decimal mark need be.
    amounts
        Columns of the file that hold amounts.

    Raises
    ------
    SourceError, ContractError
        If the file cannot be taken as declared.
    """
    kind = reading.format or _KINDS.get(path.suffix.lower(), "csv")
    if kind == "csv":
        return reading, read_delimited(path, reading)
    if kind == "parquet":
        stored = numbers_are_stored(path, amounts)
        declared = _with_point(reading, needed=stored)
        return declared, _parquet_blocks(path, declared)
    sheet = read_sheet(path, reading)
    declared = _with_point(reading, needed=not sheet.marked & set(amounts))
    return declared.model_copy(update={"format": "xlsx"}), sheet.blocks()


def _with_point(reading: AnyReading, *, needed: bool) -> AnyReading:
    """Declare the point where amounts are numbers: there is no doubt there."""
    if reading.decimal is not None or not needed:
        return reading
    return reading.model_copy(update={"decimal": "."})


def _parquet_blocks(path: Path, reading: Reading) -> Iterator[TextBlock]:
    none = pl.DataFrame(schema={ROW: pl.Int64, "reason": pl.String})
    for rows in parquet_text(path, reading):
        yield TextBlock(rows, none, 0)
