"""How a Codex's database stands, in a word; a listing needs to know no more of it."""

from __future__ import annotations

# Only one that is ready is compared with the files, and written to.
NONE, READY, BUSY = "none", "ready", "busy"
UNKNOWN, OLDER, FILLING = "unknown", "older", "filling"
DAMAGED, UNREADABLE = "damaged", "unreadable"
