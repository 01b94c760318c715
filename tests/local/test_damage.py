"""A damage corpus built by code: whatever a file holds is read, and every damage is said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import threadlog
from makers import (
    OTHER,
    THREAD,
    Pages,
    agent,
    command,
    content,
    dumps,
    event,
    line,
    message,
    meta,
    put,
    says,
    turn,
    user,
)
from threadlog import Damaged, EmptyRollout, Line, NoThreadId
from threadlog.core.history import Value

META = meta()
HALF = user("a message that is cut off")[:-20]


class Bad(NamedTuple):
    """A piece that is no line, and why."""

    raw: bytes
    reason: str


class Case(NamedTuple):
    """A file, and what is expected of it; pieces are lines, the last may lack its LF."""

    pieces: Sequence[bytes | Bad]
    turns: int = 1
    ended: bool = True
    identified: bool = True  # the metadata can be read

    @property
    def data(self) -> bytes:
        whole = content(_raw(piece) for piece in self.pieces)
        return whole if self.ended else whole[:-1]

    @property
    def damage(self) -> list[tuple[int, str]]:
        """Where and why, computed from what was put together."""
        found, offset = [], 0
        for piece in self.pieces:
            if isinstance(piece, Bad):
                found.append((offset, piece.reason))
            offset += len(_raw(piece)) + 1
        return found

    @property
    def whole(self) -> list[bytes]:
        return [piece for piece in self.pieces if isinstance(piece, bytes) and piece.strip()]


def _raw(piece: bytes | Bad) -> bytes:
    return piece.raw if isinstance(piece, Bad) else piece


def _paged(*extra: bytes | Bad) -> list[bytes | Bad]:
    pages = Pages(THREAD)
    pages.turn("hello")
    return [*pages.raws, *extra]


def _no_stamp(raw: bytes) -> Bad:
    value = json.loads(raw)
    del value["timestamp"]
    return Bad(dumps(value), "shape")


def _extra(raw: bytes) -> bytes:
    value = json.loads(raw)
    value["payload"] |= {"never_seen": [1, {"a": None}]}
    return dumps(value | {"also_new": 2**80})


def _deep(levels: int) -> bytes:
    nested = b"[" * levels + b"]" * levels
    return line("event_msg", {"type": "token_count", "info": 0})[:-3] + nested + b"}}"


ITEM = event(
    "item_completed",
    thread_id=THREAD,
    turn_id="t",
    item={"type": "UserMessage", "id": "i", "content": [{"type": "text", "text": "typed"}]},
)
CONTEXT = says("user", "<environment_context>\n<cwd>/x</cwd>\n</environment_context>")

CASES: dict[str, Case] = {
    "minimal": Case([META, *turn("hello")]),
    "metadata only": Case([META], turns=0),
    "a user message": Case([META, user("hello")]),
    "response items only": Case([META, says("user", "hello"), says("assistant", "yes")]),
    "assistant only": Case([META, agent("yes")]),
    "item_completed in a legacy file": Case([META, ITEM], turns=0),
    "context before the user": Case([META, CONTEXT, *turn("hello")]),
    "metadata without id": Case([meta(None), *turn("hello")], identified=False),
    "metadata without timestamp": Case([meta(timestamp=None), *turn("hello")]),
    "metadata without cwd": Case([meta(cwd=None), *turn("hello")]),
    "metadata without originator": Case([meta(originator=None), *turn("hello")]),
    "metadata without version": Case([meta(cli_version=None), *turn("hello")]),
    "metadata without source": Case([meta(source=None), *turn("hello")]),
    "metadata without provider": Case([meta(model_provider=None), *turn("hello")]),
    "metadata that is an id only": Case([line("session_meta", {"id": THREAD}), *turn("hello")]),
    "metadata of wrong shapes": Case(
        [meta(cwd=7, timestamp=[], git="x", source=[1], history_base=3), *turn("hello")]
    ),
    "no stamp on the metadata": Case([_no_stamp(META), *turn("hello")], identified=False),
    "no stamp on a line": Case([META, _no_stamp(agent("lost")), *turn("hello")]),
    "odd stamps": Case([META, *(raw.replace(b"2026-", b"soon") for raw in turn("hello"))]),
    "no metadata": Case(turn("hello"), identified=False),
    "metadata second": Case([user("first"), META, agent("yes")]),
    "unknown line type first": Case([line("from_2030", {"a": 1}), META, *turn("hello")]),
    "unknown line type": Case([META, line("from_2030", {"a": 1}), *turn("hello")]),
    "unknown event": Case([META, event("from_2030", a=1), *turn("hello")]),
    "unknown response item": Case([META, line("response_item", {"type": "x"}), *turn("hello")]),
    "an event without its fields": Case([META, event("user_message"), *turn("hello")]),
    "extra fields everywhere": Case([_extra(raw) for raw in [META, *turn("hello")]]),
    "null payload": Case([META, Bad(line("event_msg", None), "shape"), *turn("hello")]),
    "text payload": Case([META, Bad(line("event_msg", "x"), "shape"), *turn("hello")]),
    "JSON that is no object": Case([META, Bad(b"[1]", "shape"), Bad(b"7", "shape")], turns=0),
    "garbage first": Case([Bad(b"garbage!", "syntax"), META, *turn("hello")]),
    "garbage between": Case([META, *turn("hello"), Bad(b"{]", "syntax"), *turn("more")], turns=2),
    "NaN": Case([META, Bad(event("x", a=float("nan")), "limit"), *turn("hello")]),
    "blank lines": Case([b"", META, b" \t", *turn("hello"), b"\r", b""]),
    "no final LF": Case([META, *turn("hello")], ended=False),
    "torn": Case([META, *turn("hello"), Bad(HALF, "torn")], ended=False),
    "torn in a character": Case(
        [META, *turn("hello"), Bad(user("é")[: user("é").index(b"\xc3") + 1], "torn")], ended=False
    ),
    "half a line": Case([META, *turn("hello"), Bad(HALF, "syntax")]),
    "half a line, then more": Case([META, Bad(HALF, "syntax"), *turn("hello")]),
    "NUL tail": Case([META, *turn("hello"), Bad(b"\0" * 512, "nul")], ended=False),
    "NUL block between": Case([META, Bad(b"\0" * 4096, "nul"), *turn("hello")]),
    "NULs before a line": Case([META, Bad(b"\0\0" + agent("x"), "nul"), *turn("hello")]),
    "BOM": Case([Bad(b"\xef\xbb\xbf" + META, "syntax"), *turn("hello")], identified=False),
    "CRLF": Case([raw + b"\r" for raw in [META, *turn("hello")]]),
    "metadata twice": Case([META, META, *turn("hello")]),
    "metadata of another": Case([META, meta(OTHER), *turn("hello")]),
    "bad UTF-8": Case([META, Bad(agent("\x7f").replace(b"\x7f", b"\xff"), "utf8"), *turn("hello")]),
    "Latin-1": Case([META, Bad(agent("X").replace(b"X", b"\xe9"), "utf8"), *turn("hello")]),
    "lone surrogate": Case([META, user("a \ud800 b"), agent("\udfff")]),
    "lone surrogate as a key": Case([META, event("x", **{"\ud800": 1}), *turn("hello")]),
    "surrogates as bytes": Case(
        [META, Bad(agent("X").replace(b"X", b"\xed\xa0\x80"), "utf8"), *turn("hello")]
    ),
    "zero bytes": Case([], turns=0, identified=False),
    "only LFs": Case([b"", b"", b""], turns=0, identified=False),
    "half metadata": Case([Bad(META[:80], "torn")], turns=0, ended=False, identified=False),
    "unknown history mode": Case([meta(history_mode="from 2030"), *turn("hello")]),
    "legacy with ordinals": Case([line("session_meta", {"id": THREAD}, ordinal=3), *turn("hello")]),
    "paginated": Case(_paged()),
    "paginated, torn": Case(_paged(Bad(b'{"timestamp":"2026', "torn")), ended=False),
    "paginated, no final LF": Case(_paged(), ended=False),
    "paginated, garbage": Case(_paged(Bad(b"garbage", "syntax"))),
    "paginated, no ordinals": Case([meta(history_mode="paginated"), *_paged()[1:]]),
    "2 MB in a line": Case([META, user("x" * (2 << 20)), agent("yes")]),
    "nested 900 deep": Case([META, _deep(900), *turn("hello")]),
    "nested 200,000 deep": Case([META, Bad(_deep(200_000), "limit"), *turn("hello")]),
    "a number of 5000 digits": Case(
        [META, Bad(event("x", a="N").replace(b'"N"', b"9" * 5000), "limit"), *turn("hello")]
    ),
    "a number out of range": Case([META, event("task_started", turn_id="t", started_at=2**70)]),
    "a duration of 400 digits": Case(
        [
            META,
            *turn("hello")[:-1],
            event("task_complete", turn_id="turn-hello", duration_ms=10**400),
        ]
    ),
    "a time before the calendar": Case(
        [META, event("task_started", turn_id="t", started_at=-(2**62))]
    ),
    "an infinite number": Case(
        [META, Bad(event("x", a="N").replace(b'"N"', b"1e999"), "limit"), *turn("hello")]
    ),
    "a negative rollback": Case([META, event("thread_rolled_back", num_turns=-3), *turn("hello")]),
    "a huge rollback": Case([META, event("thread_rolled_back", num_turns=2**70), *turn("hello")]),
    "duplicate keys": Case([META, user("a")[:-2] + b',"message":"hello"}}']),
    "empty user message": Case([META, user(""), agent("yes")]),
}
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def _damage(values: Sequence[Value]) -> list[tuple[int, str]]:
    return [(value.offset, value.reason) for value in values if isinstance(value, Damaged)]


def _raws(values: Sequence[Value]) -> list[bytes | None]:
    return [value.raw for value in values if isinstance(value, Line)]


@pytest.mark.codex("C043", "C044", "C046", "C047")
@EVERY
def test_every_whole_line_is_read_and_every_damage_is_said_with_its_place(
    home: Path, case: Case
) -> None:
    put(home, case.data)
    values = list(threadlog.open(home).iter_lines(THREAD))
    assert _damage(values) == case.damage
    assert _raws(values) == case.whole
    assert len(values) == len(case.damage) + len(case.whole)
    ended = [v.ended for v in values if isinstance(v, (Line, Damaged))]
    assert ended == [True] * (len(ended) - 1) + [case.ended] * bool(ended)
    assert list(threadlog.open(home).iter_lines(THREAD, backwards=True)) == values[::-1]


@pytest.mark.codex("C132")
@EVERY
def test_every_file_is_listed_and_found_by_its_id(home: Path, case: Case) -> None:
    path = put(home, case.data)
    (listed,) = threadlog.open(home).threads()
    assert (listed.id, listed.path) == (THREAD, str(path))
    assert threadlog.open(home).get(THREAD) == listed
    assert (listed.problem is None) == case.identified


@EVERY
def test_turns_are_there_whatever_stands_between(home: Path, case: Case) -> None:
    put(home, case.data)
    turns = list(threadlog.open(home).turns(THREAD))
    assert len(turns) == case.turns
    assert list(threadlog.open(home).turns(THREAD, last=1)) == turns[-1:]


@EVERY
def test_a_history_is_loaded_or_refused_by_name(home: Path, case: Case) -> None:
    put(home, case.data)
    opened = threadlog.open(home)
    if not case.whole and not case.damage:
        with pytest.raises(EmptyRollout, match="empty session file"):
            opened.history(THREAD)
    elif not case.identified:
        with pytest.raises(NoThreadId, match="no thread id"):
            opened.history(THREAD)
    else:
        history = opened.history(THREAD)
        assert list(history) == list(opened.iter_lines(THREAD))
        assert len(list(history.problems())) == len(case.damage)
        assert history.model_input() == opened.model_input(THREAD)


@EVERY
def test_every_command_shows_every_file(home: Path, case: Case) -> None:
    put(home, case.data)
    for words in (["list"], ["list", "--json"], ["show", THREAD], ["show", THREAD, "--tail", "1"]):
        assert command(home, *words).code == 0, words
    shown = json.loads(command(home, "show", THREAD, "--json").out)
    assert [(each["offset"], each["reason"].split(":")[0]) for each in shown["problems"]] == (
        case.damage
    )
    assert command(home, "show", THREAD, "--raw").out == case.data
    tail = case.data.splitlines(keepends=True)[-1:]
    assert case.ended or command(home, "show", THREAD, "--raw", "--tail", "1").out == tail[0]


@EVERY
@pytest.mark.parametrize("words", [("--json",), ("--json", "--tail", "5")], ids=" ".join)
def test_no_damage_is_reported_twice(home: Path, case: Case, words: tuple[str, ...]) -> None:
    put(home, case.data)
    problems = json.loads(command(home, "show", THREAD, *words).out)["problems"]
    places = [each["offset"] for each in problems]
    assert len(places) == len(set(places))


@EVERY
def test_compressed_damage_is_the_same_damage(home: Path, tmp_path: Path, case: Case) -> None:
    put(home, case.data)
    packed = tmp_path / "packed"
    put(packed, case.data, f"rollout-2026-01-02T03-04-05-{THREAD}.jsonl.zst")
    for backwards in (False, True):
        plain, unpacked = (
            list(threadlog.open(place).iter_lines(THREAD, backwards=backwards))
            for place in (home, packed)
        )
        assert plain == unpacked


WHOLE = [META, *turn("one"), says("user", "é\u2028ü"), *turn("two")]
PLACES = st.integers(0, len(content(WHOLE)) - 1)


@pytest.mark.codex("C036", "C044")
@settings(deadline=None, max_examples=150)
@given(PLACES, st.integers(0, 255).filter(lambda byte: byte != ord("\n")))
def test_one_bad_byte_costs_one_line(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    data = bytearray(content(WHOLE))
    changed = data[:place].count(b"\n")
    lf = data[place] == ord("\n")
    same = data[place] == byte
    data[place] = byte
    put(home, bytes(data))
    values = list(threadlog.open(home).iter_lines(THREAD))
    raws = _raws(values)
    lost = set() if same else {changed, changed + 1} if lf else {changed}
    assert [raw for n, raw in enumerate(WHOLE) if n not in lost] == [r for r in raws if r in WHOLE]
    assert len(_damage(values)) <= 1
    assert list(threadlog.open(home).iter_lines(THREAD, backwards=True)) == values[::-1]


@pytest.mark.codex("C045", "C046")
@pytest.mark.parametrize("length", range(0, len(content(WHOLE)), 97))
def test_a_file_cut_anywhere_loses_one_line_at_most(home: Path, length: int) -> None:
    data = content(WHOLE)[:length]
    put(home, data)
    values = list(threadlog.open(home).iter_lines(THREAD))
    complete = data.count(b"\n")
    assert _raws(values)[:complete] == WHOLE[:complete]
    assert len(values) - complete == (1 if data and not data.endswith(b"\n") else 0)
    assert all(reason == "torn" for _offset, reason in _damage(values))


def test_content_of_a_thread_is_in_no_message(home: Path) -> None:
    put(home, content([Bad(b"the secret", "syntax").raw, says("user", "the secret")]))
    with pytest.raises(NoThreadId) as caught:
        threadlog.open(home).history(THREAD)
    assert "secret" not in str(caught.value)


def test_bare_rollouts_of_2025_are_read(home: Path) -> None:
    head = dumps({"id": THREAD, "timestamp": "2025-05-07T17:24:21.123Z", "instructions": None})
    raws = [head, dumps(message("user", "old")), dumps({"record_type": "state"})]
    put(home, content(raws))
    opened = threadlog.open(home)
    assert [thread.preview for thread in opened.threads()] == ["old"]
    assert len(list(opened.turns(THREAD))) == 1
    assert opened.model_input(THREAD) == [message("user", "old")]
