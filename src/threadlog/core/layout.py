"""Where rollouts lie in a home and what their names say (the grammar of Codex, all versions).

    sessions/YYYY/MM/DD/rollout-<stamp>-<thread id>.jsonl            local time of the creator
    sessions/YYYY/MM/DD/rollout-<stamp>-<thread id>_<rollout id>.jsonl   after a revert
    archived_sessions/<the same name>                                flat
    any of them + ".zst"                                             compressed

Pure: names in, values out.  Codex ignores a rollout in any other folder or with an unreadable
stamp; threadlog lists it all the same, so the parser is lenient about the stamp.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

SESSIONS = "sessions"
ARCHIVED = "archived_sessions"
ROOTS = (SESSIONS, ARCHIVED)
NAME_FILE = "session_index.jsonl"
# What threadlog keeps of its own lies here.
OWN_FOLDER = "threadlog"
INDEX_FILE = "index.sqlite"
SEARCH_FILE = "search.sqlite"
RESCUED = "rescued"
INTENTS = "intents"

PREFIX = "rollout-"
PLAIN_SUFFIX = ".jsonl"
COMPRESSED_SUFFIX = ".jsonl.zst"

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_LOWER_UUID = _UUID.replace("A-F", "")
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_STAMP = rf"{_DATE}T[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}"
# The usual shape first: a home has thousands, and the lenient pattern is slow.
_USUAL = re.compile(rf"^(rollout-({_STAMP})-({_LOWER_UUID})\.jsonl)$", re.MULTILINE)
_DAYS = rf"{SESSIONS}/\+?([0-9]{{1,20}})/\+?([0-9]{{1,20}})/\+?([0-9]{{1,20}})"
_LISTED_ID = rf"(?:{_UUID}|[0-9a-fA-F]{{32}})"
_LISTED_NAME = rf"rollout-({_STAMP})-{_LISTED_ID}(?:_{_LISTED_ID})?\.jsonl(?:\.zst)?"
_ANY = rf"(?s)rollout-(?:({_STAMP}|{_DATE})-)?.*?(?:({_UUID})(?:_({_UUID}))?)?\.jsonl(?:\.zst)?"


# The same for a whole folder at once, with a 0 for every digit.
_HEAD = b"rollout-0000-00-00T00-00-00-"
_TAIL = b"00000000-0000-0000-0000-000000000000.jsonl"
_STAMP_AT, _ID_AT = slice(len(PREFIX), len(_HEAD) - 1), slice(len(_HEAD), len(_HEAD) + 36)
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_HEX_DIGITS = bytes.maketrans(b"123456789abcdef", b"0" * 15)


class RolloutName(NamedTuple):
    """What a rollout's file name says; each part is None where the name does not say it."""

    stamp: str | None  # local time, "2026-11-22T05-04-26"
    thread_id: str | None
    revision_id: str | None  # the second id, of a file that a revert made


def parse_name(name: str) -> RolloutName | None:
    """Read a file name; None if it is not a rollout's (temporary files of Codex are not)."""
    match = re.fullmatch(_ANY, name)
    if match is None:
        return None
    stamp, thread_id, revision_id = match.groups()
    if stamp is not None and len(stamp) == len("2025-05-07"):
        stamp += "T00-00-00"  # before 2025-05-13 names held the date only
    return RolloutName(
        stamp,
        thread_id.lower() if thread_id else None,
        revision_id.lower() if revision_id else None,
    )


_NamedParts = tuple[str, str | None, str | None, str | None]


def parse_names(names: Sequence[str]) -> list[_NamedParts]:
    """The rollouts among the files of one folder: each name, and what `parse_name` says of it.

    Where a rollout is there both plain and compressed, only the plain one counts, as in Codex.
    """
    if _all_usual(names):
        return [(name, name[_STAMP_AT], name[_ID_AT], None) for name in names]
    together = "\n".join(names)
    usual = _USUAL.findall(together) if together.count("\n") < len(names) else []
    parsed: list[_NamedParts] = [(name, stamp, each, None) for name, stamp, each in usual]
    present = set(names)
    for name in present.difference(name for name, _stamp, _id in usual):
        if name.endswith(COMPRESSED_SUFFIX) and name[: -len(".zst")] in present:
            continue
        if (unusual := parse_name(name)) is not None:
            parsed.append((name, *unusual))
    return parsed


