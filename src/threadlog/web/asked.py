"""What a request asks for: its query, checked, as the keywords of a home's verbs."""

from __future__ import annotations

from typing import NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import Request

from threadlog.asking import Asked
from threadlog.core.query import CREATED, SORTS
from threadlog.errors import BadQuery
from threadlog.searching import Searched

# Threads of a page, hits of a page, characters of what is typed.
PAGE, HITS, TEXT_CHARS = 60, 40, 500
SOURCES = ("cli", "vscode", "exec", "mcp", "subagent")
SHELVES = {"": False, "only": True, "all": None}


class Choice(NamedTuple):
    """Which threads a page is to show."""

    text: str = ""
    cwd: str = ""
    source: str = ""
    archived: str = ""
    sort: str = CREATED
    cursor: str | None = None

    def threads(self) -> Asked:
        """As `Home.threads` takes it."""
        asked: Asked = {"limit": PAGE, "sort": self.sort, "cursor": self.cursor}
        asked["archived"] = SHELVES[self.archived]
        if self.text:
            asked["text"] = self.text
        if self.cwd:
            asked["cwd"], asked["below"] = self.cwd, True
        if self.source:
            asked["sources"] = [self.source]
        return asked

    def search(self) -> Searched:
        """As `Home.search` takes it."""
        asked: Searched = {"limit": HITS, "cursor": self.cursor}
        asked["archived"] = SHELVES[self.archived]
        if self.cwd:
            asked["cwd"], asked["below"] = self.cwd, True
        if self.source:
            asked["sources"] = [self.source]
        return asked


def choice_of(request: Request) -> Choice:
    """What the query of a request says; raises BadQuery."""
    given = request.query_params
    archived, sort = given.get("archived", ""), given.get("sort", CREATED)
    if archived not in SHELVES or sort not in SORTS:
        raise BadQuery("no such choice among threads")
    cwd, source = _text(given, "cwd"), _text(given, "source")
    if "\0" in cwd:
        raise BadQuery("no such folder")
    return Choice(_text(given, "q"), cwd, source, archived, sort, given.get("cursor"))


def number(given: QueryParams, name: str, most: int = 1 << 53) -> int | None:
    """A number of the query; None if it is not there.  Raises BadQuery for what is none."""
    text = given.get(name)
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 18 and int(text) <= most):
        raise BadQuery(f"{name} is no number here")
    return int(text)


def _text(given: QueryParams, name: str) -> str:
    text = given.get(name, "")
    if len(text) > TEXT_CHARS:
        raise BadQuery(f"{name} is longer than {TEXT_CHARS} characters")
    return text
