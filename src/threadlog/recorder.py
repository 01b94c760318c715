"""Recording a thread: items go into memory, barriers bring them to disk and tell the truth.

A fresh recorder is a draft: its path is known and nothing is on disk.  `persist` makes the
rollout; from then on `flush` appends what was recorded since, one write a batch.  A barrier that
fails says so, keeps everything, and can be called again.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import msgspec

from threadlog import __version__
from threadlog.core import ids, lines, policy, query
from threadlog.core.decode import Line, decode
from threadlog.core.items import LineItem, UntypedItem
from threadlog.core.items.session import SessionMeta
from threadlog.core.lines import Envelope, Json
from threadlog.core.metadata import LEGACY
from threadlog.errors import BacklogFull, Closed, Unencodable, WriteFailed
from threadlog.home import Home
from threadlog.ports import Appender, Journal

BACKLOG_LIMIT_BYTES = 64 << 20
DEFAULT_PROVIDER = "openai"

# What msgspec would turn into text of its own making: left as it is, and refused as no JSON.
_NOT_JSON = (bytes, bytearray, datetime, date, Decimal, UUID)

Recordable = LineItem | Line | Mapping[str, Any]


class ThreadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Who and where a new thread is.

    `cwd` is made absolute.  `source` and `originator` say which program it belongs to; Codex
    lists threads of the sources `cli` and `vscode` by default.  `model_provider` None means
    the one that the home's Codex has configured, else `openai`: Codex resumes no thread whose
    provider it does not know.
    """

    cwd: str
    source: Json = "cli"
    originator: str = "threadlog"
    model_provider: str | None = None
    base_instructions: str | None = None
    dynamic_tools: tuple[Json, ...] = ()


