"""Requests to an app-server by the thousand: of the right shape with odd values, and of odd shapes.

All chances come from one seed; what there is to ask about, threads and turns, is told anew.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from interop.app_schema import AppSchema

Json = Any
T = TypeVar("T")

# What Codex itself may be sent on a machine that matters: nothing that runs, writes outside of its
# home, logs in, installs, or goes on by itself.
HARMLESS = (
    "account/read",
    "collaborationMode/list",
    "experimentalFeature/list",
    "model/list",
    "modelProvider/list",
    "permissionProfile/list",
    "review/start",
    "thread/archive",
    "thread/compact/start",
    "thread/delete",
    "thread/fork",
    "thread/goal/clear",
    "thread/goal/get",
    "thread/inject_items",
    "thread/items/list",
    "thread/items/read",
    "thread/list",
    "thread/loaded/list",
    "thread/memoryMode/set",
    "thread/metadata/update",
    "thread/name/set",
    "thread/read",
    "thread/resume",
    "thread/revert",
    "thread/search",
    "thread/searchOccurrences",
    "thread/start",
    "thread/timeline/list",
    "thread/turns/list",
    "thread/unarchive",
    "thread/unsubscribe",
    "turn/interrupt",
    "turn/start",
    "turn/steer",
)
# What those about threads are mixed with, of ours: every method that there is, one time in so many.
_ANY_METHOD, _UNKNOWN_METHOD, _BROKEN, _FAITHFUL = 0.2, 0.02, 0.2, 0.9
_OPTIONAL, _DEEPEST = 0.25, 6

_TEXTS = (
    "",
    " ",
    "x",
    "nope",
    "question",
    "Ünïcödé \u2028\u2029",
    "\x00",
    "\ud83d\ude00 \U0001f600",
    "a\nb\r\nc\td",
    "%s%n{}[]\"'\\",
    "../../../etc/passwd",
    "/nope/nowhere.jsonl",
    "-1",
    "null",
    "\x1b[31m",
    "é" * 5_000,
    "0" * 36,
    "01a2185c-8724-7343-8985-969e3be79518",
    "01A2185C-8724-7343-8985-969E3BE79518",
    "urn:uuid:01a2185c-8724-7343-8985-969e3be79518",
    "01a2185c8724734389858969e3be79518",
    "2026-11-26T15:00:00Z",
    "2026-11-26T15:00:00Z|01a2185c-8724-7343-8985-969e3be79518",
    '{"turnId":"x","includeAnchor":false}',
)
_DEVICES = ("/dev/zero", "/dev/stdin", "/proc/self/mem", "/", ".", "~", "\x00/x")
_NUMBERS = (0, 1, 2, 5, 100, -1, 2**31, 2**32, -(2**63), 2**63 - 1, 2**64, 10**30, 1.5, -0.0, 1e308)
_ITEMS = (
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "x"},
    {"type": "reasoning", "summary": [], "encrypted_content": "eA=="},
    {"type": "message", "role": "user", "content": "x"},
    {"type": "nonsense"},
)


class Known(NamedTuple):
    """What there is to ask about."""

    turns: Mapping[str, str] = MappingProxyType({})  # of each thread, one
    paths: tuple[str, ...] = ()


class Asked(NamedTuple):
    """A request: its id, and whether an answer may be expected at all."""

    id: Json
    method: str
    message: dict[str, Json]


class Requests:
    """An endless row of requests, by a schema and a seed."""

    def __init__(self, schema: AppSchema, seed: int, *, harmless: bool) -> None:
        self._schema, self._harmless = schema, harmless
        self._random = random.Random(seed)
        self._methods = tuple(schema.requests)
        self._texts = _TEXTS if harmless else (*_TEXTS, *_DEVICES)
        self._count = 0
        self._thread = ""  # that the request is about, mostly
        self.known = Known()

    def __iter__(self) -> Iterator[Asked]:
        while True:
            yield self._next()

    def _next(self) -> Asked:
        method = self._method()
        self._thread = self._pick(tuple(self.known.turns) or self._texts)
        message: dict[str, Json] = {"id": self._id(), "method": method}
        request = self._schema.requests.get(method)
        params = self._value(request.params, 0) if request else self._anything(0)
        if self._chance(_BROKEN):
            params = self._broken(params)
        if params is not None or self._chance(0.5):
            message["params"] = params
        if self._chance(0.02):
            message["jsonrpc"] = "2.0"
        return Asked(message["id"], method, message)

    def _method(self) -> str:
        if self._chance(_UNKNOWN_METHOD):
            return self._pick(("", "nonsense", "thread/", "thread/rollback", "initialize", "\x00"))
        if not self._harmless and self._chance(_ANY_METHOD):
            return self._pick(self._methods)
        return self._pick(HARMLESS)

    def _id(self) -> Json:
        """An id that no other request has."""
        self._count += 1
        form = self._pick(("{}", "r-{}", "ü{}", "", ""))
        if form:
            return form.format(self._count)
        return self._count * self._pick((1, 1, -1, 2**32))

    # -- values that fit a schema, mostly

    def _value(self, schema: Json, depth: int, field: str = "") -> Json:
        if field == "items" and schema is True:
            return self._pick(_ITEMS)
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return self._anything(depth)
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            return self._value(self._schema.definitions[name], depth, field)
        if "enum" in schema:
            return self._pick(schema["enum"])
        for several in ("oneOf", "anyOf", "allOf"):
            if several in schema:
                return self._value(self._pick(schema[several]), depth, field)
        kind = schema.get("type", "")
        kind = self._pick(kind) if isinstance(kind, list) else kind
        return self._of_kind(kind, schema, depth, field)

    def _of_kind(self, kind: str, schema: Json, depth: int, field: str) -> Json:
        makers: dict[str, Callable[[], Json]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, depth, field),
            "string": lambda: self._text(field),
            "integer": self._integer,
            "number": self._integer,
            "boolean": lambda: self._chance(0.5),
            "null": lambda: None,
        }
        maker = makers.get(kind)
        return maker() if maker else self._anything(depth)

    def _object(self, schema: Json, depth: int) -> Json:
        fields = schema.get("properties", {})
        required = schema.get("required", ())
        made = {
            name: self._value(each, depth + 1, name)
            for name, each in fields.items()
            if name in required or self._chance(_OPTIONAL)
        }
        more = schema.get("additionalProperties")
        if isinstance(more, dict) and not self._harmless:
            made.update({self._text(""): self._value(more, depth + 1) for _ in range(2)})
        return made

    def _array(self, schema: Json, depth: int, field: str) -> Json:
        length = self._pick((0, 1, 1, 2, 3))
        return [self._value(schema.get("items"), depth + 1, field) for _ in range(length)]

    def _text(self, field: str) -> str:
        if self._chance(_FAITHFUL):
            if field == "threadId":
                return self._thread
            if field.endswith(("TurnId", "turnId")):
                return self.known.turns.get(self._thread, "")
            if field in ("path", "cwd") and self.known.paths:
                return self._pick(self.known.paths)
        return self._pick(self._texts)

    def _integer(self) -> Json:
        return self._random.randint(0, 60) if self._chance(0.7) else self._pick(_NUMBERS)

    # -- values that do not

    def _anything(self, depth: int) -> Json:
        kind = self._random.randrange(7 if depth < _DEEPEST else 5)
        if kind == 5:
            return [self._anything(depth + 1) for _ in range(self._random.randrange(3))]
        if kind == 6:
            return {self._pick(self._texts): self._anything(depth + 1) for _ in range(2)}
        return (None, True, self._pick(_NUMBERS), self._pick(self._texts), 0)[kind]

    def _broken(self, params: Json) -> Json:
        """The same with a field taken out, added, or of another type."""
        params = copy.deepcopy(params)
        place = params
        while isinstance(place, dict) and place:
            name = self._pick(tuple(place))
            if isinstance(place[name], dict) and place[name] and self._chance(0.6):
                place = place[name]
                continue
            break
        if not isinstance(place, dict) or not place or self._chance(0.05):
            return self._anything(0)
        how = self._random.randrange(3)
        if how == 0:
            del place[name]
        elif how == 1:
            place[name] = self._anything(0)
        else:
            place[self._pick(self._texts)] = self._anything(0)
        return params

    def _pick(self, several: Sequence[T]) -> T:
        return self._random.choice(several)

    def _chance(self, of: float) -> bool:
        return self._random.random() < of
