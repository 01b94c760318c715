"""What threads used adds up: nothing twice, whoever answers, and the same as a naive count."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import threadlog
from conftest import corpus_root
from makers import Pages, content, event, file_name, line, meta, put, uuid
from threadlog import aio
from threadlog.core.query import ThreadQuery, ThreadSummary
from threadlog.core.stats import GROUPINGS, Stats, Sums, Tally
from threadlog.stats import local_day

SETTINGS = {"cwd": "/w", "approval_policy": "never", "sandbox_policy": {}}


def usage(total: int) -> dict[str, Any]:
    parts = {"input_tokens": total - total // 10, "output_tokens": total // 10}
    counts = {**parts, "total_tokens": total}
    return {"info": {"total_token_usage": counts, "last_token_usage": counts}}


def used(total: int) -> bytes:
    return event("token_count", **usage(total))


def call(name: str = "shell") -> bytes:
    fields = {"type": "function_call", "name": name, "arguments": "{}", "call_id": "c"}
    return line("response_item", fields)


def context(model: str) -> bytes:
    return line("turn_context", {**SETTINGS, "model": model})


def at(stamp: str, raws: list[bytes]) -> list[bytes]:
    """The same lines at another time."""
    head = b'{"timestamp":"' + stamp.encode() + b'",'
    return [re.sub(rb'^\{"timestamp":"[^"]*",', head, raw) for raw in raws]


def by_files(home: Path, by: str = "day") -> Stats:
    """The answer that the files give."""
    files: Any = threadlog.open(home).store
    wanted = ThreadQuery(limit=None, archived=None)
    tally: Tally = files.files.tally(
        wanted, lambda: Tally(by, None, None, local_day), lambda *_told: None
    )
    return tally.stats()


def both(home: Path, by: str = "day") -> Stats:
    """The answer, which index and files give alike."""
    opened = threadlog.open(home)
    stats = opened.stats(by=by)
    store: Any = opened.store
    assert store.catalog.trouble is None
    assert stats == by_files(home, by)
    return stats


def keys(stats: Stats) -> dict[str | None, int]:
    return {row.key: row.sums.tokens.total for row in stats.rows}


# -- genuine homes


@pytest.mark.corpus
def test_all_that_genuine_threads_used_is_what_their_newest_counts_tell(tmp_path: Path) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    shutil.copytree(root, tmp_path / "corpus", symlinks=True)
    checked = 0
    for home in sorted((tmp_path / "corpus").glob("*/*")):
        for by in GROUPINGS:
            both(home, by)
        stats = both(home, "thread")
        own = keys(stats)
        threads = {
            each.id: each for each in threadlog.open(home).threads(limit=None, archived=None)
        }
        for thread in threads.values():
            inherited = _inherited(home, thread, threads)
            assert own.get(thread.id, 0) == (thread.tokens or 0) - inherited, (home, thread.id)
            checked += 1
        assert stats.total.tokens.total == sum(own.values())
    assert checked > 60


def _inherited(home: Path, thread: ThreadSummary, threads: dict[str | None, ThreadSummary]) -> int:
    """What the newest count told where a genuine thread's own part begins."""
    if thread.forked_from_id is None:
        return 0
    parent = threads[thread.forked_from_id]
    base: Any = json.loads(Path(thread.path).read_bytes().split(b"\n")[0])["payload"]
    until = base.get("history_base", {}).get("end_ordinal_exclusive")
    carried = [] if until is None else _totals(Path(parent.path), until)
    if until is None:  # what it tells as its parent did
        told = _totals(Path(parent.path), None)
        for place, each in enumerate(_totals(Path(thread.path), None)):
            if place >= len(told) or told[place] != each:
                break
            carried.append(each)
    return carried[-1] if carried else 0


