"""The store of one home on this machine: catalog, rollouts and journal, each loaded when used."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from threadlog.core import layout
from threadlog.core.family import NOBODY, Family

if TYPE_CHECKING:
    from threadlog.core.checkup import Place, Writing
    from threadlog.core.compression import ColdQuery, Compression
    from threadlog.core.index_status import Progress
    from threadlog.core.parity import Mended, Parity
    from threadlog.core.query import ThreadSummary
    from threadlog.local.catalog import FileCatalog
    from threadlog.local.comparing import Comparison
    from threadlog.local.disk import Disk
    from threadlog.local.index.catalog import IndexedCatalog
    from threadlog.local.index.database import Database
    from threadlog.local.index.upkeep import Index
    from threadlog.local.intents import Intents
    from threadlog.local.journal import FileJournal
    from threadlog.local.locks import TakeLock
    from threadlog.local.names import HomeNames, NameSource
    from threadlog.local.notes import NoteBook
    from threadlog.local.outside import Outside
    from threadlog.local.reading import LocalRollouts
    from threadlog.local.register import Register
    from threadlog.local.search.catalog import SearchCatalog
    from threadlog.local.shelf import Shelf


class Neighbour(NamedTuple):
    """What a Codex in the same home adds.

    `names` tells those of a home's threads; `lock` makes us a thread's only writer;
    `read_model_provider` says which provider Codex uses there; `writers` who writes now;
    `register` is what Codex notes of threads; `databases` the folder that its databases lie in.
    """

    names: Callable[[str], NameSource]
    lock: TakeLock
    read_model_provider: Callable[[str], str | None]
    writers: Callable[[str], Sequence[Writing]]
    register: Callable[[str], Register]
    databases: Callable[[str], str]


class LocalStore:
    """Threads kept as files under *home*."""

    def __init__(
        self,
        home: str,
        neighbour: Neighbour,
        disk: Disk | None = None,
        cache: str | None = None,
    ) -> None:
        """*disk* makes the calls to the system that write, if not the real one.

        *cache* is a folder for what must lie elsewhere where the home cannot be written to.
        """
        self.home = os.path.abspath(home)
        self.freshness_s = 0.0  # how old a listing may be
        self._cache = cache
        self._neighbour = neighbour
        self._disk = disk

    @cached_property
    def names(self) -> HomeNames:
        """What they are called."""
        from threadlog.local.kept_names import KeptNames
        from threadlog.local.names import HomeNames

        return HomeNames(self._neighbour.names(self.home), KeptNames(self.home, self._disk))

    @cached_property
    def files(self) -> FileCatalog:
        """Which threads there are, by the files alone."""
        from threadlog.local.catalog import FileCatalog

        return FileCatalog(self.home, self.names.read)

    @cached_property
    def catalog(self) -> IndexedCatalog:
        """Which threads there are."""
        from threadlog.local.index.catalog import IndexedCatalog

        return IndexedCatalog(self.home, self.files, self, self.freshness_s)

    @cached_property
    def search(self) -> SearchCatalog:
        """What is said in them, found."""
        from threadlog.local.search.catalog import SearchCatalog

        return SearchCatalog(self.home, self.catalog, self.files, self._search_database)

    def _search_database(self) -> Database:
        from threadlog.local.index.database import Database
        from threadlog.local.search.schema import SEARCH

        return Database(self.home, self._own_folders, self._chosen_disk(), SEARCH)

    def has_index(self) -> bool:
        """True if somebody made an index of this home, here or in its other place."""
        own, cache = os.path.join(self.home, layout.OWN_FOLDER), self._cache
        if os.path.lexists(os.path.join(own, layout.INDEX_FILE)):
            return True
        if cache is None or not os.path.isdir(cache):
            return False
        return os.path.lexists(os.path.join(cache, self._digest(), layout.INDEX_FILE))

    def index(self) -> Index:
        """A connection of its own to the index."""
        from threadlog.local.index import schema
        from threadlog.local.index.database import Database
        from threadlog.local.index.upkeep import Index

        database = Database(self.home, self._own_folders, self._chosen_disk(), schema.INDEX)
        return Index(self.home, database, self.names)

    def _own_folders(self) -> Iterator[str]:
        """Where what is ours may lie: in the home, else where it can be written to."""
        yield os.path.join(self.home, layout.OWN_FOLDER)
        if self._cache is not None:
            yield os.path.join(self._cache, self._digest())

    def _digest(self) -> str:
        """A name for what is of this home, in a place for all homes."""
        import hashlib

        return hashlib.sha256(os.fsencode(os.path.realpath(self.home))).hexdigest()[:32]

    @cached_property
    def rollouts(self) -> LocalRollouts:
        """Their lines."""
        from threadlog.local.reading import LocalRollouts

        return LocalRollouts(self.home)

    @property
    def journal(self) -> FileJournal:
        """Where new ones are made; the same for all OS threads."""
        made = vars(self).get("_journal")
        if made is None:
            from threadlog.local.journal import FileJournal

            fresh = FileJournal(self.home, self._neighbour.lock, self._disk)
            made = vars(self).setdefault("_journal", fresh)
        return made  # type: ignore[no-any-return]

    @cached_property
    def register(self) -> Register:
        """What a Codex in the same home notes of threads."""
        return self._neighbour.register(self.home)

    @cached_property
    def notes(self) -> NoteBook:
        """What is told of threads outside of their rollouts."""
        from threadlog.local.kept_names import KeptNames
        from threadlog.local.notes import NoteBook

        kept = KeptNames(self.home, self._chosen_disk())
        return NoteBook(self.home, self.register, kept, self._intents())

    def _intents(self) -> Intents:
        from threadlog.local.intents import Intents

        return Intents(self.home, self._chosen_disk(), self.journal.ensure_folder)

    @cached_property
    def shelf(self) -> Shelf:
        """Where threads are put away."""
        from threadlog.local.batches import Tools
        from threadlog.local.shelf import Shelf

        lock, writers = self._neighbour.lock, self._neighbour.writers
        disk = self._chosen_disk()
        beside = (self.register, self.journal, self.notes)
        tools = Tools(lock, *beside, disk, writers, self.catalog.building_on, self._is_there)
        return Shelf(self.home, tools)

    @property
    def outside(self) -> Outside:
        """Files that are no part of the home."""
        from threadlog.local.outside import Outside

        return Outside(self.home, self._neighbour.databases(self.home), self._chosen_disk())

    def _is_there(self, thread_id: str) -> bool:
        return bool(self.catalog.family(Family((thread_id,), NOBODY)))

    def close(self) -> None:
        """Let go of the indexes, until they are asked again."""
        for name in ("search", "catalog"):
            if name in vars(self):
                vars(self)[name].close()

    def spawned(self) -> Mapping[str, Sequence[str]]:
        """Which threads each thread began as its subagents, as a Codex here noted."""
        return self.register.spawned()

    def finish_unfinished(self) -> None:
        """Do the rest of what was broken off, if anything was: every process asks that."""
        folder = os.path.join(self.home, layout.OWN_FOLDER, layout.INTENTS)
        with contextlib.suppress(OSError):
            if os.listdir(folder):
                self.shelf.finish()

    def _chosen_disk(self) -> Disk:
        from threadlog.local.disk import Disk

        return self._disk or Disk()

    def look_over(self) -> Place:
        """What can be told of the home without reading its threads; changes nothing."""
        from threadlog.local.looking_over import look_over

        return look_over(self.home, self.catalog, self._neighbour.writers)

    def compare(self, threads: Sequence[ThreadSummary]) -> Parity:
        """Where the files differ from what a Codex here has of them; *threads* are all."""
        return self._compared(threads).parity

    def _compared(self, threads: Sequence[ThreadSummary]) -> Comparison:
        from threadlog.local.comparing import Comparison

        trashed = {each.id for each in self.shelf.trashed()}
        return Comparison(self.home, threads, trashed, self.register.rows())

    def mend(self) -> list[Mended]:
        """Have what a Codex here has of threads follow their files, as far as that can be."""
        from threadlog.core.query import ThreadQuery
        from threadlog.local.mending import Menders, mend

        def look(ids: Collection[str] | None) -> Comparison:
            if ids is not None:
                return self._compared(self.catalog.family(Family(tuple(ids), NOBODY)))
            return self._compared(self.catalog.page(ThreadQuery(limit=None, archived=None)))

        self.finish_unfinished()
        by = Menders(
            look=look,
            lock=self._neighbour.lock,
            register=self.register,
            notes=self.notes,
            intents=self._intents(),
        )
        return mend(self.home, by)

    def compress(
        self, threads: Sequence[ThreadSummary] | None, query: ColdQuery, progress: Progress
    ) -> list[Compression]:
        """Compress rollouts of these threads, or of all; raises UnsupportedPlatform."""
        from threadlog.local.cold import ColdRollouts

        rollouts = ColdRollouts(
            self.home, self._neighbour.lock, self._neighbour.writers, self._disk
        )
        return rollouts.compress(threads, query, progress)

    def model_provider(self) -> str | None:
        """The model provider that programs in this home use, if that is known."""
        return self._neighbour.read_model_provider(self.home)
