"""A thread, or what was found in one, as a row of the list."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.segment import Segment

from threadlog.core.moments import age, unix_ms
from threadlog.core.query import ThreadSummary
from threadlog.core.text import one_line, with_tilde
from threadlog.ui import cells

if TYPE_CHECKING:
    from threadlog.core.search import SearchHit

# What the letters before a thread mean, the gravest first; three of them are shown.
MARKS = {
    "!": "its head cannot be read",
    "a": "archived",
    "s": "a subagent's or a review",
    "f": "forked",
    "z": "compressed",
}
_MARKS, _AGE, _GAP = 3, 4, 2
_FOLDER, _BRANCH, _TITLE_MIN = 24, 14, 24


def marks_of(thread: ThreadSummary) -> str:
    """The letters of a thread."""
    facts = (
        thread.problem is not None,
        thread.archived,
        thread.parent_thread_id is not None or thread.source.startswith("subagent"),
        thread.forked_from_id is not None,
        thread.compressed,
    )
    return "".join(mark for mark, fact in zip(MARKS, facts, strict=True) if fact)


def title_of(thread: ThreadSummary) -> str:
    """What a thread is called, or why it is not."""
    return thread.title or (f"({thread.problem})" if thread.problem else "(no message yet)")


def folder_of(thread: ThreadSummary) -> str:
    """Its working directory as people write it."""
    return "-" if thread.cwd is None else with_tilde(thread.cwd, os.path.expanduser("~"))


def age_of(moment: str, now_ms: int) -> str:
    """How long ago that was."""
    at = unix_ms(moment)
    return "-" if at is None else age((now_ms - at) // 1000)


def counted(number: int, what: str) -> str:
    """So many of something."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def thread_row(thread: ThreadSummary, columns: int, sort: str, now_ms: int) -> list[Segment]:
    """One line: marks, age, directory, title, branch; a narrow one does without some."""
    room = columns - _MARKS - _AGE - _GAP - 1
    branch = _BRANCH if room - _BRANCH - _GAP >= 2 * _TITLE_MIN else 0
    room -= branch + (_GAP if branch else 0)
    folder = min(_FOLDER, room - _GAP - _TITLE_MIN)
    folder = folder if folder >= 8 else 0
    room -= folder + (_GAP if folder else 0)
    moment = age_of(getattr(thread, sort), now_ms)
    style = cells.DIM if thread.problem else cells.PLAIN
    row = [
        Segment(f"{marks_of(thread)[:_MARKS]:<{_MARKS}}", cells.YELLOW),
        Segment(f" {moment:>{_AGE}}  ", cells.DIM),
    ]
    if folder:
        shown = cells.end_of(folder_of(thread), folder)
        row.append(Segment(cells.filled(shown, folder) + " " * _GAP, cells.DIM))
    row.append(Segment(cells.filled(cells.one_line(title_of(thread), room), max(room, 0)), style))
    if branch:
        shown = cells.one_line(thread.git_branch or "-", branch)
        row.append(Segment(" " * _GAP + cells.filled(shown, branch), cells.DIM))
    return row


def hit_rows(hit: SearchHit, columns: int, now_ms: int) -> list[list[Segment]]:
    """Two lines: when, who, in which thread; and what was said, with what was looked for."""
    role = f"{hit.role} {hit.tool}" if hit.tool else hit.role
    head = [
        Segment(f"{marks_of(hit.thread)[:_MARKS]:<{_MARKS}}", cells.YELLOW),
        Segment(f" {age_of(hit.at, now_ms):>{_AGE}}  ", cells.DIM),
        Segment(cells.filled(cells.one_line(role, 16), 16) + "  ", cells.BOLD),
        Segment(cells.one_line(title_of(hit.thread), max(columns - 28, 0)), cells.DIM),
    ]
    return [head, excerpt_row(hit, columns)]


def excerpt_row(hit: SearchHit, columns: int) -> list[Segment]:
    """The excerpt on one line, each of its pieces made safe by itself, so that marks stay."""
    row, place, room = [Segment(" " * (_MARKS + 1))], 0, columns - _MARKS - 1
    for start, end in (*hit.marks, (len(hit.excerpt), len(hit.excerpt))):
        for piece, style in (
            (hit.excerpt[place:start], cells.PLAIN),
            (hit.excerpt[start:end], cells.FOUND),
        ):
            safe = _kept_spaces(piece)
            if safe and room > 0:
                shown = cells.one_line(safe, room) if cells.width(safe) > room else safe
                row.append(Segment(shown, style))
                room -= cells.width(shown)
        place = max(place, end)
    return row


def _kept_spaces(piece: str) -> str:
    """*piece* safe and on one line; a space at its ends stays, since more comes there."""
    if not piece:
        return ""
    before, after = piece[:1].isspace(), piece[-1:].isspace()
    return f"{' ' if before else ''}{one_line(piece)}{' ' if after and piece.strip() else ''}"
