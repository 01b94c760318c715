"""The rollouts that the word index is made of: which there are, and how far each was read.

Asked of a connection to the word index to which the index of listings is attached: its tables
(`threads`, `rollouts`, `folders`) say what there is on disk.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from threadlog.core import layout
from threadlog.core.passages import Passages
from threadlog.errors import Unreadable
from threadlog.local.files import RolloutFile
from threadlog.local.index.known import KnownInventory, rollouts_of
from threadlog.local.inventory import Inventory
from threadlog.local.reading import LocalRollouts
from threadlog.local.scan import Found, below

Facts = tuple[int, int, int, int]  # size, mtime_ns, ctime_ns, inode
_SEAL_BYTES = 4096
# How states are packed: what they have in common, as a dictionary, and what none is longer than.
_LIKELY = (
    b'{"passages":1,"turns":{"paginated":true,"spoken":false,"own_from_ordinal":0,"begun":1,'
    b'"open":"explicit","known":[""],"early":[]},"spoken":null,"bare":false,"turn":"",'
    b'"heard":false,"calls":{"call_":["shell",true],"call_":["exec_command",true],"call_'
)
_WINDOW_BITS, _STATE_BYTES = -15, 16 << 20
_UNKNOWN: Facts = (-1, 0, 0, 0)

# Threads whose newest rollout is not as it was read, or whose origin is another one now: the
# nearest is there again, or the one that was taken for it is not.
_PENDING = """
SELECT t.key, t.updated_ms, max(
    iif(substr(r.name, -4) = CAST('.zst' AS BLOB), r.size * 8, r.size) - coalesce(s.read_to, 0), 0
) FROM threads t
JOIN rollouts r ON r.id = t.rollout JOIN folders f ON f.id = r.folder
LEFT JOIN sources s ON s.key = t.key AND s.newest
WHERE s.id IS NULL OR s.size != r.size OR s.mtime_ns != r.mtime_ns OR s.inode != r.inode
    OR (s.ctime_ns != r.ctime_ns AND s.ctime_ns != -1)
    OR s.path != CAST(f.path || '/' || r.name AS BLOB)
    OR (s.nearest IS NOT s.origin AND s.nearest IN (SELECT key FROM threads))
    OR (s.origin IS NOT NULL AND s.origin NOT IN (SELECT key FROM threads))
