"""Starting the dashboards' server for a test, with notebooks of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
DASHBOARDS = HERE.parent.parent / "dashboards"

FAKE = "import sys, board_fake as figures\nsys.modules['crmlib.publish'] = figures"


@dataclass
class Server:
    """A running server and what it wrote."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    token: str = ""
    invitation: Path = field(default_factory=Path)

    def get(self, path: str, *, host: str | None = None, **headers: str) -> tuple[int, str, dict]:
        """Ask for a path and give status, body and headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(
            "GET", path, headers={"Host": host or f"127.0.0.1:{self.port}"} | headers
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace"), dict(answer.getheaders())

    def read(self, path: str) -> tuple[int, str, dict]:
        """Ask for a path with the right token."""
        return self.get(path, Authorization=f"token {self.token}")


def notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells."""
    made = [
        {
            "cell_type": "code",
            "id": f"c{n}",
            "metadata": {},
            "outputs": [],
            "source": source,
            "execution_count": None,
        }
        for n, source in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "cells": made,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content), encoding="utf-8")


def fake_dashboard(path: Path) -> None:
    """Write the profile dashboard with made-up results in place of the published ones."""
    cells = json.loads((DASHBOARDS / "profile.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    notebook(path, FAKE, *(s.replace("from crmlib.profile import figures", "") for s in sources))


def start(notebooks: Path, workspace: Path, log: Path) -> Server:
    """Start the server and wait until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = (
        "import sys; from pathlib import Path; from crmlib.board.server import serve\n"
        + ("" if notebooks == DASHBOARDS else FAKE + "\n")
        + "sys.exit(serve(Path(sys.argv[1]), Path(sys.argv[2]), port=int(sys.argv[3]),"
        " open_browser=False))"
    )
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {k: v for k, v in os.environ.items() if k != "CRM_LANG"}
    environment |= {"PYTHONPATH": os.pathsep.join(paths)}
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(workspace), str(notebooks), str(port)],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
        )
    server = Server(process, port, log)
    for _ in range(150):
        found = re.search(r"(/\S+open-dashboards-\w+\.html)", log.read_text())
        if found:
            break
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    server.invitation = Path(found[1])
    server.token = re.search(r"token=([\w-]+)", server.invitation.read_text())[1]
    return server


def stop(server: Server) -> None:
    """End the server as Ctrl-C or a service manager does."""
    server.process.terminate()
    server.process.wait(20)
