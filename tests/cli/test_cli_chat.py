"""`threadlog chat`, as people and scripts use it: typed to, piped to, interrupted, closed."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import threadlog
from makers import OTHER, THREAD, held, make_old, put_thread, uuid
from threadlog.core.items import turn as ti

SCRIPTED = "threadlog.agents.scripted:agent"
SOURCE = str(Path(threadlog.__file__).parents[1])
WAIT_S = 30.0
OURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


# Has the terminal be the process's own, so that Ctrl-C is the terminal's to send.
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Said(NamedTuple):
    """What a run came to."""

    code: int
    out: str
    err: str


def words(home: Path, *more: str, agent: str = SCRIPTED) -> list[str]:
    line = [sys.executable, "-m", "threadlog", "--home", str(home), "chat"]
    return [*line, "--agent", agent, *more]


def environment(**others: str) -> dict[str, str]:
    names = {**os.environ, "PYTHONPATH": SOURCE, "TERM": "xterm", **others}
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "THREADLOG_MODEL", "NO_COLOR"):
        names.pop(name, None)
    return names | others


def piped(home: Path, text: str | bytes, *more: str, agent: str = SCRIPTED) -> Said:
    """A conversation with what a script types."""
    done = subprocess.run(
        words(home, *more, agent=agent),
        input=text.encode() if isinstance(text, str) else text,
        capture_output=True,
        timeout=WAIT_S,
        check=False,
        cwd=home if home.is_dir() else None,
        env=environment(),
    )
    told = Said(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in told.out + told.err
    return told


def begun(out: str) -> str:
    found = re.search(r"thread (\S+);", out)
    assert found
    return found[1]


def said(home: Path, thread: str) -> list[tuple[str, list[str]]]:
    """The turns of a thread: how each ended, and its texts."""
    return [
        (turn.status, [part.text or "" for item in turn.items for part in _parts(item)])
        for turn in threadlog.open(home).turns(thread)
    ]


def _parts(item: Any) -> Any:
    return item.content if isinstance(item, ti.UserMessage | ti.AgentMessage) else ()


class Terminal:
    """A terminal with somebody at it."""

    def __init__(self, line: list[str], folder: Path, **others: str) -> None:
        self._master, terminal = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *line],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            env=environment(**others),
            start_new_session=True,
        )
        os.close(terminal)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, text: str) -> None:
        """Return when this was shown, and not before; what came before it is forgotten."""
        deadline = time.monotonic() + WAIT_S
        while text not in self.shown:
            assert time.monotonic() < deadline, (text, self.shown)
            assert self._look(), (text, self.shown)
        self.shown = self.shown.partition(text)[2]

    def end(self) -> tuple[int, str]:
        """The exit code, and what was shown to the end."""
        while self._look():
            pass
        return self.process.wait(WAIT_S), self.shown

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._master)

    def hang_up(self) -> None:
        os.close(self._master)

    def _look(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], WAIT_S)
        assert ready, self.shown
        try:
            piece = os.read(self._master, 1 << 16)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.shown += OURS.sub("", piece.decode(errors="replace")).replace("\r", "")
        return bool(piece)


@contextlib.contextmanager
def terminal(home: Path, *more: str, agent: str = SCRIPTED, **others: str) -> Iterator[Terminal]:
    it = Terminal(words(home, *more, agent=agent), home, **others)
    try:
        yield it
    finally:
        it.close()


# -- by a script


def test_what_a_script_says_is_answered_and_kept(home: Path) -> None:
    told = piped(home, "hi\n/name x\n\n  \nyou")
    thread = begun(told.out)
    assert told == (
        0,
        (
            f"thread {thread}; /help says what can be done\nYou said: hi\nnamed\nYou said: you\n"
            f"go on with: threadlog chat --resume {thread} --agent {SCRIPTED} --home {home}\n"
        ),
        "",
    )
    assert threadlog.open(home).get(thread).name == "x"
    assert said(home, thread) == [
        ("completed", ["hi", "You said: hi"]),
        ("completed", ["you", "You said: you"]),
    ]


def test_a_thread_that_goes_on_shows_what_was_said_last(home: Path) -> None:
    lines = "".join(f"line {number}\n" for number in range(3))
    thread = begun(piped(home, f"one\ntwo\n{lines}").out)
    make_old(home)
    told = piped(home, "more\n", "--resume", thread)
    assert told.code == 0
    assert told.out.splitlines()[1:4] == ["> line 2", "You said: line 2", "You said: more"]
    make_old(home)
    told = piped(home, "", "--resume", "last")
    assert told.out.splitlines()[1:3] == ["> more", "You said: more"]


def test_without_a_word_nothing_is_kept_nor_made(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    told = piped(home, "/name x\n")
    assert (told.code, told.err, home.parent.exists()) == (0, "", False)
    assert "go on" not in told.out
    assert piped(home, "hi\n").code == 0
    assert len(threadlog.open(home).threads()) == 1


def test_what_needs_a_first_message_says_so(home: Path) -> None:
    told = piped(home, "/fork\n/archive\n/rollback\n")
    thread = begun(told.out)
    assert told.code == 1
    not_yet = f"threadlog: thread {thread} is not on disk yet: it cannot be"
    assert told.err.splitlines() == [
        f"threadlog: thread {thread} is not ready to be forked until its first user message",
        f"{not_yet} archived before its first user message",
        f"{not_yet} rolled back before its first user message",
    ]


def test_a_fork_is_gone_on_with_and_its_parent_stays(home: Path) -> None:
    told = piped(home, "one\n/fork\ntwo\n")
    parent = begun(told.out)
    (fork,) = re.findall(rf"thread (\S+), forked from {parent}", told.out)
    assert f"go on with: threadlog chat --resume {fork} " in told.out
    assert [turn[1][0] for turn in said(home, parent)] == ["one"]
    assert [turn[1][0] for turn in said(home, fork)] == ["one", "two"]
    for thread in (parent, fork):  # nobody holds them
        threadlog.open(home).resume(thread, force=True).close()


def test_turns_are_rolled_back_as_many_as_there_are(home: Path) -> None:
    told = piped(home, "one\ntwo\nthree\n/rollback\n/rollback 99\n/rollback\n/rollback ²\nfour\n")
    assert "1 turn counts no more; no undo\n> two\n" in told.out
    assert "2 turns count no more; no undo\n" in told.out
    assert told.err.splitlines() == [
        "threadlog: there is no turn that counts",
        "threadlog: ² is no number of turns",
    ]
    assert [turn[1][0] for turn in said(home, begun(told.out))] == ["four"]


def test_a_paginated_thread_goes_on_but_is_not_rolled_back(home: Path) -> None:
    beginning = threadlog.open(home).start("/desk", history_mode="paginated")
    with beginning as thread, thread.turn("Q") as turn:
        turn.say("A")
    make_old(home)
    told = piped(home, "/rollback\nmore\n", "--resume", thread.id)
    assert told.code == 1
    assert told.err == (
        f"threadlog: thread {thread.id} is paginated: revert it to before a turn instead\n"
    )
    assert told.out.splitlines()[1:4] == ["> Q", "A", "You said: more"]


def test_an_archived_thread_is_the_end_and_its_undo_is_said(home: Path) -> None:
    told = piped(home, "hi\n/archive\nnever said\n")
    thread = begun(told.out)
    assert told.out.endswith(f"archived {thread}\nundo: threadlog unarchive {thread}\n")
    assert threadlog.open(home).get(thread).archived
    told = piped(home, "", "--resume", thread)
    assert (told.code, told.out) == (1, "")
    assert "archived" in told.err


def test_commands_are_helped_with(home: Path) -> None:
    told = piped(home, "/help\n/nonsense\n/usr/bin is a folder\n//run ls\n/quit\nnever\n")
    assert told.code == 1
    assert told.err == "threadlog: no command /nonsense; /help says which there are\n"
    for command in ("/fork", "/name", "/rollback", "/archive", "/help", "/quit", "Ctrl-C"):
        assert command in told.out
    assert "You said: /usr/bin is a folder\n$ ls\n(not run: ls)\n" in told.out
    assert "never" not in told.out


def test_a_turn_that_fails_is_said_and_by_the_exit_code(home: Path) -> None:
    told = piped(home, "//fail bad luck\nand on\n")
    assert (told.code, told.err) == (1, "threadlog: bad luck\n")
    assert "You said: and on\n" in told.out
    assert [turn[0] for turn in said(home, begun(told.out))] == ["failed", "completed"]


@pytest.mark.parametrize(
    ("agent", "sentence"),
    [
        ("nonsense", "An agent is named as module:callable, like"),
        ("no_such_module:agent", "There is no module 'no_such_module'"),
        ("threadlog.agents.scripted:nobody", "threadlog.agents.scripted has no 'nobody'"),
    ],
)
def test_an_agent_that_is_none_is_wrong_usage(home: Path, agent: str, sentence: str) -> None:
    told = piped(home, "hi\n", agent=agent)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(f"threadlog: {sentence}")


def test_a_model_that_cannot_be_asked_fails_the_turn_and_keeps_the_question(home: Path) -> None:
    told = piped(home, "hi\n", agent="threadlog.agents.responses:agent")
    assert told.code == 1
    assert told.err.startswith("threadlog: Set OPENAI_API_KEY")
    (home / "openai.py").write_text("raise ModuleNotFoundError(name='openai')")
    done = subprocess.run(
        words(home, agent="threadlog.agents.responses:agent"),
        input=b"hi\n",
        capture_output=True,
        cwd=home,
        timeout=WAIT_S,
        check=False,
        env=environment(OPENAI_API_KEY="k", PYTHONPATH=f"{home}:{SOURCE}"),
    )
    assert done.returncode == 1
    assert b"pip install 'threadlog[responses]'" in done.stderr
    assert [said(home, thread.id or "") for thread in threadlog.open(home).threads()] == [
        [("failed", ["hi"])],
        [("failed", ["hi"])],
    ]


def test_a_thread_that_is_not_to_be_had_is_refused_with_its_code(home: Path) -> None:
    put_thread(home, 0xA)
    put_thread(home, 0x1000A)
    for reference, code in (
        ("ffffff", 3),
        (THREAD[:13], 4),
        ("sessions/../../x", 2),
    ):
        told = piped(home, "hi\n", "--resume", reference)
        assert (told.code, told.out, told.err.count("\n")) == (code, "", 1), told
    with held(home, uuid(0xA)):
        told = piped(home, "hi\n", "--resume", uuid(0xA))
    assert (told.code, told.out) == (1, "")
    assert f"thread {uuid(0xA)} already has an active writer" in told.err
    told = piped(home, "hi\n", "--resume", OTHER, "--cwd", ".")
    assert (told.code, told.out) == (2, "")
    assert piped(home / "none", "hi\n", "--resume", OTHER).code == 1


def test_what_an_agent_says_does_not_steer_a_terminal(home: Path) -> None:
    evil = "\x1b[2J\x9b31m\x07\u202e"
    text = f"{evil}\n//think {evil}\n//fail {evil}\n//run {evil}\n//tool {evil} {{}}\n/{evil}\n"
    told = piped(home, text)
    shown = told.out + told.err
    assert not [
        char for char in evil if char in shown and char.isascii() and not char.isprintable()
    ]
    assert "\x9b" not in shown
    assert "\u202e" not in shown
    told = piped(home, b"\xff\xfe\xed\xa0\x80 \x00\n" + b"x" * 1_000_000 + b"\n")
    assert (told.code, told.err) == (0, "")


def test_output_that_nobody_reads_ends_it_in_order(home: Path) -> None:
    chat = subprocess.Popen(
        words(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert chat.stdin is not None
    assert chat.stdout is not None
    assert chat.stderr is not None
    chat.stdout.readline()
    chat.stdout.close()
    chat.stdin.write(b"one\ntwo\nthree\n")
    chat.stdin.flush()
    assert chat.wait(WAIT_S) == 141
    assert chat.stderr.read() == b""
    (thread,) = threadlog.open(home).threads()
    ((status, texts),) = said(home, thread.id or "")
    assert texts[0] == "one"
    assert status in ("completed", "interrupted")
    chat.stdin.close()
    chat.stderr.close()


def test_a_home_that_cannot_be_written_to_is_said(home: Path) -> None:
    (home / "sessions").write_text("not a folder")
    told = piped(home, "hi\n")
    assert told.code == 1
    assert "threadlog: " in told.err
    assert "go on with" not in told.out


# -- by a person


def test_somebody_at_a_terminal_talks(home: Path) -> None:
    with terminal(home) as it:
        it.until("> ")
        it.type("hello\n")
        it.until("You said: hello\n")
        it.until("> ")
        it.type("ab\x1b[DX\n")  # the left arrow
        it.until("You said: aXb\n> ")
        it.type("\x04")
        it.until("go on with: ")
        assert it.end()[0] == 0


def test_ctrl_c_interrupts_an_answer_and_ends_at_the_prompt(home: Path) -> None:
    with terminal(home) as it:
        it.until("> ")
        it.type("//run sleep\n")
        it.until("(not run: sleep)")
        it.type("//wait 60\n")
        it.until("//wait 60\n")
        time.sleep(0.5)
        it.type("\x03")
        it.until("\ninterrupted\n> ")
        it.type("still here\n")
        it.until("You said: still here\n> ")
        time.sleep(0.5)  # readline shows the prompt before it listens
        it.type("half a li\x03")
        it.until("\ngo on with: ")
        code, _shown = it.end()
    assert code == 130
    (thread,) = threadlog.open(home).threads()
    assert [turn[0] for turn in said(home, thread.id or "")] == [
        *("completed", "interrupted", "completed")
    ]


STUBBORN = """
import asyncio
from threadlog.agents import Delta, running
running.STOP_S = {stop_s}
async def agent(turn):
    yield Delta("Begun. ")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
