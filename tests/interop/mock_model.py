"""A model of our own on loopback: answers Codex's requests from a script, and remembers them.

It speaks as much of the Responses API, as an event stream, as Codex needs.  Every request takes
the next step of the script; one that finds the script empty is answered too, and counted.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Json = Any

WAIT_S = 20.0
_PING_S = 0.05
_UNSCRIPTED = "Nothing was scripted for this request."


class Offer(NamedTuple):
    """What an item of an answer is made for: the tools of the request, and a fresh number."""

    tools: dict[str, str]
    number: int


Reply = Callable[[Offer], dict[str, Json]]


def say(text: str, phase: str | None = None) -> Reply:
    """The agent's message."""

    def make(offer: Offer) -> dict[str, Json]:
        item = {
            "type": "message",
            "role": "assistant",
            "id": f"msg_{offer.number:05d}",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }
        return item if phase is None else {**item, "phase": phase}

    return make


def think(summary: str) -> Reply:
    """Reasoning with a readable summary."""
    return lambda offer: {
        "type": "reasoning",
        "id": f"rs_{offer.number:05d}",
        "summary": [{"type": "summary_text", "text": summary}],
        "encrypted_content": "b3BhcXVl" * 8,
    }


def shell(command: str) -> Reply:
    """A call of whichever shell tool the request offers."""

    def make(offer: Offer) -> dict[str, Json]:
        if "exec_command" in offer.tools:
            return _call(offer, "exec_command", {"cmd": command, "yield_time_ms": 10_000})
        if "shell_command" in offer.tools:
            return _call(offer, "shell_command", {"command": command, "timeout_ms": 10_000})
        return _call(offer, "shell", {"command": ["sh", "-c", command], "timeout_ms": 10_000})

    return make


def patch(text: str) -> Reply:
    """A call of `apply_patch`, in the shape in which the request offers it."""

    def make(offer: Offer) -> dict[str, Json]:
        if offer.tools.get("apply_patch") == "function":
            return _call(offer, "apply_patch", {"input": text})
        return {
            "type": "custom_tool_call",
            "id": f"ctc_{offer.number:05d}",
            "status": "completed",
            "call_id": f"call_{offer.number:05d}",
            "name": "apply_patch",
            "input": text,
        }

    return make


def raw(item: dict[str, Json]) -> Reply:
    """An item as it is."""
    return lambda _offer: item


def _call(offer: Offer, name: str, arguments: Json) -> dict[str, Json]:
    return {
        "type": "function_call",
        "id": f"fc_{offer.number:05d}",
        "call_id": f"call_{offer.number:05d}",
        "name": name,
        "arguments": json.dumps(arguments),
    }


class Step(NamedTuple):
    """One answer.  `pause` keeps it open until `release`; `fail` ends it with this message.

    A number of `input_tokens` beyond the context window makes Codex compact before its next turn.
    """

    replies: tuple[Reply, ...] = ()
    pause: bool = False
    fail: str = ""
    input_tokens: int = 500


def answer(*replies: Reply, input_tokens: int = 500) -> Step:
    """A whole answer of these items."""
    return Step(replies, input_tokens=input_tokens)


def pause(*replies: Reply) -> Step:
    """An answer that begins with these items and ends when it is released, or not at all."""
    return Step(replies, pause=True)


def fail(message: str) -> Step:
    """No answer but an error."""
    return Step(fail=message)


class Request(NamedTuple):
    """A request that Codex made."""

    path: str
    body: dict[str, Json]

    @property
    def input(self) -> list[dict[str, Json]]:
        """The items it sent."""
        return list(self.body["input"])