class _Backlog:
    """Encoded lines that are not in the file yet."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.size_bytes = 0

    def add(self, batch: list[bytes]) -> None:
        size = sum(map(len, batch))
        if size > BACKLOG_LIMIT_BYTES:
            raise BacklogFull(
                f"{size} bytes at once are more than a recorder takes ({BACKLOG_LIMIT_BYTES})"
            )
        if self.size_bytes + size > BACKLOG_LIMIT_BYTES:
            raise BacklogFull(
                f"{self.size_bytes} bytes are waiting to be written and the limit is "
                f"{BACKLOG_LIMIT_BYTES}; call flush, or persist, first"
            )
        self.lines.extend(batch)
        self.size_bytes += size

    def clear(self) -> None:
        self.lines.clear()
        self.size_bytes = 0


class _Draft:
    """A thread that is not on disk: `meta` is the line its rollout will begin with."""

    def __init__(self, journal: Journal, meta: bytes) -> None:
        self.journal = journal
        self.meta = meta


class _Live:
    """A thread whose rollout we write; `synced` is False while lines may not be durable."""

    def __init__(self, appender: Appender) -> None:
        self.appender = appender
        self.synced = True


class RolloutRecorder:
    """The writer of one thread; safe to use from several OS threads."""

    def __init__(self, path: str, thread_id: str, draft: _Draft) -> None:
        """Not for callers: use `create`."""
        self.path = path
        self.thread_id = thread_id
        self._state: _Draft | _Live | None = draft
        self._backlog = _Backlog()
        self._lock = threading.RLock()
        self._last_ms = 0
        self._safe_items = 0
        self._pid = os.getpid()

    @classmethod
    def create(cls, home: Home, options: ThreadOptions) -> RolloutRecorder:
        """A draft in *home*: `path` and `thread_id` are known, nothing is touched.

        The folder and file name carry local time, the metadata UTC, both of this instant (Codex:
        the same).
        """
        now_ms = time.time_ns() // 1_000_000
        thread_id = ids.uuid7(now_ms, secrets.randbits(74))
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(now_ms / 1000))
        instructions = options.base_instructions
        provider = options.model_provider or home.store.model_provider() or DEFAULT_PROVIDER
        meta = SessionMeta(
            id=thread_id,
            session_id=thread_id,
            timestamp=query.utc_text(now_ms),
            cwd=os.fsencode(os.path.abspath(options.cwd)).decode(errors="replace"),
            originator=options.originator,
            cli_version=__version__,
            source=options.source,
            model_provider=provider,
            base_instructions=None if instructions is None else {"text": instructions},
            dynamic_tools=options.dynamic_tools or None,
            history_mode=LEGACY,
        )
        journal = home.store.journal
        line = _encode(meta, query.utc_text(now_ms))
        assert line is not None
        recorder = cls(journal.plan(stamp, thread_id), thread_id, _Draft(journal, line))
        recorder._last_ms = now_ms
        return recorder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Exception:
            if error is None:
                raise

    def record(self, *items: Recordable) -> int:
        """Take items into memory, all or none; returns how many this history mode keeps.

        Typed items; lines that were read, which pass on every field they have; or mappings
        `{"type": ..., "payload": ...}`, which are encoded now.  Never does I/O.  Raises Closed,
        Unencodable, BacklogFull.
        """
        self._check_process()
        with self._lock:
            self._check_open()
            self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
            timestamp = query.utc_text(self._last_ms)
            encoded = [_encode(item, timestamp) for item in items]
            batch = [line for line in encoded if line is not None]
            self._backlog.add(batch)
            return len(batch)

    def persist(self) -> None:
        """Make the rollout with all that was recorded; once it is there, the same as `flush`.

        Returns when everything is on stable storage; raises InUse, WriteFailed.
        """
        self._check_process()
        with self._lock:
            self._check_open()
            if isinstance(self._state, _Draft):
                self._materialise(self._state)
            self._write_backlog()

    def flush(self) -> None:
        """Bring what was recorded to stable storage; on a draft there is nothing to do (Codex).

        Raises Closed, WriteFailed.
        """
        self._check_process()
        with self._lock:
            self._check_open()
            self._write_backlog()

    def close(self) -> None:
        """Flush, then let go of the thread; a draft leaves nothing.  A second call does nothing.

        Raises WriteFailed, after which the recorder is still open.
        """
        if os.getpid() != self._pid:
            return  # a forked child neither writes nor holds
        with self._lock:
            if isinstance(self._state, _Live):
                self._write_backlog()
                self._state.appender.close()
            elif self._backlog.lines:
                _warn_dropped(self.thread_id, len(self._backlog.lines))
            self._backlog.clear()
            self._state = None

    def _check_open(self) -> None:
        if self._state is None:
            raise Closed(f"the recorder of thread {self.thread_id} is closed")

    def _check_process(self) -> None:
        """Before the lock is taken: a thread of the parent may have held it at the fork."""
        if os.getpid() != self._pid:
            raise Closed(f"the recorder of thread {self.thread_id} is that of another process")

    def _materialise(self, draft: _Draft) -> None:
        try:
            appender = draft.journal.create(self.path, self.thread_id)
        except OSError as error:
            raise WriteFailed(self.path, error.errno, self._safe_items) from error
        self._state = _Live(appender)
        self._backlog.lines.insert(0, draft.meta)
        self._safe_items = -1  # the metadata is no item of the caller's

    def _write_backlog(self) -> None:
        live = self._state
        if not isinstance(live, _Live):
            return
        try:
            if self._backlog.lines:
                live.appender.append(self._backlog.lines)
                live.synced = False
                self._safe_items += len(self._backlog.lines)
                self._backlog.clear()
            if not live.synced:
                live.appender.sync()
                live.synced = True
        except OSError as error:
            safe = max(self._safe_items, 0)
            raise WriteFailed(self.path, error.errno, safe) from error


def _encode(item: Recordable, timestamp: str) -> bytes | None:
    """The line of an item, or None if a legacy rollout does not keep it."""
    line_type, payload = _plain(item)
    kind, inner = payload.get("type"), payload.get("item")
    kind = lines.ALIASES.get(kind, kind) if isinstance(kind, str) else None
    turn_item = inner.get("type") if isinstance(inner, Mapping) else None
    if not policy.keeps((line_type, kind), LEGACY, turn_item):
        return None
    try:
        encoded = lines.dump(payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(f"cannot record a {line_type}: {error}") from error
    metadata = item.metadata if isinstance(item, Line) else None
    line = lines.encode_line(Envelope(timestamp, line_type, {}, metadata=metadata), encoded)
    if isinstance(item, Mapping) and not _has_its_shape(line):
        raise Unencodable(
            f"cannot record a {line_type} {kind or ''} without the fields it requires"
        )
    return line


def _has_its_shape(line: bytes) -> bool:
    """True if readers will take the line for what it says it is: Codex skips it otherwise."""
    read = decode(line.rstrip(b"\n"))
    return isinstance(read, Line) and not isinstance(read.item, UntypedItem)


def _plain(item: Any) -> tuple[str, dict[str, Json]]:
    """The type and payload of what is to be recorded."""
    if isinstance(item, Line):
        return item.type, item.plain().payload
    if isinstance(item, UntypedItem):
        return item.type, dict(item.payload)
    if isinstance(item, LineItem):
        try:
            return item.line_type, msgspec.to_builtins(item, builtin_types=_NOT_JSON)
        except (TypeError, ValueError, RecursionError) as error:
            raise Unencodable(f"cannot record a {item.line_type}: {error}") from error
    if not isinstance(item, Mapping):
        raise Unencodable(f"cannot record a {type(item).__name__}: give an item, or a mapping")
    line_type, payload = item.get("type"), item.get("payload")
    if not isinstance(line_type, str) or not isinstance(payload, Mapping) or len(item) > 2:
        raise Unencodable("cannot record a mapping but of a `type` text and a `payload` mapping")
    return line_type, dict(payload)


def _warn_dropped(thread_id: str, count: int) -> None:
    import warnings

    warnings.warn(
        f"thread {thread_id} was closed before persist: {count} items were dropped",
        RuntimeWarning,
        stacklevel=3,
    )
