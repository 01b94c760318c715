"""`threadlog compress`: cold threads take less room, and stay readable."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from threadlog.cli.index import Progress
from threadlog.cli.terminal import is_terminal, size_text
from threadlog.core import compression, text
from threadlog.core.compression import Compression
from threadlog.home import Home

JSON_VERSION = 1
_UNDO = (
    "going on with a thread (`threadlog record --resume ID`, Codex's resume) makes it plain again"
)
_OLD = "an old Codex (0.100) cannot read compressed threads, 0.169 can"


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Compress, or say what would be; 1 if something failed, or the answer was no."""
    asks = is_terminal(sys.stdin) and is_terminal(sys.stderr) and not arguments.yes
    if asks and not arguments.dry_run:
        planned = _sum(_compress(home, arguments, dry_run=True))
        if planned.rollouts and not _agreed(planned):
            print("threadlog: nothing was changed", file=sys.stderr)
            return 1
    results = _compress(home, arguments, dry_run=arguments.dry_run)
    if arguments.json:
        print(json.dumps(_as_dict(results, dry_run=arguments.dry_run), indent=1))
    else:
        for label, told in _lines(results):
            print(f"{label:<16}{text.one_line(told)}")
    sys.stdout.flush()
    failed = [each for each in results if each.status == compression.FAILED]
    if failed and arguments.json:
        print(f"threadlog: {len(failed):,} could not be compressed", file=sys.stderr)
    return 1 if failed else 0


def _compress(home: Home, arguments: argparse.Namespace, *, dry_run: bool) -> list[Compression]:
    archived = True if arguments.archived else False if arguments.active else None
    with Progress("estimating" if dry_run else "compressing") as progress:
        return home.compress(
            *arguments.id,
            older_than_days=arguments.older_than,
            archived=archived,
            dry_run=dry_run,
            progress=progress,
        )


class _Sum(NamedTuple):
    """Rollouts that were, or would be, compressed."""

    rollouts: int
    before_bytes: int
    after_bytes: int

    @property
    def saved(self) -> str:
        """What is saved, as people say it."""
        sizes = f"{size_text(self.before_bytes)} -> {size_text(self.after_bytes)}"
        return f"{sizes}, {size_text(max(self.before_bytes - self.after_bytes, 0))} less"


def _sum(results: Iterable[Compression]) -> _Sum:
    done = [
        each
        for each in results
        if each.status in (compression.COMPRESSED, compression.WOULD_COMPRESS)
    ]
    return _Sum(
        len(done), sum(each.before_bytes for each in done), sum(each.after_bytes for each in done)
    )


def _agreed(planned: _Sum) -> bool:
    rollouts = "1 rollout" if planned.rollouts == 1 else f"{planned.rollouts:,} rollouts"
    print(f"{rollouts} to compress, about {planned.saved}\n{_OLD}\nundo: {_UNDO}", file=sys.stderr)
    print("go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _lines(results: Sequence[Compression]) -> list[tuple[str, str]]:
    """What was done, why not, and how to undo it."""
    lines = []
    for status in (compression.COMPRESSED, compression.WOULD_COMPRESS):
        done = _sum(each for each in results if each.status == status)
        if done.rollouts:
            about = "about " if status == compression.WOULD_COMPRESS else ""
            lines.append((status, f"{done.rollouts:,}: {about}{done.saved}"))
    skipped = Counter(each.reason for each in results if each.status == compression.SKIPPED)
    lines += [("skipped", f"{count:,}: {why}") for why, count in skipped.most_common()]
    failed = [each.reason or "" for each in results if each.status == compression.FAILED]
    lines += [("failed", why) for why in failed]
    if any(each.status == compression.COMPRESSED for each in results):
        lines.append(("undo", _UNDO))
    return lines or [("nothing", "there is no rollout to compress")]


def _as_dict(results: Sequence[Compression], *, dry_run: bool) -> dict[str, object]:
    done = _sum(results)
    return {
        "version": JSON_VERSION,
        "dry_run": dry_run,
        "before_bytes": done.before_bytes,
        "after_bytes": done.after_bytes,
        "rollouts": [each._asdict() for each in results],
    }
