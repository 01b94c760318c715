"""The texts of passages, read where they stand in the rollouts."""

from __future__ import annotations

import os
from collections import OrderedDict

from threadlog.core.decode import decode_item
from threadlog.core.framing import LF, LINE_LIMIT_BYTES
from threadlog.core.passages import text_of
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

    def text(self, path: bytes, offset: int, part: int) -> str | None:
        """A passage's text; None if there is none any more."""
        try:
            rollout = self._rollout(path)
            raw = None if rollout is None else _line(rollout, offset)
        except Unreadable:
            return None
        item = decode_item(raw) if raw else None
        return None if item is None else text_of(item, part)

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
        try:
            rollout = open_rollout(os.path.join(self._home, os.fsdecode(path)))
        except Unreadable:
            rollout = None
        self._open[path] = rollout
        if len(self._open) > OPEN:
            _path, oldest = self._open.popitem(last=False)
            if oldest is not None:
                oldest.close()
        return rollout


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
