"""Where Codex shows something else than there is: each with its version, and when it is so.

A cell of the matrix is green where what is seen is what there is.  Where one of these holds, Codex
must show exactly what is said here: a limit that is none any more is a failure, too.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from interop.codex_process import NEWEST, OLDER
from interop.looking import NO_FILE, NOT_FOUND, NOT_UTF8
from interop.matrix import PAGINATED
from interop.operations import After


class Circumstances(NamedTuple):
    """What a look depends on.

    `version` is Codex's that looks, and `doer` who did it; `has_row` says whether its database
    knows the thread; `known` are the texts of the turns that it has shown.
    """

    version: str
    mode: str
    doer: str
    after: After
    has_row: bool
    known: tuple[str, ...]

    @property
    def paginated(self) -> bool:
        """True for a thread whose lines are numbered."""
        return self.mode == PAGINATED


class Limit(NamedTuple):
    """One of them: what is seen *instead*, by aspect, of what there is, and when it holds.

    What is seen is given, too, for where Codex is not the same each time.
    """

    version: str
    instead: Mapping[str, Callable[[Any, Any, Circumstances], Any]]
    holds: Callable[[Circumstances], bool]
    says: str


def _none(_wanted: Any, _seen: Any, _at: Circumstances) -> None:
    return None


def _said(refusal: str) -> Callable[[Any, Any, Circumstances], str]:
    return lambda _wanted, _seen, _at: refusal


def _unnamed(wanted: Any, _seen: Any, _at: Circumstances) -> Any:
    return wanted and wanted._replace(name=None)


def _own_preview(wanted: Any, _seen: Any, at: Circumstances) -> Any:
    return wanted and wanted._replace(preview=at.after.own)


def _some_rollout(wanted: Any, seen: Any, at: Circumstances) -> Any:
    """Of several rollouts of the thread it shows any."""
    if wanted is None or seen is None or at.after.thread not in seen.path:
        return wanted
    return wanted._replace(path=seen.path, preview=seen.preview)


def _shown_before(_wanted: Any, _seen: Any, at: Circumstances) -> tuple[str, ...]:
    """The turns up to the first that it has not shown."""
    said = at.after.said
    count = next((n for n, text in enumerate(said) if text not in at.known), len(said))
    return said[:count]


def _some_turns(wanted: Any, seen: Any, _at: Circumstances) -> Any:
    """Some of the turns, in their order, and the last."""
    left = iter(wanted)
    return seen if seen[-1:] == wanted[-1:] and all(each in left for each in seen) else wanted


def _more(wanted: Any, seen: Any, _at: Circumstances) -> Any:
    """All that there is, and more."""
    left = iter(seen)
    return seen if all(each in left for each in wanted) else wanted


def _without_left(wanted: Any, _seen: Any, at: Circumstances) -> Any:
    return wanted[at.after.left :]


def _is_unlisted(at: Circumstances) -> bool:
    return not at.after.said and at.after.place != "gone"


def _has_no_row(at: Circumstances) -> bool:
    return at.paginated and not at.has_row


def _is_compressed(at: Circumstances) -> bool:
    return at.after.compressed


def _is_archived(at: Circumstances) -> bool:
    return at.after.place == "archived"


def _is_put_together(at: Circumstances) -> bool:
    return at.paginated and bool(at.after.parents or at.after.left)


def _always(_at: Circumstances) -> bool:
    return True


LIMITS = (
    Limit(
        NEWEST,
        {"listed": _none},
        _is_unlisted,
        "`thread/list` leaves out a thread without any message.",
    ),
    Limit(
        NEWEST,
        {"listed": _unnamed, "described": _none},
        _has_no_row,
        "A paginated thread that the database has no row of has no name, nor `gitInfo` that was "
        "changed: `thread/list` and `thread/read` answer null, whatever `session_index.jsonl` and "
        "the rollout say.",
    ),
    Limit(
        NEWEST,
        {"listed": _own_preview},
        lambda at: _has_no_row(at) and bool(at.after.parents),
        "A fork by reference that the database has no row of is listed with the first message of "
        "its own, and `preview` is empty before there is one.",
    ),
    Limit(
        NEWEST,
        {"listed": _some_rollout},
        lambda at: at.after.reverted,
        "`thread/list` shows a reverted thread with any of its rollouts, seldom the newest, and "
        "with that one's first message.",
    ),
    Limit(
        NEWEST,
        {"read": _shown_before},
        lambda at: at.paginated and at.after.place != "gone",
        "`thread/read` and `thread/turns/list` show of a paginated thread what Codex had shown "
        "when it loaded the thread last; `thread/resume` and `thread/fork` bring the rest.",
    ),
    Limit(
        NEWEST,
        {"inherited": _some_turns},
        _is_put_together,
        "`thread/read` shows the turns that a fork by reference or a reverted thread goes on from "
        "only once their own thread was loaded; the model sees them all.",
    ),
    Limit(
        NEWEST,
        {"turns": _without_left},
        lambda at: bool(at.after.left) and not at.known,
        "Turns in rollouts that a thread left by a revert, before Codex ever loaded the thread, "
        "are not shown; the model sees them.",
    ),
    Limit(
        NEWEST,
        dict.fromkeys(("sent", "inherited", "turns"), _more),
        lambda at: _has_no_row(at) and at.after.silent,
        "A reverted thread that the database has no row of is taken up with the rollout of before "
        "the revert, once `thread/list` made a row, if the newest has no message of its own: all "
        "turns are there again. `threadlog doctor --mend` leads it to the newest.",
    ),
    Limit(
        NEWEST,
        {"resumed": _said(NO_FILE)},
        lambda at: at.doer == OLDER and at.has_row and _is_archived(at),
        "A thread that 0.100 archived, which changes no row, is looked for where it was: "
        "`thread/resume` says `failed to resolve rollout path`, `file does not exist`, and a "
        "`thread/list` with `sourceKinds` leaves it out. "
        "After `thread/unarchive`, or `threadlog doctor --mend`, it is found.",
    ),
    Limit(OLDER, {"listed": _unnamed}, _always, "`thread/list` has no names."),
    Limit(
        OLDER,
        {"listed": _none},
        _is_unlisted,
        "`thread/list` leaves out a thread without any message.",
    ),
    Limit(
        OLDER,
        {"read": _said(NOT_FOUND), "resumed": _said(NOT_FOUND)},
        _is_archived,
        "An archived thread is not found: `thread/read` says `thread not loaded`, `thread/resume` "
        "`no rollout found for thread id`. After `thread/unarchive` it is.",
    ),
    Limit(
        OLDER,
        {"listed": _none, "read": _said(NOT_UTF8), "loaded": _said(NOT_UTF8)},
        _is_compressed,
        "A compressed rollout is not listed, and `thread/read` and `thread/resume` say `stream did "
        "not contain valid UTF-8`. `threadlog resume ID` makes it plain.",
    ),
    Limit(
        OLDER,
        {"described": _none},
        _always,
        "`gitInfo` is that of the first line of a rollout, whatever was changed since.",
    ),
)
LETTERS = dict(zip(string.ascii_lowercase, LIMITS, strict=False))


def limited(aspect: str, wanted: Any, seen: Any, at: Circumstances) -> tuple[Any, frozenset[str]]:
    """What Codex must show where there is something *wanted*; and the letters of its limits."""
    letters = set()
    for letter, limit in LETTERS.items():
        if limit.version == at.version and aspect in limit.instead and limit.holds(at):
            instead = limit.instead[aspect](wanted, seen, at)
            if instead != wanted:
                letters.add(letter)
                wanted = instead
    return wanted, frozenset(letters)
