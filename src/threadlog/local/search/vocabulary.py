"""All words that passages hold, to find those that a piece of a word is a piece of.

Kept in a few packed lists, one for each writing, which are merged as they become many.
"""

from __future__ import annotations

import heapq
import re
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby

from threadlog.local.zstd import Encoder, decode_frame

# So many lists of about one size are merged.
MERGED = 8
# But none of more words than these.
MERGED_WORDS = 500_000
# Longer words are none that SQLite keeps whole.
WORD_BYTES = 30_000
# What all lists take unpacked at most to be looked through.
LISTS_BYTES = 256 << 20
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
        lists_of_words = [_words(_unpacked(connection, each)) for each in merged]
        connection.executemany("DELETE FROM vocabulary WHERE id = ?", [(each,) for each in merged])
        _put(connection, heapq.merge(sorted(words), *lists_of_words))
    else:
        _put(connection, sorted(words))


def _put(connection: sqlite3.Connection, words: Iterable[bytes]) -> None:
    """Put in a list of these words, which are in order; those of all lists are not held at once."""
    text, count = bytearray(b"\n"), 0
    for word, _same in groupby(words):
        text += word + b"\n"
        count += 1
    packed = len(text).to_bytes(8, "big") + Encoder().frame(bytes(text))
    # An id that no list ever had, in this index or one before it: `Vocabulary` goes by that.
    insert = "INSERT INTO vocabulary (id, count, words) VALUES (random(), ?, ?)"
    connection.execute(insert, (count, packed))


def _words(text: bytes) -> Iterator[bytes]:
    """The words of a list, one after the other."""
    start = 1
    while (end := text.find(b"\n", start)) >= 0:
        yield text[start:end]
        start = end + 1


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
        if not self._look(connection):
            return None
        wanted = re.escape(piece.encode("utf-8", "surrogatepass"))
        pattern = (b"\n" if begins else b"") + wanted + (b"(?=\n)" if ends else b"")
        found: set[bytes] = set()
        for words in self._lists.values():
            for word in _around(words, re.compile(pattern)):
                found.add(word)
                if len(found) > limit or len(word) > WORD_BYTES:
                    return None
        return {word.decode("utf-8", "surrogatepass") for word in found}

    def _look(self, connection: sqlite3.Connection) -> bool:
        """False if the lists are too long to be looked through."""
        sizes = dict(connection.execute("SELECT id, substr(words, 1, 8) FROM vocabulary"))
        for gone in self._lists.keys() - sizes.keys():
            del self._lists[gone]
        if sum(int.from_bytes(each, "big") for each in sizes.values()) > LISTS_BYTES:
            self._lists.clear()
            return False
        for each in sizes.keys() - self._lists.keys():
            self._lists[each] = _unpacked(connection, each)
        return True


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
    if size > LISTS_BYTES:  # none that was put in by this code
        raise ValueError("a list of words is too long")
    words = decode_frame(packed[8:], size)
    if words is None:
        raise ValueError("a list of words is broken")
    return words
