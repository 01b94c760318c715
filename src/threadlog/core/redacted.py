"""Values with all their texts redacted: turn items, free JSON, what is known of a thread.

A value that holds nothing to redact is handed back as it is; JSON text of it is looked at first,
which costs much less than looking at each of its texts.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from threadlog.core.redaction import Gate, Redactor
from threadlog.core.redaction_context import NAME_KEYS, VALUE_KEYS
from threadlog.core.redaction_values import LISTED, QUOTED, SPACED, is_many, promises

Value = TypeVar("Value")
# Free JSON that is nested deeper is looked at as one text.
DEPTH_LIMIT = 100
_IMAGE = re.compile(r"data:(?:image|audio)/[\w.+-]{1,40};base64,[A-Za-z0-9+/=_-]*\Z")


def redacted(value: Value, redactor: Redactor, within: Gate | None = None) -> Value:
    """*value* with every text in it redacted, names of mappings too.

    *within* is the gate of what it is a part of, which is known from before.
    """
    data = encoded(value)
    if data is None:
        made: Value = _Walk(redactor, redactor.everything()).value(value, 0)
        return made
    gate = redactor.gate(data) if within is None else redactor.narrowed(within, data)
    return value if gate is None else _Walk(redactor, gate).value(value, 0)


def encoded(value: Any) -> bytes | None:
    """*value* as JSON, for gates; None for what has no JSON."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError):  # half a surrogate pair, or nested too deep
        return None


def _flat(value: Any) -> str:
    try:
        return repr(value)
    except RecursionError:
        return "…"


def _is_one(key: object, keys: tuple[str, ...]) -> bool:
    return isinstance(key, str) and key.lower() in keys


class _Walk:
    def __init__(self, redactor: Redactor, gate: Gate) -> None:
        self._redactor = redactor
        self._gate = gate

    def value(self, value: Any, depth: int, name: str = "", how: str = QUOTED) -> Any:
        """A value; *name* is what it belongs to in a mapping, or behind `--`."""
        if isinstance(value, str):
            return self._text(value, name, how)
        if depth > DEPTH_LIMIT and isinstance(value, (dict, list, tuple)):
            return self._text(_flat(value), "")
        if isinstance(value, msgspec.Struct):
            return self._struct(value, depth)
        if not isinstance(value, (dict, list, tuple)):
            return self._number(value, name) if name and type(value) is int else value
        called = name if promises(name) else ""
        if isinstance(value, dict):
            return self._mapping(value, depth, called)
        return self._list(value, depth, called)

    def _text(self, text: str, name: str, how: str = QUOTED) -> str:
        if len(text) > 100 and text.startswith("data:") and _IMAGE.match(text):
            return text
        if name:
            return self._redactor.value(name, text, self._gate, how)
        return self._redactor.text(text, self._gate)

    def _number(self, value: int, name: str) -> Any:
        """A number, which may be a password."""
        said = str(value)
        made = self._redactor.value(name, said, self._gate, SPACED) if value > 999 else said
        return value if made == said else made

    def _struct(self, value: msgspec.Struct, depth: int) -> Any:
        changed = {}
        for name in value.__struct_fields__:
            old = getattr(value, name)
            new = self.value(old, depth + 1)
            if new is not old:
                changed[name] = new
        return msgspec.structs.replace(value, **changed) if changed else value

    def _mapping(self, value: dict[Any, Any], depth: int, called: str) -> dict[Any, Any]:
        """A mapping; what its value belongs to is told beside that, or is *called* so."""
        many = called if is_many(called) else ""
        names = (each for key, each in value.items() if _is_one(key, NAME_KEYS))
        texts = (name for name in names if isinstance(name, str))
        called = next(filter(promises, texts), called)
        made = {}
        for key, each in value.items():
            own = key if isinstance(key, str) else ""
            name = called if called and _is_one(key, VALUE_KEYS) else own
            how = QUOTED
            if many and not promises(name):
                name, how = many, LISTED
            made[self._text(own, "") if own else key] = self.value(each, depth + 1, name, how)
        same = all(each is value.get(key) for key, each in made.items())
        return value if same and len(made) == len(value) else made

    def _list(self, values: list[Any] | tuple[Any, ...], depth: int, called: str) -> Any:
        """A list; of the words of a command one that stands behind `--password` is named by it.

        What is *called* so all together may be one of a header's values, and of two texts one may
        name the other.  Texts side by side are looked at as one text too: a name, or a command with
        its options, and what belongs to it.
        """
        before, made = "", []
        for each in values:
            text = each if isinstance(each, str) else ""
            name, how = called, LISTED
            if before.startswith("--") and not text.startswith("--"):
                name, how = before[2:], QUOTED
            elif len(values) == 2 and promises(before):
                name = before
            made.append(self.value(each, depth + 1, name, how))
            before = text
        if len(made) > 1 and all(isinstance(each, str) for each in made):
            made = self._redactor.words(made, self._gate)
            if any(each.endswith("\n") for each in made):
                made = self._redactor.words(made, self._gate, "")
        if all(new is old for new, old in zip(made, values, strict=True)):
            return values
        return tuple(made) if isinstance(values, tuple) else made
