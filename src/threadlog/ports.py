"""The seam between the use cases and where threads are kept: small protocols, no code.

`Catalog` answers which threads there are, `Search` what is said in them, `Rollouts` gives their
lines, `Journal` is the only way to write one.  An adapter implements them all; the use cases know
nothing else about storage.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from threadlog.core.family import Edges, Family
from threadlog.core.framing import Frame, Gap
from threadlog.core.growth import Glance
from threadlog.core.index_status import IndexStatus, Progress, Stop
from threadlog.core.lineage import Copied, Segment
from threadlog.core.metadata import Metadata
from threadlog.core.query import ThreadPage, ThreadQuery, ThreadSummary

if TYPE_CHECKING:
    from threadlog.core.checkup import Place as Overview
    from threadlog.core.compression import ColdQuery, Compression
    from threadlog.core.items.session import GitInfo
    from threadlog.core.parity import Mended, Parity
    from threadlog.core.search import SearchPage, SearchQuery, WordStatus
    from threadlog.core.shelf import Moved, Place, Trashed, When
    from threadlog.core.stats import Tally
    from threadlog.errors import OthersWrote, ThreadlogError


class Catalog(Protocol):
    """Which threads there are; `progress` is told while much has to be read for an answer."""

    progress: Progress

    def page(self, query: ThreadQuery, stop: Stop = ...) -> ThreadPage:
        """The threads that *query* asks for, newest first; raises BadCursor.

        Raises GivenUp where *stop* says so while much has to be read for the answer.
        """

    def counts(self, queries: Sequence[ThreadQuery], stop: Stop = ...) -> list[int]:
        """How many threads each query means, whatever its cursor and limit; after one look.

        Raises GivenUp as `page`.
        """

    def tally(self, query: ThreadQuery, begin: Callable[[], Tally]) -> Tally:
        """What the threads used that *query* means, added to what *begin* gives.

        All of them are read to their ends first, but for what was read before; *begin* is called
        again where that has to begin anew.
        """

    def find(self, reference: str) -> ThreadSummary:
        """The one thread that a user's reference means; raises NotFound, Ambiguous, OutsideHome."""

    def building_on(self, rollout_ids: Collection[str]) -> list[tuple[str | None, str]]:
        """The rollouts, active and archived, whose history_base names one of these rollouts.

        Thread id and path of each, by path; a thread's own revisions too.  An id is that of a
        revision, else of a thread.  What cannot be read builds on nothing.  Raises Unreadable if
        a folder cannot be listed: then nobody can tell.
        """

    def family(self, wanted: Family, stop: Stop = ...) -> list[ThreadSummary]:
        """The threads that belong together as *wanted* says, archived ones too.

        Raises GivenUp as `page`.
        """

    def expect(self, paths: Sequence[str] | None) -> None:
        """This process changed these rollouts, or (None) who knows what: the next answer has it."""

    def close(self) -> None:
        """Let go of what was opened to answer; asking opens it again."""

    def catch_up(self, stop: Stop, progress: Progress, *, check: bool = False) -> bool:
        """Bring what answers are made of up to date; True if nothing is left to do."""

    def rebuild(self) -> bool:
        """Forget what answers are made of, but for the threads themselves; False if in use."""

    def status(self) -> IndexStatus:
        """How what answers are made of stands."""


class Rollouts(Protocol):
    """The lines of threads."""

    def metadata(self, thread: ThreadSummary) -> Metadata:
        """What the head of the thread's newest rollout says."""

    def segments(self, thread: ThreadSummary) -> list[Segment]:
        """The pieces of rollouts that hold the thread's lines, oldest first."""

    def read(self, segment: Segment, start: int = 0) -> Iterator[Frame | Gap]:
        """The lines of a segment from byte *start* on, first to last; raises Unreadable."""

    def read_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        """The lines of a segment, last to first; raises Unreadable."""

    def chunks(self, segment: Segment) -> Iterator[bytes | Gap]:
        """The bytes of a segment, in pieces; raises Unreadable."""


