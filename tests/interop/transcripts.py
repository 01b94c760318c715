"""One script run on Codex's app-server and on ours: where they differ, and why.

`python -m interop.transcripts` prints the table into docs/app-server.md, between its two marks.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from interop.transcript_normal import Seen, kind_of

Json = Any

PAGE = Path(__file__).parents[2] / "docs" / "app-server.md"
BEGIN, END = "<!-- differences begin -->", "<!-- differences end -->"
_ABSENT = "nothing"
_SHOWN = 160
_NUMBER = re.compile(r"\d+|told of [^:]*")

# Steps and places (with `*`), and why it is not so with us; a row that excuses nothing fails.
DIFFERENCES: dict[str, str] = {
    "models | *": "a server has the one model that it was started with",
    "a method of old | *": "`thread/rollback` is of Codex 0.100; it works here",
    "thread/items/list, nobody | *": "items of legacy threads are listed too",
    "* | *readState*": "what a person has read is kept by Codex's own clients",
    "* | told of none: order": "whole histories of paginated threads are not deprecated here",
    "* | *ursor*": "a cursor says where to read on, so that a page costs what it shows",
    "list: term of another case | *": "a term is looked for in either case of letters",
    "list: by created_at, desc, back | *": "Codex leaves out the second that it goes on from",
    "list: by updated_at* | *": "a name is told in the rollout too, which is a change of it",
    "*: list the archived | *forkedFromId": "a listing knows what a thread was forked from",
    "legacy: items * | *": "items of legacy threads are listed too",
    "paginated: occurrences | *": "`thread/searchOccurrences` is not here yet",
    # -- not on disk yet: the one table of docs/lifecycle.md, as Codex 0.100 answers
    "unwritten *: *archive* | *": "nothing of it is there to be archived",
    "unwritten *: *fork* | *": "not ready until the first user message",
    "unwritten *: resume* | *": "there is nothing to go on with",
    "unwritten *: revert* | *": "there is no turn to revert to",
    "unwritten paginated: * | answer.error*": "refused as for a legacy thread",
    "unwritten legacy: items | *": "items of legacy threads are listed too, once there are some",
    "unwritten *: read with turns, * done | *": "a name or metadata is remembered, not written yet",
    "unwritten *: read with turns, inject done | *": "what was injected is shown, as it was spoken",
    # -- turns
    "* | *commandExecution*": "the agent says what runs; no process of this server does",
    "* | *.items.[34]*": "commands of legacy threads are shown too",
    "*: interrupt | *order": "tokens are told when an agent counts some, and only then",
    "*: steer | *order": "tokens are told when an agent counts some, and only then",
    "* | *tokenUsage/updated.0.*": "tokens are told when an agent counts some, and only then",
    "*: failing turn* | *order": "tokens are told when an agent counts some, and only then",
    "*: compact | *order": "tokens are told once for a compaction",
    "*review* | *": "a review is one turn of the thread, which ends",
    "*, restarted | *": "the review among them is one turn, which has ended",
    "*: read at the end | *.turns.[67]*": "the review among them is one turn, which has ended",
    "*: resume* | *status*": "a thread whose review has ended is idle",
    "*: resume* | *.turns.[67]*": "the review among them is one turn, which has ended",
    "paginated: *turns* | *items.1": "what was said before the turn ended is shown",
    "*: revert* | *order": "a revert unloads nothing, be it done or refused",
}


class Difference(NamedTuple):
    """A place of a step that is not alike."""

    step: str
    place: str
    codex: Json
    ours: Json

    @property
    def where(self) -> str:
        """What a row of the table must match."""
        return f"{self.step} | {self.place}"

    def __str__(self) -> str:
        return f"{self.where}: Codex {_short(self.codex)}, we {_short(self.ours)}"


def differences(codex: list[Seen], ours: list[Seen]) -> Iterator[Difference]:
    """Every place where two transcripts of one script differ."""
    assert [each.step for each in codex] == [each.step for each in ours]
    for theirs, own in zip(codex, ours, strict=True):
        for place, left, right in _unlike(theirs.answer, own.answer, "answer"):
            yield Difference(theirs.step, place, left, right)
        for thread in sorted({*theirs.notes, *own.notes}):
            left, right = theirs.notes.get(thread, []), own.notes.get(thread, [])
            for found in _unlike_notes(left, right, f"told of {thread.strip('<>')}"):
                yield Difference(theirs.step, *found)


def judged(found: list[Difference], table: dict[str, str]) -> tuple[list[Difference], list[str]]:
    """The differences that no row excuses, and the rows that excuse none."""
    uses: Counter[str] = Counter()
    unexcused = []
    for difference in found:
        rows = [row for row in table if fnmatchcase(difference.where, row)]
        uses.update(rows)
        if not rows:
            unexcused.append(difference)
    return unexcused, [row for row in table if not uses[row]]


def summary(found: list[Difference]) -> str:
    """Differences for people: one of each place, with how many there are like it."""
    alike: dict[str, list[Difference]] = {}
    for each in found:
        alike.setdefault(_NUMBER.sub("#", each.place), []).append(each)
    lines = (f"{len(several)} like {several[0]}" for several in alike.values())
    return "\n".join(lines)


def _unlike(codex: Json, ours: Json, place: str) -> Iterator[tuple[str, Json, Json]]:
    if isinstance(codex, dict) and isinstance(ours, dict):
        for name in sorted({*codex, *ours}):
            left, right = codex.get(name, _ABSENT), ours.get(name, _ABSENT)
            yield from _unlike(left, right, f"{place}.{name}")
    elif isinstance(codex, list) and isinstance(ours, list):
        for number, (left, right) in enumerate(zip_longest(codex, ours, fillvalue=_ABSENT)):
            yield from _unlike(left, right, f"{place}.{number}")
    elif codex != ours or type(codex) is not type(ours):
        yield place, codex, ours


def _unlike_notes(
    codex: list[Json], ours: list[Json], place: str
) -> Iterator[tuple[str, Json, Json]]:
    """Differences of order, then those of each notification, the n-th of its kind with the n-th."""
    left, right = list(map(kind_of, codex)), list(map(kind_of, ours))
    if left != right:
        yield f"{place}: order", left, right
    for kind in sorted({*left} & {*right}):
        pairs = zip(_of(codex, kind), _of(ours, kind), strict=False)
        for number, (theirs, own) in enumerate(pairs):
            yield from _unlike(theirs["params"], own["params"], f"{place}: {kind}.{number}")


def _of(notes: list[Json], kind: str) -> Iterator[Json]:
    return (note for note in notes if kind_of(note) == kind)


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def table_lines() -> list[str]:
    """The table of differences, as it stands on the page."""
    rows = (f"| `{where.replace('|', '·')}` | {why} |" for where, why in DIFFERENCES.items())
    return ["| step · place | why it is not so here |", "|---|---|", *rows]


def with_table(page: str) -> str:
    """A page with the table between its marks; raises ValueError if it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} and {END} there")
    return "\n".join([before + begin, *table_lines(), end + after])


if __name__ == "__main__":
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    page.write_text(with_table(page.read_text()))
