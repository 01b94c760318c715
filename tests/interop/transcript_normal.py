"""Transcripts made comparable: what must differ between two runs is replaced by what it is.

- the id of a thread or a turn by the step that it was first seen in; other ids by `<id>`;
- times and how long something took by `<time>`, in texts by `<moment>`, in paths by `<day>`;
- the folders of the run by `<home>`, `<work>`, `<user>`; processes, versions, user agents;
- the ids of items by `<item>`, the numbers of a cursor by `<n>`.

Notifications of kinds that only Codex sends are left out (`DROPPED`), as is a status that a thread
had been told to have (Codex tells some twice, now and then).  Those about one thread keep their
order; how they come between those about others is not compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from interop.app_client import Message
from interop.transcript_play import Taken

Json = Any

DROPPED = {
    "account/rateLimits/updated",
    "account/updated",
    "remoteControl/status/changed",
    "thread/readState/changed",
}
_STATUS = "thread/status/changed"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d(\.\d+)?Z?")
_DAY = re.compile(r"sessions/\d{4}/\d\d/\d\d/")
_ORDINAL = re.compile(r'("rolloutOrdinal":)\d+')
_ITEM_ID = re.compile(r'("itemId":)"[^"]*"')
_TIME = re.compile(r"(At|AtMs|durationMs|timeUsedSeconds)$")
_THREADS = {"threadId", "sessionId", "forkedFromId", "parentThreadId", "reviewThreadId"}
_TURNS = {"turnId", "rootTurnId"}
_NAMED = {"cliVersion": "<version>", "userAgent": "<user agent>", "processId": "<process>"}


class Seen(NamedTuple):
    """What came of a step, comparable: the answer, and notifications by the thread they concern."""

    step: str
    answer: Json
    notes: dict[str, list[Json]]


class Names:
    """What the ids of a transcript are called."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._names: dict[str, str] = {}
        self._given: set[str] = set()

    def learn(self, value: Json, step: str) -> None:
        """Call every thread and turn in a message by its step."""
        for kind, found in _ids(value):
            if found not in self._names and _UUID.fullmatch(found):
                self._names[found] = self._unused(f"{kind} of {step}")

    def of(self, found: str) -> str:
        """The name of an id."""
        return f"<{self._names.get(found, 'id')}>"

    def text(self, text: str) -> str:
        """A text with all that differs replaced."""
        for name in ("codex", "work", "user"):
            mark = "home" if name == "codex" else name
            text = text.replace(f"{self._folder}/{name}", f"<{mark}>")
        text = _DAY.sub("sessions/<day>/", _MOMENT.sub("<moment>", text))
        text = _ITEM_ID.sub(r'\1"<item>"', _ORDINAL.sub(r"\1<n>", text))
        return _UUID.sub(lambda found: self.of(found[0]), text)

    def _unused(self, name: str) -> str:
        number = 1
        while name in self._given:
            number += 1
            name = f"{name.partition(', no.')[0]}, no. {number}"
        self._given.add(name)
        return name


def normal(taken: list[Taken], folder: Path) -> list[Seen]:
    """A transcript of a run in a folder, comparable with others."""
    names = Names(folder)
    return [_seen(each, names) for each in taken]


def _seen(taken: Taken, names: Names) -> Seen:
    step, answer, told = taken
    told = tuple(note for note in told if note["method"] not in DROPPED)
    for message in (answer, *told):
        names.learn(message, step.name)
    notes: dict[str, list[Json]] = {}
    for note in told:
        thread = str(note["params"].get("threadId") or note["params"].get("thread", {}).get("id"))
        told_of = names.of(thread) if thread != "None" else "none"
        comparable = {"method": note["method"], "params": _normal(note["params"], names, "")}
        before = notes.setdefault(told_of, [])
        if comparable["method"] != _STATUS or before[-1:] != [comparable]:
            before.append(comparable)
    body = {name: value for name, value in answer.items() if name != "id"}
    return Seen(step.name, _normal(body, names, ""), notes)


def _normal(value: Json, names: Names, field: str) -> Json:
    if isinstance(value, dict):
        if "itemsView" not in value and isinstance(value.get("type"), str) and "id" in value:
            value = {**value, "id": "<item>"}
        return {names.text(key): _normal(each, names, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_normal(each, names, field) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if field in _NAMED:
        return _NAMED[field]
    if field == "itemId":
        return "<item>"
    if isinstance(value, (int, float)):
        return "<time>" if _TIME.search(field) else value
    return names.text(str(value))


def _ids(value: Json, field: str = "") -> Iterator[tuple[str, str]]:
    """The ids of threads and turns in a message, with what they are of."""
    if isinstance(value, list):
        for each in value:
            yield from _ids(each, field)
    if not isinstance(value, dict):
        return
    if isinstance(value.get("id"), str) and ("cliVersion" in value or "itemsView" in value):
        yield ("thread" if "cliVersion" in value else "turn"), value["id"]
    for key, each in value.items():
        if isinstance(each, str) and key in _THREADS | _TURNS:
            yield ("thread" if key in _THREADS else "turn"), each
        else:
            yield from _ids(each, key)


def kind_of(note: Message) -> str:
    """What a notification is: its method, the type of its item."""
    item = note["params"].get("item")
    return f"{note['method']}:{item['type']}" if isinstance(item, dict) else str(note["method"])
