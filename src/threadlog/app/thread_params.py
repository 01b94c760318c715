"""What threads are begun, resumed and forked with."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from threadlog.app.kinds import Json, PathText
from threadlog.app.response_items import ResponseItem
from threadlog.app.shapes import (
    AbsolutePath,
    ApprovalsReviewer,
    AskForApproval,
    CollaborationMode,
    Effort,
    MultiAgentMode,
    Params,
    Personality,
    ReasoningSummary,
    RolloutPath,
    SandboxMode,
    SandboxPolicy,
    SelectedCapabilityRoot,
    ThreadHistoryMode,
    ThreadResumeInitialTurnsPageParams,
    ThreadStartSource,
    TurnEnvironmentParams,
)
from threadlog.app.tools import DynamicTools


class ThreadStartParams(Params, frozen=True):
    """A new thread."""

    model: str | None = None
    model_provider: str | None = None
    allow_provider_model_fallback: bool = False
    service_tier: str | UnsetType | None = UNSET
    cwd: str | None = None
    runtime_workspace_roots: list[AbsolutePath] | None = None
    approval_policy: AskForApproval | None = None
    approvals_reviewer: ApprovalsReviewer | None = None
    sandbox: SandboxMode | None = None
    permissions: str | None = None
    config: dict[str, Json] | None = None
    service_name: str | None = None
    base_instructions: str | None = None
    developer_instructions: str | None = None
    personality: Personality | None = None
    multi_agent_mode: MultiAgentMode | None = None
    ephemeral: bool | None = None
    history_mode: ThreadHistoryMode | None = None
    session_start_source: ThreadStartSource | None = None
    thread_source: str | None = None
    project_id: str | None = None
    daybreak_enabled: bool | None = None
    environments: list[TurnEnvironmentParams] | None = None
    dynamic_tools: DynamicTools = None
    selected_capability_roots: list[SelectedCapabilityRoot] | None = None
    mock_experimental_field: str | None = None
    experimental_raw_events: bool = False


class ThreadResumeParams(Params, frozen=True):
    """A thread goes on."""

    thread_id: str
    history: list[ResponseItem] | None = None
    path: RolloutPath = None
    model: str | None = None
    model_provider: str | None = None
    service_tier: str | UnsetType | None = UNSET
    cwd: str | None = None
    runtime_workspace_roots: list[AbsolutePath] | None = None
    approval_policy: AskForApproval | None = None
    approvals_reviewer: ApprovalsReviewer | None = None
    sandbox: SandboxMode | None = None
    permissions: str | None = None
    config: dict[str, Json] | None = None
    base_instructions: str | None = None
    developer_instructions: str | None = None
    personality: Personality | None = None
    exclude_turns: bool = False
    initial_turns_page: ThreadResumeInitialTurnsPageParams | None = None


class ThreadForkParams(Params, frozen=True):
    """A thread begins with what another one says."""

    thread_id: str
    experimental_prediction_mode: bool = False
    experimental_disable_prediction_mcp: bool = False
    last_turn_id: str | None = None
    before_turn_id: str | None = None
    path: RolloutPath = None
    model: str | None = None
    model_provider: str | None = None
    service_tier: str | UnsetType | None = UNSET
    cwd: str | None = None
    runtime_workspace_roots: list[AbsolutePath] | None = None
    approval_policy: AskForApproval | None = None
    approvals_reviewer: ApprovalsReviewer | None = None
    sandbox: SandboxMode | None = None
    permissions: str | None = None
    config: dict[str, Json] | None = None
    base_instructions: str | None = None
    developer_instructions: str | None = None
    ephemeral: bool = False
    attach_to_source: bool = False
    thread_source: str | None = None
    exclude_turns: bool = False
    defer_goal_continuation: bool = False


class ThreadSettingsUpdateParams(Params, frozen=True):
    """What the turns of a thread run with from now on."""

    thread_id: str
    disabled_plugin_ids: list[str] | None = None
    cwd: PathText | None = None
    environments: list[TurnEnvironmentParams] | None = None
    approval_policy: AskForApproval | None = None
    approvals_reviewer: ApprovalsReviewer | None = None
    sandbox_policy: SandboxPolicy | None = None
    permissions: str | None = None
    model: str | None = None
    service_tier: str | UnsetType | None = UNSET
    effort: Effort | None = None
    summary: ReasoningSummary | None = None
    collaboration_mode: CollaborationMode | None = None
    multi_agent_mode: MultiAgentMode | None = None
    personality: Personality | None = None
