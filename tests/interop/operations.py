"""What can be done to a thread, by us and by Codex, and what is to be seen of it afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from interop.codex_made_homes import Builder
from interop.codex_process import AppServer, CodexHome
from interop.mock_model import Json
from interop.our_threads import Form
from threadlog import Home, Thread

TEXTS = ("One.", "Two.")
NAME = "A name of its own"
BRANCH = "side-branch"
Keywords = dict[str, str]


class Subject(NamedTuple):
    """A thread of two turns that something is done to; `codex` is None where Codex does not run."""

    home: Home
    codex_home: CodexHome
    form: Form
    thread: str
    turns: Sequence[str]
    made: Builder | None = None
    server: AppServer | None = None

    @property
    def codex(self) -> AppServer:
        """The Codex that does it."""
        assert self.server is not None
        return self.server

    @property
    def builder(self) -> Builder:
        """The same as what a user does."""
        assert self.made is not None
        return self.made

    def say(self, thread: str, text: str) -> str:
        """A further turn of ours; its id."""
        settle(self.codex_home)
        with self.home.resume(thread) as live:
            return say(live, text)

    def call(self, method: str, **params: Json) -> dict[str, Json]:
        """Have Codex do something to the thread."""
        return self.codex.call(f"thread/{method}", threadId=self.thread, **params)


class After(NamedTuple):
    """What is to be seen: which thread, its turns' texts, and how the last of them ended.

    `name` "" means none; `place` is "active", "archived" or "gone".  Of a fork, `parents` are the
    threads that it comes from, and `own` is the first text of its own.  `left` is how many turns
    lie in rollouts that a `reverted` thread has left.
    """

    thread: str
    said: tuple[str, ...] = TEXTS
    name: str = ""
    place: str = "active"
    status: str = "completed"
    parents: tuple[str, ...] = ()
    own: str = ""
    reverted: bool = False
    left: int = 0


Do = Callable[[Subject], After]


class Deed(NamedTuple):
    """Something that is done, by us and, where it can, by Codex."""

    name: str
    ours: Do
    theirs: Do | None = None
    mode: str = ""
    newest: bool | None = None

    def fits(self, form: Form) -> bool:
        """True if a Codex knows of such things."""
        return self.mode in ("", form.mode) and self.newest in (None, form.newest)


def settle(home: CodexHome) -> None:
    """No rollout has changed for long, as far as one can see."""
    long_ago = time.time() - 60
    for path in home.rollouts():
        os.utime(path, (long_ago, long_ago))


# -- forks


def _fork(said: tuple[str, ...], until: Callable[[Subject], Keywords] | None = None) -> Do:
    def do(at: Subject) -> After:
        with at.home.fork(at.thread, **(until(at) if until else {})) as fork:  # type: ignore[arg-type]
            return After(fork.id, said, parents=(at.thread,))

    return do


def _codex_fork(said: tuple[str, ...], until: Callable[[Subject], Keywords] | None = None) -> Do:
    return lambda at: After(at.builder.forked(at.thread, **(until(at) if until else {})), said)


def _fork_with_turns(at: Subject) -> After:
    with at.home.fork(at.thread, before=at.turns[1]) as fork:
        say(fork, "Other.")
    return After(fork.id, ("One.", "Other."), parents=(at.thread,), own="Other.")


def _codex_fork_with_turns(at: Subject) -> After:
    return After(
        at.builder.forked(at.thread, "Other."),
        (*TEXTS, "Other."),
        parents=(at.thread,),
        own="Other.",
    )


def _fork_of_a_fork(at: Subject) -> After:
    middle = _fork_with_turns(at)
    with at.home.fork(middle.thread) as fork:
        say(fork, "Further.")
    return After(
        fork.id, (*middle.said, "Further."), parents=(at.thread, middle.thread), own="Further."
    )


def _codex_fork_of_a_fork(at: Subject) -> After:
    middle = _codex_fork_with_turns(at)
    return After(at.builder.forked(middle.thread, "Further."), (*middle.said, "Further."))


def _fork_in_a_turn(at: Subject) -> After:
    settle(at.codex_home)
    with at.home.resume(at.thread) as live, live.turn("Three.") as turn:
        turn.say("I begin.")
        with live.fork() as fork:
            pass
    return After(fork.id, (*TEXTS, "Three."), status="interrupted", parents=(at.thread,))


def _fork_of_a_named(at: Subject) -> After:
    settle(at.codex_home)
    at.home.rename(at.thread, NAME)
    with at.home.fork(at.thread) as fork:
        say(fork, "Further.")
    return After(fork.id, (*TEXTS, "Further."), NAME, parents=(at.thread,), own="Further.")


def _codex_fork_of_a_named(at: Subject) -> After:
    _codex_rename(at)
    name = NAME if at.form.newest else ""  # 0.100 has forks begin without one
    return After(at.builder.forked(at.thread, "Further."), (*TEXTS, "Further."), name)


def _fork_of_a_compressed(at: Subject) -> After:
    _compress(at)
    return _fork(TEXTS)(at)


def _fork_of_a_reverted(at: Subject) -> After:
    _revert(at)
    return _fork(("One.", "Better."))(at)._replace(left=1)


def say(thread: Thread, text: str) -> str:
    """A turn of ours; its id."""
    with thread.turn(text) as turn:
        turn.say(f"Answer to: {text}")
    return turn.id


def _compress(at: Subject) -> None:
    settle(at.codex_home)
    (result,) = at.home.compress(at.thread, older_than_days=0)
    assert result.status == "compressed", result.reason


# -- names and metadata


def _rename(at: Subject) -> After:
    settle(at.codex_home)
    at.home.rename(at.thread, "Something else")
    at.home.rename(at.thread, NAME)
    return After(at.thread, name=NAME)


def _codex_rename(at: Subject) -> After:
    at.call("name/set", name=NAME)
    return After(at.thread, name=NAME)


def _rename_archived(at: Subject) -> After:
    _archive(at)
    at.home.rename(at.thread, NAME)
    return After(at.thread, name=NAME, place="archived")


def _rename_compressed(at: Subject) -> After:
    _compress(at)
    at.home.rename(at.thread, NAME)
    return After(at.thread, name=NAME)


def _describe(at: Subject) -> After:
    settle(at.codex_home)
    at.home.update_metadata(at.thread, git={"branch": BRANCH}, memory_mode="disabled")
    return After(at.thread)


def _codex_describe(at: Subject) -> After:
    at.call("metadata/update", gitInfo={"branch": BRANCH})
    at.call("memoryMode/set", mode="disabled")
    return After(at.thread)


# -- turns taken back


def _roll_back(at: Subject) -> After:
    settle(at.codex_home)
    at.home.rollback(at.thread)
    return After(at.thread, ("One.",))


def _codex_roll_back(at: Subject) -> After:
    at.call("rollback", numTurns=1)
    return After(at.thread, ("One.",))


def _roll_back_and_go_on(at: Subject) -> After:
    _roll_back(at)
    at.say(at.thread, "Better.")
    return After(at.thread, ("One.", "Better."))


def _roll_back_all(at: Subject) -> After:
    settle(at.codex_home)
    at.home.rollback(at.thread, 5)
    at.say(at.thread, "Anew.")
    return After(at.thread, ("Anew.",))


def _revert(at: Subject, before: str = "", text: str = "Better.") -> str:
    settle(at.codex_home)
    with at.home.revert(at.thread, before=before or at.turns[1]) as live:
        return say(live, text)


def _revert_only(at: Subject) -> After:
    settle(at.codex_home)
    at.home.revert(at.thread, before=at.turns[1]).close()
    return After(at.thread, ("One.",), reverted=True, left=1)


def _codex_revert_only(at: Subject) -> After:
    at.call("revert", beforeTurnId=at.turns[1])
    return After(at.thread, ("One.",), reverted=True, left=1)


def _revert_once(at: Subject) -> After:
    _revert(at)
    return After(at.thread, ("One.", "Better."), reverted=True, left=1)


def _revert_twice(at: Subject) -> After:
    _revert(at, _revert(at), "Best.")
    return After(at.thread, ("One.", "Best."), reverted=True, left=1)


def _codex_revert_twice(at: Subject) -> After:
    at.call("revert", beforeTurnId=at.turns[1])
    again = at.builder.turn(at.thread, "Better.")
    at.call("revert", beforeTurnId=again)
    at.builder.turn(at.thread, "Best.")
    return After(at.thread, ("One.", "Best."), reverted=True, left=1)


def _revert_into_the_first(at: Subject) -> After:
    _revert(at)
    _revert(at, at.turns[0], "Anew.")
    return After(at.thread, ("Anew.",), reverted=True)


def _codex_revert_into_the_first(at: Subject) -> After:
    at.call("revert", beforeTurnId=at.turns[0])
    at.builder.turn(at.thread, "Anew.")
    return After(at.thread, ("Anew.",), reverted=True)


# -- put away and brought back


def _archive(at: Subject) -> After:
    (moved,) = at.home.archive(at.thread)
    assert not moved.remarks
    return After(at.thread, place="archived")


def _codex_archive(at: Subject) -> After:
    at.call("archive")
    return After(at.thread, place="archived")


def _unarchive(at: Subject) -> After:
    _archive(at)
    at.home.unarchive(at.thread)
    return After(at.thread)


def _codex_unarchive(at: Subject) -> After:
    at.call("archive")
    at.call("unarchive")
    return After(at.thread)


def _archive_reverted(at: Subject) -> After:
    return _revert_once(at)._replace(place=_archive(at).place)


def _delete(at: Subject) -> After:
    (moved,) = at.home.delete(at.thread)
    assert not moved.remarks
    return After(at.thread, place="gone")


def _codex_delete(at: Subject) -> After:
    at.call("delete")
    return After(at.thread, place="gone")


def _restore(at: Subject) -> After:
    _delete(at)
    at.home.restore(at.thread)
    return After(at.thread)


def _restore_reverted(at: Subject) -> After:
    after = _revert_once(at)
    _restore(at)
    return after


def _restore_archived(at: Subject) -> After:
    _archive(at)
    _restore(at)
    return After(at.thread, place="archived")


def _through(at: Subject) -> Keywords:
    return {"through": at.turns[0]}


def _last_turn(at: Subject) -> Keywords:
    return {"lastTurnId": at.turns[0]}


DEEDS = (
    Deed("fork", _fork(TEXTS), _codex_fork(TEXTS)),
    Deed(
        "fork through a turn",
        _fork(("One.",), _through),
        _codex_fork(("One.",), _last_turn),
        newest=True,
    ),
    Deed("fork through a turn, for 0.100", _fork(("One.",), _through), newest=False),
    Deed("fork before a turn", _fork(("One.",), lambda at: {"before": at.turns[1]})),
    Deed("fork before the first turn", _fork((), lambda at: {"before": at.turns[0]})),
    Deed("fork with turns", _fork_with_turns, _codex_fork_with_turns),
    Deed("fork of a fork", _fork_of_a_fork, _codex_fork_of_a_fork),
    Deed("fork in a turn", _fork_in_a_turn),
    Deed("fork of a named thread", _fork_of_a_named, _codex_fork_of_a_named),
    Deed("fork of a compressed thread", _fork_of_a_compressed, newest=True),
    Deed("fork of a reverted thread", _fork_of_a_reverted, mode="paginated"),
    Deed("rename", _rename, _codex_rename),
    Deed("rename an archived thread", _rename_archived),
    Deed("rename a compressed thread", _rename_compressed, newest=True),
    Deed("describe", _describe, _codex_describe, newest=True),
    Deed("roll back", _roll_back, _codex_roll_back, mode="legacy", newest=False),
    Deed("roll back, for 0.169", _roll_back, mode="legacy", newest=True),
    Deed("roll back and go on", _roll_back_and_go_on, mode="legacy"),
    Deed("roll back all", _roll_back_all, mode="legacy"),
    Deed("revert", _revert_only, _codex_revert_only, mode="paginated"),
    Deed("revert and go on", _revert_once, mode="paginated"),
    Deed("revert twice", _revert_twice, _codex_revert_twice, mode="paginated"),
    Deed(
        "revert to nothing", _revert_into_the_first, _codex_revert_into_the_first, mode="paginated"
    ),
    Deed("archive", _archive, _codex_archive),
    Deed("archive a reverted thread", _archive_reverted, mode="paginated"),
    Deed("unarchive", _unarchive, _codex_unarchive),
    Deed("delete", _delete, _codex_delete, newest=True),
    Deed("delete, for 0.100", _delete, newest=False),
    Deed("restore", _restore),
    Deed("restore a reverted thread", _restore_reverted, mode="paginated"),
    Deed("restore an archived thread", _restore_archived),
)
