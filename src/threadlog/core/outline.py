"""Where every line of a rollout begins and what it is: hardly any is parsed, and none is kept.

The first hundred bytes of a line tell its type, and the heads of a rollout differ by little but
digits.  So heads are looked up, with a 0 for every digit, and only a new one is sniffed.  It is
remembered if `lines.sniff_head` says that the rest of the line does not matter; digits do not
matter to it either.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import accumulate
from typing import cast

from threadlog.core import lines
from threadlog.core.framing import LF, LINE_LIMIT_BYTES, Oversized, Splitter

Name = tuple[str, str | None]

# The codes of lines that have no type; the others follow, in the order in which they appear.
BLANK, DAMAGED, OVERSIZED = 0, 1, 2
_NAMELESS = 3
_UNKNOWN = -1

# How far a head reaches: from where the type stands, enough for the longest usual names.
_TYPE_KEY = b'"type":"'
_NAMES_BYTES = 63
# Many times what a rollout needs, so that forgetting them all now and then costs nothing.
_HEADS_LIMIT = 4096
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)


class Outline:
    """The lines of one rollout, blank ones included: the offset of each, and a code of its type.

    `names[code]` is the type and the payload's type, as `lines.sniff` gives them; None for BLANK,
    DAMAGED and OVERSIZED.
    """

    def __init__(self) -> None:
        self.offsets = array("Q")
        self.codes = array("I")
        self.names: list[Name | None] = [None] * _NAMELESS
        self._codes: dict[Name, int] = {}
        self._heads: dict[bytes, int] = {}
        self._head_bytes = 0
        self._end = 0

    def __len__(self) -> int:
        """The number of lines."""
        return len(self.codes)

    def name(self, index: int) -> Name | None:
        """The type of one line, and of its payload; None if it has none."""
        return self.names[self.codes[index]]

    def add(self, raws: list[bytes | Oversized]) -> None:
        """Take in the next lines, each with its LF if it has one."""
        if Oversized in map(type, raws):
            for raw in raws:
                self._add_slowly(raw)
        elif raws:
            self._add_whole(cast("list[bytes]", raws))

    def _add_whole(self, raws: list[bytes]) -> None:
        key_at = raws[0].find(_TYPE_KEY, 0, 100)
        if key_at >= 0:
            self._head_bytes = key_at + _NAMES_BYTES
        size, known = self._head_bytes, self._heads.get
        codes = [known(raw[:size].translate(_DIGITS), _UNKNOWN) for raw in raws]
        if _UNKNOWN in codes:
            codes = [
                self._sniff(raws[at]) if code == _UNKNOWN else code for at, code in enumerate(codes)
            ]
        self.codes.extend(codes)
        self.offsets.extend(accumulate(map(len, raws), initial=self._end))
        self._end = self.offsets.pop()

    def _add_slowly(self, raw: bytes | Oversized) -> None:
        self.offsets.append(self._end)
        if isinstance(raw, Oversized):
            self.codes.append(OVERSIZED)
            self._end += raw.length + len(LF)
        else:
            self.codes.append(self._sniff(raw))
            self._end += len(raw)

    def _sniff(self, raw: bytes) -> int:
        raw = raw.removesuffix(LF)
        if lines.is_blank(raw):
            return BLANK
        name = lines.sniff(raw)
        if name is None:
            return DAMAGED
        code = self._codes.setdefault(name, len(self.names))
        if code == len(self.names):
            self.names.append(name)
        head = raw[: self._head_bytes]
        if lines.sniff_head(head) is not None:
            if len(self._heads) >= _HEADS_LIMIT:
                self._heads.clear()
            self._heads[head.translate(_DIGITS)] = code
        return code


def outline(chunks: Iterable[bytes], limit_bytes: int = LINE_LIMIT_BYTES) -> Outline:
    """The outline of a stream of bytes."""
    result = Outline()
    splitter = Splitter(limit_bytes=limit_bytes, keep_lf=True)
    for chunk in chunks:
        result.add(splitter.feed(chunk))
    last = splitter.finish()
    if last is not None:
        result.add([last])
    return result
