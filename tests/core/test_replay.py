"""The model's history, replayed: compaction replaces it, rollback cuts it, reading is bounded.

Histories are written in words: `u1` user, `a1` assistant, `d1` developer, `e1` context in a user's
message, `i1` an agent's message that starts a turn, `j1` one that does not, `T` a turn's recorded
start, `R2` a rollback of two turns, `K(u8+a8)` a compaction with its replacement history, `S(sum)`
one with a summary alone, `X` lines that have no say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rollout_lines import event, line, message, rolled_back, says, session, started

from threadlog.core import history, lines, replay
from threadlog.core.lines import Envelope

WORD = re.compile(r"([A-Za-z])(\d*)(?:\(([^)]*)\))?")
ROLES = {"u": "user", "a": "assistant", "d": "developer"}


def _items(words: str) -> list[dict[str, Any]]:
    return [_item(word) for word in words.split("+") if word]


def _item(word: str) -> dict[str, Any]:
    if word[0] == "e":
        return message("user", f"<environment_context>{word}</environment_context>")
    text = f"<token_budget>{word}</token_budget>" if word[0] == "d" else word
    return message(ROLES[word[0]], text)


def _raw(word: str) -> bytes:
    match = WORD.fullmatch(word)
    assert match is not None, word
    letter, number, inside = match.groups()
    if letter == "T":
        return started("t" + number)
    if letter == "R":
        return rolled_back(int(number))
    if letter == "K":
        return line("compacted", {"message": "", "replacement_history": _items(inside)})
    if letter == "S":
        return line("compacted", {"message": inside})
    if letter == "X":
        return event("token_count", info=None)
    if letter in "ij":
        return _between_agents(word)
    return line("response_item", _item(word))


def _between_agents(word: str) -> bytes:
    payload = {"author": "/a", "recipient": "/b", "other_recipients": [], "content": word}
    return line("inter_agent_communication", {**payload, "trigger_turn": word[0] == "i"})


def _envelopes(words: str) -> list[Envelope]:
    return [lines.parse(_raw(word)) for word in words.split()]


def _told(items: list[dict[str, Any]]) -> str:
    """The history in words again."""
    texts = ["|".join(part["text"] for part in item["content"]) for item in items]
    return " ".join(re.sub(r"</?(environment_context|token_budget)>", "", text) for text in texts)


def _all(words: str) -> str:
    return _told(replay.replay(_envelopes(words)))


def _bounded(words: str) -> str:
    return _told(replay.replay(replay.relevant(reversed(_envelopes(words)))))


def check(words: str, expected: str) -> None:
    """The history is the same whether all lines are replayed or only those that matter."""
    assert _all(words) == expected
    assert _bounded(words) == expected


@pytest.mark.codex("C053", "C054", "C055", "C056", "C057", "C058")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("d1 e1 u1 a1 X u2 a2", "d1 e1 u1 a1 u2 a2", id="no rollback"),
        pytest.param("u1 a1 u2 a2 R1", "u1 a1", id="a completed turn"),
        pytest.param("u1 a1 u2 R1", "u1 a1", id="an incomplete turn"),
        pytest.param("T u1 a1 T u2 a2 R1 T u3 a3", "u1 a1 u3 a3", id="and on"),
        pytest.param("u1 a1 u2 a2 u3 R2 u4", "u1 a1 u4", id="two"),
        pytest.param("u1 u2 u3 R1 R1 u4", "u1 u4", id="one after the other"),
        pytest.param("u1 a1 u2 R1 u3 R2 u4", "u4", id="over an earlier rollback"),
        pytest.param("u1 a1 u2 a2 T a3 R1", "u1 a1", id="turns without the user do not count"),
        pytest.param("u1 a1 i2 a2 R1", "u1 a1", id="a turn that another agent started"),
        pytest.param("u1 a1 j2 a2 R1", "", id="an agents' message that starts none"),
        pytest.param("T u1 u2 a2 R1", "u1", id="a steer is a turn of its own"),
        pytest.param("u1 a1 u2 R0", "u1 a1 u2", id="none"),
        pytest.param("a1 R1 a2", "a1 a2", id="where there is no turn"),
        pytest.param("R1 u1", "u1", id="before all"),
        pytest.param("u1 a1 R99", "", id="more than there are"),
        pytest.param("d1 e1 u1 a1 u2 R99 u3", "d1 e1 u3", id="leading context stays"),
    ],
)
def test_a_rollback_takes_whole_turns_of_the_user(words: str, expected: str) -> None:
    check(words, expected)


@pytest.mark.codex("C053")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("u1 a1 d2 e2 u2 a2 R1", "u1 a1"),
        ("u1 a1 d2 e2 u2 a2 R1 d3 u3", "u1 a1 d3 u3"),
        ("e1 u1 d2 u2 R1", "e1 u1"),
        ("u1 a1 e2 a2 e3 d3 u3 R1", "u1 a1 e2 a2"),
        ("d1 u1 a1 d2 u2 a2 d3 u3 R2", "d1 u1 a1"),
        ("u1 a1 d2 u2 R1 d3 u3 R1", "u1 a1"),
    ],
)
def test_context_put_in_for_a_turn_goes_with_it(words: str, expected: str) -> None:
    check(words, expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("u1 a1 K(u8+a8) u2", "u8 a8 u2", id="replaced"),
        pytest.param("u1 a1 K() u2", "u2", id="by nothing"),
        pytest.param("u1 K(u8) u2 K(u9) u3", "u9 u3", id="the last one wins"),
        pytest.param("u1 a1 S(sum) K(u8) u2", "u8 u2", id="over a summary"),
        pytest.param("u1 a1 u2 a2 K(u9) u3 a3 R1", "u9", id="a rollback stops before it"),
        pytest.param("u1 a1 u2 a2 K(u9) u3 a3 R2", "u1 a1", id="a rollback undoes it"),
        pytest.param("u1 a1 u2 a2 K(u9) u3 R3 u4", "u4", id="a rollback goes far beyond it"),
        pytest.param("u1 a1 u2 K(u9) a2 R1", "u1 a1", id="within the turn that goes"),
        pytest.param("u1 K(u8) u2 K(u9) a2 R1", "u8", id="back to the one before"),
        pytest.param("K(u8) u1 K(u9) u2 R2 u3", "u8 u3", id="over the last of two"),
        pytest.param("u1 u2 K(u9) R1 u3", "u1 u3", id="right after it"),
    ],
)
def test_the_newest_compaction_that_no_rollback_undid_is_the_history(
    words: str, expected: str
) -> None:
    check(words, expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("u1 a1 K(u8+a8) d2 u2 a2 R1", "u8 a8"),
        ("u1 a1 u2 a2 u3 a3 K(u9) d4 e4 u4 R1", "u9"),
        ("u1 a1 K(u8+d8) d2 u2 R1", "u8 d8"),
        ("u1 a1 u2 a2 K(u9) u3 a3 R2 d4 u4 R1", "u1 a1"),
    ],
)
def test_context_after_a_compaction_goes_with_its_turn_too(words: str, expected: str) -> None:
    check(words, expected)


@pytest.mark.codex("C066", "C410")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("d1 e1 u1 a1 u2 a2 S(sum) u3", "u1 u2 sum u3", id="the user's words stay"),
        pytest.param("S(sum)", "sum", id="first of all"),
        pytest.param("u1 S()", "u1 (no summary available)", id="no summary"),
        pytest.param("u1 S(one) u2 S(two)", "u1 one u2 two", id="an old summary is a message"),
        pytest.param("u1 a1 K(u7+a7) u2 a2 S(sum) u3", "u7 u2 sum u3", id="after a replacement"),
        pytest.param("u1 a1 u2 a2 S(sum) u3 R1 u4", "u1 u2 sum u4", id="rollback after it"),
        pytest.param("T u1 a1 T u2 a2 T S(sum) T u3 R2 T u4", "u1 a1 u4", id="rollback over it"),
    ],
)
def test_an_old_compaction_keeps_the_users_words_and_a_summary(words: str, expected: str) -> None:
    check(words, expected)


def _after_summary(*items: dict[str, Any]) -> list[list[str]]:
    raws = [line("response_item", item) for item in items]
    kept = replay.replay([lines.parse(raw) for raw in [*raws, _raw("S(sum)")]])
    assert all(item["role"] == "user" for item in kept)
    return [[part["text"] for part in item["content"]] for item in kept]


def test_a_marked_summary_does_not_survive_the_next_one() -> None:
    marked = message("user", replay.SUMMARY_PREFIX + " of what came before:\nold")
    assert _after_summary(message("user", "u1"), marked) == [["u1"], ["sum"]]


def test_an_image_is_lost_but_its_message_is_kept() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    alone = {"type": "message", "role": "user", "content": [image]}
    beside = message("user", "one", "two")
    beside["content"].append(image)
    assert _after_summary(alone, beside) == [[""], ["one", "two"], ["sum"]]


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        pytest.param([80_000], [80_000], id="exactly the room"),
        pytest.param([40_000, 40_000], [40_000, 40_000], id="exactly, by two"),
        pytest.param([7, 80_000], [80_000], id="no room is left for an older one"),
        pytest.param([100_000], [(40_000, 5000, 40_000)], id="too long"),
        pytest.param([9, 60_000, 60_000], [(10_000, 10_000, 10_000), 60_000], id="newest first"),
        pytest.param([80_000, 1], [(39_998, 1, 39_998), 1], id="counted in tokens of four bytes"),
    ],
)
def test_the_newest_words_of_the_user_are_kept_up_to_a_limit(
    sizes: list[int], kept: list[int | tuple[int, int, int]]
) -> None:
    texts = _after_summary(*(message("user", "x" * size) for size in sizes))[:-1]
    assert [len(parts[0]) if len(parts) == 1 else _cut(parts) for parts in texts] == kept


def _cut(parts: list[str]) -> tuple[int, int, int]:
    head, marker, tail = parts
    number = re.fullmatch(r"…(\d+) tokens truncated…", marker)
    assert number is not None
    return len(head), int(number[1]), len(tail)


def test_a_cut_does_not_split_a_character() -> None:
    (head, _marker, tail), _summary = _after_summary(message("user", "x" + "\u20ac" * 40_000))
    assert (head.strip("\u20ac"), tail.strip("\u20ac")) == ("x", "")


@pytest.mark.codex("C049")
def test_what_an_agent_wrote_to_another_is_one_item() -> None:
    (told,) = replay.replay(_envelopes("i1"))
    assert told == {
        "type": "agent_message",
        "author": "/a",
        "recipient": "/b",
        "content": [{"type": "input_text", "text": "i1"}],
    }
    sealed = lines.parse(_raw("i1"))
    sealed.payload["encrypted_content"] = "e"
    (told,) = replay.replay([sealed])
    assert told["content"] == [{"type": "encrypted_content", "encrypted_content": "e"}]


def test_a_record_dressed_up_as_a_message_is_no_part_of_the_history() -> None:
    notes = {"delivered_assistant_message": "codex:code-mode-delivery:v1:{}"}
    dressed = lines.parse(line("response_item", message("assistant", "x"), metadata=notes))
    plain = lines.parse(line("response_item", message("assistant", "a1"), metadata={"x": 1}))
    whole = [*_envelopes("u1"), dressed, plain]
    assert _told(replay.replay(replay.relevant(reversed(whole)))) == "u1 a1"
    assert _told(replay.replay(whole)) == "u1 a1"


@pytest.mark.parametrize("count", ["one", None, -1, 1.5, []])
def test_a_rollback_of_no_number_takes_nothing(count: Any) -> None:
    odd = lines.parse(event("thread_rolled_back", num_turns=count))
    whole = [*_envelopes("u1 a1"), odd]
    assert _told(replay.replay(whole)) == "u1 a1"
    assert _told(replay.replay(replay.relevant(reversed(whole)))) == "u1 a1"


@pytest.mark.parametrize("replacement", [None, "x", {}])
def test_a_replacement_that_is_no_list_is_none(replacement: Any) -> None:
    odd = {"message": "sum", "replacement_history": replacement}
    whole = [*_envelopes("u1 a1"), lines.parse(line("compacted", odd))]
    assert _told(replay.replay(whole)) == "u1 sum"
    assert _told(replay.replay(replay.relevant(reversed(whole)))) == "u1 sum"


@pytest.mark.codex("C408", "C411")
@pytest.mark.parametrize(
    ("surviving", "read"),
    [
        ("K(u8)", "K(u8)"),
        ("K(u8) X u2 a2 T", "K(u8) u2 a2"),
        ("K(u8) u2 a2 R1 u3", "K(u8) u2 a2 R1 u3"),
        ("K(u8) u2 K(u9) u3 R2 u4", "K(u8) u2 K(u9) u3 R2 u4"),
        ("K(u8) u2 u3 R1 u4 R2", "K(u8) u2 u3 R1 u4 R2"),
        ("K(u8) i2 R1", "K(u8) i2 R1"),
    ],
)
def test_nothing_is_read_beyond_the_surviving_compaction(surviving: str, read: str) -> None:
    def guarded() -> Iterator[Envelope]:
        yield from reversed(_envelopes(surviving))
        pytest.fail("read further back than needed")

    assert replay.relevant(guarded()) == _envelopes(read)


def test_raw_lines_beyond_it_are_not_even_looked_at() -> None:
    def guarded() -> Iterator[bytes]:
        yield says("user", "u2")
        yield b"damaged"
        yield line("response_item", message("user", "odd"))[:-1]
        yield _raw("K(u8)")
        pytest.fail("read further back than needed")

    assert _told(history.model_input(guarded())) == "u8 u2"


def test_a_rollback_with_its_keys_in_another_order_is_one() -> None:
    odd = line("event_msg", {"num_turns": 1, "type": "thread_rolled_back"})
    raws = [session(), _raw("u1"), _raw("a1"), _raw("u2"), odd]
    assert _told(history.model_input(reversed(raws))) == "u1 a1"


TALK = ["u1", "u2", "a1", "a2", "d1", "e1", "i1", "j1", "T", "X", "R0", "R1", "R2", "R3"]
COMPACTIONS = ["K()", "K(u8)", "K(u8+a8)", "K(u8+d8)", "K(e8+u9)", "S(sum)", "S()"]
WORDS = st.sampled_from([*TALK, *COMPACTIONS])


@pytest.mark.codex("C409")
@settings(deadline=None, max_examples=400)
@given(st.lists(WORDS, max_size=25).map(" ".join))
@example("u1 K(u8+a8) d1 u2 R1")
def test_reading_only_what_matters_gives_the_whole_history(words: str) -> None:
    assert _bounded(words) == _all(words)


TURNS = st.lists(st.sampled_from(["T d1 u1 a1", "T e1 u2 a2", "T u3 a3 K(u8)", "T u4 u5"]))


@given(TURNS, st.integers(1, 5))
def test_a_rollback_gives_the_history_as_it_was_before_the_turns(
    turns: list[str], count: int
) -> None:
    words = _words(turns)
    begins = [place for place, word in enumerate(words) if word[0] == "u"]
    if begins:
        before = words[: begins[-min(count, len(begins))]]
        while any(word[0] == "u" for word in before) and before[-1][0] in "deT":
            before.pop()
    else:
        before = words
    assert _all(" ".join([*words, f"R{count}"])) == _all(" ".join(before))


def _words(turns: list[str]) -> list[str]:
    return " ".join(turns).split()
