"""The texts of passages, read where they stand in the rollouts."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict

from threadlog.core import layout
from threadlog.core.decode import decode_item
from threadlog.core.framing import LF, LINE_LIMIT_BYTES
from threadlog.core.passages import texts_of
from threadlog.errors import Unreadable
from threadlog.local.files import RolloutFile, open_rollout

# Rollouts open at a time.
OPEN = 32
_FIRST_BYTES = 8 << 10


class Texts:
    """Reads texts; close it."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._open: OrderedDict[bytes, RolloutFile | None] = OrderedDict()
        # The line read last: a long one has many passages, which are asked for one by one.
        self._line: tuple[bytes, int] | None = None
        self._texts: list[str] = []

    def text(self, path: bytes, offset: int, part: int) -> str | None:
        """A passage's text; None if there is none any more, or its rollout is not to be had."""
        if self._line != (path, offset):
            self._line, self._texts = (path, offset), self._read(path, offset)
        return self._texts[part] if part < len(self._texts) else None

    def _read(self, path: bytes, offset: int) -> list[str]:
        try:
            rollout = self._rollout(path)
            raw = None if rollout is None else _line(rollout, offset)
        except Unreadable:
            return []
        item = decode_item(raw) if raw else None
        return [] if item is None else texts_of(item)

    def close(self) -> None:
        """Let go of the files."""
        for rollout in self._open.values():
            if rollout is not None:
                rollout.close()
        self._open.clear()

    def _rollout(self, path: bytes) -> RolloutFile | None:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        rollout = self._open[path] = self._opened(path)
        if len(self._open) > OPEN:
            _path, oldest = self._open.popitem(last=False)
            if oldest is not None:
                oldest.close()
        return rollout

    def _opened(self, path: bytes) -> RolloutFile | None:
        """The rollout, also where it was put into the archive or back a moment ago."""
        name = os.fsdecode(path)
        for each in (name, *layout.other_places(name)):
            with contextlib.suppress(Unreadable):
                return open_rollout(os.path.join(self._home, each))
        return None


def _line(rollout: RolloutFile, offset: int) -> bytes | None:
    """The line at *offset*, without its LF; None if none begins there."""
    if offset > 0 and rollout.read_at(offset - len(LF), len(LF)) != LF:
        return None
    size, raw = _FIRST_BYTES, b""
    while True:
        raw += rollout.read_at(offset + len(raw), size - len(raw))
        line, ended, _rest = raw.partition(LF)
        if ended or len(raw) < size:
            return line
        if size > LINE_LIMIT_BYTES:
            return None
        size *= 8
