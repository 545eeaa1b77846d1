"""Where the tables lie: immutable parts, builds, and a pointer that is replaced last.

::

    workspace/
      CURRENT                 name of the build that readers open
      parts/<table>/<sha256>.parquet      ledger, content-addressed, by month where it has one
      builds/<name>/files.json            sha256 of the build's files, written when it is whole
      builds/<name>/manifest.json         parts, inputs, counts, configuration, versions, as-of
      builds/<name>/customers/            one row a customer, by pseudonym
      builds/<name>/customers/visits/     one row a customer-day, by month
      builds/<name>/marts/                small aggregates
      builds/<name>/boards/<theme>/       what dashboards read
      builds/<name>/quarantine/           rows that could not be kept, with their reasons

A build that was killed leaves a folder that no pointer names; the next one sweeps it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from crmlib.errors import WorkspaceError
from crmlib.i18n import mark
from crmlib.ledger.disk import (
    damaged,
    flush,
    hash_file,
    is_as_written,
    missing,
    parsed,
    temporary_file,
    writable,
    write_bytes,
    write_frame,
)
from crmlib.ledger.disk import locked as locked  # offered here: a build begins with it
from crmlib.ledger.disk import staging as staging

POINTER = "CURRENT"
MANIFEST = "manifest.json"
FILES = "files.json"
# Bump when stored tables change their meaning; other versions ask for a new build.
FORMAT = 4
KEPT_BUILDS = 3
_STALE_SECONDS = 24 * 3600
_NAME = re.compile(r"([0-9]{6,})-[0-9]{8}T[0-9]{6}Z")


@dataclass(frozen=True, slots=True)
class Part:
    """An immutable piece of a ledger table; ``month`` is 12 x year + month - 1, or ``None``."""

    table: str
    sha256: str
    rows: int
    month: int | None = None

    @property
    def path(self) -> Path:
        """Path below the workspace."""
        return Path("parts") / self.table / f"{self.sha256[:32]}.parquet"


def keep_part(workspace: Path, table: str, frame: pl.DataFrame, month: int | None = None) -> Part:
    """Store a piece of a table under its content's hash; an equal piece is kept as it is."""
    folder = workspace / "parts" / table
    temporary: Path | None = None
    with writable(folder):
        try:
            temporary = temporary_file(folder / "part")
            frame.write_parquet(temporary, compression="zstd", statistics=True)
            part = Part(table, hash_file(temporary), frame.height, month)
            _put(temporary, workspace / part.path, part.sha256)
            return part
        finally:
            if temporary:
                temporary.unlink(missing_ok=True)


def _put(temporary: Path, path: Path, sha256: str) -> None:
    if path.exists() and hash_file(path) == sha256:
        os.utime(path)  # in use again: the sweeping of old parts looks at the time
        return
    flush(temporary)
    temporary.replace(path)


def take_part(source: Path, target: Path, part: Part) -> None:
    """Bring a part of another workspace here."""
    if not (target / part.path).exists():
        write_bytes(target / part.path, (source / part.path).read_bytes())


@dataclass(frozen=True, slots=True)
class Build:
    """A build under way, or one that is done.

    Attributes
    ----------
    workspace, name
        Folder and the build's name.
    """

    workspace: Path
    name: str

    @property
    def folder(self) -> Path:
        """Folder of the build."""
        return self.workspace / "builds" / self.name

    def keep(self, place: str, frame: pl.DataFrame) -> None:
        """Store a table at ``place``, e.g. ``"marts/kpis"``."""
        write_frame(self.folder / f"{place}.parquet", frame)

    def keep_document(self, place: str, content: Any) -> None:
        """Store a small document at ``place``, e.g. ``"boards/profile/facts"``."""
        write_bytes(self.folder / f"{place}.json", _json(content))

    def scan(self, place: str, *more: str) -> pl.LazyFrame:
        """Open a stored table, or the pieces of one in the order given.

        Raises
        ------
        WorkspaceError
            If this build has no such table, or it is not as it was written.
        """
        return pl.scan_parquet([self.path(p) for p in (place, *more)])

    def path(self, place: str) -> Path:
        """Give the file of a stored table, once it is known to be as it was written."""
        return self._checked(f"{place}.parquet")

    def document(self, place: str) -> Any:
        """Read a stored document.

        Raises
        ------
        WorkspaceError
            If this build has no such document, or it is not as it was written.
        """
        name = f"{place}.json"
        return parsed(self._checked(name), self.workspace, name)

    def _checked(self, name: str) -> Path:
        """Give the path of a file of this build, once it is known to be as it was written."""
        path = self.folder / name
        if not path.is_file():
            raise missing(self.workspace, name)
        wanted = _listed(self).get(name)
        if wanted and not is_as_written(path, wanted):
            raise damaged(self.workspace, name)
        return path

    def has(self, place: str) -> bool:
        """Tell whether this build has a table or document at ``place``."""
        return any((self.folder / f"{place}{e}").exists() for e in (".parquet", ".json"))

    @property
    def manifest(self) -> dict[str, Any]:
        """The build's manifest."""
        found = self.document(MANIFEST.removesuffix(".json"))
        if not isinstance(found, dict) or not isinstance(found.get("parts"), list):
            raise damaged(self.workspace, MANIFEST)
        return found

    def ledger(self, table: str) -> pl.LazyFrame:
        """Open a ledger table from its parts."""
        parts = [Part(**p) for p in self.manifest["parts"] if p["table"] == table]
        for part in parts:
            path = self.workspace / part.path
            if not path.is_file():
                raise missing(self.workspace, part.path.as_posix())
            if not is_as_written(path, part.sha256):
                raise damaged(self.workspace, part.path.as_posix())
        return scan_parts(self.workspace, table, parts)


