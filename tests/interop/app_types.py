"""What the TypeScript of the app-server's wire says beyond its JSON schema.

The JSON schema lets a reader accept what older servers wrote; the TypeScript marks with `?` only
what the server may really leave out.  Both are printed by the same binary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = Any
# Each field that can stand in an object, and its type; a trailing `?` of the name: it need not.
Shape = dict[str, str]

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_TYPE = re.compile(r"export type (\w+)(?:<[^>]*>)? = (.*);", re.DOTALL)
_FIELD = re.compile(r'^"?([\w-]+)"?(\??):\s*(.*)$', re.DOTALL)
_OPENING, _CLOSING = "{[(<", "}])>"


class Types:
    """All types below a folder of TypeScript."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.stem: path for path in folder.rglob("*.ts")}
        self._known: dict[str, list[Shape]] = {}

    def shapes(self, name: str) -> list[Shape]:
        """The objects that a type can be; none if it is not all objects."""
        path = self._files.get(name)
        if path is None:
            return []
        if name not in self._known:
            found = _TYPE.search(_COMMENT.sub("", path.read_text()))
            self._known[name] = self._shapes(found[2]) if found else []
        return self._known[name]

    def _shapes(self, text: str) -> list[Shape]:
        text = text.strip()
        for sign, join in (("|", _either), ("&", _both)):
            parts = list(_split(text, sign))
            if len(parts) > 1:
                return join([self._shapes(part) for part in parts])
        if text.startswith("(") and text.endswith(")"):
            return self._shapes(text[1:-1])
        if text.startswith("{") and not text.startswith("{ ["):
            return [_fields(text[1:-1])]
        return self.shapes(text) if text.isidentifier() and text in self._files else []

    def tighten(self, schema: Json, name: str) -> None:
        """Make a JSON schema, and those that it defines, demand what the types do."""
        for each, definition in schema.get("definitions", {}).items():
            self._tighten(definition, each)
        self._tighten(schema, name)

    def _tighten(self, schema: Json, name: str) -> None:
        shapes = self.shapes(name)
        if not shapes or not isinstance(schema, dict):
            return
        variants = schema.get("oneOf") or schema.get("anyOf")
        if not variants:
            if len(shapes) == 1 and "properties" in schema:
                _demand(schema, shapes[0])
            return
        for variant in variants:
            fitting = [shape for shape in shapes if _is_variant(variant, shape)]
            if len(fitting) == 1:
                _demand(variant, fitting[0])


def _demand(schema: Json, shape: Shape) -> None:
    _rename(schema, {name.rstrip("?") for name in shape})
    names = [name for name in shape if not name.endswith("?")]
    schema["required"] = sorted({*schema.get("required", ()), *names})
    for name in shape:
        schema["properties"].setdefault(name.rstrip("?"), True)
    schema.setdefault("additionalProperties", False)


def _rename(schema: Json, known: set[str]) -> None:
    """Call fields as the types do: of some the JSON schema has names that nobody writes."""
    for name in [*schema["properties"]]:
        head, *rest = name.split("_")
        right = head + "".join(map(str.capitalize, rest))
        if name not in known and right in known:
            schema["properties"][right] = schema["properties"].pop(name)
            schema["required"] = [each for each in schema.get("required", ()) if each != name]


def _is_variant(schema: Json, shape: Shape) -> bool:
    """Whether a tag of the schema is that of the shape."""
    if not isinstance(schema, dict):
        return False
    for name, about in schema.get("properties", {}).items():
        values = about.get("enum") if isinstance(about, dict) else None
        if values and len(values) == 1:
            return shape.get(name) == f'"{values[0]}"'
    return False


def _either(parts: list[list[Shape]]) -> list[Shape]:
    return [shape for part in parts for shape in part]


def _both(parts: list[list[Shape]]) -> list[Shape]:
    if not all(parts):
        return []
    joined: list[Shape] = [{}]
    for part in parts:
        joined = [{**left, **right} for left in joined for right in part]
    return joined


def _fields(text: str) -> Shape:
    found = (_FIELD.match(field.strip()) for field in _split(text, ","))
    return {each[1] + each[2]: each[3].strip() for each in found if each}


def _split(text: str, sign: str) -> Iterator[str]:
    """The parts between the signs that stand in no brackets."""
    depth = start = 0
    for at, letter in enumerate(text):
        if letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == sign and not depth:
            yield text[start:at]
            start = at + 1
    if text[start:].strip():
        yield text[start:]