def _totals(path: Path, until: int | None) -> list[int]:
    found = []
    for raw in path.read_bytes().splitlines():
        told = json.loads(raw)
        if until is not None and told["ordinal"] >= until:
            break
        payload = told["payload"]
        if payload.get("type") == "token_count" and payload["info"]:
            found.append(payload["info"]["total_token_usage"]["total_tokens"])
    return found


# -- trees of threads that were forked, reverted and begun by one another


class Told(NamedTuple):
    """A line, which is the same however often it was copied; *thread* is the first to tell it."""

    number: int
    thread: str
    raw: bytes
    kind: str = ""
    value: int = 0


class Grown(NamedTuple):
    """A thread as it was made."""

    thread: str
    lines: list[Told]
    pages: Pages | None
    above: str | None  # what its copies, or its history, are from
    inherited: list[Told]


class Forest:
    """Threads in the making, and what each of them used itself, counted naively."""

    def __init__(self, home: Path, draw: st.DrawFn) -> None:
        self.home, self.draw = home, draw
        self.grown: dict[str, Grown] = {}
        self.count = 0

    def number(self) -> int:
        self.count += 1
        return self.count

    def stamp(self) -> str:
        """The next moment, as file names have it."""
        return f"2026-01-02T03-{self.count // 60:02}-{self.count % 60:02}"

    def turns(self, seen: int) -> Iterator[tuple[str, dict[str, Any], str, int]]:
        """Some turns: type and payload of their lines, and what they mean."""
        for _turn in range(self.draw(st.integers(0, 3))):
            turn_id = f"turn-{self.number()}"
            yield "event_msg", {"type": "task_started", "turn_id": turn_id}, "turn", 1
            yield "turn_context", {**SETTINGS, "model": "m"}, "", 0
            for _call in range(self.draw(st.integers(0, 2))):
                called = {"name": "shell", "arguments": "{}", "call_id": f"c{self.number()}"}
                yield "response_item", {"type": "function_call", **called}, "call", 1
                seen = self.draw(st.sampled_from([seen + 7, seen + 1000, seen, 5]))
                yield "event_msg", {"type": "token_count", **usage(seen)}, "tokens", seen
            ended = {"turn_id": turn_id, "last_agent_message": None, "duration_ms": 3}
            yield "event_msg", {"type": "task_complete", **ended}, "time", 3

    def legacy(self, parent: Grown | None) -> None:
        thread = uuid(self.number())
        lines: list[Told] = []
        fields: dict[str, Any] = {}
        if parent is not None:
            fields["forked_from_id"] = parent.thread
            cut = self.draw(st.integers(0, len(parent.lines)))
            lines = parent.lines[:cut]
            if self.draw(st.booleans()):  # as Codex: stamped anew
                lines = [
                    each._replace(raw=at("2026-01-02T09:00:00.000Z", [each.raw])[0])
                    for each in lines
                ]
        seen = next((each.value for each in reversed(lines) if each.kind == "tokens"), 0)
        head = Told(self.number(), thread, meta(thread, **fields))
        own = [
            Told(self.number(), thread, line(kind, payload), what, value)
            for kind, payload, what, value in self.turns(seen)
        ]
        above = parent.thread if parent else None
        self.grown[thread] = Grown(thread, [head, *lines, *own], None, above, [])

    def pages(self, parent: Grown | None, *, again: bool = False) -> None:
        """A paginated thread, alone or on what another one holds; or the parent reverted."""
        of = parent.pages if parent else None
        inherited: list[Told] = []
        base = None
        if parent is not None and of is not None:
            at_line = self.draw(st.integers(1, len(of.raws)))
            before = len(content(of.raws[:at_line]))
            first = of.base.ordinal if of.base else 0
            base = type(of.end)(of.end.rollout_id, first + at_line, before)
            inherited = [*parent.inherited, *parent.lines[:at_line]]
        thread = parent.thread if again and parent else uuid(self.number())
        revision = uuid(0x1000 + self.number()) if again else ""
        forked = {"forked_from_id": parent.thread} if parent and not again else {}
        pages = Pages(thread, revision=revision, base=base, **forked)
        seen = next((each.value for each in reversed(inherited) if each.kind == "tokens"), 0)
        lines = [Told(self.number(), thread, pages.raws[0]), *self.onto(pages, seen)]
        pages.write(self.home, stamp=self.stamp())
        above = (parent.above if again else parent.thread) if parent else None
        self.grown[thread] = Grown(thread, lines, pages, above, inherited)

    def subagent(self, parent: Grown) -> None:
        """A paginated subagent that begins with lines of its parent's, numbered anew."""
        thread = uuid(self.number())
        copied = parent.lines[1 : self.draw(st.integers(1, len(parent.lines)))]
        source = {"subagent": {"thread_spawn": {"parent_thread_id": parent.thread, "depth": 1}}}
        start = len(copied) + 1
        pages = Pages(thread, source=source, subagent_history_start_ordinal=start)
        for each in copied:
            told = json.loads(each.raw)
            pages.add(told["type"], told["payload"])
        lines = [
            each._replace(number=self.number(), raw=raw)
            for raw, each in zip(pages.raws, [Told(0, thread, b""), *copied], strict=True)
        ]
        lines += self.onto(pages, 0)
        pages.write(self.home, stamp=self.stamp())
        self.grown[thread] = Grown(thread, lines, pages, None, [])

    def onto(self, pages: Pages, seen: int) -> list[Told]:
        """Some turns of a paginated thread."""
        lines = []
        for kind, payload, what, value in self.turns(seen):
            pages.add(kind, payload)
            lines.append(Told(self.number(), pages.thread, pages.raws[-1], what, value))
        return lines

    def write(self) -> None:
        for each in self.grown.values():
            if each.pages is None:
                put(self.home, content(one.raw for one in each.lines), file_name(each.thread))

    def remove(self, thread: str) -> None:
        for path in self.home.glob(f"sessions/**/rollout-*{thread}*"):
            path.unlink()
        del self.grown[thread]

    def expected(self, grown: Grown, was: dict[str, Grown]) -> dict[str, int]:
        """What one thread used, by its lines."""
        if grown.pages is not None:
            lines = [*grown.inherited, *grown.lines]
            return _naive(lines, [each.thread == grown.thread for each in lines])
        copied = self._copied(grown, was)
        return _naive(grown.lines, [place >= copied for place in range(len(grown.lines))])

    def _copied(self, grown: Grown, was: dict[str, Grown]) -> int:
        """How many lines of a legacy rollout another one in the home holds."""
        behind, above = 1, grown.above
        while above is not None and above not in self.grown:
            if len(grown.lines) <= behind or not _is_meta(grown.lines[behind]):
                return 0
            behind, above = behind + 1, was[above].above
        if above is None:
            return 0
        source = self.grown[above].lines
        same = 0
        for one, other in zip(grown.lines[behind:], source, strict=False):
            if one.number != other.number:
                break
            same += 1
        return behind + same if same else 0


