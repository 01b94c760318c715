"""Exports: threads as one file to hand on, written as they are read, without secrets if asked.

Two passes where that takes it: the first learns secrets, counts turns and makes the outline, so
that a secret that is told in one place is missing in all, also before it.
"""

from __future__ import annotations

import io
import operator
import os
from array import array
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import IO, TYPE_CHECKING, Any, TypedDict, TypeVar

import msgspec

from threadlog.core import export as told
from threadlog.core import redaction_rules as rules
from threadlog.core.export import FORMATS, HTML, JSON, JSONL, MARKDOWN, ExportReport, Outline
from threadlog.core.items.turn import UserMessage
from threadlog.core.metadata import PREVIEW_LIMIT_CHARS
from threadlog.core.query import ThreadSummary
from threadlog.core.redacted import encoded, redacted
from threadlog.core.redaction import Gate, Redactor
from threadlog.core.text import fit, one_line
from threadlog.core.turn import ROLLED_BACK, Turn
from threadlog.errors import NotFound, ThreadlogError
from threadlog.telling import Joint
from threadlog.telling import told as told_of

if TYPE_CHECKING:
    from threadlog.core.history import Value
    from threadlog.reader import Report, ThreadReader
    from threadlog.stored import Reference, StoredThreads

Some = TypeVar("Some")
Range = tuple[int | None, int | None]
Target = str | os.PathLike[str] | IO[bytes] | IO[str]
# What of a summary is text of somebody's.
_TEXTS = (
    *("title", "name", "cwd", "source", "git_branch", "git_url", "originator"),
    *("agent_nickname", "agent_role", "model", "model_provider", "cli_version", "id"),
    *("git_commit", "forked_from_id", "parent_thread_id"),
)
# A user's table of rules, in the home's own folder.
RULES_FILE = "redaction.toml"
RULES_BYTES = 1 << 20
_BEGINNING_CHARS, _TITLE_CHARS = 400, 200


class ExportAsked(TypedDict, total=False):
    """The keywords of `export`."""

    format: str
    turns: Range | None
    redact: Collection[str] | None
    rules: str | os.PathLike[str] | None


class Exported:
    """One thread as it goes into an export: its turns by number, redacted."""

    def __init__(self, home: StoredThreads, summary: ThreadSummary, export: Export) -> None:
        self._home = home
        self._summary = summary
        self._export = export
        # JSON tells no places where rollouts join: nothing is read for them.
        self._origins = home if export.format in (HTML, MARKDOWN) else None
        self.outline = Outline()
        self.turns = 0
        # Of each turn in which the rules found nothing, what tells that it is the same later.
        self._nothing_in = array("q")
        # The same of blocks of lines.
        self.clean_blocks: set[int] = set()

    @property
    def place(self) -> told.Place:
        """The thread itself, as a place of the report."""
        return told.Place(self._summary.id)

    def reader(self, report: Report | None = None) -> ThreadReader:
        """A reader of the thread."""
        return self._home.reader(self._summary, report)

    def head(self) -> ThreadSummary:
        """What is known of the thread."""
        names = (*_TEXTS, "preview") if self._export.format == JSON else _TEXTS
        texts = [_whole_words(getattr(self._summary, name)) for name in names]
        unsaid: dict[str, Any] = {"preview": "", "first_user_message": "", "path": ""}
        clean = self._export.clean(texts, self.place)
        known = unsaid | dict(zip(names, clean, strict=True))
        return self._summary._replace(**known)

    def kin(self) -> dict[str, str]:
        """The titles of the threads that it comes from, by id, as far as they fit a line."""
        kin = {}
        for thread_id in (self._summary.forked_from_id, self._summary.parent_thread_id):
            with suppress(ThreadlogError):
                if thread_id:
                    kin[thread_id] = _whole_words(self._home.get(thread_id).title) or ""
        clean = self._export.clean(kin, self.place)
        return {each: fit(one_line(title), _TITLE_CHARS) for each, title in clean.items()}

    def survey(self) -> None:
        """Read it once: learn its secrets, count its turns, note how they begin."""
        self.head()
        self.kin()
        for each in told_of(self.reader()):
            if isinstance(each, Joint):
                continue
            if each.status == ROLLED_BACK:  # not shown, and yet it may name what others hold
                self._export.clean(each, self.place)
                continue
            self.turns += 1
            clean = self._clean(each, self.turns)
            self.outline.add(self.turns, _begins(clean))

    def settle(self) -> None:
        """The survey of all is over: what is shown of the turns is without all secrets."""
        if (redactor := self._export.redactor) is None:
            self.outline.settle(str)
            return
        gate = redactor.gate(
            "\n".join(said for _number, said in self.outline.entries).encode(
                "utf-8", "surrogatepass"
            )
        )
        self.outline.settle(lambda said: redactor.text(said, gate) if gate else said)

    def told(self) -> Iterator[tuple[int, Turn] | Joint | told.RolledBack]:
        """The turns of the range with their numbers; what joins them, or is gone between them."""
        number, gone, turns = 0, 0, self._export.range_of(self)
        for each in told_of(self.reader(self._export.note), home=self._origins):
            if isinstance(each, Turn) and each.status == ROLLED_BACK:
                gone += told.in_range(number, turns)
                continue
            if gone:
                yield told.RolledBack(gone)
                gone = 0
            number += isinstance(each, Turn)
            if not told.in_range(number, turns):
                continue
            if isinstance(each, Joint):
                yield each
            else:
                yield number, self._clean(each, number)
                self._export.turns += 1
        if gone:
            yield told.RolledBack(gone)

    def _clean(self, turn: Turn, number: int) -> Turn:
        redactor = self._export.redactor
        if redactor is None:
            return turn
        data = encoded(turn)
        known = self._nothing_in[number - 1] if number <= len(self._nothing_in) else 0
        if data is None:
            gate: Gate | None = redactor.everything()
        else:
            gate = redactor.bare_gate(data) if known == hash(data) else redactor.gate(data)
        if gate is None:
            self._note_nothing(number, data)
            return turn
        place, clean = self.place._replace(turn=number, turn_id=turn.id), self._export.clean
        items = tuple(clean(item, place._replace(item=_id(item)), gate) for item in turn.items)
        error = clean(turn.error, place._replace(item="error"), gate)
        known_of: dict[str, Any] = {
            "id": turn.id,
            "model": turn.model,
            "item_times": turn.item_times,
        }
        others = clean(tuple(known_of.values()), place._replace(item="turn"), gate)
        now = (*items, error, *others)
        if all(map(operator.is_, now, (*turn.items, turn.error, *known_of.values()))):
            self._note_nothing(number, data)
            return turn
        if len(self._nothing_in) < number:
            self._nothing_in.append(0)
        known_of.update(zip(known_of, others, strict=True))
        return msgspec.structs.replace(turn, items=items, error=error, **known_of)

    def _note_nothing(self, number: int, data: bytes | None) -> None:
        if len(self._nothing_in) < number:
            self._nothing_in.append(hash(data) if data is not None else 0)


