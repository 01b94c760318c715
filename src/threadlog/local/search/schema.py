"""The tables of the word index.

One row a source (a rollout of a thread, or the part of one that belongs to it), with how far it
was read; one a passage, which says where its text stands: the text itself is in the rollout.
`words` has the words of each.  A passage's id is the hour it is of, and its number there: so ids
go with time, and the words of one hour lie together.  What is no longer there is removed from
`passages` only; `garbage` in `facts` counts what `words` still has of it.
"""

from __future__ import annotations

from threadlog.core import layout
from threadlog.local.index.schema import Schema

# Raised when a passage would come to be another for the same line: all are then made anew.
RULES = 3
HOUR_MS = 3_600_000
# So many bits of an id number the passages of an hour.
HOUR_BITS = 24
# What the words of many passages are gathered in before they are written, in bytes.
_GATHERED = 32 << 20

_FIRST = f"""
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sources (
    id INTEGER PRIMARY KEY, key BLOB, stem BLOB, path BLOB, cut INTEGER, newest INTEGER,
    size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER,
    read_to INTEGER, state BLOB, seal BLOB, copied_to INTEGER, origin BLOB, nearest BLOB,
    left_out INTEGER, odd INTEGER
);
CREATE INDEX sources_key ON sources (key);
CREATE TABLE turns (id INTEGER PRIMARY KEY, source INTEGER, name TEXT, UNIQUE (source, name));
CREATE TABLE tools (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE hours (hour INTEGER PRIMARY KEY, next INTEGER);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY, source INTEGER, at INTEGER, part INTEGER, turn INTEGER,
    role INTEGER, tool INTEGER, ms INTEGER
);
CREATE INDEX passages_source ON passages (source, at);
CREATE TABLE vocabulary (id INTEGER PRIMARY KEY, count INTEGER, words BLOB);
CREATE VIRTUAL TABLE words USING fts5(said, parts, facets, content='', tokenize='ascii');
INSERT INTO words(words, rank) VALUES ('hashsize', {_GATHERED});
"""

_TABLES = ("facts", "sources", "turns", "tools", "passages", "vocabulary")
SEARCH = Schema(
    what="word index",
    file=layout.SEARCH_FILE,
    application_id=0x74686C73,  # "thls"
    rules=RULES,
    migrations=(_FIRST,),
    emptying=(
        *(f"DELETE FROM {table}" for table in _TABLES),
        "DELETE FROM hours",
        "INSERT INTO words(words) VALUES ('delete-all')",
    ),
)