def _is_meta(told: Told) -> bool:
    return bool(json.loads(told.raw)["type"] == "session_meta")


def _naive(lines: list[Told], own: list[bool]) -> dict[str, int]:
    """Totals as they are told, one after the other."""
    found = dict.fromkeys(("turn", "call", "time", "tokens"), 0)
    seen = 0
    for each, counts in zip(lines, own, strict=True):
        if each.kind == "tokens":
            if counts:
                found["tokens"] = each.value + (found["tokens"] - seen if each.value >= seen else 0)
            seen = each.value
        elif each.kind and counts:
            found[each.kind] += each.value
    return found


@settings(max_examples=50)
@given(st.data())
def test_a_forest_of_threads_counts_each_thing_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    forest = Forest(tmp_path_factory.mktemp("home"), data.draw)  # type: ignore[arg-type]
    (forest.home / "sessions").mkdir()
    for _deed in range(data.draw(st.integers(1, 7))):
        grow(forest, data)
    forest.write()
    assert_counted(forest, forest.grown)
    was = dict(forest.grown)
    plain = [each.thread for each in was.values() if each.pages is None]
    goes = data.draw(st.sampled_from(plain)) if plain else None
    if goes is not None:
        forest.remove(goes)
        assert_counted(forest, was)


def grow(forest: Forest, data: st.DataObject) -> None:
    """One more thread, or one of them reverted."""
    kind = data.draw(st.sampled_from(["legacy", "fork", "fork", "pages", "on", "revert", "agent"]))
    plain = [each for each in forest.grown.values() if each.pages is None]
    paged = [each for each in forest.grown.values() if each.pages is not None]
    if kind == "legacy" or (kind == "fork" and not plain):
        forest.legacy(None)
    elif kind == "fork":
        forest.legacy(data.draw(st.sampled_from(plain)))
    elif kind == "pages" or not paged:
        forest.pages(None)
    elif kind == "agent":
        forest.subagent(data.draw(st.sampled_from(paged)))
    else:
        forest.pages(data.draw(st.sampled_from(paged)), again=kind == "revert")


