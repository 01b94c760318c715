"""Looking a home over: what is damaged, open to others, in use, or hidden by Codex.

Changes no thread and nothing of Codex's.  As any listing it brings an index up to date that is
there, and copies names that Codex's database alone knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from threadlog.core.checkup import Checkup, Damaged
from threadlog.core.query import ThreadSummary
from threadlog.home import Home


def check_up(home: Home) -> Checkup:
    """How the home is.  Reads the heads of all rollouts that the index does not know yet."""
    place = home.store.look_over()  # before a listing mends an index that is broken
    threads = home.threads(limit=None, archived=None)
    return Checkup(
        threads=len(threads),
        archived=sum(each.archived for each in threads),
        place=place,
        damaged=list(_damaged(threads)),
        unscanned=sum(not each.scanned for each in threads),
        hidden=_counted(each.codex_hides for each in threads),
        versions=_counted(each.cli_version or "unknown" for each in threads),
    )


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
