"""`threadlog record`: items on standard input become a thread, for agents that are not in Python.

What comes in is recorded as it comes; nothing here waits for the end of the input.  Whatever goes
wrong with one line, with our output or by a signal, every item read before is saved.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from threadlog.core import decode, entry, lines, text
from threadlog.core.entry import Recordable
from threadlog.core.framing import LINE_LIMIT_BYTES, Oversized, Splitter
from threadlog.core.lines import EVENT, RESPONSE_ITEM, SESSION_META, BadLine, Json
from threadlog.core.metadata import LEGACY
from threadlog.errors import (
    BacklogFull,
    InUse,
    NotOnDiskYet,
    NotPersistable,
    OthersWrote,
    Unencodable,
    WriteFailed,
)
from threadlog.home import Home

OK, FAILED, USAGE = 0, 1, 2

CHUNK_BYTES = 256 << 10
# After a signal, so much of what lies in the pipe already is still read.
LATE_BYTES = 1 << 20
INSTRUCTIONS_LIMIT_BYTES = 1 << 20
# So many bad lines are named; the others are counted.
NAMED_LINES = 20
# With the backlog full and nothing to be written, reading stops for so long, and then for good.
PATIENCE_S = 30.0
RETRY_S = 1.0

# What may pass: a full disk, or another program that holds a lock for a while.
_FAILURES = (WriteFailed, InUse)
_OF_NEW_THREADS = ("source", "originator", "model_provider", "history_mode", "base_instructions")
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Record standard input; returns the exit code once everything is on stable storage."""
    complaint = _wrong_use(arguments) or _read_instructions(arguments)
    if complaint:
        _say(complaint)
        return USAGE
    given = _Input()
    recording = _Recording(home, arguments, given)
    with given:
        # Said before the first line is read: who writes to us may wait for it.
        unsaid = recording.announce(as_json=arguments.json)
        try:
            recording.take_all()
        finally:
            code = recording.finish()
    given.obey()
    if given.error is not None:
        raise given.error
    if code == OK and unsaid is not None:
        unsaid.filename = unsaid.filename or "standard output"
        raise unsaid
    return code


def _wrong_use(arguments: argparse.Namespace) -> str | None:
    """What is wrong with the options together."""
    if arguments.resume is None:
        for name in ("force", "take_over"):
            if getattr(arguments, name):
                return f"--{name.replace('_', '-')} goes with --resume only"
        return None
    for name in _OF_NEW_THREADS:
        if getattr(arguments, name) is not None:
            return f"--{name.replace('_', '-')} is for new threads: leave it out with --resume"
    if arguments.cwd is not None and arguments.resume != "last":
        return "--cwd goes with --resume last, or with no --resume"
    return None


def _read_instructions(arguments: argparse.Namespace) -> str | None:
    """Put the text of the file in the place of its name; returns what is wrong with it."""
    path = arguments.base_instructions
    if path is None:
        return None
    with open(path, "rb") as file:
        raw = file.read(INSTRUCTIONS_LIMIT_BYTES + 1)
    if len(raw) > INSTRUCTIONS_LIMIT_BYTES:
        return f"{path} is longer than instructions may be ({INSTRUCTIONS_LIMIT_BYTES} bytes)"
    try:
        arguments.base_instructions = raw.decode()
    except UnicodeDecodeError:
        return f"{path} is not valid UTF-8"
    return None


