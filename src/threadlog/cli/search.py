"""`threadlog search`: passages found, the newest first, under the threads they are in."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import groupby

from threadlog.cli.index import Progress
from threadlog.cli.terminal import BOLD, CYAN, DIM, YELLOW, Style, folder
from threadlog.core import ids, text
from threadlog.core.search import FIELDS, NEWEST, RELEVANCE, SearchHit, SearchPage
from threadlog.home import Home
from threadlog.searching import Searched

JSON_VERSION = 1
# After an answer the word index is built for so long, where somebody sits at a terminal.
AFTER_ANSWER_S = 3.0
_MIN_COLUMNS = 40


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Print what is found."""
    on_terminal = sys.stdout.isatty() and not arguments.json
    asked = _asked(arguments)
    words = arguments.query
    query = " ".join(words if arguments.exact else map(_phrase, words))
    with Progress("searching") as progress:
        if on_terminal:
            home.tell_progress(progress)
        page = home.search(query, **asked)
    if arguments.json:
        _print_json(page)
    elif not page:
        print("nothing found", file=sys.stdout if on_terminal else sys.stderr)
    else:
        _print_hits(page, Style.of(sys.stdout))
    if page.total is not None and not arguments.json:
        what = _several(page.total, "passage"), _several(page.threads or 0, "thread")
        print(f"{what[0]} in {what[1]}", file=sys.stdout if on_terminal else sys.stderr)
    for problem in page.problems:
        print(f"threadlog: {text.one_line(problem)}", file=sys.stderr)
    if page.next and not (on_terminal or arguments.json):
        print(f"threadlog: there are more: --limit N, or --cursor '{page.next}'", file=sys.stderr)
    if on_terminal and page.scanned:
        _go_on_indexing(home, page.scanned)
    return 1 if page.problems else 0


def _asked(arguments: argparse.Namespace) -> Searched:
    return {
        "exact": arguments.exact,
        "roles": arguments.role,
        "tools": arguments.tool,
        "after": arguments.after,
        "before": arguments.before,
        "within": arguments.within,
        "cwd": arguments.cwd,
        "branch": arguments.branch,
        "repository": arguments.repository,
        "sources": arguments.source,
        "archived": True if arguments.archived else False if arguments.active else None,
        "copies": arguments.copies,
        "order": RELEVANCE if arguments.relevance else NEWEST,
        "limit": arguments.limit,
        "cursor": arguments.cursor,
        "counted": arguments.count,
    }


def _phrase(word: str) -> str:
    """Words that a shell was given as one are meant one behind the other."""
    apart = word.split()
    fields = any(each.partition(":")[0] in FIELDS and each[-1] != ":" for each in apart)
    return word if len(apart) < 2 or '"' in word or fields else f'"{word}"'


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _print_json(page: SearchPage) -> None:
    value: dict[str, object] = {
        "version": JSON_VERSION,
        "hits": [hit.as_dict() for hit in page],
        "next": page.next,
        "scanned": page.scanned,
    }
    if page.total is not None:
        value |= {"total": page.total, "threads": page.threads}
    if page.problems:
        value["problems"] = page.problems
    print(json.dumps(value, indent=1))


def _print_hits(page: SearchPage, style: Style) -> None:
    """Under each thread what is found in it; for programs a line each, cells between tabs."""
    if not style.columns:
        for hit in page:
            cells = (hit.at, hit.thread.id or hit.path, hit.turn, hit.role, hit.tool, hit.excerpt)
            print("\t".join(text.one_line(cell) for cell in cells))
        return
    columns = max(style.columns, _MIN_COLUMNS)
    for index, (_path, hits) in enumerate(groupby(page, key=lambda hit: hit.thread.path)):
        some = list(hits)
        if index:
            print()
        print(_heading(some[0], style, columns))
        for hit in some:
            print("\n".join(_lines(hit, style, columns)))
    if page.next:
        print(style.paint("\nmore: --limit N, or a narrower search", DIM))


def _heading(hit: SearchHit, style: Style, columns: int) -> str:
    thread = hit.thread
    short = ids.short_id(thread.id) if thread.id else "-"
    about = f"{hit.at[:16].replace('T', ' ')}  {short}"
    where = text.one_line(folder(thread.cwd))
    if thread.archived:
        where += "  archived"
    title = text.fit(text.one_line(thread.title or "(no message yet)"), columns - len(about) - 2)
    room = columns - len(about) - text.width(title) - 4
    tail = f"  {text.fit_end(where, room)}" if room >= 12 else ""
    return f"{style.paint(about, CYAN)}  {style.paint(title, BOLD)}{style.paint(tail, DIM)}"


def _lines(hit: SearchHit, style: Style, columns: int) -> Iterator[str]:
    """The excerpt, in as many lines as it takes, what was looked for marked."""
    who = text.one_line(f"{hit.role} {hit.tool}".strip())
    if hit.copied:
        who += " (copied)"
    yield f"  {style.paint(who, YELLOW)}  {style.paint(f'turn {_short(hit.turn)}', DIM)}"
    yield from (f"    {line}" for line in _wrapped(hit, style, columns - 4))


def _short(turn: str) -> str:
    return text.one_line(turn[-8:] if len(turn) == 36 else turn) or "-"


def _wrapped(hit: SearchHit, style: Style, columns: int) -> Iterator[str]:
    """The excerpt in lines of so many columns; one word longer than a line is cut anywhere."""
    line, used = "", 0
    for word, marked in _words(hit):
        shown = text.printable(word).replace("\n", " ").replace("\t", " ")
        wide = text.width(shown)
        if used and used + wide > columns and shown.strip():
            yield line.rstrip()
            line, used = "", 0
        while wide > columns:
            piece = text.fit(shown, columns)
            yield line + style.paint(piece, BOLD, CYAN) if marked else line + piece
            shown, line = shown[max(len(piece) - 1, 1) :], ""
            wide = text.width(shown)
        line += style.paint(shown, BOLD, CYAN) if marked else shown
        used += wide
    if line.strip():
        yield line


def _words(hit: SearchHit) -> Iterator[tuple[str, bool]]:
    """Words and the spaces between them, each with whether it was looked for."""
    place = 0
    for start, end in [*hit.marks, (len(hit.excerpt), len(hit.excerpt))]:
        for piece, marked in ((hit.excerpt[place:start], False), (hit.excerpt[start:end], True)):
            for number, word in enumerate(piece.split(" ")):
                if number:
                    yield " ", False
                if word:
                    yield word, marked
        place = end


def _go_on_indexing(home: Home, scanned: int) -> None:
    """The answer is out: spend a moment on the word index, so that the next comes faster."""
    sys.stdout.flush()
    with Progress("indexing words") as progress:
        done = home.catch_up_search(timeout_s=AFTER_ANSWER_S, progress=progress)
    if not done:
        what = _several(scanned, "thread")
        hint = "threadlog index build --search has the next search answered at once"
        print(f"threadlog: {what} had to be read; {hint}", file=sys.stderr)
