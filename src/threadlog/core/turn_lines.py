"""Legacy events as a paginated rollout tells them: as the `item_completed` of a turn item.

The twelve events that Codex's paginated threads do not keep, because a turn item says the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from threadlog.core import turn_items
from threadlog.core.items import event as ev
from threadlog.core.items import tool_event as te
from threadlog.core.items import turn as ti
from threadlog.core.items.base import Item, LineItem

_Convert = Callable[[Any, str], ti.TurnItem]


def has_turn_item(item: LineItem) -> bool:
    """True for a legacy event that a paginated rollout keeps as a turn item."""
    return type(item) in _TURN_ITEMS


def turn_item_of(event: LineItem, item_id: str) -> ti.TurnItem:
    """The turn item that says what *event* says; *item_id* is for those that bring no id."""
    return _TURN_ITEMS[type(event)](event, item_id)


def turn_of(event: LineItem) -> str | None:
    """The turn that an event itself names, if it does."""
    name = getattr(event, "turn_id", None)
    return name if isinstance(name, str) and name else None


def as_item_completed(item: ti.TurnItem, thread_id: str, turn_id: str, ms: int) -> ev.ItemCompleted:
    """The line that tells of a turn item, done at *ms* (unix milliseconds)."""
    return ev.ItemCompleted(
        thread_id=thread_id, turn_id=turn_id, item=item, started_at_ms=ms, completed_at_ms=ms
    )


def _placed(event: LineItem, item_id: str) -> ti.TurnItem:
    item = turn_items.EVENT_ITEMS[type(event)](event).item
    return item if item.id else msgspec.structs.replace(item, id=item_id)


def _mcp(event: te.McpToolCallEnd, item_id: str) -> ti.TurnItem:
    """The turn item spells an error otherwise: as an object with the event's text."""
    item = _placed(event, item_id)
    if isinstance(item, ti.McpToolCall) and isinstance(item.error, str):
        return msgspec.structs.replace(item, error={"message": item.error})
    return item


_REVIEW = "Review requested."  # what Codex says of a review that says nothing


# Codex shows no turn item that lacks one of these; what is not known is said as such.


def _web_search(event: te.WebSearchEnd, item_id: str) -> ti.TurnItem:
    action = event.action if event.action is not None else {"type": "other"}
    return ti.WebSearch(id=event.call_id or item_id, query=event.query, action=action)


def _image_generation(event: te.ImageGenerationEnd, item_id: str) -> ti.TurnItem:
    return _placed(msgspec.structs.replace(event, status=event.status or ""), item_id)


def _entered_review(event: ev.EnteredReviewMode, item_id: str) -> ti.TurnItem:
    name, hint = event.item_id or item_id, event.user_facing_hint or _REVIEW
    return ti.EnteredReviewMode(id=name, target=event.target, user_facing_hint=hint)


def _exited_review(event: ev.ExitedReviewMode, item_id: str) -> ti.TurnItem:
    return ti.ExitedReviewMode(id=event.item_id or item_id, review_output=event.review_output)


_TURN_ITEMS: dict[type[Item], _Convert] = {
    ev.UserMessageEvent: turn_items.user_message,
    ev.AgentMessageEvent: turn_items.agent_message,
    ev.AgentReasoning: lambda e, name: ti.Reasoning(id=name, summary_text=(e.text,)),
    ev.AgentReasoningRawContent: lambda e, name: ti.Reasoning(id=name, raw_content=(e.text,)),
    ev.ContextCompacted: lambda _e, name: ti.ContextCompaction(id=name),
    ev.EnteredReviewMode: _entered_review,
    ev.ExitedReviewMode: _exited_review,
    te.McpToolCallEnd: _mcp,
    te.WebSearchEnd: _web_search,
    te.ImageGenerationEnd: _image_generation,
    te.PatchApplyEnd: _placed,
    ev.SubAgentActivity: _placed,
}
