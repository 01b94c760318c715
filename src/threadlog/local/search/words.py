"""The word index of one home: brought up to date, and asked.  One caller at a time."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence

from threadlog.core.index_status import Progress, Stop, untold
from threadlog.core.search import Place, SearchPage, SearchQuery, WordStatus
from threadlog.errors import GivenUp
from threadlog.local.index.database import Database, fact
from threadlog.local.index.trouble import Unusable
from threadlog.local.search import sources
from threadlog.local.search.builder import Builder
from threadlog.local.search.scanning import GIVEN_UP
from threadlog.local.search.searching import Known, Searching
from threadlog.local.search.sources import Pending
from threadlog.local.search.vocabulary import Vocabulary

# What is new is put into the index before an answer: all of so many bytes of rollouts.
READ_AT_ONCE_BYTES = 4 << 20
# Of more, what can be read in so many seconds.
READ_FOR_S = 0.5
# With more garbage than this, and than a part of all, the index is made anew.
GARBAGE, GARBAGE_SHARE = 20_000, 3


Version = tuple[int, int, int]
Identity = tuple[str, int, int]


class WordIndex:
    """The words of what was said in a home.  Raises Unusable throughout."""

    def __init__(self, home: str, database: Database) -> None:
        self._home = home
        self._database = database
        self._vocabulary = Vocabulary()
        self.progress: Progress = untold
        self._attached: Identity | None = None  # which file the index of listings is
        self._current: Version | None = None  # there was nothing to be read
        self._known: tuple[Version, Known] | None = None

    @property
    def path(self) -> str:
        """Where its file lies, or would."""
        return self._database.path

    @property
    def is_open(self) -> bool:
        """True while there is a connection to it."""
        return self._database.is_open

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
        self._attached = self._current = self._known = None

    def exists(self) -> bool:
        """True if somebody made one."""
        return self._database.exists()

    def find(
        self, listed: str, query: SearchQuery, after: Place | int | None, stop: Stop
    ) -> SearchPage:
        """The page that a query asks for; *listed* is where the index of listings lies.

        *after* is the place that a cursor names, or how many hits were shown already.  Raises
        GivenUp once *stop* is true.
        """
        self._open(listed)
        todo, gone = self._read_some(stop)
        with self._database.steady() as connection:
            searching = Searching(self._home, connection, query, self._known_now(connection))
            searching.leave_to_reading(todo, gone)
            return searching.page(self._vocabulary, after, self.progress, stop)

    def catch_up(self, listed: str, stop: Stop, progress: Progress) -> bool:
        """Read all there is to read, the newest first; True once there is nothing left.

        Goes on where any process has stopped.
        """
        self._open(listed)
        self._drop_garbage()
        builder = Builder(self._home, self._database)
        with self._database.asking() as connection:
            todo, gone = sources.pending(connection), sources.gone(connection)
            todo = sources.each_once(todo, sources.unsettled(connection))
        builder.forget(gone)
        return builder.read(todo, stop, progress)

    def status(self, listed: str) -> WordStatus:
        """How it stands."""
        self._open(listed)
        with self._database.asking() as connection:
            todo = sources.pending(connection)
            (passages,) = connection.execute("SELECT count(*) FROM passages").fetchone()
            (threads,) = connection.execute("SELECT count(*) FROM threads").fetchone()
        return WordStatus(
            path=self._database.path,
            trouble=None,
            size_bytes=self._database.size_bytes(),
            threads=threads,
            unread=len(todo),
            unread_bytes=sum(each.size for each in todo),
            passages=passages,
        )

    def empty(self) -> None:
        """Forget everything, to read it again."""
        if self._database.open():
            self._attached = self._current = self._known = None
        self._database.empty()

    def _open(self, listed: str) -> None:
        """See that there is a connection, with the index of listings attached to it."""
        identity = _identity(listed)
        if self._attached != identity:
            self.close()
        if self._database.open():
            self._attached = self._known = self._current = None
            with self._database.asking() as connection:
                connection.execute("ATTACH ? AS listed", (listed,))
            self._attached = identity
        self._database.begin_look()

    def _read_some(self, stop: Stop) -> tuple[list[Pending], list[int]]:
        """Read what is new, if it is much for a while; returns what is left to read, and gone.

        Raises GivenUp.
        """
        for attempt in (1, 2):
            with self._database.asking() as connection:
                version = self._version(connection)
                if self._current == version:
                    return [], []
                todo, gone = sources.pending(connection), sources.gone(connection)
                unsettled = sources.unsettled(connection)
            if not (todo or gone or unsettled):
                self._current = version
                return [], []
            if attempt == 2 or not self._reads(sources.each_once(todo, unsettled), gone, stop):
                break
        return todo, gone

    def _reads(self, todo: Sequence[Pending], gone: Sequence[int], stop: Stop) -> bool:
        """True if anything was read; raises GivenUp."""
        until = time.monotonic() + READ_FOR_S
        much = sum(each.size for each in todo) > READ_AT_ONCE_BYTES
        try:
            builder = Builder(self._home, self._database)
            builder.forget(gone)
            builder.read(todo, lambda: stop() or (much and time.monotonic() >= until))
        except Unusable:
            if not self._database.is_open:  # it was broken
                raise
            return False  # others are at work with it, or it is not to be written to
        if stop():
            raise GivenUp(GIVEN_UP)
        return True

    def _version(self, connection: sqlite3.Connection) -> Version:
        """Another one whenever anything has changed in either index."""
        (ours,) = connection.execute("PRAGMA main.data_version").fetchone()
        (listed,) = connection.execute("PRAGMA listed.data_version").fetchone()
        return ours, listed, connection.total_changes

    def _known_now(self, connection: sqlite3.Connection) -> Known:
        """The sources, read anew only where something changed."""
        version = self._version(connection)
        if self._known is None or self._known[0] != version:
            self._known = version, Known.read(connection)
        return self._known[1]

    def _drop_garbage(self) -> None:
        """Begin anew where most of what `words` holds is gone."""
        with self._database.asking() as connection:
            garbage = fact(connection, "garbage") or 0
            (passages,) = connection.execute("SELECT count(*) FROM passages").fetchone()
        if garbage > GARBAGE and garbage > passages // GARBAGE_SHARE:
            self._database.empty()
            self._database.begin_look()


def _identity(path: str) -> Identity:
    """Which file it is, also after another one was put in its place."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    return path, status.st_dev, status.st_ino
