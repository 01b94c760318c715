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
KEPT_USER_BYTES = 80_000
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


def replay(lines: Iterable[Envelope]) -> list[dict[str, Json]]:
    """The model's history after *lines*: response items, as stored, in order."""
    items: list[dict[str, Json]] = []
    floor = 0  # what a rollback may not trim: the items that a compaction put there
    marks: list[_Mark] = []
    for line in lines:
        if line.type == EVENT:
            if line.kind == "thread_rolled_back" and (count := _count(line.payload)):
                items, marks = _roll_back(items, marks, count)
                floor = min(floor, len(items))
        elif line.type == COMPACTED:
            items = _compact(items, line.payload)
            floor = len(items)
        else:
            if _begins_turn(line):
                length = len(items)
                if marks:
                    length = _without_trailing_context(items, max(floor, marks[-1].length))
                marks.append(_Mark(items, length))
            items.append(_as_response_item(line))
    return items


def _roll_back(
    items: list[dict[str, Json]], marks: list[_Mark], count: int
) -> tuple[list[dict[str, Json]], list[_Mark]]:
    if not marks:
        return items, marks
    mark = marks[-count] if count <= len(marks) else marks[0]
    return mark.items[: mark.length], marks[: max(len(marks) - count, 0)]


def _without_trailing_context(items: list[dict[str, Json]], floor: int) -> int:
    """The length without the context that was put in for the turn about to begin."""
    length = len(items)
    while length > floor:
        item = items[length - 1]
        if item.get("type") != "message" or item.get("role") not in ("developer", "user"):
            break
        if item.get("role") == "user" and not context.is_contextual(item):
            break
        length -= 1
    return length


def _begins_turn(line: Envelope) -> bool:
    if line.type == INTER_AGENT:
        return line.payload.get("trigger_turn") is True
    return line.type == RESPONSE_ITEM and context.is_user_turn(line.payload)


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
    return [*_kept_user_messages(items), _user_message([text])]


def _kept_user_messages(items: list[dict[str, Json]]) -> list[dict[str, Json]]:
    kept: list[dict[str, Json]] = []
    room = KEPT_USER_BYTES
    for item in reversed(items):
        texts = context.content_texts(item.get("content"))
        if not context.is_user_turn(item) or "".join(texts).startswith(SUMMARY_PREFIX):
            continue
        size = sum(len(text.encode(errors="replace")) for text in texts)
        if size > room:
            kept.append(_user_message(_cut_to(texts, room)))
            break
        kept.append(_user_message(texts or [""]))
        room -= size
    return kept[::-1]


def _cut_to(texts: list[str], room: int) -> list[str]:
    whole = "".join(texts).encode(errors="replace")
    half = room // 2
    head = whole[:half].decode(errors="ignore")
    tail = whole[len(whole) - half :].decode(errors="ignore")
    return [head, f"…{-(-(len(whole) - 2 * half) // 4)} tokens truncated…", tail]


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
