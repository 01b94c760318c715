"""The web viewer in a real browser: read, searched, followed, with the keyboard, on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import DESKTOP, PHONE, expect_accessible, visited
from playwright.sync_api import Browser, Page, expect

from hostile_pages import VECTORS
from makers import (
    THREAD,
    agent,
    completed,
    content,
    event,
    file_name,
    line,
    meta,
    put,
    put_names,
    put_thread,
    started,
    turn,
    user,
    uuid,
)
from served_web import Site, served

TURNS, THREADS = 150, 500
HELD_ROWS, HELD_TURNS = 300, 60
THEMES = ("light", "dark")
LONG = "\n\n".join(f"Paragraph {number} of an answer that fills the screen." for number in range(8))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    for number in range(THREADS):
        stamp = f"2026-01-01T{number % 24:02d}-{number % 60:02d}-{number // 24 % 60:02d}"
        put_thread(home, 100 + number, f"Question number {number}", stamp=stamp)
    put(home, content([meta(), *(each for number in range(TURNS) for each in _turn(number))]))
    with served(home) as running:
        running.home.catch_up()
        running.home.catch_up_search()
        yield running


def _turn(number: int) -> list[bytes]:
    name = f"{number:03d}"
    command = {"call_id": name, "command": ["bash", "-lc", "make"], "exit_code": number % 2}
    command |= {"cwd": "/desk", "parsed_cmd": [], "aggregated_output": f"output of {name}\n" * 5}
    command |= {
        "stdout": "",
        "stderr": "",
        "formatted_output": "",
        "duration": {"secs": 1, "nanos": 0},
    }
    diff = {"type": "update", "unified_diff": "@@ -1 +1 @@\n-old\n+new\n", "move_path": None}
    plan = {"plan": [{"step": "one", "status": "completed"}, {"step": "two", "status": "pending"}]}
    call = {"type": "function_call", "name": "update_plan", "arguments": json.dumps(plan)}
    return [
        started(f"turn-{name}"),
        user(f"asked {name}"),
        event("agent_reasoning", text="**Thinking** about it"),
        line("response_item", call | {"call_id": f"p{name}"}),
        event("exec_command_end", **command),
        event("patch_apply_end", call_id=f"f{name}", changes={"a.py": diff}, success=True),
        agent(f"# Answer {name}\n\n```python\ndef x(): return 1\n```\n\n{LONG}"),
        completed(f"turn-{name}"),
    ]


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    with visited(browser, site) as shown:
        yield shown


def count(page: Page, selector: str) -> int:
    return page.locator(selector).count()


def turns(page: Page) -> list[int]:
    found: list[int] = page.eval_on_selector_all(
        "#turns > .turn", "found => found.map((each) => Number(each.dataset.number))"
    )
    return found


def test_the_list_scrolls_through_all_threads_and_holds_a_few(page: Page) -> None:
    expect(page).to_have_url(re.compile(r":\d+/$"))  # no token
    most, status = 0, page.locator("#status")
    for _ in range(60):
        page.mouse.wheel(0, 2500)
        page.wait_for_timeout(25)
        most = max(most, count(page, "#rows > .row"))
    expect(status).to_have_text(f"{THREADS + 1} threads")
    assert 60 < most <= HELD_ROWS + 60
    assert count(page, "#rows > .row") <= HELD_ROWS
    last = page.locator("#rows .title").last.text_content()
    page.evaluate("scrollTo(0, 0)")
    first = page.locator("#rows .title").first
    expect(first).to_have_text("asked 000")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#rows .title").last).to_have_text(str(last))


def test_what_is_typed_is_found_and_opened(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("number 417", delay=10)
    expect(page.locator("#titles .title").first).to_have_text("Question number 417")
    expect(page.locator("#rows .hit mark").first).to_have_text("number")
    for part in ("Threads", "Said in threads"):
        expect(page.get_by_role("heading", name=part, exact=True, level=2)).to_be_visible()
    expect(page.get_by_role("list", name="Said in threads")).to_be_visible()
    assert "q=number+417" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("#rows .row:not(.hit)").first).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_have_count(0)
    page.fill("#search", '"answer 042"')
    hit = page.locator("#rows .hit .title").first
    expect(hit).to_be_visible()
    hit.click()
    found = page.locator("#turns .found:focus")
    expect(found).to_contain_text("Answer 042")
    expect(found.get_by_text("Answer 042")).to_be_in_viewport()


def test_a_search_within_a_thread_leads_to_its_turns_and_back(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/thread/{THREAD}")
    page.keyboard.press("/")
    page.keyboard.type('"answer 042"')
    page.keyboard.press("Enter")
    page.locator("#rows .hit .title").first.click()
    expect(page.locator("#turns .found:focus")).to_contain_text("Answer 042")
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_have_value(f'"answer 042" in:{THREAD}')
    expect(page.locator("#rows .hit").first).to_be_visible()
    page.go_back()
    expect(page.locator("#turns .found:focus")).to_contain_text("Answer 042")
    page.go_back()
    expect(page.locator("#rows .hit").first).to_be_visible()
    page.go_back()
    expect(page.locator("#turns .turn").last).to_contain_text("asked 149")
    page.goto(site.base)
    page.goto(f"{site.base}/thread/{THREAD}")
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{site.base}/")


def back(page: Page) -> None:
    page.go_back()


def escape(page: Page) -> None:
    page.keyboard.press("Escape")


def load_again(page: Page) -> None:
    page.go_back()
    page.wait_for_timeout(500)
    page.reload()


@pytest.mark.parametrize("comes_back", [back, escape, load_again])
@pytest.mark.parametrize("words", ["", "number"])
def test_a_list_is_as_it_was_for_who_comes_back(
    page: Page, words: str, comes_back: Callable[[Page], object]
) -> None:
    page.select_option("#sort", "updated")
    if words:
        page.fill("#search", words)
        expect(page.locator("#rows .hit").first).to_be_visible()
    for _ in range(40):
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(25)
    page.wait_for_timeout(500)
    place = "Math.round(scrollY)"
    there = page.locator(":focus")
    shown = page.locator("#rows .row").filter(visible=True)
    at = page.evaluate(
        """() => [...document.querySelectorAll("#rows .row")]
        .findIndex((each) => each.getBoundingClientRect().top > innerHeight / 2)"""
    )
    left = shown.nth(at).locator(".title")
    link, before = str(left.get_attribute("href")), left.bounding_box()
    assert page.evaluate(place) > 10_000
    url = page.url
    left.click()
    expect(page.locator("#turns .show-raw").first).to_be_attached()
    comes_back(page)
    expect(page).to_have_url(url)
    expect(there).to_have_attribute("href", link)
    after = there.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    expect(page.locator("#sort")).to_have_value("updated")
    page.keyboard.press("j")
    expect(there).not_to_have_attribute("href", link)
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#rows .row").first).to_be_in_viewport()


def test_who_goes_to_the_list_anew_is_at_its_beginning(page: Page) -> None:
    page.evaluate("scrollTo(0, 3000)")
    page.wait_for_timeout(300)
    page.locator("#rows .title").last.click()
    page.locator(".brand").click()
    expect(page.locator("#rows .title").first).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def test_filters_choose_threads_and_stay_in_the_address(page: Page) -> None:
    page.select_option("#archived", "only")
    expect(page.locator("#status")).to_have_text("No threads.")
    assert "archived=only" in page.url
    page.reload()
    expect(page.locator("#archived")).to_have_value("only")
    page.select_option("#archived", "")
    page.locator("#rows .cwd").first.click()
    expect(page.locator("#cwd")).to_have_value("/desk/project")


def test_a_thread_opens_at_its_end_and_pages_to_its_beginning_and_back(
    page: Page, site: Site
) -> None:
    page.goto(f"{site.base}/thread/{THREAD}")
    expect(page.locator("#turns .turn").last).to_be_in_viewport()
    assert turns(page)[-1] == TURNS
    most = 0
    for _ in range(400):
        page.mouse.wheel(0, -4000)
        page.wait_for_timeout(15)
        shown = turns(page)
        most = max(most, len(shown))
        assert shown == list(range(shown[0], shown[-1] + 1))
        if shown[0] == 1 and page.evaluate("scrollY") == 0:
            break
    assert turns(page)[0] == 1
    assert turns(page)[-1] < TURNS
    assert most <= HELD_TURNS
    for _ in range(400):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(15)
        if turns(page)[-1] == TURNS and page.evaluate("window.scrollY") > 0:
            break
    assert turns(page)[-1] == TURNS
    assert turns(page)[0] > 1


def test_what_is_on_screen_stays_there_while_turns_come_above(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/thread/{THREAD}/turn/75")
    expect(page.locator("#turn-75")).to_be_in_viewport()
    page.wait_for_timeout(400)
    before = page.locator("#turn-75").bounding_box()
    assert before is not None
    page.wait_for_timeout(400)
    after = page.locator("#turn-75").bounding_box()
    assert turns(page)[0] < 75
    assert after is not None
    assert abs(after["y"] - before["y"]) < 3


def test_the_outline_is_of_the_whole_thread(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/thread/{THREAD}")
    lines = page.locator("#outline a")
    expect(page.locator("#outline [aria-current]")).to_be_in_viewport()
    for _ in range(40):
        page.evaluate("document.getElementById('aside').scrollTop = 0")
        page.wait_for_timeout(50)
        if lines.count() == TURNS:
            break
    said = [f"{number + 1} asked {number:03d}" for number in range(TURNS)]
    expect(lines).to_have_text(said)
    lines.nth(2).click()
    expect(page.locator("#turns .turn:focus")).to_contain_text("asked 002")
    expect(page.locator("#outline [aria-current]")).to_have_text(said[2])
    expect(lines).to_have_text(said)


def test_on_a_phone_the_outline_opens_where_one_reads(browser: Browser, site: Site) -> None:
    with visited(browser, site, viewport=PHONE) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/75")
        expect(page.locator("#turns .turn:focus")).to_contain_text("asked 074")
        page.keyboard.press("o")
        expect(page.locator("#outline [aria-current]")).to_be_in_viewport()
        page.wait_for_timeout(300)
        expect(page.locator("#outline [aria-current]")).to_be_in_viewport()
        assert count(page, "#outline a") < TURNS  # no more than is about to be seen


def test_a_link_leads_to_a_turn(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/thread/{THREAD}")
    link = page.locator("#turns .turn .permalink").first
    wanted = link.text_content()
    link.click()
    expect(page.locator(":focus .permalink")).to_have_text(str(wanted))
    page.goto(f"{site.base}/thread/{THREAD}/turn/7")
    expect(page.locator("#turn-7")).to_be_focused()
    page.goto(f"{site.base}/thread/{THREAD}/turn/turn-041")
    expect(page.locator(":focus")).to_contain_text("asked 041")


def test_the_keyboard_does_everything(page: Page, site: Site) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(":focus")).to_have_text("asked 000")
    page.keyboard.press("Enter")
    expect(page.locator("#turns .turn").last).to_be_in_viewport()
    page.keyboard.press("g")
    expect(page.locator("#turn-1")).to_be_in_viewport()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#turn-3")).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator("#turn-2")).to_be_focused()
    page.keyboard.press("G")
    expect(page.locator(f"#turn-{TURNS}")).to_be_in_viewport()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{site.base}/")


def test_outputs_are_folded_and_open(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/thread/{THREAD}/turn/2")
    output = page.locator("#turn-2 .output", has_text="output of 001").first
    expect(output).to_be_hidden()
    page.locator("#turn-2 summary", has_text="make").click()
    expect(output).to_be_visible()
    expect(page.locator("#turn-2 .diff .gi").first).to_be_visible()


def test_the_language_of_code_stands_above_it(browser: Browser, site: Site) -> None:
    with visited(browser, site, viewport=PHONE) as page:
        page.goto(f"{site.base}/thread/{THREAD}/turn/2")
        label = page.locator("#turn-2 .language").bounding_box()
        code = page.locator("#turn-2 .code pre code").bounding_box()
        assert label is not None
        assert code is not None
        assert label["y"] + label["height"] <= code["y"]


def test_lines_and_lineage_are_shown_on_demand(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/thread/{THREAD}/turn/2")
    page.locator("#turn-2").hover()
    page.locator("#turn-2 .show-raw").click()
    expect(page.locator("#raw-title")).to_have_text("Turn 2: lines of the rollout from there on")
    expect(page.locator("#raw-shown pre").first).to_contain_text('\n    "turn_id": "turn-001"\n  }')
    page.get_by_role("button", name="as it stands").click()
    expect(page.locator("#raw-shown pre").first).to_contain_text('"turn_id":"turn-001"')
    page.locator("#raw-more").click()
    expect(page.locator("#raw-shown pre")).to_have_count(20)
    page.keyboard.press("Escape")
    page.evaluate("document.getElementById('show-kin').click()")
    expect(page.locator("#kin-shown [aria-current]")).to_have_text("asked 000")


def test_lines_that_are_laid_out_say_what_they_said(page: Page, site: Site) -> None:
    given = r'{"a":12345678901234567890,"b":[],"c":{"d":"x,{}\" :\\"},"a":[1,{}],"e":"cut'
    page.goto(f"{site.base}/thread/{THREAD}")
    url = page.locator("script[src*='thread.js']").get_attribute("src")
    shown = page.evaluate(
        "async ([url, given]) => (await import(url)).laidOut(given)",
        [str(url).replace("thread.js", "raw.js"), given],
    )
    assert shown.splitlines() == [
        "{",
        '  "a": 12345678901234567890,',
        '  "b": [],',
        '  "c": {',
        r'    "d": "x,{}\" :\\"',
        "  },",
        '  "a": [',
        "    1,",
        "    {}",
        "  ],",
        '  "e": "cut',
    ]


def test_choices_say_what_they_choose_and_are_not_cut(browser: Browser, site: Site) -> None:
    with visited(browser, site, viewport={"width": 390, "height": 844}) as page:
        for name, said in (
            ("archived", ["not archived", "archived only", "archived too"]),
            ("sort", ["newest first", "last changed first", "last asked first"]),
        ):
            expect(page.locator(f"#{name} option")).to_have_text(said)
        for name in ("archived", "source", "sort"):
            for value in page.locator(f"#{name} option").all_text_contents():
                wide = page.evaluate(WIDE, [f"#{name}", value])
                box = page.locator(f"#{name}").bounding_box()
                assert box is not None
                assert wide + 40 <= box["width"], value


# How wide words are in the letters of an element.
WIDE = """([selector, words]) => {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = getComputedStyle(document.querySelector(selector)).font;
  return pen.measureText(words).width;
}"""


def test_a_question_takes_the_focus_and_gives_it_back(browser: Browser, site: Site) -> None:
    with visited(browser, site, expected="Failed to load resource") as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        archive, question = page.locator("#show-archive"), page.locator("#archive")
        for leave in ("Escape", "Cancel"):
            archive.focus()
            page.keyboard.press("Enter")
            expect(question.get_by_role("button", name="Archive")).to_be_focused()
            if leave == "Escape":
                page.keyboard.press("Escape")
            else:
                question.get_by_role("button", name="Cancel").click()
            expect(question).to_be_hidden()
            expect(archive).to_be_focused()
            assert not site.home.get(THREAD).archived
        page.route(
            "**/archive", lambda route: route.fulfill(status=409, json={"error": "It is used."})
        )
        archive.click()
        expect(page.locator("#archive-said")).to_have_text("It is used.")
        expect(question.get_by_role("button", name="Archive")).to_be_disabled()
        expect(question.get_by_role("button", name="Cancel")).to_be_focused()


def test_light_and_dark_follow_the_system_until_chosen(browser: Browser, site: Site) -> None:
    seen = {}
    for theme in THEMES:
        with visited(browser, site, color_scheme=theme) as page:
            paint = "getComputedStyle(document.body).backgroundColor"
            seen[theme] = page.evaluate(paint)
            page.keyboard.press("t")
            other = page.evaluate(paint)
            page.reload()
            assert page.evaluate(paint) == other != seen[theme]
    assert seen["light"] != seen["dark"]


def test_a_thread_is_followed_while_its_end_is_shown(browser: Browser, tmp_path: Path) -> None:
    path = put(tmp_path, content([meta(), *turn("first")]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.wait_for_timeout(500)
        with path.open("ab") as file:
            file.write(content([started("new"), user("a new question")]))
        expect(page.locator("#turns .turn")).to_have_count(2)
        expect(page.locator("#turns .turn").last).to_contain_text("a new question")
        with path.open("ab") as file:
            file.write(content([agent(f"**yes**\n\n{LONG}\n\n{LONG}"), completed("new")]))
        expect(page.locator("#turns .turn").last.locator("strong")).to_have_text("yes")
        expect(page.locator("#status")).to_have_text("The turn has ended.")
        expect(page.locator("#turns .turn").last.locator(".prose p").last).to_be_in_viewport()
        expect(page.locator("#outline li")).to_have_count(2)


CALL = {"type": "function_call", "name": "exec_command", "call_id": "c"}
CALL |= {"arguments": json.dumps({"cmd": "sleep 60\necho slept"})}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "slept"}


@pytest.mark.parametrize("before", [[], [line("response_item", CALL)]], ids=["live", "loaded"])
def test_a_command_is_seen_to_run_and_then_in_its_place_what_came_of_it(
    browser: Browser, tmp_path: Path, before: list[bytes]
) -> None:
    path = put(tmp_path, content([meta(), *turn("first"), started("new"), *before]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        shown = page.locator("#turns .turn").last.locator(".turn-head .status")
        expect(shown).to_have_text("running")
        with path.open("ab") as file:
            called = [] if before else [line("response_item", CALL)]
            file.write(content([*called, agent("meanwhile")]))
        last = page.locator("#turns .turn").last
        items = last.locator(".items > *")
        expect(items).to_have_count(2)
        expect(items.first).to_contain_text("sleep 60")
        expect(items.first.get_by_text("running")).to_be_visible()
        expect(last.locator(".turn-head .status")).to_have_text("running")
        expect(items.last).to_contain_text("meanwhile")
        items.first.locator("summary").click()
        with path.open("ab") as file:
            file.write(content([line("response_item", OUTPUT)]))
        expect(items.first.locator(".output").last).to_have_text("slept")
        expect(items.first.locator(".output").last).to_be_visible()
        expect(items.first.locator("summary")).to_be_focused()
        expect(items).to_have_count(2)
        expect(last.locator(".runs")).to_have_count(0)


def test_a_thread_is_renamed_and_archived_after_a_question(
    browser: Browser, tmp_path: Path
) -> None:
    put(tmp_path, content([meta(), *turn("first")]))
    with served(tmp_path) as site, visited(browser, site) as page:
        page.goto(f"{site.base}/thread/{THREAD}")
        page.click("#show-rename")
        page.fill("#name", "A <i>name</i>")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("A <i>name</i>")
        page.click("#show-archive")
        expect(page.locator("#archive-said")).to_contain_text("This will archive the thread.")
        page.keyboard.press("Escape")
        assert not site.home.get(THREAD).archived
        page.click("#show-archive")
        page.click("#archive button[type=submit]")
        expect(page.locator("#show-archive")).to_have_text("Unarchive")
        assert site.home.get(THREAD).archived


def test_nothing_of_a_hostile_thread_runs(browser: Browser, tmp_path: Path) -> None:
    everything: list[bytes] = []
    for number, vector in enumerate(VECTORS):
        everything += [*_hostile(f"t{number}", vector)]
        thread = uuid(1000 + number)
        fields = {"cwd": vector, "git": {"branch": vector}, "source": vector}
        raws = [meta(thread, **fields), *_hostile("t", vector)]
        put(tmp_path, content(raws), file_name(thread))
        put_names(tmp_path, (thread, vector.replace("\n", " ")))
    put(tmp_path, content([meta(), *everything]))
    with served(tmp_path) as site, visited(browser, site) as page:
        for _ in range(12):
            page.mouse.wheel(0, 2500)
            page.wait_for_timeout(30)
        page.fill("#search", "canary")
        expect(page.locator("#rows .hit").first).to_be_visible()
        page.goto(f"{site.base}/thread/{THREAD}?from=first")
        shown: set[str] = set()
        for _ in range(300):
            _provoke(page)
            ids = page.eval_on_selector_all(".turn", "all => all.map((each) => each.dataset.turn)")
            shown.update(ids)
            if len(shown) == len(VECTORS):
                break
            page.mouse.wheel(0, 6000)
            page.wait_for_timeout(15)
        assert len(shown) == len(VECTORS)
        assert count(page, ".turn script, .turn iframe, .turn svg, .turn style, .turn object") == 0


def _hostile(name: str, vector: str) -> list[bytes]:
    call = {"type": "function_call", "call_id": name, "name": vector, "arguments": vector}
    output = {"type": "function_call_output", "call_id": name, "output": vector}
    diff = {"type": "update", "unified_diff": f"@@\n-{vector}\n+{vector}", "move_path": vector}
    return [
        started(name),
        line("turn_context", {"turn_id": name, "cwd": vector, "model": vector}),
        user(vector, images=[vector], local_images=[vector]),
        event("agent_reasoning", text=vector),
        line("response_item", call),
        line("response_item", output),
        event("patch_apply_end", call_id=f"p{name}", changes={vector: diff}, success=False),
        agent(vector),
        event("error", message=vector),
        completed(name),
    ]


def _provoke(page: Page) -> None:
    """Open what is folded, and do what handlers wait for, as far as it leads nowhere."""
    page.evaluate("""() => {
      for (const each of document.querySelectorAll(".turn *")) {
        if (each.tagName === "DETAILS") each.open = true;
        for (const name of ["mouseover", "focus", "load", "error", "toggle", "animationstart"])
          each.dispatchEvent(new Event(name, { bubbles: false }));
      }
    }""")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_can_be_read_by_everybody(
    browser: Browser, site: Site, size: Any, theme: str
) -> None:
    with visited(browser, site, viewport=size, color_scheme=theme) as page:
        expect_accessible(page)
        _expect_to_fit(page)
        page.fill("#search", "answer 042")
        expect(page.locator("#rows .hit").first).to_be_visible()
        expect_accessible(page)
        page.goto(f"{site.base}/thread/{THREAD}/turn/2")
        for summary in page.locator("#turn-2 summary").all()[:2]:
            summary.click()
        page.wait_for_timeout(300)
        expect_accessible(page)
        _expect_to_fit(page)
        page.evaluate("document.getElementById('show-rename').click()")
        expect_accessible(page)


def _expect_to_fit(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_page_says_what_it_is_to_who_cannot_see_it(page: Page, site: Site) -> None:
    assert page.locator("html").get_attribute("lang") == "en"
    for path, landmarks in (
        ("/", ("main", "header", "form[role=search]")),
        (f"/thread/{THREAD}", ("main", "nav")),
    ):
        page.goto(site.base + path)
        for landmark in landmarks:
            assert count(page, landmark) >= 1, landmark
        assert count(page, "h1") == 1
        assert count(page, "[role=status][aria-live=polite]") == 1
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("to the content")
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
