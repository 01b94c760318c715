"""A page is read from the index in its order: nothing is sorted, nothing before it is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from threadlog.core.query import SORTS, ThreadQuery
from threadlog.local.index import pages, schema

AFTER = {"created": "2026-01-01T00-00-00"}


class Explaining:
    """A connection that tells how it would answer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.plans: list[str] = []

    def execute(self, statement: str, bound: Any = ()) -> sqlite3.Cursor:
        if statement.startswith("SELECT row"):
            plan = self._connection.execute(f"EXPLAIN QUERY PLAN {statement}", bound)
            self.plans += [row[3] for row in plan]
        return self._connection.execute(statement, bound)


@pytest.fixture
def empty() -> Iterator[Explaining]:
    connection = sqlite3.connect(":memory:")
    for statement in filter(str.strip, "".join(schema.MIGRATIONS).split(";")):
        connection.execute(statement)
    connection.execute("INSERT INTO threads (key, cwd, archived) VALUES (x'00', '/desk/a', 0)")
    yield Explaining(connection)
    connection.close()


FILTERS: list[dict[str, Any]] = [
    {},
    {"archived": None},
    {"archived": True},
    {"cwd": ("/desk/a",)},
    {"text": "x"},
    {"parent": "p"},
    {"forked_from": "p"},
    {"codex": True, "sources": ("cli",), "providers": ("some",)},
    {"since_ms": 1, "until_ms": 2},
]


@pytest.mark.codex("C190")
@pytest.mark.parametrize("asked", FILTERS, ids=str)
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("sort", SORTS)
def test_a_page_goes_on_in_an_index_where_the_last_one_ended(
    empty: Explaining, sort: str, ascending: bool, asked: dict[str, Any]
) -> None:
    wanted = ThreadQuery(sort=sort, ascending=ascending)._replace(**asked)
    after = (AFTER.get(sort, "2026-01-01T00:00:00.000Z"), "x")
    pages.select(empty, wanted, after, 51)  # type: ignore[arg-type]
    sign = ">" if ascending else "<"
    place = (f"key){sign}(?,?)", f"_ms{sign}?")  # where a bound of time is told, that one
    assert empty.plans
    for plan in empty.plans:
        assert plan.startswith("SEARCH threads USING INDEX threads_")
        assert any(each in plan for each in place)
