"""A real browser without a screen, and pages in it, in which nothing may go wrong."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from served_web import Site

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 812}
# What a hostile thread would call, if anything of it ran, and where a violated policy is told.
_WATCH = """
window.seen = [];
window.canary = (what) => { window.seen.push(`canary ${what}`); };
window.alert = window.canary;
addEventListener("securitypolicyviolation", (event) => {
  window.seen.push(`policy ${event.violatedDirective} ${event.blockedURI}`);
});
"""
_GRAVE = ("serious", "critical")


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """Chromium as the machine has it; skips where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextlib.contextmanager
def visited(browser: Browser, site: Site, *, expected: str = "", **options: Any) -> Iterator[Page]:
    """A page that was let in; in the end nothing may have gone wrong in any that it showed.

    What begins with *expected* is said on the console without harm.
    """
    troubles: list[str] = []
    context = browser.new_context(**{"viewport": DESKTOP, **options})
    context.set_default_timeout(10_000)
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(f"error {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
    page.on("popup", lambda popup: troubles.append(f"popup {popup.url}"))

    def told(said: Any) -> None:
        if said.type == "error" and not (expected and said.text.startswith(expected)):
            troubles.append(said.text)

    def asked(request: Any) -> None:
        if not request.url.startswith((site.base + "/", "data:image/")):
            troubles.append(f"request {request.url}")

    page.on("console", told)
    page.on("request", asked)
    page.goto(site.keys.link)
    yield page
    troubles += page.evaluate("window.seen")
    context.close()
    assert troubles == []


def expect_accessible(page: Page) -> None:
    """What axe finds grave in a page is a failure."""
    if page.evaluate("typeof window.axe") != "object":
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    grave = [
        (each["id"], [node["html"][:200] for node in each["nodes"]][:3])
        for each in found["violations"]
        if each["impact"] in _GRAVE
    ]
    assert grave == [], grave
