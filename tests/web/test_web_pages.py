"""What the pages show: the list, a thread in pages both ways, searches, parts, lines, damage."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import hostile_pages
from conftest import corpus_root
from hostile_pages import VECTORS, seen
from makers import (
    DAY,
    THREAD,
    Pages,
    agent,
    completed,
    content,
    event,
    file_name,
    line,
    meta,
    put,
    put_names,
    put_thread,
    started,
    turn,
    user,
    uuid,
)
from served_web import Site, at, served
from threadlog.html import turns
from threadlog.html.looks import COLOURED_CHARS, ITEMS, PAGE_CHARS, TEXT_CHARS
from threadlog.web.asked import HITS, PAGE
from threadlog.web.raw import LINE_CHARS, LINES
from threadlog.web.stretches import FIRST
from threadlog.web.titles import OUTLINED

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
_MORE = "aside body button dialog form head html input label link main mark meta nav option script"
_ON_PAGES = "aria-current aria-label aria-live autocomplete charset content hidden lang maxlength"
_IN_FORMS = "name placeholder selected spellcheck type value"
_DATA = ("after", "at", "before", "cwd", "empty", "fields", "next", "thread", "verb", "within")
ELEMENTS = hostile_pages.ELEMENTS | frozenset(f"{_MORE} select title".split())
ATTRIBUTES = hostile_pages.ATTRIBUTES | frozenset(f"{_ON_PAGES} {_IN_FORMS}".split())
ATTRIBUTES |= {f"data-{name}" for name in _DATA}


def page_seen(page: str) -> hostile_pages.Seen:
    return seen(page, elements=ELEMENTS, attributes=ATTRIBUTES)


def places(page: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'data-at="([^"]*)"', page)]


def turn_ids(page: str) -> list[str]:
    return [json.loads(each)[1] for each in places(page)]


def with_turns(home: Path, count: int, *, paginated: bool = False) -> list[str]:
    names = [f"{number:03d}" for number in range(count)]
    if paginated:
        pages = Pages(THREAD)
        for name in names:
            pages.turn(name)
        pages.write(home)
    else:
        put(home, content([meta(), *(each for name in names for each in turn(name))]))
    return [f"turn-{name}" for name in names]


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    with served(home) as running:
        yield running


def test_the_list_shows_threads_page_after_page(site: Site, home: Path) -> None:
    for number in range(2 * PAGE + 5):
        put_thread(home, number, f"thread {number}", stamp=f"2026-01-02T03-{number % 60:02d}-05")
    found: list[str] = []
    page = site.get("/").body
    page_seen(page)
    assert page.count('class="row"') == PAGE
    cursor = unescape(re.findall(r'data-next="([^"]*)"', page)[0])
    found += re.findall(r'href="/thread/([0-9a-f-]{36})"', page)
    while cursor:
        told = site.get(f"/api/threads?cursor={at(cursor)}").json
        found += re.findall(r'href="/thread/([0-9a-f-]{36})"', told["html"])
        cursor = told["next"]
    assert sorted(found) == [uuid(number) for number in range(2 * PAGE + 5)]


def test_the_list_is_filtered_and_ordered(site: Site, home: Path) -> None:
    put(home, content([meta(uuid(1), cwd="/a", source="exec"), *turn("one")]), file_name(uuid(1)))
    put(home, content([meta(uuid(2), cwd="/b"), *turn("two")]), file_name(uuid(2)))
    put_thread(home, 3, "three", folder="archived_sessions")

    def shown(query: str) -> list[str]:
        page = site.get(f"/?{query}").body
        told = site.get(f"/api/threads?{query}").json["html"]
        titles = re.findall(r'class="title">([^<]*)<', told)
        assert re.findall(r'class="title">([^<]*)<', page) == titles
        return sorted(titles)

    assert shown("") == ["one", "two"]
    assert shown("archived=only") == ["three"]
    assert shown("archived=all") == ["one", "three", "two"]
    assert shown("cwd=/a") == ["one"]
    assert shown("cwd=/") == ["one", "two"]
    for number, cwd in enumerate(("/a/b/c", "/a b", "/ab", "a/x"), 4):
        raws = [meta(uuid(number), cwd=cwd), *turn(cwd.replace("/", "."))]
        put(home, content(raws), file_name(uuid(number)))
    for folder in ("/a", "/a/", "/a/b/.."):
        assert shown(f"cwd={folder}") == [".a.b.c", "one"]
    assert shown("cwd=/a/b") == [".a.b.c"]
    found = site.get("/api/search?q=re&cwd=/a").json
    assert found["count"] == 2
    assert shown("source=exec") == ["one"]
    assert shown("sort=created&cwd=/b") == ["two"]
    for wrong in ("archived=x", "sort=x", "cwd=%00", "q=" + "x" * 501, "cursor=x"):
        answer = site.get(f"/api/threads?{wrong}")
        assert answer.status in (400, 410), wrong
        assert answer.json["error"]
    assert [*site.get("/api/threads?q=tw").json["html"].split("two")][1:]


@pytest.mark.parametrize("paginated", [False, True])
def test_a_thread_opens_at_its_end_and_pages_both_ways(
    site: Site, home: Path, *, paginated: bool
) -> None:
    wanted = with_turns(home, 60, paginated=paginated)
    site.home.catch_up()
    page = site.get(f"/thread/{THREAD}").body
    page_seen(page)
    shown = turn_ids(page)
    assert shown == wanted[-len(shown) :]
    assert 'data-before="true"' in page
    assert 'data-after="false"' in page
    first = places(page)[0]
    backwards = list(shown)
    while first:
        told = site.get(f"/api/thread/{THREAD}/turns?before={at(first)}").json
        backwards = turn_ids(told["html"]) + backwards
        assert told["after"]
        first = places(told["html"])[0] if told["before"] else ""
    assert backwards == wanted
    told = site.get(f"/api/thread/{THREAD}/turns?from=first").json
    forwards, numbers = turn_ids(told["html"]), [json.loads(x)[0] for x in places(told["html"])]
    while told["after"]:
        last = places(told["html"])[-1]
        told = site.get(f"/api/thread/{THREAD}/turns?after={at(last)}").json
        forwards += turn_ids(told["html"])
        numbers += [json.loads(each)[0] for each in places(told["html"])]
    assert forwards == wanted
    assert numbers == list(range(1, 61))


@pytest.mark.parametrize("paginated", [False, True])
def test_a_turn_has_an_address_of_its_own(site: Site, home: Path, *, paginated: bool) -> None:
    wanted = with_turns(home, 40, paginated=paginated)
    site.home.catch_up()
    page = site.get(f"/thread/{THREAD}").body
    numbers = [json.loads(each)[0] for each in places(page)]
    assert numbers[-1] == 40
    link = unescape(re.findall(r'href="(/thread/[^"]*/turn/[^"]*)"', page)[0])
    assert turn_ids(site.get(link).body)[0] == turn_ids(page)[0]
    for name in ("7", wanted[6]):
        page = site.get(f"/thread/{THREAD}/turn/{name}").body
        assert turn_ids(page)[0] == wanted[6]
        assert [json.loads(each)[0] for each in places(page)][:2] == [7, 8]
    for name in ("0", "-1", "41", "999990", "none", "%20"):
        answer = site.get(f"/thread/{THREAD}/turn/{name}")
        assert answer.status == 404
        assert "<main" in answer.body


def test_what_was_typed_is_found_and_leads_to_its_turn(site: Site, home: Path) -> None:
    with_turns(home, HITS + 5)
    told = site.get("/api/search?q=re+017").json
    assert told["count"] == 1
    assert "<mark>017</mark>" in told["html"]
    link = unescape(re.findall(r'href="([^"]*)"', told["html"])[0])
    assert turn_ids(site.get(link).body)[0] == "turn-017"
    page = site.get("/api/search?q=re").json
    assert page["count"] == HITS
    assert site.get(f"/api/search?q=re&cursor={at(page['next'])}").json["count"]
    for wrong in ("q=", "q=role:x", "q=%20", "q=in:nobody+x", "q=x&cursor=y"):
        answer = site.get(f"/api/search?{wrong}")
        assert answer.status in (400, 404, 410), wrong
        assert answer.json["error"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("role:user", "no word to search for"),
        ("*", "no word to search for"),
        ("role:bogus", "no role 'bogus': there are user"),
        ("after:xyz", "no moment: 'xyz'; use 2026-11-25"),
        ("role:user before:z", "no moment: 'z'"),
        ("role:", "role: asks for nothing; write role:VALUE"),
        ("in:nobody", "no word to search for"),
    ],
)
def test_what_is_wrong_with_a_search_is_said(site: Site, typed: str, sentence: str) -> None:
    answer = site.get(f"/api/search?q={at(typed)}")
    assert answer.status == 400
    assert answer.json["error"].startswith(sentence)
    assert "--exact" not in answer.body


def test_a_long_output_and_an_image_have_addresses_of_their_own(site: Site, home: Path) -> None:
    text = "<b>" + "x" * TEXT_CHARS + "END"
    call = {"type": "function_call", "name": "t", "arguments": "{}", "call_id": "c"}
    output = {"type": "function_call_output", "call_id": "c", "output": text}
    image = user("look", images=[f"data:image/png;base64,{PNG}", "http://127.0.0.1:9/x.png"])
    raws = [started("t"), image, line("response_item", call), line("response_item", output)]
    put(home, content([meta(), *raws, completed("t"), *turn("later")]))
    page = site.get(f"/thread/{THREAD}").body
    assert "END" not in page
    links = [
        unescape(each) for each in re.findall(r'(?:src|href)="(/thread/[^"]*/part/[^"]*)"', page)
    ]
    answers = [site.get(link) for link in links]
    assert [answer.headers["content-type"] for answer in answers] == [
        *["image/png"] * 2,
        "text/plain; charset=utf-8",
    ]
    assert answers[0].raw == base64.b64decode(PNG)
    assert answers[-1].body == text
    for answer in answers:
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
    for wrong in ("9.9", "x", "0.7"):
        broken = re.sub(r"/part/[^?]*", f"/part/{wrong}", links[0])
        assert site.get(broken).status == 404
    assert site.get(links[0].partition("?")[0]).status == 410


def test_an_image_that_was_cut_is_not_there(site: Site, home: Path) -> None:
    image = user("look", images=[f"data:image/png;base64,{PNG.rstrip('=')[:-2]}"])
    put(home, content([meta(), started("t"), image, completed("t")]))
    page = site.get(f"/thread/{THREAD}").body
    links = [unescape(each) for each in re.findall(r'src="(/thread/[^"]*/part/[^"]*)"', page)]
    assert all(site.get(link).status == 404 for link in links)
    assert links or "not shown" in page


@pytest.mark.parametrize("strange", ["\u2028", "\u202e", "\x1b", "\x7f", "é\u200f", "𝒳", "\\u0041"])
def test_turns_of_strange_ids_can_be_paged(site: Site, home: Path, strange: str) -> None:
    names = [f"{strange}{number}" for number in range(3)]
    raws = [(started(name), user("x"), completed(name)) for name in names]
    put(home, content([meta(), *(each for raw in raws for each in raw)]))
    for way, count in (("before", 1), ("after", 1), ("at", 2)):
        middle = places(site.get(f"/thread/{THREAD}").body)[1]
        told = site.get(f"/api/thread/{THREAD}/turns?{way}={at(middle)}").json
        assert len(turn_ids(told["html"])) == count


def test_lines_are_shown_as_they_stand(site: Site, home: Path) -> None:
    raws = [meta(), *turn("a"), user("x" * 3 * LINE_CHARS), b'{"broken', *turn("b")]
    put(home, content(raws))
    first = site.get(f"/api/thread/{THREAD}/raw?segment=0&byte=0").json
    assert [each["text"] for each in first["lines"]][:7] == [raw.decode() for raw in raws[:7]]
    assert len(first["lines"]) == LINES
    long = next(each for each in first["lines"] if each["cut"])
    whole = site.get(f"/thread/{THREAD}/line?segment=0&byte={long['byte']}")
    assert whole.raw == raws[7] + b"\n"
    rest = site.get(f"/api/thread/{THREAD}/raw?segment=0&byte={first['next']}").json
    assert len(rest["lines"]) + LINES == len(raws)
    assert rest["next"] is None
    for wrong in ("segment=9&byte=0", "segment=x", "byte=-1", "byte=" + "9" * 30):
        assert site.get(f"/api/thread/{THREAD}/raw?{wrong}").status in (400, 404)
    assert site.get(f"/thread/{THREAD}/line?segment=0&byte=999999").status == 404


def test_a_line_is_shown_from_where_it_begins_or_not_at_all(site: Site, home: Path) -> None:
    raws = [b'{"first": 1}', b"", b'{"third": "\xc3\xa9"}', b"no LF"]
    path = put(home, content(raws)[:-1], file_name(THREAD))
    begins, offset = {}, 0
    for raw in raws:
        begins[offset] = raw
        offset += len(raw) + 1
    for byte in range(path.stat().st_size + 3):
        query = f"segment=0&byte={byte}"
        line_alone = site.get(f"/thread/{THREAD}/line?{query}")
        told = site.get(f"/api/thread/{THREAD}/raw?{query}")
        if byte in begins:
            assert line_alone.raw == begins[byte] + b"\n"
            assert told.json["lines"][0]["text"] == begins[byte].decode()
        else:
            assert (line_alone.status, told.status) == (404, 404), byte
            assert f"no line begins at byte {byte}" in told.json["error"]


@pytest.mark.parametrize("paginated", [False, True])
def test_the_outline_leads_to_every_turn(site: Site, home: Path, *, paginated: bool) -> None:
    names = with_turns(home, 2 * OUTLINED + 9, paginated=paginated)
    site.home.catch_up()
    last = places(site.get(f"/thread/{THREAD}").body)[-1]
    for way, place, before in (("before", last, names[:-1]), ("after", "", names[1:])):
        edge = place or places(site.get(f"/thread/{THREAD}?from=first").body)[0]
        found: list[str] = []
        more = True
        while more:
            told = site.get(f"/api/thread/{THREAD}/outline?{way}={at(edge)}").json
            page_seen(told["html"])
            piece = places(told["html"])
            assert len(piece) <= OUTLINED
            edge, more = piece[0 if way == "before" else -1], told[way]
            ids = turn_ids(told["html"])
            found = [*ids, *found] if way == "before" else [*found, *ids]
        assert found == before
    links = re.findall(r'href="([^"]*)"><span>(\d+)</span> ([^<]*)<', told["html"])
    url, number, said = links[-1]
    assert (number, said) == (str(len(names)), names[-1].removeprefix("turn-"))
    assert turn_ids(site.get(unescape(url)).body)[0] == names[-1]
    for wrong in ("", "before=x", "after=%5B%5D"):
        assert site.get(f"/api/thread/{THREAD}/outline?{wrong}").status == 410


def test_the_first_items_of_a_long_turn_come_when_asked_for(site: Site, home: Path) -> None:
    said = [agent(f"message {number}.") for number in range(2 * ITEMS + 7)]
    put(home, content([meta(), started("t"), user("go"), *said, completed("t")]))
    page = site.get(f"/thread/{THREAD}").body
    found = len(re.findall(r"message \d+\.", page))
    link = unescape(re.findall(r'href="(/api/thread/[^"]*/items[^"]*)"', page)[0])
    while link:
        told = site.get(link).json["html"]
        found += len(re.findall(r"message \d+\.", told))
        more = re.findall(r'href="(/api/thread/[^"]*/items[^"]*)"', told)
        link = unescape(more[0]) if more else ""
    assert found == 2 * ITEMS + 7


def _called(number: int) -> list[dict[str, Any]]:
    given = json.dumps({"cmd": f"echo {number:04d}."})
    call = {"type": "function_call", "name": "exec_command", "arguments": given}
    output = {"type": "function_call_output", "output": f"said{number:04d}."}
    return [each | {"call_id": f"c{number}"} for each in (call, output)]


def _long_turn(home: Path, count: int, *, paginated: bool) -> None:
    """A turn of so many calls that goes on, between others."""
    if paginated:
        pages = Pages(THREAD)
        pages.turn("before")
        pages.add("event_msg", {"type": "task_started", "turn_id": "long"})
        for number in range(count):
            for each in _called(number):
                pages.add("response_item", each)
        pages.add("event_msg", {"type": "task_complete", "turn_id": "long"})
        pages.turn("behind")
        pages.write(home)
        return
    raws = [meta(), *turn("before"), started("long")]
    for number in range(count):
        called = [line("response_item", each) for each in _called(number)]
        raws += [event("agent_reasoning", text=f"thought {number}"), *called]
        raws += [event("agent_reasoning", text=f"more {number}")]
    put(home, content([*raws, completed("long"), *turn("behind")]))


def _numbers(page: str) -> list[int]:
    return [int(each) for each in re.findall(r"echo (\d+)\.<", page)]


@pytest.mark.parametrize("paginated", [False, True])
@pytest.mark.parametrize("words", ["echo", "said"])
def test_what_was_found_in_a_long_turn_is_shown_and_marked(
    site: Site, home: Path, words: str, *, paginated: bool
) -> None:
    _long_turn(home, 4 * ITEMS, paginated=paginated)
    for number in (0, 2, ITEMS + 3, 4 * ITEMS - 1):
        typed = f"said{number:04d}" if words == "said" else f'"echo {number:04d}"'
        told = site.get(f"/api/search?q={at(typed)}").json
        link = unescape(re.findall(r'href="([^"]*)"', told["html"])[0])
        page = site.get(link).body
        page_seen(page)
        assert turn_ids(page)[0] == "long"
        marked = re.findall(r'<div class="found" tabindex="-1">(.*?)</details>', page)
        assert [_numbers(each) for each in marked] == [[number]]
        again = re.findall(r'<a href="([^"]*)" class="permalink"', page)[0]
        assert marked[0] in site.get(unescape(again)).body


@pytest.mark.parametrize("paginated", [False, True])
@pytest.mark.parametrize("chars", [PAGE_CHARS, 20_000, 1])
def test_a_long_turn_comes_piece_by_piece_from_what_was_found(
    site: Site, home: Path, monkeypatch: pytest.MonkeyPatch, chars: int, *, paginated: bool
) -> None:
    monkeypatch.setattr(turns, "PAGE_CHARS", chars)
    count = 4 * ITEMS if chars > 1 else 30
    _long_turn(home, count, paginated=paginated)
    told = site.get(f"/api/search?q=said{count // 2:04d}").json
    page = site.get(unescape(re.findall(r'href="([^"]*)"', told["html"])[0])).body
    asked = re.findall(r'href="(/api/thread/[^"]*/items[^"]*)"', page)
    assert len(asked) == 2
    assert len(page) < chars + 30_000
    found, pieces = _numbers(page), 0
    while asked:
        piece = site.get(unescape(asked.pop())).json["html"]
        page_seen(piece)
        assert len(piece) < chars + 5_000
        found += _numbers(piece)
        asked += re.findall(r'href="(/api/thread/[^"]*/items[^"]*)"', piece)
        pieces += 1
    assert sorted(found) == list(range(count))
    assert pieces > 3


def test_the_turns_of_a_page_share_their_colours(site: Site, home: Path) -> None:
    block = "x = 1\n" * 1000
    raws = [meta()]
    for number in range(FIRST):
        coded = [agent(f"```python\n{block}```") for _ in range(10)]
        raws += [started(f"t{number}"), user("go"), *coded, completed(f"t{number}")]
    put(home, content(raws))
    most = COLOURED_CHARS // len(block)
    for path in (f"/thread/{THREAD}", f"/thread/{THREAD}?from=first"):
        for _ in range(2):
            page = site.get(path).body
            assert page.count('class="m"') == most * 1000
            assert page_seen(page).text.count(block) == FIRST * 10


def test_forks_and_subagents_are_shown_as_a_tree_with_where_they_begin(
    site: Site, home: Path
) -> None:
    parent = Pages(uuid(1))
    for name in ("a", "b"):
        parent.turn(name)
    parent.write(home)
    fork = Pages(uuid(2), base=parent.end, forked_from_id=uuid(1))
    fork.turn("c")
    fork.write(home)
    put(home, content([meta(uuid(3), parent_thread_id=uuid(1)), *turn("sub")]), file_name(uuid(3)))
    told = site.get(f"/api/thread/{uuid(1)}/kin").json["html"]
    text = page_seen(told).text
    assert "fork" in text
    assert "subagent" in text
    assert f'href="/thread/{uuid(2)}"' in told
    page = site.get(f"/thread/{uuid(2)}").body
    assert turn_ids(page) == ["turn-a", "turn-b", "turn-c"]
    assert "forked here from" in page
    assert "Forked from" in page


def test_where_turns_were_rolled_back_is_said(site: Site, home: Path) -> None:
    gone = event("thread_rolled_back", num_turns=2)
    put(home, content([meta(), *turn("a"), *turn("b"), *turn("c"), gone, *turn("d")]))
    for query in ("", "?from=first"):
        page = site.get(f"/thread/{THREAD}{query}").body
        assert turn_ids(page) == ["turn-a", "turn-d"]
        mark = page.index("2 turns were rolled back here")
        assert page.index('data-turn="turn-a"') < mark < page.index('data-turn="turn-d"')
    page = site.get(f"/thread/{THREAD}/turn/turn-d").body
    assert ">Turn 2</a>" in page
    put(home, content([meta(), *turn("a"), *turn("b"), event("thread_rolled_back", num_turns=1)]))
    assert "1 turn was rolled back here" in site.get(f"/thread/{THREAD}").body


def test_a_thread_without_an_id_is_shown_by_where_it_lies(site: Site, home: Path) -> None:
    put(home, content([meta(None), *turn("nameless")]), "rollout-x.jsonl")
    page = site.get("/").body
    link = re.findall(r'href="(/thread/~[^"]*)"', page)
    assert link
    assert "nameless" in site.get(link[0]).body
    for path in ("../../etc/passwd", "/etc/passwd", "sessions/../../x", "x\0y", "sessions"):
        name = base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")
        assert site.get(f"/thread/~{name}").status == 404
    for name in ("~", "~%20", "x", "last", "!", "a" * 70, "~" + "A" * 6000):
        assert site.get(f"/thread/{name}").status in (404, 414)


def test_a_thread_is_read_by_its_id_though_another_has_that_for_a_name(
    site: Site, home: Path
) -> None:
    put_thread(home, 1, "mine")
    put_thread(home, 2, "other")
    put_names(home, (uuid(2), uuid(1)))
    assert "mine" in site.get(f"/thread/{uuid(1)}").body
    assert site.get(f"/api/thread/{uuid(1)}/kin").status == 200


def test_hostile_words_are_text_on_every_page(site: Site, home: Path) -> None:
    for number, vector in enumerate(VECTORS):
        thread, name = uuid(number), vector.replace("\n", " ")
        fields = {"cwd": vector, "git": {"branch": vector}, "source": vector, "model": vector}
        raws = [
            meta(thread, **fields, agent_nickname=vector),
            line("turn_context", {"turn_id": vector, "cwd": vector, "model": vector}),
            event("task_started", turn_id=vector),
            user(vector, images=[vector], local_images=[vector]),
            event("agent_reasoning", text=vector),
            agent(vector),
            event("error", message=vector),
            event("task_complete", turn_id=vector, last_agent_message=vector),
        ]
        put(home, content(raws), file_name(thread), f"{DAY[:-2]}{1 + number % 9:02d}")
        put_names(home, (thread, name))
    cursor: str | None = ""
    found = 0
    while cursor is not None:
        query = f"?cursor={at(cursor)}" if cursor else ""
        if not cursor:
            page_seen(site.get("/").body)
        told = site.get(f"/api/threads{query}").json
        page_seen(told["html"])
        found += told["count"]
        cursor = told["next"]
    assert found == len(VECTORS)
    for number in range(len(VECTORS)):
        page_seen(site.get(f"/thread/{uuid(number)}").body)
    page_seen(site.get("/api/search?q=canary").json["html"])
    for vector in VECTORS[::5]:
        page_seen(site.get(f"/?q={at(vector)}&cwd={at(vector)}").body)


@pytest.mark.parametrize(
    "raws",
    [
        [b""],
        [b"\x00\xff\xfe"],
        [b"{}"],
        [b'{"type":"session_meta"}'],
        [meta(), b"[1,2", *turn("a"), b'{"type":"event_msg","payload":{"type":"x"}}'],
        [meta(), event("task_started", turn_id="\ud800"), user("\ud800"), agent("x\x00\x1b[2J")],
        [meta(), *turn("a"), event("thread_rolled_back", num_turns=1), *turn("b")],
        [meta(), started("a"), started("a"), completed("z"), user("half")],
        [meta(), line("compacted", {"message": 5}), agent("*" * 9000), agent("[" * 2000)],
    ],
)
def test_damage_is_a_page_too(site: Site, home: Path, raws: list[bytes]) -> None:
    put(home, content(raws)[:-1], file_name(THREAD))
    assert site.get("/").status == 200
    answer = site.get(f"/thread/{THREAD}")
    assert answer.status == 200
    page_seen(answer.body)
    assert site.get(f"/api/thread/{THREAD}/raw?segment=0&byte=0").status == 200
    assert site.get(f"/api/thread/{THREAD}/kin").status == 200


def test_places_that_are_none_are_sentences(site: Site, home: Path) -> None:
    with_turns(home, 3)
    for wrong in ("", "x", "[]", "[1]", '[1,"a",null]', '[1,"a",[-1,0,null],null]', "[" * 2000):
        answer = site.get(f"/api/thread/{THREAD}/turns?before={at(wrong)}")
        assert answer.status == 410, wrong
        page = site.get(f"/thread/{THREAD}/turn/2?at={at(wrong)}")
        assert (page.status, f'href="/thread/{THREAD}"' in page.body) == (410, True), wrong
    strange: list[Any] = [
        [1, "turn-001", [0, 5, None], [9, 9, None]],
        [1, "gone", None, None],
        [1, "turn-001", [99, 0, None], [99, 0, None]],
        [1, "turn-001", None, [0, 1 << 52, None]],
    ]
    for place in strange:
        for way in ("before", "after", "at"):
            answer = site.get(f"/api/thread/{THREAD}/turns?{way}={at(json.dumps(place))}")
            assert answer.status in (200, 410), (place, way)


def test_nothing_of_a_page_comes_from_elsewhere(site: Site, home: Path) -> None:
    put_thread(home, 0xA)
    for path in ("/", f"/thread/{THREAD}"):
        page = site.get(path).body
        for source in re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]*)"', page):
            assert source.startswith("/static/")
            answer = site.get(source)
            assert answer.status == 200
            assert "immutable" in answer.headers["cache-control"]
            assert not re.search(
                r"https?://|//[a-z]|eval\(|new Function|import\(", _code(answer.body)
            )
        assert not re.search(r"<script(?![^>]*src=)|<style| style=| on[a-z]+=", page)


def _code(text: str) -> str:
    return re.sub(r"^\s*//.*$|/\*.*?\*/", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.corpus
def test_every_genuine_thread_has_a_page(tmp_path: Path) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus on this machine")
    shown = 0
    for number, folder in enumerate(sorted(root.glob("*/*/sessions"))):
        copy = shutil.copytree(folder.parent, tmp_path / str(number))
        with served(copy) as site:
            page_seen(site.get("/").body)
            for thread in site.home.threads(limit=None, archived=None):
                name = thread.id or os.path.basename(thread.path)
                answer = site.get(f"/thread/{name}")
                assert answer.status == 200, thread.path
                page_seen(answer.body)
                shown += 1
    assert shown > 20


@pytest.mark.parametrize("paginated", [False, True])
def test_damage_is_told_where_it_stands_and_once(
    site: Site, home: Path, *, paginated: bool
) -> None:
    names = [f"n{number:02d}" for number in range(20)]
    bad = b'{"timestamp":"\xff"}'
    if paginated:
        pages = Pages(THREAD)
        for name in names:
            pages.turn(name)
        raws = pages.raws
    else:
        raws = [meta(), *(raw for name in names for raw in turn(name))]
    each = len(raws) // len(names)
    place = 1 + each * 9 + 2  # within the tenth turn
    put(home, content([*raws[:1], bad, *raws[1:place], bad, *raws[place:], bad]))
    at_byte = [0, 0, 0]
    at_byte[0] = len(content(raws[:1]))
    at_byte[1] = len(content([*raws[:1], bad, *raws[1:place]]))
    at_byte[2] = len(content([*raws[:1], bad, *raws[1:place], bad, *raws[place:]]))
    said = [f"not shown: not valid UTF-8, at byte {byte}" for byte in at_byte]
    for first, way in (("", "before"), ("?from=first", "after")):
        page = site.get(f"/thread/{THREAD}{first}").body
        found = [page]
        while (places := re.findall(r'data-at="([^"]*)"', page)) and len(found) < 9:
            edge = unescape(places[0 if way == "before" else -1])
            page = site.get(f"/api/thread/{THREAD}/turns?{way}={at(edge)}").json["html"]
            found.append(page)
        text = "".join(found if way == "after" else found[::-1])
        assert [text.count(each) for each in said] == [1, 1, 1]
        begins = [text.index(f'data-turn="turn-{name}"') for name in ("n00", "n09", "n10", "n19")]
        damage = [text.index(each) for each in said]
        order = [damage[0], *begins[:2], damage[1], *begins[2:], damage[2]]
        assert order == sorted(order)


def test_what_cannot_be_read_is_said_instead_of_turns(site: Site, home: Path) -> None:
    path = put(home, content([meta(), *turn("a")]), file_name() + ".zst")
    path.write_bytes(path.read_bytes()[:11])
    assert "not shown: " in site.get(f"/thread/{THREAD}").body
