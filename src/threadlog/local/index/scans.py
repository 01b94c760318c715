"""How far each thread's rollout was read to its end, and what that told.

What was read is good as long as the rollout begins as it did, and still holds the same bytes
before the place to go on from.
"""

from __future__ import annotations

import json
import os
import sqlite3
from typing import NamedTuple

from threadlog.core.lines import BadLine, parse_json
from threadlog.core.metadata import Base, Metadata
from threadlog.core.summary import Counts
from threadlog.errors import Unreadable
from threadlog.local.files import open_rollout
from threadlog.local.scan import Found

_SEAL_BYTES = 4096


class Kept(NamedTuple):
    """What is kept of a scan: where to go on, and what was told, `size` bytes of file ago.

    `ledger` is what `ledgers.text_of` made of one; "" where an older version kept none.
    """

    offset: int
    state: str
    size: int
    metadata: Metadata
    counts: Counts | None
    ledger: str


def kept_scan(connection: sqlite3.Connection, key: bytes, found: Found) -> Kept | None:
    """What is known of a thread's rollout, if the rollout still is the one that was read."""
    row = connection.execute(
        "SELECT scan_at, scan, scan_size, scan_told, scan_seal, ledger FROM threads WHERE key = ?",
        (key,),
    ).fetchone()
    if row is None or row[1] is None or row[4] != seal(found, row[0], row[2]):
        return None
    try:
        told, counts = parse_json(row[3].encode())
    except (BadLine, ValueError):
        return None
    done = Counts._make(counts) if counts else None
    return Kept(row[0], row[1], row[2], _metadata(told), done, row[5] or "")


def keep_scan(connection: sqlite3.Connection, key: bytes, kept: Kept, sealed: bytes) -> None:
    """Note how far a thread's rollout was read."""
    told = json.dumps([kept.metadata, kept.counts], separators=(",", ":"))
    connection.execute(
        "UPDATE threads SET scan_at = ?, scan = ?, scan_size = ?, scan_told = ?, scan_seal = ?,"
        " ledger = ? WHERE key = ?",
        (kept.offset, kept.state, kept.size, told, sealed, kept.ledger, key),
    )


def seal(found: Found, offset: int, size: int) -> bytes:
    """What tells that a rollout is the one that was read to *offset*; b"" if it is not to be read.

    A compressed one is so as a whole: its *size* is part of it.
    """
    try:
        with open_rollout(found.path) as rollout:
            now = rollout.facts.size_bytes
            if now < (size if rollout.compressed else offset):
                return b""
            end = now if rollout.compressed else offset
            start = max(end - _SEAL_BYTES, 0)
            ends = rollout.raw_at(0, _SEAL_BYTES)[:end] + rollout.raw_at(start, end - start)
            about = f"{rollout.compressed}:{now if rollout.compressed else 0}".encode()
    except Unreadable:
        return b""
    import hashlib  # few listings need it

    return hashlib.blake2b(about + ends, digest_size=16).digest()


def size_of(found: Found) -> int:
    """The size of a rollout now, in bytes; -1 if it is not there."""
    try:
        return os.lstat(found.path).st_size
    except OSError:
        return -1


def _metadata(told: list[object]) -> Metadata:
    metadata = Metadata._make(told)
    base = metadata.base
    return metadata._replace(
        base=Base._make(base) if base is not None else None,
        lacks=tuple(metadata.lacks),
        unfit=tuple(metadata.unfit),
    )
