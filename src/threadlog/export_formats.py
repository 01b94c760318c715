"""Exports as HTML, Markdown and JSON: pieces of a file, one behind the other."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from threadlog.core import as_markdown
from threadlog.core.export import VERSION, RolledBack, in_range
from threadlog.core.framing import Gap
from threadlog.core.lines import dump, reason_of
from threadlog.core.turn import Turn
from threadlog.telling import Joint

if TYPE_CHECKING:
    from threadlog.core.history import Value
    from threadlog.core.lines import Json
    from threadlog.exporting import Export, Exported

# What of a summary tells of the thread, and not of where it lies here.
THREAD_KEYS = (
    *("id", "title", "name", "preview", "cwd", "source", "originator", "cli_version"),
    *("model_provider", "model", "created", "updated", "archived", "history_mode"),
    *("git_branch", "git_commit", "git_url", "forked_from_id", "parent_thread_id"),
    *("agent_nickname", "agent_role"),
)


def json(export: Export, threads: list[Exported]) -> Iterator[bytes]:
    """The documented JSON form (docs/export.md), written turn by turn."""
    yield b'{"version":%d,"redacted":%b,"threads":[' % (VERSION, dump(list(export.redact)))
    for number, thread in enumerate(threads):
        head = thread.head()
        yield b",\n" if number else b"\n"
        yield b'{"thread":%b,"turns":[' % dump({key: getattr(head, key) for key in THREAD_KEYS})
        first = True
        export.problems.clear()
        for each in thread.told():
            if not isinstance(each, (Joint, RolledBack)):
                yield b"\n" if first else b",\n"
                yield b'{"number":%d,%b' % (each[0], _encoded(each[1])[1:])
                first = False
        yield b'],"problems":%b}' % dump([_problem(value) for value in export.problems])
    yield b"\n]}\n"


def _encoded(turn: Turn) -> bytes:
    try:
        return msgspec.json.encode(turn)
    except UnicodeEncodeError:  # half a surrogate pair
        return dump(msgspec.to_builtins(turn))


def _problem(value: Value) -> dict[str, Json]:
    length = 0 if isinstance(value, Gap) else getattr(value, "length", 0)
    return {"offset": value.offset, "length": length, "reason": reason_of(value)}


def markdown(_export: Export, threads: list[Exported]) -> Iterator[str]:
    """Markdown that can be pasted."""
    for number, thread in enumerate(threads, 1):
        among = number if len(threads) > 1 else 0
        if number > 1:
            yield "---\n\n"
        yield from as_markdown.head(thread.head(), thread.kin(), among)
        for each in thread.told():
            if isinstance(each, RolledBack):
                yield as_markdown.note(each.said)
            elif isinstance(each, Joint):
                yield as_markdown.note(_joint(each))
            else:
                yield from as_markdown.turn(each[1], each[0], among)


def _joint(joint: Joint) -> str:
    if joint.reverted:
        return "turns that came here were reverted"
    return f"forked here from {joint.thread_id or 'another thread'}"


def html(export: Export, threads: list[Exported]) -> Iterator[str]:
    """One page that opens by itself: no script, nothing loaded, an outline that leads to turns."""
    from threadlog.html import turns as pages
    from threadlog.html import whole
    from threadlog.html.head import head, title_of
    from threadlog.html.markup import halves, tag

    heads = [thread.head() for thread in threads]
    alone = len(threads) == 1
    listed = []
    for number, (thread, known) in enumerate(zip(threads, heads, strict=True), 1):
        entries = [
            (f"{_prefix(number, alone=alone)}turn-{turn}", turn, said)
            for turn, said in thread.outline.entries
            if in_range(turn, export.range_of(thread))
        ]
        anchor = f"thread-{number}"
        listed.append(whole.Listed(title_of(known), anchor, entries, thread.outline.step))
    title = title_of(heads[0]) if alone else f"{len(threads)} threads"
    before, after = whole.beginning_and_end(title, listed, _policy())
    yield before
    for number, (thread, known) in enumerate(zip(threads, heads, strict=True), 1):
        look = whole.LOOK._replace(prefix=_prefix(number, alone=alone))
        said = head(known, look, thread.kin())
        section = tag("section", said, whole.HERE, id=f"thread-{number}")
        opened, closed = halves(section, whole.HERE)
        yield opened
        for each in thread.told():
            if isinstance(each, RolledBack):
                yield pages.rolled_back(each.turns)
            elif isinstance(each, Joint):
                yield pages.joint(each, look)
            else:
                yield pages.turn(each[1], look, each[0])
        yield closed
    yield after


def _prefix(number: int, *, alone: bool) -> str:
    return "" if alone else f"t{number}-"


def _policy() -> str:
    """Content-Security-Policy: the page's own stylesheet and images in it, nothing else."""
    from threadlog.html.styles import page_stylesheet

    digest = base64.b64encode(hashlib.sha256(page_stylesheet().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        f"form-action 'none'"
    )
