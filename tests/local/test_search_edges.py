"""The word index at its edges: half written, gone, moved, edited, odd, or in others' hands."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import agent, completed, content, meta, put, python, started, user
from plain_search import check
from threadlog import Home
from threadlog.errors import BadCursor, BadQuery, NotFound
from threadlog.local.index import database
from threadlog.local.search import asking, vocabulary, words


@pytest.fixture
def opened(home: Path) -> Iterator[Home]:
    with threadlog.open(home) as opened:
        yield opened


def said(home: Home, *texts: str, **options: Any) -> str:
    """A thread in which each of some texts is said in a turn of its own."""
    with home.start("/desk/work", **options) as thread:
        for text in texts:
            with thread.turn(text):
                pass
        return thread.id


def rollout(*texts: str) -> bytes:
    """A rollout in which each of some texts is said in a turn of its own."""
    turns = [[started(f"t{n}"), user(text), completed(f"t{n}")] for n, text in enumerate(texts)]
    return content([meta(), *(line for each in turns for line in each)])


def count(home: Home, text: str, **asked: Any) -> int:
    """How many hits there are, counted in both ways."""
    page = home.search(text, counted=True, limit=500, **asked)
    assert page.total == len(page)
    assert page.threads == len({each.thread.path for each in page})
    return len(page)


def index_of(home: Path) -> sqlite3.Connection:
    return sqlite3.connect(home / "threadlog" / "search.sqlite")


def ids(home: Path) -> list[int]:
    with closing(index_of(home)) as index:
        return [each for (each,) in index.execute("SELECT id FROM passages ORDER BY id")]


def lately(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on what is new is not put into the index before an answer."""
    monkeypatch.setattr(words, "READ_AT_ONCE_BYTES", -1)
    monkeypatch.setattr(words, "READ_FOR_S", -1)


