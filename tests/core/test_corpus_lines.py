"""Every line of every genuine rollout is typed, and survives being read and written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import corpus_root
from threadlog.core import lines
from threadlog.core.decode import Line, decode_frame, turn_item
from threadlog.core.framing import frames, frames_backwards
from threadlog.core.items import UntypedItem
from threadlog.core.items.event import ItemCompleted
from threadlog.core.items.turn import UntypedTurnItem

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def rollouts() -> list[Path]:
    """All plain rollouts of the corpus."""
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    found = sorted(root.rglob("rollout-*.jsonl"))
    assert found, f"no rollouts in {root}"
    return found


def _lines(rollouts: list[Path]) -> Iterator[tuple[str, Line]]:
    for path in rollouts:
        for frame in frames([path.read_bytes()]):
            value = decode_frame(frame)
            where = f"{path.name} at {frame.offset}"
            assert isinstance(value, Line), where
            yield where, value


def _ordered(value: Any) -> Any:
    """The value with objects as lists of pairs, so that order counts."""
    if isinstance(value, dict):
        return [(key, _ordered(each)) for key, each in value.items()]
    return [_ordered(each) for each in value] if isinstance(value, list) else value


def test_every_line_has_the_shape_of_its_type(rollouts: list[Path]) -> None:
    untyped = [
        (where, line.item.type, line.item.kind, line.item.reason)
        for where, line in _lines(rollouts)
        if isinstance(line.item, UntypedItem)
    ]
    assert untyped == []


def test_every_turn_item_has_the_shape_of_its_type(rollouts: list[Path]) -> None:
    events = (line.item for _where, line in _lines(rollouts))
    items = [turn_item(event) for event in events if isinstance(event, ItemCompleted)]
    untyped = [item.payload.get("type") for item in items if isinstance(item, UntypedTurnItem)]
    assert untyped == []


def test_every_line_is_written_as_it_was_read(rollouts: list[Path]) -> None:
    for path in rollouts:
        data = path.read_bytes()
        values = [decode_frame(frame) for frame in frames([data])]
        written = b"".join(value.encode() + b"\n" for value in values if isinstance(value, Line))
        assert written == data, path.name


def test_letting_go_of_the_bytes_loses_no_value_and_no_order(rollouts: list[Path]) -> None:
    for where, line in _lines(rollouts):
        detached = line.detached().encode()
        assert _ordered(json.loads(detached)) == _ordered(json.loads(line.encode())), where


def test_a_glance_and_a_reading_agree(rollouts: list[Path]) -> None:
    for where, line in _lines(rollouts):
        envelope = lines.parse(line.encode())
        assert lines.sniff(line.encode()) == (envelope.type, envelope.kind), where
        assert lines.sniff_ordinal(line.encode()) == envelope.ordinal == line.ordinal, where
        assert line.plain() == envelope, where


def test_a_line_encoded_anew_is_the_line_that_codex_wrote(rollouts: list[Path]) -> None:
    for where, line in _lines(rollouts):
        envelope = line.plain()
        again = lines.encode_line(envelope, lines.dump(envelope.payload))
        assert _ordered(json.loads(again)) == _ordered(json.loads(line.encode())), where


@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 16])
def test_forwards_and_backwards_are_the_same_lines(rollouts: list[Path], chunk_bytes: int) -> None:
    for path in rollouts:
        data = path.read_bytes()
        chunks = [data[start : start + chunk_bytes] for start in range(0, len(data), chunk_bytes)]
        assert list(frames_backwards(chunks[::-1], len(data))) == list(frames(chunks))[::-1]
