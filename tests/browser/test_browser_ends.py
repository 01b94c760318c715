"""The web viewer in a real browser where the end of a thread becomes another."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import visited
from playwright.sync_api import Browser, Locator, Page, expect

from makers import THREAD, agent, completed, content, event, meta, put, started, user
from served_web import served

LONG = "\n\n".join(f"Paragraph {number} of an answer." for number in range(12))
TURNS, KEPT = 60, 20
FAILED = "Failed to load resource"


def a_turn(name: str) -> list[bytes]:
    return [started(name), user(f"asked {name}"), agent(LONG), completed(name)]


def a_thread(home: Path) -> Path:
    return put(home, content([meta(), *(each for n in range(TURNS) for each in a_turn(f"t{n}"))]))


def add(path: Path, *raws: bytes) -> None:
    with path.open("ab") as file:
        file.write(content(raws))


def rolled_back(turns: int) -> bytes:
    return event("thread_rolled_back", num_turns=turns)


def ids(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        "#turns > .turn", "found => found.map((each) => each.dataset.turn)"
    )
    return found


def to_the_end(page: Page) -> None:
    for _ in range(30):
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(40)


def top_of(article: Locator) -> float:
    box = article.bounding_box()
    assert box is not None
    return box["y"]


def expect_the_end(page: Page, last: str) -> None:
    """The page shows the thread's end, no turn that is gone, and follows."""
    expect(page.locator("#turns > :last-child")).to_be_in_viewport()
    expect(page.locator("#turns .stale")).to_have_count(0)
    shown = ids(page)
    assert shown[-1] == last
    numbers = [int(each[1:]) for each in shown]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    expect(page.locator("#outline a").last).to_contain_text(f"asked {last}")


@pytest.mark.parametrize("reads", ["what is gone", "what stays"])
def test_turns_that_were_rolled_back_are_marked_and_go(
    browser: Browser, tmp_path: Path, reads: str
) -> None:
    path = a_thread(tmp_path)
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.wait_for_timeout(500)
        read = page.locator("[data-turn=t58]" if reads == "what is gone" else "[data-turn=t55]")
        read.evaluate("(each) => each.scrollIntoView()")
        page.wait_for_timeout(300)
        before = top_of(read)
        add(path, rolled_back(3))
        said = "The end of the thread is another by now."
        expect(page.locator("#status")).to_have_text(said)
        page.wait_for_timeout(700)  # and it stays, though the page follows again
        expect(page.locator("#status")).to_have_text(said)
        expect(page.locator("#newest")).to_be_visible()
        expect(page.locator("#outline")).not_to_contain_text("asked t58")
        if reads == "what is gone":
            expect(page.locator("#turns .turn.stale")).to_have_count(3)
            expect(page.get_by_text("not of the thread any more")).to_have_count(1)
        else:
            expect(page.locator("#turns .stale")).to_have_count(0)
        assert abs(top_of(read) - before) < 2
        to_the_end(page)
        expect_the_end(page, "t56")
        add(path, *a_turn("t57"))
        expect(page.locator("#turns .turn").last).to_contain_text("asked t57")


def test_a_page_that_did_not_follow_comes_to_the_true_end(browser: Browser, tmp_path: Path) -> None:
    path = a_thread(tmp_path)
    with served(tmp_path) as site, visited(browser, site, expected=FAILED) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/30")
        page.wait_for_timeout(500)
        assert ids(page)[-1] != f"t{TURNS - 1}"
        add(path, rolled_back(TURNS - KEPT))
        page.wait_for_timeout(300)
        to_the_end(page)
        expect_the_end(page, f"t{KEPT - 1}")
        expect(page.locator("#status")).to_have_text("")
        expect(page.locator("#turns > .remark").last).to_contain_text("rolled back")


def test_a_line_of_the_outline_that_is_gone_leads_to_the_end(
    browser: Browser, tmp_path: Path
) -> None:
    path = a_thread(tmp_path)
    with served(tmp_path) as site, visited(browser, site, expected=FAILED) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/5")
        page.wait_for_timeout(500)
        gone = page.locator("#outline a").last
        add(path, rolled_back(TURNS - 8))
        gone.click()
        expect(page.locator("#turns .turn").last).to_contain_text("asked t7")
        expect_the_end(page, "t7")
        expect(page.locator("#status")).to_have_text("")
