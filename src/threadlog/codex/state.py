"""Codex's state database: the only code that reads one, and it does nothing else.

Codex keeps it in WAL mode, where opening a database to read it writes beside it: SQLite makes the
files `-wal` and `-shm` if they are missing, and mends `-shm` if nobody else is there.  So:

- Where both are, SQLite reads along with the Codex that may be running; `-shm` it may not touch.
- Where `-wal` is not, nobody is connected, and a copy in memory is opened.  Somebody may come and
  write meanwhile: then what was read does not count.
- Where only `-shm` is missing, as a Codex can leave it that ends, copies of the two others are
  opened, in a temporary folder; they count if the files stood still meanwhile.

Only a database that is too large for a copy is opened although SQLite then makes the two files.
SQLite could work without locks and without `-shm`, but would checkpoint and remove a `-wal` then.

Whoever closes a file lets go of all locks that its process holds on it, those of SQLite too: so
a database is opened by one thread of the process at a time, and not while it forks.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from threadlog.codex import regular
from threadlog.codex.flocks import descriptors
from threadlog.codex.regular import Facts
from threadlog.codex.schema import standing
from threadlog.core import ids, moments
from threadlog.core.database_state import BUSY, DAMAGED, READY, UNKNOWN, UNREADABLE
from threadlog.core.lines import Json
from threadlog.core.names import NAME_LIMIT_CHARS, ROW_SEPARATOR, Named

if TYPE_CHECKING:
    import sqlite3

    from threadlog.core.parity import Database, Row

T = TypeVar("T")

# The newest first; a Codex leaves the database of an older one where it is.
STATE_FILES = ("state_5.sqlite", "state_2.sqlite")
# A larger database is not copied into memory.
COPY_LIMIT_BYTES = 256 << 20
BUSY_S = 0.25
_ATTEMPTS = 2
# Two changes so close together may get the same time from the file system.
_TICK_NS = 20_000_000
HEADER_BYTES = 100
# Bytes of the header that tell how the database is written and read: 2 is WAL, 1 is not.
_WRITE_VERSION, _READ_VERSION = 18, 19
# How a WAL begins: one of two marks, and the version of the format.
_WAL_HEADER_BYTES = 32
_WAL_BEGINNINGS = (b"\x37\x7f\x06\x82\x00\x2d\xe2\x18", b"\x37\x7f\x06\x83\x00\x2d\xe2\x18")
# SQLite's ERROR, CORRUPT and NOTADB, for which asking again will not help; how they are called.
_LASTING = {1: UNKNOWN, 11: DAMAGED, 26: DAMAGED}

# What the tables of 0.98 and 0.100 lack; these hold no name in any column.
_COLUMNS = frozenset(
    ("id", "history_mode", "name", "title", "first_user_message", "updated_at", "updated_at_ms")
)
_ID_CHARS = 36
# What Codex trims: white space as Unicode has it.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
# Compared here, since the first message of a thread can be long and a home has many.
_TOLD = """CASE history_mode
    WHEN 'paginated' THEN name
    WHEN 'legacy' THEN CASE
        WHEN trim(title, :space) <> trim(COALESCE(first_user_message, ''), :space) THEN title
    END
END"""
_NAMES = f"""
SELECT id, substr(trim(told, :space), 1, :limit), COALESCE(updated_at_ms, updated_at * 1000)
FROM (SELECT id, updated_at, updated_at_ms, {_TOLD} AS told FROM threads)
WHERE typeof(told) = 'text'
"""  # noqa: S608
# No column is longer than is of use; what is no text is none.
_ROWS = """
SELECT substr(id, 1, 64), substr(rollout_path, 1, {path}), archived <> 0, {mode}
FROM threads ORDER BY id
"""
_MODE_AND_NAME = f"substr(history_mode, 1, 64), substr(trim({_TOLD}, :space), 1, :limit)"
_PATH_LIMIT_CHARS = 4096

# As PATCHED has them; what is no text tells nothing, as in Codex.
_FIELDS = ("git_branch", "git_sha", "git_origin_url", "memory_mode")
_TEXTS = " || :separator || ".join(
    f"CASE typeof({each}) WHEN 'text' THEN '=' || substr({each}, 1, :limit) ELSE '' END"
    for each in _FIELDS
)
_METADATA = f"SELECT id || :separator || {_TEXTS} FROM threads WHERE history_mode = 'paginated'"  # noqa: S608
# When the first of its migrations made the database, to the second.
_MADE = "SELECT CAST(strftime('%s', min(installed_on)) AS INTEGER) * 1000 FROM _sqlx_migrations"
_EDGES = "SELECT parent_thread_id, child_thread_id FROM thread_spawn_edges ORDER BY 1, 2"


class _Files(NamedTuple):
    """The facts of a database's files; None for one that is missing."""

    main: Facts | None
    wal: Facts | None
    shm: Facts | None


