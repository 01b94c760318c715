"""Writing a turn: the lines that Codex writes for one, in either history mode.

So every thread has turns, and Codex lists it.  Each thing that happens is written twice, as Codex
does: as an event (or turn item) for people, and as a response item for the model.
"""

from __future__ import annotations

import contextlib
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec

from threadlog.core import turn_lines, usage
from threadlog.core import user_message as user_messages
from threadlog.core.entry import Recordable
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items import turn as ti
from threadlog.core.items.base import UntypedItem
from threadlog.core.items.values import Content, TokenUsage, TokenUsageInfo
from threadlog.core.lines import TURN_CONTEXT
from threadlog.core.metadata import PAGINATED
from threadlog.errors import BacklogFull, Unencodable
from threadlog.fresh import new_id, now_ms
from threadlog.images import Image, read_image
from threadlog.recorder import KERNEL, RolloutRecorder
from threadlog.turn_parts import (
    check_texts,
    function_call,
    interruption_note,
    shown_output,
    status_word,
    tool_item,
    user_message,
)

if TYPE_CHECKING:
    from threadlog.home import Home

INTERRUPTED, REPLACED = "interrupted", "replaced"
_NO_SETTINGS = "no settings but the model"


class Asked(NamedTuple):
    """What a turn begins with; `silent` if the user asks nothing (a compaction, say).

    `item` is the message as a paginated rollout is to keep it, `client_id` what the program that
    the user sits at calls it.
    """

    text: str = ""
    images: tuple[Image, ...] = ()
    model: str | None = None
    turn_id: str | None = None
    item: ti.UserMessage | None = None
    client_id: str | None = None
    silent: bool = False


