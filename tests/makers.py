"""Rollouts in homes on disk, as the tests of reading, recording and the command line make them."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import threadlog
from threadlog.cli.main import main
from threadlog.core import layout
from threadlog.core.history import Value

zstd: Any = importlib.import_module(
    "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
)

STAMP = "2026-01-02T03:04:05.678Z"
FILE_STAMP = "2026-01-02T03-04-05"
DAY = "sessions/2026/01/02"

Json = Any


def uuid(number: int) -> str:
    """The thread id number so-and-so; the last digits differ."""
    return f"019b0000-0000-7000-8000-{number:012x}"


THREAD = uuid(0xA)
OTHER = uuid(0xB)


def dumps(value: Json) -> bytes:
    """Compact JSON; lone surrogates stay escapes."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def line(line_type: str, payload: Json, *, ordinal: int | None = None) -> bytes:
    """One raw line without its LF."""
    head: dict[str, Json] = {"timestamp": STAMP}
    if ordinal is not None:
        head["ordinal"] = ordinal
    return dumps({**head, "type": line_type, "payload": payload})


def event(kind: str, /, **fields: Json) -> bytes:
    """One raw `event_msg` line."""
    return line("event_msg", {"type": kind} | fields)


def meta(thread: str | None = THREAD, **fields: Json) -> bytes:
    """One raw `session_meta` line; a field given as None is left out."""
    return line("session_meta", meta_payload(thread, **fields))


def meta_payload(thread: str | None = THREAD, **fields: Json) -> dict[str, Json]:
    """The payload of a `session_meta`."""
    payload = {
        "id": thread,
        "timestamp": STAMP,
        "cwd": "/desk/project",
        "originator": "tests",
        "cli_version": "1.2.3",
        "source": "cli",
        "model_provider": "some",
        **fields,
    }
    return {key: value for key, value in payload.items() if value is not None}


def user(text: str, /, **fields: Json) -> bytes:
    """The user's message, as an event."""
    return event("user_message", message=text, **fields)


def agent(text: str) -> bytes:
    """The agent's message, as an event."""
    return event("agent_message", message=text)


def message(role: str, text: str) -> dict[str, Json]:
    """A response item: a message."""
    part = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": part, "text": text}]}


def says(role: str, text: str) -> bytes:
    """One raw line with a message as the model sees it."""
    return line("response_item", message(role, text))


def started(turn: str) -> bytes:
    """A turn begins."""
    return event("task_started", turn_id=turn)


def completed(turn: str) -> bytes:
    """A turn ends."""
    return event("task_complete", turn_id=turn, last_agent_message=None)


def turn(name: str) -> list[bytes]:
    """One whole legacy turn: the question *name* and its answer."""
    return [
        started(f"turn-{name}"),
        user(name),
        says("user", name),
        agent(f"re {name}"),
        says("assistant", f"re {name}"),
        completed(f"turn-{name}"),
    ]


def content(raws: Iterable[bytes]) -> bytes:
    """A file of these lines."""
    return b"".join(raw + b"\n" for raw in raws)


def file_name(thread: str | None = THREAD, *, stamp: str = FILE_STAMP, revision: str = "") -> str:
    """The name of a rollout, as Codex would give it."""
    revised = f"_{revision}" if revision else ""
    return f"rollout-{stamp}-{thread}{revised}.jsonl"


def put(home: Path, data: bytes, name: str | None = None, folder: str = DAY) -> Path:
    """A file of these bytes in a folder of the home; `.zst` names are packed."""
    path = home / folder / (name or file_name())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstd.compress(data) if path.suffix == ".zst" else data)
    return path


def put_thread(home: Path, number: int, text: str = "hello", **where: str) -> Path:
    """A small thread of one message; *where* may say `stamp`, `folder` and `suffix`."""
    thread = uuid(number)
    name = file_name(thread, stamp=where.get("stamp", FILE_STAMP)) + where.get("suffix", "")
    return put(home, content([meta(thread), *turn(text)]), name, where.get("folder", DAY))


def make_old(home: Path) -> None:
    """Nobody has changed a rollout for an hour: it is gone on with at once, and compressed."""
    for root in (layout.SESSIONS, layout.ARCHIVED):
        for path in (home / root).rglob("rollout-*"):
            if path.is_file():
                at_ns = path.stat().st_mtime_ns - 3600 * 10**9
                os.utime(path, ns=(at_ns, at_ns))


def put_names(home: Path, *pairs: tuple[str, str]) -> Path:
    """The name file of a Codex, with these lines appended."""
    path = home / "session_index.jsonl"
    with path.open("ab") as file:
        for thread, name in pairs:
            file.write(dumps({"id": thread, "thread_name": name, "updated_at": STAMP}) + b"\n")
    return path


class Cut(NamedTuple):
    """A place in a rollout: what comes before it is what another one builds on."""

    rollout_id: str
    ordinal: int
    offset: int


