"""Exports: what stands in each format, what does not, and how they are written."""

from __future__ import annotations

import asyncio
import fcntl
import io
import json
import os
import re
import shutil
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

import threadlog
from conftest import corpus_root
from hostile_pages import ATTRIBUTES, ELEMENTS, everywhere, seen
from makers import (
    OTHER,
    THREAD,
    agent,
    completed,
    content,
    event,
    file_name,
    line,
    meta,
    put,
    python,
    started,
    user,
    uuid,
)
from makers import command as run
from makers import turn as whole_turn
from secret_samples import Dice
from threadlog.core import export as told
from threadlog.core.as_markdown import code, fenced
from threadlog.core.export import FORMATS, ExportReport, Outline
from threadlog.core.metadata import PREVIEW_LIMIT_CHARS
from threadlog.core.redacted import redacted
from threadlog.core.redaction import Redactor
from threadlog.core.redaction_rules import RULES

SCHEMA = json.loads(files("threadlog").joinpath("export.schema.json").read_text("utf-8"))
VALID = jsonschema_rs.validator_for(SCHEMA)
PAGE = {
    "elements": ELEMENTS
    | {"html", "head", "body", "meta", "title", "style", "nav", "main"}
    | {"section", "small", "p", "h1", "header", "dl", "dt", "dd", "time"},
    "attributes": ATTRIBUTES | {"lang", "charset", "content", "name", "http-equiv", "aria-label"},
}
TOKEN = "gh" + "p_" + Dice(1).alnum(36)
PASSWORD = "hunter2xyz"


def spoken(name: str, *said: str) -> list[bytes]:
    """A turn in which these things are said, by the user and then by the agent."""
    return [started(name), *(user(each) if n == 0 else agent(each) for n, each in enumerate(said)),
            completed(name)]  # fmt: skip


def secretive(home: Path, thread: str = THREAD) -> Path:
    """A thread of three turns; its secrets are told by their names in the last one only."""
    lines = [
        meta(thread, cwd="/home/alice/project"),
        *spoken("t1", f"log in with {PASSWORD}", f"used `{TOKEN}` for bob@corp.io"),
        *spoken("t2", "and now?", "nothing"),
        *spoken("t3", "which one?", f"DB_PASSWORD={PASSWORD}\n```\nopen"),
    ]
    return put(home, content(lines), file_name(thread))


def exported(home: Path, *ids: str, **asked: Any) -> tuple[str, ExportReport]:
    file = io.BytesIO()
    report = threadlog.open(home).export(*(ids or (THREAD,)), to=file, **asked)
    assert report.size_bytes == len(file.getvalue())
    return file.getvalue().decode(), report


@pytest.mark.parametrize("format_", FORMATS)
def test_a_redacted_export_holds_no_secret_not_even_before_it_is_named(
    home: Path, format_: str
) -> None:
    secretive(home)
    text, report = exported(home, format=format_, redact=["secrets", "email", "paths"])
    for secret in (PASSWORD, TOKEN, "bob@corp.io", "/home/alice"):
        assert secret not in text
    assert text.count("[redacted: secret #1]") >= 2
    assert set(report.replaced) == {"secret", "github-token", "email", "home-path"}
    assert report.redacted == ("secrets", "paths", "email")


@pytest.mark.parametrize(("format_", "kept"), [("html", 0), ("md", 0), ("json", 1), ("jsonl", 1)])
def test_secrets_are_replaced_unasked_where_people_read(
    home: Path, format_: str, kept: int
) -> None:
    secretive(home)
    text, report = exported(home, format=format_)
    assert (TOKEN in text) == bool(kept)
    assert report.redacted == (() if kept else ("secrets",))
    text, report = exported(home, format=format_, redact=())
    assert TOKEN in text
    assert (report.redacted, report.replaced, report.places) == ((), {}, ())


