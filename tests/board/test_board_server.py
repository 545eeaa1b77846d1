"""The server: loopback only, a token always, no files, no values in page or log."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import board_fake as fake
import psutil
import pytest
from board_support import Server

from crmlib.board.server import serve
from crmlib.errors import ConfigError

DASHBOARD = "/voila/render/profile.ipynb"
HOST = re.compile(r"(?:https?:)?//(?!127\.0\.0\.1|localhost)[a-z0-9-]+\.[a-z]{2,}", re.IGNORECASE)


@pytest.mark.parametrize("path", ["/", DASHBOARD])
def test_pages_ask_for_the_token(fake_server: Server, path: str) -> None:
    status, _, headers = fake_server.get(path)
    assert status == 302
    assert headers["Location"].startswith("/login")
    assert fake_server.get(path, Authorization="token wrong")[0] == 302
    assert fake_server.get(f"{path}?token=wrong")[0] == 302
    assert fake_server.read(path)[0] == 200


def test_the_token_leaves_the_address(fake_server: Server) -> None:
    status, _, headers = fake_server.get(f"/?token={fake_server.token}&lang=en")
    assert (status, headers["Location"]) == (302, "/?lang=en")
    assert "HttpOnly" in headers["Set-Cookie"]
    cookie = headers["Set-Cookie"].split(";")[0]
    assert fake_server.get("/", Cookie=cookie)[0] == 200


def test_the_index_lists_dashboards_in_both_languages(fake_server: Server) -> None:
    _, turkish, _ = fake_server.read("/")
    assert "Müşteri profili" in turkish
    assert "30 Haziran 2025" in turkish
    _, english, _ = fake_server.read("/?lang=en")
    assert "Customer profile" in english
    assert "30 June 2025" in english
    assert fake_server.read("/?lang=%22%3E%3Cscript%3E")[1] == turkish


def test_health_needs_no_token(fake_server: Server) -> None:
    assert fake_server.get("/healthz")[:2] == (200, "ok")


@pytest.mark.parametrize(
    "path",
    [
        "/voila/api/contents",
        "/voila/api/contents/profile.ipynb",
        "/voila/tree",
        "/voila/files/secret.png",
        "/voila/files/secret.csv",
        "/voila/files/profile.ipynb",
        "/voila/render/secret.csv",
        "/voila/render/../conftest.py",
        "/voila/render/%2e%2e/%2e%2e/etc/passwd",
        "/voila/render/nothing.ipynb",
        "/crm/static/../server.py",
        "/crm/static/%2e%2e/server.py",
        "/voila/static/%2e%2e/%2e%2e/app.py",
        "/voila/templates/crm/static/%2e%2e/index.html.j2",
        "/voila/templates/lab/nothing/x",
        "/voila/templates/x",
        "/voila/labextensions/%2e%2e/%2e%2e/x",
        "/api/contents",
        "/api/sessions",
        "/api/kernels",
        "/logout",
    ],
)
def test_what_a_reader_does_not_need_is_closed(fake_server: Server, path: str) -> None:
    status, body, _ = fake_server.read(path)
    assert status in (403, 404)
    assert "private" not in body
    assert "Traceback" not in body


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", DASHBOARD, "/crm/static/shell.css"])
def test_a_foreign_host_name_gets_no_answer(fake_server: Server, path: str) -> None:
    token = f"token {fake_server.token}"
    for host in ("evil.example", f"evil.example:{fake_server.port}", "127.0.0.1.evil.example"):
        status, body, _ = fake_server.get(path, host=host, Authorization=token)
        assert (status, "crmlib" in body) == (404, False)
    assert fake_server.get("/healthz", host=f"localhost:{fake_server.port}")[0] == 200


def test_pages_name_no_outside_host_and_carry_the_headers(fake_server: Server) -> None:
    for path in ("/", "/login", DASHBOARD, "/nothing"):
        _, body, headers = fake_server.read(path)
        assert HOST.findall(body) == []
        assert fake_server.token not in body
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert fake_server.get("/crm/static/shell.css")[2]["X-Content-Type-Options"] == "nosniff"


def test_answers_are_compressed(fake_server: Server) -> None:
    headers = fake_server.get("/crm/static/shell.css", **{"Accept-Encoding": "gzip"})[2]
    assert headers["Content-Encoding"] == "gzip"


def test_a_failing_cell_shows_no_traceback_and_logs_no_value(fake_server: Server) -> None:
    status, body, _ = fake_server.read("/voila/render/broken.ipynb?theme=%22%3E%3Cscript%3E")
    assert status == 200
    assert "Bu sayfa gösterilemedi" in body
    log = fake_server.log.read_text()
    assert "ValueError" in log
    for text in (fake.SECRET, "cell-source-mark"):
        assert text not in body + log
    assert "Traceback" not in body
    assert '"><script>' not in body


def test_the_token_is_only_in_a_private_file(fake_server: Server) -> None:
    fake_server.get(f"/nothing?token={fake_server.token}")
    assert fake_server.token not in fake_server.log.read_text()
    process = psutil.Process(fake_server.process.pid)
    assert fake_server.token not in " ".join([*process.cmdline(), *process.environ().values()])
    assert stat.S_IMODE(fake_server.invitation.stat().st_mode) == 0o600


def test_it_listens_on_loopback_only(fake_server: Server) -> None:
    process = psutil.Process(fake_server.process.pid)
    listening = [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("ip", ["0.0.0.0", "", "::", "192.168.1.5", "evil.example"])
def test_another_address_is_refused(ip: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="other computers"):
        serve(tmp_path, tmp_path, open_browser=False, ip=ip)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        serve(tmp_path, tmp_path / "nowhere", open_browser=False)
