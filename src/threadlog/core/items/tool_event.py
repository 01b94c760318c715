"""Events of tools: commands, patches, MCP, web, images, clients' tools, other agents."""

import msgspec

from threadlog.core.items.base import Json, null, text
from threadlog.core.items.event import Event
from threadlog.core.items.values import Duration, FileChangeKind


class ExecCommandBegin(Event, tag="exec_command_begin", frozen=True, kw_only=True):
    """A command starts; never kept."""

    call_id: str
    process_id: str | None = None
    turn_id: str = ""
    started_at_ms: int | None = None
    command: tuple[str, ...] = ()
    cwd: str | None = None
    parsed_cmd: Json = None
    source: str | None = None
    interaction_input: str | None = None


class ExecCommandEnd(Event, tag="exec_command_end", frozen=True, kw_only=True):
    """A command ended, or was declined."""

    call_id: str
    process_id: str | None = None
    turn_id: str = ""
    started_at_ms: int | None = None
    completed_at_ms: int | None = None
    command: tuple[str, ...] = ()
    cwd: str | None = None
    parsed_cmd: Json = None
    source: str | None = None
    interaction_input: str | None = None
    stdout: str = ""
    stderr: str = ""
    aggregated_output: str = ""
    exit_code: int = 0
    duration: Duration | None = None
    formatted_output: str = ""
    status: str | None = None


class ExecCommandOutputDelta(Event, tag="exec_command_output_delta", frozen=True, kw_only=True):
    """Output of a running command, base64; never kept."""

    call_id: str
    stream: str | None = None
    chunk: Json = None


class TerminalInteraction(Event, tag="terminal_interaction", frozen=True, kw_only=True):
    """Text typed into a running command; never kept."""

    call_id: str
    process_id: str | None = None
    stdin: str = ""


class PatchApplyBegin(Event, tag="patch_apply_begin", frozen=True, kw_only=True):
    """A patch starts; never kept."""

    call_id: str
    turn_id: str = ""
    auto_approved: bool = False
    changes: dict[str, FileChangeKind] = msgspec.field(default_factory=dict)


class PatchApplyUpdated(Event, tag="patch_apply_updated", frozen=True, kw_only=True):
    """A patch grew; never kept."""

    call_id: str
    changes: dict[str, FileChangeKind] = msgspec.field(default_factory=dict)


class PatchApplyEnd(Event, tag="patch_apply_end", frozen=True, kw_only=True):
    """A patch was applied, failed, or was declined."""

    call_id: str
    turn_id: str = ""
    stdout: str = text()
    stderr: str = text()
    success: bool
    changes: dict[str, FileChangeKind] = msgspec.field(default_factory=dict)
    status: str | None = None


class McpToolCallBegin(Event, tag="mcp_tool_call_begin", frozen=True, kw_only=True):
    """A call of an MCP tool starts; never kept."""

    call_id: str
    invocation: Json


class McpToolCallEnd(Event, tag="mcp_tool_call_end", frozen=True, kw_only=True):
    """A call of an MCP tool ended: `result` is `{"Ok": ...}` or `{"Err": text}`."""

    call_id: str
    invocation: Json
    duration: Duration | None = None
    result: Json = None


class McpStartupUpdate(Event, tag="mcp_startup_update", frozen=True, kw_only=True):
    """An MCP server is starting; never kept."""

    server: str
    status: Json = None


class McpStartupComplete(Event, tag="mcp_startup_complete", frozen=True, kw_only=True):
    """All MCP servers were started or given up; never kept."""

    ready: Json = None
    failed: Json = None
    cancelled: Json = None


class WebSearchBegin(Event, tag="web_search_begin", frozen=True, kw_only=True):
    """A web search starts; never kept."""

    call_id: str


class WebSearchEnd(Event, tag="web_search_end", frozen=True, kw_only=True):
    """A web search ended."""

    call_id: str
    query: str = text()
    action: Json = None


class ImageGenerationBegin(Event, tag="image_generation_begin", frozen=True, kw_only=True):
    """An image is being made; never kept."""

    call_id: str


class ImageGenerationEnd(Event, tag="image_generation_end", frozen=True, kw_only=True):
    """An image was made; `result` is base64."""

    call_id: str
    status: str | None = None
    revised_prompt: str | None = None
    result: str = text()
    saved_path: str | None = None


