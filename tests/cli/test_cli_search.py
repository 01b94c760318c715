"""`threadlog search`: hits under their threads, a line each for programs, documented JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli_terminal import EVIL, OURS, on_terminal, width

import threadlog
from makers import Ran, command, content, file_name, meta, put, put_thread, turn, uuid
from threadlog.local.search import words

KEYS = [
    *("thread", "turn", "role", "tool", "at", "excerpt", "marks", "path", "offset", "copied"),
]


@pytest.fixture
def filled(home: Path) -> Path:
    with threadlog.open(home) as opened:
        for text in ("Why does the build fail?", "Mend the parseTree of core/text.py"):
            with opened.start("/desk/work") as thread, thread.turn(text) as live:
                live.tool("shell", {"command": "make"}, output="error: no such file foo.h")
                live.say("A header is missing: " + "so it goes, " * 60)
    return home


def lines(ran: Ran) -> list[str]:
    return ran.out.decode().splitlines()


def test_programs_get_a_line_a_hit(filled: Path) -> None:
    ran = command(filled, "search", "header")
    assert (ran.code, ran.err) == (0, "")
    cells = [line.split("\t") for line in lines(ran)]
    assert [len(each) for each in cells] == [6, 6]
    assert {each[3] for each in cells} == {"agent"}
    assert all(each[5].startswith("A header is missing: so it goes") for each in cells)
    assert cells[0][0] > cells[1][0]


def test_json_is_as_documented(filled: Path) -> None:
    ran = command(
        filled, "search", "no such file", "role:output", "--limit", "1", "--json", "--count"
    )
    told = json.loads(ran.out)
    assert list(told) == ["version", "hits", "next", "scanned", "total", "threads"]
    assert (told["version"], told["total"], told["threads"], told["scanned"]) == (1, 2, 2, 0)
    (hit,) = told["hits"]
    assert sorted(hit) == sorted(KEYS)
    assert list(hit["thread"]) == ["id", "title", "cwd"]
    ((start, end),) = hit["marks"]
    assert hit["excerpt"][start:end] == "no such file"
    again = command(
        filled, "search", "no such file", "role:output", "--cursor", told["next"], "--json"
    )
    assert [each["thread"]["id"] for each in json.loads(again.out)["hits"]] != [hit["thread"]["id"]]
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    section = page.read_text().partition("## search")[2].partition("\n## ")[0]
    assert all(f"`{key}`" in section for key in [*KEYS, *told, "problems"])


@pytest.mark.parametrize(
    ("given", "hits"),
    [
        (["no such file"], 2),
        (["such no file"], 0),
        (["such", "no", "file"], 2),
        (["--exact", "such file FOO"], 2),
        (["--exact", "such", "file"], 2),
        (["tree", "--role", "user"], 1),
        (["file", "--tool", "shell", "--after", "1h"], 2),
        (["file", "--before", "1h"], 0),
        (["build", "in:last"], 0),
        (["parse*", "--in", "last"], 1),
        (["file", "--archived"], 0),
        (["file", "--active", "--cwd", "/desk/work", "--relevance", "--copies"], 2),
        (["cwd:/desk/nowhere", "file"], 0),
    ],
)
def test_words_and_options_say_what_to_find(filled: Path, given: list[str], hits: int) -> None:
    ran = command(filled, "search", *given)
    assert ran.code == 0
    assert len(lines(ran)) == hits
    assert ran.err == ("" if hits else "nothing found\n")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["=>"],
            "threadlog: no word to search for; search for a word, or for any text with --exact",
        ),
        (["x", "--role", "nobody"], "no role 'nobody': there are user, agent, reasoning, plan"),
        (["x", "role:"], "role: asks for nothing; write role:VALUE"),
        (["x", "--cursor", "7"], "threadlog: no cursor of a search: '7'"),
        (["x", "after:soon"], "no moment: 'soon'"),
        (["x", "--exact", "--relevance"], "newest first"),
        (["x", "--limit", "20000"], "on a page: from 1 to 10000"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(filled: Path, given: list[str], sentence: str) -> None:
    ran = command(filled, "search", *given)
    assert ran.code == 2
    assert sentence in ran.err
    assert ran.out == b""


def test_a_thread_that_is_not_there_is_said(filled: Path) -> None:
    assert command(filled, "search", "x", "--in", "nope").code == 3


def test_on_a_terminal_hits_stand_under_their_threads(filled: Path) -> None:
    for columns in (80, 40, 200):
        code, shown = on_terminal(filled, "search", "missing", "--count", columns=columns)
        plain = OURS.sub("", shown).replace("\r\n", "\n").split("\n")
        assert code == 0
        assert all(width(line) <= columns for line in plain)
        heads = [line for line in plain if line.startswith("20")]
        assert len(heads) == 2
        assert sum(line.startswith("  agent  turn ") for line in plain) == 2
        assert "2 passages in 2 threads" in plain
    assert "\x1b[1;36mmissing\x1b[0m" in shown
    code, shown = on_terminal(filled, "search", "missing", "--limit", "1")
    assert "more: --limit N, or a narrower search" in shown


def test_nothing_that_is_found_steers_a_terminal(home: Path) -> None:
    put(home, content([meta(cwd=f"/desk/{EVIL}"), *turn(f"barge {EVIL} " + "wide\u6f22" * 90)]))
    for words_given in (["barge"], ["--exact", "barge \x1b[2J"]):
        code, shown = on_terminal(home, "search", *words_given)
        assert code == 0
        left = OURS.sub("", shown).replace("\r\n", "\n")
        assert "barge" in left
        assert not [
            each for each in left if (ord(each) < 32 and each != "\n") or 127 <= ord(each) < 160
        ]


def test_the_word_index_is_built_and_told_of(filled: Path) -> None:
    ran = command(filled, "index", "status", "--search")
    assert (ran.code, "there is none yet; searches read the threads" in ran.out.decode()) == (
        0,
        True,
    )
    assert not (filled / "threadlog" / "search.sqlite").exists()
    ran = command(filled, "index", "build", "--search")
    assert b"threads   2: all read" in ran.out
    told = json.loads(command(filled, "index", "rebuild", "--search", "--json").out)
    assert told["version"] == 1
    keys = ["path", "trouble", "size_bytes", "threads", "unread", "unread_bytes", "passages"]
    assert list(told["search"]) == keys
    assert (told["search"]["threads"], told["search"]["unread"]) == (2, 0)


def test_a_terminal_is_told_what_had_to_be_read(
    filled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(words, "READ_AT_ONCE_BYTES", -1)
    monkeypatch.setattr(words, "READ_FOR_S", -1)
    told = json.loads(command(filled, "search", "header", "--json").out)
    assert (len(told["hits"]), told["scanned"]) == (2, 2)


def test_what_cannot_be_looked_through_is_an_exit_code(home: Path) -> None:
    put_thread(home, 1, text="barge")
    put(home, b"", file_name(uuid(2)) + ".zst").write_bytes(b"\x28\xb5\x2f\xfd broken")
    ran = command(home, "search", "barge")
    assert len(lines(ran)) == 2
    assert (ran.code, "not looked through: 1 place" in ran.err) == (1, True)
