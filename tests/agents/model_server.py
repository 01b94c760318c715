"""A model's endpoint on loopback that answers as a test says, errors and broken streams too."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

WAIT_S = 20.0


class Reply(NamedTuple):
    """One answer: events as an event stream, or a status with a body.

    `cut` ends the connection in the midst of a chunk; `hold` keeps it open until the other side
    is gone.
    """

    events: tuple[Any, ...] = ()
    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    hold: bool = False


def said(*items: dict[str, Any], usage: dict[str, Any] | None = None) -> Reply:
    """A whole answer of these items."""
    return Reply((*begun(*items), completed(usage)))


def begun(*items: dict[str, Any]) -> tuple[Any, ...]:
    return (
        {"type": "response.created", "response": {"id": "resp_1"}},
        *({"type": "response.output_item.done", "item": item} for item in items),
    )


def completed(usage: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}}


def delta(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text}


def message(text: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content, **more}


def call(name: str, arguments: Any, call_id: str = "call_1") -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": text}


def error(status: int, message: str = "no", *, after: str = "0.01", **more: Any) -> Reply:
    """An error as OpenAI tells it, and after which time to ask again."""
    body = {"error": {"message": message, **more}}
    return Reply(status=status, body=body, headers=(("retry-after", after),))


class ModelServer:
    """The endpoint; each request takes the next reply, the last one stays."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.holding, self.gone = threading.Event(), threading.Event()
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def script(self, *replies: Reply) -> None:
        self.replies, self.requests = list(replies), []

    def take(self, request: dict[str, Any], key: str) -> Reply:
        with self._lock:
            self.requests.append(request)
            self.keys.append(key)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @contextmanager
    def running(self) -> Iterator[ModelServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            self._server.shutdown()
            thread.join(WAIT_S)
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, model: ModelServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = self.server.model
        reply = model.take(request, self.headers.get("authorization", ""))
        self.close_connection = True
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("connection", "close")
        if reply.status != 200:
            self._whole(reply.body)
            return
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in reply.events:
            self._chunk(_sse(event))
        if reply.hold:
            self._hold()
        if not reply.cut:
            self.wfile.write(b"0\r\n\r\n")

    def _whole(self, body: Any) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        kind = "text/html" if isinstance(body, str) else "application/json"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _hold(self) -> None:
        model = self.server.model
        model.holding.set()
        try:
            while not model.stopping.wait(0.02):
                self._chunk(b": still here\n\n")
        except ConnectionError:
            model.gone.set()
            raise


def _sse(event: Any) -> bytes:
    if isinstance(event, bytes):
        return event
    kind = event.get("type") if isinstance(event, dict) else None
    name = f"event: {kind}\n" if isinstance(kind, str) and kind.isprintable() else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()
