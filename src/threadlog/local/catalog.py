"""Which threads there are, answered from the files alone.

Every rollout counts: in an unusual folder, of an unusual name, without a user message, with a
damaged head.  What cannot be told is None, and `problem` says why.
"""

from __future__ import annotations

import heapq
import itertools
import os
import time
from collections.abc import Callable

from threadlog.core import ids, layout, query
from threadlog.core.metadata import Metadata
from threadlog.core.query import Place, ThreadPage, ThreadQuery, ThreadSummary
from threadlog.core.summary import Files, summarise
from threadlog.errors import Ambiguous, BadCursor, NotFound, OutsideHome
from threadlog.local.inventory import Inventory
from threadlog.local.scan import Found, found_at

# So many candidates are named when a reference is ambiguous.
CANDIDATES_NAMED = 5


class FileCatalog:
    """The threads of a home as its files tell them; *read_names* gives the users' names."""

    def __init__(self, home: str, read_names: Callable[[str], dict[str, str]]) -> None:
        self._home = home
        self._read_names = read_names

    def page(self, wanted: ThreadQuery) -> ThreadPage:
        """The threads that *wanted* asks for, newest first; raises BadCursor."""
        after = _read_cursor(wanted)
        inventory = Inventory(self._home)
        summaries = _Summaries(inventory, self._read_names(self._home))
        real_paths: dict[str, str] = {}
        rows: list[ThreadSummary] = []
        last: Place | None = None
        for place, found in _ordered(inventory, wanted, after):
            if wanted.limit is not None and last and len(rows) >= wanted.limit:
                return ThreadPage(rows, query.cursor_text(last), inventory.problems)
            row = summaries.of(found)
            if wanted.cwd is None or _same_folder(row.cwd, wanted.cwd, real_paths):
                rows.append(row)
                last = place
        return ThreadPage(rows, None, inventory.problems)

    def find(self, reference: str) -> ThreadSummary:
        """The one thread meant; raises NotFound, Ambiguous, OutsideHome."""
        read = ids.read_reference(reference)
        names = self._read_names(self._home)
        if read.kind == "path" and reference not in names.values():
            return self._find_path(reference)
        inventory = Inventory(self._home)
        if read.kind == "id":
            matches = [reference] if reference in inventory.current else []
        elif read.kind == "last":
            matches = _last(inventory)
        else:
            matches = [each for each in inventory.current if ids.fits(read, each)]
            named = [each for each, name in names.items() if name == reference]
            matches += [each for each in named if each in inventory.current and each not in matches]
        if not matches:
            raise NotFound(_not_found(reference, self._home) + _unlisted(inventory.problems))
        if len(matches) > 1:
            raise _ambiguous(reference, sorted(matches, reverse=True))
        return _Summaries(inventory, names).of(inventory.current[matches[0]])

    def _find_path(self, text: str) -> ThreadSummary:
        path = self._inside(text)
        archive = os.path.realpath(os.path.join(self._home, layout.ARCHIVED))
        found = found_at(path, archived=path.startswith(archive + os.sep))
        return _Summaries(Inventory(self._home), self._read_names(self._home)).of(found)

    def _inside(self, text: str) -> str:
        """The real path of *text*, which must be a file of this home's rollout folders."""
        expanded = os.path.expanduser(text)
        path = _real_path(expanded)
        if path is not None and not os.path.isabs(expanded) and not os.path.lexists(path):
            path = _real_path(os.path.join(self._home, expanded))
        if path is None:
            raise NotFound(f"no file at {text!r}")
        roots = (
            os.path.realpath(os.path.join(self._home, root))
            for root in (layout.SESSIONS, layout.ARCHIVED)
        )
        if not any(path.startswith(root + os.sep) for root in roots):
            raise OutsideHome(
                f"{text} does not lie in the sessions of {self._home}; "
                f"name the home it lies in with --home"
            )
        if not os.path.isfile(path):
            raise NotFound(f"no file at {path}")
        return path


