"""Read the sources into a ledger: rows read = kept + dropped by a named rule + quarantined."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from crmlib import config as configuration
from crmlib.config import Config, Source
from crmlib.errors import ContractError, SourceError
from crmlib.i18n import mark
from crmlib.ledger import contract, pseudonyms, store
from crmlib.ledger.assemble import Assembled, assemble_lines, assemble_table
from crmlib.ledger.fields import ROW
from crmlib.ledger.intake import Staged, take_in
from crmlib.ledger.parquet import parquet_text, with_numbers_as_stored
from crmlib.ledger.pseudonyms import Pseudonyms
from crmlib.ledger.text import read_delimited

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a table's rows.

    Attributes
    ----------
    dropped
        Rows by the named rule that dropped them.
    reasons
        Quarantined rows by reason; a row with two faults counts under both.
    blank_rows
        Lines with nothing in them; they are not counted as read.
    """

    table: str
    read: int
    kept: int
    quarantined: int
    dropped: dict[str, int]
    reasons: dict[str, int]
    duplicates: int
    blank_rows: int = 0

    def __post_init__(self) -> None:
        lost = self.read - self.kept - sum(self.dropped.values()) - self.quarantined
        if lost:
            raise AssertionError(f"{self.table}: {lost} of {self.read} rows are unaccounted for")


@dataclass(frozen=True, slots=True)
class Input:
    """A source file as it was read."""

    table: str
    file: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """What the firm knows, checked.

    Attributes
    ----------
    config
        The configuration it was read by.
    parts
        Immutable pieces of the tables in ``config.workspace``.
    counts, inputs
        What became of the rows, by table, and the files they came from.
    quarantine
        Rows that were not kept: table, file, row, reasons, and the source's cells.
    key_fingerprint
        Of the pseudonyms' key.
    """

    config: Config
    parts: tuple[store.Part, ...]
    counts: dict[str, Counts]
    inputs: tuple[Input, ...]
    quarantine: dict[str, pl.DataFrame] = field(repr=False)
    key_fingerprint: str = "none"

    def table(self, name: str) -> pl.LazyFrame:
        """Open a table; one that no source brings is empty."""
        parts = [p for p in self.parts if p.table == name]
        return store.scan_parts(self.config.workspace, name, parts)

    @property
    def order_lines(self) -> pl.LazyFrame:
        """The order lines, as :class:`crmlib.schema.LedgerLines`."""
        return self.table("order_lines")

    @property
    def customers(self) -> pl.LazyFrame:
        """The customers, by pseudonym."""
        return self.table("customers")

    @property
    def products(self) -> pl.LazyFrame:
        """The products."""
        return self.table("products")

    @property
    def price_index(self) -> pl.LazyFrame:
        """The price index by month."""
        return self.table("price_index")


def inputs_of(config: Config) -> tuple[Input, ...]:
    """Find and hash the source files.

    Raises
    ------
    SourceError
        If a pattern finds no file.
    """
    return tuple(
        Input(table, _shown(path, config.folder), *_size_and_hash(path))
        for table, source in config.sources().items()
        for path in find(config.folder, source, table)
    )


