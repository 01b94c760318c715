"""Payloads of every item class, made from the types of its fields."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec


def example_payload(cls: type[msgspec.Struct], *, optional: bool) -> dict[str, Any]:
    """What a line of this class holds: its required fields, or all that it knows."""
    tag = cls.__struct_config__.tag
    payload: dict[str, Any] = {} if tag is None else {"type": tag}
    for field in msgspec.structs.fields(cls):
        if field.required or optional:
            payload[field.encode_name] = _example(field.type, optional=optional)
    return payload


def _example(kind: Any, *, optional: bool) -> Any:
    """Some value of the type *kind* that is not a default."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _example(arguments[0], optional=optional)
    if origin is tuple:
        return [_example(arguments[0], optional=optional)]
    if origin is dict:
        return {"key": _example(arguments[1], optional=optional)}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return example_payload(kind, optional=optional)
    examples: dict[Any, Any] = {str: "text", int: 7, bool: True, float: 1.5}
    return examples.get(kind, {"any": [1]})
