"""Looking a home over: what is damaged, open to others, in use, or otherwise in Codex's database.

Changes no thread, and nothing of Codex's unless `mend` is asked for.  As any listing it brings an
index up to date that is there, and copies names that Codex's database alone knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from threadlog.core.checkup import Checkup, Damaged
from threadlog.core.parity import Mended, Parity
from threadlog.core.query import ThreadPage, ThreadSummary
from threadlog.home import Home


def check_up(home: Home) -> Checkup:
    """How the home is.  Reads the heads of all rollouts that the index does not know yet."""
    place = home.store.look_over()  # before a listing mends an index that is broken
    threads = _every(home)
    return Checkup(
        threads=len(threads),
        archived=sum(each.archived for each in threads),
        place=place,
        damaged=list(_damaged(threads)),
        codex=_compared(home, threads),
        unscanned=sum(not each.scanned for each in threads),
        hidden=_counted(each.codex_hides for each in threads),
        versions=_counted(each.cli_version or "unknown" for each in threads),
    )


def mend(home: Home) -> list[Mended]:
    """Have Codex's rows follow the files where `Checkup.codex` says so; an answer for each.

    A thread is left, and that is said, whose writer lock another program holds; and all are while
    the database is not as a known Codex makes it, or busy.
    """
    return home.store.mend()


def _every(home: Home) -> ThreadPage:
    return home.threads(limit=None, archived=None)


def _compared(home: Home, threads: ThreadPage) -> Parity:
    """What is still so at a second look: what comes and goes meanwhile is no difference."""
    parity = home.store.compare(threads)
    if parity.healthy:
        return parity
    again = home.store.compare(_every(home))
    seen = set(parity.differences)
    return again._replace(differences=[each for each in again.differences if each in seen])


def _damaged(threads: Iterable[ThreadSummary]) -> Iterator[Damaged]:
    for each in threads:
        if each.problem is not None:
            yield Damaged(each.id, each.path, each.problem)
        elif each.problems:
            places = "1 place is" if each.problems == 1 else f"{each.problems} places are"
            yield Damaged(each.id, each.path, f"{places} no whole line")


def _counted(texts: Iterable[str | None]) -> dict[str, int]:
    """How often each is there, the most frequent first."""
    return dict(Counter(each for each in texts if each is not None).most_common())
