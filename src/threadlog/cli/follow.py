"""`threadlog show --follow`: the newest turns, then what happens, as it happens."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from threadlog.cli.asked import kin_of, since_ms
from threadlog.cli.problems import Problems, ascii_json, note_problems, problem
from threadlog.cli.sheet import Sheet
from threadlog.cli.terminal import Style
from threadlog.cli.transcript import Transcript
from threadlog.core.boundaries import Spot
from threadlog.core.decode import Line
from threadlog.core.framing import Oversized
from threadlog.core.items import turn as ti
from threadlog.core.lines import Damaged, Json, not_shown
from threadlog.core.live import Awaited, Began, Ended, Happened, Happening, LiveTurns, RolledBack
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import IN_PROGRESS, ROLLED_BACK, Turn
from threadlog.following import Deleted, Followed, Following, Reverted, Shortened
from threadlog.home import Home
from threadlog.telling import told

if TYPE_CHECKING:
    from threadlog.reader import Report, ThreadReader


class _LastTurn(NamedTuple):
    """The thread was reverted, and this is its last turn now; None: it has none."""

    turn_id: str | None


_Told = Happening | _LastTurn | Damaged | Oversized | Shortened | Deleted
# Turns that are shown before what happens.
SHOWN_TURNS = 5
JSON_VERSION = 1


def follow(home: Home, summary: ThreadSummary, arguments: argparse.Namespace) -> int:
    """Show what happens in a thread until it is deleted, or somebody interrupts."""
    with home.follow(summary.id or summary.path) as following:
        count = arguments.tail or SHOWN_TURNS
        if (moment := since_ms(arguments)) is not None:
            since = told(home.reader(summary), last=arguments.tail, since_ms=moment)
            count = sum(isinstance(each, Turn) and each.status != ROLLED_BACK for each in since)
        teller: _Teller = _InJson() if arguments.json else _InWords(arguments)
        teller.thread(summary, kin_of(home, summary))
        watched, problems = _Watched(home, following), Problems()
        for happening in watched.before(summary, count, problems.add):
            teller.tell(happening)
        teller.problems(problems, summary.path)
        teller.flush()
        while not following.ended:
            came = following.poll()
            for followed in came:
                for each in watched.add(followed):
                    teller.tell(each)
            if not (came and following.behind):
                teller.flush()
            if not (came or following.behind):
                following.wait()
    teller.flush()
    return 0


class _Watched:
    """The turns of a thread that is followed; after a revert, those that it left."""

    def __init__(self, home: Home, following: Following) -> None:
        self._home = home
        self._following = following
        self._live: LiveTurns | None = None

    def before(
        self, summary: ThreadSummary, count: int, report: Report | None = None
    ) -> list[_Told]:
        """What happened in the newest *count* turns up to the place that is followed.

        *report* is told of all damage that is met.
        """
        reader = self._home.reader(summary, report)
        end = Spot(len(reader.segments()) - 1, self._following.offset)
        return self._read(reader, end, count)

    def add(self, followed: Followed) -> list[_Told]:
        """What one thing that came tells."""
        value = followed.value
        if isinstance(value, Line):
            return list(self._live.add(value)) if self._live is not None else []
        return [self._revert(followed.path)] if isinstance(value, Reverted) else [value]

    def _revert(self, path: str) -> _LastTurn:
        """Read what the thread goes on from; tells the turn that is its last one now."""
        summary = self._home.get(path)
        reader = self._home.reader(summary)
        end = Spot(len(reader.segments()) - 1, 0)
        self._read(reader, end, 1)
        last = reader.turns_back(1, end)
        return _LastTurn(last[0][0].id if last else None)

    def _read(self, reader: ThreadReader, end: Spot, count: int) -> list[_Told]:
        lines, rules = reader.newest_lines(max(count, 1), end)
        live = self._live = LiveTurns(rules)
        happenings = (each for line in lines for each in live.add(line))
        return _newest(happenings, count, whole=not rules.partial)


def _newest(happenings: Iterable[Happening], count: int, *, whole: bool) -> list[_Told]:
    """What happened in the newest turns; what was rolled back did not.

    Items of turns that never began stand last, where the lines are all that there are: else the
    turns may have begun before them.
    """
    turns: list[tuple[str, list[Happening]]] = []
    ahead: dict[str, list[Happening]] = {}
    for each in happenings:
        if isinstance(each, RolledBack):
            del turns[max(len(turns) - each.turns, 0) :]
        elif isinstance(each, Began):
            turns.append((each.turn.id, [each, *ahead.pop(each.turn.id, [])]))
        else:
            name = each.turn_id if isinstance(each, (Awaited, Happened)) else each.turn.id
            found = next((told for turn_id, told in reversed(turns) if turn_id == name), None)
            if found is not None:
                found.append(each)
            elif isinstance(each, Happened):
                ahead.setdefault(name, []).append(each)
    turns += ahead.items() if whole else ()
    shown = turns[-count:] if count else []
    return [each for _turn_id, happened in shown for each in happened]


class _Teller(Protocol):
    """Who tells it."""

    def thread(self, thread: ThreadSummary, kin: dict[str, str]) -> None:
        """What thread it is."""

    def tell(self, what: _Told) -> None:
        """One thing that happened."""

    def problems(self, problems: Problems, path: str) -> None:
        """What was damaged in the turns that it begins with; *path* is of the newest rollout."""

    def flush(self) -> None:
        """Have it seen."""


class _InWords:
    """A transcript, item by item."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        style = Style.of(sys.stdout, plain=arguments.plain)
        self._transcript = Transcript(Sheet(sys.stdout, style, full=arguments.full))
        self._turn_id: str | None = None
        self._begun = False  # the line of that turn tells how it began
        self._reasoning = False
        self.flush = self._transcript.sheet.flush

    def thread(self, thread: ThreadSummary, kin: dict[str, str]) -> None:
        """The head."""
        self._transcript.thread(thread, kin)

    def tell(self, what: _Told) -> None:
        """One thing that happened."""
        if isinstance(what, Began):
            self._begin(what.turn)
        elif isinstance(what, Happened):
            self._item(what)
        elif isinstance(what, Ended):
            if what.turn.id == self._turn_id:
                self._transcript.end(what.turn)
        elif sentence := _sentence(what):
            self._transcript.note(sentence)
        self._reasoning = isinstance(what, Happened) and isinstance(what.item, ti.Reasoning)

    def problems(self, problems: Problems, path: str) -> None:
        """As remarks, the first of them."""
        note_problems(self._transcript.note, problems, path)

    def _begin(self, turn: Turn) -> None:
        """The line of a turn; of one whose items came before, unless it has no start to tell of."""
        started = turn.status == IN_PROGRESS
        if turn.id != self._turn_id or (started and not self._begun):
            self._transcript.begin(turn)
            self._begun = True
        self._turn_id = turn.id

    def _item(self, what: Happened) -> None:
        if what.turn_id != self._turn_id:  # of an earlier turn, or of one that was not shown
            self._turn_id, self._begun = what.turn_id, False
            self._transcript.goes_on(what.turn_id)
        if what.more and self._reasoning and isinstance(what.item, ti.Reasoning):
            self._transcript.more_reasoning(what.item)
        else:
            self._transcript.item(what.item)