def test_half_a_line_is_found_once_when_it_is_whole(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(home, rollout("barge one"))
    with path.open("ab") as file:
        file.write(agent("barge two"))
    assert count(opened, "barge") == 2
    lately(monkeypatch)
    with path.open("ab") as file:
        file.write(b"\n" + agent("barge three") + b"\n")
    assert count(opened, "barge") == 3
    assert count(opened, "arge", exact=True) == 3
    monkeypatch.undo()
    assert count(opened, "barge") == 3
    with path.open("ab") as file:
        file.write(agent("barge four")[:-9])
    assert count(opened, "barge") == 3


def test_threads_that_are_gone_are_found_no_more(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = said(opened, "barge"), said(opened, "barge")
    assert count(opened, "barge") == 2
    lately(monkeypatch)
    opened.delete(gone)
    assert count(opened, "barge") == 1
    assert count(opened, "rge", exact=True) == 1
    monkeypatch.undo()
    assert [each.thread.id for each in opened.search("barge")] == [kept]


def test_what_only_moved_is_not_read_again(opened: Home, home: Path) -> None:
    thread = said(opened, "barge")
    os.utime(opened.get(thread).path, (1, 1))  # nobody writes it
    assert count(opened, "barge") == 1
    before = ids(home)
    opened.archive(thread)
    assert count(opened, "barge", archived=True) == 1
    assert ids(home) == before
    assert count(opened, "barge", archived=False) == 0
    opened.compress(thread, older_than_days=0)
    assert opened.get(thread).compressed
    assert count(opened, "barge") == 1
    assert ids(home) == before
    opened.unarchive(thread)
    with opened.resume(thread) as live, live.turn("ferry"):
        pass
    assert count(opened, "barge") == count(opened, "ferry") == 1
    assert ids(home)[: len(before)] == before


def test_what_was_edited_is_read_again(opened: Home, home: Path) -> None:
    path = put(home, rollout("barge", "again"))
    assert count(opened, "barge") == 1
    path.write_bytes(path.read_bytes().replace(b"barge", b"ferry"))
    assert (count(opened, "barge"), count(opened, "ferry")) == (0, 1)
    other = path.with_suffix(".tmp")
    other.write_bytes(path.read_bytes().replace(b"ferry", b"canoe"))
    os.utime(other, ns=(1, 1))
    os.replace(other, path)
    assert (count(opened, "ferry"), count(opened, "canoe")) == (0, 1)
    path.write_bytes(path.read_bytes()[:-30])
    assert count(opened, "canoe") == 1


@pytest.mark.parametrize("limit", [0, 1, 400])
def test_a_piece_of_a_word_is_found_however_many_words_have_it(
    opened: Home, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(asking, "WORDS_LIMIT", limit)
    said(opened, "breathe the air", "bathe the parser", "the parsers", "loathe parse.")
    for needle, hits in (("the", 4), ("he p", 3), ("athe", 3), ("the parser", 2), ("rse.", 1)):
        assert count(opened, needle, exact=True) == hits, needle
    assert count(opened, "the parsers", exact=True) == 1
    assert count(opened, "he air", exact=True) == 1
    assert count(opened, "xthe", exact=True) == 0


def test_a_piece_of_a_new_word_is_found_by_who_knew_the_words_before(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "MERGED", 2)
    for number in range(6):
        said(opened, f"barge{number}")
        assert count(opened, f"arge{number}", exact=True) == 1
    for path in (home / "threadlog").glob("search.sqlite*"):
        path.unlink()
    said(opened, "ferry")
    assert count(opened, "err", exact=True) == 1
    assert opened.rebuild_search()
    said(opened, "canoe")
    assert count(opened, "ano", exact=True) == 1


ODD = [
    "plain ## text",
    "Straße ## STRASSE",
    'quoted "##" and \\## and </b>##',
    "it's <##> &&",
    "## degrees \u212a",
    "日本語##",
]


HITS = {
    "##": len(ODD),
    '"##"': 1,
    "\\##": 1,
    "</b>##": 1,
    "b>##": 1,
    "<##>": 1,
    " <#": 1,
    "> &&": 1,
    "'s <": 1,
    "語##": 1,
    "ße ##": 1,
    " ## s": 1,
    "ss": 1,
    "STRASSE": 1,
    "k": 1,
    "PLAIN": 1,
    "lain #": 1,
}


@pytest.mark.parametrize("ascii_only", [False, True], ids=["utf-8", "escaped"])
def test_what_words_do_not_narrow_is_read_as_json_writes_it(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch, ascii_only: bool
) -> None:
    data = rollout(*ODD)
    if ascii_only:
        lines = [json.dumps(json.loads(each)).encode() for each in data.splitlines()]
        data = b"\n".join(lines).replace(b"plain ##", b"pl\\u0061in \\u0023#") + b"\n"
        data = data.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
    put(home, data)
    for limit in (400, 0):
        monkeypatch.setattr(asking, "WORDS_LIMIT", limit)
        for needle, hits in HITS.items():
            assert count(opened, needle, exact=True) == hits, needle


def test_what_words_do_not_narrow_is_found_in_either_case(opened: Home, home: Path) -> None:
    put(home, rollout("Plain::Text", "plain text"))
    assert count(opened, "N::t", exact=True) == 1
    assert count(opened, "::", exact=True) == 1
    for needle in ("plain::text", "LAIN::TEX"):
        with pytest.MonkeyPatch.context() as none_narrow:
            none_narrow.setattr(asking, "narrowing", lambda *_given: None)
            assert count(opened, needle, exact=True) == 1


@pytest.mark.parametrize("limit", [asking.BEGUN_LIMIT, 0])
def test_a_beginning_finds_words_and_parts_of_names(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(asking, "BEGUN_LIMIT", limit)
    put(home, rollout("the parseSessionTree of it", "sessions begin", "obsession"))
    for beginning, hits in {"sess*": 2, "tre*": 1, "pars*": 1, "begi*": 1, "essi*": 0}.items():
        assert count(opened, beginning) == hits, beginning
    for needle, hits in {
        " sess": 0,
        " begi": 1,
        "sessions beg": 1,
        "ions beg": 1,
        "x beg": 0,
    }.items():
        assert count(opened, needle, exact=True) == hits, needle


def test_words_too_many_to_be_looked_through_narrow_nothing(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, rollout("the barge", "barges and barges"))
    assert count(opened, "barg*") == 2
    monkeypatch.setattr(vocabulary, "LISTS_BYTES", 10)
    for opened_before in (True, False):
        with nullcontext(opened) if opened_before else threadlog.open(home) as asked:
            assert count(asked, "barg*") == 2
            assert count(asked, "arges an", exact=True) == 1
            assert len(ids(home)) == 2


def test_letters_are_looked_for_in_either_case(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WORDS_LIMIT", 0)
    put(home, rollout("QFZ: plain"))
    for needle in ("qfz", "FZ: p", "z: PL"):
        assert count(opened, needle, exact=True) == 1, needle


@pytest.mark.parametrize("indexed", ["whole", "nothing yet", "no index"])
def test_in_a_fork_what_it_builds_on_is_found_too(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch, indexed: str
) -> None:
    origin = said(opened, "barge one", "barge two", history_mode="paginated")
    with opened.fork(origin) as fork, fork.turn("barge three"):
        pass
    with opened.resume(origin) as on, on.turn("barge of the origin alone"):
        pass
    with opened.fork(fork.id) as second, second.turn("barge four"):
        pass
    expected = {origin: 3, fork.id: 3, second.id: 4}
    if indexed == "whole":
        assert opened.catch_up_search()
    elif indexed == "no index":
        (home / "threadlog").rename(home / "away")
        (home / "threadlog").write_bytes(b"no folder")
    else:
        lately(monkeypatch)
    for exact in (False, True):
        for thread, hits in expected.items():
            assert count(opened, "barge", within=thread, exact=exact) == hits
        assert count(opened, "barge", within=[fork.id, second.id], exact=exact) == 4
        assert count(opened, "barge", within=[fork.id, origin], exact=exact) == 4
        assert count(opened, "barge", within=fork.id, inherited=False, exact=exact) == 1
        assert count(opened, "barge", within=fork.id, cwd="/elsewhere", exact=exact) == 0
        assert count(opened, "barge", exact=exact) == 5
    found = {each.excerpt: each.thread.id for each in opened.search("barge", within=second.id)}
    assert found == {
        "barge one": origin,
        "barge two": origin,
        "barge three": fork.id,
        "barge four": second.id,
    }


def test_a_fork_has_what_its_origin_has_not(opened: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = said(opened, "barge one", "barge two", history_mode="legacy")
    with opened.fork(origin) as fork, fork.turn("barge three"):
        pass
    with opened.fork(fork.id) as second, second.turn("barge four"):
        pass
    assert count(opened, "barge") == 4
    assert count(opened, "barge", copies=True) == 2 + 3 + 4
    assert [each.copied for each in opened.search("barge one", copies=True)] == [True, True, False]
    assert count(opened, "barge", within=[fork.id]) == 3
    opened.archive(origin)
    assert count(opened, "barge", archived=False) == 4
    assert count(opened, "barge one", archived=False) == 1
    opened.delete(origin)
    assert count(opened, "barge one") == 1
    opened.restore(origin)
    assert count(opened, "barge") == 4


def test_where_an_origin_is_gone_the_one_before_it_counts(opened: Home) -> None:
    first = said(opened, "barge one", history_mode="legacy")
    with opened.fork(first) as second, second.turn("barge two"):
        pass
    with opened.fork(second.id) as third, third.turn("barge three"):
        pass
    for _ in range(2):
        assert count(opened, "barge") == 3
        opened.delete(second.id)
        hits = {each.excerpt: each.thread.id for each in opened.search("barge")}
        assert hits == {"barge one": first, "barge two": third.id, "barge three": third.id}
        assert count(opened, "barge") == 3
        opened.delete(first)
        assert count(opened, "barge", within=third.id) == count(opened, "barge") == 3
        opened.restore(second.id)
        assert count(opened, "barge") == 3
        assert count(opened, "barge", within=second.id) == 2
        opened.restore(first)


def test_a_copy_is_known_once_its_origin_is_there(opened: Home) -> None:
    origin = said(opened, "barge one", history_mode="legacy")
    with opened.fork(origin) as fork, fork.turn("barge two"):
        pass
    opened.delete(origin)
    assert [each.thread.id for each in opened.search("barge one")] == [fork.id]
    opened.restore(origin)
    assert [each.thread.id for each in opened.search("barge one")] == [origin]


def test_fields_and_keywords_narrow_alike(opened: Home) -> None:
    thread = opened.start("/desk/a b", history_mode="paginated")
    with thread, thread.turn("the barge asks") as live:
        live.reason("a barge")
        live.tool("shell", {"command": "barge -l"}, output="barge 1")
        live.tool("hub.search", {"q": "barge"}, output="barge 2")
        live.say("the barge answers")
    said(opened, "barge")
    for query, asked, hits in (
        ("barge", {}, 8),
        ("barge role:user role:agent", {}, 3),
        ("barge", {"roles": ["reasoning"]}, 1),
        ("barge tool:shell", {}, 2),
        ("barge tool:SEARCH", {}, 2),
        ("barge tool:hub.search role:output", {}, 1),
        ("barge tool:nope", {}, 0),
        ('barge cwd:"/desk/a b"', {}, 7),
        ("barge", {"cwd": "/desk/work"}, 1),
        (f"barge in:{thread.id[-8:]}", {}, 7),
        ("barge", {"within": thread.path}, 7),
        ("barge after:1h", {}, 8),
        ("barge before:1h", {}, 0),
        ("barge", {"after": "2100-01-01"}, 0),
        ("barge branch:nope", {}, 0),
        ("barge", {"sources": ["exec"]}, 0),
    ):
        assert count(opened, query, **asked) == hits, (query, asked)
    assert count(opened, "barge", exact=True, roles=["tool"], tools=["shell"]) == 1


@pytest.mark.parametrize(
    ("query", "asked", "why"),
    [
        ("", {}, BadQuery),
        ("", {"exact": True}, BadQuery),
        ("=>", {}, BadQuery),
        ("x role:nobody", {}, BadQuery),
        ("x after:whenever", {}, BadQuery),
        ("x", {"exact": True, "order": "relevance"}, BadQuery),
        ("x", {"cursor": "nonsense"}, BadCursor),
        ("x", {"order": "relevance", "cursor": "[1]"}, BadCursor),
        ("x in:nope", {}, NotFound),
        ("x", {"order": "oldest"}, ValueError),
        ("x", {"limit": 0}, BadQuery),
        ("x", {"unheard": 1}, TypeError),
    ],
)
def test_what_cannot_be_asked_is_refused(
    opened: Home, query: str, asked: dict[str, Any], why: type[Exception]
) -> None:
    with pytest.raises(why):
        opened.search(query, **asked)


def test_what_cannot_be_read_is_said(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadlog.core import framing

    monkeypatch.setattr(framing.Splitter.__init__, "__defaults__", (0, 4000))
    put(home, rollout("barge", "x" * 5000))
    page = opened.search("barge")
    assert (len(page), len(page.problems)) == (1, 1)
    assert opened.search("barge").problems == page.problems
    assert opened.search("barge", within=said(opened, "barge")).problems == ()
    assert "cannot be read" in page.problems[0]


def test_a_word_index_in_others_hands_delays_nobody_and_hides_nothing(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    said(opened, "barge one")
    assert count(opened, "barge") == 1
    with closing(index_of(home)) as other:
        other.execute("BEGIN IMMEDIATE")
        said(opened, "barge two")
        page = opened.search("barge")
        assert (len(page), page.scanned) == (2, 1)
        assert not opened.rebuild_search()
    assert opened.search("barge").scanned == 0


@pytest.mark.parametrize("pragma", ["user_version = 99", "application_id = 7"])
def test_a_word_index_that_is_not_ours_to_change_is_left_alone(
    opened: Home, home: Path, pragma: str
) -> None:
    said(opened, "barge")
    assert count(opened, "barge") == 1
    opened.close()
    with closing(index_of(home)) as other:
        other.execute(f"PRAGMA {pragma}")
    before = (home / "threadlog" / "search.sqlite").read_bytes()
    assert count(opened, "barge") == 1
    assert "left alone" in (opened.search_status().trouble or "")
    assert (home / "threadlog" / "search.sqlite").read_bytes() == before


def test_an_index_mostly_of_what_is_gone_is_made_anew(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "GARBAGE", 3)
    threads = [said(opened, *(f"barge {each}" for each in range(5))) for _ in range(3)]
    assert count(opened, "barge") == 15
    opened.delete(*threads[:2])
    assert count(opened, "barge") == 5
    assert len(_matching(home, "barge")) == 15
    assert opened.catch_up_search()
    assert len(_matching(home, "barge")) == count(opened, "barge") == 5


def _matching(home: Path, word: str) -> list[Any]:
    with closing(index_of(home)) as index:
        return index.execute("SELECT rowid FROM words WHERE words MATCH ?", (word,)).fetchall()


def test_a_child_of_a_fork_searches_too(opened: Home) -> None:
    said(opened, "barge")
    assert count(opened, "barge") == 1
    child = os.fork()
    if child == 0:
        os._exit(0 if count(opened, "barge") == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert count(opened, "barge") == 1


_KILLED = """
import os, sys, threadlog
from threadlog.local.search import builder, writing
builder.BATCH_CHARS = 1
write, left = writing.write, [int(sys.argv[2])]
def broken(*told):
    write(*told)
    left[0] -= 1
    if left[0] < 0:
        os._exit(9)
builder.write = broken
threadlog.open(sys.argv[1]).catch_up_search()
"""


@pytest.mark.parametrize("writes", [0, 1, 3])
def test_whoever_is_killed_while_building_loses_nothing(
    opened: Home, home: Path, writes: int
) -> None:
    for number in range(4):
        said(opened, f"barge {number}", "ferry")
    with python(_KILLED, str(home), str(writes)) as child:
        assert child.wait() == 9
    assert opened.search_status().unread == 4 - writes
    check(opened, random.Random(writes), 6)
    assert count(opened, "ferry") == 4


def test_a_mark_stands_where_the_word_does(opened: Home) -> None:
    said(opened, "The naïve parseTree, cut " + "far " * 90 + "away")
    (hit,) = opened.search("naive tree away")
    assert [hit.excerpt[a:b] for a, b in hit.marks] == ["naïve", "Tree"]
    assert hit.excerpt.startswith("The naïve parseTree")
    assert hit.as_dict()["thread"]["id"] == hit.thread.id


def test_files_are_let_go_of(opened: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        said(opened, f"barge {number}")
    opened.search("barge")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(3):
        opened.search("barge", limit=2)
        opened.search("::", exact=True)
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 1
