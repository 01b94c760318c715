"""Forks: where they are cut, what they hold, and that the parent keeps its bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import (
    THREAD,
    agent,
    completed,
    content,
    event,
    line,
    make_old,
    message,
    meta,
    put,
    says,
    started,
    turn,
    user,
)
from threadlog import Archived, EmptyRollout, NotFound, NotResumable, Refused, Thread
from threadlog.core.items.event import TaskStarted, UserMessageEvent

Json = Any
THREE = [meta(), *turn("A"), *turn("B"), *turn("C")]


def forked(home: Path, **cut: Any) -> tuple[list[bytes], list[bytes]]:
    """The lines of a fork of THREAD and of its parent."""
    with threadlog.open(home) as opened:
        before = Path(opened.get(THREAD).path).read_bytes()
        with opened.fork(THREAD, **cut) as fork:
            lines = Path(fork.path).read_bytes()
        assert Path(opened.get(THREAD).path).read_bytes() == before
    assert lines.endswith(b"\n")
    return lines.split(b"\n")[:-1], before.split(b"\n")[:-1]


def copied(home: Path, **cut: Any) -> list[bytes]:
    """What a fork has of its parent, byte for byte, and nothing else after its own metadata."""
    lines, parent = forked(home, **cut)
    own = json.loads(lines[0])["payload"]
    assert own["forked_from_id"] == THREAD
    assert own["id"] == own["session_id"] != THREAD
    assert lines[1:] == parent[: len(lines) - 1]
    return lines[1:]


def texts(home: Path, reference: str) -> list[list[str]]:
    """What was said in each turn, and how it ended."""
    with threadlog.open(home) as opened:
        return [
            [*(_text(item) for item in each.items), each.status] for each in opened.turns(reference)
        ]


def _text(item: Any) -> str:
    return (
        item.text
        if hasattr(item, "text")
        else "".join(each.text or "" for each in getattr(item, "content", ()))
    )


@pytest.mark.codex("C074", "C078", "C081")
@pytest.mark.parametrize(("number", "kept"), [(0, 1), (1, 7), (2, 13), (3, 19), (9, 19)])
def test_a_message_is_cut_off_with_its_turn(home: Path, number: int, kept: int) -> None:
    put(home, content(THREE))
    assert len(copied(home, message=number)) == kept


@pytest.mark.codex("C075")
def test_without_a_cut_all_of_it_is_copied(home: Path) -> None:
    odd = [b"no JSON", b"", line("of_2040", {"a": 1}), b'{"timestamp":"x","type":"event_msg"}']
    put(home, content([*THREE, *odd]))
    assert copied(home) == [*THREE, *odd]


@pytest.mark.codex("C076")
def test_messages_that_were_rolled_back_are_not_counted(home: Path) -> None:
    lines = [meta(), *turn("A"), *turn("B"), event("thread_rolled_back", num_turns=1), *turn("C")]
    put(home, content(lines))
    assert copied(home, message=1) == lines[:14]


@pytest.mark.codex("C077")
def test_context_is_no_message_of_the_users(home: Path) -> None:
    context = says("user", "<environment_context>\n  <cwd>/x</cwd>\n</environment_context>")
    lines = [
        meta(),
        context,
        says("user", "A"),
        user("A"),
        agent("a"),
        says("user", "B"),
        user("B"),
    ]
    put(home, content(lines))
    assert copied(home, message=0) == lines[:2]
    assert copied(home, message=1) == lines[:5]


@pytest.mark.codex("C079")
def test_beyond_the_last_message_an_unfinished_one_is_cut_off(home: Path) -> None:
    lines = [meta(), says("user", "A"), user("A"), agent("a"), says("user", "B"), user("B")]
    put(home, content(lines))
    assert copied(home, message=9) == lines[:4]


@pytest.mark.codex("C080")
def test_beyond_the_last_message_an_unfinished_turn_is_cut_off(home: Path) -> None:
    lines = [meta(), *turn("A"), started("open"), says("user", "B"), user("B"), agent("b")]
    put(home, content(lines))
    assert copied(home, message=9) == lines[:7]


OPEN_TURNS: dict[str, tuple[list[bytes], str | None]] = {
    "a named one": ([*turn("A"), started("open"), user("B"), says("user", "B")], "open"),
    "only begun": ([*turn("A"), started("open")], "open"),
    "one without a start": ([user("A"), agent("a"), user("B")], None),
    "one told to the model only": ([says("user", "A")], None),
}
ENDED: dict[str, list[bytes]] = {
    "ended": turn("A"),
    "aborted": [started("t"), user("A"), event("turn_aborted", turn_id="t", reason="interrupted")],
    "old events": [user("A"), agent("a")],
    "told to the model": [says("user", "A"), says("assistant", "a")],
    "nothing": [],
}


@pytest.mark.codex("C082", "C087", "C088", "C089")
@pytest.mark.parametrize("case", OPEN_TURNS)
def test_a_turn_that_has_not_ended_is_marked_as_interrupted(home: Path, case: str) -> None:
    raws, name = OPEN_TURNS[case]
    put(home, content([meta(), *raws]))
    lines, parent = forked(home)
    assert lines[1:-2] == parent
    mark, aborted = (json.loads(raw)["payload"] for raw in lines[-2:])
    assert (mark["type"], mark["role"]) == ("message", "user")
    assert mark["content"][0]["text"].startswith("<turn_aborted>")
    assert mark["content"][0]["text"].endswith("</turn_aborted>")
    assert aborted == {
        "type": "turn_aborted",
        "turn_id": name,
        "reason": "interrupted",
        **({"root_turn_id": name} if name else {}),
    }
    with threadlog.open(home) as opened:
        last = opened.threads()[0].id
        assert last is not None
        assert opened.model_input(last)[-1]["content"] == mark["content"]
        (again,) = [list(opened.fork(last).history().turns())]
    assert all(each.status != "inProgress" for each in again)


@pytest.mark.codex("C085", "C086")
@pytest.mark.parametrize("case", ENDED)
def test_one_that_has_ended_is_not(home: Path, case: str) -> None:
    put(home, content([meta(), *ENDED[case]]))
    assert copied(home) == [meta(), *ENDED[case]]


@pytest.mark.codex("C090")
def test_through_a_turn_all_of_it_is_copied(home: Path) -> None:
    between = event("token_count", info=None, rate_limits=None)
    lines = [meta(), *turn("A"), between, *turn("B"), *turn("C")]
    put(home, content(lines))
    assert copied(home, through="turn-A") == lines[:8]
    assert copied(home, through="turn-B") == lines[:14]
    assert copied(home, through="turn-C") == lines
    assert copied(home, before="turn-A") == lines[:1]
    assert copied(home, before="turn-C") == lines[:14]


@pytest.mark.codex("C091")
@pytest.mark.parametrize("cut", ["through", "before"])
def test_a_turn_that_was_rolled_back_is_refused(home: Path, cut: str) -> None:
    put(home, content([meta(), *turn("A"), *turn("B"), event("thread_rolled_back", num_turns=1)]))
    with pytest.raises(NotFound, match="was rolled back"):
        forked(home, **{cut: "turn-B"})
    assert len(copied(home, through="turn-A")) == 7


@pytest.mark.codex("C092")
def test_turns_without_a_recorded_start_are_cut_by_their_messages(home: Path) -> None:
    lines = [
        meta(),
        says("user", "A"),
        user("A"),
        agent("a"),
        says("user", "B"),
        user("B"),
        agent("b"),
    ]
    put(home, content(lines))
    with threadlog.open(home) as opened:
        first, second = [each.id for each in opened.turns(THREAD)]
    assert copied(home, through=first) == lines[:4]
    assert copied(home, before=second) == lines[:4]
    assert copied(home, through=second) == lines
    assert copied(home, before=first) == lines[:1]


@pytest.mark.codex("C093")
def test_a_turn_that_goes_on_is_refused(home: Path) -> None:
    put(home, content([meta(), *turn("A"), started("open"), user("B")]))
    with pytest.raises(Refused, match="open has not ended yet"):
        forked(home, through="open")
    assert len(copied(home, before="open")) == 7


@pytest.mark.parametrize("cut", [{"through": "nope"}, {"before": "turn-99999"}])
def test_a_turn_that_is_not_there_is_said(home: Path, cut: dict[str, str]) -> None:
    put(home, content(THREE))
    with pytest.raises(NotFound, match="no turn"):
        forked(home, **cut)


@pytest.mark.parametrize(
    "cut", [{"through": "a", "before": "b"}, {"message": -1}, {"through": "a", "message": 1}]
)
def test_a_cut_that_is_none_is_refused(home: Path, cut: dict[str, Json]) -> None:
    put(home, content(THREE))
    with pytest.raises(ValueError, match=r"one place|counted from 0"):
        forked(home, **cut)


@pytest.mark.codex("C094")
def test_forks_of_forks_have_what_they_should(home: Path) -> None:
    put(home, content(THREE))
    with threadlog.open(home) as opened:
        first = opened.fork(THREAD, message=2)
        first.close()
        second = opened.fork(first.id, message=1)
        second.close()
        whole, less = (Path(each.path).read_bytes().split(b"\n") for each in (first, second))
        assert less[1:-1] == whole[: len(less) - 2]
        assert [each.items[0].content[0].text for each in opened.turns(second.id)] == ["A"]  # type: ignore[union-attr]
        assert opened.get(second.id).forked_from_id == first.id
        assert [each.id for each in opened.lineage(second.id)] == [THREAD, first.id, second.id]


@pytest.mark.parametrize("tail", [b'{"timestamp":"2026', b"\xff\xfe", b'{"a":'])
def test_half_a_line_at_the_end_is_left_out(home: Path, tail: bytes) -> None:
    put(home, content(THREE) + tail)
    assert copied(home) == THREE


def test_a_whole_line_without_its_end_gets_one(home: Path) -> None:
    put(home, content(THREE)[:-1])
    with threadlog.open(home) as opened, opened.fork(THREAD) as fork:
        assert Path(fork.path).read_bytes().split(b"\n")[1:] == [*THREE, b""]


def test_a_compressed_thread_stays_so(home: Path) -> None:
    packed = put(home, content(THREE), f"rollout-2026-01-02T03-04-05-{THREAD}.jsonl.zst")
    with threadlog.open(home) as opened, opened.fork(THREAD, through="turn-B") as fork:
        assert Path(fork.path).read_bytes().split(b"\n")[1:] == [*THREE[:13], b""]
    assert packed.exists()


def test_a_broken_one_is_refused_and_leaves_nothing(home: Path) -> None:
    packed = put(home, content(THREE), f"rollout-2026-01-02T03-04-05-{THREAD}.jsonl.zst")
    packed.write_bytes(packed.read_bytes()[:-9])
    before = sorted(home.rglob("rollout-*"))
    with threadlog.open(home) as opened, pytest.raises(NotResumable, match="unfinished zstd"):
        opened.fork(THREAD)
    assert sorted(home.rglob("rollout-*")) == before


def test_an_empty_one_is_refused(home: Path) -> None:
    put(home, b"\n\n")
    with threadlog.open(home) as opened, pytest.raises(EmptyRollout):
        opened.fork(THREAD)


def test_an_archived_one_is_refused(home: Path) -> None:
    put(home, content(THREE), folder="archived_sessions")
    with threadlog.open(home) as opened, pytest.raises(Archived):
        opened.fork(THREAD)


def test_settings_are_the_parents_unless_given(home: Path) -> None:
    instructions = {"text": "be brief"}
    put(home, content([meta(base_instructions=instructions, dynamic_tools=[{"a": 1}]), *turn("A")]))
    lines, _parent = forked(home)
    own = json.loads(lines[0])["payload"]
    assert (own["cwd"], own["model_provider"]) == ("/desk/project", "some")
    assert (own["base_instructions"], own["dynamic_tools"]) == (instructions, [{"a": 1}])
    lines, _parent = forked(home, cwd="/other", source="exec", base_instructions="more")
    own = json.loads(lines[0])["payload"]
    assert (own["cwd"], own["source"], own["base_instructions"]) == (
        "/other",
        "exec",
        {"text": "more"},
    )


@pytest.mark.parametrize("name", ["history_mode", "thread_id", "history_base", "forked_from_id"])
def test_what_makes_it_a_fork_cannot_be_given(home: Path, name: str) -> None:
    put(home, content(THREE))
    with pytest.raises(ValueError, match="from its parent"):
        forked(home, **{name: "x"})


def test_its_name_is_its_parents(home: Path) -> None:
    put(home, content(THREE))
    make_old(home)
    with threadlog.open(home) as opened:
        opened.rename(THREAD, "a name")
        with opened.fork(THREAD) as fork:
            assert fork.summary().name == "a name"
            assert opened.get(THREAD).name == "a name"


def test_it_stays_in_memory_if_it_is_asked_to(home: Path) -> None:
    put(home, content(THREE))
    before = sorted(home.rglob("*"))
    with threadlog.open(home) as opened:
        with opened.fork(THREAD, through="turn-B", ephemeral=True) as fork:
            assert (fork.ephemeral, fork.on_disk, fork.path) == (True, False, "")
            with fork.turn("D") as turn_of_it:
                turn_of_it.say("re D")
            turns = list(fork.history().turns())
            assert [each.items[0].content[0].text for each in turns] == ["A", "B", "D"]  # type: ignore[union-attr]
            said = [each["content"] for each in fork.model_input()]
            assert [part[0]["text"] for part in said] == ["A", "re A", "B", "re B", "D", "re D"]
            fork.flush()
        assert [each.id for each in opened.threads()] == [THREAD]
    assert [each for each in sorted(home.rglob("*")) if "locks" not in str(each)] == before


def lived(home: threadlog.Home) -> Thread:
    """A paginated thread of three turns."""
    thread = home.start(cwd="/desk", history_mode="paginated")
    for name in "ABC":
        with thread.turn(name, turn_id=f"turn-of-{name}") as made:
            made.say(f"re {name}")
    return thread


def test_a_paginated_thread_is_referred_to(home: Path) -> None:
    with threadlog.open(home) as opened:
        thread = lived(opened)
        data = Path(thread.path).read_bytes()
        with opened.fork(thread.id, through="turn-of-B") as fork:
            (own,) = [json.loads(raw) for raw in Path(fork.path).read_bytes().splitlines()]
        third = data.index(b'"task_started","turn_id":"turn-of-C"')
        offset = data.rindex(b"\n", 0, third) + 1
        ordinal = json.loads(data[offset : data.index(b"\n", offset)])["ordinal"]
        base = {
            "thread_id": thread.id,
            "end_ordinal_exclusive": ordinal,
            "end_byte_offset": offset,
        }
        assert own["ordinal"] == ordinal
        assert own["payload"]["history_base"] == base
        assert own["payload"]["forked_from_ordinal_exclusive"] == ordinal
        assert own["payload"]["forked_from_id"] == thread.id
        assert texts(home, fork.id) == [["A", "re A", "completed"], ["B", "re B", "completed"]]
        thread.close()


def test_before_the_first_turn_nothing_is_referred_to(home: Path) -> None:
    with threadlog.open(home) as opened, lived(opened) as thread:
        with opened.fork(thread.id, before="turn-of-A") as fork:
            own = json.loads(Path(fork.path).read_bytes())
        assert own["ordinal"] == 0
        assert "history_base" not in own["payload"]
        assert own["payload"]["forked_from_id"] == thread.id


def test_a_numbered_line_without_its_end_is_not_referred_to(home: Path) -> None:
    with threadlog.open(home) as opened:
        with lived(opened) as thread:
            pass
        path = Path(thread.path)
        data = path.read_bytes()
        path.write_bytes(data[:-1])
        with opened.fork(thread.id) as fork:
            own = json.loads(Path(fork.path).read_bytes().splitlines()[0])["payload"]
        assert own["history_base"]["end_byte_offset"] == data.rindex(b"\n", 0, -1) + 1


def test_a_live_thread_is_forked_with_all_that_was_recorded(home: Path) -> None:
    with threadlog.open(home) as opened, opened.start(cwd="/desk") as thread:
        thread.record(TaskStarted(turn_id="t"), UserMessageEvent(message="now"))
        with thread.fork() as fork:
            assert texts(home, fork.id) == [["now", "interrupted"]]
            with fork.turn("more") as made:
                made.say("yes")
        assert texts(home, thread.id) == [["now", "interrupted"]]


def test_a_fork_that_fails_leaves_no_file(home: Path) -> None:
    put(home, content(THREE))
    before = sorted(home.rglob("rollout-*"))
    folder = home / "thread-writer-locks"
    folder.write_text("in the way")
    with threadlog.open(home) as opened, pytest.raises((threadlog.WriteFailed, OSError)):
        opened.fork(THREAD)
    os.unlink(folder)
    assert sorted(home.rglob("rollout-*")) == before


def test_a_message_item_alone_is_a_message(home: Path) -> None:
    lines = [
        meta(),
        line("response_item", message("user", "A")),
        says("assistant", "a"),
        completed("x"),
    ]
    put(home, content(lines))
    assert copied(home, message=0) == lines[:1]


# -- turns without a recorded start, and turns that have not ended


def asked_bare(text: str) -> list[bytes]:
    """A turn without a start: the question, first as the model sees it, and its answer."""
    return [says("user", text), user(text), agent(f"re {text}"), says("assistant", f"re {text}")]


def model_texts(home: Path, **cut: Any) -> list[str]:
    """What the model sees of a fork."""
    with threadlog.open(home) as opened, opened.fork(THREAD, **cut) as fork:
        return [each["content"][0]["text"] for each in fork.history().model_input()]


@pytest.mark.parametrize("more", [[], turn("D")])
def test_nothing_of_a_bare_turn_is_left_behind_the_one_before_it(
    home: Path, more: list[bytes]
) -> None:
    put(home, content([meta(), *turn("A"), *asked_bare("b"), *more]))
    assert model_texts(home, through="turn-A") == ["A", "re A"]


ROLLED_BACK = event("thread_rolled_back", num_turns=1)


@pytest.mark.parametrize(
    "later",
    [
        [*asked_bare("b"), *asked_bare("c"), ROLLED_BACK],
        [*asked_bare("b"), *turn("D"), *turn("E"), ROLLED_BACK],
        [*asked_bare("b"), *turn("D"), agent("it says rolled_back")],
    ],
)
def test_bare_turns_are_cut_off_whatever_was_rolled_back_later(
    home: Path, later: list[bytes]
) -> None:
    put(home, content([meta(), *turn("A"), *later]))
    assert model_texts(home, through="turn-A") == ["A", "re A"]


def test_a_bare_turn_ends_where_one_without_a_message_begins(home: Path) -> None:
    silent = [started("turn-S"), agent("about to compact"), completed("turn-S")]
    put(home, content([meta(), *asked_bare("a"), *silent, *turn("C")]))
    with threadlog.open(home) as opened:
        first = next(iter(opened.turns(THREAD)))
        with opened.fork(THREAD, through=first.id) as fork:
            assert len(list(opened.turns(fork.path))) == 1


@pytest.mark.parametrize(
    "unfinished",
    [
        [started("turn-B")],
        [started("turn-B"), user("B"), says("user", "B"), agent("so far"), user("steer")],
    ],
)
def test_beyond_the_last_message_all_but_an_unfinished_turn_is_kept(
    home: Path, unfinished: list[bytes]
) -> None:
    put(home, content([meta(), *turn("A"), *unfinished]))
    assert len(copied(home, message=9)) == 7


def test_a_cut_before_a_reviewers_message_leaves_nothing_of_the_review(home: Path) -> None:
    review = [
        event("entered_review_mode", target={"type": "custom"}, turn_id="turn-R", item_id="i"),
        started("turn-V"),
        user("look"),
        says("user", "look"),
        event("exited_review_mode", turn_id="turn-R", item_id="j", review_output=None),
        completed("turn-R"),
    ]
    put(home, content([meta(), *turn("A"), *review]))
    assert len(copied(home, message=1)) == 7
