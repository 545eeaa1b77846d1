"""The vendored browser files are the ones that were fetched, for the plotly that is installed."""

from __future__ import annotations

import hashlib
import re

from plotly.offline import get_plotlyjs_version

from crmlib.board.chart import LOCALE, PLOTLY, STATIC


def test_the_bundle_is_what_was_fetched() -> None:
    lines = (STATIC / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = dict(reversed(line.split("  ")) for line in lines)
    assert {PLOTLY, LOCALE} < set(sums)
    assert sum("LICENSE" in name for name in sums) == 2
    for name, digest in sums.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest


def test_the_bundle_fits_plotly_for_python() -> None:
    head = (STATIC / PLOTLY).read_text(encoding="utf-8")[:200]
    assert f"v{get_plotlyjs_version()}\n" in head


def test_our_own_files_name_no_host() -> None:
    board = STATIC.parent
    ours = [
        file
        for file in board.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.name not in (PLOTLY, LOCALE)
    ]
    assert len(ours) > 15
    for file in ours:
        named = re.findall(r"https?://[\w.{]+", file.read_text(encoding="utf-8"))
        assert [each for each in named if "{" not in each] == [], file
