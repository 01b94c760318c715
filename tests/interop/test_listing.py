"""Listings as the real Codex gives them: the same threads, in the same order, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import corpus_root
from interop.codex_answers import opened
from interop.codex_process import NEWEST, OLDER, PROVIDER, AppServer, CodexHome
from interop.listed_homes import folder, make_threads, set_changed
from interop.listings import LIMITS, MOST, Asked, Listings, as_codex_spells_it, ids_of
from interop.test_corpus import HOMES, copy_home
from threadlog import ThreadSummary

THREADS = 240
# The older Codex sorts by whole seconds.
TICKS_MS = {NEWEST: 501, OLDER: 1000}


@pytest.fixture(params=[NEWEST, OLDER])
def version(request: pytest.FixtureRequest) -> str:
    """Each Codex."""
    return str(request.param)


@pytest.fixture
def binary(version: str, request: pytest.FixtureRequest) -> Path:
    """The one of this version."""
    found: Path = request.getfixturevalue("newest" if version == NEWEST else "older")
    return found


@pytest.fixture
def both(version: str, binary: Path, codex_home: CodexHome) -> Iterator[Listings]:
    """Each Codex, and we, over a home of many threads."""
    make_threads(codex_home.path, THREADS, TICKS_MS[version])
    with AppServer(binary, codex_home) as server:
        yield Listings(version, server, opened(codex_home))


@pytest.fixture
def with_newest(newest: Path, codex_home: CodexHome) -> Iterator[Listings]:
    """The same with the newest Codex only."""
    make_threads(codex_home.path, THREADS, TICKS_MS[NEWEST])
    with AppServer(newest, codex_home) as server:
        yield Listings(NEWEST, server, opened(codex_home))


def _assert_same_pages(both: Listings, asked: Asked) -> None:
    whole = both.our_page(asked, None)
    for limit in LIMITS:
        theirs, ours = both.pages(asked, limit), both.our_pages(asked, limit)
        # Where what comes after the last page is filtered out, either may say that there is more.
        assert [page.ids for page in theirs if page.ids] == [page.ids for page in ours if page.ids]
        assert ids_of(ours) == whole.ids


def test_the_default_list_is_codexs_page_by_page(both: Listings) -> None:
    for asked in both.default_lists():
        assert len(both.our_page(asked, 6).ids) == 6
        _assert_same_pages(both, asked)


def test_either_goes_on_where_the_other_stopped(both: Listings) -> None:
    for asked in both.default_lists():
        for page in both.pages(asked, 4)[:-1]:
            ours = both.our_page(asked, 4, page.next)
            assert ours.ids == both.page(asked, 4, page.next).ids, page.next
        for page in both.our_pages(asked, 4)[:-1]:
            assert page.next is not None
            theirs = both.page(asked, 4, as_codex_spells_it(page.next, asked))
            assert theirs.ids == both.our_page(asked, 4, page.next).ids, page.next


def test_the_way_back_is_codexs(with_newest: Listings) -> None:
    for asked in with_newest.default_lists():
        for page in with_newest.pages(asked, 7):
            assert page.backwards is not None
            theirs = with_newest.page(asked.turned, 7, page.backwards)
            ours = with_newest.our_page(asked.turned, 7, page.backwards)
            assert ours.ids == theirs.ids, page.backwards


def test_a_row_says_what_codexs_says(both: Listings) -> None:
    for asked in both.default_lists():
        assert both.our_rows(asked) == both.rows(asked)


_KINDS = {
    "cli": "cli",
    "vscode": "vscode",
    "exec": "exec",
    "appServer": "mcp",
    "subAgent": "subagent",
    "subAgentReview": "subagent:review",
    "subAgentCompact": "subagent:compact",
    "subAgentThreadSpawn": "subagent:spawn",
    "subAgentOther": "subagent:other",
}
_DEFAULT = {"sources": ["cli", "vscode"], "providers": [PROVIDER]}
# How Codex is asked, how we are, and how many threads there are at least.
_Filter = tuple[dict[str, Any], dict[str, Any], int]
_FILTERS: list[_Filter] = [
    *[({"sourceKinds": [kind]}, {"sources": [label]}, 9) for kind, label in _KINDS.items()],
    ({"sourceKinds": ["exec", "cli"]}, {"sources": ["exec", "cli"]}, 20),
    ({"sourceKinds": []}, {}, 50),
    ({"modelProviders": ["elsewhere"]}, {"providers": ["elsewhere"]}, 5),
    ({"modelProviders": [PROVIDER, "elsewhere"]}, {"providers": [PROVIDER, "elsewhere"]}, 50),
    ({"modelProviders": []}, {"providers": None}, 50),
    ({"modelProviders": ["nobody"]}, {"providers": ["nobody"]}, 0),
]


def _newest_filters(home: Path) -> list[_Filter]:
    """What the older Codex knows nothing of."""
    desks = [folder(home, number) for number in range(3)]
    return [
        ({"cwd": desks[0]}, {"cwd": desks[0]}, 9),
        ({"cwd": desks[0] + "/"}, {"cwd": desks[0]}, 9),
        ({"cwd": desks}, {"cwd": desks}, 30),
        ({"cwd": str(home)}, {"cwd": home}, 0),
        ({"cwd": []}, {"cwd": []}, 0),
        ({"searchTerm": "Pears"}, {"text": "Pears"}, 9),
        ({"searchTerm": "Question 1"}, {"text": "Question 1"}, 9),
        ({"searchTerm": "%"}, {"text": "%"}, 0),
    ]


def test_what_is_asked_for_is_what_codex_finds(both: Listings) -> None:
    filters = list(_FILTERS)
    if both.version == NEWEST:
        filters += _newest_filters(Path(both.home.path))
    for theirs, ours, least in filters:
        asked = Asked(theirs, {**_DEFAULT, **ours})
        for limit in (5, MOST):
            ids = ids_of(both.our_pages(asked, limit))
            assert ids == ids_of(both.pages(asked, limit)), theirs
            assert len(ids) >= least, theirs


def test_a_name_is_found_as_codex_finds_it(with_newest: Listings) -> None:
    # On one page: of names that stand in the name file only, Codex gives no second one.
    asked = Asked({"searchTerm": "Named 1"}, {"text": "Named 1", "codex": True})
    ids = with_newest.our_page(asked, MOST).ids
    assert with_newest.page(asked, MOST).ids == ids
    assert len(ids) > 3


@pytest.mark.corpus
@pytest.mark.parametrize("name", HOMES)
def test_a_genuine_home_is_listed_as_codex_lists_it(
    name: str, version: str, binary: Path, codex_home: CodexHome
) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    copy_home(root / name, codex_home.path)
    for number, path in enumerate(codex_home.rollouts()):
        set_changed(path, number, TICKS_MS[version])
    with AppServer(binary, codex_home) as server:
        both = Listings(version, server, opened(codex_home))
        if version == OLDER and name.endswith("paginated"):
            assert both.rows(Asked({}, {})) == []  # it knows no such threads
            return
        for asked in both.default_lists():
            threads = both.home.threads(limit=None, **asked.ours)
            _assert_same_rows(both, asked, list(threads))
            # Of a thread of several rollouts Codex's list has all, and counts them in its pages.
            if all(thread.rollouts == 1 for thread in threads):
                _assert_same_pages(both, asked)


def _assert_same_rows(both: Listings, asked: Asked, threads: list[ThreadSummary]) -> None:
    newest_rollouts = {both.our_row(thread).path for thread in threads}
    rows = both.rows(asked)
    theirs = [row for row in rows if row.path in newest_rollouts]
    assert len(rows) - len(theirs) == sum(thread.rollouts - 1 for thread in threads)
    assert [row.id for row in theirs] == [thread.id for thread in threads]
    for thread, row in zip(threads, theirs, strict=True):
        unknown = _unknown(thread)
        assert both.our_row(thread)._replace(**unknown) == row._replace(**unknown)


def _unknown(thread: ThreadSummary) -> dict[str, Any]:
    """What Codex does not know without its database, and we not before all is read."""
    fields = []
    if thread.history_mode == "paginated":
        fields.append("name")
    if thread.forked_from_id or thread.rollouts > 1:
        fields.append("preview")
    if not thread.scanned and Path(thread.path).read_bytes().count(b'"session_meta"') > 1:
        fields.append("git")
    return dict.fromkeys(fields)
