"""Lists of the server: pages, cursors, filters; and searches."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wired import Wired, with_client

import threadlog
from makers import put_thread, uuid
from threadlog.app import listing

SORTS = ("created_at", "updated_at", "recency_at")


def made(home: Path) -> list[str]:
    """Threads of several kinds; the ids of the interactive ones, the newest first."""
    with threadlog.open(home) as opened:
        names = []
        for number in range(12):
            thread = opened.start(
                f"/desk/{number % 2}",
                source=("cli", "vscode", "exec")[number % 3],
                originator=f"program {number % 2}",
                model_provider="openai",
            )
            with thread.turn(f"question {number}") as turn:
                turn.say(f"the answer is {number}")
            thread.close()
            if number % 3 < 2:
                names.append(thread.id)
    return names[::-1]


def ids(answer: dict[str, Any]) -> list[str]:
    return [each["id"] for each in answer["data"]]


@pytest.fixture(params=["UTC", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """A local time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_follow_one_another_in_both_directions(home: Path, sort: str, direction: str) -> None:
    wanted = made(home)
    if direction == "asc":
        wanted = wanted[::-1]

    async def work(client: Wired) -> None:
        found: list[str] = []
        pages = []
        cursor = None
        while True:
            page = await client.call(
                "thread/list", limit=3, sortKey=sort, sortDirection=direction, cursor=cursor
            )
            pages.append(page)
            found += ids(page)
            cursor = page["nextCursor"]
            if cursor is None:
                break
        assert found == wanted
        other = {"asc": "desc", "desc": "asc"}[direction]
        back = await client.call(
            "thread/list",
            limit=100,
            sortKey=sort,
            sortDirection=other,
            cursor=pages[-1]["backwardsCursor"],
        )
        first = wanted.index(ids(pages[-1])[0])
        assert ids(back) == wanted[first::-1]

    with_client(home, work)


FILTERS: list[tuple[dict[str, Any], int]] = [
    ({}, 8),
    ({"useStateDbOnly": True}, 8),
    ({"sourceKinds": ["exec"]}, 4),
    ({"sourceKinds": ["cli", "vscode", "exec"]}, 12),
    ({"sourceKinds": []}, 8),
    ({"modelProviders": []}, 8),
    ({"modelProviders": ["openai"]}, 8),
    ({"modelProviders": ["other"]}, 0),
    ({"cwd": "/desk/0/"}, 4),
    ({"cwd": ["/desk/0", "/desk/1"]}, 8),
    ({"cwd": "/desk/7"}, 0),
    ({"searchTerm": "question 1"}, 2),
    ({"archived": True}, 0),
    ({"originators": ["program 0"]}, 4),
    ({"originators": ["program 0", "program 1"]}, 8),
    ({"sectionId": "x"}, 0),
    ({"attachedToThreadId": uuid(1)}, 0),
    ({"projectId": "x"}, 0),
    ({"limit": 0}, 1),
    ({"limit": 1000}, 8),
]


@pytest.mark.parametrize(("asked", "count"), FILTERS, ids=str)
def test_what_is_asked_for_is_listed(home: Path, asked: dict[str, Any], count: int) -> None:
    made(home)

    async def work(client: Wired) -> None:
        assert len(ids(await client.call("thread/list", **asked))) == count

    with_client(home, work)


def test_threads_that_are_excluded_leave_room_for_others(home: Path) -> None:
    wanted = made(home)

    async def work(client: Wired) -> None:
        page = await client.call("thread/list", limit=3, excludedThreadIds=wanted[:2])
        assert set(ids(page)) <= set(wanted[2:])
        assert len(ids(page)) == 3
        rest = await client.call(
            "thread/list", cursor=page["nextCursor"], excludedThreadIds=wanted[:2]
        )
        assert sorted(ids(page) + ids(rest)) == sorted(wanted[2:])
        assert rest["nextCursor"] is None

    with_client(home, work)


def test_relatives_are_listed_whatever_their_source(home: Path) -> None:
    put_thread(home, 1)

    def spawned(number: int, parent: int) -> str:
        source = {"subagent": {"thread_spawn": {"parent_thread_id": uuid(parent), "depth": 1}}}
        with threadlog.open(home) as opened:
            thread = opened.start(
                "/desk/x", source=source, parent_thread_id=uuid(parent), thread_id=uuid(number)
            )
            with thread.turn("Q") as turn:
                turn.say("A")
            thread.close()
        return thread.id

    child, grandchild = spawned(2, 1), spawned(3, 2)

    async def work(client: Wired) -> None:
        children = await client.call("thread/list", parentThreadId=uuid(1))
        assert ids(children) == [child]
        assert children["data"][0]["source"]["subAgent"]["thread_spawn"][
            "parent_thread_id"
        ] == uuid(1)
        below = await client.call("thread/list", ancestorThreadId=uuid(1))
        assert sorted(ids(below)) == [child, grandchild]
        both = {"parentThreadId": uuid(1), "ancestorThreadId": uuid(1)}
        refused = await client.refusal("thread/list", **both)
        assert refused[1] == "parentThreadId and ancestorThreadId are mutually exclusive"
        for name in ("parent", "ancestor"):
            refused = await client.refusal("thread/list", **{f"{name}ThreadId": "x"})
            assert refused[1].startswith(f"invalid {name} thread id: ")

    with_client(home, work)


