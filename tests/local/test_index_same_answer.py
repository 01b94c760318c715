"""Index and files give the same answer: for every home, query, page and cursor, at every moment."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makers import (
    Pages,
    content,
    event,
    file_name,
    line,
    meta,
    meta_payload,
    put,
    put_names,
    turn,
    user,
    uuid,
)
from state_databases import put_state
from threadlog.asking import query_of
from threadlog.connect import local_store
from threadlog.core.family import ABOVE, BELOW, NOBODY, WHOLE, Family
from threadlog.core.metadata import Metadata
from threadlog.core.names import Named, Patch
from threadlog.core.query import ThreadPage, ThreadQuery, ThreadSummary
from threadlog.core.stats import Tally
from threadlog.core.summary import Counts
from threadlog.local import catalog
from threadlog.local.kept_names import KeptNames
from threadlog.local.reading import LocalRollouts
from threadlog.local.scan import Found
from threadlog.local.scanning import scan
from threadlog.local.store import LocalStore
from threadlog.local.summaries import Summaries

FOLDERS = [
    "sessions/2026/01/02",
    "sessions/2026/01/03",
    "sessions",
    "sessions/odd/deep",
    "archived_sessions",
]
STAMPS = ["2026-01-02T03-04-05", "2026-01-02T03-04-06", "2025-01-01T00-00-00", "2026-01-02"]
CWDS = ["/desk/a", "/desk/a/", "/desk/b/../a", "/desk/b", "relative", "/desk/\ud800", ""]
SPAWN = {"subagent": {"thread_spawn": {"parent_thread_id": uuid(2), "depth": 1}}}
SOURCES: list[Any] = [
    "cli",
    "vscode",
    SPAWN,
    {"subagent": "review"},
    {"custom": "x"},
    "su\0b",
    None,
]
BRANCHES = ["main", "MAIN", "d/x", None]
URLS = ["git@github.com:Owner/Name.git", "https://github.com/owner/name", "https://x/y", None]
TEXTS = ["Héllo world", "straße", "STRASSE 50%", "x", "\ud800 lone", ""]


class World:
    """A home under change: what hypothesis does to it, and how it is asked."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock = 1_000_000_000

    def files(self) -> list[Path]:
        return sorted(self.home.glob("*sessions/**/rollout-*"))

    def tick(self, path: Path) -> None:
        """Times in the past, so that folders settle, and often equal."""
        self.clock += self.clock % 3
        if path.exists():
            os.utime(path, (self.clock, self.clock))

    def settle(self) -> None:
        """As if all folders had changed long ago, and files a moment ago."""
        time.sleep(0.025)
        for folder, _inner, _names in os.walk(self.home):
            if "threadlog" not in folder:
                os.utime(folder, (self.clock, self.clock))


def add(world: World, draw: st.DrawFn) -> None:
    number = draw(st.integers(0, 5))
    thread = uuid(number)
    fields: dict[str, Any] = {"cwd": draw(st.sampled_from(CWDS))}
    if (source := draw(st.sampled_from(SOURCES))) is not None:
        fields["source"] = source
    branch, url = draw(st.sampled_from(BRANCHES)), draw(st.sampled_from(URLS))
    fields["git"] = {"branch": branch, "repository_url": url}
    fields["model_provider"] = draw(st.sampled_from(["some", "other", "", None]))
    if draw(st.booleans()):
        fields["parent_thread_id"] = uuid(draw(st.integers(0, 5)))
    if draw(st.booleans()):
        fields["forked_from_id"] = uuid(draw(st.integers(0, 9)))
    text = draw(st.sampled_from(TEXTS))
    raws = [meta(thread, **fields), *(turn(text) if text else [])]
    if draw(st.booleans()):
        forked = fields.get("forked_from_id")
        copied = [meta(forked), *turn("Héllo world"), used(7)] if forked else []
        raws = [raws[0], *copied, *raws[1:], used(draw(st.sampled_from([3, 9])))]
    name = file_name(thread, stamp=draw(st.sampled_from(STAMPS)))
    if draw(st.integers(0, 5)) == 0:
        name = f"rollout-{number}.jsonl"
    suffix = draw(st.sampled_from(["", "", "", ".zst"]))
    world.tick(put(world.home, content(raws), name + suffix, draw(st.sampled_from(FOLDERS))))


def used(total: int) -> bytes:
    """A token count."""
    usage = {"total_tokens": total}
    return event("token_count", info={"total_token_usage": usage, "last_token_usage": usage})


def fork(world: World, draw: st.DrawFn) -> None:
    parent = Pages(uuid(draw(st.integers(6, 8))))
    parent.turn("first")
    kind = draw(st.integers(0, 2))
    if kind == 0:
        world.tick(parent.write(world.home))
    elif kind == 1:
        child = Pages(uuid(draw(st.integers(6, 9))), base=parent.end)
        world.tick(child.write(world.home, folder=draw(st.sampled_from(FOLDERS))))
    else:
        again = Pages(parent.thread, revision=uuid(99), base=parent.end)
        again.turn("again")
        world.tick(again.write(world.home, stamp="2026-01-02T03-04-09"))


