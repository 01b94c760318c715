"""The items of the model's history, as a client hands them over with a thread to resume."""

from __future__ import annotations

from typing import Annotated, Literal

from threadlog.app.kinds import U64, Flat, Json, Omissible, Tagged, Untagged
from threadlog.app.shapes import Effort, ImageDetail, Shape


class InternalChatMessageMetadataPassthrough(Shape, frozen=True, rename=None):
    """What a message is accompanied by."""

    turn_id: Omissible[str] = None
    create_time: Omissible[float] = None
    content_item_kinds: Omissible[Json] = None
    executed_tool_calls: Omissible[Json] = None
    tool_calls_complete: Omissible[Json] = None


Passthrough = Omissible[InternalChatMessageMetadataPassthrough]


class ImageUrl(Shape, frozen=True, rename=None):
    """An image by its address."""

    image_url: str


class AudioUrl(Shape, frozen=True, rename=None):
    """A recording by its address."""

    audio_url: str


class UploadedFile(Shape, frozen=True, rename=None):
    """Something that was uploaded."""

    file_id: str


class InputText(Shape, frozen=True, tag="input_text"):
    """Words given to the model."""

    text: str


class InputImage(Shape, frozen=True, tag="input_image"):
    """An image given to the model."""

    source: Annotated[ImageUrl | UploadedFile, Untagged("ImageReference"), Flat()]
    detail: Omissible[ImageDetail] = None


class InputAudio(Shape, frozen=True, tag="input_audio"):
    """A recording given to the model."""

    source: Annotated[AudioUrl | UploadedFile, Untagged("AudioReference"), Flat()]


class OutputText(Shape, frozen=True, tag="output_text"):
    """Words of the model."""

    text: str
    annotations: Omissible[list[Json]] = None
    logprobs: Omissible[list[Json]] = None


class EncryptedContent(Shape, frozen=True, tag="encrypted_content", rename=None):
    """What only the model's provider can read."""

    encrypted_content: str


ContentItem = Annotated[InputText | InputImage | InputAudio | OutputText, Tagged("ContentItem")]
AgentMessageInputContent = Annotated[
    InputText | EncryptedContent, Tagged("AgentMessageInputContent")
]
FunctionCallOutputBody = Annotated[
    str
    | list[
        Annotated[
            InputText | InputImage | InputAudio | EncryptedContent,
            Tagged("FunctionCallOutputContentItem"),
        ]
    ],
    Untagged("FunctionCallOutputBody"),
]


class TurnToolOutput(Shape, frozen=True, kw_only=True):
    """What a tool gave, as a turn's input."""

    name: str
    namespace: str | None = None
    output: FunctionCallOutputBody
    retain: bool = False


class SummaryText(Shape, frozen=True, tag="summary_text"):
    """Words of a summary."""

    text: str


class ReasoningText(Shape, frozen=True, tag="reasoning_text"):
    """Thoughts."""

    text: str


class PlainText(Shape, frozen=True, tag="text"):
    """Thoughts as they once were told."""

    text: str


class LocalShellExecAction(Shape, frozen=True, tag="exec", rename=None):
    """A command that runs."""

    command: list[str]
    timeout_ms: U64 | None = None
    working_directory: str | None = None
    env: dict[str, str] | None = None
    user: str | None = None


class Search(Shape, frozen=True, tag="search"):
    """A search of the web."""

    query: Omissible[str] = None
    queries: Omissible[list[str]] = None


class OpenPage(Shape, frozen=True, tag="open_page"):
    """A page that is opened."""

    url: Omissible[str] = None


class FindInPage(Shape, frozen=True, tag="find_in_page"):
    """Words looked for in a page."""

    url: Omissible[str] = None
    pattern: Omissible[str] = None


class OtherAction(Shape, frozen=True, tag="other"):
    """Anything else that is done with the web."""


WebSearchAction = Annotated[
    Search | OpenPage | FindInPage | OtherAction, Tagged("WebSearchAction", other="other")
]


class ConfigurationReasoning(Shape, frozen=True):
    """How hard the model is to think from now on."""

    effort: Effort


class HistoryItem(Shape, frozen=True, kw_only=True, rename=None):
    """What every item here is."""


class AdditionalTools(HistoryItem, frozen=True, kw_only=True, tag="additional_tools"):
    """Tools that come to be there."""

    id: Omissible[str] = None
    role: str
    tools: list[Json]


class Message(HistoryItem, frozen=True, kw_only=True, tag="message"):
    """A message of whom its role names."""

    encrypted_content: Omissible[str] = None
    status: Omissible[str] = None
    id: Omissible[str] = None
    role: str
    content: list[ContentItem]
    phase: Omissible[Literal["commentary", "partial_answer", "final_answer"]] = None
    internal_chat_message_metadata_passthrough: Passthrough = None


class AgentMessage(HistoryItem, frozen=True, kw_only=True, tag="agent_message"):
    """A message from one agent to another."""

    id: Omissible[str] = None
    author: str
    recipient: str
    content: list[AgentMessageInputContent]
    internal_chat_message_metadata_passthrough: Passthrough = None


