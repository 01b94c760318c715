"""`threadlog record`: what becomes of lines, good and bad, of options, and of stored threads."""

from __future__ import annotations

import fcntl
import io
import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import threadlog
from makers import (
    OTHER,
    THREAD,
    Pages,
    Ran,
    agent,
    command,
    completed,
    content,
    dumps,
    event,
    file_name,
    held,
    line,
    message,
    meta,
    put,
    put_thread,
    says,
    started,
    tree,
    turn,
    user,
    uuid,
)
from threadlog.cli.record import NAMED_LINES

Json = Any


def record(home: Path | str, data: bytes, *words: str) -> Ran:
    """Run the command in this process with these bytes on its standard input."""
    with io.TextIOWrapper(tempfile.TemporaryFile()) as file:
        file.buffer.write(data)
        file.buffer.seek(0)
        with mock.patch.object(sys, "stdin", file):
            return command(home, "record", *words)


def rollout(ran: Ran) -> Path:
    """The file that the command said it would write."""
    return Path(os.fsdecode(ran.out.rstrip(b"\n").partition(b"\t")[2]))


def stored(ran: Ran) -> list[dict[str, Json]]:
    """The lines of it, but for the metadata."""
    first, *others = [json.loads(each) for each in rollout(ran).read_bytes().splitlines()]
    assert first["type"] == "session_meta"
    return others


def texts(ran: Ran) -> list[str]:
    """What the messages of it say."""
    return [each["payload"]["message"] for each in stored(ran) if "message" in each["payload"]]


def item(line_type: str, payload: Json, **beside: Json) -> bytes:
    """One item, as an agent would write it."""
    return dumps({"type": line_type, "payload": payload, **beside})


def say(text: str) -> bytes:
    """The user's message, as an item without envelope."""
    return item("event_msg", {"type": "user_message", "message": text})


def rested(path: Path) -> Path:
    """The same file, last changed a while ago."""
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


# -- a thread comes to be


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_what_is_recorded_is_shown(home: Path, mode: str) -> None:
    ran = record(home, content([*turn("one"), *turn("two")]), "--history-mode", mode)
    assert (ran.code, ran.err) == (0, "")
    thread_id, _, path = ran.out.decode().rstrip("\n").partition("\t")
    assert ran.out.count(b"\n") == 1
    assert threadlog.open(home).get("last").path == path
    shown = command(home, "show", thread_id, "--json")
    assert shown.code == 0
    told = json.loads(shown.out)
    assert (told["thread"]["history_mode"], told["problems"]) == (mode, [])
    assert [each["id"] for each in told["turns"]] == ["turn-one", "turn-two"]
    for name, each in zip(("one", "two"), told["turns"], strict=True):
        assert each["status"] == "completed"
        asked, answered = each["items"]
        assert (asked["type"], asked["content"][0]["text"]) == ("UserMessage", name)
        assert (answered["type"], answered["content"][0]["text"]) == ("AgentMessage", f"re {name}")


def test_a_rollout_is_copied_with_all_that_its_lines_hold(home: Path, tmp_path: Path) -> None:
    odd = {"type": "user_message", "message": "hi", "later": {"a": [1, 2**70, "\ud800"]}}
    notes = {"turn": "x", "deep": [[["\udfff", 2**70]]]}
    raws = [
        event("user_message", **{k: v for k, v in odd.items() if k != "type"}),
        dumps(
            {
                "timestamp": "2020-01-01T00:00:00.000Z",
                "ordinal": 77,
                "type": "response_item",
                "payload": {**message("user", "hi"), "id": "m", "new": None},
                "metadata": notes,
            }
        ),
        item("response_item", message("assistant", "ho"), metadata=notes),
        line("world_state", {"full": True, "state": {"x": 1}, "beside": [1.5, -0.0, "é"]}),
    ]
    put(home, content([meta(), *raws]))
    raw = command(home, "show", THREAD, "--raw").out
    ran = record(tmp_path / "copy", raw)
    assert (ran.code, ran.err) == (
        1,
        "threadlog: line 1: session metadata, which threadlog writes itself\n",
    )
    wanted = [json.loads(each) for each in raws]
    found = stored(ran)
    for old, new in zip(wanted, found, strict=True):
        assert set(new) - {"metadata"} == {"timestamp", "type", "payload"}
        assert new["timestamp"] > "2026-01-03"
        for key in ("type", "payload", "metadata"):
            assert new.get(key) == old.get(key), key
    assert b'"beside":[1.5,-0.0,"\xc3\xa9"]' in rollout(ran).read_bytes()


