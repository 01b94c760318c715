"""Cursors and times that survive being text; segments that hold a thread's lines in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_lines import OTHER, THREAD, summary

from threadlog.core.cursor import codex_cursor_text, cursor_text, read_cursor
from threadlog.core.lineage import Link, Segment, segments
from threadlog.core.metadata import Base
from threadlog.core.moments import unix_ms, utc_text
from threadlog.core.query import ThreadPage

MOMENTS = {"created": "2026-01-02T03-04-05", "updated": "2026-01-02T03:04:05.678Z"}


@pytest.mark.parametrize("tie", [THREAD, "rollout-x.jsonl", "/x/a|b.jsonl", "|"])
@pytest.mark.parametrize("sort", MOMENTS)
def test_a_cursor_is_read_as_the_place_it_was_made_of(sort: str, tie: str) -> None:
    place = (MOMENTS[sort], tie)
    assert read_cursor(cursor_text(place), sort) == place
    assert read_cursor(codex_cursor_text(place, sort), sort) == place


def test_a_place_by_creation_is_none_by_change() -> None:
    assert read_cursor(cursor_text((MOMENTS["created"], THREAD)), "updated") is None


@pytest.mark.codex("C149", "C156")
@pytest.mark.parametrize(
    ("text", "sort", "ascending", "place"),
    [
        (f"2026-11-22T05:23:00Z|{THREAD}", "created", False, ("2026-11-22T05-23-00", THREAD)),
        ("2026-11-22T05:23:00Z", "created", False, ("2026-11-22T05-23-00", "")),
        ("2026-11-22T05:23:00Z", "created", True, ("2026-11-22T05-23-00", "\U0010ffff")),
        ("2026-11-22T05:23:00.284Z", "created", True, ("2026-11-22T05-23-00", "\U0010ffff")),
        ("2026-11-22T05:23:00.284Z", "created", False, ("2026-11-22T05-23-00", "\U0010ffff")),
        (f"2026-11-22T05:22:52.68Z|{THREAD}", "updated", False, ("2026-11-22T05:22:52.680Z", THREAD)),  # noqa: E501
        ("2026-11-22T05:22:52Z", "recency", False, ("2026-11-22T05:22:52.000Z", "")),
        ("2026-11-22T05:22:52+01:00", "updated", False, ("2026-11-22T04:22:52.000Z", "")),
    ],
)  # fmt: skip
def test_a_cursor_of_codex_names_the_same_place(
    text: str, sort: str, ascending: bool, place: tuple[str, str]
) -> None:
    assert read_cursor(text, sort, ascending=ascending) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|",
        THREAD,
        f"|{THREAD}",
        "2026-01-02T03-04-05|",
        f"2026-01-02|{THREAD}",
        f"2026-01-02T03-04-05\n|{THREAD}",
        f"yesterday|{THREAD}",
    ],
)
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    assert [read_cursor(text, sort) for sort in MOMENTS] == [None, None]


@given(st.integers(0, 253_402_300_799_999))
def test_a_moment_survives_being_text(moment: int) -> None:
    text = utc_text(moment)
    assert len(text) == len("2026-01-02T03:04:05.678Z")
    assert text.endswith("Z")
    assert unix_ms(text) == moment


@pytest.mark.parametrize("moment", [-(10**18), 10**18])
def test_no_number_is_beyond_being_told(moment: int) -> None:
    assert unix_ms(utc_text(moment)) is not None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1500),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("9999-12-31T23:59:59-23:00", None),
        ("", None),
    ],
)
def test_only_a_moment_with_a_zone_is_a_moment(text: str, moment: int | None) -> None:
    assert unix_ms(text) == moment


def test_a_page_is_a_sequence_of_threads() -> None:
    one, two = summary(), summary()._replace(id=OTHER)
    page = ThreadPage([one, two], "next")
    assert list(page) == [one, two] == [page[0], page[1]]
    assert page[1:] == (two,)
    assert (len(page), page.next) == (2, "next")
    assert THREAD not in repr(page)
    assert one.as_dict()["id"] == THREAD


def _link(name: str, base: Base | None = None) -> Link:
    return Link(name, f"/{name}", base)


@pytest.mark.parametrize(
    ("links", "missing", "expected"),
    [
        pytest.param([_link("a")], None, [Segment("a", "/a")], id="one file"),
        pytest.param(
            [_link("c", Base("b", 7, 70)), _link("b", Base("a", 5, 50)), _link("a")],
            None,
            [Segment("a", "/a", 50, 5), Segment("b", "/b", 70, 7), Segment("c", "/c")],
            id="each is cut where the next one begins",
        ),
        pytest.param(
            [_link("b", Base("a", 5, -1)), _link("a")],
            None,
            [Segment("a", "/a", None, 5), Segment("b", "/b")],
            id="cut by ordinal alone",
        ),
        pytest.param(
            [_link("b", Base("a", 5, 50))],
            Base("a", 5, 50),
            [Segment("a", "", 50, 5, missing=True), Segment("b", "/b")],
            id="a base that is nowhere",
        ),
    ],
)
def test_segments_are_the_chain_oldest_first(
    links: list[Link], missing: Base | None, expected: list[Segment]
) -> None:
    assert segments(links, missing) == expected
