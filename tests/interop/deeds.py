"""All that is done to threads, each by us and by the Codex that can."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from interop.codex_process import await_true
from interop.operations import BRANCH, NAME, TEXTS, After, Deed, Do, Keywords, Subject, say, settle

# -- turns


def _begin(at: Subject) -> After:
    with at.home.start(cwd=at.codex_home.work, history_mode=at.mode) as thread:
        for text in TEXTS:
            say(thread, text)
    return After(thread.id)


def _codex_begin(at: Subject) -> After:
    return After(at.builder.chat(*TEXTS)[0])


def _go_on(at: Subject) -> After:
    at.say(at.thread, "Three.")
    return After(at.thread, (*TEXTS, "Three."))


def _codex_go_on(at: Subject) -> After:
    at.builder.turn(at.thread, "Three.")
    return After(at.thread, (*TEXTS, "Three."))


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
    return After(at.builder.forked(at.thread, "Further."), (*TEXTS, "Further."), NAME)


def _older_fork_of_a_named(at: Subject) -> After:
    return _codex_fork_of_a_named(at)._replace(name="")  # 0.100 has forks begin without one


def _fork_of_a_compressed(at: Subject) -> After:
    _compress(at)
    return _fork(TEXTS)(at)


def _codex_fork_of_a_compressed(at: Subject) -> After:
    _codex_compress(at)
    return _codex_fork(TEXTS)(at)


def _fork_of_a_reverted(at: Subject) -> After:
    _revert(at)
    return _fork(("One.", "Better."))(at)._replace(left=1)


def _compress(at: Subject) -> None:
    settle(at.codex_home)
    (result,) = at.home.compress(at.thread, older_than_days=0)
    assert result.status == "compressed", result.reason


def _compress_only(at: Subject) -> After:
    _compress(at)
    return After(at.thread, compressed=True)


def _codex_compress(at: Subject) -> After:
    path = Path(at.home.get(at.thread).path)
    long_ago = time.time() - 30 * 86_400  # it compresses what is old
    os.utime(path, (long_ago, long_ago))

    def compressed() -> bool:
        # It rests between two times, or is not done with the last.
        (at.codex_home.path / ".tmp" / "rollout-compression.lock").unlink(missing_ok=True)
        at.codex.call("rollout/compress")
        return not path.exists()

    await_true(compressed)
    return After(at.thread, compressed=True, loaded=False)


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
    return After(at.thread, name=NAME, compressed=True)


def _describe(at: Subject) -> After:
    settle(at.codex_home)
    at.home.update_metadata(at.thread, git={"branch": BRANCH}, memory_mode="disabled")
    return After(at.thread, branch=BRANCH)


def _codex_describe(at: Subject) -> After:
    at.call("metadata/update", gitInfo={"branch": BRANCH})
    at.call("memoryMode/set", mode="disabled")
    return After(at.thread, branch=BRANCH)


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


def _codex_roll_back_and_go_on(at: Subject) -> After:
    _codex_roll_back(at)
    at.builder.turn(at.thread, "Better.")
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


def _revert_again(at: Subject, before: str, text: str) -> str:
    time.sleep(1)  # rollouts of one second have no order for Codex
    return _revert(at, before, text)


def _revert_only(at: Subject) -> After:
    settle(at.codex_home)
    at.home.revert(at.thread, before=at.turns[1]).close()
    return After(at.thread, ("One.",), reverted=True, left=1, silent=True)


def _codex_revert_only(at: Subject) -> After:
    at.call("revert", beforeTurnId=at.turns[1])
    return After(at.thread, ("One.",), reverted=True, left=1)


def _revert_once(at: Subject) -> After:
    _revert(at)
    return After(at.thread, ("One.", "Better."), reverted=True, left=1)


def _codex_revert_once(at: Subject) -> After:
    at.call("revert", beforeTurnId=at.turns[1])
    at.builder.turn(at.thread, "Better.")
    return After(at.thread, ("One.", "Better."), reverted=True, left=1)


def _revert_twice(at: Subject) -> After:
    _revert_again(at, _revert(at), "Best.")
    return After(at.thread, ("One.", "Best."), reverted=True, left=1)


def _codex_revert_twice(at: Subject) -> After:
    at.call("revert", beforeTurnId=at.turns[1])
    again = at.builder.turn(at.thread, "Better.")
    at.call("revert", beforeTurnId=again)
    at.builder.turn(at.thread, "Best.")
    return After(at.thread, ("One.", "Best."), reverted=True, left=1)


def _revert_into_the_first(at: Subject) -> After:
    _revert(at)
    _revert_again(at, at.turns[0], "Anew.")
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
    return After(at.thread, loaded=False)


def _archive_reverted(at: Subject) -> After:
    return _revert_once(at)._replace(place=_archive(at).place)


def _codex_archive_reverted(at: Subject) -> After:
    return _codex_revert_once(at)._replace(place=_codex_archive(at).place)


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


def _before(number: int) -> Callable[[Subject], Keywords]:
    return lambda at: {"before": at.turns[number]}


def _codex_before(number: int) -> Callable[[Subject], Keywords]:
    return lambda at: {"beforeTurnId": at.turns[number]}


_PAGINATED = "paginated"
DEEDS = (
    Deed("begin", _begin, _codex_begin, _codex_begin),
    Deed("go on", _go_on, _codex_go_on, _codex_go_on),
    Deed("fork", _fork(TEXTS), _codex_fork(TEXTS), _codex_fork(TEXTS)),
    Deed("fork through a turn", _fork(("One.",), _through), _codex_fork(("One.",), _last_turn)),
    Deed(
        "fork before a turn", _fork(("One.",), _before(1)), _codex_fork(("One.",), _codex_before(1))
    ),
    Deed("fork before the first turn", _fork((), _before(0)), _codex_fork((), _codex_before(0))),
    Deed("fork with turns", _fork_with_turns, _codex_fork_with_turns, _codex_fork_with_turns),
    Deed("fork of a fork", _fork_of_a_fork, _codex_fork_of_a_fork, _codex_fork_of_a_fork),
    Deed("fork in a turn", _fork_in_a_turn),
    Deed(
        "fork of a named thread", _fork_of_a_named, _codex_fork_of_a_named, _older_fork_of_a_named
    ),
    Deed(
        "fork of a compressed thread",
        _fork_of_a_compressed,
        _codex_fork_of_a_compressed,
        loaded=False,
    ),
    Deed("fork of a reverted thread", _fork_of_a_reverted, mode=_PAGINATED),
    Deed("rename", _rename, _codex_rename, _codex_rename),
    Deed("rename an archived thread", _rename_archived),
    Deed("rename a compressed thread", _rename_compressed),
    Deed("describe", _describe, _codex_describe),
    Deed("roll back", _roll_back, None, _codex_roll_back, mode="legacy"),
    Deed("roll back and go on", _roll_back_and_go_on, None, _codex_roll_back_and_go_on, "legacy"),
    Deed("roll back all", _roll_back_all, mode="legacy"),
    Deed("revert", _revert_only, _codex_revert_only, mode=_PAGINATED),
    Deed("revert and go on", _revert_once, _codex_revert_once, mode=_PAGINATED),
    Deed("revert twice", _revert_twice, _codex_revert_twice, mode=_PAGINATED),
    Deed(
        "revert to nothing", _revert_into_the_first, _codex_revert_into_the_first, mode=_PAGINATED
    ),
    Deed("archive", _archive, _codex_archive, _codex_archive),
    Deed("archive a reverted thread", _archive_reverted, _codex_archive_reverted, mode=_PAGINATED),
    Deed("unarchive", _unarchive, _codex_unarchive, _codex_unarchive),
    Deed("delete", _delete, _codex_delete),
    Deed("restore", _restore),
    Deed("restore a reverted thread", _restore_reverted, mode=_PAGINATED),
    Deed("restore an archived thread", _restore_archived),
    Deed("compress", _compress_only, _codex_compress, loaded=False),
)