def test_a_paginated_copy_keeps_the_notes_of_items_and_converts_events(home: Path) -> None:
    noted = {**json.loads(user("hi")), "metadata": {"n": 1}}
    answer = item("response_item", message("assistant", "ho"), metadata={"n": 2})
    ran = record(home, content([dumps(noted), answer]), "--history-mode", "paginated")
    assert ran.code == 0
    first, second = stored(ran)
    assert first["payload"]["item"]["type"] == "UserMessage"
    assert second["metadata"] == {"n": 2}
    assert [first["ordinal"], second["ordinal"]] == [1, 2]


def test_without_a_users_message_nothing_good_is_lost(home: Path) -> None:
    ran = record(home, content([started("t"), agent("said unasked")]))
    assert (ran.code, ran.err) == (0, "")
    assert texts(ran) == ["said unasked"]


# What a legacy thread does not keep, though it is the user who speaks.
UNKEPT = {"type": "UserMessage", "id": "u", "content": []}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\r\n  \n",
        content([event("agent_message_delta", delta="x")]),
        content([event("item_completed", thread_id=THREAD, turn_id="t", item=UNKEPT)]),
        b"bad\n",
        b"{}",
    ],
)
def test_without_a_good_item_nothing_is_made(tmp_path: Path, data: bytes) -> None:
    ran = record(tmp_path / "none", data)
    assert ran.code == (1 if b"bad" in data or b"{}" in data else 0)
    assert ran.err.endswith("threadlog: nothing was recorded, so no thread was made\n")
    assert ran.out.count(b"\t") == 1
    assert not (tmp_path / "none").exists()


def test_a_home_that_is_not_there_is_made(tmp_path: Path) -> None:
    ran = record(tmp_path / "a" / "b" / "home", content([say("hi")]))
    assert (ran.code, ran.err, texts(ran)) == (0, "", ["hi"])


def test_ten_thousand_lines_are_recorded_in_order(home: Path) -> None:
    ran = record(home, content(say(str(number)) for number in range(10_000)))
    assert (ran.code, ran.err) == (0, "")
    assert texts(ran) == [str(number) for number in range(10_000)]


# -- lines

