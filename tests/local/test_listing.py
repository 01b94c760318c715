"""A listing: newest first, in a stable order, page by page the same, and what it says of each."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import threadlog
from makers import (
    OTHER,
    STAMP,
    THREAD,
    Pages,
    agent,
    content,
    event,
    file_name,
    line,
    meta,
    put,
    put_names,
    put_thread,
    says,
    turn,
    user,
    uuid,
)
from threadlog import BadCursor, ThreadSummary
from threadlog.core.query import ThreadQuery


def ids(home: Path, **query: Any) -> list[str | None]:
    """The ids of all threads asked for."""
    return [thread.id for thread in threadlog.open(home).threads(limit=None, **query)]


def only(home: Path) -> ThreadSummary:
    """The one thread."""
    (thread,) = threadlog.open(home).threads()
    return thread


def pages(home: Path, limit: int, **query: Any) -> list[ThreadSummary]:
    """All threads, page by page; a page is never longer than asked."""
    found: list[ThreadSummary] = []
    cursor = None
    while True:
        page = threadlog.open(home).threads(limit=limit, cursor=cursor, **query)
        assert len(page) == limit or (page.next is None and len(page) <= limit)
        found.extend(page)
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.codex("C112", "C114")
def test_the_newest_comes_first_and_a_tie_is_broken_by_the_id(home: Path) -> None:
    put_thread(home, 3, stamp="2026-01-02T03-04-05")
    put_thread(home, 9, stamp="2025-12-31T23-59-59", folder="sessions/9999/99/99")
    put_thread(home, 4, stamp="2026-01-02T03-04-05", folder="sessions/0")
    put_thread(home, 1, stamp="2026-01-02T03-04-06", folder="sessions")
    assert ids(home) == [uuid(1), uuid(4), uuid(3), uuid(9)]


def test_by_update_the_file_changed_last_comes_first(home: Path) -> None:
    for number, seconds in ((1, 300), (2, 100), (3, 200), (4, 200)):
        os.utime(put_thread(home, number), (seconds, seconds))
    assert ids(home, sort="updated") == [uuid(1), uuid(4), uuid(3), uuid(2)]
    assert only_update(home, uuid(1)) == "1970-01-01T00:05:00.000Z"
    assert threadlog.open(home).get("last").id == uuid(1)


def only_update(home: Path, thread: str) -> str:
    """When a thread changed last."""
    return threadlog.open(home).get(thread).updated


def test_fifty_threads_are_a_page_unless_asked(home: Path) -> None:
    for number in range(60):
        put_thread(home, number)
    page = threadlog.open(home).threads()
    assert len(page) == 50
    rest = threadlog.open(home).threads(cursor=page.next)
    assert (len(rest), rest.next) == (10, None)
    assert len(threadlog.open(home).threads(limit=None)) == 60
    assert threadlog.open(home).threads(limit=60).next is None


def _of_all_kinds(home: Path) -> None:
    """Threads of one second, of one time, without ids, with odd ids, with one name twice."""
    for number in range(6):
        put_thread(home, number, stamp=f"2026-01-02T03-04-{number // 3:02}")
    put_thread(home, 7, folder="sessions/a", stamp="2025-12-01T00-00-00")
    put_thread(home, 7, folder="sessions/b", stamp="2026-12-01T00-00-00")
    for folder in ("sessions/x", "sessions/y", "sessions/z"):
        put(home, b"no thread\n", "rollout-a.jsonl", folder)
    for number, odd in enumerate(("abc", uuid(0xABC).upper(), "a|b", "é")):
        put(home, content([meta(odd)]), f"rollout-{number}.jsonl", "sessions/odd")
    for number, path in enumerate(sorted((home / "sessions").rglob("*.jsonl"))):
        os.utime(path, (number // 2, number // 2))


@pytest.mark.codex("C113")
@pytest.mark.parametrize("sort", ["created", "updated"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_of_any_size_give_the_whole_list(home: Path, sort: str, limit: int) -> None:
    _of_all_kinds(home)
    whole = list(threadlog.open(home).threads(limit=None, sort=sort))
    assert len(whole) == 6 + 1 + 3 + 4
    assert pages(home, limit, sort=sort) == whole


STAMPS = st.sampled_from(["2026-01-02T03-04-05", "2026-01-02T03-04-06", "2025-01-01T00-00-00"])
HOMES = st.lists(st.tuples(st.integers(0, 12), STAMPS, st.integers(0, 2)), max_size=14)


@pytest.mark.codex("C114", "C140")
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(HOMES, st.integers(1, 6), st.sampled_from(["created", "updated"]), st.booleans())
def test_pages_of_any_home_give_the_whole_list(
    tmp_path_factory: pytest.TempPathFactory,
    threads: list[tuple[int, str, int]],
    limit: int,
    sort: str,
    archived: bool,
) -> None:
    home = tmp_path_factory.mktemp("home")
    for number, stamp, where in threads:
        folder = ("sessions", "sessions/2026/01/02", "archived_sessions")[where]
        os.utime(put_thread(home, number, stamp=stamp, folder=folder), (number, number))
    whole = list(threadlog.open(home).threads(limit=None, sort=sort, archived=archived))
    assert pages(home, limit, sort=sort, archived=archived) == whole
    listed = [thread.id for thread in whole]
    assert len(listed) == len(set(listed))


def test_threads_that_come_and_go_do_not_disturb_later_pages(home: Path) -> None:
    for number in range(10):
        put_thread(home, number)
    first = threadlog.open(home).threads(limit=4)
    put_thread(home, 0xFF)
    last_of_page = Path(first[3].path)
    last_of_page.unlink()
    second = threadlog.open(home).threads(limit=4, cursor=first.next)
    assert [thread.id for thread in second] == [uuid(number) for number in (5, 4, 3, 2)]


@pytest.mark.codex("C135", "C274")
@pytest.mark.parametrize("cursor", ["", "x", "|", "2026|", "|a", "../..", "\x1b[2J", "😀|😀"])
def test_a_text_that_is_no_cursor_is_refused(home: Path, cursor: str) -> None:
    put_thread(home, 1)
    with pytest.raises(BadCursor, match="invalid cursor"):
        threadlog.open(home).threads(cursor=cursor)


@pytest.mark.codex("C159", "C189", "C296", "C304")
def test_a_folder_is_found_through_symlinks_and_however_it_is_spelt(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work" / "project"
    work.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "work")
    put(home, content([meta(cwd=str(work)), *turn("real")]))
    linked = str(tmp_path / "link" / "project")
    put(home, content([meta(OTHER, cwd=linked + "/"), *turn("linked")]), file_name(OTHER))
    put_thread(home, 1)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path))
    for spelt in (work, str(work) + "/", linked, ".", "../project", "~/link/project", f"{work}/."):
        assert ids(home, cwd=spelt) == [OTHER, THREAD], spelt
    assert ids(home, cwd=work.parent) == []
    (tmp_path / "wor").mkdir()
    assert ids(home, cwd=tmp_path / "wor", below=True) == []
    files = threadlog.open(home).store.files  # type: ignore[attr-defined]
    for above in (work, work.parent, tmp_path / "link", "~"):
        assert ids(home, cwd=above, below=True) == [OTHER, THREAD]
        query = ThreadQuery(cwd=(os.path.expanduser(above),), below=True)
        assert [each.id for each in files.page(query)] == [OTHER, THREAD]
        assert files.counts([query]) == [threadlog.open(home).count(cwd=above, below=True)] == [2]
    assert len(ids(home, cwd="/", below=True)) == 3


@pytest.mark.parametrize("cwd", ["", ".", "project", "a\0b", "a\ud800", "/x\0", "/\udfff", "~"])
def test_a_recorded_folder_that_is_no_absolute_path_matches_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, cwd: str
) -> None:
    put(home, content([meta(cwd=cwd), *turn("x")]))
    monkeypatch.chdir(home)
    assert ids(home, cwd=".") == []
    assert only(home).cwd in (cwd, cwd.encode("utf-8", "replace").decode())


def test_pages_of_one_folder_give_all_of_its_threads(home: Path) -> None:
    for number in range(12):
        cwd = "/desk/a" if number % 3 else "/desk/b"
        put(home, content([meta(uuid(number), cwd=cwd)]), file_name(uuid(number)))
    whole = ids(home, cwd="/desk/b")
    assert len(whole) == 4
    assert [thread.id for thread in pages(home, 1, cwd="/desk/b")] == whole


MADE = [
    pytest.param([user("hello\nworld")], "hello\nworld", id="the first message"),
    pytest.param([agent("x"), user("one"), user("two")], "one", id="the first of several"),
    pytest.param([user(""), user("  "), user("third")], "third", id="not an empty one"),
    pytest.param([user("ctx\n## My request for Codex:\n do it ")], "do it", id="the request in it"),
    pytest.param([user("", images=["data:x"])], "[Image]", id="an image"),
    pytest.param([user("", local_images=["/x.png"])], "[Image]", id="a local image"),
    pytest.param([says("user", "what the model saw")], "", id="not a response item"),
    pytest.param([user("<user_instructions>", kind="user_instructions")], "", id="not context"),
    pytest.param([event("thread_goal_updated", goal={"objective": " win "})], "win", id="a goal"),
    pytest.param([user("a \ud800 b")], "a \ud800 b", id="a lone surrogate"),
]


@pytest.mark.codex("C166", "C167", "C169")
@pytest.mark.parametrize(("raws", "preview"), MADE)
def test_the_preview_is_how_the_user_began(home: Path, raws: list[bytes], preview: str) -> None:
    put(home, content([meta(), *raws]))
    thread = only(home)
    assert (thread.preview, thread.title, thread.name) == (preview, preview, None)


@pytest.mark.codex("C261")
def test_the_name_is_the_title_and_the_name_file_goes_before_the_event(home: Path) -> None:
    renamed = event("thread_name_updated", thread_id=THREAD, thread_name=" by event ")
    put(home, content([meta(), renamed, *turn("hello")]))
    assert (only(home).name, only(home).title) == ("by event", "by event")
    put_names(home, (THREAD, "by file"))
    assert (only(home).name, only(home).title, only(home).preview) == ("by file",) * 2 + ("hello",)


@pytest.mark.codex("C112", "C255", "C273")
def test_a_listing_says_where_and_whence_a_thread_is(home: Path) -> None:
    git = {"branch": "main", "commit_hash": "c0ffee", "repository_url": "git@x:y"}
    spawn = {"parent_thread_id": OTHER, "depth": 1, "agent_nickname": "N", "agent_role": "R"}
    source = {"subagent": {"thread_spawn": spawn}}
    path = put(home, content([meta(git=git, source=source, forked_from_id=OTHER), *turn("x")]))
    os.utime(path, (1, 1))
    expected = {
        "id": THREAD,
        "path": str(path),
        "cwd": "/desk/project",
        "title": "x",
        "name": None,
        "preview": "x",
        "first_user_message": "x",
        "source": "subagent:spawn",
        "created": STAMP,
        "updated": "1970-01-01T00:00:01.000Z",
        "recency": STAMP,
        "archived": False,
        "git_branch": "main",
        "git_commit": "c0ffee",
        "git_url": "git@x:y",
        "model_provider": "some",
        "model": None,
        "cli_version": "1.2.3",
        "originator": "tests",
        "history_mode": "legacy",
        "forked_from_id": OTHER,
        "parent_thread_id": OTHER,
        "agent_nickname": "N",
        "agent_role": "R",
        "size_bytes": path.stat().st_size,
        "compressed": False,
        "rollouts": 1,
        "problem": None,
        "codex_hides": "its source is subagent:spawn: Codex lists cli and vscode unless asked",
        "scanned": False,
        "turns": None,
        "problems": None,
        "tokens": None,
        "memory_mode": None,
    }
    assert only(home).as_dict() == expected


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("cli", "cli"),
        (None, "vscode"),
        ("from 2030", "from 2030"),
        ({"custom": "x"}, "custom:x"),
        ({"subagent": "review"}, "subagent:review"),
        ([1], "unknown"),
        ({}, "unknown"),
    ],
)
def test_every_source_has_a_label(home: Path, source: Any, label: str) -> None:
    put(home, content([meta(source=source), *turn("x")]))
    assert only(home).source == label


@pytest.mark.parametrize(
    ("stamp", "created"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123Z"),
        ("2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05.000Z"),
        ("9999-12-31T23:59:59-23:59", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_an_odd_time_is_no_reason_to_fail(home: Path, stamp: str, created: str | None) -> None:
    put(home, content([meta(timestamp=stamp), *turn("x")]))
    for query in ({}, {"sort": "updated"}):
        (thread,) = threadlog.open(home).threads(**query)  # type: ignore[arg-type]
        assert created is None or thread.created == created


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Niue"])
@pytest.mark.parametrize(
    "stamp", ["0001-01-01T00-00-00", "9999-12-31T23-59-59", "2026-99-99T09-09-09"]
)
def test_an_odd_time_in_a_name_is_no_reason_to_fail(
    home: Path, monkeypatch: pytest.MonkeyPatch, stamp: str, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        put(home, content([user("x")]), file_name(stamp=stamp))
        assert only(home).id == THREAD
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("seconds", [-1, 0, 2**31, 2**33, 2**40])
def test_an_odd_time_of_change_is_no_reason_to_fail(home: Path, seconds: int) -> None:
    os.utime(put_thread(home, 1), (seconds, seconds))
    assert ids(home, sort="updated") == [uuid(1)]


@pytest.mark.codex("C161")
def test_a_fork_by_reference_and_a_revert_begin_as_what_they_build_on(home: Path) -> None:
    parent = Pages(THREAD)
    parent.turn("the beginning")
    fork = Pages(OTHER, base=parent.end, forked_from_id=THREAD)
    fork.turn("its own")
    revised = Pages(OTHER, revision=uuid(0xC), base=fork.end, forked_from_id=THREAD)
    for each, stamp in ((parent, "1"), (fork, "2"), (revised, "3")):
        each.write(home, stamp=f"2026-01-02T03-04-0{stamp}")
    threads = {thread.id: thread for thread in threadlog.open(home).threads()}
    assert {each.preview for each in threads.values()} == {"the beginning"}
    assert threads[OTHER].forked_from_id == THREAD
    assert (threads[OTHER].rollouts, threads[OTHER].history_mode) == (2, "paginated")
    assert threads[OTHER].path.endswith(f"_{uuid(0xC)}.jsonl")


def test_a_subagents_copy_of_its_parent_gives_no_preview(home: Path) -> None:
    first = line("session_meta", {"id": THREAD, "subagent_history_start_ordinal": 2}, ordinal=0)
    copied = line("event_msg", {"type": "user_message", "message": "the parent's"}, ordinal=1)
    own = line("event_msg", {"type": "user_message", "message": "its own"}, ordinal=2)
    put(home, content([first, copied, own]))
    assert only(home).preview == "its own"


def test_a_long_metadata_line_does_not_hide_the_first_message(home: Path) -> None:
    put(home, content([meta(base_instructions={"text": "x" * 300_000}), *turn("hello")]))
    assert only(home).preview == "hello"


def test_a_home_without_threads_has_none(tmp_path: Path) -> None:
    for home in (tmp_path / "missing", tmp_path):
        page = threadlog.open(home).threads()
        assert (list(page), page.next) == ([], None)


def test_a_first_message_of_megabytes_is_listed_by_how_it_begins(home: Path) -> None:
    words = "hello " + "x" * 5_000_000
    put(home, content([meta(), says("user", words), user(words), agent("a")]))
    assert only(home).title.startswith("hello x")
