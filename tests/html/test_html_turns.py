"""A turn as HTML: who said what, what is folded, what comes whole, which images are shown."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import threadlog
from conftest import corpus_root
from hostile_pages import ATTRIBUTES, seen, summary
from makers import THREAD, content, meta, put, turn
from threadlog.core.items import turn as ti
from threadlog.core.items.values import FileChangeKind, TokenUsage, UserInput
from threadlog.core.turn import Turn
from threadlog.html import head, images, styles, turns
from threadlog.html.code import LANGUAGES, highlighted
from threadlog.html.looks import ITEMS, TEXT_CHARS, Effort, Look
from threadlog.html.markdown import LIMIT_CHARS
from threadlog.html.markup import Html, style, tag
from threadlog.telling import Joint

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
HEADS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\0\0\0\0WEBP",
}
PAGE = Look(
    inline=False,
    part_url=lambda turn, name: f"/thread/x/part/{turn}.{name}",
    thread_url=lambda thread: f"/thread/{thread}",
    turn_url=lambda turn: f"/thread/x/turn/{turn}",
)
FILE = Look(whole=True)


def of(*items: Any, **fields: Any) -> Turn:
    return Turn("t1", fields.pop("status", "completed"), tuple(items), **fields)


def agent(text: str) -> ti.AgentMessage:
    return ti.AgentMessage(id="a", content=(ti.AgentText(type="Text", text=text),))


def said_by_agent(text: str, look: Look = PAGE) -> Html:
    return turns.item("t1", agent(text), look)


def called(output: Any, look: Look = PAGE, **fields: Any) -> Html:
    given = {"name": "shell", "arguments": json.dumps({"cmd": "ls"})} | fields
    return turns.item("t1", ti.ToolCall(id="c", output=output, **given), look)


_NAME = '<span class="language">python</span>'


def test_a_turn_tells_its_number_model_tokens_and_time() -> None:
    usage = TokenUsage(input_tokens=1200, cached_input_tokens=900, output_tokens=30)
    page = turns.turn(
        of(
            agent("x"),
            started_at=1_700_000_000,
            duration_ms=12_300,
            model="gpt-x",
            usage=usage,
            status="interrupted",
        ),
        PAGE,
        12,
        at="here",
    )
    for told in (
        "Turn 12",
        "gpt-x",
        "12.3 s",
        "1.2k in (900 cached), 30 out",
        "interrupted",
        "2023-11-14 22:13 UTC",
    ):
        assert told in seen(page, attributes=_WITH_AT).text
    assert 'id="turn-12"' in page
    assert 'data-at="here"' in page
    assert 'href="/thread/x/turn/t1"' in page


_WITH_AT = ATTRIBUTES | {"data-at"}


def test_markdown_is_shown_as_what_it_means() -> None:
    page = said_by_agent(
        "# A\n\n**b** _i_ `c` ~~d~~ [l](http://e.org/?a=1&b=2)\n\n- one\n- two\n\n> q\n\n"
        "| h |\n|---|\n| z |\n\n---\n"
    )
    for piece in (
        "<h3>A</h3>",
        "<strong>b</strong>",
        "<em>i</em>",
        "<code>c</code>",
        "<del>d</del>",
        'href="http://e.org/?a=1&amp;b=2" rel="noopener noreferrer nofollow" target="_blank">l</a>',
        "<li>one",
        "<blockquote><p>q</p></blockquote>",
        "<th>h</th>",
        "<td>z</td>",
        "<hr>",
    ):
        assert piece in page, piece
    seen(page)


def typed(*texts: str) -> ti.UserMessage:
    parts = tuple(UserInput(type="text", text=text) for text in texts)
    return ti.UserMessage(id="u", content=parts)


@pytest.mark.parametrize("look", [PAGE, FILE])
def test_what_a_person_typed_is_markdown_whose_lines_end_where_they_were_ended(look: Look) -> None:
    page = turns.item(
        "t1", typed("run `make`:\nit **fails**\n\n```python\ndef x(): pass\n```"), look
    )
    assert "<p>run <code>make</code>:\nit <strong>fails</strong></p>" in page
    assert '<span class="k">def </span>' in page
    assert 'class="prose typed"' in page
    assert re.search(r"\.typed *\{[^}]*white-space: pre-wrap", styles.stylesheet())
    assert turns.item("t1", typed(" \n"), look) == ""


def test_much_that_a_person_typed_is_shown_as_it_was_written() -> None:
    for text in ("**b**" + "x" * TEXT_CHARS, "**b** " + "*a" * 7000, "**b** > " + "y\n\n" * 4000):
        assert "<strong>" not in turns.item("t1", typed(text), PAGE)
    page = turns.item("t1", typed(*["- x\n" * 1000] * 40), PAGE)
    assert page.count("<li>") == 3000
    assert len(page) < 300_000
    assert page.count("<") < 17_000


def test_an_address_in_words_is_a_link_without_the_stop_behind_it() -> None:
    page = said_by_agent("See https://e.org/a_b(c)?d=1, or (http://f.org/x).")
    assert seen(page).links == ["https://e.org/a_b(c)?d=1", "http://f.org/x"]


@pytest.mark.parametrize("url", ["javascript:x", "ftp://e.org", "/etc", "#a", "mailto:a@b.c"])
def test_a_link_that_does_not_lead_out_by_http_is_words(url: str) -> None:
    found = seen(said_by_agent(f"[here]({url})"))
    assert found.links == []
    assert f"here ({url})" in found.text


def test_markdown_that_would_take_long_is_shown_as_it_was_written() -> None:
    table = f"|{'a|' * 50}\n|{'-|' * 50}\n" + "a\n" * 200
    for text in ("*a" * 7000, "> " * 40 + "deep", "x" * LIMIT_CHARS + "**b**", "a\n" * 7000, table):
        assert text in seen(said_by_agent(text, FILE)).text
    assert "<strong>" not in said_by_agent("x" * LIMIT_CHARS + "**b**", FILE)


def test_so_much_markdown_of_a_page_is_read_and_the_rest_is_as_it_was_written() -> None:
    text = "**bold** " * 100
    many = of(*(agent(text) for _ in range(20)))
    assert turns.turn(many, PAGE).count("<strong>") == 20 * 100
    shared = PAGE._replace(effort=Effort(marks=3_000))
    assert turns.turn(many, shared).count("<strong>") == 7 * 100
    assert seen(turns.turn(many, shared)).text.count(text) == 20


def test_a_table_of_many_rows_is_one() -> None:
    row = "|" + "a|" * 8 + "\n"
    page = said_by_agent(row + "|" + "-|" * 8 + "\n" + row * 200 + "\n" + "b\n" * 1000)
    assert page.count("<tr>") == 201


def test_code_is_coloured_where_its_language_is_known_and_it_is_short() -> None:
    assert '<span class="k">def </span>' in said_by_agent("```python\ndef x(): pass\n```")
    long, wide = "x = 1\n" * 2000, "x" * 600
    for code in (long, wide, "def x\n" + "\n" * 200, "def x" + " " * 200 + "y", "'" + r"\"" * 60):
        assert '<span class="' not in said_by_agent(f"```python\n{code}\n```").replace(_NAME, "")
    several = said_by_agent(("```python\ndef x(): pass\n" + "y = 1\n" * 1100 + "```\n\n") * 5)
    assert several.count('<span class="k">def') == 2
    for text in ("```nope\ndef x\n```",):
        assert '<span class="k">' not in said_by_agent(text)
    for language in LANGUAGES:
        found = seen(highlighted("a <b> 'c' # d\n\n  e=1 <!-- f -->\n", language, bool))
        assert found.text == f"{language}a <b> 'c' # d\n\n  e=1 <!-- f -->\n"


def test_so_much_code_of_a_page_is_coloured_and_the_rest_is_plain() -> None:
    block = "x = 1\n" * 500
    many = of(*(agent(f"```python\n{block}```") for _ in range(20)))
    assert turns.turn(many, PAGE).count('class="m"') == 20 * 500
    shared = PAGE._replace(effort=Effort(7 * len(block) + 10))
    pages = [turns.turn(each, shared) for each in (many, of(agent("```python\nx = 1\n```")), many)]
    assert [page.count('class="m"') for page in pages] == [7 * 500, 1, 0]
    assert seen(pages[0]).text.count(block) == seen(pages[2]).text.count(block) == 20


def test_so_much_code_of_a_message_is_coloured() -> None:
    block = "x = 1\n" * 1000
    page = said_by_agent(f"```python\n{block}```\n" * 3 + "```python\nx = 1\n```")
    assert page.count('class="m"') == 2 * 1000 + 1


def test_output_is_folded_and_the_command_is_the_line_above_it() -> None:
    page = called("Exit code: 2\nWall time: 1.5 seconds\nOutput:\nno such file")
    assert page.startswith('<details class="item tool failed"><summary>')
    assert "no such file" in page.partition("</summary>")[2]
    assert "exit 2, 1.5 s" in seen(page.partition("</summary>")[0] + "</summary></details>").text
    assert " open" in called("x", Look(folded=False)).partition(">")[0]


def test_a_long_output_is_cut_in_a_page_and_whole_in_a_file() -> None:
    text = "a" * (TEXT_CHARS + 10) + "END"
    page = called(text)
    assert "END" not in page
    assert 'href="/thread/x/part/t1.0.0"' in page
    assert "END" in called(text, FILE)
    whole = turns.part(of(ti.ToolCall(id="c", name="shell", output=text)), "0.0")
    assert whole is not None
    assert whole.data == text


def test_a_part_is_known_by_its_name_alone() -> None:
    two = {
        "content": [{"type": "image", "data": PNG}, {"type": "image", "data": PNG[:-4] + "AAA="}]
    }
    turn = of(agent("x"), ti.McpToolCall(id="m", server="s", tool="t", result=two))
    page = turns.turn(turn, PAGE)
    names = [f"1.{number}" for number in range(2)]
    for name in names:
        assert f'src="/thread/x/part/t1.{name}"' in page
    parts = [turns.part(turn, name) for name in names]
    assert [each and each.kind for each in parts] == ["image/png"] * 2
    assert parts[0] != parts[1]
    for name in ("1.2", "2.0", "-1.0", "x", "", "1", "1.", "²." + "0", "9" * 400 + ".0"):
        assert turns.part(turn, name) is None


@pytest.mark.parametrize(("kind", "begins"), HEADS.items())
def test_an_image_is_what_its_data_begins_with(kind: str, begins: bytes) -> None:
    data = base64.b64encode(begins + bytes(40)).decode()
    for url in (f"data:image/svg+xml;base64,{data}", f"data:image/png;base64,{data}", data):
        image = images.image_of(url)
        assert image is not None
        assert image.kind == kind
    item = ti.UserMessage(
        id="u", content=(UserInput(type="image", image_url=f"data:x/y;base64,{data}"),)
    )
    assert f'src="data:{kind};base64,{data}"' in turns.item("t", item, FILE)


def test_what_is_no_such_image_is_told_in_words() -> None:
    svg = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='canary(1)'/>").decode()
    for url in (
        f"data:image/svg+xml;base64,{svg}",
        f"data:image/png;base64,{svg}",
        "data:image/svg+xml,<svg/>",
        f"data:image/png;base64,{PNG} onerror=x",
        "http://e.org/a.png",
        "a.png",
        "data:image/png;base64," + PNG + "A" * images.LIMIT_CHARS,
    ):
        assert images.image_of(url) is None
        item = ti.UserMessage(id="u", content=(UserInput(type="image", image_url=url),))
        page = turns.item("t", item, FILE)
        assert "<img" not in page
        assert "image" in seen(page).text


def test_a_patch_is_told_file_by_file_in_colour() -> None:
    patch = "*** Begin Patch\n*** Update File: a.py\n@@ x\n-old\n+new\n same\n*** End Patch"
    page = called("Done!", name="apply_patch", arguments=patch)
    for piece in (
        '<span class="hunk">@@ x\n</span>',
        '<span class="gd">-old\n</span>',
        '<span class="gi">+new\n</span>',
        "<code>a.py</code>",
        ">+1<",
        ">−1<",
    ):
        assert piece in page
    changes = {"b.py": FileChangeKind(type="add", content="x\ny")}
    page = turns.item("t", ti.FileChange(id="f", changes=changes, status="declined"), PAGE)
    assert '<span class="gi">+x\n+y\n</span>' in page
    assert "declined" in page


def test_errors_marks_and_joints_are_told() -> None:
    page = turns.turn(of(ti.ContextCompaction(id="c"), error={"message": "it broke"}), PAGE)
    assert "it broke" in page
    assert "the history was compacted here" in page
    assert "2 turns were rolled back here" in turns.rolled_back(2)
    assert "reverted" in turns.joint(Joint(None, reverted=True), PAGE)
    forked = turns.joint(Joint(THREAD, reverted=False), PAGE)
    assert f'<a href="/thread/{THREAD}">{THREAD}</a>' in forked


def test_a_turn_of_very_many_items_shows_its_first_and_its_last_ones() -> None:
    turn = of(*(agent(f"message {number}") for number in range(ITEMS + 5)))
    page = turns.turn(turn, PAGE)
    assert page.index("message 0<") < page.index("4 earlier items") < page.index("message 5<")
    assert "message 4<" not in page
    assert f"message {ITEMS + 4}<" in page
    assert "message 4<" in turns.turn(turn, FILE)
    almost = turns.turn(of(*turn.items[: ITEMS + 1]), PAGE)
    assert "earlier" not in almost
    assert almost.count("message") == ITEMS + 1


@pytest.mark.parametrize("count", [1, 7, ITEMS, ITEMS + 1, 3 * ITEMS])
def test_an_item_that_is_looked_for_is_shown_and_marked(count: int) -> None:
    turn = of(*(agent(f"message {number}.") for number in range(count)))
    for about in {0, 1, count // 3, count - 1} & set(range(count)):
        page = turns.turn(turn, PAGE._replace(about=about))
        shown = [int(each) for each in re.findall(r"message (\d+)\.", page)]
        assert len(shown) in (min(count, ITEMS), ITEMS + 1)
        assert shown == sorted(set(shown))
        found = re.findall(r'<div class="found" tabindex="-1">.*?message (\d+)\.', page)
        assert found == [str(about)]
        left_out = re.findall(r"(\d+) (?:earlier|later) items? of", page)
        assert len(shown) + sum(map(int, left_out)) == count


def test_the_head_tells_what_thread_it_is_and_whom_it_comes_from() -> None:
    thread = summary(
        "x", id=THREAD, title="A title", cwd="/desk", forked_from_id="f", parent_thread_id="p"
    )
    page = head.head(thread, PAGE, {"f": "The other"})
    found = seen(page)
    for told in ("A title", THREAD, "/desk", "archived", "Forked from The other", "Subagent"):
        assert told in found.text
    assert found.links == ["/thread/f", "/thread/p"]


def test_nothing_but_what_is_named_can_be_made() -> None:
    for name, attributes in (("iframe", {}), ("a", {"onclick": "x"}), ("a", {"style": "x"})):
        with pytest.raises(ValueError, match="made"):
            tag(name, **attributes)
    with pytest.raises(ValueError, match="made"):
        tag("script", "canary(1)")
    with pytest.raises(ValueError, match="no <"):
        style("</style>")
    for url in ("javascript:x", "//e.org", "/\\e.org", "data:text/html,x", "java\nscript:x", "x"):
        assert tag("a", href=url) == "<a></a>"
        assert tag("img", src=url) == "<img>"


def test_the_stylesheet_is_there_and_loads_nothing() -> None:
    css = styles.stylesheet()
    style(css)
    assert "url(" not in css
    assert "@import" not in css


def test_what_is_stored_is_shown(home: Path) -> None:
    put(home, content([meta(), *turn("hello")]))
    page = "".join(turns.turn(each, PAGE) for each in threadlog.open(home).turns(THREAD))
    found = seen(page)
    assert "hello" in found.text
    assert "re hello" in found.text


@pytest.mark.corpus
def test_every_genuine_thread_can_be_shown(tmp_path: Path) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus on this machine")
    shown = 0
    for number, folder in enumerate(sorted(root.glob("*/*/sessions"))):
        home = threadlog.open(shutil.copytree(folder.parent, tmp_path / str(number)))
        for thread in home.threads(limit=None, archived=None):
            seen(head.head(thread, PAGE))
            for place, each in enumerate(home.turns(thread.path), 1):
                for look in (PAGE, FILE):
                    seen(turns.turn(each, look, place))
                shown += 1
    assert shown > 20


_STEPS = [{"step": f"step {number}.", "status": "completed"} for number in range(10_000)]
_PATCH = "*** Begin Patch\n" + "".join(f"*** Add File: f{number}.\n+x\n" for number in range(5_000))
_MANY: dict[str, Any] = {
    "steps": ti.ToolCall(id="c", name="update_plan", arguments=json.dumps({"plan": _STEPS})),
    "patch": ti.ToolCall(id="c", name="apply_patch", arguments=_PATCH + "*** End Patch"),
    "files": ti.FileChange(
        id="c",
        changes={f"f{n}.": FileChangeKind(type="add", content="y" * 900) for n in range(999)},
    ),
    "parts": ti.UserMessage(
        id="c", content=tuple(UserInput(type="text", text=f"p{n}." * 99) for n in range(5_000))
    ),
    "agents": ti.CollabAgentToolCall(
        id="c", tool="wait", receiver_thread_ids=tuple(f"a{n}." for n in range(5_000))
    ),
    "long steps": ti.ToolCall(
        id="c", name="update_plan", arguments=json.dumps({"plan": ["z" * 90_000] * 20})
    ),
}


@pytest.mark.parametrize("name", _MANY)
def test_no_item_is_more_than_a_page_can_hold(name: str) -> None:
    item = _MANY[name]
    page = turns.item("t1", item, PAGE)
    assert len(page) < 300_000
    assert page.count("<") < 8_000
    links = re.findall(r"/part/t1\.(0\.[0-9]+)", page)
    assert links
    wholes = [turns.part(of(item), link) for link in links]
    assert all(whole is not None for whole in wholes)
    last = {"steps": "step 9999.", "patch": "f4999.", "files": "f998.", "parts": "p4999."}
    wanted = last.get(name, "a4999." if name == "agents" else "z" * 90_000)
    assert any(whole and wanted in whole.data for whole in wholes)
    assert page.count("<") < turns.item("t1", item, FILE).count("<") or name == "long steps"


def test_a_list_goes_on_where_it_says_and_tables_keep_their_sides() -> None:
    page = said_by_agent("3. third\n\n```\nx\n```\n\n4. fourth\n")
    assert re.findall(r'<ol start="(\d)">', page) == ["3", "4"]
    table = said_by_agent("| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |\n")
    assert re.findall(r'<td class="to-(\w+)">', table) == ["left", "center", "right"]


@pytest.mark.parametrize("end", ["", ".", ").", ")"])
def test_an_address_keeps_the_bracket_that_it_opens(end: str) -> None:
    page = said_by_agent(f"see (https://x.example/a_(b){end} there")
    assert 'href="https://x.example/a_(b)"' in page


@pytest.mark.parametrize("look", [PAGE, FILE, Look(inline=True)])
def test_an_image_among_words_is_no_block_and_no_link_in_a_link(look: Look) -> None:
    image = f"![alt](data:image/png;base64,{PNG})"
    for words in (
        f"a {image} b",
        f"[{image}](https://x.example)",
        "[![y](https://y.example)](https://x.example)",
    ):
        page = said_by_agent(words, look)
        assert not re.search(r"<p>(?:(?!</p>).)*<(?:p|figure)\b", page)
        assert not re.search(r"<a\b(?:(?!</a>).)*<a\b", page)
    assert "<img" in said_by_agent(f"a {image} b", look)
