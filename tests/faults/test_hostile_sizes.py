"""Inputs of enormous sizes: read with a defined result, in bounded time and memory.

Each is read by a process of its own, in every way there is, so that its memory can be told.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from faults.core_targets import STEERS
from faults.fuzzing import LIMIT_BYTES
from makers import (
    THREAD,
    agent,
    content,
    event,
    file_name,
    meta,
    put,
    python,
    turn,
    user,
    zstd,
)

# All the readings below together, and on a busy machine.
LIMIT_S = 60.0
MEGABYTE = 1 << 20

READ = """
import hashlib, io, json, resource, sys, time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
import threadlog
from threadlog.cli.main import main

def peak():
    try:
        with open("/proc/self/status") as status:
            (told,) = (each.split()[1] for each in status if each.startswith("VmHWM"))
            return int(told) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def kind(value):
    return f"{type(value).__name__} {getattr(value, 'reason', '')}".strip()

path, thread, shown = sys.argv[1:]
with threadlog.open(path) as home:
    assert not home.threads(text="nothing has this")
    before, begun = peak(), time.monotonic()
    (listed,) = home.threads()
    told = {"preview": listed.preview, "id": listed.id}
    for way in (False, True):
        told["backwards" if way else "forwards"] = Counter(
            kind(value) for value in home.iter_lines(thread, backwards=way)
        )
    told["turns"] = [each.id for each in home.turns(thread)]
    told["last turn"] = [each.id for each in home.turns(thread, last=1)]
    told["messages"] = len(home.model_input(thread))
    told["outlined"] = sum(len(each) for each in home.outline(thread))
    digest = hashlib.sha256()
    for chunk in home.reader(listed).raw_chunks():
        digest.update(chunk if isinstance(chunk, bytes) else b"")
    told["digest"] = digest.hexdigest()
with open(shown, "w", encoding="utf-8") as out, redirect_stdout(out), redirect_stderr(out):
    told["code"] = main(["--home", path, "show", thread])
told |= {"grown": peak() - before, "seconds": time.monotonic() - begun}
print(json.dumps(told))
"""


class Case(NamedTuple):
    """A rollout that begins and ends as any other, and what comes between (None: it is packed)."""

    between: bytes
    values: dict[str, int]  # what is read beside the lines of two turns
    packed: bytes | None = None
    turns: int = 2


BEFORE = content([meta(), *turn("before")])
AFTER = content(turn("after"))
WHOLE = BEFORE.count(b"\n") + AFTER.count(b"\n")


def _message(size: int) -> bytes:
    return user("x" * (size - len(user("")))) + b"\n"


def _nested(pair: tuple[bytes, bytes], levels: int) -> bytes:
    deep = pair[0] * levels + b"0" * (pair[0] != b"[") + pair[1] * levels
    return event("token_count", info="HERE").replace(b'"HERE"', deep) + b"\n"


def _many_keys(key: bytes, count: int) -> bytes:
    keys = b'"%b":"not the last",' % key * count
    return agent("the last").replace(b'"message"', keys + b'"message"') + b"\n"


def _frame_of_window(log: int) -> bytes:
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(log - 10) << 3]) + b"\x01\x00\x00"


def _bomb() -> bytes:
    packer = zstd.ZstdCompressor()
    pieces = [packer.compress(bytes(64 * MEGABYTE)) for _ in range(16)]
    return b"".join([*pieces, packer.flush()])


def _cases() -> Iterator[tuple[str, Case]]:
    yield "a line of 100 MB", Case(_message(100_000_000), {"Oversized": 1})
    yield "a line just below the limit", Case(_message(60 * MEGABYTE), {"Line": 1}, turns=3)
    yield "100,000 nested arrays", Case(_nested((b"[", b"]"), 100_000), {"Damaged limit": 1})
    yield "100,000 nested objects", Case(_nested((b'{"a":', b"}"), 100_000), {"Damaged limit": 1})
    yield "100,000 arrays never closed", Case(b"[" * 100_000 + b"\n", {"Damaged limit": 1})
    yield (
        "a million times the same key",
        Case(_many_keys(b"message", 1_000_000), {"Line": 1}, turns=3),
    )
    yield "a million times an unknown key", Case(_many_keys(b"k", 1_000_000), {"Line": 1}, turns=3)
    yield "a million empty lines", Case(b"\n" * 1_000_000, {})
    yield "20,000 lines of one brace", Case(b"{\n" * 20_000, {"Damaged syntax": 20_000})
    yield "a million NUL bytes", Case(bytes(1_000_000) + b"\n", {"Damaged nul": 1})
    digits = event("x", a="N").replace(b'"N"', b"9" * 10_000_000) + b"\n"
    yield "a number of ten million digits", Case(digits, {"Damaged limit": 1})
    digits = event("x", a="N").replace(b'"N"', b"0." + b"9" * 10_000_000) + b"\n"
    yield "a fraction of ten million digits", Case(digits, {"Line": 1})
    escapes = user("HERE").replace(b"HERE", rb"\u0000" * 10_000_000) + b"\n"
    yield "ten million escapes", Case(escapes, {"Line": 1}, turns=3)
    read = {"Oversized": 1, "Gap unpacks to more than 2000 times its size": 1}
    yield "a bomb of 1 GiB", Case(b"", read, _bomb(), turns=1)
    read = {"Gap broken zstd data": 1}
    yield "a window of 2 GiB", Case(b"", read, _frame_of_window(31), turns=1)


CASES = dict(_cases())


def _told(home: Path, shown: Path) -> dict[str, Any]:
    """What a process of its own says of the rollout."""
    with python(READ, str(home), THREAD, str(shown)) as process:
        out, err = process.communicate(timeout=10 * LIMIT_S)
    assert process.returncode == 0, err
    told: dict[str, Any] = json.loads(out)
    return told


@pytest.mark.parametrize("name", CASES)
def test_an_enormous_input_has_a_defined_result_at_a_bounded_cost(
    home: Path, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    if case.packed is None:
        data = BEFORE + case.between + AFTER
        path = put(home, data)
        digest = hashlib.sha256(data).hexdigest()
    else:
        path = put(home, b"", file_name() + ".zst")
        path.write_bytes(zstd.compress(BEFORE) + case.packed)
    told = _told(home, tmp_path / "shown")
    lines = WHOLE if case.packed is None else BEFORE.count(b"\n")
    expected = Counter({"Line": lines}) + Counter(case.values)
    assert told["forwards"] == told["backwards"] == expected
    assert (told["id"], told["preview"], told["code"]) == (THREAD, "before", 0)
    assert (len(told["turns"]), told["last turn"]) == (case.turns, told["turns"][-1:])
    assert case.packed is not None or told["digest"] == digest
    shown = (tmp_path / "shown").read_text()
    assert STEERS.search(shown) is None
    assert "not the last" not in shown
    assert ("the last" in shown) == (b"the last" in case.between)
    print(f"{name}: {told['seconds']:.1f} s, {told['grown'] >> 20} MiB")
    assert told["seconds"] < LIMIT_S
    assert told["grown"] < LIMIT_BYTES
