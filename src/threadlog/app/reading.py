"""Reading a JSON value as a kind, refused as serde refuses it: the first wrong thing in it counts.

A kind is a type, a struct, or a type with a note from `kinds`. JSON must have been parsed already.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from threadlog.app.kinds import (
    Choice,
    Defaulted,
    Flat,
    InvalidRequest,
    Tagged,
    Then,
    Untagged,
    Whole,
    Worded,
    elements,
    wrong_length,
    wrong_type,
    wrong_value,
    wrong_variant,
)

Read = Callable[[object], Any]
_ALONE = object()  # for a word without a value


class _Field(NamedTuple):
    name: str
    key: str
    read: Read
    required: bool
    skipped: bool  # an array may end before it
    flat: bool


@cache
def reader(kind: Any) -> Read:
    """What reads values of a kind."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _noted(inner[0], inner[1:])
    if origin in (Union, UnionType):
        (only,) = _alternatives(kind)
        return partial(_optional, reader(only))
    if origin is Literal:
        return partial(_choice, Choice("", tuple((word, None) for word in inner)))
    if origin is list:
        return partial(_sequence, reader(inner[0]))
    if origin is dict:
        return partial(_map, reader(inner[1]))
    if kind in _PLAIN:
        return _PLAIN[kind]
    return partial(_struct, kind, f"struct {kind.__name__}")


def _noted(kind: Any, notes: tuple[object, ...]) -> Read:
    """What reads a kind that has notes; the first ones say how, the others what follows."""
    read: Read | None = None
    for note in notes:
        match note:
            case Then(finish):
                read = partial(_finished, read or reader(kind), finish)
            case Whole():
                read = partial(_whole, note)
            case Worded(expected):
                read = partial(_string, expected)
            case Choice():
                read = partial(_choice, note)
            case Untagged(enum):
                read = partial(_untagged, enum, tuple(map(reader, _alternatives(kind))))
            case Tagged():
                read = partial(_tagged, note, tuple(_alternatives(kind)))
    return read or reader(kind)


def _alternatives(kind: Any) -> list[Any]:
    """The types of a union that stand for a value."""
    inner = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return [each for each in inner if each not in (NoneType, msgspec.UnsetType)]


def _finished(read: Read, finish: Callable[[object], object], value: object) -> object:
    return finish(read(value))


def _optional(read: Read, value: object) -> object:
    return None if value is None else read(value)


def _string(expected: str, value: object) -> str:
    return value if isinstance(value, str) else wrong_type(value, expected)


def _boolean(value: object) -> bool:
    return value if isinstance(value, bool) else wrong_type(value, "a boolean")


