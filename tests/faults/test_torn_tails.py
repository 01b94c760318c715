"""A rollout cut at any byte of its last two lines is gone on with; all that was whole stays."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from conftest import corpus_root
from makers import completed, content, line, meta, put, says, started, turn, user
from threadlog import NotResumable, ThreadSummary
from threadlog.core.lines import BadLine, is_blank, parse

# Every so many-th byte of genuine ends, which are many and long, for a shorter run.
STRIDE = int(os.environ.get("THREADLOG_STRIDE", "10"))
MINE = b'{"timestamp":"2026-01-02T03:04:05.000Z",%s"type":"event_msg","payload":{"type":"mine"}}\n'


def numbered(*raws: bytes) -> list[bytes]:
    values = [json.loads(raw) for raw in raws]
    return [line(each["type"], each["payload"], ordinal=n) for n, each in enumerate(values)]


KINDS = {
    "legacy": [meta(), *turn("Q"), user("naïve ☃ 🎈 \u2028")],
    "a line alone": [meta()],
    "messages": [meta(), says("user", "Q"), says("assistant", "A")],
    "paginated": numbered(meta(history_mode="paginated"), started("t"), completed("t")),
    "long": [meta(), user("x"), user("y" * 70_000)],
}


def cuts(data: bytes, stride: int) -> Iterator[int]:
    """The bytes at which the last two lines may end, last first; 3,000 of a long one."""
    begin = data.rstrip(b"\n").rfind(b"\n", 0, max(data.rstrip(b"\n").rfind(b"\n"), 0)) + 1
    ends = [len(data), len(data) - 1, len(data) - 2]
    yield from ends
    yield from range(len(data) - 3, max(begin, 1), -max(stride, (len(data) - begin) // 3000))


def lines_of(data: bytes) -> tuple[list[bytes], int]:
    """The whole lines of a rollout, and how many pieces are none."""
    pieces = [piece for piece in data.split(b"\n") if not is_blank(piece)]
    whole = []
    for piece in pieces:
        with contextlib.suppress(BadLine):
            parse(piece)
            whole.append(piece)
    return whole, len(pieces) - len(whole)


def check_every_cut(
    home: threadlog.Home, path: Path, thread: ThreadSummary, stride: int = 1
) -> int:
    """Cut a rollout, go on with it, look at every byte; returns how often."""
    data, tried = path.read_bytes(), 0
    for cut in cuts(data, stride):
        os.truncate(path, cut)
        before, damaged = lines_of(data[:cut])
        try:
            appender, tail = home.store.journal.resume(thread, force=True)
        except NotResumable:
            assert path.read_bytes() == data[:cut]
            continue
        number = b"" if tail.next_ordinal is None else b'"ordinal":%d,' % tail.next_ordinal
        appender.look()
        appender.append(MINE % number)
        appender.close()
        after = path.read_bytes()
        assert after[:cut] == data[:cut]
        healed = b"" if data[:cut].endswith(b"\n") else b"\n"
        assert after[cut:] == healed + MINE % number
        assert lines_of(after) == ([*before, (MINE % number)[:-1]], damaged)
        if number:
            ordinals = [json.loads(raw).get("ordinal") for raw in before]
            assert tail.next_ordinal == (ordinals[-1] + 1 if ordinals else 0)
        tried += 1
        with path.open("r+b") as file:  # as it was
            file.seek(cut)
            file.write(data[cut:])
            file.truncate()
    return tried


@pytest.mark.parametrize("kind", KINDS)
def test_a_tail_cut_at_any_byte_costs_one_line_at_most(home: Path, kind: str) -> None:
    path = put(home, content(KINDS[kind]))
    opened = threadlog.open(home)
    tried = check_every_cut(opened, path, opened.get("last"))
    print(f"{kind}: {tried} cuts")
    assert tried > 10


@pytest.mark.corpus
def test_a_genuine_tail_cut_at_any_byte_costs_one_line_at_most(tmp_path: Path) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    seen, tried = set(), 0
    for folder in sorted(root.glob("*/*")):
        genuine = threadlog.open(folder)
        for thread in genuine.threads(limit=None):
            data = Path(thread.path).read_bytes()
            if thread.id is None or not thread.path.endswith(".jsonl"):
                continue
            whole, _damaged = lines_of(data)
            types = [json.loads(raw).get("type") for raw in whole[-2:]]
            kind = (str(folder.relative_to(root)), *types)
            if kind in seen:
                continue
            seen.add(kind)
            home = tmp_path / str(len(seen))
            path = put(home, data, Path(thread.path).name)
            opened = threadlog.open(home)
            tried += check_every_cut(opened, path, opened.get(str(path)), STRIDE)
    print(f"{len(seen)} kinds of genuine ends, {tried} cuts")
    assert tried > 100
