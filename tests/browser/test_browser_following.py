"""A page that follows a thread in a real browser: what comes anew leaves the reader alone."""

from __future__ import annotations

import json
from pathlib import Path

from chromium import visited
from playwright.sync_api import Browser, expect

from makers import THREAD, agent, completed, content, event, line, meta, put, started, turn, user
from served_web import served

LONG = "\n\n".join(f"Paragraph {number} of an answer." for number in range(12))


def call(name: str) -> list[bytes]:
    asked = {"type": "function_call", "name": "exec_command", "call_id": name}
    asked |= {"arguments": json.dumps({"cmd": f"echo {name}"})}
    came = {"type": "function_call_output", "call_id": name, "output": f"said {name}"}
    return [line("response_item", each) for each in (asked, came)]


def test_a_turn_that_ends_is_left_as_it_was_read(browser: Browser, tmp_path: Path) -> None:
    calls = [raw for n in range(6) for raw in (*call(f"c{n}"), agent(LONG))]
    path = put(tmp_path, content([meta(), *turn("first"), started("new"), user("x"), *calls]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        last = page.locator("#turns .turn").last
        expect(last.locator(".turn-head .status")).to_have_text("running")
        third = last.locator("details").nth(3)
        third.locator("summary").click()
        third.evaluate("each => scrollTo(0, each.getBoundingClientRect().top + scrollY - 300)")
        page.wait_for_timeout(200)
        before = third.bounding_box()
        with path.open("ab") as file:
            error = event("error", message="no more of it")
            file.write(content([error, completed("new")]))
        expect(last.locator(".turn-head .status")).to_have_text("failed")
        expect(last.locator(".item.error")).to_contain_text("no more of it")
        expect(page.locator("#status")).to_have_text("The turn has ended.")
        expect(last.locator("details[open]")).to_have_count(1)
        expect(third.locator("summary")).to_be_focused()
        after = third.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["y"] - after["y"]) < 2
        last.get_by_role("button", name="lines of the rollout").click()
        expect(page.locator("#raw")).to_contain_text("task_started")


def test_a_review_whose_items_come_before_its_turn_is_shown(
    browser: Browser, tmp_path: Path
) -> None:
    raws = [meta(history_mode="paginated"), started("a")]
    item = {"type": "AgentMessage", "id": "m", "content": [{"type": "Text", "text": "looks fine"}]}
    said = event("item_completed", thread_id=THREAD, turn_id="b\u202e", item=item)
    path = put(tmp_path, content([*raws, completed("a")]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.wait_for_timeout(500)
        for more in ([said], [completed("b\u202e")]):
            with path.open("ab") as file:
                file.write(content(more))
            expect(page.locator("#turns .turn")).to_have_count(2)
            expect(page.locator("#turns .turn").last).to_contain_text("looks fine")
        expect(page.locator("#turns .turn").last.locator(".status")).to_have_count(0)
