"""The script of the transcripts: everything that is done with threads over the wire, once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from interop.answers import Answer, answer, ran, said, thought
from interop.transcript_refusals import handshake, refused, without_threads
from interop.transcript_steps import (
    CUSTOM,
    LEGACY,
    PAGINATED,
    TURN_END,
    Json,
    Step,
    ask,
    begun,
    text_input,
    turn,
)

_REVIEW = (
    '{"findings":[],"overall_correctness":"ok","overall_explanation":"fine",'
    '"overall_confidence_score":0.5}'
)
_ITEM = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "context of the client"}],
}
_COMPACTED = ("item/completed:contextCompaction", "turn/completed")


def script() -> list[Step]:
    """All steps, in order; their names are unique."""
    modes = (LEGACY, PAGINATED)
    steps = [
        *handshake(),
        *without_threads(),
        *refused(),
        *itertools.chain.from_iterable(map(_unwritten, modes)),
        *itertools.chain.from_iterable(map(_life, modes)),
        *_pages(),
        *_listed(),
    ]
    names = [step.name for step in steps]
    assert len(set(names)) == len(names), "two steps of one name"
    return steps


def _unwritten(mode: str) -> Iterator[Step]:
    """Operations on threads that are not on disk yet."""

    def of(name: str) -> str:
        return f"unwritten {mode}: {name}"

    yield begun(of("start"), mode, "u")
    on = {"threadId": "$u"}
    yield ask(of("loaded"), "thread/loaded/list")
    yield ask(of("read"), "thread/read", **on)
    yield ask(of("read with turns"), "thread/read", includeTurns=True, **on)
    yield ask(of("turns"), "thread/turns/list", **on)
    yield ask(of("items"), "thread/items/list", **on)
    yield ask(of("resume"), "thread/resume", **on)
    yield ask(of("resume its path"), "thread/resume", path="$u.path", **on)
    yield ask(of("fork"), "thread/fork", **on)
    yield ask(of("revert"), "thread/revert", beforeTurnId="x", **on)
    yield ask(of("interrupt"), "turn/interrupt", turnId="x", **on)
    yield ask(of("steer"), "turn/steer", expectedTurnId="x", input=text_input("x"), **on)
    yield ask(of("no goal"), "thread/goal/get", **on)
    yield ask(of("clear no goal"), "thread/goal/clear", **on)
    yield ask(of("unarchive"), "thread/unarchive", **on)
    yield ask(of("list"), "thread/list", cwd="$work")
    yield ask(of("unsubscribe"), "thread/unsubscribe", **on)
    yield ask(of("unsubscribe twice"), "thread/unsubscribe", **on)
    yield ask(of("resume after that"), "thread/resume", **on)
    for name, step in _writing().items():
        yield begun(of(f"start to {name}"), mode, "u")
        yield step._replace(name=of(name))
        yield ask(of(f"read, {name} done"), "thread/read", **on)
        yield ask(of(f"read with turns, {name} done"), "thread/read", includeTurns=True, **on)
        yield ask(of(f"delete, {name} done"), "thread/delete", **on)
    yield ask(of("delete twice"), "thread/delete", **on)


def _writing() -> dict[str, Step]:
    """What makes a rollout of a thread, mostly."""
    on = {"threadId": "$u"}
    goal = ask("", "thread/goal/set", objective="Fix it", status="paused", **on)
    return {
        "archive": ask("", "thread/archive", **on)._replace(until=("thread/archived",)),
        "name": ask("", "thread/name/set", name="x", **on),
        "metadata": ask("", "thread/metadata/update", gitInfo={"branch": "main"}, **on),
        "memory mode": ask("", "thread/memoryMode/set", mode="disabled", **on),
        "goal": goal._replace(until=("thread/goal/updated",)),
        "inject": ask("", "thread/inject_items", items=[_ITEM], **on),
        "compact": ask("", "thread/compact/start", **on)._replace(
            answers=(answer(said("nothing happened")),), until=TURN_END
        ),
        "review": ask("", "review/start", target=CUSTOM, **on)._replace(
            answers=(answer(said(_REVIEW)),), until=TURN_END
        ),
        "nothing": ask("", "thread/read", **on),
    }


def _life(mode: str) -> Iterator[Step]:
    """A thread from its first turn to its end."""

    def of(name: str) -> str:
        return f"{mode}: {name}"

    on = {"threadId": "$t"}
    yield begun(of("start"), mode, "t")
    first = answer(thought("hmm"), said("let me look", "commentary"), ran("echo hi", "hi\n"))
    yield turn(of("first turn"), "t", "first question", first, answer(said("done", "final_answer")))
    yield ask(of("read"), "thread/read", **on)
    yield ask(of("read with turns"), "thread/read", includeTurns=True, **on)
    yield turn(of("second turn"), "t", "second question", answer(said("second answer")))
    failed = turn(of("failing turn"), "t", "third question", Answer(fail="no good"))
    yield failed
    yield ask(of("turns"), "thread/turns/list", **on)
    yield ask(of("name"), "thread/name/set", name=" my name ", **on)
    yield ask(of("empty name"), "thread/name/set", name=" ", **on)
    git = {"branch": "main", "sha": "abc", "originUrl": "https://example.com/x.git"}
    yield ask(of("metadata"), "thread/metadata/update", gitInfo=git, **on)
    yield ask(of("metadata taken back"), "thread/metadata/update", gitInfo={"sha": None}, **on)
    yield ask(of("memory mode"), "thread/memoryMode/set", mode="disabled", **on)
    yield ask(of("inject"), "thread/inject_items", items=[_ITEM], **on)
    yield ask(of("inject nothing"), "thread/inject_items", items=[], **on)
    yield from _goals(mode)
    yield from _running(mode)
    yield from _forks(mode)
    summary = (answer(said("what happened before")),)
    compacted = ask(of("compact"), "thread/compact/start", **on)
    yield compacted._replace(answers=summary, until=_COMPACTED)
    review = ask(of("review"), "review/start", target=CUSTOM, **on)
    yield review._replace(answers=(answer(said(_REVIEW)),), until=TURN_END)
    empty = {"type": "custom", "instructions": " "}
    yield ask(of("review of nothing"), "review/start", target=empty, **on)
    yield ask(of("detached review"), "review/start", target=CUSTOM, delivery="detached", **on)
    yield ask(of("read at the end"), "thread/read", includeTurns=True, **on)
    yield from _put_away(mode)


def _goals(mode: str) -> Iterator[Step]:
    on = {"threadId": "$t"}
    goal = ask(f"{mode}: goal", "thread/goal/set", objective="Fix it", status="paused", **on)
    yield goal._replace(until=("thread/goal/updated",))
    yield ask(f"{mode}: goal told", "thread/goal/get", **on)
    yield ask(f"{mode}: goal changed", "thread/goal/set", objective="Fix all", tokenBudget=5, **on)
    yield ask(f"{mode}: empty goal", "thread/goal/set", objective=" ", **on)
    yield ask(f"{mode}: budget of nothing", "thread/goal/set", tokenBudget=0, **on)
    yield ask(f"{mode}: goal cleared", "thread/goal/clear", **on)
    yield ask(f"{mode}: goal cleared twice", "thread/goal/clear", **on)
    yield ask(f"{mode}: no status without a goal", "thread/goal/set", status="paused", **on)


def _running(mode: str) -> Iterator[Step]:
    """What is done to a turn that runs."""

    def of(name: str) -> str:
        return f"{mode}: {name}"

    on, the_turn = {"threadId": "$t"}, "$turn of t"
    partial = Answer((said("so far", "commentary"),), pause=True)
    begun_saying = ("item/completed:agentMessage",)
    after = answer(said("steered"))
    yield turn(of("long turn"), "t", "fourth question", partial, after, until=begun_saying)
    more = {"input": text_input("and this"), **on}
    yield ask(of("read while it runs"), "thread/read", includeTurns=True, **on)
    yield ask(of("turns while it runs"), "thread/turns/list", limit=1, **on)
    yield ask(of("steer another"), "turn/steer", expectedTurnId="nope", **more)
    yield ask(of("steer nothing"), "turn/steer", expectedTurnId=the_turn, input=[], **on)
    steered = ask(
        of("steer"), "turn/steer", expectedTurnId=the_turn, clientUserMessageId="c", **more
    )
    yield steered._replace(release=True, until=TURN_END)
    yield turn(of("turn to interrupt"), "t", "fifth question", partial, until=begun_saying)
    yield ask(of("interrupt another"), "turn/interrupt", turnId="nope", **on)
    stopped = ask(of("interrupt"), "turn/interrupt", turnId=the_turn, **on)
    yield stopped._replace(until=TURN_END)
    yield ask(of("interrupt twice"), "turn/interrupt", turnId=the_turn, **on)
    yield ask(of("turns with the interrupted one"), "thread/turns/list", limit=2, **on)


def _forks(mode: str) -> Iterator[Step]:
    def of(name: str) -> str:
        return f"{mode}: fork, {name}"

    on = {"threadId": "$t"}
    turns = ask(of("turns to choose from"), "thread/turns/list", sortDirection="asc", **on)
    yield turns._replace(save={"first": "data.0.id", "second": "data.1.id"})
    ways: dict[str, dict[str, Json]] = {
        "whole": {},
        "to the first turn": {"lastTurnId": "$first"},
        "before the second": {"beforeTurnId": "$second"},
        "without turns": {"excludeTurns": True},
        "ephemeral": {"ephemeral": True, "excludeTurns": True},
        "ephemeral with turns": {"ephemeral": True},
        "to no turn": {"lastTurnId": "nope"},
        "before no turn": {"beforeTurnId": "nope"},
        "both": {"lastTurnId": "$first", "beforeTurnId": "$second"},
        "of no path": {"path": "/nope.jsonl"},
    }
    for name, params in ways.items():
        yield ask(of(name), "thread/fork", **on, **params)
    saved = ask(of("kept"), "thread/fork", **on)
    yield saved._replace(until=("thread/started",), save={"f": "thread.id"})
    yield ask(of("read"), "thread/read", threadId="$f", includeTurns=True)
    yield turn(of("turn"), "f", "question of the fork", answer(said("answer of the fork")))
    yield ask(of("turns"), "thread/turns/list", threadId="$f")


def _put_away(mode: str) -> Iterator[Step]:
    def of(name: str) -> str:
        return f"{mode}: {name}"

    on, fork = {"threadId": "$t"}, {"threadId": "$f"}
    yield ask(of("unsubscribe"), "thread/unsubscribe", **on)
    yield ask(of("resume"), "thread/resume", **on)
    yield ask(of("resume without turns"), "thread/resume", excludeTurns=True, **on)
    yield ask(of("resume a stale path"), "thread/resume", path="/nope.jsonl", **on)
    restarted = ask(of("read, restarted"), "thread/read", includeTurns=True, **on)
    yield restarted._replace(restart=True)
    yield ask(of("loaded, restarted"), "thread/loaded/list")
    yield ask(of("turns, restarted"), "thread/turns/list", limit=2, **on)
    yield ask(of("turn, restarted"), "turn/start", input=text_input("x"), **on)
    yield ask(of("unsubscribe, restarted"), "thread/unsubscribe", **on)
    yield ask(of("resume, restarted"), "thread/resume", **on)
    yield turn(of("turn, resumed"), "t", "sixth question", answer(said("sixth answer")))
    yield ask(of("archive"), "thread/archive", **fork)._replace(until=("thread/archived",))
    yield ask(of("archive twice"), "thread/archive", **fork)
    yield ask(of("read the archived"), "thread/read", includeTurns=True, **fork)
    yield ask(of("resume the archived"), "thread/resume", **fork)
    yield ask(of("fork the archived"), "thread/fork", **fork)
    yield ask(of("name the archived"), "thread/name/set", name="x", **fork)
    yield ask(of("list the archived"), "thread/list", archived=True, cwd="$work")
    yield ask(of("unarchive"), "thread/unarchive", **fork)
    yield ask(of("unarchive twice"), "thread/unarchive", **fork)
    yield ask(of("delete"), "thread/delete", **fork)._replace(until=("thread/deleted",))
    yield ask(of("read the deleted"), "thread/read", **fork)


def _pages() -> Iterator[Step]:
    """Turns and items in pages, in both modes, and reverting."""
    for mode in (LEGACY, PAGINATED):
        yield begun(f"{mode}: start of a longer thread", mode, "l")
        for number in range(1, 5):
            yield turn(f"{mode}: turn {number}", "l", f"q{number}", answer(said(f"a{number}")))
        for what in ("turns", "items"):
            for direction in ("asc", "desc"):
                yield from _both_ways(mode, what, direction)
        for view in ("notLoaded", "summary", "full", "bogus"):
            name = f"{mode}: turns, view {view}"
            yield ask(name, "thread/turns/list", threadId="$l", itemsView=view, limit=1)
        yield ask(f"{mode}: turns, bad cursor", "thread/turns/list", threadId="$l", cursor="x")
        yield ask(f"{mode}: turns, no limit", "thread/turns/list", threadId="$l", limit=0)
        yield ask(f"{mode}: revert to no turn", "thread/revert", threadId="$l", beforeTurnId="x")
        listed = ask(f"{mode}: turns to revert", "thread/turns/list", threadId="$l")
        yield listed._replace(save={"last": "data.0.id"})
        yield ask(f"{mode}: revert", "thread/revert", threadId="$l", beforeTurnId="$last")
        yield ask(f"{mode}: reverted", "thread/read", threadId="$l", includeTurns=True)
        yield turn(f"{mode}: turn after that", "l", "q5", answer(said("a5")))
        yield ask(
            f"{mode}: occurrences", "thread/searchOccurrences", threadId="$l", searchTerm="a5"
        )


def _both_ways(mode: str, what: str, direction: str) -> Iterator[Step]:
    """Two pages, and the way back."""
    method, name = f"thread/{what}/list", f"{mode}: {what} {direction}"
    first = ask(name, method, threadId="$l", limit=2, sortDirection=direction)
    yield first._replace(save={"next": "nextCursor", "back": "backwardsCursor"})
    other = "desc" if direction == "asc" else "asc"
    on = {"threadId": "$l", "limit": 2}
    second = ask(f"{name}, next", method, cursor="$next", sortDirection=direction, **on)
    yield second._replace(save={"back2": "backwardsCursor"})
    yield ask(f"{name}, back", method, cursor="$back", sortDirection=other, **on)
    yield ask(f"{name}, back from next", method, cursor="$back2", sortDirection=other, **on)


def _listed() -> Iterator[Step]:
    """Threads in lists; they begin in different seconds, as Codex's cursors need it."""
    for number, mode in enumerate((LEGACY, PAGINATED, LEGACY), 1):
        name = f"l{number}"
        started = begun(f"list: start {number}", mode, name, cwd="$work/listed")
        yield started._replace(pause_s=1.1)
        yield turn(f"list: turn {number}", name, f"say tree {number}", answer(said("well")))
    yield ask("list: name", "thread/name/set", threadId="$l2", name="Oak Tree")
    in_folder = {"cwd": "$work/listed"}
    for key in ("created_at", "updated_at", "recency_at"):
        for direction in ("asc", "desc"):
            name = f"list: by {key}, {direction}"
            how = {"sortKey": key, "sortDirection": direction, "limit": 2, **in_folder}
            first = ask(name, "thread/list", **how)
            yield first._replace(save={"next": "nextCursor", "back": "backwardsCursor"})
            yield ask(f"{name}, next", "thread/list", cursor="$next", **how)
            how["sortDirection"] = "desc" if direction == "asc" else "asc"
            yield ask(f"{name}, back", "thread/list", cursor="$back", **how)
    filters: dict[str, dict[str, Json]] = {
        "all of a folder": in_folder,
        "folders": {"cwd": ["$work/listed", "/nope"]},
        "another folder": {"cwd": "/nope"},
        "no limit": {"limit": 0, **in_folder},
        "of a provider": {"modelProviders": ["nope"], **in_folder},
        "of all providers": {"modelProviders": [], **in_folder},
        "of a source": {"sourceKinds": ["exec"], **in_folder},
        "of another source": {"sourceKinds": ["vscode"], **in_folder},
        "archived": {"archived": True, **in_folder},
        "term of a name": {"searchTerm": "Oak", **in_folder},
        "term of a text": {"searchTerm": "tree", **in_folder},
        "term of another case": {"searchTerm": "oak", **in_folder},
        "from the database only": {"useStateDbOnly": True, **in_folder},
    }
    for name, params in filters.items():
        yield ask(f"list: {name}", "thread/list", **params)
    yield ask("search", "thread/search", searchTerm="say tree")
    yield ask("search for one", "thread/search", searchTerm="say tree", limit=1)
    yield ask("search for nothing there", "thread/search", searchTerm="no such words")
