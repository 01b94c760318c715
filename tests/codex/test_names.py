"""Codex's name file: the last named line of an id wins, bad lines and bad files cost nothing."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

import threadlog
from makers import OTHER, STAMP, THREAD, dumps, put_names, put_thread, tree, uuid
from threadlog import Ambiguous, NotFound
from threadlog.codex.names import read_names


def names(home: Path, *raws: bytes) -> dict[str, str]:
    """What a name file of these lines says."""
    (home / "session_index.jsonl").write_bytes(b"".join(raw + b"\n" for raw in raws))
    return told(home)


def told(home: Path) -> dict[str, str]:
    """The names alone."""
    return {key: named.name for key, named in read_names(str(home)).items()}


def entry(thread: object, name: object, updated: object = STAMP) -> bytes:
    """One line."""
    return dumps({"id": thread, "thread_name": name, "updated_at": updated})


@pytest.mark.codex("C200", "C203")
def test_the_last_line_of_an_id_wins_whatever_its_time_says(home: Path) -> None:
    found = names(
        home,
        entry(THREAD, "newest by its time", "2030-01-01T00:00:00Z"),
        entry(OTHER, "other"),
        entry(THREAD, "appended last", "2020-01-01T00:00:00Z"),
    )
    assert found == {THREAD: "appended last", OTHER: "other"}


@pytest.mark.codex("C201")
@pytest.mark.parametrize("blank", ["", " ", "\t\n", None, 7, ["x"]])
def test_a_line_without_a_name_takes_none_away(home: Path, blank: object) -> None:
    assert names(home, entry(THREAD, "kept"), entry(THREAD, blank)) == {THREAD: "kept"}


@pytest.mark.codex("C201")
@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"\0\0\0",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b"9" * 5000,
        entry(None, "x"),
        entry(7, "x"),
        entry([THREAD], "x"),
        b'{"thread_name":"x"}',
        entry(OTHER, "x")[:-1],
    ],
)
def test_a_bad_line_costs_only_itself(home: Path, bad: bytes) -> None:
    found = names(home, entry(THREAD, "one"), bad, entry(uuid(9), "two"))
    assert found == {THREAD: "one", uuid(9): "two"}


def test_names_are_trimmed_and_crlf_and_case_of_ids_do_not_matter(home: Path) -> None:
    assert names(home, entry(THREAD.upper(), "  a name\t") + b"\r") == {THREAD: "a name"}


def test_a_last_line_without_lf_counts(home: Path) -> None:
    (home / "session_index.jsonl").write_bytes(entry(THREAD, "x"))
    assert told(home) == {THREAD: "x"}


def test_a_torn_last_line_leaves_the_name_before_it(home: Path) -> None:
    (home / "session_index.jsonl").write_bytes(entry(THREAD, "x") + b"\n" + entry(THREAD, "y")[:-9])
    assert told(home) == {THREAD: "x"}


@pytest.mark.codex("C202")
def test_no_file_names_nobody(home: Path) -> None:
    assert told(home) == {}
    assert told(home / "missing") == {}


@pytest.mark.parametrize("kind", ["folder", "fifo", "dangling"])
def test_what_is_no_file_names_nobody_and_stops_nothing(home: Path, kind: str) -> None:
    path = home / "session_index.jsonl"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(home / "missing")
    put_thread(home, 1)
    assert [thread.name for thread in threadlog.open(home).threads()] == [None]


def test_a_huge_file_is_read_in_bounded_memory(home: Path) -> None:
    with (home / "session_index.jsonl").open("wb") as file:
        for number in range(50_000):
            file.write(entry(uuid(number % 10), f"name {number}") + b"\n")
    tracemalloc.start()
    found = told(home)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == {uuid(n): f"name {49_990 + n}" for n in range(10)}
    assert peak < 6 << 20


def test_a_huge_line_costs_only_itself(home: Path) -> None:
    long = entry(OTHER, "x" * (4 << 20))
    assert names(home, entry(THREAD, "one"), long, entry(uuid(9), "two")) == {
        THREAD: "one",
        uuid(9): "two",
    }


def test_reading_names_writes_nothing(home: Path) -> None:
    put_names(home, (THREAD, "x"))
    before = tree(home)
    read_names(str(home))
    assert tree(home) == before


@pytest.mark.codex("C199")
def test_a_thread_is_found_by_its_present_name_only(home: Path) -> None:
    put_thread(home, 1)
    put_names(home, (uuid(1), "Old Name"), (uuid(1), "new name"))
    assert threadlog.open(home).get("new name").id == uuid(1)
    for other in ("Old Name", "NEW NAME", "new", "new name "):
        with pytest.raises(NotFound):
            threadlog.open(home).get(other)


@pytest.mark.codex("C197")
def test_a_name_without_a_rollout_does_not_hide_one_with(home: Path) -> None:
    put_thread(home, 1)
    put_names(home, (uuid(1), "shared"), (uuid(2), "shared"))
    assert threadlog.open(home).get("shared").id == uuid(1)


@pytest.mark.codex("C196")
def test_a_name_of_two_threads_is_refused_with_both(home: Path) -> None:
    put_thread(home, 1)
    put_thread(home, 2)
    put_names(home, (uuid(1), "shared"), (uuid(2), "shared"))
    with pytest.raises(Ambiguous) as caught:
        threadlog.open(home).get("shared")
    assert set(caught.value.candidates) == {uuid(1), uuid(2)}


@pytest.mark.parametrize(
    "name", ["feature/login", "notes.jsonl", "a\nb", "ünï", "a b", "-x", "é" * 99]
)
def test_a_thread_of_any_name_is_found_by_it(home: Path, name: str) -> None:
    put_thread(home, 1)
    put_names(home, (uuid(1), name))
    assert threadlog.open(home).threads()[0].name == name
    assert threadlog.open(home).get(name).id == uuid(1)