def test_the_report_tells_where_and_never_what(home: Path) -> None:
    secretive(home)
    _text, report = exported(home, format="md")
    places = [(each.label, each.times, each.place) for each in report.places]
    assert places == [
        ("secret #1", 1, (THREAD, 0, "", "thread")),
        ("secret #1", 1, (THREAD, 1, "t1", report.places[1].place.item)),
        ("github-token #1", 1, (THREAD, 1, "t1", report.places[2].place.item)),
        ("secret #1", 1, (THREAD, 3, "t3", report.places[3].place.item)),
    ]
    assert report.replaced == {"github-token": 1, "secret": 3}
    assert TOKEN not in repr(report)
    assert PASSWORD not in repr(report)
    assert (report.threads, report.turns, report.problems) == (1, 3, 0)


def test_more_places_than_are_listed_are_counted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "PLACES_LISTED", 2)
    secretive(home)
    _text, report = exported(home, format="md")
    assert (len(report.places), report.places_not_listed) == (2, 2)


def test_every_place_that_a_thread_can_write_to_is_redacted() -> None:
    secret = "DB_PASSWORD=" + PASSWORD
    clean = redacted(everywhere(secret), Redactor(RULES))
    assert PASSWORD.encode() not in msgspec.json.encode(clean)


@pytest.mark.parametrize("format_", FORMATS)
def test_half_a_surrogate_pair_hides_no_secret(home: Path, format_: str) -> None:
    said = f"\ud800 DB_PASSWORD={PASSWORD}"
    call = event(
        "mcp_tool_call_end", call_id="c", invocation={"server": "s", "tool": "t",
        "arguments": {"x": said, "DB_PASSWORD": PASSWORD}}, result={"Ok": {"content": said}},
        duration={"secs": 1, "nanos": 0},
    )  # fmt: skip
    put(home, content([meta(), started("t"), user(said), call, agent(said), completed("t")]))
    text, report = exported(home, format=format_, redact=["secrets"])
    assert PASSWORD not in text
    assert "[redacted: secret #1]" in text
    assert set(report.replaced) == {"secret"}


def test_json_is_what_its_schema_says(home: Path) -> None:
    secretive(home)
    put(home, content([meta(OTHER), *whole_turn("hi")]) + b'{"torn', file_name(OTHER))
    text, report = exported(home, THREAD, OTHER, format="json")
    value = json.loads(text)
    VALID.validate(value)
    assert [each["thread"]["id"] for each in value["threads"]] == [THREAD, OTHER]
    assert [turn["number"] for turn in value["threads"][0]["turns"]] == [1, 2, 3]
    assert [len(each["problems"]) for each in value["threads"]] == [0, 1]
    assert value["threads"][1]["problems"][0]["reason"].startswith("torn")
    assert report.problems == 1
    assert "path" not in value["threads"][0]["thread"]


def test_json_lines_are_the_bytes_of_the_rollout(home: Path) -> None:
    path = secretive(home)
    assert exported(home, format="jsonl")[0].encode() == path.read_bytes()


def test_redacted_lines_without_secrets_keep_their_bytes(home: Path) -> None:
    path = secretive(home)
    odd = b'{"odd":  1}\nno json: DB_PASSWORD=hunter2xyz \xff\n'
    path.write_bytes(path.read_bytes() + odd)
    before = path.read_bytes().splitlines()
    file = io.BytesIO()
    threadlog.open(home).export(THREAD, to=file, format="jsonl", redact=["secrets"])
    after = file.getvalue().splitlines()
    assert len(after) == len(before)
    assert after[-1] == b"no json: DB_PASSWORD=[redacted: secret #1] \xff"
    for old, new in zip(before[:-1], after[:-1], strict=True):
        assert old == new or (b"[redacted: " in new and json.loads(new))
    assert before[-2] == after[-2]


