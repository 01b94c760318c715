"""Rollouts as no Codex writes them: one for each way in which a file can be odd or damaged.

`tolerated` are the files of which Codex 0.169 shows all, `dropped` those of which it leaves out
what a person can read, `refused` those that it does not read at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from interop.codex_process import PROVIDER

Json = Any

STAMP = "2026-01-02T03:04:05.678Z"
QUESTION, REPLY = "What is odd here?", "Everything."
OTHER_ID = "019b0000-0000-7000-8000-0000000000ff"


class Rollout(NamedTuple):
    """A file to put into a home; `loaded` says that Codex must resume it to see its turns."""

    name: str
    content: bytes
    loaded: bool = False

    @property
    def resumable(self) -> bool:
        """False for a file that Codex shows but does not append to: its first line is another."""
        return not self.name.endswith(" first")


def line(line_type: str, payload: Json, **others: Json) -> bytes:
    """A line with its LF; *others* come beside the payload."""
    whole = {"timestamp": STAMP, **others, "type": line_type, "payload": payload}
    return json.dumps(whole).encode() + b"\n"


def meta(thread: str, **changes: Json) -> bytes:
    """The first line; a change to None takes a field away."""
    payload = {
        "id": thread,
        "timestamp": STAMP,
        "cwd": "/nowhere",
        "originator": "tests",
        "cli_version": "0.0.0",
        "source": "cli",
        "model_provider": PROVIDER,
        **changes,
    }
    kept = {key: value for key, value in payload.items() if value is not None}
    return line("session_meta", kept)


def event(kind: str, **fields: Json) -> bytes:
    """An event."""
    return line("event_msg", {"type": kind, **fields})


def said(role: str, text: str) -> bytes:
    """A message as the model sees it."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return line("response_item", {"type": "message", "role": role, "content": content})


ASKED = event("user_message", message=QUESTION)
REPLIED = event("agent_message", message=REPLY)
TURN = said("user", QUESTION) + ASKED + REPLIED + said("assistant", REPLY)
GARBAGE = b"this is no JSON\n"

Make = Callable[[str], bytes]


def tolerated(thread_ids: Iterator[str]) -> list[Rollout]:
    """Every file that Codex shows, with an id of its own each."""
    found = [Rollout(name, make(next(thread_ids))) for name, make in _TOLERATED.items()]
    found += [
        Rollout(name, make(next(thread_ids)), loaded=True) for name, make in _PAGINATED.items()
    ]
    return found


def dropped(thread_ids: Iterator[str]) -> list[Rollout]:
    """Every file with a question that Codex leaves out, with an id of its own each."""
    return [Rollout(name, make(next(thread_ids))) for name, make in _DROPPED.items()]


def refused(thread_ids: Iterator[str]) -> list[Rollout]:
    """Every file that Codex does not read, with an id of its own each."""
    return [Rollout(name, make(next(thread_ids))) for name, make in _REFUSED.items()]


def _without_timestamps(lines: bytes) -> bytes:
    """The same lines, but not when."""
    kept = (json.loads(raw) for raw in lines.splitlines())
    return b"".join(
        json.dumps({"type": each["type"], "payload": each["payload"]}).encode() + b"\n"
        for each in kept
    )


