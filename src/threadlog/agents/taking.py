"""What an agent yields, recorded as Codex records it, and told as turn items."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, NamedTuple, get_type_hints

import msgspec

from threadlog.agents import events
from threadlog.agents.happenings import (
    MESSAGE,
    OUTPUT,
    THOUGHT,
    Counted,
    ItemBegan,
    ItemEnded,
    Tell,
    TextGrew,
    Troubled,
)
from threadlog.core.items import response as rs
from threadlog.core.items import turn as ti
from threadlog.core.items.values import Duration
from threadlog.core.text import without_surrogates
from threadlog.errors import AgentFailed
from threadlog.fresh import new_id, now_ms
from threadlog.turn_parts import function_call, shown_output, tool_item
from threadlog.turn_writer import TurnWriter

# Of what a command prints, pieces are kept up to this; a whole output may be longer.
OUTPUT_LIMIT_CHARS = 1 << 20
SHELL = "shell"
_PHASES = (None, "commentary", "final_answer")
_EXIT_LIMIT = 1 << 31


class _Growing(NamedTuple):
    """A message or a summary of thoughts that is being streamed."""

    id: str
    began_ms: int
    pieces: list[str]
    phase: str | None = None


class _Open(NamedTuple):
    """A tool call or command that goes on."""

    item: ti.DynamicToolCall | ti.CommandExecution
    call: rs.FunctionCall
    began_ms: int
    pieces: list[str]


class Taker:
    """Takes the events of one turn.  What raises has recorded nothing, and can be done again."""

    def __init__(self, writer: TurnWriter, tell: Tell, *, summing: bool) -> None:
        """*summing*: a summary is asked for, so that only what is said counts, and is not told."""
        self.over = False
        self.last_message: ti.AgentMessage | None = None
        self.last_times = (0, 0)
        self.said = ""  # the last message's text
        self._summing = summing
        self._turn_id = writer.id
        self._writer = writer
        self._tell = tell
        self._message: _Growing | None = None
        self._thought: _Growing | None = None
        self._calls: dict[str, _Open] = {}

    def take(self, event: Any) -> None:
        """Record and tell an event; None says that nothing more comes for now."""
        self._check_on()
        kind = type(event)
        handler = _HANDLERS.get(kind, _nothing)
        if event is not None:
            if handler is _nothing:
                raise AgentFailed(
                    f"the agent yielded a {kind.__name__}: use threadlog.agents' events"
                )
            event = _checked(event)
        if self._summing:
            self._sum(event)
            return
        if kind is not events.Delta and kind is not events.Message:
            self._end_message()
        if kind is not events.ThoughtDelta and kind is not events.Thought:
            self._end_thought()
        if event is None:
            return
        handler(self, event)

    def finish(self, *, broken: bool) -> None:
        """The turn ends: what was being streamed is kept, and calls that go on have failed."""
        if self._summing:
            return
        self._end_message()
        self._end_thought()
        for name in list(self._calls):
            opened = self._calls.pop(name)
            item = msgspec.structs.replace(opened.item, status="failed")
            if broken:
                self._writer.show(item)
            self._tell_end(item, opened.began_ms)

    def _check_on(self) -> None:
        if self.over:
            raise AgentFailed("the turn has ended")

    def _sum(self, event: Any) -> None:
        if isinstance(event, events.Message):
            self.said = event.text
            self._message = None
        elif isinstance(event, events.Delta):
            self._message = self._message or self._new_growing("msg")
            self._message.pieces.append(event.text)
        elif isinstance(event, events.Usage | events.Retry):
            _HANDLERS[type(event)](self, event)
        elif event is None and self._message is not None:
            self.said = "".join(self._message.pieces)

    # -- what is said and thought

    def _delta(self, event: events.Delta) -> None:
        if self._message is None:
            self._message = self._new_growing("msg")._replace(phase=event.phase)
            item = _agent_message(self._message.id, "", event.phase)
            self._tell(ItemBegan(self._turn_id, item, self._message.began_ms))
        self._message.pieces.append(event.text)
        self._tell(TextGrew(self._turn_id, self._message.id, MESSAGE, event.text))

    def _say(self, event: events.Message) -> None:
        growing = self._message or self._new_growing("msg")
        self._writer.say(event.text, phase=event.phase, item_id=growing.id)
        item = _agent_message(growing.id, event.text, event.phase)
        if self._message is None:
            begun = _agent_message(growing.id, "", event.phase)
            self._tell(ItemBegan(self._turn_id, begun, growing.began_ms))
            if event.text:
                self._tell(TextGrew(self._turn_id, growing.id, MESSAGE, event.text))
        self._message = None
        self.last_message, self.said = item, event.text
        self.last_times = growing.began_ms, self._tell_end(item, growing.began_ms)

    def _end_message(self) -> None:
        if self._message is not None:
            self._say(events.Message("".join(self._message.pieces), self._message.phase))

    def _think(self, event: events.ThoughtDelta) -> None:
        if self._thought is None:
            self._thought = self._new_growing("rs")
            item = ti.Reasoning(id=self._thought.id)
            self._tell(ItemBegan(self._turn_id, item, self._thought.began_ms))
        self._thought.pieces.append(event.text)
        self._tell(TextGrew(self._turn_id, self._thought.id, THOUGHT, event.text))

    def _thought_of(self, event: events.Thought) -> None:
        growing = self._thought or self._new_growing("rs")
        self._writer.reason(
            event.summary,
            content=event.content,
            encrypted_content=event.encrypted_content,
            item_id=growing.id,
        )
        raw = () if event.content is None else (event.content,)
        item = ti.Reasoning(id=growing.id, summary_text=(event.summary,), raw_content=raw)
        if self._thought is None:
            self._tell(ItemBegan(self._turn_id, item, growing.began_ms))
        self._thought = None
        self._tell_end(item, growing.began_ms)

    def _end_thought(self) -> None:
        if self._thought is not None:
            self._thought_of(events.Thought("".join(self._thought.pieces)))

    # -- what is done

    def _call(self, event: events.Call) -> None:
        self._check_new(event.call_id)
        call = function_call(event.name, event.arguments, event.call_id)
        self._writer.item(call)
        shown = tool_item(call, ())
        item = msgspec.structs.replace(shown, status="in_progress", content_items=None)
        self._open(item, call)

    def _output(self, event: events.Output) -> None:
        opened = self._calls.get(event.call_id)
        output = shown_output(event.output)
        result = rs.FunctionCallOutput(call_id=event.call_id, output=output)
        if opened is None:
            raise AgentFailed(f"the agent told the output of no call: {event.call_id}")
        if isinstance(opened.item, ti.CommandExecution):
            text = output if isinstance(output, str) else "".join(opened.pieces)
            self._exit(events.Exit(event.call_id, 0 if event.success else 1, text))
            return
        item = msgspec.structs.replace(
            tool_item(opened.call, output),
            success=event.success,
            status="completed" if event.success else "failed",
            duration=_since(opened.began_ms),
        )
        self._close(opened, item, result)

    def _command(self, event: events.Command) -> None:
        self._check_new(event.call_id)
        arguments: dict[str, Any] = {"command": ["sh", "-c", event.command]}
        if event.cwd is not None:
            arguments["workdir"] = event.cwd
        call = function_call(SHELL, arguments, event.call_id)
        self._writer.item(call)
        item = ti.CommandExecution(
            id=event.call_id,
            command=tuple(_words(event.command)),
            cwd=event.cwd or self._writer.book.cwd,
            parsed_cmd=[{"type": "unknown", "cmd": event.command}],
            source="agent",
            status="in_progress",
        )
        self._open(item, call)

    def _printed(self, event: events.CommandOutput) -> None:
        opened = self._calls.get(event.call_id)
        if opened is None:
            raise AgentFailed(
                f"the agent told the output of a command that does not run: {event.call_id}"
            )
        if sum(map(len, opened.pieces)) < OUTPUT_LIMIT_CHARS:
            opened.pieces.append(event.text)
        self._tell(TextGrew(self._turn_id, event.call_id, OUTPUT, event.text))

    def _exit(self, event: events.Exit) -> None:
        opened = self._calls.get(event.call_id)
        if opened is None or not isinstance(opened.item, ti.CommandExecution):
            raise AgentFailed(f"the agent ended a command that does not run: {event.call_id}")
        output = "".join(opened.pieces) if event.output is None else event.output
        item = msgspec.structs.replace(
            opened.item,
            status="completed" if event.exit_code == 0 else "failed",
            aggregated_output=output,
            exit_code=event.exit_code,
            duration=_since(opened.began_ms),
        )
        told = output if event.exit_code == 0 else f"exit code {event.exit_code}\n{output}"
        self._close(opened, item, rs.FunctionCallOutput(call_id=event.call_id, output=told))

    def _open(self, item: ti.DynamicToolCall | ti.CommandExecution, call: rs.FunctionCall) -> None:
        began_ms = now_ms()
        self._calls[call.call_id] = _Open(item, call, began_ms, [])
        self._tell(ItemBegan(self._turn_id, item, began_ms))

    def _close(
        self,
        opened: _Open,
        item: ti.DynamicToolCall | ti.CommandExecution,
        result: rs.FunctionCallOutput,
    ) -> None:
        self._writer.show_with(item, result)
        del self._calls[opened.item.id]
        self._tell_end(item, opened.began_ms)

    def _check_new(self, call_id: str) -> None:
        if call_id in self._calls:
            raise AgentFailed(f"the agent called twice with the id {call_id!r}")

    # -- the rest

    def _usage(self, event: events.Usage) -> None:
        self._tell(Counted(self._turn_id, self._writer.usage(**event._asdict())))

    def _item(self, event: events.Item) -> None:
        self._writer.item({"type": "response_item", "payload": dict(event.item)})

    def _retry(self, event: events.Retry) -> None:
        self._tell(Troubled(self._turn_id, event.message, "other", again=True))

    def _new_growing(self, prefix: str) -> _Growing:
        ms = now_ms()
        return _Growing(f"{prefix}_{new_id(ms)}", ms, [])

    def _tell_end(self, item: ti.TurnItem, began_ms: int) -> int:
        ended_ms = max(now_ms(), began_ms)
        self._tell(ItemEnded(self._turn_id, item, began_ms, ended_ms))
        return ended_ms


def _nothing(_taker: Taker, _event: Any) -> None:
    """For what is no event."""


def _checked(event: Any) -> Any:
    """An event whose texts are texts, that every reader of the rollout can read."""
    texts = {}
    for name, optional in _TEXTS[type(event)]:
        value = getattr(event, name)
        if value is None and optional:
            continue
        if not isinstance(value, str):
            raise AgentFailed(
                f"the agent yielded a {type(event).__name__} whose {name} is a "
                f"{type(value).__name__}: give a text"
            )
        if not value.isascii():
            texts[name] = without_surrogates(value)
    if getattr(event, "phase", None) not in _PHASES:
        raise AgentFailed(
            f"the agent yielded a phase that is none: use {_PHASES[1]} or {_PHASES[2]}"
        )
    code = getattr(event, "exit_code", 0)
    if type(code) is not int or abs(code) >= _EXIT_LIMIT:
        raise AgentFailed("the agent yielded an exit code that is no whole number of 32 bits")
    return event._replace(**texts) if texts else event


def _agent_message(item_id: str, text: str, phase: str | None) -> ti.AgentMessage:
    return ti.AgentMessage(id=item_id, content=(ti.AgentText(type="Text", text=text),), phase=phase)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command) or [command]
    except ValueError:
        return [command]


def _since(began_ms: int) -> Duration:
    ms = max(0, now_ms() - began_ms)
    return Duration(secs=ms // 1000, nanos=ms % 1000 * 1_000_000)


_HANDLERS: dict[type, Callable[[Taker, Any], None]] = {
    events.Delta: Taker._delta,
    events.Message: Taker._say,
    events.ThoughtDelta: Taker._think,
    events.Thought: Taker._thought_of,
    events.Call: Taker._call,
    events.Output: Taker._output,
    events.Command: Taker._command,
    events.CommandOutput: Taker._printed,
    events.Exit: Taker._exit,
    events.Usage: Taker._usage,
    events.Item: Taker._item,
    events.Retry: Taker._retry,
}
# Of each event, the fields that are texts, and whether they may be None.
_TEXTS = {
    kind: tuple(
        (name, hint is not str)
        for name, hint in get_type_hints(kind).items()
        if hint in (str, str | None)
    )
    for kind in _HANDLERS
}
