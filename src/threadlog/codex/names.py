"""Codex's name file, session_index.jsonl: read here, never rewritten.

One JSON object a line: `id`, `thread_name`, `updated_at`.  The last named line of an id wins,
whatever its time says.  Bad lines are skipped, as Codex does; a file that cannot be read names
nobody, since a name is never worth a failed listing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from threadlog.core import lines, moments
from threadlog.core.framing import frames
from threadlog.core.layout import NAME_FILE
from threadlog.core.lines import BadLine
from threadlog.core.names import NAME_LIMIT_CHARS, Named

_CHUNK_BYTES = 1 << 20
_NAME_LINE_LIMIT_BYTES = 1 << 20
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def read_names(home: str) -> dict[str, Named]:
    """The current name of every thread of the home that has one, by id."""
    names: dict[str, Named] = {}
    for frame in frames(_chunks(os.path.join(home, NAME_FILE)), 0, _NAME_LINE_LIMIT_BYTES):
        if not isinstance(frame.raw, bytes) or lines.is_blank(frame.raw):
            continue
        try:
            entry = lines.parse_json(frame.raw)
        except BadLine:
            continue
        if not isinstance(entry, dict):
            continue
        thread_id, name = entry.get("id"), entry.get("thread_name")
        if isinstance(thread_id, str) and isinstance(name, str) and name.strip():
            at_ms = moments.unix_ms(str(entry.get("updated_at"))) or 0
            names[thread_id.lower()] = Named(name.strip()[:NAME_LIMIT_CHARS], at_ms)
    return names


def _chunks(path: str) -> Iterator[bytes]:
    try:
        fd = os.open(path, _FLAGS)
    except OSError:
        return
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            while chunk := os.read(fd, _CHUNK_BYTES):
                yield chunk
    except OSError:
        return
    finally:
        os.close(fd)