def _whole_words(text: str | None) -> str | None:
    """*text* without the last word, where it was cut: that may be half of a secret."""
    if text is None or len(text) < PREVIEW_LIMIT_CHARS:
        return text
    return text.rpartition(" ")[0]


def _id(item: object) -> str:
    return str(getattr(item, "id", ""))


def _begins(turn: Turn) -> str:
    """How a turn begins, on one line; more than an outline shows, so that it can be redacted."""
    asked = next((item for item in turn.items if isinstance(item, UserMessage)), None)
    said = " ".join(part.text for part in asked.content if part.text) if asked else ""
    if len(said) <= _BEGINNING_CHARS:
        return one_line(said)
    return one_line(said[:_BEGINNING_CHARS].rpartition(" ")[0])  # no half of a secret


class Export:
    """One export: what is asked for, and what comes of it."""

    def __init__(self, home: StoredThreads, asked: ExportAsked) -> None:
        """Raises ValueError for what cannot be asked, OSError for rules that cannot be read."""
        self.format = asked.get("format", HTML)
        if self.format not in FORMATS:
            raise ValueError(f"no format {self.format!r}: choose {', '.join(FORMATS)}")
        self._range = _range(asked.get("turns"))
        self.redact = _redactions(self.format, asked.get("redact"))
        self.redactor = _redactor(home, self.redact, asked.get("rules"))
        self.places = told.Places()
        self.turns = 0
        self.problems: list[Value] = []
        self.problem_count = 0

    @property
    def ranged(self) -> bool:
        """True if not all turns are asked for."""
        return self._range is not None

    @property
    def surveyed(self) -> bool:
        """True if all is read once before."""
        return self.redactor is not None or self.format == HTML or self._range is not None

    def range_of(self, thread: Exported) -> Range | None:
        """The turns asked for, counted from the thread's first."""
        turns = told.counted_from_the_end(self._range, thread.turns)
        first, last = turns or (None, None)
        whose = f"thread {thread.place.thread_id}"
        if first is not None and first > thread.turns:
            raise NotFound(f"{whose} has no turn {first}: it has {thread.turns}")
        if last is not None and last < max(first or 1, 1):
            raise NotFound(f"{whose} has none of these turns: it has {thread.turns}")
        return turns

    def clean(self, value: Some, place: told.Place, within: Gate | None = None) -> Some:
        """A value without what is to be redacted; the report tells where that was."""
        if self.redactor is None:
            return value
        clean = redacted(value, self.redactor, within)
        if labels := self.redactor.take():
            self.places.add(labels, self._without_secrets(place, self.redactor))
        return clean

    @staticmethod
    def _without_secrets(place: told.Place, redactor: Redactor) -> told.Place:
        """A place as the report tells it: ids are texts of somebody's too.  None of it counts."""
        counts = dict(redactor.counts)
        said = [redactor.text(each) for each in (place.turn_id, place.item)]
        redactor.take()
        redactor.counts.clear()
        redactor.counts.update(counts)
        return place._replace(turn_id=said[0], item=said[1])

    def begin(self) -> None:
        """The second pass: what was found counts from here on."""
        self.places = told.Places()
        if self.redactor is not None:
            self.redactor.begin()

    def note(self, _path: str, value: Value) -> None:
        """Take note of what is no whole line."""
        self.problem_count += 1
        if len(self.problems) < told.PLACES_LISTED:
            self.problems.append(value)

    def report(self, threads: int, size_bytes: int) -> ExportReport:
        """What came of it."""
        return ExportReport(
            self.format,
            threads,
            self.turns,
            size_bytes,
            self.redact,
            dict(sorted(self.redactor.counts.items())) if self.redactor else {},
            self.places.listed(),
            self.places.not_listed,
            self.problem_count,
        )


