"""Writing a turn: the lines that Codex writes for one, in either history mode.

So every thread has turns, and Codex lists it.  Each thing that happens is written twice, as Codex
does: as an event (or turn item) for people, and as a response item for the model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from threadlog.core import lines, turn_lines, usage
from threadlog.core.entry import Recordable
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items import turn as ti
from threadlog.core.items.base import UntypedItem
from threadlog.core.items.values import Content, TokenUsage, TokenUsageInfo
from threadlog.core.lines import TURN_CONTEXT, Json
from threadlog.core.metadata import PAGINATED
from threadlog.images import Image, ReadImage, read_image
from threadlog.recorder import RolloutRecorder, new_id, now_ms

INTERRUPTED, REPLACED = "interrupted", "replaced"
_NO_SETTINGS = "no settings but the model"
_CONTENT_ITEMS = frozenset(["input_text", "input_image", "encrypted_content"])


class Asked(NamedTuple):
    """What a turn begins with."""

    text: str
    images: tuple[Image, ...] = ()
    model: str | None = None
    turn_id: str | None = None


class TurnBook:
    """What the turns of one thread share: where they are recorded, and what they add up to."""

    def __init__(
        self,
        recorder: RolloutRecorder,
        cwd: str,
        record: Callable[..., int],
        usage_so_far: Callable[[], TokenUsage],
    ) -> None:
        self.recorder = recorder
        self.cwd = cwd
        self.record = record
        self._usage_so_far = usage_so_far
        self._usage: TokenUsage | None = None
        self.open: TurnWriter | None = None

    def end_open(self, reason: str = INTERRUPTED) -> None:
        """Abort the turn that is open, if one is."""
        if self.open is not None:
            self.open.abort(reason)

    def count(self, last: TokenUsage) -> TokenUsage:
        """The thread's tokens, *last* with them."""
        self._usage = usage.added(self.look_up_usage(), last)
        return self._usage

    def look_up_usage(self) -> TokenUsage:
        """The thread's tokens so far; asked of a stored thread once, when its first turn begins."""
        if self._usage is None:
            self._usage = self._usage_so_far()
        return self._usage