class Stored(NamedTuple):
    """What a state database tells of threads, by id.

    The moment of a name is the latest it can be, since a row does not say when its name was given,
    only when it changed last.  `metadata` is what the rows of paginated threads say, where Codex
    puts what it changes of it, as `row_patch` reads it.  `made_ms` is when the database was made,
    0 if it does not say.
    """

    names: dict[str, Named]
    metadata: dict[str, str]
    made_ms: int = 0


def read_state(sqlite_home: str) -> Stored | None:
    """What a state database tells; nothing, whatever is wrong with it.

    None if asking again may help.
    """
    return ask_state(sqlite_home, _stored, Stored({}, {}))


def read_row(sqlite_home: str, thread_id: str) -> dict[str, Json] | None:
    """The row of a thread as JSON values by column; None if there is none that can be read.

    A blob, and text that is not UTF-8, is {"base64": ...}.
    """
    return ask_state(sqlite_home, lambda connection: _row(connection, thread_id), None)


def read_rows(sqlite_home: str) -> Database:
    """Every row of a state database, as far as it stands so that they can be told."""
    from threadlog.core.parity import Database

    unreadable = Database("", UNREADABLE)
    found = ask_state(sqlite_home, _rows, unreadable) or Database("", BUSY)
    return found._replace(path=state_path(sqlite_home))


def read_spawned(sqlite_home: str) -> dict[str, list[str]]:
    """The threads that each thread made as its agents, by its id; {} where it cannot be told."""
    nobody: dict[str, list[str]] = {}
    return ask_state(sqlite_home, _spawned, nobody) or {}


def state_token(sqlite_home: str) -> tuple[object, ...]:
    """What is another one whenever the database changed; costs a look at two files."""
    path, now = state_path(sqlite_home), time.time_ns()
    main, wal = regular.facts(path), regular.facts(f"{path}-wal")
    young = any(each and abs(now - each.mtime_ns) < _TICK_NS for each in (main, wal))
    # SQLite, where root runs it, sets the owner of a WAL that it opens: that is no change.
    log = wal and wal._replace(ctime_ns=0)
    return (main, log, time.monotonic_ns() if young else 0)


def state_path(sqlite_home: str) -> str:
    """Where the state database lies, or would lie."""
    paths = [os.path.join(sqlite_home, name) for name in STATE_FILES]
    return next((path for path in paths if os.path.lexists(path)), paths[0])


def ask_state(sqlite_home: str, ask: Callable[[sqlite3.Connection], T], nothing: T) -> T | None:
    """What the database answers, *nothing* if it cannot; None if asking again may help."""
    path = state_path(sqlite_home)
    if not is_openable(path):
        return nothing
    for _ in range(_ATTEMPTS):
        with descriptors.guard:
            before = _files(path)
            answer = _read(path, before, ask, nothing)
            along = before.wal is not None and before.shm is not None  # with whoever writes
            if _files(path) == before or (along and answer is not nothing):
                return answer
    return None


def _files(path: str) -> _Files:
    return _Files(*(regular.facts(f"{path}{end}") for end in ("", "-wal", "-shm")))


def is_openable(path: str) -> bool:
    """True if regular files lie there, and nothing else that SQLite might follow or wait for."""
    others = [f"{path}{end}" for end in ("-wal", "-shm")]
    main = regular.facts(path)
    return (
        main is not None
        and main.size_bytes >= HEADER_BYTES
        and os.access(path, os.R_OK)
        and all(map(regular.is_free_or_regular, others))
        and _is_wal(others[0])
    )


def _is_wal(path: str) -> bool:
    """False for a WAL of another kind, over which SQLite would puzzle for ten seconds."""
    head = next(regular.chunks(path, _WAL_HEADER_BYTES), b"")
    unwritten = len(head) < _WAL_HEADER_BYTES or not any(head)
    return unwritten or head.startswith(_WAL_BEGINNINGS)


def _read(path: str, files: _Files, ask: Callable[[sqlite3.Connection], T], nothing: T) -> T | None:
    try:
        import sqlite3
    except ImportError:  # Python can be built without
        return nothing
    try:
        with contextlib.ExitStack() as held:
            return ask(_connected(path, files, held))
    except sqlite3.Error as error:
        lasting = getattr(error, "sqlite_errorcode", 1) & 0xFF in _LASTING
        return nothing if lasting else None
    except AttributeError:  # SQLite can be built without `deserialize`
        return nothing
    except (OSError, MemoryError):
        return None


def _connected(path: str, files: _Files, held: contextlib.ExitStack) -> sqlite3.Connection:
    """A connection for as long as *held*, in the way that these files need."""
    sizes = [each.size_bytes for each in (files.main, files.wal) if each is not None]
    small = sum(sizes) <= COPY_LIMIT_BYTES
    if files.wal is None and small:
        return held.enter_context(contextlib.closing(_copied(path)))
    if files.shm is None and small:
        import tempfile

        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="threadlog-"))
        copy = os.path.join(folder, os.path.basename(path))
        for end in ("", "-wal"):
            with open(f"{copy}{end}", "xb") as file:
                file.writelines(regular.chunks(f"{path}{end}"))
        path, files = copy, _Files(None, None, None)
    return held.enter_context(contextlib.closing(_opened(path, files)))


