"""Rows of Codex's state database, changed along with the threads: the only code that writes there.

What is written is what Codex 0.169 writes for the same act, in table `threads` and nowhere else, to
the row of the thread and only while it names the rollout expected.  Left alone, and said, is a
database whose migrations are not those of a version we know, whole and successful; whose backfill
is not complete; that is locked, damaged or of another kind.

Codex's triggers on `threads` fire for us as for Codex: they fill `created_at_ms`, `updated_at_ms`
and `recency_at` of new rows, and follow `created_at` and `updated_at`, none of which is set here.

Closing the last connection to a database in WAL mode makes SQLite move the `-wal` into it and
delete both files beside it.  That is Codex's to do: a connection that may not write is opened
first and closed last, and leaves them where they are.  What was written is in the `-wal` then,
synced, for whoever opens the database next.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from threadlog.codex.fitness import READ_ONLY, unfit
from threadlog.codex.flocks import descriptors
from threadlog.codex.name_file import append_name
from threadlog.codex.names import read_names
from threadlog.codex.schema import WHY, standing
from threadlog.codex.state import (
    ask_state,
    read_row,
    read_rows,
    read_spawned,
    state_path,
)
from threadlog.core.database_state import DAMAGED, NONE, READY, UNKNOWN
from threadlog.core.layout import plain
from threadlog.core.lines import Json
from threadlog.core.names import USUAL_MEMORY_MODE
from threadlog.core.parity import Database
from threadlog.core.shelf import BUSY, RowMove
from threadlog.core.text import one_line

if TYPE_CHECKING:
    import sqlite3

# For each of the two connections: the wait for a Codex that writes is less than 1 s.
BUSY_S = 0.45

_PATCHED = frozenset(("git_sha", "git_branch", "git_origin_url", "memory_mode"))

# Why it is left: each completes "Codex's database was left as it is: ".
_NO_SQLITE = "this Python has no sqlite3 to open it with"
_ELSEWHERE = "it has the thread at another rollout ({}); `threadlog doctor` says what mends that"
_NO_MODE = "it has the thread in a history mode that threadlog does not know"
_NOT_UTF8 = "what it would have to hold is not UTF-8"
_FAILED = "it could not be changed (SQLite error {})"
# By SQLite's primary result codes.
_REASONS = {
    1: WHY[UNKNOWN],  # ERROR: a table or a column is not there
    3: READ_ONLY,  # PERM
    5: BUSY,
    6: BUSY,  # LOCKED
    8: READ_ONLY,
    11: WHY[DAMAGED],  # CORRUPT
    14: READ_ONLY,  # CANTOPEN
    26: WHY[DAMAGED],  # NOTADB
}


class _Row(NamedTuple):
    """What is looked at before a row is changed; `mode` is None where rows have none."""

    path: str
    archived: int
    mode: str | None


# What a row is to hold, by column: {} if it is right as it is.  A text says why it is left.
_Edit = Callable[[_Row], Mapping[str, object] | str]


class _Change(NamedTuple):
    """A change of a thread's row: the rollouts it may name now (any, if None), and the edit.

    Without an edit the row is deleted.
    """

    thread_id: str
    paths: tuple[str, ...] | None
    edit: _Edit | None


class CodexRegister:
    """What a Codex notes of the threads of *home*; its database lies in *sqlite_home*.

    It is a `local.register.Register`, where the methods are described.
    """

    def __init__(self, home: str, sqlite_home: str) -> None:
        self._home = home
        self._sqlite_home = sqlite_home

    def obstacle(self, thread_id: str, path: str | None = None) -> str | None:
        """Why a row could not be changed; finds out by having the lock, and changing nothing."""
        paths = None if path is None else (path,)
        return self._carry_out(_Change(thread_id, paths, lambda _row: {}))

    def obstacles(self, moves: Sequence[RowMove]) -> list[str | None]:
        """The same for several."""
        paths = [tuple(old for old, _new in each.pairs) for each in moves]
        ids = [each.thread_id for each in moves]
        changes = [_Change(*each, lambda _row: {}) for each in zip(ids, paths, strict=True)]
        return self._carry_out_all(changes)

    def row(self, thread_id: str) -> dict[str, Json] | None:
        """A copy of a row."""
        return read_row(self._sqlite_home, thread_id)

    def rows(self) -> Database:
        """All rows, and how the database stands; read only."""
        path = state_path(self._sqlite_home)
        refused = unfit(self._sqlite_home, path, to_write=False)
        if refused is not None:
            return Database(path, refused.state, why=refused.why)
        found = read_rows(self._sqlite_home)
        if found.state != READY:
            return found._replace(why=WHY[found.state])
        names = read_names(self._home)  # of a legacy thread it is told there where no row does
        untold = ("legacy", None)
        rows = [
            row._replace(name=names[row.thread_id].name)
            if row.name is None and row.mode in untold and row.thread_id in names
            else row
            for row in found.rows
        ]
        return found._replace(rows=rows)

    def moved(self, moves: Sequence[RowMove]) -> list[str | None]:
        """As thread/archive and thread/unarchive: the path, `archived` and `archived_at`."""
        return self._carry_out_all([self._moving(each) for each in moves])

    def _moving(self, move: RowMove) -> _Change:
        archived = int(move.archived_at_s is not None)

        def edit(row: _Row) -> dict[str, object]:
            old, new = next(each for each in move.pairs if any(_same(row.path, p) for p in each))
            if _same(row.path, new) and row.archived == archived:
                return {}
            path = self._spelled(new, row.path, old)
            return {"rollout_path": path, "archived": archived, "archived_at": move.archived_at_s}

        return _Change(move.thread_id, tuple(path for pair in move.pairs for path in pair), edit)

    def repointed(self, thread_id: str, old: str, new: str) -> str | None:
        """As thread/revert: the path."""

        def edit(row: _Row) -> dict[str, object]:
            same = _same(row.path, new)
            return {} if same else {"rollout_path": self._spelled(new, row.path, old)}

        return self._carry_out(_Change(thread_id, (old, new), edit))

    def renamed(self, thread_id: str, path: str, name: str) -> str | None:
        """As thread/name/set: the title of a legacy thread, the name of a paginated one.

        0.100 leaves its rows alone when a thread is named, and so is it done here.
        """

        def edit(row: _Row) -> dict[str, object] | str:
            if row.mode is None:
                return {}
            column = {"legacy": "title", "paginated": "name"}.get(row.mode)
            return _NO_MODE if column is None else {column: name}

        return self._carry_out(_Change(thread_id, (path,), edit))

    def named_later(self, thread_id: str, at_ms: int) -> bool:
        """True if the name file tells a name that was given after that moment (unix ms)."""
        named = read_names(self._home).get(thread_id)
        return named is not None and named.at_ms > at_ms

    def patched(self, thread_id: str, path: str, patch: Mapping[str, str | None]) -> str | None:
        """As thread/metadata/update and thread/memoryMode/set of a paginated thread.

        A legacy thread tells such things in its rollout, where Codex reads them.
        """
        if not patch.keys() <= _PATCHED:
            raise ValueError(f"a row is patched in {', '.join(sorted(_PATCHED))} only")
        values: dict[str, object] = dict(patch)
        if "memory_mode" in values:
            values["memory_mode"] = values["memory_mode"] or USUAL_MEMORY_MODE
        return self._carry_out(
            _Change(thread_id, (path,), lambda row: values if row.mode == "paginated" else {})
        )

    def removed(self, moves: Sequence[RowMove]) -> list[str | None]:
        """As thread/delete, of which the row is the last; they lay there."""
        gone = [(each.thread_id, tuple(old for old, _new in each.pairs)) for each in moves]
        return self._carry_out_all([_Change(*each, None) for each in gone])

    def spawned(self) -> dict[str, list[str]]:
        """The edges between a thread and its agents."""
        return read_spawned(self._sqlite_home)

    def note_name(self, thread_id: str, name: str, at_ms: int) -> None:
        """One more line of the name file."""
        append_name(self._home, thread_id, name, at_ms)

    def _carry_out(self, change: _Change) -> str | None:
        """Change a row; None if that is done, else why not."""
        return self._carry_out_all([change])[0]

    def _carry_out_all(self, changes: Sequence[_Change]) -> list[str | None]:
        """Change rows in one transaction; for each None if that is done, else why not."""
        if not changes:
            return []
        path = state_path(self._sqlite_home)
        refused = unfit(self._sqlite_home, path)
        if refused is not None:
            return [None if refused.state == NONE else refused.why] * len(changes)
        try:
            import sqlite3
        except ImportError:  # Python can be built without
            return [_NO_SQLITE] * len(changes)
        # Opened to be written to it gets files beside it: not one that is left as it is.
        told = ask_state(self._sqlite_home, lambda connection: _looked(connection, changes), None)
        if told is not None and None not in told:
            return told
        try:
            # No thread of ours may open and close the file meanwhile, see `codex/state`.
            with descriptors.guard, _connected(path) as connection:
                return _transacted(connection, changes)
        except sqlite3.Error as error:
            return [_reason(error)] * len(changes)

    def _spelled(self, new: str, stored: str, old: str) -> str:
        """*new* as the row spells the home, which can be another way than ours."""
        for given in (old, new):
            relative = self._relative(given)
            spelled = stored.removesuffix(relative) + self._relative(new)
            if stored.endswith(os.sep + relative) and _same(spelled, new):
                return spelled
        return _real(new)

    def _relative(self, path: str) -> str:
        """A rollout's path from the home on, under its plain name."""
        real = os.path.realpath(self._home), _real(path)
        for home, spelling in ((self._home, plain(path)), real):
            if spelling.startswith(home + os.sep):
                return spelling[len(home) + 1 :]
        return plain(path)


