"""What turns, and reviews, are begun with."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from threadlog.app.kinds import Json, Omissible, PathText
from threadlog.app.response_items import TurnToolOutput
from threadlog.app.shapes import (
    AbsolutePath,
    AdditionalContextEntry,
    ApprovalsReviewer,
    AskForApproval,
    CollaborationMode,
    CyberAccessProgram,
    Effort,
    MultiAgentMode,
    Params,
    Personality,
    ReasoningSummary,
    ReviewDelivery,
    ReviewTarget,
    SandboxPolicy,
    TurnEnvironmentParams,
    UserInput,
)


class TurnStartParams(Params, frozen=True, kw_only=True):
    """A turn begins."""

    thread_id: str
    disabled_plugin_ids: list[str] | None = None
    client_user_message_id: str | None = None
    input: list[UserInput]
    turn_trigger: str | None = None
    parent_turn_id: str | None = None
    root_turn_id: str | None = None
    tool_output: TurnToolOutput | None = None
    responsesapi_client_metadata: dict[str, str] | None = None
    responsesapi_client_metadata_patch: dict[str, str] | None = None
    additional_context: dict[str, AdditionalContextEntry] | None = None
    environments: list[TurnEnvironmentParams] | None = None
    cwd: PathText | None = None
    runtime_workspace_roots: list[AbsolutePath] | None = None
    approval_policy: AskForApproval | None = None
    approvals_reviewer: ApprovalsReviewer | None = None
    sandbox_policy: SandboxPolicy | None = None
    permissions: str | None = None
    model: str | None = None
    service_tier: str | UnsetType | None = UNSET
    service_tier_for_turn: str | None = None
    effort: Effort | None = None
    summary: ReasoningSummary | None = None
    personality: Personality | None = None
    output_schema: Json | None = None
    collaboration_mode: CollaborationMode | None = None
    multi_agent_mode: MultiAgentMode | None = None
    cyber_access_program: CyberAccessProgram | None = None


class TurnSteerParams(Params, frozen=True, kw_only=True):
    """Input for the turn that runs."""

    thread_id: str
    client_user_message_id: str | None = None
    input: list[UserInput]
    responsesapi_client_metadata: dict[str, str] | None = None
    responsesapi_client_metadata_patch: dict[str, str] | None = None
    additional_context: dict[str, AdditionalContextEntry] | None = None
    expected_turn_id: str


class TurnInterruptParams(Params, frozen=True):
    """A turn is to end."""

    thread_id: str
    turn_id: str


class ReviewStartParams(Params, frozen=True):
    """A review begins."""

    thread_id: str
    target: ReviewTarget
    delivery: Omissible[ReviewDelivery] = None
