"""What the board's tests share: a server on loopback and a browser."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))  # for board_fake and board_support

from board_support import (
    DASHBOARDS,
    FAKE,
    Server,
    fake_dashboard,
    notebook,
    start,
    stop,
)


@pytest.fixture(scope="session")
def fake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve made-up results, and a notebook that fails with a secret in its message."""
    folder = tmp_path_factory.mktemp("dashboards")
    fake_dashboard(folder / "profile.ipynb")
    notebook(folder / "broken.ipynb", FAKE, "raise ValueError(figures.SECRET)  # cell-source-mark")
    (folder / "secret.png").write_bytes(b"private")
    (folder / "secret.csv").write_text("private")
    server = start(folder, folder, tmp_path_factory.mktemp("log") / "log")
    yield server
    stop(server)


@pytest.fixture(scope="session")
def board_server(fake_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the real dashboards of ``CRM_WORKSPACE``, or made-up ones where it is not set."""
    workspace = os.environ.get("CRM_WORKSPACE")
    if not workspace:
        yield fake_server
        return
    server = start(DASHBOARDS, Path(workspace), tmp_path_factory.mktemp("log") / "log")
    yield server
    stop(server)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium: the system's, else Playwright's own. None at all is a failure."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield started
        started.close()
