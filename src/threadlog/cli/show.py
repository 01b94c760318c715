"""`threadlog show`: one thread as a transcript, as JSON, or as it stands in its files."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from threadlog.cli.asked import kin_of, since_ms
from threadlog.cli.main import USAGE
from threadlog.cli.pager import paged
from threadlog.cli.problems import Problems, ascii_json, note_problems
from threadlog.cli.sheet import Sheet
from threadlog.cli.terminal import Style
from threadlog.cli.transcript import Transcript
from threadlog.core import text
from threadlog.core.framing import Frame, Gap, Oversized
from threadlog.core.lines import Json
from threadlog.core.turn import ROLLED_BACK, Turn
from threadlog.errors import Unreadable
from threadlog.home import Home
from threadlog.reader import ThreadReader
from threadlog.telling import Joint, Told, find_turn, told

JSON_VERSION = 1


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Print the thread in the form asked for."""
    if (refused := _refused(arguments)) is not None:
        print(f"threadlog: {refused}", file=sys.stderr)
        return USAGE
    summary = home.get(arguments.id)
    if arguments.follow:
        from threadlog.cli.follow import follow

        return follow(home, summary, arguments)
    problems = Problems()
    reader = home.reader(summary, problems.add)
    if arguments.raw:
        return _print_raw(reader, arguments.tail)
    if arguments.turn is not None:
        turns: Iterator[Told] = iter([find_turn(reader, arguments.turn)])
    else:
        copied = None if arguments.json else home  # JSON tells no places
        turns = told(reader, last=arguments.tail, since_ms=since_ms(arguments), home=copied)
    if arguments.json:
        return _print_json(summary.as_dict(), _as_asked(turns, arguments), problems)
    style = Style.of(sys.stdout, plain=arguments.plain)
    # The first turn is read before the pager starts: an unreadable file is said plainly.
    first = list(itertools.islice(turns, 1))
    with paged(wanted=not arguments.no_pager) as out:
        transcript = Transcript(Sheet(out, style, full=arguments.full))
        transcript.thread(summary, kin_of(home, summary))
        for each in itertools.chain(first, turns):
            _write(transcript, each, alone=arguments.turn is not None)
        transcript.end_of_rolled_back()
        if not first:
            transcript.note("no turns" + (" since then" if arguments.since else ""))
        note_problems(transcript.note, problems, summary.path)
        transcript.sheet.pass_on()
    return 0


def _refused(arguments: argparse.Namespace) -> str | None:
    """Why these options do not go together; None if they do."""
    given = [
        name
        for name in ("raw", "json", "tail", "full", "turn", "since", "follow")
        if getattr(arguments, name) not in (None, False)
    ]
    for one, others, why in _APART:
        if one in given and (other := next((each for each in others if each in given), None)):
            return f"--{one} does not go with --{other}: {why}"
    return None


_APART = (
    ("turn", ("tail", "since"), "it means one turn"),
    ("turn", ("raw",), "the lines of a turn do not stand by themselves"),
    ("follow", ("turn",), "a turn by itself does not go on"),
    ("follow", ("raw",), "use `tail -F` on the path that `threadlog path` tells"),
    ("raw", ("since",), "it means turns"),
    ("full", ("json", "raw"), "nothing is folded there"),
)


def _as_asked(turns: Iterator[Told], arguments: argparse.Namespace) -> Iterator[Turn]:
    """The turns that count, or the one that was asked for."""
    for each in turns:
        if isinstance(each, Turn) and (arguments.turn or each.status != ROLLED_BACK):
            yield each


def _write(transcript: Transcript, told: Told, *, alone: bool) -> None:
    if isinstance(told, Joint):
        transcript.joint(told)
    elif alone:
        transcript.whole_turn(told)
        if told.status == ROLLED_BACK:
            transcript.note("this turn was rolled back: it no longer counts")
    else:
        transcript.turn(told)


def _print_json(thread: dict[str, Json], turns: Iterable[Turn], problems: Problems) -> int:
    """One JSON object, written turn by turn, so that no thread is too long for it."""
    code = 0
    write = sys.stdout.write
    write(f'{{"version":{JSON_VERSION},"thread":{json.dumps(thread)},"turns":[')
    try:
        for index, turn in enumerate(turns):
            write("," if index else "")
            write("\n")
            write(ascii_json(msgspec.json.encode(turn)))
    except Unreadable as error:
        problems.add("", Gap(0, str(error)))
        code = 1
    write('\n],"problems":')
    write(json.dumps(problems.listed))
    if problems.count > len(problems.listed):
        write(f',"problems_not_listed":{problems.count - len(problems.listed)}')
    write("}\n")
    return code


def _print_raw(reader: ThreadReader, tail: int | None) -> int:
    """The bytes of the files; made printable where a terminal would obey them.

    Returns the exit code: what cannot be given is said, and is no success.
    """
    terminal, code = sys.stdout.isatty(), 0
    pieces: Iterable[bytes | Gap | Oversized] = reader.raw_chunks()
    if terminal or tail is not None:
        pieces = _raw_lines(reader.raw_lines() if tail is None else _last(reader, tail))
    for piece in pieces:
        if not isinstance(piece, bytes):
            print(f"threadlog: {_why(piece)}", file=sys.stderr)
            code = 1
        elif terminal:
            print(text.printable(piece.decode(errors="replace").removesuffix("\n")))
        else:
            sys.stdout.buffer.write(piece)
    sys.stdout.flush()
    return code


def _raw_lines(frames: Iterable[Frame | Gap]) -> Iterator[bytes | Gap | Oversized]:
    """Lines as they stand; one that lacks its LF, and is not the last, gets it."""
    held = b""
    for frame in frames:
        if held:
            yield held + b"\n"
            held = b""
        if isinstance(frame, Gap) or isinstance(frame.raw, Oversized):
            yield frame if isinstance(frame, Gap) else frame.raw
        elif frame.ended:
            yield frame.raw + b"\n"
        else:
            held = frame.raw
    if held:
        yield held


def _last(reader: ThreadReader, count: int) -> Iterable[Frame | Gap]:
    lines = (
        frame
        for frame in reader.raw_lines_backwards()
        if isinstance(frame, Gap) or not isinstance(frame.raw, bytes) or frame.raw.strip()
    )
    newest: deque[Frame | Gap] = deque()
    newest.extendleft(itertools.islice(lines, count))
    return newest


def _why(piece: Gap | Oversized) -> str:
    if isinstance(piece, Gap):
        return f"not all is there: {text.one_line(piece.reason)}"
    return f"left out: a line of {piece.length} bytes at byte {piece.offset}, too long to load"
