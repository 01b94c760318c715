"""The web viewer in a real browser where a thread grows while one reads above its end."""

from __future__ import annotations

from pathlib import Path

from chromium import visited
from playwright.sync_api import Browser, Page, expect

from makers import THREAD, agent, completed, content, meta, put, started, turn
from served_web import served

HELD_TURNS, HELD_ITEMS = 60, 700


def add(path: Path, *raws: bytes) -> None:
    with path.open("ab") as file:
        file.write(content(raws))


def messages(first: int, last: int) -> list[bytes]:
    return [agent(f"message {number}.") for number in range(first, last)]


def top_of(page: Page, text: str) -> float:
    box = page.locator(".item", has_text=text).bounding_box()
    assert box is not None
    return box["y"]


def numbers(page: Page) -> list[int]:
    """Those of the messages that are held."""
    found = page.locator("#turns .item", has_text="message ").all_text_contents()
    return [int(each.split()[-1][:-1]) for each in found]


def test_turns_that_come_far_below_what_is_read_are_not_held(
    browser: Browser, tmp_path: Path
) -> None:
    path = put(tmp_path, content([meta(), *(each for n in range(40) for each in turn(f"{n}."))]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.evaluate("scrollTo(0, 500)")
        page.wait_for_timeout(500)
        read = page.evaluate("document.elementFromPoint(640, 400).closest('.turn').dataset.turn")
        before = page.locator(f"[data-turn='{read}']").bounding_box()
        held = page.locator("#turns > .turn")
        for part in range(4):
            add(path, *(each for n in range(100) for each in turn(f"{part}-{n}.")))
            page.wait_for_timeout(700)
            assert held.count() <= HELD_TURNS
        assert before is not None
        after = page.locator(f"[data-turn='{read}']").bounding_box()
        assert after is not None
        assert abs(after["y"] - before["y"]) < 2
        expect(page.locator("#newest")).to_be_visible()
        page.locator("#newest").click()
        expect(held.last).to_contain_text("re 3-99.")
        add(path, *turn("newest"))
        expect(held.last).to_contain_text("re newest")
        expect(held.last).to_be_in_viewport()


def test_items_that_are_read_stay_while_their_turn_goes_on(
    browser: Browser, tmp_path: Path
) -> None:
    path = put(tmp_path, content([meta(), *turn("first"), started("long")]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.wait_for_timeout(500)
        add(path, *messages(0, 100))
        read = page.locator(".item", has_text="message 50.")
        read.evaluate("(each) => each.scrollIntoView({ block: 'center' })")
        page.wait_for_timeout(300)
        before = top_of(page, "message 50.")
        items = page.locator("#turns .turn").last.locator(".items > *")
        for at in range(100, 1300, 200):
            add(path, *messages(at, at + 200))
            page.wait_for_timeout(500)
            assert abs(top_of(page, "message 50.") - before) < 2
            assert items.count() <= HELD_ITEMS
        page.mouse.move(640, 400)
        later = page.locator("#turns .later")
        for _ in range(100):
            page.mouse.wheel(0, 3000)
            page.wait_for_timeout(20)
        expect(later).to_be_in_viewport()
        shown = numbers(page)
        assert shown == [0, *range(shown[1], shown[-1] + 1)]
        assert 50 in shown
        add(path, completed("long"), *turn("next"))
        page.wait_for_timeout(500)
        later.click()
        expect(items.last).to_contain_text("re next")
        turns = page.locator("#turns > .turn")
        expect(turns.filter(has_text="message 1299.")).to_be_focused()
        page.locator("#turns .earlier").click()
        expect(page.locator(".item", has_text="message 800.")).to_have_count(1)
        shown = numbers(page)
        assert shown == [0, *range(shown[1], 1300)]
        page.keyboard.press("G")
        add(path, *turn("newest"))
        expect(turns.last).to_contain_text("re newest")


def test_a_turn_that_was_read_above_its_end_is_trimmed_at_its_end(
    browser: Browser, tmp_path: Path
) -> None:
    path = put(tmp_path, content([meta(), *turn("first"), started("long")]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.wait_for_timeout(500)
        add(path, *messages(0, 500))
        expect(page.locator(".item", has_text="message 499.")).to_be_in_viewport()
        page.evaluate("scrollBy(0, -400)")
        page.wait_for_timeout(300)
        before = top_of(page, "message 490.")
        add(path, *messages(500, 800))
        expect(page.locator(".item", has_text="message 799.")).to_have_count(1)
        page.wait_for_timeout(300)
        assert abs(top_of(page, "message 490.") - before) < 2
        shown = numbers(page)
        assert len(shown) < 600
        assert shown == [0, *range(shown[1], 800)]
        expect(page.locator("#turns .later")).to_have_count(0)
