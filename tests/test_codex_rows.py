"""tests/CONFORMANCE.md is what the marks in the tests give, and every row is accounted for."""

from __future__ import annotations

import pytest

import conformance
from conformance_reasons import OPEN, REASONS


def test_every_row_is_accounted_for() -> None:
    held = conformance.marks()
    assert [row for row in conformance.rows() if conformance.state_of(row, held) is None] == []


def test_no_row_is_named_that_is_not_there() -> None:
    rows = conformance.rows()
    assert list(rows) == [f"C{number:03}" for number in range(1, 424)]
    assert len({row.chapter for row in rows.values()}) == 17
    assert {row: tests for row, tests in conformance.marks().items() if row not in rows} == {}
    assert conformance.spread(OPEN).keys() <= rows.keys()
    assert conformance.spread(REASONS).keys() <= rows.keys()


def test_what_a_test_holds_is_not_open() -> None:
    assert conformance.spread(OPEN).keys() & conformance.marks().keys() == set()
    assert conformance.spread(OPEN).keys() & conformance.spread(REASONS).keys() == set()


def test_the_page_is_what_the_marks_give(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nconformance: {conformance.summary()}")
    assert conformance.PAGE.read_text() == conformance.page(), "run `make conformance`"
