"""Take the pictures of docs/pictures: dashboards and notebooks of the sample shop (`make shots`).

Needs Chromium and the workspace that `make test` or `make dashboards` has built (or
``CRM_WORKSPACE``).
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
DRAWN = (
    "(charts => charts.length > 1 && charts.every(c => c.querySelector('.plot-container')))"
    "([...document.querySelectorAll('.crm-chart')].filter(c => c.offsetParent))"
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SHOTS = [  # name, language, window, colours, whole page
    ("profile-en", "en", WIDE, "light", True),
    ("profile-tr", "tr", WIDE, "light", True),
    ("profile-en-dark", "en", WIDE, "dark", True),
    ("profile-tr-phone", "tr", PHONE, "light", True),
    ("profile-en-phone-dark", "en", PHONE, "dark", True),
]
# The README shows these; the others are for looking at.
COMMITTED = {"profile-en", "profile-tr-phone", "profile-en-dark", "notebook-profile"}


def serve(workspace: Path, port: int) -> tuple[subprocess.Popen[str], str]:
    """Start the server; gives it and the address that lets us in."""
    command = [sys.executable, "-m", "crmlib.cli", "serve", "--no-browser", f"--port={port}"]
    command += [f"--workspace={workspace}"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        found = re.search(r"(\S+open-dashboards-\w+\.html)", line)
        if found:
            invitation = Path(found[1]).read_text(encoding="utf-8")
            address = re.search(r"(http://\S+?token=[\w-]+)", invitation)
            assert address is not None
            return server, address[1]
    raise RuntimeError("the server ended before it said where it is")


def dashboards(browser: Browser, address: str, out: Path) -> None:
    """Shoot the profile in both languages, wide and phone, light and dark."""
    for name, lang, size, colours, whole in SHOTS:
        context = browser.new_context(viewport=size, color_scheme=colours, device_scale_factor=1)
        page = context.new_page()
        page.goto(address)
        base = address.split("?")[0].rstrip("/")
        page.goto(f"{base}/voila/render/profile.ipynb?lang={lang}")
        page.wait_for_selector(".crm-sentences li", timeout=60_000)
        page.wait_for_function(DRAWN, timeout=60_000)
        time.sleep(1)  # charts ease in
        page.screenshot(path=out / f"{name}.png", full_page=whole)
        context.close()


def notebook(browser: Browser, workspace: Path, out: Path) -> None:
    """Run the profile notebook, render it as HTML and shoot it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "nbconvert", "--to=html", "--execute"]
        command += [f"--output-dir={folder}", str(ROOT / "notebooks" / "10_profile.ipynb")]
        environment = os.environ | {
            "CRM_WORKSPACE": str(workspace),
            "PLOTLY_RENDERER": "plotly_mimetype+notebook",  # HTML must draw without a network
        }
        subprocess.run(command, check=True, env=environment, capture_output=True)
        page = browser.new_page(viewport={"width": 1100, "height": 1400})
        page.goto((Path(folder) / "10_profile.html").as_uri())
        _settle(page)
        page.screenshot(path=out / "notebook-profile.png")
        page.screenshot(path=out / "notebook-profile-whole.png", full_page=True)


def _settle(page: Page) -> None:
    page.wait_for_load_state("load")
    time.sleep(2)  # plotly draws after the page has loaded


def main() -> None:
    """Take all pictures; those that the README does not show go to build/pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    built = os.environ.get("CRM_WORKSPACE", ROOT / "build" / "sample" / "workspace")
    parser.add_argument("--workspace", type=Path, default=Path(built))
    parser.add_argument("--port", type=int, default=8990)
    given = parser.parse_args()
    out = ROOT / "build" / "pictures"
    out.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    server, address = serve(given.workspace.resolve(), given.port)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            dashboards(browser, address, out)
            notebook(browser, given.workspace.resolve(), out)
            browser.close()
    finally:
        server.terminate()
    for name in sorted(COMMITTED):
        shutil.copy(out / f"{name}.png", PICTURES / f"{name}.png")
    print(f"pictures in {out.relative_to(ROOT)}, those of the README in docs/pictures")


if __name__ == "__main__":
    main()