def append(world: World, draw: st.DrawFn) -> None:
    if not (files := world.files()):
        return
    path = draw(st.sampled_from(files))
    if path.suffix == ".zst":
        return
    raws = draw(
        st.sampled_from(
            [
                turn("more"),
                [user("late")],
                [event("thread_name_updated", thread_id=None, thread_name="renamed")],
                [line("session_meta", meta_payload(uuid(1), git={"branch": "moved"}))],
                [line("turn_context", {"model": "m2", "cwd": "/desk/b"})],
                [b"{torn"],
            ]
        )
    )
    with path.open("ab") as file:
        file.write(content(raws)[: draw(st.sampled_from([None, -3]))])
    world.tick(path)


def move(world: World, draw: st.DrawFn) -> None:
    if not (files := world.files()):
        return
    path = draw(st.sampled_from(files))
    target = world.home / draw(st.sampled_from(FOLDERS)) / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)


def remove(world: World, draw: st.DrawFn) -> None:
    if files := world.files():
        draw(st.sampled_from(files)).unlink()


def edit(world: World, draw: st.DrawFn) -> None:
    """Another content of the same length, in place or in a new file."""
    if not (files := world.files()):
        return
    path = draw(st.sampled_from(files))
    data = (
        path.read_bytes()
        .replace(b"desk/a", b"desk/b")
        .replace(b"world", b"pluto")
        .replace(b"first", b"frist")
    )
    if draw(st.booleans()):
        path.unlink()
    path.write_bytes(data[: draw(st.sampled_from([None, len(data) // 2]))])
    world.tick(path)


def rename(world: World, draw: st.DrawFn) -> None:
    put_names(world.home, (uuid(draw(st.integers(0, 8))), draw(st.sampled_from(["A", "b", "wör"]))))


def note_row(world: World, draw: st.DrawFn) -> None:
    """Codex says in its row what it changed; of a legacy thread that counts for nothing."""
    thread = uuid(draw(st.integers(0, 9)))
    columns = {
        "history_mode": draw(st.sampled_from(["paginated", "paginated", "legacy"])),
        "git_branch": draw(st.sampled_from(["moved", *BRANCHES])),
        "git_origin_url": draw(st.sampled_from(URLS)),
        "memory_mode": draw(st.sampled_from(["enabled", "disabled", "polluted"])),
        "updated_at_ms": draw(st.sampled_from([None, 1, world.clock * 1000])),
    }
    put_state(world.home, {thread: columns})


def change_metadata(world: World, draw: st.DrawFn) -> None:
    """We change some, whether the row was told or not."""
    some: dict[str, str | None] = {"git_branch": draw(st.sampled_from(["moved", "main", None]))}
    if draw(st.booleans()):
        some["memory_mode"] = draw(st.sampled_from(["enabled", "disabled"]))
    seen: list[Patch] = [{}, some, {"git_branch": "main", "memory_mode": "enabled"}]
    row = draw(st.sampled_from(seen))
    thread = uuid(draw(st.integers(0, 9)))
    KeptNames(str(world.home)).note(thread, Named("", world.clock * 1000, some, row))


def lose_database(world: World, draw: st.DrawFn) -> None:
    for path in world.home.glob("state_5.sqlite*"):
        path.unlink()


def remove_folder(world: World, draw: st.DrawFn) -> None:
    shutil.rmtree(world.home / draw(st.sampled_from(FOLDERS)), ignore_errors=True)


def lose_index(world: World, draw: st.DrawFn) -> None:
    shutil.rmtree(world.home / "threadlog", ignore_errors=True)


DEEDS: list[Callable[[World, st.DrawFn], None]] = [
    add,
    add,
    add,
    add,
    fork,
    fork,
    append,
    append,
    move,
    remove,
    edit,
    rename,
    note_row,
    note_row,
    note_row,
    change_metadata,
    lose_database,
    remove_folder,
    lose_index,
]


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "sort": draw(st.sampled_from(["created", "updated", "recency"])),
        "ascending": draw(st.booleans()),
        "limit": draw(st.sampled_from([1, 2, 3, None])),
        "archived": draw(st.sampled_from([False, False, True, None])),
    }
    filters: dict[str, st.SearchStrategy[Any]] = {
        "cwd": st.sampled_from(["/desk/a", ["/desk/b", "relative"], "/desk/\ud800", []]),
        "sources": st.sampled_from([["cli"], ["subagent"], ["custom:x", "vscode"], ["su\0b"], []]),
        "providers": st.sampled_from([["some"], ["openai"], []]),
        "text": st.sampled_from(["HÉLLO", "strasse", "50%", "_", "renamed", "\ud800", ""]),
        "branch": st.sampled_from(["main", "moved", "MAIN"]),
        "repository": st.sampled_from(["owner/name", "name", "x/y", "ame", "https://x/y.git"]),
        "since": st.sampled_from(["1970-06-01T00:00:00Z", "2026-01-02T03:04:05.678Z"]),
        "until": st.sampled_from(["2001-09-09T01:46:50Z", "2026-01-02T03:04:05.679Z"]),
        "parent": st.sampled_from([uuid(1), uuid(2)]),
        "forked_from": st.sampled_from([uuid(1), uuid(7)]),
        "codex": st.just(True),
    }
    for name in draw(st.sets(st.sampled_from(sorted(filters)), max_size=2)):
        asked[name] = draw(filters[name])
    return asked


def pages(page: Callable[[ThreadQuery], ThreadPage], wanted: ThreadQuery) -> list[Any]:
    """Every page of a query: its rows, its cursors, its problems."""
    told: list[Any] = []
    while True:
        found = page(wanted)
        told.append((found.threads, found.next, found.previous, sorted(found.problems)))
        if found.next is None:
            return told
        wanted = wanted._replace(cursor=found.next)


class ScanningSummaries(Summaries):
    """Summaries by all of each rollout, read anew each time."""

    def of(
        self, newest: Found, scanned: Metadata | None = None, counts: Counts | None = None
    ) -> ThreadSummary:
        by_head = super().of(newest)
        told = scan(LocalRollouts(self._home), by_head, None, lambda: False)
        return super().of(newest, told.metadata, told.counts)


def assert_same(store: LocalStore, asked: dict[str, Any]) -> None:
    wanted = query_of(asked, "openai")  # type: ignore[arg-type]
    by_files, by_index = pages(store.files.page, wanted), pages(store.catalog.page, wanted)
    for one, other in zip(by_files, by_index, strict=False):
        for left, right in zip(one[0], other[0], strict=True):
            assert left.as_dict() == right.as_dict()
        assert one == other
    assert len(by_files) == len(by_index)
    assert (
        store.catalog.counts([wanted])
        == store.files.counts([wanted])
        == [sum(len(p[0]) for p in by_files)]
    )
    assert store.catalog.trouble is None


@st.composite
def families(draw: st.DrawFn) -> Family:
    some = st.integers(0, 9).map(uuid)
    return Family(
        tuple(draw(st.lists(some, max_size=2, unique=True))),
        draw(st.sampled_from([NOBODY, ABOVE, BELOW, WHOLE])),
        draw(st.dictionaries(some, st.lists(some, max_size=2), max_size=2)),
        *(draw(st.booleans()) for _flag in range(2)),
    )


def assert_same_kin(store: LocalStore, wanted: Family, rollout_ids: list[str]) -> None:
    assert store.catalog.family(wanted) == store.files.family(wanted)
    assert store.catalog.building_on(rollout_ids) == store.files.building_on(rollout_ids)
    assert store.catalog.trouble is None


@pytest.mark.codex("C136", "C137", "C143", "C145", "C148", "C189", "C191")
@settings(max_examples=150)
@given(st.data())
def test_index_and_files_answer_alike_whatever_happens_between(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    if data.draw(st.booleans(), "all of every rollout is read first"):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(catalog, "Summaries", ScanningSummaries)
            live(tmp_path_factory.mktemp("home"), data, scanned=True)
    else:
        live(tmp_path_factory.mktemp("home"), data, scanned=False)


def assert_same_use(store: LocalStore, asked: dict[str, Any]) -> None:
    """What the threads used that a query means."""
    wanted = query_of(asked, "openai")._replace(limit=None, since_ms=None, until_ms=None)  # type: ignore[arg-type]

    def begin() -> Tally:
        return Tally("thread", None, None, str)

    by_files = store.files.tally(wanted, begin, lambda *_told: None).stats()
    assert store.catalog.tally(wanted, begin).stats() == by_files
    assert store.catalog.trouble is None


def live(home: Path, data: st.DataObject, *, scanned: bool) -> None:
    """What happens to a home, with Codex's database in it, and what is asked of it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("CODEX_SQLITE_HOME")
        live_on(home, data, scanned=scanned)


def live_on(home: Path, data: st.DataObject, *, scanned: bool) -> None:
    world = World(home)
    store = local_store(str(home))
    for _round in range(data.draw(st.integers(1, 4))):
        for deed in data.draw(st.lists(st.sampled_from(DEEDS), min_size=1, max_size=5)):
            deed(world, data.draw)  # type: ignore[arg-type]
        if data.draw(st.booleans()):
            world.settle()
        if data.draw(st.booleans()):
            store = local_store(str(home))  # another process
        for asked in data.draw(st.lists(queries(), min_size=1, max_size=3)):
            if scanned:
                assert store.catalog.catch_up(lambda: False, lambda *_told: None)
                assert_same_use(store, asked)
            assert_same(store, asked)
            rollout_ids = st.lists(st.sampled_from([*map(uuid, range(6, 10)), uuid(99)]))
            assert_same_kin(store, data.draw(families()), data.draw(rollout_ids))
