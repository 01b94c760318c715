"""Homes that the real Codex makes, by its own operations, with the model answering from a script.

Each builder makes a few small threads, one for each way in which rollouts differ.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path

from interop.codex_process import AppServer, CodexHome, run_exec
from interop.mock_model import Json, MockModel, Step, answer, fail, patch, pause, say, shell, think

BEYOND_THE_WINDOW = 10_000_000
_PATCH = "*** Begin Patch\n*** Add File: hello.txt\n+hello\n*** End Patch\n"
_FINDINGS = {
    "findings": [],
    "overall_correctness": "patch is correct",
    "overall_explanation": "It is right.",
    "overall_confidence_score": 1.0,
}


class Builder:
    """One Codex at work: every method is something a user does."""

    def __init__(self, codex: AppServer, model: MockModel, mode: str | None) -> None:
        self._codex = codex
        self._model = model
        self._mode = {"historyMode": mode} if mode else {}

    def start(self) -> str:
        """Begin a thread."""
        cwd = str(self._codex.home.work)
        started = self._codex.call("thread/start", cwd=cwd, **self._mode)
        return str(started["thread"]["id"])

    def call(self, method: str, thread: str, **params: Json) -> None:
        """Have something done to a thread."""
        self._codex.call(method, threadId=thread, **params)

    def turn(self, thread: str, text: str, *steps: Step) -> str:
        """Say something; without *steps* the model just answers."""
        self._model.script(*(steps or (answer(say(f"Answer to: {text}")),)))
        return self._codex.turn(thread, text)

    def tools(self) -> str:
        """A thread with reasoning, a command, a patch, an image and a name."""
        thread = self.start()
        look = answer(think("I look around."), say("Looking.", "commentary"), shell("echo seen"))
        self.turn(thread, "Look around.", look, answer(say("I have seen it.", "final_answer")))
        self.turn(thread, "Write a file.", answer(patch(_PATCH)), answer(say("Written.")))
        self._model.script(answer(say("A pixel.")))
        self._codex.turn(thread, "What is this?", {"type": "image", "url": pixel()})
        self._codex.call("thread/name/set", threadId=thread, name="All my tools")
        return thread

    def chat(self, *texts: str) -> tuple[str, list[str]]:
        """A thread of plain turns; its id and theirs."""
        thread = self.start()
        return thread, [self.turn(thread, text) for text in texts]

    def compacted(self) -> str:
        """A thread that is compacted when asked, then by itself, and goes on."""
        thread, _ = self.chat("One.", "Two.")
        self._model.script(answer(say("Summary of one and two.")))
        with self._codex.ending_turn(thread):
            self._codex.call("thread/compact/start", threadId=thread)
        self.turn(thread, "Three.", answer(say("Many words."), input_tokens=BEYOND_THE_WINDOW))
        self.turn(thread, "Four.", answer(say("Summary of three.")), answer(say("Four it is.")))
        return thread

    def stopped(self) -> str:
        """A thread with a turn that was interrupted, one that failed, and one that went well."""
        thread = self.start()
        self._model.script(answer(shell("echo begun")), pause(say("I begin.")))
        turn = self._codex.begin_turn(thread, "Take your time.")
        self._codex.await_said(thread)
        with self._codex.ending_turn(thread):
            self._codex.call("turn/interrupt", threadId=thread, turnId=turn)
        self.turn(thread, "Fail.", fail("this cannot be answered"))
        self.turn(thread, "Go on.")
        return thread

    def steered(self) -> str:
        """A thread in which the user spoke again in the middle of a turn; and its fork of then."""
        thread = self.start()
        self._model.script(pause(say("At work.")), answer(say("Both done.")))
        with self._codex.ending_turn(thread):
            turn = self._codex.begin_turn(thread, "Do one thing.")
            self._codex.await_said(thread)
            self.forked(thread)
            steer = [{"type": "text", "text": "And another."}]
            self._codex.call("turn/steer", threadId=thread, expectedTurnId=turn, input=steer)
            self._model.release()
        return thread

    def reviewed(self) -> str:
        """A thread with a review, which is a thread of its own too."""
        thread, _ = self.chat("Write it.")
        self._model.script(answer(say(json.dumps(_FINDINGS))))
        target = {"type": "custom", "instructions": "Look for errors."}
        with self._codex.ending_turn(thread):
            self._codex.call("review/start", threadId=thread, delivery="inline", target=target)
        return thread

    def forked(self, thread: str, *own: str, **until: str) -> str:
        """A fork, whole or *until* some turn, with turns of its own."""
        fork = str(self._codex.call("thread/fork", threadId=thread, **until)["thread"]["id"])
        for text in own:
            self.turn(fork, text)
        return fork

    def reverted(self) -> str:
        """A thread of more turns than fit in memory at once, reverted twice."""
        thread, turns = self.chat(*(f"Question {number}." for number in range(1, 12)))
        self._codex.call("thread/revert", threadId=thread, beforeTurnId=turns[9])
        self.turn(thread, "Question 10, better.")
        self._codex.call("thread/revert", threadId=thread, beforeTurnId=turns[4])
        self.turn(thread, "Question 5, better.")
        return thread

    def rolled_back(self) -> str:
        """A thread of the older Codex that took turns back, twice."""
        thread, _ = self.chat("First.", "Second.", "Third.")
        self._codex.call("thread/rollback", threadId=thread, numTurns=2)
        self.turn(thread, "Second, better.")
        self.turn(thread, "Third, better.")
        self._codex.call("thread/rollback", threadId=thread, numTurns=1)
        return thread

    def archived(self) -> str:
        """A thread that was put away."""
        thread, _ = self.chat("Away with it.")
        self._codex.call("thread/archive", threadId=thread)
        return thread

    def brought_back(self) -> None:
        """A thread that was put away, fetched again, and went on."""
        thread = self.archived()
        self._codex.call("thread/unarchive", threadId=thread)
        self._codex.call("thread/resume", threadId=thread)
        self.turn(thread, "Here it is again.")


def make_newest(binary: Path, home: CodexHome, model: MockModel, mode: str) -> None:
    """A home of 0.169 in one history mode."""
    with AppServer(binary, home) as codex:
        made = Builder(codex, model, mode)
        tools = made.tools()
        made.compacted()
        made.stopped()
        made.steered()
        made.reviewed()
        chat, turns = made.chat("Alpha.", "Beta.", "Gamma.")
        whole = made.forked(chat, "Delta.")
        middle = made.forked(chat, "Not beta.", lastTurnId=turns[0])
        made.forked(whole, lastTurnId=turns[1])
        made.forked(middle)
        made.forked(tools, "And further.")
        made.archived()
        made.brought_back()
        if mode == "paginated":
            made.forked(made.reverted(), "Elsewhere.")
        made.start()
    model.script(answer(say("Said to a script.")))
    done = run_exec(binary, home, "Say it to a script.")
    assert done.returncode == 0, done.stderr


def make_older(binary: Path, home: CodexHome, model: MockModel) -> None:
    """A home of 0.100, which takes turns back and forks by copying."""
    with AppServer(binary, home) as codex:
        made = Builder(codex, model, None)
        tools = made.tools()
        made.stopped()
        made.steered()
        made.reviewed()
        made.forked(made.rolled_back(), "Fourth.")
        made.forked(tools)
        made.archived()
        made.brought_back()
        thread, _ = made.chat("One.", "Two.")
        model.script(answer(say("Summary of one and two.")))
        with codex.ending_turn(thread):
            codex.call("thread/compact/start", threadId=thread)
        made.turn(thread, "Three.")
        made.start()
    model.script(answer(say("Said to a script.")))
    done = run_exec(binary, home, "Say it to a script.")
    assert done.returncode == 0, done.stderr


def pixel() -> str:
    """The smallest picture, as a data URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00\xff\x00\x00")
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()
