"""A home's files against the rows that a Codex there has of its threads; changes nothing."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Sequence

from threadlog.core import layout
from threadlog.core.database_state import READY
from threadlog.core.parity import Database, Home, Lying, Parity, Row, compare
from threadlog.core.query import ThreadSummary
from threadlog.local.inventory import Inventory
from threadlog.local.scan import Found


class Comparison:
    """One look at a home and at the database beside it.

    *threads* are all that a listing tells of, *trashed* the ids of those in the trash.
    """

    def __init__(
        self,
        path: str,
        threads: Sequence[ThreadSummary],
        trashed: Collection[str],
        database: Database,
    ) -> None:
        self._real_folder = functools.lru_cache(maxsize=1024)(os.path.realpath)
        inventory = Inventory(path)
        told = {each.id: each for each in threads}
        self.threads = {
            thread_id: self._lying(inventory.siblings.get(thread_id, [newest]), told.get(thread_id))
            for thread_id, newest in inventory.current.items()
        }
        folders = [path, *(os.path.join(path, each) for each in layout.ROOTS)]
        home = Home([os.path.realpath(each) for each in folders], self.threads, trashed)
        rows = [self._placed(each) for each in database.rows]
        differences = compare(rows, home) if database.state == READY else []
        self.parity = Parity(database.path, database.state, database.why, len(rows), differences)

    def _lying(self, group: Sequence[Found], summary: ThreadSummary | None) -> Lying:
        """A thread of which these are all rollouts, the oldest first."""
        *older, newest = group
        since = changed_ns(newest.path) if older else 0
        path = layout.plain(newest.path)
        lying = Lying(
            path=path,
            real=self._real(path),
            archived=newest.archived,
            older={self._real(each.path): changed_ns(each.path) > since for each in older},
        )
        if summary is None:  # it came to be since
            return lying
        if summary.problem is not None:
            return lying._replace(tells=False)
        mode, first_message = summary.history_mode, summary.first_user_message
        return lying._replace(mode=mode, name=summary.name, first_message=first_message)

    def _placed(self, row: Row) -> Row:
        """A row with what the disk tells of the path that it has."""
        if not os.path.isabs(row.path) or "\0" in row.path:
            return row
        real, thread = self._real(row.path), self.threads.get(row.thread_id)
        at_home = thread is not None and thread.real == real
        return row._replace(real=real, there=at_home or _is_there(real))

    def _real(self, path: str) -> str:
        """A path whose folders are spelled as the system spells them, under the plain name."""
        folder, name = os.path.split(layout.plain(path))
        return os.path.join(self._real_folder(folder), name)


def changed_ns(path: str) -> int:
    """When a rollout was last written to, plain or compressed; 0 if nobody can tell."""
    for each in (path, layout.twin(path) or path):
        try:
            return os.lstat(each).st_mtime_ns
        except OSError:
            continue
    return 0


def _is_there(path: str) -> bool:
    """True if a rollout lies there, plain or compressed, or that cannot be told."""
    for each in (path, layout.twin(path) or path):
        try:
            os.lstat(each)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True
        return True
    return False
