"""Values with all their texts redacted: turn items, free JSON, what is known of a thread.

A value that holds nothing to redact is handed back as it is; JSON text of it is looked at first,
which costs much less than looking at each of its texts.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from threadlog.core.redaction import Gate, Redactor

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


class _Walk:
    def __init__(self, redactor: Redactor, gate: Gate) -> None:
        self._redactor = redactor
        self._gate = gate

    def value(self, value: Any, depth: int, name: str = "") -> Any:
        """A value; *name* is what it belongs to in a mapping, or behind `--`."""
        if isinstance(value, str):
            return self._text(value, name)
        if depth > DEPTH_LIMIT and isinstance(value, (dict, list, tuple)):
            return self._text(_flat(value), "")
        if isinstance(value, msgspec.Struct):
            return self._struct(value, depth)
        if isinstance(value, dict):
            return self._mapping(value, depth)
        if isinstance(value, (list, tuple)):
            return self._list(value, depth)
        return value

    def _text(self, text: str, name: str) -> str:
        if len(text) > 100 and text.startswith("data:") and _IMAGE.match(text):
            return text
        if name:
            return self._redactor.value(name, text, self._gate)
        return self._redactor.text(text, self._gate)

    def _struct(self, value: msgspec.Struct, depth: int) -> Any:
        changed = {}
        for name in value.__struct_fields__:
            old = getattr(value, name)
            new = self.value(old, depth + 1)
            if new is not old:
                changed[name] = new
        return msgspec.structs.replace(value, **changed) if changed else value

    def _mapping(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        made = {}
        for key, each in value.items():
            name = key if isinstance(key, str) else ""
            made[self._text(name, "") if name else key] = self.value(each, depth + 1, name)
        same = all(each is value.get(key) for key, each in made.items())
        return value if same and len(made) == len(value) else made

    def _list(self, values: list[Any] | tuple[Any, ...], depth: int) -> Any:
        """A list; of the words of a command one that stands behind `--password` is named by it."""
        before, made = "", []
        for each in values:
            name = before[2:] if before.startswith("--") else ""
            made.append(self.value(each, depth + 1, name))
            before = each if isinstance(each, str) else ""
        if all(new is old for new, old in zip(made, values, strict=True)):
            return values
        return tuple(made) if isinstance(values, tuple) else made
