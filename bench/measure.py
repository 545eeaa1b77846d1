"""Run contestants in processes of their own; tell CPU, wall and peak memory; compare and report.

Only the standard library at the top: what a contestant does not use must not weigh on it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
SITE = ROOT / "build" / "bench" / "site"
LOCK = Path(__file__).with_name("requirements.lock")
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contestant: seconds, megabytes, and the digests of its tables."""

    cpu: float
    wall: float
    peak: float
    digests: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Limit:
    """A stated limit, what was measured, and whether it is judged at this size."""

    what: str
    measured: float
    most: float
    judged: bool = True

    @property
    def missed(self) -> bool:
        """Whether a limit that counts was not kept."""
        return self.judged and self.measured > self.most

    @property
    def verdict(self) -> str:
        """The word in the table."""
        if not self.judged:
            return "reported"
        return "missed" if self.missed else "kept"


def peak_mb() -> float:
    """Give the most memory that this process has held.

    Not ``ru_maxrss``: on Linux a child takes over its parent's mark.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import psutil

    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):
        return float(info.peak_wset) / _MB
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MB  # bytes on macOS


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Do the work; give its result and its figures."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    figures = {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "peak": peak_mb(),
    }
    return result, figures


def run(script: Path, *arguments: str, site: bool = False) -> Run:
    """Run a contestant in a new process; ``site`` lends it the libraries of the benchmark alone."""
    paths = [str(ROOT), *([str(SITE)] if site else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def install() -> None:
    """Bring what only the benchmark needs into a folder of its own."""
    ready = SITE / ".ready"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if ready.exists() and ready.read_text() == wanted:
        return
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-input", "--upgrade"]
    pip += ["--disable-pip-version-check", "--no-deps", "--require-hashes"]
    pip += ["--only-binary", ":all:", "--target", str(SITE), "-r", str(LOCK)]
    subprocess.run(pip, check=True)
    ready.write_text(wanted)


# --- The same results -----------------------------------------------------------------------------

_KEYS = ("customer_id", "status", "cohort_month", "month", "day", "ordinal", "days", "event",
         "items", "identified", "fold")  # fmt: skip
_MONEY = {
    "quantity", "value", "value_real", "value_costed", "value_filled", "discount", "returns",
    "margin", "margin_returns", "margin_below_cost", "discount_net", "freight", "service",
    "contacts", "profit",
}  # fmt: skip


def digests(frame: pl.DataFrame) -> dict[str, str]:
    """Give a digest of each column, of exact whole numbers and texts, rows in order of their keys.

    Money and quantities are compared in 1/10,000; floats are rounded to that first.
    """
    import polars as pl

    def exact(name: str, dtype: pl.DataType) -> pl.Expr:
        column = pl.col(name)
        if name == "customer_id" or name == "status":
            return column.cast(pl.String)
        if name not in _MONEY:
            return column.cast(pl.Int64)
        if dtype.is_float():
            return (column * 10_000).round().cast(pl.Int64)
        return column.cast(pl.Decimal(38, 4)).to_physical().cast(pl.Int64)

    names = sorted(frame.columns)
    same = frame.select([exact(n, frame.schema[n]) for n in names])
    same = same.sort([k for k in _KEYS if k in names])
    found = {n: hashlib.sha256(same[n].hash().to_numpy().tobytes()).hexdigest() for n in names}
    return {"rows": str(frame.height), **found}


def same(first: Run, other: Run, who: str) -> None:
    """Stop unless two contestants made the same tables.

    Raises
    ------
    SystemExit
        With the tables and columns that differ.
    """
    for table, columns in first.digests.items():
        theirs = other.digests.get(table, {})
        differ = [c for c in columns.keys() | theirs.keys() if columns.get(c) != theirs.get(c)]
        if differ:
            sys.exit(f"{who}: {table} differs in {', '.join(sorted(differ))}")


# --- The report -----------------------------------------------------------------------------------


def ratio(ours: list[Run], theirs: list[Run]) -> float:
    """Give the median of the ratios of CPU seconds of runs that were made side by side."""
    return median(a.cpu / b.cpu for a, b in zip(ours, theirs, strict=True))


def row(cells: list[str]) -> str:
    """Give a line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Give a Markdown table."""
    return "\n".join(row(r) for r in [head, ["---"] * len(head), *rows])


def limits_table(limits: list[Limit]) -> str:
    """Give the limits with what was measured."""
    rows = [[x.what, f"{x.measured:.2f}", f"{x.most:.2f}", x.verdict] for x in limits]
    return table(["limit", "measured", "at most", ""], rows)


def machine(*packages: str) -> str:
    """Say what was measured on."""
    from importlib.metadata import version

    versions = ", ".join(f"{p} {version(p)}" for p in packages)
    cores = os.cpu_count()
    return f"{cores} cores, {platform.system()}, Python {platform.python_version()}; {versions}."


def write_section(name: str, text: str) -> None:
    """Put a section into docs/benchmarks.md in place of its last one."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else _HEAD
    section = f"{begin}\n{text.strip()}\n{end}"
    if begin in page:
        before, rest = page.split(begin)
        page = before + section + rest.split(end)[1]
    else:
        page = page.rstrip() + f"\n\n{section}\n"
    PAGE.write_text(page, encoding="utf-8")


_HEAD = """# Benchmarks

Written by `make bench ARGS=--write`, `python bench/imports.py --write` and
`python bench/sample.py --write`; not by hand. CPU seconds are user and system time of all threads;
ratios are medians over runs made side by side.
"""
