"""What OpenAI's Python SDK is documented to do, done with an app-server.

A Python that has the SDK runs this.  The one argument is JSON: the `command` of the server and its
`cwd`.  What the users say is meant for an agent that knows `/wait` and `/fail` and else answers
"You said: ..."; a mock model is told to answer the same.  The line `release` asks for the end of a
pause of that model.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from openai_codex import (  # type: ignore[import-not-found]
    AsyncCodex,
    Codex,
    CodexConfig,
    InvalidRequestError,
)

_LONG = "well\n/wait 20"  # a model is to say the one, and pause
_NOBODY = "01a2185c-8724-7343-8985-969e3be79518"


def _until(stream: Any, method: str, kind: str) -> None:
    """Read notifications to the one that says this of an item of this kind."""
    for event in stream:
        if event.method == method and event.payload.item.root.type == kind:
            return
    raise AssertionError(f"the turn ended before any {method} of {kind}")


def start_and_run(codex: Any) -> None:
    metadata = codex.metadata
    assert metadata.userAgent
    thread = codex.thread_start()
    result = thread.run("hello")
    assert result.final_response == "You said: hello"
    assert result.status.value == "completed"
    assert result.usage is not None
    assert result.usage.total.total_tokens > 0
    assert [item.root.type for item in result.items][-1] == "agentMessage"
    assert thread.run("again").final_response == "You said: again"


def stream(codex: Any) -> None:
    events = list(codex.thread_start().turn("stream").stream())
    methods = [event.method for event in events]
    assert methods[0] == "turn/started"
    assert methods[-1] == "turn/completed"
    deltas = [each for each in events if each.method == "item/agentMessage/delta"]
    assert "".join(each.payload.delta for each in deltas) == "You said: stream"


def name_read_list(codex: Any) -> None:
    thread = codex.thread_start()
    thread.run("name me")
    thread.set_name("A name")
    read = thread.read(include_turns=True).thread
    assert read.name == "A name"
    assert read.preview == "name me"
    assert [turn.status.value for turn in read.turns] == ["completed"]
    kinds = [item.root.type for item in read.turns[0].items]
    assert kinds == ["userMessage", "agentMessage"]
    assert not thread.read().thread.turns
    listed = codex.thread_list(limit=50)
    assert thread.id in [each.id for each in listed.data]
    (only,) = codex.thread_list(search_term="A name").data
    assert only.id == thread.id
    first = codex.thread_list(limit=1)
    second = codex.thread_list(limit=1, cursor=first.next_cursor)
    assert first.data[0].id != second.data[0].id


def resume_fork(codex: Any) -> None:
    thread = codex.thread_start()
    thread.run("first")
    again = codex.thread_resume(thread.id)
    assert again.id == thread.id
    assert again.run("second").final_response == "You said: second"
    assert codex.thread_resume(thread.id, include_turns=False).id == thread.id
    fork = codex.thread_fork(thread.id)
    assert fork.id != thread.id
    assert fork.run("third").final_response == "You said: third"
    assert len(fork.read(include_turns=True).thread.turns) == 3
    assert len(thread.read(include_turns=True).thread.turns) == 2
    assert fork.read().thread.forked_from_id == thread.id


def compact(codex: Any) -> None:
    thread = codex.thread_start()
    thread.run("much")
    thread.compact()
    _until_idle(thread)
    assert thread.run("more").final_response == "You said: more"


def _until_idle(thread: Any) -> None:
    """Compacting is a turn that the SDK gives no handle to: look until it is done."""
    for _ in range(300):
        read = thread.read(include_turns=True).thread
        if read.turns[-1].status.value == "completed" and len(read.turns) > 1:
            return
    raise AssertionError("the thread is still being compacted")


def archive(codex: Any) -> None:
    thread = codex.thread_start()
    thread.run("put me away")
    codex.thread_archive(thread.id)
    assert thread.id not in [each.id for each in codex.thread_list().data]
    assert thread.id in [each.id for each in codex.thread_list(archived=True).data]
    back = codex.thread_unarchive(thread.id)
    assert back.id == thread.id
    assert codex.thread_resume(thread.id).run("back").final_response == "You said: back"


def interrupt(codex: Any) -> None:
    thread = codex.thread_start()
    turn = thread.turn(_LONG)
    events = turn.stream()
    _until(events, "item/completed", "agentMessage")
    turn.interrupt()
    last = list(events)[-1]
    assert last.payload.turn.status.value == "interrupted"
    assert thread.run("on").final_response == "You said: on"


def steer(codex: Any) -> None:
    turn = codex.thread_start().turn(_LONG)
    events = turn.stream()
    _until(events, "item/completed", "agentMessage")
    assert turn.steer("and this").turn_id == turn.id
    print("release", flush=True)
    rest = list(events)
    messages = [each for each in rest if each.method == "item/completed"]
    kinds = [each.payload.item.root.type for each in messages]
    assert "userMessage" in kinds
    said = [item.text for item in _items(messages) if item.type == "agentMessage"]
    assert "You said: and this" in said
    assert rest[-1].payload.turn.status.value == "completed"


def _items(events: list[Any]) -> list[Any]:
    return [each.payload.item.root for each in events]


def models(codex: Any) -> None:
    assert codex.models().data
    assert codex.account().account is None


def errors(codex: Any) -> None:
    for refused in (
        lambda: codex.thread_resume(_NOBODY),
        lambda: codex.thread_fork("nonsense"),
        lambda: codex.thread_archive(_NOBODY),
        lambda: codex.thread_list(cursor="nonsense"),
        lambda: codex.thread_start().set_name(" "),
    ):
        _raises(InvalidRequestError, refused)
    thread = codex.thread_start()
    assert "no good" in str(_raises(RuntimeError, lambda: thread.run("/fail no good")))
    assert thread.run("still here").final_response == "You said: still here"


def _raises(kind: type[Exception], call: Callable[[], Any]) -> Exception:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


async def asynchronously(config: Any) -> None:
    async with AsyncCodex(config) as codex:
        first, second = await codex.thread_start(), await codex.thread_start()
        results = await asyncio.gather(first.run("one"), second.run("two"))
        said = sorted(str(result.final_response) for result in results)
        assert all(each.startswith("You said: ") for each in said)
        assert len({*said}) == 2
        turn = await first.turn("three")
        assert [event.method async for event in turn.stream()][-1] == "turn/completed"
        assert (await codex.thread_list()).data


FLOWS = (
    start_and_run,
    stream,
    name_read_list,
    resume_fork,
    compact,
    archive,
    interrupt,
    steer,
    models,
    errors,
)


def main() -> None:
    given = json.loads(sys.argv[1])
    config = CodexConfig(launch_args_override=tuple(given["command"]), cwd=given["cwd"])
    with Codex(config) as codex:
        for flow in FLOWS:
            print(f"begins {flow.__name__}", flush=True)
            flow(codex)
    print("begins asynchronously", flush=True)
    asyncio.run(asynchronously(config))
    print("done", flush=True)


if __name__ == "__main__":
    main()
