"""`threadlog doctor`: how a home is, in a few lines; changes no thread.

With `--mend` the rows of Codex's database follow their threads again.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from threadlog.checkup import check_up, mend
from threadlog.cli.index import Progress
from threadlog.cli.terminal import size_text
from threadlog.core import text
from threadlog.core.checkup import Checkup, Place
from threadlog.core.database_state import NONE, READY
from threadlog.core.parity import NO_ROW, Difference, Mended, Parity
from threadlog.home import Home

JSON_VERSION = 1
# So many of a kind are named; `--json` names all.
_NAMED = 10
# So many differences of each kind.
_EXAMPLES = 3


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Mend what can be, if that is asked; say how the home is; 1 if something is wrong with it."""
    with Progress() as progress:
        home.tell_progress(progress)
        mended = mend(home) if arguments.mend else []
        checkup = check_up(home)
    if arguments.json:
        told: dict[str, object] = {"version": JSON_VERSION, "checkup": _as_dict(checkup)}
        if arguments.mend:
            told["mended"] = [each._asdict() for each in mended]
        print(json.dumps(told, indent=1))
    else:
        for label, line in [*map(_mended, mended), *_lines(home, checkup)]:
            print(f"{label:<10}{text.one_line(line)}")
    sys.stdout.flush()
    return 0 if checkup.healthy else 1


def _as_dict(checkup: Checkup) -> dict[str, object]:
    place = checkup.place
    told = {
        **place._asdict(),
        "index_status": place.index_status._asdict(),
        "writers": [each._asdict() for each in place.writers],
    }
    damaged = [each._asdict() for each in checkup.damaged]
    differences = [each._asdict() for each in checkup.codex.differences]
    codex = {**checkup.codex._asdict(), "differences": differences}
    parts = {"place": told, "damaged": damaged, "codex": codex}
    return {**checkup._asdict(), **parts, "healthy": checkup.healthy}


_Line = tuple[str, str]  # what it is about, and what is said of it


def _lines(home: Home, checkup: Checkup) -> list[_Line]:
    place = checkup.place
    kinds = f"{checkup.threads - checkup.archived:,} active, {checkup.archived:,} archived"
    packed = f", {place.compressed:,} of them compressed" if place.compressed else ""
    size = size_text(place.size_bytes)
    hidden, versions = _few(checkup.hidden), _few(checkup.versions)
    return [
        ("threads", f"{checkup.threads:,}: {kinds}"),
        ("files", f"{place.rollouts:,} rollouts, {size}{packed}"),
        *(("problem", each) for each in place.problems),
        *_damage(checkup),
        *_index(place),
        *_codex(home, checkup.codex),
        *(("writing", f"{each.thread_id}: {_process(each.process)}") for each in place.writers),
        *_rescued(place),
        *_open(home, place),
        *(("hidden", f"{count:,} by Codex's own list: {why}") for why, count in hidden),
        *(("version", f"{count:,} begun by {which}") for which, count in versions),
        ("healthy", "nothing is wrong" if checkup.healthy else "no, see above"),
    ]


def _damage(checkup: Checkup) -> list[_Line]:
    damaged = checkup.damaged
    lines = [("damage", f"{each.id or each.path}: {each.what}") for each in damaged[:_NAMED]]
    if len(damaged) > _NAMED:
        lines.append(("damage", f"{len(damaged) - _NAMED:,} more (--json names all)"))
    if checkup.unscanned:
        which = f"{checkup.unscanned:,} of {checkup.threads:,} threads, to their ends"
        lines.append(("unread", f"{which}: damage may be there; `threadlog index build` looks"))
    return lines


def _index(place: Place) -> list[_Line]:
    status = place.index_status
    if status.trouble is not None:
        return [("index", f"{status.trouble}; listings come from the files")]
    if not place.differ:
        return [("index", f"{status.threads:,} threads, as the files have them")]
    told = [("index", f"does not fit the files: {path}") for path in place.differ[:_NAMED]]
    return [*told, ("index", "`threadlog index rebuild` makes it anew")]


def _codex(home: Home, parity: Parity) -> list[_Line]:
    """The database of a Codex, and some differences of each kind."""
    folder, name = os.path.split(parity.path)
    if folder != home.path:
        name = parity.path
    if parity.state == NONE:
        return [("codex", f"no {name}: there is no row to compare")]
    if parity.state != READY:
        return [("codex", f"{name} is left alone: {parity.why}")]
    differ = "" if parity.differences else ", as the files have them"
    kinds: dict[str, list[Difference]] = {}
    for each in parity.differences:
        kinds.setdefault(each.kind, []).append(each)
    lacking = _lacking(kinds.pop(NO_ROW, []))
    several = [line for each in kinds.values() for line in _of_kind(each)]
    return [("codex", f"{name}: {_counted(parity.rows, 'row')}{differ}"), *lacking, *several]


def _lacking(differences: Sequence[Difference]) -> list[_Line]:
    """Threads that Codex does not know yet, by when it will."""
    counts = Counter(each.mends for each in differences)
    return [
        ("codex", f"{_counted(count, 'thread')} without a row: {mends}")
        for mends, count in counts.items()
    ]


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _of_kind(differences: Sequence[Difference]) -> list[_Line]:
    some = differences[:_EXAMPLES]
    lines = [("codex", f"{each.thread_id}: {each.what}; {each.mends}") for each in some]
    if more := len(differences) - len(some):
        lines.append(("codex", f"{more:,} more of kind {some[0].kind} (--json names all)"))
    return lines


def _mended(mended: Mended) -> _Line:
    return ("mended" if mended.done else "left", f"{mended.thread_id}: {mended.told}")


def _rescued(place: Place) -> list[_Line]:
    told = "was deleted or replaced while it was recorded; put it back, or remove this copy"
    lines = [("rescued", f"{path}: {told}") for path in place.rescued[:_NAMED]]
    if len(place.rescued) > _NAMED:
        lines.append(("rescued", f"{len(place.rescued) - _NAMED:,} more (--json names all)"))
    return lines


def _open(home: Home, place: Place) -> list[_Line]:
    """Codex leaves modes to the umask, which seldom keeps others out."""
    if not (place.open_files or place.open_folders):
        return []
    which = f"{place.open_files:,} files and {place.open_folders:,} folders are not their owner's"
    return [("open", f"{which} alone; `chmod -R go= {shlex.quote(home.path)}` makes them so")]


def _process(process: int | None) -> str:
    return "another program" if process is None else f"process {process}"


def _few(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return list(counts.items())[:_NAMED]
