"""What putting a thread elsewhere comes to: which files move, and where to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from threadlog.core import layout
from threadlog.core.metadata import PAGINATED
from threadlog.core.query import ThreadSummary
from threadlog.errors import Archived, NotFound, Refused, ThreadlogError
from threadlog.local.intents import Step
from threadlog.local.inventory import Inventory
from threadlog.local.register import Register
from threadlog.local.scan import Found, below
from threadlog.local.trash import Entry, Trash


class Planned(NamedTuple):
    """What is to be done to a thread, and what the trash is to say of it, if that is where to.

    Nobody of a `family` is done where one that is `binding` cannot be.
    """

    step: Step
    entry: Entry | None = None
    family: str | None = None
    binding: bool = True


class Plans:
    """What is to be done in one home; changes nothing."""

    def __init__(self, home: str, trash: Trash, register: Register) -> None:
        self._home = home
        self._trash = trash
        self._register = register

    def to_archive(self, inventory: Inventory, thread: ThreadSummary, at_ms: int) -> Planned:
        """Into the archive; raises Archived, NotFound, Refused."""
        if thread.archived:
            raise Archived(f"thread {thread.id} is archived already")
        found = [each for each in inventory.of(thread) if not each.archived]
        return Planned(self._step(thread, found, lambda _each: layout.ARCHIVED, at_ms))

    def back(self, inventory: Inventory, thread: ThreadSummary, at_ms: int) -> Planned:
        """Back from the archive; raises NotFound, Refused."""
        if not thread.archived:
            raise Refused(f"thread {thread.id} is not archived")
        found = [each for each in inventory.of(thread) if each.archived]
        return Planned(
            self._step(thread, found, lambda one: layout.day_folder(inventory.stamp(one)), at_ms)
        )

    def to_trash(
        self, inventory: Inventory, thread: ThreadSummary, about: tuple[int, str]
    ) -> Planned:
        """Into the trash, at a moment, along with a thread; raises NotFound, Refused."""
        at_ms, along = about
        found = inventory.of(thread)
        place = self._trash.place(_id_of(thread), at_ms)
        folders = list(dict.fromkeys(each.folder for each in found))
        step = self._step(
            thread, found, lambda each: os.path.join(place, str(folders.index(each.folder))), at_ms
        )
        heads = [inventory.head(each).metadata for each in found]
        entry = Entry(
            folder=place,
            thread_id=step.thread_id,
            title=thread.title,
            deleted_ms=at_ms,
            moves=step.moves,
            paginated=step.paginated,
            rollout_ids=tuple(each.rollout_id or "" for each in found),
            bases=tuple(head.base.rollout_id for head in heads if head.base),
            along=along if along != step.thread_id else "",
            row=self._register.row(step.thread_id),
        )
        return Planned(step, entry)

    def from_trash(self, name: str, at_ms: int) -> Planned:
        """Back from the trash; raises NotFound, Refused."""
        entry = self.entry(name)
        moves = tuple((new, old) for old, new in entry.moves)
        for _old, new in moves:
            if os.path.lexists(os.path.join(self._home, new)):
                raise _in_the_way(entry.thread_id, new)
        step = Step(entry.thread_id, moves, entry.paginated, at_ms, entry.folder)
        return Planned(step._replace(marks=self._marks(moves)))

    def away(self, name: str, at_ms: int) -> Planned:
        """Away from the trash, for good; raises NotFound."""
        entry = self.entry(name)
        there = (new for _old, new in entry.moves)
        moves = tuple((n, "") for n in there if os.path.lexists(os.path.join(self._home, n)))
        step = Step(entry.thread_id, moves, entry.paginated, at_ms, entry.folder)
        return Planned(step._replace(marks=self._marks(moves)))

    def entry(self, name: str) -> Entry:
        """What is known of a thread in the trash; raises NotFound."""
        for entry in self._trash.entries():
            if os.path.basename(entry.folder) == name:
                return entry
        raise NotFound(f"nothing in the trash is called {name}")

    def _step(
        self,
        thread: ThreadSummary,
        found: Sequence[Found],
        folder_of: Callable[[Found], str],
        at_ms: int,
    ) -> Step:
        """All files of a thread and where each goes, the newest rollout first."""
        moves: dict[str, str] = {}  # from where, by where to
        for each in reversed(found):
            for path in filter(os.path.lexists, (each.path, layout.twin(each.path) or "")):
                old = below(self._home, path)
                new = os.path.join(folder_of(each), os.path.basename(path))
                if new in moves:
                    raise _both(thread.id or "", moves[new], old)
                if os.path.lexists(os.path.join(self._home, new)):
                    raise _in_the_way(thread.id or "", new)
                moves[new] = old
        if not moves:
            raise NotFound(f"no file at {thread.path} any more")
        paginated = thread.history_mode == PAGINATED
        pairs = tuple((old, new) for new, old in moves.items())
        step = Step(_id_of(thread), pairs, paginated, at_ms)
        return step._replace(marks=self._marks(step.moves))

    def _marks(self, moves: Iterable[tuple[str, str]]) -> tuple[tuple[int, int], ...]:
        """What tells that files are as they are now; raises OSError."""
        found = (os.lstat(os.path.join(self._home, old)) for old, _new in moves)
        return tuple((each.st_size, each.st_mtime_ns) for each in found)


def _in_the_way(thread_id: str, path: str) -> Refused:
    return Refused(
        f"thread {thread_id} stays where it is: {path} is there already; look at both, and "
        f"rename or remove one"
    )


def _both(thread_id: str, one: str, other: str) -> Refused:
    return Refused(
        f"thread {thread_id} stays where it is: {one} and {other} have one name; look at both, "
        f"and rename or remove one"
    )


def in_families(
    planned: Sequence[Planned | ThreadlogError],
    ids: Sequence[str | None],
    along: Mapping[str, str],
    *,
    whole: bool,
) -> list[Planned | ThreadlogError]:
    """The same with the family of each; *along* names its root.

    Where the root cannot be done, or anybody of a family that goes as a *whole*, nobody of it is.
    """
    families = [along.get(each or "") for each in ids]
    binding = [whole or family in (None, each) for each, family in zip(ids, families, strict=True)]
    failed = {
        family: each
        for each, family, binds in zip(planned, families, binding, strict=True)
        if family is not None and binds and not isinstance(each, Planned)
    }
    told: list[Planned | ThreadlogError] = []
    for each, family, binds in zip(planned, families, binding, strict=True):
        if not isinstance(each, Planned):
            told.append(each)
        elif family in failed:
            told.append(Refused(f"thread {each.step.thread_id} stays: {failed[family]}"))
        else:
            told.append(each._replace(family=family, binding=binds))
    return told


def _id_of(thread: ThreadSummary) -> str:
    if thread.id is None:
        raise Refused(f"the rollout {thread.path} names no thread: move the file by hand")
    return thread.id
