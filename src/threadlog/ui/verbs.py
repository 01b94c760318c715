"""What can be done to a thread from here, and undone: run off the loop, told in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from threadlog.core.ids import short_id
from threadlog.core.query import ThreadSummary
from threadlog.core.shelf import KEPT_DAYS, Moved
from threadlog.home import Home

# So many steps back.
UNDO_LIMIT = 50


class Done(NamedTuple):
    """What came of it: a sentence, the thread to stand on, what undoes it, and remarks."""

    sentence: str
    thread_id: str | None = None
    undo: Callable[[Home], Done] | None = None
    remarks: Sequence[str] = ()

    @property
    def told(self) -> str:
        """All of it, what matters most first: a narrow terminal does without the rest."""
        told = [self.sentence, *(["  u: undo"] if self.undo else [])]
        return " ".join([*told, *([f" ({'; '.join(self.remarks)})"] if self.remarks else [])])


def reference(thread: ThreadSummary) -> str:
    """What means this thread and no other."""
    return thread.id or thread.path


def put_away(home: Home, thread: ThreadSummary) -> Done:
    """Archive it, or bring it back from there."""
    verb = _unarchived if thread.archived else _archived
    return verb(home, reference(thread))


def _archived(home: Home, thread: str) -> Done:
    moved = home.archive(thread)
    root = _root(moved, thread)
    return Done(_told(moved, "archived"), None, lambda h: _unarchived(h, root), _remarks(moved))


def _unarchived(home: Home, thread: str) -> Done:
    moved = home.unarchive(thread)
    root = _root(moved, thread)
    return Done(
        _told(moved, "back from the archive"), root, lambda h: _archived(h, root), _remarks(moved)
    )


def deleted(home: Home, thread: str) -> Done:
    """Put it into the trash."""
    moved = home.delete(thread)
    root = _root(moved, thread)
    told = _told(moved, f"in the trash for {KEPT_DAYS} days")
    return Done(told, None, lambda h: _restored(h, root), _remarks(moved))


def _restored(home: Home, thread: str) -> Done:
    moved = home.restore(thread)
    root = _root(moved, thread)
    return Done(
        _told(moved, "back from the trash"), root, lambda h: deleted(h, root), _remarks(moved)
    )


def _root(moved: Sequence[Moved], thread: str) -> str:
    """The id of the thread that was meant, beside its subagents; a path means it no more."""
    return next((each.id for each in moved if thread in (each.id, each.was)), moved[0].id)


def renamed(home: Home, thread: ThreadSummary, name: str) -> Done:
    """Call it something."""
    changed = home.rename(reference(thread), name)
    before = thread.name
    undo = None if before is None else lambda h: renamed(h, thread._replace(name=name), before)
    return Done(f"{short_id(changed.id)} renamed", changed.id, undo, changed.remarks)


def forked(home: Home, thread: ThreadSummary, through: str | None) -> Done:
    """Begin a thread with what it holds, up to the end of a turn."""
    asked = {} if through is None else {"through": through}
    with home.fork(reference(thread), **asked) as fork:  # type: ignore[arg-type]
        made = fork.id
    return Done(
        f"{short_id(made)} forked from {short_id(reference(thread))}",
        made,
        lambda h: deleted(h, made),
    )


def would_move(home: Home, thread: ThreadSummary, *, delete: bool) -> list[Moved]:
    """What would go along; raises what the deed itself would, as far as that can be told."""
    if delete:
        return home.delete(reference(thread), dry_run=True)
    verb = home.unarchive if thread.archived else home.archive
    return verb(reference(thread), dry_run=True)


def _told(moved: Sequence[Moved], what: str) -> str:
    which = short_id(moved[0].id) if len(moved) == 1 else f"{len(moved)} threads"
    return f"{which} {what}"


def _remarks(moved: Sequence[Moved]) -> list[str]:
    return [remark for each in moved for remark in each.remarks]
