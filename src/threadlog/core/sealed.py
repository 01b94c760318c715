"""Typed items that hold a little free JSON: that is encoded when they are recorded, the rest later.

So no later change of it reaches the file, what is no JSON is refused at once, and a long text
costs the agent's loop nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
import orjson

from threadlog.core.items import LineItem
from threadlog.core.strict import NO_JSON, SHORT_BYTES, STRICTLY, dumps, is_all_finite, json_text
from threadlog.core.weight import held_fields, weigher_of, weigher_of_rest

# The item, and the JSON text of those fields.
Sealed = tuple[LineItem, dict[str, bytes]]
# An item's weight and the form it waits in; None if it must be encoded whole.
Taken = tuple[int, LineItem | Sealed] | None
Take = Callable[[Any], Taken]

# Values that cannot change and that every encoder can write.
_FIXED = (str, bool, type(None))


def taker_of(cls: type[LineItem]) -> Take:
    """What takes in the items of a class; it runs in the agent's own loop."""
    names = held_fields(cls)
    if not names:
        return _taker_by_weight(cls)
    if len(names) > 1:
        return _taker_of_several(cls, names)
    (name,) = names
    get, weigh_rest = attrgetter(name), weigher_of_rest(cls)

    def take(item: LineItem) -> Taken:
        weight = weigh_rest(item)
        if weight is None:
            return None
        value = get(item)
        if value is None:
            return weight, item
        try:
            raw = b"%b" % dumps(value, None, STRICTLY)  # as json_text does, without the call
            if len(raw) > SHORT_BYTES or (b"null" in raw and not is_all_finite(value)):
                return None  # much of it is not kept twice: as it is, and as text
        except NO_JSON:
            return None
        return weight + len(raw), (item, {name: raw})

    return take


def _taker_of_several(cls: type[LineItem], names: tuple[str, ...]) -> Take:
    get_all, weigh_rest = attrgetter(*names), weigher_of_rest(cls)

    def take(item: LineItem) -> Taken:
        weight = weigh_rest(item)
        if weight is None:
            return None
        raws = {}
        for name, value in zip(names, get_all(item), strict=True):
            if type(value) is str:
                weight += len(value)
            elif type(value) not in _FIXED and not (type(value) is tuple and not value):
                try:
                    raws[name] = raw = json_text(value)
                except NO_JSON:
                    return None
                if len(raw) > SHORT_BYTES:
                    return None
                weight += len(raw)
        return weight, (item, raws) if raws else item

    return take


def _taker_by_weight(cls: type[LineItem]) -> Take:
    weigh = weigher_of(cls)

    def take(item: LineItem) -> Taken:
        weight = weigh(item)
        return None if weight is None else (weight, item)

    return take


def with_texts(sealed: Sealed) -> LineItem:
    """The item with those texts in their places, as msgspec encodes it."""
    item, raws = sealed
    return msgspec.structs.replace(item, **{name: msgspec.Raw(raws[name]) for name in raws})


def opened(sealed: Sealed) -> LineItem:
    """The item as it was when it was recorded."""
    item, raws = sealed
    return msgspec.structs.replace(item, **{name: orjson.loads(raws[name]) for name in raws})