"""


@pytest.mark.parametrize(("presses", "code"), [(2, 130), (3, -signal.SIGINT)])
def test_an_agent_that_does_not_stop_is_left(home: Path, presses: int, code: int) -> None:
    # The third press comes before it would be given up; where there is none, that may be soon.
    (home / "stubborn.py").write_text(STUBBORN.format(stop_s=1.0 if presses == 2 else 60.0))
    with terminal(home, agent="stubborn:agent") as it:
        it.until("> ")
        it.type("go\n")
        it.until("Begun. ")
        for _ in range(presses):
            it.type("\x03")
            time.sleep(0.3)
        ended, shown = it.end()
    assert ended == code
    assert "Traceback" not in shown
    (thread,) = threadlog.open(home).threads()
    assert said(home, thread.id or "")[0][0] == "interrupted"
    make_old(home)
    assert piped(home, "on\n", "--resume", thread.id or "").code == 0


def test_a_terminal_that_is_gone_costs_nothing_that_was_said(home: Path) -> None:
    with terminal(home) as it:
        it.until("> ")
        it.type("hello\n")
        it.until("You said: hello\n> ")  # the turn is over, not only what was said in it
        it.hang_up()
        assert it.process.wait(WAIT_S) in (-signal.SIGHUP, 0, 1)
    (thread,) = threadlog.open(home).threads()
    assert said(home, thread.id or "") == [("completed", ["hello", "You said: hello"])]


def test_colour_is_for_those_who_want_it(home: Path) -> None:
    for wanted in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}):
        it = Terminal(words(home), home, **wanted)
        try:
            shown = b""
            while b"> " not in shown:
                shown += os.read(it._master, 1 << 16)
            assert (b"\x1b[2mthread" in shown) is not bool(wanted)
        finally:
            it.close()
