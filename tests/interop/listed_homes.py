"""A home of many small threads that differ in all that a listing looks at, made from a number."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from interop.codex_process import PROVIDER

Json = Any

# Prime to one another, so that every mixture comes about.
FOLDERS = 5
BRANCHES = 3
_SOURCES: tuple[Json, ...] = (
    *("cli", "vscode", "cli", "exec", "vscode", "mcp"),
    *({"subagent": "review"}, {"subagent": "compact"}, {"subagent": {"other": "guardian"}}),
    {"subagent": {"thread_spawn": {"parent_thread_id": "PARENT", "depth": 1}}},
    {"custom": "of our own"},
)
_PROVIDERS = (PROVIDER, PROVIDER, None, "elsewhere", PROVIDER, PROVIDER, PROVIDER)
_BEGIN = datetime(2026, 3, 1, 22, 0, 0, 250_000, UTC)


def make_threads(home: Path, count: int, tick_ms: int) -> None:
    """Write so many legacy threads: some of one second, some of one time of change, some put away.

    Times of change are *tick_ms* apart.  Names stand in the name file; folders are below the home,
    so that they exist on this machine.
    """
    for number in range(FOLDERS):
        (home / "work" / f"desk {number}").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = _make_thread(home, number)
        set_changed(path, number, tick_ms)
    names = [
        {"id": thread_id(number), "thread_name": f"Named {number}", "updated_at": _text(number)}
        for number in range(0, count, 6)
    ]
    (home / "session_index.jsonl").write_bytes(b"".join(map(_line, names)))


def thread_id(number: int) -> str:
    """The id of a thread: in an order of its own, unlike the one of creation."""
    return f"019c0000-{number * 7919 % 65536:04x}-7000-8000-{number:012x}"


def folder(home: Path, number: int) -> str:
    """Where a thread works."""
    return str(home / "work" / f"desk {number % FOLDERS}")


def _created(number: int) -> datetime:
    """Of each six threads three have a second of their own, the others share one; over two days."""
    seconds = number // 6 * 4 + min(number % 6, 3)
    return _BEGIN + timedelta(seconds=seconds * 61, milliseconds=number % 6 * 7)


def _text(number: int) -> str:
    return _created(number).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(value: Json) -> bytes:
    return json.dumps(value).encode() + b"\n"


def set_changed(path: Path, number: int, tick_ms: int) -> None:
    """Give a file a time of change: in an order of its own, and some the same as others."""
    changed_ns = (1_772_500_000_000 + number * 7919 % 997 // 2 * tick_ms) * 1_000_000
    os.utime(path, ns=(changed_ns, changed_ns))


def _make_thread(home: Path, number: int) -> Path:
    created, archived = _created(number), number % 8 == 5
    below = "archived_sessions" if archived else created.strftime("sessions/%Y/%m/%d")
    name = f"rollout-{created:%Y-%m-%dT%H-%M-%S}-{thread_id(number)}.jsonl"
    path = home / below / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(_line, _lines(home, number))))
    return path


def _lines(home: Path, number: int) -> list[Json]:
    message = f"Question {number}, about {('apples', 'Pears', 'plums')[number % 3]}"
    return [
        _item(number, "session_meta", _metadata(home, number)),
        _item(number, "event_msg", {"type": "user_message", "message": message}),
        _item(number, "event_msg", {"type": "agent_message", "message": f"Answer {number}"}),
    ]


def _item(number: int, kind: str, payload: Json) -> Json:
    return {"timestamp": _text(number), "type": kind, "payload": payload}


def _metadata(home: Path, number: int) -> Json:
    source = json.dumps(_SOURCES[number % len(_SOURCES)]).replace("PARENT", thread_id(0))
    metadata = {
        "id": thread_id(number),
        "timestamp": _text(number),
        "cwd": folder(home, number),
        "originator": "tests",
        "cli_version": "0.0.0",
        "source": json.loads(source),
        "model_provider": _PROVIDERS[number % len(_PROVIDERS)],
    }
    if number % 4:
        metadata["git"] = {
            "branch": f"topic/{number % BRANCHES}",
            "commit_hash": f"{number:040x}",
            "repository_url": f"https://example.com/{number % 2}.git",
        }
    return {key: value for key, value in metadata.items() if value is not None}