def assert_counted(forest: Forest, was: dict[str, Grown]) -> None:
    stats = both(forest.home, "thread")
    found = {row.key: row.sums for row in stats.rows}
    for thread, grown in forest.grown.items():
        sums = found.pop(thread, Sums())
        counted = {
            "turn": sums.turns,
            "call": sums.calls,
            "time": sums.time_ms,
            "tokens": sums.tokens.total,
        }
        assert counted == forest.expected(grown, was), thread
    assert found == {}


# -- what comes, goes and changes


def legacy(home: Path, number: int, raws: list[bytes], **fields: Any) -> Path:
    return put(home, content([meta(uuid(number), **fields), *raws]), file_name(uuid(number)))


def fork_of(home: Path) -> tuple[Path, Path]:
    """A thread of 10 tokens, and a fork of it that used 5 more."""
    parent = [event("user_message", message="a"), used(10)]
    path = legacy(home, 1, parent)
    copied = [meta(uuid(1)), *parent]
    own = [event("user_message", message="b"), used(15)]
    return path, legacy(home, 2, [*copied, *own], forked_from_id=uuid(1))


def test_a_fork_counts_its_copies_while_its_parent_is_away(home: Path) -> None:
    parent, _fork = fork_of(home)
    assert keys(both(home, "thread")) == {uuid(1): 10, uuid(2): 5}
    away = home / "elsewhere"
    parent.rename(away)
    assert keys(both(home, "thread")) == {uuid(2): 15}
    away.rename(parent)
    assert keys(both(home, "thread")) == {uuid(1): 10, uuid(2): 5}
    archive = home / "archived_sessions" / parent.name
    archive.parent.mkdir()
    parent.rename(archive)
    assert keys(both(home, "thread")) == {uuid(1): 10, uuid(2): 5}


