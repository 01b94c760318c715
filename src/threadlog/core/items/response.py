"""Response items: what the model said and was given, in the shape of the Responses API."""

from typing import ClassVar

from threadlog.core.items.base import Item, Json, LineItem, null
from threadlog.core.items.values import Content


class ResponseItem(LineItem, tag_field="type", frozen=True, kw_only=True):
    """The base of all response items; the tag of each is its `type` in the payload."""

    line_type: ClassVar[str] = "response_item"
    id: str | None = None
    internal_chat_message_metadata_passthrough: Json = None


class Message(ResponseItem, tag="message", frozen=True, kw_only=True):
    """A message of the role `user`, `assistant`, `developer` or `system`."""

    role: str
    content: tuple[Content, ...]
    status: str | None = None
    phase: str | None = None
    end_turn: bool | None = None


class AgentMessage(ResponseItem, tag="agent_message", frozen=True, kw_only=True):
    """A message from one agent to another, as the model sees it."""

    author: str
    recipient: str
    content: tuple[Content, ...] = ()


class SummaryText(Item, frozen=True, kw_only=True):
    """A piece of a reasoning summary or of reasoning itself."""

    type: str
    text: str | None = None


class Reasoning(ResponseItem, tag="reasoning", frozen=True, kw_only=True):
    """Reasoning: a readable summary, and the encrypted rest that only the model's maker reads."""

    summary: tuple[SummaryText, ...] = ()
    content: tuple[SummaryText, ...] | None = null()
    encrypted_content: str | None = null()


class LocalShellCall(ResponseItem, tag="local_shell_call", frozen=True, kw_only=True):
    """A call of the built-in shell tool."""

    call_id: str | None = null()
    status: str
    action: Json


class FunctionCall(ResponseItem, tag="function_call", frozen=True, kw_only=True):
    """A tool call; `arguments` is JSON text."""

    name: str
    namespace: str | None = None
    arguments: str
    call_id: str
    status: str | None = None


class FunctionCallOutput(ResponseItem, tag="function_call_output", frozen=True, kw_only=True):
    """A tool's answer: text, or a list of content pieces; without a call, an outside event's."""

    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    output: str | tuple[Json, ...] | dict[str, Json]


class CustomToolCall(ResponseItem, tag="custom_tool_call", frozen=True, kw_only=True):
    """A call of a tool that takes free text."""

    status: str | None = None
    call_id: str
    name: str
    namespace: str | None = None
    input: str


class CustomToolCallOutput(ResponseItem, tag="custom_tool_call_output", frozen=True, kw_only=True):
    """The answer of a tool that takes free text."""

    call_id: str
    name: str | None = None
    output: str | tuple[Json, ...] | dict[str, Json]


class ToolSearchCall(ResponseItem, tag="tool_search_call", frozen=True, kw_only=True):
    """The model looks for tools."""

    call_id: str | None = null()
    status: str | None = None
    execution: Json = None
    arguments: Json = None


class ToolSearchOutput(ResponseItem, tag="tool_search_output", frozen=True, kw_only=True):
    """The tools found."""

    call_id: str | None = null()
    status: str | None = None
    execution: Json = None
    tools: tuple[Json, ...] = ()


class WebSearchCall(ResponseItem, tag="web_search_call", frozen=True, kw_only=True):
    """The model searched the web, or opened a page."""

    status: str | None = None
    action: Json = None


class ImageGenerationCall(ResponseItem, tag="image_generation_call", frozen=True, kw_only=True):
    """The model made an image; `result` is base64."""

    status: str
    revised_prompt: str | None = None
    result: str


class GhostSnapshot(ResponseItem, tag="ghost_snapshot", frozen=True, kw_only=True):
    """A commit that older Codex made behind the scenes; newer ones skip the line."""

    ghost_commit: Json = None


class Compaction(ResponseItem, tag="compaction", frozen=True, kw_only=True):
    """An encrypted summary of what was compacted."""

    encrypted_content: str


class CompactionSummary(ResponseItem, tag="compaction_summary", frozen=True, kw_only=True):
    """The older name of `Compaction`."""

    encrypted_content: str


class ContextCompaction(ResponseItem, tag="context_compaction", frozen=True, kw_only=True):
    """The place where the context was compacted."""

    encrypted_content: str | None = None


class ConfigurationUpdate(ResponseItem, tag="configuration_update", frozen=True, kw_only=True):
    """Settings changed in the middle of a conversation."""

    reasoning: Json = None


class AdditionalTools(ResponseItem, tag="additional_tools", frozen=True, kw_only=True):
    """Tools offered in the middle of a conversation."""

    role: str | None = None
    tools: tuple[Json, ...] = ()


class CompactionTrigger(ResponseItem, tag="compaction_trigger", frozen=True, kw_only=True):
    """Asks the model's maker to compact; never kept."""


RESPONSE_ITEMS: tuple[type[ResponseItem], ...] = (
    Message,
    AgentMessage,
    Reasoning,
    LocalShellCall,
    FunctionCall,
    FunctionCallOutput,
    CustomToolCall,
    CustomToolCallOutput,
    ToolSearchCall,
    ToolSearchOutput,
    WebSearchCall,
    ImageGenerationCall,
    GhostSnapshot,
    Compaction,
    CompactionSummary,
    ContextCompaction,
    ConfigurationUpdate,
    AdditionalTools,
    CompactionTrigger,
)
