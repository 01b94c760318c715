"""Threads that this process has open: those that are not on disk yet, and those being recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from threadlog.barrier import KERNEL
from threadlog.core import ids
from threadlog.core.family import NOBODY, Family
from threadlog.errors import Closed, NotFound, NotOnDiskYet, OthersWrote, ThreadlogError
from threadlog.states import Draft
from threadlog.stored import Reference

if TYPE_CHECKING:
    from threadlog.backlog import Channel
    from threadlog.core.query import ThreadSummary
    from threadlog.home import Home

FORKED, RESUMED = "forked", "resumed"
_NOT_READY = "thread {} is not ready to be forked until its first user message"
# What a thread is not before it is on disk, and why.
_NOT_YET = "thread {} is not on disk yet: it cannot be {} before its first user message"


def stored(home: Home, reference: Reference, deed: str) -> ThreadSummary:
    """The stored thread meant, with all that was recorded here; *deed* is what is to be done.

    Raises NotOnDiskYet for a draft of this process, and what `Home.get` raises.
    """
    channel = find_own(home, reference)
    if channel is not None and is_draft(channel):
        raise not_yet(channel.thread_id, deed)
    if channel is not None:
        settle(channel)
    return home.get(reference)


def all_stored(home: Home, references: Sequence[Reference], deed: str) -> list[ThreadSummary]:
    """The same for several, each once; those meant by their whole ids are found together."""
    texts = [str(each) for each in references]
    own = {each.thread_id for each in home.open_channels()}
    whole = [each for each in texts if ids.is_thread_id(each) and each not in own]
    together = home.store.catalog.family(Family(tuple(whole), NOBODY)) if len(whole) > 1 else []
    known = {each.id: each for each in together}
    found = [known.get(each) or stored(home, each, deed) for each in texts]
    return list({each.path: each for each in found}.values())


def not_yet(thread_id: str, deed: str) -> NotOnDiskYet:
    """What is said of a thread that is not on disk, and of which something is asked."""
    return NotOnDiskYet((_NOT_READY if deed == FORKED else _NOT_YET).format(thread_id, deed))


def is_draft(channel: Channel) -> bool:
    """True if it is not on disk, and not on its way there."""
    return channel.draft and not channel.wanted


def settle(channel: Channel) -> None:
    """Return once what was recorded can be read."""
    try:
        barrier = channel.barrier(KERNEL)
        if barrier is not None:
            barrier.wait()
    except OthersWrote as error:
        channel.remind(error)
    except Closed:
        pass


def find_own(home: Home, reference: Reference) -> Channel | None:
    """The thread of this process that is meant: by its id or path, or a piece of a draft's id."""
    text = str(reference)
    own = [each for each in home.open_channels() if each.state is not None]
    for each in own:
        if text in (each.thread_id, each.path):
            return each
    read = ids.read_reference(text)
    drafts = [each for each in own if isinstance(each.state, Draft)]
    fitting = [each for each in drafts if ids.fits(read, each.thread_id)]
    return fitting[0] if len(fitting) == 1 else None


def explain(home: Home, error: NotFound, reference: Reference) -> ThreadlogError:
    """Why there is no such thread, if it is known: not on disk yet, or in the trash."""
    channel = find_own(home, reference)
    if channel is not None and is_draft(channel):
        return not_yet(channel.thread_id, "read")
    text = str(reference)
    read = ids.read_reference(text)
    for each in home.store.shelf.trashed():
        if text == each.id or ids.fits(read, each.id):
            return NotFound(f"{error}; thread {each.id} is in the trash: restore it first")
    return error