@pytest.mark.parametrize(
    ("turns", "numbers"),
    [
        (None, [1, 2, 3]),
        ((2, None), [2, 3]),
        ((None, 2), [1, 2]),
        ((2, 2), [2]),
        ((-1, None), [3]),
        ((None, -2), [1, 2]),
        ((2, 99), [2, 3]),
        ((-99, 1), [1]),
    ],
)
def test_a_range_of_turns_counts_from_the_first_or_the_last(
    home: Path, turns: Any, numbers: list[int]
) -> None:
    secretive(home)
    value = json.loads(exported(home, format="json", turns=turns)[0])
    assert [turn["number"] for turn in value["threads"][0]["turns"]] == numbers
    text, report = exported(home, format="md", turns=turns)
    assert [f"## Turn {n}\n" in text for n in (1, 2, 3)] == [n in numbers for n in (1, 2, 3)]
    assert report.turns == len(numbers)
    lines = exported(home, format="jsonl", turns=turns)[0].splitlines()
    assert json.loads(lines[0])["type"] == "session_meta"
    assert [f"t{n}" in "".join(lines) for n in (1, 2, 3)] == [n in numbers for n in (1, 2, 3)]
    page = exported(home, turns=turns)[0]
    assert [f'href="#turn-{n}"' in page for n in (1, 2, 3)] == [n in numbers for n in (1, 2, 3)]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_turn_that_is_not_there_is_said_and_leaves_no_file(
    home: Path, tmp_path: Path, format_: str
) -> None:
    secretive(home)
    path = tmp_path / "out"
    with pytest.raises(threadlog.NotFound, match="no turn 9: it has 3"):
        threadlog.open(home).export(THREAD, to=path, format=format_, turns=(9, None))
    assert not path.exists()
    assert list(tmp_path.glob("out*")) == []


def test_turns_that_were_rolled_back_are_not_in_it(home: Path) -> None:
    lines = [meta(), *spoken("a", "kept", "1"), *spoken("b", "gone", "2")]
    put(home, content([*lines, event("thread_rolled_back", num_turns=1), *spoken("c", "new", "3")]))
    value = json.loads(exported(home, format="json")[0])
    turns = value["threads"][0]["turns"]
    assert [(turn["number"], turn["id"]) for turn in turns] == [(1, "a"), (2, "c")]
    for format_ in ("md", "html"):
        text = exported(home, format=format_)[0]
        assert "gone" not in text
        assert "1 turn was rolled back here" in text


@pytest.mark.parametrize("format_", FORMATS)
def test_a_fork_of_a_fork_says_where_each_began(home: Path, format_: str) -> None:
    oldest = uuid(0xC)
    heads = [meta(OTHER, forked_from_id=oldest), meta(oldest)]
    put(home, content([meta(oldest), *spoken("a", "ay")]), file_name(oldest))
    copied = [*heads, *spoken("a", "ay"), *spoken("b", "bee")]
    put(home, content(copied), file_name(OTHER))
    put(home, content([meta(forked_from_id=OTHER), *copied, *spoken("c", "sea")]))
    text = exported(home, format=format_)[0]
    if format_ in ("html", "md"):
        said = [text.rindex(each) for each in ("ay", "forked here from " + oldest, "bee")]
        said += [text.rindex(each) for each in ("forked here from " + OTHER, "sea")]
        assert said == sorted(said)
    else:
        assert "forked here" not in text


@pytest.mark.parametrize("format_", FORMATS)
def test_what_a_rolled_back_turn_names_is_missing_in_the_others(home: Path, format_: str) -> None:
    lines = [meta(), *spoken("a", f"log in with {PASSWORD}", "1")]
    lines += spoken("b", "set", f"DB_PASSWORD={PASSWORD}")
    put(home, content([*lines, event("thread_rolled_back", num_turns=1), *spoken("c", PASSWORD)]))
    text, report = exported(home, format=format_, redact=["secrets"])
    assert PASSWORD not in text
    assert text.count("[redacted: secret #1]") >= 2
    assert report.replaced["secret"] < 8


@pytest.mark.parametrize("format_", FORMATS)
def test_no_id_nor_model_carries_a_secret_not_even_into_the_report(
    home: Path, format_: str
) -> None:
    call = event(
        "exec_command_end", call_id=TOKEN, turn_id=TOKEN, command=["cat", TOKEN], cwd="/x",
        parsed_cmd=[], stdout="", stderr="", aggregated_output=TOKEN, exit_code=0,
        duration={"secs": 1, "nanos": 0}, formatted_output="",
    )  # fmt: skip
    context = line("turn_context", {"turn_id": TOKEN, "cwd": "/x", "model": TOKEN})
    lines = [meta(), started(TOKEN), context, user("go"), call, completed(TOKEN)]
    put(home, content(lines))
    text, report = exported(home, format=format_, redact=["secrets"])
    assert TOKEN not in text
    assert TOKEN not in repr(report)
    assert sum(report.replaced.values()) == sum(each.times for each in report.places)


