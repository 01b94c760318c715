"""The history of a thread as its model sees it: replayed from lines, ready to be sent again.

Two steps.  Backwards from the end, `relevant` takes the lines that still matter and stops at the
newest compaction that no rollback undid, so that a long thread costs only its end.  Forwards,
`replay` rebuilds the list of response items: compaction replaces it, rollback cuts it.  The rules
are those of Codex 0.169, seen with the real binary; where its replay loses history that a rollback
brought back, this one restores it (docs/format.md, "Replay").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from threadlog.core import context
from threadlog.core.lines import COMPACTED, EVENT, RESPONSE_ITEM, Envelope, Json

INTER_AGENT = "inter_agent_communication"

# User messages kept by an old compaction, which has a summary but no replacement history.
KEPT_USER_TOKENS = 20_000
_TOKEN_BYTES = 4
SUMMARY_PREFIX = "Another language model started to solve this problem and produced a summary"
NO_SUMMARY = "(no summary available)"

_TYPES = frozenset(
    [(RESPONSE_ITEM, None), (COMPACTED, None), (INTER_AGENT, None), (EVENT, "thread_rolled_back")]
)


def concerns(line: tuple[str, str | None]) -> bool:
    """True if a line of this type and kind has a say in the model's history."""
    return (line[0], None) in _TYPES or line in _TYPES


def relevant(backwards: Iterable[Envelope]) -> list[Envelope]:
    """The lines to replay, in file order, out of all lines from the newest to the oldest.

    Reads no further back than it must: a compaction with a replacement history ends the search,
    unless a later rollback undid it.
    """
    kept: list[Envelope] = []
    undone = 0
    for line in backwards:
        if line.type == EVENT:
            if line.kind == "thread_rolled_back":
                undone += _count(line.payload)
                kept.append(line)
            continue
        if not concerns((line.type, line.kind)):
            continue
        kept.append(line)
        if line.type == COMPACTED and not undone and _replacement(line.payload) is not None:
            break
        if undone and _begins_turn(line):
            undone -= 1
    kept.reverse()
    return kept


class _Mark(NamedTuple):
    """The history as it was before a turn of the user's."""

    items: list[dict[str, Json]]
    length: int
    floor: int | None


class _Replay:
    """The history in the making.

    `floor` is how many of the items a compaction put there: no rollback trims those.  It is None
    before any compaction, when the context before the first turn is to stay.
    """

    def __init__(self) -> None:
        self.items: list[dict[str, Json]] = []
        self._marks: list[_Mark] = []
        self._floor: int | None = None

    def begin_turn(self) -> None:
        """Remember what a rollback of the turn that begins now comes back to."""
        length = len(self.items)
        if self._marks or self._floor is not None:
            length = _without_trailing_context(self.items, self._floor or 0)
        self._marks.append(_Mark(self.items, length, self._floor))

    def compact(self, payload: dict[str, Json]) -> None:
        """Replace the history."""
        self.items = _compact(self.items, payload)
        self._floor = len(self.items)

    def roll_back(self, count: int) -> None:
        """Come back to before the last so many turns; before the first one if there are fewer."""
        if not count or not self._marks:
            return
        mark = self._marks[-min(count, len(self._marks))]
        self.items, self._floor = mark.items[: mark.length], mark.floor
        del self._marks[-count:]


def replay(lines: Iterable[Envelope]) -> list[dict[str, Json]]:
    """The model's history after *lines*: response items, as stored, in order."""
    state = _Replay()
    for line in lines:
        if line.type == EVENT:
            if line.kind == "thread_rolled_back":
                state.roll_back(_count(line.payload))
        elif line.type == COMPACTED:
            state.compact(line.payload)
        elif line.type in (RESPONSE_ITEM, INTER_AGENT) and not _disguised(line):
            if _begins_turn(line):
                state.begin_turn()
            state.items.append(_as_response_item(line))
    return state.items


