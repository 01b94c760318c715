"""A search without a word index: every rollout is read, and the answer is the same."""

from __future__ import annotations

import os
from collections.abc import Iterator

from threadlog.core.index_status import Stop
from threadlog.core.query import ThreadSummary
from threadlog.core.search import Place, SearchPage, SearchQuery
from threadlog.errors import NotFound, Unreadable
from threadlog.local.catalog import FileCatalog
from threadlog.local.inventory import Inventory
from threadlog.local.reading import LocalRollouts
from threadlog.local.scan import below, found_at
from threadlog.local.search import inherited
from threadlog.local.search.answer import Answer, left_out, paged
from threadlog.local.search.plans import copied
from threadlog.local.search.scanning import Scan, Unread
from threadlog.local.search.sources import cuts, key_text, stem_of


def find(
    home: str, files: FileCatalog, query: SearchQuery, after: Place | int | None, stop: Stop
) -> SearchPage:
    """The page that a query asks for; raises GivenUp once *stop* is true."""
    threads = {_key(home, each): each for each in files.page(query.threads, stop)}
    searched = {
        key: each for key, each in threads.items() if query.within is None or key in query.within
    }
    skip, before = (after, None) if isinstance(after, int) else (0, after)
    scan = Scan(query, before, skip, stop)
    inventory = Inventory(home)
    rollouts = LocalRollouts(home, inventory=inventory)
    hiding = frozenset() if query.copies else frozenset(searched)
    for key, thread in searched.items():
        try:
            for unread in _unread(rollouts, inventory, (key, thread), hiding):
                scan.read(unread)
        except Unreadable:
            scan.left_out += 1
    owners = dict(searched)
    for part in query.inherited:
        if part.of in searched:
            try:
                owners[part.key] = threads.get(part.key) or files.find(part.key)
                scan.read(inherited.to_be_read(home, part))
            except (Unreadable, NotFound):
                scan.left_out += 1
    counts = (scan.total, len(scan.keys)) if query.counted else None
    answer = Answer(home, query, owners.get)
    hits, following = paged(answer, query, scan.while_wanted(iter(scan.hits)), skip)
    problems = [*sorted(inventory.problems), *left_out(scan.left_out)]
    return SearchPage(hits, following, problems, counts=counts, scanned=len(searched))


def _key(home: str, thread: ThreadSummary) -> str:
    return thread.id or below(home, thread.path)


def _unread(
    rollouts: LocalRollouts,
    inventory: Inventory,
    keyed: tuple[str, ThreadSummary],
    hiding: frozenset[str],
) -> Iterator[Unread]:
    """The rollouts of a thread with what is its own; copies are, but for those of *hiding*."""
    key, thread = keyed
    newest = found_at(thread.path, archived=thread.archived)
    group = {each.path: each for each in inventory.group(newest)}
    for path, cut in cuts(rollouts.home, inventory, newest, group).items():
        found = group.get(path, newest)
        head = inventory.head(found)
        if head.facts is None:
            raise Unreadable(path)
        told = copied(rollouts, path, head.metadata)
        yield Unread(
            key=key,
            stem=os.fsdecode(stem_of(found)),
            full_path=path,
            path=os.fsencode(below(rollouts.home, path)),
            head=head.metadata,
            cut=cut,
            copied_to=told.to,
            own_from=told.to if told.origin and key_text(told.origin) in hiding else 0,
        )