@pytest.mark.parametrize("format_", ["html", "md", "json"])
def test_rules_that_match_our_own_names_stop_nothing(
    home: Path, tmp_path: Path, format_: str
) -> None:
    secretive(home)
    table = tmp_path / "rules.toml"
    table.write_text('[[rule]]\nname = "x"\npattern = "title|model|id|error|item_times|source"\n')
    assert exported(home, format=format_, redact=["secrets"], rules=table)[1].turns == 3


@pytest.mark.parametrize("format_", FORMATS)
def test_what_a_turn_names_is_missing_in_exports_of_other_turns(home: Path, format_: str) -> None:
    lines = [meta(), *spoken("a", f"DB_PASSWORD={PASSWORD}"), *spoken("b", "so"), *spoken("c", "?")]
    put(home, content([*lines, *spoken("d", f"log in with {PASSWORD}")]))
    text, _report = exported(home, format=format_, redact=["secrets"], turns=(3, None))
    assert PASSWORD not in text
    assert "[redacted: secret #1]" in text


def test_a_page_opens_by_itself_and_runs_nothing(home: Path) -> None:
    lines = [meta(), *spoken("t", "<script>alert(1)</script>", "x <img src=x onerror=alert(1)>")]
    put(home, content(lines))
    page = exported(home)[0]
    found = seen(page, **PAGE)
    assert "<script" not in page
    assert "default-src &#x27;none&#x27;; style-src &#x27;sha256-" in page
    assert [link for link in found.links if not link.startswith("#")] == []
    for link in found.links:
        assert f'id="{link[1:]}"' in page
    assert "prefers-color-scheme: dark" in page


def test_the_policy_allows_the_stylesheet_that_is_there(home: Path) -> None:
    import base64
    import hashlib

    secretive(home)
    page = exported(home)[0]
    css = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert f"sha256-{digest}" in page


def test_several_threads_in_one_page_have_anchors_of_their_own(home: Path) -> None:
    secretive(home)
    secretive(home, OTHER)
    page = exported(home, THREAD, OTHER)[0]
    found = seen(page, **PAGE)
    assert len(set(found.links)) == len(found.links) == 9
    for link in found.links:
        assert page.count(f'id="{link[1:]}"') == 1


def test_several_threads_in_markdown_have_headings_of_their_own(home: Path) -> None:
    secretive(home)
    secretive(home, OTHER)
    text = exported(home, THREAD, OTHER, format="md")[0]
    headings = [each for each in text.split("\n") if each.startswith("#")]
    assert len(set(headings)) == len(headings) == 8
    assert headings[0].startswith("# Thread 1: log in with ")
    assert headings[5] == "## Thread 2, turn 1"
    assert "\n\n\n" not in text
    alone = exported(home, format="md")[0]
    assert alone.startswith("# log in with ")
    assert "\n## Turn 1\n" in alone


def test_a_long_first_message_is_no_long_heading(home: Path) -> None:
    put(home, content([meta(), *spoken("t", "word " * 1000 + "end", "so")]))
    text = exported(home, format="md")[0]
    heading = text.partition("\n")[0]
    assert heading.endswith("…")
    assert len(heading) <= 210
    assert "word end" in text


def test_markdown_keeps_every_text_in_its_place(home: Path) -> None:
    said = "a fence:\n````\n</details>\n```"
    output = event(
        "exec_command_end", call_id="c", turn_id="t", command=["cat", "x"], cwd="/x",
        parsed_cmd=[], stdout="", stderr="", aggregated_output=f"{said}\n</details>", exit_code=1,
        duration={"secs": 1, "nanos": 0}, formatted_output="",
    )  # fmt: skip
    put(home, content([meta(), started("t"), user("go"), output, agent(said), completed("t")]))
    text = exported(home, format="md")[0]
    assert "<summary><code>$ cat x</code> [exit 1, 1.0 s]</summary>" in text
    assert f"`````\n{said}\n</details>\n`````\n" in text
    assert text.endswith(f"{said}\n````\n\n")  # closed, so that nothing after it is swallowed