class Growing(Rollouts, Protocol):
    """The same, while they grow."""

    def glance(self, path: str) -> Glance | None:
        """A rollout as the file system tells it; None if nothing lies there."""

    def piece(self, path: str, offset: int, limit_bytes: int) -> tuple[bytes, int]:
        """The bytes of a rollout from *offset* on, no more than a limit, and how many it has.

        Both uncompressed; raises Unreadable.
        """


class Appender(Protocol):
    """An open rollout that one process appends to."""

    @property
    def path(self) -> str:
        """The rollout written to."""

    @property
    def unsynced_bytes(self) -> int:
        """How much was appended since the last sync; it is kept until then."""

    @property
    def resting(self) -> bool:
        """True while it holds no descriptor of the file."""

    @property
    def begun(self) -> bool:
        """True if lines of the batch under way are there already."""

    def look(self) -> None:
        """See that it is ours still to append to; raises InUse, NotResumable, OSError."""

    def append(self, data: bytes) -> None:
        """Add whole lines in one write, all of them or none, after a `look`; raises OSError."""

    def sync(self) -> None:
        """Return once all appended lines are on stable storage; raises OSError."""

    def take_notice(self) -> OthersWrote | None:
        """That others wrote to it since this was last asked."""

    def recover(self, error: OSError) -> OSError | None:
        """Get over what others did to the file, if that can be; else what there is to be said.

        May take as long as it takes to read all of the file.
        """

    def rest(self) -> None:
        """Let go of the file, not of the thread: until the next append; raises OSError."""

    def check_before_closing(self) -> None:
        """Raise OSError once if what is in it would be gone with us."""

    def close(self) -> None:
        """Let go of the file and of the thread's lock."""

    def disown(self) -> None:
        """In a forked child: let go of what was copied, and leave the parent's alone."""


class Tail(Protocol):
    """How a stored thread goes on."""

    @property
    def history_mode(self) -> str:
        """`legacy` or `paginated`."""

    @property
    def next_ordinal(self) -> int | None:
        """The next line's number, None if lines have none."""


class Journal(Protocol):
    """Where rollouts are made and gone on with."""

    def plan(self, stamp: str, thread_id: str, rollout_id: str | None = None) -> str:
        """The absolute path that a new rollout will have; touches nothing."""

    def git_info(self, cwd: str) -> GitInfo | None:
        """The repository that a working directory lies in; may take seconds."""

    def create(self, path: str, thread_id: str, copied: Copied | None = None) -> Appender:
        """Make the planned rollout and become its only writer; raises InUse, OSError.

        With *copied* it appears whole or not at all; raises NotResumable, Unreadable then, too.
        """

    def resume(
        self, thread: ThreadSummary, *, force: bool = False, take_over: bool = False
    ) -> tuple[Appender, Tail]:
        """Become the only writer of a stored thread; changes none of its bytes.

        Raises InUse, Archived, NotResumable, Unreadable, OSError.
        """


class Shelf(Protocol):
    """Where threads are put away, and brought back from; answers hold what went wrong."""

    def archive(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Moved | ThreadlogError]:
        """Put threads into the archive; *along* names with whom each goes."""

    def unarchive(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Moved | ThreadlogError]:
        """Put archived threads back; *along* names with whom each goes."""

    def trash(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Moved | ThreadlogError]:
        """Put threads into the trash, wherever they lie; *along* names who took each with it."""

    def trashed(self) -> list[Trashed]:
        """What is in the trash, that deleted last first."""

    def restore(self, entries: Sequence[str], when: When) -> list[Moved | ThreadlogError]:
        """Put threads back from the trash, each named by its `entry`."""

    def purge(self, entries: Sequence[str], when: When) -> list[Moved | ThreadlogError]:
        """Remove threads in the trash for good."""

    def rollout_ids(self, threads: Sequence[ThreadSummary]) -> dict[str, list[str]]:
        """The ids of all rollouts of some threads, by thread."""

    def in_trash_building_on(self, rollout_ids: Sequence[str]) -> list[str]:
        """The threads in the trash that build on one of some rollouts."""

    def rollouts_in_trash(self, entry: str) -> tuple[str, ...]:
        """The ids of the rollouts of a thread in the trash."""

    def revise(self, place: Place, path: str, at_ms: int, make: Callable[[], None]) -> None:
        """Have *make* make a further rollout of a thread, and others led to it; or neither.

        Raises Refused, MoveFailed, and what *make* raises.
        """

    def finish(self) -> None:
        """Do the rest of what was broken off; never raises."""