def scan_parts(workspace: Path, table: str, parts: list[Part]) -> pl.LazyFrame:
    """Open the parts of a ledger table as one; none gives an empty table."""
    from crmlib import schema

    if not parts:
        return schema.LEDGER[table].create_empty(lazy=True)
    return pl.scan_parquet([workspace / p.path for p in parts])


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _listed(build: Build) -> dict[str, str]:
    """Give the sha256 of the build's files, as noted when it was finished; none before that."""
    path = build.folder / FILES
    if not path.is_file():
        return {}
    found = parsed(path, build.workspace, FILES)
    if not isinstance(found, dict):
        raise damaged(build.workspace, FILES)
    return found


def is_sound(build: Build) -> bool:
    """Tell whether all of a build and of its ledger is there as it was written."""
    try:
        names = _listed(build)
        for name in names:
            build._checked(name)
        for table in {p["table"] for p in build.manifest["parts"]}:
            build.ledger(table)
    except (WorkspaceError, KeyError, TypeError):
        return False
    return bool(names)


def current(workspace: Path | str) -> Build:
    """Open the build that the pointer names.

    Raises
    ------
    WorkspaceError
        If nothing was built here, or the build is damaged or of another version.
    """
    workspace = Path(workspace)
    name = _pointed(workspace)
    if name is None:
        raise WorkspaceError(
            mark("{path}: nothing is built here yet; run 'make dashboards' or 'crm build'"),
            path=str(workspace),
        )
    if not _NAME.fullmatch(name):
        raise damaged(workspace, POINTER)
    build = Build(workspace.resolve(), name)
    if build.manifest.get("format") != FORMAT:
        raise WorkspaceError(
            mark("{path}: built by another version; run 'crm build' again"), path=str(workspace)
        )
    return build


def _pointed(workspace: Path) -> str | None:
    try:
        return (workspace / POINTER).read_bytes().decode("ascii", "replace").strip()
    except OSError:
        return None


def current_or_none(workspace: Path) -> Build | None:
    """Open the current build if there is a sound one."""
    try:
        return current(workspace)
    except WorkspaceError:
        return None


def key_fingerprint(workspace: Path) -> str | None:
    """Tell with which key the pseudonyms here were made, even if the build is unusable."""
    manifests = sorted((workspace / "builds").glob(f"*/{MANIFEST}"), reverse=True)
    pointed = workspace / "builds" / (_pointed(workspace) or "") / MANIFEST
    for path in (pointed, *manifests):
        try:
            found = json.loads(path.read_bytes())["key_fingerprint"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return str(found)
    return None


@contextmanager
def new_build(workspace: Path) -> Iterator[Build]:
    """Make a build; it becomes the current one only if everything in it was written.

    The caller describes and finishes it. Folders of killed builds are swept.
    """
    _sweep(workspace)
    with writable(workspace):
        build = _begin(workspace)
    try:
        yield build
    except BaseException:
        if _pointed(workspace) != build.name:  # finished, and stopped while sweeping
            shutil.rmtree(build.folder, ignore_errors=True)
        raise


def _begin(workspace: Path) -> Build:
    """Make a build's folder. Its number orders builds: a clock may be set back."""
    builds = workspace / "builds"
    builds.mkdir(parents=True, exist_ok=True, mode=0o700)
    used = [int(n[1]) for b in builds.iterdir() if (n := _NAME.fullmatch(b.name))]
    number = max(used, default=0) + 1
    build = Build(workspace, f"{number:06}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    build.folder.mkdir(mode=0o700)
    return build


def describe(build: Build, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a build under way: from here on its tables can be opened."""
    build.keep_document(MANIFEST.removesuffix(".json"), {"format": FORMAT, **manifest})


def finish(build: Build) -> None:
    """Note the files' hashes, move the pointer to the build, sweep those beyond the last three."""
    files = sorted(p for p in build.folder.rglob("*") if p.is_file())
    hashes = {p.relative_to(build.folder).as_posix(): hash_file(p) for p in files}
    build.keep_document(FILES.removesuffix(".json"), hashes)
    write_bytes(build.workspace / POINTER, f"{build.name}\n".encode())
    _sweep(build.workspace)


def _sweep(workspace: Path) -> None:
    """Remove what no pointer will ever name: killed builds, old builds, parts without a build."""
    builds = workspace / "builds"
    if not builds.is_dir():
        return
    now = _pointed(workspace) or ""
    done = sorted(b.name for b in builds.iterdir() if (b / FILES).exists())
    kept = {*[n for n in done if n <= now][-KEPT_BUILDS:], now}
    for folder in builds.iterdir():
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
    used = {name for b in kept for name in _part_names(Build(workspace, b))}
    for path in (workspace / "parts").glob("*/*"):
        with suppress(OSError):
            fresh = time.time() - path.stat().st_mtime < _STALE_SECONDS
            if path.name not in used and not fresh:
                path.unlink()


def _part_names(build: Build) -> list[str]:
    try:
        return [Part(**p).path.name for p in build.manifest["parts"]]
    except (WorkspaceError, TypeError):
        return []  # of no use to a reader either
