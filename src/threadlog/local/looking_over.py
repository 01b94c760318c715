"""A look over the files of a home, but not into them: how many, how large, and open to whom."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence

from threadlog.core import layout
from threadlog.core.checkup import Place, Writing
from threadlog.core.query import ThreadQuery
from threadlog.local.index.catalog import IndexedCatalog
from threadlog.local.inventory import Inventory
from threadlog.local.scan import Found, find_rollouts, list_folder

_OTHERS = 0o077
_ALL = ThreadQuery(limit=None, archived=None)


def look_over(
    home: str, catalog: IndexedCatalog, writers: Callable[[str], Sequence[Writing]]
) -> Place:
    """What there is; reads names, sizes and modes, and asks the index what it has."""
    index = catalog.status()  # the first, as any question may mend what is broken
    walked: list[Found] = []

    def walk(home: str, problems: list[str]) -> Iterator[list[Found]]:
        for batch in find_rollouts(home, problems):
            walked.extend(batch)
            yield batch

    inventory = Inventory(home, walk)
    folders = {each.folder for each in walked} | {os.path.join(home, each) for each in layout.ROOTS}
    statuses = [status for each in walked if (status := _status(each.path)) is not None]
    differ = _differ(home, catalog)
    return Place(
        rollouts=len(walked),
        compressed=sum(each.compressed for each in walked),
        size_bytes=sum(each.st_size for each in statuses),
        open_files=sum(_is_open(each) for each in statuses),
        open_folders=sum(_is_open(each) for path in folders if (each := _status(path))),
        index_status=catalog.status() if index.trouble is None else index,
        differ=differ,
        writers=writers(home),
        rescued=_rescued(home),
        problems=sorted(inventory.problems),
    )


def _rescued(home: str) -> list[str]:
    own = os.path.join(home, layout.OWN_FOLDER)
    folder = os.path.join(own, layout.RESCUED)
    if os.path.islink(own) or os.path.islink(folder):
        return []
    return sorted(os.path.join(folder, name) for name in list_folder(folder, [])[0])


def _differ(home: str, catalog: IndexedCatalog) -> list[str]:
    """Rollouts that only files or index name, twice: what comes and goes meanwhile is none."""
    first = _differ_now(home, catalog)
    return sorted(first & _differ_now(home, catalog)) if first else []


def _differ_now(home: str, catalog: IndexedCatalog) -> set[str]:
    inventory = Inventory(home)
    by_files = {each.path for each in [*inventory.current.values(), *inventory.anonymous]}
    return by_files ^ {each.path for each in catalog.page(_ALL)}


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _is_open(status: os.stat_result) -> bool:
    return bool(stat.S_IMODE(status.st_mode) & _OTHERS)
