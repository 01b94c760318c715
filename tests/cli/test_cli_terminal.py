"""On a terminal: nothing a thread says steers it, lines fit it, colour and pager are asked for."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unicodedata
from pathlib import Path

import pytest

import threadlog
from makers import (
    OTHER,
    THREAD,
    content,
    event,
    file_name,
    line,
    message,
    meta,
    put,
    put_names,
    put_thread,
    started,
    user,
    uuid,
)

CONTROLS = "".join(
    chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)] if code not in (9, 10, 13)
)
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
EVIL = f"\x1b[2J\x1b]0;title\x07\x9b31m{CONTROLS}\r{BIDI}\u2028\u2029\ud800end"
OURS = re.compile(r"\x1b\[(?:[0-9]+(?:;[0-9]+)*)?m")


# What a slow machine says meanwhile, and takes back.
PROGRESS = re.compile(r"(?:\r(?:indexing|searching|indexing words): [^\r\n]*)+\r +\r")


def on_terminal(home: Path, *words: str, columns: int = 80, **others: str) -> tuple[int, str]:
    """Run the program with a terminal as its output; the code, and all that reached it."""
    folder = str(Path(threadlog.__file__).parents[1])
    names = {**os.environ, "PYTHONPATH": folder, "TERM": "xterm", "PAGER": "", **others}
    names.pop("COLUMNS", None)
    names.pop("NO_COLOR", None)
    names.update(others)
    master, terminal = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    line = [sys.executable, "-m", "threadlog", "--home", str(home), *words]
    # Not the leader of a session of its own: at its end the kernel may throw unread output away.
    child = subprocess.Popen(line, stdin=terminal, stdout=terminal, stderr=terminal, env=names)
    os.close(terminal)
    pieces = []
    try:
        while piece := os.read(master, 1 << 16):
            pieces.append(piece)
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(master)
    told = b"".join(pieces).decode().replace("\r\n", "\n")
    return child.wait(), PROGRESS.sub("", told)


def width(text: str) -> int:
    """The columns of a line, as a terminal counts them."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(unicodedata.combining(char)) for char in text)


def lines(home: Path, columns: int) -> list[str]:
    """The lines of a listing, without colours and without the hint at more."""
    _code, text = on_terminal(home, "list", columns=columns)
    plain = OURS.sub("", text).splitlines()
    return [each for each in plain if not each.startswith("more: ")]


@pytest.fixture
def evil(home: Path) -> Path:
    """A home of threads that try to steer the terminal with everything they have."""
    command = {"id": "c", "type": "CommandExecution", "command": ["sh", EVIL], "stdout": EVIL}
    call = {"type": "function_call", "name": EVIL, "namespace": EVIL, "arguments": EVIL}
    output = {"type": "function_call_output", "call_id": "c", "output": EVIL}
    raws = [
        meta(
            THREAD,
            cwd=f"/{EVIL}",
            git={"branch": EVIL},
            source={EVIL: EVIL},
            cli_version=EVIL,
            forked_from_id=EVIL,
        ),
        started(EVIL),
        user(EVIL, local_images=[EVIL]),
        event("agent_message", message=EVIL),
        event("agent_reasoning", text=EVIL),
        line("response_item", {**call, "call_id": "c"}),
        line("response_item", output),
        line("response_item", message("assistant", EVIL)),
        event("web_search_end", call_id=EVIL, query=EVIL),
        event("entered_review_mode", target={}, user_facing_hint=EVIL),
        event("error", message=EVIL),
        event("item_completed", thread_id=EVIL, turn_id=EVIL, item=command),
        event(EVIL),
        line(EVIL, {"type": EVIL}),
        b"\x1b[2J garbage",
        event("task_complete", turn_id=EVIL, error={"message": EVIL}),
    ]
    put(home, content(raws))
    nameless = content([meta(EVIL.replace("\ud800", "")), user(EVIL)])
    put(home, nameless, "rollout-\x1b[2J\x9b\u202e\x7f.jsonl")
    put(home, nameless, "rollout-2026-01-02T03-04-05.jsonl", "archived_sessions")
    put(home, b"\x1b[2J", "rollout-\x1b[2J.jsonl", "sessions/\x1b[2J")
    put_names(home, (THREAD, EVIL))
    put_thread(home, 1)
    spawned = meta(uuid(0x77), parent_thread_id=THREAD, agent_role=EVIL)
    put(home, content([spawned, user(EVIL)]), file_name(uuid(0x77)))
    return home


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "--limit", "1"],
        ["list", "--limit", "2"],
        ["list", "--archived", "--limit", "1"],
        ["list", "--json"],
        ["tree"],
        ["tree", "--archived"],
        ["tree", "--json"],
        ["show", THREAD],
        ["show", THREAD, "--full", "--tail", "9"],
        ["show", THREAD, "--json"],
        ["show", THREAD, "--raw"],
        ["show", THREAD, "--raw", "--tail", "3"],
        ["show", "sessions/2026/01/02/rollout-\x1b[2J\x9b\u202e\x7f.jsonl"],
        ["show", "sessions/\x1b[2J/rollout-\x1b[2J.jsonl"],
        ["show", "sessions/\x1b[2J/none.jsonl"],
        ["path", "sessions/\x1b[2J/rollout-\x1b[2J.jsonl"],
        ["show", "\x1b[2J"],
        ["list", "--cwd", "/\x1b[2J"],
    ],
    ids=repr,
)
def test_nothing_of_a_thread_steers_a_terminal(evil: Path, words: list[str]) -> None:
    code, text = on_terminal(evil, *words, columns=1000)
    assert code in (0, 3)
    plain = OURS.sub("", text)
    raw = {char for char in plain if char in CONTROLS or char in BIDI or char in "\r\u2028\u2029"}
    assert raw == set()