def test_a_cursor_that_is_none_is_refused(home: Path) -> None:
    async def work(client: Wired) -> None:
        for cursor in ("x", "", "2026-01-01", "|"):
            assert await client.refusal("thread/list", cursor=cursor) == (
                -32600,
                f"invalid cursor: {cursor}",
            )
        sections = await client.refusal("thread/list", sortKey="section_position")
        assert "sections" in sections[1]

    with_client(home, work)


@pytest.mark.parametrize("few", [1000, 1])
def test_what_was_said_is_found_in_either_case_with_what_is_around_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    wanted = made(home)
    monkeypatch.setattr(listing, "_FEW_PASSAGES", few)

    async def work(client: Wired) -> None:
        found = await client.call("thread/search", searchTerm=" ANSWER is 1 ")
        assert [each["snippet"] for each in found["data"]] == [
            "the answer is 10",
            "the answer is 1",
        ]
        first = await client.call("thread/search", searchTerm="answer", limit=3)
        rest = await client.call("thread/search", searchTerm="answer", cursor=first["nextCursor"])
        names = [each["thread"]["id"] for each in first["data"] + rest["data"]]
        assert sorted(names) == sorted(wanted)
        assert rest["nextCursor"] is None
        backwards = {"sortDirection": "asc", "sortKey": "updated_at"}
        turned = await client.call("thread/search", searchTerm="answer", **backwards)
        names = [each["thread"]["id"] for each in turned["data"]]
        assert sorted(names) == sorted(wanted)
        assert names == ids(await client.call("thread/list", **backwards))
        none = await client.call("thread/search", searchTerm="nobody said this")
        assert none == {"data": [], "nextCursor": None, "backwardsCursor": None}
        empty = await client.refusal("thread/search", searchTerm=" ")
        assert empty == (-32600, "thread/search requires a non-empty searchTerm")

    with_client(home, work)


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_items_are_paged_in_both_directions(home: Path, mode: str) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start(historyMode=mode)
        turns = [(await client.turn(thread, f"q{number}"))["id"] for number in range(6)]
        whole = await client.call("thread/items/list", threadId=thread, limit=100)
        assert [each["turnId"] for each in whole["data"]] == [t for t in turns for _ in range(2)]
        names = [each["item"]["id"] for each in whole["data"]]
        for direction, wanted in (("asc", names), ("desc", names[::-1])):
            found: list[str] = []
            cursor = None
            while True:
                page = await client.call(
                    "thread/items/list",
                    threadId=thread,
                    limit=5,
                    sortDirection=direction,
                    cursor=cursor,
                )
                found += [each["item"]["id"] for each in page["data"]]
                cursor = page["nextCursor"]
                if cursor is None:
                    break
            assert found == wanted
            other = {"asc": "desc", "desc": "asc"}[direction]
            back = await client.call(
                "thread/items/list",
                threadId=thread,
                sortDirection=other,
                cursor=page["backwardsCursor"],
            )
            assert back["data"][0]["item"]["id"] == page["data"][0]["item"]["id"]
        of_one = await client.call("thread/items/list", threadId=thread, turnId=turns[2])
        assert [each["item"]["id"] for each in of_one["data"]] == names[4:6]
        none = await client.call("thread/items/list", threadId=thread, turnId="nope")
        assert none == {"data": [], "nextCursor": None, "backwardsCursor": None}
        gone = json.dumps({"turnId": turns[0], "includeAnchor": True, "itemId": "nope"})
        refused = await client.refusal("thread/items/list", threadId=thread, cursor=gone)
        assert refused[1] == "invalid cursor: anchor item is no longer present"

    with_client(home, work)


def test_turns_are_paged_with_the_items_that_a_view_shows(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        turns = [(await client.turn(thread, f"q{number}"))["id"] for number in range(5)]
        page = await client.call("thread/turns/list", threadId=thread, limit=2)
        assert ids(page) == turns[:2:-1]
        older = await client.call("thread/turns/list", threadId=thread, cursor=page["nextCursor"])
        assert ids(older) == turns[2::-1]
        back = await client.call(
            "thread/turns/list",
            threadId=thread,
            cursor=older["backwardsCursor"],
            sortDirection="asc",
        )
        assert ids(back) == turns[2:]
        for view, count in (("notLoaded", 0), ("summary", 2), ("full", 2)):
            shown = await client.call("thread/turns/list", threadId=thread, itemsView=view)
            assert {len(each["items"]) for each in shown["data"]} == {count}
        for cursor in ("", "x", "{}", '{"turnId":5}', "[]"):
            refused = await client.refusal("thread/turns/list", threadId=thread, cursor=cursor)
            assert refused == (-32600, f"invalid cursor: {cursor}")
        gone = '{"turnId":"nope","includeAnchor":false}'
        refused = await client.refusal("thread/turns/list", threadId=thread, cursor=gone)
        assert refused[1] == "invalid cursor: anchor turn is no longer present"
        page = await client.call(
            "thread/resume", threadId=thread, excludeTurns=True, initialTurnsPage={"limit": 2}
        )
        assert ids(page["initialTurnsPage"]) == turns[:2:-1]
        assert page["thread"]["turns"] == []

    with_client(home, work)
