"""Where a parent is cut: by the offset, by ordinals where an edit made the offset wrong, safely."""

from __future__ import annotations

from pathlib import Path

import pytest

from makers import (
    OTHER,
    THREAD,
    Cut,
    Pages,
    both_ways,
    command,
    content,
    file_name,
    line,
    message,
    meta_payload,
    put,
    raw_bytes,
    told,
    uuid,
)
from threadlog import Line

T, F = map(uuid, (1, 2))


def _edited(edit: str) -> tuple[bytes, Pages]:
    t = Pages(T)
    t.turn("q1")
    f = Pages(F, base=t.turn("q2"))
    f.turn("f1")
    data = content(t.raws)
    longer = data.replace(b'"cwd":"/desk/project"', b'"cwd":"/desk/another/project"')
    changes = {
        "longer": longer,
        "shorter": data.replace(b'"cwd":"/desk/project"', b'"cwd":"/"'),
        "longer, damaged after the cut": longer + b"garbage\n" + b"\xff\n",
        "longer, blank lines after the cut": longer + b"\n\n",
        "longer, no LF at the end": longer[:-1],
        "longer, torn": longer[:-30],
        "with CRLF": data.replace(b"\n", b"\r\n"),
    }
    return changes[edit], f


@pytest.mark.parametrize(
    "edit",
    [
        "longer",
        "shorter",
        "longer, damaged after the cut",
        "longer, blank lines after the cut",
        "longer, no LF at the end",
        "longer, torn",
        "with CRLF",
    ],
)
@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_where_an_edited_parents_offset_is_wrong_its_ordinals_are_believed(
    home: Path, edit: str, suffix: str
) -> None:
    data, child = _edited(edit)
    put(home, data, file_name(T) + suffix)
    child.write(home)
    values = both_ways(home, F)
    assert all(isinstance(value, Line) for value in values)
    ordinals = [value.ordinal for value in values if isinstance(value, Line)]
    assert ordinals == list(range(len(ordinals)))
    assert told(home, F) == ["q1", "f1"]
    assert raw_bytes(home, F).count(b'"ordinal"') == len(ordinals)


@pytest.mark.parametrize("offset", [0, -1, 5, 2**31, 2**63, 2**64, 2**200])
@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_an_absurd_offset_never_fails(home: Path, offset: int, suffix: str) -> None:
    t = Pages(T)
    t.turn("q1")
    t.write(home, suffix=suffix)
    f = Pages(F, base=Cut(T, t.end.ordinal, offset))
    f.turn("f1")
    f.write(home)
    assert told(home, F)[-1] == "f1"
    both_ways(home, F)
    assert command(home, "show", F, "--raw").code == 0
    assert offset in (0, -1) or told(home, F) == ["q1", "f1"]


def test_an_offset_at_the_wrong_line_is_not_believed(home: Path) -> None:
    t = Pages(T)
    early = t.turn("q1")
    cut = t.turn("q2")
    t.write(home)
    f = Pages(F, base=Cut(T, cut.ordinal, early.offset))
    f.turn("f1")
    f.write(home)
    assert told(home, F) == ["q1", "f1"]
    both_ways(home, F)


@pytest.mark.parametrize("ordinal", [-1, 0, 2**64, 2**300])
def test_an_absurd_ordinal_never_fails(home: Path, ordinal: int) -> None:
    t = Pages(T)
    t.turn("q1")
    t.write(home)
    f = Pages(F, base=Cut(T, ordinal, t.end.offset))
    f.turn("f1")
    f.write(home)
    assert told(home, F)[-1] == "f1"
    both_ways(home, F)
    assert command(home, "show", F).code == 0


def test_a_parent_without_ordinals_is_cut_by_its_offset(home: Path) -> None:
    raws = [
        line("session_meta", meta_payload()),
        line("response_item", message("user", "kept")),
        line("response_item", message("user", "dropped")),
    ]
    put(home, content(raws))
    child = Pages(OTHER, base=Cut(THREAD, 2, len(content(raws[:2]))))
    child.write(home)
    values = both_ways(home, OTHER)
    assert [value.raw for value in values if isinstance(value, Line)] == raws[:2] + child.raws