def compacted(items: list[dict[str, Json]], summary: str) -> list[dict[str, Json]]:
    """The history that a summary takes the place of *items* with: the user's last messages, it."""
    return [*_kept_user_messages(items), _user_message([summary])]


def _without_trailing_context(items: list[dict[str, Json]], floor: int) -> int:
    """The length without the context that was put in for the turn about to begin."""
    length = len(items)
    while length > floor:
        item = items[length - 1]
        role = item.get("role") if item.get("type") == "message" else None
        if role == "user":
            context_only = context.is_contextual(item)
        else:
            context_only = role == "developer" and context.is_developer_context(item)
        if not context_only:
            break
        length -= 1
    return length


def _disguised(line: Envelope) -> bool:
    """True for a record of Codex's own that is dressed up as a message (late 2026)."""
    notes = line.metadata if isinstance(line.metadata, dict) else {}
    delivered = notes.get("delivered_assistant_message")
    return isinstance(delivered, str) and delivered.startswith("codex:code-mode-delivery:")


def _begins_turn(line: Envelope) -> bool:
    if line.type == INTER_AGENT:
        return line.payload.get("trigger_turn") is True
    return line.type == RESPONSE_ITEM and (
        context.is_user_turn(line.payload) or line.payload.get("type") == "agent_message"
    )


def _count(payload: dict[str, Json]) -> int:
    count = payload.get("num_turns")
    return max(count, 0) if isinstance(count, int) else 0


def _replacement(payload: dict[str, Json]) -> list[dict[str, Json]] | None:
    history = payload.get("replacement_history")
    if not isinstance(history, list):
        return None
    return [item for item in history if isinstance(item, dict)]


def _compact(items: list[dict[str, Json]], payload: dict[str, Json]) -> list[dict[str, Json]]:
    replacement = _replacement(payload)
    if replacement is not None:
        return replacement
    summary = payload.get("message")
    text = summary if isinstance(summary, str) and summary else NO_SUMMARY
    return compacted(items, text)


def _kept_user_messages(items: list[dict[str, Json]]) -> list[dict[str, Json]]:
    kept: list[dict[str, Json]] = []
    room = KEPT_USER_TOKENS
    for item in reversed(items):
        texts = context.content_texts(item.get("content"))
        if not context.is_user_turn(item) or "".join(texts).startswith(SUMMARY_PREFIX):
            continue
        if room <= 0:
            break
        size = sum(len(text.encode(errors="replace")) for text in texts)
        if _tokens(size) > room:
            kept.append(_user_message(_cut_to(texts, room * _TOKEN_BYTES)))
            break
        kept.append(_user_message(texts or [""]))
        room -= _tokens(size)
    return kept[::-1]


def _tokens(size_bytes: int) -> int:
    return -(-size_bytes // _TOKEN_BYTES)


def _cut_to(texts: list[str], room_bytes: int) -> list[str]:
    whole = "".join(texts).encode(errors="replace")
    half = room_bytes // 2
    head = whole[:half].decode(errors="ignore")
    tail = whole[len(whole) - half :].decode(errors="ignore")
    return [head, f"…{_tokens(len(whole) - room_bytes)} tokens truncated…", tail]


def _user_message(texts: list[str]) -> dict[str, Json]:
    content = [{"type": "input_text", "text": text} for text in texts]
    return {"type": "message", "role": "user", "content": content}


def _as_response_item(line: Envelope) -> dict[str, Json]:
    if line.type != INTER_AGENT:
        return line.payload
    payload = line.payload
    text: dict[str, Json] = {"type": "input_text", "text": payload.get("content", "")}
    if payload.get("encrypted_content"):
        text = {"type": "encrypted_content", "encrypted_content": payload["encrypted_content"]}
    return {
        "type": "agent_message",
        "author": payload.get("author"),
        "recipient": payload.get("recipient"),
        "content": [text],
    }
