"""The web viewer in a real browser where answers are late, fail, or never come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import DESKTOP, PHONE, visited
from playwright.sync_api import Browser, Page, Request, Route, expect

from makers import THREAD, agent, content, line, meta, put, put_thread, started, turn, user
from served_web import Site, served

TURNS, THREADS = 60, 420
CALL = {"type": "function_call", "name": "look", "arguments": "{}", "call_id": "c"}
LATE_MS = 800


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    put(home, content([meta(), *(each for number in range(TURNS) for each in turn(f"{number}"))]))
    for number in range(THREADS):
        put_thread(home, 100 + number, f"Question number {number}")
    with served(home) as running:
        running.home.catch_up()
        yield running


def be_late(page: Page, part: str) -> None:
    """Has answers come late whose address has this part."""
    page.evaluate(
        """([part, ms]) => {
            const known = window.fetch;
            window.fetch = async (url, given) => {
              if (url.includes(part)) await new Promise((done) => setTimeout(done, ms));
              return known(url, given);
            };
        }""",
        [part, LATE_MS],
    )


def turns(page: Page) -> list[int]:
    found: list[int] = page.eval_on_selector_all(
        "#turns > .turn", "found => found.map((each) => Number(each.dataset.number))"
    )
    return found


def test_late_turns_of_another_stretch_are_not_mixed_in(browser: Browser, site: Site) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.wait_for_timeout(500)
        be_late(page, "before=")
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(200)
        page.keyboard.press("g")
        expect(page.locator("#turn-1")).to_be_in_viewport()
        page.wait_for_timeout(LATE_MS * 2)
        shown = turns(page)
        assert shown == list(range(1, len(shown) + 1))


def test_what_was_asked_for_last_is_shown(browser: Browser, site: Site) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/30")
        page.wait_for_timeout(300)
        be_late(page, "from=first")
        page.keyboard.press("g")
        page.keyboard.press("G")
        page.wait_for_timeout(LATE_MS * 2)
        assert turns(page)[-1] == TURNS


FAILED = "Failed to load resource"


@pytest.mark.parametrize(
    ("status", "said", "most"),
    [
        (404, "The thread is not there any more.", 2),
        (503, "Too many pages follow threads; this one waits.", 8),
        (0, "The server has ended, or cannot be reached.", 8),
    ],
)
def test_a_page_that_cannot_follow_says_so_and_asks_ever_less(
    browser: Browser, site: Site, *, status: int, said: str, most: int
) -> None:
    asked: list[str] = []

    def seen(request: Request) -> None:
        if "/api/" in request.url:
            asked.append(request.url)

    with visited(browser, site, expected=FAILED) as page:
        if status:
            page.route("**/events?*", lambda route: route.fulfill(status=status, body="no"))
        else:
            page.route("**/events?*", lambda route: route.abort())
        page.goto(f"{site.base}/thread/{THREAD}/turn/{TURNS}")
        page.wait_for_timeout(300)
        page.on("request", seen)
        expect(page.locator("#status")).to_have_text(said)
        page.wait_for_timeout(5000)
        page.evaluate("scrollBy(0, -10)")
        assert len([each for each in asked if "/events" in each]) <= most
        assert not [each for each in asked if "/turns?from" in each]
        assert turns(page)[-1] == TURNS


def test_a_tall_screen_is_filled_once(browser: Browser, site: Site) -> None:
    asked: list[str] = []
    with visited(browser, site, viewport={"width": 1280, "height": 6000}) as page:
        for _ in range(6):
            page.evaluate("scrollTo(0, 9000)")
            page.wait_for_timeout(300)
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(1000)
        assert asked == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_what_can_be_done_is_in_reach_anywhere(
    browser: Browser, site: Site, viewport: dict[str, int]
) -> None:
    with visited(browser, site, viewport=viewport) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.wait_for_timeout(300)
        for name in ("show-kin", "show-rename", "show-archive", "oldest"):
            expect(page.locator(f"#{name}")).to_be_in_viewport(ratio=1)
        page.click("#oldest")
        expect(page.locator("#turn-1")).to_be_in_viewport()
        page.keyboard.press("j")
        page.keyboard.press("j")
        head = page.locator(":focus .permalink").bounding_box()
        deeds = page.locator(".deeds").bounding_box()
        assert head is not None
        assert deeds is not None
        assert head["y"] >= deeds["y"] + deeds["height"]


def test_a_long_turn_that_goes_on_is_bounded(browser: Browser, tmp_path: Path) -> None:
    path = put(tmp_path, content([meta(), *turn("first"), started("long")]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.wait_for_timeout(500)
        with path.open("ab") as file:
            file.write(content([agent(f"message {number}") for number in range(1000)]))
        items = page.locator("#turns .turn").last.locator(".items > *")
        expect(items.last).to_contain_text("message 999", timeout=20_000)
        assert items.count() <= 600
        expect(items.first).to_have_text(re.compile("message 0$"))
        before = items.count()
        page.locator("#turns .earlier").click()
        expect(items).not_to_have_count(before)
        said = [each for each in items.all_text_contents() if "earlier" not in each]
        shown = [int(each.split()[-1]) for each in said]
        assert shown == [0, *range(shown[1], 1000)]
        asked = page.locator("#turns .earlier")
        while asked.count():
            left = str(asked.text_content())
            asked.click()
            expect(page.get_by_text(left, exact=True)).to_have_count(0)
        shown = [int(each.split()[-1]) for each in items.all_text_contents()]
        assert shown == list(range(1000))


def test_a_hit_in_a_long_turn_leads_to_what_was_found(browser: Browser, tmp_path: Path) -> None:
    said = [agent(f"message {number:04d}") for number in range(1000)]
    asked = user("**the**\nquestion\n\n```python\nx\n```\n\nof it")
    call = line("response_item", CALL)
    put(tmp_path, content([meta(), *turn("first"), started("long"), asked, *said, call]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/?q=0123")
        page.locator(".hit .title").first.click()
        found = page.locator(".found")
        expect(found).to_contain_text("message 0123")
        expect(found).to_be_in_viewport()
        expect(found).to_be_focused()
        expect(page.locator("#outline li").last).to_have_text("the question of it")
        page.wait_for_timeout(500)  # it is not followed: what was found would have to go
        expect(found).to_be_in_viewport()
        expect(page.locator("#newest")).to_be_visible()
        page.mouse.wheel(0, 50)
        expect(page).to_have_url(re.compile("item="))
        page.reload()
        expect(found).to_be_in_viewport()
        expect(found).to_be_focused()
        page.click("#newest")
        expect(page.locator("#turns")).to_contain_text("message 0999")
        page.go_back()
        page.go_forward()
        expect(found).to_be_in_viewport()
        for _ in range(3):
            page.locator("#turns .earlier").last.click()
            page.wait_for_timeout(300)
        items = page.locator("#turns .turn").last.locator(".items > *")
        told = [each for each in items.all_text_contents() if "items of this turn" not in each]
        shown = [int(each.split()[-1]) for each in told[1:-1]]
        assert shown == list(range(shown[0], 1000))


def test_a_printed_thread_is_its_turns_alone(browser: Browser, site: Site) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.emulate_media(media="print")
        for part in (".bar", ".deeds", "#aside", "#newest"):
            expect(page.locator(part)).to_be_hidden()
        expect(page.locator("#turns .turn").last).to_be_visible()


def test_a_thread_that_is_loaded_again_is_where_it_was(browser: Browser, site: Site) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/30")
        page.wait_for_timeout(300)
        page.locator("#turn-20").scroll_into_view_if_needed()
        page.wait_for_timeout(800)
        before = page.locator("#turn-20").bounding_box()
        page.reload()
        expect(page.locator("#turn-20")).to_be_in_viewport()
        page.wait_for_timeout(500)
        after = page.locator("#turn-20").bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["y"] - after["y"]) < 5


def test_a_piece_of_the_outline_that_fails_is_said_and_comes_later(
    browser: Browser, site: Site
) -> None:
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=500, json={"error": "It cannot be read."})

    with visited(browser, site, expected=FAILED) as page:
        page.route("**/outline?*", fail)
        page.goto(f"{site.base}/thread/{THREAD}")
        said = page.locator("#aside .note")
        expect(said).to_contain_text("More turns could not be read.")
        page.wait_for_timeout(1500)
        expect(said).to_have_count(1)
        assert 2 <= len(asked) <= 3
        page.unroute("**/outline?*")
        said.get_by_role("button").click()
        expect(said).to_have_count(0)
        expect(page.locator("#outline a").first).to_have_text("3 2")


def test_a_piece_of_the_outline_comes_by_itself_once_it_can(browser: Browser, site: Site) -> None:
    with visited(browser, site, expected=FAILED) as page:
        page.route("**/outline?*", lambda route: route.abort())
        page.goto(f"{site.base}/thread/{THREAD}")
        expect(page.locator("#aside .note")).to_be_visible()
        page.unroute("**/outline?*")
        expect(page.locator("#outline a").first).to_have_text("3 2")
        expect(page.locator("#aside .note")).to_have_count(0)


def test_an_outline_far_from_what_is_read_stays_there(browser: Browser, tmp_path: Path) -> None:
    path = put(tmp_path, content([meta(), *(each for n in range(560) for each in turn(f"{n}"))]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        lines = page.locator("#outline a")
        for _ in range(40):
            page.evaluate("document.getElementById('aside').scrollTop = 0")
            page.wait_for_timeout(60)
            if str(lines.first.text_content()).endswith(" 0"):
                break
        expect(lines.first).to_contain_text(" 0")
        assert lines.count() <= 450
        page.evaluate("document.getElementById('aside').scrollTop = 0")
        with path.open("ab") as file:
            file.write(content(turn("new")))
        expect(page.locator("#turns .turn").last).to_contain_text("re new")
        page.wait_for_timeout(300)
        page.evaluate("scrollBy(0, -5)")
        page.wait_for_timeout(300)
        expect(lines.first).to_contain_text(" 0")
        expect(lines.nth(3)).to_be_in_viewport()
        page.evaluate("scrollBy(0, -2000)")  # another turn is read
        expect(page.locator("#outline [aria-current]")).to_be_in_viewport()