def test_every_control_character_is_made_visible(home: Path) -> None:
    put(home, content([meta(), user("a\x1b[31mb\x07c\u202ed\x7fe")]))
    assert "a␛[31mb␇c\ufffdd␡e" in on_terminal(home, "show", THREAD)[1]


@pytest.fixture
def long(home: Path) -> Path:
    """Threads whose every cell is long, narrow, wide or combining."""
    texts = ["word " * 60, "中文字" * 60, "e\u0301" * 200, "😀" * 100, "x"]
    for number, text in enumerate(texts):
        git = {"branch": f"{text.strip()}/branch"}
        raws = [meta(None, id=_id(number), cwd=f"/desk/{text}", git=git, source={text: text})]
        put(home, content([*raws, user(text)]), f"rollout-2026-01-02T03-04-05-{_id(number)}.jsonl")
    return home


def _id(number: int) -> str:
    return f"019b0000-0000-7000-8000-{number:012x}"


@pytest.mark.parametrize("columns", [200, 120, 80, 60, 40])
def test_a_listing_fits_the_terminal(long: Path, columns: int) -> None:
    found = lines(long, columns)
    assert len(found) == 6
    assert [each for each in found if width(each) > columns] == []
    assert all(
        each.rstrip().endswith(_id(n)[-8:])
        for n, each in zip((4, 3, 2, 1, 0), found[1:], strict=True)
    )


@pytest.mark.parametrize("columns", [80, 40, 10, 1])
def test_a_small_listing_is_a_table_on_any_terminal(home: Path, columns: int) -> None:
    put_thread(home, 1, "hi")
    head, row = lines(home, columns)
    assert head.startswith("AGE")
    assert row.endswith("00000001")
    assert head.index("ID") == row.index("00000001")


def test_columns_are_aligned_whatever_the_characters(long: Path) -> None:
    head, *rows = lines(long, 120)
    places = {
        width(row[: row.index(_id(n)[-8:])]) for n, row in zip((4, 3, 2, 1, 0), rows, strict=True)
    }
    assert places == {head.index("ID")}


def test_a_listing_that_goes_on_says_how_to_see_more(home: Path) -> None:
    for number in range(3):
        put_thread(home, number)
    assert "more: threadlog list --all" in on_terminal(home, "list", "--limit", "2")[1]
    assert "more:" not in on_terminal(home, "list", "--all")[1]


def test_colour_is_for_terminals_that_want_it(home: Path) -> None:
    put_thread(home, 1)
    for words in (["list"], ["show", "last"]):
        assert "\x1b[" in on_terminal(home, *words)[1]
        assert "\x1b" not in on_terminal(home, *words, NO_COLOR="1")[1]
        assert "\x1b" not in on_terminal(home, *words, TERM="dumb")[1]
        assert "\x1b[" in on_terminal(home, *words, NO_COLOR="")[1]


def test_columns_of_the_environment_go_before_the_terminals(home: Path) -> None:
    put_thread(home, 1, "word " * 60)
    for given, expected in (("60", 60), ("0", 100), ("x", 100), ("-5", 100), ("²", 100)):
        _code, text = on_terminal(home, "list", columns=100, COLUMNS=given)
        assert max(map(width, OURS.sub("", text).splitlines())) == expected


PAGER = "sed s/^/paged:/"


def test_show_goes_through_the_pager_on_a_terminal_only(home: Path) -> None:
    put_thread(home, 1)
    code, text = on_terminal(home, "show", "last", PAGER=PAGER)
    assert code == 0
    assert all(each.startswith("paged:") for each in text.splitlines())
    for words in (["show", "last", "--no-pager"], ["show", "last", "--json"], ["list"]):
        assert "paged:" not in on_terminal(home, *words, PAGER=PAGER)[1]


@pytest.mark.parametrize(
    "pager", ["", "   ", "no-such-pager", "'", "less '", "sh -c 'exit 3'", "head -1"]
)
def test_a_pager_that_does_not_work_is_no_defect(home: Path, pager: str) -> None:
    raws = [raw for number in range(300) for raw in (started(str(number)), user("x" * 200))]
    put(home, content([meta(), *raws]))
    code, text = on_terminal(home, "show", THREAD, PAGER=pager)
    assert code in (0, 141)
    assert "internal error" not in text
    assert "Traceback" not in text


def test_an_unreadable_thread_is_said_without_a_pager(home: Path) -> None:
    code, text = on_terminal(home, "show", OTHER, PAGER=PAGER)
    assert (code, text.startswith("threadlog: no thread")) == (3, True)


def test_json_on_a_terminal_is_the_same_json(evil: Path) -> None:
    _code, text = on_terminal(evil, "show", THREAD, "--json")
    assert json.loads(text)["turns"][0]["id"] == EVIL.replace("\ud800", "\ufffd")