def _sentence(what: _Told) -> str:
    """What became of the thread, as a remark."""
    if isinstance(what, RolledBack):
        return f"{what.turns} turn{'s were' if what.turns != 1 else ' was'} rolled back here"
    if isinstance(what, _LastTurn):
        return f"reverted to {f'turn {what.turn_id}' if what.turn_id else 'its beginning'}"
    if isinstance(what, Shortened):
        return f"the rollout was cut short; it is gone on with from byte {what.offset}"
    if isinstance(what, Deleted):
        return "the thread is not there any more"
    if isinstance(what, (Damaged, Oversized)):
        return not_shown(what)
    return ""


class _InJson:
    """An object a line."""

    def __init__(self) -> None:
        self.flush = sys.stdout.flush

    def thread(self, thread: ThreadSummary, kin: dict[str, str]) -> None:
        """The first object."""
        del kin
        self._write("thread", version=JSON_VERSION, thread=thread.as_dict())

    def tell(self, what: _Told) -> None:
        """One thing that happened."""
        if isinstance(what, Happened):
            item = ascii_json(msgspec.json.encode(what.item))
            name = json.dumps(what.turn_id)
            sys.stdout.write(f'{{"event":"item","turn_id":{name},"item":{item}}}\n')
        elif isinstance(what, (Began, Ended)):
            turn = msgspec.to_builtins(what.turn)
            del turn["items"], turn["item_times"]
            self._write("turn_began" if isinstance(what, Began) else "turn_ended", turn=turn)
        elif isinstance(what, RolledBack):
            self._write("rolled_back", turns=what.turns)
        elif isinstance(what, _LastTurn):
            self._write("reverted", turn_id=what.turn_id)
        elif isinstance(what, Shortened):
            self._write("shortened", offset=what.offset)
        elif isinstance(what, Deleted):
            self._write("deleted")
        elif isinstance(what, (Damaged, Oversized)):
            self._write("problem", **problem("", what))

    def problems(self, problems: Problems, path: str) -> None:
        """An object each."""
        del path
        for each in problems.listed:
            self._write("problem", **each)
        if problems.count > len(problems.listed):
            self._write("problems_not_listed", count=problems.count - len(problems.listed))

    def _write(self, event: str, **fields: Json) -> None:
        sys.stdout.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")