@contextlib.contextmanager
def _connected(path: str) -> Iterator[sqlite3.Connection]:
    """A connection that writes, of which nothing is left but what it wrote."""
    with _keeper(path), contextlib.closing(_opened(path, "rw")) as connection:
        # All of these are the connection's own, and leave no trace in the file.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA synchronous = FULL")
        # Codex has them on, and other tables lose their rows with a thread's: not by us.
        connection.execute("PRAGMA foreign_keys = OFF")
        yield connection


@contextlib.contextmanager
def _keeper(path: str) -> Iterator[None]:
    """A connection that only reads, open until the last."""
    with contextlib.ExitStack() as opening:
        if os.path.lexists(f"{path}-wal") and not os.path.lexists(f"{path}-shm"):
            # Codex can end so.  A connection that only reads would not open it.
            first = opening.enter_context(contextlib.closing(_opened(path, "rw")))
            first.execute("SELECT 1 FROM sqlite_master").fetchone()
        with contextlib.closing(_opened(path, "ro")) as keeper:
            keeper.execute("SELECT 1 FROM sqlite_master").fetchone()  # now it is connected
            opening.close()
            yield


def _opened(path: str, mode: str) -> sqlite3.Connection:
    import sqlite3
    from urllib.parse import quote

    address = f"file:{quote(os.fsencode(path))}?mode={mode}"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)
    connection.text_factory = _text
    as_it_is = getattr(sqlite3, "SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE", None)
    if as_it_is is not None:  # since Python 3.12; it says the same as the connection that is kept
        connection.setconfig(as_it_is, True)  # type: ignore[attr-defined]  # noqa: FBT003
    return connection


