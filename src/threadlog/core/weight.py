"""What a typed item weighs while it waits, in bytes, about; and whether it must be encoded at once.

Made once for each class from its declared fields, since it runs in the agent's own loop.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from threadlog.core.items import TurnItem, UntypedItem
from threadlog.core.items.event import ItemCompleted

# What a line weighs beside its texts: its envelope, ids and numbers.
LINE_BYTES = 256
# Fields whose texts can be long; they are counted, all others are in LINE_BYTES.
_LONG = frozenset(
    [
        *("text", "message", "arguments", "output", "input", "content", "encrypted_content"),
        *("image_url", "audio_url", "images", "local_images", "result", "stdout", "stderr"),
        *("aggregated_output", "formatted_output", "summary", "last_agent_message", "prompt"),
        *("user_instructions", "developer_instructions", "delta", "unified_diff"),
    ]
)
# None says that an item holds what can change later, and is to be encoded at once.
Weigh = Callable[[Any], int | None]
_Get = Callable[[Any], tuple[Any, ...]]
# The one long text that most items of a class have, where there are several fields for some.
_USUAL = ("text", "message", "arguments", "output", "input", "content", "encrypted_content")


class _Plan(NamedTuple):
    """What to look at in items of one class; None where there is nothing of the kind."""

    get_held: _Get | None  # what can change later: free JSON, and dicts
    unset: tuple[Any, ...]
    get_long: _Get | None
    get_free: _Get | None


_known_hints: dict[type[Any], dict[str, Any]] = {}
_plans: dict[type[Any], _Plan] = {}
_weighers: dict[type[Any], Weigh] = {}


def weigher_of(cls: type[Any]) -> Weigh:
    """What weighs items of a class."""
    weigher = _weighers.get(cls)
    if weigher is None:
        weigher = _weighers[cls] = _make_weigher(cls)
    return weigher


def free_values(item: Any) -> list[Any]:
    """What an item, and the pieces it is made of, hold that may be JSON of any shape."""
    plan = _plans.get(type(item)) or _plan_of(type(item))
    values = [] if plan.get_free is None else [*plan.get_free(item)]
    if plan.get_long is None:
        return values
    for value in plan.get_long(item):
        if value is None or type(value) is str:
            continue
        for piece in value if type(value) is tuple else (value,):
            if type(piece) in _weighers or isinstance(piece, msgspec.Struct):
                values += free_values(piece)
            elif type(piece) is not str:
                values.append(piece)
    return values


def held_fields(cls: type[Any]) -> tuple[str, ...]:
    """The fields of a class that hold free JSON, but for turn items, which are typed."""
    return () if cls in (UntypedItem, ItemCompleted) else tuple(_fields(cls)[0])


def weigher_of_rest(cls: type[Any]) -> Weigh:
    """What weighs the items of a class without those fields."""
    _held, long = _fields(cls)
    if not long:
        return lambda _item: LINE_BYTES
    usual = next((name for name in _USUAL if name in long), min(long))
    plan = _plan_of(cls)._replace(get_held=None)
    return _weigher_of_one(usual, long, _weigher_of_texts(plan))


def _plan_of(cls: type[Any]) -> _Plan:
    plan = _plans.get(cls)
    if plan is None:
        held, long = _fields(cls)
        hints = _hints(cls)
        free = {name: unset for name, unset in held.items() if _is_free(hints[name])}
        plan = _Plan(_getter(held), tuple(held.values()), _getter(long), _getter(free))
        _plans[cls] = plan
    return plan


def _fields(cls: type[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that can change later, and those with long texts, with their defaults."""
    hints, defaults = _hints(cls), _defaults(cls)
    held = {name: unset for name, unset in defaults.items() if _can_change(hints[name])}
    names = _LONG.difference(held)
    return held, {name: unset for name, unset in defaults.items() if name in names}


def _hints(cls: type[Any]) -> dict[str, Any]:
    """The types of a class's fields: to work them out takes longer than all else here."""
    hints = _known_hints.get(cls)
    if hints is None:
        hints = _known_hints[cls] = typing.get_type_hints(cls)
    return hints