def _all_usual(names: Sequence[str]) -> bool:
    """True if _USUAL fits every name, at half its cost: homes are large."""
    try:
        heads = "".join([name[: len(_HEAD)] for name in names]).encode("ascii")
        tails = "\n".join([name[len(_HEAD) :] for name in names]).encode("ascii")
    except UnicodeEncodeError:
        return False
    return heads.translate(_DIGITS) == _HEAD * len(names) and (
        tails.translate(_HEX_DIGITS) == b"\n".join([_TAIL] * len(names))
    )


def rollout_name(stamp: str, thread_id: str, rollout_id: str | None = None) -> str:
    """The file name of a new rollout; *rollout_id* if its thread has another one already."""
    revision = f"_{rollout_id}" if rollout_id else ""
    return f"{PREFIX}{stamp}-{thread_id}{revision}{PLAIN_SUFFIX}"


def twin(path: str) -> str | None:
    """The same rollout compressed, or plain if it is compressed; None if it is neither."""
    if path.endswith(COMPRESSED_SUFFIX):
        return path.removesuffix(COMPRESSED_SUFFIX) + PLAIN_SUFFIX
    if path.endswith(PLAIN_SUFFIX):
        return path.removesuffix(PLAIN_SUFFIX) + COMPRESSED_SUFFIX
    return None


def plain(path: str) -> str:
    """The path as Codex notes it, though the rollout is compressed."""
    if path.endswith(COMPRESSED_SUFFIX):
        return path.removesuffix(COMPRESSED_SUFFIX) + PLAIN_SUFFIX
    return path


def day_folder(stamp: str) -> str:
    """The folder of a stamp, relative to the home, by position as Codex cuts it."""
    return f"{SESSIONS}/{stamp[:4]}/{stamp[5:7]}/{stamp[8:10]}"


def in_place(folder: str, name: str) -> bool:
    """True for a folder (relative to the home) and a name that every Codex's list looks at.

    Its folders are numbers of any length, of no calendar; the time in a name is of the calendar.
    """
    below, named = re.fullmatch(_DAYS, folder), re.fullmatch(_LISTED_NAME, name)
    if named is None or (folder != ARCHIVED and below is None):
        return False
    if below is not None and any(int(each) > 255 for each in below.groups()[1:]):
        return False
    try:
        date, time = named[1].split("T")
        datetime.fromisoformat(f"{date}T{time.replace('-', ':')}")
    except ValueError:
        return False
    return below is None or int(below[1]) <= 65_535


def file_mode(folder_mode: int) -> int:
    """The mode of a new file: its owner's alone, or also its group's in a shared folder."""
    return 0o600 | (_shared(folder_mode) & 0o060)


def folder_mode(parent_mode: int) -> int:
    """The mode of a new folder: its owner's alone, or also its group's in a shared folder.

    Whose group it is goes on as well (setgid): the group of a shared home is seldom its users' own.
    """
    return 0o700 | _shared(parent_mode) | (parent_mode & 0o2000)


def _shared(mode: int) -> int:
    """The group's bits of a folder that its group may write to, else none."""
    return mode & 0o070 if mode & 0o020 else 0


def other_places(path: str) -> tuple[str, ...]:
    """Where a rollout lies, relative to the home, once it is archived, or is so no more."""
    folder, name = path.rpartition("/")[::2]
    named = parse_name(name)
    if folder != ARCHIVED:
        return (f"{ARCHIVED}/{name}",)
    if named is None or named.stamp is None:
        return ()
    return (f"{day_folder(named.stamp)}/{name}",)
