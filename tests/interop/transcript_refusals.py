"""The part of the transcripts' script that needs no thread: handshakes, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

from interop.transcript_steps import CUSTOM, Json, Step, ask

_NOBODY = "01a2185c-8724-7343-8985-969e3be79518"  # an id of no thread


def handshake() -> Iterator[Step]:
    """What is said first, and what must not be."""
    info = {"name": "threadlog_tests", "title": "threadlog tests", "version": "1"}
    yield ask("a request before the handshake", "thread/list")
    yield ask("an unknown one before it", "nonsense")
    yield ask("initialize with nothing", "initialize")
    yield ask("initialize without a version", "initialize", clientInfo={"name": "x"})
    full = {"clientInfo": info, "capabilities": {"experimentalApi": True}}
    yield ask("initialize", "initialize", **full)
    yield ask("initialize twice", "initialize", **full)
    yield Step("initialized", "initialized", None, notify=True)


def without_threads() -> Iterator[Step]:
    """Questions to a new home."""
    yield ask("no threads", "thread/list")
    yield ask("none loaded", "thread/loaded/list")
    yield ask("models", "model/list")
    yield ask("account", "account/read")
    yield ask("cursor of loaded ones", "thread/loaded/list", cursor="x")


def refused() -> Iterator[Step]:
    """Parameters that do not fit, and threads that are not there."""
    yield ask("unknown method", "nonsense")
    yield ask("a method of old", "thread/rollback", threadId=_NOBODY, numTurns=1)
    yield Step("no params", "thread/read", None)
    yield Step("params of a list", "thread/read", [])
    yield Step("params of a text", "thread/read", "x")
    bad: dict[str, tuple[str, dict[str, Json]]] = {
        "no id": ("thread/read", {}),
        "id of a number": ("thread/read", {"threadId": 5}),
        "id of null": ("thread/read", {"threadId": None}),
        "flag of a text": ("thread/read", {"threadId": "x", "includeTurns": "yes"}),
        "negative limit": ("thread/list", {"limit": -1}),
        "limit of a fraction": ("thread/list", {"limit": 1.5}),
        "limit of a text": ("thread/list", {"limit": "x"}),
        "huge limit": ("thread/list", {"limit": 99_999_999_999}),
        "limit of a flag": ("thread/list", {"limit": True}),
        "unknown sort key": ("thread/list", {"sortKey": "bogus"}),
        "sort key of a number": ("thread/list", {"sortKey": 5}),
        "folder of a number": ("thread/list", {"cwd": 5}),
        "unknown source": ("thread/list", {"sourceKinds": ["bogus"]}),
        "sources of a text": ("thread/list", {"sourceKinds": "cli"}),
        "providers of numbers": ("thread/list", {"modelProviders": [5]}),
        "cursor of a map": ("thread/list", {"cursor": {}}),
        "bad cursor": ("thread/list", {"cursor": "x"}),
        "unknown field": ("thread/list", {"unknown": 1}),
        "unknown policy": ("thread/start", {"approvalPolicy": "bogus"}),
        "unknown sandbox": ("thread/start", {"sandbox": "bogus"}),
        "config of a number": ("thread/start", {"config": 5}),
        "unknown mode": ("thread/start", {"historyMode": "bogus"}),
        "unknown memory mode": ("thread/memoryMode/set", {"threadId": "x", "mode": "y"}),
        "empty search": ("thread/search", {"searchTerm": ""}),
        "input of a text": ("turn/start", {"threadId": "x", "input": "text"}),
        "input of unknown type": ("turn/start", {"threadId": "x", "input": [{"type": "bogus"}]}),
        "input of no type": ("turn/start", {"threadId": "x", "input": [{"text": "bogus"}]}),
        "input without its text": ("turn/start", {"threadId": "x", "input": [{"type": "text"}]}),
    }
    for name, (method, params) in bad.items():
        yield Step(f"bad: {name}", method, params)
    for method, more in _OF_A_THREAD.items():
        for kind, thread in (("no id", "x"), ("short id", "0123"), ("nobody", _NOBODY)):
            yield Step(f"{method}, {kind}", method, {"threadId": thread, **more})
    metadata: dict[str, Json] = {"nothing": {}, "empty": {"gitInfo": {}}}
    metadata["blank"] = {"gitInfo": {"branch": " "}}
    for kind, more in metadata.items():
        params = {"threadId": _NOBODY, **more}
        yield Step(f"metadata: {kind}", "thread/metadata/update", params)


_OF_A_THREAD: dict[str, dict[str, Json]] = {
    "thread/read": {},
    "thread/resume": {},
    "thread/fork": {},
    "thread/archive": {},
    "thread/unarchive": {},
    "thread/delete": {},
    "thread/name/set": {"name": "x"},
    "thread/metadata/update": {"gitInfo": {"branch": "x"}},
    "thread/memoryMode/set": {"mode": "disabled"},
    "thread/unsubscribe": {},
    "thread/turns/list": {},
    "thread/items/list": {},
    "thread/compact/start": {},
    "thread/inject_items": {"items": []},
    "thread/goal/set": {"objective": "x"},
    "thread/goal/get": {},
    "thread/goal/clear": {},
    "thread/revert": {"beforeTurnId": "x"},
    "turn/start": {"input": []},
    "turn/steer": {"input": [], "expectedTurnId": "x"},
    "turn/interrupt": {"turnId": "x"},
    "review/start": {"target": CUSTOM},
}