class Reasoning(HistoryItem, frozen=True, kw_only=True, tag="reasoning"):
    """What the model thought."""

    id: Omissible[str] = None
    summary: list[Annotated[SummaryText, Tagged("ReasoningItemReasoningSummary")]]
    content: Omissible[
        list[Annotated[ReasoningText | PlainText, Tagged("ReasoningItemContent")]]
    ] = None
    encrypted_content: str | None = None
    internal_chat_message_metadata_passthrough: Passthrough = None


class LocalShellCall(HistoryItem, frozen=True, kw_only=True, tag="local_shell_call"):
    """A command that the model asked for."""

    encrypted_content: Omissible[str] = None
    id: Omissible[str] = None
    call_id: str | None = None
    status: Literal["completed", "in_progress", "incomplete"]
    action: Annotated[LocalShellExecAction, Tagged("LocalShellAction", newtypes=True)]
    internal_chat_message_metadata_passthrough: Passthrough = None


class FunctionCall(HistoryItem, frozen=True, kw_only=True, tag="function_call"):
    """A call of a function."""

    encrypted_content: Omissible[str] = None
    status: Omissible[str] = None
    id: Omissible[str] = None
    name: str
    namespace: Omissible[str] = None
    arguments: str
    encrypted_function_args: Omissible[list[str]] = None
    call_id: str
    internal_chat_message_metadata_passthrough: Passthrough = None


class ToolSearchCall(HistoryItem, frozen=True, kw_only=True, tag="tool_search_call"):
    """A search for tools."""

    encrypted_content: Omissible[str] = None
    id: Omissible[str] = None
    call_id: str | None = None
    status: Omissible[str] = None
    execution: str
    arguments: Json
    internal_chat_message_metadata_passthrough: Passthrough = None


class FunctionCallOutput(HistoryItem, frozen=True, kw_only=True, tag="function_call_output"):
    """What a function gave."""

    id: Omissible[str] = None
    call_id: Omissible[str] = None
    name: Omissible[str] = None
    namespace: Omissible[str] = None
    output: FunctionCallOutputBody
    internal_chat_message_metadata_passthrough: Passthrough = None


class CustomToolCall(HistoryItem, frozen=True, kw_only=True, tag="custom_tool_call"):
    """A call of a tool that takes plain text."""

    encrypted_content: Omissible[str] = None
    id: Omissible[str] = None
    status: Omissible[str] = None
    call_id: str
    name: str
    namespace: Omissible[str] = None
    input: str
    internal_chat_message_metadata_passthrough: Passthrough = None


class CustomToolCallOutput(HistoryItem, frozen=True, kw_only=True, tag="custom_tool_call_output"):
    """What such a tool gave."""

    id: Omissible[str] = None
    call_id: str
    name: Omissible[str] = None
    output: FunctionCallOutputBody
    internal_chat_message_metadata_passthrough: Passthrough = None


class ToolSearchOutput(HistoryItem, frozen=True, kw_only=True, tag="tool_search_output"):
    """Tools that were found."""

    id: Omissible[str] = None
    call_id: str | None = None
    status: str
    execution: str
    tools: list[Json]
    internal_chat_message_metadata_passthrough: Passthrough = None


class WebSearchCall(HistoryItem, frozen=True, kw_only=True, tag="web_search_call"):
    """A use of the web."""

    encrypted_content: Omissible[str] = None
    id: Omissible[str] = None
    status: Omissible[str] = None
    action: Omissible[WebSearchAction] = None
    internal_chat_message_metadata_passthrough: Passthrough = None


class ImageGenerationCall(HistoryItem, frozen=True, kw_only=True, tag="image_generation_call"):
    """An image that was made."""

    encrypted_content: Omissible[str] = None
    id: Omissible[str] = None
    status: str
    revised_prompt: Omissible[str] = None
    result: str
    internal_chat_message_metadata_passthrough: Passthrough = None


class Compaction(HistoryItem, frozen=True, kw_only=True, tag="compaction"):
    """What stands for the history before it."""

    id: Omissible[str] = None
    encrypted_content: str
    internal_chat_message_metadata_passthrough: Passthrough = None


class ConfigurationUpdate(HistoryItem, frozen=True, kw_only=True, tag="configuration_update"):
    """Another configuration from here on."""

    reasoning: ConfigurationReasoning


class CompactionTrigger(HistoryItem, frozen=True, tag="compaction_trigger"):
    """Here the history is compacted."""


class ContextCompaction(HistoryItem, frozen=True, kw_only=True, tag="context_compaction"):
    """What stands for the context before it."""

    id: Omissible[str] = None
    encrypted_content: Omissible[str] = None
    internal_chat_message_metadata_passthrough: Passthrough = None


class Other(HistoryItem, frozen=True, tag="other"):
    """An item of a type that is not known."""


ResponseItem = Annotated[
    AdditionalTools
    | Message
    | AgentMessage
    | Reasoning
    | LocalShellCall
    | FunctionCall
    | ToolSearchCall
    | FunctionCallOutput
    | CustomToolCall
    | CustomToolCallOutput
    | ToolSearchOutput
    | WebSearchCall
    | ImageGenerationCall
    | Compaction
    | ConfigurationUpdate
    | CompactionTrigger
    | ContextCompaction
    | Other,
    Tagged("ResponseItem", other="other", aliases=(("compaction_summary", "compaction"),)),
]
