"""The index: what listings ask, kept in SQLite so that nobody waits; disposable at any time."""
