"""Files of which it is not plain whether Codex lists them: by what they hold, or where they lie."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from interop.damaged_rollouts import (
    ASKED,
    GARBAGE,
    OTHER_ID,
    QUESTION,
    REPLIED,
    TURN,
    dropped,
    event,
    line,
    meta,
    refused,
    said,
    tolerated,
)

Json = Any

DAY = "sessions/2026/01/02"
USUAL = DAY + "/rollout-2026-01-02T03-04-05-{id}.jsonl"
# The older one of two files of one thread: Codex lists the thread twice, threadlog once.
OLDER = "the older of two"

_SEEN = said("user", "What the model sees.")
_UNREADABLE = b"\xff\xfe\n"
_ZSTD = importlib.import_module(
    "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
)


class Placed(NamedTuple):
    """A file, what is odd about it, and where it goes in a home."""

    name: str
    content: bytes
    place: str


def put_all(home: Path) -> dict[str, str]:
    """Write every file into a home; the names of them by path."""
    names = {}
    for each in _all_files():
        path = home / each.place
        path.parent.mkdir(parents=True, exist_ok=True)
        packed = path.suffix == ".zst"
        path.write_bytes(_ZSTD.compress(each.content) if packed else each.content)
        names[str(path)] = each.name
    return names


def _all_files() -> Iterator[Placed]:
    for number, kind in enumerate((tolerated, dropped, refused)):
        for thread, rollout in zip(_ids(number), kind(_ids(number)), strict=False):
            yield Placed(rollout.name, rollout.content, USUAL.format(id=thread))
    for thread, (name, make) in zip(_ids(3), _CONTENTS.items(), strict=False):
        yield Placed(name, make(thread), USUAL.format(id=thread))
    for thread, place in zip(_ids(4), _PLACES, strict=False):
        spelt = {"id": thread, "upper": thread.upper(), "digits": thread.replace("-", "")}
        yield Placed(f"at {place}", meta(thread) + TURN, place.format(**spelt))
    twice = next(_ids(5))
    older = USUAL.replace("03-04-05", "01-01-01")
    yield Placed(OLDER, meta(twice) + TURN, older.format(id=twice))
    yield Placed("the newer of two", meta(twice) + TURN, USUAL.format(id=twice))


def _ids(group: int) -> Iterator[str]:
    return (f"019b0000-0000-7000-8000-0000{group:04x}{each:04x}" for each in itertools.count(1))


def _asked_in_a_turn_item(thread: str) -> bytes:
    item = {"type": "UserMessage", "id": "u", "content": [{"type": "text", "text": QUESTION}]}
    ours = {"thread_id": thread, "turn_id": "one", "completed_at_ms": 1}
    return event("item_completed", item=item, **ours)


def _goal(thread: str) -> bytes:
    numbers = dict.fromkeys(("tokensUsed", "timeUsedSeconds", "createdAt", "updatedAt"), 1)
    goal = {"threadId": thread, "objective": "Win.", "status": "active", **numbers}
    return event("thread_goal_updated", threadId=thread, goal=goal)


def _fork(thread: str, **changes: Json) -> bytes:
    base = {"thread_id": OTHER_ID, "end_ordinal_exclusive": 1, "end_byte_offset": 9}
    first = json.loads(meta(thread, history_base=base, **changes))
    return json.dumps({"ordinal": 1, **first}).encode() + b"\n"


def _of_kind(kind: str, text: str) -> bytes:
    return line("event_msg", {"type": "user_message", "message": text, "kind": kind})


_CONTENTS: dict[str, Callable[[str], bytes]] = {
    "nothing": lambda _i: b"",
    "a NUL": lambda _i: b"\0",
    "a line end": lambda _i: b"\n",
    "half its metadata": lambda i: meta(i)[:60],
    "half its metadata, and a line end": lambda i: meta(i)[:60] + b"\n" + meta(i) + TURN,
    "a message in a turn item": lambda i: meta(i) + _asked_in_a_turn_item(i) + REPLIED,
    "a message in a turn item of no turn": lambda i: (
        meta(i) + _asked_in_a_turn_item(i).replace(b"turn_id", b"of_tomorrow")
    ),
    "a goal": lambda i: meta(i) + _goal(i),
    "a goal, then a message": lambda i: meta(i) + _goal(i) + TURN,
    "a message, then a goal": lambda i: meta(i) + TURN + _goal(i),
    "a goal without its times": lambda i: meta(i) + _goal(i).replace(b"createdAt", b"created"),
    "white space for a message": lambda i: meta(i) + event("user_message", message=" \n "),
    "an empty message, then another": lambda i: meta(i) + event("user_message", message="") + ASKED,
    "a picture": lambda i: meta(i) + event("user_message", message="", images=["data:x"]),
    "a request of an editor": lambda i: (
        meta(i) + event("user_message", message="x\n## My request for Codex:\nDo it.")
    ),
    "a request of an editor that is empty": lambda i: (
        meta(i) + event("user_message", message="x\n## My request for Codex:\n")
    ),
    "a message of a kind": lambda i: meta(i) + _of_kind("plain", QUESTION),
    "context of a kind": lambda i: meta(i) + _of_kind("environment_context", "<cwd>x</cwd>"),
    "a long message": lambda i: meta(i) + event("user_message", message="x" * 200_000),
    "the message in line 210": lambda i: meta(i) + _SEEN * 208 + ASKED,
    "the message in line 211": lambda i: meta(i) + _SEEN * 209 + ASKED,
    "the message in line 210, and blank ones": lambda i: (
        meta(i) + b"\n \n" * 20 + _SEEN * 208 + ASKED
    ),
    "the message after 300 lines of garbage": lambda i: meta(i) + GARBAGE * 300 + TURN,
    "the message after many lines": lambda i: meta(i) + _SEEN * 20_000 + TURN,
    "metadata in line 10": lambda i: GARBAGE * 9 + meta(i) + TURN,
    "metadata in line 11": lambda i: GARBAGE * 10 + meta(i) + TURN,
    "metadata in line 10, and blank ones": lambda i: b"\n" * 9 + GARBAGE * 9 + meta(i) + TURN,
    "metadata after the message": lambda i: ASKED + _SEEN * 8 + meta(i),
    "metadata long after the message": lambda i: ASKED + _SEEN * 9 + meta(i),
    "no UTF-8 before the message": lambda i: meta(i) + _UNREADABLE + TURN,
    "no UTF-8 before the metadata": lambda i: _UNREADABLE + meta(i) + TURN,
    "no UTF-8 after the message": lambda i: meta(i) + TURN + _UNREADABLE,
    "a source of null": lambda i: meta(i).replace(b'"cli"', b"null") + TURN,
    "a source that is a number": lambda i: meta(i, source=1) + TURN,
    "an old folder": lambda i: meta(i, cwd="relative") + TURN,
    "a folder that is a number": lambda i: meta(i, cwd=1) + TURN,
    "a time that is empty": lambda i: meta(i, timestamp="") + TURN,
    "the id in capitals": lambda i: meta(i.upper()) + TURN,
    "an id that is none": lambda _i: meta("mine") + TURN,
    "another provider": lambda i: meta(i, model_provider="elsewhere") + TURN,
    "an empty provider": lambda i: meta(i, model_provider="") + TURN,
    "a provider that is a number": lambda i: meta(i, model_provider=1) + TURN,
    "git as a number": lambda i: meta(i, git=1) + TURN,
    "a branch that is a number": lambda i: meta(i, git={"branch": 1}) + TURN,
    "instructions as text": lambda i: meta(i, base_instructions="x") + TURN,
    "tools as a number": lambda i: meta(i, dynamic_tools=1) + TURN,
    "a nickname that is a number": lambda i: meta(i, agent_nickname=1) + TURN,
    "forked from no id": lambda i: meta(i, forked_from_id="x") + TURN,
    "the history mode as a number": lambda i: meta(i, history_mode=1) + TURN,
    "legacy by name": lambda i: meta(i, history_mode="legacy") + TURN,
    "paginated, without ordinals": lambda i: meta(i, history_mode="paginated") + TURN,
    "a fork by reference": lambda i: _fork(i, history_mode="paginated", forked_from_id=OTHER_ID),
    "a fork by reference in a legacy thread": lambda i: _fork(i, forked_from_id=OTHER_ID),
    "what builds on another and is no fork": lambda i: _fork(i, history_mode="paginated"),
    "a fork that copies": lambda i: meta(i, forked_from_id=OTHER_ID),
    "metadata twice, of two sources": lambda i: meta(i) + meta(i, source="exec") + TURN,
    "another source and another provider": lambda i: (
        meta(i, source="exec", model_provider="elsewhere") + TURN
    ),
    **{
        f"a source of {source}": lambda i, source=source: meta(i, source=source) + TURN  # type: ignore[misc]
        for source in ("exec", "vscode", "mcp", "VSCODE", {"subagent": "review"}, {"cli": None})
    },
}

_NAME = "rollout-2026-01-02T03-04-05-{id}.jsonl"
_PLACES = (
    USUAL + ".zst",
    f"{DAY}/rollout-2026-01-02T03-04-05-{{id}}_{OTHER_ID}.jsonl",
    DAY + "/rollout-2026-01-02T03-04-05-{upper}.jsonl",
    DAY + "/rollout-2026-01-02T03-04-05-{digits}.jsonl",
    DAY + "/rollout-2026-01-02T03-04-05-{id}.json",
    DAY + "/rollout-2026-01-02T03-04-05-{id}.jsonl.tmp",
    DAY + "/rollout-2026-01-02T03-04-05-{id}-copy.jsonl",
    DAY + "/rollout-2026-01-02T03-04-05-x{id}.jsonl",
    DAY + "/session-2026-01-02T03-04-05-{id}.jsonl",
    DAY + "/rollout-{id}.jsonl",
    DAY + "/rollout-2026-01-02-{id}.jsonl",
    DAY + "/rollout-2026-02-30T03-04-05-{id}.jsonl",
    DAY + "/rollout-2026-01-02T24-04-05-{id}.jsonl",
    DAY + "/rollout-2026-01-02T03-04-60-{id}.jsonl",
    "sessions/2020/07/08/" + _NAME,
    "sessions/2020/77/88/" + _NAME,
    "sessions/2020/1/+1/" + _NAME,
    "sessions/0/0/0/" + _NAME,
    "sessions/70000/01/01/" + _NAME,
    "sessions/2020/300/01/" + _NAME,
    "sessions/" + _NAME,
    "sessions/2026/01/" + _NAME,
    "sessions/2026/01/02/03/" + _NAME,
    "sessions/a/b/c/" + _NAME,
    "archived_sessions/" + _NAME,
    "archived_sessions/2026/01/02/" + _NAME,
    "archived_sessions/rollout-{id}.jsonl",
    "archived_sessions/rollout-2026-02-30T03-04-05-{id}.jsonl",
)