def test_no_words_in_markdown_open_or_end_a_fold(home: Path) -> None:
    said = "<details>\n</details>\n![](https://evil/x)\n<script>"
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": said}]}
    lines = [started("t"), user(said), line("response_item", thought), agent(said), completed("t")]
    thought_event = event("agent_reasoning", text=said)
    put(home, content([meta(), *lines[:2], thought_event, *lines[2:]]))
    text = exported(home, format="md")[0]
    assert text.count("&lt;script>") >= 3
    assert text.count("<details>") == text.count("</details>") == text.count("Reasoning")
    assert "<script>" not in text
    assert "![" not in text


def test_no_outcome_in_markdown_is_html(home: Path) -> None:
    patch = event(
        "patch_apply_end", call_id="p", turn_id="t", stdout="", stderr="", success=False,
        status="<img src=x>\n\n# H", changes={"/x": {"type": "add", "content": "a"}},
    )  # fmt: skip
    put(home, content([meta(), started("t"), user("go"), patch, completed("t")]))
    text = exported(home, format="md")[0]
    assert "[&lt;img src=x&gt;" in text
    assert "<img" not in text
    assert "\n# H" not in text


def test_a_parents_title_that_was_cut_ends_with_no_half_of_a_secret(home: Path) -> None:
    said = "w" * (PREVIEW_LIMIT_CHARS - 20) + f" {TOKEN}"
    put(home, content([meta(OTHER), *whole_turn(said)]), file_name(OTHER))
    put(home, content([meta(forked_from_id=OTHER), *whole_turn("more")]))
    for format_ in ("html", "md"):
        text = exported(home, format=format_)[0]
        assert TOKEN[:8] not in text
        assert "w" * 150 in text
        assert "w" * 250 not in text


def test_of_several_threads_one_without_the_turns_is_said_before_a_line(home: Path) -> None:
    secretive(home)
    put(home, content([meta(OTHER), *spoken("t1", "hi", "yes")]), file_name(OTHER))
    file = io.BytesIO()
    with pytest.raises(threadlog.NotFound, match="no turn 2"):
        threadlog.open(home).export(THREAD, OTHER, to=file, format="jsonl", turns=(2, None))
    assert file.getvalue() == b""


def test_code_stays_code_whatever_ticks_are_in_it() -> None:
    assert code("a`b``c") == "``` a`b``c ```"
    assert fenced("```\nx\n```", "sh") == "````sh\n```\nx\n```\n````\n"


def test_an_outline_of_many_turns_is_thinned_out() -> None:
    outline = Outline()
    for number in range(1, 10_001):
        outline.add(number, "said")
    numbers = [number for number, _said in outline.entries]
    assert len(numbers) <= told.OUTLINE_TURNS
    assert numbers == list(range(1, 10_001, outline.step))


def test_lines_far_before_that_which_names_a_secret_lose_it_too(home: Path) -> None:
    filling = [agent("many words " * 2_000) for _ in range(20)]
    named = spoken("b", "set", f"X_PASSWORD={PASSWORD}")
    put(home, content([meta(), *spoken("a", "hi", f"use {PASSWORD}"), *filling, *named]))
    text, report = exported(home, format="jsonl", redact=["secrets"])
    assert PASSWORD not in text
    assert sum(report.replaced.values()) == 2


def test_characters_that_are_written_as_numbers_hide_no_secret(home: Path) -> None:
    told = json.loads(agent("пароль: Xk9zQw7Lm2"))
    put(home, content([meta(), started("a"), json.dumps(told).encode() + b"\n", completed("a")]))
    assert "Xk9zQw7Lm2" in exported(home, format="jsonl")[0]
    assert "Xk9zQw7Lm2" not in exported(home, format="jsonl", redact=["secrets"])[0]


def test_a_turn_in_which_no_rule_finds_anything_loses_what_later_ones_name(home: Path) -> None:
    lines = [
        meta(),
        *spoken("a", "hi", f"use {PASSWORD}"),
        *spoken("b", "set", f"X_PASSWORD={PASSWORD}"),
    ]
    put(home, content(lines))
    for format_ in FORMATS:
        assert PASSWORD not in exported(home, format=format_, redact=["secrets"])[0]


