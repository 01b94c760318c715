"""docs/interop.md, made of what a run of the whole matrix saw.

`make interop-all` runs it: python -m interop.matrix_page FILE.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from interop.deeds import DEEDS
from interop.limits import LETTERS
from interop.matrix import COLD, PLAYERS, RUNNING, Cell, Stage, stages

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
GREEN, OURS = "✓", "✗"

Outcome = frozenset[str]  # the letters of the limits that were met
Key = tuple[Stage, str]  # of several cells: whose thread it was is one of them

_INTRO = """\
# threadlog and Codex in one home

What one of us does to a thread, as the others see it: each cell below was done and looked at, with
the real binaries (`make interop-all`, which writes this page; a part of it runs in CI). *cold*: who
looks is started afterwards. *running*: it was running, and had listed and shown all threads before.

A cell stands for threads that each of those concerned began. Codex looks with `thread/list`,
`thread/read`, `thread/resume`, a turn (what the model is sent is compared with `home.model_input`),
`thread/fork`; we with a listing, the turns, `home.resume` and a turn, after which Codex looks
again, and `home.fork`. While Codex has a thread loaded we list, read and fork it, and what would
change it is refused.

✓: all of it is as it should be. A letter: Codex shows something else there, see below.
"""
_LIMITS = """\
## Where Codex shows something else

The files are right in all of these, and threadlog shows what there is.
"""
_SEEN_ON_WALKS = """
Seen on walks of hundreds of operations (`tests/interop/test_walk.py`), with 0.100 and 0.169:

- A name that 0.100 gives to a thread of which 0.169's row has one stays behind in 0.169's list.
- A thread that 0.169 archived and 0.100 brought back is archived still for 0.169: `thread/resume`
  says `session ID is archived`. `threadlog doctor --mend` has the row follow, either way.
- `thread/name/set` of 0.100 is answered before the name is written: ended at once, it is lost.
- `thread/fork` of 0.100 right after a turn can miss its end. 0.100 shows every turn without an end
  as completed; 0.169 and threadlog as interrupted.
- `codex doctor` warns of missing rows after a fork or a restore of ours, until Codex lists its
  threads, and of doubles after a revert, ours or its own; after all else it says ok.
- `thread/list` leaves out threads between two pages if they began in the same second.
"""


def note(path: Path, outcomes: Mapping[Cell, Outcome]) -> None:
    """Add what was seen of cells."""
    with path.open("a") as file:
        for cell, letters in outcomes.items():
            told = {"stage": cell.stage, "deed": cell.deed.name, "maker": cell.maker}
            file.write(json.dumps({**told, "letters": "".join(sorted(letters))}) + "\n")


def read_page(page: Path) -> dict[Key, Outcome]:
    """Which letters the page tells of each."""
    told: dict[Key, Outcome] = {}
    columns: list[Stage] = []
    for line in page.read_text().splitlines():
        parts = [each.strip() for each in line.strip("|").split("|")]
        if line.startswith("### "):
            mode, doer = line.removeprefix("### ").split(", by ")
            columns = list(_columns(mode, doer))
        elif line.startswith("| ") and len(parts) == len(columns) + 1:
            for stage, seen in zip(columns, parts[1:], strict=True):
                told[stage, parts[0]] = frozenset(seen) & LETTERS.keys()
    return told


def _columns(mode: str, doer: str) -> Iterator[Stage]:
    for looker in PLAYERS[mode]:
        if looker != doer:
            yield from (Stage(mode, doer, looker, when) for when in (COLD, RUNNING))


def _page(seen: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    yield f"{_INTRO}\n{_counts(seen)}\n"
    for mode, players in PLAYERS.items():
        yield f"## {mode.capitalize()} threads\n"
        for doer in players:
            yield from _table(mode, doer, seen)
    yield _LIMITS
    yield "| | Codex | |"
    yield "|---|---|---|"
    for letter, limit in LETTERS.items():
        yield f"| {letter} | {limit.version} | {limit.says} |"
    yield _SEEN_ON_WALKS.rstrip()


def _table(mode: str, doer: str, seen: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    columns = list(_columns(mode, doer))
    yield f"### {mode}, by {doer}\n"
    yield "| | " + " | ".join(f"{each.looker}, {each.when}" for each in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for deed in DEEDS:
        if deed.mode in ("", mode) and deed.by(doer):
            told = (_told(stage, deed.name, seen) for stage in columns)
            yield f"| {deed.name} | {' | '.join(told)} |"
    yield ""


def _told(stage: Stage, deed: str, seen: Mapping[tuple[str, ...], str]) -> str:
    cells = [seen.get((*stage, deed, maker)) for maker in stage.makers]
    letters = "".join(sorted(set("".join(each or "" for each in cells))))
    return OURS if None in cells else letters or GREEN


def _counts(seen: Mapping[tuple[str, ...], str]) -> str:
    cells = [(*stage, cell.deed.name, cell.maker) for stage in stages() for cell in stage.cells()]
    green = sum(seen.get(each) == "" for each in cells)
    ours = sum(each not in seen for each in cells)
    limited = len(cells) - green - ours
    return (
        f"Of {len(cells)} cells (a thread of each maker counts) {green} are green, {limited} show "
        f"a limit of Codex, {ours} a fault of ours."
    )


def _read(lines: Iterable[str]) -> dict[tuple[str, ...], str]:
    rows = map(json.loads, lines)
    return {(*row["stage"], row["deed"], row["maker"]): row["letters"] for row in rows}


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        PAGE.write_text("\n".join(_page(_read(file))) + "\n")
