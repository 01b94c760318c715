"""Rollouts into the word index: read on, and given to the database in batches."""

from __future__ import annotations

from collections.abc import Sequence

from threadlog.core.index_status import Progress, Stop, untold
from threadlog.core.passages import Passages
from threadlog.errors import Unreadable
from threadlog.local.files import open_rollout
from threadlog.local.index.database import Database
from threadlog.local.search import sources
from threadlog.local.search.plans import Plan, Planner
from threadlog.local.search.reading import Reached, SourceReader
from threadlog.local.search.sources import Pending
from threadlog.local.search.writing import Told, write

# A transaction holds about so much text, in characters.
BATCH_CHARS = 16 << 20
# And is of no more sources than these.
BATCH_SOURCES = 256


class Builder:
    """Brings the word index of one home up to date."""

    def __init__(self, home: str, database: Database) -> None:
        self._home = home
        self._database = database
        self._told: list[Told] = []
        self._gone: list[int] = []
        self._chars = 0

    def read(self, todo: Sequence[Pending], stop: Stop, progress: Progress = untold) -> bool:
        """Read these threads to their ends, in their order; False if stopped.  Raises Unusable."""
        total, done = sum(each.size for each in todo), 0
        for each in todo:
            if stop():
                self.keep()
                return False
            with self._database.asking() as connection:
                plans, gone = Planner(self._home, connection).plans(each.key)
            self._gone += gone
            for plan in plans:
                if not self._follow(plan, stop):
                    self.keep()
                    return False
            if len(self._told) >= BATCH_SOURCES:
                self.keep()
            done += each.size
            progress("bytes", done, total)
        self.keep()
        return True

    def forget(self, gone: Sequence[int]) -> None:
        """Have sources removed whose threads are no more; raises Unusable."""
        self._gone += gone
        self.keep()

    def keep(self) -> None:
        """Keep what was told since the last time; raises Unusable."""
        if self._told or self._gone:
            with self._database.changing() as connection:
                write(connection, self._told, self._gone)
        self._told, self._gone, self._chars = [], [], 0

    def _follow(self, plan: Plan, stop: Stop) -> bool:
        """Read a rollout as planned; False if it was stopped.

        One that cannot be read is tried again the next time.
        """
        told = Told(plan.key, plan.source, plan.path)
        if plan.stays:
            self._told.append(told)
            return True
        try:
            return self._read(plan, told, stop)
        except Unreadable:
            return True

    def _read(self, plan: Plan, told: Told, stop: Stop) -> bool:
        if plan.head is None:
            raise Unreadable(plan.source.found.path)
        with open_rollout(plan.source.found.path) as rollout:
            reached = plan.reached or Reached(0, Passages.of(plan.head))
            copied = plan.copied if plan.reached is None else None
            reader = SourceReader(rollout, reached, plan.source.cut, plan.head.created)
            start = reached.offset
            while True:
                step = reader.step()
                state, seal = sources.packed(reader.fold), sources.seal(rollout, step.read_to)
                self._told.append(
                    told._replace(start=start, step=step, state=state, seal=seal, copied=copied)
                )
                self._chars += sum(len(each.text) for each in step.passages)
                if self._chars >= BATCH_CHARS:
                    self.keep()
                if step.done or stop():
                    return step.done
                start, copied = step.read_to, None