def test_an_outline_shows_no_half_of_a_secret(home: Path) -> None:
    """Not where the beginning of a turn is cut, and not before the secret is named."""
    for before in range(60, 90, 7):
        said = "x" * before + f" {PASSWORD} " + "word " * 60 + f"{PASSWORD} " * 40
        lines = [meta(), *spoken("a", said), *spoken("b", "?", f"DB_PASSWORD={PASSWORD}")]
        put(home, content(lines))
        outline = exported(home)[0].partition("<nav")[2].partition("</nav>")[0]
        assert "xxx" in outline
        assert "hunter" not in outline


def test_a_title_that_was_cut_ends_with_no_half_of_a_secret(home: Path) -> None:
    said = "word " * 1999 + f"{PASSWORD} is it"
    put(home, content([meta(), *spoken("a", said, f"DB_PASSWORD={PASSWORD}")]))
    for format_ in ("html", "md", "json"):
        assert "hunt" not in exported(home, format=format_, redact=["secrets"])[0]


def test_a_file_is_for_its_owner_and_never_half_there(home: Path, tmp_path: Path) -> None:
    secretive(home)
    path = tmp_path / "out.html"
    path.write_text("before")
    report = threadlog.open(home).export(THREAD, to=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == report.size_bytes
    assert [each.name for each in tmp_path.glob("out*")] == ["out.html"]


def test_a_write_that_fails_leaves_what_was_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadlog.local.disk import Disk

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    secretive(home)
    path = tmp_path / "out.html"
    path.write_text("before")
    monkeypatch.setattr(Disk, "write", full)
    with pytest.raises(OSError, match="No space") as raised:
        threadlog.open(home).export(THREAD, to=path)
    assert raised.value.filename == str(path)
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.glob("out*")] == ["out.html"]


def test_two_exports_to_one_path_are_one_of_them(home: Path, tmp_path: Path) -> None:
    secretive(home)
    path, opened = tmp_path / "out.md", threadlog.open(home)
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(opened.export, THREAD, to=path, format="md") for _ in range(12)]
    assert {each.result().size_bytes for each in made} == {path.stat().st_size}
    assert [each.name for each in tmp_path.glob("out*")] == ["out.md"]


def test_a_name_may_be_as_long_as_names_are(home: Path, tmp_path: Path) -> None:
    secretive(home)
    for name in ("x" * 251 + ".md", "é" * 126 + ".md"):
        threadlog.open(home).export(THREAD, to=tmp_path / name)
        assert (tmp_path / name).stat().st_size


def test_a_file_that_takes_a_piece_at_a_time_gets_all(home: Path) -> None:
    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.taken = b""

        def write(self, data: Any) -> int:
            self.taken += bytes(data[:1000])
            return min(len(data), 1000)

    secretive(home)
    slow: Any = Slow()
    report = threadlog.open(home).export(THREAD, to=slow, format="md")
    assert slow.taken.decode() == exported(home, format="md")[0]
    assert report.size_bytes == len(slow.taken)


def test_what_a_killed_process_left_is_removed_by_the_next_export(
    home: Path, tmp_path: Path
) -> None:
    secretive(home)
    path = tmp_path / "out.md"
    ran = python(
        "import os, signal, threadlog\n"
        "from threadlog import export_formats\n"
        "def killed(*_):\n"
        "    yield 'x' * 1_000_000\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "export_formats.markdown = killed\n"
        f"threadlog.open({str(home)!r}).export({THREAD!r}, to={str(path)!r}, format='md')\n"
    )
    ran.communicate(timeout=30)
    (left,) = [each.name for each in tmp_path.glob("out*")]
    assert re.fullmatch(rf"out\.md\.{ran.pid}-[0-9a-f]{{8}}\.part", left)
    (tmp_path / f"out.md.{os.getpid()}-0123abcd.part").write_text(
        "of one that had our number before us"
    )
    threadlog.open(home).export(THREAD, to=path, format="md")
    assert [each.name for each in tmp_path.glob("out*")] == ["out.md"]


