"""Which items a rollout keeps, by history mode: the tables of Codex, by type.

Legacy rollouts keep the conversation as events; paginated ones keep every `item_completed` and
none of the events that say the same.  Anything not named here is not kept.
"""

from __future__ import annotations

from threadlog.core.lines import COMPACTED, EVENT, RESPONSE_ITEM, SESSION_META, TURN_CONTEXT
from threadlog.core.metadata import PAGINATED

_LINES = frozenset(
    [
        SESSION_META,
        COMPACTED,
        TURN_CONTEXT,
        "inter_agent_communication",
        "inter_agent_communication_metadata",
        "world_state",
        "token_usage_record",
        "security_risk_score",
        "retained_context",
        "dynamic_tools_updated",
    ]
)
_PAGINATED_LINES = _LINES | {"realtime_item"}

_RESPONSE_ITEMS = frozenset(
    [
        "message",
        "agent_message",
        "reasoning",
        "local_shell_call",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
        "image_generation_call",
        "compaction",
        "compaction_summary",
        "context_compaction",
        "configuration_update",
    ]
)

# Kept in both modes.
_EVENTS = frozenset(
    [
        "task_started",
        "task_complete",
        "turn_aborted",
        "thread_rolled_back",
        "token_count",
        "thread_settings_applied",
        "thread_name_updated",
        "thread_goal_updated",
    ]
)
# Kept in legacy mode; a paginated rollout holds an `item_completed` for each.
_LEGACY_EVENTS = _EVENTS | {
    "user_message",
    "agent_message",
    "agent_reasoning",
    "agent_reasoning_raw_content",
    "context_compacted",
    "entered_review_mode",
    "exited_review_mode",
    "mcp_tool_call_end",
    "web_search_end",
    "image_generation_end",
    "patch_apply_end",
    "sub_agent_activity",
}
_LEGACY_TURN_ITEMS = frozenset(["Plan", "Sleep"])


def keeps(line: tuple[str, str | None], history_mode: str, turn_item: str | None = None) -> bool:
    """True if a rollout of *history_mode* keeps a line of this type and kind.

    *turn_item* is the type of the item within an `item_completed`.
    """
    line_type, kind = line
    paginated = history_mode == PAGINATED
    if line_type == RESPONSE_ITEM:
        return kind in _RESPONSE_ITEMS
    if line_type != EVENT:
        return line_type in (_PAGINATED_LINES if paginated else _LINES)
    if kind == "item_completed":
        return paginated or turn_item in _LEGACY_TURN_ITEMS
    return kind in (_EVENTS if paginated else _LEGACY_EVENTS)