class _Summaries:
    """Makes summaries out of what one inventory knows."""

    def __init__(self, inventory: Inventory, names: dict[str, str]) -> None:
        self._inventory = inventory
        self._names = names

    def of(self, newest: Found) -> ThreadSummary:
        """The summary of the thread whose newest rollout this is."""
        group = self._inventory.group(newest)
        head = self._inventory.head(newest)
        metadata = self._with_inherited(newest, head.metadata)
        thread_id = newest.thread_id or metadata.thread_id
        name = self._names.get(thread_id) if thread_id else None
        metadata = metadata._replace(name=name or metadata.name)
        files = Files(
            path=newest.path,
            created=self._created(group),
            updated=query.utc_text(head.facts.mtime_ms if head.facts else 0),
            archived=newest.archived,
            size_bytes=head.facts.size_bytes if head.facts else 0,
            compressed=newest.compressed,
            rollouts=len(group),
            problem=head.problem,
        )
        return summarise(thread_id, metadata, files)

    def _with_inherited(self, found: Found, metadata: Metadata) -> Metadata:
        """A fork by reference, and a revert, begin as what they build on began (as Codex)."""
        if metadata.base is None:
            return metadata
        for each in reversed(self._inventory.chain(found).rollouts):
            first = self._inventory.head(each).metadata
            if first.preview or first.goal:
                return metadata._replace(preview=first.preview, goal=first.goal)
        return metadata

    def _created(self, group: list[Found]) -> str:
        oldest = group[0]
        head = self._inventory.head(oldest)
        created = query.unix_ms(head.metadata.created or "")
        if created is None:
            created = _stamp_ms(self._inventory.stamp(oldest))
        return query.utc_text(created)


_Placed = tuple[Place, Found]


def _ordered(inventory: Inventory, wanted: ThreadQuery, after: Place | None) -> list[_Placed]:
    """The threads of the order wanted, newest first; no more of them than can be needed."""
    place = _update_place if wanted.sort == query.UPDATED else _creation_place
    special = inventory.current if wanted.sort == query.UPDATED else inventory.siblings
    placed: list[_Placed] = [
        ((found.stamp, found.thread_id), found)  # what _creation_place says of nearly all
        if found.stamp and found.thread_id and found.thread_id not in special
        else (place(inventory, found), found)
        for found in itertools.chain(inventory.current.values(), inventory.anonymous)
        if found.archived == wanted.archived
    ]
    if after is not None:
        placed = [each for each in placed if each[0] < after]
    if wanted.limit is not None and wanted.cwd is None:
        return heapq.nlargest(wanted.limit + 1, placed)
    placed.sort(reverse=True)
    return placed


def _creation_place(inventory: Inventory, found: Found) -> Place:
    oldest = inventory.group(found)[0]
    return oldest.stamp or inventory.stamp(oldest), found.thread_id or found.path


def _update_place(_inventory: Inventory, found: Found) -> Place:
    return query.utc_text(_mtime_ms(found.path)), found.thread_id or found.path


def _read_cursor(wanted: ThreadQuery) -> Place | None:
    if wanted.cursor is None:
        return None
    place = query.read_cursor(wanted.cursor, wanted.sort)
    if place is None:
        raise BadCursor(
            f"invalid cursor: {wanted.cursor!r}; use one that a listing by {wanted.sort} gave"
        )
    return place


def _last(inventory: Inventory) -> list[str]:
    active = [
        (_mtime_ms(found.path), thread_id)
        for thread_id, found in inventory.current.items()
        if not found.archived
    ]
    return [max(active)[1]] if active else []


def _mtime_ms(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns // 1_000_000
    except OSError:
        return 0


def _stamp_ms(stamp: str) -> int:
    try:
        return int(time.mktime(time.strptime(stamp, "%Y-%m-%dT%H-%M-%S"))) * 1000
    except (ValueError, OverflowError):
        return 0


def _same_folder(cwd: str | None, wanted: str, real_paths: dict[str, str]) -> bool:
    if cwd is None or not os.path.isabs(cwd):
        return False
    if cwd not in real_paths:
        real_paths[cwd] = _real_path(cwd) or cwd
    return real_paths[cwd] == wanted


def _real_path(path: str) -> str | None:
    """The path without symbolic links; None if no file can have this path."""
    try:
        return os.path.realpath(path)
    except (ValueError, OSError):
        return None


def _not_found(reference: str, home: str) -> str:
    if reference == "last":
        return f"no thread in {home} yet"
    pieces = ids.read_reference(reference)
    hint = ""
    if pieces.kind == "text" and not (pieces.suffix or pieces.prefix):
        hint = (
            f" (a piece of an id needs the last {ids.SUFFIX_MIN_DIGITS} digits or more, "
            f"or the first {ids.PREFIX_MIN_CHARS} characters)"
        )
    return f"no thread {reference!r} in {home}{hint}"


def _unlisted(problems: list[str]) -> str:
    return "".join(f"; {problem}" for problem in problems)


def _ambiguous(reference: str, matches: list[str]) -> Ambiguous:
    named = ", ".join(matches[:CANDIDATES_NAMED])
    more = f" and {len(matches) - CANDIDATES_NAMED} more" if len(matches) > CANDIDATES_NAMED else ""
    return Ambiguous(
        f"{reference!r} fits {len(matches)} threads: {named}{more}; give more of the id",
        tuple(matches),
    )