def test_nothing_but_what_a_dead_process_left_is_removed(home: Path, tmp_path: Path) -> None:
    secretive(home)
    path, dead = tmp_path / "out.md", 1 << 30
    kept = [
        f"out.md.{os.getppid()}-0123abcd.part",
        f"other.md.{dead}-0123abcd.part",
        f"out.md.{dead}-0123abcd.parts",
    ]
    kept += [
        f"out.md.0{dead}-0123abcd.part",
        f"out.md.x.{dead}-0123abcd.part",
        f"xout.md.{dead}-0123abcd.part",
        f".{dead}-0123abcd.part",
        f"out.md.{dead}.part",
    ]
    for name in kept:
        (tmp_path / name).write_text("mine")
    link, folder = (
        tmp_path / f"out.md.{dead + 1}-0123abcd.part",
        tmp_path / f"out.md.{dead + 2}-0123abcd.part",
    )
    link.symlink_to(tmp_path / kept[0])
    folder.mkdir()
    locked = tmp_path / f"out.md.{dead + 3}-0123abcd.part"
    with locked.open("w") as file:  # one on another machine that shares the folder
        fcntl.flock(file, fcntl.LOCK_EX)
        os.mkfifo(tmp_path / f"out.md.{dead + 4}-0123abcd.part")
        before = sorted(os.listdir(tmp_path))
        threadlog.open(home).export(THREAD, to=path, format="md")
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "out.md"])


@pytest.mark.parametrize("where", ["sessions/x.html", "threadlog/x", "session_index.jsonl", "a"])
def test_no_export_replaces_what_is_the_homes(home: Path, tmp_path: Path, where: str) -> None:
    own, other = secretive(home), secretive(home, OTHER)
    link = tmp_path / "link"
    link.symlink_to(other)
    (home / "threadlog").mkdir(exist_ok=True)
    before = other.read_bytes()
    for path in (home / where, own, other, link):
        with pytest.raises(ValueError, match="would lie in the home"):
            threadlog.open(home).export(THREAD, to=path)
    assert other.read_bytes() == before
    assert not (home / where).exists()
    assert link.is_symlink()


@pytest.mark.parametrize("said", ["environment", "config"])
def test_no_export_replaces_databases_that_lie_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    secretive(home)
    folder = tmp_path / "databases"
    folder.mkdir()
    database = folder / "state_5.sqlite"
    database.write_bytes(b"what Codex knows")
    if said == "config":
        (home / "config.toml").write_text(f"sqlite_home = {json.dumps(str(folder))}\n")
    else:
        monkeypatch.setenv("CODEX_SQLITE_HOME", str(folder))
    for path in (database, folder / "new.html"):
        with pytest.raises(ValueError, match="in the folder of databases"):
            threadlog.open(home).export(THREAD, to=path)
    assert [each.read_bytes() for each in folder.iterdir()] == [b"what Codex knows"]


def test_no_export_replaces_rollouts_that_lie_on_another_disk(home: Path, tmp_path: Path) -> None:
    secretive(home, OTHER)
    (home / "sessions").rename(tmp_path / "disk")
    (home / "sessions").symlink_to(tmp_path / "disk")
    with pytest.raises(ValueError, match="would lie in the home"):
        threadlog.open(home).export(OTHER, to=tmp_path / "disk" / "x")


def test_a_pipe_is_written_into_and_stays_one(home: Path, tmp_path: Path) -> None:
    secretive(home)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    threadlog.open(home).export(THREAD, to=pipe, format="md")
    reader.join(10)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert b"".join(read).decode() == exported(home, format="md")[0]


def test_a_symbolic_link_is_followed(home: Path, tmp_path: Path) -> None:
    secretive(home)
    for name in ("there", "new"):
        link = tmp_path / f"to-{name}"
        link.symlink_to(tmp_path / name)
        (tmp_path / "there").write_text("before")
        threadlog.open(home).export(THREAD, to=link, format="md")
        assert link.is_symlink()
        assert (tmp_path / name).read_text() == exported(home, format="md")[0]


def test_it_is_written_to_open_files_of_both_kinds(home: Path) -> None:
    secretive(home)
    text, data = io.StringIO(), io.BytesIO()
    opened = threadlog.open(home)
    opened.export(THREAD, to=text, format="md")
    opened.export(THREAD, to=data, format="md")
    assert text.getvalue().encode() == data.getvalue()


