"""The web viewer in a real browser on a phone, in forced colours, and where little is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import DESKTOP, PHONE, expect_accessible, visited
from playwright.sync_api import Browser, Page, expect

from makers import THREAD, content, meta, put, turn
from served_web import Site, served

SMALL = {"width": 320, "height": 640}
LEAST = 24  # pixels of what is to be tapped
TURNS = 30
FAILED = "Failed to load resource"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    put(home, content([meta(), *(each for number in range(TURNS) for each in turn(f"{number}"))]))
    with served(home) as running:
        running.home.catch_up()
        yield running


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = page.eval_on_selector_all(
        selector,
        """found => found.filter((each) => each.checkVisibility())
        .map((each) => each.getBoundingClientRect().toJSON())""",
    )
    return found


@pytest.mark.parametrize("leave", ["cross", "Escape", "o"])
def test_on_a_phone_the_outline_is_closed_and_gives_the_focus_back(
    browser: Browser, site: Site, leave: str
) -> None:
    with visited(browser, site, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/9")
        page.wait_for_timeout(300)
        before = page.locator("#turn-9").bounding_box()
        page.tap("#show-outline")
        expect(page.locator("#outline [aria-current]")).to_be_focused()
        expect(page.locator("#outline [aria-current]")).to_be_in_viewport()
        expect_accessible(page)
        if leave == "cross":
            page.locator("#aside").get_by_role("button", name="close").tap()
        else:
            page.keyboard.press(leave)
        expect(page.locator("#aside")).to_be_hidden()
        expect(page.locator("#show-outline")).to_be_focused()
        assert page.locator("#turn-9").bounding_box() == before


def test_the_outline_beside_a_thread_has_no_cross_and_takes_the_focus(
    browser: Browser, site: Site
) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/9")
        expect(page.locator("#outline a").first).to_be_visible()
        expect(page.locator("#aside").get_by_role("button")).to_have_count(0)
        page.keyboard.press("o")
        expect(page.locator("#outline [aria-current]")).to_be_focused()


@pytest.mark.parametrize("viewport", [SMALL, PHONE], ids=["small", "phone"])
def test_what_is_tapped_on_a_phone_is_large_enough_and_whole(
    browser: Browser, site: Site, viewport: dict[str, int]
) -> None:
    with visited(browser, site, viewport=viewport, has_touch=True, is_mobile=True) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/9")
        page.wait_for_timeout(300)
        found = boxes(page, ".deeds button, .show-raw, .permalink, .bar a, .bar button")
        assert len(found) > 10
        for box in found:
            assert min(box["width"], box["height"]) >= LEAST, box
            assert box["right"] <= viewport["width"], box
        deeds = page.locator(".deeds").bounding_box()
        head = page.locator("#turn-9").bounding_box()
        assert deeds is not None
        assert head is not None
        assert head["y"] >= deeds["y"] + deeds["height"] - 1
        page.goto(site.base)
        for box in boxes(page, ".filters *, .row .title, .bar a, .bar button"):
            assert box["height"] >= LEAST or box["width"] > viewport["width"] / 2, box


# What is drawn around an element, and whether it is seen.
DRAWN = """(each) => {
  const style = getComputedStyle(each);
  return style.outlineStyle !== "none" && style.outlineWidth !== "0px" && style.outlineColor;
}"""


def test_in_forced_colours_it_is_seen_where_one_is(browser: Browser, site: Site) -> None:
    with visited(browser, site, forced_colors="active") as page:
        page.keyboard.press("/")
        assert page.locator("#search").evaluate(DRAWN)
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        assert page.locator(".row").first.evaluate(DRAWN)
        page.goto(f"{site.base}/thread/{THREAD}/turn/9")
        edge = "(each) => getComputedStyle(each).borderLeftColor"
        shown = page.locator("#outline [aria-current]").evaluate(edge)
        assert shown != page.locator("#outline a:not([aria-current])").first.evaluate(edge)
        page.keyboard.press("j")
        bar = "(each) => getComputedStyle(each, '::before').backgroundColor"
        focused = page.locator("#turn-10").evaluate(bar)
        assert focused != page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("viewport", [DESKTOP, SMALL], ids=["desktop", "small"])
def test_a_page_that_says_why_nothing_is_shown_has_keys_and_margins(
    browser: Browser, site: Site, viewport: dict[str, int]
) -> None:
    with visited(browser, site, viewport=viewport, expected=FAILED) as page:
        page.goto(f"{site.base}/thread/nope")
        theme = page.locator("#theme").bounding_box()
        title = page.locator("h1").bounding_box()
        assert theme is not None
        assert title is not None
        assert theme["x"] > viewport["width"] - 110
        assert title["x"] >= 10
        paint = "getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(paint)
        page.click("#theme")
        assert page.evaluate(paint) != before
        page.keyboard.press("t")
        assert page.evaluate(paint) == before
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        expect_accessible(page)
        page.keyboard.press("Escape")
        expect(page.locator("#help")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(page).to_have_url(f"{site.base}/")


def test_a_thread_without_kin_says_so(browser: Browser, site: Site) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.click("#show-kin")
        expect(page.locator("#kin-shown")).to_contain_text("It is no fork, and has no forks")


def test_a_question_for_a_name_shows_what_the_thread_is_called(
    browser: Browser, site: Site
) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.click("#show-rename")
        field = page.get_by_label("Its new name")
        expect(field).to_be_focused()
        expect(field).to_have_value("")
        expect(field).to_have_attribute("placeholder", "0")
        wide, dialog = field.bounding_box(), page.locator("#rename").bounding_box()
        assert wide is not None
        assert dialog is not None
        assert wide["width"] > 0.9 * dialog["width"] - 40


def test_at_the_end_the_outline_marks_the_last_turn(browser: Browser, site: Site) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        marked = page.locator("#outline [aria-current]")
        expect(marked).to_have_text(f"{TURNS} {TURNS - 1}")
        expect(marked).to_be_in_viewport()
        page.locator("#outline a").nth(-2).click()
        page.wait_for_timeout(200)
        expect(marked).to_have_text(f"{TURNS - 1} {TURNS - 2}")
        page.evaluate("scrollBy(0, -1500)")
        expect(marked).not_to_have_text(f"{TURNS - 1} {TURNS - 2}")
        page.keyboard.press("G")
        expect(marked).to_have_text(f"{TURNS} {TURNS - 1}")
        page.keyboard.press("k")
        expect(page.locator(f"#turn-{TURNS - 1}")).to_be_focused()
        page.keyboard.press("g")
        expect(page.locator("#turn-1")).to_be_focused()


def test_back_returns_to_what_was_read_before_a_turn_of_the_outline(
    browser: Browser, site: Site
) -> None:
    with visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/20")
        page.wait_for_timeout(300)
        page.evaluate("scrollBy(0, 300)")
        read = page.locator("#turn-22")
        page.wait_for_timeout(100)
        before = read.bounding_box()
        page.locator("#outline a", has_text="3 2").first.click()
        expect(page.locator("#turn-3")).to_be_focused()
        page.wait_for_timeout(500)
        assert "/turn/3?" in page.url
        page.go_back()
        expect(read).to_be_in_viewport()
        page.wait_for_timeout(500)
        after = read.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(after["y"] - before["y"]) < 5
        page.go_forward()
        expect(page.locator("#turn-3")).to_be_in_viewport()