def _opened(path: str, files: _Files) -> sqlite3.Connection:
    import sqlite3
    from urllib.parse import quote

    shm = "" if files.wal is None else "&readonly_shm=1"
    address = f"file:{quote(os.fsencode(path))}?mode=ro{shm}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)


def _copied(path: str) -> sqlite3.Connection:
    """A database in memory with the content of the file, which is whole without a `-wal`."""
    import sqlite3

    data = bytearray()
    for chunk in regular.chunks(path):
        data += chunk
    # A database in memory has no WAL; all else about the file is the same without one.
    for place in (_WRITE_VERSION, _READ_VERSION):
        if data[place : place + 1] == b"\2":
            data[place] = 1
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.deserialize(data)
    except BaseException:
        connection.close()
        raise
    return connection


def _stored(connection: sqlite3.Connection) -> Stored:
    connection.text_factory = _text
    columns = {row[1] for row in connection.execute("PRAGMA table_info(threads)")}
    names = _names(connection) if columns >= _COLUMNS else {}
    if not columns >= {"id", "history_mode", *_FIELDS}:
        return Stored(names, {})
    return Stored(names, _metadata(connection), _made_ms(connection))


def _metadata(connection: sqlite3.Connection) -> dict[str, str]:
    found = connection.execute(
        _METADATA, {"separator": ROW_SEPARATOR, "limit": NAME_LIMIT_CHARS}
    ).fetchall()
    return {text[:_ID_CHARS].lower(): text for (text,) in found if text}


def _made_ms(connection: sqlite3.Connection) -> int:
    columns = {row[1] for row in connection.execute("PRAGMA table_info(_sqlx_migrations)")}
    if "installed_on" not in columns:
        return 0
    (at_ms,) = connection.execute(_MADE).fetchone()
    return at_ms or 0


def _names(connection: sqlite3.Connection) -> dict[str, Named]:
    names = {}
    for thread_id, told, at_ms in connection.execute(
        _NAMES, {"space": _SPACE, "limit": NAME_LIMIT_CHARS}
    ):
        name = told.strip()
        key = thread_id.lower() if isinstance(thread_id, str) else ""
        if name and ids.is_thread_id(key):
            at = moments.clamped_ms(at_ms) if isinstance(at_ms, int) else 0
            names[key] = Named(name, at)
    return names


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _row(connection: sqlite3.Connection, thread_id: str) -> dict[str, Json] | None:
    connection.text_factory = _text_or_bytes
    found = connection.execute("SELECT * FROM threads WHERE id = ?", (thread_id.lower(),))
    columns = [each[0] for each in found.description]
    values = found.fetchone()
    return None if values is None else dict(zip(columns, map(_json, values), strict=True))


def _json(value: object) -> Json:
    if isinstance(value, bytes):
        import base64

        return {"base64": base64.b64encode(value).decode("ascii")}
    return value


def _text_or_bytes(raw: bytes) -> str | bytes:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _rows(connection: sqlite3.Connection) -> Database:
    import sqlite3

    from threadlog.core.parity import Database

    connection.text_factory = _text
    try:
        state, has_modes = standing(connection)
        if state != READY:
            return Database("", state)
        command = _ROWS.format(
            path=_PATH_LIMIT_CHARS, mode=_MODE_AND_NAME if has_modes else "NULL, NULL"
        )
        told = connection.execute(command, {"space": _SPACE, "limit": NAME_LIMIT_CHARS})
        return Database("", READY, [row for each in told for row in _told_row(each)])
    except sqlite3.Error as error:
        lasting = _LASTING.get(getattr(error, "sqlite_errorcode", 1) & 0xFF)
        if lasting is None:
            raise
        return Database("", lasting)


def _told_row(told: Sequence[object]) -> Iterator[Row]:
    """The row, if it is a thread's."""
    from threadlog.core.parity import Row

    texts = (each if isinstance(each, str) else "" for each in told)
    thread_id, path, _archived, mode, name = texts
    if ids.is_thread_id(thread_id) and thread_id == thread_id.lower():  # as Codex spells them
        yield Row(thread_id, path, bool(told[2]), mode or None, name.strip() or None)


def _spawned(connection: sqlite3.Connection) -> dict[str, list[str]]:
    connection.text_factory = _text
    edges: dict[str, list[str]] = {}
    for parent, child in connection.execute(_EDGES):
        if all(isinstance(each, str) and ids.is_thread_id(each) for each in (parent, child)):
            edges.setdefault(parent.lower(), []).append(child.lower())
    return edges