def _reason(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _REASONS.get(code) or _FAILED.format(code)


def _looked(connection: sqlite3.Connection, changes: Sequence[_Change]) -> list[str | None]:
    """What would come of changes, as far as reading alone tells."""
    import sqlite3

    connection.text_factory = _text
    try:
        state, has_modes = standing(connection)
        if state != READY:
            return [WHY[state]] * len(changes)
        rows = [_found(connection, each.thread_id, has_modes=has_modes) for each in changes]
    except sqlite3.Error as error:
        why = _reason(error)  # who only reads does not open what lacks its -shm
        return [None if why in (BUSY, READ_ONLY) else why] * len(changes)
    return [_objection(each, row) for each, row in zip(changes, rows, strict=True)]


def _transacted(connection: sqlite3.Connection, changes: Sequence[_Change]) -> list[str | None]:
    """All changes that can be; all that is looked at is looked at under the lock.

    Closing takes back what was not committed.
    """
    connection.execute("BEGIN IMMEDIATE")
    state, has_modes = standing(connection)
    if state != READY:
        return [WHY[state]] * len(changes)
    answers = [_changed(connection, each, has_modes=has_modes) for each in changes]
    if connection.total_changes:
        connection.execute("COMMIT")
    return answers


def _objection(change: _Change, row: _Row | None) -> str | None:
    """Why a row that names this rollout is not changed; None if it may be."""
    if row is None or change.paths is None or any(_same(row.path, p) for p in change.paths):
        return None
    return _ELSEWHERE.format(one_line(row.path))


def _changed(connection: sqlite3.Connection, change: _Change, *, has_modes: bool) -> str | None:
    row = _found(connection, change.thread_id, has_modes=has_modes)
    if row is None:
        return None
    if (why := _objection(change, row)) is not None:
        return why
    columns = None if change.edit is None else change.edit(row)
    if isinstance(columns, str):
        return columns
    try:
        if (columns is None or columns) and not _execute(
            connection, change.thread_id, row.path, columns
        ):
            # A path that is no text cannot be told from others.
            return _ELSEWHERE.format(one_line(row.path))
    except UnicodeEncodeError:
        return _NOT_UTF8
    return None


def _execute(
    connection: sqlite3.Connection,
    thread_id: str,
    path: str,
    columns: Mapping[str, object] | None,
) -> int:
    """Set columns of a row, or delete it if there are none; how many rows that were."""
    values = columns or {}
    sets = ", ".join(f"{column} = ?" for column in values)
    verb = "DELETE FROM threads" if columns is None else f"UPDATE threads SET {sets}"  # noqa: S608
    command = f"{verb} WHERE id = ? AND rollout_path = ?"
    return connection.execute(command, (*values.values(), thread_id.lower(), path)).rowcount


def _found(connection: sqlite3.Connection, thread_id: str, *, has_modes: bool) -> _Row | None:
    mode = "history_mode" if has_modes else "NULL"
    command = f"SELECT rollout_path, archived, {mode} FROM threads WHERE id = ?"  # noqa: S608
    found = connection.execute(command, (thread_id.lower(),)).fetchone()
    return None if found is None else _Row(str(found[0]), found[1], found[2])


def _same(stored: str, given: str) -> bool:
    """True if both are the path of one rollout, plain or compressed."""
    return os.path.isabs(stored) and _real(stored) == _real(given)


def _real(path: str) -> str:
    """A path whose folders are spelled as the system spells them, under the plain name."""
    folder, name = os.path.split(plain(path))
    return os.path.join(os.path.realpath(folder), name)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