def _whole(kind: Whole, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        wrong_type(value, kind.name)
    return value if kind.least <= value <= kind.most else wrong_value(value, kind.name)


def _number(value: object) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    wrong_type(value, "a JSON number")


def _sequence(read: Read, value: object) -> list[object]:
    return list(map(read, value)) if isinstance(value, list) else wrong_type(value, "a sequence")


def _map(read: Read, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        wrong_type(value, "a map")
    return {key: read(each) for key, each in value.items()}


def _unit(value: object) -> None:
    if value is not None and value != {}:
        wrong_type(value, "unit")


def _anything(value: object) -> object:
    return value


_PLAIN: dict[Any, Read] = {
    str: partial(_string, "a string"),
    bool: _boolean,
    float: _number,
    object: _anything,
    NoneType: _unit,
}


def _untagged(enum: str, reads: tuple[Read, ...], value: object) -> object:
    for read in reads:
        try:
            return read(value)
        except InvalidRequest:
            continue
    raise InvalidRequest(f"data did not match any variant of untagged enum {enum}")


def _choice(kind: Choice, value: object) -> object:
    """A word, or the only key of an object, which is its value."""
    variants = dict(kind.variants)
    if isinstance(value, str):
        word, given = value, _ALONE
    elif not isinstance(value, dict):
        wrong_type(value, "string or map")
    elif len(value) == 1:
        ((word, given),) = value.items()
    else:
        wrong_value(value, "map with a single key")
    if word not in variants:
        wrong_variant(word, tuple(variants))
    payload = variants[word]
    if payload is not None:
        return {word: _payload(kind.enum, word, payload, given)}
    if given is not _ALONE:
        _unit(given)
    return word


def _payload(enum: str, word: str, payload: Any, value: object) -> object:
    if value is _ALONE:
        form = "struct" if _is_struct(payload) else "newtype"
        raise InvalidRequest(f"invalid type: unit variant, expected {form} variant")
    if not _is_struct(payload):
        return reader(payload)(value)
    if not isinstance(value, dict | list):
        wrong_type(value, "struct variant")
    return _struct(payload, f"struct variant {enum}::{_variant(word)}", value)


def _tagged(kind: Tagged, shapes: tuple[Any, ...], value: object) -> object:
    """A struct by its `type`; in an array, that is the first element."""
    by_word = {str(each.__struct_config__.tag): each for each in shapes}
    if not isinstance(value, dict | list):
        wrong_type(value, f"internally tagged enum {kind.enum}")
    if not value or (isinstance(value, dict) and "type" not in value):
        raise InvalidRequest("missing field `type`")
    tag = value["type"] if isinstance(value, dict) else value[0]
    word = _tag(kind, tuple(by_word), tag)
    shape = by_word[word]
    variant = f"variant {kind.enum}::{_variant(word)}"
    expected = f"struct {shape.__name__ if kind.newtypes else variant}"
    if isinstance(value, list):
        return _struct(shape, expected, value[1:])
    return _struct(shape, expected, {key: each for key, each in value.items() if key != "type"})


def _tag(kind: Tagged, words: tuple[str, ...], tag: object) -> str:
    """The variant that a tag names, or numbers."""
    if isinstance(tag, str):
        word = dict(kind.aliases).get(tag, tag)
        if word in words:
            return word
        return kind.other or wrong_variant(tag, words)
    if not isinstance(tag, int) or isinstance(tag, bool) or tag < 0:
        wrong_type(tag, "variant identifier")
    if tag < len(words):
        return words[tag]
    return kind.other or wrong_value(tag, f"variant index 0 <= i < {len(words)}")


def _variant(word: str) -> str:
    """The name of a variant in Rust, from its name in JSON."""
    return "".join(part[:1].upper() + part[1:] for part in word.replace("-", "_").split("_"))


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _fields(shape: Any) -> tuple[_Field, ...]:
    hints = get_type_hints(shape, include_extras=True)
    names, keys = shape.__struct_fields__, shape.__struct_encode_fields__
    missing = len(names) - len(shape.__struct_defaults__)
    defaults = (msgspec.NODEFAULT,) * missing + shape.__struct_defaults__
    found = []
    for name, key, default in zip(names, keys, defaults, strict=True):
        notes = getattr(hints[name], "__metadata__", ())
        required = default is msgspec.NODEFAULT
        skipped = Defaulted() in notes or not (required or default is None)
        flat = any(isinstance(note, Flat) for note in notes)
        found.append(_Field(name, key, reader(hints[name]), required, skipped, flat))
    return tuple(found)


def _struct(shape: Any, expected: str, value: object) -> object:
    fields = _fields(shape)
    if isinstance(value, dict):
        return shape(**_from_object(fields, value))
    if not isinstance(value, list) or any(field.flat for field in fields):
        wrong_type(value, expected)
    return shape(**_from_array(fields, expected, value))


def _from_object(fields: tuple[_Field, ...], value: dict[str, object]) -> dict[str, object]:
    by_key = {field.key: field for field in fields if not field.flat}
    given = {}
    for key, each in value.items():
        if (field := by_key.get(key)) is not None:
            given[field.name] = field.read(each)
    for field in by_key.values():
        if field.required and field.name not in given:
            raise InvalidRequest(f"missing field `{field.key}`")
    return given | {field.name: field.read(value) for field in fields if field.flat}


def _from_array(
    fields: tuple[_Field, ...], expected: str, value: list[object]
) -> dict[str, object]:
    """Fields by their places."""
    given = {}
    for place, field in enumerate(fields):
        if place < len(value):
            given[field.name] = field.read(value[place])
        elif not field.skipped:
            wrong_length(place, f"{expected} with {elements(len(fields))}")
    if len(value) > len(fields):
        wrong_length(len(value), f"{elements(len(fields))} in sequence")
    return given
