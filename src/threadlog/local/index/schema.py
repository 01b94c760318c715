"""The tables of the index, their versions, and how an older one becomes the newest.

One row a folder, one a rollout, one a thread.  A folder's times tell whether its names changed; a
rollout's facts whether its content did.  A thread's row is what a listing shows, with the columns
that listings sort and filter by; `row` is NULL until its rollout was read, and
when it has to be read again.  `zoned` rows tell times that the local time zone had a part in.
"""

from __future__ import annotations

from typing import NamedTuple

from threadlog.core import layout


class Schema(NamedTuple):
    """What a file of ours is called and holds: for messages, and for the program.

    `application_id` tells it from other programs' files; with other `rules` all that is in it is
    made anew.  Each of `migrations` takes it from the version that is its place there to the
    next; `emptying` are the statements that forget all of it.
    """

    what: str
    file: str
    application_id: int
    rules: int
    migrations: tuple[str, ...]
    emptying: tuple[str, ...]


# "thlg": so that no other program's file is taken for an index.
APPLICATION_ID = 0x74686C67

# Raised when a row would come to be another for the same files: all are then made anew.
RULES = 2

_FIRST = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE noticed (kind TEXT PRIMARY KEY, count INTEGER, last_ms INTEGER) WITHOUT ROWID;
CREATE TABLE names (id TEXT PRIMARY KEY, name TEXT, at_ms INTEGER) WITHOUT ROWID;
CREATE TABLE folders (
    id INTEGER PRIMARY KEY, path BLOB UNIQUE, parent INTEGER, archived INTEGER, depth INTEGER,
    mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, settled INTEGER
);
CREATE INDEX folders_parent ON folders (parent);
CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY, folder INTEGER, name BLOB, key BLOB,
    stamp TEXT, thread_id TEXT, revision TEXT, odd INTEGER,
    size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, base TEXT,
    UNIQUE (folder, name)
);
CREATE INDEX rollouts_key ON rollouts (key);
CREATE INDEX rollouts_base ON rollouts (base) WHERE base IS NOT NULL;
CREATE INDEX rollouts_revision ON rollouts (revision) WHERE revision IS NOT NULL;
CREATE INDEX rollouts_odd ON rollouts (odd) WHERE odd;
CREATE TABLE threads (
    id INTEGER PRIMARY KEY, key BLOB UNIQUE, rollout INTEGER, archived INTEGER, stamp TEXT,
    created_ms INTEGER, updated_ms INTEGER, recency_ms INTEGER,
    cwd, source TEXT, provider, branch, repository, parent, name, hidden INTEGER, scanned INTEGER,
    words, row TEXT, scan_at INTEGER, scan_size INTEGER, scan_seal BLOB, scan_told TEXT, scan TEXT
);
CREATE INDEX threads_created ON threads (archived, stamp, key);
CREATE INDEX threads_updated ON threads (archived, updated_ms, key);
CREATE INDEX threads_recency ON threads (archived, recency_ms, key);
CREATE INDEX threads_cwd ON threads (cwd, archived, stamp, key);
CREATE INDEX threads_parent ON threads (parent) WHERE parent IS NOT NULL;
CREATE INDEX threads_name ON threads (name) WHERE name IS NOT NULL;
CREATE INDEX threads_unread ON threads (stamp) WHERE row IS NULL;
CREATE INDEX threads_unscanned ON threads (updated_ms) WHERE scanned = 0 AND row IS NOT NULL;
"""

_SECOND = """
ALTER TABLE threads ADD COLUMN zoned INTEGER;
CREATE INDEX threads_zoned ON threads (zoned) WHERE zoned;
DROP INDEX threads_created;
CREATE INDEX threads_created ON threads (archived, stamp, key, words);
DROP TABLE names;
CREATE TABLE names (id TEXT PRIMARY KEY, name TEXT, told TEXT) WITHOUT ROWID;
CREATE INDEX names_name ON names (name);
"""

# Rows are made anew: what they would have in the new column only their rollouts tell.
_THIRD = """
ALTER TABLE threads ADD COLUMN forked_from;
CREATE INDEX threads_forked_from ON threads (forked_from) WHERE forked_from IS NOT NULL;
UPDATE threads SET row = NULL;
"""

# What Codex's rows say, see `core.names.row_patch`; names are taken in anew, and this with them.
_FOURTH = """
CREATE TABLE codex_rows (id TEXT PRIMARY KEY, told TEXT) WITHOUT ROWID;
DELETE FROM facts WHERE key = 'names';
"""

# What each thread used; a thread read to its end before that is read once more.
_FIFTH = """
ALTER TABLE threads ADD COLUMN ledger TEXT;
DROP INDEX threads_unscanned;
CREATE INDEX threads_unscanned ON threads (updated_ms)
    WHERE (scanned = 0 OR ledger IS NULL) AND row IS NOT NULL;
"""

# Each takes an index from the version that is its place here to the next.
MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
_TABLES = ("facts", "names", "codex_rows", "folders", "rollouts", "threads")
INDEX = Schema(
    what="index",
    file=layout.INDEX_FILE,
    application_id=APPLICATION_ID,
    rules=RULES,
    migrations=MIGRATIONS,
    emptying=tuple(f"DELETE FROM {table}" for table in _TABLES),
)
