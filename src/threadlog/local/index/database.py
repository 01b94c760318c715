"""A file of the index: where it lies, how it is opened, and what becomes of one that is no good.

Owns the connection and its transactions.  Every failure comes out as `Unusable`, which sends the
caller to the files; a broken file is moved aside, with its `-wal` and `-shm`, for a new one.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from threadlog.core import layout
from threadlog.local.disk import Disk
from threadlog.local.index.schema import Schema
from threadlog.local.index.trouble import Unusable
from threadlog.local.mounts import is_network

# So long another process's transaction is waited for.
BUSY_S = 1.0
# Broken ones that are kept.
KEPT_BROKEN = 2
_LIMIT = 1 << 63
# What SQLite, or Python on the way to it, does not take: the files have to answer.
_FAILURES = (sqlite3.Error, OverflowError, UnicodeError)
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRAGMAS = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    "PRAGMA journal_size_limit = 16777216",
)


def whole(number: int) -> int:
    """A number of the file system as SQLite can hold it: inodes may take all 64 bits."""
    return number if -_LIMIT <= number < _LIMIT else number % _LIMIT


def fact(connection: sqlite3.Connection, key: str) -> Any:
    """A single thing that is known of the home, or of the index; None if it is not."""
    row = connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
    return row and row[0]


def note(connection: sqlite3.Connection, key: str, value: str | int) -> None:
    """Keep such a thing."""
    connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))


class Database:
    """A connection to a file of *schema* in the first of *folders* that can hold one."""

    def __init__(
        self,
        home: str,
        folders: Callable[[], Iterable[str]],
        disk: Disk,
        schema: Schema,
    ) -> None:
        self._home = home
        self._folders = folders
        self._disk = disk
        self._schema = schema
        self._name = schema.file
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self.path = os.path.join(next(iter(folders())), self._name)
        # Facts as they were when it was looked at last: every emptying begins another generation.
        self._expected: dict[str, Any] = {}

    @property
    def is_open(self) -> bool:
        """True while there is a connection."""
        return self._connection is not None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection."""
        assert self._connection is not None
        return self._connection

    def exists(self) -> bool:
        """True if somebody made an index of this home, here or in its other place."""
        return self._connection is not None or any(
            os.path.lexists(os.path.join(folder, self._name)) for folder in self._folders()
        )

    def open(self) -> bool:
        """See that there is a connection, to the file that is there now; True if it is a new one.

        Raises Unusable.
        """
        if self._connection is not None:
            if self._identity == self._identity_now():
                return False
            self.close()
        for attempt in (1, 2):
            try:
                self._open_somewhere()
                return True
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if not self._moved_aside(error) or attempt == 2:
                    raise Unusable(_told(error)) from error
        raise AssertionError

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = self._identity = None

    def size_bytes(self) -> int:
        """The size of the file and what belongs to it."""
        total = 0
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                total += os.stat(self.path + suffix).st_size
        return total

    def empty(self) -> None:
        """Forget everything but what was noticed; raises Unusable."""
        with self.asking() as connection, _transaction(connection, "BEGIN IMMEDIATE"):
            _empty(connection, self._schema)

    def begin_look(self) -> None:
        """From now on it has to stay what it is: transactions fail once somebody emptied it."""
        with self.asking() as connection:
            self._expected = {"generation": fact(connection, "generation")}

    def expect(self, key: str, value: str | None) -> None:
        """Have transactions fail once this fact is another one; None: it may be any."""
        if value is None:
            self._expected.pop(key, None)
        else:
            self._expected[key] = value

    @contextlib.contextmanager
    def asking(self) -> Iterator[sqlite3.Connection]:
        """The connection, for reading; failures come out as Unusable."""
        try:
            yield self.connection
        except _FAILURES as error:
            self._failed(error)

    @contextlib.contextmanager
    def steady(self) -> Iterator[sqlite3.Connection]:
        """The same, with all that is read of one moment, of what was looked at."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction of its own: all of it happens, or nothing."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self.asking() as connection, _transaction(connection, begin):
            for key, value in self._expected.items():
                if fact(connection, key) != value:
                    raise Unusable(f"{self.path} is another one now: its {key} has changed")
            yield connection

    def _failed(self, error: Exception) -> None:
        if self._moved_aside(error) or self._connection is None:
            raise Unusable(f"{self.path} was broken ({_told(error)}) and is made anew") from error
        raise Unusable(f"{self.path}: {_told(error)}") from error

    def _identity_now(self) -> tuple[int, int] | None:
        try:
            status = os.lstat(self.path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _open_somewhere(self) -> None:
        if not os.path.isdir(self._home):
            raise Unusable(f"no folder {self._home}")
        why = ""
        for folder in self._folders():
            self.path = os.path.join(folder, self._name)
            try:
                self._prepare(folder)
                self._connect()
                return
            except OSError as error:
                why = f"{self.path}: {error.strerror}"
            except sqlite3.OperationalError as error:
                if _code(error) not in _UNWRITABLE:
                    raise
                why = f"{self.path}: {error}"
        raise Unusable(why)

    def _prepare(self, folder: str) -> None:
        """Make the folder and an empty file in it, so that their modes are ours; raises OSError."""
        self._make_folder(folder)
        if is_network(folder):
            raise Unusable(f"{folder} lies on a network file system")
        try:
            mode = layout.file_mode(os.stat(folder).st_mode)
            self._disk.close(self._disk.create(self.path, mode))
        except FileExistsError:
            if not stat.S_ISREG(os.lstat(self.path).st_mode):
                raise Unusable(f"{self.path} is no regular file") from None
            if not os.access(self.path, os.W_OK):
                raise PermissionError(13, os.strerror(13), self.path) from None

    def _make_folder(self, folder: str) -> None:
        if os.path.isdir(folder):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(13, os.strerror(13), folder)
            return
        parent = os.path.dirname(folder)
        if parent != self._home and not os.path.isdir(parent):
            self._make_folder(parent)
        with contextlib.suppress(FileExistsError):
            self._disk.make_folder(folder, layout.folder_mode(os.stat(parent).st_mode))

    def _connect(self) -> None:
        self._identity = self._identity_now()  # that of the file which may turn out to be broken
        connection = sqlite3.connect(
            os.fsencode(self.path), isolation_level=None, timeout=BUSY_S, check_same_thread=False
        )
        try:
            _set_up(connection, self._schema)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _moved_aside(self, error: Exception) -> bool:
        """Move a broken index away, if that is what *error* says of the file that is there."""
        if _code(error) not in _BROKEN and not isinstance(error, UnicodeDecodeError):
            return False
        ours, there = self._identity, self._identity_now()
        self.close()
        if there is None or ours not in (None, there):
            return True  # another process has seen to it
        aside = f"{self.path}.broken-{time.time_ns()}"
        with contextlib.suppress(OSError):
            for suffix in ("-wal", "-shm", ""):
                if os.path.lexists(self.path + suffix):
                    self._disk.move(self.path + suffix, aside + suffix)
            self._thin_out()
        return True

    def _thin_out(self) -> None:
        folder = os.path.dirname(self.path)
        marked = f"{self._name}.broken-"
        stamps = {
            name.removesuffix("-wal").removesuffix("-shm")
            for name in os.listdir(folder)
            if name.startswith(marked)
        }
        for name in sorted(stamps)[:-KEPT_BROKEN]:
            for suffix in ("-wal", "-shm", ""):
                with contextlib.suppress(FileNotFoundError):
                    self._disk.unlink(os.path.join(folder, name + suffix))


_UNWRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)


def _set_up(connection: sqlite3.Connection, schema: Schema) -> None:
    """Make it ours and up to date; raises Unusable for what must be left alone."""
    connection.text_factory = _lenient_text
    version, ours = _pragma(connection, "user_version"), _pragma(connection, "application_id")
    if version == len(schema.migrations) and ours == schema.application_id:
        if _pragma(connection, "journal_mode") != "wal":
            _use_wal(connection)
    else:
        _migrate(connection, schema)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    if fact(connection, "rules") != schema.rules:
        with _transaction(connection, "BEGIN IMMEDIATE"):
            if fact(connection, "rules") != schema.rules:
                _empty(connection, schema)


def _migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    _refuse_others(connection, schema)
    _use_wal(connection)
    with _transaction(connection, "BEGIN IMMEDIATE"):
        version = _refuse_others(connection, schema)
        for step in schema.migrations[version:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute(f"PRAGMA user_version = {len(schema.migrations)}")


def _refuse_others(connection: sqlite3.Connection, schema: Schema) -> int:
    """The version of the tables; raises Unusable for what must be left alone."""
    version: int = _pragma(connection, "user_version")
    strange = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    ours = _pragma(connection, "application_id") == schema.application_id
    if not ours and (version or strange):
        raise Unusable(f"the file is no {schema.what} of threadlog; it is left alone")
    if version > len(schema.migrations):
        raise Unusable(f"the {schema.what} is of a newer threadlog; it is left alone")
    return version


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    try:
        if connection.in_transaction:  # left by whoever was interrupted
            connection.execute("ROLLBACK")
        connection.execute(begin)
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _use_wal(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
        raise Unusable("the file system of the index has no shared memory")


def _empty(connection: sqlite3.Connection, schema: Schema) -> None:
    """Forget all, and say so to whoever has read from it before."""
    for statement in schema.emptying:
        connection.execute(statement)
    connection.execute("INSERT INTO facts VALUES ('rules', ?)", (schema.rules,))
    connection.execute("INSERT INTO facts VALUES ('generation', hex(randomblob(8)))")


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _lenient_text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _code(error: Exception) -> int:
    """What kind of failure it is; 0 where the error comes from Python's side."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _told(error: Exception) -> str:
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
