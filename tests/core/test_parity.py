"""Rows against files: each kind of difference, which is right, and whether it can be mended."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from makers import OTHER, THREAD, uuid
from threadlog.core.database_state import DAMAGED, READY, UNKNOWN
from threadlog.core.parity import Difference, Home, Lying, Parity, Row, compare

HOME, AWAY = "/home", "/away"
NEW, OLD, THEIRS = f"{HOME}/sessions/new", f"{HOME}/sessions/old", f"{HOME}/sessions/theirs"
NOWHERE, ELSEWHERE = f"{HOME}/sessions/nowhere", f"{AWAY}/sessions/new"
GONE_ON = f"{HOME}/sessions/gone-on"

LIES = Lying(NEW, NEW, archived=False, older={OLD: False, GONE_ON: True}, mode="legacy")
ROW = Row(THREAD, NEW, archived=False, mode="legacy", name=None, real=NEW, there=True)


def home(lies: Lying | None = LIES, *trashed: str) -> Home:
    """A home with one thread, or none, and another one."""
    threads = {OTHER: Lying(THEIRS, THEIRS, archived=False, older={})}
    return Home([HOME], {THREAD: lies, **threads} if lies else threads, trashed)


def found(row: Row | None, of: Home) -> list[Difference]:
    """The differences of one thread."""
    other = Row(OTHER, THEIRS, archived=False, mode=None, name=None, real=THEIRS, there=True)
    return compare([other, *([row] if row else [])], of)


def at(path: str, *, there: bool = False) -> Row:
    """A row that leads there."""
    return ROW._replace(path=path, real=path, there=there)


NAMED = LIES._replace(name="last", first_message="first")
BARE_ROW = ROW._replace(path="sessions/new", real="", there=False)
IN_TRASH = home(None, THREAD)


class Case(NamedTuple):
    """A row, what lies there, and what is to be told: the kind, who is right, if it is mended."""

    row: Row | None
    of: Home
    kind: str
    right: str | None
    mendable: bool


CASES = {
    "no row": Case(None, home(), "no-row", "files", False),
    "moved": Case(at(NOWHERE), home(), "moved", "files", True),
    "moved, another file there": Case(at(NOWHERE, there=True), home(), "moved", None, False),
    "no path": Case(BARE_ROW, home(), "moved", "files", False),
    "older": Case(at(OLD, there=True), home(), "older-rollout", "files", True),
    "older, newest unreadable": Case(
        at(OLD, there=True), home(LIES._replace(tells=False)), "older-rollout", None, False
    ),
    "moved, unreadable": Case(at(NOWHERE), home(LIES._replace(tells=False)), "moved", None, False),
    "shared, unreadable": Case(
        at(THEIRS, there=True), home(LIES._replace(tells=False)), "shared", None, False
    ),
    "home copied, and another name": Case(
        at(ELSEWHERE, there=True), home(NAMED), "other-home", None, False
    ),
    "older, gone on with": Case(at(GONE_ON, there=True), home(), "older-rollout", None, False),
    "shared": Case(at(THEIRS, there=True), home(), "shared", "files", True),
    "shared, own gone": Case(at(THEIRS, there=True), home(None), "shared", "files", False),
    "home moved": Case(at(ELSEWHERE), home(), "other-home", "files", True),
    "home copied": Case(at(ELSEWHERE, there=True), home(), "other-home", None, False),
    "archived": Case(ROW._replace(archived=True), home(), "archived", "files", True),
    "active": Case(ROW, home(LIES._replace(archived=True)), "archived", "files", True),
    "mode": Case(ROW._replace(mode="paginated"), home(), "history-mode", "files", False),
    "unnamed": Case(ROW, home(NAMED), "name", "files", True),
    "other name": Case(ROW._replace(name="other"), home(NAMED), "name", "files", True),
    "gone": Case(at(NOWHERE), home(None), "gone", "database", False),
    "gone elsewhere": Case(at(ELSEWHERE), home(None), "gone", "database", False),
    "trashed": Case(at(NOWHERE), IN_TRASH, "trashed", "files", True),
    "trashed, no path": Case(BARE_ROW, IN_TRASH, "trashed", "files", False),
    "trashed, a file there": Case(at(NOWHERE, there=True), IN_TRASH, "foreign", None, False),
    "of another home": Case(at(ELSEWHERE, there=True), home(None), "foreign", None, False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_difference_is_told_with_who_is_right(case: Case) -> None:
    (each,) = found(case.row, case.of)
    assert (each.thread_id, each.kind) == (THREAD, case.kind)
    assert (each.right, each.mendable) == (case.right, case.mendable)
    assert each.path == (case.row.path if case.row else None)
    assert ("--mend" in each.mends) == case.mendable
    assert each.what


PAGINATED = LIES._replace(mode="paginated")
SAME = {
    "all": (ROW, LIES),
    "archived": (ROW._replace(archived=True), LIES._replace(archived=True)),
    "name": (ROW._replace(name="last"), NAMED),
    # A legacy row cannot tell such a name from none.
    "name like the first message": (ROW, LIES._replace(name="first", first_message=" first\n")),
    "no modes": (ROW._replace(mode=None, name="x"), NAMED),
    "unread": (ROW._replace(mode="paginated"), LIES._replace(mode=None)),
    "unknown mode": (ROW._replace(mode="other"), NAMED._replace(mode="other")),
}


@pytest.mark.parametrize(("row", "lies"), SAME.values(), ids=SAME)
def test_what_is_the_same_is_no_difference(row: Row, lies: Lying) -> None:
    assert found(row, home(lies)) == []


def test_a_paginated_row_tells_a_name_like_the_first_message() -> None:
    lies = PAGINATED._replace(name="first", first_message="first")
    (each,) = found(ROW._replace(mode="paginated"), home(lies))
    assert each.kind == "name"


def test_a_row_can_differ_in_several_ways() -> None:
    kinds = [each.kind for each in found(at(NOWHERE), home(NAMED))]
    assert kinds == ["moved", "name"]
    two = [ROW._replace(thread_id=uuid(7)), ROW]
    assert next((each.thread_id, each.kind) for each in compare(two, home())) == (uuid(7), "shared")


def test_when_codex_makes_a_row_depends_on_what_it_lists() -> None:
    (active,) = found(None, home())
    (archived,) = found(None, home(LIES._replace(archived=True)))
    assert active.mends == "Codex makes it when it lists threads"
    assert archived.mends == "Codex makes it when it lists archived threads"


@pytest.mark.parametrize(
    ("state", "row", "of", "healthy"),
    [
        (READY, ROW, home(), True),
        (READY, None, home(), True),
        (READY, at(ELSEWHERE, there=True), home(None), True),
        (READY, at(NOWHERE), home(), False),
        (READY, at(NOWHERE), home(None), False),
        (UNKNOWN, ROW, home(), True),
        (DAMAGED, ROW, home(), False),
    ],
)
def test_rows_that_codex_makes_by_itself_are_no_fault(
    state: str, row: Row | None, of: Home, *, healthy: bool
) -> None:
    assert Parity("", state, None, 1, found(row, of)).healthy == healthy
