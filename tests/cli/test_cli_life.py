"""The verbs at the command line: what they say, their undo, JSON, exit codes, several at once."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import (
    DAY,
    THREAD,
    Ran,
    command,
    content,
    file_name,
    held,
    make_old,
    meta,
    put,
    turn,
    uuid,
)

NAME = file_name()
LINES = [meta(), *turn("A"), *turn("B")]
SHORT = THREAD[-8:]


@pytest.fixture
def one(home: Path) -> Path:
    """A home of one thread."""
    put(home, content(LINES))
    make_old(home)
    return home


def out(ran: Ran) -> list[str]:
    assert (ran.code, ran.err) == (0, "")
    return ran.out.decode().splitlines()


def as_json(ran: Ran) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(ran.out)
    assert value.pop("version") == 1
    return value


def paginated(home: Path) -> tuple[str, list[str]]:
    """A paginated thread of two turns, and their ids."""
    with threadlog.open(home) as opened, opened.start(cwd="/x", history_mode="paginated") as thread:
        for name in "AB":
            with thread.turn(name) as made:
                made.say(f"re {name}")
    return thread.id, [each.id for each in threadlog.open(home).turns(thread.id)]


@pytest.mark.parametrize(
    ("verb", "done", "undo", "before"),
    [
        ("archive", "archived", "unarchive", []),
        ("unarchive", "unarchived", "archive", ["archive"]),
        ("delete", "deleted", "restore", []),
        ("restore", "restored", "delete", ["delete"]),
    ],
)
def test_a_verb_says_what_it_did_and_how_to_undo_it(
    one: Path, verb: str, done: str, undo: str, before: list[str]
) -> None:
    for each in before:
        out(command(one, each, THREAD))
    would = out(command(one, verb, "--dry-run", THREAD))
    told = out(command(one, verb, THREAD))
    assert told[0].startswith(f"{done}  {SHORT}  {one}")
    assert told[-1] == f"undo: threadlog {undo} {THREAD}"
    assert ("kept in the trash for 30 days" in told) == (verb == "delete")
    assert would == [told[0].replace(done, f"would be {done}", 1)] or verb == "delete"
    out(command(one, undo, THREAD))


def test_json_has_all_that_is_said(one: Path) -> None:
    put(one, content([meta(uuid(2))]), file_name(uuid(2)))
    with held(one, uuid(2)):
        ran = command(one, "archive", "--json", THREAD, uuid(2))
    told = as_json(ran)
    assert ran.code == 1
    assert told["threads"] == [
        {
            "id": THREAD,
            "was": str(one / DAY / NAME),
            "path": str(one / "archived_sessions" / NAME),
            "remarks": [],
        }
    ]
    assert [each["id"] for each in told["failed"]] == [uuid(2)]
    assert "already has an active writer: process" in told["failed"][0]["error"]
    assert told["undo"] == f"threadlog unarchive {THREAD}"
    assert "already has an active writer" in ran.err


def test_trash_and_purge(one: Path) -> None:
    assert out(command(one, "trash")) == []
    out(command(one, "delete", THREAD))
    (line,) = out(command(one, "trash"))
    assert line.endswith(f"{SHORT}  A")
    assert "until 20" in line
    (kept,) = as_json(command(one, "trash", "--json"))["threads"]
    assert (kept["id"], kept["title"], kept["along"]) == (THREAD, "A", "")
    assert out(command(one, "purge", "--dry-run", SHORT))[0].startswith("would be removed")
    assert out(command(one, "purge", SHORT))[0].startswith(f"removed  {SHORT}")
    assert out(command(one, "trash")) == []


def test_delete_with_purge_leaves_nothing(one: Path) -> None:
    assert out(command(one, "delete", "--purge", "--dry-run", THREAD))[0].startswith("would be rem")
    (line,) = out(command(one, "delete", "--purge", THREAD))
    assert line.startswith(f"removed  {SHORT}")
    assert out(command(one, "trash")) == []
    assert not list(one.rglob("rollout-*"))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["archive", "nope"], 3),
        (["restore", THREAD], 3),
        (["unarchive", THREAD], 1),
        (["fork", THREAD, "--through", "nope"], 3),
        (["fork", THREAD, "--message", "-1"], 2),
        (["fork", THREAD, "--through", "a", "--before", "b"], 2),
        (["rename", THREAD, " "], 2),
        (["rename", THREAD, "x" * 20_000], 2),
        (["rollback", THREAD, "0"], 2),
        (["revert", THREAD, "--before", "turn-A"], 1),
        (["revert", THREAD, "--before", "turn-A", "--dry-run"], 1),
        (["revert", THREAD], 2),
        (["archive"], 2),
    ],
)
def test_what_cannot_be_is_a_sentence_and_a_code(one: Path, words: list[str], code: int) -> None:
    before = (one / DAY / NAME).read_bytes()
    ran = command(one, *words)
    assert ran.code == code
    assert ran.out == b""
    assert ran.err
    assert "Traceback" not in ran.err
    assert (one / DAY / NAME).read_bytes() == before


def test_rename_names_the_old_name_in_its_undo(one: Path) -> None:
    assert out(command(one, "rename", THREAD, "it's one")) == [f"{SHORT}  {one / DAY / NAME}"]
    told = out(command(one, "rename", THREAD, "two"))
    assert told[-1] == f"undo: threadlog rename {THREAD} 'it'\"'\"'s one'"
    assert out(command(one, "rename", "--dry-run", THREAD, "three")) == [
        f"{SHORT}  would be called three"
    ]
    assert as_json(command(one, "list", "--json"))["threads"][0]["name"] == "two"
    told_json = as_json(command(one, "rename", "--json", THREAD, "four"))
    assert told_json["thread"]["remarks"] == []


def test_rollback_says_that_there_is_no_undo(one: Path) -> None:
    (would,) = out(command(one, "rollback", "--dry-run", THREAD))
    assert "1 turn would be rolled back: turn-B" in would
    assert out(command(one, "rollback", THREAD))[-1].startswith("no undo")
    assert len(list(threadlog.open(one).turns(THREAD))) == 1


def test_fork_of_several_says_each_and_what_was_begun_before_a_failure(one: Path) -> None:
    put(one, content([meta(uuid(2))]), file_name(uuid(2)), "archived_sessions")
    would = out(command(one, "fork", "--dry-run", "--through", "turn-A", THREAD))
    assert would == [f"{SHORT}  would be forked with 1 turn"]
    ran = command(one, "fork", THREAD, uuid(2))
    assert ran.code == 1
    assert "is archived" in ran.err
    first, undo = ran.out.decode().splitlines()
    begun = first.split("\t")[0]
    assert undo == f"undo: threadlog delete {begun}"
    assert len(list(threadlog.open(one).turns(begun))) == 2
    told = as_json(command(one, "fork", "--json", "--message", "1", "--cwd", "/y", THREAD))
    (fork,) = told["threads"]
    assert threadlog.open(one).get(fork["id"]).cwd == "/y"


def test_revert_and_its_undo(tmp_path: Path) -> None:
    home = tmp_path / "two words"
    home.mkdir()
    thread, turns = paginated(home)
    assert out(command(home, "revert", "--dry-run", thread, "--before", turns[1])) == [
        f"{thread[-8:]}  would go on after 1 turn"
    ]
    path, undo = out(command(home, "revert", thread, "--before", turns[1]))
    assert path.startswith(f"{thread}\t")
    assert len(list(threadlog.open(home).turns(thread))) == 1
    (line, _undo) = out(command(home, *shlex.split(undo.removeprefix("undo: threadlog "))))
    assert len(list(threadlog.open(home).turns(line.split("\t")[0]))) == 2


def test_resume_records_what_comes_in(one: Path) -> None:
    item = {"type": "event_msg", "payload": {"type": "user_message", "message": "more"}}
    folder = str(Path(threadlog.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "threadlog", "--home", str(one), "resume", "last", "--force"],
        input=json.dumps(item).encode() + b"\n",
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split(b"\t")[0].decode().strip() == THREAD
    assert len(list(threadlog.open(one).turns(THREAD))) == 3


def on_terminal(home: Path, answer: bytes, *words: str) -> tuple[int, str]:
    """Run the program on a terminal, and answer what it asks."""
    folder = str(Path(threadlog.__file__).parents[1])
    master, terminal = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "threadlog", "--home", str(home), *words],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "PYTHONPATH": folder, "TERM": "dumb"},
    )
    os.close(terminal)
    os.write(master, answer)
    pieces = []
    try:
        while piece := os.read(master, 1 << 16):
            pieces.append(piece)
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(master)
    return child.wait(60), b"".join(pieces).decode()


@pytest.mark.parametrize(("answer", "gone"), [(b"\n", False), (b"n\n", False), (b"y\n", True)])
def test_delete_asks_on_a_terminal(one: Path, answer: bytes, gone: bool) -> None:
    code, told = on_terminal(one, answer, "delete", THREAD)
    assert "delete this thread into the trash? [y/N]" in told
    assert (code, (one / DAY / NAME).exists()) == (int(not gone), not gone)


def test_delete_with_purge_asks_for_what_it_does(one: Path) -> None:
    _code, told = on_terminal(one, b"n\n", "delete", "--purge", THREAD)
    assert "remove this thread for good? no undo [y/N]" in told


@pytest.mark.parametrize("words", [["delete", "--yes"], ["archive"], ["delete", "--dry-run"]])
def test_nothing_is_asked_otherwise(one: Path, words: list[str]) -> None:
    code, told = on_terminal(one, b"", words[0], THREAD, *words[1:])
    assert code == 0
    assert "[y/N]" not in told


def test_resume_on_a_terminal_says_where_it_is(one: Path) -> None:
    code, told = on_terminal(one, b"", "resume", THREAD, "--force")
    assert code == 0
    assert str(one / DAY / NAME) in told
    assert "it can be gone on with" in told


def test_on_a_terminal_too_what_can_be_deleted_is(home: Path) -> None:
    base, _turns = paginated(home)
    with threadlog.open(home) as opened:
        opened.fork(base).close()
    put(home, content(LINES))
    code, told = on_terminal(home, b"y\n", "delete", base, THREAD)
    assert "delete this thread into the trash? [y/N]" in told
    assert "go on from it by reference" in told
    assert (code, (home / DAY / NAME).exists()) == (1, False)


@pytest.mark.parametrize(
    "words", [("delete", THREAD), ("archive", THREAD), ("compress", THREAD), ("resume", THREAD)]
)
def test_a_closed_standard_input_is_nobody_to_ask(one: Path, words: tuple[str, ...]) -> None:
    folder = str(Path(threadlog.__file__).parents[1])
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "-", sys.executable, "-m", "threadlog", *words],
        env={**os.environ, "PYTHONPATH": folder, "THREADLOG_HOME": str(one)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "internal" not in done.stderr
    assert done.returncode in (0, 1)
