"""Read the sources into a ledger: rows read = kept + dropped by a named rule + quarantined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from crmlib import config as configuration
from crmlib.config import Config, Source
from crmlib.errors import ContractError, SourceError
from crmlib.i18n import mark
from crmlib.ledger import contract, pseudonyms, store
from crmlib.ledger.assemble import Assembled, assemble
from crmlib.ledger.files import find, opened, shown
from crmlib.ledger.intake import Desk, Staged, take_in
from crmlib.ledger.shape import shaper

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
    """Find and hash the source files, those that are joined among them.

    Raises
    ------
    SourceError
        If a pattern finds no file.
    """
    return tuple(
        Input(table, shown(path, config.folder), *_size_and_hash(path))
        for table, source in config.sources().items()
        for reading in (source, *source.join)
        for path in find(config.folder, reading, table)
    )


def _size_and_hash(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_size, store.hash_file(path)
    except OSError as error:
        raise SourceError(
            mark("{file}: cannot be read ({reason})"), file=path.name, reason=error.strerror
        ) from None


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
    with store.staging(config.workspace) as staging:
        made: dict[str, Assembled] = {}
        files = {t: find(config.folder, s, t) for t, s in config.sources().items()}
        done, total = 0, sum(p.stat().st_size for paths in files.values() for p in paths)
        # Identities first: every other table is named by them.
        order = sorted(config.sources().items(), key=lambda item: item[0] != "identities")
        for table, source in order:
            with _without_cells(table):
                desk = Desk(source, shaper(table, source, config.folder), config, names, today)
                staged = Staged(table, staging / table, fan=desk.shaper.fan)
                for path in files[table]:
                    _stage_file(path, staged, desk)
                    done += path.stat().st_size
                    if progress:
                        progress(table, done, total)
                _check_announced(staged, source)
                made[table] = _assemble(staged, source, config)
            if table == "identities":
                persons = store.scan_parts(config.workspace, table, made[table].parts)
                names = replace(names, persons=persons.collect())
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


@contextmanager
def _without_cells(table: str) -> Iterator[None]:
    """Let no error of polars out: its message and its traceback may hold cells."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            mark(
                "{table}: the rows cannot be taken in ({reason}); this is a fault of the program: "
                "please report it with the [{table}] section of the configuration"
            ),
            table=table,
            reason=type(error).__name__,
        ) from None


def _stage_file(path: Path, staged: Staged, desk: Desk) -> None:
    read_before = staged.read
    file = shown(path, desk.config.folder)
    source, blocks = opened(path, desk.source, contract.amounts(staged.table, desk.source))
    desk = replace(desk, source=source)
    for block in blocks:
        take_in(block, staged, file, desk)
    if staged.read == read_before:
        raise SourceError(mark("{file}: there is a header but no row"), file=file)
    desk.shaper.check(file)


def _check_announced(staged: Staged, source: Source) -> None:
    if source.expected_rows is not None and staged.lines != source.expected_rows:
        raise SourceError(
            mark("{table}: {found} rows where {expected} were announced; a file may be cut"),
            table=staged.table,
            found=staged.lines,
            expected=source.expected_rows,
        )


def _assemble(staged: Staged, source: Source, config: Config) -> Assembled:
    made = assemble(staged, source, config)
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
