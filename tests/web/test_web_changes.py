"""What can be changed from a page: a name, the archive; by nobody but a page of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from makers import (
    THREAD,
    content,
    file_name,
    meta,
    put,
    put_names,
    put_thread,
    tree,
    turn,
    uuid,
)
from served_web import Site, served

PATH = f"/api/thread/{THREAD}"


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    put_thread(home, 0xA)
    with served(home) as running:
        yield running


def test_a_thread_gets_a_name(site: Site) -> None:
    answer = site.post(f"{PATH}/rename", {"name": "A <b>new</b> name"})
    assert answer.status == 200
    assert answer.json["id"] == THREAD
    assert site.home.get(THREAD).name == "A <b>new</b> name"
    assert "A &lt;b&gt;new&lt;/b&gt; name" in site.get(f"/thread/{THREAD}").body


def test_a_thread_is_archived_with_its_subagents_and_brought_back(site: Site, home: Path) -> None:
    spawn = {"thread_spawn": {"parent_thread_id": THREAD, "depth": 1}}
    fields = {"source": {"subagent": spawn}, "parent_thread_id": THREAD}
    put(home, content([meta(uuid(3), **fields), *turn("x")]), file_name(uuid(3)))
    told = site.post(f"{PATH}/archive", {"dry_run": True}).json
    assert told["threads"] == 2
    assert not site.home.get(THREAD).archived
    assert site.post(f"{PATH}/archive", {}).json["threads"] == 2
    assert site.home.get(THREAD).archived
    assert "Unarchive" in site.get(f"/thread/{THREAD}").body
    assert site.post(f"{PATH}/unarchive", {}).status == 200
    assert not site.home.get(THREAD).archived


def test_a_thread_is_changed_by_its_id_and_never_by_what_it_is_called(
    site: Site, home: Path
) -> None:
    put_thread(home, 2, "called as another's id")
    put_thread(home, 3, "called as the id of none")
    put_names(home, (uuid(2), THREAD), (uuid(3), uuid(9)))
    assert site.post(f"{PATH}/rename", {"name": "mine"}).json["id"] == THREAD
    assert site.post(f"{PATH}/archive", {}).status == 200
    assert [site.home.get(each).archived for each in (THREAD, uuid(2))] == [True, False]
    gone = f"/api/thread/{uuid(9)}"
    assert site.post(f"{gone}/rename", {"name": "x"}).status == 404
    assert site.post(f"{gone}/archive", {}).status == 404
    for path in (f"{gone}/events", f"{gone}/turns", f"{gone}/kin", f"/thread/{uuid(9)}"):
        assert site.get(path).status == 404
    with site.events(f"{PATH}/events") as events:
        assert next(events)[0] == "turn"


def test_a_change_needs_the_key_and_the_origin_of_our_page(site: Site, home: Path) -> None:
    before = {path: facts[-1] for path, facts in tree(home / "sessions").items()}
    for refused in (
        {"x_threadlog_key": None},
        {"x_threadlog_key": ""},
        {"x_threadlog_key": site.keys.token},
        {"x_threadlog_key": site.keys.write_key[:-1]},
        {"origin": None},
        {"cookie": None},
        {"cookie": f"{site.keys.cookie}=x"},
        {"sec_fetch_site": "cross-site"},
    ):
        for verb in ("rename", "archive"):
            answer = site.post(f"{PATH}/{verb}", {"name": "x"}, **refused)
            assert answer.status == 403, refused
    assert {path: facts[-1] for path, facts in tree(home / "sessions").items()} == before


def test_what_cannot_be_done_is_a_sentence(site: Site) -> None:
    names: tuple[Any, ...] = ("", " ", 5, None, "x" * 1001)
    bodies: tuple[Any, ...] = ({}, [], b"{", b"", *({"name": each} for each in names))
    for body in bodies:
        answer = site.post(f"{PATH}/rename", body)
        assert answer.status == 400, body
        assert answer.json["error"]
    assert site.post(f"{PATH}/rename", {"name": "x"}, content_type="text/plain").status == 400
    for verb in ("delete", "purge", "rollback", "turns", "x"):
        assert site.post(f"{PATH}/{verb}", {}).status in (404, 405)
    assert site.post(f"/api/thread/{uuid(9)}/archive", {}).status == 404
    assert site.home.get(THREAD).name is None


def test_reading_changes_nothing_but_what_is_ours(site: Site, home: Path) -> None:
    before = tree(home / "sessions")
    for path in ("/", f"/thread/{THREAD}", f"{PATH}/kin", "/api/search?q=hello"):
        assert site.get(path).status == 200
    assert tree(home / "sessions") == before