SECRET = "the-secret-words"
BAD: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"the-secret-words", "not valid JSON"),
    "cut": (say(SECRET)[:-2], "not valid JSON"),
    "two on a line": (say(SECRET) + say(SECRET), "not valid JSON"),
    "NaN": (say(SECRET)[:-2] + b',"x":NaN}}', "nested too deep, or a number out of range"),
    "no UTF-8": (say(SECRET).replace(b"secret", b"\xff"), "not valid UTF-8"),
    "UTF-16": (say(SECRET).decode().encode("utf-16"), "not valid UTF-8"),
    "NULs": (b"\0" * 99, "filled with NUL bytes, as a crash leaves them"),
    "a text": (dumps(SECRET), "not an item: a JSON object with type and payload"),
    "a list": (dumps([json.loads(say(SECRET))]), "not an item: a JSON object with"),
    "a bare item": (dumps(message("user", SECRET)), "not an item: a JSON object with"),
    "no payload": (dumps({"type": "event_msg", "x": SECRET}), "not an item: a JSON object with"),
    "an odd payload": (item("event_msg", SECRET), "not an item: a JSON object with"),
    "an odd type": (item(7, {"x": SECRET}), "not an item: a JSON object with"),  # type: ignore[arg-type]
    "metadata": (meta(cwd=SECRET), "session metadata, which threadlog writes itself"),
    "no kind": (item("event_msg", {"message": SECRET}), "its payload has no type"),
    "an odd kind": (item("response_item", {"type": [SECRET]}), "its payload has no type"),
    "a field too few": (
        item("event_msg", {"type": "user_message", "x": SECRET}),
        "user_message without the fields it requires",
    ),
    "a field of another type": (
        item("response_item", {"type": "message", "role": 5, "content": SECRET}),
        "message without the fields it requires",
    ),
    "a field too few, with metadata": (
        item("response_item", {"type": "message", "x": SECRET}, metadata={"x": SECRET}),
        "message without the fields it requires",
    ),
    "an unknown line": (item(SECRET, {}), "of a type that threadlog does not know"),
    "an unknown event": (item("event_msg", {"type": SECRET}), "that threadlog does not know"),
    "an unknown response item": (
        item("response_item", {"type": SECRET}, metadata={"a": 1}),
        "of a type that threadlog does not know",
    ),
    "too deep": (
        say(SECRET)[:-2] + b',"x":' + b"[" * 9999 + b"]" * 9999 + b"}}",
        "nested too deep, or a number out of range",
    ),
    "metadata too deep": (
        say(SECRET)[:-1] + b',"metadata":' + b"[" * 9999 + b"]" * 9999 + b"}",
        "nested too deep, or a number out of range",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
@pytest.mark.parametrize(("raw", "why"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named_and_the_rest_is_recorded(
    home: Path, raw: bytes, why: str, mode: str
) -> None:
    raw = raw.replace(b"\n", b"")  # as UTF-16 might hold one
    data = content([say("before"), b"", raw, says("user", "after")])
    ran = record(home, data, "--history-mode", mode)
    assert ran.code == 1
    (sentence,) = ran.err.splitlines()
    assert sentence.startswith("threadlog: line 3: ")
    assert why in sentence
    assert "secret" not in ran.err
    assert [each["type"] for each in stored(ran)] == ["event_msg", "response_item"]


def test_many_bad_lines_are_named_then_counted(home: Path) -> None:
    ran = record(home, content([say("good"), *[b"bad"] * 50, say("too")]))
    assert (ran.code, texts(ran)) == (1, ["good", "too"])
    *named, last = ran.err.splitlines()
    assert [each.split(":")[1] for each in named] == [f" line {n}" for n in range(2, 22)]
    assert len(named) == NAMED_LINES
    assert last == "threadlog: and 30 more: 50 bad lines in all"


def test_what_rollouts_do_not_keep_is_counted_and_no_mistake(home: Path) -> None:
    delta = event("agent_message_delta", delta="x")
    ran = record(home, content([delta, say("hi"), delta, line("fork_reference", {})]))
    assert (ran.code, texts(ran)) == (0, ["hi"])
    assert ran.err == "threadlog: 3 items are of kinds that rollouts do not keep\n"
    ran = record(home, content([say("hi"), delta]))
    assert (ran.code, texts(ran)) == (0, ["hi"])
    assert ran.err == "threadlog: 1 item is of a kind that rollouts do not keep\n"


ENDS: dict[str, tuple[bytes, list[str], str]] = {
    "CRLF": (b"\r\n".join([say("a"), b"", say("b"), b""]), ["a", "b"], ""),
    "no LF at the end": (content([say("a")]) + say("b"), ["a", "b"], ""),
    "spaces": (b"  " + say("a") + b" \t\n \n\x0b\n", ["a"], ""),
    "blank at the end": (content([say("a")]) + b"  ", ["a"], ""),
    "torn": (content([say("a"), b""]) + say("b")[:-1], ["a"], "3: unfinished where the input ends"),
    "torn in a character": (content([say("a")]) + b'{"x":"\xc3', ["a"], "2: unfinished where"),
    "U+2028 is no end": (content([say("a\u2028b\x85c")]), ["a\u2028b\x85c"], ""),
}


@pytest.mark.parametrize(("data", "kept", "why"), ENDS.values(), ids=ENDS)
def test_where_lines_end(home: Path, data: bytes, kept: list[str], why: str) -> None:
    ran = record(home, data)
    assert (ran.code, texts(ran)) == (int(bool(why)), kept)
    assert ran.err.startswith(f"threadlog: line {why}" if why else "")
    assert bool(ran.err) == bool(why)


# -- options


def test_the_options_are_what_the_metadata_says(home: Path, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("Be kind: é\n")
    ran = record(
        home,
        content([say("hi")]),
        *("--cwd", f"{tmp_path}/x/..", "--source", "exec", "--originator", "my-agent"),
        *("--model-provider", "mine", "--base-instructions", f"{tmp_path}/words"),
        *("--history-mode", "paginated"),
    )
    assert (ran.code, ran.err) == (0, "")
    said = json.loads(rollout(ran).read_bytes().splitlines()[0])["payload"]
    assert said["id"] == ran.out.decode().partition("\t")[0]
    assert {
        "cwd": str(tmp_path),
        "source": "exec",
        "originator": "my-agent",
        "model_provider": "mine",
        "base_instructions": {"text": "Be kind: é\n"},
        "history_mode": "paginated",
    }.items() <= said.items()


def test_without_options_a_thread_is_that_of_the_folder_we_are_in(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (home / "config.toml").write_text('model_provider = "configured"\n')
    ran = record(home, content([say("hi")]))
    said = json.loads(rollout(ran).read_bytes().splitlines()[0])["payload"]
    assert {
        "cwd": str(tmp_path),
        "source": "cli",
        "originator": "threadlog",
        "model_provider": "configured",
        "base_instructions": None,
        "history_mode": "legacy",
    }.items() <= said.items()


def test_the_id_and_path_come_as_json_too(tmp_path: Path) -> None:
    home = os.path.join(tmp_path, os.fsdecode(b"a\tb\xff\xc3\xa9"))
    ran = record(home, content([say("hi")]), "--json")
    assert (ran.code, ran.out.isascii(), ran.out.count(b"\n")) == (0, True, 1)
    said = json.loads(ran.out)
    assert list(said) == ["id", "path"]
    assert threadlog.open(home).get(said["id"]).path == said["path"]
    assert os.path.exists(said["path"])


WRONG: list[tuple[list[str], str]] = [
    (["--force"], "--force goes with --resume only"),
    (["--take-over"], "--take-over goes with --resume only"),
    (["--resume", THREAD, "--cwd", "."], "--cwd goes with --resume last, or with no --resume"),
    (["--resume", "last", "--source", "x"], "--source is for new threads: leave it out with"),
    (["--resume", "last", "--originator", ""], "--originator is for new threads"),
    (["--resume", "last", "--model-provider", "x"], "--model-provider is for new threads"),
    (["--resume", "last", "--history-mode", "legacy"], "--history-mode is for new threads"),
    (["--resume", "last", "--base-instructions", "x"], "--base-instructions is for new threads"),
    (["--history-mode", "modern"], "invalid choice: 'modern'"),
    (["extra"], "unrecognized arguments: extra"),
]


@pytest.mark.parametrize(("words", "why"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_use_is_said_before_anything_is_read(home: Path, words: list[str], why: str) -> None:
    rested(put(home, content([meta(), *turn("x")])))
    before = tree(home)
    ran = record(home, content([say("hi")]), *words)
    assert (ran.code, ran.out) == (2, b"")
    assert why in ran.err.splitlines()[-1]
    assert tree(home) == before


def test_instructions_that_cannot_be_read_are_said(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "words"
    for data, code, why in (
        (None, 1, "No such file or directory"),
        (b"\xff", 2, "is not valid UTF-8"),
        (b"x" * ((1 << 20) + 1), 2, "is longer than instructions may be (1048576 bytes)"),
    ):
        if data is not None:
            path.write_bytes(data)
        ran = record(home, content([say("hi")]), "--base-instructions", str(path))
        assert (ran.code, ran.out) == (code, b"")
        assert ran.err.startswith(f"threadlog: {path}")
        assert why in ran.err
    assert list(home.iterdir()) == []


def test_the_help_tells_what_an_item_is(home: Path) -> None:
    ran = command(home, "record", "--help")
    assert (ran.code, ran.err) == (0, "")
    assert b'{"type": ..., "payload": {...}}' in ran.out
    assert b"--resume ID" in ran.out
    (listed,) = (each for each in command(home, "--help").out.splitlines() if b"  record" in each)
    assert b"items on standard input become a thread" in listed


# -- going on with a thread


@pytest.mark.parametrize("torn", [b"", b'{"torn'])
@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_a_thread_is_gone_on_with_behind_what_it_holds(home: Path, mode: str, torn: bytes) -> None:
    pages = Pages(THREAD)
    pages.turn("one")
    raws = pages.raws if mode == "paginated" else [meta(), *turn("one")]
    path = rested(put(home, content(raws) + torn))
    before = path.read_bytes()
    ran = record(home, content(turn("two")), "--resume", THREAD)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{THREAD}\t{path}\n".encode()
    after = path.read_bytes()
    assert after.startswith(before + (b"\n" if torn else b""))
    added = [json.loads(each) for each in after[len(before) :].splitlines() if each]
    assert len(added) == len(turn("two"))
    if mode == "paginated":
        # A torn line has had its number.
        first = added[0]["ordinal"]
        assert [each["ordinal"] for each in added] == list(range(first, first + len(added)))
        assert first >= pages.ordinal
    told = json.loads(command(home, "show", THREAD, "--json").out)
    assert [each["id"] for each in told["turns"]] == ["turn-one", "turn-two"]


def test_nothing_on_standard_input_leaves_a_thread_as_it_was(home: Path) -> None:
    path = rested(put(home, content([meta(), *turn("one")])))
    before = path.read_bytes(), path.stat().st_mtime_ns
    ran = record(home, b"", "--resume", "last")
    assert (ran.code, ran.err) == (0, "threadlog: nothing was recorded\n")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_last_may_be_that_of_a_folder(home: Path) -> None:
    here = rested(put(home, content([meta(cwd=str(home)), *turn("here")])))
    put(home, content([meta(OTHER, cwd="/elsewhere"), *turn("there")]), file_name(OTHER))
    ran = record(home, content([say("more")]), "--resume", "last", "--cwd", str(home))
    assert (ran.code, rollout(ran)) == (0, here)
    ran = record(home, content([say("more")]), "--resume", "last", "--cwd", "/nowhere")
    assert (ran.code, ran.out) == (3, b"")
    assert ran.err == f"threadlog: no thread of /nowhere in {home} yet\n"


def test_what_changed_a_moment_ago_is_gone_on_with_by_force(home: Path) -> None:
    path = put(home, content([meta(), *turn("one")]))
    with mock.patch("threadlog.local.journal.time.sleep", side_effect=AssertionError("waited")):
        ran = record(home, content([say("more")]), "--resume", THREAD, "--force")
    assert (ran.code, rollout(ran)) == (0, path)
    assert path.read_bytes().count(b"more") == 1


@pytest.mark.parametrize(
    ("reference", "code", "why"),
    [
        (uuid(9), 3, f"no thread '{uuid(9)}' in "),
        ("", 3, "no thread '' in "),
        ("000001", 4, "fits 2 threads: "),
        ("/etc/passwd", 2, "does not lie in the sessions of"),
        (uuid(2), 1, f"thread {uuid(2)} is archived; unarchive it first"),
        (uuid(3), 1, "names no thread"),
        (uuid(4), 1, "already has an active writer"),
    ],
)
def test_a_thread_that_cannot_be_gone_on_with_is_said(
    home: Path, reference: str, code: int, why: str
) -> None:
    put_thread(home, 1)
    put(home, content([meta(), *turn("x")]), file_name(uuid(1).replace("019b0000", "019c0000")))
    put_thread(home, 2, folder="archived_sessions")
    nameless = put(home, content([user("x")]), "rollout-x.jsonl")
    busy = put_thread(home, 4)
    for path in (home / "sessions").rglob("*.jsonl"):
        rested(path)
    if reference == uuid(3):
        reference = str(nameless)
    with held(home, uuid(4)):
        before = tree(home / "sessions")
        ran = record(home, content([say("hi")]), "--resume", reference)
        assert tree(home / "sessions") == before
    assert busy.exists()
    assert (ran.code, ran.out) == (code, b"")
    (sentence,) = ran.err.splitlines()
    assert sentence.startswith("threadlog: ")
    assert why in sentence


def test_a_home_that_cannot_be_is_said_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    for place, words in (
        ("file", []),
        ("file/below/it", []),
        ("link", []),
        ("missing", ["--resume", "last"]),
    ):
        ran = record(tmp_path / place, content([say("hi")]), *words)
        assert (ran.code, ran.out) == (1, b"")
        assert ran.err.startswith(f"threadlog: no folder {tmp_path / place}; name a home with")


# -- anything

_ANY = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([say("x"), *turn("x"), *(raw for raw, _ in BAD.values() if len(raw) < 999)]),
    st.builds(
        lambda *parts: dumps(dict(zip(("type", "payload", "metadata"), parts, strict=True))),
        st.sampled_from(["event_msg", "response_item", "compacted", "x", None]),
        st.dictionaries(
            st.sampled_from(["type", "message", "role", "content"]),
            st.sampled_from(["user_message", "message", "user", [], None, 10**400, "\ud800"]),
        ),
        st.sampled_from([None, {}, 10**400, "\ud800", [[]]]),
    ),
)


@settings(max_examples=80)
@given(st.lists(_ANY, max_size=8), st.sampled_from(["legacy", "paginated"]), st.booleans())
def test_lines_of_any_content_are_survived(
    tmp_path_factory: pytest.TempPathFactory, raws: list[bytes], mode: str, ended: bool
) -> None:
    home = tmp_path_factory.mktemp("home")
    data = b"\n".join(raws) + (b"\n" if ended else b"")
    ran = record(home, data, "--history-mode", mode)
    assert ran.code in (0, 1)
    assert ("line " in ran.err) == (ran.code == 1)
    if not rollout(ran).exists():
        assert "no thread was made" in ran.err
        return
    assert stored(ran)
    shown = command(home, "show", "last", "--json")
    assert shown.code == 0
    assert json.loads(shown.out)["problems"] == []


def test_turns_that_agents_write_end(home: Path) -> None:
    """What is left open stays as it came: the items are the agent's own."""
    ran = record(home, content([started("t"), user("x"), completed("t"), started("u"), user("y")]))
    told = json.loads(command(home, "show", "last", "--json").out)["turns"]
    assert ran.code == 0
    assert [each["status"] for each in told] == ["completed", "interrupted"]


def test_a_lock_that_another_program_holds_for_a_while_loses_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "thread-writer-locks"
    folder.mkdir(parents=True)
    monkeypatch.setattr("threadlog.codex.lock.COORDINATION_WAIT_S", 0.1)
    with open(folder / ".coordination.lock", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        threading.Timer(1.0, lambda: fcntl.flock(file, fcntl.LOCK_UN)).start()
        ran = record(home, content([say("one"), say("two")]))
        assert texts(ran) == ["one", "two"]
        assert ran.code == 0


def test_a_paginated_thread_says_how_it_is_kept_whole(home: Path) -> None:
    first = record(home, content(turn("one")), "--history-mode", "paginated")
    copied = record(home, rollout(first).read_bytes().partition(b"\n")[2])
    assert "--history-mode paginated" in copied.err
    whole = record(
        home, rollout(first).read_bytes().partition(b"\n")[2], "--history-mode", "paginated"
    )
    assert (whole.code, whole.err) == (0, "")
