"""Writing so that a kill or a full disk leaves the old file or the new one, never half of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from crmlib.errors import WorkspaceError
from crmlib.i18n import mark

_LOCK, _HOLDER = ".lock", ".lock-holder"
_STAGING = ".staging-"


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    write_with(path, lambda temporary: temporary.write_bytes(content))


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a Parquet file by way of a temporary file: a killed sink destroys the old one."""
    write_with(path, lambda temporary: put_frame(temporary, frame))


def put_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a Parquet file as a build's tables are written.

    At level 1 the files are as small as at the usual 3, and take a quarter less time to write.
    """
    frame.write_parquet(path, compression="zstd", compression_level=1, statistics=True)


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` fill a temporary file beside ``path``, then put it in its place.

    Raises
    ------
    WorkspaceError
        If it cannot be written; what stood there before is untouched.
    """
    temporary: Path | None = None
    with writable(path):
        try:
            temporary = temporary_file(path)
            write(temporary)
            flush(temporary)
            temporary.replace(path)
        finally:
            if temporary:
                temporary.unlink(missing_ok=True)


def temporary_file(path: Path) -> Path:
    """Make an empty file beside ``path`` that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    return Path(name)


def flush(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turn what goes wrong while writing into an error that says where and what to do."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WorkspaceError(
            mark(
                "{path}: cannot be written ({reason}; {free} bytes are free there); the tables "
                "of the last build are untouched"
            ),
            path=str(path),
            reason=getattr(error, "strerror", None) or type(error).__name__,
            free=_free_bytes(path),
        ) from None


def _free_bytes(path: Path) -> int | str:
    there = next((p for p in (path, *path.parents) if p.is_dir()), path)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return "?"


@cache
def code_fingerprint() -> str:
    """Identify the code that makes the tables, so that a changed library builds anew."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        if inside.parts[0] not in {"board", "cli.py"}:
            digest.update(inside.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def hash_file(path: Path) -> str:
    """Give the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parsed(path: Path, workspace: Path, name: str) -> Any:
    """Read a JSON document of a workspace."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise damaged(workspace, name) from None


def is_as_written(path: Path, sha256: str) -> bool:
    """Tell whether a file still has the content it was written with."""
    try:
        about = path.stat()
        return _hash_of(path, about.st_size, about.st_mtime_ns) == sha256
    except OSError:
        return False


@lru_cache(maxsize=4096)
def _hash_of(path: Path, size: int, modified: int) -> str:
    """Hash a file once a process, for as long as its size and time stay."""
    del size, modified
    return hash_file(path)


def missing(workspace: Path, what: str) -> WorkspaceError:
    """Say that a file of a workspace is not there."""
    return WorkspaceError(
        mark("{path}: {what} is missing; run 'crm build' again"), path=str(workspace), what=what
    )


def damaged(workspace: Path, what: str) -> WorkspaceError:
    """Say that a file of a workspace is not as it was written."""
    return WorkspaceError(
        mark("{path}: {what} is damaged; run 'crm build' again"), path=str(workspace), what=what
    )


@contextmanager
def locked(workspace: Path) -> Iterator[None]:
    """Hold the workspace for one writer; a second one is told who has it.

    Raises
    ------
    WorkspaceError
        If another process is building here, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    holder = workspace / _HOLDER
    lock = FileLock(workspace / _LOCK)
    with writable(workspace):
        workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise WorkspaceError(
                mark(
                    "{path}: process {pid} is building here; wait for it or choose another "
                    "workspace"
                ),
                path=str(workspace),
                pid=_holder(holder),
            ) from None
    with suppress(OSError):  # the name is a courtesy
        holder.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip() or "?"
    except (OSError, ValueError):
        return "?"


@contextmanager
def staging(workspace: Path) -> Iterator[Path]:
    """Give a folder for rows on their way in; those that killed readers left are removed.

    Each folder has a lock beside it that its reader holds, so that a living one is left alone.
    """
    from filelock import FileLock

    with writable(workspace):
        workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock_file = temporary_file(workspace / _STAGING.removeprefix("."))
        lock = FileLock(lock_file)
        lock.acquire(timeout=0)
        folder = lock_file.with_suffix("")
        folder.mkdir(mode=0o700)
    try:
        _sweep_staging(workspace)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        with suppress(OSError):
            lock_file.unlink(missing_ok=True)


def _sweep_staging(workspace: Path) -> None:
    from filelock import FileLock, Timeout

    for folder in workspace.glob(f"{_STAGING}*"):
        if not folder.is_dir():
            continue
        lock_file = folder.with_name(f"{folder.name}.tmp")
        try:
            with FileLock(lock_file).acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue  # its reader lives
        with suppress(OSError):
            lock_file.unlink(missing_ok=True)