def _defaults(cls: type[Any]) -> dict[str, Any]:
    """The fields of a class with what they hold unless given; NODEFAULT where that is required."""
    names, defaults = cls.__struct_fields__, cls.__struct_defaults__
    missing = (msgspec.NODEFAULT,) * (len(names) - len(defaults))
    return dict(zip(names, map(_made, (*missing, *defaults)), strict=True))


def _make_weigher(cls: type[Any]) -> Weigh:
    if cls is UntypedItem:
        return lambda _item: None
    if cls is ItemCompleted:
        return _weigh_completed
    held, long = _fields(cls)
    if msgspec.NODEFAULT in held.values():
        return lambda _item: None
    if long:
        usual = next((name for name in _USUAL if name in long), min(long))
        return _weigher_of_one(usual, {**held, **long}, _weigher_of_texts(_plan_of(cls)))
    if held:
        get_held, unset = _look_at(held)
        return lambda item: LINE_BYTES if get_held(item) == unset else None
    return lambda _item: LINE_BYTES


def _weigher_of_one(usual: str, looked_at: dict[str, Any], thorough: Weigh) -> Weigh:
    """Quick where nothing but the usual text is set; else the thorough one answers."""
    get_usual = attrgetter(usual)
    del looked_at[usual]
    if not looked_at:

        def weigher_of_text(item: Any) -> int | None:
            text = get_usual(item)
            return LINE_BYTES + len(text) if type(text) is str else thorough(item)

        return weigher_of_text
    get_rest, unset = _look_at(looked_at)

    def weigher(item: Any) -> int | None:
        if get_rest(item) == unset:
            text = get_usual(item)
            if type(text) is str:
                return LINE_BYTES + len(text)
        return thorough(item)

    return weigher


def _weigh_completed(item: ItemCompleted) -> int | None:
    """A typed turn item stands where free JSON does."""
    inner = item.item
    weight = weigher_of(type(inner))(inner) if isinstance(inner, TurnItem) else None
    return None if weight is None else weight + LINE_BYTES


def _weigher_of_texts(plan: _Plan) -> Weigh:
    get_held, unset, get_long, _get_free = plan
    assert get_long is not None

    def weigher(item: Any) -> int | None:
        if get_held is not None and get_held(item) != unset:
            return None
        weight = LINE_BYTES
        for value in get_long(item):
            if type(value) is str:
                weight += len(value)
            elif value:
                more = _weigh_pieces(value)
                if more is None:
                    return None
                weight += more
        return weight

    return weigher


def _weigh_pieces(pieces: Any) -> int | None:
    """What several texts, or pieces of content, weigh; None if they are of another shape."""
    if type(pieces) is not tuple:
        return None
    weight = 0
    for piece in pieces:
        weigher = _weighers.get(type(piece))
        if weigher is None:
            if type(piece) is str:
                weight += len(piece)
                continue
            if not isinstance(piece, msgspec.Struct):
                return None
            weigher = weigher_of(type(piece))
        more = weigher(piece)
        if more is None:
            return None
        weight += more
    return weight


def _can_change(hint: Any) -> bool:
    """True if what a field of this type holds is not frozen."""
    return _is_free(hint) or typing.get_origin(hint) is dict


def _is_free(hint: Any) -> bool:
    """True if a field of this type can hold JSON of any shape (and is not mostly plain text)."""
    if hint is Any:
        return True
    choices = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return str not in choices and any(map(_is_free, choices))
    return any(map(_is_free, choices))


def _made(default: Any) -> Any:
    """A default, be it a value or what makes one."""
    factory = getattr(default, "factory", None)
    return default if factory is None else factory()


def _getter(fields: dict[str, Any]) -> _Get | None:
    """What reads these fields as a tuple, however many they are."""
    if len(fields) > 1:
        return attrgetter(*fields)
    if not fields:
        return None
    get = attrgetter(*fields)
    return lambda item: (get(item),)


def _look_at(fields: dict[str, Any]) -> tuple[Callable[[Any], Any], Any]:
    """What reads one field or more, and what that gives where all are unset."""
    unset = tuple(fields.values())
    return attrgetter(*fields), unset if len(unset) > 1 else unset[0]