def _size_and_hash(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_size, store.hash_file(path)
    except OSError as error:
        raise SourceError(
            mark("{file}: cannot be read ({reason})"), file=path.name, reason=error.strerror
        ) from None


def _shown(path: Path, folder: Path) -> str:
    """Name a file as the configuration would: from its folder, if it lies there."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def find(folder: Path, source: Source, table: str) -> list[Path]:
    """Find a table's files in the order of their names, each once."""
    found: dict[Path, None] = {}
    for pattern in source.files:
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


def read(
    config: Config | Path | str, *, today: date | None = None, progress: Progress | None = None
) -> Ledger:
    """Read all sources, check them, and keep the good rows as parts in the workspace.

    Parameters
    ----------
    config
        A configuration, or the path of one.
    today
        Rows after this day are quarantined; ``None`` leaves the future alone.
    progress
        Called with (what, done, total) bytes.

    Raises
    ------
    SourceError, ContractError
        If a file cannot be taken as declared. Rows that do not fit are quarantined instead.
    KeyLostError
        If the workspace's pseudonyms were made with a key that is not there.
    """
    if not isinstance(config, Config):
        config = configuration.load(config)
    names = pseudonyms.load(config, store.key_fingerprint(config.workspace))
    inputs = inputs_of(config)
    total = sum(i.size_bytes for i in inputs)
    with store.staging(config.workspace) as staging:
        made: dict[str, Assembled] = {}
        done = 0
        for table, source in config.sources().items():
            staged = Staged(table, staging / table)
            for path in find(config.folder, source, table):
                _stage_file(path, staged, source, config, names, today)
                done += path.stat().st_size
                if progress:
                    progress(table, done, total)
            _check_announced(staged, source)
            made[table] = _assemble(staged, source, config)
    if inputs_of(config) != inputs:
        raise SourceError(mark("a source file changed while it was read; run the command again"))
    return Ledger(
        config=config,
        parts=tuple(p for m in made.values() for p in m.parts),
        counts={table: _counts(table, m) for table, m in made.items()},
        inputs=inputs,
        quarantine={table: m.quarantine for table, m in made.items()},
        key_fingerprint=names.fingerprint,
    )


def _stage_file(
    path: Path,
    staged: Staged,
    source: Source,
    config: Config,
    names: Pseudonyms,
    today: date | None,
) -> None:
    read_before = staged.read
    file = _shown(path, config.folder)
    mapping: dict[str, str] | None = None
    if _is_parquet(path, source):
        source = with_numbers_as_stored(path, source)
    for rows, ragged, blank in _blocks(path, source):
        if mapping is None:
            found = [c for c in rows.columns if c != ROW]
            mapping = contract.require(found, staged.table, source, file)
        take_in(rows, ragged, staged, file, mapping, source, config, names, today)
        staged.blank_rows += blank
    if staged.read == read_before:
        raise SourceError(mark("{file}: there is a header but no row"), file=file)


def _check_announced(staged: Staged, source: Source) -> None:
    if source.expected_rows is not None and staged.read != source.expected_rows:
        raise SourceError(
            mark("{table}: {found} rows where {expected} were announced; a file may be cut"),
            table=staged.table,
            found=staged.read,
            expected=source.expected_rows,
        )


def _blocks(path: Path, source: Source) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
    if not _is_parquet(path, source):
        for block in read_delimited(path, source):
            yield block.rows, block.ragged, block.blank_rows
        return
    none = pl.DataFrame(schema={ROW: pl.Int64, "reason": pl.String})
    for rows in parquet_text(path, source):
        yield rows, none, 0


def _is_parquet(path: Path, source: Source) -> bool:
    if source.format is None:
        return path.suffix.lower() in {".parquet", ".pq"}
    return source.format == "parquet"


def _assemble(staged: Staged, source: Source, config: Config) -> Assembled:
    if staged.table == "order_lines":
        made = assemble_lines(staged, source, config)
    else:
        made = assemble_table(staged, config)
    if not made.kept:
        causes = _reasons(made).most_common(5) or list(made.dropped.items())
        raise ContractError(
            mark("{table}: none of {read} rows could be kept: {reasons}"),
            table=staged.table,
            read=staged.read,
            reasons=partial(_said, causes),
        )
    return made


def _said(causes: list[tuple[str, int]], lang: str) -> str:
    return ", ".join(f"{contract.say_reason(r, lang)} ({n})" for r, n in causes)


def _reasons(made: Assembled) -> Counter[str]:
    return Counter(made.quarantine["reasons"].explode().to_list())


def _counts(table: str, made: Assembled) -> Counts:
    return Counts(
        table=table,
        read=made.read,
        kept=made.kept,
        quarantined=made.quarantine.height,
        dropped=dict(made.dropped),
        reasons=dict(sorted(_reasons(made).items())),
        duplicates=made.duplicates,
        blank_rows=made.blank_rows,
    )