ORDER BY t.updated_ms DESC, t.key DESC
"""


# Those that changed so shortly before they were read that they could have changed again.
_UNSETTLED = """
SELECT t.key FROM threads t JOIN rollouts r ON r.id = t.rollout
JOIN sources s ON s.key = t.key AND s.newest WHERE s.ctime_ns = -1 AND r.ctime_ns != -1
"""


class Pending(NamedTuple):
    """A thread to be read on, and about how many bytes that are."""

    key: bytes
    size: int


class Source(NamedTuple):
    """A rollout of a thread as it is on disk: from its beginning to `cut` (None: to its end)."""

    found: Found
    stem: bytes
    facts: Facts
    cut: int | None
    newest: bool


class Copied(NamedTuple):
    """What a fork has of another thread: up to `to` (bytes) in its rollout.

    `origin` is that thread's key, None if none is there, or it copied nothing; `nearest` that of
    the thread that it says it was forked from, None where that is no copy.
    """

    to: int = 0
    origin: bytes | None = None
    nearest: bytes | None = None


class Known(NamedTuple):
    """A source as the word index has it: everything before `read_to` is in `state`."""

    id: int
    path: bytes
    cut: int | None
    facts: Facts
    read_to: int
    state: bytes
    seal: bytes
    copied: Copied


def key_text(key: bytes) -> str:
    """The key of a thread as text: its id, or a path for one that has none."""
    return key.decode("utf-8", "surrogatepass")


def pending(connection: sqlite3.Connection) -> list[Pending]:
    """The threads to be read, or read on, those that changed last first."""
    return [Pending(key, size) for key, _moment, size in connection.execute(_PENDING)]


def unsettled(connection: sqlite3.Connection) -> list[Pending]:
    """The threads of which only the times are to be noted, or what has changed all the same."""
    return [Pending(key, 0) for (key,) in connection.execute(_UNSETTLED)]


def each_once(first: Sequence[Pending], second: Sequence[Pending]) -> list[Pending]:
    """Both, but no thread twice."""
    known = {each.key for each in first}
    return [*first, *(each for each in second if each.key not in known)]


def gone(connection: sqlite3.Connection) -> list[int]:
    """Sources of threads that are not there any more."""
    found = connection.execute("SELECT id FROM sources WHERE key NOT IN (SELECT key FROM threads)")
    return [each for (each,) in found.fetchall()]


def sources_of(connection: sqlite3.Connection, home: str, key: bytes) -> list[Source]:
    """The rollouts of a thread that hold what is its own, oldest first; raises Unreadable."""
    group = [each.found for each in rollouts_of(connection, home, key)]
    if not group:
        return []
    newest = group[-1]
    own = cuts(home, KnownInventory(home, connection, group), newest, {each.path for each in group})
    return [
        Source(each, stem_of(each), _facts(connection, each, home), own[each.path], each is newest)
        for each in group
        if each.path in own
    ]


def cuts(
    home: str, inventory: Inventory, newest: Found, group: Collection[str]
) -> dict[str, int | None]:
    """Which rollouts of a thread's *group* hold what is its own, and the byte that this ends at.

    None: the rollout's end.  Raises Unreadable.
    """
    if len(group) > 1 and inventory.head(newest).metadata.base is not None:
        segments = LocalRollouts(home, inventory=inventory).segments_at(newest)
        return {each.path: each.end for each in segments if each.path in group}
    return {newest.path: None}


def stem_of(found: Found) -> bytes:
    """What a rollout is called, packed or not, wherever it lies."""
    return os.fsencode(found.name.removesuffix(".zst") if found.compressed else found.name)


def known(connection: sqlite3.Connection, key: bytes) -> dict[bytes, Known]:
    """The sources of a thread that were read, by their stems."""
    rows = connection.execute(
        "SELECT stem, id, path, cut, size, mtime_ns, ctime_ns, inode, read_to, state, seal,"
        " copied_to, origin, nearest FROM sources WHERE key = ?",
        (key,),
    )
    return {
        row[0]: Known(*row[1:4], row[4:8], *row[8:11], Copied(*row[11:]))  # type: ignore[call-arg]
        for row in rows.fetchall()
    }


def packed(fold: Passages) -> bytes:
    """A fold as a source has it."""
    packer = zlib.compressobj(wbits=_WINDOW_BITS, zdict=_LIKELY)
    return packer.compress(fold.state().encode()) + packer.flush()


def unpacked(state: bytes) -> Passages:
    """The fold that was packed; raises ValueError if it is none of this version."""
    try:
        text = zlib.decompressobj(_WINDOW_BITS, _LIKELY).decompress(state, _STATE_BYTES)
    except zlib.error:
        raise ValueError("no state of a source") from None
    return Passages.from_state(text.decode())


def _facts(connection: sqlite3.Connection, found: Found, home: str) -> Facts:
    """What the index noted of a rollout when it was looked at."""
    row = connection.execute(
        "SELECT r.size, r.mtime_ns, r.ctime_ns, r.inode FROM rollouts r"
        " JOIN folders f ON f.id = r.folder WHERE f.path = ? AND r.name = ?",
        (os.fsencode(below(home, found.folder)), os.fsencode(found.name)),
    ).fetchone()
    return row if row is not None and None not in row else _UNKNOWN


def stays(before: Known, now: Source, path: bytes) -> bool:
    """True if nothing of a source changed but, perhaps, where it lies."""
    same = before.facts[:2] == now.facts[:2] and before.facts[3] == now.facts[3]
    moved = before.path != path
    return same and before.cut == now.cut and (moved or before.facts[2] in (now.facts[2], -1))


def may_go_on(before: Known, now: Source, path: bytes) -> bool:
    """True if what was read is likely to stand there still; the seal says whether it does."""
    if before.cut != now.cut or not before.seal:
        return False
    packed = layout.COMPRESSED_SUFFIX.encode()
    if before.path.endswith(packed) != path.endswith(packed):
        return True
    return before.facts[3] == now.facts[3] and before.facts[0] < now.facts[0]


def seal(rollout: RolloutFile, read_to: int) -> bytes:
    """What tells that a rollout begins as it did, and holds the same before *read_to*."""
    if read_to <= 0:
        return b""
    start = max(read_to - _SEAL_BYTES, 0)
    try:
        ends = (
            rollout.read_at(0, min(_SEAL_BYTES, read_to)),
            rollout.read_at(start, read_to - start),
        )
    except Unreadable:
        return b""
    return hashlib.blake2b(b"".join(ends), digest_size=16).digest()