class ViewImageToolCall(Event, tag="view_image_tool_call", frozen=True, kw_only=True):
    """The model looked at an image of the machine."""

    call_id: str
    path: str


class DynamicToolCallRequest(
    Event, tag="dynamic_tool_call_request", rename="camel", frozen=True, kw_only=True
):
    """A call of a tool that the client offers starts."""

    call_id: str
    turn_id: str = ""
    namespace: str | None = None
    tool: str
    arguments: Json = None


class DynamicToolCallResponse(Event, tag="dynamic_tool_call_response", frozen=True, kw_only=True):
    """A call of a tool that the client offers ended."""

    call_id: str
    turn_id: str = ""
    completed_at_ms: int | None = None
    namespace: str | None = null()
    tool: str
    arguments: Json = None
    content_items: Json = None
    success: bool = False
    error: Json = null()
    duration: Duration | None = None


class GuardianAssessment(Event, tag="guardian_assessment", frozen=True, kw_only=True):
    """A second model judged an action."""

    id: str | None = None
    target_item_id: str | None = None
    turn_id: str = ""
    started_at_ms: int = 0
    status: str | None = None
    action: Json = None


class _Collab(Event, frozen=True, kw_only=True):
    """What all events between agents say."""

    call_id: str
    sender_thread_id: str | None = None
    receiver_thread_id: str | None = None
    prompt: str | None = None
    status: Json = None


class CollabAgentSpawnBegin(_Collab, tag="collab_agent_spawn_begin", frozen=True, kw_only=True):
    """An agent starts another; never kept."""


class CollabAgentSpawnEnd(_Collab, tag="collab_agent_spawn_end", frozen=True, kw_only=True):
    """An agent started another."""

    new_thread_id: str | None = None
    new_agent_nickname: str | None = None
    new_agent_role: str | None = None


class CollabAgentInteractionBegin(
    _Collab, tag="collab_agent_interaction_begin", frozen=True, kw_only=True
):
    """An agent speaks to another; never kept."""


class CollabAgentInteractionEnd(
    _Collab, tag="collab_agent_interaction_end", frozen=True, kw_only=True
):
    """An agent spoke to another."""


class CollabWaitingBegin(_Collab, tag="collab_waiting_begin", frozen=True, kw_only=True):
    """An agent waits for others; never kept."""

    receiver_thread_ids: tuple[str, ...] = ()


class CollabWaitingEnd(_Collab, tag="collab_waiting_end", frozen=True, kw_only=True):
    """An agent waited for others; `statuses` maps thread ids to what they came to."""

    statuses: Json = None


class CollabCloseBegin(_Collab, tag="collab_close_begin", frozen=True, kw_only=True):
    """An agent closes another; never kept."""


class CollabCloseEnd(_Collab, tag="collab_close_end", frozen=True, kw_only=True):
    """An agent closed another."""


class CollabResumeBegin(_Collab, tag="collab_resume_begin", frozen=True, kw_only=True):
    """An agent resumes another; never kept."""


class CollabResumeEnd(_Collab, tag="collab_resume_end", frozen=True, kw_only=True):
    """An agent resumed another."""


TOOL_EVENTS: tuple[type[Event], ...] = (
    ExecCommandBegin,
    ExecCommandEnd,
    ExecCommandOutputDelta,
    TerminalInteraction,
    PatchApplyBegin,
    PatchApplyUpdated,
    PatchApplyEnd,
    McpToolCallBegin,
    McpToolCallEnd,
    McpStartupUpdate,
    McpStartupComplete,
    WebSearchBegin,
    WebSearchEnd,
    ImageGenerationBegin,
    ImageGenerationEnd,
    ViewImageToolCall,
    DynamicToolCallRequest,
    DynamicToolCallResponse,
    GuardianAssessment,
    CollabAgentSpawnBegin,
    CollabAgentSpawnEnd,
    CollabAgentInteractionBegin,
    CollabAgentInteractionEnd,
    CollabWaitingBegin,
    CollabWaitingEnd,
    CollabCloseBegin,
    CollabCloseEnd,
    CollabResumeBegin,
    CollabResumeEnd,
)
