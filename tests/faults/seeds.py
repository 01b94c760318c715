"""Valid inputs, of which hostile ones are made: every item type, and rollouts of every shape."""

from __future__ import annotations

from typing import Any

from item_examples import example_payload
from makers import (
    FILE_STAMP,
    OTHER,
    STAMP,
    THREAD,
    Cut,
    Pages,
    agent,
    completed,
    content,
    dumps,
    event,
    file_name,
    line,
    message,
    meta,
    says,
    skippable,
    started,
    turn,
    user,
)
from threadlog.core import entry
from threadlog.core.items import EVENTS, PERSISTED_TURN_ITEMS, RESPONSE_ITEMS, SESSION_ITEMS
from threadlog.core.items.event import AgentMessageEvent, ItemCompleted

Json = Any
_MS = 1_767_323_045_678


def _typed_lines() -> list[bytes]:
    """A line of every item type, with the required fields and with all."""
    found = []
    for optional in (False, True):
        for cls in (*EVENTS, *RESPONSE_ITEMS, *SESSION_ITEMS):
            found.append(line(cls.line_type, example_payload(cls, optional=optional)))
        for item in PERSISTED_TURN_ITEMS:
            payload = example_payload(item, optional=optional)
            found.append(event("item_completed", thread_id=THREAD, turn_id="t", item=payload))
    return found


def _written_lines() -> list[bytes]:
    """Lines as our own recorder writes them, numbered and not."""
    item = {"type": "AgentMessage", "id": "a", "content": [{"type": "Text", "text": "\u00e9"}]}
    items = (
        AgentMessageEvent(message="written"),
        ItemCompleted(thread_id=THREAD, turn_id="t", item=item),
    )
    found = []
    for ordinal in (None, 0, 2**63):
        entries = [(_MS, *entry.weigh(each)) for each in items]
        found += entry.encode(entries, ordinal).data.splitlines()
    return found


