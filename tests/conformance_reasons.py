"""Why a row of tests/codex_rows.txt has no test, or a test of something else.

Keys are rows or spans of rows (`C018-C020`).  A row may have a reason and tests, where ours is
another and a test holds that.  `OPEN` rows are to be had: whoever makes them marks their tests and
takes them out.
"""

from __future__ import annotations

_DATABASE = "not ours: Codex's database is read for names only"
_OWN_INDEX = "ours differs: an index of our own, and what is on disk counts"
_CONTEXT = "not ours: which settings and context a host sends next is its own affair"
_WINDOW = "not ours: windows of context are the host's"
_OUTSIDE = "ours differs: nothing outside of the home is read or written"
_APP_SERVER = "later issue: app-server"
_SEARCH = "later issue: search of contents"
_PROJECTION = "not ours: turns are folded from the file each time"
_STORE = "not ours: of Codex's store and its database"

# To be made.
OPEN: dict[str, str] = {}

REASONS: dict[str, str] = {
    "C211-C212": "ours differs: it runs when it is asked to, as often as it is",
    "C218": "ours differs: where there are no locks nothing is written, and the error says why",
    "C298": "ours differs: rows are never made, only changed; Codex makes its own",
    "C300": "ours differs: a thread that is archived is not being recorded",
    "C303": "ours differs: git is told to the rollout, so the database holds up nothing",
    "C018-C020": _DATABASE,
    "C021": "ours differs: a thread belongs to the directory it began in; `cwd` looks for that",
    "C023": "as the later versions; the first lost what waited",
    "C024": "ours differs: the next barrier tries again, and the worker goes on",
    "C026": "ours differs: recording never waits; it refuses the whole call, and drain waits",
    "C028": "ours differs: the item stays as it was written",
    "C029": "ours differs: any history mode is read, so it costs nothing",
    "C034": "ours differs: stored items stay as they are; sending leaves out what is never sent",
    "C040": "ours differs: the item stays as it was written",
    "C042": "not ours: of Codex's command line; a source is any text here",
    "C050-C052": _CONTEXT,
    "C059-C061": _CONTEXT,
    "C062-C065": _WINDOW,
    "C067-C073": _CONTEXT,
    "C083": "ours differs: the mark is always there",
    "C084": "not ours: of newer agents' own messages",
    "C092": "ours differs: cut by the message that such a turn begins with",
    "C095": "not ours: how Codex's store is called",
    "C096": "as what never had a file; Codex's internal threads have none",
    "C098": "not ours: the source is in the metadata, which stays as it is",
    "C099": "ours differs: the program that records says which it is, nobody else",
    "C101": "not ours: a fork's lines are found by their places",
    "C102-C111": "see 10.15: turns are folded by the same rules",
    "C113": "without a cap: a page ends where it is full",
    "C124": "ours differs: a rollout counts wherever it lies below the two roots",
    "C125": "ours differs: places are never taken from Codex's database",
    "C126": _DATABASE,
    "C127": _DATABASE,
    "C130": "ours differs: a rollout counts by beginning and end of its name, the rest may lack",
    "C131": "ours differs: a rollout counts in any folder",
    "C132": "ours differs: it is listed, with the reason",
    "C133": "ours differs: it is listed; `codex=True` leaves it out",
    "C134": "ours differs: there is no cap",
    "C136-C137": _OWN_INDEX,
    "C144": _OWN_INDEX,
    "C146-C147": "ours differs: git and recency are of the rollout",
    "C158": "ours differs: git is of the rollout",
    "C163": "ours differs: no file of Codex's is ever removed",
    "C164-C165": _OWN_INDEX,
    "C175-C188": _STORE,
    "C192": "the edges by what rollouts tell",
    "C196": "ours differs: refused, and both are named",
    "C198": "ours differs: a thread is found by its name whatever its head says",
    "C208": _SEARCH,
    "C221": "not ours: the extended mode is gone since",
    "C222": "ours differs: what is recorded is kept whole",
    "C224": "not ours: memories",
    "C226-C228": _STORE,
    "C230": "ours differs: closing a draft makes no file, and says what it dropped",
    "C231": _STORE,
    "C232": "what a thread is, its rollout tells",
    "C233": _OUTSIDE,
    "C235-C237": _STORE,
    "C240": _STORE,
    "C242-C243": "ours differs: the directory is the current one unless told",
    "C249": "not ours: giving up is one call, and nobody else waits for it",
    "C250": "what is live is read from its file",
    "C251": "ours differs: an archived thread is read as any other; only writing is refused",
    "C252": _OUTSIDE,
    "C254": "as the later versions: paginated threads are read",
    "C257": "ours differs: git is of the rollout",
    "C262": _STORE,
    "C264-C268": "ours differs: the files are the truth; rows without a file are none",
    "C276-C281": _SEARCH,
    "C295": _STORE,
    "C297": _STORE,
    "C305-C310": "not ours: other stores of Codex",
    "C325": "later issue: app-server (turns under way)",
    "C335-C405": _APP_SERVER,
    "C409-C411": "ours differs: no further back than is needed, never all for safety's sake",
    "C412": "ours differs: a path means the thread it is of",
    "C413-C415": _PROJECTION,
    "C416-C418": _APP_SERVER,
    "C419-C423": _SEARCH,
}