_TOLERATED: dict[str, Make] = {
    "a whole turn": lambda i: meta(i) + TURN,
    "two turns": lambda i: meta(i) + TURN + TURN,
    "no turn": meta,
    "only the user's event": lambda i: meta(i) + ASKED,
    "only the agent's event": lambda i: meta(i) + REPLIED,
    "an empty message": lambda i: meta(i) + event("user_message", message=""),
    "context before the user": lambda i: (
        meta(i) + said("user", "<environment_context>\n</environment_context>") + TURN
    ),
    "a turn that begins and does not end": lambda i: (
        meta(i) + event("task_started", turn_id="one") + TURN
    ),
    "a turn that ends and did not begin": lambda i: (
        meta(i) + TURN + event("task_complete", turn_id="one", last_agent_message=None)
    ),
    "a turn within a turn": lambda i: (
        meta(i)
        + event("task_started", turn_id="one")
        + event("task_started", turn_id="two")
        + TURN
        + event("task_complete", turn_id="one", last_agent_message=None)
        + TURN
    ),
    "two questions in one turn": lambda i: (
        meta(i) + event("task_started", turn_id="one") + TURN + TURN
    ),
    "taken back more than there is": lambda i: (
        meta(i) + TURN + event("thread_rolled_back", num_turns=9) + TURN + TURN
    ),
    "no source": lambda i: meta(i, source=None) + TURN,
    "a source of no known name": lambda i: meta(i, source="elsewhere") + TURN,
    "a source of one's own": lambda i: meta(i, source={"custom": "mine"}) + TURN,
    "no provider": lambda i: meta(i, model_provider=None) + TURN,
    "no time on the lines": lambda i: meta(i) + _without_timestamps(TURN),
    "a time that is none": lambda i: meta(i) + TURN.replace(STAMP.encode(), b"yesterday"),
    "garbage first": lambda i: GARBAGE + meta(i) + TURN,
    "garbage between": lambda i: meta(i) + said("user", QUESTION) + GARBAGE + ASKED + REPLIED,
    "a line of no known type first": lambda i: line("of_tomorrow", {"a": 1}) + meta(i) + TURN,
    "a line of no known type": lambda i: meta(i) + line("of_tomorrow", {"a": 1}) + TURN,
    "an event of no known type": lambda i: meta(i) + event("of_tomorrow") + TURN,
    "a response item of no known type": lambda i: (
        meta(i) + line("response_item", {"type": "of_tomorrow"}) + TURN
    ),
    "an event without its fields": lambda i: meta(i) + event("agent_message") + TURN,
    "fields of no known name": lambda i: (
        meta(i, of_tomorrow=1) + event("user_message", message=QUESTION, of_tomorrow=[]) + REPLIED
    ),
    "a payload of null": lambda i: meta(i) + line("event_msg", None) + TURN,
    "blank lines": lambda i: b"\n" + meta(i) + b"\n  \n" + TURN + b"\n\n",
    "carriage returns": lambda i: (meta(i) + TURN).replace(b"\n", b"\r\n"),
    "no last newline": lambda i: (meta(i) + ASKED + REPLIED).removesuffix(b"\n"),
    "a torn last line": lambda i: meta(i) + TURN + REPLIED[:60],
    "a torn line that is not last": lambda i: meta(i) + TURN + REPLIED[:60] + b"\n" + TURN,
    "zeros at the end": lambda i: meta(i) + TURN + bytes(200),
    "metadata twice": lambda i: meta(i) + meta(i) + TURN,
    "metadata of another thread": lambda i: meta(i) + meta(OTHER_ID) + TURN,
    "another id in the metadata": lambda _id: meta(OTHER_ID) + TURN,
    "ordinals in a legacy file": lambda i: meta(i) + line("event_msg", {}, ordinal=1) + TURN,
    "a very long line": lambda i: meta(i) + said("user", "long " * 400_000) + ASKED + REPLIED,
}


def _paginated(thread: str, ordinals: tuple[int, ...] = (0, 1, 2, 3, 4, 5)) -> bytes:
    user = {"type": "UserMessage", "id": "u", "content": [{"type": "text", "text": QUESTION}]}
    agent = {"type": "AgentMessage", "id": "a", "content": [{"type": "Text", "text": REPLY}]}
    ours = {"thread_id": thread, "turn_id": "one"}
    lines = (
        meta(thread, history_mode="paginated"),
        event("task_started", turn_id="one"),
        said("user", QUESTION),
        event("item_completed", item=user, completed_at_ms=1, **ours),
        event("item_completed", item=agent, completed_at_ms=1, **ours),
        event("task_complete", turn_id="one", last_agent_message=REPLY),
    )
    return b"".join(
        json.dumps({"ordinal": ordinal, **json.loads(each)}).encode() + b"\n"
        for ordinal, each in zip(ordinals, lines, strict=True)
    )


_PAGINATED: dict[str, Make] = {
    "paginated": _paginated,
    "paginated, torn": lambda i: _paginated(i) + REPLIED[:60],
    "paginated, no last newline": lambda i: _paginated(i).removesuffix(b"\n"),
    "paginated, with a gap": lambda i: _paginated(i, (0, 1, 2, 3, 9, 10)),
    "paginated, garbage between": lambda i: _paginated(i).replace(b"\n", b"\n" + GARBAGE, 2),
}

_DROPPED: dict[str, Make] = {
    "half of a surrogate pair": lambda i: meta(i) + ASKED.replace(b"?", rb"?\ud83d"),
    "only what the model sees": lambda i: meta(i) + said("user", QUESTION),
}

_REFUSED: dict[str, Make] = {
    "a byte that is no UTF-8": lambda i: (
        meta(i) + ASKED + REPLIED.replace(b"Everything", b"Every\xfething") + TURN
    ),
    "a byte that is no UTF-8 in no known line": lambda i: meta(i) + b"\xff\xfe\n" + TURN,
    "a byte order mark": lambda i: b"\xef\xbb\xbf" + meta(i) + TURN,
    "metadata at the end": lambda i: TURN + meta(i),
    "no metadata": lambda _id: TURN,
    "metadata without an id": lambda _id: meta(OTHER_ID, id=None) + TURN,
    "metadata without a folder": lambda i: meta(i, cwd=None) + TURN,
    "metadata without a time": lambda i: meta(i, timestamp=None) + TURN,
    "metadata without an author": lambda i: meta(i, originator=None) + TURN,
    "metadata without a version": lambda i: meta(i, cli_version=None) + TURN,
    "a first line without its time": lambda i: _without_timestamps(meta(i)) + TURN,
    "a history mode of no known name": lambda i: meta(i, history_mode="of_tomorrow") + TURN,
}