_TOOLS = [
    line(
        "response_item", {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"}
    ),
    line("response_item", {"type": "function_call_output", "call_id": "c", "output": "o\x1b[0m"}),
    event("exec_command_begin", call_id="c", command=["ls", "-l"], cwd="/desk"),
    event(
        "exec_command_end", call_id="c", exit_code=0, stdout="x", duration={"secs": 1, "nanos": 2}
    ),
    event(
        "patch_apply_end", call_id="p", success=True, changes={"a.py": {"add": {"content": "x"}}}
    ),
    event("token_count", info={"total_token_usage": {"total_tokens": 2**40}}, rate_limits=None),
]
_BARE = [
    dumps({"id": THREAD, "timestamp": STAMP, "instructions": None, "git": {"branch": "b"}}),
    dumps({"record_type": "state", "previous_response_id": None}),
    dumps(message("user", "from before envelopes")),
    dumps({"type": "function_call_output", "call_id": "c", "output": "o"}),
]
_PLAIN = [
    user("\u00e9\u2028\U0001f600"),
    says("user", "a \ud800 b"),
    says("assistant", "yes"),
    line("response_item", message("user", "x"), ordinal=3)[:-1] + b',"metadata":{"a":[1.5,null]}}',
    b'{ "timestamp" : "t", "payload" : {"message" : "m", "type" : "warning"}, "type":"event_msg" }',
    line("from_2030", {"a": {"b": [1, 2.5, None, True]}}),
    event("turn_started", turn_id="t", started_at=1),
    line("compacted", {"message": "short", "replacement_history": [message("user", "kept")]}),
]
LINES: list[bytes] = [*_typed_lines(), *_written_lines(), *_TOOLS, *_BARE, *_PLAIN, meta()]


def _paged() -> list[bytes]:
    pages = Pages(THREAD)
    for name in ("one", "two", "three"):
        pages.turn(name)
    return pages.raws


_GOAL = event("thread_name_updated", thread_id=THREAD, thread_name="a name")
_ROLLED = [*turn("gone"), event("thread_rolled_back", num_turns=1), *turn("kept")]
_SUMMARY = line("compacted", {"message": "all went well"})
_INHERITED = Pages(THREAD, base=Cut(OTHER, 5, 900))
# Lines of whole rollouts.
ROLLOUTS: list[list[bytes]] = [
    [meta(), *turn("one"), *turn("two"), *turn("three")],
    [meta(), started("t"), user("tools"), *_TOOLS, agent("done"), completed("t")],
    [meta(), *turn("one"), _SUMMARY, *turn("two"), _GOAL],
    [meta(), *_ROLLED],
    [meta(history_mode="legacy", git={"branch": "b"}), *_PLAIN, *turn("end")],
    _paged(),
    [*_INHERITED.raws],
    _BARE,
    [meta(), *_typed_lines()[::7]],
    [line("session_meta", {"id": THREAD}), user("the least")],
]

NAMES: list[str] = [
    file_name(),
    file_name() + ".zst",
    file_name(revision=OTHER),
    file_name(THREAD.upper()),
    file_name(stamp="2025-05-07"),
    f"rollout-{THREAD}.jsonl",
    f"rollout-{FILE_STAMP}.jsonl",
    file_name(THREAD.replace("-", "")),
    "rollout-compress-Ab3xYz.tmp",
    file_name() + ".decompress.4711.0.tmp",
    "session_index.jsonl",
]
FOLDERS: list[str] = [
    "sessions/2026/01/02",
    "sessions/+2026/1/2",
    "archived_sessions",
    "sessions",
    "sessions/2026/01/02/deeper",
    "sessions/65536/256/999999999999999999999",
]
# Parts of which names and cursors are put together.
STAMPS: list[str] = [
    *(FILE_STAMP, FILE_STAMP, "2025-05-07", "", "2026-13-02T03-04-05", "2026-02-30T03-04-05"),
    *("2024-02-29T23-59-59", "0000-00-00T00-00-00", "9999-99-99T99-99-99", "2026-01-02T24-00-00"),
    *("2026-01-0\u0662T03-04-05", "\uff12026-01-02T03-04-05", "2026-01-02t03-04-05", "tomorrow"),
]
IDS: list[str] = [
    *(THREAD, THREAD, OTHER, THREAD.upper(), OTHER.title(), THREAD.replace("-", ""), "x", ""),
    *(THREAD[:-1], THREAD + "0", "{" + THREAD + "}", "urn:uuid:" + THREAD, "../" + THREAD),
]
SUFFIXES: list[str] = [".jsonl", ".jsonl", ".jsonl.zst", ".zst", ".JSONL", ".jsonl.tmp", ".jsonl\n"]
ZONES: list[str] = ["Z", "Z", "", "+00:00", "-23:59", "+14:00", "z", "+99:99", "+1:00"]
CURSORS: list[str] = [
    f"{FILE_STAMP}|{THREAD}",
    f"{STAMP}|{THREAD}",
    f"2026-01-02T03:04:05Z|{THREAD}",
    "2026-01-02T03:04:05Z",
    f"2026-01-02T03:04:05.123456789+14:00|{THREAD}",
    "0001-01-01T00:00:00-23:59|x",
    "9999-12-31T23:59:59.999999999Z|sessions/2026/01/02/rollout-x.jsonl",
    f"2026-02-30T25-61-61|{THREAD}",
]
REFERENCES: list[str] = [
    THREAD,
    OTHER,
    THREAD.upper(),
    THREAD.replace("-", ""),
    "{" + THREAD + "}",
    "urn:uuid:" + THREAD,
    THREAD[-8:],
    THREAD[:13],
    "last",
    "a name",
    f"sessions/2026/01/02/{file_name()}",
    f"./sessions/../sessions/2026/01/02/{file_name()}",
    "../outside/rollout-secret.jsonl",
    f"archived_sessions/{file_name(OTHER)}.zst",
    "~/rollout-x.jsonl",
]
SKIPPED: list[bytes] = [skippable(b""), skippable(b"x" * 9), skippable(bytes(5000))]
FILES: list[bytes] = [content(raws) for raws in ROLLOUTS]
