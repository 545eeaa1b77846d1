"""What the marts are computed with: polars, or DuckDB over the same files.

An engine opens stored tables as narwhals frames and collects results to polars; what happens in
between is written once, in narwhals.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from crmlib import schema
from crmlib.errors import ContractError, WorkspaceError
from crmlib.i18n import mark
from crmlib.ledger import store

if TYPE_CHECKING:
    import duckdb

ENGINES = ("polars", "duckdb")
# Of the machine's memory; what does not fit goes to the workspace's disk for a while.
MEMORY_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Polars:
    """Lazy frames, collected piece by piece."""

    name: str = "polars"

    def parts(self, workspace: Path, table: str, parts: Sequence[store.Part]) -> nw.LazyFrame:
        """Open parts of a ledger table as one; none gives an empty table."""
        return nw.from_native(store.scan_parts(workspace, table, list(parts)))

    def scan(self, build: store.Build, *places: str) -> nw.LazyFrame:
        """Open a table of a build, or the pieces of one."""
        return nw.from_native(build.scan(*places))

    def take(self, frame: pl.DataFrame) -> nw.LazyFrame:
        """Bring a small table along."""
        return nw.from_native(frame.lazy())

    @contextmanager
    def lent(self, frame: pl.DataFrame) -> Iterator[nw.LazyFrame]:
        """Bring a large table along for a while."""
        yield self.take(frame)

    def collect(self, frame: nw.LazyFrame) -> pl.DataFrame:
        """Compute a table.

        Raises
        ------
        ContractError
            If amounts add up to more than can be kept exactly.
        """
        try:
            found: pl.DataFrame = frame.to_native().collect(engine="streaming")
        except pl.exceptions.InvalidOperationError:  # its message would hold an amount
            raise _too_large() from None
        return found


@dataclass(frozen=True, slots=True, eq=False)
class DuckDB:
    """Relations of one connection in memory, which reads files of the workspace alone."""

    connection: duckdb.DuckDBPyConnection = field(repr=False)
    scratch: Path
    name: str = "duckdb"
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def parts(self, workspace: Path, table: str, parts: Sequence[store.Part]) -> nw.LazyFrame:
        """Open parts of a ledger table as one; none gives an empty table."""
        if not parts:
            return self.take(schema.LEDGER[table].create_empty())
        return self._read([workspace / p.path for p in parts])

    def scan(self, build: store.Build, *places: str) -> nw.LazyFrame:
        """Open a table of a build, or the pieces of one."""
        return self._read([build.path(p) for p in places])

    def take(self, frame: pl.DataFrame) -> nw.LazyFrame:
        """Bring a small table along."""
        return self._taken(frame, f"taken_{next(self._numbers)}")

    @contextmanager
    def lent(self, frame: pl.DataFrame) -> Iterator[nw.LazyFrame]:
        """Bring a large table along for a while."""
        name = f"lent_{next(self._numbers)}"
        try:
            yield self._taken(frame, name)
        finally:
            self.connection.unregister(name)

    def collect(self, frame: nw.LazyFrame) -> pl.DataFrame:
        """Compute a table: DuckDB writes it to disk, so that it is in memory once.

        Raises
        ------
        ContractError
            If amounts add up to more than can be kept exactly.
        WorkspaceError
            If memory or disk do not suffice.
        """
        import duckdb

        path = self.scratch / "collected.parquet"
        try:
            frame.to_native().write_parquet(path.as_posix(), compression="lz4")
            return pl.read_parquet(path)
        except (duckdb.ConversionException, duckdb.OutOfRangeException):
            raise _too_large() from None  # its message would hold an amount
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise WorkspaceError(
                mark("DuckDB found too little memory or disk ({reason}); free some, or use polars"),
                reason=type(error).__name__,
            ) from None
        finally:
            path.unlink(missing_ok=True)

    def _taken(self, frame: pl.DataFrame, name: str) -> nw.LazyFrame:
        self.connection.register(name, _Stream(frame))
        return nw.from_native(self.connection.table(name))

    def _read(self, paths: list[Path]) -> nw.LazyFrame:
        names = [path.resolve().as_posix() for path in paths]
        return nw.from_native(self.connection.read_parquet(names))


Engine = Polars | DuckDB


@dataclass(frozen=True, slots=True)
class _Stream:
    """A frame that is offered as a stream of Arrow batches, and as nothing else."""

    frame: pl.DataFrame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self.frame.__arrow_c_stream__(requested_schema)


@contextmanager
def opened(name: str, workspace: Path) -> Iterator[Engine]:
    """Start an engine for the time of a build.

    Parameters
    ----------
    name
        One of :data:`ENGINES`.
    workspace
        The only folder whose files DuckDB may read; its temporary files go there too.

    Raises
    ------
    ValueError
        If the engine is not known.
    """
    if name not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}")
    if name == "polars":
        yield Polars()
        return
    import duckdb

    workspace = workspace.resolve()
    with TemporaryDirectory(prefix="duckdb-", dir=workspace) as scratch:
        connection = duckdb.connect(":memory:")
        try:
            _confine(connection, workspace, Path(scratch))
            yield DuckDB(connection, Path(scratch))
        finally:
            connection.close()


def _confine(connection: duckdb.DuckDBPyConnection, workspace: Path, scratch: Path) -> None:
    """Keep DuckDB within the workspace, the machine's memory and its cores."""
    for option, value in {
        "threads": str(len(_cores())),
        "memory_limit": f"{int(_memory_bytes() * MEMORY_SHARE)}B",
        "temp_directory": scratch.as_posix(),
        "enable_progress_bar": "false",
        "preserve_insertion_order": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }.items():
        connection.execute(f"SET {option} = {_quoted(value)}")
    connection.execute(f"SET allowed_directories = [{_quoted(workspace.as_posix())}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _cores() -> set[int] | range:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return 8 * 2**30


def _too_large() -> ContractError:
    return ContractError(
        mark(
            "the amounts add up to more than {limit} and cannot be kept exactly; give them "
            "in a larger unit, e.g. thousands"
        ),
        limit="10^14",
    )
