"""What Codex's own thread list does with a thread, and why.

Nothing here hides a thread from ours.  The rules are those of Codex 0.169's default list, as
observed: it looks at a rollout's place and name, at the head of the file, then at its source; and
at the provider, which a query knows.
"""

from __future__ import annotations

from typing import NamedTuple

from threadlog.core import demands
from threadlog.core.metadata import Metadata, source_label
from threadlog.core.query import ThreadSummary

INTERACTIVE = ("cli", "vscode")
DEFAULT_PROVIDER = "openai"  # where its config names none

OUT_OF_PLACE = "its rollout lies in a folder, or has a name, that Codex's list passes over"
GARBLED = "the head of its rollout is not valid UTF-8"
NO_METADATA = "its rollout does not begin with session metadata"
LATE_METADATA = f"its session metadata comes after {demands.METADATA_LINES} lines of something else"
NO_MESSAGE = "it holds no message of the user's and no goal"
UNREAD_MESSAGE = "Codex cannot read the message or goal that it begins with"
LATE_MESSAGE = f"its first message comes after {demands.MESSAGE_LINES} lines of something else"


def codex_hides(metadata: Metadata, *, in_place: bool) -> str | None:
    """Why Codex's default list leaves a thread out whatever the provider; None if it shows it.

    *metadata* is that of the head of a rollout; *in_place* says that its folder and name are of the
    usual form.  What a list cannot know is what comes after the head: Codex
    reads no further either.
    """
    if not in_place:
        return OUT_OF_PLACE
    if reason := _unreadable(metadata):
        return reason
    source = source_label(metadata.source)
    if source not in INTERACTIVE:
        return f"its source is {source}: Codex lists {' and '.join(INTERACTIVE)} unless asked"
    if metadata.base is not None and metadata.forked_from_id is not None:
        return None  # it began elsewhere, and is listed without a look there
    if not metadata.asked_line:
        return UNREAD_MESSAGE if metadata.began else NO_MESSAGE
    return LATE_MESSAGE if metadata.asked_line > demands.MESSAGE_LINES else None


def _unreadable(metadata: Metadata) -> str | None:
    """Why Codex does not know what the thread is."""
    if metadata.garbled:
        return GARBLED
    if metadata.thread_id is None and not metadata.lacks:
        return NO_METADATA
    if metadata.lacks:
        return f"its session metadata lacks {', '.join(metadata.lacks)}"
    if metadata.unfit:
        return f"Codex cannot read {', '.join(metadata.unfit)} of its session metadata"
    return LATE_METADATA if metadata.metadata_line > demands.METADATA_LINES else None


class Visibility(NamedTuple):
    """What listings do with a thread, and why; `notes` says what else is unusual about it."""

    id: str | None
    ours: str
    codex_lists: bool
    codex: str
    notes: tuple[str, ...]


def visibility(thread: ThreadSummary, provider: str) -> Visibility:
    """What ours and Codex's default list do with a thread in a home of this *provider*."""
    where = "among the archived threads (--archived)" if thread.archived else "by default"
    hidden = thread.codex_hides
    if hidden is None and thread.model_provider not in (None, provider):
        hidden = f"its provider is {thread.model_provider}, and the home's is {provider}"
    if hidden is not None:
        codex = f"left out by default: {hidden}"
    else:
        codex = "listed among the archived threads" if thread.archived else "listed by default"
    return Visibility(thread.id, f"listed {where}", hidden is None, codex, tuple(_notes(thread)))


def _notes(thread: ThreadSummary) -> list[str]:
    notes = []
    if thread.problem is not None:
        notes.append(f"the head of its rollout: {thread.problem}")
    if thread.rollouts > 1:
        notes.append(f"it has {thread.rollouts} rollouts; the newest counts, for Codex too")
    if thread.compressed:
        notes.append("its rollout is compressed, which Codex 0.100 does not read")
    if thread.history_mode == "paginated":
        notes.append("its history is paginated, which Codex before 0.169 does not list")
    if thread.problems:
        notes.append(f"{thread.problems} places in it are no whole lines")
    return notes
