"""Turn items: what happened in a turn, as `item_completed` carries it in paginated rollouts.

Legacy rollouts spell the same things as events; `turns` makes these items of both.  The tags are
PascalCase, as Codex writes them.
"""

import msgspec

from threadlog.core.items.base import Item, Json, empty, null, text
from threadlog.core.items.values import Duration, FileChangeKind, UserInput


class TurnItem(Item, tag_field="type", frozen=True, kw_only=True):
    """The base of all turn items."""

    id: str


class UserMessage(TurnItem, tag="UserMessage", frozen=True, kw_only=True):
    """What the user sent: text and images."""

    client_id: str | None = None
    content: tuple[UserInput, ...]


class AgentText(Item, frozen=True, kw_only=True):
    """A piece of an agent's message."""

    type: str
    text: str


class AgentMessage(TurnItem, tag="AgentMessage", frozen=True, kw_only=True):
    """What the agent said; `phase` is `commentary` or `final_answer` where known."""

    content: tuple[AgentText, ...]
    phase: str | None = None
    memory_citation: Json = None


class HookPrompt(TurnItem, tag="HookPrompt", frozen=True, kw_only=True):
    """Text that a hook of the user's added."""

    fragments: Json = None


class Plan(TurnItem, tag="Plan", frozen=True, kw_only=True):
    """A plan, as text."""

    text: str


class Reasoning(TurnItem, tag="Reasoning", frozen=True, kw_only=True):
    """The readable part of the model's reasoning."""

    summary_text: tuple[str, ...] = empty()
    raw_content: tuple[str, ...] = ()


class CommandExecution(TurnItem, tag="CommandExecution", frozen=True, kw_only=True):
    """A command that ran, or was declined."""

    process_id: str | None = None
    command: tuple[str, ...] = ()
    cwd: str | None = None
    parsed_cmd: Json = None
    source: str | None = None
    interaction_input: str | None = None
    status: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    aggregated_output: str | None = None
    exit_code: int | None = None
    duration: Duration | None = None
    formatted_output: str | None = None


class FileChange(TurnItem, tag="FileChange", frozen=True, kw_only=True):
    """Files added, deleted or changed; `changes` maps a path to what happened to it."""

    changes: dict[str, FileChangeKind] = msgspec.field(default_factory=dict)
    status: str | None = None
    auto_approved: bool | None = None
    stdout: str | None = None
    stderr: str | None = None


class McpToolCall(TurnItem, tag="McpToolCall", frozen=True, kw_only=True):
    """A call of a tool of an MCP server."""

    server: str
    tool: str
    arguments: Json = null()
    status: str | None = None
    result: Json = None
    error: Json = None
    duration: Duration | None = None


class DynamicToolCall(TurnItem, tag="DynamicToolCall", frozen=True, kw_only=True):
    """A call of a tool that the client offers."""

    namespace: str | None = None
    tool: str
    arguments: Json = null()
    status: str | None = None
    content_items: Json = None
    success: bool | None = None
    error: Json = None
    duration: Duration | None = None


class CollabAgentToolCall(TurnItem, tag="CollabAgentToolCall", frozen=True, kw_only=True):
    """One agent starts, tells, waits for or closes another."""

    tool: str
    status: str | None = None
    sender_thread_id: str | None = None
    receiver_thread_ids: tuple[str, ...] = ()
    receiver_agents: Json = None
    prompt: str | None = None
    model: str | None = None
    reasoning_effort: str | None = None
    agents_states: Json = None


class SubAgentActivity(TurnItem, tag="SubAgentActivity", frozen=True, kw_only=True):
    """Another agent started, was spoken to, or was interrupted."""

    agent_thread_id: str | None = None
    agent_path: str | None = None
    kind: str | None = None


class WebSearch(TurnItem, tag="WebSearch", frozen=True, kw_only=True):
    """A search of the web."""

    query: str = text()
    action: Json = None


class ImageView(TurnItem, tag="ImageView", frozen=True, kw_only=True):
    """An image of the machine that the model looked at.

    `output` is threadlog's own: what the call came to, which the model was shown.
    """

    path: str
    output: Json = None


class Sleep(TurnItem, tag="Sleep", frozen=True, kw_only=True):
    """The agent waited."""

    duration_ms: int = 0


class ImageGeneration(TurnItem, tag="ImageGeneration", frozen=True, kw_only=True):
    """An image that the model made."""

    status: str | None = None
    revised_prompt: str | None = None
    result: str | None = None
    saved_path: str | None = None


class Extension(TurnItem, tag="Extension", frozen=True, kw_only=True):
    """A turn item of a tool family of its own (`image_gen.generation`, `clock.sleep`, ...)."""

    kind: str


class EnteredReviewMode(TurnItem, tag="EnteredReviewMode", frozen=True, kw_only=True):
    """A review began."""

    target: Json = None
    user_facing_hint: str | None = None


class ExitedReviewMode(TurnItem, tag="ExitedReviewMode", frozen=True, kw_only=True):
    """A review ended; `review_output` holds the findings."""

    review_output: Json = null()


class ContextCompaction(TurnItem, tag="ContextCompaction", frozen=True, kw_only=True):
    """The history was compacted here."""


class ToolCall(TurnItem, tag="ToolCall", frozen=True, kw_only=True):
    """threadlog's own: a tool call that is known from its response items alone."""

    name: str
    namespace: str | None = None
    arguments: str = ""
    output: Json = None


class UntypedTurnItem(Item, frozen=True, kw_only=True, tag_field="type", tag="Untyped"):
    """A turn item kept as plain JSON, of a type we do not know or not of its type's shape."""

    id: str
    payload: Json
    reason: str


AnyTurnItem = TurnItem | UntypedTurnItem

PERSISTED_TURN_ITEMS: tuple[type[TurnItem], ...] = (
    UserMessage,
    HookPrompt,
    AgentMessage,
    Plan,
    Reasoning,
    CommandExecution,
    FileChange,
    McpToolCall,
    DynamicToolCall,
    CollabAgentToolCall,
    SubAgentActivity,
    WebSearch,
    ImageView,
    Sleep,
    ImageGeneration,
    Extension,
    EnteredReviewMode,
    ExitedReviewMode,
    ContextCompaction,
)
