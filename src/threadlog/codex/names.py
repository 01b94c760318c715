"""The names that Codex gave to threads, from every place where it keeps them; read only.

In session_index.jsonl, the name file, each line is one JSON object: `id`, `thread_name`,
`updated_at`.  The last named line of an id wins, whatever its time says.  Bad lines are skipped, as
Codex does.  The state database tells names too, and that of a paginated thread is what Codex shows.
What cannot be read names nobody, since a name is never worth a failed listing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from threadlog.codex import regular
from threadlog.codex.state import Stored, read_state, state_token
from threadlog.core import lines, moments
from threadlog.core.framing import frames
from threadlog.core.layout import NAME_FILE
from threadlog.core.lines import BadLine
from threadlog.core.names import NAME_LIMIT_CHARS, Named, Names, later

_NAME_LINE_LIMIT_BYTES = 1 << 20


class CodexNames:
    """What a Codex calls the threads of *home*; its database lies in *sqlite_home*."""

    def __init__(self, home: str, sqlite_home: str) -> None:
        self._home = home
        self._sqlite_home = sqlite_home
        # Counts the times that a database could not be read just now.
        self._missed = 0

    def token(self) -> tuple[object, ...]:
        """What is another one whenever a name may have changed; costs a look at three files."""
        file = regular.facts(os.path.join(self._home, NAME_FILE))
        return (file, *state_token(self._sqlite_home), self._missed)

    def read(self) -> dict[str, Named]:
        """The name of every thread that has one, by id: the one given last."""
        return self.told().newest

    def told(self) -> Names:
        """The same, and what only the database tells, of metadata too.

        Codex writes a name to the file and to the database at once: the line, if there is one,
        says when a name in the database was given.
        """
        told = read_state(self._sqlite_home)
        if told is None:
            self._missed += 1
            told = Stored({}, {})
        stored = told.names
        names: dict[str, Named] = {}
        fragile = dict(stored)
        for thread_id, named in _lines(self._home):
            names[thread_id] = named
            row = stored.get(thread_id)
            if row is not None and row.name == named.name:
                stored[thread_id] = named if named.at_ms else row
                fragile.pop(thread_id, None)
        return Names(later(names, stored), fragile, told.metadata, told.made_ms)


def read_names(home: str) -> dict[str, Named]:
    """The name that the name file of a home gives to each thread, by id."""
    return dict(_lines(home))


def _lines(home: str) -> Iterator[tuple[str, Named]]:
    """Every name that the name file tells, in its order: the thread's id, the name, its moment."""
    path = os.path.join(home, NAME_FILE)
    for frame in frames(regular.chunks(path), 0, _NAME_LINE_LIMIT_BYTES):
        if not isinstance(frame.raw, bytes) or lines.is_blank(frame.raw):
            continue
        try:
            entry = lines.parse_json(frame.raw)
        except BadLine:
            continue
        if not isinstance(entry, dict):
            continue
        thread_id, name = entry.get("id"), entry.get("thread_name")
        if isinstance(thread_id, str) and isinstance(name, str) and name.strip():
            at_ms = moments.unix_ms(str(entry.get("updated_at"))) or 0
            yield thread_id.lower(), Named(name.strip()[:NAME_LIMIT_CHARS], at_ms)