def test_the_awaitable_home_exports_the_same(home: Path) -> None:
    secretive(home)
    data = io.BytesIO()

    async def export() -> ExportReport:
        from threadlog import aio

        async with aio.open(home) as opened:
            return await opened.export(THREAD, to=data, format="md")

    report = asyncio.run(export())
    assert (data.getvalue().decode(), report) == exported(home, format="md")


def test_the_home_has_rules_of_its_own(home: Path, tmp_path: Path) -> None:
    secretive(home)
    (home / "threadlog").mkdir(exist_ok=True)
    table = home / "threadlog" / "redaction.toml"
    table.write_text('off = ["github-token"]\n[[rule]]\nname = "now"\npattern = "and now"\n')
    text, report = exported(home, format="md")
    assert "[redacted: now #1]?" in text
    assert TOKEN in text
    assert set(report.replaced) == {"now", "secret"}
    other = tmp_path / "other.toml"
    other.write_text("")
    assert "and now" in exported(home, format="md", rules=other)[0]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"format": "pdf"}, "no format 'pdf'"),
        ({"redact": ["names"]}, "cannot redact 'names'"),
        ({"turns": (0, 3)}, "no turns are from 0 to 3"),
        ({"turns": (3, 2)}, "no turns are from 3 to 2"),
    ],
)
def test_what_cannot_be_asked_is_refused(home: Path, asked: dict[str, Any], why: str) -> None:
    secretive(home)
    with pytest.raises(ValueError, match=why):
        exported(home, **asked)
    with pytest.raises(ValueError, match="needs a thread"):
        threadlog.open(home).export(to=io.BytesIO())


@pytest.mark.parametrize(
    ("kind", "reference", "asked"),
    [
        (threadlog.NotFound, "nobody", {}),
        (threadlog.NotFound, THREAD, {"turns": (9, None)}),
        (threadlog.Ambiguous, THREAD[:13], {}),
        (threadlog.OutsideHome, file_name(OTHER), {}),
        (OSError, THREAD, {"to": "no-such/x"}),
        (OSError, THREAD, {"rules": "no-such"}),
        (ValueError, THREAD, {"to": "home/x"}),
        (ValueError, THREAD, {"format": "pdf"}),
        (ValueError, THREAD, {"rules": "table"}),
    ],
)
def test_it_raises_what_it_says_that_it_raises(
    home: Path, tmp_path: Path, kind: type[Exception], reference: str, asked: dict[str, Any]
) -> None:
    own = secretive(home)
    secretive(home, OTHER)
    shutil.copy(own, tmp_path / file_name(OTHER))
    (tmp_path / "table").write_text("no table")
    if kind is threadlog.OutsideHome:
        reference = str(tmp_path / reference)
    asked = {key: value if key == "format" else tmp_path / value for key, value in asked.items()
             if key != "turns"} | {"turns": asked.get("turns")}  # fmt: skip
    with pytest.raises(kind):
        threadlog.open(home).export(reference, **{"to": io.BytesIO()} | asked)
    assert kind.__name__ in (threadlog.Home.export.__doc__ or "").partition("Raises")[2]


@pytest.mark.corpus
@pytest.mark.parametrize("format_", FORMATS)
def test_every_genuine_thread_can_be_exported(tmp_path: Path, format_: str) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    count = 0
    for number, folder in enumerate(sorted(root.glob("*/*/sessions"))):
        home = threadlog.open(shutil.copytree(folder.parent, tmp_path / str(number)))
        for thread in home.threads(limit=None, archived=None):
            texts = []
            for _ in range(2):
                file = io.BytesIO()
                home.export(thread.path, to=file, format=format_, redact=["secrets", "paths"])
                texts.append(file.getvalue())
            assert texts[0] == texts[1]
            count += 1
            if format_ == "json":
                VALID.validate(json.loads(texts[0]))
            elif format_ == "html":
                seen(texts[0].decode(), **PAGE)
    assert count > 20


def test_the_command_line_writes_the_same(home: Path) -> None:
    secretive(home)
    assert (
        run(home, "export", THREAD, "--format", "md").out.decode() == exported(home, format="md")[0]
    )