def test_a_fork_is_counted_anew_when_its_parent_is_edited_and_not_when_it_grows(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, fork = fork_of(home)
    both(home)
    with parent.open("ab") as file:
        file.write(content([event("user_message", message="c"), used(17)]))
    assert keys(both(home, "thread")) == {uuid(1): 17, uuid(2): 5}
    with fork.open("ab") as file:
        file.write(content([used(22)]))
    assert keys(both(home, "thread")) == {uuid(1): 17, uuid(2): 12}
    parent.write_bytes(content([meta(uuid(1)), event("user_message", message="z"), used(3)]))
    assert keys(both(home, "thread")) == {uuid(1): 3, uuid(2): 22}


def test_a_thread_that_is_read_no_more_than_once_is_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_of(home)
    first = both(home)
    store: Any = threadlog.open(home).store
    reads = []
    monkeypatch.setattr("threadlog.local.index.scanner.scan", lambda *told: reads.append(told))
    assert threadlog.open(home).stats() == first
    assert reads == []
    assert store.catalog.status().scanned == 2


def test_an_index_of_before_that_reads_what_it_had_read_once_more(home: Path) -> None:
    fork_of(home)
    first = both(home)
    index = sqlite3.connect(home / "threadlog" / "index.sqlite")
    with contextlib.closing(index):
        index.executescript(
            "DROP INDEX threads_unscanned; ALTER TABLE threads DROP COLUMN ledger;"
            "UPDATE threads SET scan = '{\"scan\": 1}';"
            "CREATE INDEX threads_unscanned ON threads (updated_ms) WHERE scanned = 0;"
            "PRAGMA user_version = 4"
        )
    page = threadlog.open(home).threads()
    assert [each.scanned for each in page] == [True, True]  # listings go on telling it
    assert both(home) == first
    assert keys(both(home, "thread")) == {uuid(1): 10, uuid(2): 5}
    index = sqlite3.connect(home / "threadlog" / "index.sqlite")
    with contextlib.closing(index):
        kept = index.execute("SELECT count(ledger) FROM threads").fetchone()
    assert kept == (2,)  # and only once more


@pytest.mark.parametrize("nonsense", ["[]", "{", "[[1,2],null]", "x"])
def test_a_ledger_that_is_none_costs_the_index(home: Path, nonsense: str) -> None:
    fork_of(home)
    first = both(home)
    index = sqlite3.connect(home / "threadlog" / "index.sqlite")
    with contextlib.closing(index), index:
        index.execute("UPDATE threads SET ledger = ?", (nonsense,))
    opened = threadlog.open(home)
    assert opened.stats() == first
    assert both(home) == first


def test_a_home_that_can_have_no_index_is_read(home: Path) -> None:
    fork_of(home)
    (home / "threadlog").write_bytes(b"in the way of a folder")
    opened = threadlog.open(home)
    store: Any = opened.store
    store._cache = None
    told: list[tuple[str, int, int]] = []
    opened.tell_progress(lambda *each: told.append(each))
    assert keys(opened.stats(by="thread")) == {uuid(1): 10, uuid(2): 5}
    assert store.catalog.trouble
    assert told == [("threads", 0, 2), ("threads", 1, 2)]


# -- what can be asked


def some_use(home: Path) -> None:
    """Two threads on two days, of two projects and models."""
    git = {"repository_url": "git@github.com:Owner/Name.git", "branch": "main"}
    one = [event("task_started", turn_id="a"), context("m1"), call(), used(100)]
    two = [event("task_started", turn_id="b"), context("m2"), call("grep"), call("grep"), used(107)]
    first = [*at("2026-01-02T12:00:00Z", one), *at("2026-01-03T12:20:00Z", two)]
    legacy(home, 1, first, git=git)
    third = at("2026-01-03T12:00:00Z", [context("m2"), used(1000)])
    raws = content([meta(uuid(2), source={"subagent": "review"}, cwd="/desk/b"), *third])
    put(home, raws, file_name(uuid(2)), "archived_sessions")


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("day", {"2026-01-02": 100, "2026-01-03": 1007}),
        ("project", {"/desk/b": 1000, "github.com/owner/name": 107}),
        ("model", {"m2": 1007, "m1": 100}),
        ("source", {"subagent:review": 1000, "cli": 107}),
        ("thread", {uuid(2): 1000, uuid(1): 107}),
        ("tool", {"grep": 0, "shell": 0}),
    ],
)
def test_what_was_used_is_added_up_by_what_is_asked(
    home: Path, by: str, expected: dict[str, int]
) -> None:
    some_use(home)
    stats = both(home, by)
    assert list(keys(stats).items()) == list(expected.items())
    # Of tools only calls are told, and one of the threads called none.
    assert stats.total.tokens.total == sum(expected.values())
    assert (stats.total.threads, stats.total.turns) == ((1, 0) if by == "tool" else (2, 2))
    assert stats.total.calls == 3
    assert sum(row.sums.calls for row in stats.rows) == 3
    if by == "day":
        assert [row.sums.threads for row in stats.rows] == [1, 2]


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        ({"archived": False}, 107),
        ({"archived": True}, 1000),
        ({"archived": None}, 1107),
        ({"cwd": "/desk/b"}, 1000),
        ({"cwd": []}, 0),
        ({"sources": ["subagent"]}, 1000),
        ({"repository": "owner/name"}, 107),
        ({"branch": "main"}, 107),
        ({"branch": "else"}, 0),
        ({"since": "2026-01-03T00:00:00Z"}, 1007),
        ({"since": "2026-01-03T12:16:00Z"}, 7),
        ({"since": "2026-01-03T12:30:00Z"}, 0),
        ({"until": "2026-01-03T12:00:00Z"}, 100),
        ({"until": "2026-01-03T12:00:00.001Z"}, 1100),
        ({"since": "2026-01-03T12:01:00Z", "until": "2026-01-03T12:02:00Z"}, 1000),
    ],
)
def test_what_is_asked_chooses_threads_and_times(
    home: Path, asked: dict[str, Any], tokens: int
) -> None:
    some_use(home)
    stats = threadlog.open(home).stats(**asked)
    assert stats.total.tokens.total == tokens == sum(keys(stats).values())


