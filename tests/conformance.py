"""Writes tests/CONFORMANCE.md: each row of tests/codex_rows.txt with the tests that are marked for
it, or the reason why there is none.

    python tests/conformance.py      (make conformance)

Tests are read, not run: `@pytest.mark.codex("C001", ...)` above a function.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from conformance_reasons import OPEN, REASONS

TESTS = Path(__file__).parent
PAGE = TESTS / "CONFORMANCE.md"
HELD, REASON, OPENED = "held by a test", "another, or none, for a reason", "open"

_HEAD = """\
# Conformance

What Codex's own tests and its behaviour assert, row by row, and the tests of ours that hold the
same. Made by `make conformance` of [codex_rows.txt](codex_rows.txt), of the marks in the tests, and
of [conformance_reasons.py](conformance_reasons.py); a test fails while this page is another than
they give. `not ours` and `ours differs` say why a row is not held as it stands, `later issue` what
is to come, **open** what is being made.
"""


class Row(NamedTuple):
    """One behaviour: its chapter, and what it is in our words."""

    chapter: str
    words: str


def rows() -> dict[str, Row]:
    """The rows by their ids, in order."""
    found: dict[str, Row] = {}
    chapter = ""
    for line in (TESTS / "codex_rows.txt").read_text().splitlines():
        if re.match(r"10\.\d+ ", line):
            chapter = line
        elif line and not line.startswith("#"):
            key, _, words = line.partition(" ")
            assert chapter, key
            assert key not in found, key
            found[key] = Row(chapter, words)
    return found


@cache
def marks() -> dict[str, list[str]]:
    """The tests that are marked for each row, as `folder/module::test`."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        module = path.relative_to(TESTS).with_suffix("").as_posix()
        for name, row in _marked(ast.parse(path.read_text())):
            found.setdefault(row, []).append(f"{module}::{name}")
    return found


def _marked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.codex":
                    for row in mark.args:
                        assert isinstance(row, ast.Constant), f"{node.name}: rows are texts"
                        yield node.name, str(row.value)


def spread(table: Mapping[str, str]) -> dict[str, str]:
    """The same with a key for each row, where keys are spans of rows too."""
    found: dict[str, str] = {}
    for key, words in table.items():
        first, _, last = key.partition("-")
        for number in range(int(first[1:]), int((last or first)[1:]) + 1):
            row = f"C{number:03}"
            assert row not in found, f"{row} has two reasons"
            found[row] = words
    return found


def state_of(row: str, held: Mapping[str, list[str]]) -> str | None:
    """How a row stands; None if nobody says."""
    if row in spread(OPEN):
        return OPENED
    if row in held:
        return HELD
    return REASON if row in spread(REASONS) else None


def counts() -> Counter[str | None]:
    """How many rows stand how."""
    held = marks()
    return Counter(state_of(row, held) for row in rows())


def page() -> str:
    """The page as it should be."""
    held, reasons, opened = marks(), spread(REASONS), spread(OPEN)
    told = counts()
    parts = [_HEAD, f"{len(rows())} rows: " + _summary(told) + ".\n"]
    chapter = ""
    for key, row in rows().items():
        if row.chapter != chapter:
            chapter = row.chapter
            parts.append(f"\n## {chapter}\n\n| row | behaviour | held by |\n|---|---|---|\n")
        by = [f"`{test}`" for test in held.get(key, ())]
        by += [reasons[key]] if key in reasons else []
        by += [f"**open**: {opened[key]}"] if key in opened else []
        parts.append(f"| {key} | {row.words} | {'<br>'.join(by)} |\n")
    return "".join(parts)


def _summary(told: Counter[str | None]) -> str:
    return ", ".join(f"{told[state]} {state}" for state in (HELD, REASON, OPENED))


def summary() -> str:
    """How it stands, in a line."""
    return _summary(counts())


if __name__ == "__main__":
    PAGE.write_text(page())