class _Recording:
    """One thread, and how the lines for it fared."""

    def __init__(self, home: Home, arguments: argparse.Namespace, given: _Input) -> None:
        self._given = given
        self._new = arguments.resume is None
        if self._new:
            chosen = {name: getattr(arguments, name) for name in _OF_NEW_THREADS}
            options: Any = {name: value for name, value in chosen.items() if value is not None}
            self._thread = home.start("." if arguments.cwd is None else arguments.cwd, **options)
        else:
            how = {"force": arguments.force, "take_over": arguments.take_over}
            self._thread = home.resume(arguments.resume, cwd=arguments.cwd, **how)
        self._number = 0  # of the line
        self._kept = self._passed_over = self._bad = 0
        self._turn_items = 0  # of those passed over
        self._failing = False
        self._gave_up = False

    def announce(self, *, as_json: bool) -> OSError | None:
        """Print which thread it is; returns why that could not be, which is no reason to stop."""
        thread_id, path = self._thread.id, self._thread.path
        try:
            if as_json:
                print(json.dumps({"id": thread_id, "path": path}))
            elif sys.stdout.isatty():
                print(f"{text.one_line(thread_id)}\t{text.one_line(path)}")
            else:
                raw = f"{thread_id}\t{path}\n".encode(errors="surrogateescape")
                sys.stdout.buffer.write(raw)
            sys.stdout.flush()
        except OSError as error:
            # What could not be written stays in Python's buffer, which is flushed at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return error
        return None

    def take_all(self) -> None:
        """Record all that is given, as it comes."""
        splitter = Splitter()
        try:
            while (chunk := self._given.read(self._look_again_s())) is not None:
                for raw in splitter.feed(chunk):
                    self._take(raw)
                self._look()
            last = splitter.finish()
            if last is not None:
                self._take(last, ended=False)
        except _FAILURES:
            _say(f"line {self._number} and what follows it is not recorded")
            self._gave_up = True

    def finish(self) -> int:
        """Bring everything to stable storage and let go of the thread; says how it went."""
        saved = self._close()
        if self._bad > NAMED_LINES:
            _say(f"and {self._bad - NAMED_LINES} more: {self._bad} bad lines in all")
        if self._passed_over == 1:
            _say("1 item is of a kind that rollouts do not keep")
        elif self._passed_over:
            _say(f"{self._passed_over} items are of kinds that rollouts do not keep")
        if self._turn_items and self._thread.recorder.history_mode == LEGACY:
            _say("some are of a paginated thread: `--history-mode paginated` keeps them")
        if not self._kept:
            _say("nothing was recorded" + (", so no thread was made" if self._new else ""))
        return OK if saved and not self._bad and not self._gave_up else FAILED

    # -- a line

    def _take(self, raw: bytes | Oversized, *, ended: bool = True) -> None:
        self._number += 1
        if isinstance(raw, bytes) and lines.is_blank(raw):
            return
        try:
            value = _read(raw, ended=ended)
            why = value if isinstance(value, str) else self._record(value)
        except (BacklogFull, NotPersistable, Unencodable) as error:
            why = str(error)
        if why is not None:
            self._bad += 1
            if self._bad <= NAMED_LINES:
                _say(f"line {self._number}: {why}")

    def _record(self, value: dict[str, Json]) -> str | None:
        """Record an item; returns why it could not be."""
        item = {"type": value["type"], "payload": value["payload"]}
        kept = 0
        if value.get("metadata") is not None:
            entry.read_mapping(item)  # a line is not asked for the fields that its type requires
            line = _line(item, value["metadata"])
            if line is None:
                return lines.REASONS["limit"]
            kept = self._put(line)
        kept = kept or self._put(item)
        self._kept += kept
        if kept:
            return None
        if entry.read_mapping(item)[2] is None:
            return "of a type that threadlog does not know"
        self._passed_over += 1
        self._turn_items += value["payload"].get("type") == "item_completed"
        return None

    def _put(self, item: Recordable) -> int:
        try:
            return self._thread.record(item)
        except BacklogFull:
            self._make_room()
            return self._thread.record(item)

    # -- the disk

    def _make_room(self) -> None:
        """Have all that is held written, a draft too; raises WriteFailed if that will not be."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                _through(self._thread.recorder.persist)
                return
            except _FAILURES as error:
                self._tell(error)
                if self._given.signal is not None or time.monotonic() > deadline:
                    raise
            time.sleep(RETRY_S)

    def _look_again_s(self) -> float | None:
        """When to look whether writing goes well, should nothing come in."""
        return RETRY_S if self._thread.recorder.pending_items else None

    def _look(self) -> None:
        """Wait while much is held; say it if writing fails."""
        try:
            self._thread.drain()
            self._failing = False
        except NotOnDiskYet:
            pass
        except _FAILURES as error:
            self._tell(error)

    def _tell(self, error: WriteFailed | InUse) -> None:
        if not self._failing:
            _say(f"{error}; trying again" if isinstance(error, WriteFailed) else str(error))
        self._failing = True

    def _close(self) -> bool:
        """True if everything is on stable storage; it is tried twice."""
        try:
            self._save()
        except _FAILURES:
            time.sleep(RETRY_S)
            try:
                self._save()
            except _FAILURES as error:
                told = str(error)
                if not isinstance(error, WriteFailed):
                    told += f"; {self._thread.recorder.pending_items} items are not in the file"
                _say(f"{told} of {self._kept} that were read")
                return False
        return True

    def _save(self) -> None:
        if self._kept:
            # Without a word of the user's too: nothing that was good is lost.
            _through(self._thread.recorder.persist)
        _through(self._thread.close)


def _through(barrier: Callable[[], None]) -> None:
    """Wait at a barrier; that others wrote there is said, and is no failure."""
    try:
        barrier()
    except OthersWrote as error:
        _say(str(error))


def _read(raw: bytes | Oversized, *, ended: bool) -> dict[str, Json] | str:
    """What a line says, or why it is no item."""
    if isinstance(raw, Oversized):
        return f"its {raw.length} bytes are more than a line may have ({LINE_LIMIT_BYTES})"
    try:
        value = lines.parse_json(raw)
    except BadLine as error:
        return str(error) if ended else f"unfinished where the input ends ({error})"
    if not isinstance(value, dict):
        return "not an item: a JSON object with type and payload"
    line_type, payload = value.get("type"), value.get("payload")
    if not isinstance(line_type, str) or not isinstance(payload, dict):
        return "not an item: a JSON object with type and payload"
    if line_type == SESSION_META:
        return "session metadata, which threadlog writes itself"
    if line_type in (EVENT, RESPONSE_ITEM) and not isinstance(payload.get("type"), str):
        return "its payload has no type"
    return value


def _line(item: dict[str, Json], metadata: Json) -> decode.Line | None:
    """The item as a line that was read, with metadata beside it; None if nested too deep."""
    try:
        line = decode.decode(lines.dump({"timestamp": "", **item, "metadata": metadata}))
    except RecursionError:
        return None
    return line if isinstance(line, decode.Line) else None


def _say(sentence: str) -> None:
    """Tell people; that nobody listens is no reason to lose items."""
    with contextlib.suppress(OSError, ValueError):
        print(f"threadlog: {text.one_line(sentence)}", file=sys.stderr, flush=True)


class _Input:
    """Standard input, as bytes; a signal ends the reading, and nothing else that goes on."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.error: OSError | None = None
        self._late_bytes = LATE_BYTES

    def __enter__(self) -> Self:
        self._fd = None if sys.stdin is None else sys.stdin.fileno()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._waker_before = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._before = {
            number: signal.signal(number, self._note)
            for number in _SIGNALS
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        if self._fd is not None and os.isatty(self._fd):
            _say("reading items from the terminal, one a line; Ctrl-D ends")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._waker_before)
        os.close(self._waker)
        os.close(self._woken)

    def read(self, timeout_s: float | None) -> bytes | None:
        """What has come; b"" if nothing did in the time given, None if nothing more will."""
        late = self.signal is not None
        if self._fd is None or self._late_bytes <= 0:
            return None
        watched = [self._fd] if late else [self._fd, self._woken]
        try:
            if self._fd not in select.select(watched, [], [], 0 if late else timeout_s)[0]:
                return None if late else b""
            chunk = os.read(self._fd, CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.error = error
            return None
        if late:
            self._late_bytes -= len(chunk)
        return chunk or None

    def obey(self) -> None:
        """End as the signal that came would have us end."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is not None:
            signal.signal(self.signal, signal.SIG_DFL)
            signal.raise_signal(self.signal)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL)  # the second one is not asked to wait
