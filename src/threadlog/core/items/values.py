"""Values that several items hold: token counts, durations, pieces of content."""

from threadlog.core.items.base import Item, Json, null


class TokenUsage(Item, omit_defaults=False, frozen=True, kw_only=True):
    """Counts of tokens."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0
    total_tokens: int = 0


class TokenUsageInfo(Item, frozen=True, kw_only=True):
    """The thread's total and the last response's tokens."""

    total_token_usage: TokenUsage
    last_token_usage: TokenUsage
    model_context_window: int | None = null()


class Duration(Item, omit_defaults=False, frozen=True, kw_only=True):
    """A span of time as Rust writes it."""

    secs: int
    nanos: int = 0

    @property
    def ms(self) -> int:
        """The span in whole milliseconds."""
        return self.secs * 1000 + self.nanos // 1_000_000


class Content(Item, frozen=True, kw_only=True):
    """A piece of a message: text, or an image by its URL."""

    type: str
    text: str | None = None
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    audio_url: str | None = None
    encrypted_content: str | None = None
    annotations: Json = None
    logprobs: Json = None


class UserInput(Item, frozen=True, kw_only=True):
    """A piece of what the user sent: text, an image, a file of the machine, a skill, a mention."""

    type: str
    text: str | None = None
    text_elements: Json = None
    image_url: str | None = None
    url: str | None = None
    path: str | None = None
    name: str | None = None
    detail: str | None = None
    audio_url: str | None = None


class FileChangeKind(Item, frozen=True, kw_only=True):
    """What happened to one file: `add`, `delete` or `update`."""

    type: str
    content: str | None = None
    unified_diff: str | None = None
    move_path: str | None = null()
