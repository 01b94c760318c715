"""An exported page as it lies there: beside itself on no screen, whole on paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

import threadlog
from makers import THREAD, agent, completed, content, event, meta, put, started, user

LONG = "w" * 300
SAID = f"| a | {LONG} |\n|---|---|\n| 1 | `{LONG}` |\n\n```python\nx = '{LONG}'\n```\n"
DIFF = {"/x/f.py": {"type": "update", "unified_diff": f"@@ -1 +1 @@\n-{LONG}\n+b\n"}}


@pytest.fixture
def page(home: Path, tmp_path: Path) -> Path:
    ran = event(
        "exec_command_end", call_id="c", turn_id="t", command=["ls", LONG], cwd="/x", parsed_cmd=[],
        stdout="", stderr="", aggregated_output=LONG, exit_code=0,
        duration={"secs": 1, "nanos": 0}, formatted_output="",
    )  # fmt: skip
    patch = event("patch_apply_end", call_id="p", turn_id="t", stdout="", stderr="", success=True,
                  changes=DIFF)  # fmt: skip
    put(home, content([meta(), started("t"), user(LONG), ran, patch, agent(SAID), completed("t")]))
    threadlog.open(home).export(THREAD, to=tmp_path / "x.html")
    return tmp_path / "x.html"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_reaches_beyond_the_screen(browser: Browser, page: Path, width: int) -> None:
    with browser.new_page(viewport={"width": width, "height": 844}) as shown:
        shown.goto(page.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        box = shown.locator(".tool > summary").first.bounding_box()
        code = shown.locator(".tool > summary > code").first.bounding_box()
        assert box is not None
        assert code is not None
        assert code["y"] - box["y"] < 14  # beside what unfolds it, not below


def test_wide_paper_is_as_wide_as_the_thread(browser: Browser, page: Path) -> None:
    with browser.new_page(viewport={"width": 1587, "height": 1000}) as shown:
        shown.emulate_media(media="print")
        shown.goto(page.as_uri())
        assert shown.evaluate("document.querySelector('.turn').clientWidth") > 1400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_lines_are_whole_and_dark_on_light(
    browser: Browser, page: Path, scheme: str
) -> None:
    with browser.new_page(viewport={"width": 718, "height": 1000}) as shown:
        shown.emulate_media(media="print", color_scheme=scheme)  # type: ignore[arg-type]
        shown.goto(page.as_uri())
        for cut in (".code pre", ".table", ".diff"):
            wide = "each => each.map(e => [e.scrollWidth, e.clientWidth])"
            (sizes,) = shown.eval_on_selector_all(cut, wide)
            assert sizes[0] == sizes[1], cut
        assert shown.locator(".outline").is_hidden()
        ink = shown.evaluate("getComputedStyle(document.body).color")
        assert ink == "rgb(29, 29, 27)"


def test_the_lines_of_what_was_typed_end_where_they_were_ended(
    browser: Browser, home: Path, tmp_path: Path
) -> None:
    typed = "one\ntwo **b**\n\n- three\n- four\n  five\n\n`six`"
    put(home, content([meta(), started("t"), user(typed), completed("t")]))
    threadlog.open(home).export(THREAD, to=tmp_path / "x.html")
    with browser.new_page() as shown:
        shown.goto((tmp_path / "x.html").as_uri())
        said = shown.locator(".typed").inner_text()
        lines = [line.strip() for line in said.split("\n") if line.strip()]
        assert lines == ["one", "two b", "three", "four", "five", "six"]
        heights = shown.locator(".typed > *").evaluate_all(
            "all => all.map((each) => each.clientHeight)"
        )
        line_height = heights[2]
        assert [round(each / line_height) for each in heights[:2]] == [2, 3]
