"""Our threads against a Codex's rows of them, in the same home: what differs, and who is right.

Where a rollout lies, and whether it is archived, the files tell; a row follows them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from threadlog.core.database_state import DAMAGED
from threadlog.core.metadata import PAGINATED

# Who is right.
FILES, DATABASE = "files", "database"

# Kinds of differences.
NO_ROW = "no-row"
FOREIGN = "foreign"
MOVED = "moved"
OLDER_ROLLOUT = "older-rollout"
SHARED = "shared"
OTHER_HOME = "other-home"
ARCHIVED = "archived"
HISTORY_MODE = "history-mode"
NAME = "name"
GONE = "gone"
TRASHED = "trashed"
# With these nothing is wrong.
_HARMLESS = (NO_ROW, FOREIGN)

_MODES = ("legacy", PAGINATED)
_FOLLOWS = "the files are right: `threadlog doctor --mend` corrects the row"
_LOOK = "neither is surely right: look at both, and put the wrong one away"
_UNTOLD = "which one is right cannot be told while that cannot be read"
_COPY = (
    "neither is surely right: if this home is a copy, it wants a database of its own, which Codex "
    "makes where there is none"
)


class Row(NamedTuple):
    """What a database has of a thread; `name` is the one that Codex shows.

    `path` is spelled as it is stored, `real` as the system spells it, "" for what is no path.
    `there` is True if something lies there, or that cannot be told.  `mode` is None where rows have
    none.
    """

    thread_id: str
    path: str
    archived: bool
    mode: str | None
    name: str | None
    real: str = ""
    there: bool = False


class Database(NamedTuple):
    """A database: where it lies, how it stands, its rows, and why it is left alone, if it is."""

    path: str
    state: str
    rows: Sequence[Row] = ()
    why: str | None = None


class Lying(NamedTuple):
    """A thread as its files have it: paths are those of the plain rollouts.

    `older` are the real paths of its other rollouts: True for one that was written to after the
    newest.  `mode` is None where the rollout tells nothing.
    """

    path: str
    real: str
    archived: bool
    older: Mapping[str, bool]
    tells: bool = True
    mode: str | None = None
    name: str | None = None
    first_message: str = ""


class Difference(NamedTuple):
    """Where row and files differ: what is so, which is right (None: neither), what mends it.

    `path` is the one that the row has; `mendable` is what `doctor --mend` mends.
    """

    thread_id: str
    kind: str
    what: str
    right: str | None
    mends: str
    path: str | None = None
    mendable: bool = False

    @property
    def harmless(self) -> bool:
        """True where nothing is wrong."""
        return self.kind in _HARMLESS


class Parity(NamedTuple):
    """How a Codex's database stands, and where it differs from the files."""

    path: str
    state: str
    why: str | None
    rows: int
    differences: Sequence[Difference]

    @property
    def healthy(self) -> bool:
        """True if nothing is wrong; a database that is left alone is not wrong for that."""
        return self.state != DAMAGED and all(each.harmless for each in self.differences)


class Mended(NamedTuple):
    """What became of a difference that can be mended: what is so now, or why it was left."""

    thread_id: str
    kind: str
    done: bool
    told: str


class Home(NamedTuple):
    """What the files of a home tell: its real folders, threads by id, and ids in its trash."""

    folders: Sequence[str]
    threads: Mapping[str, Lying]
    trashed: Collection[str]

    def holds(self, path: str) -> bool:
        """True for a path that lies in the home."""
        return any(path.startswith(f"{each}/") for each in self.folders)


def compare(rows: Sequence[Row], home: Home) -> list[Difference]:
    """Every difference, first those of the rows, in their order."""
    owners = {
        path: thread_id
        for thread_id, thread in home.threads.items()
        for path in (thread.real, *thread.older)
    }
    found = [each for row in rows for each in _of_row(row, home, owners)]
    noted = {row.thread_id for row in rows}
    missing = ((key, each) for key, each in home.threads.items() if key not in noted)
    return [*found, *(_without_row(*each) for each in missing)]


def _without_row(thread_id: str, thread: Lying) -> Difference:
    which = "archived threads" if thread.archived else "threads"
    what = "Codex's database has no row of it"
    return Difference(thread_id, NO_ROW, what, FILES, f"Codex makes it when it lists {which}")


