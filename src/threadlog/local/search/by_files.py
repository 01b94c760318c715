"""A search without a word index: every rollout is read, and the answer is the same."""

from __future__ import annotations

import os
from collections.abc import Iterator

from threadlog.core.query import ThreadSummary
from threadlog.core.search import Place, SearchPage, SearchQuery
from threadlog.errors import Unreadable
from threadlog.local.catalog import FileCatalog
from threadlog.local.inventory import Inventory
from threadlog.local.reading import LocalRollouts
from threadlog.local.scan import Found, below, found_at
from threadlog.local.search.answer import Answer, left_out, paged
from threadlog.local.search.plans import copied_to
from threadlog.local.search.scanning import Scan, Unread
from threadlog.local.search.sources import stem_of


def find(
    home: str, files: FileCatalog, query: SearchQuery, after: Place | int | None
) -> SearchPage:
    """The page that a query asks for."""
    threads = {_key(home, each): each for each in files.page(query.threads)}
    searched = {
        key: each for key, each in threads.items() if query.within is None or key in query.within
    }
    skip, before = (after, None) if isinstance(after, int) else (0, after)
    scan = Scan(query, before, skip)
    inventory = Inventory(home)
    for key, thread in searched.items():
        try:
            for unread in _unread(home, inventory, key, thread):
                hides = _origin(unread) in searched and not query.copies
                scan.read(unread._replace(own_from=unread.copied_to if hides else 0))
        except Unreadable:
            scan.left_out += 1
    counts = (scan.total, len(scan.keys)) if query.counted else None
    answer = Answer(home, query, searched.get)
    hits, following = paged(answer, query, iter(scan.hits), skip)
    problems = [*sorted(inventory.problems), *left_out(scan.left_out)]
    return SearchPage(hits, following, problems, counts=counts, scanned=len(searched))


def _key(home: str, thread: ThreadSummary) -> str:
    return thread.id or below(home, thread.path)


def _origin(unread: Unread) -> str:
    return (unread.head.forked_from_id or "").lower()


def _unread(home: str, inventory: Inventory, key: str, thread: ThreadSummary) -> Iterator[Unread]:
    """The rollouts of a thread with what is its own."""
    newest = found_at(thread.path, archived=thread.archived)
    cuts: dict[str, int | None] = {newest.path: None}
    group = {each.path: each for each in inventory.group(newest)}
    if len(group) > 1 and inventory.head(newest).metadata.base is not None:
        segments = LocalRollouts(home, inventory=inventory).segments_at(newest)
        cuts = {each.path: each.end for each in segments if each.path in group}
    for path, cut in cuts.items():
        found = group.get(path, newest)
        head = inventory.head(found)
        if head.facts is None:
            raise Unreadable(path)
        yield Unread(
            key=key,
            stem=os.fsdecode(stem_of(found)),
            full_path=path,
            path=os.fsencode(below(home, path)),
            head=head.metadata,
            cut=cut,
            copied_to=_copied_to(inventory, found),
        )


def _copied_to(inventory: Inventory, found: Found) -> int:
    head = inventory.head(found).metadata
    if head.forked_from_id is None or head.base is not None:
        return 0
    parent = inventory.current.get(head.forked_from_id.lower())
    return 0 if parent is None else copied_to(found, parent)
