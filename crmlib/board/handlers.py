"""What the server answers: our own pages, and Voilà's handlers with their gaps closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import tornado.web
from jupyter_server.base.handlers import FileFindHandler, JupyterHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from markupsafe import Markup
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import MultiStaticFileHandler, TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import (
    VoilaKernelWebsocketHandler,
    read_header_from_binary_message,
)
from voila.voila_identity_provider import VoilaLoginHandler

from crmlib import i18n
from crmlib.board import render
from crmlib.board.settings import TEMPLATE
from crmlib.board.source import board_language, open_workspace
from crmlib.errors import WorkspaceError

# The widgets make functions of text and load their modules from blobs; hence 'unsafe-eval'
# and blob:. Nothing comes from or goes to another host.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:;"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SafeHeaders(tornado.web.OutputTransform):
    """Put the headers on every answer, static files and errors included."""

    def __init__(self, request: HTTPServerRequest) -> None:
        """Take the request, as tornado demands."""

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: FBT001
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the headers."""
        for name, value in HEADERS.items():
            headers[name] = value
        return status_code, headers, chunk


def leave_token_behind(handler: tornado.web.RequestHandler) -> bool:
    """Send a reader who came with the token on without it: the cookie serves from here on."""
    if "token" not in handler.request.query_arguments:
        return False
    kept = [
        (name, value)
        for name, values in handler.request.query_arguments.items()
        for value in values
        if name != "token"
    ]
    # One slash only: "//evil/" would be another host.
    path = "/" + quote(handler.request.path.lstrip("/"))
    handler.redirect(path + ("?" + urlencode(kept) if kept else ""))
    return True


class HealthHandler(tornado.web.RequestHandler):
    """Tell a watchdog that the server lives."""

    def get(self) -> None:
        """Answer without a login; there is nothing to read here."""
        self.set_header("Content-Type", "text/plain")
        self.write("ok")


class IndexHandler(JupyterHandler):
    """List the dashboards."""

    def initialize(self, *, workspace: Path, notebooks: Path) -> None:
        """Take the folders."""
        self.workspace, self.notebooks = workspace, notebooks

    @tornado.web.authenticated
    def get(self) -> None:
        """Write the list in the language that was asked for."""
        if leave_token_behind(self):
            return
        asked = self.get_query_argument("lang", "")
        lang = asked if asked in i18n.LANGUAGES else board_language()
        note, problem = "", None
        try:
            published = open_workspace(self.workspace)
            note = f"{published.shop} · {render.as_of(published.as_of, lang)}"
        except WorkspaceError as error:
            problem = Markup(render.notice([error.text(lang)], lang))  # escaped there
        names = sorted(file.stem for file in self.notebooks.glob("*.ipynb"))
        listed = [
            (render.title(name, lang), f"/voila/render/{quote(name)}.ipynb?lang={lang}")
            for name in names
        ]
        texts = {"title": i18n.text("Dashboards", lang), "note": note}
        fields = {"lang": lang, "texts": texts, "problem": problem, "dashboards": listed}
        self.write(self.render_template("dashboards.html", **fields))  # type: ignore[no-untyped-call]


class BoardHandler(TornadoVoilaHandler):
    """Run a dashboard and show it."""

    async def prepare(self, **options: Any) -> Any:
        """Set the cookie that lets a page end its kernel when its tab is closed."""
        prepared = await super().prepare(**options)
        _ = self.xsrf_token  # reading it sets the cookie, which Voilà forgets
        return prepared

    @tornado.web.authenticated
    async def get(self, path: str | None = None) -> None:
        """Answer for the notebooks in the folder and for nothing else."""
        if path not in {file.name for file in Path(self.contents_manager.root_dir).glob("*.ipynb")}:
            raise tornado.web.HTTPError(404)
        if not leave_token_behind(self):
            await super().get(path)


class QuietChannelsHandler(VoilaKernelWebsocketHandler):
    """Carry the widgets' messages, but not what a kernel prints or how it fails."""

    def write_message(self, message: bytes | dict[str, Any], binary: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Send a message to the page."""
        header = (
            read_header_from_binary_message(message)
            if isinstance(message, bytes)
            else message.get("header")
        )
        if header and header.get("msg_type") in {"stream", "error"}:
            return None
        return super().write_message(message, binary)


class TemplateFilesHandler(TemplateStaticFileHandler):
    """Serve our template's files. Voilà's own handler fails on a strange path by an assert."""

    def parse_url_path(self, url_path: str) -> str:
        """Refuse what is not a file of the template."""
        parts = url_path.split("/")
        if parts[:2] != [TEMPLATE, "static"] or len(parts) < 3 or ".." in parts:
            raise tornado.web.HTTPError(404)
        return super().parse_url_path(url_path)


# Voilà's handlers that a page needs, with ours in their place. What is not listed is closed:
# the list of notebooks and the contents API, the files beside the notebooks, themes, logout.
OPEN: dict[type, type] = {
    handler: handler
    for handler in (KernelHandler, VoilaShutdownKernelHandler, MultiStaticFileHandler)
} | {
    FileFindHandler: FileFindHandler,
    VoilaLoginHandler: VoilaLoginHandler,
    VoilaKernelWebsocketHandler: QuietChannelsHandler,
    TemplateStaticFileHandler: TemplateFilesHandler,
    TornadoVoilaHandler: BoardHandler,
}
