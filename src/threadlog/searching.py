"""What a caller asks of a search: words and keywords, checked and made one value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypedDict, cast

from threadlog.asking import Asked, Folder, moment_ms
from threadlog.core.query import ThreadQuery
from threadlog.core.search import (
    DEFAULT_LIMIT,
    NEWEST,
    ORDERS,
    Inherited,
    SearchQuery,
    checked_roles,
    pieces_of,
    with_words,
)
from threadlog.core.search import Asked as Typed
from threadlog.errors import BadQuery

# More hits than this are no page.
LIMIT = 10_000


class Searched(TypedDict, total=False):
    """The keywords of `Home.search`."""

    exact: bool
    roles: Iterable[str] | None
    tools: Iterable[str] | None
    after: datetime | str | None
    before: datetime | str | None
    within: Iterable[str] | str | None
    inherited: bool
    cwd: Folder | Iterable[Folder] | None
    below: bool
    branch: str | None
    repository: str | None
    sources: Iterable[str] | None
    providers: Iterable[str] | None
    archived: bool | None
    copies: bool
    order: str
    limit: int
    cursor: str | None
    counted: bool


# These choose among threads, as they do in listings.
_OF_THREADS = ("cwd", "below", "branch", "repository", "sources", "providers")


def query_of(
    text: str,
    asked: Searched,
    threads_of: Callable[[Asked], ThreadQuery],
    key_of: Callable[[str], str],
    inherited_of: Callable[[str], Iterable[Inherited]],
) -> SearchQuery:
    """The query that these make.

    *threads_of* makes the query for the threads meant, *key_of* the key of a thread that a
    reference means, *inherited_of* what the thread of a key builds on by reference.  Raises
    BadQuery, ValueError and TypeError for what cannot be asked.
    """
    if unknown := asked.keys() - Searched.__annotations__.keys():
        raise TypeError(f"search() knows no {min(unknown)!r}")
    order, limit = asked.get("order", NEWEST), asked.get("limit", DEFAULT_LIMIT)
    if order not in ORDERS:
        raise ValueError(f"cannot order hits by {order!r}: use {', '.join(ORDERS)}")
    if not isinstance(limit, int) or not 1 <= limit <= LIMIT:
        raise BadQuery(f"cannot show {limit} hits on a page: from 1 to {LIMIT}")
    exact = asked.get("exact", False)
    if exact and not text:
        raise BadQuery("an empty text stands everywhere: search for some of it")
    if exact and order != NEWEST:
        raise BadQuery("a text as it stands is found newest first: how relevant, words tell")
    typed = Typed((), {}) if exact else pieces_of(text)
    fields = typed.fields
    roles = checked_roles(_all(asked.get("roles"), fields.get("role")))
    after_ms = _moment(asked.get("after"), fields.get("after"), max)
    before_ms = _moment(asked.get("before"), fields.get("before"), min)
    if not exact:  # what is wrong with a field is told first
        with_words(typed)
    references = _all(asked.get("within"), fields.get("in"))
    within = None if references is None else tuple(key_of(each) for each in references)
    return SearchQuery(
        phrases=typed.phrases,
        needle=text if exact else None,
        roles=roles,
        tools=_all(asked.get("tools"), fields.get("tool")),
        after_ms=after_ms,
        before_ms=before_ms,
        threads=threads_of(_threads(asked, fields)),
        within=within,
        inherited=_parts(within, inherited_of) if asked.get("inherited", True) else (),
        copies=asked.get("copies", False),
        order=order,
        limit=limit,
        cursor=asked.get("cursor"),
        counted=asked.get("counted", False),
    )


def _parts(
    within: tuple[str, ...] | None, inherited_of: Callable[[str], Iterable[Inherited]]
) -> tuple[Inherited, ...]:
    """What these threads build on that is not among them, each rollout once, as far as any does."""
    found: dict[str, Inherited] = {}
    for part in (part for each in within or () for part in inherited_of(each)):
        known = found.get(part.path)
        further = known is None or part.end > known.end
        if part.key not in (within or ()) and further:
            found[part.path] = part
    return tuple(found.values())


def as_typed(words: str) -> str:
    """A query in the making: its last word may go on, unless a space ends it."""
    last = words.rsplit(" ", 1)[-1]
    going_on = last[-1:].isalnum() and ":" not in last and words.count('"') % 2 == 0
    return f"{words}*" if going_on else words


def _threads(asked: Searched, fields: dict[str, tuple[str, ...]]) -> Asked:
    """What is asked of the threads."""
    given = {name: asked[name] for name in _OF_THREADS if name in asked}  # type: ignore[literal-required]
    threads = cast("Asked", {**given, "archived": asked.get("archived"), "limit": None})
    if "cwd" in fields:
        threads["cwd"] = fields["cwd"]
    if "branch" in fields:
        threads["branch"] = fields["branch"][-1]
    return threads


def _all(
    given: Iterable[str] | str | None, field: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """What was asked for in either way."""
    if given is None:
        return field
    return ((given,) if isinstance(given, str) else tuple(given)) + (field or ())


def _moment(
    given: datetime | str | None,
    field: tuple[str, ...] | None,
    narrower: Callable[[Iterable[int]], int],
) -> int | None:
    """Unix milliseconds, of several moments those that leave less."""
    moments = [*([] if given is None else [given]), *(field or ())]
    try:
        return narrower(map(moment_ms, moments)) if moments else None
    except ValueError as error:
        raise BadQuery(f"no moment: {error}") from None
