"""`threadlog show`: one thread as a transcript, as JSON, or as it stands in its files."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from threadlog.cli.pager import paged
from threadlog.cli.terminal import Style
from threadlog.cli.transcript import Transcript
from threadlog.core import text
from threadlog.core.framing import Frame, Gap, Oversized
from threadlog.core.history import Value
from threadlog.core.lines import REASONS, Damaged, Json
from threadlog.core.turn import Turn
from threadlog.errors import Unreadable
from threadlog.home import Home
from threadlog.reader import ThreadReader

JSON_VERSION = 1
# More problems than this are counted, not listed.
PROBLEMS_LISTED = 1000
_PROBLEMS_PRINTED = 5


class _Problems:
    """What was not a whole line, as plain JSON."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Json]] = []
        self.count = 0

    def add(self, path: str, value: Value) -> None:
        """Take note of one."""
        self.count += 1
        if self.count <= PROBLEMS_LISTED:
            self.listed.append(
                {
                    "path": path or None,
                    "offset": value.offset,
                    "length": 0 if isinstance(value, Gap) else getattr(value, "length", 0),
                    "reason": reason(value),
                }
            )


def reason(value: Value) -> str:
    """Why a piece of a rollout is not a line, in a few words."""
    if isinstance(value, Damaged):
        return f"{value.reason}: {REASONS[value.reason]}"
    if isinstance(value, Oversized):
        return "oversized: too long to load"
    return f"gap: {value.reason}" if isinstance(value, Gap) else "line"


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Print the thread in the form asked for."""
    summary = home.get(arguments.id)
    problems = _Problems()
    reader = home.reader(summary, problems.add)
    if arguments.raw:
        return _print_raw(reader, arguments.tail)
    turns = reader.turns() if arguments.tail is None else iter(reader.last_turns(arguments.tail))
    if arguments.json:
        return _print_json(summary.as_dict(), turns, problems)
    style = Style.of(sys.stdout)
    # The first turn is read before the pager starts: an unreadable file is said plainly.
    first = list(itertools.islice(turns, 1))
    with paged(wanted=not arguments.no_pager) as out:
        transcript = Transcript(out, style, full=arguments.full)
        transcript.thread(summary)
        for turn in itertools.chain(first, turns):
            transcript.turn(turn)
        if not first:
            transcript.note("no turns")
        _note_problems(transcript, problems, summary.path)
    return 0


def _note_problems(transcript: Transcript, problems: _Problems, newest: str) -> None:
    for problem in problems.listed[:_PROBLEMS_PRINTED]:
        place = f"byte {problem['offset']}"
        if problem["path"] not in (None, newest):
            place += f" of {problem['path']}"
        transcript.note(f"not shown: {problem['reason'].partition(': ')[2]}, at {place}")
    if problems.count > _PROBLEMS_PRINTED:
        transcript.note(f"and {problems.count - _PROBLEMS_PRINTED} more (threadlog show --json)")


def _print_json(thread: dict[str, Json], turns: Iterable[Turn], problems: _Problems) -> int:
    """One JSON object, written turn by turn, so that no thread is too long for it."""
    code = 0
    write = sys.stdout.write
    write(f'{{"version":{JSON_VERSION},"thread":{json.dumps(thread)},"turns":[')
    try:
        for index, turn in enumerate(turns):
            write("," if index else "")
            write("\n")
            write(_ascii(msgspec.json.encode(turn)))
    except Unreadable as error:
        problems.add("", Gap(0, str(error)))
        code = 1
    write('\n],"problems":')
    write(json.dumps(problems.listed))
    if problems.count > len(problems.listed):
        write(f',"problems_not_listed":{problems.count - len(problems.listed)}')
    write("}\n")
    return code


def _ascii(encoded: bytes) -> str:
    """JSON text in ASCII: no character of a thread reaches a terminal raw."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded.decode()
    return json.dumps(json.loads(encoded), separators=(",", ":"))


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