class MockModel:
    """The server; one for a whole test session will do, since each script is used up."""

    def __init__(self) -> None:
        self._server = _Server(self)
        self._changed = threading.Condition()
        self._script: deque[Step] = deque()
        self._numbers = 0
        self._paused = 0
        self._go_on = threading.Event()
        self.requests: list[Request] = []
        self._unscripted = 0
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_PING_S,))

    @property
    def url(self) -> str:
        """The `base_url` for a Codex config."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._go_on.set()
        self._server.shutdown()
        self._thread.join(WAIT_S)
        self._server.server_close()

    def script(self, *steps: Step) -> None:
        """Answer with *steps* from now on, and forget the requests of before."""
        with self._changed:
            assert not self._script, "steps of the script before this one were not taken"
            self._script.extend(steps)
            self.requests = []

    @contextlib.contextmanager
    def used_up(self) -> Iterator[None]:
        """What is done within takes every step of its scripts, and asks for no more."""
        self._script.clear()
        before = self._unscripted
        yield
        assert not self._script, "the script was not used up"
        assert self._unscripted == before, "a request came that no script foresaw"
        assert not self.failures

    def release(self) -> None:
        """Let the answer that pauses, or is about to, end; returns when it goes on."""
        self._await(lambda: self._paused > 0, "no request has reached the step that pauses")
        self._go_on.set()
        self._await(lambda: self._paused == 0, "the answer still pauses")
        self._go_on.clear()

    def _await(self, reached: Callable[[], bool], failure: str) -> None:
        with self._changed:
            if not self._changed.wait_for(reached, WAIT_S):
                raise TimeoutError(failure)

    # -- for the handlers

    def take(self, request: Request) -> Step:
        """The next step, for this request."""
        with self._changed:
            self.requests.append(request)
            if self._script:
                return self._script.popleft()
            self._unscripted += 1
            return answer(say(_UNSCRIPTED))

    def items(self, step: Step, request: Request) -> Iterable[dict[str, Json]]:
        """The items of a step, made for this request."""
        tools = {_tool_name(tool): str(tool.get("type")) for tool in request.body.get("tools", [])}
        for reply in step.replies:
            with self._changed:
                self._numbers += 1
                number = self._numbers
            yield reply(Offer(tools, number))

    def hold(self, send_ping: Callable[[], None]) -> None:
        """Pause until released, or until the other side is gone."""
        with self._changed:
            self._paused += 1
            self._changed.notify_all()
        try:
            while not self._go_on.wait(_PING_S):
                send_ping()
        finally:
            with self._changed:
                self._paused -= 1
                self._changed.notify_all()


def _tool_name(tool: dict[str, Json]) -> str:
    return str(tool.get("name") or tool.get("type"))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: MockModel) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.model.failures.append(error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002
        return

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [], "models": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "zstd":
            body = zstd.decompress(body)
        if not self.path.endswith("/responses"):
            self._json(404, {"error": {"message": f"no such route: {self.path}"}})
            return
        request = Request(self.path, json.loads(body))
        model = self.server.model
        step = model.take(request)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        response = f"resp_{id(request):x}"
        self._event("response.created", response={"id": response})
        for index, item in enumerate(model.items(step, request)):
            for kind, fields in _item_events(item, index):
                self._event(kind, **fields)
        if step.pause:
            model.hold(lambda: self._write(b": still here\n\n"))
        if step.fail:
            error = {"code": "invalid_prompt", "message": step.fail}
            self._event("response.failed", response={"id": response, "error": error})
        else:
            self._event("response.completed", response=_completed(response, step.input_tokens))

    def _event(self, kind: str, **fields: Json) -> None:
        data = json.dumps({"type": kind, **fields})
        self._write(f"event: {kind}\ndata: {data}\n\n".encode())

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def _json(self, status: int, value: Json) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _item_events(item: dict[str, Json], index: int) -> Iterator[tuple[str, dict[str, Json]]]:
    is_message = item["type"] == "message"
    begun = {**item, "content": []} if is_message else item
    yield "response.output_item.added", {"output_index": index, "item": begun}
    if is_message:
        for content_index, part in enumerate(item["content"]):
            place = {"output_index": index, "content_index": content_index, "item_id": item["id"]}
            yield "response.output_text.delta", {**place, "delta": part["text"]}
    yield "response.output_item.done", {"output_index": index, "item": item}


def _completed(response: str, input_tokens: int) -> Json:
    output_tokens = 20
    usage = {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }
    return {"id": response, "usage": usage}
