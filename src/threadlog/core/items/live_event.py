"""Events that only a running session sends: no version keeps them, yet a file may hold one."""

from typing import cast

import msgspec

from threadlog.core.items.base import Json, null
from threadlog.core.items.event import Event


class Warning(Event, tag="warning", frozen=True, kw_only=True):
    """A warning to the user."""

    message: str


class GuardianWarning(Event, tag="guardian_warning", frozen=True, kw_only=True):
    """A warning of the second model."""

    message: str


class DeprecationNotice(Event, tag="deprecation_notice", frozen=True, kw_only=True):
    """Something will go away."""

    summary: str
    details: str | None = None


class BackgroundEvent(Event, tag="background_event", frozen=True, kw_only=True):
    """A note on what goes on."""

    message: str


class StreamError(Event, tag="stream_error", frozen=True, kw_only=True):
    """The model's stream broke and is tried again."""

    message: str
    codex_error_info: Json = null()
    additional_details: str | None = null()


class SessionConfigured(Event, tag="session_configured", frozen=True, kw_only=True):
    """The settings a session starts with."""

    session_id: str | None = None
    thread_id: str | None = None
    model: str | None = None


class TurnDiff(Event, tag="turn_diff", frozen=True, kw_only=True):
    """All changes of the turn so far."""

    unified_diff: str


class PlanUpdate(Event, tag="plan_update", frozen=True, kw_only=True):
    """The plan changed."""

    explanation: str | None = None
    plan: Json = None


class ModelReroute(Event, tag="model_reroute", frozen=True, kw_only=True):
    """Another model answers than the one asked for."""

    from_model: str
    to_model: str
    reason: Json = None


class ModelVerification(Event, tag="model_verification", frozen=True, kw_only=True):
    """What the model's maker verified."""

    verifications: Json = None


class TurnModerationMetadata(Event, tag="turn_moderation_metadata", frozen=True, kw_only=True):
    """What moderation said of the turn."""

    metadata: Json = None


class SafetyBuffering(Event, tag="safety_buffering", frozen=True, kw_only=True):
    """The answer is held back for a check."""

    model: str | None = None
    reasons: Json = None


class HookStarted(Event, tag="hook_started", frozen=True, kw_only=True):
    """A hook starts."""

    turn_id: str | None = null()
    run: Json = None


class HookCompleted(Event, tag="hook_completed", frozen=True, kw_only=True):
    """A hook ended."""

    turn_id: str | None = null()
    run: Json = None


class _Delta(Event, frozen=True, kw_only=True):
    """A piece of streamed text."""

    delta: str = ""


class AgentMessageDelta(_Delta, tag="agent_message_delta", frozen=True, kw_only=True):
    """A piece of a message."""


class AgentReasoningDelta(_Delta, tag="agent_reasoning_delta", frozen=True, kw_only=True):
    """A piece of a reasoning summary."""


class AgentReasoningRawContentDelta(
    _Delta, tag="agent_reasoning_raw_content_delta", frozen=True, kw_only=True
):
    """A piece of reasoning."""


class AgentMessageContentDelta(
    _Delta, tag="agent_message_content_delta", frozen=True, kw_only=True
):
    """A piece of a message item."""


class PlanDelta(_Delta, tag="plan_delta", frozen=True, kw_only=True):
    """A piece of a plan."""


class ReasoningContentDelta(_Delta, tag="reasoning_content_delta", frozen=True, kw_only=True):
    """A piece of a reasoning item's summary."""


class ReasoningRawContentDelta(
    _Delta, tag="reasoning_raw_content_delta", frozen=True, kw_only=True
):
    """A piece of a reasoning item."""


def _opaque(tag: str) -> type[Event]:
    """A class for an event of which only the type is of interest here."""
    name = "".join(word.capitalize() for word in tag.split("_"))
    made = msgspec.defstruct(
        name, [], bases=(Event,), module=__name__, tag=tag, frozen=True, kw_only=True
    )
    return cast("type[Event]", made)


# One class each, so that every event type of Codex is known by a type of its own.
OPAQUE_EVENTS = tuple(
    map(
        _opaque,
        [
            "realtime_conversation_started",
            "realtime_conversation_realtime",
            "realtime_conversation_closed",
            "realtime_conversation_sdp",
            "realtime_conversation_list_voices_response",
            "exec_approval_request",
            "request_permissions",
            "request_user_input",
            "elicitation_request",
            "apply_patch_approval_request",
            "shutdown_complete",
            "undo_started",
            "get_history_entry_response",
            "mcp_list_tools_response",
            "list_custom_prompts_response",
            "list_skills_response",
            "skills_update_available",
            "environment_connected",
            "environment_disconnected",
            "thread_queue_changed",
            "raw_response_completed",
        ],
    )
)

LIVE_EVENTS: tuple[type[Event], ...] = (
    Warning,
    GuardianWarning,
    DeprecationNotice,
    BackgroundEvent,
    StreamError,
    SessionConfigured,
    TurnDiff,
    PlanUpdate,
    ModelReroute,
    ModelVerification,
    TurnModerationMetadata,
    SafetyBuffering,
    HookStarted,
    HookCompleted,
    AgentMessageDelta,
    AgentReasoningDelta,
    AgentReasoningRawContentDelta,
    AgentMessageContentDelta,
    PlanDelta,
    ReasoningContentDelta,
    ReasoningRawContentDelta,
    *OPAQUE_EVENTS,
)
