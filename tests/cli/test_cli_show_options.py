"""`threadlog show`: which turns, and how they are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from showing import SAID, call, named, shown
from test_cli_terminal import OURS, on_terminal

import threadlog
from makers import (
    OTHER,
    THREAD,
    Pages,
    agent,
    command,
    completed,
    content,
    event,
    file_name,
    line,
    meta,
    put,
    put_thread,
    started,
    turn,
    user,
)


def at(raw: bytes, moment: str) -> bytes:
    """The line as of another moment."""
    return json.dumps({**json.loads(raw), "timestamp": moment}).encode()


UNDONE = [*turn("a"), *turn("b"), event("thread_rolled_back", num_turns=1), *turn("c")]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("1", "turn-a"),
        ("2", "turn-c"),
        ("-1", "turn-c"),
        ("-2", "turn-a"),
        ("turn-a", "turn-a"),
        ("n-c", "turn-c"),
    ],
)
def test_a_turn_is_meant_by_id_piece_or_number(home: Path, wanted: str, expected: str) -> None:
    put(home, content([meta(), *UNDONE]))
    assert named(shown(home, "--turn", wanted)) == [expected]
    turns = json.loads(shown(home, "--turn", wanted, "--json"))["turns"]
    assert [each["id"] for each in turns] == [expected]


def test_a_turn_that_was_rolled_back_is_told_as_that(home: Path) -> None:
    put(home, content([meta(), *UNDONE]))
    text = shown(home, "--turn", "turn-b")
    assert "rolled back" in text.split("\n")[4]
    assert "(this turn was rolled back: it no longer counts)" in text
    assert (
        json.loads(shown(home, "--turn", "turn-b", "--json"))["turns"][0]["status"] == "rolledBack"
    )


@pytest.mark.parametrize(
    ("wanted", "code", "why"),
    [
        ("3", 3, "no turn 3"),
        ("-3", 3, "no turn -3"),
        ("zzz", 3, "no turn of this thread"),
        ("turn", 4, "turn-a, turn-b, turn-c"),
    ],
)
def test_a_turn_that_is_not_there_is_said(home: Path, wanted: str, code: int, why: str) -> None:
    put(home, content([meta(), *UNDONE]))
    ran = command(home, "show", THREAD, "--turn", wanted)
    assert (ran.code, ran.out) == (code, b"")
    assert why in ran.err


@pytest.mark.parametrize("wanted", ["0", "-0", "000"])
def test_there_is_no_turn_before_the_first(home: Path, wanted: str) -> None:
    put(home, content([meta(), *turn("a0")]))
    ran = command(home, "show", THREAD, f"--turn={wanted}")
    assert ran.code == 2
    assert "turns are counted from 1, or from -1, the last" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["--turn", "1", "--tail", "1"],
        ["--turn", "1", "--since", "1d"],
        ["--turn", "1", "--raw"],
        ["--turn", "1", "--follow"],
        ["--raw", "--follow"],
        ["--raw", "--since", "1d"],
        ["--plain", "--json"],
        ["--json", "--full"],
        ["--raw", "--full"],
        ["--turn", ""],
        ["--turn", " "],
        ["--since", "sometime"],
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_refused(home: Path, words: list[str]) -> None:
    put_thread(home, 1)
    ran = command(home, "show", "last", *words)
    assert (ran.code, ran.out) == (2, b"")
    assert "--" in ran.err


@pytest.mark.parametrize("starts", [True, False])
@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-01-02T00:00Z", 3),
        ("2026-01-02T10:00:30Z", 3),
        ("2026-01-02T10:01:30Z", 2),
        ("2026-01-02T11:00:00Z", 2),
        ("2026-01-02T12:00:00Z", 1),
        ("2026-01-02T13:00:00Z", 0),
    ],
)
def test_since_means_turns_that_began_or_went_on(
    home: Path, since: str, expected: int, starts: bool
) -> None:
    raws = [at(meta(), "2026-01-02T09:59:59Z")]
    for hour, name in ((10, "a"), (11, "b"), (12, "c")):
        begins, ends = [started(name)] * starts, [completed(name)] * starts
        first = [at(raw, f"2026-01-02T{hour}:00:00Z") for raw in [*begins, user(name)]]
        raws += [*first, *(at(raw, f"2026-01-02T{hour}:01:00Z") for raw in [agent("x"), *ends])]
    put(home, content(raws))
    text = shown(home, "--since", since)
    told = [each for each in "abc" if f"user\n  {each}\n" in text]
    assert told == list("abc")[3 - expected :]
    assert ("(no turns since then)" in text) == (not expected)
    both = shown(home, "--since", since, "--tail", "1")
    assert len(named(both)) == min(expected, 1)
    assert len(json.loads(shown(home, "--since", since, "--json"))["turns"]) == expected


def context(model: str) -> bytes:
    return line(
        "turn_context",
        {"cwd": "/", "approval_policy": "never", "sandbox_policy": {}, "model": model},
    )


def test_models_tokens_rollbacks_and_forks_are_told(home: Path) -> None:
    usage = {"input_tokens": 1234, "cached_input_tokens": 800, "output_tokens": 300}
    count = event("token_count", info={"total_token_usage": usage, "last_token_usage": usage})
    put(home, content([meta(OTHER), user("The first one")]), file_name(OTHER))
    raws = [
        *[started("a"), user("x"), context("one"), count, completed("a")],
        *[started("b"), user("y"), context("two"), completed("b")],
        *[*turn("c"), event("thread_rolled_back", num_turns=1), *turn("d")],
    ]
    put(home, content([meta(forked_from_id=OTHER), *raws]))
    text = shown(home)
    for wanted in (
        f"forked from {OTHER}  The first one",
        "── a  one  1.2k in (800 cached), 300 out\n",
        "(model: one → two)\n\n── b\n",
        "(1 turn was rolled back here)\n\n── turn-d\n",
    ):
        assert wanted in text, wanted


def test_a_fork_and_a_revert_are_told_where_they_are(home: Path) -> None:
    parent = Pages(OTHER)
    parent.turn("inherited")
    cut = parent.turn("not inherited")
    child = Pages(THREAD, base=cut)
    child.turn("own")
    parent.write(home)
    child.write(home)
    assert f"(forked here from {OTHER})\n\n── " in shown(home)
    opened = threadlog.open(home)
    with opened.start(cwd=".", history_mode="paginated") as thread:
        for words in ("one", "two"):
            with thread.turn(words) as live:
                live.say(words)
    opened.revert(thread.id, before=list(opened.turns(thread.id))[1].id).close()
    text = command(home, "show", thread.id).out.decode()
    assert text.endswith("(turns that came here were reverted)\n")


def test_a_legacy_fork_is_told_where_its_copy_ends(home: Path) -> None:
    put(home, content([meta(OTHER), *turn("a")]), file_name(OTHER))
    put(home, content([meta(forked_from_id=OTHER), meta(OTHER), *turn("a"), *turn("b")]))
    assert f"(forked here from {OTHER})\n\n── turn-b" in shown(home)
    assert len(json.loads(shown(home, "--json"))["turns"]) == 2


PATCH = """*** Begin Patch
*** Update File: a.py
*** Move to: b.py
@@
-old
+new
+more
*** Add File: c.md
+text
*** End Patch"""
STATES = ("completed", "pending")
CASES: dict[str, tuple[list[bytes], str]] = {
    "plan": (
        call("update_plan", {"plan": [{"step": s, "status": s} for s in STATES]}, ""),
        "plan\n  [x] completed\n  [ ] pending\n",
    ),
    "patch": (
        call("apply_patch", PATCH, "Done"),
        "update a.py → b.py  +2 -1\n  @@\n  -old\n  +new\n  +more\nadd c.md  +1 -0\n  +text\n",
    ),
    "command": (call("exec_command", {"cmd": "ls"}, SAID), "$ ls  [exit 3, 1.3 s]\n  hello\n"),
    "older command": (
        call(
            "shell",
            {"command": ["bash", "-lc", "ls\nls -l"]},
            '{"output":"hello","metadata":{"exit_code":0,"duration_seconds":0.2}}',
        ),
        "$ ls\n  ls -l  [0.2 s]\n  hello\n",
    ),
    "agent": (
        call("spawn_agent", {"message": "Count"}, '{"agent_id":"a-1","nickname":"Pascal"}'),
        "spawn_agent  a-1, Pascal\n  Count\n",
    ),
    "image": (call("view_image", {"path": "/x.png"}, ""), "[image /x.png]\n"),
    "picture": (
        [user("x", images=["data:image/png;base64," + "A" * 400])],
        "user\n  x\n  [image image/png 300B]\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raws", "expected"), CASES.values(), ids=CASES)
def test_what_tools_did_is_told_plainly(home: Path, raws: list[bytes], expected: str) -> None:
    put(home, content([meta(), started("t"), *raws, completed("t")]))
    head, _turn, told = shown(home).partition("── t  ")
    assert head
    assert told.partition("\n")[2] == expected


@pytest.mark.parametrize("columns", [80, 200])
def test_a_title_that_is_cut_stands_on_one_line(home: Path, columns: int) -> None:
    put(home, content([meta(forked_from_id=OTHER), *turn("Please " * 60)]))
    put(home, content([meta(OTHER), *turn("Else " * 60)]), file_name(OTHER))
    _code, shown = on_terminal(home, "show", THREAD, "--no-pager", columns=columns)
    head = OURS.sub("", shown).replace("\r\n", "\n").split("\n\n")[0].split("\n")
    assert head[0].startswith("Please Please")
    assert head[0].endswith("…")
    assert next(each for each in head if each.startswith("forked from")).endswith("…")
    assert not [each for each in head if each.startswith(" ")]
