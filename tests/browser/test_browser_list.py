"""The list of threads in a real browser: its keys, what is found in it, what is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import visited
from playwright.sync_api import Browser, Page, expect

from makers import put_names, put_thread, uuid
from served_web import Site, served

THREADS = 420
NAMES = ("fix: the parser", "12:30, a talk", "see http://host/x", "in: a box")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    for number in range(THREADS):
        stamp = f"2026-01-01T{number % 24:02d}-{number % 60:02d}-{number // 24 % 60:02d}"
        put_thread(home, 100 + number, f"Question number {number}", stamp=stamp)
    put_names(home, *((uuid(100 + number), name) for number, name in enumerate(NAMES)))
    with served(home) as running:
        running.home.catch_up()
        running.home.catch_up_search()
        yield running


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    with visited(browser, site) as shown:
        yield shown


def test_the_keys_move_in_the_list_once_a_search_was_cleared(page: Page) -> None:
    page.fill("#search", "number 417")
    expect(page.locator("#titles .title").first).to_have_text("Question number 417")
    page.focus("#search")
    page.keyboard.press("Escape")
    expect(page.locator("#rows .row:not(.hit)").first).to_be_visible()
    shown = page.locator("#rows .title")
    page.keyboard.press("j")
    expect(shown.first).to_be_focused()
    page.keyboard.press("j")
    expect(shown.nth(1)).to_be_focused()
    page.keyboard.press("g")
    expect(shown.first).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    expect(shown.first).to_be_focused()


@pytest.mark.parametrize("typed", [*NAMES[:3], "12:30", "http://host", "fix:"])
def test_a_title_is_found_by_what_stands_in_it(page: Page, typed: str) -> None:
    page.fill("#search", typed)
    name = next(each for each in NAMES if typed in each)
    expect(page.locator("#titles .title")).to_have_text([name])


def test_fields_of_a_search_are_no_words_of_a_title(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.fill("#search", "number role:user")
    expect(page.locator("#rows .hit").first).to_be_visible()
    assert not [each for each in asked if "/api/threads" in each]


def test_the_first_and_the_last_of_the_list_take_the_focus(page: Page) -> None:
    shown, focused = page.locator("#rows .title"), page.locator("#rows .title:focus")
    page.keyboard.press("j")
    for _ in range(9):
        page.keyboard.press("G")
        last = focused.text_content()
        page.wait_for_timeout(250)
    expect(page.locator("#status")).to_have_text(f"{THREADS} threads")
    expect(shown.last).to_be_focused()
    expect(shown.last).to_be_in_viewport()
    assert last == shown.last.text_content()
    page.keyboard.press("k")
    expect(shown.nth(-2)).to_be_focused()
    expect(shown.nth(-2)).to_be_in_viewport()
    page.keyboard.press("g")
    expect(shown.first).to_be_focused()
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("j")
    expect(shown.nth(1)).to_be_focused()


def test_the_order_is_of_a_list_not_of_what_was_found(page: Page, site: Site) -> None:
    order = page.locator("#sort")
    page.select_option("#sort", "updated")
    page.fill("#search", "number")
    expect(page.locator("#rows .hit").first).to_be_visible()
    expect(order).to_be_disabled()
    page.reload()
    expect(page.locator("#rows .hit").first).to_be_visible()
    expect(order).to_be_disabled()
    page.focus("#search")
    page.keyboard.press("Escape")
    expect(order).to_be_enabled()
    expect(order).to_have_value("updated")
    assert page.url == f"{site.base}/?sort=updated"


def test_the_address_has_what_was_chosen_alone(page: Page, site: Site) -> None:
    page.fill("#search", "number")
    expect(page.locator("#rows .hit").first).to_be_visible()
    assert page.url == f"{site.base}/?q=number"
    page.fill("#search", "")
    expect(page.locator("#rows .row:not(.hit)").first).to_be_visible()
    assert page.url == f"{site.base}/"


def test_a_source_that_is_not_offered_is_shown_as_chosen(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/?source=<i>robot")
    expect(page.locator("#source")).to_have_value("<i>robot")
    expect(page.locator("#status")).to_have_text("No threads.")
    page.select_option("#source", "")
    expect(page.locator("#rows .row").first).to_be_visible()


def test_an_empty_home_says_which_it_is_and_what_to_do(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as site, visited(browser, site) as page:
        said = page.locator("#status")
        expect(said).to_contain_text(str(tmp_path))
        expect(said).to_contain_text("threadlog --home")
        page.select_option("#source", "cli")
        expect(said).to_have_text("No threads.")
