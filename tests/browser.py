"""Browser: pages looked at in a real Chromium, at the widths and colours of their readers.

    with open_browser() as browser:
        assert faults_of(browser, path) == []

``faults_of`` loads a page from disk with every fold open and closed, at 1280 and 390 px, light and dark, and names each
console message, each request, each element that is wider than the page and each finding of axe. ``opened`` gives a
playwright page for tests that click. Tests that use this are slow; they skip where there is no Chromium, which Debian
calls ``chromium``, or where ``QUINTILE_CHROMIUM`` names none.

A page is loaded twice at each size: once under its own content security policy, to hear what it says, and once without
it, because what a test evaluates in a page is a script that the policy refuses.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WIDTHS = {1280: 900, 390: 844}  # CSS pixels, and the height of the window
COLOURS = ("light", "dark")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OPEN_FOLDS = "() => document.querySelectorAll('details').forEach(fold => { fold.open = true; })"
TOO_WIDE = """() => {
  const page = document.documentElement.clientWidth;
  const clips = node => /(auto|scroll|hidden|clip)/.test(getComputedStyle(node).overflowX);
  const scrolls = node => node && (clips(node) || scrolls(node.parentElement));
  const wide = [...document.body.querySelectorAll('*')].filter(node => {
    const box = node.getBoundingClientRect();
    return box.width > 0 && box.right > page + 1 && !scrolls(node.parentElement);
  }).map(node => `${node.tagName.toLowerCase()}.${node.getAttribute('class') || ''}`);
  const whole = document.documentElement.scrollWidth;
  return whole > page + 1 ? [`page ${whole} px`, ...wide] : [];
}"""
AXE_RULES = {"resultTypes": ["violations"]}


@contextmanager
def open_browser() -> Iterator[Any]:
    """A Chromium for the tests of one module; the test is skipped where there is none."""
    program = os.environ.get("QUINTILE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("there is no chromium on this machine: install Debian's package, or name one in QUINTILE_CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Any, path: Path, *, width: int = 1280, colour: str = "light", lawful: bool = True) -> Iterator[Any]:
    """A page from disk with ``page.heard``, what it said and asked for; ``lawful`` keeps its security policy."""
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS.get(width, 900)}, color_scheme=colour, bypass_csp=not lawful
    )
    try:
        page, heard, own = context.new_page(), [], path.resolve().as_uri()
        page.on("console", lambda said: heard.append(f"console {said.type}: {said.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("request", lambda asked: _note_request(heard, asked.url, own))
        page.heard = heard
        page.goto(own, wait_until="load")
        page.wait_for_timeout(300)
        yield page
    finally:
        context.close()


def faults_of(browser: Any, path: Path, *, widths: dict[int, int] | None = None) -> list[str]:
    """Everything wrong with a page at every width and in both colours; an empty list for a good one."""
    found = []
    for width in widths or WIDTHS:
        for colour in COLOURS:
            where = f"{path.name} at {width} px, {colour}"
            found += [
                f"{where}: {fault}"
                for fault in (*_heard(browser, path, width, colour), *_seen(browser, path, width, colour))
            ]
    return found


def _note_request(heard: list[str], url: str, own: str) -> None:
    if url.partition("#")[0] != own and not url.startswith(("data:", "blob:")):
        heard.append(f"request: {url}")


def _heard(browser: Any, path: Path, width: int, colour: str) -> list[str]:
    """What a page says and asks for under its own policy."""
    with opened(browser, path, width=width, colour=colour) as page:
        return list(page.heard)


def _seen(browser: Any, path: Path, width: int, colour: str) -> list[str]:
    """What is wider than the page and what axe finds, with the folds as they come and all open."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    with opened(browser, path, width=width, colour=colour, lawful=False) as page:
        for state in ("as it comes", "all open"):
            if state == "all open":
                page.evaluate(OPEN_FOLDS)
                page.wait_for_timeout(200)
            found += [f"{state}, too wide: {wide}" for wide in page.evaluate(TOO_WIDE)]
            for finding in Axe().run(page, options=AXE_RULES).response["violations"]:
                first = finding["nodes"][0]["html"][:160]
                found.append(f"{state}, axe {finding['id']} ({len(finding['nodes'])}×): {first}")
    return found
