"""Params for requests, right and wrong, made by chance from what the app-server's structs say."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from threadlog.app.kinds import Choice, Flat, Tagged, Whole
from threadlog.app.params import PARAMS, NoParams

Json = Any

NOBODY = "00000000-0000-7000-8000-000000000000"  # a thread that is none
TEXTS = (
    "",
    "x",
    "/tmp",
    "text",
    "type",
    "é\u0301\u00a0\x7f",
    'a "b"\n\\',
    "`",
    "custom",
    "granular",
)
WRONG: tuple[Json, ...] = (
    *(None, True, False, 0, 7, -1, 2**31, 2**32, 2**63, -(2**63), 2**64, -(2**63) - 1),
    *(0.5, 1.0, -0.0, 1e300, 2.5e-10, *TEXTS),
    *([], [1], ["x"], [[]], [{}], [None], ["x", "y", "z"]),
    *({}, {"x": 1}, {"type": "x"}, {"type": 1}, {"type": None}, {"a": None, "b": None}, {"": []}),
)


class Maker:
    """Makes values of a kind; now and then something else stands where a value should."""

    def __init__(self, rng: random.Random, wrongness: float) -> None:
        self._rng = rng
        self._wrongness = wrongness

    def params(self, method: str) -> Json:
        """The params of a request."""
        kind = PARAMS[method]
        return self.value(NoneType if kind is NoParams else kind)

    def value(self, kind: Any) -> Json:
        """A value of this kind, or not."""
        if self._rng.random() < self._wrongness:
            return self._rng.choice(WRONG)
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._noted(inner[0], inner[1:])
        if origin in (Union, UnionType):
            return self.value(self._rng.choice(inner))
        if origin is list:
            return [self.value(inner[0]) for _ in range(self._rng.choice((0, 1, 1, 2)))]
        if origin is dict:
            return {key: self.value(inner[1]) for key in self._rng.sample(TEXTS, 2)}
        if origin is Literal:
            return self._rng.choice(inner)
        return self._plain(kind)

    def _plain(self, kind: Any) -> Json:
        if kind in _ABSENT:
            return None
        if kind is bool:
            return self._rng.random() < 0.5
        if kind is str:
            return self._rng.choice(TEXTS)
        if kind is float:
            return self._rng.choice((1, 1.5))
        if kind is object:
            return self._rng.choice(WRONG)
        return self._struct(kind, {})

    def _noted(self, kind: Any, notes: tuple[object, ...]) -> Json:
        for note in notes:
            match note:
                case Whole(_, least, most):
                    return self._rng.choice((least, most, 1, 50))
                case Choice(variants=variants):
                    word, payload = self._rng.choice(variants)
                    return word if payload is None else {word: self.value(payload)}
                case Tagged():
                    shape = self._rng.choice(get_args(kind) or (kind,))
                    return self._struct(shape, {"type": shape.__struct_config__.tag})
        return self.value(kind)

    def _struct(self, shape: Any, beginning: dict[str, Json]) -> Json:
        """As an object, the keys in any order; seldom as an array."""
        made = list(beginning.items())
        hints = get_type_hints(shape, include_extras=True)
        for field in msgspec.structs.fields(shape):
            kind = hints[field.name]
            if not field.required and self._rng.random() < 0.6:
                continue
            if self._rng.random() < self._wrongness:
                continue
            if any(isinstance(note, Flat) for note in getattr(kind, "__metadata__", ())):
                flat = self.value(kind)
                made += flat.items() if isinstance(flat, dict) else ()
            elif field.name.endswith("thread_id"):
                made.append((field.encode_name, self.value(Literal[NOBODY])))
            else:
                made.append((field.encode_name, self.value(kind)))
        if self._rng.random() < self._wrongness:
            return [value for _, value in made]
        if self._rng.random() < 0.2:
            made.append(("unheardOf", self._rng.choice(WRONG)))
        self._rng.shuffle(made)
        return dict(made)


_ABSENT = (NoneType, msgspec.UnsetType)


def each_field() -> Iterator[tuple[str, Json]]:
    """Every field of params with every wrong value, and its method; of the others those needed."""
    for method, kind in _structs():
        whole = _least(kind)
        needed = {
            field.encode_name: whole[field.encode_name]
            for field in msgspec.structs.fields(kind)
            if field.required
        }
        for key in whole:
            for wrong in WRONG:
                yield method, {**needed, key: wrong}


def each_beginning() -> Iterator[tuple[str, Json]]:
    """Params as arrays, from one that says nothing to one that says too much."""
    for method, kind in _structs():
        whole = [*_least(kind).values(), None]
        for length in range(len(whole) + 1):
            yield method, whole[:length]


def _structs() -> Iterator[tuple[str, Any]]:
    for method, kind in PARAMS.items():
        if isinstance(kind, type) and kind is not NoParams:
            yield method, kind


def _least(kind: Any) -> dict[str, Json]:
    """All fields, with values that say as little as they can."""
    calm, hints = Maker(random.Random(0), 0), get_type_hints(kind, include_extras=True)
    whole: dict[str, Json] = {}
    for field in msgspec.structs.fields(kind):
        if not field.required:
            whole[field.encode_name] = False if field.default is False else None
        elif field.name.endswith("thread_id"):
            whole[field.encode_name] = NOBODY
        else:
            whole[field.encode_name] = calm.value(hints[field.name])
    return whole
