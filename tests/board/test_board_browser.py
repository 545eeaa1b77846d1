"""The dashboard in a browser: what a manager sees and does."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import psutil
from board_support import Server
from playwright.sync_api import Browser, Page

DRAWN = (
    "(charts => charts.length > 5 && charts.every(c => c.querySelector('.plot-container')))"
    "([...document.querySelectorAll('.crm-chart')].filter(c => c.offsetParent))"
)
BARS = "() => JSON.stringify(document.querySelector('.js-plotly-plot').data[0].x)"


def kernels(server: Server) -> int:
    return len(psutil.Process(server.process.pid).children())


def open_board(page: Page, server: Server) -> None:
    page.goto(f"http://127.0.0.1:{server.port}/?token={server.token}")
    page.get_by_role("link", name="Müşteri profili").click()
    page.wait_for_selector(".crm-sentences li", timeout=60_000)
    page.wait_for_function(DRAWN)


def test_a_manager_reads_filters_and_switches_language(
    board_server: Server, browser: Browser
) -> None:
    before = kernels(board_server)
    # A context of its own: one that ends with its page would swallow the page's last word.
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    faults: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).hostname))

    open_board(page, board_server)
    assert page.get_by_role("heading", level=1).inner_text() == "Müşteri profili"
    for part in (".crm-sentences", ".crm-cards", ".crm-chart", ".crm-table"):
        # A clipped panel of Voilà once hid a page whose elements all had their sizes.
        page.locator(part).first.scroll_into_view_if_needed()
        box = page.locator(part).first.bounding_box()
        hit = "([x, y, part]) => !!document.elementFromPoint(x, y)?.closest(part)"
        assert page.evaluate(hit, [box["x"] + 30, box["y"] + 12, part]), part
    assert page.evaluate(DRAWN)

    sentence, bars = page.locator(".crm-sentences").first.inner_text(), page.evaluate(BARS)
    period = page.get_by_label("Dönem")
    period.select_option(index=period.locator("option").count() - 1)
    page.wait_for_function(
        "old => document.querySelector('.crm-sentences').innerText != old", arg=sentence
    )
    page.wait_for_function(f"old => ({BARS})() != old", arg=bars)

    page.get_by_label("Dil · Language").select_option("English")
    page.wait_for_function("document.querySelector('h1').innerText == 'Customer profile'")
    page.get_by_label("Period", exact=True).wait_for()
    page.wait_for_function(
        "[...document.querySelectorAll('[role=figure]')].every(e => e.lang == 'en')"
    )
    buttons = page.locator(".modebar-btn").evaluate_all("all => all.map(e => e.dataset.title)")
    assert buttons
    assert not any("cloud" in title.lower() or "share" in title.lower() for title in buttons)

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # On a phone no table is wider than its box, and every number has its header beside it.
    wide = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert page.locator(".crm-table").evaluate_all(wide) == 0
    label = "e => getComputedStyle(e, '::before').content"
    assert len(page.locator(".crm-table td").first.evaluate(label)) > 4
    assert hosts <= {"127.0.0.1", None, ""}
    assert faults == []

    page.close(run_before_unload=True)
    until = time.monotonic() + 20
    while kernels(board_server) > before and time.monotonic() < until:
        time.sleep(0.2)
    assert kernels(board_server) == before


def test_the_charts_speak_turkish_and_follow_the_dark_scheme(
    board_server: Server, browser: Browser
) -> None:
    page = browser.new_context(color_scheme="dark").new_page()
    open_board(page, board_server)
    titles = page.locator(".modebar-btn").evaluate_all("all => all.map(e => e.dataset.title)")
    assert any("PNG olarak indir" in title for title in titles)
    colours = "[...document.querySelectorAll('.gtitle')].map(e => getComputedStyle(e).fill)"
    assert set(page.evaluate(colours)) == {"rgb(230, 234, 240)"}
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{colours}.every(each => each == 'rgb(28, 36, 48)')")
    page.close(run_before_unload=True)
