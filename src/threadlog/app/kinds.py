"""The kinds of values that params are made of, beyond Python's own types; and what refuses them.

A field is annotated with its kind; `reading` reads by that. The words are serde's, which Codex
passes on to its clients.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, NamedTuple, NoReturn, TypeVar

# Any JSON, taken as it is.
Json = object

_T = TypeVar("_T")
_LEAST, _MOST = -(2**63), 2**64 - 1  # whole numbers that serde keeps as such


class InvalidRequest(Exception):
    """Params that are refused; the message is what Codex says after "Invalid request: "."""


class Whole(NamedTuple):
    """An integer of one of Rust's types."""

    name: str
    least: int
    most: int


class Worded(NamedTuple):
    """A string that is called otherwise when there is none."""

    expected: str


class Tagged(NamedTuple):
    """A union of structs that their `type` tells apart."""

    enum: str
    other: str | None = None  # the variant that unknown types mean
    aliases: tuple[tuple[str, str], ...] = ()
    newtypes: bool = False  # the structs have names of their own


class Untagged(NamedTuple):
    """A union whose first variant that fits is taken."""

    enum: str


class Choice(NamedTuple):
    """Words, some of which are keys of a single value: it is read as `{word: value}`."""

    enum: str
    variants: tuple[tuple[str, object], ...]  # None: a word alone


class Then(NamedTuple):
    """What becomes of a value that was read; may refuse it."""

    finish: Callable[[object], object]


class Flat(NamedTuple):
    """A field that is read from the keys of the struct it is in."""


class Defaulted(NamedTuple):
    """An optional field that even a struct written as an array may leave out."""


U32 = Annotated[int, Whole("u32", 0, 2**32 - 1)]
U64 = Annotated[int, Whole("u64", 0, 2**64 - 1)]
Usize = Annotated[int, Whole("usize", 0, 2**64 - 1)]
I64 = Annotated[int, Whole("i64", -(2**63), 2**63 - 1)]
PathText = Annotated[str, Worded("path string")]
Omissible = Annotated[_T | None, Defaulted()]


def wrong_type(value: object, expected: str) -> NoReturn:
    """Refuse a value because it is of another type."""
    raise InvalidRequest(f"invalid type: {described(value)}, expected {expected}")


def wrong_value(value: object, expected: str) -> NoReturn:
    """Refuse a value of the right type."""
    raise InvalidRequest(f"invalid value: {described(value)}, expected {expected}")


def wrong_length(length: int, expected: str) -> NoReturn:
    """Refuse an array for what it lacks or has too much."""
    raise InvalidRequest(f"invalid length {length}, expected {expected}")


def wrong_variant(word: str, words: tuple[str, ...]) -> NoReturn:
    """Refuse a word that is none of those known."""
    raise InvalidRequest(unknown_variant(word, words))


def unknown_variant(word: str, words: tuple[str, ...]) -> str:
    """The sentence about a word that is none of those known."""
    known = [f"`{each}`" for each in words]
    listed = " or ".join(known) if len(known) <= 2 else f"one of {', '.join(known)}"
    return f"unknown variant `{word}`, expected {listed}"


def elements(count: int) -> str:
    """So many elements, in words."""
    return f"{count} element{'' if count == 1 else 's'}"


def described(value: object) -> str:
    """What a JSON value is, in serde's words."""
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`" if _LEAST <= value <= _MOST else "map"
        case float():
            return f"floating point `{_decimal(value)}`"
        case str():
            return f"string {_quoted(value)}"
        case list():
            return "sequence"
        case _:
            return "map"


def too_great(value: object) -> str | None:
    """The sentence about the first whole number of 128 bits, wherever in a value it is."""
    rest = [value]
    while rest:
        match rest.pop():
            case int(number) if _MOST < number < 2**128:
                return f"invalid type: integer `{number}` as u128, expected any value"
            case int(number) if -(2**127) <= number < _LEAST:
                return f"invalid type: integer `{number}` as i128, expected any value"
            case dict(inner):
                rest.extend(reversed(inner.values()))
            case list(inner):
                rest.extend(reversed(inner))
    return None


def _decimal(number: float) -> str:
    """A number in the shortest form that reads back as itself, as Rust's zmij writes it."""
    digits, exponent, power = repr(number).partition("e")
    if not exponent:
        return digits
    return format(Decimal(repr(number)), "f") if power == "-05" else f"{digits}e{int(power):+}"


_ESCAPES = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def _quoted(text: str) -> str:
    """A string as Rust shows it to programmers."""
    return '"' + "".join(map(_shown, text)) + '"'


def _shown(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable() and unicodedata.category(char) not in ("Mn", "Me"):
        return char
    return f"\\u{{{ord(char):x}}}"
