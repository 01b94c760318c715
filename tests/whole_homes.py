"""What a home holds, thread by thread: by our answers, and by its files alone.

For the tests that change homes in every way; they also need processes that end in the middle, and
Codex's database beside the threads.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import signal
import sqlite3
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import threadlog
from makers import zstd
from state_databases import add_row, connect_state, make_whole
from threadlog import Home, Thread
from threadlog.codex import schema
from threadlog.core import layout
from threadlog.core.items import turn as ti
from threadlog.core.items.session import SessionMeta
from threadlog.core.lines import Json
from threadlog.core.query import ThreadQuery, ThreadSummary
from threadlog.core.turn import Turn

# So that no child has to.
for _module in pkgutil.walk_packages(threadlog.__path__, "threadlog."):
    if not _module.name.endswith("__main__"):
        importlib.import_module(_module.name)

LONG_S = 30
ACTIVE, ARCHIVED, TRASHED = "active", "archived", "trash"
_ROOTS = {
    ACTIVE: layout.SESSIONS,
    ARCHIVED: layout.ARCHIVED,
    TRASHED: f"{layout.OWN_FOLDER}/trash",
}


# What is told by all of a rollout only.
_LATER: dict[str, Any] = dict.fromkeys(
    ("turns", "problems", "tokens", "memory_mode", "git_branch", "git_commit", "git_url", "model")
)
_LATER["scanned"] = False

# -- threads


def take_turn(thread: Thread, text: str) -> None:
    """One whole turn: the question *text*, and its answer."""
    with thread.turn(text, turn_id=f"turn-{text}") as live:
        live.say(f"re {text}")


def texts(turns: Iterator[Turn]) -> list[list[str]]:
    """What user and agent said, by turn."""
    return [[*filter(None, map(_text, turn.items))] for turn in turns]


def _text(item: ti.AnyTurnItem) -> str:
    if isinstance(item, ti.UserMessage):
        return "".join(getattr(each, "text", "") for each in item.content)
    if isinstance(item, ti.AgentMessage):
        return "".join(each.text for each in item.content)
    return ""


def both_listings(home: Home) -> list[ThreadSummary]:
    """All threads, which index and files alone tell in the same way."""
    found: list[ThreadSummary] = []
    for archived in (False, True):
        query = ThreadQuery(limit=None, archived=archived)
        by_index, by_files = home.store.catalog.page(query), home.store.files.page(query)  # type: ignore[attr-defined]
        assert [*map(_comparable, by_index)] == [*map(_comparable, by_files)]
        assert by_index.problems == by_files.problems == ()
        found += by_index
    ids = [each.id for each in found]
    assert len(set(ids)) == len(ids), "a thread is listed twice"
    return found


def _comparable(thread: ThreadSummary) -> ThreadSummary:
    """What both must tell; the rest is right once all of a rollout was read."""
    return thread._replace(**_LATER)


# -- files


class File(NamedTuple):
    """A rollout's file: where it lies, and all that it holds, unpacked."""

    place: str
    path: str
    data: bytes


def files_of(home: Path) -> dict[str, list[File]]:
    """The rollouts of each thread, by the names of files; of twins the plain one."""
    found: dict[str, list[File]] = {}
    for place, root in _ROOTS.items():
        for path in sorted((home / root).rglob("*")):
            name = layout.parse_name(path.name)
            plain = path.with_name(path.name.removesuffix(".zst"))
            if name is None or not path.is_file() or (plain != path and plain.exists()):
                continue
            data = path.read_bytes()
            whole = zstd.decompress(data) if path.suffix == ".zst" else data
            found.setdefault(name.thread_id or "", []).append(File(place, str(path), whole))
    return found


def strangers(home: Path) -> list[str]:
    """What lies among the rollouts, or among what is ours, and is of no use to anybody."""
    left = [
        path
        for root in (layout.SESSIONS, layout.ARCHIVED)
        for path in (home / root).rglob("*")
        if path.is_file() and layout.parse_name(path.name) is None
    ]
    own = home / layout.OWN_FOLDER
    left += [*(own / layout.INTENTS).glob("*"), *(own / layout.RESCUED).rglob("*")]
    left += own.glob("*.tmp")
    left += [each for each in (own / "trash").glob("*") if not (each / "thread.json").exists()]
    left += [each for each in (own / "trash").glob("*/*/*") if layout.parse_name(each.name) is None]
    return sorted(str(each.relative_to(home)) for each in left)


# -- Codex's database