class Pages:
    """A paginated rollout in the making, with ordinals and offsets as Codex counts them."""

    def __init__(
        self, thread: str, *, revision: str = "", base: Cut | None = None, **fields: Json
    ) -> None:
        self.thread = thread
        self.revision = revision
        self.raws: list[bytes] = []
        self.base = base
        self.ordinal = base.ordinal if base else 0
        if base:
            fields["history_base"] = {
                "thread_id": base.rollout_id,
                "end_ordinal_exclusive": base.ordinal,
                "end_byte_offset": base.offset,
            }
        self.add("session_meta", meta_payload(thread, history_mode="paginated", **fields))

    @property
    def end(self) -> Cut:
        """The place after the last line so far."""
        return Cut(self.revision or self.thread, self.ordinal, len(content(self.raws)))

    def add(self, line_type: str, payload: Json) -> None:
        """One more line, with its ordinal."""
        self.raws.append(line(line_type, payload, ordinal=self.ordinal))
        self.ordinal += 1

    def turn(self, name: str) -> Cut:
        """One whole turn; returns where it begins."""
        start = self.end
        turn_id = f"turn-{name}"
        self.add("event_msg", {"type": "task_started", "turn_id": turn_id})
        words = [{"type": "text", "text": name}]
        self._item(turn_id, {"type": "UserMessage", "id": f"u-{name}", "content": words})
        self.add("response_item", message("user", name))
        words = [{"type": "Text", "text": f"re {name}"}]
        self._item(turn_id, {"type": "AgentMessage", "id": f"a-{name}", "content": words})
        self.add("response_item", message("assistant", f"re {name}"))
        self.add("event_msg", {"type": "task_complete", "turn_id": turn_id})
        return start

    def _item(self, turn_id: str, item: Json) -> None:
        fields = {"thread_id": self.thread, "turn_id": turn_id, "item": item}
        self.add("event_msg", {"type": "item_completed", **fields})

    def write(
        self, home: Path, *, stamp: str = FILE_STAMP, suffix: str = "", folder: str = DAY
    ) -> Path:
        """The rollout on disk."""
        name = file_name(self.thread, stamp=stamp, revision=self.revision) + suffix
        return put(home, content(self.raws), name, folder)


def told(home: Path, thread: str) -> list[str]:
    """The names of a thread's turns."""
    return [turn.id.removeprefix("turn-") for turn in threadlog.open(home).turns(thread)]


def both_ways(home: Path, thread: str) -> list[Value]:
    """A thread's lines and damages, which must be the same forwards and backwards."""
    opened = threadlog.open(home)
    values = list(opened.iter_lines(thread))
    assert list(opened.iter_lines(thread, backwards=True)) == values[::-1]
    return values


def raw_bytes(home: Path, thread: str) -> bytes:
    """A thread's bytes."""
    opened = threadlog.open(home)
    pieces = opened.reader(opened.get(thread)).raw_chunks()
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    out: bytes
    err: str


def command(home: Path | str, *words: str) -> Ran:
    """Run `threadlog --home HOME ...` in this process; a defect of ours is raised, not hidden."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    before = os.environ.get("THREADLOG_DEBUG")
    os.environ["THREADLOG_DEBUG"] = "1"
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(["--home", str(home), *words])
            except SystemExit as exit_:  # what argparse does
                code = int(exit_.code or 0)
    finally:
        del os.environ["THREADLOG_DEBUG"]
        if before is not None:
            os.environ["THREADLOG_DEBUG"] = before
    out.flush()
    err.flush()
    return Ran(code, _written(out), _written(err).decode())


def _written(stream: io.TextIOWrapper) -> bytes:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


def skippable(data: bytes) -> bytes:
    """A zstd frame that decoders skip."""
    return struct.pack("<II", 0x184D2A50, len(data)) + data


def tree(folder: Path) -> dict[str, tuple[int, int, int, int, bytes]]:
    """Everything under a folder: mode, inode, size, time of change, and content."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files, "."]:
            path = Path(parent, name)
            status = path.lstat()
            data = path.read_bytes() if path.is_file() else b""
            facts = (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns)
            found[str(path)] = (*facts, data)
    return found


def python(code: str, *words: str) -> subprocess.Popen[str]:
    """Another process that runs *code*, with our package at hand; talk to it by its pipes."""
    folder = str(Path(threadlog.__file__).parents[1])
    path = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


HOLD = """
import sys
from threadlog.codex.lock import ThreadWriterLock
lock = ThreadWriterLock(sys.argv[1], sys.argv[2])
print("held", flush=True)
if sys.stdin.readline() == "release\\n":
    lock.release()
    print("released", flush=True)
    sys.stdin.readline()
"""


@contextlib.contextmanager
def held(home: Path, thread: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the writer lock of a thread; it is killed in the end."""
    with python(HOLD, str(home), thread) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()