def _of_row(row: Row, home: Home, owners: Mapping[str, str]) -> Iterator[Difference]:
    thread, owner = home.threads.get(row.thread_id), owners.get(row.real)
    if thread is None:
        yield _nowhere(row, home, owner)
        return
    if row.real != thread.real:
        elsewhere = _elsewhere(row, thread, home, owner)
        yield elsewhere
        if not elsewhere.mendable:
            return  # nor is its name
    elif row.archived != thread.archived:
        says, lies = ("archived", "active") if row.archived else ("active", "archived")
        yield _mendable(row, ARCHIVED, f"its row says {says}, and it lies among the {lies} threads")
    if None not in (row.mode, thread.mode) and row.mode != thread.mode:
        what = f"its row says {row.mode}, and its rollout {thread.mode}"
        mends = "the file is right, and nothing mends that: threadlog does not write it"
        yield Difference(row.thread_id, HISTORY_MODE, what, FILES, mends, row.path)
    elif _is_misnamed(row, thread):
        yield _mendable(row, NAME, "Codex shows another name than the one given last")


def _is_misnamed(row: Row, thread: Lying) -> bool:
    """True if Codex shows another name than the last; one like the first message is no name."""
    if thread.name is None or row.mode not in _MODES or thread.name == row.name:
        return False
    return row.mode == PAGINATED or thread.name != thread.first_message.strip()


def _nowhere(row: Row, home: Home, owner: str | None) -> Difference:
    """A row of a thread that has no rollout among those of the home."""
    leads = _leads(row)
    if owner is not None:
        what = f"its own rollout is nowhere, and its row leads to that of thread {owner}"
        return Difference(row.thread_id, SHARED, what, FILES, _LOOK, row.path)
    if row.there:
        what = f"{leads}, which is no rollout of this home"
        return Difference(row.thread_id, FOREIGN, what, None, "nothing is to be mended", row.path)
    if row.thread_id in home.trashed:
        mends = "`threadlog doctor --mend` removes the row"
        return _mendable(row, TRASHED, "it lies in the trash, and its row was left", mends)
    if row.real and not home.holds(row.real):
        what = f"{leads}, in another home, and nothing is there"
        mends = "bring that home back where it was"
        return Difference(row.thread_id, GONE, what, DATABASE, mends, row.path)
    what = f"its rollout is nowhere, and all that is left is its row; {leads.removeprefix('its ')}"
    mends = (
        f"put its rollout back; `codex delete {row.thread_id}` removes the row, and with it the "
        "subagents that the thread began, and their rollouts"
    )
    return Difference(row.thread_id, GONE, what, DATABASE, mends, row.path)


def _elsewhere(row: Row, thread: Lying, home: Home, owner: str | None) -> Difference:
    """A row that leads elsewhere than to the newest rollout of its thread."""
    kind, right, mends = _kind_of(row, thread, home, owner)
    what = f"{_leads(row)}; its newest rollout is {thread.path}"
    if right is None:
        return Difference(row.thread_id, kind, what, None, mends, row.path)
    if not thread.tells:
        what = f"{what}, of which nothing can be read"
        return Difference(row.thread_id, kind, what, None, _UNTOLD, row.path)
    return _mendable(row, kind, what)


def _kind_of(row: Row, thread: Lying, home: Home, owner: str | None) -> tuple[str, str | None, str]:
    """What kind of difference that is, which is right, and what mends it."""
    if row.real in thread.older:
        later = thread.older[row.real]  # than the newest was it written to
        return (OLDER_ROLLOUT, None, _LOOK) if later else (OLDER_ROLLOUT, FILES, _FOLLOWS)
    if owner is not None:
        return SHARED, FILES, _FOLLOWS
    kind, why = MOVED, _LOOK
    if row.real and not home.holds(row.real):
        kind, why = OTHER_HOME, _COPY
    return (kind, None, why) if row.there else (kind, FILES, _FOLLOWS)


def _leads(row: Row) -> str:
    return f"its row leads to {row.path}" if row.path else "its row leads nowhere"


def _mendable(row: Row, kind: str, what: str, mends: str = _FOLLOWS) -> Difference:
    if not row.real:
        mends = "the files are right, and nothing mends a row without a path"
        return Difference(row.thread_id, kind, what, FILES, mends, row.path)
    return Difference(row.thread_id, kind, what, FILES, mends, row.path, mendable=True)