class TurnBook:
    """What the turns of one thread share: where they are recorded, and what they add up to."""

    def __init__(self, home: Home, recorder: RolloutRecorder, cwd: str) -> None:
        self.home = home
        self.recorder = recorder
        self.cwd = cwd
        self._usage: TokenUsage | None = None
        self.open: TurnWriter | None = None

    def record(self, *items: Recordable) -> int:
        """Record; the first user message has the rollout made, without waiting for it."""
        kept = self.recorder.record(*items)
        if kept and not self.recorder.on_disk and any(map(user_messages.is_users, items)):
            self.recorder.start_persist()  # the next barrier tells how it went
        return kept

    def end_open(self, reason: str = INTERRUPTED) -> None:
        """Abort the turn that is open, if one is."""
        if self.open is not None:
            self.open.abort(reason)

    def total_with(self, last: TokenUsage) -> TokenUsage:
        """The thread's tokens, *last* with them."""
        return usage.added(self.look_up_usage(), last)

    def counted(self, total: TokenUsage) -> None:
        """Note what the thread's tokens are now that it is recorded."""
        self._usage = total

    def forget_usage(self) -> None:
        """The thread is another from here on: ask it again."""
        self._usage = None

    def look_up_usage(self) -> TokenUsage:
        """The thread's tokens so far; asked of a stored thread once, when its first turn begins."""
        if self._usage is None:
            self._usage = self._stored_usage() if self.recorder.on_disk else TokenUsage()
        return self._usage

    def _stored_usage(self) -> TokenUsage:
        self.recorder.flush(level=KERNEL)
        reader = self.home.reader(self.home.get(self.recorder.path))
        return usage.latest_usage(reader.raw_lines_backwards())


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
        self._began = time.monotonic()
        self._last_said: str | None = None
        self._calls: dict[str, rs.FunctionCall] = {}

    def __enter__(self) -> Self:
        self.begin()
        with self.book.recorder.reminding():  # the turn is on disk, and goes on
            self.book.recorder.persist()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            try:
                self.end(error)
            except BacklogFull:
                with self.book.recorder.reminding():
                    self.book.recorder.flush()  # makes room
                self.end(error)
            with self._telling(error):
                self.book.recorder.flush()
        except Exception:
            if error is None:
                raise

    def _telling(self, error: BaseException | None) -> contextlib.AbstractContextManager[None]:
        """What a barrier has to tell, and an exception on its way hides, the next one tells."""
        return contextlib.nullcontext() if error is None else self.book.recorder.reminding()

    def begin(self) -> None:
        """Record the question; `with` does this.

        Raises Unreadable for an image, Unencodable for a text that is none.
        """
        asked = self._asked
        check_texts(optional=True, model=asked.model, turn_id=asked.turn_id)
        said = self._said(asked)
        self.book.look_up_usage()
        self.book.end_open(REPLACED)
        self._began_ms, self._began = now_ms(), time.monotonic()
        self.item(
            ev.TaskStarted(
                turn_id=self.id,
                started_at=self._began_ms // 1000,
                collaboration_mode_kind="default",
            ),
            *self._context(asked.model),
            *said,
        )
        self.book.open = self

    def hear(self, asked: Asked) -> None:
        """Record what the user says in the middle of the turn; raises as `begin`."""
        self.item(*self._said(asked))

    def _said(self, asked: Asked) -> list[Recordable]:
        if asked.silent:
            return []
        check_texts(text=asked.text)
        images = [read_image(image) for image in asked.images]
        event = ev.UserMessageEvent(
            client_id=asked.client_id,
            message=asked.text,
            images=tuple(image.url for image in images if image.path is None),
            local_images=tuple(image.path for image in images if image.path is not None),
        )
        return [user_message(asked.text, images), self._asked_as(event, asked.item)]

    def _asked_as(self, event: ev.UserMessageEvent, item: ti.UserMessage | None) -> Recordable:
        if item is None or self.book.recorder.history_mode != PAGINATED:
            return event
        return turn_lines.as_item_completed(item, *self._place(), now_ms())

    def _shown(self, event: ev.Event, item_id: str | None) -> Recordable:
        """What people are told, under an id of the caller's where the rollout keeps one."""
        if item_id is None or self.book.recorder.history_mode != PAGINATED:
            return event
        item = turn_lines.turn_item_of(event, item_id)
        return turn_lines.as_item_completed(item, *self._place(), now_ms())

    def end(self, error: BaseException | None = None) -> None:
        """Record the end: completed, or aborted by *error*; `with` does this."""
        if error is None:
            self.complete()
        else:
            self.abort()

    def say(self, text: str, *, phase: str | None = None, item_id: str | None = None) -> None:
        """The agent says something; *phase* is `commentary` or `final_answer` where it matters.

        *item_id* is what the message is called in a paginated rollout; of itself a new id.
        """
        check_texts(text=text)
        check_texts(optional=True, phase=phase)
        content = (Content(type="output_text", text=text),)
        self.item(
            self._shown(ev.AgentMessageEvent(message=text, phase=phase), item_id),
            rs.Message(role="assistant", content=content, phase=phase),
        )
        self._last_said = text

    def tool(self, name: str, arguments: Any, *, output: Any, success: bool = True) -> str:
        """The agent used a tool; returns the call's id.  Call and output, or neither."""
        call = function_call(name, arguments, None)
        self.item(call, *self._result(call, output, success=success))
        return call.call_id

    def call(self, name: str, arguments: Any, *, call_id: str | None = None) -> str:
        """The agent calls a tool, with JSON or JSON text; returns the call's id for `result`."""
        call = function_call(name, arguments, call_id)
        self.item(call)
        self._calls[call.call_id] = call
        return call.call_id

    def result(self, call_id: str, output: Any, *, success: bool = True) -> None:
        """What a tool call came to: text, a list of content items, or other JSON."""
        check_texts(call_id=call_id)
        call = self._calls.get(call_id) or function_call("", "", call_id)
        self.item(*self._result(call, output, success=success))
        self._calls.pop(call_id, None)

    def _result(self, call: rs.FunctionCall, output: Any, *, success: bool) -> list[Recordable]:
        shown = shown_output(output)
        items: list[Recordable] = [rs.FunctionCallOutput(call_id=call.call_id, output=shown)]
        if self.book.recorder.history_mode == PAGINATED and call.name:
            item = tool_item(call, shown)
            item = msgspec.structs.replace(item, success=success, status=status_word(success))
            items.insert(0, turn_lines.as_item_completed(item, *self._place(), now_ms()))
        return items

    def reason(
        self,
        summary: str,
        *,
        content: str | None = None,
        encrypted_content: str | None = None,
        item_id: str | None = None,
    ) -> None:
        """The agent thinks: a summary to read, and what its model is to be sent again, if any.

        *item_id* as in `say`.
        """
        check_texts(summary=summary)
        check_texts(optional=True, content=content, encrypted_content=encrypted_content)
        items: list[Recordable] = [self._shown(ev.AgentReasoning(text=summary), item_id)]
        if content is not None or encrypted_content is not None:
            raw = (rs.SummaryText(type="reasoning_text", text=content),) if content else None
            items.append(
                rs.Reasoning(
                    summary=(rs.SummaryText(type="summary_text", text=summary),),
                    content=raw,
                    encrypted_content=encrypted_content,
                )
            )
        self.item(*items)

    def usage(
        self,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cached_input_tokens: int = 0,
        reasoning_output_tokens: int = 0,
        context_window: int | None = None,
    ) -> TokenUsageInfo:
        """The tokens of one response of the model; returns them with the thread's totals.

        Cached tokens are part of the input, reasoning tokens of the output (as Codex counts).
        """
        counts: tuple[int, ...] = (input_tokens, output_tokens)
        counts += (cached_input_tokens, reasoning_output_tokens)
        if context_window is not None:
            counts += (context_window,)
        if any(type(count) is not int or count < 0 for count in counts):
            raise Unencodable("cannot record usage: give whole numbers of tokens, 0 or more")
        last = TokenUsage(
            input_tokens=input_tokens,
            cached_input_tokens=cached_input_tokens,
            output_tokens=output_tokens,
            reasoning_output_tokens=reasoning_output_tokens,
            total_tokens=input_tokens + output_tokens,
        )
        info = TokenUsageInfo(
            total_token_usage=self.book.total_with(last),
            last_token_usage=last,
            model_context_window=context_window,
        )
        self.item(ev.TokenCount(info=info))
        self.book.counted(info.total_token_usage)
        return info

    def item(self, *items: Recordable) -> int:
        """Record anything else of this turn; returns how many items were kept."""
        return self.book.record(*items)

    def show(self, item: ti.TurnItem) -> None:
        """What people see of something that is recorded for the model otherwise.

        A paginated rollout keeps it; a legacy one has no place for it (Codex: the same).
        """
        self.show_with(item)

    def show_with(self, item: ti.TurnItem, *others: Recordable) -> None:
        """The same, together with what else is recorded: all of it or none."""
        shown: list[Recordable] = []
        if self.book.recorder.history_mode == PAGINATED:
            shown.append(turn_lines.as_item_completed(item, *self._place(), now_ms()))
        self.item(*shown, *others)

    def complete(self) -> None:
        """End the turn; `with` does this.  A second call does nothing."""
        self._complete(None)

    def fail(self, message: str, kind: str = "other") -> None:
        """End the turn as failed; *kind* as Codex has it: `usage_limit_exceeded`, `other`, ..."""
        check_texts(message=message, kind=kind)
        self._complete({"message": message, "codex_error_info": kind})

    def interrupt(self) -> None:
        """End the turn as interrupted by the user, which the model is told too (Codex)."""
        if self.book.open is self:
            self.item(interruption_note())
        self.abort()

    def _complete(self, error: dict[str, str] | None) -> None:
        started_at, completed_at, duration_ms = self._times()
        self._end(
            ev.TaskComplete(
                turn_id=self.id,
                last_agent_message=self._last_said,
                error=error,
                started_at=started_at,
                completed_at=completed_at,
                duration_ms=duration_ms,
            )
        )

    def abort(self, reason: str = INTERRUPTED) -> None:
        """End the turn before its time; *reason* as Codex has it: `interrupted`, `replaced`."""
        started_at, completed_at, duration_ms = self._times()
        self._end(
            ev.TurnAborted(
                turn_id=self.id,
                reason=reason,
                started_at=started_at,
                completed_at=completed_at,
                duration_ms=duration_ms,
            )
        )

    def _times(self) -> tuple[int, int, int]:
        """When it began and ends, and how long it took, wherever the clock was set meanwhile."""
        ended_ms = max(now_ms(), self._began_ms)
        duration_ms = int((time.monotonic() - self._began) * 1000)
        return self._began_ms // 1000, ended_ms // 1000, duration_ms

    def _end(self, item: ev.TaskComplete | ev.TurnAborted) -> None:
        if self.book.open is self:
            self.item(item)
            self.book.open = None

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