def know_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the databases made here for those of a known Codex."""
    told = "\n".join(f"{number}:{(bytes([number]) * 48).hex()}" for number in (1, 2))
    monkeypatch.setattr(schema, "KNOWN", {hashlib.sha256(told.encode()).hexdigest(): True})


def put_database(home: Path, threads: list[ThreadSummary]) -> None:
    """A state database, whole and complete, with a row of each thread."""
    with closing(connect_state(home)) as connection:
        make_whole(connection)
        for each in threads:
            first = each.first_user_message
            facts = {"title": first, "first_user_message": first, "archived": int(each.archived)}
            path = each.path.removesuffix(".zst")
            add_row(connection, each.id, rollout_path=path, history_mode=each.history_mode, **facts)


def rows_of(home: Path) -> dict[str, dict[str, Any]]:
    """The rows of a database, by thread; {} where there is none."""
    path = home / "state_5.sqlite"
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {row["id"]: dict(row) for row in connection.execute("SELECT * FROM threads")}


# -- all of it


def _branch(home: Home, thread: ThreadSummary) -> str | None:
    """The branch that a thread is of, as its whole rollout tells, if that is who tells it."""
    if thread.history_mode != "legacy":
        return thread.git_branch
    assert thread.id is not None
    items = home.history(thread.id).items()
    own = [each for each in items if isinstance(each, SessionMeta) and each.id == thread.id]
    return own[-1].git.branch if own and own[-1].git else None


def told_of(home: Home, *, rows: bool = True, begun: bool = False) -> dict[str, dict[str, Json]]:
    """Each thread of a home in plain values; what must agree is looked at on the way.

    Without *rows* whatever Codex's database has is left out.  Where a thread had *begun* just
    now, its rollout may be empty yet.
    """
    folder = Path(home.path)
    files, noted = files_of(folder), rows_of(folder) if rows else {}
    told: dict[str, dict[str, Json]] = {}
    home.catch_up()
    for each in both_listings(home):
        assert each.id is not None
        if begun and each.size_bytes == 0 and each.rollouts == 1:
            del files[each.id]
            continue
        assert each.problem is None, each.problem
        place = ARCHIVED if each.archived else ACTIVE
        own = files.pop(each.id)
        assert {one.place for one in own} == {place}, "its files lie apart"
        assert each.rollouts == len(own)
        row = noted.pop(each.id, None)
        told[each.id] = {
            "place": place,
            "turns": texts(home.turns(each.id)),
            "lines": _count(own),
            "name": each.name,
            "branch": _branch(home, each),
            "rollouts": each.rollouts,
            "row": row and _row(row, each),
        }
    for trashed in home.trash():
        own = files.pop(trashed.id)
        assert {one.place for one in own} == {TRASHED}, "its files lie apart"
        row = noted.pop(trashed.id, None)
        told[trashed.id] = {"place": TRASHED, "lines": _count(own), "row": row and str(row)}
    assert files == {}, "files of no thread"
    for row in noted.values():
        assert not row, "a row of no thread"
    return told


def _count(own: list[File]) -> int:
    """How many lines, each of which is whole and there once; names may be told beside them."""
    lines = [line for each in own for line in each.data.splitlines()]
    assert all(each.data.endswith(b"\n") for each in own)
    assert len(set(lines)) == len(lines), "a line is there twice"
    return sum(
        b"thread_name_updated" not in json.dumps(json.loads(each)).encode() for each in lines
    )


def _row(row: dict[str, Any], thread: ThreadSummary) -> dict[str, Json]:
    """What a row says, which must be what the files say where Codex looks at it."""
    assert row["rollout_path"] == thread.path.removesuffix(".zst"), "the row leads elsewhere"
    assert bool(row["archived"]) == thread.archived == (row["archived_at"] is not None)
    if thread.history_mode == "paginated":
        assert row["name"] == thread.name, "the row has another name"
        assert row["git_branch"] == thread.git_branch, "the row has another branch"
    elif thread.name is not None:
        assert row["title"] == thread.name, "the row has another title"
    return {key: row[key] for key in ("title", "name", "archived", "git_branch", "memory_mode")}


# -- processes


class Ended(NamedTuple):
    """How a process ended: its last word, and whether it was killed."""

    word: Any
    killed: bool


def in_child(work: Callable[[], Any]) -> Ended:
    """Do *work* in a forked process that then is gone; its answer, or what it raised as a text."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that other threads are running
        pid = os.fork()
    if pid == 0:
        signal.alarm(LONG_S)
        try:
            answer = json.dumps({"answer": work()})
        except BaseException:
            answer = json.dumps({"raised": traceback.format_exc(limit=-6)})
        with open(writing, "w", encoding="utf-8") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        text = pipe.read()
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"it hung: {os.WTERMSIG(status)}"
        return Ended(None, killed=True)
    answer = json.loads(text)
    assert "raised" not in answer, answer["raised"]
    return Ended(answer["answer"], killed=False)
