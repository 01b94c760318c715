"""Items that are a line of their own: metadata, contexts, compactions, usage, agents' messages."""

from typing import ClassVar

import msgspec

from threadlog.core.items.base import Item, Json, LineItem, UntypedItem, null
from threadlog.core.items.values import TokenUsage


class GitInfo(Item, frozen=True, kw_only=True):
    """The repository of a thread's working directory when its rollout was created."""

    commit_hash: str | None = None
    branch: str | None = None
    repository_url: str | None = None


class HistoryBase(Item, frozen=True, kw_only=True):
    """Where another rollout, named by its rollout id, hands over to this one.

    Everything of it before the ordinal, and before the byte offset, comes first.
    """

    thread_id: str
    end_ordinal_exclusive: int
    end_byte_offset: int = 0


class SessionMeta(LineItem, frozen=True, kw_only=True):
    """Who, where and when: the first one of a rollout is canonical (Codex: the same)."""

    line_type: ClassVar[str] = "session_meta"
    account_scoped: bool | None = None
    session_id: str | None = None
    id: str
    forked_from_id: str | None = None
    forked_from_ordinal_exclusive: int | None = None
    parent_thread_id: str | None = None
    timestamp: str
    cwd: str
    runtime_workspace_roots: tuple[str, ...] | None = None
    originator: str
    cli_version: str
    instructions: Json = None
    source: Json = "vscode"
    thread_source: Json = None
    agent_nickname: str | None = None
    agent_role: str | None = None
    agent_path: str | None = None
    model_provider: str | None = null()
    base_instructions: Json = null()
    dynamic_tools: Json = None
    selected_capability_roots: Json = None
    memory_mode: str | None = None
    history_mode: str | None = None
    history_base: HistoryBase | None = None
    subagent_history_start_ordinal: int | None = None
    multi_agent_version: str | None = None
    context_window: Json = None
    creator_user_id: str | None = None
    creator_account_id: str | None = None
    extra_config: Json = None
    git: GitInfo | None = None


class TurnContext(LineItem, frozen=True, kw_only=True):
    """The settings a turn ran with."""

    line_type: ClassVar[str] = "turn_context"
    turn_id: str | None = None
    root_turn_id: str | None = None
    cwd: str
    workspace_roots: Json = None
    current_date: str | None = None
    timezone: str | None = None
    approval_policy: Json
    approvals_reviewer: str | None = None
    sandbox_policy: Json
    permission_profile: Json = None
    network: Json = None
    file_system_sandbox_policy: Json = None
    model: str
    comp_hash: str | None = None
    personality: str | None = None
    collaboration_mode: Json = None
    multi_agent_version: str | None = None
    multi_agent_mode: Json = None
    realtime_active: bool | None = None
    effort: str | None = None
    summary: Json = msgspec.field(default_factory=lambda: "auto")  # written always, for 0.100
    user_instructions: str | None = None
    developer_instructions: str | None = None
    base_instructions: Json = None
    final_output_json_schema: Json = None
    truncation_policy: Json = None
    disabled_plugin_ids: Json = None


class Compacted(LineItem, frozen=True, kw_only=True):
    """The history was replaced: by `replacement_history`, or (old) by a summary alone."""

    line_type: ClassVar[str] = "compacted"
    message: str
    replacement_history: tuple[Json, ...] | None = None
    replacement_history_metadata: tuple[Json, ...] | None = None
    window_number: int | None = None
    first_window_id: str | None = None
    previous_window_id: str | None = None
    window_id: Json = None
    mcp_resource_origins: Json = None
    guardian_history: Json = None
    compaction_response_id: str | None = None
    latest_token_usage_record: Json = None
    resume_metadata: Json = None
    retained_context: Json = None


class WorldState(LineItem, frozen=True, kw_only=True):
    """What the model was told of its surroundings: a new baseline, or a patch to it."""

    line_type: ClassVar[str] = "world_state"
    full: bool
    state: Json = null()


class TokenUsageRecord(LineItem, frozen=True, kw_only=True):
    """The tokens of one response, and the totals of its turn and thread so far."""

    line_type: ClassVar[str] = "token_usage_record"
    thread_id: str | None = None
    turn_id: str | None = None
    session_id: str | None = None
    root_turn_id: str | None = None
    response_id: str | None = None
    usage: TokenUsage | None = None
    turn_token_usage: TokenUsage | None = None
    thread_token_usage: TokenUsage | None = None


class InterAgentCommunication(LineItem, frozen=True, kw_only=True):
    """A message from one agent to another, as it was delivered."""

    line_type: ClassVar[str] = "inter_agent_communication"
    id: str | None = None
    author: str
    recipient: str
    other_recipients: tuple[str, ...] = ()
    content: str
    encrypted_content: str | None = None
    internal_chat_message_metadata_passthrough: Json = None
    trigger_turn: bool = False


class InterAgentCommunicationMetadata(LineItem, frozen=True, kw_only=True):
    """Whether the agent message beside it started a turn."""

    line_type: ClassVar[str] = "inter_agent_communication_metadata"
    trigger_turn: bool = False


class SecurityRiskScore(LineItem, frozen=True, kw_only=True):
    """A risk assessment of one tool call."""

    line_type: ClassVar[str] = "security_risk_score"
    scores: Json = None
    call_id: str | None = None
    action: Json = None
    sampled_at: Json = None


class RealtimeItem(LineItem, frozen=True, kw_only=True):
    """A piece of a realtime conversation; its fields are Codex's own affair."""

    line_type: ClassVar[str] = "realtime_item"


class RetainedContext(LineItem, frozen=True, kw_only=True):
    """Context kept over a compaction; its fields are Codex's own affair."""

    line_type: ClassVar[str] = "retained_context"


class DynamicToolsUpdated(LineItem, frozen=True, kw_only=True):
    """The tools offered by the client changed; its fields are Codex's own affair."""

    line_type: ClassVar[str] = "dynamic_tools_updated"


class RolloutReference(LineItem, frozen=True, kw_only=True):
    """An experiment of mid 2026: a pointer to another rollout instead of a copy."""

    line_type: ClassVar[str] = "rollout_reference"


class ForkReference(LineItem, frozen=True, kw_only=True):
    """An experiment of mid 2026: a pointer to the rollout that was forked."""

    line_type: ClassVar[str] = "fork_reference"


SESSION_ITEMS: tuple[type[LineItem], ...] = (
    SessionMeta,
    TurnContext,
    Compacted,
    WorldState,
    TokenUsageRecord,
    InterAgentCommunication,
    InterAgentCommunicationMetadata,
    SecurityRiskScore,
    RealtimeItem,
    RetainedContext,
    DynamicToolsUpdated,
    RolloutReference,
    ForkReference,
)


def context_of(item: Item) -> TurnContext | None:
    """What an item tells of how a turn ran, no more of it than its id and its model.

    Also one that lacks the settings that Codex requires: threadlog's own recorder knows of none.
    """
    told: Json = None
    if isinstance(item, UntypedItem):
        told = item.payload if item.type == TurnContext.line_type else None
    elif isinstance(item, TurnContext):
        told = {"turn_id": item.turn_id, "model": item.model}
    if not isinstance(told, dict) or not isinstance(model := told.get("model"), str):
        return None
    turn_id = told.get("turn_id")
    named = turn_id if isinstance(turn_id, str) else None
    return TurnContext(
        turn_id=named, cwd="", approval_policy=None, sandbox_policy=None, model=model
    )
