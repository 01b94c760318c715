"""Lists as Codex and as threadlog give them, in one shape to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from interop.codex_process import NEWEST, PROVIDER, AppServer
from threadlog import Home, ThreadSummary
from threadlog.core import moments
from threadlog.core.cursor import codex_cursor_text, read_cursor

Json = Any
Fields = dict[str, Any]

LIMITS = (1, 4, 100)
MOST = 100  # what a page of Codex's holds
SORTS = {"created": "created_at", "updated": "updated_at"}


class Asked(NamedTuple):
    """A list, as Codex is asked for it and as we are."""

    theirs: Fields
    ours: Fields

    @property
    def turned(self) -> Asked:
        """The same list the other way round."""
        ascending = not self.ours.get("ascending")
        direction = "asc" if ascending else "desc"
        return Asked(
            {**self.theirs, "sortDirection": direction}, {**self.ours, "ascending": ascending}
        )


class Page(NamedTuple):
    """The ids of a page, and where it leads."""

    ids: list[str | None]
    next: str | None
    backwards: str | None = None


class Row(NamedTuple):
    """A thread as both show it."""

    id: str | None
    path: str
    preview: str | None
    name: str | None
    cwd: str | None
    source: Json
    provider: str | None
    version: str | None
    git: tuple[str | None, ...] | None
    created_s: int
    updated_s: int


class Listings(NamedTuple):
    """A running Codex of some version, and threadlog over the same home."""

    version: str
    server: AppServer
    home: Home

    def default_lists(self) -> Iterator[Asked]:
        """Every order of every kind of Codex's default list."""
        for sort, key in SORTS.items():
            for archived in (False, True):
                ours = {"sort": sort, "archived": archived, "codex": True}
                asked = Asked({"sortKey": key, "archived": archived}, ours)
                yield asked
                if self.version == NEWEST:
                    yield asked.turned

    def page(self, asked: Asked, limit: int, cursor: str | None = None) -> Page:
        """A page of Codex's."""
        begin = {"cursor": cursor} if cursor else {}
        page = self.server.call("thread/list", limit=limit, **asked.theirs, **begin)
        ids = [row["id"] for row in page["data"]]
        return Page(ids, page["nextCursor"], page.get("backwardsCursor"))

    def our_page(self, asked: Asked, limit: int | None, cursor: str | None = None) -> Page:
        """A page of ours."""
        page = self.home.threads(limit=limit, cursor=cursor, **asked.ours)
        return Page([thread.id for thread in page], page.next)

    def pages(self, asked: Asked, limit: int) -> list[Page]:
        """All of Codex's pages."""
        return _all(lambda cursor: self.page(asked, limit, cursor))

    def our_pages(self, asked: Asked, limit: int) -> list[Page]:
        """All of ours."""
        return _all(lambda cursor: self.our_page(asked, limit, cursor))

    def rows(self, asked: Asked) -> list[Row]:
        """What Codex says of the threads asked for."""
        page = self.server.call("thread/list", limit=MOST, **asked.theirs)
        assert not page["nextCursor"]
        return [self._row(row) for row in page["data"]]

    def our_rows(self, asked: Asked) -> list[Row]:
        """What we say of them."""
        return [self.our_row(each) for each in self.home.threads(limit=None, **asked.ours)]

    def _row(self, row: Fields) -> Row:
        git = row["gitInfo"]
        return Row(
            row["id"],
            row["path"],
            row["preview"],
            row["name"] if self.version == NEWEST else None,
            row["cwd"],
            row["source"],
            row["modelProvider"],
            row["cliVersion"],
            (git["branch"], git["sha"], git["originUrl"]) if git else None,
            row["createdAt"],
            row["updatedAt"],
        )

    def our_row(self, thread: ThreadSummary) -> Row:
        """A thread of ours, as far as this Codex shows one."""
        git = (thread.git_branch, thread.git_commit, thread.git_url)
        return Row(
            thread.id,
            thread.path.removesuffix(".zst"),  # as Codex names compressed ones
            thread.preview,
            thread.name if self.version == NEWEST else None,
            thread.cwd,
            thread.source,
            thread.model_provider or PROVIDER,  # Codex shows its own where there is none
            thread.cli_version,
            git if any(git) else None,
            (moments.unix_ms(thread.created) or 0) // 1000,
            (moments.unix_ms(thread.updated) or 0) // 1000,
        )


def ids_of(pages: list[Page]) -> list[str | None]:
    """The ids of some pages."""
    return [each for page in pages for each in page.ids]


def as_codex_spells_it(cursor: str, asked: Asked) -> str:
    """The same place as a cursor of Codex's."""
    sort = asked.ours["sort"]
    place = read_cursor(cursor, sort, ascending=asked.ours.get("ascending", False))
    assert place is not None
    return codex_cursor_text(place, sort)


def _all(read: Callable[[str | None], Page]) -> list[Page]:
    pages = [read(None)]
    while pages[-1].next:
        pages.append(read(pages[-1].next))
    return pages
