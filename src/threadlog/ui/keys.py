"""Every key, in one place: what is bound, and what the help on `?` says of it."""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding, BindingType


class Key(NamedTuple):
    """A key as it is bound and as it is written; `action` None: a part of the screen has it."""

    keys: str
    written: str
    action: str | None
    what: str


THREADS = (
    Key("", "Up Down PgUp PgDn", None, "move (k j too); g G, first and last"),
    Key("", "Enter", None, "read it, or what was found in it"),
    Key("tab", "Tab", "other_pane", "to the preview and back"),
    Key("t", "t", "titles", "filter by text in title or first message"),
    Key("slash", "/", "search", "search everything, as you type"),
    Key("escape", "Esc", "clear", "all threads again"),
    Key("c", "c", "here", "this directory only, or all"),
    Key("A", "A", "archived", "the archived threads instead"),
    Key("s", "s", "sort", "by creation, by change, by the last turn"),
    Key("f5", "F5", "refresh", "look again"),
)
READING = (
    Key("", "Up Down PgUp PgDn", None, "move (k j too)"),
    Key("g,home", "g", "first", "the first turn"),
    Key("G,end", "G", "last", "the last turn, and what comes after it"),
    Key("", "J K", None, "the next turn, the one before (] and [ too)"),
    Key("", "Space Enter", None, "unfold or fold the text here; x: all"),
    Key("slash", "/", "search", "search in this thread"),
    Key("n", "n", "find(1)", "the next place that was found"),
    Key("p,N", "p", "find(-1)", "the one before"),
    Key("Y", "Y", "copy_turn", "copy the id of the turn"),
    Key("f5", "F5", "refresh", "look again"),
    Key("escape,backspace", "Esc", "back", "back to the list"),
)
# On both screens.
ACTIONS = (
    Key("r", "r", "resume", "go on with the thread"),
    Key("f", "f", "fork", "fork it; while reading, also up to a turn"),
    Key("e", "e", "rename", "rename it"),
    Key("a", "a", "archive", "into the archive, or back from there"),
    Key("d", "d", "delete", "into the trash"),
    Key("u", "u", "undo", "undo the last of these"),
    Key("y", "y", "copy_id", "copy its id"),
    Key("P", "P", "copy_path", "copy the path of its rollout"),
    Key("question_mark,f1", "?", "help", "this help"),
    Key("q,ctrl+c,ctrl+q", "q", "quit", "back to the list, or out"),
)


def bindings(*tables: tuple[Key, ...]) -> list[BindingType]:
    """The keys of these tables that a screen has."""
    return [
        Binding(key.keys, key.action, key.what, show=False)
        for table in tables
        for key in table
        if key.action is not None
    ]


def described(table: tuple[Key, ...]) -> list[str]:
    """A line for each key."""
    return [f"  {key.written:<19}{key.what}" for key in table]
