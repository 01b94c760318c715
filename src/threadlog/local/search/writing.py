"""What was read of rollouts, written into the word index: a batch is one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from threadlog.core import tokens
from threadlog.core.passages import SPOKEN_ROLES, Passage
from threadlog.core.said import ROLES
from threadlog.local.index.database import fact, note, whole
from threadlog.local.search import vocabulary
from threadlog.local.search.reading import Step
from threadlog.local.search.schema import HOUR_BITS, HOUR_MS
from threadlog.local.search.sources import Copied, Source

ROLE_NUMBERS = {role: number for number, role in enumerate(ROLES)}
_SPOKEN = ", ".join(str(ROLE_NUMBERS[role]) for role in sorted(SPOKEN_ROLES))


class Told(NamedTuple):
    """What a step of reading in a source has told; without a `step` only where the source lies.

    The step began at byte `start`.  Where `copied` is told the source is read anew.
    """

    key: bytes
    source: Source
    path: bytes
    step: Step | None = None
    start: int = 0
    state: bytes = b""
    seal: bytes = b""
    copied: Copied | None = None


def write(connection: sqlite3.Connection, told: Sequence[Told], gone: Sequence[int]) -> None:
    """Write all of it, and forget the sources that are *gone*."""
    for each in gone:
        _forget(connection, each)
        connection.execute("DELETE FROM turns WHERE source = ?", (each,))
        connection.execute("DELETE FROM sources WHERE id = ?", (each,))
    batch = _Batch(connection)
    for step in told:
        batch.take(step)
    batch.write()


def _forget(connection: sqlite3.Connection, source: int, condition: str = "1") -> None:
    """Remove passages of a source; their words stay behind as garbage."""
    count = connection.execute(
        f"DELETE FROM passages WHERE source = ? AND {condition}", (source,)
    ).rowcount
    if count:
        note(connection, "garbage", (fact(connection, "garbage") or 0) + count)


class _Batch:
    """Passages on their way into the tables, in the order of their ids."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: list[_Row] = []
        self._next: dict[int, int] = {}
        self._turns: dict[tuple[int, str], int] = {}
        self._tools: dict[str, int] = {}
        self._words: set[bytes] = set()

    def take(self, told: Told) -> None:
        """Note how far a source was read, and its passages."""
        source = self._note(told)
        step = told.step
        if step is None:
            return
        if self._connection.execute(
            "SELECT 1 FROM passages WHERE source = ? AND at >= ?", (source, told.start)
        ).fetchone():
            _forget(self._connection, source, f"at >= {told.start}")
        if step.forget:
            self._rows = [
                row
                for row in self._rows
                if row.columns[1] != source or ROLES[row.columns[5]] not in SPOKEN_ROLES
            ]
            _forget(self._connection, source, f"role IN ({_SPOKEN})")
        self._rows += [self._row(source, each) for each in step.passages]

    def _note(self, told: Told) -> int:
        """The row of a source, as it is now."""
        source, execute = told.source, self._connection.execute
        where = (told.key, source.stem)
        found = execute("SELECT id FROM sources WHERE key = ? AND stem = ?", where).fetchone()
        if found is None:
            found = (execute("INSERT INTO sources (key, stem) VALUES (?, ?)", where).lastrowid,)
        number = found[0]
        done = told.step is None or told.step.done
        size, *times = source.facts
        facts = [size if done else -1, *map(whole, times)]
        execute(
            "UPDATE sources SET path = ?, cut = ?, newest = ?, size = ?, mtime_ns = ?,"
            " ctime_ns = ?, inode = ? WHERE id = ?",
            (told.path, source.cut, source.newest, *facts, number),
        )
        if told.copied is not None:
            execute(
                "UPDATE sources SET copied_to = ?, origin = ?, nearest = ?, left_out = 0,"
                " odd = 0 WHERE id = ?",
                (*told.copied, number),
            )
        if told.step is not None:
            execute(
                "UPDATE sources SET read_to = ?, state = ?, seal = ?, left_out = left_out + ?,"
                " odd = odd | ? WHERE id = ?",
                (
                    told.step.read_to,
                    told.state,
                    told.seal,
                    told.step.left_out,
                    told.step.odd,
                    number,
                ),
            )
        return int(number)

    def _row(self, source: int, passage: Passage) -> _Row:
        hour, ms = divmod(passage.at_ms or 0, HOUR_MS)
        place = (passage.offset, passage.part)
        about = (self._turn(source, passage.turn), ROLE_NUMBERS[passage.role])
        return _Row(
            (self._id(hour), source, *place, *about, self._tool(passage.tool), ms), passage.text
        )

    def _id(self, hour: int) -> int:
        """The next id of an hour: none is ever given twice, as `words` keeps what is gone."""
        if hour not in self._next:
            found = self._connection.execute("SELECT next FROM hours WHERE hour = ?", (hour,))
            self._next[hour] = (found.fetchone() or (0,))[0]
        number = self._next[hour]
        self._next[hour] += 1
        return (hour << HOUR_BITS) + number

    def _turn(self, source: int, name: str) -> int:
        key = (source, name)
        if key not in self._turns:
            execute = self._connection.execute
            execute("INSERT OR IGNORE INTO turns (source, name) VALUES (?, ?)", key)
            found = execute("SELECT id FROM turns WHERE source = ? AND name = ?", key)
            self._turns[key] = found.fetchone()[0]
        return self._turns[key]

    def _tool(self, name: str) -> int:
        """The number of a tool, 0 for none."""
        if name and name not in self._tools:
            execute = self._connection.execute
            execute("INSERT OR IGNORE INTO tools (name) VALUES (?)", (name,))
            found = execute("SELECT id FROM tools WHERE name = ?", (name,))
            self._tools[name] = found.fetchone()[0]
        return self._tools[name] if name else 0

    def write(self) -> None:
        """Write the passages, in the order of their ids, as `words` has it fastest."""
        connection = self._connection
        self._rows.sort()
        connection.executemany(
            "INSERT INTO passages (id, source, at, part, turn, role, tool, ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.columns for row in self._rows),
        )
        connection.executemany(
            "INSERT INTO words (rowid, said, parts, facets) VALUES (?, ?, ?, ?)",
            self._indexed(),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO hours (hour, next) VALUES (?, ?)", self._next.items()
        )
        vocabulary.add(connection, self._words)

    def _indexed(self) -> Iterator[tuple[int, str, str, str]]:
        for (number, source, _at, _part, _turn, role, tool, _ms), text in self._rows:
            plain = tokens.plain(text)
            parts = " ".join(tokens.parts(text))
            self._words |= vocabulary.words_of(plain)
            self._words |= vocabulary.words_of(parts)
            yield number, plain, parts, facets(source, role, tool)


def facets(source: int, role: int, tool: int) -> str:
    """What narrows a search, as words of a passage."""
    return f"s{source} r{role} t{tool}"


class _Row(NamedTuple):
    """A passage as a row of its table, and its text."""

    columns: tuple[int, int, int, int, int, int, int, int]
    text: str