def export(
    home: StoredThreads, references: tuple[Reference, ...], to: Target, asked: ExportAsked
) -> ExportReport:
    """Write threads to a file; see `threadlog.Home.export`."""
    if not references:
        raise ValueError("an export needs a thread: give an id")
    wanted = Export(home, asked)
    summaries = {each.path: each for each in map(home.get, references)}
    threads = [Exported(home, summary, wanted) for summary in summaries.values()]
    pieces = _pieces(wanted)
    size = 0
    # Opened first: what cannot be written is said before threads are read for long.
    with _opened(home, to) as write:
        if wanted.surveyed and wanted.format != JSONL:
            _survey(wanted, threads)
        for piece in pieces(wanted, threads):
            data = piece.encode("utf-8", "replace") if isinstance(piece, str) else piece
            size += len(data)
            write(data)
    return wanted.report(len(threads), size)


def _survey(wanted: Export, threads: list[Exported]) -> None:
    """The first pass."""
    for thread in threads:
        thread.survey()
        wanted.range_of(thread)
    for thread in threads:
        thread.settle()
    wanted.begin()


def _pieces(wanted: Export) -> Callable[[Export, list[Exported]], Iterator[str | bytes]]:
    """What makes the format; only that is loaded."""
    from threadlog import export_formats, export_lines

    made: dict[str, Callable[[Export, list[Exported]], Iterator[str | bytes]]] = {
        HTML: export_formats.html,
        MARKDOWN: export_formats.markdown,
        JSON: export_formats.json,
        JSONL: export_lines.jsonl,
    }
    return made[wanted.format]


def _opened(home: StoredThreads, to: Target) -> AbstractContextManager[Callable[[bytes], object]]:
    if isinstance(to, (str, os.PathLike)):
        return home.store.outside.written_aside(os.fspath(to))
    if isinstance(to, io.TextIOBase):
        return nullcontext(lambda data: to.write(data.decode("utf-8", "replace")))
    return nullcontext(lambda data: _write_all(to, data))  # type: ignore[arg-type]


def _write_all(to: IO[bytes], data: bytes) -> None:
    """A raw file may take less than it is given, and says so."""
    left = memoryview(data)
    while left:
        taken = to.write(left)
        left = left[taken if isinstance(taken, int) else len(left) :]


def _range(turns: Range | None) -> Range | None:
    if turns is None or turns == (None, None):
        return None
    if len(turns) != 2 or not all(each is None or isinstance(each, int) for each in turns):
        raise ValueError(f"no turns are {turns}: give the first and the last, or None for either")
    first, last = turns
    if 0 in turns or (first and last and (first > 0) == (last > 0) and first > last):
        raise ValueError(f"no turns are from {first} to {last}: they count from 1, or from -1 back")
    return turns


def _redactions(format_: str, asked: Collection[str] | None) -> tuple[str, ...]:
    """What is looked for: as asked, else secrets where people read."""
    if asked is None:
        return (rules.SECRETS,) if format_ in (HTML, MARKDOWN) else ()
    wanted = {asked} if isinstance(asked, str) else set(asked)
    if unknown := sorted(wanted.difference(rules.REDACTIONS)):
        raise ValueError(f"cannot redact {unknown[0]!r}: choose {', '.join(rules.REDACTIONS)}")
    return tuple(each for each in rules.REDACTIONS if each in wanted)


def _redactor(
    home: StoredThreads, redact: tuple[str, ...], path: str | os.PathLike[str] | None
) -> Redactor | None:
    if not redact:
        return None
    data = home.store.outside.rules(os.fspath(path) if path is not None else None, RULES_BYTES)
    own = rules.OwnRules()
    if data is not None:
        import tomllib

        try:
            own = rules.own_rules(tomllib.loads(data.decode()))
        except (ValueError, RecursionError) as error:
            what = "too deep" if isinstance(error, RecursionError) else one_line(str(error))
            where = os.fspath(path) if path is not None else RULES_FILE
            raise ValueError(f"the rules in {where} cannot be used: {what}") from None
    return Redactor(rules.chosen(redact, own), own.allow)
