"""Events that tell a conversation: messages, reasoning, the life of turns and of the thread."""

from typing import ClassVar

from threadlog.core.items.base import Json, LineItem, empty, null
from threadlog.core.items.values import TokenUsageInfo


class Event(LineItem, tag_field="type", frozen=True, kw_only=True):
    """The base of all events; the tag of each is its `type` in the payload."""

    line_type: ClassVar[str] = "event_msg"


class UserMessageEvent(Event, tag="user_message", frozen=True, kw_only=True):
    """What the user sent.  `kind` (2025 only) marks context that Codex itself added."""

    client_id: str | None = None
    message: str
    kind: str | None = None
    images: tuple[str, ...] | None = None
    image_details: Json = None
    local_images: tuple[str, ...] = empty()
    local_image_details: Json = None
    audio: Json = None
    local_audio: Json = None
    image_order: Json = None
    text_elements: tuple[Json, ...] = empty()


class AgentMessageEvent(Event, tag="agent_message", frozen=True, kw_only=True):
    """What the agent said."""

    message: str
    phase: str | None = None
    memory_citation: Json = None


class AgentReasoning(Event, tag="agent_reasoning", frozen=True, kw_only=True):
    """A summary of the model's reasoning."""

    text: str


class AgentReasoningRawContent(Event, tag="agent_reasoning_raw_content", frozen=True, kw_only=True):
    """The model's reasoning itself, where the model shows it."""

    text: str


class AgentReasoningSectionBreak(
    Event, tag="agent_reasoning_section_break", frozen=True, kw_only=True
):
    """A new section of reasoning begins."""

    item_id: str = ""
    summary_index: int = 0


class TaskStarted(Event, tag="task_started", frozen=True, kw_only=True):
    """A turn began (also read as `turn_started`)."""

    turn_id: str
    root_turn_id: str | None = None
    trace_id: str | None = None
    started_at: int | None = None
    model_context_window: int | None = null()
    collaboration_mode_kind: str | None = None
    turn_attribution: Json = None


class TaskComplete(Event, tag="task_complete", frozen=True, kw_only=True):
    """A turn ended by itself (also read as `turn_complete`)."""

    turn_id: str
    root_turn_id: str | None = None
    last_agent_message: str | None = null()
    error: Json = None
    started_at: int | None = None
    completed_at: int | None = None
    duration_ms: int | None = None
    time_to_first_token_ms: int | None = None


class TurnAborted(Event, tag="turn_aborted", frozen=True, kw_only=True):
    """A turn was stopped: `interrupted`, `replaced`, `review_ended` or `budget_limited`."""

    turn_id: str | None = null()
    root_turn_id: str | None = None
    reason: str
    started_at: int | None = None
    completed_at: int | None = None
    duration_ms: int | None = None


class ThreadRolledBack(Event, tag="thread_rolled_back", frozen=True, kw_only=True):
    """The last `num_turns` turns no longer count; their lines stay."""

    num_turns: int


class TokenCount(Event, tag="token_count", frozen=True, kw_only=True):
    """Tokens used so far, and the limits that apply."""

    info: TokenUsageInfo | None = null()
    rate_limits: Json = null()


class ContextCompacted(Event, tag="context_compacted", frozen=True, kw_only=True):
    """The history was compacted."""


class ThreadSettingsApplied(Event, tag="thread_settings_applied", frozen=True, kw_only=True):
    """The settings from here on."""

    thread_id: str | None = None
    thread_settings: Json


class ThreadNameUpdated(Event, tag="thread_name_updated", frozen=True, kw_only=True):
    """The thread was named, or unnamed."""

    thread_id: str
    thread_name: str | None = None


class ThreadGoalUpdated(
    Event, tag="thread_goal_updated", rename="camel", frozen=True, kw_only=True
):
    """The thread's goal changed."""

    thread_id: str
    turn_id: str | None = None
    goal: Json


class EnteredReviewMode(Event, tag="entered_review_mode", frozen=True, kw_only=True):
    """A review began."""

    turn_id: str | None = None
    item_id: str | None = None
    target: Json = None
    user_facing_hint: str | None = None


class ExitedReviewMode(Event, tag="exited_review_mode", frozen=True, kw_only=True):
    """A review ended; `review_output` holds the findings."""

    turn_id: str | None = None
    item_id: str | None = None
    review_output: Json = null()


class ItemStarted(Event, tag="item_started", frozen=True, kw_only=True):
    """A turn item began; never kept."""

    thread_id: str
    turn_id: str
    item: Json
    started_at_ms: int = 0


class ItemCompleted(Event, tag="item_completed", frozen=True, kw_only=True):
    """A turn item ended; `turn_item` of `decode` makes a typed one of `item`."""

    thread_id: str
    turn_id: str
    item: Json
    started_at_ms: int | None = None
    completed_at_ms: int = 0


class ErrorEvent(Event, tag="error", frozen=True, kw_only=True):
    """Something failed; some kinds end the turn."""

    message: str
    codex_error_info: Json = null()


class UndoCompleted(Event, tag="undo_completed", frozen=True, kw_only=True):
    """An undo of 2025 ended."""

    success: bool
    message: str | None = null()


class SubAgentActivity(Event, tag="sub_agent_activity", frozen=True, kw_only=True):
    """Another agent started, was spoken to, or was interrupted."""

    event_id: str | None = None
    occurred_at_ms: int = 0
    agent_thread_id: str | None = None
    agent_path: str | None = None
    kind: str | None = None


class RawResponseItem(Event, tag="raw_response_item", frozen=True, kw_only=True):
    """A response item as an event; never kept."""

    item: Json


CONVERSATION_EVENTS: tuple[type[Event], ...] = (
    UserMessageEvent,
    AgentMessageEvent,
    AgentReasoning,
    AgentReasoningRawContent,
    AgentReasoningSectionBreak,
    TaskStarted,
    TaskComplete,
    TurnAborted,
    ThreadRolledBack,
    TokenCount,
    ContextCompacted,
    ThreadSettingsApplied,
    ThreadNameUpdated,
    ThreadGoalUpdated,
    EnteredReviewMode,
    ExitedReviewMode,
    ItemStarted,
    ItemCompleted,
    ErrorEvent,
    UndoCompleted,
    SubAgentActivity,
    RawResponseItem,
)