class Notes(Protocol):
    """What is told of threads outside of their rollouts; answers are sentences on what was left."""

    def rename(self, place: Place, name: str, at_ms: int) -> tuple[str, ...]:
        """Call a thread so; raises MoveFailed."""

    def patch(self, place: Place, patch: Mapping[str, str | None], at_ms: int) -> tuple[str, ...]:
        """Change metadata of a thread whose rollout must not be told; raises MoveFailed."""

    def keep(self, thread_id: str, patch: Mapping[str, str | None], at_ms: int) -> None:
        """Keep what a legacy rollout was told, for listings that have not read it yet."""


class Search(Protocol):
    """What is said in threads: the disposable word index, and reading where there is none."""

    def find(self, query: SearchQuery, stop: Stop) -> SearchPage:
        """The passages that a query means; raises BadCursor, and GivenUp once *stop* is true."""

    def catch_up(self, stop: Stop, progress: Progress) -> bool:
        """Bring the word index up to date; True if nothing is left to do."""

    def rebuild(self) -> bool:
        """Empty the word index; False if it could not be."""

    def status(self, stop: Stop) -> WordStatus:
        """How the word index stands; makes none.  Raises GivenUp once *stop* is true."""

    def exists(self) -> bool:
        """True if there is a word index."""


class Outside(Protocol):
    """Files that are no part of a home."""

    def rules(self, path: str | None, limit_bytes: int) -> bytes | None:
        """A table of rules at a path, or the home's own, None if that is not there.

        Raises OSError; ValueError for one that is longer than *limit_bytes*.
        """

    def written_aside(self, path: str) -> AbstractContextManager[Callable[[bytes], object]]:
        """What appends to a new file, which has *path* once all is there.

        A FIFO or a device is written into.  Raises OSError; ValueError for a path in the
        home, or where its databases are.
        """


class Store(Protocol):
    """All of it: what a home needs of its adapter."""

    @property
    def home(self) -> str:
        """Where it is, for messages."""

    @property
    def catalog(self) -> Catalog:
        """Which threads there are."""

    @property
    def search(self) -> Search:
        """What is said in them."""

    @property
    def rollouts(self) -> Growing:
        """Their lines."""

    @property
    def journal(self) -> Journal:
        """Where new ones are made."""

    @property
    def shelf(self) -> Shelf:
        """Where threads are put away."""

    @property
    def notes(self) -> Notes:
        """What is told of threads outside of their rollouts."""

    @property
    def outside(self) -> Outside:
        """Files that are no part of the home."""

    def finish_unfinished(self) -> None:
        """Do the rest of what was broken off, if anything was; never raises."""

    def close(self) -> None:
        """Let go of the indexes, until they are asked again."""

    def spawned(self) -> Edges:
        """Which threads each thread began as its subagents, as it is told beside the rollouts."""

    def look_over(self) -> Overview:
        """What can be told of the home without reading its threads; changes nothing."""

    def compare(self, threads: Sequence[ThreadSummary]) -> Parity:
        """Where the files differ from what a Codex here has of them; *threads* are all."""

    def mend(self) -> list[Mended]:
        """Have what a Codex here has of threads follow their files, as far as that can be."""

    def compress(
        self, threads: Sequence[ThreadSummary] | None, query: ColdQuery, progress: Progress
    ) -> list[Compression]:
        """Compress rollouts of these threads, or of all; raises UnsupportedPlatform."""

    def model_provider(self) -> str | None:
        """The model provider that programs in this home use, if that is known."""
