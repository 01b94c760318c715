"""Whether Codex's database may be opened to be written to: what is told by its files alone."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from threadlog.codex import regular
from threadlog.codex.flocks import descriptors
from threadlog.codex.schema import WHY
from threadlog.codex.state import HEADER_BYTES, STATE_FILES, is_openable
from threadlog.core.database_state import DAMAGED, NONE, OLDER, UNKNOWN, UNREADABLE

# Why it is left: each completes "Codex's database was left as it is: ".
READ_ONLY = "it cannot be written to"
_NEWER = "{} lies beside it, of a version that threadlog does not know"
_OLD = "it is of a Codex before 0.100, and threadlog does not write to those"
_NO_FILE = "what lies in its place is no regular file"
_KIND = "it is of a kind that threadlog does not write to"

_STATE_FILE = re.compile(r"state_([0-9]{1,9})\.sqlite")
_NEWEST_KNOWN = 5
_MAGIC = b"SQLite format 3\0"
_WAL_FORMAT = b"\2\2"  # of the header: how the database is written, how it is read
_WAL_FORMAT_AT = slice(18, 20)


class Unfit(NamedTuple):
    """How a database stands that is not to be opened, and why it is left."""

    state: str
    why: str


def unfit(sqlite_home: str, path: str, *, to_write: bool = True) -> Unfit | None:
    """What can be said against a database, or against its place, before it is opened."""
    if (newer := _newer(sqlite_home)) is not None:
        return Unfit(UNKNOWN, _NEWER.format(newer))
    if not os.path.lexists(path):
        return Unfit(NONE, WHY[NONE])
    if os.path.basename(path) != STATE_FILES[0]:
        return Unfit(OLDER, _OLD)
    if regular.facts(path) is None:
        return Unfit(UNREADABLE if os.path.islink(path) else DAMAGED, _NO_FILE)
    if to_write and not all(os.access(each, os.R_OK | os.W_OK) for each in (path, sqlite_home)):
        return Unfit(UNREADABLE, READ_ONLY)
    return _unfit_file(path)


def _unfit_file(path: str) -> Unfit | None:
    """The same against the file, and those beside it."""
    with descriptors.guard:
        header = next(regular.chunks(path, HEADER_BYTES), b"")
        if len(header) < HEADER_BYTES or not header.startswith(_MAGIC):
            return Unfit(DAMAGED, WHY[DAMAGED])
        fits = is_openable(path) and not os.path.lexists(f"{path}-journal")
        if not fits or header[_WAL_FORMAT_AT] != _WAL_FORMAT:
            return Unfit(UNREADABLE, _KIND)
    return None


def _newer(sqlite_home: str) -> str | None:
    """The name of a database that a Codex we do not know keeps there too."""
    try:
        names = os.listdir(sqlite_home)
    except OSError:
        return None
    matches = map(_STATE_FILE.fullmatch, sorted(names))
    return next((each[0] for each in matches if each and int(each[1]) > _NEWEST_KNOWN), None)
