"""The dashboards' server: Voilà on its own, on this computer only, behind a token."""

from __future__ import annotations

import errno
import ipaddress
import os
import secrets
import sys
import tempfile
import webbrowser
from html import escape
from pathlib import Path
from threading import Thread
from typing import Any

import jinja2
import tornado.ioloop
import tornado.web
from voila.app import Voila

from crmlib import i18n
from crmlib.board.handlers import (
    OPEN,
    HealthHandler,
    IndexHandler,
    SafeHeaders,
)
from crmlib.board.logs import log_request, quieten
from crmlib.board.settings import STATIC, configuration, static_urls
from crmlib.board.source import WORKSPACE_VARIABLE
from crmlib.errors import ConfigError

TEMPLATES = Path(__file__).parent / "template"

# A page of another site can point its own name at 127.0.0.1; such names get no answer.
LOOPBACK_HOSTS = r"(localhost|127\.0\.0\.1|\[::1\])$"

PORTS_TO_TRY = 20


class CrmVoila(Voila):
    """Voilà with our pages, without its open doors."""

    workspace: Path
    port: int

    def init_settings(self) -> dict[str, Any]:
        """Add compression, our templates and a log without queries."""
        settings = super().init_settings()
        # The login and error pages come from ours too: the stock ones name outside hosts.
        pages = jinja2.Environment(loader=settings["voila_jinja2_env"].loader, autoescape=True)
        for environment in (pages, settings["voila_jinja2_env"]):
            environment.globals.update(crm=static_urls())
        return settings | {
            "jinja2_env": pages,
            "compress_response": True,
            "log_function": log_request,
        }

    def init_handlers(self) -> list[Any]:
        """Keep the handlers that a page needs and add ours."""
        ours: list[Any] = [
            (
                r"/",
                IndexHandler,
                {"workspace": self.workspace, "notebooks": Path(self.root_dir)},
            ),
            (r"/healthz", HealthHandler),
            (r"/crm/static/(.*)", tornado.web.StaticFileHandler, {"path": STATIC}),
        ]
        kept = [
            (pattern, OPEN[handler], *options)
            for pattern, handler, *options in super().init_handlers()
            if handler in OPEN
        ]
        return ours + kept

    def start(self) -> None:
        """Listen until the process is told to stop."""
        self.connection_dir = tempfile.mkdtemp(prefix="crm_")  # 0700
        self.app = tornado.web.Application(**self.init_settings())
        self.app.add_transform(SafeHeaders)
        self.app.add_handlers(LOOPBACK_HOSTS, self.init_handlers())
        try:
            self._bind()
            self._invite()
            self.ioloop = tornado.ioloop.IOLoop.current()
            self.ioloop.start()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def _bind(self) -> None:
        wanted = self.port
        for port in range(wanted, wanted + PORTS_TO_TRY):
            try:
                self.app.listen(port, self.ip)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
            else:
                self.port = port
                return
        raise ConfigError(
            i18n.mark("Ports {first} to {last} are taken; choose another with --port."),
            first=wanted,
            last=wanted + PORTS_TO_TRY - 1,
        )

    def _invite(self) -> None:
        """Say where the dashboards are. The token is only in a file that its owner can read."""
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        address = f"http://{host}:{self.port}/"
        target = escape(f"{address}?token={self.token}")
        with tempfile.NamedTemporaryFile(  # 0600
            "w",
            dir=self.connection_dir,
            prefix="open-dashboards-",
            suffix=".html",
            encoding="utf-8",
            delete=False,
        ) as page:
            page.write(
                '<!DOCTYPE html><meta charset="utf-8">'
                f'<meta http-equiv="refresh" content="0;url={target}">'
                f'<title>crmlib</title><a href="{target}">{address}</a>\n'
            )
        file = Path(page.name)
        lang = i18n.preferred_language()
        said = [
            i18n.text("The dashboards are at {address}", lang, address=address),
            i18n.text("To get in, open this file in a browser: {file}", lang, file=file),
            i18n.text("Ctrl-C ends the server.", lang),
        ]
        sys.stdout.write("\n".join(said) + "\n")
        sys.stdout.flush()
        if self.open_browser:
            # Some browsers do not return before they are closed.
            Thread(target=webbrowser.open, args=(file.as_uri(),), daemon=True).start()


def serve(
    workspace: Path,
    notebooks: Path,
    *,
    port: int = 8866,
    open_browser: bool = True,
    ip: str = "127.0.0.1",
) -> int:
    """Serve the dashboards until the process is stopped.

    Parameters
    ----------
    workspace
        Where the built tables and boards are.
    notebooks
        Folder of the dashboards' notebooks.
    port
        The first port to try; when it is taken, the next ones are.
    open_browser
        Whether to open the dashboards in a browser.
    ip
        A loopback address.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    crmlib.errors.ConfigError
        If the address is not a loopback address, the folder does not exist or no port is free.
    """
    _require_loopback(ip)
    if not notebooks.is_dir():
        raise ConfigError(
            i18n.mark("There is no folder of dashboards at {folder}."), folder=notebooks
        )
    # The kernels learn the workspace, and Voilà our templates, from the environment.
    os.environ[WORKSPACE_VARIABLE] = str(workspace.resolve())
    known = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join([str(TEMPLATES), *([known] if known else [])])
    # No configuration files: one that lies about must not open a door.
    app = CrmVoila(config=configuration(), config_file_paths=[])
    app.workspace = workspace.resolve()
    app.root_dir = str(notebooks.resolve())
    app.ip, app.port, app.open_browser = ip, port, open_browser
    app.token = secrets.token_urlsafe(32)
    quieten(app.log)
    app.initialize(argv=[])
    app.start()
    return 0


def _require_loopback(ip: str) -> None:
    try:
        loopback = ipaddress.ip_address(ip).is_loopback
    except ValueError:
        loopback = ip == "localhost"
    if not loopback:
        raise ConfigError(
            i18n.mark(
                "{address} can be reached from other computers; the dashboards are served on"
                " this one only, since Voilà cannot tell its readers apart. Put a proxy with a"
                " login in front."
            ),
            address=ip,
        )
