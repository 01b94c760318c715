"""Whether an item is the user speaking: with the first such item a thread comes to be on disk.

The rule of Codex: a `user_message` event, a completed turn item UserMessage, or a message of role
user that is no context which a harness put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from threadlog.core import context
from threadlog.core.decode import Line
from threadlog.core.entry import Recordable
from threadlog.core.items.event import ItemCompleted, UserMessageEvent
from threadlog.core.items.response import Message
from threadlog.core.items.turn import UserMessage
from threadlog.core.lines import EVENT, RESPONSE_ITEM


def is_users(item: Recordable) -> bool:
    """True if *item* is a message of the user's own."""
    if isinstance(item, Line):
        item = item.item
    if isinstance(item, Mapping):
        return _is_users_mapping(item.get("type"), item.get("payload"))
    if isinstance(item, ItemCompleted):
        return isinstance(item.item, UserMessage) or _is_user_message(item.item)
    if isinstance(item, Message):
        return item.role == "user" and context.is_user_turn(msgspec.to_builtins(item))
    return isinstance(item, UserMessageEvent)


def _is_users_mapping(line_type: Any, payload: Any) -> bool:
    if not isinstance(payload, Mapping):
        return False
    if line_type == RESPONSE_ITEM:
        return context.is_user_turn(dict(payload))
    if line_type != EVENT:
        return False
    if payload.get("type") == "item_completed":
        return _is_user_message(payload.get("item"))
    return payload.get("type") == "user_message"


def _is_user_message(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "UserMessage"
