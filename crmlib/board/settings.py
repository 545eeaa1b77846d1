"""How Voilà is set up: our template and files, nothing that a reader does not need."""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from traitlets.config import Config

from crmlib.board.source import board_language

TEMPLATE = "crm"
STATIC = Path(__file__).parent / "static"
STATIC_FILES = ("shell.css", "plotly-cartesian.min.js", "plotly-locale-tr.js")

START_SECONDS = 120  # for a cell; a cold start on a slow machine takes some ten
IDLE_SECONDS = 120  # for a kernel whose tab is gone without a word


@cache
def static_urls() -> dict[str, str]:
    """Give the addresses of our static files; the digest lets browsers keep them for good."""
    return {
        name: f"/crm/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"
        for name in STATIC_FILES
    }


def configuration() -> Config:
    """Give the settings of Voilà that close what a reader does not need."""
    config = Config()
    config.VoilaConfiguration.template = TEMPLATE
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.allow_theme_override = "NO"
    config.VoilaConfiguration.file_allowlist = []
    config.VoilaConfiguration.show_tracebacks = False
    config.VoilaConfiguration.extension_allowlist = [
        "@jupyter-widgets/jupyterlab-manager",
        "@voila-dashboards/widgets-manager8",
        "anywidget",
    ]
    config.VoilaConfiguration.resources = {"crm": static_urls()}
    config.VoilaExecutor.timeout = START_SECONDS
    config.VoilaExporter.language_code = board_language()
    config.MappingKernelManager.cull_idle_timeout = IDLE_SECONDS
    config.MappingKernelManager.cull_interval = 15
    config.MappingKernelManager.cull_connected = False
    config.IdentityProvider.cookie_options = {"samesite": "Lax"}
    # Other users of this computer could read a kernel's TCP traffic. A socket's path is short
    # by nature, so a deep temporary folder has to do without.
    if sys.platform == "linux" and len(tempfile.gettempdir()) < 40:
        config.KernelManager.transport = "ipc"
    return config