class TurnWriter:
    """One turn as it happens: what the user asked, then what the agent says and does.

    Entering the `with` block records the question and brings the thread to stable storage;
    leaving it ends the turn, as aborted if by an exception, and flushes.
    """

    def __init__(self, book: TurnBook, asked: Asked) -> None:
        """Not for callers: use `Thread.turn`."""
        self.id = asked.turn_id or new_id(now_ms())
        self.book = book
        self._asked = asked
        self._began_ms = 0
        self._last_said: str | None = None
        self._calls: dict[str, tuple[str, Json]] = {}

    def __enter__(self) -> Self:
        self.begin()
        self.book.recorder.persist()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.end(error)
            self.book.recorder.flush()
        except Exception:
            if error is None:
                raise

    def begin(self) -> None:
        """Record the question; `with` does this.  Raises Unreadable for an image."""
        asked = self._asked
        self.book.look_up_usage()
        images = [read_image(image) for image in asked.images]
        self.book.end_open(REPLACED)
        self.book.open, self._began_ms = self, now_ms()
        self.item(
            ev.TaskStarted(
                turn_id=self.id,
                started_at=self._began_ms // 1000,
                collaboration_mode_kind="default",
            ),
            *self._context(asked.model),
            _user_message(asked.text, images),
            ev.UserMessageEvent(
                message=asked.text,
                images=tuple(image.url for image in images if image.path is None),
                local_images=tuple(image.path for image in images if image.path is not None),
            ),
        )

    def end(self, error: BaseException | None = None) -> None:
        """Record the end: completed, or aborted by *error*; `with` does this."""
        if error is None:
            self.complete()
        else:
            self.abort()

    def say(self, text: str, *, phase: str | None = None) -> None:
        """The agent says something; *phase* is `commentary` or `final_answer` where it matters."""
        self._last_said = text
        content = (Content(type="output_text", text=text),)
        self.item(
            ev.AgentMessageEvent(message=text, phase=phase),
            rs.Message(role="assistant", content=content, phase=phase),
        )

    def tool(self, name: str, arguments: Any, *, output: Any, success: bool = True) -> str:
        """The agent used a tool; returns the call's id.  The same as `call`, then `result`."""
        call_id = self.call(name, arguments)
        self.result(call_id, output, success=success)
        return call_id

    def call(self, name: str, arguments: Any, *, call_id: str | None = None) -> str:
        """The agent calls a tool, with JSON or JSON text; returns the call's id for `result`."""
        call_id = call_id or f"call_{new_id(now_ms())}"
        text = arguments if isinstance(arguments, str) else lines.dump(arguments).decode()
        self.item(rs.FunctionCall(name=name, arguments=text, call_id=call_id))
        self._calls[call_id] = (name, arguments)
        return call_id

    def result(self, call_id: str, output: Any, *, success: bool = True) -> None:
        """What a tool call came to: text, a list of content items, or other JSON."""
        name, arguments = self._calls.pop(call_id, ("", None))
        shown = _output(output)
        if self.book.recorder.history_mode == PAGINATED and name:
            item = _tool_item(call_id, name, arguments, shown)
            item = msgspec.structs.replace(item, success=success, status=_status(success))
            self.item(turn_lines.as_item_completed(item, *self._place(), now_ms()))
        self.item(rs.FunctionCallOutput(call_id=call_id, output=shown))

    def reason(
        self, summary: str, *, content: str | None = None, encrypted_content: str | None = None
    ) -> None:
        """The agent thinks: a summary to read, and what its model is to be sent again, if any."""
        self.item(ev.AgentReasoning(text=summary))
        if content is not None or encrypted_content is not None:
            raw = (rs.SummaryText(type="reasoning_text", text=content),) if content else None
            self.item(
                rs.Reasoning(
                    summary=(rs.SummaryText(type="summary_text", text=summary),),
                    content=raw,
                    encrypted_content=encrypted_content,
                )
            )

    def usage(
        self,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cached_input_tokens: int = 0,
        reasoning_output_tokens: int = 0,
        context_window: int | None = None,
    ) -> None:
        """The tokens of one response of the model; the thread's totals are kept by themselves.

        Cached tokens are part of the input, reasoning tokens of the output (as Codex counts).
        """
        last = TokenUsage(
            input_tokens=input_tokens,
            cached_input_tokens=cached_input_tokens,
            output_tokens=output_tokens,
            reasoning_output_tokens=reasoning_output_tokens,
            total_tokens=input_tokens + output_tokens,
        )
        info = TokenUsageInfo(
            total_token_usage=self.book.count(last),
            last_token_usage=last,
            model_context_window=context_window,
        )
        self.item(ev.TokenCount(info=info))

    def item(self, *items: Recordable) -> int:
        """Record anything else of this turn; returns how many items were kept."""
        return self.book.record(*items)

    def complete(self) -> None:
        """End the turn; `with` does this.  A second call does nothing."""
        if self._close():
            ended_ms = now_ms()
            self.item(
                ev.TaskComplete(
                    turn_id=self.id,
                    last_agent_message=self._last_said,
                    started_at=self._began_ms // 1000,
                    completed_at=ended_ms // 1000,
                    duration_ms=ended_ms - self._began_ms,
                )
            )

    def abort(self, reason: str = INTERRUPTED) -> None:
        """End the turn before its time; *reason* as Codex has it: `interrupted`, `replaced`."""
        if self._close():
            ended_ms = now_ms()
            self.item(
                ev.TurnAborted(
                    turn_id=self.id,
                    reason=reason,
                    started_at=self._began_ms // 1000,
                    completed_at=ended_ms // 1000,
                    duration_ms=ended_ms - self._began_ms,
                )
            )

    def _context(self, model: str | None) -> list[UntypedItem]:
        """Which model answers, if the agent says so; without the settings that Codex requires.

        A Codex that resumes the thread would go on under the model and the approval policy of a
        whole context; one without them it leaves alone, and readers of usage find the model.
        """
        if model is None:
            return []
        context = {"turn_id": self.id, "cwd": self.book.cwd, "model": model}
        return [UntypedItem(type=TURN_CONTEXT, kind=None, payload=context, reason=_NO_SETTINGS)]

    def _place(self) -> tuple[str, str]:
        return self.book.recorder.thread_id, self.id

    def _close(self) -> bool:
        """True if the turn was open; it is no more."""
        if self.book.open is not self:
            return False
        self.book.open = None
        return True


def _user_message(text: str, images: Sequence[ReadImage]) -> rs.Message:
    content = [Content(type="input_text", text=text)] if text or not images else []
    content += [Content(type="input_image", image_url=image.url) for image in images]
    return rs.Message(role="user", content=tuple(content))


def _output(output: Any) -> Any:
    """A tool's output as models take it: text, or a list of content items."""
    if isinstance(output, str):
        return output
    if isinstance(output, list | tuple) and all(map(_is_content_item, output)):
        return tuple(output)
    return lines.dump(output).decode()


def _is_content_item(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("type") in _CONTENT_ITEMS


def _tool_item(call_id: str, name: str, arguments: Any, output: Any) -> ti.DynamicToolCall:
    """A tool call as a paginated rollout shows it."""
    if isinstance(arguments, str):
        with contextlib.suppress(lines.BadLine):
            arguments = lines.parse_json(arguments.encode())
    parts = [{"type": "input_text", "text": output}] if isinstance(output, str) else output
    return ti.DynamicToolCall(
        id=call_id,
        tool=name,
        arguments=arguments,
        content_items=[shown for part in parts if (shown := _shown_part(part)) is not None],
    )


def _shown_part(part: Mapping[str, Any]) -> dict[str, Json] | None:
    """A piece of a tool's output as a turn item spells it; None for what is not shown."""
    if isinstance(part.get("text"), str):
        return {"type": "inputText", "text": part["text"]}
    if isinstance(part.get("image_url"), str):
        return {"type": "inputImage", "imageUrl": part["image_url"]}
    return None


def _status(success: bool) -> str:  # noqa: FBT001
    return "completed" if success else "failed"
