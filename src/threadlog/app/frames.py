"""Newline-delimited JSON: bytes to messages, bounded, whatever a client sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

# A longer line is passed over; a prompt with several inline images is far shorter.
FRAME_LIMIT_BYTES = 64 << 20
_encoder = msgspec.json.Encoder()


class Fault(NamedTuple):
    """A line that is no message, and why."""

    reason: str


class Framer:
    """Cuts a stream of bytes into lines, and reads each."""

    def __init__(self, limit_bytes: int = FRAME_LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._rest = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[dict[str, Any] | list[Any] | Fault]:
        """The messages that *data* completes; blank lines are none."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._rest += line
            whole, skipped = bytes(self._rest), self._skipping
            self._rest.clear()
            self._skipping = False
            if skipped or len(whole) > self._limit:
                yield Fault(f"a line of more than {self._limit >> 20} MiB")
            elif whole.strip():
                yield read(whole)
        if not self._skipping:
            self._rest += rest
            if len(self._rest) > self._limit:
                self._rest.clear()
                self._skipping = True

    def end(self) -> Iterator[dict[str, Any] | list[Any] | Fault]:
        """What is left at the end of the stream: half a line is no message."""
        if self._skipping or self._rest.strip():
            self._rest.clear()
            yield Fault("half a line at the end")


def read(line: bytes) -> dict[str, Any] | list[Any] | Fault:
    """One line as a message, or as a batch of them."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Fault(f"no JSON: {error}")
    if isinstance(value, dict | list):
        return value
    return Fault("JSON, but no object")


def encoded(value: Any) -> Any:
    """A value as the JSON it is to be in a message: whoever calls does the work, not who sends."""
    return msgspec.Raw(encode(value)[:-1])


def encode(message: dict[str, Any]) -> bytes:
    """A message as a line; a lone surrogate, which JSON has no bytes for, is replaced."""
    try:
        return _encoder.encode(message) + b"\n"
    except UnicodeEncodeError:
        return _encoder.encode(_printable(message)) + b"\n"


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(each) for each in value]
    return value
