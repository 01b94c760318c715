"""All words that passages hold, to find those that a piece of a word is a piece of.

Kept in a few packed lists, one for each writing, which are merged as they become many.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from threadlog.local.zstd import Encoder, decode_frame

# So many lists of about one size are merged.
MERGED = 8
# But none of more words than these.
MERGED_WORDS = 4_000_000
# Longer words are none that SQLite keeps whole.
WORD_BYTES = 30_000
# What lists take unpacked; larger ones are not looked through.
LIST_BYTES = 256 << 20
_NO_WORD = bytes(0x20 if not chr(each).isalnum() and each < 128 else each for each in range(256))


def words_of(plain: str) -> set[bytes]:
    """The words of a text made `tokens.plain`."""
    return set(plain.encode("utf-8", "surrogatepass").translate(_NO_WORD).split())


def add(connection: sqlite3.Connection, words: set[bytes]) -> None:
    """Put in the words of a writing."""
    if not words:
        return
    lists = connection.execute(
        "SELECT id, count FROM vocabulary WHERE count < ? ORDER BY count", (MERGED_WORDS,)
    ).fetchall()
    merged = [
        each for each, count in lists if count.bit_length() // 3 <= len(words).bit_length() // 3
    ]
    if len(merged) >= MERGED:
        for each in merged:
            words |= set(_unpacked(connection, each).split())
        connection.executemany("DELETE FROM vocabulary WHERE id = ?", [(each,) for each in merged])
    text = b"\n".join([b"", *sorted(words), b""])
    packed = len(text).to_bytes(8, "big") + Encoder().frame(text)
    # An id that no list ever had, in this index or one before it: `Vocabulary` goes by that.
    insert = "INSERT INTO vocabulary (id, count, words) VALUES (random(), ?, ?)"
    connection.execute(insert, (len(words), packed))


class Vocabulary:
    """The lists as they were read last."""

    def __init__(self) -> None:
        self._lists: dict[int, bytes] = {}

    def having(
        self, connection: sqlite3.Connection, piece: str, *, begins: bool, ends: bool, limit: int
    ) -> set[str] | None:
        """The words that hold *piece*, at their beginning or end where so asked.

        None if there are more than *limit*, or some are not known whole.
        """
        self._look(connection)
        wanted = re.escape(piece.encode("utf-8", "surrogatepass"))
        pattern = (b"\n" if begins else b"") + wanted + (b"(?=\n)" if ends else b"")
        found: set[bytes] = set()
        for words in self._lists.values():
            for word in _around(words, re.compile(pattern)):
                found.add(word)
                if len(found) > limit or len(word) > WORD_BYTES:
                    return None
        return {word.decode("utf-8", "surrogatepass") for word in found}

    def _look(self, connection: sqlite3.Connection) -> None:
        now = [each for (each,) in connection.execute("SELECT id FROM vocabulary")]
        for gone in self._lists.keys() - set(now):
            del self._lists[gone]
        for each in now:
            if each not in self._lists:
                self._lists[each] = _unpacked(connection, each)


def _around(words: bytes, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    """The words in a list that a pattern is found in, each once."""
    match = pattern.search(words)
    while match is not None:
        start = words.rfind(b"\n", 0, match.start() + 1) + 1
        end = words.find(b"\n", max(match.end(), start))
        yield words[start:end]
        match = pattern.search(words, end)


def _unpacked(connection: sqlite3.Connection, each: int) -> bytes:
    (packed,) = connection.execute("SELECT words FROM vocabulary WHERE id = ?", (each,)).fetchone()
    size = int.from_bytes(packed[:8], "big")
    if size > LIST_BYTES:
        raise ValueError("a list of words is too long")
    words = decode_frame(packed[8:], size)
    if words is None:
        raise ValueError("a list of words is broken")
    return words
