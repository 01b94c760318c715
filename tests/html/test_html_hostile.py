"""Whatever a thread says is text in a page: no element, attribute or target comes of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_pages import VECTORS, everywhere, seen, summary
from threadlog.core.items import turn as ti
from threadlog.core.items.values import UserInput
from threadlog.core.text import one_line, printable
from threadlog.html import head, turns
from threadlog.html.looks import Look
from threadlog.html.markup import words
from threadlog.telling import Joint


def part_url(turn: str, name: str) -> str:
    del turn
    return f"/thread/x/part/{name}"


LOOKS = {
    "page": Look(inline=False, part_url=part_url, thread_url=lambda _id: "/thread/x"),
    "file": Look(whole=True, folded=False),
}


def test_there_are_enough_vectors() -> None:
    assert len(set(VECTORS)) >= 150


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_vector_is_text_wherever_it_stands_in_a_turn(look: Look) -> None:
    for vector in VECTORS:
        turn = everywhere(vector)
        found = seen(turns.turn(turn, look))
        assert len(turn.items) > 25
        plain = printable(vector).strip()
        if "\n" not in plain:
            assert found.text.count(plain) >= 10, vector


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_vector_that_a_person_typed_is_text(look: Look) -> None:
    for vector in VECTORS:
        for said in (vector, f"```\n{vector}\n```", f"- {vector}\n\n> {vector}", f"`{vector}`"):
            parts = (UserInput(type="text", text=said), UserInput(type="text", text=vector))
            found = seen(turns.item("t", ti.UserMessage(id="u", content=parts), look))
            for target in found.links:
                assert re.match(r"https?://", target), vector


@given(st.text(alphabet="<>\"'`&=/ \n#*_[]()!|~-:;x1ahrefjsonclk.\\\t", max_size=80))
def test_anything_that_a_person_typed_is_text(text: str) -> None:
    item = ti.UserMessage(id="u", content=(UserInput(type="text", text=text),))
    found = seen(turns.item("t", item, LOOKS["file"]))
    assert all(re.match(r"https?://", target) for target in found.links)


@pytest.mark.parametrize("name", ["turn-5", "5", "5-head", "outline", "main", "turns", "thread-1"])
def test_no_id_of_an_element_is_made_of_what_a_thread_says(name: str) -> None:
    hostile = everywhere(name)
    twice = turns.turn(hostile, LOOKS["page"]) + turns.turn(hostile, LOOKS["page"])
    found = seen(twice + turns.turn(hostile, LOOKS["page"], 5))
    assert found.ids == {"turn-5", "turn-5-head"}
    assert twice.count('aria-label="Turn"') == 2


def test_a_vector_is_text_in_the_head_of_a_thread() -> None:
    for vector in VECTORS:
        thread = summary(vector)
        found = seen(head.head(thread, LOOKS["page"], {vector: vector}))
        assert found.text.count(one_line(vector)) >= 4, vector
        seen(turns.joint(Joint(vector, reverted=False), LOOKS["page"]))


def test_a_thread_leads_only_out_by_http() -> None:
    for vector in VECTORS:
        for target in seen(turns.turn(everywhere(vector), LOOKS["file"])).links:
            assert re.match(r"https?://", target), vector


def test_what_steers_the_reader_is_made_visible() -> None:
    steering = "a\u202eb\u2066c\x00d\x1b[31m\ud800"
    page = turns.turn(everywhere(steering), LOOKS["page"])
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page
    )
    page.encode()


@given(st.text())
def test_any_text_comes_back_out_of_html_as_it_was_put_in(text: str) -> None:
    assert seen(words(text)).text == printable(text)


@given(st.text(alphabet="<>\"'`&=/ \n#*_[]()!|~-:;x1ahrefjsonclk.", max_size=60))
def test_any_text_is_text_in_a_turn(text: str) -> None:
    seen(turns.turn(everywhere(text), LOOKS["page"]))
