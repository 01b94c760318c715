"""Somebody who does things to the threads of a home when told to, in this process or in another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from typing import Any

import threadlog
from processes import PATHS
from threadlog import Home, PartlyDone, Thread, ThreadlogError
from threadlog.local import cold, journal
from whole_homes import both_listings, take_turn, texts

Answer = tuple[str, Any]


class Hand:
    """One process at work with a home, and the threads that it has open."""

    def __init__(self, path: str) -> None:
        self.home: Home = threadlog.open(path)
        self.open: dict[str, Thread] = {}

    def told(self, verb: str, *given: Any, **named: Any) -> Answer:
        """What came of a verb: "done" and a value, or the name of what was raised, and its text."""
        try:
            return "done", getattr(self, verb)(*given, **named)
        except PartlyDone as error:
            failed = {key: type(each).__name__ for key, each in error.failed.items()}
            return "PartlyDone", [sorted(each.id for each in error.done), failed]  # type: ignore[attr-defined]
        except ThreadlogError as error:
            return type(error).__name__, str(error)

    # -- verbs

    def start(self, mode: str, parent: str | None) -> str:
        options: dict[str, Any] = {"history_mode": mode}
        if parent is not None:
            spawn = {"parent_thread_id": parent, "depth": 1}
            options |= {
                "source": {"subagent": {"thread_spawn": spawn}},
                "parent_thread_id": parent,
            }
        return self._have(self.home.start("/desk", **options))

    def resume(self, thread: str) -> str:
        return self._have(self.home.resume(thread))

    def take_turn(self, thread: str, text: str) -> None:
        take_turn(self.open[thread], text)

    def close(self, thread: str) -> None:
        live = self.open.pop(thread)
        if live.on_disk:
            live.close()
        else:
            live.discard()

    def fork(self, thread: str, **where: Any) -> Any:
        live = self.home.fork(thread, **where)
        if live.ephemeral:
            said = texts(live.history().turns())
            live.close()
            return said
        return self._have(live)

    def revert(self, thread: str, before: str) -> None:
        if thread in self.open:
            self.open[thread].revert(before=before)
        else:
            self._have(self.home.revert(thread, before=before))

    def rollback(self, thread: str, turns: int) -> None:
        if thread in self.open:
            self.open[thread].rollback(turns)
        else:
            self.home.rollback(thread, turns)

    def rename(self, thread: str, name: str) -> None:
        self._of(thread).rename(*self._meant(thread), name)

    def update(self, thread: str, branch: str | None, memory: str | None) -> None:
        git = {"branch": branch}
        self._of(thread).update_metadata(*self._meant(thread), git=git, memory_mode=memory)

    def put(self, verb: str, threads: list[str]) -> list[str]:
        """Archive, unarchive, delete, restore, purge: the threads that it was done to."""
        return sorted(each.id for each in getattr(self.home, verb)(*threads))

    def compress(self, thread: str) -> list[str]:
        return [each.status for each in self.home.compress(thread, older_than_days=0)]

    # -- looking

    def look(self) -> dict[str, dict[str, Any]]:
        """All threads, as index and files tell them."""
        found = {}
        self.home.catch_up()
        for each in both_listings(self.home):
            assert each.id is not None
            found[each.id] = {
                "place": "archived" if each.archived else "active",
                "turns": texts(self.home.turns(each.id)),
                "name": each.name,
                "mode": each.history_mode,
                "rollouts": each.rollouts,
                "forked from": each.forked_from_id,
                "parent": each.parent_thread_id,
                "branch": each.git_branch,
                "line": [one.id for one in self.home.lineage(each.id)],
            }
        return found

    def trash(self) -> list[str]:
        return sorted(each.id for each in self.home.trash())

    def end(self) -> None:
        for thread in self.open.values():
            thread.discard()
        self.home.close()

    def _have(self, thread: Thread) -> str:
        self.open[thread.id] = thread
        return thread.id

    def _of(self, thread: str) -> Any:
        return self.open.get(thread, self.home)

    def _meant(self, thread: str) -> tuple[str, ...]:
        return () if thread in self.open else (thread,)


class Remote:
    """A hand in another process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "import hands; hands.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **PATHS},
        )

    def told(self, verb: str, *given: Any, **named: Any) -> Answer:
        """What came of a verb there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, given, named]) + "\n")
        self._process.stdin.flush()
        kind, value = json.loads(self._process.stdout.readline())
        assert kind != "broken", value
        return kind, value

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def serve() -> None:
    """What the other process does: a line for each thing it is told, and one for each answer."""
    hurry()
    hand: Hand | None = None
    for line in sys.stdin:
        verb, given, named = json.loads(line)
        answer: tuple[str, Any]
        try:
            if verb == "open":
                hand, answer = Hand(*given), ("done", None)
            else:
                assert hand is not None
                answer = hand.told(verb, *given, **named)
        except BaseException:
            answer = ("broken", traceback.format_exc())
        print(json.dumps(answer), flush=True)


def hurry() -> None:
    """Nobody here waits to see whether an old Codex, which takes no lock, is writing too."""
    for module in (journal, cold):
        vars(module)["STILL_S"] = 0
