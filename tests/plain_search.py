"""A search written down as plainly as it is meant, and pages of the real one, to compare."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from threadlog import Home
from threadlog.core import layout, moments, tokens
from threadlog.core.decode import Line, decode_frame
from threadlog.core.framing import Frame
from threadlog.core.passages import SPOKEN_ROLES, Passage, Passages
from threadlog.core.query import ThreadSummary
from threadlog.core.search import SearchHit


class Told(NamedTuple):
    """A passage of a home, and what tells it from every other."""

    thread: str
    path: str
    passage: Passage
    copied: bool

    @property
    def name(self) -> tuple[Any, ...]:
        """What a hit of it says of it."""
        each = self.passage
        return self.thread, self.path, each.offset, each.turn, each.role, each.tool, self.at

    @property
    def at(self) -> str:
        """When it was said."""
        return moments.utc_text(self.passage.at_ms or 0)


def told(home: Home) -> list[Told]:
    """All passages of a home, in one reading of every thread."""
    threads = list(home.threads(limit=None, archived=None))
    passages = {each.path: list(passages_of(home, each)) for each in threads}
    paths = {each.id: each.path for each in threads}
    found = []
    for thread in threads:
        copied = 0
        if thread.forked_from_id in paths and thread.history_mode == "legacy":
            pairs = zip(passages[thread.path], passages[paths[thread.forked_from_id]], strict=False)
            for (_p, mine), (_q, theirs) in pairs:
                if (mine.role, mine.text) != (theirs.role, theirs.text):
                    break
                copied += 1
        for number, (path, passage) in enumerate(passages[thread.path]):
            key = thread.id or os.path.relpath(thread.path, home.path)
            found.append(Told(key, path, passage, number < copied))
    return found


def passages_of(home: Home, thread: ThreadSummary) -> Iterator[tuple[str, Passage]]:
    """The passages of a thread, and the rollouts that they stand in."""
    reader = home.reader(thread)
    for segment in reader.segments():
        parsed = layout.parse_name(os.path.basename(segment.path))
        if segment.path != thread.path and (parsed is None or parsed.thread_id != thread.id):
            continue
        fold = Passages.of(reader.metadata)
        kept: list[Passage] = []
        created = moments.unix_ms(reader.metadata.created or "") or 0
        frames = [each for each in reader.frames(segment) if isinstance(each, Frame)]
        for line in (each for each in map(decode_frame, frames) if isinstance(each, Line)):
            for each in fold.add(line):
                if each is None:
                    kept = [one for one in kept if one.role not in SPOKEN_ROLES]
                else:
                    kept.append(each._replace(at_ms=created if each.at_ms is None else each.at_ms))
        yield from ((segment.path, each) for each in kept)


def says(text: str, query: str) -> bool:
    """True if a text has all the words and phrases of a query without fields."""
    return has(*spelled(text), wanted(query))


def spelled(text: str) -> tuple[str, str]:
    """The words of a text, and the parts of its names, each with a space before and behind."""
    words, parts = (" ".join(each(text)) for each in (tokens.words, tokens.parts))
    return f" {words} ", f" {parts} "


def wanted(query: str) -> list[tuple[str, bool]]:
    """What must stand in what is `spelled`, and whether it may be a part of a name."""
    made = []
    for quoted, plain, star in re.findall(r'(?:"([^"]*)"|(\S+))(\*?)', query):
        words = tokens.words(quoted or plain)
        end = "" if star or plain.endswith("*") else " "
        made.append((f" {' '.join(words)}{end}", len(words) == 1))
    return made


def has(words: str, parts: str, wanted: list[tuple[str, bool]]) -> bool:
    """True if all that is wanted stands there."""
    return all(each in words or (alone and each in parts) for each, alone in wanted)


def found(home: Home, text: str, **asked: Any) -> list[tuple[Any, ...]]:
    """What a search finds on all its pages, in its order."""
    hits: list[SearchHit] = []
    cursor = None
    while True:
        page = home.search(text, cursor=cursor, **asked)
        assert page.problems == ()
        assert page.next != cursor or cursor is None, "a page that never ends"
        hits += page
        cursor = page.next
        if cursor is None:
            return [name_of(home, each) for each in hits]


def name_of(home: Home, hit: SearchHit) -> tuple[Any, ...]:
    """What a hit says of its passage, as `Told.name`."""
    key = hit.thread.id or os.path.relpath(hit.thread.path, home.path)
    return key, hit.path, hit.offset, hit.turn, hit.role, hit.tool, hit.at


LENGTHS = (1, 2, 3, 5, 9, 20, 60)


def phrases(
    all_told: list[Told], chance: random.Random, count: int, lengths: Sequence[int] = LENGTHS
) -> list[str]:
    """Pieces of what was said, cut anywhere."""
    texts = [each.passage.text for each in all_told]
    cut = []
    for _ in range(count):
        text = chance.choice(texts)
        start = chance.randrange(len(text))
        cut.append(text[start : start + chance.choice(lengths)])
    return cut


def queries(all_told: list[Told], chance: random.Random, count: int) -> list[str]:
    """Words, phrases and beginnings of what was said, and some that never were."""
    texts = [words for each in all_told if (words := tokens.words(each.passage.text))]
    made = []
    for _ in range(count):
        words = chance.choice(texts)
        start = chance.randrange(len(words))
        some = words[start : start + chance.randrange(1, 4)]
        kind = chance.randrange(5)
        if kind == 0:
            made.append(" ".join(chance.sample(words, min(2, len(words)))))
        elif kind == 1:
            made.append(some[0][: chance.randrange(1, 4)] + "*")
        elif kind == 2:
            made.append(f'"{" ".join(reversed(some))}"')
        else:
            made.append(f'"{" ".join(some)}"')
    return made


def check(home: Home, chance: random.Random, count: int, **asked: Any) -> int:
    """Hold searches of a home against the plain ones; returns how many hits there were."""
    everything = told(home)
    hits = 0
    for needle in phrases(everything, chance, count) if asked.get("order") is None else ():
        if needle:
            meant = [
                each for each in everything if needle.casefold() in each.passage.text.casefold()
            ]
            hits += _same(found(home, needle, exact=True, **asked), meant, needle, asked)
    for query in queries(everything, chance, count):
        meant = [each for each in everything if says(each.passage.text, query)]
        hits += _same(found(home, query, **asked), meant, query, asked)
    return hits


def _same(got: list[tuple[Any, ...]], meant: list[Told], what: str, asked: dict[str, Any]) -> int:
    if not asked.get("copies"):
        meant = [each for each in meant if not each.copied]
    assert sorted(got) == sorted(each.name for each in meant), what
    if asked.get("order") != "relevance":
        assert [each[-1] for each in got] == sorted((each[-1] for each in got), reverse=True), what
    return len(got)
