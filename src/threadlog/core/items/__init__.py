"""Typed items: one immutable class for each type that a line of any Codex version can carry."""

from threadlog.core.items.base import Item, LineItem, UntypedItem
from threadlog.core.items.event import CONVERSATION_EVENTS, Event
from threadlog.core.items.live_event import LIVE_EVENTS
from threadlog.core.items.response import RESPONSE_ITEMS, ResponseItem
from threadlog.core.items.session import SESSION_ITEMS
from threadlog.core.items.tool_event import TOOL_EVENTS
from threadlog.core.items.turn import PERSISTED_TURN_ITEMS, TurnItem

EVENTS: tuple[type[Event], ...] = (*CONVERSATION_EVENTS, *TOOL_EVENTS, *LIVE_EVENTS)

__all__ = [
    "EVENTS",
    "PERSISTED_TURN_ITEMS",
    "RESPONSE_ITEMS",
    "SESSION_ITEMS",
    "Event",
    "Item",
    "LineItem",
    "ResponseItem",
    "TurnItem",
    "UntypedItem",
]