def test_days_are_those_of_the_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    legacy(home, 1, at("2026-01-02T18:40:00Z", [used(5)]))
    found = []
    for zone in ("Asia/Kathmandu", "UTC"):  # 5:45 from one another
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            found.append(keys(threadlog.open(home).stats()))
        finally:
            monkeypatch.undo()
            time.tzset()
    assert found == [{"2026-01-03": 5}, {"2026-01-02": 5}]


@pytest.mark.parametrize("asked", [{"limit": 3}, {"sort": "created"}, {"cursor": "x"}, {"x": 1}])
def test_what_chooses_no_threads_is_refused(home: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"knows no '{min(asked)}'"):
        threadlog.open(home).stats(**asked)
    with pytest.raises(ValueError, match="cannot add up by 'hour'"):
        threadlog.open(home).stats(by="hour")


def test_nothing_is_nothing(home: Path) -> None:
    stats = both(home)
    assert (stats.rows, stats.total) == ((), Sums())
    legacy(home, 1, [])
    assert both(home).rows == ()


def test_stats_are_plain_json_and_awaitable(home: Path) -> None:
    some_use(home)
    stats = asyncio.run(aio.open(home).stats(by="tool", cwd="/desk/project"))
    assert stats == threadlog.open(home).stats(by="tool", cwd="/desk/project")
    told = json.loads(json.dumps(stats.as_dict()))
    assert told["rows"] == [
        {"key": "grep", "threads": 1, "calls": 2},
        {"key": "shell", "threads": 1, "calls": 1},
    ]
    assert told["total"] == {"threads": 1, "calls": 3}
    assert {row.title for row in threadlog.open(home).stats(by="day").rows} == {None}


def test_a_thread_that_is_being_recorded_counts_as_far_as_it_is_on_disk(home: Path) -> None:
    opened = threadlog.open(home)
    with opened.start(cwd="/desk/x") as thread:
        with thread.turn("Q") as turn:
            turn.tool("shell", {}, output="out")
            turn.usage(input_tokens=10, output_tokens=2)
            turn.say("A")
        thread.drain()
        total = opened.stats().total
        assert (total.turns, total.calls, total.tokens.total) == (1, 1, 12)
    fork = opened.fork(thread.id)
    with fork.turn("again") as turn:
        turn.usage(input_tokens=10, output_tokens=2)
    fork.close()
    found = {row.key: row.sums for row in both(home, "thread").rows}
    assert found[fork.id].turns == 1
    assert found[fork.id].tokens.total == found[thread.id].tokens.total == 12
    opened.close()
