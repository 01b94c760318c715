"""Archiving, deleting and bringing back, with the subagents that belong to a thread.

Subagents that a thread spawned are archived, unarchived and deleted with it; a review's thread is
not (Codex: the same).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from threadlog import kinship
from threadlog.core import ids
from threadlog.core.family import BELOW, SPAWNED, Family, parents_told
from threadlog.core.metadata import PAGINATED
from threadlog.core.moments import unix_ms
from threadlog.core.query import ThreadSummary
from threadlog.core.shelf import Moved, Trashed, When
from threadlog.errors import Ambiguous, NotFound, PartlyDone, Refused, ThreadlogError
from threadlog.own_threads import all_stored
from threadlog.stored import Reference

if TYPE_CHECKING:
    from threadlog.home import Home

_NAMED = 3
Results = Sequence[Moved | ThreadlogError]
_Verb = Callable[[Sequence[ThreadSummary], When, Mapping[str, str]], Results]


def archive(home: Home, references: Sequence[Reference], *, dry_run: bool) -> list[Moved]:
    """The threads, with the subagents that are not archived yet."""
    threads = all_stored(home, references, "archived")
    return _move(home, threads, home.store.shelf.archive, dry_run=dry_run, archived=False)


def unarchive(home: Home, references: Sequence[Reference], *, dry_run: bool) -> list[Moved]:
    """The threads, with the subagents that are archived."""
    threads = all_stored(home, references, "unarchived")
    return _move(home, threads, home.store.shelf.unarchive, dry_run=dry_run, archived=True)


def _move(
    home: Home, roots: Sequence[ThreadSummary], verb: _Verb, *, dry_run: bool, archived: bool
) -> list[Moved]:
    """Threads and their subagents, where these lie: one deed, in which no subagent holds it up."""
    along = {each.id or "": each.id or "" for each in roots}
    below: list[ThreadSummary] = []
    for each, root_id in spawned(home, roots):
        if each.archived == archived and (each.id or "") not in along:
            along[each.id or ""] = root_id
            below.append(each)
    todo = _by_family([*roots, *below], along)
    results = dict(zip([each.path for each in todo], verb(todo, _now(dry_run), along), strict=True))
    answers = _Answers(roots, [results[each.path] for each in roots])
    told = [each for each in below if along[each.id or ""] not in answers.failed]
    answers.add_below(told, [results[each.path] for each in told])
    return answers.tell()


def delete(home: Home, references: Sequence[Reference], *, dry_run: bool) -> list[Moved]:
    """Into the trash; what has lain there for too long goes for good.

    A thread goes with all of its subagents, named too or not, or stays with them; and none goes
    before all that build on it have gone.
    """
    when = _now(dry_run)
    roots = all_stored(home, references, "deleted")
    below = spawned(home, roots)
    above = {each.id or "": root_id for each, root_id in below}
    family = [*(each for each, _ in below), *(each for each in roots if each.id not in above)]
    along = {each.id or "": _topmost(each.id or "", above) for each in family}
    todo = _by_family(family, along)
    answers = _Answers(roots, [])
    numbered = [each for each in todo if each.history_mode == PAGINATED]
    own = home.store.shelf.rollout_ids(numbered) if numbered else {}
    users = {each.path: _users_of(home, each, own) for each in todo}
    gone: set[str] = set()
    while todo:
        held = _held(todo, along, users, gone)
        going = [each for each in todo if along[each.id or ""] not in held]
        if not going:
            break
        results = home.store.shelf.trash(going, when, along)
        answers.add(going, results)
        gone.update(each.id for each in results if isinstance(each, Moved))
        todo = [each for each in todo if each not in going]
    for each in todo:
        its_root = along[each.id or ""]
        answers.failed.setdefault(its_root, held[its_root])
        if each in roots:
            answers.failed.setdefault(each.id or "", held[its_root])
    if not dry_run:
        _remove_expired(home, when)
    return answers.tell()


def _held(
    todo: Sequence[ThreadSummary],
    along: Mapping[str, str],
    users: Mapping[str, Sequence[_User]],
    gone: set[str],
) -> dict[str, Refused]:
    """The families of which one must stay for now, by root: others go on from it who are there."""
    held: dict[str, Refused] = {}
    for each in todo:
        root = along[each.id or ""]
        family = {key for key, its_root in along.items() if its_root == root}
        others = [user for user in users[each.path] if user.thread_id not in gone | family]
        if others:
            held[root] = _built_on(each.id or "", others)
    return held


def _users_of(home: Home, thread: ThreadSummary, own: Mapping[str, Sequence[str]]) -> list[_User]:
    """Who builds on a thread, but for itself; *own* are its rollouts."""
    rollout_ids = own.get(thread.id or "", ())
    users = _users(home, rollout_ids) if rollout_ids else []
    return [each for each in users if each.thread_id != thread.id]


def restore(home: Home, references: Sequence[Reference], *, dry_run: bool) -> list[Moved]:
    """Back to where they lay, with the subagents deleted along, and with what they go on from."""
    entries = _with_bases(home, _entries(home, references))
    return _tell(entries, home.store.shelf.restore([e.entry for e in entries], _now(dry_run)))


def purge(home: Home, references: Sequence[Reference], *, dry_run: bool) -> list[Moved]:
    """From the trash, for good."""
    entries = _entries(home, references, every=True)
    shelf, when = home.store.shelf, _now(dry_run)
    bases = {each.entry: shelf.rollouts_in_trash(each.entry) for each in entries}
    for each in entries:
        if users := _in_need(home, bases[each.entry], {e.id for e in entries}):
            raise _built_on(each.id, users)
    if dry_run:
        return _tell(entries, shelf.purge([e.entry for e in entries], when))
    results: dict[str, Moved | ThreadlogError] = {}
    todo = entries
    while todo:  # what goes on from another one goes first
        needed = {e.entry: _in_need(home, bases[e.entry], {e.id}) for e in todo}
        going = [each for each in todo if not needed[each.entry]]
        if not going:
            results.update((e.entry, _built_on(e.id, needed[e.entry])) for e in todo)
            break
        names = [each.entry for each in going]
        results.update(zip(names, shelf.purge(names, when), strict=True))
        todo = [each for each in todo if each not in going]
    return _tell(entries, [results[each.entry] for each in entries])


def spawned(home: Home, roots: Sequence[ThreadSummary]) -> list[tuple[ThreadSummary, str]]:
    """The subagents that threads spawned, and theirs, with the id of the next root above them.

    The children come before their parents.  Roots may be among them.
    """
    ids_of_roots = {each.id for each in roots if each.id}
    if not ids_of_roots:
        return []
    edges = kinship.edges_told(home.store)
    family = home.store.catalog.family(Family(tuple(ids_of_roots), BELOW, edges, reviews=False))
    parents = parents_told(edges)
    begun = (each for each in family if each.parent_thread_id and each.source == SPAWNED)
    parents |= {each.id or "": each.parent_thread_id or "" for each in begun}
    found = []
    for each in reversed(family):
        seen, key = {each.id}, parents.get(each.id or "")
        while key is not None and key not in ids_of_roots and key not in seen:
            seen.add(key)
            key = parents.get(key)
        if key in ids_of_roots and key != each.id:
            found.append((each, key or ""))
    return found


def _topmost(thread_id: str, above: Mapping[str, str]) -> str:
    """Whose family a thread is of; in a ring everybody is alone."""
    seen: set[str] = set()
    while thread_id in above and thread_id not in seen:
        seen.add(thread_id)
        thread_id = above[thread_id]
    return thread_id


def _by_family(threads: Sequence[ThreadSummary], along: Mapping[str, str]) -> list[ThreadSummary]:
    """Those that go together, together; the order within each stays."""
    families: dict[str, list[ThreadSummary]] = {}
    for each in threads:
        families.setdefault(along.get(each.id or "", each.path), []).append(each)
    return [each for family in families.values() for each in family]


class _User(NamedTuple):
    """Who goes on from a rollout by reference."""

    thread_id: str | None
    in_trash: bool = False

    def __str__(self) -> str:
        return (
            f"{self.thread_id or 'one without an id'}{' (in the trash)' if self.in_trash else ''}"
        )


class _Answers:
    """What became of the threads asked for, and of their subagents."""

    def __init__(self, roots: Sequence[ThreadSummary], results: Results) -> None:
        self._asked = [each.id or each.path for each in roots]
        self.done: list[Moved] = []
        self.failed: dict[str, ThreadlogError] = {}
        self._remarks: list[str] = []
        self.add(roots, results)

    def add(self, threads: Sequence[ThreadSummary], results: Results) -> None:
        for thread, result in zip(threads, results, strict=False):
            if isinstance(result, Moved):
                self.done.append(result)
            else:
                self.failed[thread.id or thread.path] = result

    def add_below(self, threads: Sequence[ThreadSummary], results: Results) -> None:
        """A subagent that stays where it is holds up nobody: it is told."""
        for thread, result in zip(threads, results, strict=True):
            if isinstance(result, Moved):
                self.done.append(result)
            else:
                self._remarks.append(f"its subagent {thread.id} was left: {result}")

    def tell(self) -> list[Moved]:
        """What was done; raises the one error, or PartlyDone."""
        if self._remarks and self.done:
            last = self.done[-1]
            self.done[-1] = last._replace(remarks=(*last.remarks, *self._remarks))
        if self.failed and not self.done and len(self._asked) == 1:
            raise self.failed.get(self._asked[0]) or next(iter(self.failed.values()))
        if self.failed:
            raise PartlyDone(self.done, self.failed)
        return self.done


def _tell(entries: Sequence[Trashed], results: Results) -> list[Moved]:
    done = [each for each in results if isinstance(each, Moved)]
    failed = {
        entry.id: each
        for entry, each in zip(entries, results, strict=True)
        if not isinstance(each, Moved)
    }
    if failed and not done and len(failed) == 1:
        raise next(iter(failed.values()))
    if failed:
        raise PartlyDone(done, failed)
    return done


def _now(dry_run: bool) -> When:  # noqa: FBT001
    return When(time.time_ns() // 1_000_000, dry_run)


def _users(home: Home, rollout_ids: Sequence[str]) -> list[_User]:
    """Who builds on some rollouts by reference, in the trash, too."""
    living = (_User(each) for each, _path in home.store.catalog.building_on(rollout_ids))
    gone = (
        _User(each, in_trash=True) for each in home.store.shelf.in_trash_building_on(rollout_ids)
    )
    return list(dict.fromkeys((*living, *gone)))


def _in_need(home: Home, rollout_ids: Sequence[str], but: set[str]) -> list[_User]:
    """Who builds on rollouts in the trash: anybody living, and all in the trash but for some."""
    users = _users(home, rollout_ids)
    return [each for each in users if not (each.in_trash and each.thread_id in but)]


def _built_on(thread_id: str, users: Sequence[_User]) -> Refused:
    named = ", ".join(map(str, users[:_NAMED]))
    more = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
    return Refused(
        f"thread {thread_id} stays: other threads go on from it by reference, and would lose "
        f"their beginning: {named}{more}; delete those first, and purge them"
    )


def _entries(home: Home, references: Sequence[Reference], *, every: bool = False) -> list[Trashed]:
    """The threads in the trash that are meant, each followed by those deleted along with it.

    Of one that was deleted several times the last, or *every* one.
    """
    trashed = home.store.shelf.trashed()
    found: dict[str, Trashed] = {}
    for reference in references:
        meant = _entry(home, trashed, str(reference))
        for entry in [each for each in trashed if each.id == meant.id] if every else [meant]:
            found[entry.entry] = entry
            for each in trashed:
                if each.along == entry.id and each.deleted == entry.deleted:
                    found.setdefault(each.entry, each)
    return list(found.values())


def _with_bases(home: Home, entries: list[Trashed]) -> list[Trashed]:
    """These, and the threads in the trash that they go on from by reference."""
    found = {each.entry: each for each in entries}
    shelf = home.store.shelf
    others = [(set(shelf.rollouts_in_trash(e.entry)), e) for e in shelf.trashed()]
    todo = [*entries]
    while todo:
        bases = set(todo.pop().bases)
        for rollouts, each in others:
            if each.entry not in found and bases & rollouts:
                found[each.entry] = each
                todo.append(each)
    return list(found.values())


def _entry(home: Home, trashed: Sequence[Trashed], text: str) -> Trashed:
    reference = ids.read_reference(text)
    if reference.kind == "last":
        fitting = [each for each in trashed if not each.along][:1]
    else:
        fitting = [
            each
            for each in trashed
            if text in (each.id, each.entry, each.title, each.path) or ids.fits(reference, each.id)
        ]
    if not fitting:
        raise NotFound(f"no thread {text!r} in the trash of {home.path}")
    if len({each.id for each in fitting}) > 1:
        named = tuple(dict.fromkeys(each.id for each in fitting))
        raise Ambiguous(
            f"{text!r} fits {len(named)} threads in the trash: {', '.join(named)}; "
            f"give more of the id",
            named,
        )
    return fitting[0]  # the one deleted last


def _remove_expired(home: Home, when: When) -> None:
    """Remove for good what nobody needs and has lain in the trash for too long."""
    shelf = home.store.shelf
    for each in shelf.trashed():
        if (unix_ms(each.until) or when.at_ms) >= when.at_ms:
            continue
        with contextlib.suppress(ThreadlogError):  # somebody else was quicker, or it waits
            if not _in_need(home, shelf.rollouts_in_trash(each.entry), {each.id}):
                shelf.purge([each.entry], when)
