"""Searches: the word index, and reading without it, find what a plain search finds."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from conftest import corpus_root
from plain_search import check, found
from threadlog import Home
from threadlog.local.search import builder, words

ROOT = corpus_root()
HOMES = sorted(each.parent for each in ROOT.glob("*/*/sessions")) if ROOT else []
MODES = ("legacy", "paginated")
SAID = (
    "Why does the build of parseTree fail in core/text.py?",
    "Größe und Straße, naïve café: 日本語のテキスト, ﬁne",
    "HTTPServer_error: no such file => retry() \\n \"quoted\" <tag> & 'more'",
    "snake_case_name and CamelCaseName, x86_64 v0.169.0 !!",
    "The tide keeps the ledger behind the pier. The tide.",
)


def filled(home: Home, chance: random.Random, count: int) -> list[str]:
    """Threads of both modes, with tools, subjects that repeat, forks and reverts."""
    made = []
    for number in range(count):
        with home.start(f"/desk/{number % 3}", history_mode=MODES[number % 2]) as thread:
            for _ in range(chance.randrange(1, 4)):
                with thread.turn(f"{chance.choice(SAID)} {number}") as turn:
                    turn.reason(chance.choice(SAID))
                    turn.tool(
                        "shell",
                        {"command": ["rg", "-n", chance.choice(SAID)]},
                        output=chance.choice(SAID) * 3,
                    )
                    turn.say(f"{chance.choice(SAID)}\n{chance.random()}")
            made.append(thread.id)
    return made


@pytest.fixture
def opened(home: Path) -> Iterator[Home]:
    with threadlog.open(home) as opened:
        yield opened


def test_what_is_found_is_what_was_said_whatever_happens_to_threads(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    ids = filled(opened, chance, 6)
    assert check(opened, chance, 25, limit=7) > 100
    with opened.resume(ids[0]) as thread, thread.turn("A new question about barges") as turn:
        turn.say("Barges are new.")
    assert len(found(opened, "barges")) == 2
    for each in ids[:2]:
        with opened.fork(each) as fork, fork.turn(f"Another way {each}") as turn:
            turn.say("Only here.")
    check(opened, chance, 20, limit=7)
    check(opened, chance, 10, limit=7, copies=True)
    paginated = next(each for each in ids if opened.get(each).history_mode == "paginated")
    begun = [turn.id for turn in opened.turns(paginated)]
    with opened.revert(paginated, before=begun[-1]) as thread, thread.turn("Reverted to this"):
        pass
    check(opened, chance, 15, limit=7)
    opened.archive(ids[2])
    opened.compress(ids[3], older_than_days=0)
    check(opened, chance, 15, limit=7)
    opened.delete(ids[4])
    check(opened, chance, 15, limit=7)
    opened.restore(ids[4])
    opened.unarchive(ids[2])
    check(opened, chance, 15, limit=7)


def test_nothing_is_missing_while_the_index_is_being_built(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(2)
    filled(opened, chance, 6)
    monkeypatch.setattr(words, "READ_AT_ONCE_BYTES", -1)  # nothing but what is asked for
    monkeypatch.setattr(words, "READ_FOR_S", -1)
    monkeypatch.setattr(builder, "BATCH_CHARS", 1)
    assert check(opened, chance, 12, limit=7) > 50
    assert opened.search_status().unread == 6
    read: list[int] = []
    assert not opened.store.search.catch_up(
        lambda: len(read) >= 3, lambda _what, done, _total: read.append(done)
    )
    assert 0 < opened.search_status().unread < 6
    check(opened, chance, 12, limit=7)
    assert opened.catch_up_search()
    assert opened.search_status().unread == 0
    check(opened, chance, 12, limit=7)


def test_without_any_index_the_answer_is_the_same(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    ids = filled(opened, chance, 5)
    with opened.fork(ids[0]) as fork, fork.turn("Another way"):
        pass
    with_index = check(opened, random.Random(4), 15, limit=7)
    with threadlog.open(home) as bare, monkeypatch.context() as broken:
        broken.setattr(bare.store.catalog, "brought_up", lambda: None)
        assert check(bare, random.Random(4), 15, limit=7) == with_index
        assert check(bare, random.Random(5), 5, limit=7, copies=True) > 0


def test_a_word_index_that_was_deleted_or_broken_is_made_anew(opened: Home, home: Path) -> None:
    chance = random.Random(5)
    filled(opened, chance, 4)
    check(opened, chance, 5)
    path = home / "threadlog" / "search.sqlite"
    opened.close()
    path.unlink()
    check(opened, chance, 5)
    opened.close()
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    for extra in ("-wal", "-shm"):
        path.with_name(path.name + extra).unlink(missing_ok=True)
    check(opened, chance, 5)
    check(opened, chance, 5)
    assert opened.search_status().trouble is None


@pytest.mark.corpus
@pytest.mark.skipif(not HOMES, reason="there are no genuine homes on this machine")
@pytest.mark.parametrize("genuine", HOMES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_genuine_threads_are_searched(home: Path, genuine: Path) -> None:
    for root in ("sessions", "archived_sessions"):
        if (genuine / root).is_dir():
            shutil.copytree(genuine / root, home / root)
    with threadlog.open(home) as opened:
        assert check(opened, random.Random(6), 60, limit=20) > 60
        assert check(opened, random.Random(7), 10, order="relevance", copies=True) > 10


def test_relevance_finds_the_same_on_its_pages(opened: Home) -> None:
    chance = random.Random(8)
    filled(opened, chance, 5)
    check(opened, chance, 15, limit=3, order="relevance")
