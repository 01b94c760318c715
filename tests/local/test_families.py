"""Who began whom, who was forked from whom, what builds on what: by the files and by the index."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from makers import DAY, Pages, content, file_name, meta, put, turn, uuid
from threadlog.connect import local_store
from threadlog.core.family import ABOVE, BELOW, NO_EDGES, NOBODY, WHOLE, Edges, Family
from threadlog.core.query import ThreadQuery, ThreadSummary
from threadlog.errors import Unreadable
from threadlog.local.index import contents, rows, schema

Ask = Callable[[Path], Any]


def by_files(home: Path) -> Any:
    """A catalog that can have no index."""
    (home / "threadlog").write_bytes(b"in the way of a folder")
    store = local_store(str(home))
    store._cache = None
    store.catalog.family(Family(()))
    assert store.catalog.trouble
    return store.catalog


def by_index(home: Path) -> Any:
    catalog = local_store(str(home)).catalog
    assert catalog.catch_up(lambda: False, lambda *_told: None)
    return catalog


def below(catalog: Any, thread: str, edges: Edges = NO_EDGES) -> list[ThreadSummary]:
    """The subagents that a thread spawned, and theirs."""
    found = catalog.family(Family((thread,), BELOW, edges, reviews=False))
    return [each for each in found if each.id != thread]


@pytest.fixture(params=[by_files, by_index])
def catalog_of(request: pytest.FixtureRequest) -> Ask:
    return request.param  # type: ignore[no-any-return]


def spawn(parent: int, role: str = "worker") -> dict[str, Any]:
    """The source of a subagent as Codex has it."""
    fields = {"parent_thread_id": uuid(parent), "depth": 1, "agent_role": role}
    return {"subagent": {"thread_spawn": fields}}


def thread(home: Path, number: int, folder: str = DAY, **fields: Any) -> Path:
    raws = [meta(uuid(number), **fields), *turn("hello")]
    return put(home, content(raws), file_name(uuid(number)), folder)


def numbers(threads: Iterable[ThreadSummary]) -> list[int]:
    return [int((each.id or "-0")[-12:], 16) for each in threads]


def test_what_builds_on_a_rollout_is_told_active_archived_and_packed(
    home: Path, catalog_of: Ask
) -> None:
    parent = Pages(uuid(1))
    parent.turn("first")
    parent.write(home)
    fork = Pages(uuid(2), base=parent.end).write(home)
    archived = Pages(uuid(3), base=parent.end).write(home, folder="archived_sessions")
    packed = Pages(uuid(4), base=parent.end).write(home, suffix=".zst")
    again = Pages(uuid(1), revision=uuid(99), base=parent.end)
    again.turn("second")
    revised = again.write(home, stamp="2026-01-02T03-04-09")
    on_revision = Pages(uuid(5), base=again.end).write(home)
    thread(home, 6, forked_from_id=uuid(1))  # a copy: it builds on nothing
    catalog = catalog_of(home)
    expected = [(uuid(1), revised), (uuid(2), fork), (uuid(3), archived), (uuid(4), packed)]
    found = catalog.building_on([uuid(1)])
    assert sorted(found) == [(each, str(path)) for each, path in expected]
    assert [path for _id, path in found] == sorted(path for _id, path in found)
    assert catalog.building_on([uuid(99).upper()]) == [(uuid(5), str(on_revision))]
    assert len(catalog.building_on([uuid(1), uuid(99)])) == 5
    assert catalog.building_on([uuid(2)]) == catalog.building_on([]) == []


def test_what_came_and_went_a_moment_ago_counts(home: Path, catalog_of: Ask) -> None:
    parent = Pages(uuid(1))
    parent.turn("first")
    parent.write(home)
    catalog = catalog_of(home)
    assert catalog.building_on([uuid(1)]) == []
    fork = Pages(uuid(2), base=parent.end).write(home)
    assert catalog.building_on([uuid(1)]) == [(uuid(2), str(fork))]
    fork.write_bytes(content([meta(uuid(2)), *turn("on its own now")]))
    assert catalog.building_on([uuid(1)]) == []
    Pages(uuid(2), base=parent.end).write(home)
    fork.unlink()
    assert catalog.building_on([uuid(1)]) == []


def test_a_folder_that_cannot_be_listed_may_hold_what_builds_on_it(
    home: Path, catalog_of: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread(home, 1)
    catalog = catalog_of(home)
    hidden = home / "sessions" / "hidden"
    hidden.mkdir()
    real = os.scandir

    def scandir(path: Any) -> Any:
        if os.fspath(path) == str(hidden):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(Unreadable, match="cannot tell what builds on"):
        catalog.building_on([uuid(1)])


@pytest.mark.codex("C192")
def test_the_subagents_of_a_thread_and_theirs_are_told(home: Path, catalog_of: Ask) -> None:
    thread(home, 1)
    thread(home, 3, source=spawn(1))
    thread(home, 2, source=spawn(1), folder="archived_sessions")
    thread(home, 4, source=spawn(2), parent_thread_id=uuid(2))
    thread(home, 5, source={"subagent": "review"}, parent_thread_id=uuid(1))
    thread(home, 6, forked_from_id=uuid(1))
    thread(home, 7, source=spawn(5))  # of a review: nobody comes to it
    catalog = catalog_of(home)
    assert numbers(below(catalog, uuid(1))) == [2, 3, 4]
    assert numbers(below(catalog, uuid(2))) == [4]
    assert below(catalog, uuid(4)) == below(catalog, uuid(8)) == []


@pytest.mark.codex("C193")
def test_edges_told_elsewhere_are_added(home: Path, catalog_of: Ask) -> None:
    for number in (1, 2, 3, 5):
        thread(home, number)
    thread(home, 4, source=spawn(9))
    edges = {uuid(1): [uuid(2), uuid(9)], uuid(2): {uuid(3)}, uuid(3): [uuid(1)]}
    catalog = catalog_of(home)
    # 9 is not there; what it began is.
    assert numbers(below(catalog, uuid(1), edges)) == [2, 3, 4]
    assert numbers(below(catalog, uuid(1))) == []
    assert numbers(catalog.family(Family((uuid(4),), ABOVE, edges))) == [4, 1, 3, 2]


def test_loops_end(home: Path, catalog_of: Ask) -> None:
    thread(home, 1, source=spawn(2), forked_from_id=uuid(2))
    thread(home, 2, source=spawn(1), forked_from_id=uuid(1))
    thread(home, 3, source=spawn(3), forked_from_id=uuid(3))
    catalog = catalog_of(home)
    assert numbers(below(catalog, uuid(1))) == [2]
    assert below(catalog, uuid(3)) == []
    everybody = Family((uuid(1),), WHOLE, forks=True)
    assert numbers(catalog.family(everybody)) == [1, 2]


def test_above_are_those_that_a_thread_comes_from(home: Path, catalog_of: Ask) -> None:
    thread(home, 1)
    thread(home, 2, source=spawn(1))
    thread(home, 3, forked_from_id=uuid(2))
    thread(home, 4, forked_from_id=uuid(8))
    thread(home, 5, source=spawn(3))
    catalog = catalog_of(home)
    assert numbers(catalog.family(Family((uuid(3),), ABOVE, forks=True))) == [3, 2, 1]
    assert numbers(catalog.family(Family((uuid(4),), ABOVE, forks=True))) == [4]
    edges = {uuid(5): [uuid(4)]}
    told = Family((uuid(4),), ABOVE, edges, forks=True)
    assert numbers(catalog.family(told)) == [4, 5, 3, 2, 1]
    assert numbers(catalog.family(Family((uuid(1),), forks=True))) == [1, 2, 3, 5]
    assert numbers(catalog.family(Family((uuid(5),), WHOLE))) == [5, 3]  # 3 is a fork
    assert numbers(catalog.family(Family((uuid(2), uuid(9)), NOBODY))) == [2]


def test_an_index_from_before_forks_had_a_column_learns_of_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread(home, 1)
    thread(home, 2, forked_from_id=uuid(1))
    columns = tuple(each for each in rows.COLUMNS if each != "forked_from")
    at = rows.COLUMNS.index("forked_from")
    values = rows.values
    with monkeypatch.context() as older:
        first, second = schema.MIGRATIONS[:2]
        second += (  # with what today's code asks
            "CREATE TABLE codex_rows (id TEXT PRIMARY KEY, told TEXT) WITHOUT ROWID;"
            "ALTER TABLE threads ADD COLUMN ledger TEXT;"
        )
        known = schema.INDEX._replace(migrations=(first, second))
        older.setattr(schema, "INDEX", known)
        older.setattr(contents, "_SET", ", ".join(f"{each} = ?" for each in columns))
        older.setattr(rows, "values", lambda *told: (*values(*told)[:at], *values(*told)[at + 1 :]))
        time.sleep(0.03)  # until the files' times count
        old = by_index(home)
        assert (old.trouble, old.status().version) == (None, 2)
        old.close()
    with closing(sqlite3.connect(home / "threadlog" / "index.sqlite")) as index:
        index.execute("DROP TABLE codex_rows")
        index.execute("ALTER TABLE threads DROP COLUMN ledger")
    catalog = local_store(str(home)).catalog
    found = catalog.page(ThreadQuery(forked_from=uuid(1)))
    assert numbers(found) == [2]
    assert found[0].scanned  # what was read of it is still known
    assert catalog.trouble is None
