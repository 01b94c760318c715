"""The head of a rollout: its first lines, read just far enough to say what the thread is.

Nothing typed is loaded here, so that a listing of fifty threads costs little more than Python.
"""

from __future__ import annotations

from collections.abc import Callable

from threadlog.core import demands, lines, metadata
from threadlog.core.framing import Splitter
from threadlog.core.lines import BadLine, Envelope
from threadlog.core.metadata import Metadata
from threadlog.core.recent import RECENT_BYTES, Recent, recent
from threadlog.errors import Unreadable
from threadlog.local.files import HEAD_CHUNK_BYTES, RolloutFile

# A first message further in than this is left to whoever reads the whole file (one of 5 MB stands
# there twice, as the model was sent it and as people are shown it); the first line counts in any
# length.
HEAD_LIMIT_BYTES = 16 << 20


Parse = Callable[[bytes], Envelope]


def read_head(rollout: RolloutFile, parse: Parse = lines.parse) -> Metadata:
    """Fold the first lines of *rollout* until they have told who it is and how it begins."""
    folded = Metadata()
    splitter = Splitter()
    read = number = 0
    for chunk in rollout.chunks(chunk_bytes=HEAD_CHUNK_BYTES):
        read += len(chunk)
        for raw in splitter.feed(chunk):
            if isinstance(raw, bytes) and lines.is_blank(raw):
                continue
            number += 1
            folded = _fold(folded, raw, number, parse)
            if folded.complete and (folded.asked_line or number >= demands.MESSAGE_LINES):
                return folded
        if read >= HEAD_LIMIT_BYTES and number:
            return folded
    return _fold(folded, splitter.finish(), number + 1, parse)


def read_recent(rollout: RolloutFile, parse: Parse = lines.parse) -> Recent:
    """What the end of *rollout* tells; nothing where it would take all of a compressed one."""
    try:
        window = rollout.last_bytes(RECENT_BYTES)
        if window is None:
            return Recent()
        return recent(window, begins_in_line=len(window) < rollout.length(), parse=parse)
    except Unreadable:
        return Recent()


def _fold(folded: Metadata, raw: object, number: int, parse: Parse) -> Metadata:
    if not isinstance(raw, bytes):
        return folded
    if not _is_text(raw) and number <= demands.MESSAGE_LINES:
        folded = folded._replace(garbled=True)
    glance = lines.sniff(raw)
    if glance is None or not metadata.concerns(glance):
        return folded
    if glance[0] == lines.RESPONSE_ITEM and not folded.bare:
        return folded
    try:
        return metadata.fold(folded, parse(raw), number)
    except BadLine:
        return folded


def _is_text(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
